"""Ranking weights: fitted only where they are better than the prior, and the same for any order of rows."""

import numpy as np
import polars as pl

from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import FEATURES
from journeys_assets.models.logistic import fifth_of
from journeys_assets.models.related.training import train_ranking

PARAMS = RelatedParams()


def rows(n_users: int, seed: int, effect: float) -> pl.DataFrame:
    """Candidates that users start the more often, the higher their season."""
    rng = np.random.default_rng(seed)
    n = n_users * 8
    features = {name: rng.random(n) for name in FEATURES}
    chance = 1 / (1 + np.exp(2.0 - effect * (features["season"] - 0.5)))
    users = [f"u{i // 8:04}" for i in range(n)]
    return pl.DataFrame({"user_id": users, **features, "started": rng.random(n) < chance})


def test_a_clear_effect_is_learnt() -> None:
    found = train_ranking(rows(400, 1, 6.0), PARAMS)
    assert found.is_trained
    assert found.weights["season"] > 3
    assert found.measured["trained"]["log_loss"] < found.measured["prior"]["log_loss"]
    assert all(found.weights[name] >= 0 for name in ("strength", "popularity", "support"))


def test_the_order_of_rows_makes_no_difference() -> None:
    frame = rows(200, 2, 6.0)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert train_ranking(frame, PARAMS) == train_ranking(shuffled, PARAMS)


def test_too_few_starts_leave_the_prior() -> None:
    found = train_ranking(rows(400, 1, 6.0).with_columns(started=pl.lit(False)), PARAMS)
    assert not found.is_trained
    assert found.weights == PARAMS.prior_weights
    assert "training needs 30" in found.decision
    empty = pl.DataFrame(schema={"user_id": pl.String(), "started": pl.Boolean()})
    assert train_ranking(empty, PARAMS).weights == PARAMS.prior_weights


def test_one_odd_fifth_of_the_users_does_not_decide() -> None:
    """Every fifth is held out once, so weights that fit the other four are used, whichever the odd one is."""
    frame = rows(400, 1, 6.0)
    for odd in range(5):
        is_odd = pl.Series([fifth_of(user) == odd for user in frame["user_id"]])
        mixed = frame.with_columns(season=pl.when(is_odd).then(pl.col("season").reverse()).otherwise("season"))
        assert train_ranking(mixed, PARAMS).is_trained
