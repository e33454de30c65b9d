"""One call: what changed goes to one destination, each message once.

Messages are written to the ledger as pending before they are handed over, and as accepted or refused afterwards. A call
that was killed in between leaves pending ones; the next call hands them over again with the same keys, so the receiver
takes each once. Sends are checked again before they leave, those left pending among them
(``domain.activation.due``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from journeys_assets.domain.activation.due import Due, due_sends, message_of
from journeys_assets.domain.activation.messages import Audience, Message, as_json, traits_of
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.tables.activation import HANDED_OVER
from journeys_assets.operations.activation.base import Destination
from journeys_assets.storage.queries import activation as queries
from journeys_assets.storage.queries.identities import linked_pairs
from journeys_assets.storage.queries.users import users
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

WHAT = ("notifications", "traits")
KINDS_IN_ORDER = ("cancellation", "notification", "traits")


@dataclass
class Activation:
    """What one call handed over.

    Attributes:
        accepted, refused: Number of messages, by kind.
        withheld: Number of planned sends that were not handed over, by reason.
        reasons: Some reasons of the receiver, by key.
    """

    destination: str
    day: date
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)


def activate(
    warehouse: Warehouse,
    destination: Destination,
    day: date,
    params: NotificationParams,
    audiences: Sequence[Audience],
    *,
    now: datetime,
    run_id: str,
    what: Sequence[str] = WHAT,
    retry_refused: bool = False,
) -> Activation:
    """Hand over what changed since the last call: sends that ``day`` planned, cancellations, and traits of users.

    Args:
        day: Partition date; its sends are those of the day after.
        now: Naive UTC.
        what: ``notifications`` (with cancellations), ``traits``, or both.
        retry_refused: Whether messages that the receiver refused before are tried again.

    Raises:
        ActivationError: the receiver does not answer. The ledger has what it took; the next call goes on.
    """
    warehouse.ensure(HANDED_OVER)
    result = Activation(destination.name, day)
    states = ("pending", "refused") if retry_refused else ("pending",)
    with warehouse.reading() as con:
        left = queries.messages_in(con, destination.name, states)
    messages = [message_of(row) for row in left.iter_rows(named=True) if row["kind"] == "traits" and "traits" in what]
    if "notifications" in what:
        pending = left.filter(pl.col("kind") != "traits")
        due = _due(warehouse, destination.name, day, params, pending, now, retry_refused)
        messages += due.messages
        result.withheld.update(due.withheld)
    if "traits" in what:
        with warehouse.reading() as con:
            journeys, before = queries.journeys_to_share(con, day), queries.last_traits(con, destination.name)
        messages += traits_of(journeys, before, audiences, day)
    for batch in _batches(messages, destination.batch_size):
        queries.note_pending(warehouse, _ledger_rows(batch, destination.name, run_id, now))
        outcomes = destination.hand_over(batch)
        queries.note_outcomes(warehouse, destination.name, outcomes, now)
        for message in batch:
            why = outcomes[message.key]
            (result.accepted if why is None else result.refused)[message.kind] += 1
            if why is not None:
                result.reasons[message.key] = why
    return result


def _due(
    warehouse: Warehouse,
    destination: str,
    day: date,
    params: NotificationParams,
    left: pl.DataFrame,
    now: datetime,
    retry_refused: bool,
) -> Due:
    with warehouse.reading() as con:
        # What is known now and speaks against a send counts, whatever its day.
        today = max(day, now.date())
        consent, linked = users(con, today), linked_pairs(con, today)
        planned = queries.planned_sends(con, day)
        handed_over = queries.sends_handed_over(con, destination)
        refused = set() if retry_refused else set(queries.messages_in(con, destination, ["refused"])["key"])
    return due_sends(planned, handed_over, left, refused, consent, now, params, linked)


def _batches(messages: Sequence[Message], size: int) -> Iterator[tuple[Message, ...]]:
    """Messages of one kind each, in the order given; a key occurs once."""
    distinct = {message.key: message for message in messages}
    for kind in KINDS_IN_ORDER:
        of_kind = [message for message in distinct.values() if message.kind == kind]
        yield from (tuple(of_kind[start : start + size]) for start in range(0, len(of_kind), size))


def _ledger_rows(messages: Sequence[Message], destination: str, run_id: str, now: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "destination": destination,
                "key": one.key,
                "kind": one.kind,
                "user_id": one.user_id,
                "journey_id": one.journey_id,
                "channel": one.channel,
                "send_date": one.send_date,
                "content": as_json(one.content),
                "state": "pending",
                "reason": None,
                "run_id": run_id,
                "handed_over_at": now,
            }
            for one in messages
        ],
        schema=HANDED_OVER.polars_schema,
    )
