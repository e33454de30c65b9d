"""Data for the safety of texts and journeys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.storage.queries.shards import EVERYONE, Shard

_TEXTS = """
    SELECT partition_date, journey_name AS text FROM main.journey_names
    UNION ALL SELECT partition_date, unnest(keywords) FROM main.journey_names
"""


def unjudged_texts(con: duckdb.DuckDBPyConnection, days: Sequence[date], safety_model: str) -> pl.DataFrame:
    """Names and keywords of journeys on ``days``, and keywords of items, that the safety model has not judged yet.

    Every item is judged, whether or not a user engaged with it; what one user is shown depends on no other user.

    Returns:
        partition_date (the first of the days with the text, or on which an item with it is known), text (distinct);
        sorted.
    """
    return con.execute(
        f"""
        SELECT min(partition_date) AS partition_date, text FROM (
          FROM ({_TEXTS}) WHERE partition_date IN (SELECT unnest($days::DATE[]))
          UNION ALL
          SELECT known_on, text FROM (
            SELECT DISTINCT greatest(updated_at::DATE, $first::DATE) AS known_on,
                   unnest(list_concat(annotation_keywords, interest_keywords)) AS text
            FROM landing.pins WHERE updated_at IS NULL OR updated_at < ($last::DATE + 1)::TIMESTAMP
          ) WHERE text <> ''
        ) WHERE text NOT IN (SELECT text FROM main.text_safety WHERE safety_model = $model)
        GROUP BY text ORDER BY ALL
        """,
        {"days": list(days), "first": min(days), "last": max(days), "model": safety_model},
    ).pl()


def named_states(con: duckdb.DuckDBPyConnection, day: date, shard: Shard = EVERYONE) -> pl.DataFrame:
    """Every user with a live journey on ``day``, and a fingerprint of names and keywords: user_id, fingerprint.

    DuckDB's hash of several values is the exclusive or of the hash of the last one with that of the others, so it is
    hashed again: otherwise two journeys that exchange their keywords would leave the fingerprint as it was.
    """
    return con.execute(
        f"""
        SELECT user_id, bit_xor(hash(hash(journey_id, journey_name, keywords))) AS fingerprint
        FROM main.journey_names WHERE partition_date = $day AND {shard.sql()} GROUP BY user_id ORDER BY user_id
        """,
        {"day": day},
    ).pl()


def names_of(con: duckdb.DuckDBPyConnection, users: pl.DataFrame, day: date) -> pl.DataFrame:
    """user_id, journey_id, journey_name, keywords of the live journeys of ``users`` (user_id) on ``day``."""
    con.register("wanted_users", users.select("user_id").to_arrow())
    rows = con.execute(
        """
        SELECT user_id, journey_id, journey_name, keywords FROM main.journey_names JOIN wanted_users USING (user_id)
        WHERE partition_date = $day ORDER BY user_id, journey_id
        """,
        {"day": day},
    ).pl()
    con.unregister("wanted_users")
    return rows


def verdicts_on(con: duckdb.DuckDBPyConnection, names: pl.DataFrame, safety_model: str) -> pl.DataFrame:
    """The verdicts on all names and keywords of ``names``: text, category, score, decided_by."""
    texts = pl.concat([names["journey_name"], names["keywords"].explode()]).drop_nulls().unique()
    con.register("wanted_texts", pl.DataFrame({"text": texts}, schema={"text": pl.String}).to_arrow())
    rows = con.execute(
        """
        SELECT text, category, score, decided_by FROM main.text_safety JOIN wanted_texts USING (text)
        WHERE safety_model = $model ORDER BY text
        """,
        {"model": safety_model},
    ).pl()
    con.unregister("wanted_texts")
    return rows


def journeys_by_evidence(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Live journeys on ``day`` by what decided on them: decided_by, journeys."""
    return con.execute(
        """
        SELECT safety_decided_by AS decided_by, count(*) AS journeys FROM main.journey_safety
        WHERE partition_date = $day GROUP BY ALL ORDER BY ALL
        """,
        {"day": day},
    ).pl()
