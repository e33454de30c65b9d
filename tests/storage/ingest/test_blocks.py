"""The size of pieces and blocks makes no difference to what is loaded, and bounds the memory."""

import itertools
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys_assets.domain.tables.landing import LANDING, LANDING_TABLES
from journeys_assets.storage.ingest import scratch
from journeys_assets.storage.ingest.readers import parquet
from tests.support.landing_files import NOW, Sandbox, assert_reconciled

FEW = {
    "user_id": ["u1", "u2", "u3"],
    "pin_id": ["p1", "p2"],
    "board_id": ["b"],
    "notification_id": ["n1", "n2", "n3"],
    "query": ["Garden", "сад"],
    "board_name": ["Garden", "GARDEN", None],
    "annotations": [["Straße"], ["a", "b"], None],
    "title": ["t", "T", None],
    "action": ["save", "closeup", "wrong"],
    "channel": ["push"],
    "arm": ["journey"],
    "push_opt_in": [True, False],
    "unsubscribed_at": [None, datetime(2026, 1, 4)],
    "updated_at": [None, datetime(2026, 1, 3), datetime(2026, 1, 5)],
}
TIMES = [datetime(2026, 1, day, hour) for day, hour in itertools.product((1, 2, 4), (0, 9))]
SOURCES = ("search_events", "pin_engagements", "pins", "board_pins", "users", "notification_events")


def _row(source: str) -> st.SearchStrategy[dict[str, Any]]:
    values = {name: st.sampled_from(FEW.get(name, TIMES)) for name in LANDING[source].column_names if _given(name)}
    return st.fixed_dictionaries(values)


def _given(name: str) -> bool:
    return name in FEW or name in ("searched_at", "engaged_at", "saved_at", "sent_at")


CALLS = st.lists(
    st.lists(
        st.sampled_from(SOURCES).flatmap(lambda s: st.tuples(st.just(s), st.lists(_row(s), min_size=1, max_size=8))),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=3,
)


def _loaded(folder: Path, calls: list[list[tuple[str, list[dict[str, Any]]]]]) -> list[Any]:
    sandbox = Sandbox(folder)
    found: list[Any] = []
    for number, files in enumerate(calls):
        for at, (source, rows) in enumerate(files):
            path = sandbox.landing / f"call-{number}" / f"{source}-{at}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
        report = sandbox.ingest(sandbox.landing / f"call-{number}")
        assert_reconciled(report)
        found += [report.by_source(), report.first_day, report.skipped_by_reason, report.n_unlisted_users]
    found += [sandbox.table(name).rows() for name in (*LANDING_TABLES, "ingested_days", "refused_unsubscribes")]
    return [*found, sandbox.table("ingest_ledger").drop("file").rows()]


_SENT = {"channel": "push", "arm": "journey", "sent_at": datetime(2026, 1, 1)}
_TWO_USERS_OF_ONE_NOTIFICATION = [
    {**_SENT, "notification_id": name, "user_id": user, "unsubscribed_at": left, "updated_at": datetime(2026, 1, day)}
    for name, day, users in (("n2", 3, ("u1", "u2")), ("n3", 5, ("u2", "u1")))
    for user in users
    for left in ([datetime(2026, 1, 4)] if user == "u2" else [None])
]


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@example([[("notification_events", _TWO_USERS_OF_ONE_NOTIFICATION)]], 1, 2, 3)
@given(calls=CALLS, block_rows=st.integers(1, 5), batch_rows=st.integers(1, 4), n_places=st.integers(1, 3))
def test_blocks_of_any_size_load_the_same_rows(
    calls: list[list[tuple[str, list[dict[str, Any]]]]], block_rows: int, batch_rows: int, n_places: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        whole = _loaded(Path(name) / "whole", calls)
        patch.setattr(scratch, "BLOCK_ROWS", block_rows)
        patch.setattr(scratch, "PLACES", n_places)
        patch.setattr(parquet, "BATCH_ROWS", batch_rows)
        assert _loaded(Path(name) / "blocks", calls) == whole


def _written(folder: Path, rows: list[tuple[str, datetime]], pieces: int) -> scratch.Scratch:
    kept = scratch.Scratch(folder)
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "searched_at": pl.Datetime("us")}, orient="row")
    frame = frame.with_columns(
        query=pl.lit("q"),
        keyword=pl.lit("q"),
        event_id=None,
        noise=None,
        log_part=None,
        part_version=None,
        file_no=pl.lit(0),
        line=pl.int_range(len(rows)),
    )
    for part in range(pieces):
        kept.write("search_events", 0, frame[part::pieces])
    return kept


def test_blocks_have_every_row_once_and_what_may_be_the_same_event_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "BLOCK_ROWS", 40)
    chance = np.random.default_rng(0)
    days = [0] * 300 + [int(day) for day in chance.integers(1, 30, 300)]
    rows = [(f"u{chance.integers(50)}", NOW - timedelta(days=day, hours=1)) for day in days]
    blocks = list(_written(tmp_path, rows, 7).blocks("search_events", [0]))
    assert sorted(line for block in blocks for line in block["line"]) == list(range(600))
    keys = [set(block.select("user_id", pl.col("searched_at").dt.date()).rows()) for block in blocks]
    assert sum(map(len, keys)) == len(set.union(*keys))
    # One day has more rows than a block, so its users are in several blocks.
    assert max(block.height for block in blocks) < 120
    assert sum(date(2026, 1, 10) in block["searched_at"].dt.date() for block in blocks) == 8


def test_a_file_that_is_set_aside_leaves_no_row(tmp_path: Path) -> None:
    kept = _written(tmp_path, [("u", NOW)], 1)
    kept.remove(0)
    assert list(kept.blocks("search_events", [0])) == []
    assert not list(tmp_path.rglob("*.arrow"))
