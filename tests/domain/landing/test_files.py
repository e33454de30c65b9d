"""Which files are ingested, and when a run is requested: properties over sets of files, past runs and times."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.landing.files import (
    COMPLETE_SETTLE_S,
    FILES_SCHEMA,
    LAUNCH_TIMEOUT_S,
    IngestRequest,
    PastRun,
    fingerprint,
    next_ingest_request,
    outcome_of_damaged,
    run_in_progress,
    with_file_states,
)
from journeys_assets.domain.scheduling.requests import LONGEST_BACK_OFF, Wait
from journeys_assets.domain.vocabulary import LANDED_OUTCOMES

S = 1_000_000_000
NOW = 1_780_000_000 * S
SETTLE, PATIENCE = 10.0, 300.0
LONGEST_BACK_OFF_S = LONGEST_BACK_OFF.total_seconds()

Row = tuple[str, int, int]
Record = tuple[str, int, int, str]
NAMES = st.sampled_from(["a.csv", "pins/b.parquet", "pins/c.csv.gz", "users/2026-01/d.jsonl", "é 日.csv", "x|y.csv"])
TIMES = st.one_of(
    st.integers(NOW - 400 * S, NOW + 400 * S),
    st.sampled_from([NOW, NOW - 10 * S, NOW - 10 * S + 1, NOW - 300 * S, NOW + 1, 0, -(2**62), 2**62]),
)
FILE_SETS = st.dictionaries(NAMES, st.tuples(st.integers(0, 3), TIMES)).map(
    lambda found: [(name, *facts) for name, facts in found.items()]
)
RECORDS = st.dictionaries(NAMES, st.tuples(st.integers(0, 3), TIMES, st.sampled_from(LANDED_OUTCOMES)))


def as_files(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=FILES_SCHEMA, orient="row")


def as_landed(rows: Sequence[Record]) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows), schema={**FILES_SCHEMA, "outcome": pl.String()}, orient="row").with_columns(
        look_again_at=pl.lit(None, dtype=pl.Datetime("us"))
    )
    return frame.with_columns(reason=pl.lit("why", dtype=pl.String))


def with_states(files: Sequence[Row], landed: Sequence[Record] = (), now_ns: int = NOW) -> pl.DataFrame:
    return with_file_states(as_files(files), as_landed(landed), now_ns=now_ns, settle_s=SETTLE, patience_s=PATIENCE)


def states(*args: Any, **options: Any) -> dict[str, str]:
    return dict(with_states(*args, **options).select("file", "state").iter_rows())


def recorded(rows: list[Row], outcome: str) -> list[Record]:
    return [(*row, outcome) for row in rows]


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(files=FILE_SETS, records=RECORDS, seed=st.integers(0, 99))
def test_every_file_has_one_state_independent_of_order(
    files: list[Row], records: dict[str, tuple[int, int, str]], seed: int
) -> None:
    landed = [(name, *record) for name, record in records.items()]
    found = with_states(files, landed)
    assert found["file"].to_list() == sorted(name for name, *_ in files)
    assert set(found["state"]) <= {"ready", "waiting", "as_recorded"}
    shuffled = random.Random(seed).sample(files, len(files))
    assert with_states(shuffled, landed[::-1]).equals(found)


@given(files=FILE_SETS, records=RECORDS)
def test_only_new_or_changed_files_that_are_old_enough_are_ready(
    files: list[Row], records: dict[str, tuple[int, int, str]]
) -> None:
    landed = [(name, *record) for name, record in records.items()]
    for row in with_states(files, landed).iter_rows(named=True):
        record = records.get(row["file"])
        same = record is not None and record[:2] == (row["n_bytes"], row["modified_at"])
        age = abs(NOW - row["modified_at"]) / S
        if same and record is not None and record[2] != "unfinished":
            assert row["state"] == "as_recorded"
        elif age < SETTLE or (same and age < PATIENCE):
            assert row["state"] == "waiting"
        else:
            assert row["state"] == "ready"


@given(files=FILE_SETS, records=RECORDS)
def test_a_file_that_is_not_modified_becomes_ready_once(
    files: list[Row], records: dict[str, tuple[int, int, str]]
) -> None:
    plausible = [row for row in files if abs(row[2] - NOW) <= 400 * S]
    landed = [(name, *record) for name, record in records.items()]
    later = NOW + 701 * S
    found = with_states(plausible, landed, now_ns=later)
    assert "waiting" not in set(found["state"])
    ready = set(found.filter(state="ready")["file"])
    outcomes = outcome_of_damaged(as_files(plausible), now_ns=later, patience_s=PATIENCE)
    assert set(outcomes) <= {"refused"}
    for outcome in ("ingested", "known", "refused"):
        after = [r for r in landed if r[0] not in ready] + recorded([f for f in plausible if f[0] in ready], outcome)
        assert set(with_states(plausible, after, now_ns=later)["state"]) <= {"as_recorded"}


@given(files=FILE_SETS, complete=st.sets(NAMES), settle_s=st.sampled_from([0.0, 1.0, 10.0]))
def test_a_complete_file_waits_for_fewer_seconds(files: list[Row], complete: set[str], settle_s: float) -> None:
    found = with_file_states(
        as_files(files), as_landed([]), now_ns=NOW, settle_s=settle_s, patience_s=PATIENCE, complete=complete
    )
    for row in found.iter_rows(named=True):
        needed = min(settle_s, COMPLETE_SETTLE_S) if row["file"] in complete else settle_s
        assert row["state"] == ("ready" if abs(NOW - row["modified_at"]) / S >= needed else "waiting")


@given(files=FILE_SETS, records=RECORDS, complete=st.sets(NAMES))
def test_a_waiting_file_is_ready_after_the_stated_seconds_and_not_before(
    files: list[Row], records: dict[str, tuple[int, int, str]], complete: set[str]
) -> None:
    past = as_files([row for row in files if row[2] <= NOW])
    landed = as_landed([(name, *record) for name, record in records.items()])

    def states_at(now_ns: int) -> dict[str, tuple[str, float | None]]:
        found = with_file_states(past, landed, now_ns=now_ns, settle_s=SETTLE, patience_s=PATIENCE, complete=complete)
        return {name: (state, seconds) for name, state, seconds in found["file", "state", "ready_in_s"].iter_rows()}

    for name, (state, seconds) in states_at(NOW).items():
        assert (state == "waiting") == (seconds is not None)
        if seconds is not None:
            assert states_at(NOW + round(seconds * S) + 1000)[name][0] == "ready"
            assert states_at(NOW + round(seconds * S) - 1000)[name][0] == "waiting"


@given(files=FILE_SETS, outcome=st.sampled_from(LANDED_OUTCOMES), change=st.sampled_from([(1, 0), (0, 1), (0, -1)]))
def test_a_change_of_size_or_of_one_nanosecond_makes_a_file_ready(
    files: list[Row], outcome: str, change: tuple[int, int]
) -> None:
    settled = [(name, size, NOW - 20 * S) for name, size, _ in files]
    changed = [(name, size + change[0], at + change[1]) for name, size, at in settled]
    assert set(states(changed, recorded(settled, outcome)).values()) <= {"ready"}


@pytest.mark.parametrize(
    ("name", "is_ignored"),
    [
        ("a.csv", False),
        ("pins/2026_01/part.csv", False),
        ("a.b_c.csv", False),
        ("tmp/a.csv", False),
        (".a.csv", True),
        ("_SUCCESS", True),
        ("pins/_temporary/0/a.parquet", True),
        (".staging/pins/a.csv", True),
        ("pins/.a.parquet.XyZ12", True),
        ("a.csv.tmp", True),
        ("a.csv.PART", True),
        ("a.csv.crdownload", True),
        ("pins/a.csv~", True),
    ],
)
def test_hidden_and_unfinished_files_are_ignored_by_name(name: str, is_ignored: bool) -> None:
    assert states([(name, 1, 0)]) == {name: "ignored" if is_ignored else "ready"}


def test_a_half_written_file_waits_and_is_tried_once_more() -> None:
    file: Row = ("pins/a.parquet", 5, NOW)
    seen = []
    landed: list[Record] = []
    for second in range(0, 400, 5):
        now = NOW + second * S
        state = states([file], landed, now_ns=now)[file[0]]
        if state == "ready":
            outcome = outcome_of_damaged(as_files([file]), now_ns=now, patience_s=PATIENCE).item()
            seen.append((second, outcome))
            landed = [(*file, outcome)]
    assert seen == [(10, "unfinished"), (300, "refused")]


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

READY: list[Row] = [("a.csv", 1, 0), ("b.csv", 2, 5)]
KEY = fingerprint(as_files(READY))


def step(*runs: PastRun, now_s: float = NOW / S, files: list[Row] = READY) -> IngestRequest | Wait:
    return next_ingest_request(with_states(files, now_ns=round(now_s * S)), runs, now_ns=round(now_s * S))


def past(status: Any, ended_s: float = 0, key: str | None = "another", run_id: str = "r") -> PastRun:
    return PastRun(run_id, status, NOW / S + ended_s, key)


@given(files=FILE_SETS.filter(lambda rows: rows != []), seed=st.integers(0, 9))
def test_the_fingerprint_depends_on_the_set_and_on_each_property(files: list[Row], seed: int) -> None:
    frame = as_files(files)
    assert fingerprint(as_files(random.Random(seed).sample(files, len(files)))) == fingerprint(frame)
    name, size, at = files[0]
    for other in ((name + "x", size, at), (name, size + 1, at), (name, size, at - 1)):
        assert fingerprint(as_files([other, *files[1:]])) != fingerprint(frame)
    assert fingerprint(as_files(files[1:])) != fingerprint(frame)


def test_the_same_files_and_past_runs_give_the_same_key_and_other_runs_another() -> None:
    first = step()
    assert first == step() == IngestRequest(f"{KEY}-first", KEY)
    after = step(past("succeeded", -100, run_id="x"))
    assert after == IngestRequest(f"{KEY}-x", KEY)


def test_without_ready_files_the_reason_lists_the_files() -> None:
    files = [("a.csv", 1, NOW), ("b.csv", 1, 0), ("c.csv", 1, 0), ("d.csv.tmp", 1, 0)]
    landed = [("b.csv", 1, 0, "ingested"), ("c.csv", 1, 0, "refused")]
    wait = next_ingest_request(with_states(files, landed), [], now_ns=NOW)
    assert wait == Wait(
        "nothing is ready: 1 file (a.csv) still being written; 1 already ingested; 1 file (c.csv) refused "
        "(`journeys doctor` shows why); 1 ignored by name"
    )


@pytest.mark.parametrize(
    ("status", "age_s", "at_work", "in_progress"),
    [
        ("queued", 10**6, False, True),
        ("started", LAUNCH_TIMEOUT_S - 1, False, True),
        ("started", LAUNCH_TIMEOUT_S + 1, False, False),
        ("started", 10**6, True, True),
        ("succeeded", 0, True, False),
        ("failed", 0, True, False),
    ],
)
def test_a_run_is_in_progress_until_it_ends_or_is_lost(
    status: str, age_s: float, at_work: bool, in_progress: bool
) -> None:
    runs = [past("succeeded"), past(status, -age_s, run_id="live")]
    found = run_in_progress(runs, now_ns=NOW, at_work=at_work)
    assert (found.run_id if found else None) == ("live" if in_progress else None)


def test_a_lost_run_does_not_delay_the_next_request() -> None:
    assert isinstance(step(past("started", -LAUNCH_TIMEOUT_S - 1)), IngestRequest)


@given(n_failures=st.integers(1, 12))
def test_the_pause_doubles_with_every_unsuccessful_run_up_to_an_hour(n_failures: int) -> None:
    runs = [past("failed", -i, run_id=f"f{i}") for i in range(n_failures)]
    runs += [past("succeeded", -50), *[past("failed", -60)] * 3]
    pause = min(60 * 2 ** (n_failures - 1), LONGEST_BACK_OFF_S)
    early, due = (step(*runs, now_s=NOW / S + after) for after in (pause - 0.5, pause))
    assert isinstance(early, Wait)
    assert "f0" in early.reason
    assert due == IngestRequest(f"{KEY}-f0", KEY)


def test_a_success_ends_the_pause_unless_it_was_requested_for_the_same_files() -> None:
    assert isinstance(step(past("succeeded"), past("failed")), IngestRequest)
    same_files = past("succeeded", key=KEY)
    assert isinstance(step(same_files, now_s=NOW / S + 59), Wait)
    assert isinstance(step(same_files, now_s=NOW / S + 60), IngestRequest)
    assert isinstance(step(same_files, same_files, now_s=NOW / S + 60), Wait)


STATUSES = st.sampled_from(["started", "succeeded", "failed"])


@given(runs=st.lists(st.tuples(STATUSES, st.integers(-10_000, 0), st.sampled_from([KEY, "another", None])), max_size=9))
def test_ready_files_are_requested_within_the_longest_pause_for_any_past_runs(
    runs: list[tuple[Any, int, str | None]],
) -> None:
    newest_first = sorted(runs, key=lambda run: -run[1])
    history = [past(status, at, key, str(i)) for i, (status, at, key) in enumerate(newest_first)]
    assert isinstance(step(*history, now_s=NOW / S + LONGEST_BACK_OFF_S + 1), IngestRequest)
    is_requested = [isinstance(step(*history, now_s=NOW / S + s), IngestRequest) for s in range(0, 3700, 300)]
    assert all(a <= b for a, b in itertools.pairwise(is_requested)), "once requested, a run stays requested"
