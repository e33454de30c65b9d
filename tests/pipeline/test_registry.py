"""A stage is declared once: a toy stage that is added to the registry shows up everywhere."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import date, datetime

import dagster as dg
import duckdb
import polars as pl
import pytest

from journeys_assets.defs.build import build_definitions
from journeys_assets.domain.quality.monitors import bounded
from journeys_assets.domain.tables.table import Column, Table
from journeys_assets.operations.doctor import examine
from journeys_assets.operations.preview import preview
from journeys_assets.pipeline.monitors import QualityMonitor
from journeys_assets.pipeline.pipeline import Pipeline, RegistryError, build_pipeline
from journeys_assets.pipeline.registry import STAGES, SqlStage
from journeys_assets.pipeline.run import ContractError, run_days
from journeys_assets.pipeline.stage import Batch, Notes, Run, StageEntry
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox

DAY = date(2026, 3, 2)
NEXT = date(2026, 3, 3)

TOY = Table(
    "toy_counts",
    "Journeys of each user.",
    ("partition_date", "user_id"),
    (
        Column("partition_date", pl.Date(), "The day.", unit="UTC day"),
        Column("user_id", pl.String(), "The user."),
        Column("n_journeys", pl.Int64(), "Live journeys.", unit="journeys", minimum=1),
        Column("algorithm_version", pl.String(), "Version."),
    ),
)


@dataclass(frozen=True)
class Toy:
    """Counts the journeys of each user."""

    warehouse: Warehouse
    offset: int = 0

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        for day in run.days:
            rows = self.warehouse.query(
                "SELECT user_id, count(*) AS n_journeys FROM main.user_journeys WHERE partition_date = $day GROUP BY 1",
                {"day": day},
            )
            yield Batch([day], {TOY.name: rows.with_columns(pl.col("n_journeys") + self.offset)})
        return Notes({"note": "counted"})


def toy_monitors(_: object) -> list[QualityMonitor]:
    return [
        QualityMonitor(
            TOY.name,
            "toy_users",
            "Users that were counted.",
            (lambda con, day: con.execute(f"SELECT count(*) FROM main.{TOY.name}").fetchall()[0][0],),
            lambda day, n: bounded("toy_users", float(n), upper=0.0, advice="none"),
        )
    ]


ENTRY = StageEntry(
    TOY.name,
    "output",
    lambda context: Toy(context.deployment.warehouse),
    tables=(TOY,),
    upstream=("user_journeys",),
    parameters=("quality.max_psi",),
    keeps="recent",
    is_published=True,
    monitors=toy_monitors,
)


def with_toy(entry: StageEntry = ENTRY) -> tuple[StageEntry | SqlStage, ...]:
    """The registry with the toy stage after user_journeys."""
    place = [stage.name for stage in STAGES].index("user_journeys") + 1
    return (*STAGES[:place], entry, *STAGES[place:])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("toy"))
    words = ["wedding dress", "wedding dresses", "wedding dress long", "wedding dress lace"]
    rows = [("ann", w, datetime.combine(d, datetime.min.time())) for d in (DAY, NEXT) for w in words]
    sandbox.land({"search_events": pl.DataFrame(rows, schema=["user_id", "query", "searched_at"], orient="row")})
    return sandbox


@pytest.fixture(scope="module")
def pipeline(sandbox: Sandbox) -> Pipeline:
    return build_pipeline(sandbox.deployment, with_toy())


@pytest.fixture(scope="module")
def done(sandbox: Sandbox, pipeline: Pipeline) -> Sandbox:
    run_days(pipeline, DAY, NEXT)
    return sandbox


def test_its_rows_are_stamped_checked_and_counted(done: Sandbox, pipeline: Pipeline) -> None:
    rows = done.table(TOY.name)
    assert rows.select("partition_date", "user_id", "n_journeys").rows() == [(DAY, "ann", 1), (NEXT, "ann", 1)]
    assert rows["algorithm_version"].unique().to_list() == [pipeline.versions().of(TOY.name)]
    assert run_days(pipeline, NEXT, NEXT).rows[TOY.name] == 1


def test_it_is_an_asset_with_lineage_a_contract_and_its_monitor(sandbox: Sandbox) -> None:
    graph = build_definitions(sandbox.deployment, with_toy()).get_repository_def().asset_graph
    node = graph.get(dg.AssetKey(TOY.name))
    assert node.group_name == "output"
    assert node.parent_keys == {dg.AssetKey("user_journeys")}
    assert "dagster/column_schema" in node.metadata
    checks = {
        key.name: graph.get_check_spec(key).blocking for key in graph.asset_check_keys if key.asset_key == node.key
    }
    assert checks == {"contract": True, "toy_users": False}
    for reader in ("published_journeys", "closed_days"):
        assert node.key in graph.get(dg.AssetKey(reader)).parent_keys
    steps = {n.name for n in build_definitions(sandbox.deployment, with_toy()).resolve_job_def("daily_job").nodes}
    assert steps == {f"{group}_stages" for group in ("staging", "keywords", "journeys", "ranking", "output")}


def test_it_is_published_and_measured(done: Sandbox) -> None:
    with duckdb.connect(str(done.settings.published_path), read_only=True) as con:
        assert con.execute(f"SELECT count(*) FROM {TOY.name}").fetchall() == [(2,)]
    measured = done.table("quality_metrics").filter(monitor="toy_users")
    assert measured["passed"].to_list() == [False, False]


def test_retention_drops_its_old_days(done: Sandbox, new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("short")
    sandbox.home.mkdir()
    sandbox.home.joinpath("journeys.toml").write_text("output_retention_days = 1\n")
    for name in ("warehouse.duckdb", "first_day"):
        (sandbox.home / name).write_bytes((done.home / name).read_bytes())
    run_days(build_pipeline(sandbox.deployment, with_toy()), NEXT, NEXT)
    assert sandbox.table(TOY.name)["partition_date"].to_list() == [NEXT]


def test_doctor_knows_its_table_and_its_monitor(done: Sandbox, pipeline: Pipeline) -> None:
    embedder = done.deployment.embedder
    findings = {f.subject: f for f in examine(pipeline, done.settings, embedder, today=NEXT)}
    assert f"monitor toy_users of {TOY.name}" in findings
    assert "not made yet" not in findings["tables"].text


def test_doctor_names_a_table_that_is_not_made_yet(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("before")
    sandbox.pipeline.prepare()
    pipeline = build_pipeline(sandbox.deployment, with_toy())
    findings = {f.subject: f for f in examine(pipeline, sandbox.settings, sandbox.deployment.embedder, today=NEXT)}
    assert findings["tables"].text.endswith(f"not made yet: {TOY.name}")


def test_preview_runs_it(done: Sandbox, pipeline: Pipeline) -> None:
    assert preview(pipeline, done.home, NEXT).summary.rows[TOY.name] == 1


def test_rows_that_break_the_contract_are_never_written(done: Sandbox) -> None:
    broken = replace(ENTRY, make=lambda context: Toy(context.deployment.warehouse, offset=-5))
    before = done.table(TOY.name)
    with pytest.raises(ContractError, match=r"toy_counts for 2026-03-03.*n_journeys: below 1 \(1 rows\)"):
        run_days(build_pipeline(done.deployment, with_toy(broken)), NEXT, NEXT)
    assert done.table(TOY.name).equals(before)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (replace(ENTRY, upstream=("quality_metrics",)), "reads quality_metrics, which no stage before it makes"),
        (replace(ENTRY, upstream=("nonsense",)), "reads nonsense"),
        (replace(ENTRY, tables=(replace(TOY, name="user_journeys"),)), "two stages make user_journeys"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(sandbox: Sandbox, entry: StageEntry, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        build_pipeline(sandbox.deployment, with_toy(entry))


def test_a_sql_model_without_an_entry_is_named(sandbox: Sandbox) -> None:
    stages = [stage for stage in STAGES if stage.name != "current_journeys"]
    with pytest.raises(RegistryError, match="without an entry in the registry: current_journeys"):
        build_pipeline(sandbox.deployment, stages)
