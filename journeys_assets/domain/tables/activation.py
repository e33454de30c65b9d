"""The ledger of what was handed over to other systems."""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.tables.table import TEXT, TIMESTAMP, USER_ID, Column, Table

KINDS = ("notification", "cancellation", "traits")
STATES = ("pending", "accepted", "refused")

HANDED_OVER = Table(
    "handed_over",
    "One message to another system: a send that was planned, its cancellation, or the traits of a user. A message is "
    "written here before it is handed over, so a call that was killed hands over the same message again, with the same "
    "key.",
    ("destination", "key"),
    (
        Column("destination", TEXT, "Where it went: the address without passwords."),
        Column("key", TEXT, "Idempotency key, which the receiver gets: the same message always has the same."),
        Column("kind", TEXT, "What it is.", allowed=KINDS),
        USER_ID,
        Column("journey_id", TEXT, "The journey of a send; null for traits.", nullable=True),
        Column("channel", TEXT, "The channel of a send; null for traits.", nullable=True),
        Column("send_date", pl.Date(), "The UTC day of the send; null for traits.", nullable=True),
        Column("content", TEXT, "The message, JSON."),
        Column("state", TEXT, "pending: not answered yet; accepted or refused by the receiver.", allowed=STATES),
        Column("reason", TEXT, "Why it was refused.", nullable=True),
        Column("run_id", TEXT, "The run or the call that handed it over last."),
        Column("handed_over_at", TIMESTAMP, "When it was written here.", unit="UTC"),
    ),
    schema="activation",
    partitioned=False,
)
