"""Records about consent that cannot be read, the order of files, and headers in the middle: no older yes counts."""

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest

from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.storage.erasure.databases import remove_users
from journeys_assets.storage.erasure.tombstones import Tombstones, add_tombstones
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.load import INGEST_TABLES, ensure_landing
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.queries.unmatched import unmatched_keys
from journeys_assets.storage.queries.users import users
from tests.support.landing_files import NOW, Sandbox, assert_reconciled
from tests.support.sql_world import MODELS

USERS = "user_id,push_opt_in\n"
DATED = "user_id,updated_at,push_opt_in,country\n"
YES = DATED + "ann,2026-01-01T10:00:00Z,true,FR\nbob,2026-01-01T10:00:00Z,true,FR\n"
SENDS = "notification_id,user_id,channel,arm,sent_at,unsubscribed_at\n"
LINKS = "user_id,other_id,linked_at\n"


class World(Sandbox):
    """A warehouse that says who may be sent push messages."""

    n_calls = 0

    def load(self, files: dict[str, str | bytes]) -> IngestReport:
        """Ingest files in one call, an hour after the call before."""
        self.n_calls += 1
        folder = f"call-{self.n_calls}"
        for name, content in files.items():
            self.write(f"{folder}/{name}", content)
        return self.ingest(self.landing / folder, now=NOW + timedelta(hours=self.n_calls))

    def allowed(self) -> set[str]:
        with self.warehouse.reading() as con:
            rows = users(con, NOW.date() + timedelta(days=1))
        return set(rows.filter(rows["push_opt_in"] & ~rows["push_unsubscribed"])["user_id"])


@pytest.fixture(scope="module")
def only_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("broken"))
    ensure_landing(world.warehouse)
    with world.warehouse.writing() as con:
        for model in MODELS.values():
            if model.layer == "staging":
                con.execute(f"CREATE VIEW main.{model.name} AS {model.render({})}")
    return world


@pytest.fixture
def world(only_world: World) -> Iterator[World]:
    """An empty world; the warehouse is shared, because making one takes longer than most of these tests."""
    only_world.n_calls = 0
    shutil.rmtree(only_world.landing, ignore_errors=True)
    yield only_world
    with only_world.warehouse.writing() as con:
        for table in INGEST_TABLES:
            con.execute(f"DELETE FROM {table.qualified_name}")


def json_line(**pairs: str) -> str:
    return "{" + ", ".join(f'"{key}": {value}' for key, value in pairs.items()) + "}"


NO = {"user_id": '"ann"', "updated_at": '"2026-01-05T10:00:00Z"', "push_opt_in": "false"}
GOOD_LINE = json_line(**{**NO, "user_id": '"cem"'}) + "\n"
BROKEN_USERS: dict[str, tuple[str, str | bytes]] = {
    "too many fields": ("2.csv", DATED + "ann,2026-01-05T10:00:00Z,false,FR,oops\n"),
    "too many fields in front": ("2.csv", "country,user_id,updated_at,push_opt_in\nParis,FR,ann,2026-01-05,false\n"),
    "too few fields": ("2.csv", DATED + "ann,2026-01-05T10:00:00Z,false\n"),
    "too few fields in front": ("2.csv", "country,updated_at," + USERS + "2026-01-05,ann,false\n"),
    "not UTF-8": ("2.csv", DATED.encode() + b"ann,2026-01-05T10:00:00Z,false,C\xf4te\n"),
    "a quote that does not end": ("2.csv", DATED + 'ann,2026-01-05T10:00:00Z,false,"FR\n'),
    "a quote in front of the id": ("2.csv", DATED + '"ann,2026-01-05T10:00:00Z,false,FR\n'),
    "tabs": ("2.tsv", (DATED + "ann,2026-01-05T10:00:00Z,false,FR,oops\n").replace(",", "\t")),
    "JSON that is cut off": ("2.jsonl", GOOD_LINE + json_line(**NO)[:-1] + "\n"),
    "JSON with NaN": ("2.jsonl", GOOD_LINE + json_line(**NO, country="NaN") + "\n"),
    "JSON that is not UTF-8": ("2.jsonl", (GOOD_LINE + json_line(**NO, country='"C\xf4te"')).encode("latin-1")),
    "half of a surrogate pair": ("2.jsonl", GOOD_LINE + json_line(**NO, country='"\\ud83d"') + "\n"),
    "two spellings of a key": ("2.jsonl", GOOD_LINE + json_line(**NO, Push_Opt_In="true") + "\n"),
    "a key twice": ("2.jsonl", GOOD_LINE + json_line(**NO)[:-1] + ', "push_opt_in": true}\n'),
    "an array with a key twice": ("2.json", f"[{GOOD_LINE}, " + json_line(**NO)[:-1] + ', "push_opt_in": true}]'),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_USERS)
def test_a_broken_record_of_a_user_leaves_no_older_yes_in_force(world: World, case: str) -> None:
    world.load({"users/1.csv": YES})
    assert world.allowed() == {"ann", "bob"}
    name, content = BROKEN_USERS[case]
    report = world.load({f"users/{name}": content})
    assert_reconciled(report)
    assert (report.files[0].n_quarantined, world.allowed()) == (1, {"bob"})
    assert report.n_doubtful_users + report.n_unlisted_users in (1, 2)


LEFT = {
    "notification_id": '"n"',
    "user_id": '"ann"',
    "channel": '"push"',
    "arm": '"journey"',
    "sent_at": '"2026-01-04T10:00:00Z"',
    "unsubscribed_at": '"2026-01-05T10:00:00Z"',
}
ROW = "n,ann,push,journey,2026-01-04T10:00:00Z,2026-01-05T10:00:00Z"
BROKEN_SENDS: dict[str, tuple[str, str | bytes]] = {
    "too many fields": ("2.csv", SENDS + ROW + ",x\n"),
    "too few fields": ("2.csv", "journey_id," + SENDS + ROW + "\n"),
    "not UTF-8": ("2.csv", b"journey_id," + SENDS.encode() + b"j\xf4," + ROW.encode() + b"\n"),
    "JSON that is cut off": ("2.jsonl", json_line(**LEFT)[:-1]),
    "two spellings of a key": ("2.jsonl", json_line(**LEFT, Channel='"email"')),
    "JSON with NaN": ("2.jsonl", json_line(**LEFT, propensity="NaN")),
}


@pytest.mark.parametrize("case", BROKEN_SENDS)
def test_the_unsubscribe_in_a_broken_record_holds(world: World, case: str) -> None:
    name, content = BROKEN_SENDS[case]
    assert_reconciled(world.load({"users/1.csv": YES, f"notification_events/{name}": content}))
    assert world.allowed() == {"bob"}


def test_a_broken_send_without_an_unsubscribe_holds_nothing(world: World) -> None:
    world.load(
        {"users/1.csv": YES, "notification_events/1.jsonl": json_line(**{**LEFT, "unsubscribed_at": "null"})[:-1]}
    )
    assert world.allowed() == {"ann", "bob"}


def test_a_newer_yes_counts_although_the_broken_file_comes_again(world: World) -> None:
    broken = DATED + "ann,2026-01-05T10:00:00Z,false,FR,oops\n"
    world.load({"users/1.csv": YES})
    world.load({"users/2.csv": broken})
    newer = NOW + timedelta(hours=3)
    world.load({"users/3.csv": DATED + f"ann,{newer:%Y-%m-%dT%H:%M:%SZ},true,FR\n"})
    assert world.allowed() == {"ann", "bob"}
    assert world.load({"users/2.csv": broken}).n_doubtful_users == 0
    assert world.allowed() == {"ann", "bob"}


def test_a_snapshot_with_a_broken_record_says_the_same_again(world: World) -> None:
    snapshot = USERS + "ann,true\nbob,true\nann,false,oops\n"
    for _ in range(2):
        world.load({"users/1.csv": snapshot})
        assert world.allowed() == {"bob"}
    assert world.table("users").height == 2


def test_an_erased_user_is_not_kept_as_a_doubtful_one(world: World) -> None:
    world.load({"users/1.csv": YES})
    with world.warehouse.writing() as con:
        con.execute("DELETE FROM landing.users WHERE user_id = 'ann'")
    add_tombstones(world.warehouse, ["ann"], NOW)
    world.load({"users/2.csv": DATED + "ann,2026-01-05T10:00:00Z,false,FR,oops\n"})
    assert set(world.table("users")["user_id"]) == {"bob"}
    with world.warehouse.writing() as con:
        con.execute("DELETE FROM landing.erased_users")


@pytest.mark.parametrize(("opted_in_at", "may_send"), [("2026-01-05T09:00:00Z", False), ("2026-01-06T09:00:00Z", True)])
def test_an_unsubscribe_of_a_day_is_lifted_by_a_yes_of_a_later_day(
    world: World, opted_in_at: str, may_send: bool
) -> None:
    world.load(
        {
            "notification_events/1.csv": SENDS + "n,ann,push,journey,2026-01-04T10:00:00Z,2026-01-05\n",
            "users/1.csv": DATED + f"ann,{opted_in_at},true,FR\n",
        }
    )
    assert world.allowed() == ({"ann"} if may_send else set())


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("users.csv.1", "users.csv"),
        ("users.csv.10", "users.csv.9"),
        ("users.csv-20260131", "users.csv"),
        ("users-9.csv", "users-10.csv"),
        ("2026-9/users.csv", "2026-10/users.csv"),
    ],
)
def test_of_files_of_a_call_the_one_that_was_written_last_counts(world: World, older: str, newer: str) -> None:
    world.load({f"users/{older}": USERS + "ann,true\nbob,true\n", f"users/{newer}": USERS + "ann,false\nbob,true\n"})
    assert world.allowed() == {"bob"}


def test_whom_the_last_list_leaves_out_is_not_sent_anything_because_of_a_dated_yes(world: World) -> None:
    lists = {"users/1.csv": USERS + "ann,true\nbob,true\n", "users/2.csv": USERS + "bob,true\n"}
    world.load({**lists, "users/3.csv": DATED + "ann,2026-01-05T10:00:00Z,true,FR\n"})
    assert world.allowed() == {"bob"}


def test_a_yes_of_the_same_call_does_not_lift_an_unsubscribe(world: World) -> None:
    world.load({"users/1.csv": USERS + "ann,false\nbob,false\n"})
    world.load({"users/1.csv": USERS + "ann,true\nbob,true\n", "notification_events/1.csv": SENDS + ROW + "\n"})
    assert world.allowed() == {"bob"}


def test_a_header_that_is_repeated_is_counted_as_one(world: World) -> None:
    first, second = "user_id,email_opt_in,push_opt_in\nann,true,false\n", "\ufeffUser_ID,Email Opt-In,push_opt_in\n"
    report = world.load({"users/1.csv": f"{first}{second}bob,false,true\n"})
    assert_reconciled(report)
    assert (report.n_lines().n_header, report.files[0].n_rows) == (2, 2)
    assert world.allowed() == {"bob"}


@pytest.mark.parametrize(
    "header", ["user_id,push_opt_in,email_opt_in", "user_id,country,locale", "email_opt_in,user_id,push_opt_in"]
)
def test_a_header_in_the_middle_with_other_columns_is_an_error(world: World, header: str) -> None:
    with pytest.raises(IngestError, match=r"1\.csv, line 3 is a header with other columns than line 1"):
        world.load({"users/1.csv": f"user_id,email_opt_in,push_opt_in\nann,true,false\n{header}\nbob,false,true\n"})


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("notification_events", SENDS.replace("unsubscribed_at", "unsubscribedAt")),
        ("notification_events", SENDS.replace("unsubscribed_at", "Opted-Out")),
        ("users", USERS.replace("\n", ",do_not_contact\n")),
    ],
)
def test_a_column_that_may_say_who_objects_is_not_ignored(world: World, source: str, columns: str) -> None:
    row = ROW if source == "notification_events" else "ann,true,true"
    with pytest.raises(IngestError, match=r"may say who wants no messages; .* or drop it"):
        world.load({f"{source}/1.csv": columns + row + "\n"})


def test_an_objection_of_an_erased_id_holds_for_the_ids_that_stay(world: World) -> None:
    linked = LINKS + "ann,phone,2026-01-02\nann,tablet,2026-01-02\nann,tv,2026-01-02\nbob,tv,2026-01-06\n"
    left = "1,phone,push,journey,2026-01-03,2026-01-04T10:00:00Z\n2,tv,push,journey,2026-01-03,2026-01-04T10:00:00Z\n"
    world.load({"users/1.csv": YES, "identities/1.csv": linked, "notification_events/1.csv": SENDS + left})
    world.load({"users/2.csv": DATED + "tablet,2026-01-04,false,FR\ncem,2026-01-04,true,FR\n"})
    for erased, held in (("phone", {"ann", "bob"}), ("tablet", {"ann", "bob"}), ("ann", {"bob"})):
        with world.warehouse.writing() as con:
            remove_users(con, [erased], {}, Tombstones())
        assert world.allowed().isdisjoint(held), erased
        assert erased not in {
            user for name in ("users", "refused_unsubscribes") for user in world.table(name)["user_id"]
        }
    assert world.allowed() == {"cem"}


def test_unsubscribes_and_links_that_match_nobody_are_counted_with_the_cause(world: World) -> None:
    log = "user_id,query,searched_at\n" + "".join(f"u{n},oak,2026-01-05\n" for n in range(60))
    sends = SENDS + "".join(f"n{n},u{n},push,journey,2026-01-04,2026-01-05\n" for n in range(1, 50))
    world.load(
        {
            "search_events/1.csv": log,
            "notification_events/1.csv": sends + "x,U0,push,journey,2026-01-04,2026-01-05\n",
            "identities/1.csv": LINKS + "u1,U2,2026-01-02\nu1,U3,2026-01-02\nu1,U4,2026-01-02\n",
        }
    )
    with world.warehouse.reading() as con:
        found = {one.reference: one for one in unmatched_keys(con) if one.n_unmatched_keys}
    for reference in ("user_id of unsubscribes", "identities.other_id"):
        assert found[reference].is_mistake(QualityParams()), found
        assert "without regard to upper and lower case" in found[reference].text
