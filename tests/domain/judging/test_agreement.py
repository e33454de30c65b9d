"""Agreement of a judge with people: figures that are checked by hand, and a verdict that says why."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from journeys_assets.domain.judging.agreement import (
    AMONG_PEOPLE,
    DRAW_SCHEMA,
    HUMAN_SCHEMA,
    WITH_ITSELF,
    WITH_PEOPLE,
    corrected_means,
    figure,
    judge_agreement,
    levels_of,
    spearman,
)
from journeys_assets.domain.judging.params import JudgingParams

PARAMS = JudgingParams()


def people(rows: list[tuple[str, str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=HUMAN_SCHEMA, orient="row")


def draws(rows: list[tuple[str, str, int, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=DRAW_SCHEMA, orient="row")


def test_kappa_of_a_table_by_hand() -> None:
    """People (1, 2, 5, 5) and judge (1, 3, 5, 4): sum of squares 0+1+0+1 = 2. By chance: (1/4) x the sum over all 16
    pairs: 1: 0+4+16+9, 2: 1+1+9+4, 5: 16+4+0+1 twice = 29+15+42 = 86, 86/4 = 21.5. So kappa = 1 - 2/21.5."""
    human = people([(f"i{n}", f"u{n}", "ann", level) for n, level in enumerate((1, 2, 5, 5))])
    given = draws([(f"i{n}", f"u{n}", 0, level) for n, level in enumerate((1, 3, 5, 4))])
    found = judge_agreement(human, given, PARAMS)
    kappa = figure(found.figures, WITH_PEOPLE, "kappa")
    assert kappa["value"] == pytest.approx(1 - 2 / 21.5)
    assert figure(found.figures, WITH_PEOPLE, "exact")["value"] == pytest.approx(0.5)
    assert figure(found.figures, WITH_PEOPLE, "within_one")["value"] == 1.0
    # Of the 16 pairs of levels, (1,1), (5,5) and (5,5) are equal.
    assert figure(found.figures, WITH_PEOPLE, "exact")["by_chance"] == pytest.approx(3 / 16)
    assert figure(found.figures, WITH_PEOPLE, "spearman")["value"] == pytest.approx(
        spearmanr([1, 2, 5, 5], [1, 3, 5, 4]).statistic
    )
    assert figure(found.figures, AMONG_PEOPLE, "kappa")["value"] is None
    assert figure(found.figures, WITH_ITSELF, "kappa")["value"] is None


def test_spearman_of_tables_is_that_of_their_rows() -> None:
    rng = np.random.default_rng(1)
    tables, expected = [], []
    for _ in range(20):
        a = rng.integers(1, 6, 40)
        b = np.clip(a + rng.integers(-2, 3, 40), 1, 5)
        table = np.zeros((5, 5))
        np.add.at(table, (a - 1, b - 1), 1.0)
        tables.append(table)
        expected.append(spearmanr(a, b).statistic)
    assert spearman(np.array(tables)) == pytest.approx(np.array(expected))
    assert np.isnan(spearman(np.diag([3.0, 0, 0, 0, 0])))


def test_an_item_counts_once_however_many_people_and_draws_it_has() -> None:
    human = people([("i1", "u1", name, 5) for name in ("ann", "ben", "chi")] + [("i2", "u2", "ann", 1)])
    given = draws([("i1", "u1", n, 5) for n in (1, 2, 3)] + [("i2", "u2", 1, 3)])
    found = judge_agreement(human, given, PARAMS)
    assert figure(found.figures, WITH_PEOPLE, "exact")["value"] == pytest.approx(0.5)
    assert found.confusion.sum() == pytest.approx(2.0)
    assert figure(found.figures, AMONG_PEOPLE, "exact")["value"] == 1.0
    assert figure(found.figures, WITH_ITSELF, "exact")["value"] == 1.0


def world(n_users: int, noise: float, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Three persons, and three draws of a judge, of four items of each user."""
    rng = np.random.default_rng(seed)
    human, given = [], []
    for user in range(n_users):
        for n in range(4):
            truth, item = rng.uniform(1, 5), f"i{user}-{n}"
            human += [(item, f"u{user}", f"p{k}", _level(truth + rng.normal(0, 0.6))) for k in range(3)]
            given += [(item, f"u{user}", k, _level(truth + 0.5 + rng.normal(0, noise))) for k in range(3)]
    return people(human), draws(given)


def _level(value: float) -> int:
    return int(np.clip(np.rint(value), 1, 5))


def test_a_good_judge_of_enough_labels_is_calibrated_and_each_lack_is_named() -> None:
    good = judge_agreement(*world(60, 0.5), PARAMS)
    assert good.is_calibrated
    assert good.reasons == ()
    assert (good.n_items, good.n_users, good.n_abstained) == (240, 60, 0)
    few = judge_agreement(*world(10, 0.5), PARAMS)
    assert not few.is_calibrated
    assert few.reasons == ("40 journeys have a human judgement, 200 are needed", "they are of 10 users, 30 are needed")
    poor = judge_agreement(*world(60, 4.0), PARAMS)
    (reason,) = poor.reasons
    assert "weighted kappa" in reason
    low, value = (figure(good.figures, WITH_PEOPLE, "kappa")[name] for name in ("low", "value"))
    assert low is not None
    assert value is not None
    assert 0.4 < low < value < 1.0
    assert figure(poor.figures, WITH_ITSELF, "kappa")["value"] < figure(good.figures, WITH_ITSELF, "kappa")["value"]  # type: ignore[operator]


def test_without_any_label_it_is_uncalibrated_and_nothing_fails() -> None:
    none = judge_agreement(people([]), draws([("i1", "u1", 0, 3)]), PARAMS)
    assert not none.is_calibrated
    assert none.figures["value"].null_count() == none.figures.height
    assert len(none.reasons) == 3
    assert not judge_agreement(people([]), draws([]), PARAMS).is_calibrated


def test_abstentions_are_counted_and_count_as_no_level() -> None:
    human = people([("i1", "u1", "ann", 5), ("i2", "u2", "ann", 1)])
    found = judge_agreement(human, draws([("i1", "u1", 1, None), ("i2", "u2", 1, 1)]), PARAMS)
    assert (found.n_items, found.n_abstained) == (1, 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        judge_agreement(people([("i", "u", "ann", 5), ("i", "u", "ann", 4)]), draws([]), PARAMS)
    with pytest.raises(ValueError, match="a draw of an item"):
        judge_agreement(people([]), draws([("i", "u", 1, 5), ("i", "u", 1, 4)]), PARAMS)
    with pytest.raises(ValueError, match="1 to 5"):
        judge_agreement(people([]), draws([("i", "u", 1, 9)]), PARAMS)


def test_the_corrected_means_lie_at_people_and_not_at_the_judge() -> None:
    human, given = world(300, 0.5)
    levels = levels_of(given)
    mean = human.group_by("item").agg(human=pl.col("relevance").mean())
    every = levels.join(mean, on="item").sort("item")
    labelled, rest = every[:240], every[240:].with_columns(weight=pl.lit(4.0))
    found = corrected_means(labelled, rest)
    assert found is not None
    true = float(every["human"].mean())  # type: ignore[arg-type]
    assert found.by_confusion.judge_mean > true + 0.3
    for one in (found.by_confusion, found.by_post_stratification, found.by_ppi, found.people):
        assert one.low <= true <= one.high
    assert found.by_ppi.high - found.by_ppi.low < found.people.high - found.people.low
    assert corrected_means(labelled.clear(), rest) is None
    assert corrected_means(labelled, rest.clear()) is None
