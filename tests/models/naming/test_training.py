"""Fitting the naming weights: it recovers the truth, ignores row order, and releases only what is better."""

import dataclasses
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.naming.features import FEATURES
from journeys_assets.domain.naming.params import NameTrainingParams, NamingParams
from journeys_assets.models import releases
from journeys_assets.models.naming import release as naming_release_files
from journeys_assets.models.naming import training as naming_training
from tests.support.naming_rows import judged, world

PARAMS = dataclasses.replace(NamingParams(), takeover_margin=0.0)


def test_fitting_recovers_the_weights_behind_the_labels() -> None:
    truth = {"theme_centrality": 2.0, "specificity": 1.0, "several_words": 0.0}
    fitted = naming_training.fit_weights(world(truth), PARAMS)
    assert fitted.theme_centrality_weight > 1.5 * fitted.specificity_weight > 10 * fitted.several_words_weight
    assert fitted.readability_weight == PARAMS.readability_weight
    unseen = world(truth, seed=2)
    assert naming_training.mean_grade(naming_training.named(unseen, fitted)) > 0.9
    assert (
        naming_training.mean_grade(
            naming_training.named(unseen, dataclasses.replace(PARAMS, several_words_weight=99.0))
        )
        < 0.4
    )


def test_row_order_and_uninformative_journeys_do_not_matter() -> None:
    rows = world({"theme_centrality": 1.0, "specificity": 1.0}, n_journeys=60)
    fitted = naming_training.fit_weights(rows, PARAMS)
    assert naming_training.fit_weights(rows.sample(fraction=1, shuffle=True, seed=3), PARAMS) == fitted
    silent = rows.with_columns(journey_id=pl.col("journey_id") + "s", grade=pl.lit(0.5))
    # A journey whose members are equally good does not inform the weights, but it has its share of the loss.
    assert naming_training.fit_weights(pl.concat([rows, silent]), PARAMS) != fitted
    assert naming_training.fit_weights(pl.concat([rows, silent.with_columns(journey_weight=1e-9)]), PARAMS) == fitted


def test_the_margin_renames_least_at_little_cost() -> None:
    # Two keywords alternate at being slightly better. The one that came first is an equally good name on all days.
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(8)]
    rows = pl.concat(
        [
            world({"specificity": 1.0}, n_journeys=1, n_members=2).with_columns(
                user_id=pl.lit(f"u {day}"),
                day=pl.lit(day),
                grade=pl.lit(1.0),
                **{name: pl.lit(0.5) for name in FEATURES if name != "theme_centrality"},
                theme_centrality=pl.when(pl.col("keyword") == f"k{number % 2}").then(0.53).otherwise(0.5),
                first_engaged_at=pl.when(pl.col("keyword") == "k0").then(days[0]).otherwise(days[1]).cast(pl.Datetime),
            )
            for number, day in enumerate(days)
        ]
    )
    assert naming_training.share_renamed(naming_training.named(rows, PARAMS)) == 1.0
    assert naming_training.choose_margin(rows, PARAMS, [0.05, 0.2], 0.01).takeover_margin == 0.05
    assert (
        naming_training.share_renamed(
            naming_training.named(rows, naming_training.choose_margin(rows, PARAMS, [0.05], 0.01))
        )
        == 0.0
    )
    dear = rows.with_columns(grade=(pl.col("theme_centrality") > 0.5).cast(pl.Float64))
    assert naming_training.choose_margin(dear, PARAMS, [0.05], 0.01).takeover_margin == 0.0
    assert naming_training.choose_margin(dear, PARAMS, [0.05], 0.6).takeover_margin == 0.05


def test_wrong_labels_are_refused() -> None:
    rows = world({"specificity": 1.0}, n_journeys=2)
    with pytest.raises(ValueError, match="no labelled"):
        naming_training.fit_weights(rows.head(0), PARAMS)
    with pytest.raises(ValueError, match="grades"):
        naming_training.fit_weights(rows.with_columns(grade=pl.lit(1.5)), PARAMS)
    with pytest.raises(ValueError, match="weights"):
        naming_training.fit_weights(rows.with_columns(journey_weight=pl.lit(0.0)), PARAMS)


# ── weights from annotators' names ──────────────────────────────────────────────────────────────────────────────────

AS_OF = date(2026, 3, 31)
TRAINING = NameTrainingParams()
THEIRS = {"specificity": 3.0, "coverage": 1.0}
"""The weights behind these annotators' names. They differ from the packaged weights."""


def train(rows: pl.DataFrame, **given: object) -> naming_release_files.NamerRelease:
    return naming_training.train_namer(rows, **{"as_of": AS_OF, "naming": PARAMS, "params": TRAINING, **given})  # type: ignore[arg-type]


def test_few_labels_move_the_weights_less_than_many() -> None:
    def distance(n_journeys: int, strength: float) -> float:
        fitted = naming_training.fit_weights(world(THEIRS, n_journeys=n_journeys), PARAMS, prior_strength=strength)
        before, after = (np.array(list(naming_release_files.weights_of(p).values())) for p in (PARAMS, fitted))
        return float(np.linalg.norm(after - before))

    assert distance(5, 1.0) < 0.5 * distance(300, 1.0)
    assert distance(300, 10.0) < distance(300, 1.0)
    assert distance(300, 1e6) == 0.0


def test_weights_better_for_unseen_users_are_released_and_used(tmp_path: Path) -> None:
    rows = judged(THEIRS)
    release = train(rows)
    assert naming_training.refusal(release) is None
    row = release.card["comparisons"][0]
    assert row["rival"] == "parameters"
    assert row["low"] > 0
    assert release.card["data"] == {
        "journeys": 200, "users": 40, "blind_journeys": 100, "first_day": "2026-03-02", "last_day": "2026-03-02"
    }  # fmt: skip
    naming_release_files.save(release, tmp_path)
    kept, named_by = naming_release_files.naming_on(tmp_path, AS_OF + timedelta(days=1), PARAMS)
    assert named_by == release.version
    assert kept == naming_training.fit_weights(rows, PARAMS, prior_strength=TRAINING.prior_strength)
    assert naming_release_files.naming_on(tmp_path, AS_OF, PARAMS) == (PARAMS, "parameters"), "not live yet"
    card = (tmp_path / release.version / "model_card.md").read_text()
    assert "the 100 journeys that annotators named without being shown a name" in card
    with pytest.raises(releases.ReleaseError, match="train again"):
        naming_release_files.naming_on(tmp_path, date.max, dataclasses.replace(PARAMS, revision=PARAMS.revision + 1))


def test_label_order_does_not_change_the_release() -> None:
    rows = judged(THEIRS, noise=0.1)
    again = train(rows.sample(fraction=1, shuffle=True, seed=2))
    assert (again.version, again.card) == (train(rows).version, train(rows).card)


def test_labels_without_new_information_release_nothing() -> None:
    own = {name: weight for name, weight in naming_release_files.weights_of(PARAMS).items() if name != "readability"}
    for rows in (judged(own), judged({}, noise=0.5)):
        refused = naming_training.refusal(train(rows))
        assert refused is not None
        assert "not significantly better" in refused


def test_only_blind_labels_decide_on_a_release() -> None:
    """Blind labels follow one truth; the other three quarters prefer the shown name. Only blind labels are used."""
    rows = judged(THEIRS, n_users=80)
    shown = naming_training.named(rows, PARAMS).select("user_id", "journey_id", "keyword", is_shown=pl.lit(1.0))
    anchored = rows.join(shown, on=["user_id", "journey_id", "keyword"], how="left").with_columns(
        grade=pl.coalesce("blind_grade", 0.5 * pl.col("is_shown").fill_null(0.0))
    )
    assert naming_training.refusal(train(anchored.drop("is_shown"))) is None
    judged_by_all = anchored.with_columns(blind_grade="grade")
    assert train(judged_by_all).card["comparisons"][0]["gain"] < train(anchored).card["comparisons"][0]["gain"]
    with pytest.raises(naming_training.NotEnoughNames, match="who were shown none: 0 journeys of 0 users"):
        train(anchored.with_columns(blind_grade=pl.lit(None, dtype=pl.Float64)))


def test_held_out_users_are_named_by_weights_that_did_not_see_them() -> None:
    """Labels of one user outweigh all others. Flipping them must not change the names of that user's journeys."""
    heavy, key = pl.col("user") == "u7", ["user_id", "journey_id", "keyword"]
    rows = judged(THEIRS).with_columns(journey_weight=pl.when(heavy).then(200.0).otherwise(1.0))
    flipped = [pl.when(heavy).then(1 - pl.col(g)).otherwise(g).alias(g) for g in ("grade", "blind_grade")]
    names = [
        naming_training.names_of_held_out_users(frame, PARAMS, TRAINING) for frame in (rows, rows.with_columns(flipped))
    ]
    own, others = ([frame.filter(who).select(key).sort(key) for frame in names] for who in (heavy, ~heavy))
    assert_frame_equal(*own)
    assert own[0].height > 0
    assert not others[0].equals(others[1]), "the user's labels are heavy enough to matter"


def test_a_live_release_is_a_rival_only_on_labels_it_did_not_learn_from() -> None:
    live = train(judged(THEIRS))
    later = judged(THEIRS, seed=5).with_columns(known_on=pl.lit(AS_OF + timedelta(days=9)))
    as_of = AS_OF + timedelta(days=10)
    worse = judged({"several_words": 3.0}, seed=5).with_columns(known_on=pl.lit(AS_OF + timedelta(days=9)))
    assert [row["rival"] for row in train(later, as_of=as_of, incumbent=live).card["comparisons"]] == [
        "parameters", live.version,
    ]  # fmt: skip
    assert len(train(judged(THEIRS), as_of=as_of, incumbent=live).card["comparisons"]) == 1, "it learnt from all labels"
    # The new labels contradict the live release, so the new weights win on them. If they lost, they would be refused.
    fresh = train(worse, as_of=as_of, incumbent=live)
    assert fresh.card["comparisons"][1]["low"] > 0
    fresh.card["comparisons"][1] |= {"gain": -0.1, "low": -0.2, "high": -0.01}
    assert "are worse" in (naming_training.refusal(fresh) or "")


def test_too_few_names_and_names_from_the_future_are_errors() -> None:
    with pytest.raises(naming_training.NotEnoughNames, match="50 journeys of 20 users; at least 100 of 20 are needed"):
        train(judged(THEIRS, n_users=20))
    with pytest.raises(ValueError, match="look-ahead"):
        train(judged(THEIRS), as_of=date(2026, 3, 1))
