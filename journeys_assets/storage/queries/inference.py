"""Data for inference: users to cluster, the latest state of each user, engagements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import duckdb
import polars as pl

from journeys_assets.domain.inference.params import PIPELINE
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.lifecycle.evidence import look_back_days
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.storage.queries.edits import NO_DAYS, days_of_edits
from journeys_assets.storage.queries.identities import ALIASES, owned_days, with_logged_ids
from journeys_assets.storage.queries.shards import EVERYONE, Shard

NO_LAST_DAY = date.min
"""The last active day of a user without any row: all rows count for another user since a link."""

LEDGERS: Mapping[str, str] = {
    "pipeline": "(FROM main.inference_ledger WHERE n_unanswered = 0)",
    "language_model": "(FROM main.llm_inferences WHERE is_inferred)",
}
"""By who infers: the inferences that count."""


def users_to_cluster(
    con: duckdb.DuckDBPyConnection,
    day: date,
    params: KeywordParams,
    version: str,
    *,
    since: date,
    full: bool,
    first: date,
    pending: pl.DataFrame,
    shard: Shard = EVERYONE,
    by: str = "pipeline",
) -> pl.DataFrame:
    """Users whose clusters must be computed in partition ``day``: columns user_id, window_end_date.

    With ``full``, every user within the horizon. Otherwise the users whose latest state in earlier partitions does not
    cover their last active day, or was computed by another algorithm version, or for whom other rows count since then,
    because ids were linked. Of the latter, those without any row left have ``NO_LAST_DAY`` as window_end_date: they
    have no journeys from this day on. The pipeline also infers users anew who gave or took back an edit since then.
    The content of partition ``day`` itself
    is not used, so that running it again gives the same rows.

    Args:
        since: The first day of the output. States of partitions before it are not kept up to date, so they count as
            missing.
        first: The first of the days up to ``day`` whose inferences are not stored yet; what is stored of it and of
            later days does not count.
        pending: The rows of the ledger of those days before ``day`` that count.
        shard: Of these users only.
        by: Who infers, of ``LEDGERS``.
    """
    columns = ("user_id", "partition_date", "window_end_date", "algorithm_version")
    con.register("pending", pending.select(columns).to_arrow())
    edited = days_of_edits(con) if by == "pipeline" else NO_DAYS
    rows = con.execute(
        f"""
        WITH last_active AS (
          SELECT user_id, max(partition_date) AS window_end_date FROM {owned_days("$day::DATE", shard)}
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day GROUP BY user_id
        ), computed AS (
          SELECT user_id, max_by(window_end_date, partition_date) AS window_end_date,
                 max(partition_date) AS partition_date, max_by(algorithm_version, partition_date) AS algorithm_version
          FROM (
            SELECT {", ".join(columns)} FROM {LEDGERS[by]}
            WHERE partition_date < $first AND {shard.sql()}
            UNION ALL FROM pending
          )
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date >= $since
          GROUP BY user_id
        ), linked AS (
          SELECT unnest([user_id, owner_id]) AS user_id, unnest([from_date, until_date]) AS changed_on FROM {ALIASES}
          UNION ALL SELECT unnest([user_id, owner_id]), unnest([until_date, from_date]) FROM {ALIASES}
        ), relinked AS (
          SELECT DISTINCT user_id FROM computed JOIN linked USING (user_id)
          WHERE changed_on > partition_date AND changed_on <= $day
        ), edited AS (
          SELECT DISTINCT user_id FROM computed JOIN {edited} USING (user_id) WHERE changed_on > partition_date
        )
        SELECT l.user_id, l.window_end_date FROM last_active l LEFT JOIN computed c USING (user_id)
        WHERE $full OR c.user_id IS NULL OR c.window_end_date <> l.window_end_date OR c.algorithm_version <> $version
          OR l.user_id IN (FROM relinked) OR l.user_id IN (FROM edited)
        UNION ALL
        SELECT user_id, DATE '{NO_LAST_DAY}'
        FROM relinked JOIN computed c USING (user_id) ANTI JOIN last_active USING (user_id)
        WHERE c.window_end_date > $day - $horizon::INTEGER
        ORDER BY user_id
        """,
        {
            "day": day,
            "first": first,
            "horizon": params.horizon_days,
            "since": since,
            "full": full,
            "version": version,
        },
    ).pl()
    con.unregister("pending")
    return rows


def clustered_keywords(
    con: duckdb.DuckDBPyConnection, day: date, most_users: int, also: Sequence[str] = ()
) -> pl.DataFrame:
    """user_id, keyword of users as last clustered by the end of ``day``; sorted.

    Args:
        most_users: Of more users, those with the lowest MD5 of their id are taken.
        also: Users who are taken in any case.
    """
    return con.execute(
        """
        WITH latest AS (
          SELECT user_id, max(partition_date) AS partition_date FROM main.inference_ledger
          WHERE partition_date <= $day GROUP BY user_id
        ), wanted AS (
          SELECT * FROM latest QUALIFY row_number() OVER (ORDER BY md5(user_id), user_id) <= $most
          UNION
          SELECT * FROM latest WHERE user_id IN (SELECT unnest($also::VARCHAR[]))
        )
        SELECT user_id, unnest(keywords) AS keyword FROM main.journey_clusters
        JOIN wanted USING (user_id, partition_date) ORDER BY user_id, keyword
        """,
        {"day": day, "most": most_users, "also": list(also)},
    ).pl()


def clustered_users(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The ids of all users who were ever clustered, in order."""
    users: list[str] = (
        con.sql("SELECT DISTINCT user_id FROM main.inference_ledger ORDER BY user_id").pl()["user_id"].to_list()
    )
    return users


def live_states(con: duckdb.DuckDBPyConnection, day: date, horizon_days: int, shard: Shard = EVERYONE) -> pl.DataFrame:
    """Users within the horizon as of ``day``, with the partition of their latest inference: user_id, partition_date."""
    return con.execute(
        f"""
        SELECT user_id, max(partition_date) AS partition_date FROM main.inference_ledger
        WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day
          AND {shard.sql()}
        GROUP BY user_id HAVING max_by(window_end_date, partition_date) > $day - $horizon::INTEGER ORDER BY user_id
        """,
        {"day": day, "horizon": horizon_days},
    ).pl()


def live_states_by_day(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], horizon_days: int, shard: Shard = EVERYONE
) -> dict[date, pl.DataFrame]:
    """:func:`live_states` of each of ``days``."""
    return {day: live_states(con, day, horizon_days, shard) for day in days}


def all_states(states: Mapping[date, pl.DataFrame]) -> pl.DataFrame:
    """The distinct inferences of several days: user_id, partition_date."""
    return pl.concat(states.values()).unique(maintain_order=True)


def journeys_in(con: duckdb.DuckDBPyConnection, states: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """``columns`` of the journeys that the inferences ``states`` (user_id, partition_date) found.

    Most of journey_clusters is lists and vectors, so name only the columns that you need.
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


def sizes_of_clusters(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The clusters computed on ``day``: n_keywords, is_journey; unordered."""
    return con.execute(
        "SELECT n_keywords, is_journey FROM main.journey_clusters WHERE partition_date = $day", {"day": day}
    ).pl()


def users_not_by_pipeline(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> int:
    """How many users a language model inferred on ``days``; a user counts once for each day."""
    row = con.execute(
        "SELECT count(DISTINCT (user_id, partition_date)) FROM main.journey_clusters "
        "WHERE partition_date IN (SELECT unnest($days::DATE[])) AND inferred_by <> $pipeline",
        {"days": list(days), "pipeline": PIPELINE},
    ).fetchone()
    return int(row[0]) if row else 0


def example_clusters(con: duckdb.DuckDBPyConnection, day: date, n_rows: int) -> pl.DataFrame:
    """The first journeys computed on ``day`` by user and id: user_id, journey_id, medoid, keywords, cohesion."""
    return con.execute(
        f"""
        SELECT user_id, journey_id, medoid, keywords, cohesion FROM main.journey_clusters
        WHERE partition_date = $day AND is_journey ORDER BY user_id, journey_id LIMIT {n_rows}
        """,
        {"day": day},
    ).pl()


def users_with_words(con: duckdb.DuckDBPyConnection, states: pl.DataFrame, phrases: Sequence[str]) -> pl.DataFrame:
    """Users of ``states`` (user_id, partition_date) with a journey of which a keyword contains one of ``phrases``.

    A keyword contains itself and every run of its words.

    Returns:
        user_id; distinct.
    """
    con.register("states", states.to_arrow())
    con.register("phrases", pl.DataFrame({"phrase": phrases}, schema={"phrase": pl.String}).to_arrow())
    rows = con.sql(
        """
        WITH members AS (
          SELECT DISTINCT user_id, unnest(keywords) AS keyword
          FROM main.journey_clusters JOIN states USING (user_id, partition_date) WHERE is_journey
        ), texts AS (
          SELECT keyword FROM (SELECT DISTINCT keyword FROM members)
          WHERE EXISTS (SELECT 1 FROM phrases WHERE contains(' ' || keyword || ' ', ' ' || phrase || ' '))
        )
        SELECT DISTINCT user_id FROM members SEMI JOIN texts USING (keyword)
        """
    ).pl()
    con.unregister("states")
    con.unregister("phrases")
    return rows


def journey_days(con: duckdb.DuckDBPyConnection, journeys: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """What each user did for each journey, for each day from ``first`` to ``last`` with an engagement.

    Args:
        journeys: user_id, partition_date (of the inference), journey_id, keywords (list).

    Returns:
        user_id, partition_date, journey_id, day, n_searches, n_specific_keywords (members that were engaged with
        through more than a broad interest of an item); sorted.
    """
    wanted = journeys.select("user_id", "partition_date", "journey_id", "keywords")
    con.register("wanted_journeys", with_logged_ids(con, wanted, on="partition_date").to_arrow())
    rows = con.execute(
        """
        WITH members AS (
          SELECT user_id, logged_id, partition_date, journey_id, unnest(keywords) AS keyword FROM wanted_journeys
        )
        SELECT m.user_id, m.partition_date, m.journey_id, k.partition_date AS day,
               sum(n_searches)::BIGINT AS n_searches,
               count(DISTINCT k.keyword) FILTER (k.source <> 'interest') AS n_specific_keywords
        FROM main.keyword_table k JOIN members m ON m.logged_id = k.user_id AND m.keyword = k.keyword
        WHERE k.partition_date BETWEEN $first AND $last GROUP BY ALL ORDER BY 1, 2, 3, 4
        """,
        {"first": first, "last": last},
    ).pl()
    con.unregister("wanted_journeys")
    return rows


def visits(con: duckdb.DuckDBPyConnection, states: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """The days from ``first`` to ``last`` on which the users of ``states`` engaged with anything.

    Args:
        states: user_id, partition_date of their inferences.

    Returns:
        user_id, inferred_on, day; sorted. The days of a user without linked ids are the same for every inference of the
        user, and inferred_on is null. Otherwise there are days for each inference.
    """
    inferences = states.select("user_id", inferred_on="partition_date").unique()
    ids = with_logged_ids(con, inferences, on="inferred_on")
    linked = ids.filter(pl.col("logged_id") != pl.col("user_id"))["user_id"].unique()
    is_linked = pl.col("user_id").is_in(linked.implode())
    ids = ids.with_columns(inferred_on=pl.when(is_linked).then("inferred_on"))
    con.register("wanted_ids", ids.select("user_id", "inferred_on", "logged_id").unique().to_arrow())
    rows = con.execute(
        """
        SELECT DISTINCT w.user_id, w.inferred_on, k.partition_date AS day
        FROM main.keyword_table k JOIN wanted_ids w ON k.user_id = w.logged_id
        WHERE k.partition_date BETWEEN $first AND $last ORDER BY ALL
        """,
        {"first": first, "last": last},
    ).pl()
    con.unregister("wanted_ids")
    return rows


def engagement_history(
    con: duckdb.DuckDBPyConnection, states: pl.DataFrame, day: date, until: date, params: AlgorithmParams
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """:func:`journey_days` of the journeys that the inferences ``states`` found, and their users' :func:`visits`.

    Both go back as far as any rule needs for ``day``, and end with ``until``.
    """
    journeys = journeys_in(con, states, ("user_id", "partition_date", "journey_id", "keywords"))
    # The last engagement of a live journey is in the look-back window of a user who was active within the horizon.
    oldest = params.keywords.horizon_days + params.keywords.look_back_days + look_back_days(params.lifecycle)
    first = day - timedelta(days=oldest)
    return journey_days(con, journeys, first, until), visits(con, states, first, until)


def rows_of_other_versions(
    con: duckdb.DuckDBPyConnection, wanted: pl.DataFrame, last: date, horizon_days: int
) -> pl.DataFrame:
    """Rows of the wanted partitions that are of another algorithm version than the wanted one.

    Args:
        wanted: made_by (a table), partition_date, algorithm_version. Of ``inference_ledger``, the latest row of every
            user who is live on ``last`` counts, whatever its partition.

    Returns:
        made_by, partition_date, algorithm_version (the one that the rows have), n_rows.
    """
    latest = """
        SELECT max(partition_date) AS partition_date, max_by(algorithm_version, partition_date) AS algorithm_version
        FROM main.inference_ledger
        WHERE partition_date > $last - $horizon::INTEGER AND partition_date <= $last
        GROUP BY user_id HAVING max_by(window_end_date, partition_date) > $last - $horizon::INTEGER
    """
    con.register("wanted_versions", wanted.to_arrow())
    parts = []
    for table in wanted["made_by"].unique().sort():
        is_ledger = table == "inference_ledger"
        rows, same_day = (
            (f"({latest})", "true") if is_ledger else (f"main.{table}", "t.partition_date = w.partition_date")
        )
        parts.append(
            f"SELECT w.made_by, t.partition_date, t.algorithm_version, count(*) AS n_rows FROM {rows} t "
            f"JOIN wanted_versions w ON w.made_by = '{table}' AND {same_day} "
            "WHERE t.algorithm_version <> w.algorithm_version GROUP BY ALL"
        )
    found = con.execute(" UNION ALL ".join(parts) + " ORDER BY ALL", {"last": last, "horizon": horizon_days}).pl()
    con.unregister("wanted_versions")
    return found
