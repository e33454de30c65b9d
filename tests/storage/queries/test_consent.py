"""Consent as of a day, for random histories of files, compared with the oracle of ``tests.support.consent_oracle``."""

import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.load import INGEST_TABLES, ensure_landing
from journeys_assets.storage.queries.users import users, users_by_day
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.consent_files import HEADERS, OutcomeFile, OutcomeLine, UserFile, UserLine, written
from tests.support.consent_oracle import CHANNELS, NO, YES, Facts, consent, last_zones, opted_in, unsubscribed
from tests.support.sql_world import MODELS
from tests.thorough import usual_or_thorough

FIRST = date(2026, 3, 2)
DAYS = [FIRST + timedelta(days=n) for n in range(8)]
USERS = ("ann", "bob", "cem", "dee")
File = UserFile | OutcomeFile
Call = Sequence[File]
"""The files of one ingest call; the calls of a history follow one another at 18:00 UTC, day by day."""


def at(day: int, hour: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), datetime.min.time()) + timedelta(hours=hour)


class History:
    """A warehouse that takes calls, and the facts that they bring."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        ensure_landing(self.warehouse)
        with self.warehouse.writing() as con:
            for model in MODELS.values():
                if model.layer == "staging":
                    con.execute(f"CREATE VIEW main.{model.name} AS {model.render({})}")

    def replay(self, calls: Sequence[Call]) -> Facts:
        """Forget everything, and ingest the calls."""
        with self.warehouse.writing() as con:
            for table in INGEST_TABLES:
                con.execute(f"DELETE FROM {table.qualified_name}")
        facts = Facts()
        for number, files in enumerate(calls, start=1):
            landing = self.folder / "landing"
            shutil.rmtree(landing, ignore_errors=True)
            for file in files:
                (landing / file.path).parent.mkdir(parents=True, exist_ok=True)
                (landing / file.path).write_text(file.content)
            now = at(number, 18)
            ingest(
                self.warehouse,
                [landing],
                format="landing",
                now=now,
                actions=DEFAULT_ACTIONS,
                scratch_dir=self.folder / "scratch",
            )
            for file in sorted(files, key=lambda file: Path(file.path)):
                file.add_to(facts, number, now, str(landing / file.path))
        return facts

    def assert_consent_follows_the_rules(
        self, facts: Facts, days: Sequence[date] = DAYS, *, is_exact: bool = True
    ) -> None:
        """Nothing is allowed that the rules forbid and, if ``is_exact``, nothing is forbidden that they allow."""
        with self.warehouse.reading() as con:
            found = users_by_day(con, days)
            alone = {day: users(con, day) for day in days[::7]}
        for day, of_day in alone.items():
            assert_frame_equal(found[day], of_day)
        for day, of_day in found.items():
            stored = {row["user_id"]: row for row in of_day.iter_rows(named=True)}
            for user_id in USERS:
                row = stored.get(user_id, {})
                where = f"{user_id} on partition {day}; landed before:\n{facts.of(user_id)}"
                for channel in CHANNELS:
                    expected = opted_in(facts, user_id, channel, day), unsubscribed(facts, user_id, channel, day)
                    got = bool(row.get(f"{channel}_opt_in")), bool(row.get(f"{channel}_unsubscribed"))
                    if got[0] or is_exact:
                        assert expected[0] != (NO if got[0] else YES), f"{channel}_opt_in is {got[0]}: {where}"
                    if not got[1] or is_exact:
                        assert expected[1] != (NO if got[1] else YES), f"{channel}_unsubscribed is {got[1]}: {where}"
                zones = last_zones(facts, user_id, day)
                assert not row or not zones or row["timezone"] in zones, f"not of {zones}: {row['timezone']}: {where}"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp("consent"))


# ── random histories ────────────────────────────────────────────────────────────────────────────────────────────────

opt_ins = st.sampled_from(("true", "true", "false", "false", "", "maybe"))
zones = st.sampled_from(("Europe/Paris", "America/Los_Angeles", "Australia/Lord_Howe", "PST", ""))
times = st.builds(at, st.integers(-1, 7), st.integers(0, 23)).map(written)


@st.composite
def changes(draw: st.DrawFn, call: int) -> UserFile:
    """Some users, with times of which none is later than the call, apart from one that cannot be read."""
    latest = written(at(call, 18))
    rows = [
        UserLine(
            draw(st.sampled_from((*USERS, ""))),
            draw(opt_ins),
            draw(opt_ins),
            draw(zones),
            draw(st.one_of(times.map(lambda time: min(time, latest)), times, st.just("yesterday"))),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    return UserFile(f"changes-{draw(st.integers(0, 2))}", tuple(rows), True, draw(headers))


@st.composite
def snapshots(draw: st.DrawFn) -> UserFile:
    listed = draw(st.lists(st.sampled_from((*USERS, *USERS, "")), min_size=1, max_size=5))
    rows = tuple(UserLine(user_id, draw(opt_ins), draw(opt_ins), draw(zones)) for user_id in listed)
    return UserFile(f"all-{draw(st.integers(0, 2))}", rows, False, draw(headers))


@st.composite
def outcomes(draw: st.DrawFn) -> OutcomeFile:
    rows = [
        OutcomeLine(
            draw(st.sampled_from(("n1", "n2", "n3", "n3", ""))),
            draw(st.sampled_from(USERS)),
            "",
            draw(st.sampled_from(("email", "push", "push", "fax"))),
            draw(st.sampled_from(("journey", "journey", "unknown"))),
            written(at(0, 1)),
            draw(st.one_of(times, st.sampled_from(("", "soon")))),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    return OutcomeFile(f"outcomes-{draw(st.integers(0, 1))}", tuple(rows))


headers = st.sampled_from(range(len(HEADERS)))


@st.composite
def histories(draw: st.DrawFn) -> list[list[File]]:
    calls: list[list[File]] = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        fresh = st.one_of(changes(number), changes(number), snapshots(), outcomes())
        earlier = [file for files in calls for file in files]
        repeated = st.sampled_from(earlier) if earlier else fresh
        drawn = draw(st.lists(st.one_of(fresh, fresh, repeated), min_size=1, max_size=3))
        calls.append(list({file.path: file for file in drawn}.values()))
    return calls


@pytest.mark.slow
@settings(max_examples=usual_or_thorough(6, 1_000), suppress_health_check=[HealthCheck.too_slow])
@given(calls=histories())
def test_nothing_is_allowed_that_the_rules_forbid_whatever_files_come(
    history: History, calls: list[list[File]]
) -> None:
    for number, files in enumerate(calls, start=1):
        note(f"call {number} at {at(number, 18)}:\n" + "\n".join(f"{file.path}\n{file.content}" for file in files))
    facts = history.replay(calls)
    history.assert_consent_follows_the_rules(facts, is_exact=False)


# ── known histories ─────────────────────────────────────────────────────────────────────────────────────────────────


def snapshot(name: str, push: str, *, user_id: str = "ann", zone: str = "Europe/Paris", header: int = 0) -> UserFile:
    return UserFile(name, (UserLine(user_id, "false", push, zone),), False, header)


def change(name: str, when: datetime, push: str) -> UserFile:
    return UserFile(name, (UserLine("ann", "false", push, "Europe/Paris", written(when)),), True)


def outcome(name: str, left: str, *, channel: str = "push", arm: str = "journey") -> OutcomeFile:
    return OutcomeFile(name, (OutcomeLine("n1", "ann", "", channel, arm, written(at(0, 1)), left),))


YES_FILE, NO_FILE = snapshot("1", "true"), snapshot("2", "false")
LEFT = written(at(1, 9))
TWO_USERS = UserFile("1", (NO_FILE.lines[0], snapshot("1", "true", user_id="bob").lines[0]), False)
KNOWN: dict[str, tuple[list[list[File]], int, bool]] = {
    "an opt-in": ([[YES_FILE]], 1, True),
    "no, yes, and the first file again": ([[NO_FILE], [YES_FILE], [NO_FILE]], 3, False),
    "yes, no, and the first file again": ([[YES_FILE], [NO_FILE], [YES_FILE]], 3, True),
    "the later file of a call counts": ([[YES_FILE, NO_FILE]], 1, False),
    "the later file of a call counts, not the smaller value": (
        [[snapshot("1", "false"), snapshot("2", "true")]],
        1,
        True,
    ),
    "an opt-out with a wrong time zone": ([[YES_FILE], [snapshot("2", "false", zone="PST")]], 2, False),
    "an opt-in with a wrong time zone": ([[snapshot("1", "true", zone="PST")]], 1, True),
    "an unreadable opt-in": ([[YES_FILE], [snapshot("2", "maybe")]], 2, False),
    "a header in another case": ([[snapshot("1", "true", header=1)]], 1, True),
    "a header with spaces and hyphens": ([[snapshot("1", "true", header=3)]], 1, True),
    "a snapshot that lacks the person": ([[YES_FILE], [snapshot("2", "true", user_id="bob")]], 2, False),
    "an unsubscribe": ([[YES_FILE], [outcome("1", LEFT)]], 3, False),
    "an unsubscribe of the send day": ([[YES_FILE], [outcome("1", LEFT)]], 0, False),
    "an unsubscribe, then a version without it": ([[YES_FILE], [outcome("1", LEFT)], [outcome("2", "")]], 3, False),
    "an unsubscribe, and a version without it at once": ([[YES_FILE, outcome("1", LEFT), outcome("2", "")]], 3, False),
    "an unsubscribe in a row with an unknown arm": ([[YES_FILE], [outcome("1", LEFT, arm="x")]], 3, False),
    "an unsubscribe from an unknown channel": ([[YES_FILE], [outcome("1", LEFT, channel="fax")]], 3, False),
    "an unsubscribe from the other channel": ([[YES_FILE], [outcome("1", LEFT, channel="email")]], 3, True),
    "an unsubscribe at an unreadable time": ([[YES_FILE], [outcome("1", "soon")]], 3, False),
    "an unsubscribe, and the same yes again": ([[YES_FILE], [outcome("1", LEFT)], [YES_FILE]], 4, False),
    "an unsubscribe, and yes in another row": (
        [[YES_FILE], [outcome("1", LEFT)], [snapshot("3", "true", zone="Europe/Rome")]],
        4,
        False,
    ),
    "an unsubscribe, no, and yes": ([[YES_FILE], [outcome("1", LEFT)], [NO_FILE], [YES_FILE]], 5, True),
    "an unsubscribe, and a newer opt-in": ([[outcome("1", LEFT)], [change("1", at(2, 9), "true")]], 2, True),
    "an unsubscribe, and an older opt-in": ([[outcome("1", LEFT)], [change("1", at(1, 8), "true")]], 2, False),
    "a newer opt-in that lands first": ([[change("1", at(1, 10), "true")], [outcome("1", LEFT)]], 2, True),
    "an opt-in of the next day": ([[change("1", at(1, 9), "true")]], 0, False),
    "an opt-in of the day": ([[change("1", at(1, 9), "true")]], 1, True),
    "an opt-out of the send day": ([[YES_FILE], [change("1", at(2, 9), "false")]], 1, False),
    "a late older opt-in": ([[change("1", at(1, 9), "false")], [change("2", at(0, 9), "true")]], 3, False),
    "a late older opt-out": ([[change("1", at(1, 9), "true")], [change("2", at(0, 9), "false")]], 3, True),
    "an opt-in from before a snapshot with no": ([[NO_FILE], [change("1", at(0, 9), "true")]], 3, False),
    "an opt-in from after a snapshot with no": ([[NO_FILE], [change("1", at(2, 9), "true")]], 3, True),
    "a no on a list that a later list of the call replaces, and an older yes": (
        [[TWO_USERS, snapshot("2", "true", user_id="bob"), change("3", at(0, 9), "true")]],
        2,
        False,
    ),
    "an opt-out that lands after a snapshot with yes": ([[YES_FILE], [change("1", at(1, 9), "false")]], 3, False),
}
"""What lands, call by call; the partition; and whether a push message may be sent to ann."""


@pytest.mark.parametrize("name", KNOWN)
def test_consent_after_a_known_history(history: History, name: str) -> None:
    calls, day, may_be_sent = KNOWN[name]
    facts = history.replay(calls)
    assert consent(facts, "ann", "push", DAYS[day]) == (YES if may_be_sent else NO), "the oracle is wrong"
    history.assert_consent_follows_the_rules(facts)


def test_the_time_zone_is_that_of_the_later_file(history: History) -> None:
    files = [snapshot("2026-01-01", "true", zone="America/Los_Angeles"), snapshot("2026-02-01", "true")]
    history.replay([files])
    with history.warehouse.reading() as con:
        assert users(con, DAYS[1])["timezone"].to_list() == ["Europe/Paris"]


def test_of_two_time_zones_of_the_same_time_one_is_chosen_for_good(history: History) -> None:
    """A version whose time cannot be read counts from its call on, and another one may have the time of the call."""

    def said(zone: str, when: str) -> UserLine:
        return UserLine("ann", "true", "true", zone, when)

    known = said("Europe/Paris", written(at(0, 0)))
    later = (said("Europe/Paris", "yesterday"), known, known, said("America/Los_Angeles", written(at(2, 18))))
    facts = history.replay([[UserFile("changes-0", (known,), True)], [UserFile("changes-0", later, True)]])
    history.assert_consent_follows_the_rules(facts)
