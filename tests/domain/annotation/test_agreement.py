import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from journeys_assets.domain.annotation.agreement import (
    JUDGEMENT_SCHEMA,
    LEVELS,
    alpha,
    annotator_agreement,
    kappa,
    quadratic_kappa,
)

RATINGS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)


def judgements(levels: dict[str, list[int | None]], users: list[str] | None = None) -> pl.DataFrame:
    rows = [
        (f"i{i}", users[i] if users else f"u{i}", name, level, None)
        for name, given_levels in levels.items()
        for i, level in enumerate(given_levels)
        if level is not None
    ]
    return pl.DataFrame(rows, schema=JUDGEMENT_SCHEMA, orient="row")


def cells(pairs: list[tuple[int, int]]) -> np.ndarray:
    table = np.zeros((5, 5))
    for a, b in pairs:
        table[a - 1, b - 1] += 1
    return table


@settings(max_examples=60, deadline=None)
@given(RATINGS)
def test_kappa_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    for ours, weights in ((quadratic_kappa, "quadratic"), (kappa, None)):
        with np.errstate(invalid="ignore", divide="ignore"):
            theirs = cohen_kappa_score(a, b, labels=LEVELS, weights=weights) if len({*a, *b}) > 1 else math.nan
        assert float(ours(cells(pairs))) == pytest.approx(theirs, nan_ok=True)


# Krippendorff 2011, example C: four observers, twelve units, missing judgements; published alphas.
PUBLISHED: dict[str, list[int | None]] = {
    "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


def test_alpha_equals_the_published_value() -> None:
    found = annotator_agreement(judgements(PUBLISHED)).overall.row(0, named=True)
    assert found["measure"] == "alpha"
    assert found["value"] == pytest.approx(0.849, abs=5e-4)
    assert found["n_items"] == 11, "a unit judged by one observer forms no pair"
    units = [[v[i] for v in PUBLISHED.values() if v[i] is not None] for i in range(12)]
    table = np.zeros((5, 5))
    for unit in units:
        for i, x in enumerate(unit):
            for j, y in enumerate(unit):
                if i != j:
                    table[x - 1, y - 1] += 1 / (len(unit) - 1)  # type: ignore[operator]
    assert float(alpha(table, nominal=True)) == pytest.approx(0.743, abs=5e-4)


def test_agreement_does_not_depend_on_the_order_of_rows() -> None:
    rows = judgements(PUBLISHED)
    one, other = annotator_agreement(rows), annotator_agreement(rows.sample(fraction=1.0, shuffle=True, seed=5))
    for name in ("overall", "pairs", "annotators"):
        assert getattr(one, name).equals(getattr(other, name))


def test_exact_share_bias_and_chance_agreement_of_two_annotators() -> None:
    found = annotator_agreement(judgements({"a": [1, 2, 3, 4], "b": [1, 3, 5, 5]}))
    pair = found.pairs.row(0, named=True)
    assert (pair["exact"], pair["within_one"], pair["bias"]) == (0.25, 0.75, -1.0)
    # a gives each of 1-4 once; b gives 1, 3, 5, 5. Chance of equal levels: 1/4·1/4 + 1/4·1/4.
    assert pair["exact_by_chance"] == pytest.approx(1 / 8)
    assert found.overall.filter(pl.col("measure") == "exact")["value"].to_list() == [0.25]
    bias = dict(found.annotators.select("annotator", "bias").iter_rows())
    assert bias == {"a": -1.0, "b": 1.0}


def test_bias_of_three_annotators_is_against_the_mean_of_the_other_two() -> None:
    found = annotator_agreement(judgements({"a": [1, 1], "b": [2, 2], "c": [4, None]}))
    assert dict(found.annotators.select("annotator", "bias").iter_rows()) == {"a": -1.5, "b": 0.25, "c": 2.5}


def test_stages_are_compared_where_both_annotators_gave_one() -> None:
    rows = judgements({"a": [4, 4, 4, 4, 4], "b": [4, 4, 4, 4, 4]}).with_columns(
        stage=pl.Series(["ongoing", "ended", "ongoing", None, "ended", "ongoing", "ended", "ended", "ended", None])
    )
    pair = annotator_agreement(rows).pairs.row(0, named=True)
    assert pair["n_stages"] == 3
    assert pair["stage_kappa"] == pytest.approx(cohen_kappa_score(["o", "e", "o"], ["o", "e", "e"]))


def test_undefined_figures_are_null() -> None:
    same = annotator_agreement(judgements({"a": [3, 3, 3], "b": [3, 3, 3]}))
    assert same.pairs["kappa"].to_list() == [None]
    assert same.pairs["exact"].to_list() == [1.0]
    apart = annotator_agreement(judgements({"a": [3, None], "b": [None, 4]}))
    assert apart.pairs.is_empty()
    assert apart.overall["value"].is_null().all()
    assert annotator_agreement(judgements({})).annotators.is_empty()
    one_user = annotator_agreement(judgements({"a": [1, 2, 5], "b": [1, 3, 4]}, users=["u", "u", "u"]))
    assert one_user.pairs["kappa"][0] is not None
    assert one_user.pairs["kappa_low"].to_list() == [None], "one user gives no interval"


def test_invalid_judgements_raise_an_error() -> None:
    rows = judgements({"a": [1, 2], "b": [1, 2]})
    with pytest.raises(ValueError, match="twice"):
        annotator_agreement(pl.concat([rows, rows]))
    with pytest.raises(ValueError, match="1 to 5"):
        annotator_agreement(judgements({"a": [1, 6], "b": [1, 2]}))


def simulated(rng: np.random.Generator, n: int, per_user: int) -> pl.DataFrame:
    """Judgements in which items of one user resemble each other, which makes intervals over items too narrow."""
    users = [f"u{i // per_user}" for i in range(n)]
    latent = np.repeat(rng.normal(3.0, 1.2, size=-(-n // per_user)), per_user)[:n]
    noisy = np.repeat(rng.random(-(-n // per_user)) < 0.3, per_user)[:n]
    sides = [np.clip(np.rint(latent + rng.normal(0, np.where(noisy, 2.0, 0.4))), 1, 5).astype(int) for _ in range(2)]
    return judgements({"a": sides[0].tolist(), "b": sides[1].tolist()}, users=users)


def test_intervals_cover_the_true_value_at_their_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    everything = annotator_agreement(simulated(rng, 60_000, 5), n_resamples=2).pairs.row(0, named=True)
    hits = {"kappa": 0, "bias": 0}
    n = 150
    for _ in range(n):
        found = annotator_agreement(simulated(rng, 150, 5), n_resamples=300).pairs.row(0, named=True)
        for name in hits:
            hits[name] += found[f"{name}_low"] <= everything[name] <= found[f"{name}_high"]
    # 95 % minus three standard errors of 150 draws. Intervals over items instead of users cover less than 80 %.
    assert min(hits.values()) / n >= 0.895, hits
