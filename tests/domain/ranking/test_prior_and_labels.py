"""The prior score, and the training labels of a ranker."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.ranking.labels import (
    LABEL_SCHEMA,
    annotation_labels,
    engagement_labels,
    feedback_labels,
    future_engagement,
    ndcg_by_user,
    training_rows,
)
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import BASE, PARTS, features, part_of, prior_parts, score_by_prior

PARAMS = RankingParams()
AS_OF = date(2026, 3, 31)


def journey(**values: Any) -> dict[str, Any]:
    return {"user_id": "u", "journey_id": "j", **dict.fromkeys(FEATURES, 0), "cohesion": 0.5, "n_keywords": 4} | values


def prior(**values: Any) -> float:
    confidence: float = score_by_prior(pl.DataFrame([journey(**values)]), PARAMS)["confidence"][0]
    return confidence


counts = st.integers(0, 10_000)


@settings(max_examples=60, deadline=None)
@given(counts, counts, st.integers(1, 2000), st.integers(0, 400), st.floats(-1, 1))
def test_the_prior_is_a_probability_that_rises_with_evidence_and_falls_with_inactive_days(
    weight: int, active: int, size: int, silent: int, cohesion: float
) -> None:
    base = {
        "engagement_weight_90d": float(weight),
        "active_days_90d": active,
        "n_keywords": size,
        "days_since_last_engaged": silent,
        "cohesion": cohesion,
    }
    here = prior(**base)
    assert 0.0 < here < 1.0
    assert prior(**base | {"engagement_weight_90d": weight * 2.0 + 1}) >= here
    assert prior(**base | {"active_days_90d": active + 10}) >= here
    assert prior(**base | {"n_keywords": size + 10}) >= here
    assert prior(**base | {"cohesion": min(1.0, cohesion + 0.1)}) >= here
    assert prior(**base | {"days_since_last_engaged": silent + 1}) < here


def test_the_prior_halves_after_each_half_life() -> None:
    evidence = {"engagement_weight_90d": 12.0, "active_days_90d": 4}
    now, later = prior(**evidence), prior(**evidence, days_since_last_engaged=14)
    assert later == pytest.approx(now / 2)
    assert now > 0.8
    assert 0.4 < prior(engagement_weight_90d=3.0, active_days_90d=1, n_keywords=3) < 0.6


def test_a_row_scores_the_same_alone_and_in_any_order() -> None:
    rows = pl.DataFrame(
        [journey(user_id=f"u{i}", engagement_weight_90d=i * 0.37, days_since_last_engaged=i % 9) for i in range(57)]
    )
    together = score_by_prior(rows, PARAMS)
    assert together.equals(score_by_prior(rows.reverse(), PARAMS))
    alone = pl.concat([score_by_prior(rows[i], PARAMS) for i in range(rows.height)]).sort("user_id")
    assert together.equals(alone)
    assert set(together["scored_by"]) == {"prior"}


def send(**values: Any) -> dict[str, Any]:
    return {
        "user_id": "u",
        "journey_id": "j",
        "arm": "journey",
        "sent_at": datetime(2026, 3, 10, 9),
        "clicked_at": None,
        "unsubscribed_at": None,
        "propensity": 0.5,
        "is_random_slot": False,
    } | values


def feedback(*rows: dict[str, Any], params: RankingParams = PARAMS) -> pl.DataFrame:
    schema = {
        "clicked_at": pl.Datetime("us"),
        "unsubscribed_at": pl.Datetime("us"),
        "propensity": pl.Float64,
        "journey_id": pl.String,
    }
    return feedback_labels(pl.DataFrame(rows, schema_overrides=schema), as_of=AS_OF, params=params)


def test_a_click_in_time_is_a_positive_of_the_day_before_the_send() -> None:
    sent = datetime(2026, 3, 10, 9)
    labels = feedback(
        send(user_id="in_time", clicked_at=sent + timedelta(days=6)),
        send(user_id="too_late", clicked_at=sent + timedelta(days=7)),
        send(user_id="never"),
        send(user_id="left", clicked_at=sent + timedelta(hours=1), unsubscribed_at=sent + timedelta(hours=2)),
    )
    assert dict(zip(labels["user_id"], labels["label"], strict=True)) == {
        "in_time": 1,
        "too_late": 0,
        "never": 0,
        "left": 0,
    }
    assert labels["day"].unique().to_list() == [date(2026, 3, 9)]
    assert labels["known_on"].unique().to_list() == [date(2026, 3, 17)]
    assert labels.schema == LABEL_SCHEMA


def test_only_sends_with_a_known_selection_become_labels() -> None:
    labels = feedback(
        send(user_id="logged"),
        send(user_id="random", propensity=None, is_random_slot=True),
        send(user_id="unknown", propensity=None, is_random_slot=None),
        send(user_id="zero", propensity=0.0),
        send(user_id="other_arm", arm="interest"),
        send(user_id="no_journey", journey_id=None),
        send(user_id="young", sent_at=datetime(2026, 3, 25, 1)),
    )
    assert labels["user_id"].to_list() == ["logged", "random"]
    only_random = feedback(
        send(user_id="logged"),
        send(user_id="random", is_random_slot=True, propensity=0.01),
        params=RankingParams(random_slot_only=True),
    )
    assert only_random.select("user_id", "weight").rows() == [("random", 1.0)]


def test_weights_are_inverse_propensities_and_are_clipped() -> None:
    labels = feedback(
        send(user_id="a", propensity=0.5), send(user_id="b", propensity=0.1), send(user_id="c", propensity=1e-9)
    )
    weight = dict(zip(labels["user_id"], labels["weight"], strict=True))
    assert weight["b"] / weight["a"] == pytest.approx(5.0)
    assert weight["c"] / weight["a"] == pytest.approx(PARAMS.max_propensity_weight / 2)
    assert labels["weight"].mean() == pytest.approx(1.0)


def test_weighting_recovers_the_true_rate_under_a_biased_policy() -> None:
    """The policy selects clickers nine times as often; the weighted rate is the true one half."""
    rows = []
    for i in range(1000):
        likes, clicked_at = i % 2 == 0, datetime(2026, 3, 10, 10)
        propensity = 0.9 if likes else 0.1
        if (i // 2) % 10 < propensity * 10:
            rows.append(send(user_id=f"u{i}", propensity=propensity, clicked_at=clicked_at if likes else None))
    labels = feedback(*rows)
    assert labels["label"].mean() == pytest.approx(0.9)
    assert (labels["label"] * labels["weight"]).sum() / labels["weight"].sum() == pytest.approx(0.5)


def judgement(**values: Any) -> dict[str, Any]:
    return {
        "user_id": "u",
        "journey_id": None,
        "keywords": None,
        "relevance": 5,
        "stage": None,
        "annotator_id": "a",
        "annotated_at": datetime(2026, 3, 20, 12),
        "as_of_date": None,
    } | values


JOURNEYS = pl.DataFrame(
    [
        (date(2026, 3, 18), "u", "wedding", ["wedding dress", "wedding cake", "venue"]),
        (date(2026, 3, 18), "u", "kitchen", ["kitchen tiles", "kitchen sink"]),
        (date(2026, 3, 25), "u", "wedding", ["wedding dress", "wedding cake", "venue", "kitchen tiles"]),
        (date(2026, 3, 18), "v", "kitchen", ["kitchen tiles"]),
    ],
    schema={
        "partition_date": pl.Date,
        "user_id": pl.String,
        "journey_id": pl.String,
        "keywords": pl.List(pl.String),
    },
    orient="row",
)


def annotated(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    schema = {
        "journey_id": pl.String,
        "keywords": pl.List(pl.String),
        "stage": pl.String,
        "as_of_date": pl.Date,
        "annotated_at": pl.Datetime("us"),
    }
    labels = annotation_labels(pl.DataFrame(rows, schema_overrides=schema), JOURNEYS, as_of=AS_OF, params=PARAMS)
    assert labels.schema == LABEL_SCHEMA
    return labels.select("day", "user_id", "journey_id", "label").rows()


def test_the_relevance_of_a_journey_is_the_median_over_annotators() -> None:
    day = date(2026, 3, 18)
    by_id = {"journey_id": "wedding"}
    assert annotated(
        *(judgement(**by_id, annotator_id=a, relevance=r) for a, r in zip("abc", (5, 5, 1), strict=True))
    ) == [(day, "u", "wedding", 1)]
    assert annotated(
        *(judgement(**by_id, annotator_id=a, relevance=r) for a, r in zip("abc", (5, 3, 3), strict=True))
    ) == [(day, "u", "wedding", 0)]


@pytest.mark.parametrize(
    ("stages", "label"),
    [
        (("ended", "ended", "ongoing"), 0),
        (("ended", "ongoing", None), 1),
        ((None, None, "ended"), 0),
        ((None, None, None), 1),
    ],
)
def test_a_relevant_journey_that_has_ended_is_not_current(stages: tuple[str | None, ...], label: int) -> None:
    day = date(2026, 3, 18)
    rows = [judgement(journey_id="wedding", annotator_id=a, stage=s) for a, s in zip("abc", stages, strict=True)]
    assert annotated(*rows) == [(day, "u", "wedding", label)]


def test_a_label_is_known_on_the_day_of_the_last_judgement() -> None:
    rows = [
        judgement(journey_id="wedding", annotator_id="a", annotated_at=datetime(2026, 3, 19)),
        judgement(journey_id="wedding", annotator_id="b", annotated_at=datetime(2026, 3, 22)),
    ]
    labels = annotation_labels(
        pl.DataFrame(rows, schema_overrides={"keywords": pl.List(pl.String), "stage": pl.String}),
        JOURNEYS,
        as_of=AS_OF,
        params=PARAMS,
    )
    assert labels.select("day", "known_on").rows() == [(date(2026, 3, 18), date(2026, 3, 22))]


def test_a_judgement_is_matched_by_id_and_otherwise_by_keywords() -> None:
    day = date(2026, 3, 18)
    assert annotated(judgement(journey_id="kitchen", keywords=["wedding dress"])) == [(day, "u", "kitchen", 1)]
    assert annotated(judgement(keywords=["kitchen tiles", "unknown"])) == [(day, "u", "kitchen", 1)]
    assert annotated(judgement(journey_id="gone", keywords=["venue"], relevance=2)) == [(day, "u", "wedding", 0)]
    assert annotated(judgement(keywords=["venue", "x", "y"])) == []
    assert annotated(judgement(journey_id="gone")) == []
    assert annotated(judgement(user_id="stranger", keywords=["venue"])) == []


def test_a_judgement_is_matched_to_the_latest_journeys_up_to_its_day() -> None:
    tiles = {"keywords": ["kitchen tiles"]}
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 3, 17))) == []
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 3, 26))) == [(date(2026, 3, 25), "u", "wedding", 1)]
    assert annotated(judgement(**tiles, annotated_at=None)) == [(date(2026, 3, 25), "u", "wedding", 1)]
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 4, 1))) == []


def test_a_judgement_from_a_sheet_belongs_to_the_day_of_the_sheet_whenever_it_was_given() -> None:
    sheet = {"journey_id": "wedding", "as_of_date": date(2026, 3, 20)}
    expected = [(date(2026, 3, 18), "u", "wedding", 1)]
    assert annotated(judgement(**sheet, annotated_at=datetime(2026, 3, 26))) == expected
    assert annotated(judgement(**sheet, annotated_at=datetime(2027, 1, 1))) == expected
    assert annotated(judgement(**sheet | {"as_of_date": date(2026, 4, 2)}, annotated_at=None)) == []


def test_the_later_judgement_of_an_annotator_counts() -> None:
    at = {"journey_id": "wedding", "as_of_date": date(2026, 3, 20)}
    first = judgement(**at, relevance=1, annotated_at=datetime(2026, 3, 22))
    second = judgement(**at, relevance=5, annotated_at=datetime(2026, 3, 23))
    assert annotated(first, second) == annotated(second, first) == [(date(2026, 3, 18), "u", "wedding", 1)]
    other = judgement(**at, relevance=1, annotator_id="b")
    assert annotated(first, second, other)[0][-1] == 0, "3 is the median of one judgement of each annotator"


def test_training_rows_have_the_features_of_their_own_day() -> None:
    labels = feedback(send(clicked_at=datetime(2026, 3, 10, 10)), send(user_id="v"))
    features = pl.DataFrame(
        [
            journey(partition_date=date(2026, 3, 9), n_saves_7d=3),
            journey(partition_date=date(2026, 3, 10), n_saves_7d=99),
        ]
    )
    rows = training_rows(labels, features)
    assert rows.select("user_id", "label", "n_saves_7d").rows() == [("u", 1, 3)]


# ── engagement ──

FEATURES = features(DEFAULT_ACTIONS)
DAY = date(2026, 3, 18)
ENGAGED_SCHEMA = {"user_id": pl.String, "keyword": pl.String, "engaged_on": pl.Date}


def engaged(*rows: tuple[str, str, int]) -> pl.DataFrame:
    """(user, keyword, days after ``DAY``)"""
    full = [(user, keyword, DAY + timedelta(days=days)) for user, keyword, days in rows]
    return pl.DataFrame(full, schema=ENGAGED_SCHEMA, orient="row")


def positives(*rows: tuple[str, str, int], as_of: date = AS_OF) -> dict[tuple[str, str], int]:
    journeys = JOURNEYS.filter(pl.col("partition_date") == DAY)
    labels = engagement_labels(journeys, engaged(*rows), as_of=as_of, params=PARAMS)
    assert labels.schema == LABEL_SCHEMA
    assert labels["known_on"].is_in([DAY + timedelta(days=PARAMS.engagement_days)]).all()
    return {(user, journey): label for user, journey, label in labels.select("user_id", "journey_id", "label").rows()}


def test_a_journey_is_positive_if_its_user_engages_with_a_keyword_of_it_within_the_window() -> None:
    assert positives(("u", "venue", 1)) == {("u", "wedding"): 1, ("u", "kitchen"): 0}
    assert positives(("u", "venue", 7), ("u", "kitchen sink", 3)) == {("u", "wedding"): 1, ("u", "kitchen"): 1}
    assert positives(("u", "something else", 2)) == {("u", "wedding"): 0, ("u", "kitchen"): 0}
    # engagement on the day itself or after the window is ignored, and a user without engagement has no label
    assert positives(("u", "venue", 0), ("u", "venue", 8)) == {}
    assert positives(("v", "kitchen sink", 2)) == {("v", "kitchen"): 0}


def test_a_window_that_has_not_ended_gives_no_label() -> None:
    last = DAY + timedelta(days=PARAMS.engagement_days)
    assert positives(("u", "venue", 1), as_of=last) == {("u", "wedding"): 1, ("u", "kitchen"): 0}
    assert positives(("u", "venue", 1), as_of=last - timedelta(days=1)) == {}


events = st.lists(
    st.tuples(st.sampled_from("uv"), st.sampled_from(["venue", "kitchen tiles", "x"]), st.integers(-9, 30))
)


@settings(max_examples=60, deadline=None)
@given(events, st.integers(0, 25))
def test_labels_as_of_a_day_do_not_depend_on_later_days(rows: list[tuple[str, str, int]], age: int) -> None:
    as_of = DAY + timedelta(days=age)
    known = engaged(*rows).filter(pl.col("engaged_on") <= as_of)
    with_future = engagement_labels(JOURNEYS, engaged(*rows), as_of=as_of, params=PARAMS)
    assert with_future.equals(engagement_labels(JOURNEYS, known, as_of=as_of, params=PARAMS))
    assert (with_future["known_on"] <= as_of).all()


@settings(max_examples=40, deadline=None)
@given(events, st.integers(1, 28))
def test_future_engagement_equals_a_plain_loop(rows: list[tuple[str, str, int]], n_days: int) -> None:
    log = engaged(*rows)
    found = future_engagement(JOURNEYS, log, n_days)
    assert found.height == JOURNEYS.height
    keywords = {(d, u, j): own for d, u, j, own in JOURNEYS.rows()}
    for day, user, journey_id, is_engaged, returned in found.rows():
        window = [(u, k) for u, k, on in log.rows() if u == user and day < on <= day + timedelta(days=n_days)]
        assert returned == bool(window)
        assert is_engaged == any(k in keywords[day, user, journey_id] for _, k in window)


# ── order ──


def test_ndcg_equals_values_computed_by_hand() -> None:
    rows = pl.DataFrame(
        [
            (DAY, "u", "a", 0.9, False),
            (DAY, "u", "b", 0.8, True),
            (DAY, "u", "c", 0.1, True),
            (DAY, "all_relevant", "a", 0.9, True),
            (DAY, "all_relevant", "b", 0.9, True),
            (DAY, "alone", "a", 0.9, True),
            (DAY, "tied", "a", 0.5, False),
            (DAY, "tied", "b", 0.5, True),
        ],
        schema=["partition_date", "user_id", "journey_id", "score", "is_relevant"],
        orient="row",
    )
    found = ndcg_by_user(rows, (1, 2, 3))
    assert found["user_id"].to_list() == ["tied", "u"]
    user = found.row(1, named=True)
    second, third = 1 / 1.584962500721156, 0.5
    assert user["ndcg_1"] == 0.0
    assert user["ndcg_2"] == pytest.approx(second / (1 + second))
    assert user["ndcg_3"] == pytest.approx((second + third) / (1 + second))
    assert user["reciprocal_rank"] == 0.5
    assert found["reciprocal_rank"][0] == 0.5
    assert ndcg_by_user(rows.reverse(), (1, 2, 3)).equals(found)


def test_ndcg_of_the_true_order_is_one() -> None:
    rows = pl.DataFrame(
        {"partition_date": DAY, "user_id": "u", "journey_id": list("abcdef"), "is_relevant": [1, 0, 1, 0, 0, 1]}
    )
    best = ndcg_by_user(rows.with_columns(score=pl.col("is_relevant").cast(pl.Float64)), (1, 3, 10))
    assert best.row(0)[1:] == pytest.approx((1.0, 1.0, 1.0, 1.0))


# ── parts of a score ──


def test_every_feature_is_in_exactly_one_part() -> None:
    assert {part_of(name) for name in FEATURES} == set(PARTS)
    assert part_of("n_purchases_7d") == "recency", "also of an action that is not in the registry"
    assert part_of("journey_id") is None


@settings(max_examples=40, deadline=None)
@given(counts, counts, st.integers(1, 2000), st.integers(0, 100), st.floats(-1, 1))
def test_the_terms_of_the_prior_combine_to_the_prior(
    weight: int, active: int, size: int, silent: int, cohesion: float
) -> None:
    values = {
        "engagement_weight_90d": float(weight),
        "active_days_90d": active,
        "n_keywords": size,
        "days_since_last_engaged": silent,
        "cohesion": cohesion,
    }
    parts = prior_parts(pl.DataFrame([journey(**values)]), PARAMS).row(0, named=True)
    assert set(parts) - {"user_id", "journey_id"} <= {*PARTS, BASE}
    evidence = sum(parts[name] for name in ("volume", "regularity", "breadth", "coherence", BASE))
    assert np.exp(parts["recency"]) / (1 + np.exp(-evidence)) == pytest.approx(prior(**values))
