"""What the Python stages read: one function per question, each naming the days it needs.

What belongs here: SELECTs whose answer feeds a domain function. What does not: tables that SQL alone can make (those
are SQL models) and anything that writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import duckdb
import polars as pl

from journeys_assets.domain.parameters import AlgorithmParams, KeywordParams, NotificationParams
from journeys_assets.domain.staging import look_back_days

_WEIGHT = """ln(1 + {search_weight} * sum(n_searches) + {closeup_weight} * sum(n_closeups)
  + {save_weight} * sum(n_saves) + {clickthrough_weight} * sum(n_clickthroughs) + {board_weight} * sum(n_board_pins))"""


def _weight(params: KeywordParams) -> str:
    names = ("search", "closeup", "save", "clickthrough", "board")
    return _WEIGHT.format(**{f"{name}_weight": getattr(params, f"{name}_weight") for name in names})


def users_to_cluster(
    con: duckdb.DuckDBPyConnection, day: date, params: KeywordParams, version: str, *, full: bool
) -> pl.DataFrame:
    """Users whose clusters must be computed in partition ``day``: columns user_id, window_end_date.

    With ``full``, every user within the horizon; else those whose latest state in earlier partitions does not cover
    their last active day, or was made by another algorithm version. What partition ``day`` itself holds plays no part,
    so that running it again gives the same rows.
    """
    return con.sql(
        """
        WITH last_active AS (
          SELECT user_id, max(partition_date) AS window_end_date FROM main.keyword_table
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day GROUP BY user_id
        ), computed AS (
          SELECT user_id, max_by(window_end_date, partition_date) AS window_end_date,
                 max_by(algorithm_version, partition_date) AS algorithm_version
          FROM main.inference_ledger
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date < $day GROUP BY user_id
        )
        SELECT l.user_id, l.window_end_date FROM last_active l LEFT JOIN computed c USING (user_id)
        WHERE $full OR c.user_id IS NULL OR c.window_end_date <> l.window_end_date OR c.algorithm_version <> $version
        ORDER BY l.user_id
        """,
        params={"day": day, "horizon": params.horizon_days, "full": full, "version": version},
    ).pl()


def window_keywords(con: duckdb.DuckDBPyConnection, users: pl.DataFrame, params: KeywordParams) -> pl.DataFrame:
    """The keywords of each user in the look-back window that ends at the user's own last active day.

    Args:
        users: user_id, window_end_date.

    Returns:
        user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at; at most ``max_keywords_per_user`` a user,
        the heaviest (ties by keyword).
    """
    con.register("wanted_users", users.to_arrow())
    rows = con.sql(
        f"""
        SELECT k.user_id, k.keyword, {_weight(params)} AS weight,
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
    """Every keyword that each user engaged with up to the user's own last active day: what journey ids are made from.

    All days up to then are read: with an end to the past, the oldest keyword would be another one every day.

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


def embedded_keywords(con: duckdb.DuckDBPyConnection, keywords: Sequence[str], embedding_model: str) -> pl.DataFrame:
    """The stored vectors of ``keywords``: keyword, embedding (float16 bytes), sorted by keyword."""
    con.register("wanted_keywords", pl.DataFrame({"keyword": list(keywords)}, schema={"keyword": pl.String}).to_arrow())
    rows = con.sql(
        """
        SELECT keyword, any_value(embedding) AS embedding
        FROM main.keyword_embeddings JOIN wanted_keywords USING (keyword)
        WHERE embedding_model = $model GROUP BY keyword ORDER BY keyword
        """,
        params={"model": embedding_model},
    ).pl()
    con.unregister("wanted_keywords")
    return rows


def keywords_of_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pl.DataFrame:
    """The distinct keywords of ``days`` with the first of those days that has each: partition_date, keyword."""
    return con.sql(
        """
        SELECT min(partition_date) AS partition_date, keyword FROM main.keyword_table
        WHERE partition_date IN (SELECT unnest($days)) GROUP BY keyword ORDER BY partition_date, keyword
        """,
        params={"days": list(days)},
    ).pl()


def keywords_embedded(con: duckdb.DuckDBPyConnection, keywords: Sequence[str], embedding_model: str) -> pl.Series:
    """Those of ``keywords`` that have a vector."""
    con.register("wanted_keywords", pl.DataFrame({"keyword": list(keywords)}, schema={"keyword": pl.String}).to_arrow())
    there = con.sql(
        """
        SELECT keyword FROM wanted_keywords
        WHERE keyword IN (SELECT keyword FROM main.keyword_embeddings WHERE embedding_model = $model)
        """,
        params={"model": embedding_model},
    ).pl()["keyword"]
    con.unregister("wanted_keywords")
    return there


def live_states(con: duckdb.DuckDBPyConnection, day: date, horizon_days: int) -> pl.DataFrame:
    """Users within the horizon as of ``day``, with the partition of their latest inference: user_id, partition_date."""
    return con.sql(
        """
        SELECT user_id, max(partition_date) AS partition_date FROM main.inference_ledger
        WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day
          AND window_end_date > $day - $horizon::INTEGER GROUP BY user_id ORDER BY user_id
        """,
        params={"day": day, "horizon": horizon_days},
    ).pl()


def journeys_in(con: duckdb.DuckDBPyConnection, states: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """``columns`` of the journeys that the inferences ``states`` (user_id, partition_date) found.

    Lists and vectors are the bulk of journey_clusters, so name only the columns that are needed.
    """
    con.register("states", states.to_arrow())
    rows = con.sql(
        f"""
        SELECT {", ".join(columns)} FROM main.journey_clusters JOIN states USING (user_id, partition_date)
        WHERE is_journey ORDER BY user_id, journey_id
        """
    ).pl()
    con.unregister("states")
    return rows


def journey_days(con: duckdb.DuckDBPyConnection, journeys: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """What each user did for each journey on each day from ``first`` to ``last`` with an engagement.

    Args:
        journeys: user_id, journey_id, keywords (list).

    Returns:
        user_id, journey_id, day, n_searches, n_specific_keywords (members engaged with that were more than a broad
        interest of an item); sorted.
    """
    con.register("wanted_journeys", journeys.select("user_id", "journey_id", "keywords").to_arrow())
    rows = con.sql(
        """
        WITH members AS (SELECT user_id, journey_id, unnest(keywords) AS keyword FROM wanted_journeys)
        SELECT m.user_id, m.journey_id, k.partition_date AS day,
               sum(n_searches)::BIGINT AS n_searches,
               count(DISTINCT k.keyword) FILTER (k.source <> 'interest') AS n_specific_keywords
        FROM main.keyword_table k JOIN members m USING (user_id, keyword)
        WHERE k.partition_date BETWEEN $first AND $last GROUP BY ALL ORDER BY 1, 2, 3
        """,
        params={"first": first, "last": last},
    ).pl()
    con.unregister("wanted_journeys")
    return rows


def visits(con: duckdb.DuckDBPyConnection, users: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """The days from ``first`` to ``last`` on which each of ``users`` (user_id) engaged with anything: user_id, day."""
    con.register("wanted_users", users.select("user_id").unique().to_arrow())
    rows = con.sql(
        """
        SELECT DISTINCT user_id, partition_date AS day FROM main.keyword_table JOIN wanted_users USING (user_id)
        WHERE partition_date BETWEEN $first AND $last ORDER BY ALL
        """,
        params={"first": first, "last": last},
    ).pl()
    con.unregister("wanted_users")
    return rows


def engagement_history(
    con: duckdb.DuckDBPyConnection, states: pl.DataFrame, day: date, until: date, params: AlgorithmParams
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """:func:`journey_days` of the journeys that the inferences ``states`` found, and their users' :func:`visits`.

    Both go as far back as anything is judged by as of ``day``, and end with ``until``.
    """
    journeys = journeys_in(con, states, ("user_id", "journey_id", "keywords"))
    # A live journey's last engagement lies in the look-back window of a user who was last here within the horizon.
    oldest = params.keywords.horizon_days + params.keywords.look_back_days + look_back_days(params.staging)
    first = day - timedelta(days=oldest)
    return journey_days(con, journeys, first, until), visits(con, states, first, until)


def commonness_fingerprint(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, int]:
    """Changes when any row of the day's keyword_commonness does."""
    row = con.sql(
        "SELECT count(*), coalesce(bit_xor(hash(keyword, n_pins, pin_share)), 0) FROM main.keyword_commonness "
        "WHERE partition_date = $day",
        params={"day": day},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def rows_of_other_versions(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], versions: Mapping[str, str], horizon_days: int
) -> pl.DataFrame:
    """What the journeys of ``days`` were made from that is not of the wanted version.

    Args:
        versions: The version that each table should have; of ``inference_ledger``, the latest row of every live user
            as of the last day counts.

    Returns:
        made_by (the table), partition_date, algorithm_version, n_rows.
    """
    latest = """
        SELECT max(partition_date) AS partition_date, max_by(algorithm_version, partition_date) AS algorithm_version
        FROM main.inference_ledger
        WHERE partition_date > $last - $horizon::INTEGER AND partition_date <= $last
        GROUP BY user_id HAVING max_by(window_end_date, partition_date) > $last - $horizon::INTEGER
    """
    parts = []
    for table, version in versions.items():
        rows = f"({latest})" if table == "inference_ledger" else f"main.{table}"
        wanted = "true" if table == "inference_ledger" else "partition_date IN (SELECT unnest($days))"
        parts.append(
            f"SELECT '{table}' AS made_by, partition_date, algorithm_version, count(*) AS n_rows FROM {rows} "
            f"WHERE {wanted} AND algorithm_version <> '{version}' GROUP BY ALL"
        )
    return con.sql(
        " UNION ALL ".join(parts) + " ORDER BY ALL",
        params={"days": list(days), "last": max(days), "horizon": horizon_days},
    ).pl()


def keyword_facts(
    con: duckdb.DuckDBPyConnection, clusters: pl.DataFrame, day: date, params: KeywordParams
) -> pl.DataFrame:
    """Facts of member keywords, of the same days as the clusters, so that they change only when the clusters may.

    Args:
        clusters: Rows of journey_clusters: user_id, window_end_date, keywords.

    Returns:
        One row per user and keyword: user_id, keyword, display_form and n_queries (over the look-back window),
        first_engaged_at (ever: with an end to the past, another keyword would be the first one every day), commonness
        (share of the catalogue's pins, 0..1; 0 for a keyword of fewer than ``generic_min_items`` pins).
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
        )
        SELECT m.user_id, m.keyword, coalesce(f.display_form, m.keyword) AS display_form,
               coalesce(f.n_queries, 0) AS n_queries, f.first_engaged_at,
               CASE WHEN c.n_pins >= $min_items THEN c.pin_share ELSE 0.0 END AS commonness
        FROM members m
        LEFT JOIN facts f USING (user_id, keyword)
        LEFT JOIN main.keyword_commonness c ON c.keyword = m.keyword AND c.partition_date = $day
        ORDER BY 1, 2
        """,
        params={"day": day, "look_back": params.look_back_days, "min_items": params.generic_min_items},
    ).pl()
    con.unregister("members")
    return rows


def partition(con: duckdb.DuckDBPyConnection, table: str, day: date) -> pl.DataFrame:
    """One partition of a table of the main schema."""
    return con.sql(f"SELECT * FROM main.{table} WHERE partition_date = $day", params={"day": day}).pl()


def snapshot_before(con: duckdb.DuckDBPyConnection, day: date, *, keep_days: int) -> date | None:
    """The latest day before ``day`` whose user_journeys are kept, be they none; None where no such day is known.

    A closed day without a row counts as one without journeys, unless retention (``keep_days``) has dropped its rows.
    """
    latest: date | None = con.sql(
        """
        SELECT max(partition_date) AS day FROM (
          SELECT partition_date FROM main.user_journeys
          UNION ALL
          SELECT partition_date FROM main.closed_days
          WHERE partition_date > (SELECT max(partition_date) FROM main.user_journeys) - $keep_days::INTEGER
        ) WHERE partition_date < $day
        """,
        params={"day": day, "keep_days": keep_days},
    ).pl()["day"][0]
    return latest


def versions_of_journeys(con: duckdb.DuckDBPyConnection) -> list[tuple[str, date]]:
    """Which algorithm versions user_journeys has on which days."""
    return con.sql("SELECT DISTINCT algorithm_version, partition_date FROM main.user_journeys ORDER BY ALL").pl().rows()


def users(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return con.sql("SELECT user_id, timezone, email_opt_in, push_opt_in FROM main.stg_users ORDER BY user_id").pl()


def active_hours(con: duckdb.DuckDBPyConnection, day: date, look_back_days: int) -> pl.DataFrame:
    """How often each user engaged in each UTC hour of the day: user_id, hour_utc (0-23), n."""
    return con.sql(
        """
        SELECT user_id, hour(engaged_at)::BIGINT AS hour_utc, count(*) AS n FROM (
          SELECT user_id, searched_at AS engaged_at FROM landing.search_events
          UNION ALL SELECT user_id, engaged_at FROM landing.pin_engagements
        ) WHERE engaged_at >= ($day - $days::INTEGER + 1)::TIMESTAMP AND engaged_at < ($day + 1)::TIMESTAMP
        GROUP BY ALL ORDER BY ALL
        """,
        params={"day": day, "days": look_back_days},
    ).pl()


def sends_before(con: duckdb.DuckDBPyConnection, day: date, params: NotificationParams) -> pl.DataFrame:
    """Sends planned by earlier partitions or logged, as far back as any cap looks.

    Returns:
        user_id, journey_id, channel, sent_date.
    """
    return con.sql(
        """
        SELECT user_id, journey_id, channel, partition_date + 1 AS sent_date FROM main.notification_candidates
        WHERE decision = 'send' AND partition_date >= $day - $days::INTEGER AND partition_date < $day
        UNION
        SELECT user_id, journey_id, channel, sent_at::DATE FROM main.stg_notification_events
        WHERE sent_at >= ($day - $days::INTEGER)::TIMESTAMP AND sent_at < ($day + 1)::TIMESTAMP
        ORDER BY ALL
        """,
        params={"day": day, "days": max(params.journey_cool_down_days, params.memory_days, 7) + 1},
    ).pl()


def journeys_to_send(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """What the choice of sends asks of each live journey.

    Returns:
        user_id, journey_id, journey_name, stage, confidence, rank, diversified_score, feedback.
    """
    return con.sql(
        """
        SELECT j.user_id, j.journey_id, j.journey_name, j.stage, j.confidence, j.rank, r.diversified_score, j.feedback
        FROM main.user_journeys j
        LEFT JOIN main.ranked_journeys r USING (partition_date, user_id, journey_id)
        WHERE j.partition_date = $day ORDER BY j.user_id, j.rank
        """,
        params={"day": day},
    ).pl()


def centroids_to_remember(
    con: duckdb.DuckDBPyConnection, sent: pl.DataFrame, day: date, params: NotificationParams, horizon_days: int
) -> pl.DataFrame:
    """The journeys as of ``day`` of users who were sent something; none where sends are not remembered.

    Args:
        sent: user_id and other columns.

    Returns:
        user_id, journey_id, centroid.
    """
    states = live_states(con, day, horizon_days).join(sent, on="user_id", how="semi")
    if params.memory_penalty == 1.0:
        states = states.clear()
    return journeys_in(con, states, ("user_id", "journey_id", "centroid"))


def feedback_as_of(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """What each user said of each journey by the end of ``day``.

    Returns:
        user_id, journey_id, wish (the latest of not_mine, mute and more; the stricter one where two were said at once),
        more_at and finished_at (the latest time of each), said_at (of any word); null where not said.
    """
    return con.sql(
        """
        SELECT user_id, journey_id,
               -- not_mine, mute, more: the alphabet happens to know which is the stricter
               max_by(verdict, {'at': given_at, 'verdict': verdict}) FILTER (verdict <> 'finished') AS wish,
               max(given_at) FILTER (verdict = 'more') AS more_at,
               max(given_at) FILTER (verdict = 'finished') AS finished_at,
               max(given_at) AS said_at
        FROM main.stg_journey_feedback WHERE event_date <= $day GROUP BY ALL ORDER BY ALL
        """,
        params={"day": day},
    ).pl()


def landed_days(con: duckdb.DuckDBPyConnection) -> list[date]:
    """The days that have an event in a text-bearing source, in order."""
    return (
        con.sql(
            """
            SELECT DISTINCT searched_at::DATE AS day FROM landing.search_events
            UNION SELECT DISTINCT engaged_at::DATE FROM landing.pin_engagements
            UNION SELECT DISTINCT saved_at::DATE FROM landing.board_pins ORDER BY day
            """
        )
        .pl()["day"]
        .to_list()
    )


def last_closed_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The latest day whose every stage was run to the end; None where none was."""
    day: date | None = con.sql("SELECT max(partition_date) AS day FROM main.closed_days").pl()["day"][0]
    return day


def days_opened_by(con: duckdb.DuckDBPyConnection, days: Sequence[date], run_id: str) -> pl.DataFrame:
    """Those of ``days`` that this run was the last to open: partition_date, ingest_seq, covered_seq, run_id."""
    return con.sql(
        """
        SELECT partition_date, ingest_seq, covered_seq, run_id FROM main.opened_days
        WHERE partition_date IN (SELECT unnest($days)) AND run_id = $run ORDER BY partition_date
        """,
        params={"days": list(days), "run": run_id},
    ).pl()


def days_not_finished(con: duckdb.DuckDBPyConnection, run_id: str) -> list[date]:
    """Days that another run than this one has opened and not closed: it is still at them, or it died."""
    rows = con.execute(
        """
        SELECT opened.partition_date FROM main.opened_days AS opened LEFT JOIN main.closed_days AS closed
        ON opened.partition_date = closed.partition_date
        WHERE opened.run_id <> $run
          AND (closed.partition_date IS NULL OR coalesce(closed.run_id <> opened.run_id, false))
        ORDER BY 1
        """,
        {"run": run_id},
    ).fetchall()
    return [row[0] for row in rows]


STAGE_TABLES = (
    "keyword_table",
    "keyword_embeddings",
    "journey_clusters",
    "journey_names",
    "journey_features",
    "ranked_journeys",
    "stage_evidence",
    "stage_labels",
    "user_journeys",
    "notification_candidates",
    "journey_events",
)


def row_counts(con: duckdb.DuckDBPyConnection, day: date | None) -> dict[str, int]:
    """Rows of each stage's table: those of ``day``, or all of them."""
    where = "" if day is None else f"WHERE partition_date = DATE '{day}'"
    return {t: int(con.sql(f"SELECT count(*) AS n FROM main.{t} {where}").pl()["n"][0]) for t in STAGE_TABLES}


def journeys_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of user_journeys on ``day``, best first."""
    return con.sql(
        "SELECT * FROM main.user_journeys WHERE partition_date = $day AND user_id = $user ORDER BY rank",
        params={"day": day, "user": user_id},
    ).pl()


def features_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of journey_features on ``day``."""
    return con.sql(
        "SELECT * FROM main.journey_features WHERE partition_date = $day AND user_id = $user ORDER BY journey_id",
        params={"day": day, "user": user_id},
    ).pl()


def evidence_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date, days: int) -> pl.DataFrame:
    """What one user did in the ``days`` days that end on ``day``: one row per action and keyword that it speaks for.

    Returns:
        keyword, source, action, item_id, engaged_at, event_date.
    """
    return con.sql(
        """
        SELECT keyword, source, action, item_id, engaged_at, event_date FROM main.int_keyword_events
        WHERE user_id = $user AND event_date > $day - $days::INTEGER AND event_date <= $day ORDER BY ALL
        """,
        params={"day": day, "days": days, "user": user_id},
    ).pl()


def users_with_most_journeys(con: duckdb.DuckDBPyConnection, day: date, n: int) -> list[str]:
    """A few users that are good to look at: several journeys, not the heaviest of all."""
    return (
        con.sql(
            """
            SELECT user_id FROM main.user_journeys WHERE partition_date = $day
            GROUP BY user_id HAVING count(*) BETWEEN 2 AND 6
            ORDER BY sum(confidence) DESC, user_id LIMIT $n
            """,
            params={"day": day, "n": n},
        )
        .pl()["user_id"]
        .to_list()
    )


def user_is_known(con: duckdb.DuckDBPyConnection, user_id: str) -> bool:
    """Whether any text-bearing source has an event of the user."""
    return bool(
        con.sql(
            """
            SELECT EXISTS (FROM landing.search_events WHERE user_id = $user)
                OR EXISTS (FROM landing.pin_engagements WHERE user_id = $user)
                OR EXISTS (FROM landing.board_pins WHERE user_id = $user) AS known
            """,
            params={"user": user_id},
        ).pl()["known"][0]
    )
