import itertools
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.annotation import sampling
from journeys_assets.domain.annotation.params import AnnotationParams
from journeys_assets.domain.annotation.sampling import CANDIDATE_SCHEMA

PARAMS = AnnotationParams()
DAYS = (date(2026, 3, 1), date(2026, 3, 8))


def candidates(n_users: int, per_user: int = 3) -> pl.DataFrame:
    rows = [
        (
            day,
            f"u{user}",
            f"u{user}-j{number}",
            "a name",
            ["a", "b"],
            "evergreen" if number == 0 else "situational",
            "ended" if number == 2 else "ongoing",
            (user * 7 + number * 3) % 20 / 20,
            user * user,
        )
        for day in DAYS
        for user in range(n_users)
        for number in range(per_user)
    ]
    return pl.DataFrame(rows, schema=CANDIDATE_SCHEMA, orient="row")


def strata(n_users: int = 60, seed: int = 1) -> pl.DataFrame:
    return sampling.candidates_by_stratum(candidates(n_users), params=PARAMS, seed=seed)


def test_each_journey_is_a_candidate_once_as_of_one_of_its_days() -> None:
    found = strata()
    assert found.height == 180
    assert not found.select("user_id", "journey_id").is_duplicated().any()
    shares = found["as_of_date"].value_counts()["count"] / 180
    assert shares.min() > 0.35  # type: ignore[operator]


def test_strata_combine_confidence_kind_stage_and_activity() -> None:
    found = strata().filter(pl.col("user_id").is_in(["u0", "u45", "u59"]), pl.col("journey_id").str.ends_with("2"))
    assert dict(found.select("user_id", "stratum").iter_rows()) == {
        "u0": "confidence 0.25-0.5, situational ended, light user",
        "u45": "confidence 0-0.25, situational ended, medium user",
        "u59": "confidence 0.75-1, situational ended, heavy user",
    }
    on_the_edge = candidates(2).with_columns(confidence=pl.lit(0.5))
    names = sampling.candidates_by_stratum(on_the_edge, params=PARAMS, seed=1)["stratum"].to_list()
    assert all(name.startswith("confidence 0.5-0.75") for name in names)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 200), st.integers(0, 3))
def test_a_sample_has_the_wanted_size_covers_every_stratum_and_its_weights_add_up(n: int, seed: int) -> None:
    whole = strata(seed=seed)
    drawn = sampling.draw_stratified(whole, n)
    assert drawn.height == min(n, whole.height)
    assert not drawn.select("user_id", "journey_id").is_duplicated().any()
    if n >= whole["stratum"].n_unique():
        assert drawn["stratum"].n_unique() == whole["stratum"].n_unique()
        assert drawn["sampling_weight"].sum() == pytest.approx(whole.height)


def test_the_sample_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    rows = candidates(60)
    one = sampling.draw_stratified(sampling.candidates_by_stratum(rows, params=PARAMS, seed=1), 40)
    same = sampling.draw_stratified(
        sampling.candidates_by_stratum(rows.sample(fraction=1.0, shuffle=True, seed=3), params=PARAMS, seed=1), 40
    )
    other = sampling.draw_stratified(sampling.candidates_by_stratum(rows, params=PARAMS, seed=2), 40)
    assert one.equals(same)
    assert set(one["journey_id"]) != set(other["journey_id"])


def test_small_strata_get_more_than_a_proportional_and_less_than_an_equal_share() -> None:
    sizes = [900, 100, 1]
    big, small, single = sampling.allocated(sizes, 41)
    assert (big, small, single) == (30, 10, 1), "the square roots of 900, 100 and 1"


def test_the_weighted_sample_estimates_the_mean_of_all_candidates() -> None:
    whole = strata(n_users=200)
    truth = whole["confidence"].mean()
    estimates = []
    for seed in range(30):
        drawn = sampling.draw_stratified(strata(n_users=200, seed=seed), 120)
        estimates.append((drawn["confidence"] * drawn["sampling_weight"]).sum() / drawn["sampling_weight"].sum())
    assert sum(estimates) / len(estimates) == pytest.approx(truth, abs=0.01)


NAMES = ["ann", "ben", "chi"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.floats(0, 1), st.integers(0, 5))
def test_every_annotator_gets_the_wanted_number_of_rows_and_overlap(
    n_annotators: int, rows_each: int, overlap: float, seed: int
) -> None:
    names = NAMES[:n_annotators]
    drawn = sampling.draw_stratified(strata(), sampling.n_items(n_annotators, rows_each, overlap))
    dealt = sampling.deal(drawn, names, rows_each, overlap, seed=seed)
    judged_by = dealt.group_by("user_id", "journey_id").agg(n=pl.col("annotator_id").n_unique(), rows=pl.len())
    assert judged_by.height == drawn.height, "every drawn journey is judged"
    assert (judged_by["n"] == judged_by["rows"]).all(), "no annotator judges a journey twice"
    assert set(judged_by["n"]) <= {1, n_annotators}
    assert dealt.group_by("annotator_id").len()["len"].to_list() == [rows_each] * n_annotators
    if n_annotators > 1:
        assert (judged_by["n"] > 1).sum() == round(rows_each * overlap)
    for name in names:
        mine = dealt.filter(pl.col("annotator_id") == name)
        assert mine["position"].to_list() == list(range(1, rows_each + 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abcdz"), max_size=40), st.integers(0, 9))
def test_no_user_comes_twice_in_a_row_where_that_is_possible(users: list[str], seed: int) -> None:
    order = sampling.no_user_twice_in_a_row(users, seed=seed)
    assert sorted(order) == list(range(len(users)))
    most = max((users.count(user) for user in users), default=0)
    if most <= (len(users) + 1) // 2:
        mixed = [users[i] for i in order]
        assert all(a != b for a, b in itertools.pairwise(mixed)), mixed


def test_with_too_few_journeys_the_share_of_common_rows_stays_the_same() -> None:
    drawn = sampling.draw_stratified(strata(n_users=10), 1000)
    assert drawn.height == 30
    dealt = sampling.deal(drawn, ["ann", "ben"], 100, 0.5, seed=1)
    n_shared = (dealt.group_by("journey_id").len()["len"] == 2).sum()
    assert n_shared == 10, "a third of the journeys, as with enough journeys"


def test_invalid_annotators_or_overlap_raise_an_error() -> None:
    drawn = sampling.draw_stratified(strata(), 10)
    for names, overlap in (([], 0.5), (["a", "a"], 0.5), (["a"], 1.5)):
        with pytest.raises(ValueError, match="annotators must be named, each once"):
            sampling.deal(drawn, names, 10, overlap, seed=1)


def test_a_row_key_is_the_same_each_time_and_needs_the_salt() -> None:
    rows = strata()
    keys = sampling.row_keys(rows, b"one")
    assert keys.n_unique() == rows.height
    assert keys.str.contains("^[a-z2-7]{12}$").all()
    assert keys.equals(sampling.row_keys(rows, b"one"))
    assert not set(keys) & set(sampling.row_keys(rows, b"other"))


def test_the_guideline_explains_every_level() -> None:
    text = sampling.guideline()
    for level, (name, when) in sampling.LEVELS.items():
        assert f"**{level} {name}** {when}" in text


@given(st.floats(0, 1), st.integers(0, 5))
def test_about_the_wanted_share_of_names_is_hidden_whatever_the_order_of_rows(share: float, seed: int) -> None:
    rows = pl.DataFrame(
        {
            "as_of_date": date(2026, 3, 1), "user_id": [f"u{i % 40}" for i in range(400)],
            "journey_id": [f"j{i}" for i in range(400)], "journey_name": [f"name {i}" for i in range(400)],
        }
    )  # fmt: skip
    shown = sampling.with_some_names_hidden(rows, share, seed=seed)
    assert abs((shown["journey_name"] == "").mean() - share) < 0.12  # type: ignore[operator]
    again = sampling.with_some_names_hidden(rows.reverse(), share, seed=seed).reverse()
    assert again.equals(shown)
    kept = shown.filter(pl.col("journey_name") != "")
    assert kept.join(rows, on=rows.columns, how="anti").is_empty()
    with pytest.raises(ValueError, match="from 0 to 1"):
        sampling.with_some_names_hidden(rows, 1.0 + share + 1e-9, seed=seed)
