"""Evidence from silence and seasons, and labels: values computed by hand, and properties for any log."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.integrate import quad
from scipy.stats import beta

from journeys_assets.domain.lifecycle.evidence import (
    FEATURES,
    RHYTHM,
    ended_labels,
    look_back_days,
    p_ended_by_fixed_gap,
    season_evidence,
    seasons_before,
    silence_features,
)
from journeys_assets.domain.lifecycle.params import LifecycleParams

PARAMS = LifecycleParams()
DAY = date(2026, 3, 1)
SCHEMA = {
    "user_id": pl.String,
    "journey_id": pl.String,
    "day": pl.Date,
    "n_searches": pl.Int64,
    "n_specific_keywords": pl.Int64,
}
Row = tuple[str, str, date, int, int]


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def journey(*days: int, user: str = "ann", name: str = "j", searches: int = 1, specific: int = 1) -> list[Row]:
    return [(user, name, ago(n), searches, specific) for n in days]


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def visits(*days: int, user: str = "ann") -> pl.DataFrame:
    return pl.DataFrame({"user_id": user, "day": [ago(n) for n in days]}, schema={"user_id": pl.String, "day": pl.Date})


def test_features_equal_values_computed_by_hand() -> None:
    # Turns 30, 23 and 16 days ago, one shared word 4 days ago, and visits on three more days.
    rows = [*journey(30, 23, 16), *journey(4, searches=0)]
    seen = visits(30, 27, 23, 16, 10, 4, 2)
    found = silence_features(frame(rows), seen, DAY, PARAMS).row(0, named=True)
    assert found == {
        "user_id": "ann",
        "journey_id": "j",
        "gap_days": 4.0,
        "turn_gap_days": 16.0,
        "silent_visits": 1.0,
        "visits_since_turn": 3.0,
        "gap_in_cadences": 16.0 / ((14 + 7) / 3),
        "missed_turns": 3.0 * 3 / 4,
        "turn_span_days": 14.0,
        "turn_week_share": 1.0,
    }


@pytest.mark.parametrize(("searches", "specific", "gap"), [(1, 0, 0.0), (0, 2, 0.0), (0, 1, 9.0)])
def test_a_turn_is_a_search_or_two_specific_keywords(searches: int, specific: int, gap: float) -> None:
    rows = [*journey(9), *journey(0, searches=searches, specific=specific)]
    assert silence_features(frame(rows), visits(9, 0), DAY, PARAMS)["turn_gap_days"].to_list() == [gap]


def test_only_weeks_with_a_visit_count() -> None:
    """A user with only two visits in seven weeks, both with a turn, has a share of 1."""
    rare = silence_features(frame(journey(49, 0)), visits(49, 0), DAY, PARAMS)
    often = silence_features(frame(journey(49, 0)), visits(*range(0, 50, 7)), DAY, PARAMS)
    assert rare["turn_week_share"][0] == 1.0
    assert often["turn_week_share"][0] == 2 / 8


def test_engagement_older_than_the_history_is_ignored() -> None:
    old = silence_features(frame(journey(95, 3)), visits(95, 3), DAY, PARAMS)
    assert_frame_equal(old, silence_features(frame(journey(3)), visits(3), DAY, PARAMS))


rows_of_a_log = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["j", "k"]),
        st.one_of(st.integers(-40, 120), st.integers(330, 480)).map(ago),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:3],
)
more_visits = st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.integers(-40, 120).map(ago)), max_size=30)


def log(rows: list[Row], others: list[tuple[str, date]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Journeys, and visits that include all their days."""
    days = sorted({(user, day) for user, _, day, _, _ in rows} | set(others))
    return frame(rows), pl.DataFrame(days, schema={"user_id": pl.String, "day": pl.Date}, orient="row")


@settings(deadline=None, max_examples=50)
@given(rows_of_a_log, more_visits)
def test_evidence_does_not_depend_on_later_days(rows: list[Row], others: list[tuple[str, date]]) -> None:
    journeys, seen = log(rows, others)
    until = pl.col("day") <= DAY
    for evidence in (
        lambda j, v: silence_features(j, v, DAY, PARAMS),
        lambda j, v: season_evidence(j, v, DAY, PARAMS),
    ):
        assert_frame_equal(evidence(journeys, seen), evidence(journeys.filter(until), seen.filter(until)))


@settings(deadline=None, max_examples=50)
@given(rows_of_a_log, more_visits)
def test_features_only_grow_without_engagement(rows: list[Row], others: list[tuple[str, date]]) -> None:
    journeys, seen = log(rows, others)
    journeys = journeys.filter(pl.col("day") <= DAY)
    days = [DAY + timedelta(days=n) for n in (0, 1, 10, 40)]
    found = [silence_features(journeys, seen, day, PARAMS) for day in days]
    for earlier, later in pairwise(found):
        assert (later.select(FEATURES).to_numpy() >= earlier.select(FEATURES).to_numpy()).all()
        assert_frame_equal(later.select(RHYTHM), earlier.select(RHYTHM))


@settings(deadline=None, max_examples=50)
@given(rows_of_a_log, more_visits)
def test_evidence_does_not_depend_on_other_users_or_row_order(rows: list[Row], others: list[tuple[str, date]]) -> None:
    journeys, seen = log(rows, others)
    ann = pl.col("user_id") == "ann"
    for evidence in (
        lambda j, v: silence_features(j, v, DAY, PARAMS),
        lambda j, v: season_evidence(j, v, DAY, PARAMS),
        lambda j, v: ended_labels(j, v, ago(30), PARAMS),
    ):
        whole = evidence(journeys, seen)
        assert_frame_equal(whole, evidence(journeys.reverse(), seen.reverse()))
        assert_frame_equal(whole.filter(ann), evidence(journeys.filter(ann), seen.filter(ann)))


def test_a_label_needs_a_user_who_keeps_visiting() -> None:
    day = ago(28)
    ended, went_on = journey(40, name="over"), journey(40, 5, name="on")
    often = ended_labels(frame(ended + went_on), visits(40, 20, 10, 5), day, PARAMS)
    assert often.rows() == [("ann", "on", 0), ("ann", "over", 1)]
    assert ended_labels(frame(ended + went_on), visits(40, 10, 5), day, PARAMS).is_empty()


def test_a_label_depends_only_on_its_window() -> None:
    day = ago(60)
    rows = [*journey(70, 10, name="after"), *journey(70, 33, name="within"), *journey(55, name="later")]
    found = ended_labels(frame(rows), visits(70, 55, 50, 33, 10), day, PARAMS)
    assert found.rows() == [("ann", "after", 1), ("ann", "within", 0)]


def test_one_shared_word_is_not_a_turn() -> None:
    rows = [*journey(40), *journey(10, searches=0, specific=1)]
    assert ended_labels(frame(rows), visits(40, 20, 10, 5), ago(30), PARAMS)["label"].to_list() == [1]


# ── seasons ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WINTER = tuple(range(0, 40, 5))


def last_year(*days: int) -> tuple[int, ...]:
    return tuple(365 + n for n in days)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((*WINTER, *last_year(*WINTER)), ago(365)),
        ((*WINTER, *last_year(65)), ago(430)),  # 26 days before the same time last year
        ((*WINTER, *last_year(70)), None),  # 35 days before it
        ((*WINTER, *last_year(-29)), ago(336)),  # ended later than this year's
        (WINTER, None),
        (tuple(range(0, 480, 30)), None),  # never silent for long, so not seasonal
        ((*WINTER, 180, 190), None),  # half a year ago is another time of the year
    ],
)
def test_a_season_needs_turns_at_the_same_time_of_the_year_before_and_silence_between(
    days: tuple[int, ...], expected: date | None
) -> None:
    found = seasons_before(frame(journey(*days)), visits(*sorted({*days, 100, 150, 200})), DAY, PARAMS)
    assert found["season_before"].to_list() == ([] if expected is None else [expected])


def p_seasonal(turns: tuple[int, ...], visited: tuple[int, ...]) -> float:
    """Probability for a journey with turns that many days ago, and a user with additional visits."""
    evidence = season_evidence(frame(journey(*turns)), visits(*sorted({*turns, *visited})), DAY, PARAMS)
    return evidence["p_seasonal"].item() if evidence.height else 0.0


def test_a_user_who_was_away_between_is_no_evidence_of_a_season() -> None:
    seasons = (*WINTER, *last_year(*WINTER))
    chances = [p_seasonal(seasons, tuple(range(60, 60 + 20 * n, 20))) for n in range(10)]
    assert chances[0] < PARAMS.seasonal_min_probability < chances[2]
    assert all(earlier < later for earlier, later in pairwise(chances))


def test_one_stray_turn_makes_no_season_but_a_similar_season_before_does() -> None:
    visited = tuple(range(0, 460, 4))
    now = tuple(range(0, 40, 4))
    assert p_seasonal((*now, 380), visited) < PARAMS.seasonal_min_probability
    assert p_seasonal((*now, *last_year(*range(3, 40, 8))), visited) > 0.9


def test_a_rare_hobby_with_an_accidental_pause_is_not_seasonal() -> None:
    visited = tuple(range(0, 460, 10))
    assert p_seasonal((0, 20, 150, 200, 260, 310, 370, 390, 440), visited) < PARAMS.seasonal_min_probability


def test_the_probability_equals_numerical_integration_of_the_three_hypotheses() -> None:
    visited, turns = tuple(range(0, 480, 6)), (0, 6, 18, 30, 366, 384, 396)
    found = season_evidence(frame(journey(*turns)), visits(*sorted({*turns, *visited})), DAY, PARAMS).row(0, named=True)
    since, until = 365 + 30 + 30, 365 - 30  # the latest season began 30 days ago and ends today
    times = [(n <= 30, until <= n <= since) for n in visited]
    hits = [n in turns for n in visited]
    now, before, between = (
        [hit for hit, (is_now, is_before) in zip(hits, times, strict=True) if time(is_now, is_before)]
        for time in (lambda a, _: a, lambda _, b: b, lambda a, b: not a and not b)
    )
    stray = beta(1, 1 / PARAMS.stray_turn_share - 1)

    def likelihood(share: Callable[[float], float], *parts: list[bool]) -> float:
        seen = [hit for part in parts for hit in part]
        n, k = len(seen), sum(seen)
        return float(quad(lambda p: p**k * (1 - p) ** (n - k) * share(p), 0, 1, points=[0.02, 0.2], epsabs=1e-30)[0])

    def even(p: float) -> float:
        return 1.0

    seasonal = likelihood(even, now) * likelihood(even, before) * likelihood(stray.pdf, between)
    evergreen = likelihood(even, now, before, between)
    situational = likelihood(even, now) * likelihood(stray.pdf, before, between)
    assert found["visits_between"] == len(between)
    assert found["p_seasonal"] == pytest.approx(seasonal / (seasonal + evergreen / 2 + situational / 2), rel=1e-6)


def test_seasons_need_turns_and_ignore_days_before_the_look_back() -> None:
    words = [*journey(*WINTER), *journey(*last_year(5, 10), searches=0)]
    seen = visits(*sorted({*range(40, 300, 20), *WINTER, *last_year(5, 10), 2 * 365}))
    assert seasons_before(frame(words), seen, DAY, PARAMS).is_empty()
    oldest = look_back_days(PARAMS)
    rows = frame(journey(*WINTER, *last_year(5, 10), 2 * 365))
    kept = rows.filter(pl.col("day") > ago(oldest))
    assert kept.height < rows.height
    found = season_evidence(rows, seen, DAY, PARAMS)
    assert found.height == 1
    recent = seen.filter(pl.col("day") > ago(oldest))
    assert_frame_equal(found, season_evidence(kept, recent, DAY, PARAMS))


def test_the_fixed_gap_has_no_probability() -> None:
    features = silence_features(frame(journey(3)), visits(3), DAY, PARAMS)
    assert p_ended_by_fixed_gap(features).rows() == [("ann", "j", None, "fixed gap")]
