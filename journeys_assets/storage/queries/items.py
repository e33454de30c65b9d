"""Data for journey items: the catalogue, what users engaged with, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.actions import BOARD_PIN, Action
from journeys_assets.storage.queries.identities import landed_under, owned, owners_on, with_logged_ids
from journeys_assets.storage.queries.shards import EVERYONE, Shard
from journeys_assets.storage.sql_models import SqlModel

SHOWABLE = "j.stage = 'ongoing' AND j.safety_decision = 'allow' AND coalesce(j.feedback, 'more') = 'more'"
"""Journeys (``j``) of user_journeys that items are found for."""


def catalogue_mark(con: duckdb.DuckDBPyConnection, on: date) -> tuple[int, int]:
    """Number and highest ingest_seq of the landed versions of items up to ``on``; they change if the catalogue does."""
    row = con.execute(
        "SELECT count(*), coalesce(max(ingest_seq), 0) FROM landing.pins "
        "WHERE updated_at IS NULL OR updated_at < ($on::DATE + 1)::TIMESTAMP",
        {"on": on},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def catalogue_rows(con: duckdb.DuckDBPyConnection, on: date) -> pl.DataFrame:
    """The items known at the end of the day ``on``.

    The versions are those of ``stg_pins`` with ``known_from <= on < valid_to``. They are found here without a window
    over all versions, which costs ten times as much.

    Returns:
        item_id, keywords (all of it, distinct and sorted), text_keywords (its annotations or, without any, its
        interests); sorted by item_id.
    """
    return con.execute(
        """
        WITH replaced AS (
          SELECT pin_id, coalesce(max(ingest_seq) FILTER (updated_at IS NULL), 0) AS replaced_before
          FROM landing.pins GROUP BY pin_id
        ), known AS (
          SELECT p.pin_id, p.ingest_seq, coalesce(p.updated_at, TIMESTAMP '0001-01-01') AS known_at, p.title,
                 p.annotations, p.interests, coalesce(p.annotation_keywords, []) AS annotation_keywords,
                 coalesce(p.interest_keywords, []) AS interest_keywords
          FROM landing.pins p JOIN replaced r USING (pin_id)
          WHERE p.ingest_seq >= r.replaced_before
            AND (p.updated_at IS NULL OR p.updated_at < ($on::DATE + 1)::TIMESTAMP)
        ), latest AS (
          SELECT pin_id, max(known_at) AS known_at FROM known GROUP BY pin_id
        ), current AS (
          SELECT * FROM known SEMI JOIN latest USING (pin_id, known_at)
          QUALIFY row_number() OVER (
            PARTITION BY pin_id
            ORDER BY ingest_seq DESC, annotations NULLS LAST, interests NULLS LAST, title NULLS LAST) = 1
        )
        SELECT pin_id AS item_id,
               list_sort(list_distinct(list_filter(
                 list_concat(annotation_keywords, interest_keywords), lambda keyword: keyword <> ''))) AS keywords,
               CASE WHEN len(annotation_keywords) > 0 THEN annotation_keywords ELSE interest_keywords END
                 AS text_keywords
        FROM current ORDER BY item_id
        """,
        {"on": on},
    ).pl()


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
    con: duckdb.DuckDBPyConnection,
    staging: Mapping[str, SqlModel],
    states: pl.DataFrame,
    look_back_days: int,
    actions: Sequence[Action],
    board: float,
) -> pl.DataFrame:
    """What each user engaged with, up to the user's own last active day.

    Args:
        staging: The SQL models. Of the log only what was landed under the users' ids is staged.
        states: user_id, partition_date (of the inference: as of it, linked ids count), window_end_date.
        board: Weight of a pin put on a board.

    Returns:
        user_id, item_id, weight (of the actions of the look-back window; the least weight where all are older),
        age_days (of the last one), is_kept (ever kept or acted on); sorted.
    """
    weights = {action.name: action.weight for action in actions} | {BOARD_PIN: board}
    kept = [BOARD_PIN, *(action.name for action in actions if action.strength != "look")]
    con.register("wanted_users", _with_logged_ids(con, states).to_arrow())
    landed_ids = landed_under("SELECT logged_id FROM wanted_users")
    rows = con.execute(
        f"""
        WITH actions AS (
          SELECT user_id AS logged_id, pin_id AS item_id, action, engaged_at
          FROM ({staging["stg_pin_engagements"].of_landed_ids(landed_ids)})
          UNION ALL
          SELECT user_id, pin_id, '{BOARD_PIN}', saved_at FROM (
            SELECT DISTINCT user_id, board_id, pin_id, saved_at
            FROM ({staging["stg_board_pins"].of_landed_ids(landed_ids)})
          )
        )
        SELECT user_id, item_id, action, max(engaged_at::DATE) AS last_on,
               count(*) FILTER (engaged_at::DATE > window_end_date - $days::INTEGER) AS n_recent
        FROM actions JOIN wanted_users USING (logged_id) WHERE engaged_at < (window_end_date + 1)::TIMESTAMP
        GROUP BY user_id, item_id, action ORDER BY user_id, item_id, action
        """,
        {"days": look_back_days},
    ).pl()
    con.unregister("wanted_users")
    # Whole numbers were counted and are weighed in one order, so that the order of rows makes no difference.
    n_recent = [pl.col("n_recent").filter(pl.col("action") == name).sum() * weight for name, weight in weights.items()]
    return (
        rows.group_by("user_id", "item_id", maintain_order=True)
        .agg(
            weight=pl.max_horizontal(pl.sum_horizontal(n_recent), pl.lit(min(weights.values()))),
            last_on=pl.col("last_on").max(),
            is_kept=pl.col("action").is_in(kept).any(),
        )
        .join(states.select("user_id", "window_end_date"), on="user_id", maintain_order="left")
        .select(
            "user_id",
            "item_id",
            "weight",
            age_days=(pl.col("window_end_date") - pl.col("last_on")).dt.total_days(),
            is_kept="is_kept",
        )
    )


def top_interests(
    con: duckdb.DuckDBPyConnection,
    states: pl.DataFrame,
    look_back_days: int,
    n: int,
) -> pl.DataFrame:
    """The interests of items that each user engaged with on most days, in the look-back window up to the user's own
    last active day. Users whose items have no interests get annotations instead.

    Args:
        states: user_id, partition_date (of the inference: as of it, linked ids count), window_end_date.

    Returns:
        user_id, interest (a keyword), interest_name (its most frequent display form): at most ``n`` rows per user, the
        first one is the top interest.
    """
    con.register("wanted_users", _with_logged_ids(con, states).to_arrow())
    rows = con.execute(
        """
        WITH forms AS (
          SELECT w.user_id, keyword, source, display_form, count(*) AS n, sum(n_items) AS n_items,
                 max(last_engaged_at) AS last_at
          FROM main.keyword_table k JOIN wanted_users w ON w.logged_id = k.user_id
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


def _with_logged_ids(con: duckdb.DuckDBPyConnection, states: pl.DataFrame) -> pl.DataFrame:
    """user_id, window_end_date, logged_id of ``states``."""
    wanted = states.select("user_id", "partition_date", "window_end_date")
    return with_logged_ids(con, wanted, on="partition_date").select("user_id", "window_end_date", "logged_id")


def engaged_until(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """What every user ever engaged with by the end of ``day``: user_id, item_id, last_on, first_on; sorted."""
    rows = con.execute(
        """
        SELECT user_id, pin_id AS item_id, max(event_date) AS last_on, min(event_date) AS first_on FROM (
          SELECT user_id, pin_id, event_date FROM main.stg_pin_engagements
          UNION ALL SELECT user_id, pin_id, event_date FROM main.stg_board_pins
        ) WHERE event_date <= $day GROUP BY ALL
        """,
        {"day": day},
    ).pl()
    return (
        owned(rows, owners_on(con, [day])[day])
        .group_by("user_id", "item_id")
        .agg(last_on=pl.col("last_on").max(), first_on=pl.col("first_on").min())
        .sort("user_id", "item_id")
    )


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
