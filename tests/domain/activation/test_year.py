"""Promise 15 over half a year: whatever is planned again, killed, refused or moved to another zone, no send that a
receiver took breaks a rule.

The oracle is plain Python on what was taken. Faults that were planted, and seen to fail: a key without the day, caps in
UTC days alone, no check of consent at the hand-over, pending sends without a check, quiet hours of the planned zone.
"""

import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.ledger_world import PARAMS, LedgerWorld, Taken
from tests.thorough import usual_or_thorough

FIRST = date(2025, 10, 10)
N_DAYS = usual_or_thorough(180, 365)
SEEDS = range(1, usual_or_thorough(1, 4) + 1)
KNOWN_ZONES = zoneinfo.available_timezones()
SET_BACK, ADVANCED = datetime(2025, 10, 26), datetime(2026, 3, 29)
"""When the clocks of Europe change."""


def window(taken: Taken) -> tuple[datetime, datetime]:
    content = taken.message.content
    start, end = (datetime.fromisoformat(content[name][:-1] + "+00:00") for name in ("send_after", "send_before"))
    return start, end


def quiet_minutes(taken: Taken) -> int:
    """Minutes of the window in quiet hours of the zone that the user had when the send left."""
    at, end = window(taken)
    n = 0
    while at < end:
        hour = at.astimezone(zoneinfo.ZoneInfo(zone_of(taken))).hour
        n += hour >= PARAMS.quiet_start_hour or hour < PARAMS.quiet_end_hour
        at += timedelta(minutes=1)
    return n


def zone_of(taken: Taken) -> str:
    """The zone that the user had when the send left; that of its plan if it was none that is known."""
    zone: str = taken.zone if taken.zone in KNOWN_ZONES else taken.message.content["timezone"]
    return zone


def days_of(taken: Taken, zone: str) -> tuple[date, date]:
    """The UTC day and the local day of a send."""
    start, _ = window(taken)
    return start.astimezone(UTC).date(), start.astimezone(zoneinfo.ZoneInfo(zone)).date()


def breaches(world: LedgerWorld) -> Iterator[str]:
    by_user: dict[str, list[Taken]] = defaultdict(list)
    for key, taken in world.sends.items():
        if not taken.was_allowed:
            yield f"consent: {taken}"
        if quiet_minutes(taken):
            yield f"quiet hours: {taken}"
        if window(taken)[1] <= taken.at.replace(tzinfo=UTC):
            yield f"late: {taken}"
        if key not in world.taken_back:
            by_user[taken.message.user_id].append(taken)
    for sends in by_user.values():
        yield from breaches_of_a_user(sends)
    yield from (f"not taken back: {world.sends[key]}" for key in world.missed)


def breaches_of_a_user(sends: list[Taken]) -> Iterator[str]:
    """Rules between each send and those that left before it, in UTC days and in days of the zone of its plan."""
    for n, taken in enumerate(sends):
        zone = taken.message.content["timezone"]
        for clock in (0, 1):
            days = [days_of(one, zone)[clock] for one in sends[: n + 1]]
            (*earlier, this) = days
            what = f"{('UTC', zone)[clock]} day {this} of {taken.message.user_id}"
            if this in earlier:
                yield f"one a day: {what}"
            for start in (this - timedelta(days=back) for back in range(7)):
                if sum(0 <= (one - start).days < 7 for one in days) > PARAMS.weekly_cap_per_user:
                    yield f"weekly cap from {start}: {what}"
            for other, one in zip(sends, earlier, strict=False):
                about_it = other.message.journey_id == taken.message.journey_id
                if about_it and abs((this - one).days) < PARAMS.journey_cool_down_days:
                    yield f"cool-down after {one}: {what}"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_send_breaks_a_rule(seed: int) -> None:
    world = LedgerWorld(FIRST, seed)
    world.live(N_DAYS)
    assert list(breaches(world)) == []
    assert len(world.sends) > 2 * N_DAYS, "too few sends to show anything"
    assert min(world.faults.values()) > 0, world.faults
    needed = {"handed_over_before", "same_day_of_the_user", "send_window_over", "not_opted_in", "unsubscribed"}
    assert needed | {"quiet_hours", "cool_down", "weekly_cap", "refused_before"} <= set(world.withheld), world.withheld
    starts = [window(taken)[0].replace(tzinfo=None) for taken in world.sends.values()]
    for change in (ADVANCED, SET_BACK):
        assert any(abs(start - change) < timedelta(days=2) for start in starts)
