"""Keywords, their vectors, and facts about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.actions import Action, count_columns
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.tables.landing import KEPT_JOURNEY_IDS
from journeys_assets.storage.queries.identities import FIRST_DAY, with_logged_ids
from journeys_assets.storage.warehouse.base import has_table

_MOST_RUN_WORDS = 5
"""As many words as a phrase may have that keywords share."""


def _weight(params: KeywordParams, actions: Sequence[Action]) -> str:
    weights = (params.search_weight, *(action.weight for action in actions), params.board_weight)
    terms = (f"{weight} * sum({column})" for weight, column in zip(weights, count_columns(actions), strict=True))
    return f"ln(1 + {' + '.join(terms)})"


def window_keywords(
    con: duckdb.DuckDBPyConnection, users: pl.DataFrame, day: date, params: KeywordParams, actions: Sequence[Action]
) -> pl.DataFrame:
    """The keywords of each user in the look-back window that ends on the user's own last active day.

    Args:
        users: user_id, window_end_date.
        day: Ids that are linked by the end of this day are one user.

    Returns:
        user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at: for each user at most the
        ``max_keywords_per_user`` keywords with the largest weight (ties by keyword).
    """
    con.register("wanted_users", with_logged_ids(con, users, on=day).to_arrow())
    rows = con.sql(
        f"""
        SELECT w.user_id, k.keyword, {_weight(params, actions)} AS weight,
               min(first_engaged_at) AS first_engaged_at, max(last_engaged_at) AS last_engaged_at
        FROM main.keyword_table k JOIN wanted_users w ON k.user_id = w.logged_id
        WHERE k.partition_date > w.window_end_date - {params.look_back_days}
          AND k.partition_date <= w.window_end_date
        GROUP BY w.user_id, k.keyword
        QUALIFY row_number() OVER (PARTITION BY w.user_id ORDER BY weight DESC, k.keyword)
                <= {params.max_keywords_per_user}
        ORDER BY 1, 2
        """
    ).pl()
    con.unregister("wanted_users")
    return rows


def keyword_history(con: duckdb.DuckDBPyConnection, users: pl.DataFrame, day: date) -> pl.DataFrame:
    """Every keyword that each user engaged with up to the user's own last active day. Journey ids are made from it.

    All earlier days are read: if the history were limited, the oldest keyword would change as days drop out.

    Args:
        users: user_id, window_end_date.
        day: Ids that are linked by the end of this day are one user.

    Returns:
        user_id, keyword, first_engaged_at; sorted by user_id, keyword. If any of the users has linked ids, also
        known_at, since when the keyword was the user's, and engaged_as, the id that engaged with it first since then:
        what an id did before its link is the user's from the beginning of the day of the link on. If ids of any of the
        users were kept (``domain.clustering.kept_ids``), also kept_id and kept_side_id.
    """
    ids = with_logged_ids(con, users, on=day)
    is_linked = bool((ids["known_from"] > FIRST_DAY).any())
    con.register("wanted_users", ids.to_arrow())
    known_at = "greatest(first_engaged_at, known_from::TIMESTAMP)"
    order = f"{{'at': {known_at}, 'engaged_at': first_engaged_at, 'id': logged_id}}"
    linked = f", min({known_at}) AS known_at, min_by(logged_id, {order}) AS engaged_as" if is_linked else ""
    rows = con.sql(
        f"""
        SELECT w.user_id, k.keyword, min(first_engaged_at) AS first_engaged_at{linked}
        FROM main.keyword_table k JOIN wanted_users w ON k.user_id = w.logged_id
        WHERE k.partition_date <= w.window_end_date GROUP BY w.user_id, k.keyword ORDER BY 1, 2
        """
    ).pl()
    con.unregister("wanted_users")
    kept = _kept_ids(con, users)
    return rows.join(kept, on=["user_id", "keyword"], how="left", maintain_order="left") if kept.height else rows


def _kept_ids(con: duckdb.DuckDBPyConnection, users: pl.DataFrame) -> pl.DataFrame:
    """user_id, keyword, kept_id, kept_side_id of ``users``."""
    if not has_table(con, KEPT_JOURNEY_IDS):
        return pl.DataFrame(schema={"user_id": pl.String, "keyword": pl.String})
    con.register("kept_users", users.select("user_id").unique().to_arrow())
    rows = con.execute(
        f"""
        SELECT user_id, keyword, any_value(journey_id) FILTER (NOT is_side) AS kept_id,
               any_value(journey_id) FILTER (is_side) AS kept_side_id
        FROM {KEPT_JOURNEY_IDS.qualified_name} SEMI JOIN kept_users USING (user_id) GROUP BY ALL ORDER BY ALL
        """
    ).pl()
    con.unregister("kept_users")
    return rows


def keywords_to_embed(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pl.DataFrame:
    """The distinct keywords of ``days``, and those of items that are known by the end of the last day.

    Every item of the catalogue is embedded, whether or not a user engaged with it: so what one user is shown does not
    depend on what others did.

    Returns:
        partition_date (the first of those days that has the keyword, or on which an item with it is known), keyword;
        sorted.
    """
    return con.execute(
        """
        SELECT min(partition_date) AS partition_date, keyword FROM (
          SELECT partition_date, keyword FROM main.keyword_table
          WHERE partition_date IN (SELECT unnest($days::DATE[]))
          UNION ALL
          SELECT known_on, unnest(keywords) FROM (
            SELECT DISTINCT greatest(updated_at::DATE, $first::DATE) AS known_on,
                   list_concat(annotation_keywords, interest_keywords) AS keywords
            FROM landing.pins WHERE updated_at IS NULL OR updated_at < ($last::DATE + 1)::TIMESTAMP
          )
        ) WHERE keyword <> '' GROUP BY keyword ORDER BY partition_date, keyword
        """,
        {"days": list(days), "first": min(days), "last": max(days)},
    ).pl()


def commonness_fingerprint(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, int]:
    """A value that changes if any row of the day's keyword_commonness changes.

    Hashed twice, because rows that exchange their last values would otherwise leave it as it was.
    """
    row = con.execute(
        "SELECT count(*), coalesce(bit_xor(hash(hash(keyword, n_pins, pin_share))), 0) FROM main.keyword_commonness "
        "WHERE partition_date = $day",
        {"day": day},
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
    con.register("members", with_logged_ids(con, members, on=day).to_arrow())
    rows = con.execute(
        """
        WITH forms AS (
          SELECT m.user_id, k.keyword, display_form, min(first_engaged_at) AS first_engaged_at,
                 count(*) FILTER (k.partition_date > m.window_end_date - $look_back::INTEGER) AS n,
                 sum(n_searches) FILTER (k.partition_date > m.window_end_date - $look_back::INTEGER) AS n_queries
          FROM main.keyword_table k JOIN members m ON k.user_id = m.logged_id AND k.keyword = m.keyword
          WHERE k.partition_date <= $day AND k.partition_date <= m.window_end_date
          GROUP BY m.user_id, k.keyword, display_form
        )
        SELECT user_id, keyword, min_by(display_form, {'rank': -n, 'form': display_form}) AS display_form,
               coalesce(sum(n_queries), 0)::BIGINT AS n_queries, min(first_engaged_at) AS first_engaged_at
        FROM forms GROUP BY user_id, keyword
        """,
        {"day": day, "look_back": params.look_back_days},
    ).pl()
    con.unregister("members")
    known = members.select("user_id", "keyword").join(rows, on=["user_id", "keyword"], how="left")
    common = common_keywords(con, day, params)
    used = members.select("user_id", "keyword").with_columns(text=pl.col("keyword"))
    runs = used.join(_common_runs(con, members["keyword"], common), on="text").select("user_id", keyword="run")
    phrases = runs.unique().join(members, on=["user_id", "keyword"], how="anti")
    return (
        pl.concat([known, phrases], how="diagonal")
        .join(common, on="keyword", how="left")
        .with_columns(
            pl.coalesce("display_form", "keyword"),
            pl.col("n_queries").fill_null(0),
            pl.col("commonness").fill_null(0.0),
        )
    )


def common_keywords(con: duckdb.DuckDBPyConnection, day: date, params: KeywordParams) -> pl.DataFrame:
    """keyword, commonness (share of the catalogue's pins) of the keywords of at least ``generic_min_items`` pins."""
    return con.execute(
        """
        SELECT keyword, pin_share AS commonness FROM main.keyword_commonness
        WHERE partition_date = $day AND n_pins >= $min_items
        """,
        {"day": day, "min_items": params.generic_min_items},
    ).pl()


def _common_runs(con: duckdb.DuckDBPyConnection, keywords: pl.Series, common: pl.DataFrame) -> pl.DataFrame:
    """Runs of two to ``_MOST_RUN_WORDS`` words of each keyword that are common keywords: text (the keyword), run."""
    phrases = common.filter(pl.col("keyword").str.contains(" ", literal=True)).select("keyword")
    texts = keywords.unique().to_frame("keyword") if phrases.height else keywords.head(0).to_frame("keyword")
    con.register("texts", texts.to_arrow())
    con.register("common_phrases", phrases.to_arrow())
    runs = con.execute(
        """
        WITH words AS (
          SELECT keyword AS text, string_split(keyword, ' ') AS words FROM texts
        ), starts AS (
          SELECT text, words, unnest(range(1, len(words))) AS place FROM words
        ), runs AS (
          SELECT text, array_to_string(words[place:place + n_words - 1], ' ') AS run
          FROM starts, unnest(range(2, $most_words::INTEGER + 1)) AS sizes(n_words)
          WHERE place + n_words - 1 <= len(words)
        )
        SELECT DISTINCT text, run FROM runs SEMI JOIN common_phrases ON common_phrases.keyword = runs.run
        """,
        {"most_words": _MOST_RUN_WORDS},
    ).pl()
    con.unregister("texts")
    con.unregister("common_phrases")
    return runs
