"""The evaluation of the readout: known effects are right, and an overconfident readout is detected."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.experiment import readout
from journeys_assets.domain.experiment.readout import RatioEstimate
from journeys_assets.evaluation.parts import notifications
from journeys_assets.evaluation.parts.notifications import BY_SEND, BY_USER, evaluate_notifications
from journeys_assets.evaluation.report.section import Section
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

WORLD = WorldParams(seed=3, n_users=250, n_days=42, first_send_day=21, first_day=date(2025, 9, 1))


@pytest.fixture(scope="module")
def population() -> dict[str, pl.DataFrame]:
    return notifications.population_of(WORLD)


def test_the_known_effect_on_engagement_is_what_clicks_caused(population: dict[str, pl.DataFrame]) -> None:
    sends = generate_world(replace(WORLD, journey_arm_share=1.0, interest_arm_share=0.0)).truth["truth_notifications"]
    caused = sends.group_by("user_id").agg(pl.col("n_follow_up_engagements").sum())
    assert caused["n_follow_up_engagements"].sum() > 100
    gap = population["journey"].select(
        "user_id", gap=population["journey"]["n_engagements"] - population["holdout"]["n_engagements"]
    )
    joined = gap.join(caused, on="user_id", how="left").fill_null(0)
    assert joined["gap"].equals(joined["n_follow_up_engagements"].cast(pl.Int64).alias("gap"))


def test_all_arms_have_the_same_users_with_the_same_past(population: dict[str, pl.DataFrame]) -> None:
    before = [rows.select("user_id", "n_engagements_before", "n_active_days_before") for rows in population.values()]
    assert before[0]["n_engagements_before"].sum() > 0
    assert before[0].equals(before[1])
    assert before[0].equals(before[2])
    assert population["holdout"]["n_sends"].sum() == 0


def test_nothing_is_sent_before_the_first_send_day() -> None:
    sends = generate_world(WORLD).landing["notification_events"]
    # The world's days follow each user's clock: east of Greenwich they begin before the UTC day.
    assert sends["sent_at"].min() >= datetime(2025, 9, 1) + timedelta(days=20, hours=12)  # type: ignore[operator]


def evaluated(monkeypatch: pytest.MonkeyPatch) -> Section:
    monkeypatch.setattr(notifications, "WORLD", WORLD)
    monkeypatch.setattr(notifications, "N_EXPERIMENTS", 250)
    monkeypatch.setattr(notifications, "SIZES", (900,))
    monkeypatch.setattr(notifications, "USERS_OF_EXPERIMENT", 900)
    return evaluate_notifications([], Path("nowhere"))


def coverage(section: Section, metric: str, method: str) -> float:
    chosen = section.results.filter(pl.col("metric").str.contains(metric, literal=True) & (pl.col("method") == method))
    return float(chosen["value"][0])


@pytest.mark.slow
def test_intervals_over_users_have_their_coverage_and_the_section_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    section = evaluated(monkeypatch)
    assert section.results.schema == RESULTS
    assert section.comparisons.schema == COMPARISONS
    for metric in ("clicks per send", "opens per send", "engagements per user, journey", "clicks per user"):
        assert coverage(section, metric, BY_USER) >= 0.915, metric
    assert coverage(section, "clicks per send", BY_SEND) < coverage(section, "clicks per send", BY_USER)
    assert all(plot.svg.lstrip().startswith("<?xml") and plot.caption for plot in section.plots)
    table = next(iter(section.tables.values()))
    assert ((table["mean found"] - table["known effect"]).abs() < 0.25 * table["mean half-width"]).all()


@pytest.mark.slow
def test_a_readout_that_treats_sends_as_independent_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_send(numerator: np.ndarray, denominator: np.ndarray) -> RatioEstimate:
        n, share = denominator.sum(), numerator.sum() / denominator.sum()
        variance = share * (1 - share) if 0 <= share <= 1 else abs(share)
        return RatioEstimate(float(share), float(variance / n), len(numerator), int(n))

    monkeypatch.setattr(readout, "ratio_of_means", by_send)
    section = evaluated(monkeypatch)
    assert coverage(section, "clicks per send", BY_USER) < 0.93
    assert coverage(section, "engagements per user, journey", BY_USER) < 0.8


# ── off-policy values ───────────────────────────────────────────────────────────────────────────────────────────────


def bandit_log(seed: int, n: int = 6000) -> pl.DataFrame:
    """Two policies over 4 items and 2 positions. Clicks depend on both, so each policy's value is known."""
    rng = np.random.default_rng(seed)
    learnt = np.array([0.55, 0.25, 0.15, 0.05])
    frames = []
    for policy, choice in (("random", np.full(4, 0.25)), ("bts", learnt)):
        items, places = rng.choice(4, n, p=choice), rng.integers(1, 3, n)
        clicks = rng.random(n) < np.array([0.3, 0.2, 0.1, 0.05])[items] / places
        frames.append(
            pl.DataFrame(
                {
                    "policy": policy,
                    "campaign": "one",
                    "ts": datetime(2019, 11, 24),
                    "item_id": items,
                    "position": places,
                    "click": clicks.astype(np.int64),
                    "propensity_score": choice[items],
                }
            )
        )
    return pl.concat(frames)


def test_policy_values_are_recovered_from_the_other_policys_rows() -> None:
    held = {"IPS": 0, "SNIPS": 0, "DR": 0, "mean of the other's clicks": 0}
    n_trials = 40
    for seed in range(n_trials):
        _, table = notifications.open_bandit_values(bandit_log(seed))
        for row in table.iter_rows(named=True):
            held[row["estimator"]] += row["difference holds 0"]
    for name in ("IPS", "SNIPS", "DR"):
        assert held[name] / (2 * n_trials) >= 0.87, name
    assert held["mean of the other's clicks"] / (2 * n_trials) < 0.05


def test_the_model_of_a_row_was_not_fitted_on_it() -> None:
    log = bandit_log(1, 400).filter(pl.col("policy") == "random").with_row_index("row")
    target = notifications.target_probabilities(log, log, "random")
    before, _ = notifications.cross_fitted(log, target)
    flipped = log.with_columns(click=pl.when(pl.col("row") == 7).then(1 - pl.col("click")).otherwise("click"))
    after, _ = notifications.cross_fitted(flipped, target)
    fold = log["row"].to_numpy() % 5
    assert np.array_equal(before[fold == 2], after[fold == 2])  # row 7 is in fold 2
    assert not np.array_equal(before[fold != 2], after[fold != 2])
    assert math.isclose(target["probability"].sum(), 2.0)  # one for each position
