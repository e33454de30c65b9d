"""Whose events the events of linked ids are, against the rules applied one event at a time."""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.identities.changes import changed_spans
from journeys_assets.domain.identities.links import LinkCounts, Owners, owners

START = datetime(2026, 3, 1)
HOURS = 24 * 6
SCHEMA = {"user_id": pl.String, "other_id": pl.String, "linked_at": pl.Datetime("us"), "unlinked": pl.Boolean}
Link = tuple[str, str, datetime, bool | None]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def frame(links: list[Link]) -> pl.DataFrame:
    return pl.DataFrame(links, schema=SCHEMA, orient="row")


def link(user: str, other: str, hours: float, unlinked: bool | None = None) -> Link:
    return user, other, at(hours), unlinked


class Tables:
    """Whose an event is as of a day, by the tables."""

    def __init__(self, found: Owners) -> None:
        self.periods = found.periods.select("other_id", "valid_from", "valid_to", "user_id").rows()
        self.aliases = found.aliases.select("user_id", "from_date", "until_date", "owner_id").rows()

    def owner(self, logged_id: str, when: datetime, day: date) -> str:
        (stored,) = owner_in(self.periods, logged_id, when) or [logged_id]
        (owner,) = owner_in(self.aliases, stored, day) or [stored]
        return owner


def owner_in(spans: list[tuple[Any, ...]], one: str, when: date) -> list[str]:
    return [owner for of, begins, ends, owner in spans if of == one and begins <= when < ends]


class Rules:
    """The rules for one event, with the links that are known by the end of a day."""

    def __init__(self, links: list[Link], day: date) -> None:
        known = [one for one in links if one[2].date() <= day or one[3]]
        gone: dict[tuple[str, str], datetime] = {}
        for user, other, when, unlinked in known:
            if unlinked:
                gone[user, other] = max(when, gone.get((user, other), when))
        standing = sorted(
            (when, other, user)
            for user, other, when, unlinked in known
            if not unlinked and user != other and when > gone.get((user, other), START - timedelta(days=1))
        )
        self.links: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        for when, other, user in standing:
            if not self.leads_to(user, other):
                self.links[other].append((when, user))

    def leads_to(self, start: str, end: str) -> bool:
        return start == end or any(self.leads_to(user, end) for _, user in self.links.get(start, ()))

    def owner(self, one: str, when: datetime) -> str:
        links = self.links.get(one, [])
        before = [linked for linked, _ in links if linked <= when]
        if before:
            users = {user for linked, user in links if linked == max(before)}
            return self.owner(users.pop(), when) if len(users) == 1 else one
        if len({user for _, user in links}) == 1:
            linked, user = min(links)
            return self.owner(user, linked)
        return one


def some_links(seed: int) -> list[Link]:
    rng = random.Random(seed)
    ids = [f"i{n}" for n in range(rng.choice([3, 5, 8]))]
    return [
        link(*rng.choices(ids, k=2), rng.randrange(0, HOURS, 5), rng.random() < 0.1 or rng.choice([None, False]))
        for _ in range(rng.randrange(1, 14))
    ]


@pytest.mark.parametrize("seed", range(25))
def test_every_event_has_the_owner_that_the_rules_give_on_every_day(seed: int) -> None:
    links = some_links(seed)
    found = Tables(owners(frame(links)))
    ids = sorted({one for user, other, *_ in links for one in (user, other)})
    for day in (START.date() + timedelta(days=n) for n in range(7)):
        rules = Rules(links, day)
        for one in ids:
            for hours in range(0, HOURS, 6):
                if at(hours).date() <= day:
                    assert found.owner(one, at(hours), day) == rules.owner(one, at(hours)), (one, hours, day)


@pytest.mark.parametrize("seed", range(10))
def test_order_and_repetition_of_rows_change_nothing(seed: int) -> None:
    links = some_links(seed)
    again = links + links[::2]
    random.Random(seed).shuffle(again)
    first, second = owners(frame(links)), owners(frame(again))
    for name in ("periods", "aliases", "pairs"):
        assert_frame_equal(getattr(first, name), getattr(second, name))
    assert first.counts == second.counts


def test_links_that_are_taken_back_were_never_there() -> None:
    links = [link("ann", "phone", 5), link("ann", "phone", 30), link("bob", "tablet", 7)]
    back = owners(frame([*links, link("ann", "phone", 30, unlinked=True)]))
    never = owners(frame([links[2]]))
    assert_frame_equal(back.periods, never.periods)
    assert_frame_equal(back.aliases, never.aliases)
    assert_frame_equal(back.pairs, never.pairs)
    assert back.counts == LinkCounts(links=1, taken_back=1)
    later = owners(frame([*links, link("ann", "phone", 20, unlinked=True)]))
    assert later.periods.filter(pl.col("other_id") == "phone")["valid_from"].item() == at(30)


def test_two_people_on_one_device_share_nothing() -> None:
    found = owners(frame([link("ann", "tv", 30), link("bob", "tv", 60), link("ann", "tv", 90)]))
    tables = Tables(found)
    by_time = [tables.owner("tv", at(hours), date(2026, 3, 31)) for hours in (10, 40, 70, 100)]
    assert by_time == ["tv", "ann", "bob", "ann"]
    # Until bob is known, what came before was ann's.
    assert tables.owner("tv", at(10), at(30).date()) == "ann"
    assert tables.owner("tv", at(10), at(60).date()) == "tv"
    assert found.counts.shared_ids == 1


def test_what_closes_a_circle_or_names_two_users_at_once_is_counted() -> None:
    found = owners(frame([link("a", "b", 1), link("b", "a", 2), link("c", "c", 3)]))
    assert found.counts == LinkCounts(links=1, circular=1)
    assert found.periods["other_id"].to_list() == ["b"]
    tied = owners(frame([link("a", "d", 4), link("b", "d", 4)]))
    assert tied.counts == LinkCounts(links=2, shared_ids=1, same_time=1)
    assert tied.periods.is_empty()
    assert tied.aliases.is_empty()


def test_no_links() -> None:
    found = owners(frame([]))
    assert all(table.is_empty() for table in (found.periods, found.aliases, found.pairs))
    assert found.counts == LinkCounts()


@pytest.mark.parametrize("seed", range(10))
def test_changed_spans_are_those_in_which_owners_differ(seed: int) -> None:
    columns = {"id": "other_id", "owner": "user_id", "begins": "valid_from", "ends": "valid_to"}
    links = some_links(seed)
    before, after = owners(frame(links)).periods, owners(frame(links + some_links(seed + 100)[:3])).periods
    spans = changed_spans(before.select(**columns), after.select(**columns))

    old, new = (periods.select("other_id", "valid_from", "valid_to", "user_id").rows() for periods in (before, after))
    changed = [(*row, "") for row in spans.rows()]
    for one in sorted({*before["other_id"], *after["other_id"]}):
        for hours in range(0, HOURS, 5):
            differs = owner_in(old, one, at(hours)) != owner_in(new, one, at(hours))
            assert len(owner_in(changed, one, at(hours))) == differs
