"""Keywords, their vectors, and facts about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.actions import Action, count_columns
from journeys_assets.domain.keywords.params import KeywordParams

_MOST_RUN_WORDS = 5
"""As many words as a phrase may have that keywords share."""


def _weight(params: KeywordParams, actions: Sequence[Action]) -> str:
    weights = (params.search_weight, *(action.weight for action in actions), params.board_weight)
    terms = (f"{weight} * sum({column})" for weight, column in zip(weights, count_columns(actions), strict=True))
    return f"ln(1 + {' + '.join(terms)})"


def window_keywords(
    con: duckdb.DuckDBPyConnection, users: pl.DataFrame, params: KeywordParams, actions: Sequence[Action]
) -> pl.DataFrame:
    """The keywords of each user in the look-back window that ends on the user's own last active day.

    Args:
        users: user_id, window_end_date.

    Returns:
        user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at: for each user at most the
        ``max_keywords_per_user`` keywords with the largest weight (ties by keyword).
    """
    con.register("wanted_users", users.to_arrow())
    rows = con.sql(
        f"""
        SELECT k.user_id, k.keyword, {_weight(params, actions)} AS weight,
               min(first_engaged_at) AS first_engaged_at, max(last_engaged_at) AS last_engaged_at
        FROM main.keyword_table k JOIN wanted_users w USING (user_id)
        WHERE k.partition_date > w.window_end_date - {params.look_back_days}
          AND k.partition_date <= w.window_end_date
        GROUP BY k.user_id, k.keyword
        QUALIFY row_number() OVER (PARTITION BY k.user_id ORDER BY weight DESC, k.keyword)
                <= {params.max_keywords_per_user}
        ORDER BY 1, 2
        """
    ).pl()
    con.unregister("wanted_users")
    return rows


def keyword_history(con: duckdb.DuckDBPyConnection, users: pl.DataFrame) -> pl.DataFrame:
    """Every keyword that each user engaged with up to the user's own last active day. Journey ids are made from it.

    All earlier days are read: if the history were limited, the oldest keyword would change as days drop out.

    Args:
        users: user_id, window_end_date.

    Returns:
        user_id, keyword, first_engaged_at; sorted by user_id, keyword.
    """
    con.register("wanted_users", users.to_arrow())
    rows = con.sql(
        """
        SELECT k.user_id, k.keyword, min(first_engaged_at) AS first_engaged_at
        FROM main.keyword_table k JOIN wanted_users w USING (user_id)
        WHERE k.partition_date <= w.window_end_date GROUP BY k.user_id, k.keyword ORDER BY 1, 2
        """
    ).pl()
    con.unregister("wanted_users")
    return rows


def keywords_of_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pl.DataFrame:
    """The distinct keywords of ``days``, each with the first of those days that has it: partition_date, keyword."""
    return con.sql(
        """
        SELECT min(partition_date) AS partition_date, keyword FROM main.keyword_table
        WHERE partition_date IN (SELECT unnest($days)) GROUP BY keyword ORDER BY partition_date, keyword
        """,
        params={"days": list(days)},
    ).pl()


def commonness_fingerprint(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, int]:
    """A value that changes if any row of the day's keyword_commonness changes."""
    row = con.sql(
        "SELECT count(*), coalesce(bit_xor(hash(keyword, n_pins, pin_share)), 0) FROM main.keyword_commonness "
        "WHERE partition_date = $day",
        params={"day": day},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def keyword_facts(
    con: duckdb.DuckDBPyConnection, clusters: pl.DataFrame, day: date, params: KeywordParams
) -> pl.DataFrame:
    """Facts about member keywords, from the same days as the clusters, so that they change only if the clusters may.

    Args:
        clusters: Rows of journey_clusters: user_id, window_end_date, keywords.

    Returns:
        One row per user and keyword: user_id, keyword, display_form and n_queries (over the look-back window),
        first_engaged_at (over the whole history; in a limited one, the first keyword would change as days drop out),
        commonness (share of the catalogue's pins, 0..1; 0 for a keyword of fewer than ``generic_min_items`` pins).
        Runs of two to ``_MOST_RUN_WORDS`` words in a member that are keywords of so many pins have a row too, because a
        phrase that members share may be as generic as a keyword.
    """
    members = clusters.select("user_id", "window_end_date", keyword="keywords").explode("keyword").unique()
    con.register("members", members.to_arrow())
    rows = con.sql(
        """
        WITH used AS (
          SELECT user_id, keyword, display_form, n_searches, first_engaged_at,
                 k.partition_date > m.window_end_date - $look_back::INTEGER AS is_in_window
          FROM main.keyword_table k JOIN members m USING (user_id, keyword)
          WHERE k.partition_date <= $day AND k.partition_date <= m.window_end_date
        ), forms AS (
          SELECT user_id, keyword, display_form, count(*) FILTER (is_in_window) AS n,
                 sum(n_searches) FILTER (is_in_window) AS n_queries, min(first_engaged_at) AS first_engaged_at
          FROM used GROUP BY user_id, keyword, display_form
        ), facts AS (
          SELECT user_id, keyword, min_by(display_form, {'rank': -n, 'form': display_form}) AS display_form,
                 sum(n_queries)::BIGINT AS n_queries, min(first_engaged_at) AS first_engaged_at
          FROM forms GROUP BY user_id, keyword
        ), words AS (
          SELECT user_id, string_split(keyword, ' ') AS words FROM members
        ), starts AS (
          SELECT user_id, words, unnest(range(1, len(words))) AS place FROM words
        ), runs AS (
          SELECT DISTINCT user_id, array_to_string(words[place:place + n_words - 1], ' ') AS keyword
          FROM starts, unnest(range(2, $most_words::INTEGER + 1)) AS sizes(n_words)
          WHERE place + n_words - 1 <= len(words)
        ), wanted AS (
          SELECT user_id, keyword FROM members
          UNION
          SELECT user_id, keyword FROM runs SEMI JOIN (
            SELECT keyword FROM main.keyword_commonness WHERE partition_date = $day AND n_pins >= $min_items
          ) USING (keyword)
        )
        SELECT m.user_id, m.keyword, coalesce(f.display_form, m.keyword) AS display_form,
               coalesce(f.n_queries, 0) AS n_queries, f.first_engaged_at,
               CASE WHEN c.n_pins >= $min_items THEN c.pin_share ELSE 0.0 END AS commonness
        FROM wanted m
        LEFT JOIN facts f USING (user_id, keyword)
        LEFT JOIN main.keyword_commonness c ON c.keyword = m.keyword AND c.partition_date = $day
        ORDER BY 1, 2
        """,
        params={
            "day": day,
            "look_back": params.look_back_days,
            "min_items": params.generic_min_items,
            "most_words": _MOST_RUN_WORDS,
        },
    ).pl()
    con.unregister("members")
    return rows
