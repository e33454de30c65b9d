"""Monitors on a real deployment: a planted drift fires its check, and stands in quality_metrics on the right day."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg
import duckdb
import polars as pl
import pytest

from journeys_assets.defs.build import build_definitions
from journeys_assets.operations.doctor import Finding
from journeys_assets.pipeline.monitors import QualityMonitor
from journeys_assets.pipeline.run import RunSummary
from journeys_assets.pipeline.stage import GROUPS
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=9)
USUAL = ["wedding dress", "wedding dresses", "wedding dress long", "wedding dress lace"]
MORE = [f"wedding dress {word}" for word in ("red", "blue", "gold", "ivory", "boho", "midi", "short", "satin", "silk")]
USERS = [f"u{n:02}" for n in range(40)]


def searches() -> pl.DataFrame:
    """Every user searches the same four things on each day, and on the last day nine more."""
    rows = [
        (user, query, datetime(2026, 3, 2 + n, 10, minute))
        for n in range((LAST - FIRST).days + 1)
        for user in USERS
        for minute, query in enumerate([*USUAL, *(MORE if FIRST + timedelta(days=n) == LAST else [])])
    ]
    return pl.DataFrame(rows, schema=["user_id", "query", "searched_at"], orient="row")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("drifting"))
    sandbox.land({"search_events": searches()})
    return sandbox


def monitors_of(sandbox: Sandbox) -> list[QualityMonitor]:
    """All monitors but those of the closed day."""
    context = sandbox.pipeline.context(sandbox.pipeline.versions())
    before = [entry for entry in sandbox.pipeline.entries if entry.name != "closed_days"]
    return [monitor for entry in before if entry.monitors for monitor in entry.monitors(context)]


@pytest.fixture(scope="module")
def summary(sandbox: Sandbox) -> RunSummary:
    return sandbox.run(FIRST, LAST, is_recorded=True)


DRIFTED = {"cluster_size_drift", "new_cluster_size_drift"}
CHANGING = {"confidence_drift", "rows_of_search_events"}
"""Everybody began on the same day and comes every day, so all confidences rise together; and the last day has three
times as many searches. These fire rightly."""


def test_every_day_of_a_range_is_measured_and_only_the_drifted_one_fires(sandbox: Sandbox, summary: RunSummary) -> None:
    rows = sandbox.table("quality_metrics")
    monitors = monitors_of(sandbox)
    assert rows.height == 10 * len(monitors)
    assert {(m.asset, m.name) for m in monitors} == set(rows.select("asset", "monitor").unique().iter_rows())
    fired = rows.filter(~pl.col("passed") & ~pl.col("monitor").is_in(CHANGING))
    assert set(fired.select("partition_date", "monitor").iter_rows()) == {(LAST, name) for name in DRIFTED}
    drift = rows.filter(pl.col("monitor") == "cluster_size_drift").sort("partition_date")
    assert drift["value"].to_list()[:9] == [None] * 7 + [pytest.approx(0)] * 2
    assert drift["value"][9] > drift["upper"][9]


def evaluations_of(sandbox: Sandbox, summary: RunSummary) -> list[dg.AssetCheckEvaluation]:
    """What the checks of a run found, as the instance recorded it."""
    with sandbox.instance() as instance:
        records = instance.get_records_for_run(
            summary.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
    return [r.event_log_entry.dagster_event.asset_check_evaluation_data for r in records]  # type: ignore[union-attr]


def test_the_check_of_the_table_fires_with_a_number_and_offenders(sandbox: Sandbox, summary: RunSummary) -> None:
    assert {line.split(": ")[1].split(" = ")[0] for line in summary.warnings} == DRIFTED | CHANGING
    evaluations = evaluations_of(sandbox, summary)
    found = {e.check_name: e for e in evaluations}
    drift = found["cluster_size_drift"]
    assert (drift.asset_key, drift.severity) == (dg.AssetKey("user_journeys"), dg.AssetCheckSeverity.WARN)
    stored = sandbox.table("quality_metrics").filter(pl.col("partition_date") == LAST)
    for row in stored.filter(pl.col("value").is_not_null()).iter_rows(named=True):
        evaluation = found[row["monitor"]]
        assert isinstance(evaluation.metadata["value"], dg.FloatMetadataValue)
        assert evaluation.metadata["value"].value == row["value"]
        assert evaluation.passed == row["passed"]
    assert "share_of_reference" in str(drift.metadata["offenders"].value)


def test_every_check_of_the_job_is_evaluated_by_a_run(sandbox: Sandbox, summary: RunSummary) -> None:
    graph = build_definitions(sandbox.deployment).get_repository_def().asset_graph
    evaluations = evaluations_of(sandbox, summary)
    in_the_job = {key for key in graph.asset_check_keys if graph.get(key.asset_key).group_name in GROUPS}
    assert {evaluation.asset_check_key for evaluation in evaluations} == in_the_job


def test_each_partition_shows_its_own_numbers_and_the_run_a_chart(sandbox: Sandbox, summary: RunSummary) -> None:
    rows = sandbox.table("quality_metrics")
    with sandbox.instance() as instance:
        for day in (LAST - timedelta(days=1), LAST):
            records = instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey("quality_metrics"), asset_partitions=[day.isoformat()]), limit=1
            ).records
            shown = records[0].asset_materialization.metadata  # type: ignore[union-attr]
            for row in rows.filter(pl.col("partition_date") == day).iter_rows(named=True):
                if row["value"] is None:
                    assert row["monitor"] not in shown
                else:
                    assert shown[row["monitor"]].value == row["value"]
        history = str(shown["history"].value)
        assert all(f"| {monitor} | `" in history for monitor in rows["monitor"].unique())
        assert shown["fired_on_last_day"].value == len(DRIFTED | CHANGING)


def findings(sandbox: Sandbox) -> list[Finding]:
    return [finding for finding in sandbox.findings() if finding.subject.startswith("monitor")]


def test_doctor_tells_what_fired_on_the_last_day(sandbox: Sandbox, summary: RunSummary) -> None:
    found = findings(sandbox)
    assert {finding.subject.split()[1] for finding in found} == DRIFTED | CHANGING
    assert not any(finding.ok for finding in found)
    assert all(f"on {LAST}, expected" in finding.text for finding in found)
    assert sum("a changed cut" in finding.text for finding in found) == len(DRIFTED)


def test_days_in_runs_of_their_own_measure_the_same(
    sandbox: Sandbox, summary: RunSummary, new_sandbox: Callable[[str], Sandbox]
) -> None:
    """But for how far the log was ahead when each day was run, which doctor tells."""
    split = new_sandbox("split")
    split.land({"search_events": searches()})
    split.run(FIRST, FIRST + timedelta(days=3))
    assert [finding.ok for finding in findings(split)] == [False], "six days wait"
    split.run(FIRST + timedelta(days=4), LAST)
    now = "days_behind_log"
    one, other = (h.table("quality_metrics").filter(pl.col("monitor") != now) for h in (sandbox, split))
    assert one.equals(other)


def test_bounds_are_settings_and_ask_for_no_inference(
    sandbox: Sandbox, summary: RunSummary, new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient = new_sandbox("lenient")
    shutil.copytree(sandbox.home, lenient.home)
    quality, day = lenient.version_of("quality_metrics"), lenient.version_of("closed_days")
    monkeypatch.setenv("JOURNEYS_ALGORITHM__QUALITY__MAX_PSI", "50")
    after = lenient.deployment
    assert lenient.version_of("quality_metrics") != quality
    assert lenient.version_of("closed_days") == day
    with lenient.instance() as instance:
        result = (
            build_definitions(after)
            .resolve_job_def("daily_job")
            .execute_in_process(
                instance=instance, partition_key=LAST.isoformat(), asset_selection=[dg.AssetKey("quality_metrics")]
            )
        )
    assert result.success
    of_day = lenient.table("quality_metrics").filter(pl.col("partition_date") == LAST)
    assert set(of_day.filter(~pl.col("passed"))["monitor"]) == {"rows_of_search_events"}


def test_measurements_outlive_the_snapshots_that_they_were_made_of(
    new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured after retention had dropped them, the first days would have had nothing to measure."""
    monkeypatch.setenv("JOURNEYS_OUTPUT_RETENTION_DAYS", "2")
    sandbox = new_sandbox("short")
    sandbox.land({"search_events": searches().filter(pl.col("searched_at") < datetime(2026, 3, 7))})
    sandbox.run(FIRST, FIRST + timedelta(days=4))
    assert [(finding.ok, "none fired" in finding.text) for finding in findings(sandbox)] == [(True, True)]
    assert sandbox.table("user_journeys")["partition_date"].n_unique() == 2
    rows = sandbox.table("quality_metrics").filter(pl.col("monitor") == "journeys_per_user")
    assert rows["value"].to_list() == [1.0] * 5
    with duckdb.connect(str(sandbox.settings.published_path), read_only=True) as con:
        assert con.sql("SELECT count(DISTINCT partition_date) FROM quality_metrics").fetchall() == [(5,)]
