"""Whose events the events of a linked id are.

A link says that from ``linked_at`` on, the events of ``other_id`` (a device, a cookie) are those of ``user_id``. All
that follows is a function of the set of links. Neither the order of rows nor that of files changes it.

* **Taken back.** A row with ``unlinked`` takes back every link of the same two ids up to its own ``linked_at``. What is
  taken back was never there, on any day.
* **Circles.** Links count in the order of time, then of ids. A link that would close a circle does not count.
* **Periods.** From a link on, an event of ``other_id`` belongs to the ``user_id`` of the last link at or before it. If
  two links of one id have the same time and name different users, nobody has its events until its next link. Nobody
  means: they stay with ``other_id`` itself.
* **Before the first link.** Such events belong to the user of the first link, but only as long as no link names a
  second user: whose they were is then not known, and they go back to ``other_id``. A day sees the links up to its end,
  so these events change hands on the day of a link and not before.
* **Chains.** If ``user_id`` is itself linked to another id, the rules are applied again: to an event within a period as
  of the time of the event, to events before the first link as of the time of that link.
"""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

LINK_COLUMNS = ("user_id", "other_id", "linked_at", "unlinked")
END_OF_TIME = datetime(9999, 12, 31)
"""Ends what has no end, UTC."""
LAST_DAY = END_OF_TIME.date()

_TIME = pl.Datetime("us")
_PERIODS = {"other_id": pl.String, "user_id": pl.String, "valid_from": _TIME, "valid_to": _TIME}
_ALIASES = {"user_id": pl.String, "owner_id": pl.String, "from_date": pl.Date, "until_date": pl.Date}
_PAIRS = {"user_id": pl.String, "other_id": pl.String, "since_date": pl.Date}

_Time = date | datetime


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What was found in the links.

    Attributes:
        links: Pairs of ids that are linked and were not taken back.
        taken_back: Pairs that were linked once and are linked no more.
        shared_ids: Ids that are linked to several users; what they did before their first link belongs to none of them.
        same_time: Times at which one id is linked to several users.
        circular: Links that would close a circle; they do not count.
    """

    links: int = 0
    taken_back: int = 0
    shared_ids: int = 0
    same_time: int = 0
    circular: int = 0

    @property
    def text(self) -> str:
        """The counts, for people; conflicts only where there are any."""
        conflicts = (
            (self.taken_back, "pairs taken back", ""),
            (self.shared_ids, "ids of several users", ": what they did before their first link is nobody's"),
            (self.same_time, "times at which an id is linked to several users", ": nobody's until its next link"),
            (self.circular, "links that would close a circle", ": they do not count"),
        )
        return "; ".join([f"linked pairs of ids {self.links:,}", *(f"{a} {n:,}{b}" for n, a, b in conflicts if n)])


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose events the events of linked ids are.

    Attributes:
        periods: other_id, user_id, valid_from, valid_to (exclusive): an event of ``other_id`` in this time is one of
            ``user_id``, whatever links come later. Periods of one id do not overlap.
        aliases: user_id, owner_id, from_date, until_date (exclusive): on these days, what is stored for ``user_id``
            counts for ``owner_id``. It holds the events before a first link. Periods of one user_id do not overlap, and
            no owner_id is a user_id on the same day.
        pairs: user_id, other_id, since_date: the ids are linked, directly or by a chain, from this day on.
        counts: What was found.
    """

    periods: pl.DataFrame
    aliases: pl.DataFrame
    pairs: pl.DataFrame
    counts: LinkCounts


def owners(links: pl.DataFrame) -> Owners:
    """Resolve ``links``: the columns ``LINK_COLUMNS``, unlinked may be null; in any order, repetitions allowed."""
    standing, n_taken_back = _standing(links)
    counted = _without_circles(standing)
    changes = _changes_of_user(counted)
    is_chained = changes["user_id"].is_in(changes["other_id"].unique().implode()).fill_null(False)
    chained = changes.filter(is_chained).select("other_id").unique()
    simple = changes.join(chained, on="other_id", how="anti")
    periods = [simple.filter(pl.col("user_id").is_not_null()).select(_PERIODS.keys())]
    aliases = [_first_users(simple)]
    pairs = [counted.group_by("user_id", "other_id").agg(since_date=pl.col("linked_at").min().dt.date())]
    if chained.height:
        more = _resolved_chains(changes, pairs[0], set(chained["other_id"]))
        for found, added in zip((periods, aliases, pairs), more, strict=True):
            found.append(added)
    users_at = counted.group_by("other_id", "linked_at").agg(n=pl.col("user_id").n_unique())
    users_of = counted.group_by("other_id").agg(n=pl.col("user_id").n_unique())
    return Owners(
        pl.concat(periods).sort("other_id", "valid_from"),
        pl.concat(aliases).sort("user_id", "from_date"),
        pl.concat(pairs).group_by("user_id", "other_id").agg(pl.col("since_date").min()).sort("user_id", "other_id"),
        LinkCounts(
            links=counted.select("user_id", "other_id").unique().height,
            taken_back=n_taken_back,
            shared_ids=users_of.filter(pl.col("n") > 1).height,
            same_time=users_at.filter(pl.col("n") > 1).height,
            circular=standing.height - counted.height,
        ),
    )


def _standing(links: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The links that are not taken back: user_id, other_id, linked_at. And how many pairs of ids have none left."""
    pair = ["user_id", "other_id"]
    is_undone = pl.col("unlinked").fill_null(False)
    rows = links.filter(pl.col("user_id") != pl.col("other_id"))
    undone = rows.filter(is_undone).group_by(pair).agg(undone_until=pl.col("linked_at").max())
    given = rows.filter(~is_undone).select(*pair, "linked_at").unique()
    standing = given.join(undone, on=pair, how="left").filter(
        pl.col("undone_until").is_null() | (pl.col("linked_at") > pl.col("undone_until"))
    )
    n_taken_back = given.select(pair).unique().join(standing, on=pair, how="anti").height
    return standing.select(*pair, "linked_at").sort("linked_at", "other_id", "user_id"), n_taken_back


def _without_circles(links: pl.DataFrame) -> pl.DataFrame:
    """``links`` without those that close a circle of earlier ones; links are in the order in which they count."""
    # Every id of a circle is the user of one link and the other id of another one.
    may_close = links["user_id"].is_in(links["other_id"].unique().implode())
    may_close &= links["other_id"].is_in(links["user_id"].unique().implode())
    if not may_close.any():
        return links
    users_of: defaultdict[str, set[str]] = defaultdict(set)
    closing: set[tuple[str, str]] = set()
    for user, other in links.filter(may_close).select("user_id", "other_id").iter_rows():
        if other in _reachable(user, users_of):
            closing.add((user, other))
        else:
            users_of[other].add(user)
    # A pair that closes a circle does so at every later time, too.
    refused = pl.DataFrame(sorted(closing), schema={"user_id": pl.String, "other_id": pl.String}, orient="row")
    return links.join(refused, on=["user_id", "other_id"], how="anti", maintain_order="left")


def _reachable(start: str, users_of: Mapping[str, set[str]]) -> set[str]:
    """``start`` and every id that links lead to from it."""
    found, waiting = {start}, [start]
    while waiting:
        more = users_of.get(waiting.pop(), set()) - found
        found |= more
        waiting += more
    return found


def _changes_of_user(links: pl.DataFrame) -> pl.DataFrame:
    """Each id's periods: other_id, user_id (null: several users at the same time), valid_from, valid_to."""
    at = (
        links.group_by("other_id", "linked_at")
        .agg(
            pl.when(pl.col("user_id").n_unique() == 1).then(pl.col("user_id").first()).alias("user_id"),
        )
        .sort("other_id", "linked_at")
    )
    is_same_id = pl.col("other_id") == pl.col("other_id").shift()
    is_same_user = pl.col("user_id").eq_missing(pl.col("user_id").shift())
    begins = at.filter(~(is_same_id & is_same_user).fill_null(False))
    has_next = pl.col("other_id") == pl.col("other_id").shift(-1)
    return begins.select(
        "other_id",
        "user_id",
        valid_from=pl.col("linked_at").cast(_TIME),
        valid_to=pl.when(has_next).then(pl.col("linked_at").shift(-1)).otherwise(END_OF_TIME).cast(_TIME),
    )


def _first_users(changes: pl.DataFrame) -> pl.DataFrame:
    """The aliases of the ids in ``changes``, as the links give them: without chains."""
    first = changes.group_by("other_id", maintain_order=True).first()
    until = pl.when(pl.col("valid_to") == END_OF_TIME).then(LAST_DAY).otherwise(pl.col("valid_to").dt.date())
    return first.select(
        user_id="other_id", owner_id="user_id", from_date=pl.col("valid_from").dt.date(), until_date=until
    ).filter(pl.col("owner_id").is_not_null() & (pl.col("from_date") < pl.col("until_date")))


# ── chains ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_Steps = list[tuple[_Time, _Time, str]]
"""Who owns an id from a time or day on (inclusive) until another one (exclusive); in order, without overlaps."""


def _resolved_chains(
    changes: pl.DataFrame, pairs: pl.DataFrame, chained: set[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Periods, aliases and further pairs of the ids ``chained``, of which a user is itself linked to another id."""
    direct = _by_id(changes.select("other_id", "valid_from", "valid_to", "user_id"))
    first = _by_id(_first_users(changes).select("user_id", "from_date", "until_date", "owner_id"))
    linked = _by_id(pairs.select("other_id", "since_date", "user_id"))
    needed = {other: {user for *_, user in steps if user in direct} for other, steps in direct.items()}
    wanted = set().union(*(_reachable(other, needed) for other in chained))
    periods: dict[str, _Steps] = {}
    aliases: dict[str, _Steps] = {}
    since: dict[str, dict[str, date]] = {}
    for other in graphlib.TopologicalSorter({other: needed[other] for other in sorted(wanted)}).static_order():
        periods[other] = _replaced([step for step in direct[other] if step[2] is not None], periods)
        aliases[other] = []
        for begins, ends, user in first.get(other, ()):
            # Those events belong to whom the user was at the time of the link.
            linked_at = direct[other][0][0]
            person = next((p for b, e, p in periods.get(user, ()) if b <= linked_at < e), user)
            aliases[other] += _replaced([(begins, ends, person)], aliases)
        since[other] = {}
        for day, user in linked[other]:
            for person, other_day in ((user, day), *since.get(user, {}).items()):
                known = max(day, other_day)
                since[other][person] = min(known, since[other].get(person, known))
    return (
        _frame(_PERIODS, [(other, user, b, e) for other in chained for b, e, user in periods[other]]),
        _frame(_ALIASES, [(other, user, b, e) for other in chained for b, e, user in aliases[other]]),
        _frame(_PAIRS, [(user, other, day) for other in chained for user, day in since[other].items()]),
    )


def _replaced(steps: _Steps, of_users: Mapping[str, _Steps]) -> _Steps:
    """``steps``, in which each user is replaced by whoever stands for that user at the time."""
    found: _Steps = []
    for begins, ends, user in steps:
        at = begins
        for b, e, person in of_users.get(user, ()):
            b, e = max(b, at), min(e, ends)
            if b < e:
                found += [(at, b, user)] if at < b else []
                found.append((b, e, person))
                at = e
        found += [(at, ends, user)] if at < ends else []
    return found


def _by_id(rows: pl.DataFrame) -> dict[str, list[Any]]:
    """The rows by their first column, each without it."""
    found: dict[str, list[Any]] = {}
    for key, *row in rows.iter_rows():
        found.setdefault(key, []).append(tuple(row))
    return found


def _frame(schema: Mapping[str, Any], rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(schema), orient="row")
