"""What lies behind one theme: keywords, items to show, and what its users may start next; each of at least k users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

from journeys_assets.explorer.people import ITEMS

N_SHOWN = 40


def keywords_of(
    con: duckdb.DuckDBPyConnection, day: date, names: Sequence[str], chosen: Mapping[str, str], least_users: int
) -> list[tuple[str, int]]:
    """Keywords of the journeys with one of ``names`` on ``day``, with their users, most first.

    Args:
        names: Normalised names.
        chosen: Values of kind, stage or intent that the journeys have.
    """
    where, params = _conditions(chosen)
    found = con.execute(
        f"""
        SELECT keyword, count(DISTINCT user_id) AS n FROM (
          SELECT user_id, unnest(keywords) AS keyword FROM user_journeys
          WHERE partition_date = $day{where} AND journey_name IN (
            SELECT journey_name FROM memory.main.name_codes JOIN memory.main.names USING (name_code)
            WHERE name IN (SELECT unnest($names::VARCHAR[])))
        ) GROUP BY keyword HAVING n >= $least ORDER BY n DESC, keyword LIMIT {N_SHOWN}
        """,
        {"day": day, "names": list(names), "least": least_users, **params},
    )
    return [(str(keyword), int(n)) for keyword, n in found.fetchall()]


def next_journeys(
    con: duckdb.DuckDBPyConnection, day: date, names: Sequence[str], least_users: int
) -> list[dict[str, Any]]:
    """What users with a journey of one of ``names`` may start next, other than ``names``.

    Returns:
        name, relation, n (users); most users first.
    """
    found = con.execute(
        f"""
        SELECT related_name AS name, relation, count(DISTINCT related.user_id) AS n
        FROM related_journeys AS related JOIN (
          SELECT user_id, journey_id FROM user_journeys WHERE partition_date = $day AND journey_name IN (
            SELECT journey_name FROM memory.main.name_codes JOIN memory.main.names USING (name_code)
            WHERE name IN (SELECT unnest($names::VARCHAR[])))
        ) AS mine ON mine.user_id = related.user_id AND mine.journey_id = related.from_journey_id
        WHERE partition_date = $day AND related_name NOT IN (SELECT unnest($names::VARCHAR[]))
        GROUP BY ALL HAVING n >= $least ORDER BY n DESC, name LIMIT {N_SHOWN}
        """,
        {"day": day, "names": list(names), "least": least_users},
    )
    return found.pl().to_dicts()


def items_of(
    con: duckdb.DuckDBPyConnection, day: date, names: Sequence[str], least_users: int
) -> list[tuple[str, int]]:
    """Items to show for journeys with one of ``names`` on ``day``, with their users, most first."""
    found = con.execute(
        f"""
        SELECT item_id, count(DISTINCT user_id) AS n FROM (
          SELECT user_id, unnest(item_ids) AS item_id FROM {ITEMS} JOIN (
            SELECT user_id, journey_id FROM user_journeys WHERE partition_date = $day AND journey_name IN (
              SELECT journey_name FROM memory.main.name_codes JOIN memory.main.names USING (name_code)
              WHERE name IN (SELECT unnest($names::VARCHAR[])))
          ) USING (user_id, journey_id) WHERE partition_date = $day
        ) GROUP BY item_id HAVING n >= $least ORDER BY n DESC, item_id LIMIT {N_SHOWN}
        """,
        {"day": day, "names": list(names), "least": least_users},
    )
    return [(str(item), int(n)) for item, n in found.fetchall()]


def _conditions(chosen: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A condition for each chosen value of a column, and its parameters."""
    columns = [name for name in ("kind", "stage", "intent") if name in chosen]
    return "".join(f" AND {name} = ${name}" for name in columns), {name: chosen[name] for name in columns}
