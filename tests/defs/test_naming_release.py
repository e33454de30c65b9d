"""journey_names and naming_release: released weights name the days after them, for every user, and only those days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.defs.assets.training import NOT_RELEASED
from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.jobs import TRAINING_JOB
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.models.naming import training as naming_training
from journeys_assets.models.naming.release import PACKAGED, NamerRelease, save
from journeys_assets.pipeline.registry import NAMING_WEIGHTS
from journeys_assets.storage.queries.labels import naming_rows
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.naming_rows import judged

FIRST = date(2026, 3, 2)
N_DAYS = 3
LAST = FIRST + timedelta(days=N_DAYS - 1)
LIVE_FROM = FIRST + timedelta(days=1)
WORLD = WorldParams(seed=3, n_users=10, n_days=N_DAYS, first_day=FIRST, annotation_share=0.0)
OWN = ["partition_date", "user_id", "journey_id"]


def release_from(day: date, *sandboxes: Sandbox) -> NamerRelease:
    """Weights of annotators who go by what the packaged weights hardly look at."""
    as_of = day - timedelta(days=1)
    rows = judged({"topicality": 5.0, "several_words": -2.0}).with_columns(known_on=pl.lit(as_of))
    algorithm = sandboxes[0].deployment.algorithm
    release = naming_training.train_namer(rows, as_of=as_of, naming=algorithm.naming, params=algorithm.name_training)
    assert naming_training.refusal(release) is None
    for sandbox in sandboxes:
        save(release, sandbox.deployment.releases("naming"))
    return release


@dataclass(frozen=True)
class Run:
    """The same log, run as one range and day by day with a release, and what the latter held before there was one."""

    at_once: Sandbox
    daily: Sandbox
    names_without: pl.DataFrame
    version: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    world = generate_world(WORLD).landing
    folder = tmp_path_factory.mktemp("names")
    at_once, daily = Sandbox(folder / "once"), Sandbox(folder / "daily")
    for sandbox in (at_once, daily):
        sandbox.land({name: rows for name, rows in world.items() if rows.height})
    daily.run(FIRST, LAST)
    names_without = daily.table("journey_names")
    version = release_from(LIVE_FROM, at_once, daily).version
    at_once.run(FIRST, LAST)
    for day in pl.date_range(LIVE_FROM, LAST, eager=True):
        daily.run(day, day)
    return Run(at_once, daily, names_without, version)


def test_a_release_names_every_live_journey_from_its_first_day_on(run: Run) -> None:
    names, before = run.at_once.table("journey_names"), pl.col("partition_date") < LIVE_FROM
    assert names.filter(before)["named_by"].unique().to_list() == [PACKAGED]
    assert names.filter(~before)["named_by"].unique().to_list() == [run.version]
    assert_frame_equal(names.filter(before), run.names_without.filter(before), check_exact=True)
    pairs = names.filter(~before).join(run.names_without, on=OWN, suffix="_without")
    assert pairs.height == names.filter(~before).height
    renamed = pairs.filter(pl.col("name_keyword") != pl.col("name_keyword_without"))
    # Users who did nothing since the release was made have names by it, too: no day mixes two ways to name.
    inferred = run.at_once.table("inference_ledger").filter(~before)["user_id"].unique()
    assert renamed.filter(pl.col("user_id").is_in(inferred.implode())).height > 0
    assert renamed.filter(~pl.col("user_id").is_in(inferred.implode())).height > 0


def test_a_range_is_as_day_by_day_and_as_a_full_inference(run: Run) -> None:
    for table in ("journey_names", "user_journeys", "journey_events", "notification_candidates"):
        assert_frame_equal(run.at_once.table(table), run.daily.table(table), check_exact=True)
    of_last = pl.col("partition_date") == LAST
    before = run.daily.table("user_journeys").filter(of_last)
    run.daily.run(LAST, LAST, full=True)
    assert_frame_equal(run.daily.table("user_journeys").filter(of_last), before, check_exact=True)


def test_training_sees_each_journey_as_it_was_named_then_and_tells_who_saw_its_name(run: Run) -> None:
    sandbox, day, of_day = run.at_once, FIRST + timedelta(days=1), pl.col("partition_date") == FIRST + timedelta(days=1)
    journeys = sandbox.table("user_journeys").filter(of_day).with_row_index("number")
    by_id = pl.col("number") % 2 == 0
    judged_rows = journeys.select(
        "user_id",
        journey_id=pl.when(by_id).then("journey_id"),
        keywords=pl.when(~by_id).then("keywords"),
        relevance=pl.lit(5),
        better_name=pl.col("keywords").list.last(),
        annotator_id=pl.lit("ann"),
        annotated_at=pl.lit(datetime(day.year, day.month, day.day, 12)),
    )
    sandbox.land({"journey_annotations": judged_rows}, name="judged")
    sandbox.deployment.warehouse.ensure(ANNOTATION_ITEMS)
    algorithm = sandbox.deployment.algorithm
    with sandbox.deployment.warehouse.reading() as con:
        rows = naming_rows(con, LAST, algorithm)
        assert naming_rows(con, FIRST, algorithm).is_empty(), "nobody had judged anything by then"
    numbers = journeys.select("journey_id", "number", user="user_id")
    known = rows.join(numbers, on=["user", "journey_id"])
    assert known.select("user", "journey_id").n_unique() == journeys.height > 5
    # Who judges a journey by its id may have seen its name.
    assert (known["blind_grade"].is_null() == (known["number"] % 2 == 0)).all()
    assert known.group_by("number").agg(pl.col("grade").max())["grade"].to_list() == [1.0] * journeys.height
    again = naming_training.named(rows, algorithm.naming).select("user", "journey_id", "keyword")
    stored = run.names_without.filter(of_day).select("user_id", "journey_id", stored=pl.col("keywords").list.first())
    pairs = again.join(stored, left_on=["user", "journey_id"], right_on=["user_id", "journey_id"])
    assert pairs.height == journeys.height
    assert pairs["keyword"].to_list() == pairs["stored"].to_list()


def test_few_names_release_nothing_and_say_why(run: Run) -> None:
    sandbox = run.daily
    definitions = build_definitions(sandbox.deployment)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(TRAINING_JOB).execute_in_process(
            instance=instance,
            run_config={"ops": {NAMING_WEIGHTS.name: {"config": {"as_of": LAST.isoformat()}}}},
            asset_selection=[dg.AssetKey(NAMING_WEIGHTS.name)],
        )
    (observation,) = result.asset_observations_for_node(NAMING_WEIGHTS.name)
    assert "too few names from annotators who were shown none" in str(observation.metadata[NOT_RELEASED].value)
    assert [path.name for path in sandbox.deployment.releases("naming").iterdir()] == [run.version]
