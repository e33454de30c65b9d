"""State is not an event: versions of users, items, boards, sends and judgements, and what a snapshot leaves out."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.storage.ingest.load import SUPERSEDED
from tests.support.landing_files import NOW, SEARCHES, Sandbox, as_csv, as_json_lines, assert_reconciled

STATES: dict[str, tuple[dict[str, Any], str, list[Any]]] = {
    "users": ({"user_id": "u"}, "push_opt_in", [False, True, False]),
    "pins": ({"pin_id": "p"}, "title", ["right", "wrong", "right"]),
    "board_pins": (
        {"user_id": "u", "board_id": "b", "pin_id": "p", "saved_at": "2026-01-01"},
        "board_name",
        ["right", "wrong", "right"],
    ),
    "journey_annotations": ({"user_id": "u", "journey_id": "j", "annotator_id": "a"}, "relevance", [1, 5, 1]),
    "notification_events": (
        {"notification_id": "n", "user_id": "u", "channel": "push", "arm": "journey", "sent_at": "2026-01-01"},
        "journey_id",
        ["right", "wrong", "right"],
    ),
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def current(sandbox: Sandbox, source: str, column: str) -> object:
    """What the version loaded last says; of one call, there is one version."""
    rows = sandbox.warehouse.query(f"SELECT {column} FROM landing.{source} ORDER BY ingest_seq DESC LIMIT 1")
    return rows[column][0]


@pytest.mark.parametrize("source", STATES)
def test_a_known_file_says_that_this_is_the_state_again(sandbox: Sandbox, source: str) -> None:
    row, column, values = STATES[source]
    for number, value in enumerate(values):
        # The first and the last file have the same bytes.
        path = sandbox.write(f"{source}/{number}.jsonl", as_json_lines([{**row, column: value}]))
        report = sandbox.ingest(path)
        assert (report.n_files_skipped_as_known, report.by_source()[0][3]) == (0, 1)
        assert current(sandbox, source, column) == value


@pytest.mark.parametrize("source", STATES)
def test_a_state_that_has_not_changed_is_a_duplicate(sandbox: Sandbox, source: str) -> None:
    row, column, values = STATES[source]
    sandbox.write(f"{source}/a.jsonl", as_json_lines([{**row, column: values[0]}]))
    sandbox.ingest()
    before = sandbox.landed()
    sandbox.write(f"{source}/b.csv", as_csv([{**row, column: values[0]}]))
    assert [counts[3:5] for counts in sandbox.ingest().by_source()] == [(0, 2)]
    assert sandbox.landed() == before


@pytest.mark.parametrize("source", STATES)
def test_of_two_files_of_a_call_the_later_path_counts(sandbox: Sandbox, source: str) -> None:
    row, column, values = STATES[source]
    for name, value in (("2026-01-02", values[0]), ("2026-01-01", values[1])):
        sandbox.write(f"{source}/{name}.jsonl", as_json_lines([{**row, column: value}]))
    report = sandbox.ingest()
    assert sandbox.table(source)[column].to_list() == [values[0]]
    assert report.by_source()[0][3:] == (1, 0, 0, 1, 0)
    assert report.skipped_by_reason == {SUPERSEDED: 1}
    assert_reconciled(report)


@pytest.mark.parametrize("source", STATES)
def test_of_two_lines_of_a_file_the_later_counts(sandbox: Sandbox, source: str) -> None:
    row, column, values = STATES[source]
    rows = [{**row, column: values[1]}, {**row, column: values[0]}, {**row, column: values[0]}]
    sandbox.write(f"{source}/a.jsonl", as_json_lines(rows))
    assert sandbox.ingest().by_source()[0][2:] == (3, 1, 1, 0, 1, 0)
    assert sandbox.table(source)[column].to_list() == [values[0]]


def test_two_snapshots_in_one_call_the_later_file_gives_the_time_zone(sandbox: Sandbox) -> None:
    sandbox.write("users/2026-01-01.csv", "user_id,timezone\nu,America/Los_Angeles\n")
    sandbox.write("users/2026-02-01.csv", "user_id,timezone\nu,Europe/Paris\n")
    sandbox.ingest()
    assert sandbox.table("users")["timezone"].to_list() == ["Europe/Paris"]


def test_versions_with_times_are_kept_once_and_in_any_order(sandbox: Sandbox) -> None:
    def load(*rows: tuple[str, str | None]) -> tuple[int, ...]:
        lines = [{"pin_id": "p", "title": title, "updated_at": at} for title, at in rows]
        path = sandbox.write("pins/a.jsonl", as_json_lines(lines))
        return sandbox.ingest(path).by_source()[0][3:5]

    assert load(("B", "2026-01-05")) == (1, 0)
    assert load(("A", "2026-01-01"), ("B", "2026-01-05")) == (1, 1)
    # A correction of the same time, and back.
    assert load(("b", "2026-01-05")) == (1, 0)
    assert load(("B", "2026-01-05")) == (1, 0)
    # The state now replaces them; after it, they are news again.
    assert load(("now", None)) == (1, 0)
    assert load(("now", None)) == (0, 1)
    assert load(("B", "2026-01-05")) == (1, 0)
    assert load(("now", None)) == (1, 0)


def test_whom_a_snapshot_no_longer_lists_has_unknown_opt_ins(sandbox: Sandbox) -> None:
    people = [{"user_id": name, "push_opt_in": name != "c", "timezone": "Europe/Paris"} for name in "abc"]
    sandbox.ingest(sandbox.write("users/1.csv", as_csv(people)))
    report = sandbox.ingest(sandbox.write("users/2.csv", as_csv(people[:1])))
    assert report.n_unlisted_users == 1  # c had no opt-in
    latest = sandbox.warehouse.query(
        "SELECT user_id, push_opt_in FROM landing.users "
        "QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY ingest_seq DESC) = 1 ORDER BY 1"
    )
    assert latest.rows() == [("a", True), ("b", None), ("c", False)]
    assert sandbox.ingest(sandbox.write("users/3.csv", as_csv(people[:1]))).n_unlisted_users == 0
    assert sandbox.ingest(sandbox.write("users/4.csv", "user_id,push_opt_in\n")).n_unlisted_users == 1


def test_files_of_a_call_are_parts_of_a_list_of_users_or_later_lists(sandbox: Sandbox) -> None:
    def listed(name: str, *users: str) -> None:
        sandbox.write(f"users/{name}.csv", as_csv([{"user_id": user, "push_opt_in": True} for user in users]))

    listed("2026-01/part-0", "a", "b")
    listed("2026-01/part-1", "c", "d")
    listed("2026-02/part-0", "a", "e")
    listed("2026-02/part-1", "c")
    report = sandbox.ingest()
    assert sorted(sandbox.table("users")["user_id"]) == ["a", "c", "e"]
    assert report.by_source()[0][2:] == (7, 3, 2, 0, 2, 0)
    assert report.skipped_by_reason == {SUPERSEDED: 2}


@pytest.mark.parametrize("broken", ["a,PST,false,one too many\n", 'a,"PST,false\n'])
def test_a_refused_line_of_a_snapshot_leaves_no_opt_in_in_force(sandbox: Sandbox, broken: str) -> None:
    sandbox.ingest(sandbox.write("users/1.csv", "user_id,timezone,push_opt_in\na,Europe/Paris,true\n"))
    report = sandbox.ingest(sandbox.write("users/2.csv", "user_id,timezone,push_opt_in\n" + broken))
    assert (report.n_unlisted_users, report.all_refused()) == (1, [str(sandbox.landing / "users/2.csv")])
    assert current(sandbox, "users", "push_opt_in") is None


def test_changes_are_no_snapshot(sandbox: Sandbox) -> None:
    sandbox.ingest(sandbox.write("users/1.csv", "user_id,push_opt_in\na,true\nb,true\n"))
    dated = sandbox.write("users/2.csv", "user_id,push_opt_in,updated_at\na,false,2026-01-05\n")
    assert sandbox.ingest(dated).n_unlisted_users == 0
    undated = sandbox.write("users/3.csv", "user_id,push_opt_in\na,false\n")
    assert sandbox.ingest(undated, users_are_snapshots=False).n_unlisted_users == 0


def test_a_bad_optional_field_is_refused_and_the_opt_out_beside_it_is_kept(sandbox: Sandbox) -> None:
    sandbox.ingest(sandbox.write("users/1.csv", "user_id,timezone,push_opt_in\nu,Europe/Paris,true\n"))
    report = sandbox.ingest(sandbox.write("users/2.csv", "user_id,timezone,push_opt_in\nu,PST,false\n"))
    assert current(sandbox, "users", "push_opt_in") is False
    assert (report.files[0].n_accepted, report.files[0].n_rows_with_refused_fields) == (1, 1)
    (refused,) = sandbox.table("quarantined_rows").to_dicts()
    assert (refused["is_kept"], refused["line"]) == (True, 2)
    assert refused["reason"].startswith("timezone is no known IANA time zone such as Europe/London: 'PST'")
    assert sandbox.table("ingest_ledger").sort("ingest_seq")["n_rows_with_refused_fields"].to_list() == [0, 1]


def test_opt_ins_of_a_row_whose_time_cannot_be_read_are_unknown(sandbox: Sandbox) -> None:
    sandbox.write("users.csv", "user_id,push_opt_in,email_opt_in,updated_at\nu,true,false,soon\n")
    sandbox.ingest()
    assert sandbox.table("users").select("push_opt_in", "email_opt_in", "updated_at").row(0) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "read"),
    [("soon", NOW), ("2199-01-01", NOW), ("yes", NOW), ("no", None), ("", None), ("2026-01-02", datetime(2026, 1, 2))],
)
def test_an_unsubscribe_that_cannot_be_read_is_one(sandbox: Sandbox, written: str, read: datetime | None) -> None:
    header = "notification_id,user_id,channel,arm,sent_at,unsubscribed_at\n"
    sandbox.write("notification_events.csv", header + f"n,u,push,journey,2026-01-01,{written}\n")
    sandbox.ingest()
    assert sandbox.table("notification_events")["unsubscribed_at"].to_list() == [read]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("n,u,push,Group A,2026-01-01,2026-01-02", [("u", "push", datetime(2026, 1, 2))]),
        ("n,u,sms,journey,2026-01-01,2026-01-02", [("u", None, datetime(2026, 1, 2))]),
        (",u,email,journey,soon,soon", [("u", "email", NOW)]),
        ("n,,push,Group A,2026-01-01,2026-01-02", []),
        ("n,u,push,Group A,2026-01-01,", []),
    ],
)
def test_the_unsubscribe_of_a_refused_row_is_kept_once(
    sandbox: Sandbox, line: str, found: list[tuple[object, ...]]
) -> None:
    header = "notification_id,user_id,channel,arm,sent_at,unsubscribed_at\n"
    for _ in range(2):
        sandbox.write("notification_events.csv", header + line + "\n")
        assert sandbox.ingest().by_source()[0][5] == 1
        assert sandbox.table("refused_unsubscribes").drop("ingest_seq").rows() == found
    days = sandbox.table("ingested_days")["event_date"].to_list()
    assert days == [at.date() - timedelta(days=1) for *_, at in found if isinstance(at, datetime)]


def test_what_was_refused_for_the_clock_alone_is_read_again(sandbox: Sandbox) -> None:
    later = {**SEARCHES[0], "searched_at": "2026-01-14T10:00:00Z"}
    sandbox.write("search_events.csv", as_csv([*SEARCHES, later, {**later, "user_id": ""}]))
    assert sandbox.ingest().by_source()[0][3:6] == (3, 0, 2)
    at = sandbox.table("quarantined_rows").sort("line")["acceptable_at"].to_list()
    assert at == [datetime(2026, 1, 13, 10), None]
    assert sandbox.ingest(now=NOW + timedelta(days=3)).by_source()[0][3:6] == (1, 3, 1)
    assert sandbox.table("quarantined_rows")["line"].to_list() == [6]


def test_an_action_that_was_added_is_read_from_the_file_that_was_refused(sandbox: Sandbox) -> None:
    row = {"user_id": "u", "pin_id": "p", "action": "purchase", "engaged_at": "2026-01-01"}
    sandbox.write("pin_engagements.csv", as_csv([row]))
    assert sandbox.ingest().by_source()[0][5] == 1
    assert sandbox.ingest(actions=(*DEFAULT_ACTIONS, Action("purchase"))).by_source()[0][3:6] == (1, 0, 0)


# ── which days become stale ─────────────────────────────────────────────────────────────────────────────────────────

ENGAGED = [
    {"user_id": "u", "pin_id": "p", "action": "save", "engaged_at": f"2026-01-0{day}T10:00:00Z"} for day in (1, 3, 5, 7)
]


def touched(sandbox: Sandbox, source: str, *rows: dict[str, Any]) -> list[int]:
    """Days of January that the next call makes stale for the source."""
    report = sandbox.ingest(sandbox.write(f"{source}/x.jsonl", as_json_lines(list(rows))))
    days = sandbox.table("ingested_days").filter(ingest_seq=report.ingest_seq, source=source)["event_date"]
    return [day.day for day in days if day > date(2025, 12, 31)]


def test_a_version_of_a_pin_makes_the_days_stale_for_which_it_counts(sandbox: Sandbox) -> None:
    sandbox.ingest(sandbox.write("pin_engagements.jsonl", as_json_lines(ENGAGED)))
    first = {"pin_id": "p", "title": "at 4", "updated_at": "2026-01-04"}
    assert touched(sandbox, "pins", first) == [1, 3, 5, 7]
    assert touched(sandbox, "pins", first) == []
    assert touched(sandbox, "pins", {**first, "title": "at 6", "updated_at": "2026-01-06"}) == [7]
    assert touched(sandbox, "pins", {**first, "title": "at 2", "updated_at": "2026-01-02"}) == [1, 3]
    assert touched(sandbox, "pins", {"pin_id": "p", "title": "always"}) == [1, 3, 5, 7]


def test_a_dated_change_of_a_user_makes_its_day_stale_and_an_opt_out_the_day_before(sandbox: Sandbox) -> None:
    row = {"user_id": "u", "push_opt_in": True, "email_opt_in": True}
    assert touched(sandbox, "users", row) == []
    assert touched(sandbox, "users", {**row, "updated_at": "2026-01-05"}) == [5]
    assert touched(sandbox, "users", {**row, "push_opt_in": False, "updated_at": "2026-01-06"}) == [5, 6]


def test_an_unsubscribe_makes_the_day_before_it_stale(sandbox: Sandbox) -> None:
    row = STATES["notification_events"][0]
    assert touched(sandbox, "notification_events", row) == [1]
    assert touched(sandbox, "notification_events", {**row, "opened_at": "2026-01-02"}) == []
    assert touched(sandbox, "notification_events", {**row, "unsubscribed_at": "2026-01-05T10:00:00"}) == [4]
    assert touched(sandbox, "notification_events", {**row, "unsubscribed_at": "2026-01-05T10:00:00"}) == []
