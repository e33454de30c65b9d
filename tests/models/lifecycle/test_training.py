"""Training, release and refusal of lifecycle models."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.lifecycle.evidence import FEATURES
from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.models.lifecycle.release import StageRelease, released_stage_model, save
from journeys_assets.models.lifecycle.training import (
    NotEnoughStageLabels,
    cross_fitted,
    folds_of,
    refusal,
    train_stage_model,
)
from journeys_assets.models.releases import ReleaseError
from tests.support.lifecycle_labels import FIRST, labelled

PARAMS = LifecycleParams()
AS_OF = FIRST + timedelta(days=70 + PARAMS.label_days)


@pytest.fixture(scope="module")
def release() -> StageRelease:
    return train_stage_model(labelled(), as_of=AS_OF, params=PARAMS)


def test_it_beats_the_fixed_gap_on_unseen_days_and_users(release: StageRelease) -> None:
    measured = release.card["metrics"]
    assert measured["stage model"]["auc"] > 0.8 > measured["fixed gap"]["auc"]
    assert measured["stage model"]["brier"] < measured["fixed gap"]["brier"]
    assert measured["stage model"]["ece"] < 0.12
    assert refusal(release) is None
    assert release.live_from == AS_OF + timedelta(days=1)


def test_a_model_no_better_than_the_fixed_gap_is_refused() -> None:
    noise = train_stage_model(labelled(informative=False), as_of=AS_OF, params=PARAMS)
    by_gap = labelled().with_columns(label=(pl.col("gap_days") >= PARAMS.ended_after_days).cast(pl.Int64))
    perfect_rule = train_stage_model(by_gap, as_of=AS_OF, params=PARAMS)
    assert "better than the fixed gap's" in str(refusal(perfect_rule))
    # For coin tosses a calibrated probability is closer to the truth than any yes or no; only the order is worthless.
    assert noise.card["metrics"]["stage model"]["auc"] < 0.6


def test_too_short_a_log_releases_nothing() -> None:
    few_days = labelled().filter(pl.col("day") <= FIRST + timedelta(weeks=3))
    assert "too short" in str(refusal(train_stage_model(few_days, as_of=AS_OF, params=PARAMS)))


def test_labels_from_the_future_are_refused() -> None:
    train_stage_model(labelled(), as_of=AS_OF, params=PARAMS)
    with pytest.raises(ValueError, match="look-ahead"):
        train_stage_model(labelled(), as_of=AS_OF - timedelta(days=1), params=PARAMS)


def test_too_few_labels_are_an_error_with_their_number() -> None:
    with pytest.raises(NotEnoughStageLabels, match="100 journeys"):
        train_stage_model(labelled(100), as_of=AS_OF, params=PARAMS)
    with pytest.raises(NotEnoughStageLabels, match="of which 0 ended"):
        train_stage_model(labelled().with_columns(label=pl.lit(0)), as_of=AS_OF, params=PARAMS)


def test_row_order_changes_nothing(release: StageRelease) -> None:
    shuffled = labelled().sample(fraction=1, shuffle=True, seed=3)
    assert train_stage_model(shuffled, as_of=AS_OF, params=PARAMS) == release


def test_a_prediction_does_not_depend_on_other_rows(release: StageRelease) -> None:
    rows = labelled(31, seed=1).drop("label", "day")
    together = release.judge(rows)
    assert_frame_equal(together, pl.concat([release.judge(rows[i]) for i in range(rows.height)]))
    assert together["p_ended"].is_between(0, 1).all()
    assert together["judged_by"].unique().to_list() == [release.version]
    assert release.judge(rows.head(0)).is_empty()


@pytest.mark.parametrize("feature", FEATURES)
def test_more_silence_never_lowers_the_probability(release: StageRelease, feature: str) -> None:
    rows = labelled(40, seed=2)
    steps = [release.judge(rows.with_columns(pl.lit(float(v)).alias(feature)))["p_ended"] for v in range(0, 200, 8)]
    assert (np.diff(np.stack([s.to_numpy() for s in steps]), axis=0) >= 0).all()


def test_cross_fitting_predicts_each_user_with_a_model_that_did_not_see_them() -> None:
    """A feature that identifies the user would let a model memorise the user's own label if it saw the user's rows."""
    rows = labelled(1200)
    coin = np.random.default_rng(5).integers(0, 2, 150)
    by_user = {f"u{n}": int(coin[n]) for n in range(150)}
    names = {f"u{n}": float(n) for n in range(150)}
    own = rows.with_columns(
        label=pl.col("user_id").replace_strict(by_user, return_dtype=pl.Int64),
        **{name: pl.col("user_id").replace_strict(names, return_dtype=pl.Float64) for name in FEATURES},
    )
    judged = cross_fitted(own, own, PARAMS)
    ended = own["label"].to_numpy() == 1
    assert abs(judged[ended].mean() - judged[~ended].mean()) < 0.1
    assert len(set(folds_of(own["user_id"], PARAMS))) == PARAMS.training_folds


def test_a_release_is_saved_unchanged_and_chosen_by_day(release: StageRelease, tmp_path: Path) -> None:
    folder = save(release, tmp_path)
    assert (folder / "model_card.md").read_text().startswith(f"# Stage model {release.version}")
    assert released_stage_model(tmp_path, AS_OF) is None
    kept = released_stage_model(tmp_path, release.live_from)
    assert kept is not None
    rows = labelled(20, seed=4)
    assert_frame_equal(kept.judge(rows), release.judge(rows))
    (folder / "model.txt").write_text("another model")
    with pytest.raises(ReleaseError, match=r"model.txt.*train again"):
        released_stage_model(tmp_path, release.live_from)


def test_a_missing_feature_is_named(release: StageRelease) -> None:
    with pytest.raises(ReleaseError, match="missed_turns"):
        release.judge(labelled(3).drop("missed_turns"))
