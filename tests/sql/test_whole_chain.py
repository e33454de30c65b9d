"""All models over several days on a real warehouse: what a mart's rows may depend on, and what not.

A small stand-in for the Python stages makes clusters, names and ranks from each user's own keywords, so that whatever
leaks into one mart shows in those after it.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.domain.tables.pipeline import (
    INFERENCE_LEDGER,
    JOURNEY_CLUSTERS,
    JOURNEY_NAMES,
    PIPELINE_TABLES,
    RANKED_JOURNEYS,
    STAGE_EVIDENCE,
)
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.sql_world import DAY, MODELS, VERSION, ago, at, filled, pin, search, variables

pytestmark = pytest.mark.slow

MARTS = ("keyword_commonness", "keyword_table", "journey_features", "stage_labels", "user_journeys")
VIEWS = tuple(name for name, model in MODELS.items() if model.materialized == "view")
DAYS = (ago(40), ago(5), DAY)
FUTURE = (DAY + timedelta(days=1), DAY + timedelta(days=40))
USERS = ("ann", "bob", "cem")
WORDS = ("Tiles", "TILES", "tiles", "Sink", "Lamp", "lamp", "Roses", "Soil")
Log = dict[str, list[dict[str, object]]]


class Chain:
    """A warehouse in which every stage has run for some days."""

    def __init__(self, folder: Path, log: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        ensure_landing(self.warehouse)
        self.warehouse.ensure(*PIPELINE_TABLES.values(), *(MODELS[name].table for name in MARTS))
        for name in VIEWS:
            with self.warehouse.writing() as con:
                con.execute(f"CREATE OR REPLACE VIEW main.{name} AS {MODELS[name].render({})}")
        with self.warehouse.writing() as con:
            for source, rows in log.items():
                con.register("incoming", filled(LANDING_TABLES[source], rows).to_arrow())
                con.execute(f"INSERT INTO landing.{source} BY NAME FROM incoming")
                con.unregister("incoming")

    def run(self, *days: date) -> "Chain":
        for day in days:
            self._build(day, "keyword_commonness", "keyword_table")
            self._infer(day)
            self._build(day, "journey_features")
            self._name_and_rank(day)
            self._build(day, "stage_labels", "user_journeys")
        return self

    def rows(self, relation: str) -> pl.DataFrame:
        return self.warehouse.query(f"SELECT * FROM main.{relation} ORDER BY ALL")

    def _build(self, day: date, *marts: str) -> None:
        for mart in marts:
            # Half of the catalogue's few items would do for "generic" with the default bounds.
            rows = self.warehouse.query(MODELS[mart].render(variables(day, generic_share=0.6)))
            self.warehouse.replace_partitions(MODELS[mart].table, rows, [day])

    def _keep(self, table: Table, day: date, frame: pl.DataFrame) -> None:
        rows = [{**row, "partition_date": day, "algorithm_version": VERSION} for row in frame.to_dicts()]
        self.warehouse.replace_partitions(table, filled(table, rows), [day])

    def _infer(self, day: date) -> None:
        """Every user active on the day anew: one journey of the shorter and one of the longer keywords.

        All users' journeys have the same two ids, so that a join that forgets the user is seen.
        """
        engaged = self.warehouse.query(
            "SELECT *, CASE WHEN length(keyword) > 4 THEN 'long' ELSE 'short' END AS journey_id "
            f"FROM main.keyword_table WHERE partition_date BETWEEN DATE '{day}' - 89 AND DATE '{day}'"
        )
        active = engaged.filter(pl.col("partition_date") == day)["user_id"].unique()
        engaged = engaged.filter(pl.col("user_id").is_in(active.to_list()))
        clusters = engaged.group_by("user_id", "journey_id").agg(
            pl.col("keyword").unique().sort().alias("keywords"),
            pl.col("keyword").n_unique().cast(pl.Int64).alias("n_keywords"),
            pl.col("first_engaged_at").min(),
            pl.col("last_engaged_at").max(),
        )
        window = pl.lit(day).alias("window_end_date")
        self._keep(INFERENCE_LEDGER, day, active.sort().to_frame("user_id").with_columns(window))
        self._keep(JOURNEY_CLUSTERS, day, clusters.with_columns(window, pl.lit(True).alias("is_journey")))

    def _name_and_rank(self, day: date) -> None:
        said = f"SELECT user_id, journey_id, verdict FROM main.stg_journey_feedback WHERE event_date = DATE '{day}'"
        live = self.warehouse.query(
            "SELECT user_id, journey_id, keywords, keywords[1] AS journey_name, max(verdict) AS feedback FROM "
            f"({MODELS['int_live_journeys'].render(variables(day, generic_share=0.6))}) LEFT JOIN "
            f"({said}) USING (user_id, journey_id) GROUP BY ALL"
        )
        self._keep(JOURNEY_NAMES, day, live.drop("feedback"))
        rank = pl.col("journey_id").rank().over("user_id").cast(pl.Int64).alias("rank")
        self._keep(RANKED_JOURNEYS, day, live.select("user_id", "journey_id", "feedback", rank))
        p_ended = 1.0 / (1.0 + pl.col("keywords").list.len() + pl.col("user_id").str.len_bytes())
        self._keep(STAGE_EVIDENCE, day, live.select("user_id", "journey_id", p_ended=p_ended))


def some_log(seed: int, days: Sequence[date], users: Sequence[str] = USERS) -> Log:
    """Actions of each user, drawn apart for each user and day; ties of every kind."""
    log: Log = {"search_events": [], "pin_engagements": [], "board_pins": [], "journey_feedback": []}
    for user in users:
        for day in days:
            chance = random.Random(f"{seed} {user} {day}")
            times = [at(day, hour) for hour in (0, 9, 9, 23)]
            for time in times:
                item = f"p{chance.randrange(8)}"
                log["search_events"].append(search(user, chance.choice(WORDS), time))
                action = chance.choice(["closeup", "save", "clickthrough"])
                log["pin_engagements"].append({"user_id": user, "pin_id": item, "action": action, "engaged_at": time})
                # One load has the same event twice, with two names: neither is later.
                board = {"user_id": user, "board_id": "b", "pin_id": item, "saved_at": time}
                for name in chance.sample(("Home", "home", "Garden", None), 2):
                    keyword = None if name is None else name.lower()
                    log["board_pins"].append({**board, "board_name": name, "board_keyword": keyword})
            said = {"user_id": user, "verdict": chance.choice(["finished", "more"]), "given_at": chance.choice(times)}
            log["journey_feedback"].append({**said, "journey_id": chance.choice(["long", "short"])})
    return {source: distinct(rows) if source != "board_pins" else rows for source, rows in log.items()}


def distinct(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """As ingestion leaves it: the same event once."""
    return list({tuple(row.items()): row for row in rows}.values())


def catalogue() -> Log:
    """Eight pins; two have two versions from one load."""
    chance = random.Random(11)
    pins = [pin(f"p{n}", chance.sample(WORDS, 3), chance.sample(WORDS, 1)) for n in range(8)]
    return {"pins": [*pins, pin("p0", ["Lamp"], ["Home"]), pin("p1", None, ["Roses", "Soil"])]}


NOT_IN_THE_LOG = ("stg_users", "stg_notification_events", "stg_identity_aliases")
"""Models whose sources these logs do not have."""


def assert_same(one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame]) -> None:
    for name in one:
        assert one[name].height > 0 or name in NOT_IN_THE_LOG, f"{name} has no row"
        assert_frame_equal(one[name], other[name], check_exact=True)


SEED = 0


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The undisturbed run of the log, which others are held against."""
    return Chain(tmp_path_factory.mktemp("calm"), some_log(SEED, DAYS) | catalogue()).run(*DAYS)


def test_the_order_of_the_log_does_not_matter(calm: Chain, tmp_path: Path) -> None:
    log = some_log(SEED, DAYS) | catalogue()
    shuffled = {source: random.Random(SEED).sample(rows, len(rows)) for source, rows in log.items()}
    mixed = Chain(tmp_path, shuffled).run(*DAYS)
    relations = (*MARTS, *VIEWS)
    assert_same({name: calm.rows(name) for name in relations}, {name: mixed.rows(name) for name in relations})


def test_what_comes_after_a_day_changes_none_of_its_rows(calm: Chain, tmp_path: Path) -> None:
    """Neither a later log that is there already, nor later days that were run, nor running a day again."""
    later = Chain(tmp_path / "later", some_log(SEED, (*DAYS, *FUTURE), (*USERS, "dora")) | catalogue())
    later.run(*DAYS, *FUTURE)
    later.run(DAY)
    users = pl.col("user_id") != "dora"
    for mart in MARTS:
        after = later.rows(mart)
        assert after["partition_date"].max() == FUTURE[-1]
        kept = after.filter(pl.col("partition_date") <= DAY)
        assert_same({mart: calm.rows(mart)}, {mart: kept.filter(users) if "user_id" in kept.columns else kept})


def test_rows_of_a_user_do_not_depend_on_other_users(calm: Chain, tmp_path: Path) -> None:
    for user in (USERS[0], USERS[-1]):  # a row of any user in place of one's own is often that of the first or last
        alone = Chain(tmp_path / user, some_log(SEED, DAYS, [user]) | catalogue()).run(*DAYS)
        for name in (*MARTS[1:], "current_journeys"):
            assert_same({name: alone.rows(name)}, {name: calm.rows(name).filter(pl.col("user_id") == user)})


def test_an_inactive_user_has_rows_on_every_day_within_the_horizon(tmp_path: Path) -> None:
    seen_last = ago(179)
    log = some_log(2, [seen_last], ["ann"])
    rows = Chain(tmp_path, log | catalogue()).run(seen_last, DAY, DAY + timedelta(days=1)).rows("user_journeys")
    assert set(rows["partition_date"]) == {seen_last, DAY}
    assert set(rows.filter(pl.col("partition_date") == DAY)["days_since_last_engaged"]) == {179}
