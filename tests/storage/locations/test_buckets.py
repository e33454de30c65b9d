"""Logs in buckets, read from real servers on loopback."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.locations import remote
from journeys_assets.storage.locations.address import location_of
from journeys_assets.storage.locations.buckets import Bucket
from journeys_assets.storage.locations.copies import is_unchanged, local_copies
from journeys_assets.storage.locations.remote import RemoteObject, State, copy
from journeys_assets.synthetic.exports.write import write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.support.command_line import Journeys, runner
from tests.support.landing_files import SEARCHES, Sandbox, as_csv, as_json_lines
from tests.support.object_stores import Store, google_with_emulator
from tests.support.servers import running_google_storage

MORE = [{"user_id": "u3", "query": "wedding cake", "searched_at": "2026-01-04T10:00:00Z"}]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def counts(result: Any) -> dict[str, tuple[int, int, int]]:
    """Rows read, accepted and duplicate of each file of ``journeys ingest --json``."""
    return {f["file"]: (f["n_rows"], f["n_accepted"], f["n_duplicate"]) for f in json.loads(result.stdout)["files"]}


@pytest.mark.parametrize("given", ["s3://logs", "s3://logs/shop", "s3://logs/shop/", "s3://logs/shop/**/*.*", "object"])
def test_an_object_a_prefix_and_a_pattern_give_the_rows_of_the_same_folder(
    s3: Store, tmp_path: Path, given: str
) -> None:
    name = "search_events/a b%20ü.json.gz"
    content = gzip.compress(as_json_lines(SEARCHES).encode(), mtime=0)
    here = Sandbox(tmp_path / "here")
    here.write(name, content)
    here.ingest()
    s3.put(f"logs/shop/{name}", content)
    s3.put("logs/shop/search_events/_SUCCESS", "")
    url = f"s3://logs/shop/{name}"
    journeys = runner(tmp_path / "home")
    result = journeys("ingest", url if given == "object" else given, "--json")
    assert counts(result) == {url: (3, 3, 0)}
    there = Sandbox(tmp_path / "home")
    assert there.table("search_events").equals(here.table("search_events"))
    assert there.table("ingest_ledger")["file"].to_list() == [url]
    assert not list((tmp_path / "home" / "scratch").iterdir())


def test_the_source_follows_from_the_key_and_what_holds_no_data_is_passed_over(
    s3: Store, journeys: Journeys, tmp_path: Path
) -> None:
    s3.put("logs/search_events/2026/01.csv", as_csv(SEARCHES))
    s3.put("logs/search_events/_SUCCESS", "")
    s3.put("logs/search_events/readme.txt", "These are the searches.")
    report = json.loads(journeys("ingest", "s3://logs/search_events", "--json").stdout)
    assert [(one["file"], one["source"]) for one in report["files"]] == [
        ("s3://logs/search_events/2026/01.csv", "search_events")
    ]
    assert [one["path"] for one in report["passed_over"]] == [
        "s3://logs/search_events/_SUCCESS",
        "s3://logs/search_events/readme.txt",
    ]
    with local_copies(["s3://logs/search_events"], tmp_path / "scratch") as logs:
        copied = sorted(file.name for file in logs.paths[0].rglob("*") if file.is_file())
    assert copied == ["01.csv", "readme.txt"]


def test_an_object_that_was_loaded_before_is_not_copied_again_and_a_changed_one_is(
    s3: Store, journeys: Journeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(store: Bucket, one: RemoteObject, to: Path) -> State:
        read.append(one.key)
        return copy(store, one, to)

    monkeypatch.setattr("journeys_assets.storage.locations.copies.copy", reading)
    s3.put("logs/search_events/1.csv", as_csv(SEARCHES))
    s3.put("logs/search_events/2.csv", as_csv(MORE))
    journeys("ingest", "s3://logs/search_events")
    assert read == ["logs/search_events/1.csv", "logs/search_events/2.csv"]
    again = json.loads(journeys("ingest", "s3://logs/search_events", "--json").stdout)
    assert (read[2:], again["files"], again["n_files_skipped_as_known"]) == ([], [], 2)
    assert json.loads(journeys("ingest", "s3://logs/search_events", "--format", "auto", "--json").stdout)["files"] == []
    # Another content of the same size, written within the same second.
    s3.put("logs/search_events/2.csv", as_csv(MORE).replace("cake", "song"))
    changed = journeys("ingest", "s3://logs/search_events", "--json")
    assert read[2:] == ["logs/search_events/2.csv"]
    assert counts(changed) == {"s3://logs/search_events/2.csv": (1, 1, 0)}
    # What was read as one source is not known as another.
    report = json.loads(journeys("ingest", "s3://logs/search_events/1.csv", "--json").stdout)
    assert report["n_files_skipped_as_known"] == 1
    journeys("ingest", "s3://logs/search_events/1.csv", "--source", "users", code=2)


def test_an_object_is_unchanged_if_all_is_as_recorded(s3: Store, tmp_path: Path) -> None:
    s3.put("logs/a.csv", as_csv(SEARCHES))
    bucket = Bucket(location_of("s3://logs/a.csv"))
    [one] = bucket.objects()
    recorded = copy(bucket, one, tmp_path / "a.csv")
    assert is_unchanged(bucket, one, recorded)
    assert not is_unchanged(bucket, one, None)
    assert recorded.n_bytes is not None
    assert recorded.modified_ns is not None
    for other in (
        replace(recorded, etag="another"),
        replace(recorded, n_bytes=recorded.n_bytes + 1),
        replace(recorded, modified_ns=recorded.modified_ns + 1),
    ):
        assert not is_unchanged(bucket, one, other)


@dataclass(frozen=True)
class Replaced(Bucket):
    """A bucket in which the object is replaced while it is read, the first ``times`` times."""

    store: Store
    times: list[int]

    @contextmanager
    def opened(self, one: RemoteObject) -> Iterator[tuple[State, BinaryIO]]:
        with super().opened(one) as (state, stream):
            yield state, cast(BinaryIO, _Reading(self, one, stream))


@dataclass
class _Reading:
    bucket: Replaced
    one: RemoteObject
    stream: BinaryIO

    def read(self, size: int) -> bytes:
        content = self.stream.read(3)
        if content and self.bucket.times:
            self.bucket.store.put(self.one.key, f"new{self.bucket.times.pop()}")
        return content


@pytest.mark.parametrize("times", [1, 99])
def test_an_object_that_is_replaced_while_it_is_copied_is_copied_again(
    s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(remote, "PAUSE_S", 0)
    s3.put("logs/a.csv", "old" * 5)
    bucket = Replaced(location_of("s3://logs/a.csv"), s3, list(range(times)))
    [one] = bucket.objects()
    if times > remote.ATTEMPTS:
        with pytest.raises(DamagedFileError, match=r"s3://logs/a\.csv cannot be read whole.*replaced.*try again"):
            copy(bucket, one, tmp_path / "a.csv")
        return
    state = copy(bucket, one, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"new0"
    assert state.n_bytes == 4


def test_a_read_that_fails_names_the_url_and_leaves_the_warehouse_as_it_was(
    s3: Store, journeys: Journeys, tmp_path: Path
) -> None:
    s3.put("logs/search_events/1.csv", as_csv(SEARCHES))
    journeys("ingest", "s3://logs/search_events")
    home = Sandbox(tmp_path / "home")
    before = home.contents()
    s3.put("logs/search_events/2.csv", as_csv(MORE))
    s3.put("logs/search_events/3.csv.gz", gzip.compress(as_csv(MORE).encode())[:40])
    result = journeys("ingest", "s3://logs/search_events", code=2)
    assert "s3://logs/search_events/3.csv.gz" in result.stderr
    assert str(tmp_path) not in result.stderr
    assert home.contents() == before
    assert not list((tmp_path / "home" / "scratch").iterdir())


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("s3://nobody/logs", "there is no bucket"),
        ("s3://logs/none", "check the key"),
        ("s3://logs/none/*.csv", "no object fits the pattern"),
        ("s3://lo*gs/a.csv", "bucket can hold no pattern"),
    ],
)
def test_what_is_not_there_is_an_error_with_the_cure(s3: Store, journeys: Journeys, url: str, cure: str) -> None:
    result = journeys("ingest", url, code=2)
    assert url in result.stderr
    assert cure in result.stderr


def test_a_store_that_does_not_answer_is_an_error_with_the_cure(
    s3: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("journeys_assets.storage.locations.buckets.MAX_ATTEMPTS", 1)
    with pytest.raises(IngestError, match=r"s3://logs/a\.csv cannot be read: .*check the network and the endpoint"):  # noqa: SIM117
        with local_copies(["s3://logs/a.csv"], sandbox.folder / "scratch"):
            pass


def test_objects_that_files_cannot_be_are_passed_over(s3: Store, journeys: Journeys) -> None:
    long = "x" * 300
    s3.put("logs/search_events/1.csv", as_csv(SEARCHES))
    s3.put(f"logs/search_events/{long}.csv", as_csv(MORE))
    report = json.loads(journeys("ingest", "s3://logs/search_events", "--json").stdout)
    assert [one["file"] for one in report["files"]] == ["s3://logs/search_events/1.csv"]
    [left] = report["passed_over"]
    assert left["path"] == f"s3://logs/search_events/{long}.csv"
    assert "255 bytes" in left["reason"]


def test_copies_that_do_not_fit_onto_the_disk_are_an_error_before_any_is_made(
    s3: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("logs/a.csv", as_csv(SEARCHES))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10}))
    with (
        pytest.raises(IngestError, match=r"s3://logs/a\.csv: .*make room"),
        local_copies(["s3://logs/a.csv"], sandbox.folder / "scratch"),
    ):
        pass


def test_every_way_to_read_a_format_works_on_a_bucket(s3: Store, tmp_path: Path) -> None:
    write_export(generate_world(WorldParams(seed=3, n_users=4, n_days=4)), "ga4", tmp_path / "world")
    s3.put_folder(tmp_path / "world" / "logs", "logs/ga4")
    here, there, automatic = (runner(tmp_path / name) for name in ("here", "there", "automatic"))
    here("ingest", tmp_path / "world" / "logs", "--format", "ga4")
    there("ingest", "s3://logs/ga4", "--format", "ga4")
    said = automatic("ingest", "s3://logs/ga4/", "--format", "auto")
    assert "the format is ga4, because s3://logs/ga4/" in said.stderr
    tables = [Sandbox(tmp_path / name).table("search_events") for name in ("here", "there", "automatic")]
    assert tables[0].height > 10
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    explained = there("ingest", "s3://logs/ga4", "--explain")
    assert "s3://logs/ga4/" in explained.stdout
    assert "scratch" not in explained.stdout
    assert "the format is ga4" in there("ingest", "s3://logs/ga4", code=2).stderr
    there("ingest", "s3://logs/ga4", "--write-mapping", tmp_path / "mapping.toml")
    assert "event_timestamp" in (tmp_path / "mapping.toml").read_text()


def test_google_cloud_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_google_storage(tmp_path) as address:
        store = google_with_emulator(address, monkeypatch)
        store.put("logs/search_events/1.csv", as_csv(SEARCHES))
        journeys = runner(tmp_path / "home")
        assert counts(journeys("ingest", "gs://logs/search_events/*.csv", "--json")) == {
            "gs://logs/search_events/1.csv": (3, 3, 0)
        }
        assert json.loads(journeys("ingest", "gs://logs", "--json").stdout)["n_files_skipped_as_known"] == 1
        assert "gs://nobody/logs" in journeys("ingest", "gs://nobody/logs", code=2).stderr
