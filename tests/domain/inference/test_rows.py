"""Rows of llm_journeys, and the comparison of both ways."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering.clusters import cluster_users, describe_groups
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.inference.answers import Answer, Claim, validated
from journeys_assets.domain.inference.comparison import LEVELS, compared
from journeys_assets.domain.inference.history import histories
from journeys_assets.domain.inference.rows import Inferred, journey_rows
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import LLM_INFERENCES
from tests.support.clustering import log_of, unit, words

PARAMS = ClusteringParams()
OF_THE_MODEL = ["suggested_name", "kind", "stage", "intent", "confidence"]


def world() -> tuple[pl.DataFrame, KeywordVectors]:
    """Five users with 1 to 40 of 90 keywords of six themes, some of them shared."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.linalg.qr(rng.normal(size=(16, 16)))[0][:6], 15, axis=0)
    keywords = words(90)
    vectors = KeywordVectors(keywords, unit(centres + 0.12 * rng.normal(size=centres.shape)))
    sizes = (40, 1, 2, 3, 25)
    logs = [log_of(f"u{n}", sorted(rng.choice(keywords, size=size, replace=False))) for n, size in enumerate(sizes)]
    return pl.concat(logs), vectors


def test_the_pipelines_own_groups_are_described_bit_for_bit_as_the_pipeline_describes_them() -> None:
    rows, vectors = world()
    history = rows.select("user_id", "keyword", "first_engaged_at")
    expected = cluster_users(rows, history, vectors, PARAMS).with_columns(
        cut_probability=pl.lit(None, dtype=pl.Float64)
    )
    groups = expected.with_row_index("group").select("user_id", "group", keyword="keywords").explode("keyword")
    found = describe_groups(
        rows.join(groups, on=["user_id", "keyword"]).sample(fraction=1, shuffle=True, seed=1), history, vectors, PARAMS
    )
    assert_frame_equal(found, expected, check_exact=True)
    assert describe_groups(rows.clear().with_columns(group=1), history, vectors, PARAMS).is_empty()


def test_rows_hold_what_the_answer_says_and_the_clusters_of_the_rest() -> None:
    rows, vectors = world()
    history = rows.select("user_id", "keyword", "first_engaged_at")
    pipeline = cluster_users(rows, history, vectors, PARAMS)
    last = dict.fromkeys(rows["user_id"].unique(), date(2026, 12, 31))
    shown = list(histories(pipeline, rows, last, most_tokens=10_000))
    answer = validated([Claim("My aim", [1, 2], "seasonal", "ended", "acting", 0.4)], 2)
    inferred = [
        Inferred(one, answer if one.user_id == "u0" else None if one.user_id == "u4" else Answer((), 0, 0, 0))
        for one in shown
    ]
    found = journey_rows(inferred, rows, history, vectors, PARAMS)
    assert "u4" not in found["user_id"].to_list(), "a user without an answer has no rows"
    (said,) = found.filter(pl.col("suggested_name").is_not_null()).select(OF_THE_MODEL).rows()
    assert said == ("My aim", "seasonal", "ended", "acting", 0.4)
    others = found.filter(pl.col("user_id").is_in(["u1", "u2", "u3"]))
    expected = pipeline.filter(pl.col("user_id").is_in(["u1", "u2", "u3"]))
    assert_frame_equal(
        others.drop(*OF_THE_MODEL, "cut_probability"), expected.drop("cut_probability"), check_exact=True
    )
    own = found.filter(user_id="u0")["keywords"].explode()
    assert sorted(own) == sorted(rows.filter(user_id="u0")["keyword"])


def test_the_comparison_counts_by_hand() -> None:
    asked = pl.concat(
        [
            LLM_INFERENCES.empty(),
            pl.DataFrame(
                {
                    "user_id": ["a", "b", "c"],
                    "is_inferred": [True, True, False],
                    "history_tokens": [100, 200, 300],
                    "input_tokens": [1000, 2000, None],
                    "output_tokens": [100, 300, None],
                    "bcubed_f1": [1.0, 0.5, None],
                }
            ),
        ],
        how="diagonal",
    )
    of_model = pl.DataFrame(
        {
            "user_id": ["a", "a", "b"],
            "journey_id": ["1", "2", "3"],
            "name": ["Garden", "Guitar", "Boats"],
            "kind": ["seasonal", None, "evergreen"],
            "stage": ["ongoing", "ended", None],
        }
    )
    output = pl.DataFrame(
        {
            "user_id": ["a", "a", "b"],
            "journey_id": ["1", "2", "4"],
            "journey_name": ["garden", "Piano", "Boats"],
            "kind": ["seasonal", "evergreen", "evergreen"],
            "stage": ["ongoing", "ongoing", "ongoing"],
            "inferred_by": ["pipeline"] * 3,
        }
    )
    given = [("a", "pipeline", 4.0), ("a", "pipeline", 2.0), ("b", "pipeline", 5.0)]
    levels = pl.DataFrame(given, LEVELS, orient="row")
    row = compared(asked, of_model, output, input_price=2, output_price=10, levels=levels).row(0, named=True)
    assert (row["n_users_asked_about"], row["n_users_inferred"]) == (3, 2)
    assert row["bcubed_f1"] == pytest.approx(0.75)
    assert row["bcubed_f1_low"] <= 0.75 <= row["bcubed_f1_high"]
    assert (row["n_journeys_of_model"], row["n_journeys_in_both"]) == (3, 2)
    assert (row["same_name_share"], row["same_kind_share"], row["same_stage_share"]) == (0.5, 1.0, 0.5)
    assert row["history_tokens_per_user"] == 200
    assert row["cost_per_1000_users"] == pytest.approx((1500 * 2 + 200 * 10) / 1000)
    assert row["relevance_of_pipeline"] == pytest.approx(4.0)
    assert row["relevance_of_language_model"] is None
    assert compared(asked.clear(), of_model, output, input_price=0, output_price=0).is_empty()
