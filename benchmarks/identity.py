"""Stability of the ids and names of journeys from one inference of their user to the next.

    python benchmarks/identity.py HOME [--users 2000]

HOME is a deployment that has run (``JOURNEYS_HOME``). Its keyword table, vectors and inference ledger are read; nothing
is written. Clusters, ids and names of every inference are computed again with the current code. Journeys of consecutive
inferences of a user are matched by their keywords, regardless of their ids: mutual best Jaccard of at least 0.5.
Matched journeys continue; a chain of them is a life.

* id changed: share of continuing journeys whose id changes. By cause: the keyword that the id was made from has left
the
  window; it is in another cluster; it is still in the journey, but the id is made from another keyword.
* id elsewhere: share of continuing journeys whose old id now belongs to another cluster of the user.
* lives: those longer than 90 days; with a single id; changes of id per month of life.
* name changed: share of continuing journeys whose name changes; also of those whose keywords are unchanged.
* areas: the same for areas, matched by the keywords of their journeys; also of those with several journeys.

"earliest in a year" is the rule of the first revisions: the id of the earliest keyword in the window, by its first
engagement within 365 days. The commonness of each keyword is fixed at the last day that has it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

LEAST_OVERLAP = 0.5
LONG_LIFE = timedelta(days=90)
DAYS_PER_MONTH = 30.4

_INFERENCE = ["user_id", "window_end_date"]
Rule = Callable[[pl.DataFrame, pl.DataFrame], pl.Series]
"""Computes an id for each cluster, from the clusters of some users as of one day and their history."""


def earliest_in_a_year(clusters: pl.DataFrame, engaged: pl.DataFrame) -> pl.Series:
    """Id of the earliest keyword of each cluster, by first engagement within 365 days before the window's end.

    Args:
        clusters: user_id, keywords.
        engaged: user_id, keyword, year_first_engaged_at.
    """
    members = clusters.with_row_index("cluster").select("cluster", "user_id", keyword="keywords").explode("keyword")
    first = (
        members.join(engaged, on=["user_id", "keyword"])
        .sort("cluster", "year_first_engaged_at", "keyword")
        .group_by("cluster", maintain_order=True)
        .first()
    )
    return pl.Series([journey_id(u, k) for u, k in first.select("user_id", "keyword").iter_rows()])


RULES: dict[str, Rule] = {
    "earliest in a year": earliest_in_a_year,
    "production": lambda clusters, _: clusters["journey_id"],
}


def inferences(con: duckdb.DuckDBPyConnection, n_users: int, params: AlgorithmParams) -> pl.DataFrame:
    """Every cluster of every inference of ``n_users`` users (first by id), with its name and its id by every rule.

    Returns:
        cluster (a number), user_id, window_end_date, keywords, is_journey, journey_name, name_keyword, area_id, and a
        column for each of ``RULES``.
    """
    states = con.execute(
        """
        SELECT DISTINCT user_id, window_end_date FROM main.inference_ledger
        WHERE user_id IN (SELECT DISTINCT user_id FROM main.inference_ledger ORDER BY 1 LIMIT $n) ORDER BY 2, 1
        """,
        {"n": n_users},
    ).pl()
    model = con.sql("SELECT max_by(embedding_model, partition_date) AS m FROM main.keyword_embeddings").pl()["m"][0]
    every = con.sql("SELECT DISTINCT keyword FROM main.keyword_table ORDER BY 1").pl()["keyword"].to_list()
    vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", every, model))
    commonness = con.sql(
        "SELECT keyword, max_by(pin_share, partition_date) AS commonness FROM main.keyword_commonness GROUP BY 1"
    ).pl()
    parts = []
    for (day,), users in states.group_by("window_end_date", maintain_order=True):
        assert isinstance(day, date)
        history = keyword_queries.keyword_history(con, users, day)
        clusters = cluster_users(
            keyword_queries.window_keywords(con, users, day, params.keywords, params.actions),
            history,
            vectors,
            params.clustering,
        ).join(users, on="user_id")
        facts = keyword_queries.keyword_facts(con, clusters, day, params.keywords).drop("commonness")
        facts = facts.join(commonness, on="keyword", how="left")
        names = name_journeys(clusters.filter("is_journey"), facts, params.naming)
        engaged = con.execute(
            """
            SELECT user_id, keyword, min(first_engaged_at) AS year_first_engaged_at FROM main.keyword_table
            WHERE partition_date > $day - 365 AND partition_date <= $day AND user_id IN (SELECT unnest($users))
            GROUP BY ALL
            """,
            {"day": day, "users": users["user_id"].to_list()},
        ).pl()
        parts.append(
            clusters.with_columns(rule(clusters, engaged).alias(name) for name, rule in RULES.items())
            .join(names.drop("keywords"), on=["user_id", "journey_id"], how="left")
            .select(*_INFERENCE, "keywords", "is_journey", "journey_name", "name_keyword", "area_id", *RULES)
        )
    return pl.concat(parts).sort(*_INFERENCE, "production").with_row_index("cluster")


def continuing_journeys(clusters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of matched journeys of consecutive inferences of one user: before, after (cluster numbers)."""
    ends = clusters.select(_INFERENCE).unique().sort(_INFERENCE)
    ends = ends.with_columns(next_end=pl.col("window_end_date").shift(-1).over("user_id")).drop_nulls()
    journeys = clusters.filter("is_journey").with_columns(size=pl.col("keywords").list.len())
    members = journeys.select(*_INFERENCE, "cluster", "size", keyword="keywords").explode("keyword")
    later = members.rename({"window_end_date": "next_end"})
    common = (
        members.join(ends, on=_INFERENCE)
        .join(later, on=["user_id", "next_end", "keyword"], suffix="_after")
        .group_by("cluster", "cluster_after", "size", "size_after")
        .agg(pl.len().alias("common"))
        .with_columns(overlap=pl.col("common") / (pl.col("size") + pl.col("size_after") - pl.col("common")))
        .filter(pl.col("overlap") >= LEAST_OVERLAP)
        .sort(pl.col("overlap"), "cluster", "cluster_after", descending=[True, False, False])
    )
    best = common.with_columns(
        first=pl.int_range(pl.len()).over("cluster"), first_after=pl.int_range(pl.len()).over("cluster_after")
    ).filter((pl.col("first") == 0) & (pl.col("first_after") == 0))
    return best.select(before="cluster", after="cluster_after").sort("before")


def compared(clusters: pl.DataFrame, pairs: pl.DataFrame, rule: str, givers: pl.DataFrame) -> pl.DataFrame:
    """For each pair, what became of the id by ``rule``.

    Args:
        givers: user_id, id, keyword: the keyword that each possible id was made from.

    Returns:
        before, after, is_changed, cause (null where not changed), is_elsewhere.
    """
    facts = clusters.select("cluster", *_INFERENCE, id=rule)
    rows = pairs.join(facts, left_on="before", right_on="cluster").join(
        facts.drop("user_id"), left_on="after", right_on="cluster", suffix="_after"
    )
    rows = rows.join(givers, on=["user_id", "id"], how="left")
    members = clusters.select(*_INFERENCE, holder="cluster", keyword="keywords").explode("keyword")
    named = clusters.select(*_INFERENCE, id=rule, named="cluster")
    then = ["user_id", "window_end_date_after"]
    rows = rows.join(members, left_on=[*then, "keyword"], right_on=[*_INFERENCE, "keyword"], how="left")
    rows = rows.join(named, left_on=[*then, "id"], right_on=[*_INFERENCE, "id"], how="left")
    return rows.select(
        "before",
        "after",
        is_changed=pl.col("id") != pl.col("id_after"),
        is_elsewhere=pl.col("named").is_not_null() & (pl.col("named") != pl.col("after")),
        cause=pl.when(pl.col("id") == pl.col("id_after"))
        .then(None)
        .when(pl.col("holder").is_null())
        .then(pl.lit("left the window"))
        .when(pl.col("holder") != pl.col("after"))
        .then(pl.lit("in another cluster"))
        .otherwise(pl.lit("another gives it")),
    ).sort("before")


def lives(clusters: pl.DataFrame, pairs: pl.DataFrame) -> list[list[int]]:
    """Chains of matched journeys that last longer than ``LONG_LIFE``, as cluster numbers in order of time."""
    ends = clusters["window_end_date"].to_list()
    chains: dict[int, list[int]] = {}
    for before, after in pairs.sort("after").iter_rows():
        chain = chains.pop(before, [before])
        chains[after] = [*chain, after]
    return [chain for chain in chains.values() if ends[chain[-1]] - ends[chain[0]] > LONG_LIFE]


def report(clusters: pl.DataFrame) -> None:
    pairs = continuing_journeys(clusters)
    long = lives(clusters, pairs)
    ends = clusters["window_end_date"].to_list()
    months = sum((ends[life[-1]] - ends[life[0]]).days for life in long) / DAYS_PER_MONTH
    users, n = clusters["user_id"].n_unique(), max(pairs.height, 1)
    n_inferences = clusters.select(_INFERENCE).n_unique()
    print(f"{users:,} users, {n_inferences:,} inferences, {pairs.height:,} continuing journeys,")
    print(f"{len(long):,} lives of more than {LONG_LIFE.days} days ({months:,.0f} months)\n")
    known = clusters.select("user_id", keyword="keywords").explode("keyword").unique()
    givers = known.with_columns(id=pl.Series([journey_id(u, k) for u, k in known.iter_rows()], dtype=pl.String))
    causes = ("left the window", "in another cluster", "another gives it")
    print(
        f"{'id by':<20}{'id changed':>12}"
        + "".join(f"{c:>20}" for c in causes)
        + f"{'id elsewhere':>14}{'lives of one id':>17}{'changes a month':>17}"
    )
    for rule in RULES:
        rows = compared(clusters, pairs, rule, givers)
        ids = clusters[rule].to_list()
        of_lives = [[ids[cluster] for cluster in life] for life in long]
        changes = sum(a != b for life in of_lives for a, b in itertools.pairwise(life))
        shares = "".join(f"{(rows['cause'] == c).sum() / n:>20.2%}" for c in causes)
        one = sum(len(set(life)) == 1 for life in of_lives) / max(len(long), 1)
        print(
            f"{rule:<20}{rows['is_changed'].sum() / n:>12.2%}{shares}{rows['is_elsewhere'].sum() / n:>14.2%}"
            f"{one:>17.1%}{changes / max(months, 1e-9):>17.3f}"
        )
    report_names(clusters, pairs)
    report_areas(clusters)


def report_areas(clusters: pl.DataFrame) -> None:
    areas = (
        clusters.filter("is_journey")
        .group_by(*_INFERENCE, "area_id", maintain_order=True)
        .agg(keywords=pl.col("keywords").list.explode(), n_journeys=pl.len(), is_journey=pl.lit(value=True))
        .with_row_index("cluster")
    )
    pairs = continuing_journeys(areas)
    ids, sizes = areas["area_id"].to_list(), areas["n_journeys"].to_list()
    several = [(a, b) for a, b in pairs.iter_rows() if max(sizes[a], sizes[b]) > 1]
    for title, own in (("areas", pairs.rows()), ("of several journeys", several)):
        changed = sum(ids[a] != ids[b] for a, b in own)
        print(f"{title}: {len(own):,} continue, id changed {changed / max(len(own), 1):.2%}")


def report_names(clusters: pl.DataFrame, pairs: pl.DataFrame) -> None:
    names, given_by = clusters["journey_name"].to_list(), clusters["name_keyword"].to_list()
    keywords = [frozenset(members) for members in clusters["keywords"].to_list()]
    changed = [(a, b) for a, b in pairs.iter_rows() if names[a] != names[b]]
    still = sum(given_by[a] in keywords[b] for a, b in changed)
    same = [(a, b) for a, b in pairs.iter_rows() if keywords[a] == keywords[b]]
    flips = sum(names[a] != names[b] for a, b in same)
    print(
        f"\nname changed {len(changed) / max(pairs.height, 1):.2%}, with the old name still a keyword of the journey "
        f"{still / max(pairs.height, 1):.2%};\nwith unchanged keywords {flips / max(len(same), 1):.2%} of "
        f"{len(same):,}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--users", type=int, default=1_000_000, help="at most this many users, the first by id")
    options = parser.parse_args()
    warehouse = options.home / "warehouse.duckdb"
    if not warehouse.exists():
        sys.exit(f"{warehouse} does not exist; give the home of a deployment that has run for some months")
    params = AlgorithmParams()
    with Warehouse(warehouse).reading() as con:
        clusters = inferences(con, options.users, params)
    report(clusters)


if __name__ == "__main__":
    main()
