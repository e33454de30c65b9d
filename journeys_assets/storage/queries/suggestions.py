"""Names that language models suggested on earlier days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl


def suggested_names(
    con: duckdb.DuckDBPyConnection, names: pl.DataFrame, suggested_by: Sequence[str], *, until: date
) -> pl.DataFrame:
    """The latest suggestion for each theme (user, journey and the keyword that names it without a model).

    Args:
        names: user_id, journey_id, name_keyword of the themes.
        suggested_by: Only suggestions of these count, each a model, prompt and sampling.
        until: Last day whose suggestions count.

    Returns:
        user_id, journey_id, suggested_name, embedding, verdict, suggested_by; themes without a suggestion are missing.
    """
    con.register("themes", names.select("user_id", "journey_id", "name_keyword").to_arrow())
    rows = con.execute(
        """
        SELECT user_id, journey_id, suggested_name, embedding, verdict, suggested_by
        FROM main.suggested_names JOIN themes USING (user_id, journey_id, name_keyword)
        WHERE suggested_by IN (SELECT unnest($suggested_by)) AND partition_date <= $until
        QUALIFY row_number() OVER (PARTITION BY user_id, journey_id ORDER BY partition_date DESC) = 1
        ORDER BY user_id, journey_id
        """,
        {"suggested_by": list(suggested_by), "until": until},
    ).pl()
    con.unregister("themes")
    return rows


def users_with_suggestions(con: duckdb.DuckDBPyConnection, suggested_by: Sequence[str], day: date) -> pl.DataFrame:
    """user_id of the users who got a suggestion of one of these models, prompts and samplings on ``day``."""
    return con.execute(
        "SELECT DISTINCT user_id FROM main.suggested_names "
        "WHERE suggested_by IN (SELECT unnest($suggested_by)) AND partition_date = $day",
        {"suggested_by": list(suggested_by), "day": day},
    ).pl()


def names_beside(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every suggestion beside the keyword that names the journey without a model.

    Returns:
        keywords (of the day of the suggestion, joined), name_keyword, suggested_name, verdict; by user and journey.
    """
    return con.sql(
        """
        SELECT list_aggregate(n.keywords[:4], 'string_agg', ', ') AS keywords, s.name_keyword, s.suggested_name,
               s.verdict
        FROM main.suggested_names s JOIN main.journey_names n USING (partition_date, user_id, journey_id)
        ORDER BY s.user_id, s.journey_id, s.partition_date
        """
    ).pl()
