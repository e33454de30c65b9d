"""A synthetic world with the tables that the lifecycle evaluation needs. Its true themes are the journeys.

Kind, stage and intent come from the real rules; the earlier stages of the pipeline are replaced by the truth. So only
the lifecycle rules can change the figures, and a sufficiently long world takes seconds.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.lifecycle.evidence import p_ended_by_fixed_gap, seasons_before, silence_features
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.evaluation.data.study import Study
from journeys_assets.storage.queries import inference
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.support.sql_world import SqlWorld

MIN_KEYWORDS = 2
ALL_DAYS_OF_THE_KEYWORD_TABLE = """
    SELECT event_date AS partition_date, user_id, keyword, source, count(*) FILTER (action = 'search') AS n_searches,
           count(*) FILTER (action = 'closeup') AS n_closeups, count(*) FILTER (action = 'save') AS n_saves,
           count(*) FILTER (action = 'clickthrough') AS n_clickthroughs,
           count(*) FILTER (action = 'board_pin') AS n_board_pins
    FROM main.int_keyword_events GROUP BY ALL
"""
"""The SQL model builds one day at a time, which takes a minute for hundreds of days."""

CLUSTERS = """
    WITH active AS (
      SELECT user_id, max(partition_date) AS window_end_date FROM main.keyword_table
      WHERE partition_date <= $day GROUP BY ALL
    ), members AS (
      SELECT user_id, theme, keyword, window_end_date, min(partition_date) AS first_day, max(partition_date) AS last_day
      FROM main.keyword_table JOIN active USING (user_id) JOIN themes USING (user_id, keyword)
      WHERE partition_date BETWEEN window_end_date - $look_back::INTEGER + 1 AND $day GROUP BY ALL
    )
    SELECT $day AS partition_date, user_id, user_id || ' ' || theme AS journey_id, window_end_date,
           list(keyword ORDER BY keyword) AS keywords, count(*) AS n_keywords, true AS is_journey,
           min(first_day)::TIMESTAMP AS first_engaged_at, max(last_day)::TIMESTAMP AS last_engaged_at
    FROM members GROUP BY ALL HAVING count(*) >= $least
"""


def days_of(world: WorldParams, first_day: int, every_days: int) -> list[date]:
    """Every ``every_days``-th day of the world from ``first_day`` on, ending with the world's last day."""
    last_day = world.first_day + timedelta(days=world.n_days - 1)
    n = (world.n_days - 1 - first_day) // every_days
    return [last_day - timedelta(days=every_days * k) for k in range(n, -1, -1)]


def make_study(path: Path, world: WorldParams, days: Sequence[date], *, name: str) -> Study:
    """The world's log, with kind, stage and intent of its true themes as of ``days`` (weekly days are enough)."""
    made, params = generate_world(world), AlgorithmParams()
    tables = SqlWorld(path)
    _land(tables, made)
    _insert(tables, "main.keyword_table", tables.con.sql(ALL_DAYS_OF_THE_KEYWORD_TABLE).pl())
    themes = made.truth["truth_keywords"].filter(pl.col("theme").is_not_null())
    tables.con.register("themes", themes.select("user_id", "theme", keyword="normalised_keyword").to_arrow())
    for day in days:
        _infer(tables, day, params)
        _judge(tables, day, params)
    tables.con.close()
    last_day = world.first_day + timedelta(days=world.n_days - 1)
    return Study(name, Warehouse(path), list(days), last_day, params, made.truth)


def _land(tables: SqlWorld, world: World) -> None:
    def normalised(column: str) -> pl.Expr:
        return pl.col(column).map_elements(normalise, return_dtype=pl.String)

    def all_normalised(column: str) -> pl.Expr:
        return pl.col(column).list.eval(pl.element().map_elements(normalise, return_dtype=pl.String))

    landing = world.landing
    _insert(tables, "landing.search_events", landing["search_events"].with_columns(keyword=normalised("query")))
    _insert(tables, "landing.board_pins", landing["board_pins"].with_columns(board_keyword=normalised("board_name")))
    _insert(tables, "landing.pin_engagements", landing["pin_engagements"])
    pins = landing["pins"].with_columns(
        annotation_keywords=all_normalised("annotations"), interest_keywords=all_normalised("interests")
    )
    _insert(tables, "landing.pins", pins)


def _insert(tables: SqlWorld, table: str, rows: pl.DataFrame) -> None:
    if table.startswith("landing."):
        rows = rows.with_columns(ingest_seq=pl.lit(1, dtype=pl.Int64))
    tables.con.register("incoming", rows.to_arrow())
    tables.con.execute(f"INSERT INTO {table} BY NAME FROM incoming")
    tables.con.unregister("incoming")


def _infer(tables: SqlWorld, day: date, params: AlgorithmParams) -> None:
    bounds = {"day": day, "look_back": params.keywords.look_back_days, "least": MIN_KEYWORDS}
    clusters = tables.con.execute(CLUSTERS, bounds).pl()
    _insert(tables, "main.journey_clusters", clusters)
    own = ["partition_date", "user_id"]
    _insert(tables, "main.inference_ledger", clusters.select(*own, "window_end_date").unique(maintain_order=True))
    _insert(tables, "main.user_journeys", clusters.select(*own, "journey_id", "keywords", "first_engaged_at"))


def _judge(tables: SqlWorld, day: date, params: AlgorithmParams) -> None:
    live = tables.build("journey_features", day).select("user_id", "journey_id")
    states = inference.live_states(tables.con, day, params.keywords.horizon_days)
    journeys, visits = inference.engagement_history(tables.con, states, day, day, params)
    own = ["user_id", "journey_id"]
    features = silence_features(journeys, visits, day, params.lifecycle).join(live, on=own, how="semi")
    evidence = features.join(p_ended_by_fixed_gap(features), on=own).join(
        seasons_before(journeys, visits, day, params.lifecycle), on=own, how="left"
    )
    _insert(tables, "main.stage_evidence", evidence.with_columns(partition_date=pl.lit(day)))
    tables.build("stage_labels", day)
