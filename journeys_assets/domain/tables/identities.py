"""The tables that ingestion derives from ``identities``, each time that a link comes: whose events an id's events are.

The rules are in ``domain.identities.links``.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.tables.table import TEXT, TIMESTAMP, USER_ID, Column, Table


def _derived(name: str, description: str, grain: tuple[str, ...], *columns: Column) -> Table:
    return Table(name, description, grain, columns, schema="landing", partitioned=False)


IDENTITY_PERIODS = _derived(
    "identity_periods",
    "Whose the events of a linked id are, by the time of the event. Follows from identities.",
    ("other_id", "valid_from"),
    Column("other_id", TEXT, "The id in the log."),
    Column("user_id", TEXT, "Whose its events are."),
    Column("valid_from", TIMESTAMP, "First time for which the row counts.", unit="UTC"),
    Column("valid_to", TIMESTAMP, "First time for which it counts no more.", unit="UTC"),
)

IDENTITY_ALIASES = _derived(
    "identity_aliases",
    "Whom the rows of an id count for, by partition date: they are of before its first link. Follows from identities.",
    ("user_id", "from_date"),
    Column("user_id", TEXT, "The id that the rows are stored for."),
    Column("owner_id", TEXT, "The user whom they count for."),
    Column("from_date", pl.Date(), "First partition for which the row counts: the day of the link.", unit="UTC day"),
    Column("until_date", pl.Date(), "First partition for which it counts no more.", unit="UTC day"),
)

IDENTITY_PAIRS = _derived(
    "identity_pairs",
    "Ids that are linked, directly or by a chain. Opt-outs of one hold for the other. Follows from identities.",
    ("user_id", "other_id"),
    USER_ID,
    Column("other_id", TEXT, "The other id."),
    Column("since_date", pl.Date(), "First day on which they are linked.", unit="UTC day"),
)

IDENTITY_TABLES: dict[str, Table] = {t.name: t for t in (IDENTITY_PERIODS, IDENTITY_ALIASES, IDENTITY_PAIRS)}
