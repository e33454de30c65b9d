"""Off-policy estimates on logs whose truth is known: unbiased, with intervals of the stated coverage."""

from dataclasses import dataclass

import numpy as np
import pytest

from journeys_assets.evaluation.statistics.off_policy import PolicyValue, doubly_robust, ips, snips

N_ACTIONS = 5
BASE = np.array([0.05, 0.1, 0.2, 0.3, 0.4])
"""Reward probability of each action for the average user."""


@dataclass
class Log:
    rewards: np.ndarray
    propensities: np.ndarray
    target: np.ndarray
    predicted: np.ndarray
    predicted_value: np.ndarray
    users: np.ndarray


LOGGING = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
TARGET = np.array([0.05, 0.1, 0.2, 0.25, 0.4])
TRUTH = float(TARGET @ BASE)


def log(rng: np.random.Generator, *, n_users: int = 150, model_error: float = 0.05) -> Log:
    """About ten rows per user. A factor of the user scales all probabilities, so rows of one user are similar."""
    users = np.repeat(np.arange(n_users), rng.poisson(9, n_users) + 1)
    factor = rng.uniform(0.0, 2.0, n_users)[users]
    actions = rng.choice(N_ACTIONS, size=len(users), p=LOGGING)
    rewards = (rng.random(len(users)) < BASE[actions] * factor).astype(float)
    model = BASE + model_error
    return Log(rewards, LOGGING[actions], TARGET[actions], model[actions], np.full(len(users), TARGET @ model), users)


def estimates(rows: Log, clusters: np.ndarray | None) -> dict[str, PolicyValue]:
    given = (rows.rewards, rows.propensities, rows.target)
    return {
        "ips": ips(*given, clusters=clusters),
        "snips": snips(*given, clusters=clusters),
        "dr": doubly_robust(*given, rows.predicted, rows.predicted_value, clusters=clusters),
    }


def test_intervals_over_users_have_their_coverage_and_the_naive_mean_has_not() -> None:
    rng = np.random.default_rng(11)
    held, held_by_row, n_trials, naive = {"ips": 0, "snips": 0, "dr": 0}, 0, 300, 0
    values: dict[str, list[float]] = {name: [] for name in held}
    for _ in range(n_trials):
        rows = log(rng)
        for name, found in estimates(rows, rows.users).items():
            held[name] += found.low <= TRUTH <= found.high
            values[name].append(found.value)
        alike = ips(rows.rewards, np.ones(len(rows.users)), np.ones(len(rows.users)), clusters=rows.users)
        naive += alike.low <= TRUTH <= alike.high
        by_row = ips(rows.rewards, np.ones(len(rows.users)), np.ones(len(rows.users)))
        mean = float(LOGGING @ BASE)
        held_by_row += by_row.low <= mean <= by_row.high
    for name, count in held.items():
        assert 0.92 <= count / n_trials <= 0.985, name
        assert float(np.mean(values[name])) == pytest.approx(TRUTH, abs=0.01), name
    assert naive / n_trials < 0.1
    # If rows of one user are treated as independent, the interval is too narrow on this log, so the test detects it.
    assert held_by_row / n_trials < 0.92


def test_doubly_robust_is_right_if_either_part_is() -> None:
    rng = np.random.default_rng(6)
    wrong_model, wrong_propensities = [], []
    for _ in range(60):
        rows = log(rng, n_users=400, model_error=0.3)
        wrong_model.append(estimates(rows, rows.users)["dr"].value)
        rows = log(rng, n_users=400, model_error=0.0)
        found = doubly_robust(
            rows.rewards, np.full(len(rows.users), 0.2), rows.target, rows.predicted, rows.predicted_value
        )
        wrong_propensities.append(found.value)
    assert float(np.mean(wrong_model)) == pytest.approx(TRUTH, abs=0.01)
    assert float(np.mean(wrong_propensities)) == pytest.approx(TRUTH, abs=0.01)


def test_a_good_model_narrows_the_interval() -> None:
    rng = np.random.default_rng(7)
    users = np.arange(4000)
    actions = rng.choice(N_ACTIONS, size=4000, p=LOGGING)
    rewards = BASE[actions] + rng.normal(0, 0.02, 4000)
    given = (rewards, LOGGING[actions], TARGET[actions])
    plain = ips(*given)
    helped = doubly_robust(*given, BASE[actions], np.full(4000, TRUTH), clusters=users)
    assert helped.high - helped.low < 0.2 * (plain.high - plain.low)


def test_clipping_is_reported_and_only_lowers_values() -> None:
    rows = log(np.random.default_rng(1))
    given = (rows.rewards, rows.propensities, rows.target)
    free, clipped = ips(*given), ips(*given, max_weight=2.0)
    assert free.share_clipped == 0.0
    assert clipped.share_clipped == pytest.approx(float((rows.target / rows.propensities > 2).mean()))
    assert clipped.value < free.value
    assert clipped.n_effective > free.n_effective


def test_the_value_of_the_logging_policy_is_its_own_mean() -> None:
    rows = log(np.random.default_rng(2))
    for estimator in (ips, snips):
        found = estimator(rows.rewards, rows.propensities, rows.propensities)
        assert found.value == pytest.approx(float(rows.rewards.mean()))
        assert found.n_effective == pytest.approx(len(rows.rewards))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensities": [0.0, 0.5]}, "propensity"),
        ({"target": [1.5, 0.5]}, "target"),
        ({"rewards": [float("nan"), 1.0]}, "finite"),
        ({"rewards": [1.0]}, "shape"),
        ({"clusters": ["a", "a"]}, "two clusters"),
        ({"max_weight": 0.0}, "max_weight"),
    ],
)
def test_invalid_inputs_are_errors(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"rewards": [1.0, 0.0], "propensities": [0.5, 0.5], "target": [0.5, 0.5]}
    with pytest.raises(ValueError, match=message):
        ips(**(given | change))  # type: ignore[arg-type]


def test_a_target_without_logged_choices_has_no_self_normalised_value() -> None:
    with pytest.raises(ValueError, match="probability 0"):
        snips([1.0, 0.0], [0.5, 0.5], [0.0, 0.0])
