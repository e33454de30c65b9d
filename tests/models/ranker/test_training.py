"""Training, releasing and loading of the journey ranker."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import BASE, PARTS, features, score_by_prior
from journeys_assets.models.boosters import calibration_error
from journeys_assets.models.ranker.explanation import explain
from journeys_assets.models.ranker.release import Release, load, released, save
from journeys_assets.models.ranker.training import NotEnoughLabels, auc, refusal, train_ranker, train_unmeasured
from journeys_assets.models.releases import ReleaseError

FEATURES = features(DEFAULT_ACTIONS)
PARAMS = RankingParams()
FIRST = date(2026, 1, 1)
AS_OF = date(2026, 3, 1)


def labelled(n: int = 900, seed: int = 7, *, source: str | None = None, rate: float = 0.0) -> pl.DataFrame:
    """Journeys whose truth depends on separation and silence. The prior uses only half of that."""
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
    return train_ranker(labelled(), as_of=AS_OF, params=PARAMS, features=FEATURES)


def test_it_beats_the_prior_on_unseen_days(release: Release) -> None:
    measured = release.card["metrics"]["annotation"]
    assert measured["auc"] > measured["prior_auc"] + 0.1
    assert measured["brier"] < measured["prior_brier"]
    assert measured["ece"] < 0.12
    data = release.card["data"]
    assert data["earlier"]["last_day"] < data["later"]["first_day"]
    assert data["earlier"]["n"] + data["later"]["n"] == 900
    assert measured["n"] == data["later"]["n"]
    assert release.live_from == AS_OF + timedelta(days=1)


def test_without_measuring_it_is_the_same_ranker(release: Release) -> None:
    other = train_unmeasured(labelled(), as_of=AS_OF, params=PARAMS, features=FEATURES)
    assert (other.version, other.model_text) == (release.version, release.model_text)
    assert other.card == {name: of for name, of in release.card.items() if name not in ("metrics", "comparisons")}


def with_flipped_later_labels(release: Release) -> pl.DataFrame:
    """The rows of ``release``, with every label of the later slice flipped."""
    first_later = date.fromisoformat(release.card["data"]["later"]["first_day"])
    is_later = pl.col("day") >= first_later
    return labelled().with_columns(label=pl.when(is_later).then(1 - pl.col("label")).otherwise("label"))


def test_the_measured_model_has_not_seen_the_later_labels(release: Release) -> None:
    """If the later labels are flipped, a metric without leakage is exactly reversed."""
    other = train_ranker(with_flipped_later_labels(release), as_of=AS_OF, params=PARAMS, features=FEATURES)
    assert other.card["booster"]["rounds"] == release.card["booster"]["rounds"]
    assert other.card["metrics"]["annotation"]["auc"] == pytest.approx(1 - release.card["metrics"]["annotation"]["auc"])
    assert other.model_text != release.model_text  # the released model is trained on all labels


def test_labels_unknown_at_the_start_of_the_later_slice_are_left_out() -> None:
    """A label window that extends into the later days contains what happened on them."""
    slow = labelled().with_columns(known_on=pl.col("day") + pl.duration(days=7))
    data = train_ranker(slow, as_of=AS_OF, params=PARAMS, features=FEATURES).card["data"]
    first_later = date.fromisoformat(data["later"]["first_day"])
    assert date.fromisoformat(data["earlier"]["last_day"]) == first_later - timedelta(days=8)
    assert data["earlier"]["n"] + data["later"]["n"] < slow.height
    with pytest.raises(ValueError, match="look-ahead"):
        train_ranker(slow, as_of=slow["day"].max(), params=PARAMS, features=FEATURES)


def comparisons(release: Release) -> dict[tuple[str, str, str], dict[str, object]]:
    return {(row["rival"], row["source"], row["metric"]): row for row in release.card["comparisons"]}


def test_a_ranker_that_is_better_than_the_prior_may_be_released(release: Release) -> None:
    assert refusal(release) is None
    against = comparisons(release)
    assert set(against) == {("prior", "annotation", "AUC"), ("prior", "annotation", "1 - Brier of confidence")}
    measured = release.card["metrics"]["annotation"]
    area = against["prior", "annotation", "AUC"]
    assert (area["value"], area["rival_value"]) == pytest.approx((measured["auc"], measured["prior_auc"]))
    assert 0 < area["low"] < area["gain"] < area["high"]


def test_a_ranker_that_is_worse_than_the_prior_is_refused(release: Release) -> None:
    """The later labels are the flipped earlier ones, so the learnt order is misleading."""
    other = train_ranker(with_flipped_later_labels(release), as_of=AS_OF, params=PARAMS, features=FEATURES)
    reason = refusal(other)
    assert reason is not None
    assert "worse: AUC by annotation" in reason
    assert "prior" in reason


def test_too_few_later_labels_of_a_kind_are_refused() -> None:
    rows = labelled()
    first_later = train_ranker(rows, as_of=AS_OF, params=PARAMS, features=FEATURES).card["data"]["later"]["first_day"]
    later = pl.col("day") >= date.fromisoformat(first_later)
    one_kind = rows.with_columns(label=pl.when(later).then(1).otherwise("label"))
    assert "too few" in str(refusal(train_ranker(one_kind, as_of=AS_OF, params=PARAMS, features=FEATURES)))


def test_the_live_release_is_a_rival_on_days_after_its_training(release: Release) -> None:
    live_as_of = FIRST + timedelta(days=29)
    good = train_ranker(
        labelled().filter(pl.col("day") <= live_as_of), as_of=live_as_of, params=PARAMS, features=FEATURES
    )
    retrained = train_ranker(labelled(), as_of=AS_OF, params=PARAMS, features=FEATURES, incumbent=good)
    row = comparisons(retrained)[good.version, "annotation", "AUC"]
    assert row["value"] == pytest.approx(row["rival_value"], abs=0.01)  # the same labels, the same recipe
    assert refusal(retrained) is None


def test_a_better_live_release_stays() -> None:
    """New labels are broken (they follow saves). The live release, trained on sound labels, stays."""
    live_as_of = FIRST + timedelta(days=29)
    sound = train_ranker(
        labelled().filter(pl.col("day") <= live_as_of), as_of=live_as_of, params=PARAMS, features=FEATURES
    )
    is_old = pl.col("day") <= live_as_of
    broken = labelled().with_columns(
        label=pl.when(is_old).then((pl.col("n_saves_7d") > 14).cast(pl.Int64)).otherwise("label")
    )
    reason = refusal(train_ranker(broken, as_of=AS_OF, params=PARAMS, features=FEATURES, incumbent=sound))
    assert reason is not None
    assert sound.version in reason


def test_engagement_labels_are_measured_by_the_order_within_a_user() -> None:
    rows = labelled(source="engagement").with_columns(day=FIRST + pl.duration(days=7 * (pl.col("day").dt.day() % 7)))
    card = train_ranker(rows, as_of=AS_OF, params=PARAMS, features=FEATURES).card
    row = card["comparisons"][0]
    assert (row["source"], row["metric"], row["rival"]) == ("engagement", "NDCG@5", "prior")
    assert 0 < row["rival_value"] < row["value"] <= 1
    assert card["calibration"]["from"] == "prior"  # confidence does not predict who comes back


def test_the_parts_of_a_score_sum_to_its_log_odds(release: Release) -> None:
    rows = labelled(40, seed=4)
    parts = explain(rows, release, PARAMS)
    sums = parts.group_by("user_id", "journey_id").agg(pl.col("contribution").sum())
    both = release.score(rows).join(sums, on=["user_id", "journey_id"])
    score = both["score"].to_numpy()
    assert both.height == 40
    assert np.allclose(both["contribution"].to_numpy(), np.log(score / (1 - score)), atol=1e-9)
    assert set(parts["part"]) == {*PARTS, BASE}


def test_the_largest_parts_are_those_that_the_truth_depends_on(release: Release) -> None:
    """Labels depend on separation and silence, so coherence and recency must outweigh all other parts."""
    parts = explain(labelled(200, seed=4), release, PARAMS).filter(pl.col("part") != BASE)
    weight = dict(parts.group_by("part").agg(pl.col("contribution").abs().sum()).iter_rows())
    assert weight["coherence"] + weight["recency"] > 0.6 * sum(weight.values())


def test_parts_come_strongest_first_in_any_order_of_rows(release: Release) -> None:
    rows = labelled(12, seed=6)
    for scored_by in (release, None):
        parts = explain(rows, scored_by, PARAMS)
        assert parts.equals(explain(rows.reverse(), scored_by, PARAMS))
        one = parts.filter(pl.col("journey_id") == "j0")
        assert one["part"][-1] == BASE
        strengths = one["contribution"].abs().to_list()[:-1]
        assert strengths == sorted(strengths, reverse=True)
    assert explain(rows.head(0), release, PARAMS).is_empty()


def test_row_order_changes_nothing(release: Release) -> None:
    shuffled = labelled().sample(fraction=1, shuffle=True, seed=3)
    again = train_ranker(shuffled, as_of=AS_OF, params=PARAMS, features=FEATURES)
    assert again == release
    assert again.version == release.version


def test_a_score_does_not_depend_on_other_rows(release: Release) -> None:
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
def test_scores_are_monotone_in_the_sensible_direction(release: Release, feature: str, sign: int) -> None:
    rows = labelled(40, seed=2)
    steps = [release.score(rows.with_columns(pl.lit(float(v)).alias(feature)))["score"] for v in range(0, 60, 3)]
    differences = np.diff(np.stack([s.to_numpy() for s in steps]), axis=0) * sign
    assert (differences >= 0).all()


def test_a_missing_feature_is_named(release: Release) -> None:
    with pytest.raises(ReleaseError, match="separation"):
        release.score(labelled(3).drop("separation"))


def test_too_few_labels_are_an_error_with_their_number() -> None:
    with pytest.raises(NotEnoughLabels, match="100 labels"):
        train_ranker(labelled(100), as_of=AS_OF, params=PARAMS, features=FEATURES)
    one_kind = labelled().with_columns(label=pl.lit(1))
    with pytest.raises(NotEnoughLabels, match="0 negative"):
        train_ranker(one_kind, as_of=AS_OF, params=PARAMS, features=FEATURES)
    with pytest.raises(NotEnoughLabels, match="on 1 days"):
        train_ranker(labelled().with_columns(day=pl.lit(FIRST)), as_of=AS_OF, params=PARAMS, features=FEATURES)
    with pytest.raises(NotEnoughLabels, match="0 labels"):
        train_ranker(labelled().head(0), as_of=AS_OF, params=PARAMS, features=FEATURES)


def test_labels_from_the_future_and_invalid_rows_are_refused() -> None:
    rows = labelled()
    with pytest.raises(ValueError, match="look-ahead"):
        train_ranker(rows, as_of=FIRST + timedelta(days=30), params=PARAMS, features=FEATURES)
    with pytest.raises(ValueError, match="labels other than"):
        train_ranker(rows.with_columns(label=pl.lit(2)), as_of=AS_OF, params=PARAMS, features=FEATURES)
    with pytest.raises(ValueError, match="weights"):
        train_ranker(rows.with_columns(weight=pl.lit(0.0)), as_of=AS_OF, params=PARAMS, features=FEATURES)
    with pytest.raises(ValueError, match="n_saves_7d"):
        train_ranker(rows.drop("n_saves_7d"), as_of=AS_OF, params=PARAMS, features=FEATURES)


def test_confidence_comes_from_annotations_and_never_from_clicks() -> None:
    """Clicks are rare, but that must not lower confidence."""
    clicks = labelled(900, source="feedback", rate=-3.0)
    judged = labelled(300, seed=8, source="annotation", rate=1.0)
    of_clicks = train_ranker(clicks, as_of=AS_OF, params=PARAMS, features=FEATURES)
    assert of_clicks.card["calibration"]["from"] == "prior"
    prior = score_by_prior(clicks, PARAMS)
    assert np.allclose(of_clicks.score(clicks)["confidence"], prior["confidence"], atol=1e-12)
    assert not np.allclose(of_clicks.score(clicks)["score"], prior["score"], atol=0.01)
    assert "ece" not in of_clicks.card["metrics"]["feedback"]
    both = train_ranker(pl.concat([clicks, judged]), as_of=AS_OF, params=PARAMS, features=FEATURES)
    assert both.card["calibration"]["from"] == "annotations"
    rate = (judged["label"] * judged["weight"]).sum() / judged["weight"].sum()
    assert both.score(judged)["confidence"].mean() == pytest.approx(rate, abs=0.08)
    assert both.card["metrics"]["feedback"]["auc"] > both.card["metrics"]["feedback"]["prior_auc"]


def test_a_saved_release_loads_unchanged(release: Release, tmp_path: Path) -> None:
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
    for text in (release.version, "prior_auc", "2026-03-02", "separation"):
        assert text in page


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
    with pytest.raises(ReleaseError, match=rf"{name}.*train again"):
        released(tmp_path, date(2026, 4, 1))


def with_live_from(release: Release, day: date, version: str) -> Release:
    return replace(release, version=version, live_from=day, card=release.card | {"live_from": day.isoformat()})


def test_a_day_gets_the_newest_release_live_on_it(release: Release, tmp_path: Path) -> None:
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
    assert version_on(date(2026, 3, 10)) == "a"  # of releases for the same day, the one saved last
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
