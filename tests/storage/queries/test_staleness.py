"""Staleness compared with a model of what each day's output contains, over random orders of ingest calls and runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from journeys_assets.domain.scheduling import requests
from journeys_assets.domain.tables.landing import INGEST_LEDGER, INGESTED_DAYS
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, KEYWORD_DAYS
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox
from tests.thorough import usual_or_thorough

ORIGIN = date(2026, 3, 2)
N_DAYS = 6
TODAY = ORIGIN + timedelta(days=N_DAYS)
NOON = datetime(2026, 6, 1, 12)
VERSION = "v1"
ALWAYS = [(date.min, VERSION)]

Event = tuple[date, int]
"""Day of the event, ingest_seq of the call that brought it."""


@dataclass
class Run:
    """A run in progress: its watermarks, and what it has read."""

    days: list[date]
    marks: staleness.Watermarks
    keywords: dict[date, set[Event]]
    output: dict[date, set[Event]]
    start: date


class Log(RuleBasedStateMachine):
    """Ingest calls and runs in any order. A run reads at its beginning (the worst case) and writes at its end.

    The model follows an event through the stages: into the keywords of its day, then into the state of that day, and
    from the state of one day into that of the next.
    """

    folder: Path
    n_worlds = 0

    def __init__(self) -> None:
        super().__init__()
        Log.n_worlds += 1
        self.warehouse = Warehouse(self.folder / f"{Log.n_worlds}.duckdb")
        ensure_landing(self.warehouse)
        self.warehouse.ensure(KEYWORD_DAYS, CLOSED_DAYS)
        self.seq = 0
        self.events: set[Event] = set()
        self.keywords: dict[date, set[Event]] = {}
        self.output: dict[date, set[Event]] = {}
        self.running: list[Run] = []
        self.start = ORIGIN

    # ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(days=st.sets(st.integers(0, N_DAYS - 1), min_size=1, max_size=3))
    def ingest(self, days: set[int]) -> None:
        self.seq += 1
        dates = sorted(ORIGIN + timedelta(days=n) for n in days)
        self.events |= {(day, self.seq) for day in dates}
        rows = pl.DataFrame({"event_date": dates}).with_columns(
            ingest_seq=pl.lit(self.seq), source=pl.lit("search_events"), n_events=pl.lit(1), n_users=pl.lit(1)
        )
        ledger = {"batch_id": f"b{self.seq}", "ingest_seq": self.seq, "source": "search_events", "file": "f"}
        with self.warehouse.writing() as con:
            for table, frame in ((INGESTED_DAYS, rows), (INGEST_LEDGER, pl.DataFrame([ledger]))):
                con.register("incoming", frame.to_arrow())
                con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM incoming")
                con.unregister("incoming")

    @rule(n=st.integers(0, N_DAYS - 1))
    def move_start(self, n: int) -> None:
        """The first day of the output changes: a setting, or events that make outliers of others."""
        self.start = ORIGIN + timedelta(days=n)

    @rule(first=st.integers(0, N_DAYS - 1), n_days=st.integers(1, N_DAYS))
    def begin(self, first: int, n_days: int) -> None:
        days = [ORIGIN + timedelta(days=n) for n in range(first, min(first + n_days, N_DAYS))]
        if any(set(days) & set(run.days) for run in self.running):
            return  # the day lock
        self._begin(days)

    def _begin(self, days: list[date]) -> Run:
        self._bring_keywords_up_to_date(before=days[0])
        with self.warehouse.reading() as con:
            marks = staleness.watermarks(con, days[0], start=self.start)
        keywords = self.keywords | {day: self._events_of(day) for day in days}
        run = Run(days, marks, keywords, dict(self.output), self.start)
        self.running.append(run)
        return run

    def _bring_keywords_up_to_date(self, *, before: date) -> None:
        with self.warehouse.reading() as con:
            marks = staleness.watermarks(con, before, start=self.start)
            days = staleness.stale_keyword_days(con, VERSION, before=before)
        if days:
            self.keywords |= {day: self._events_of(day) for day in days}
            self._note(KEYWORD_DAYS, days, ingest_seq=marks.ingest_seq)

    def _events_of(self, day: date) -> set[Event]:
        return {event for event in self.events if event[0] == day}

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), died=st.booleans())
    def end(self, which: int, died: bool) -> None:
        run = self.running.pop(which % len(self.running))
        if not died:
            self._close(run)

    def _close(self, run: Run) -> None:
        self.keywords |= {day: run.keywords[day] for day in run.days}
        self._note(KEYWORD_DAYS, run.days, ingest_seq=run.marks.ingest_seq)
        for day in run.days:
            # A state depends on the keywords of the window and, for users not active since, on earlier states.
            reached = {e for d, seen in run.keywords.items() if d <= day for e in seen}
            for before, seen in run.output.items():
                if run.start <= before < day:
                    reached -= {e for e in reached - seen if e[0] <= before}
            run.output[day] = self.output[day] = reached
        self._note(CLOSED_DAYS, run.days, covered_seq=run.marks.covered_seq, run_id="r")

    def _note(self, table: Table, days: list[date], **columns: int | str) -> None:
        constant = [pl.lit(value).alias(name) for name, value in columns.items()]
        rows = pl.DataFrame({"partition_date": days}).with_columns(*constant, algorithm_version=pl.lit(VERSION))
        self.warehouse.replace_partitions(table, rows, days)

    # ── invariants ──────────────────────────────────────────────────────────────────────────────────────────────────

    def stale(self) -> set[date]:
        with self.warehouse.reading() as con:
            return set(staleness.stale_days(con, ALWAYS, start=self.start, today=TODAY)["partition_date"])

    def lacking_events(self) -> set[date]:
        output = {day: seen for day, seen in self.output.items() if day >= self.start}
        return {day for day, seen in output.items() if {e for e in self.events if e[0] <= day} - seen}

    @invariant()
    def every_day_that_lacks_an_event_is_stale_and_no_day_before_the_start(self) -> None:
        stale = self.stale()
        assert self.lacking_events() <= stale
        assert all(day >= self.start for day in stale)

    def teardown(self) -> None:
        """The runs that the sensor requests always lead to a state with nothing stale and nothing missing."""
        self.running.clear()
        for _ in range(2 * N_DAYS + 2):
            request = requests.next_request(sorted(self.stale()), [], now=NOON)
            if isinstance(request, requests.Wait):
                break
            n_days = (request.last_day - request.first_day).days + 1
            run = self._begin([request.first_day + timedelta(days=n) for n in range(n_days)])
            self.running.remove(run)
            self._close(run)
        else:
            raise AssertionError("the sensor keeps requesting runs")
        assert not self.lacking_events()


def test_any_order_of_ingest_calls_and_runs(tmp_path: Path) -> None:
    machine = type("LogIn", (Log,), {"folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=usual_or_thorough(12, 1_000),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def log(tmp_path: Path) -> Log:
    machine: type[Log] = type("LogIn", (Log,), {"folder": tmp_path})
    return machine()


def run(log: Log, first: int, last: int) -> None:
    log.begin(first, last - first + 1)
    log.end(0, died=False)


def days(*numbers: int) -> set[date]:
    return {ORIGIN + timedelta(days=n) for n in numbers}


def reasons(log: Log) -> dict[int, str]:
    with log.warehouse.reading() as con:
        rows = staleness.stale_days(con, ALWAYS, start=log.start, today=TODAY)
    return {(day - ORIGIN).days: reason for day, reason in rows.iter_rows()}


def test_a_day_run_after_a_stale_one_stays_stale(log: Log) -> None:
    log.ingest({0, 1, 2})
    run(log, 0, 2)
    assert log.stale() == set()
    log.ingest({0})
    run(log, 0, 0)
    run(log, 2, 2)
    assert log.stale() == days(1, 2)
    run(log, 1, 2)
    assert log.stale() == set()


def test_a_day_run_across_a_gap_stays_stale_until_the_gap_is_closed(log: Log) -> None:
    log.ingest({0, 3})
    run(log, 0, 0)
    run(log, 3, 3)
    assert reasons(log) == {1: "never_computed", 2: "never_computed", 3: "new_events"}
    run(log, 1, 3)
    assert log.stale() == set()


def test_an_event_that_arrives_while_its_day_is_being_run_is_not_lost(log: Log) -> None:
    log.ingest({0})
    log.begin(0, 1)
    log.ingest({0})
    log.end(0, died=False)
    assert reasons(log) == {0: "new_events"}


def test_a_killed_run_leaves_its_days_stale(log: Log) -> None:
    log.ingest({0, 1})
    log.begin(0, 2)
    log.end(0, died=True)
    assert reasons(log) == {0: "new_events", 1: "new_events"}


def test_a_late_event_makes_every_later_closed_day_stale_and_no_earlier_one(log: Log) -> None:
    log.ingest({0, 1, 2, 3})
    run(log, 0, 3)
    log.ingest({2})
    assert reasons(log) == {2: "late_events", 3: "late_events"}


def test_a_run_makes_the_keywords_of_days_before_the_first_closed_day(log: Log) -> None:
    log.ingest({0, 2})
    run(log, 2, 2)
    assert log.stale() == set()
    log.ingest({0})
    assert reasons(log) == {2: "late_events"}
    with log.warehouse.reading() as con:
        assert set(staleness.stale_keyword_days(con, VERSION, before=TODAY)) == days(0)
    run(log, 2, 2)
    assert log.stale() == set()


def test_keywords_of_another_version_are_stale_even_on_closed_days(log: Log) -> None:
    log.ingest({0, 1, 2})
    run(log, 0, 2)
    with log.warehouse.reading() as con:
        assert staleness.stale_keyword_days(con, VERSION, before=TODAY) == []
        assert set(staleness.stale_keyword_days(con, "v2", before=ORIGIN + timedelta(days=2))) == days(0, 1)


def test_a_day_is_held_against_the_version_of_its_period(log: Log) -> None:
    log.ingest({0, 1, 2})
    run(log, 0, 2)
    with log.warehouse.reading() as con:
        rows = staleness.stale_days(
            con, [(date.min, VERSION), (ORIGIN + timedelta(days=1), "v2")], start=ORIGIN, today=TODAY
        )
    assert set(rows["partition_date"]) == days(1, 2)


def test_another_algorithm_version_has_its_own_reason(log: Log) -> None:
    log.ingest({0, 1})
    run(log, 0, 1)
    with log.warehouse.reading() as con:
        rows = staleness.stale_days(con, [(date.min, "v2")], start=ORIGIN, today=TODAY)
    assert rows["reason"].to_list() == ["algorithm_version"] * 2


def test_an_event_of_tomorrow_is_not_stale_today(log: Log) -> None:
    log.ingest({0, 5})
    run(log, 0, 0)
    with log.warehouse.reading() as con:
        rows = staleness.stale_days(con, ALWAYS, start=ORIGIN, today=ORIGIN)
    assert rows.is_empty()


def test_days_before_the_start_are_history(log: Log) -> None:
    """They are not stale, and an event that one of them lacks keeps no later day stale for ever."""
    log.ingest({0, 1, 2})
    run(log, 0, 2)
    log.move_start(2)
    log.ingest({0})
    assert reasons(log) == {2: "late_events"}
    run(log, 2, 2)
    assert log.stale() == set()
    log.move_start(0)
    assert reasons(log) == {0: "late_events", 1: "late_events"}


SEARCHES = {"user_id": ["ann", "ann", "bob"], "query": ["oak table", "oak chair", "tent"]}


def searches(day: date, **columns: list[str]) -> dict[str, pl.DataFrame]:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=10)
    return {"search_events": pl.DataFrame({**SEARCHES, **columns}).with_columns(searched_at=pl.lit(at))}


def stale_pairs(sandbox: Sandbox, today: date = TODAY) -> set[tuple[str, int, str]]:
    sandbox.pipeline.prepare()
    versions = sandbox.pipeline.versions().periods("closed_days")
    with sandbox.deployment.warehouse.reading() as con:
        rows = staleness.stale_users(con, versions, horizon_days=180, start=ORIGIN, today=today)
    return {(r["user_id"], (r["partition_date"] - ORIGIN).days, r["reason"]) for r in rows.iter_rows(named=True)}


def test_which_user_on_which_day_and_why(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("pairs")
    sandbox.land(searches(ORIGIN), name="first")
    assert stale_pairs(sandbox) == {("ann", 0, "never_computed"), ("bob", 0, "never_computed")}
    sandbox.run(ORIGIN, ORIGIN + timedelta(days=1))
    assert stale_pairs(sandbox) == set()
    sandbox.land(searches(ORIGIN + timedelta(days=2), user_id=["ann"] * 3), name="new")
    assert stale_pairs(sandbox) == {("ann", 2, "new_events"), ("bob", 2, "never_computed")}
    sandbox.run(ORIGIN + timedelta(days=2), ORIGIN + timedelta(days=2))
    sandbox.land(searches(ORIGIN + timedelta(days=1), user_id=["bob"] * 3), name="late")
    assert stale_pairs(sandbox) == {("bob", day, "late_events") for day in (1, 2)}
    sandbox.run(*days_of_default_run(sandbox))
    assert stale_pairs(sandbox) == set()


def days_of_default_run(sandbox: Sandbox) -> tuple[date, date]:
    first, last = sandbox.days_to_run()
    assert (first, last) == (ORIGIN + timedelta(days=1), ORIGIN + timedelta(days=2))
    return first, last


def test_a_late_pin_makes_the_days_of_its_engagements_stale(
    new_sandbox: Callable[[str], Sandbox],
) -> None:
    sandbox = new_sandbox("pins")
    at = datetime.combine(ORIGIN, datetime.min.time())
    engaged = pl.DataFrame({"user_id": ["ann"], "pin_id": ["p1"], "action": ["save"], "engaged_at": [at]})
    sandbox.land(searches(ORIGIN) | {"pin_engagements": engaged}, name="first")
    sandbox.run(ORIGIN, ORIGIN + timedelta(days=1))
    sandbox.land(
        {"pins": pl.DataFrame({"pin_id": ["p1", "p2"], "annotations": [["oak bench"], ["tent peg"]]})}, name="p"
    )
    assert stale_pairs(sandbox) == {("ann", 0, "late_events"), ("ann", 1, "late_events")}
    sandbox.run(ORIGIN, ORIGIN + timedelta(days=1))
    assert stale_pairs(sandbox) == set()
    assert "oak bench" in sandbox.table("keyword_table")["keyword"].to_list()


def test_feedback_and_sends_make_days_stale_but_clicks_do_not(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("sends")
    sandbox.land(searches(ORIGIN), name="first")
    sandbox.run(ORIGIN, ORIGIN + timedelta(days=1))
    at = datetime.combine(ORIGIN + timedelta(days=1), datetime.min.time())
    send = {"notification_id": ["n"], "user_id": ["ann"], "channel": ["push"], "arm": ["journey"], "sent_at": [at]}
    sandbox.land({"notification_events": pl.DataFrame(send)}, name="sent")
    assert stale_pairs(sandbox) == {("ann", 1, "new_events")}
    sandbox.run(ORIGIN + timedelta(days=1), ORIGIN + timedelta(days=1))
    sandbox.land({"notification_events": pl.DataFrame(send | {"clicked_at": [at]})}, name="clicked")
    assert stale_pairs(sandbox) == set()
    feedback = {"user_id": ["bob"], "journey_id": ["j"], "verdict": ["mute"], "given_at": [at - timedelta(days=1)]}
    sandbox.land({"journey_feedback": pl.DataFrame(feedback)}, name="feedback")
    assert stale_pairs(sandbox) == {("bob", 0, "late_events"), ("bob", 1, "late_events")}
