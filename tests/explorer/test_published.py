"""A file that the pipeline replaces is read in the background, and requests see one state, whole."""

import os
import threading
import time
from pathlib import Path

import duckdb
import pytest

from journeys_assets.explorer.published import FileIdentity, NothingPublished, Published, connect
from journeys_assets.explorer.serving import ServedRows, published_rows
from tests.support.published_file import write_published


def replace_file(path: Path, n_users: int) -> None:
    fresh = path.with_name("fresh.duckdb")
    write_published(fresh, n_users)
    os.replace(fresh, path)


def test_a_replaced_file_is_seen_and_the_old_state_is_shown_until_then(tmp_path: Path) -> None:
    path = tmp_path / "journeys.duckdb"
    write_published(path, 3)
    may_read, reads = threading.Event(), []

    def read(con: duckdb.DuckDBPyConnection, identity: FileIdentity) -> ServedRows:
        may_read.wait(10)
        reads.append(con.execute("SELECT count(DISTINCT user_id) FROM current_journeys").fetchall()[0][0])
        con.close()
        return ServedRows(identity, None, {"n": reads[-1]})  # type: ignore[arg-type]

    published = Published(path, read)
    may_read.set()
    first = published.current()
    assert published.current() is first
    may_read.clear()
    replace_file(path, 7)
    assert published.current() is first, "the new file is not read yet"
    may_read.set()
    deadline = time.monotonic() + 10
    while published.current() is first and time.monotonic() < deadline:
        time.sleep(0.01)
    assert published.current().resources == {"n": 7}
    assert reads == [3, 7], "each file is read once"
    published.close()


def test_a_file_that_cannot_be_read_leaves_the_old_state_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journeys.duckdb"
    write_published(path, 3)
    published = published_rows(path)
    first = published.current()
    (tmp_path / "damaged").write_bytes(b"no database")
    os.replace(tmp_path / "damaged", path)
    deadline = time.monotonic() + 10
    while published.problem() is None and time.monotonic() < deadline:
        assert published.current() is first
        time.sleep(0.01)
    assert str(path) in (published.problem() or "")
    assert published.current() is first
    replace_file(path, 4)
    while published.current() is first and time.monotonic() < deadline:
        time.sleep(0.01)
    assert published.problem() is None
    published.close()


@pytest.mark.parametrize("content", [None, b"no database"])
def test_without_a_file_that_can_be_read_the_message_names_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journeys.duckdb"
    if content is not None:
        path.write_bytes(content)
    published = published_rows(path)
    for _ in range(2):
        with pytest.raises(NothingPublished, match=r"journeys\.duckdb"):
            published.current()
    published.close()


def test_reading_does_not_keep_the_pipeline_from_replacing_or_reading_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journeys.duckdb"
    write_published(path, 3)
    con = connect(path)
    con.execute("BEGIN TRANSACTION")
    assert con.execute("SELECT count(*) FROM current_journeys").fetchall() == [(15,)]
    with duckdb.connect(":memory:") as pipeline:
        pipeline.execute(f"ATTACH '{path}' AS old (READ_ONLY)")
    replace_file(path, 4)
    with duckdb.connect(":memory:") as reader:
        reader.execute(f"ATTACH '{path}' AS now (READ_ONLY)")
        assert reader.execute("SELECT count(*) FROM now.current_journeys").fetchall() == [(20,)]
    assert con.execute("SELECT count(*) FROM current_journeys").fetchall() == [(15,)]
    con.close()
