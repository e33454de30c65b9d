"""What is due at a destination: cancellations, sends that a call before left pending, and sends of the plan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.domain.activation.allowed import with_objection, withdrawn
from journeys_assets.domain.activation.messages import Message, cancellations_of, notifications_of
from journeys_assets.domain.notifications.params import NotificationParams

REFUSED_BEFORE = "refused_before"


@dataclass(frozen=True)
class Due:
    """Messages in the order in which they are handed over, and how many planned sends are held back, by reason."""

    messages: list[Message]
    withheld: Counter[str]


def due_sends(
    planned: pl.DataFrame,
    handed_over: pl.DataFrame,
    left: pl.DataFrame,
    refused: Collection[str],
    consent: pl.DataFrame,
    now: datetime,
    params: NotificationParams,
    linked: pl.DataFrame | None = None,
) -> Due:
    """Cancellations first, then the sends that may be handed over, those that an earlier call left among them.

    Args:
        planned: The sends of the plan of a day: rows of notification_candidates, and send_date.
        handed_over: What the destination got or may have got, and was not taken back: key, user_id, journey_id,
            channel, send_date, send_after, send_before (naive UTC), timezone.
        left: Rows of the ledger to be handed over again: pending ones, and refused ones if they are tried again.
        refused: Keys that the destination refused before and that are not tried again.
        consent: As for ``allowed.with_objection``, as of now.
        now: Naive UTC.
        linked: user_id, linked_id: a send to one of them counts for the other, because they are one person. By default
            none are.
    """
    counted = handed_over if linked is None else _of_linked(handed_over, linked)
    is_left = pl.col("key").is_in(left["key"].implode())
    taken_back = cancellations_of(withdrawn(handed_over, consent, now))
    taken_back += [message_of(row) for row in left.iter_rows(named=True) if row["kind"] == "cancellation"]
    again = handed_over.filter(is_left).rename({"send_before": "send_window_end_at"})
    again = again.with_columns(send_window_start_at="send_after")
    checked = with_objection(again, consent, counted.filter(~is_left), now, params)
    allowed = set(checked.filter(pl.col("objection").is_null())["key"])
    pending = [message_of(row) for row in left.iter_rows(named=True) if row["key"] in allowed]
    sends = with_objection(planned, consent, counted, now, params)
    withheld = Counter(dict(sends["objection"].drop_nulls().value_counts().iter_rows()))
    found = taken_back + pending + notifications_of(sends.filter(pl.col("objection").is_null()))
    n_refused = sum(message.key in refused for message in found)
    if n_refused:
        withheld[REFUSED_BEFORE] = n_refused
    return Due([message for message in found if message.key not in refused], withheld)


def _of_linked(handed_over: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """``handed_over``, each row for every user for whom it counts."""
    others = handed_over.join(linked, on="user_id").with_columns(user_id="linked_id").select(handed_over.columns)
    return pl.concat([handed_over, others])


def message_of(row: Mapping[str, Any]) -> Message:
    """The message of a row of the ledger."""
    content = json.loads(row["content"])
    return Message(
        row["key"], row["kind"], row["user_id"], content, row["journey_id"], row["channel"], row["send_date"]
    )
