"""Scores of a benchmark: right answers are worth one, and no figure can be raised by what was left out."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from journeys_assets.evaluation.benchmark.folder import JOURNEYS_TRUTH, KEYWORDS_TRUTH, THEMES_TRUTH, Truth
from journeys_assets.evaluation.benchmark.scoring import (
    COUNT,
    F1,
    KIND,
    NAMES,
    NDCG,
    PRECISION,
    RECALL,
    RETURN,
    STAGE,
    Scores,
    score,
)
from journeys_assets.evaluation.benchmark.submission import JOURNEY_COLUMNS, SCHEMA, Submission

THEMES = ("garden", "guitar", "wedding")
USERS = [f"u{number}" for number in range(6)]
OPTIONAL = frozenset(JOURNEY_COLUMNS)


def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A unit vector for each text: the theme whose word it has."""
    return np.array([[float(theme in text) for theme in THEMES] + [0.1] for text in texts], dtype=np.float32)


def truth() -> Truth:
    """Users with three themes of three keywords each, and a stray one. Only the garden is current and comes back."""
    keywords = [
        (user, f"{theme} {number}", theme, theme == "garden")
        for user in USERS
        for theme in THEMES
        for number in range(3)
    ]
    keywords += [(user, "news", None, False) for user in USERS]
    journeys = [
        (user, theme, "evergreen" if theme == "guitar" else "situational", "ended" if theme == "wedding" else "ongoing",
         theme == "garden")
        for user in USERS
        for theme in THEMES
    ]  # fmt: skip
    themes = [(theme, theme, [f"{theme} ideas"]) for theme in THEMES]
    return Truth(
        pl.DataFrame(keywords, schema=KEYWORDS_TRUTH, orient="row").sort("user_id", "keyword"),
        pl.DataFrame(journeys, schema=JOURNEYS_TRUTH, orient="row"),
        pl.DataFrame(themes, schema=THEMES_TRUTH, orient="row"),
    )


def right() -> pl.DataFrame:
    """The rows of a submission that has everything right."""
    known = truth()
    facts = known.journeys.with_columns(
        name=pl.format("my {}", "journey"), rank=pl.when(pl.col("is_current")).then(1).otherwise(None)
    )
    rows = known.keywords.drop_nulls("journey").join(facts, on=["user_id", "journey"]).with_columns(confidence=None)
    # Journeys that are not current are ranked too, below.
    later = {"guitar": 2, "wedding": 3, "garden": 1}
    rows = rows.with_columns(rank=pl.col("journey").replace_strict(later))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort("user_id", "keyword")


def scores_of(*rows: pl.DataFrame, given: frozenset[str] = OPTIONAL) -> Scores:
    submissions = [
        Submission(f"s{number}", rows={"world": own}, given={"world": given}) for number, own in enumerate(rows)
    ]
    return score("world", truth(), submissions, embed, n_resamples=50)


def figures_of(rows: pl.DataFrame, given: frozenset[str] = OPTIONAL) -> dict[str, float]:
    return dict(scores_of(rows, given=given).results.select("metric", "value").iter_rows())


def test_a_right_submission_is_worth_one_everywhere() -> None:
    figures = figures_of(right())
    assert figures.pop(COUNT) == 0.0
    assert figures == pytest.approx(
        {F1: 1.0, PRECISION: 1.0, RECALL: 1.0, NAMES: 1.0, KIND: 1.0, STAGE: 1.0, NDCG: 1.0, RETURN: 1.0}
    )


def test_only_what_was_given_is_scored() -> None:
    assert set(figures_of(right(), frozenset())) == {F1, PRECISION, RECALL, COUNT}


def test_leaving_a_journey_out_raises_nothing() -> None:
    whole, less = figures_of(right()), figures_of(right().filter(pl.col("journey") != "guitar"))
    assert all(less[metric] <= whole[metric] for metric in whole if metric != COUNT)
    assert {metric for metric in whole if less[metric] < whole[metric]} == {F1, RECALL, NAMES, KIND, STAGE}
    assert less[COUNT] > 0


def test_one_journey_of_everything_orders_nothing_and_names_nothing() -> None:
    figures = figures_of(right().with_columns(journey=pl.lit("all"), rank=pl.lit(1, dtype=pl.Int64)))
    assert figures[RECALL] == 1.0
    assert figures[PRECISION] < 0.5
    assert figures[RETURN] == 0.5
    assert figures[NAMES] == 0.0
    assert figures[NDCG] == 0.0


def test_splitting_a_journey_does_not_count_it_twice() -> None:
    """Planted fault seen: without the first place of each known journey, NDCG rose above one."""
    halves = right().with_columns(
        journey=pl.format("{} {}", "journey", pl.col("keyword").str.ends_with("0").cast(pl.Int8))
    )
    ranked = halves.with_columns(rank=pl.col("journey").rank("dense").over("user_id").cast(pl.Int64))
    assert figures_of(ranked)[NDCG] == pytest.approx(1.0)


def test_a_later_rank_is_worth_less() -> None:
    last = right().with_columns(rank=4 - pl.col("rank"))
    assert figures_of(last)[NDCG] == pytest.approx(0.5)
    assert figures_of(last)[RETURN] < 0.5


def test_the_best_submission_is_compared_with_every_other_one() -> None:
    worse = right().with_columns(journey=pl.lit("all"))
    found = scores_of(worse, right())
    row = found.behind.filter(metric=F1).row(0, named=True)
    assert (row["method"], row["baseline"], row["verdict"]) == ("s1", "s0", "better")


def test_users_without_rows_count() -> None:
    some = right().filter(pl.col("user_id") != "u0")
    assert figures_of(some)[F1] < 1.0
    assert scores_of(some).results["n_users"].unique().to_list() == [len(USERS)]
