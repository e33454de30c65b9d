"""The experiment arm of a user."""

from __future__ import annotations

import hashlib

from journeys_assets.domain.notifications.params import NotificationParams


def experiment_arm(user_id: str, params: NotificationParams) -> str:
    """The user's arm, from a hash of salt and user. It does not change while salt and shares stay the same."""
    digest = hashlib.blake2b(f"{params.experiment_salt}\x00{user_id}".encode("utf-8", "surrogatepass"), digest_size=8)
    draw = int.from_bytes(digest.digest(), "big") / 2**64
    if draw < params.journey_arm_share:
        return "journey"
    return "interest" if draw < params.journey_arm_share + params.interest_arm_share else "holdout"
