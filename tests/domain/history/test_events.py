"""Journey events: the changes planted in random journeys are found, and nothing else."""

import random
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.history.events import best_matches, continued, journey_events, overlaps
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.quality.churn import churn
from journeys_assets.domain.vocabulary import JOURNEY_EVENT_KINDS

PARAMS = EvolutionParams()
SCHEMA = {
    "user_id": pl.String,
    "journey_id": pl.String,
    "journey_name": pl.String,
    "keywords": pl.List(pl.String),
    "stage": pl.String,
    "stage_reason": pl.String,
    "last_engaged_at": pl.Datetime("us"),
}
EARLIER, LATER = datetime(2026, 3, 2, 9), datetime(2026, 3, 9, 9)


@dataclass
class Journey:
    user_id: str
    journey_id: str
    keywords: list[str]
    name: str = ""
    stage: str = "ongoing"
    reason: str = "recent"
    last: datetime = EARLIER

    def row(self) -> tuple[object, ...]:
        name = self.name or f"name of {self.journey_id}"
        return (self.user_id, self.journey_id, name, self.keywords, self.stage, self.reason, self.last)


def frame(*journeys: Journey) -> pl.DataFrame:
    return pl.DataFrame([j.row() for j in journeys], schema=SCHEMA, orient="row")


def words(prefix: str, n: int) -> list[str]:
    return [f"{prefix} {i}" for i in range(n)]


def one(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, object]:
    found = journey_events(before, after, PARAMS)
    assert found.height == 1, found
    return found.row(0, named=True)


@dataclass
class Planted:
    before: list[Journey] = field(default_factory=list)
    after: list[Journey] = field(default_factory=list)
    truth: set[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=set)


CHANGES = ("kept", "renamed", "paused", "resumed", "split", "merged", "reidentified", "born", "expired")


@st.composite
def worlds(draw: st.DrawFn, prefix: str = "") -> Planted:
    """Users with journeys, a change planted in each journey, and the expected events."""
    world = Planted()
    for u in range(draw(st.integers(1, 4))):
        user = f"{prefix}u{u}"
        # The first journey stays unchanged, so that others may merge into it or share keywords with it.
        home = Journey(user, "home", words("home", draw(st.integers(3, 8))))
        home_after = Journey(user, "home", list(home.keywords))
        world.before.append(home)
        world.after.append(home_after)
        for index, change in enumerate(draw(st.lists(st.sampled_from(CHANGES), max_size=6))):
            n = draw(st.integers(4, 20))
            old = words(f"old {index}", n)
            fresh = words(f"fresh {index}", draw(st.integers(0, 12)))
            was = Journey(user, f"j{index}", old)
            now = Journey(user, f"j{index}", old[draw(st.integers(0, n // 2)) :] + fresh)
            related: tuple[str, ...] = ()
            named = f"j{index}"
            if change == "renamed":
                now.name = "another"
            elif change in ("paused", "resumed"):
                ended, going = (now, was) if change == "paused" else (was, now)
                ended.stage, ended.reason = "ended", draw(st.sampled_from(["silent", "user_said_finished"]))
                going.stage, going.reason = "ongoing", draw(st.sampled_from(["recent", "evergreen"]))
            elif change == "split":
                named, related = f"new{index}", (f"j{index}",)
                # The earlier id stays, however many keywords moved.
                gone = draw(st.integers(1, n - 1))
                now.keywords = old[gone:]
                world.after.append(Journey(user, named, old[:gone] + fresh[: gone - 1]))
            elif change == "merged":
                related = ("home",)
                home_after.keywords += old[: draw(st.integers(-(-2 * n // 5), n))]
            elif change == "reidentified":
                named, related = f"new{index}", (f"j{index}",)
                now.journey_id = named
            elif change == "born":
                named = f"new{index}"
                lent = home.keywords[: draw(st.integers(0, 1))]
                home_after.keywords = [k for k in home_after.keywords if k not in lent]
                now = Journey(user, named, [*lent, "first", *fresh])
                related = ("home",) if lent else ()
            elif change == "expired":
                home_after.keywords += (stray := old[: draw(st.integers(0, (2 * n - 1) // 5))])
                related = ("home",) if stray else ()
            if change != "born":
                world.before.append(was)
            if change not in ("merged", "expired"):
                world.after.append(now)
            if change != "kept":
                world.truth.add((user, named, change, related))
    return world


def found(events: pl.DataFrame) -> set[tuple[str, str, str, tuple[str, ...]]]:
    rows = events.select("user_id", "journey_id", "event", "related_journey_ids").rows()
    assert len(rows) == len(set(map(str, rows)))
    return {(user, journey, event, tuple(related)) for user, journey, event, related in rows}


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_planted_changes_are_found_exactly(world: Planted) -> None:
    events = journey_events(frame(*world.before), frame(*world.after), PARAMS)
    assert found(events) == world.truth
    assert set(events["event"]) <= set(JOURNEY_EVENT_KINDS)
    assert not any(events.null_count().row(0))
    assert events.filter(pl.col("n_shared_keywords") > pl.col("n_keywords")).is_empty()


@given(worlds(), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_events_do_not_depend_on_the_order_of_rows_and_keywords(world: Planted, seed: int) -> None:
    chance = random.Random(seed)
    expected = journey_events(frame(*world.before), frame(*world.after), PARAMS)
    monitors = churn(frame(*world.before), frame(*world.after))
    for journeys in (world.before, world.after):
        chance.shuffle(journeys)
        for journey in journeys:
            chance.shuffle(journey.keywords)
    shuffled = frame(*world.before), frame(*world.after)
    assert_frame_equal(journey_events(*shuffled, PARAMS), expected, check_exact=True)
    for one_way, other in zip(monitors, churn(*shuffled), strict=True):
        assert one_way.value == other.value
        assert_frame_equal(one_way.offenders, other.offenders)


@given(worlds("a"), worlds("b"))
@settings(max_examples=50, deadline=None)
def test_events_of_a_user_do_not_depend_on_other_users(mine: Planted, other: Planted) -> None:
    alone = journey_events(frame(*mine.before), frame(*mine.after), PARAMS)
    together = journey_events(frame(*mine.before, *other.before), frame(*mine.after, *other.after), PARAMS)
    assert_frame_equal(together.filter(pl.col("user_id").str.starts_with("a")), alone)


@given(worlds())
@settings(max_examples=50, deadline=None)
def test_the_same_journeys_have_no_events_and_no_churn(world: Planted) -> None:
    journeys = frame(*world.before)
    assert journey_events(journeys, journeys, PARAMS).is_empty()
    assert [m.value for m in churn(journeys, journeys)] == [0.0, 0.0]


@st.composite
def arbitrary(draw: st.DrawFn) -> list[Journey]:
    """Journeys of one user: any partition of a few keywords, with ids that may also occur at the other moment."""
    owner = draw(st.lists(st.integers(-1, 3), min_size=12, max_size=12))
    ids = draw(st.permutations(["a", "b", "c", "d", "e", "f"]))
    groups = {k: [f"w{i}" for i, o in enumerate(owner) if o == k] for k in range(4)}
    return [Journey("u", ids[k], members) for k, members in groups.items() if members]


@given(arbitrary(), arbitrary())
@settings(max_examples=150, deadline=None)
def test_every_new_and_every_gone_id_has_exactly_one_event(earlier: list[Journey], later: list[Journey]) -> None:
    events = journey_events(frame(*earlier), frame(*later), PARAMS)
    before, after = ({j.journey_id for j in journeys} for journeys in (earlier, later))
    reidentified = events.filter(pl.col("event") == "reidentified")
    new = events.filter(pl.col("event").is_in(["born", "split", "reidentified"]))["journey_id"].to_list()
    gone = events.filter(pl.col("event").is_in(["merged", "expired"]))["journey_id"].to_list()
    assert sorted(new) == sorted(after - before)
    assert sorted([*gone, *reidentified["related_journey_ids"].explode()]) == sorted(before - after)
    goes_on = continued(frame(*earlier), frame(*later), PARAMS)
    assert goes_on.height == len(before & after) + reidentified.height


def test_overlaps_count_keywords_and_best_matches_are_mutual() -> None:
    before = frame(Journey("u", "a", ["1", "2", "3", "4"]), Journey("u", "b", ["5", "6"]), Journey("v", "a", ["1"]))
    after = frame(Journey("u", "a", ["1", "2", "7"]), Journey("u", "c", ["3", "5", "6"]), Journey("w", "a", ["1"]))
    pairs = overlaps(before, after).sort("before_id", "after_id")
    assert pairs.drop("user_id", "jaccard").rows() == [("a", "a", 2, 4, 3), ("a", "c", 1, 4, 3), ("b", "c", 2, 2, 3)]
    assert pairs["jaccard"].to_list() == pytest.approx([2 / 5, 1 / 6, 2 / 3])
    assert best_matches(pairs).select("before_id", "after_id").rows() == [("b", "c"), ("a", "a")]


def test_ties_go_to_the_same_id_then_to_the_smaller() -> None:
    half = frame(Journey("u", "m", ["1", "2"]))
    halves = frame(Journey("u", "a", ["1"]), Journey("u", "m", ["2"]))
    assert best_matches(overlaps(half, halves))["after_id"].to_list() == ["m"]
    others = frame(Journey("u", "z", ["1"]), Journey("u", "b", ["2"]))
    assert best_matches(overlaps(half, others))["after_id"].to_list() == ["b"]


def test_a_journey_made_of_two_whole_ones_continues_the_larger_and_the_other_is_merged() -> None:
    before = frame(Journey("u", "a", words("a", 8)), Journey("u", "b", words("b", 5)))
    after = frame(Journey("u", "n", words("a", 8) + words("b", 5)))
    assert found(journey_events(before, after, PARAMS)) == {
        ("u", "n", "reidentified", ("a",)),
        ("u", "b", "merged", ("n",)),
    }


def test_parts_of_a_gone_journey_are_its_continuation_and_a_split() -> None:
    before = frame(Journey("u", "a", words("a", 10)))
    after = frame(Journey("u", "m", words("a", 6)), Journey("u", "n", words("a", 10)[6:]))
    assert found(journey_events(before, after, PARAMS)) == {
        ("u", "m", "reidentified", ("a",)),
        ("u", "n", "split", ("a",)),
    }


def test_a_journey_made_of_several_lists_all_of_them() -> None:
    before = frame(Journey("u", "a", words("a", 9)), Journey("u", "b", words("b", 9)))
    after = frame(
        Journey("u", "a", words("a", 9)[:5]),
        Journey("u", "b", words("b", 9)[:4]),
        Journey("u", "n", [*words("a", 9)[5:], *words("b", 9)[4:], "x"]),
    )
    event = one(before, after)
    assert (event["event"], event["related_journey_ids"]) == ("split", ["b", "a"])
    assert (event["n_keywords"], event["n_shared_keywords"]) == (10, 9)
    assert event["detail"] == "5 of 10 keywords came from 'name of b', 4 from other journeys"


def test_a_reidentified_journey_that_becomes_ongoing_is_also_resumed() -> None:
    before = frame(Journey("u", "a", words("a", 5), stage="ended", reason="silent"))
    after = frame(Journey("u", "n", words("a", 6), last=LATER))
    assert found(journey_events(before, after, PARAMS)) == {
        ("u", "n", "reidentified", ("a",)),
        ("u", "n", "resumed", ("a",)),
    }


MANY, FEW = words("a", 15), words("a", 3)


@pytest.mark.parametrize(
    ("before", "after", "event", "detail"),
    [
        (
            [Journey("u", "a", MANY, "Wedding dress")],
            [Journey("u", "a", FEW, "Wedding dress"), Journey("u", "n", MANY[3:])],
            "split",
            "12 of 12 keywords came from 'Wedding dress'",
        ),
        ([], [Journey("u", "n", FEW)], "born", "3 of 3 keywords were in no journey before"),
        (
            [Journey("u", "a", FEW), Journey("u", "b", ["b"], "Yoga")],
            [Journey("u", "b", ["b", *FEW[:2]], "Yoga")],
            "merged",
            "2 of 3 keywords are now in 'Yoga', 1 in none",
        ),
        (
            [Journey("u", "a", FEW)],
            [],
            "expired",
            "3 of 3 keywords are in no journey any more; last engaged with on 2026-03-02",
        ),
        (
            [Journey("u", "a", FEW, "Yoga")],
            [Journey("u", "n", FEW, "Yoga mat")],
            "reidentified",
            "3 of 3 keywords came from 'Yoga', whose id a is gone",
        ),
        ([Journey("u", "a", FEW, "Yoga")], [Journey("u", "a", FEW, "Mat")], "renamed", "'Yoga' is now 'Mat'"),
        (
            [Journey("u", "a", FEW)],
            [Journey("u", "a", FEW, stage="ended", reason="silent")],
            "paused",
            "last engaged with on 2026-03-02",
        ),
        (
            [Journey("u", "a", FEW)],
            [Journey("u", "a", FEW, stage="ended", reason="user_said_finished")],
            "paused",
            "the user called it finished",
        ),
        (
            [Journey("u", "a", FEW, stage="ended", reason="silent")],
            [Journey("u", "a", FEW, last=LATER)],
            "resumed",
            "engaged with again on 2026-03-09, before that on 2026-03-02",
        ),
        (
            [Journey("u", "a", FEW, stage="ended", reason="silent")],
            [Journey("u", "a", FEW, reason="evergreen")],
            "resumed",
            "counts as ongoing again: evergreen",
        ),
    ],
)
def test_the_detail_of_each_event_states_its_evidence(
    before: list[Journey], after: list[Journey], event: str, detail: str
) -> None:
    row = one(frame(*before), frame(*after))
    assert (row["event"], row["detail"]) == (event, detail)


def test_id_churn_counts_journeys_that_continue_under_another_id() -> None:
    before = frame(*(Journey("u", f"j{i}", words(f"j{i}", 4)) for i in range(4)), Journey("v", "q", words("q", 4)))
    after = frame(
        *(Journey("u", f"j{i}", words(f"j{i}", 4)) for i in range(3)),
        Journey("u", "other", [*words("j3", 4), "x"]),
        Journey("u", "new", words("new", 4)),
        Journey("v", "q", words("q", 4)),
    )
    ids, names = churn(before, after)
    assert (ids.name, ids.value, ids.passed) == ("id_churn", 1 / 5, False)
    assert ids.offenders.row(0) == ("u", "name of j3", "j3", "other", 0.8)
    assert (names.name, names.value, names.passed) == ("name_churn", 0.0, True)
    assert churn(before, after, maximum_ids=0.2)[0].passed
    assert churn(before, after, min_jaccard=0.9)[0].value == 0.0


def test_name_churn_counts_journeys_that_keep_their_id_with_another_name() -> None:
    before = frame(*(Journey("u", f"j{i}", words(f"j{i}", 4)) for i in range(4)))
    after = frame(*(Journey("u", f"j{i}", words(f"j{i}", 4), "other" if i == 2 else "") for i in range(4)))
    ids, names = churn(before, after)
    assert (ids.value, names.value, names.passed) == (0.0, 0.25, False)
    assert names.offenders.row(0) == ("u", "j2", "name of j2", "other")
    assert [m.value for m in churn(before.clear(), after)] == [None, None]
