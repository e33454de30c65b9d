"""The command line as a user meets it: a first session on a synthetic world, and what happens when things are wrong."""

import json
import math
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.defs.build import build_definitions
from journeys_assets.deployment import build_deployment
from journeys_assets.settings import load_settings
from tests.support.command_line import Journeys, runner


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli") / "home"


@pytest.fixture(scope="module")
def journeys(home: Path) -> Journeys:
    """A deployment in which a small world was ingested and run."""
    command = runner(home)
    world = home.parent / "world"
    command("synth", world, "--users", 15, "--days", 12, "--first-day", "2026-03-02")
    report = command("ingest", world / "landing")
    assert "search_events" in report.output
    summary = command("run")
    assert "Running 2026-03-02 … 2026-03-13 (12 days, incremental inference)" in summary.output
    assert "12 days in" in summary.output
    return command


@pytest.fixture(scope="module")
def user(journeys: Journeys, home: Path) -> str:
    with duckdb.connect(str(home / "journeys.duckdb"), read_only=True) as con:
        row = con.execute("SELECT user_id FROM current_journeys GROUP BY 1 ORDER BY count(*) DESC, 1").fetchone()
    assert row is not None
    return str(row[0])


def test_the_published_file_holds_the_output_tables(journeys: Journeys, home: Path) -> None:
    with duckdb.connect(str(home / "journeys.duckdb"), read_only=True) as con:
        counts = {
            table: con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in ("user_journeys", "current_journeys", "notification_candidates")
        }
    assert all(counts.values()), counts
    assert counts["current_journeys"] < counts["user_journeys"]


def test_show_tells_name_kind_stage_confidence_keywords_and_evidence(journeys: Journeys, user: str) -> None:
    shown = journeys("show", user).output
    records = json.loads(journeys("show", user, "--json").output)["journeys"]
    assert records
    for record in records:
        assert record["journey_name"] in shown
        assert record["keywords"][0] in shown
        assert record["kind"] in {"situational", "evergreen"}
        assert 0 <= record["confidence"] <= 1
        evidence = record["evidence"]
        assert sum(evidence["actions"].values()) == sum(evidence["engagements_per_week"])
        assert evidence["active_days"] >= 1
    assert [record["rank"] for record in records] == list(range(1, len(records) + 1))


def test_show_explains_why_a_journey_ranks_where_it_does(journeys: Journeys, user: str) -> None:
    assert "why" not in journeys("show", user).output
    shown = journeys("show", user, "--explain").output
    records = json.loads(journeys("show", user, "--explain", "--json").output)["journeys"]
    for record in records:
        parts = record["explanation"]
        assert record["scored_by"] == "prior"
        assert set(parts) == {"recency", "volume", "regularity", "breadth", "coherence", "base"}
        if record["feedback"] is None:
            evidence = sum(value for part, value in parts.items() if part != "recency")
            assert math.exp(parts["recency"]) / (1 + math.exp(-evidence)) == pytest.approx(
                record["confidence"], abs=2e-3
            )
        strongest = next(iter(parts))
        assert f"{strongest} {parts[strongest]:+.2f}" in shown


def test_show_as_of_an_earlier_day(journeys: Journeys, user: str) -> None:
    assert "as of 2026-03-10" in journeys("show", user, "--as-of", "2026-03-10").output


def test_export_writes_one_day(journeys: Journeys, tmp_path: Path) -> None:
    journeys("export", "--as-of", "2026-03-12", tmp_path / "out")
    rows = pl.read_parquet(tmp_path / "out" / "user_journeys.parquet")
    assert rows["partition_date"].cast(pl.String).unique().to_list() == ["2026-03-12"]


def test_readout_tells_arms_effects_and_warns_of_sends_in_the_wrong_arm(journeys: Journeys, home: Path) -> None:
    shown = journeys("readout").output
    record = json.loads(journeys("readout", "--json").output)
    assert [warning.split(" (")[0] for warning in record["warnings"]] == ["few users"]
    sends = pl.read_parquet(home.parent / "world" / "landing" / "notification_events" / "*.parquet")
    counts = {arm["arm"]: arm["n_sends"] for arm in record["arms"]}
    assert counts == {arm: sends.filter(pl.col("arm") == arm).height for arm in ("journey", "interest", "holdout")}
    assert record["first_day"] == str(sends["sent_at"].dt.date().min())
    assert "clicks per send" in shown
    assert record["last_day"] in shown
    sandbox = build_deployment(load_settings(home=home, embedder="hashing"), progress=lambda *_: None)
    with dg.DagsterInstance.ephemeral() as instance:
        run = build_definitions(sandbox).resolve_job_def("readout_job").execute_in_process(instance=instance)
    (event,) = run.asset_materializations_for_node("experiment_readout")
    assert event.metadata["days"].value == f"{record['first_day']} … {record['last_day']}"
    assert event.metadata["users_holdout"].value == {arm["arm"]: arm["n_users"] for arm in record["arms"]}["holdout"]
    assert {c.check_name: c.passed for c in run.get_asset_check_evaluations()}["experiment_is_sound"] is False
    part = json.loads(journeys("readout", "--from", "2026-03-10", "--to", "2026-03-12", "--json").output)
    days = sends["sent_at"].dt.date().cast(pl.String).is_between(pl.lit("2026-03-10"), pl.lit("2026-03-12"))
    assert sum(arm["n_sends"] for arm in part["arms"]) == days.sum() > 0
    assert "before its first" in journeys("readout", "--from", "2026-03-12", "--to", "2026-03-10", code=2).stderr
    (home / "journeys.toml").write_text('[algorithm.notifications]\nexperiment_salt = "another"\n')
    try:
        assert "logged for an arm other" in journeys("readout").stderr
    finally:
        (home / "journeys.toml").unlink()


def test_doctor_is_content(journeys: Journeys) -> None:
    assert "bad" not in journeys("doctor").output


def test_a_second_ingest_changes_nothing_and_doctor_asks_for_late_days(journeys: Journeys, home: Path) -> None:
    again = journeys("ingest", home.parent / "world" / "landing")
    assert again.exit_code == 0
    journeys("run", "--from", "2026-03-13", "--to", "2026-03-13", "--full")
    assert "bad" not in journeys("doctor").output


def test_cluster_gives_every_row_back_with_a_journey(journeys: Journeys, tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "user_id": ["a"] * 5 + ["b"],
            "keyword": ["Wedding dress", "wedding dresses", "WEDDING  dress", "engine oil", "engine oil filter", "x"],
            "note": [1, 2, 3, 4, 5, 6],
        }
    )
    rows.write_parquet(tmp_path / "in.parquet")
    journeys("cluster", tmp_path / "in.parquet", tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.select(rows.columns).equals(rows)
    assert not out.select("journey_id", "journey_name").null_count().pipe(lambda f: any(f.row(0)))
    ids = out["journey_id"].to_list()
    assert ids[0] == ids[1] == ids[2]
    assert ids[0] != ids[3]
    assert ids[5] not in ids[:5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nobody"), "nobody"),
        (("run", "--from", "2026-03-13", "--to", "2026-03-02"), "is after"),
        (("run", "--from", "2020-01-01", "--to", "2020-01-02"), "2020-01-01"),
        (("ingest", "/no/such/file"), "/no/such/file"),
        (("export", "--as-of", "2020-01-01", "out"), "2020-01-01"),
        (("cluster", "/no/such/file", "out"), "/no/such/file"),
    ],
)
def test_wrong_wishes_end_as_one_clear_line(journeys: Journeys, arguments: tuple[str, ...], said: str) -> None:
    result = journeys(*arguments, code=2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_training_on_too_little_says_so_and_releases_nothing(journeys: Journeys) -> None:
    said = " ".join(journeys("train", code=1).output.split())
    assert "not released ranker_release: too few labels" in said
    assert "not released stage_release: too few labels" in said


def test_the_demo_shows_users_and_a_second_one_takes_the_same_world(tmp_path: Path) -> None:
    fresh = runner(tmp_path / "demo")
    first = fresh("demo", "--users", 6, "--days", 4).output
    assert "Where to look next" in first
    assert "User u" in first
    again = fresh("demo", "--users", 6, "--days", 4).output
    assert "Using the world in" in again
    assert first[first.index("User u") :] == again[again.index("User u") :]


def test_a_user_without_journeys_yet_is_shown_as_such(tmp_path: Path) -> None:
    thin = runner(tmp_path / "thin")
    (tmp_path / "search_events.csv").write_text("user_id,query,searched_at\nu1,結婚式 ドレス 💍,2026-03-01T10:00:00Z\n")
    thin("ingest", tmp_path / "search_events.csv")
    thin("run")
    assert "0 journeys" in thin("show", "u1").output
    assert "bad" not in thin("doctor").output


def test_nothing_ingested_yet(tmp_path: Path) -> None:
    fresh = runner(tmp_path / "fresh")
    assert "journeys ingest" in fresh("show", "u", code=2).stderr
    assert "journeys ingest" in fresh("run", code=2).stderr
    assert "bad" in fresh("doctor", code=1).output


def test_help_teaches_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for command in (
        "demo",
        "synth",
        "ingest",
        "run",
        "show",
        "cluster",
        "export",
        "train",
        "annotate",
        "readout",
        "evaluate",
        "benchmark",
        "preview",
        "compare",
        "versions",
        "doctor",
        "ui",
    ):
        assert command in shown
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["doctor"], env={"JOURNEYS_HOME": str(tmp_path), "JOURNEYS_OUTPUT_RETENTION_DAYS": "soon"}
    )
    assert result.exit_code == 2
    assert "output_retention_days" in result.stderr
    assert "soon" in result.stderr
