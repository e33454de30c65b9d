"""The experiment arm of a user, and the variant of titles that the user gets."""

from __future__ import annotations

import hashlib

from journeys_assets.domain.notifications.params import NotificationParams


def experiment_arm(user_id: str, params: NotificationParams) -> str:
    """The user's arm, from a hash of salt and user. It does not change while salt and shares stay the same."""
    draw = _draw("", user_id, params) / 2**64
    if draw < params.journey_arm_share:
        return "journey"
    return "interest" if draw < params.journey_arm_share + params.interest_arm_share else "holdout"


def title_variant(user_id: str, params: NotificationParams) -> int:
    """Which variant of each title the user gets, 0 to 999, independently of the arm."""
    return _draw("title\x00", user_id, params) % 1_000


def _draw(what: str, user_id: str, params: NotificationParams) -> int:
    """A number from 0 to 2^64 - 1, from a hash."""
    text = f"{what}{params.experiment_salt}\x00{user_id}"
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
