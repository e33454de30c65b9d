"""The command line on logs of other formats: recognised, explained, drafted, loaded."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import Journeys, runner

ROWS = [
    {"event": "Product Viewed", "userId": "ann" if n else None, "timestamp": 1767607200 + n, "uuid": f"v{n}",
     "properties": {"product_id": f"p{n}", "name": f"Desk lamp {n}", "category": "Lighting"}, "app_version": "1.2"}
    for n in range(4)
] + [
    {"event": "search", "userId": "ann", "timestamp": 1767607300, "uuid": "s1", "properties": {"query": "desk lamp"}}
]  # fmt: skip


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_an_unknown_log_by_a_drafted_mapping(journeys: Journeys, log: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    refused = journeys("ingest", log, "--format", "auto", code=2)
    assert "--write-mapping mapping.toml" in refused.stderr
    journeys("ingest", log, "--write-mapping", mapping)
    assert "exists already" in journeys("ingest", log, "--write-mapping", mapping, code=2).stderr
    explained = journeys("ingest", log, "--mapping", mapping, "--explain").output
    for text in (
        "all of their 5 records looked at",
        "numbers are s since 1970; 0 have no zone, UTC is assumed",
        "no user in 1 records (20.0%)",
        "columns that are not used: app_version",
        "Product Viewed  closeup",
        "→ search_events: user_id ann, query desk lamp, searched_at 2026-01-05 10:01:40, event_id s1",
        "Nothing was loaded.",
    ):
        assert text in explained
    record = json.loads(journeys("ingest", log, "--mapping", mapping, "--explain", "--json").stdout)
    assert record["share_without_user"] == 0.2
    assert len(record["examples"]) == 4
    loaded = json.loads(journeys("ingest", log, "--mapping", mapping, "--json").stdout)
    assert {"event": "Product Viewed", "outcome": "pin_engagements as closeup", "n": 3} in loaded["events"]
    again = journeys("ingest", log, "--mapping", mapping, "--run").output
    assert "skipped 1: no user" in again
    assert "Published: " in again


def test_a_world_as_an_export_of_ga4_is_recognised_and_explained(journeys: Journeys, tmp_path: Path) -> None:
    world = tmp_path / "world"
    journeys("synth", world, "--users", 5, "--days", 3, "--log-format", "ga4")
    explained = journeys("ingest", world / "logs", "--explain").output
    assert "the format is ga4, because " in explained
    assert "user: user_id in " in explained
    # The part of a log that a row belongs to is no column of the contract.
    assert "log_part" not in explained
    loaded = journeys("ingest", world / "logs", "--format", "auto")
    assert "the format is ga4, because " in loaded.stderr
    assert "view_search_results" in loaded.output
    assert "add --format ga4" in journeys("ingest", world / "logs", code=2).stderr
    assert "--log-format 'csv' is not one of ga4, ubi" in journeys(
        "synth", world, "--log-format", "csv", code=2
    ).stderr.replace("\n", " ")


def test_options_that_contradict_each_other(journeys: Journeys, log: Path, tmp_path: Path) -> None:
    assert "needs --mapping FILE" in journeys("ingest", log, "--format", "generic", code=2).stderr
    for option in ("--explain", "--json"):
        assert "call `journeys run` afterwards" in journeys("ingest", log, "--run", option, code=2).stderr
    (tmp_path / "m.toml").write_text("usr = 'a'")
    mapped = ("ingest", log, "--mapping", tmp_path / "m.toml")
    assert "with --format generic only, not with ga4" in journeys(*mapped, "--format", "ga4", code=2).stderr
    assert "the keys are user, time" in journeys(*mapped, code=2).stderr
    assert "formats are landing, ubi" in journeys("ingest", log, "--format", "none", code=2).stderr
    assert "nothing to explain" in journeys("ingest", log, "--format", "landing", "--explain", code=2).stderr
