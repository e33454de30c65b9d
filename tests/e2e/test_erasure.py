"""Erasing a user: nothing below the home holds a trace, all else stays, and rows that come later stay out."""

import gzip
import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.models.llm.cache import AnswerCache, Stored
from journeys_assets.models.releases import Release, save
from journeys_assets.operations.erase import ErasureError, erase
from journeys_assets.operations.erasure_receipts import read_receipts
from journeys_assets.operations.finetuning.labels import LINES, MANIFEST
from journeys_assets.storage.ingest.load import INGEST_TABLES
from journeys_assets.storage.outside import note_outside
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import NOW, Sandbox
from tests.support.command_line import runner

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=2)
USER = "mörker-5e1fa7"
TEXT = "qoxzilvane"
"""In every text that the user could write, and in no other."""


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, 2 + day, hour)


def of_user() -> dict[str, pl.DataFrame]:
    """Rows of the user in every source, with the marker in every text."""
    queries = [f"{TEXT} {word}" for word in ("garden bed", "garden path", "garden fence", "tomato plants", "compost")]
    return {
        "search_events": pl.DataFrame(
            {"user_id": USER, "query": queries * 2, "searched_at": [at(n % 3, 8 + n) for n in range(10)]}
        ),
        "board_pins": pl.DataFrame(
            {
                "user_id": USER,
                "board_id": f"{TEXT}-board",
                "board_name": f"{TEXT} ideas",
                "pin_id": "p1",
                "saved_at": [at(1), at(2)],
            }
        ),
        "users": pl.DataFrame({"user_id": [USER], "timezone": [TEXT], "push_opt_in": [True], "updated_at": [at(0)]}),
        "notification_events": pl.DataFrame(
            {
                "notification_id": [f"{TEXT}-n1"],
                "user_id": [USER],
                "journey_id": [f"{TEXT}-j"],
                "channel": ["push"],
                "arm": ["journey"],
                "sent_at": [at(1)],
            }
        ),
        "journey_annotations": pl.DataFrame(
            {
                "user_id": [USER],
                "keywords": [[queries[0]]],
                "relevance": [4],
                "better_name": [f"{TEXT} garden"],
                "annotator_id": ["ann"],
                "annotated_at": [at(2)],
                "comment": [f"{TEXT} is a word of {USER}"],
            }
        ),
        "journey_feedback": pl.DataFrame(
            {
                "user_id": USER,
                "journey_id": f"{TEXT}-j",
                "verdict": ["more", "rename", "merge"],
                "given_at": at(2),
                "edit_id": [None, f"{TEXT}-e1", f"{TEXT}-e2"],
                "keywords": [None, queries[:2], queries[:2]],
                "other_keywords": [None, None, queries[2:]],
                "new_name": [None, f"{TEXT} plot", None],
            }
        ),
    }


def write_other_formats(folder: Path) -> None:
    """Searches as CSV with a quoted line break, as JSON lines in gzip, and rows that are refused."""
    (folder / "search_events").mkdir(parents=True)
    rows = [
        "user_id,query,searched_at",
        f'{USER},"{TEXT}\nroses",2026-03-03T10:00:00Z',
        "u-other,plain roses,2026-03-03T11:00:00Z",
        f"{USER},{TEXT} refused,no time",
        f"\ufeff{USER} ,{TEXT} spelled otherwise,2026-03-03T12:00:00Z",
    ]
    (folder / "search_events" / "a.csv").write_text("\n".join(rows) + "\n")
    lines = [
        {"user_id": USER, "query": f"{TEXT} lilies", "searched_at": "2026-03-03T10:30:00Z"},
        {"user_id": "u-other", "query": "plain lilies", "searched_at": "2026-03-03T11:30:00Z"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "search_events" / "b.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def write_labels(folder: Path) -> None:
    """Labels for fine-tuning, which have a digest of the user in place of the id."""
    folder.mkdir()
    lines = [
        {"user": hashlib.sha256(user.encode()).hexdigest(), "messages": [{"content": text}]}
        for user, text in ((USER, f"{TEXT} beds"), ("u-other", "garden beds"))
    ]
    (folder / LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / MANIFEST).write_text("{}")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, dict[str, pl.DataFrame]]:
    """A home with the user in every place, from which the user was then erased, and its tables before."""
    sandbox = Sandbox(tmp_path_factory.mktemp("erasure") / "home")
    world = generate_world(WorldParams(seed=5, n_users=8, n_days=3, first_day=FIRST)).landing
    own = of_user()
    mixed = {name: pl.concat([rows, own[name]], how="diagonal_relaxed") for name, rows in world.items() if name in own}
    sandbox.land({**world, **own, **mixed}, name="log")
    write_other_formats(sandbox.home / "landing" / "other")
    sandbox.load(sandbox.home / "landing" / "other")
    sandbox.run(FIRST, LAST, is_recorded=True)
    sandbox.run(LAST, LAST, full=True, is_recorded=True)
    with sqlite3.connect(sandbox.settings.dagster_home / "history" / "runs.db") as con:
        con.execute("UPDATE runs SET run_body = replace(run_body, 'daily', ?)", [f"daily {USER}, {TEXT} garden bed,"])
    con.close()
    cache = AnswerCache(sandbox.settings.answers_path)
    cache.put("a" * 64, Stored(f'{{"name": "{TEXT}"}}', "m", "p", "v"), USER)
    cache.put("b" * 64, Stored('{"name": "roses"}', "m", "p", "v"), "u-other")
    write_labels(sandbox.home / "finetune")
    (sandbox.home / "sheets").mkdir()
    (sandbox.home / "sheets" / "export.csv").write_text(f"user,name\n{USER},{TEXT}\nu-other,roses\n")
    before = tables_of(sandbox)
    assert sum(n_rows(sandbox, name) for name in before) > 0
    card = {"live_from": str(FIRST), "features": []}
    save(Release("trained-before", FIRST, card, "weights"), sandbox.settings.models_path / "ranker", "page")
    runner(sandbox.home)("erase", USER, "--yes")
    assert any("trained-before was trained with labels of a user" in one.text for one in sandbox.findings())
    shutil.rmtree(sandbox.settings.models_path)
    return sandbox, before


def tables_of(sandbox: Sandbox) -> dict[str, pl.DataFrame]:
    names = sandbox.deployment.warehouse.query(
        "SELECT schema_name || '.' || table_name AS name FROM duckdb_tables() WHERE schema_name <> 'publishing'"
    )["name"].sort()
    return {name: sandbox.deployment.warehouse.query(f"FROM {name} ORDER BY ALL") for name in names}


def n_rows(sandbox: Sandbox, table: str) -> int:
    return len(sandbox.deployment.warehouse.query(f"FROM {table}"))


def bytes_below(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below the home as bytes, with what is packed unpacked and tables as text."""
    for path in sorted(home.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield path, content
        if content[:2] == b"\x1f\x8b":
            yield path, gzip.decompress(content)
        if content[:4] == b"PAR1":
            yield path, str(pq.read_table(path).to_pylist()).encode()
        if content[8:12] == b"DUCK":
            with duckdb.connect(str(path), read_only=True) as con:
                for (name,) in con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall():
                    yield path, str(con.execute(f"FROM {name}").fetchall()).encode()


def test_no_byte_below_the_home_is_of_the_user(homes: tuple[Sandbox, dict[str, pl.DataFrame]]) -> None:
    sandbox, _ = homes
    forms = [form for text in (USER, TEXT) for form in (text.encode(), json.dumps(text)[1:-1].encode())]
    hits = [(path.name, form) for path, content in bytes_below(sandbox.home) for form in forms if form in content]
    assert hits == []


def test_the_rows_of_others_are_what_they_were(homes: tuple[Sandbox, dict[str, pl.DataFrame]]) -> None:
    sandbox, before = homes
    after = tables_of(sandbox)
    files = ("landing.ingest_ledger", "landing.landed_files", "landing.quarantined_rows", "landing.erased_users")
    n_with_user = 0
    for name, rows in before.items():
        if name not in files:
            is_own = pl.any_horizontal(
                pl.lit(False),
                *(pl.col(c).str.contains(f"{USER}|{TEXT}") for c, t in rows.schema.items() if t == pl.String),
            )
            n_with_user += rows.filter(is_own.fill_null(False)).height
            assert_frame_equal(after[name], rows.filter(~is_own.fill_null(False)), check_exact=True)
    assert n_with_user > 50
    kept = (sandbox.home / "landing" / "other" / "search_events" / "a.csv").read_text()
    assert kept == "user_id,query,searched_at\nu-other,plain roses,2026-03-03T11:00:00Z\n"
    assert AnswerCache(sandbox.settings.answers_path).get("b" * 64, "u-other") is not None


def test_the_receipt_names_every_place_and_no_user(homes: tuple[Sandbox, dict[str, pl.DataFrame]]) -> None:
    sandbox, _ = homes
    (file,) = sandbox.settings.erasures_path.glob("2*.json")
    receipt = json.loads(file.read_text())
    places = {place["place"] for place in receipt["removed"]}
    assert receipt["left"] == {}
    expected = {
        "warehouse.duckdb: landing.search_events",
        "warehouse.duckdb: landing.quarantined_rows",
        "warehouse.duckdb: main.journey_clusters",
        "warehouse.duckdb: main.keyword_embeddings",
        "journeys.duckdb: main.user_journeys",
        "landing/other/search_events/a.csv",
        "landing/log/search_events/log.parquet",
        "sheets/export.csv",
        "finetune/labels.jsonl",
        "llm/answers",
        "dagster/history/runs.db",
    }
    assert expected <= places
    assert "finetune" in receipt["releases"]
    assert (sandbox.home / "finetune" / LINES).read_text().count("garden beds") == 1


def test_rows_that_come_later_stay_out(homes: tuple[Sandbox, dict[str, pl.DataFrame]], tmp_path: Path) -> None:
    sandbox, _ = homes
    before = tables_of(sandbox)
    write_other_formats(tmp_path / "again")
    for source, rows in of_user().items():
        (tmp_path / "again" / source).mkdir(exist_ok=True)
        rows.write_parquet(tmp_path / "again" / source / "own.parquet")
    report = sandbox.load(tmp_path / "again")
    assert sum(file.n_accepted for file in report.files) == 0
    assert all(
        file.n_rows == file.n_accepted + file.n_duplicate + file.n_quarantined + file.n_skipped for file in report.files
    )
    sandbox.run(LAST, LAST, full=True)
    after = tables_of(sandbox)
    for name in ("landing.search_events", "landing.users", "landing.quarantined_rows", "main.user_journeys"):
        assert_frame_equal(after[name], before[name])
    assert [path for path, content in bytes_below(sandbox.home) if TEXT.encode() in content] == []


def test_erasing_again_finds_nothing(homes: tuple[Sandbox, dict[str, pl.DataFrame]]) -> None:
    sandbox, _ = homes
    tables = (*sandbox.pipeline.tables, *INGEST_TABLES)
    receipt = erase(sandbox.settings, sandbox.deployment.warehouse, tables, USER, now=NOW)
    assert receipt.removed == []
    with pytest.raises(ErasureError, match="is no id of a user"):
        erase(sandbox.settings, sandbox.deployment.warehouse, tables, " null ", now=NOW)


def test_who_has_a_longer_id_and_longer_texts_is_somebody_else(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("longer")
    folder = sandbox.settings.landing_path / "search_events"
    folder.mkdir(parents=True)
    other = "user-123,oak tables,2026-03-02T10:00:00Z\nuser-123,oak table lamp,2026-03-02T11:00:00Z\n"
    own = "user-12,oak table,2026-03-02T10:00:00Z\n"
    (folder / "a.csv").write_text("user_id,query,searched_at\n" + own + other)
    (folder / "broken.jsonl").write_text('{"user_id": "user-123", broken\n{"user_id": "user-12", broken\n')
    (folder / "of user-123.csv").write_text("user_id,query,searched_at\n" + other)
    sandbox.load(folder)
    history = sandbox.settings.dagster_home / "output.txt"
    history.parent.mkdir(parents=True)
    history.write_text('{"message": "rows:\\nuser-12 oak table\\nuser-123 oak tables"}')
    tables = (*sandbox.pipeline.tables, *INGEST_TABLES)
    receipt = erase(sandbox.settings, sandbox.deployment.warehouse, tables, "user-12", now=NOW)
    assert receipt.left == {}
    assert (folder / "a.csv").read_text() == "user_id,query,searched_at\n" + other
    assert (folder / "broken.jsonl").read_text() == '{"user_id": "user-123", broken\n'
    assert history.read_text() == '{"message": "rows:\\n[erased] [erased]\\nuser-123 oak tables"}'
    left = sandbox.warehouse.query("SELECT DISTINCT user_id FROM landing.search_events")
    assert left["user_id"].to_list() == ["user-123"]
    (sandbox.home / "notes.txt").write_text("user-12 called\n")
    again = erase(sandbox.settings, sandbox.deployment.warehouse, tables, "user-12", now=NOW)
    assert list(again.left) == ["notes.txt"]


SHARED = {
    "a.csv": "user_id,query,Searched At\ntablet,of ann,2026-03-02T09:30:00Z\ntablet,of bob, 2026-03-03 10:00:00\n",
    "b.jsonl": '{"user_id": "tablet", "query": "of ann", "searched_at": "2026-03-02T10:30:00+01:00"}\n'
    '{"user_id": "tablet", "query": "of  bob", "searched_at": "2026-03-03T10:00:00Z"}\n',
    "no time.jsonl": '{"device": "tablet", "what": "whose"}\n',
}
"""Records of a shared device: those of ann's time go, and all else keeps its bytes."""


def test_ids_of_the_user_alone_are_the_users_and_shared_ones_are_not(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("linked")
    links = [("ann", "phone"), ("ann", "tablet"), ("bob", "tablet"), ("phone", "browser")]
    sandbox.land(
        {
            "identities": pl.DataFrame(
                {
                    "user_id": [user for user, _ in links],
                    "other_id": [other for _, other in links],
                    "linked_at": [at(0, 8 + n) for n in range(len(links))],
                }
            ),
            "search_events": pl.DataFrame(
                {
                    "user_id": ["ann", "phone", "browser", "tablet", "tablet", "bob"],
                    "query": ["a", "b", "c", "of ann", "of bob", "d"],
                    "searched_at": [at(1), at(1), at(1), at(0, 9) + timedelta(minutes=30), at(1), at(1)],
                }
            ),
        }
    )
    (sandbox.home / "landing" / "shared").mkdir()
    for name, text in SHARED.items():
        (sandbox.home / "landing" / "shared" / name).write_text(text)
    (sandbox.home / "landing" / "shared" / "of ann.txt").write_text("nobody\n")
    note_outside(sandbox.home, sandbox.home / "landing", sandbox.home.parent, Path("/gone"))
    tables = (*sandbox.pipeline.tables, *INGEST_TABLES)
    receipt = erase(sandbox.settings, sandbox.deployment.warehouse, tables, "ann", now=NOW)
    assert (len(receipt.user_digests), receipt.n_shared_ids) == (3, 1)
    for name, text in SHARED.items():
        kept = (sandbox.home / "landing" / "shared" / name).read_text()
        assert kept == "".join(line for line in text.splitlines(keepends=True) if "of ann" not in line)
    assert receipt.shared_files == ["landing/shared/no time.jsonl"]
    assert receipt.outside == [str(sandbox.home.parent.resolve())]
    assert receipt.left == {
        "landing/shared/of [erased].txt": "its name has an id of the user; rename or remove it",
    }
    assert read_receipts(sandbox.settings.erasures_path) == [receipt]
    assert "ann" not in re.findall(r"\w+", Path(receipt.file).read_text())
    left = sandbox.deployment.warehouse.query("SELECT query FROM landing.search_events ORDER BY query")
    assert left["query"].to_list() == ["d", "of bob"]
    assert sandbox.deployment.warehouse.query("SELECT user_id, other_id FROM landing.identities").rows() == [
        ("bob", "tablet")
    ]
