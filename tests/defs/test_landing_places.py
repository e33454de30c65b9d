"""Buckets and further folders, watched: the real sensor's decision and the real job, against a real server."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import console_log
from journeys_assets.defs.ingestion import INGEST_JOB, next_ingest
from journeys_assets.defs.landing_places import listed_at_most_every
from journeys_assets.domain.landing.files import IngestRequest
from journeys_assets.domain.scheduling.requests import Wait
from journeys_assets.operations.doctor import Finding
from journeys_assets.settings import SettingsError, load_settings
from journeys_assets.storage.ingest.folder import landed_files
from journeys_assets.storage.locations.places import watched_place
from tests.sandbox import Sandbox
from tests.support.log_files import json_lines
from tests.support.object_stores import Store

USERS = "user_id,push_opt_in\nu,true\n"


def event(user: str, query: str, at: int) -> dict[str, object]:
    """A search as Google Analytics 4 exports it."""
    value = {"string_value": query, "int_value": None, "float_value": None, "double_value": None}
    return {
        "event_name": "view_search_results",
        "event_timestamp": str(1_772_400_000_000_000 + at),
        "user_pseudo_id": user,
        "event_params": [{"key": "search_term", "value": value}],
    }


class Watched:
    """A deployment that watches its landing folder and places that the settings name."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, places: str) -> None:
        (home / "journeys.toml").write_text(f"landing_settle_seconds = 0\n{places}")
        self.sandbox = Sandbox(home)
        self.deployment = self.sandbox.deployment
        self.instance = instance

    def decision(self) -> IngestRequest | Wait:
        return next_ingest(self.deployment, self.instance, time.time_ns())

    def skipped(self) -> str:
        decision = self.decision()
        assert isinstance(decision, Wait), decision
        return decision.reason

    def take(self, *, success: bool = True) -> None:
        assert isinstance(self.decision(), IngestRequest), self.decision()
        job = build_definitions(self.deployment).get_repository_def().get_job(INGEST_JOB)
        result = job.execute_in_process(
            instance=self.instance,
            run_config=console_log(verbose=False),
            op_selection=["ingest_landing"],
            raise_on_error=False,
        )
        assert result.success == success

    def queries(self) -> list[str]:
        return self.deployment.warehouse.query("SELECT query FROM landing.search_events ORDER BY ALL")[
            "query"
        ].to_list()

    def outcomes(self) -> dict[str, str]:
        return dict(landed_files(self.deployment.warehouse).select("file", "outcome").sort("file").iter_rows())

    def findings(self) -> list[Finding]:
        self.sandbox.pipeline.prepare()
        return self.sandbox.findings()

    def record(self) -> pl.DataFrame:
        return landed_files(self.deployment.warehouse)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with Sandbox(tmp_path).instance() as instance:
        yield instance


def test_a_bucket_of_a_log_format_is_watched_beside_the_landing_folder(
    s3: Store, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(tmp_path, instance, '[[landing]]\nlocation = "s3://logs/_ga4"\nformat = "ga4"\n')
    assert watched.skipped() == "nothing is ready: the folder is empty"
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "users.csv").write_text(USERS)
    s3.put("logs/_ga4/events_intraday_20260301.json", json_lines([event("u", "wedding dress", 0)]))
    s3.put("logs/_ga4/_SUCCESS", "")
    s3.put("logs/other/search_events.csv", "not watched")
    watched.take()
    assert watched.queries() == ["wedding dress"]
    assert watched.outcomes() == {
        "s3://logs/_ga4/events_intraday_20260301.json": "ingested",
        "users.csv": "ingested",
    }
    assert watched.skipped() == "nothing is ready: 2 already ingested; 1 ignored by name"
    # The daily table comes, and then the intraday one changes once more: it is not read any longer.
    s3.put("logs/_ga4/events_20260301.json", json_lines([event("u", "wedding dress", 0), event("u", "cake", 1)]))
    watched.take()
    s3.put("logs/_ga4/events_intraday_20260301.json", json_lines([event("u", "not final", 2)]))
    watched.take()
    assert watched.queries() == ["cake", "wedding dress"]
    assert watched.outcomes()["s3://logs/_ga4/events_intraday_20260301.json"] == "known"
    assert "nothing is ready" in watched.skipped()
    # It goes away, and its record with it; the landing folder is not forgotten.
    s3.files.delete_file("logs/_ga4/events_intraday_20260301.json")
    s3.put("logs/_ga4/events_20260302.json", "{")
    watched.take()
    assert list(watched.outcomes()) == [
        "s3://logs/_ga4/events_20260301.json",
        "s3://logs/_ga4/events_20260302.json",
        "users.csv",
    ]
    reasons = [finding.text for finding in watched.findings() if finding.subject.startswith("landing ")]
    assert reasons == ["3 files, format ga4"]
    # The store does not answer: that is said, and the landing folder is watched all the same.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("journeys_assets.storage.locations.buckets.MAX_ATTEMPTS", 1)
    assert re.match(r"s3://logs/_ga4 cannot be (read|listed): .*; nothing is ready: 1 already", watched.skipped())
    (tmp_path / "landing" / "search_events.csv").write_text("user_id,query,searched_at\nv,oak table,2026-02-27\n")
    watched.take()
    assert watched.queries() == ["cake", "oak table", "wedding dress"]
    assert len(watched.outcomes()) == 4


def test_a_damaged_object_is_refused_with_its_url_and_the_others_go_on(
    s3: Store, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    watched = Watched(tmp_path, instance, 'landing_patience_seconds = 0\n[[landing]]\nlocation = "s3://logs/in/"\n')
    s3.put("logs/in/search_events/1.csv", "user_id,query,searched_at\nv,oak table,2026-02-27\n")
    s3.put("logs/in/search_events/2.csv.gz", b"\x1f\x8b\x08 cut off")
    s3.put(f"logs/in/search_events/{'x' * 300}.csv", "user_id,query,searched_at\n")
    watched.take()
    assert watched.queries() == ["oak table"]
    assert sorted(watched.outcomes().values()) == ["ingested", "refused", "refused"]
    [reason] = watched.record().filter(pl.col("file").str.ends_with(".gz"))["reason"]
    assert reason.startswith("s3://logs/in/search_events/2.csv.gz cannot be read")
    refused = [finding.text for finding in watched.findings() if finding.subject == "refused"]
    assert any(text.startswith("s3://logs/in/search_events/2.csv.gz") for text in refused)
    assert not list((tmp_path / "scratch").iterdir())


def test_files_that_refer_to_one_another_are_read_together_whenever_one_comes(
    s3: Store, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    watched = Watched(tmp_path, instance, f'[[landing]]\nlocation = "{tmp_path}/ubi"\nformat = "ubi"\n')
    assert "does not exist; create it" in watched.skipped()
    (tmp_path / "ubi").mkdir()
    query = {"query_id": "q", "client_id": "u", "user_query": "tent", "timestamp": "2026-03-01T10:00:00Z"}
    click = {
        "action_name": "click_through",
        "query_id": "q",
        "timestamp": "2026-03-01T10:00:05Z",
        "event_attributes": {"object": {"object_id": "7"}},
    }
    (tmp_path / "ubi" / "ubi_events.json").write_text(json_lines([click]))
    watched.take()
    (tmp_path / "ubi" / "ubi_queries.json").write_text(json_lines([query]))
    watched.take()
    # The click has no user of its own: that of its query counts.
    clicks = watched.deployment.warehouse.query("SELECT user_id, pin_id FROM landing.pin_engagements")
    assert clicks.rows() == [("u", "7")]
    assert watched.queries() == ["tent"]


def test_the_sensor_lists_a_bucket_once_in_an_interval(s3: Store) -> None:
    now = 0.0
    listed = listed_at_most_every(60, lambda: now)
    place = watched_place("s3://logs", "landing", None, actions=(), options={})
    assert listed(place).folder.files.is_empty()
    s3.put("logs/search_events.csv", "user_id,query,searched_at\n")
    now = 59
    assert listed(place).folder.files.is_empty()
    now = 60
    assert listed(place).folder.files["file"].to_list() == ["search_events.csv"]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ('[[landing]]\nlocation = "logs"', "full path"),
        ('[[landing]]\nlocation = "https://host/logs"', "s3:// or gs://"),
        ('[[landing]]\nlocation = "s3://b/logs"\n[[landing]]\nlocation = "s3://b/logs/ga4/"', "lies within"),
        ('[[landing]]\nlocation = "s3://b"\nformat = "generic"', "goes with a mapping"),
        ('[[landing]]\nlocation = "s3://b"\nfolder = "c"', "folder"),
    ],
)
def test_a_place_that_cannot_be_watched_is_no_setting(tmp_path: Path, places: str, message: str) -> None:
    (tmp_path / "journeys.toml").write_text(places)
    with pytest.raises(SettingsError, match=message):
        load_settings(home=tmp_path)


def test_an_unknown_format_is_said_where_files_are_looked_for(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    watched = Watched(tmp_path, instance, f'[[landing]]\nlocation = "{tmp_path}"\nformat = "ga3"\n')
    assert "format 'ga3' is unknown; formats are" in watched.skipped()
