"""The prior score, and the labels that a ranker learns from."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.parameters import RankingParams
from journeys_assets.domain.ranking import (
    FEATURES,
    LABEL_SCHEMA,
    annotation_labels,
    feedback_labels,
    score_by_prior,
    training_rows,
)

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
def test_prior_is_a_probability_that_rises_with_evidence_and_falls_with_silence(
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


def test_prior_halves_each_half_life() -> None:
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
    assert labels.schema == LABEL_SCHEMA


def test_only_sends_whose_selection_is_known_are_labels() -> None:
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


def test_inverse_propensities_undo_the_policy_and_are_clipped() -> None:
    labels = feedback(
        send(user_id="a", propensity=0.5), send(user_id="b", propensity=0.1), send(user_id="c", propensity=1e-9)
    )
    weight = dict(zip(labels["user_id"], labels["weight"], strict=True))
    assert weight["b"] / weight["a"] == pytest.approx(5.0)
    assert weight["c"] / weight["a"] == pytest.approx(PARAMS.max_propensity_weight / 2)
    assert labels["weight"].mean() == pytest.approx(1.0)


def test_ipw_recovers_a_rate_that_the_policy_hides() -> None:
    """The policy shows clickers nine times as often; the weighted rate is the true one half."""
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
    schema = {"journey_id": pl.String, "keywords": pl.List(pl.String), "annotated_at": pl.Datetime("us")}
    schema["as_of_date"] = pl.Date
    labels = annotation_labels(pl.DataFrame(rows, schema_overrides=schema), JOURNEYS, as_of=AS_OF, params=PARAMS)
    assert labels.schema == LABEL_SCHEMA
    return labels.select("day", "user_id", "journey_id", "label").rows()


def test_annotators_are_pooled_by_their_median() -> None:
    day = date(2026, 3, 18)
    by_id = {"journey_id": "wedding"}
    assert annotated(
        *(judgement(**by_id, annotator_id=a, relevance=r) for a, r in zip("abc", (5, 5, 1), strict=True))
    ) == [(day, "u", "wedding", 1)]
    assert annotated(
        *(judgement(**by_id, annotator_id=a, relevance=r) for a, r in zip("abc", (5, 3, 3), strict=True))
    ) == [(day, "u", "wedding", 0)]


def test_a_judgement_finds_its_journey_by_id_then_by_keywords() -> None:
    day = date(2026, 3, 18)
    assert annotated(judgement(journey_id="kitchen", keywords=["wedding dress"])) == [(day, "u", "kitchen", 1)]
    assert annotated(judgement(keywords=["kitchen tiles", "unknown"])) == [(day, "u", "kitchen", 1)]
    assert annotated(judgement(journey_id="gone", keywords=["venue"], relevance=2)) == [(day, "u", "wedding", 0)]
    assert annotated(judgement(keywords=["venue", "x", "y"])) == []
    assert annotated(judgement(journey_id="gone")) == []
    assert annotated(judgement(user_id="stranger", keywords=["venue"])) == []


def test_a_judgement_is_of_the_journeys_that_there_were() -> None:
    tiles = {"keywords": ["kitchen tiles"]}
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 3, 17))) == []
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 3, 26))) == [(date(2026, 3, 25), "u", "wedding", 1)]
    assert annotated(judgement(**tiles, annotated_at=None)) == [(date(2026, 3, 25), "u", "wedding", 1)]
    assert annotated(judgement(**tiles, annotated_at=datetime(2026, 4, 1))) == []


def test_a_judgement_from_a_sheet_is_of_the_sheets_day_whenever_it_was_given() -> None:
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


def test_rows_carry_the_features_of_their_own_day() -> None:
    labels = feedback(send(clicked_at=datetime(2026, 3, 10, 10)), send(user_id="v"))
    features = pl.DataFrame(
        [
            journey(partition_date=date(2026, 3, 9), n_saves_7d=3),
            journey(partition_date=date(2026, 3, 10), n_saves_7d=99),
        ]
    )
    rows = training_rows(labels, features)
    assert rows.select("user_id", "label", "n_saves_7d").rows() == [("u", 1, 3)]
