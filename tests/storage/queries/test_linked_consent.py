"""Opt-outs and unsubscribes of one id hold for the ids that it is linked to, and a yes for its own id alone."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.queries.users import users, users_by_day
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.sql_world import MODELS

FIRST = date(2026, 3, 2)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]


def at(day: int, hour: int = 12) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), datetime.min.time()) + timedelta(hours=hour)


class Log:
    """A warehouse into which rows are landed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        self.calls = 0
        ensure_landing(self.warehouse)
        with self.warehouse.writing() as con:
            for model in MODELS.values():
                if model.layer == "staging":
                    con.execute(f"CREATE VIEW main.{model.name} AS {model.render({})}")

    def land(self, **sources: Sequence[Mapping[str, object]]) -> None:
        self.calls += 1
        folder = self.folder / f"call-{self.calls}"
        for source, rows in sources.items():
            (folder / source).mkdir(parents=True)
            schema = LANDING[source].polars_schema
            full = [{name: row.get(name) for name in schema} for row in rows]
            pl.DataFrame(full, schema=schema).write_parquet(folder / source / "rows.parquet")
        scratch = self.folder / "scratch"
        ingest(self.warehouse, [folder], now=at(20), actions=DEFAULT_ACTIONS, scratch_dir=scratch)

    def allowed(self, day: int) -> dict[str, bool]:
        """Whether each user may be sent push messages on the day after ``day``."""
        with self.warehouse.reading() as con:
            by_day = users_by_day(con, DAYS)
            assert_frame_equal(by_day[DAYS[day]], users(con, DAYS[day]))
        rows = by_day[DAYS[day]].select("user_id", pl.col("push_opt_in") & ~pl.col("push_unsubscribed"))
        return dict(rows.iter_rows())


def opt_in(user: str, says: bool | None, day: int, **others: object) -> dict[str, object]:
    return {"user_id": user, "push_opt_in": says, "updated_at": at(day), **others}


def link(user: str, other: str, day: int, *, unlinked: bool | None = None) -> dict[str, object]:
    return {"user_id": user, "other_id": other, "linked_at": at(day), "unlinked": unlinked}


def unsubscribe(user: str, day: int) -> dict[str, object]:
    when = {"sent_at": at(day, 8), "unsubscribed_at": at(day)}
    return {"notification_id": f"{user}{day}", "user_id": user, "channel": "push", "arm": "journey_aware", **when}


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_an_opt_out_holds_for_linked_ids_from_the_day_of_the_link_and_not_beyond_them(log: Log) -> None:
    log.land(users=[opt_in("ann", True, 0), opt_in("tv", False, 0), opt_in("bob", True, 0), opt_in("cem", True, 0)])
    log.land(identities=[link("ann", "tv", 2), link("bob", "tv", 3)])
    assert log.allowed(1) == {"ann": True, "bob": True, "cem": True, "tv": False}
    assert log.allowed(2) == {"ann": False, "bob": True, "cem": True, "tv": False}
    assert log.allowed(3) == {"ann": False, "bob": False, "cem": True, "tv": False}
    log.land(users=[opt_in("tv", True, 4), opt_in("ann", False, 4)])
    assert log.allowed(5) == {"ann": False, "bob": True, "cem": True, "tv": False}, "ann's no is not bob's"
    log.land(identities=[link("ann", "tv", 2, unlinked=True), link("bob", "tv", 3, unlinked=True)])
    assert log.allowed(2) == {"ann": True, "bob": True, "cem": True, "tv": False}


def test_an_id_that_never_stated_an_opt_in_takes_none_away_and_a_yes_is_not_inherited(log: Log) -> None:
    log.land(users=[opt_in("ann", True, 0), opt_in("mail", None, 0, timezone="Europe/Paris"), opt_in("app", True, 0)])
    log.land(identities=[link("ann", "mail", 1), link("bob", "app", 1)])
    assert log.allowed(3) == {"ann": True, "app": True, "bob": False, "mail": False}


def test_an_unsubscribe_holds_for_linked_ids_until_their_own_newer_yes(log: Log) -> None:
    log.land(users=[opt_in("ann", True, 0), opt_in("bob", True, 0)], notification_events=[unsubscribe("cookie", 1)])
    log.land(identities=[link("ann", "mail", 2), link("mail", "cookie", 2)])
    assert log.allowed(1) == {"ann": True, "bob": True, "cookie": False}
    assert not log.allowed(2)["ann"], "through a chain"
    log.land(users=[opt_in("ann", True, 4)])
    assert log.allowed(4)["ann"]
    assert not log.allowed(3)["ann"]
