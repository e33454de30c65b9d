"""What is to be handed over, and what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import duckdb
import polars as pl

from journeys_assets.domain.tables.activation import HANDED_OVER
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

LEDGER = HANDED_OVER.qualified_name


def planned_sends(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The sends of the plan of ``day``, with send_date: the day after."""
    return con.execute(
        "SELECT *, partition_date + 1 AS send_date FROM main.notification_candidates "
        "WHERE partition_date = $day AND decision = 'send' ORDER BY user_id",
        {"day": day},
    ).pl()


def journeys_to_share(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Ongoing journeys of ``day`` that may be shown to anybody, and that the user did not disown."""
    return con.execute(
        """
        SELECT user_id, journey_id, journey_name, keywords, kind, intent, confidence, rank FROM main.user_journeys
        WHERE partition_date = $day AND stage = 'ongoing' AND safety_decision = 'allow'
          AND coalesce(feedback, '') NOT IN ('not_mine', 'mute')
        ORDER BY user_id, rank
        """,
        {"day": day},
    ).pl()


def sends_handed_over(con: duckdb.DuckDBPyConnection, destination: str) -> pl.DataFrame:
    """The sends that a destination got or may have got, and that were not taken back.

    Returns:
        key, user_id, journey_id, channel, send_date, send_after and send_before (naive UTC), timezone, state.
    """
    return con.execute(
        f"""
        SELECT key, user_id, journey_id, channel, send_date, state,
               replace(json_extract_string(content, '$.send_after'), 'Z', '')::TIMESTAMP AS send_after,
               replace(json_extract_string(content, '$.send_before'), 'Z', '')::TIMESTAMP AS send_before,
               json_extract_string(content, '$.timezone') AS timezone
        FROM {LEDGER} AS sent
        WHERE destination = $destination AND kind = 'notification' AND state <> 'refused' AND NOT EXISTS (
          FROM {LEDGER} AS taken_back WHERE taken_back.destination = sent.destination
            AND taken_back.kind = 'cancellation'
            AND json_extract_string(taken_back.content, '$.notification_key') = sent.key)
        ORDER BY key
        """,
        {"destination": destination},
    ).pl()


def last_traits(con: duckdb.DuckDBPyConnection, destination: str) -> dict[str, str]:
    """Content of the traits that were handed over last, by user; refused ones count, as they would be again."""
    return dict(
        con.execute(
            f"SELECT user_id, max_by(content, handed_over_at) FROM {LEDGER} "
            "WHERE destination = $destination AND kind = 'traits' GROUP BY user_id",
            {"destination": destination},
        ).fetchall()
    )


def messages_in(con: duckdb.DuckDBPyConnection, destination: str, states: Sequence[str]) -> pl.DataFrame:
    """Messages in one of ``states``: all columns of the ledger, oldest first."""
    return con.execute(
        f"FROM {LEDGER} WHERE destination = $destination AND list_contains($states, state) "
        "ORDER BY handed_over_at, key",
        {"destination": destination, "states": list(states)},
    ).pl()


def destinations(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """destination, kind, state, n, last_at: what was handed over to each."""
    return con.execute(
        f"SELECT destination, kind, state, count(*) AS n, max(handed_over_at) AS last_at FROM {LEDGER} "
        "GROUP BY ALL ORDER BY ALL"
    ).pl()


def note_pending(warehouse: Warehouse, rows: pl.DataFrame) -> None:
    """Write messages into the ledger before they are handed over; one with the same key is replaced."""
    with warehouse.writing({}) as con:
        con.register("pending", rows.select(HANDED_OVER.column_names).to_arrow())
        con.execute(
            f"DELETE FROM {LEDGER} AS old USING pending "
            "WHERE old.destination = pending.destination AND old.key = pending.key"
        )
        con.execute(f"INSERT INTO {LEDGER} BY NAME FROM pending")
        con.unregister("pending")


def note_outcomes(warehouse: Warehouse, destination: str, refused: Mapping[str, str | None], now: datetime) -> None:
    """Record what a receiver answered.

    Args:
        refused: By key, why a message was refused; None if it was accepted.
    """
    rows = pl.DataFrame(list(refused.items()), schema={"key": pl.String, "why": pl.String}, orient="row")
    with warehouse.writing({}) as con:
        con.register("outcomes", rows.to_arrow())
        con.execute(
            f"""
            UPDATE {LEDGER} AS ledger SET
              state = CASE WHEN outcomes.why IS NULL THEN 'accepted' ELSE 'refused' END,
              reason = outcomes.why, handed_over_at = $now
            FROM outcomes WHERE ledger.destination = $destination AND ledger.key = outcomes.key
            """,
            {"destination": destination, "now": now},
        )
        con.unregister("outcomes")
