"""The evaluation of the readout: what it calls known is known, and a readout that is too sure of itself is caught."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from journeys_assets.evaluation.notifications import BY_SEND, BY_USER

from journeys_assets.domain.experiment import readout
from journeys_assets.domain.experiment.readout import RatioEstimate
from journeys_assets.evaluation.parts import notifications
from journeys_assets.evaluation.parts.notifications import evaluate_notifications
from journeys_assets.evaluation.report.section import Section
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

WORLD = WorldParams(seed=3, n_users=250, n_days=42, first_send_day=21, first_day=date(2025, 9, 1))


@pytest.fixture(scope="module")
def population() -> dict[str, pl.DataFrame]:
    return notifications._population(WORLD)


def test_the_known_effect_on_engagement_is_what_clicks_brought_about(population: dict[str, pl.DataFrame]) -> None:
    told = generate_world(replace(WORLD, journey_arm_share=1.0, interest_arm_share=0.0)).truth["truth_notifications"]
    brought = told.group_by("user_id").agg(pl.col("n_follow_up_engagements").sum())
    assert brought["n_follow_up_engagements"].sum() > 100
    gap = population["journey"].select(
        "user_id", gap=population["journey"]["n_engagements"] - population["holdout"]["n_engagements"]
    )
    joined = gap.join(brought, on="user_id", how="left").fill_null(0)
    assert joined["gap"].equals(joined["n_follow_up_engagements"].cast(pl.Int64).alias("gap"))


def test_all_arms_are_the_same_users_who_did_the_same_before(population: dict[str, pl.DataFrame]) -> None:
    before = [rows.select("user_id", "n_engagements_before", "n_active_days_before") for rows in population.values()]
    assert before[0]["n_engagements_before"].sum() > 0
    assert before[0].equals(before[1])
    assert before[0].equals(before[2])
    assert population["holdout"]["n_sends"].sum() == 0


def test_nothing_is_sent_before_the_first_send_day() -> None:
    sends = generate_world(WORLD).landing["notification_events"]
    # A day of the world is one of the user's own clock: east of Greenwich it begins before the UTC day does.
    assert sends["sent_at"].min() >= datetime(2025, 9, 1) + timedelta(days=20, hours=12)  # type: ignore[operator]


def evaluated(monkeypatch: pytest.MonkeyPatch, population: dict[str, pl.DataFrame]) -> Section:
    monkeypatch.setattr(notifications, "_population", lambda _: population)
    monkeypatch.setattr(notifications, "N_EXPERIMENTS", 250)
    monkeypatch.setattr(notifications, "SIZES", (900,))
    monkeypatch.setattr(notifications, "USERS_OF_EXPERIMENT", 900)
    return evaluate_notifications([], Path("nowhere"))


def coverage(section: Section, metric: str, method: str) -> float:
    chosen = section.results.filter(pl.col("metric").str.contains(metric, literal=True) & (pl.col("method") == method))
    return float(chosen["value"][0])


def test_intervals_over_users_hold_and_the_section_is_whole(
    monkeypatch: pytest.MonkeyPatch, population: dict[str, pl.DataFrame]
) -> None:
    section = evaluated(monkeypatch, population)
    assert section.results.schema == RESULTS
    assert section.comparisons.schema == COMPARISONS
    for metric in ("clicks per send", "opens per send", "engagements per user, journey", "clicks per user"):
        assert coverage(section, metric, BY_USER) >= 0.915, metric
    assert coverage(section, "clicks per send", BY_SEND) < coverage(section, "clicks per send", BY_USER)
    assert all(plot.svg.lstrip().startswith("<?xml") and plot.caption for plot in section.plots)
    table = next(iter(section.tables.values()))
    assert ((table["mean found"] - table["known effect"]).abs() < 0.25 * table["mean half-width"]).all()


def test_a_readout_that_takes_sends_for_independent_is_caught(
    monkeypatch: pytest.MonkeyPatch, population: dict[str, pl.DataFrame]
) -> None:
    def by_send(numerator: np.ndarray, denominator: np.ndarray) -> RatioEstimate:
        n, share = denominator.sum(), numerator.sum() / denominator.sum()
        variance = share * (1 - share) if 0 <= share <= 1 else abs(share)
        return RatioEstimate(float(share), float(variance / n), len(numerator), int(n))

    monkeypatch.setattr(readout, "ratio_of_means", by_send)
    section = evaluated(monkeypatch, population)
    assert coverage(section, "clicks per send", BY_USER) < 0.93
    assert coverage(section, "engagements per user, journey", BY_USER) < 0.8


# ── off-policy values ───────────────────────────────────────────────────────────────────────────────────────────────


def bandit_log(seed: int, n: int = 6000) -> pl.DataFrame:
    """Two policies over 4 items and 2 places; clicks depend on item and place, so each policy's value is known."""
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


def test_values_of_a_policy_from_the_others_rows_are_recovered() -> None:
    held = {"IPS": 0, "SNIPS": 0, "DR": 0, "mean of the other's clicks": 0}
    n_trials = 40
    for seed in range(n_trials):
        _, table = notifications._open_bandit(bandit_log(seed))
        for row in table.iter_rows(named=True):
            held[row["estimator"]] += row["difference holds 0"]
    for name in ("IPS", "SNIPS", "DR"):
        assert held[name] / (2 * n_trials) >= 0.87, name
    assert held["mean of the other's clicks"] / (2 * n_trials) < 0.05


def test_the_model_of_a_row_was_not_fitted_on_it() -> None:
    log = bandit_log(1, 400).filter(pl.col("policy") == "random").with_row_index("row")
    target = notifications._target_probabilities(log, log, "random")
    before, _ = notifications._cross_fitted(log, target)
    flipped = log.with_columns(click=pl.when(pl.col("row") == 7).then(1 - pl.col("click")).otherwise("click"))
    after, _ = notifications._cross_fitted(flipped, target)
    fold = log["row"].to_numpy() % 5
    assert np.array_equal(before[fold == 2], after[fold == 2])  # row 7 is of fold 2
    assert not np.array_equal(before[fold != 2], after[fold != 2])
    assert math.isclose(target["probability"].sum(), 2.0)  # one for each place
