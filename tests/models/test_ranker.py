"""Training, releasing and loading of the journey ranker."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.parameters import RankingParams
from journeys_assets.domain.ranking import FEATURES, score_by_prior
from journeys_assets.models.ranker import (
    NotEnoughLabels,
    RankerError,
    Release,
    auc,
    calibration_error,
    load,
    released,
    save,
    train_ranker,
)

PARAMS = RankingParams()
FIRST = date(2026, 1, 1)
AS_OF = date(2026, 3, 1)


def labelled(n: int = 900, seed: int = 7, *, source: str | None = None, rate: float = 0.0) -> pl.DataFrame:
    """Journeys whose truth hangs on separation and silence, which the prior sees half of."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {name: rng.integers(0, 30, n).astype(np.float64) for name in FEATURES}
    columns["cohesion"], columns["separation"] = rng.uniform(0, 1, n), rng.uniform(0, 1, n)
    margin = 6 * (np.asarray(columns["separation"]) - 0.5) - 0.1 * (np.asarray(columns["days_since_last_engaged"]) - 15)
    label = rng.uniform(size=n) < 1 / (1 + np.exp(-(margin + rate)))
    rows = pl.DataFrame(
        {
            "label": label.astype(np.int64),
            "weight": rng.uniform(0.5, 2.0, n),
            "day": [FIRST + timedelta(days=int(d)) for d in rng.integers(0, 50, n)],
            "user_id": [f"u{u}" for u in rng.integers(0, 200, n)],
            "journey_id": [f"j{i}" for i in range(n)],
            **columns,
        }
    )
    return rows if source is None else rows.with_columns(source=pl.lit(source))


@pytest.fixture(scope="module")
def release() -> Release:
    return train_ranker(labelled(), as_of=AS_OF, params=PARAMS)


def test_it_beats_the_prior_on_days_it_never_saw(release: Release) -> None:
    measured = release.card["metrics"]["annotation"]
    assert measured["auc"] > measured["prior_auc"] + 0.1
    assert measured["brier"] < measured["prior_brier"]
    assert measured["ece"] < 0.12
    data = release.card["data"]
    assert data["earlier"]["last_day"] < data["later"]["first_day"]
    assert data["earlier"]["n"] + data["later"]["n"] == 900
    assert measured["n"] == data["later"]["n"]
    assert release.live_from == AS_OF + timedelta(days=1)


def test_later_labels_shape_the_metrics_and_nothing_else(release: Release) -> None:
    """A planted leak (labels of the later slice turned round) must show in the metrics and not in the model."""
    first_later = date.fromisoformat(release.card["data"]["later"]["first_day"])
    turned = labelled().with_columns(
        label=pl.when(pl.col("day") >= first_later).then(1 - pl.col("label")).otherwise("label")
    )
    other = train_ranker(turned, as_of=AS_OF, params=PARAMS)
    assert other.model_text == release.model_text
    assert other.card["calibration"] == release.card["calibration"]
    assert other.card["metrics"]["annotation"]["auc"] == pytest.approx(1 - release.card["metrics"]["annotation"]["auc"])


def test_row_order_changes_nothing(release: Release) -> None:
    shuffled = labelled().sample(fraction=1, shuffle=True, seed=3)
    again = train_ranker(shuffled, as_of=AS_OF, params=PARAMS)
    assert again == release
    assert again.version == release.version


def test_a_journey_scores_the_same_alone_and_in_company(release: Release) -> None:
    rows = labelled(61, seed=1)
    together = release.score(rows)
    assert together.equals(release.score(rows.reverse()))
    alone = pl.concat([release.score(rows[i]) for i in range(rows.height)]).sort("user_id", "journey_id")
    assert together.equals(alone)
    assert together["scored_by"].unique().to_list() == [release.version]
    assert together["score"].is_between(0, 1).all()
    assert together["confidence"].is_between(0, 1).all()
    assert release.score(rows.head(0)).is_empty()


@pytest.mark.parametrize(("feature", "sign"), [("days_since_last_engaged", -1), ("engagement_weight_90d", 1)])
def test_scores_move_the_sensible_way_only(release: Release, feature: str, sign: int) -> None:
    rows = labelled(40, seed=2)
    steps = [release.score(rows.with_columns(pl.lit(float(v)).alias(feature)))["score"] for v in range(0, 60, 3)]
    differences = np.diff(np.stack([s.to_numpy() for s in steps]), axis=0) * sign
    assert (differences >= 0).all()


def test_a_missing_feature_is_named(release: Release) -> None:
    with pytest.raises(RankerError, match="separation"):
        release.score(labelled(3).drop("separation"))


def test_too_few_labels_say_how_many() -> None:
    with pytest.raises(NotEnoughLabels, match="100 labels"):
        train_ranker(labelled(100), as_of=AS_OF, params=PARAMS)
    one_kind = labelled().with_columns(label=pl.lit(1))
    with pytest.raises(NotEnoughLabels, match="0 negative"):
        train_ranker(one_kind, as_of=AS_OF, params=PARAMS)
    with pytest.raises(NotEnoughLabels, match="on 1 days"):
        train_ranker(labelled().with_columns(day=pl.lit(FIRST)), as_of=AS_OF, params=PARAMS)
    with pytest.raises(NotEnoughLabels, match="0 labels"):
        train_ranker(labelled().head(0), as_of=AS_OF, params=PARAMS)


def test_labels_of_the_future_and_broken_rows_are_refused() -> None:
    rows = labelled()
    with pytest.raises(ValueError, match="look-ahead"):
        train_ranker(rows, as_of=FIRST + timedelta(days=30), params=PARAMS)
    with pytest.raises(ValueError, match="labels other than"):
        train_ranker(rows.with_columns(label=pl.lit(2)), as_of=AS_OF, params=PARAMS)
    with pytest.raises(ValueError, match="weights"):
        train_ranker(rows.with_columns(weight=pl.lit(0.0)), as_of=AS_OF, params=PARAMS)
    with pytest.raises(ValueError, match="n_saves_7d"):
        train_ranker(rows.drop("n_saves_7d"), as_of=AS_OF, params=PARAMS)


def test_confidence_comes_from_annotations_and_never_from_clicks() -> None:
    """Clicks are rare. Confidence must not sink for it."""
    clicks = labelled(900, source="feedback", rate=-3.0)
    judged = labelled(300, seed=8, source="annotation", rate=1.0)
    of_clicks = train_ranker(clicks, as_of=AS_OF, params=PARAMS)
    assert of_clicks.card["calibration"]["from"] == "prior"
    prior = score_by_prior(clicks, PARAMS)
    assert np.allclose(of_clicks.score(clicks)["confidence"], prior["confidence"], atol=1e-12)
    assert not np.allclose(of_clicks.score(clicks)["score"], prior["score"], atol=0.01)
    assert "ece" not in of_clicks.card["metrics"]["feedback"]
    both = train_ranker(pl.concat([clicks, judged]), as_of=AS_OF, params=PARAMS)
    assert both.card["calibration"]["from"] == "annotations"
    rate = (judged["label"] * judged["weight"]).sum() / judged["weight"].sum()
    assert both.score(judged)["confidence"].mean() == pytest.approx(rate, abs=0.08)
    assert both.card["metrics"]["feedback"]["auc"] > both.card["metrics"]["feedback"]["prior_auc"]


def test_a_release_survives_the_disk(release: Release, tmp_path: Path) -> None:
    path = save(release, tmp_path)
    assert path.name == release.version
    assert sorted(p.name for p in path.iterdir()) == ["card.json", "model.txt", "model_card.md"]
    back = load(path)
    assert back == release
    rows = labelled(30)
    assert back.score(rows).equals(release.score(rows))
    assert save(release, tmp_path) == path
    assert [p.name for p in tmp_path.iterdir()] == [release.version]
    page = (path / "model_card.md").read_text()
    for said in (release.version, "prior_auc", "2026-03-02", "separation"):
        assert said in page


@pytest.mark.parametrize("name", ["model.txt", "model_card.md", "card.json"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_release_is_refused_by_name(release: Release, tmp_path: Path, name: str, damage: str) -> None:
    path = save(release, tmp_path)
    assert released(tmp_path, date(2026, 4, 1)) == release  # a cached copy must not hide the damage
    file = path / name
    if damage == "gone":
        file.unlink()
    elif name == "card.json":
        card = json.loads(file.read_text())
        card["calibration"]["intercept"] = 3.0
        file.write_text(json.dumps(card))
    else:
        file.write_text(file.read_text().replace("0", "1", 1))
    with pytest.raises(RankerError, match=rf"{name}.*train again"):
        released(tmp_path, date(2026, 4, 1))


def with_live_from(release: Release, day: date, version: str) -> Release:
    return replace(release, version=version, live_from=day, card=release.card | {"live_from": day.isoformat()})


def test_a_day_gets_the_newest_model_that_was_live(release: Release, tmp_path: Path) -> None:
    assert released(tmp_path / "nowhere", AS_OF) is None
    for day, version in ((date(2026, 3, 10), "b"), (date(2026, 3, 2), "z"), (date(2026, 3, 10), "a")):
        save(with_live_from(release, day, version), tmp_path)
    (tmp_path / ".draft-left-by-a-crash").mkdir()
    (tmp_path / "notes.txt").write_text("not a release")

    def version_on(day: date) -> str | None:
        found = released(tmp_path, day)
        return found.version if found else None

    assert version_on(date(2026, 3, 1)) is None
    assert version_on(date(2026, 3, 2)) == "z"
    assert version_on(date(2026, 3, 9)) == "z"
    assert version_on(date(2026, 3, 10)) == "a"  # of one day the one saved last
    shutil.rmtree(tmp_path / "a")
    assert version_on(date(2026, 5, 1)) == "b"


def test_a_failed_save_leaves_nothing(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", no_space)
    with pytest.raises(OSError, match="No space"):
        save(release, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert released(tmp_path, AS_OF + timedelta(days=9)) is None


def test_metrics_by_hand() -> None:
    labels, scores = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.5, 0.5])
    ones = np.ones(4)
    assert auc(labels, scores, ones) == pytest.approx(3.5 / 4)
    assert auc(labels, scores, np.array([3.0, 1.0, 1.0, 1.0])) == pytest.approx(7.5 / 8)
    assert auc(ones, scores, ones) is None
    assert calibration_error(labels, np.array([0.0, 1.0, 0.5, 0.5]), ones) == pytest.approx(0.0)
    assert calibration_error(labels, np.full(4, 0.75), ones) == pytest.approx(0.25)
