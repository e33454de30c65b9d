"""Data for journey items: the catalogue, what users engaged with, and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.actions import BOARD_PIN, Action
from journeys_assets.storage.queries.shards import EVERYONE, Shard

SHOWABLE = "j.stage = 'ongoing' AND j.safety_decision = 'allow' AND coalesce(j.feedback, 'more') = 'more'"
"""Journeys (``j``) of user_journeys that items are found for."""

_CATALOGUE = """
    SELECT pin_id AS item_id, list_sort(list_distinct(list_filter(
             list_concat(annotation_keywords, interest_keywords), lambda keyword: keyword <> ''))) AS keywords,
           CASE WHEN len(annotation_keywords) > 0 THEN annotation_keywords ELSE interest_keywords END AS text_keywords
    FROM main.stg_pins WHERE known_from <= $catalogue_day AND valid_to > $catalogue_day
"""


def catalogue_fingerprint(con: duckdb.DuckDBPyConnection, catalogue_day: date) -> str:
    """16 hex digits that change if an item of the catalogue, or a keyword of one, does."""
    row = con.execute(
        f"""
        SELECT count(*), coalesce(bit_xor(md5_number_lower(
          concat_ws(chr(31), item_id, array_to_string(keywords, chr(31)), array_to_string(text_keywords, chr(30))))), 0)
        FROM ({_CATALOGUE})
        """,
        {"catalogue_day": catalogue_day},
    ).fetchone()
    n, digest = row if row else (0, 0)
    return f"{int(digest):016x}-{n}"


def catalogue_rows(con: duckdb.DuckDBPyConnection, catalogue_day: date) -> pl.DataFrame:
    """The items known at the end of ``catalogue_day``.

    Returns:
        item_id, keywords (all of it, distinct and sorted), text_keywords (its annotations or, without any, its
        interests); sorted by item_id.
    """
    return con.execute(f"{_CATALOGUE} ORDER BY item_id", {"catalogue_day": catalogue_day}).pl()


def judged_keywords(con: duckdb.DuckDBPyConnection, keywords: pl.Series, safety_model: str) -> pl.DataFrame:
    """The verdicts on ``keywords``: keyword, category (nullable), score; distinct, without those not judged yet."""
    con.register("wanted_texts", pl.DataFrame({"text": keywords}, schema={"text": pl.String}).unique().to_arrow())
    rows = con.execute(
        """
        SELECT text AS keyword, category, score FROM main.text_safety SEMI JOIN wanted_texts USING (text)
        WHERE safety_model = $model ORDER BY text
        """,
        {"model": safety_model},
    ).pl()
    con.unregister("wanted_texts")
    return rows


def states_to_show(
    con: duckdb.DuckDBPyConnection, day: date, horizon_days: int, shard: Shard = EVERYONE
) -> pl.DataFrame:
    """Users with a journey that items are found for on ``day``.

    Returns:
        user_id, partition_date and window_end_date of the latest inference, journeys (the ids of those journeys, in
        one text); sorted.
    """
    return con.execute(
        f"""
        WITH latest AS (
          SELECT user_id, max(partition_date) AS partition_date,
                 max_by(window_end_date, partition_date) AS window_end_date
          FROM main.inference_ledger
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day AND {shard.sql()} GROUP BY user_id
        )
        SELECT user_id, l.partition_date, l.window_end_date, string_agg(j.journey_id, ' ' ORDER BY j.journey_id)
          AS journeys
        FROM main.user_journeys j JOIN latest l USING (user_id)
        WHERE j.partition_date = $day AND {SHOWABLE} GROUP BY ALL ORDER BY user_id
        """,
        {"day": day, "horizon": horizon_days},
    ).pl()


def engaged_items(
    con: duckdb.DuckDBPyConnection, states: pl.DataFrame, look_back_days: int, actions: Sequence[Action], board: float
) -> pl.DataFrame:
    """What each user engaged with, up to the user's own last active day.

    Args:
        states: user_id, window_end_date.
        board: Weight of a pin put on a board.

    Returns:
        user_id, item_id, weight (of the actions of the look-back window; the least weight where all are older),
        age_days (of the last one), is_kept (ever kept or acted on); sorted.
    """
    weights = {action.name: action.weight for action in actions} | {BOARD_PIN: board}
    # Whole numbers are summed and weighed afterwards, so that the order of rows makes no difference.
    terms = [f"{w} * count(*) FILTER (WHERE action = '{name}' AND is_recent)" for name, w in weights.items()]
    kept = ", ".join(f"'{name}'" for name in (BOARD_PIN, *(a.name for a in actions if a.strength != "look")))
    con.register("wanted_users", states.select("user_id", "window_end_date").to_arrow())
    rows = con.execute(
        f"""
        WITH actions AS (
          SELECT user_id, pin_id, action, event_date FROM main.stg_pin_engagements
          UNION ALL SELECT user_id, pin_id, '{BOARD_PIN}', event_date FROM main.stg_board_pins
        ), known AS (
          SELECT user_id, pin_id, action, event_date, window_end_date,
                 event_date > window_end_date - $days::INTEGER AS is_recent
          FROM actions JOIN wanted_users USING (user_id) WHERE event_date <= window_end_date
        )
        SELECT user_id, pin_id AS item_id, greatest({" + ".join(terms)}, {min(weights.values())})::DOUBLE AS weight,
               (any_value(window_end_date) - max(event_date))::BIGINT AS age_days,
               bool_or(action IN ({kept})) AS is_kept
        FROM known GROUP BY user_id, pin_id ORDER BY user_id, pin_id
        """,
        {"days": look_back_days},
    ).pl()
    con.unregister("wanted_users")
    return rows


def top_interests(
    con: duckdb.DuckDBPyConnection,
    states: pl.DataFrame,
    look_back_days: int,
    n: int,
) -> pl.DataFrame:
    """The interests of items that each user engaged with on most days, in the look-back window up to the user's own
    last active day. Users whose items have no interests get annotations instead.

    Args:
        states: user_id, window_end_date.

    Returns:
        user_id, interest (a keyword), interest_name (its most frequent display form): at most ``n`` rows per user, the
        first one is the top interest.
    """
    con.register("wanted_users", states.select("user_id", "window_end_date").to_arrow())
    rows = con.execute(
        """
        WITH forms AS (
          SELECT user_id, keyword, source, display_form, count(*) AS n, sum(n_items) AS n_items,
                 max(last_engaged_at) AS last_at
          FROM main.keyword_table k JOIN wanted_users w USING (user_id)
          WHERE k.partition_date > w.window_end_date - $days::INTEGER AND k.partition_date <= w.window_end_date
            AND source IN ('interest', 'annotation')
          GROUP BY ALL
        ), interests AS (
          SELECT user_id, keyword AS interest, source, min_by(display_form, {'rank': -n, 'form': display_form})
            AS interest_name, sum(n) AS n, sum(n_items) AS n_items, max(last_at) AS last_at
          FROM forms GROUP BY user_id, keyword, source
          QUALIFY source = 'interest' OR NOT bool_or(source = 'interest') OVER (PARTITION BY user_id)
        )
        SELECT user_id, interest, interest_name FROM interests
        QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY n DESC, n_items DESC, last_at DESC, interest)
          <= $most
        ORDER BY user_id, n DESC, n_items DESC, last_at DESC, interest
        """,
        {"days": look_back_days, "most": n},
    ).pl()
    con.unregister("wanted_users")
    return rows


def engaged_until(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """What every user ever engaged with by the end of ``day``: user_id, item_id, last_on, first_on; sorted."""
    return con.execute(
        """
        SELECT user_id, pin_id AS item_id, max(event_date) AS last_on, min(event_date) AS first_on FROM (
          SELECT user_id, pin_id, event_date FROM main.stg_pin_engagements
          UNION ALL SELECT user_id, pin_id, event_date FROM main.stg_board_pins
        ) WHERE event_date <= $day GROUP BY ALL ORDER BY 1, 2
        """,
        {"day": day},
    ).pl()


def catalogues_on(con: duckdb.DuckDBPyConnection, day: date) -> set[str]:
    """The fingerprints of the catalogues that rows of journey_items on ``day`` rest on."""
    rows = con.execute("SELECT DISTINCT catalogue FROM main.journey_items WHERE partition_date = $day", {"day": day})
    return {fingerprint for (fingerprint,) in rows.fetchall()}


def items_of_user(
    con: duckdb.DuckDBPyConnection, user_id: str, day: date, journey_id: str | None = None
) -> pl.DataFrame:
    """The items of a user's journeys as of ``day``, best journey and item first.

    Args:
        journey_id: Of this journey only; by default of all.

    Returns:
        journey_rank, journey_id, journey_name, place (from 1), item_id, title (nullable), score, found_by, ranked_by;
        one row per item.
    """
    return con.execute(
        """
        WITH placed AS (
          SELECT partition_date, user_id, journey_id, ranked_by, unnest(range(1, len(item_ids) + 1)) AS place,
                 unnest(item_ids) AS item_id, unnest(item_scores) AS score, unnest(item_found_by) AS found_by
          FROM main.journey_items
          WHERE partition_date = $day AND user_id = $user AND ($journey IS NULL OR journey_id = $journey)
        )
        SELECT j.rank AS journey_rank, p.journey_id, j.journey_name, p.place, p.item_id, s.title, p.score, p.found_by,
               p.ranked_by
        FROM placed p
        LEFT JOIN main.user_journeys j USING (partition_date, user_id, journey_id)
        LEFT JOIN main.stg_pins s ON s.pin_id = p.item_id AND s.valid_from <= $day AND s.valid_to > $day
        ORDER BY j.rank, p.journey_id, p.place
        """,
        {"day": day, "user": user_id, "journey": journey_id},
    ).pl()
