import numpy as np
import pytest
from scipy.stats import t

from journeys_assets.domain.statistics.prediction_powered import MeanEstimate, mean_with_judge

NONE = np.empty(0)


def population(
    rng: np.random.Generator, n: int, bias: float = 0.3, noise: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
    """Levels by people, and levels by a judge that follows them but is too generous."""
    people = np.clip(np.rint(rng.normal(3.2, 1.2, size=n)), 1, 5)
    return people, people + bias + rng.normal(0.0, noise, size=n)


def test_without_a_judge_it_is_the_mean_with_a_student_interval() -> None:
    people, judge = population(np.random.default_rng(1), 40)
    found = mean_with_judge(people, judge, NONE)
    half = t.ppf(0.975, 39) * people.std(ddof=1) / 40**0.5
    assert found.judge_weight == 0.0
    assert (found.mean, found.high - found.mean) == (pytest.approx(people.mean()), pytest.approx(half))


def test_a_judge_that_is_always_right_counts_fully() -> None:
    people, _ = population(np.random.default_rng(2), 2100)
    found = mean_with_judge(people[:100], people[:100] + 0.7, people[100:] + 0.7)
    assert found.judge_weight == pytest.approx(2000 / 2100, abs=0.02)
    assert found.mean == pytest.approx(people.mean(), abs=0.06)
    assert found.high - found.low < 0.45 * (lambda e: e.high - e.low)(mean_with_judge(people[:100], people[:100], NONE))


def test_an_uninformative_judge_does_no_harm() -> None:
    rng = np.random.default_rng(3)
    people, _ = population(rng, 200)
    noise = rng.normal(4.0, 1.0, size=2200)
    found = mean_with_judge(people, noise[:200], noise[200:])
    alone = mean_with_judge(people, noise[:200], NONE)
    assert found.judge_weight < 0.15
    assert found.high - found.low < 1.02 * (alone.high - alone.low)
    always = mean_with_judge(people, np.full(200, 3.0), np.full(2000, 3.0))
    assert (always.judge_weight, always.mean) == (0.0, pytest.approx(people.mean()))


def covered(found: MeanEstimate, true: float) -> bool:
    return found.low <= true <= found.high


def test_coverage_judge_alone_people_alone_and_both() -> None:
    rng = np.random.default_rng(4)
    true = float(population(rng, 1_000_000)[0].mean())
    n, hits, widths = 400, np.zeros(3), np.zeros(3)
    for _ in range(n):
        people, judge = population(rng, 2000)
        estimates = (
            mean_with_judge(judge, judge, NONE),
            mean_with_judge(people[:150], judge[:150], NONE),
            mean_with_judge(people[:150], judge[:150], judge[150:]),
        )
        hits += [covered(found, true) for found in estimates]
        widths += [found.high - found.low for found in estimates]
    judge_alone, people_alone, both = hits / n
    assert judge_alone < 0.01, "more predictions do not reduce a bias"
    assert people_alone >= 0.92
    assert both >= 0.92
    assert widths[2] < 0.75 * widths[1], "the judge narrows the interval"


def test_coverage_with_similar_rows_per_user_and_users_in_both_parts() -> None:
    rng = np.random.default_rng(5)
    n, hits, blind = 300, 0, 0
    for _ in range(n):
        n_users, each = 60, 10
        owner = np.repeat(np.arange(n_users), each)
        people = 3.0 + rng.normal(0, 0.8, n_users)[owner] + rng.normal(0, 0.5, n_users * each)
        judge = people + 0.5 + rng.normal(0, 0.5, n_users * each)
        order = rng.permutation(n_users * each)
        drawn, rest = order[:150], order[150:]
        arguments = (people[drawn], judge[drawn], judge[rest])
        hits += covered(mean_with_judge(*arguments, users=owner[drawn], users_unlabelled=owner[rest]), 3.0)
        blind += covered(mean_with_judge(*arguments), 3.0)
    assert hits / n >= 0.91
    assert blind / n < 0.85, "rows of a user are not independent"


def test_weights_correct_for_unequal_sampling_probabilities() -> None:
    rng = np.random.default_rng(6)
    people, judge = population(rng, 4000)
    low, high = np.flatnonzero(people <= 3), np.flatnonzero(people > 3)
    hits, unweighted, n = 0, 0, 200
    for _ in range(n):
        drawn = np.concatenate([rng.choice(low, 150, replace=False), rng.choice(high, 50, replace=False)])
        weights = np.concatenate([np.full(150, len(low) / 150), np.full(50, len(high) / 50)])
        found = mean_with_judge(people[drawn], judge[drawn], judge, weights=weights)
        hits += covered(found, float(people.mean()))
        unweighted += covered(mean_with_judge(people[drawn], judge[drawn], judge), float(people.mean()))
    assert hits / n >= 0.91
    assert unweighted / n < 0.85


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0], [1.0]), "two users"),
        (([1.0, 2.0], [1.0], [1.0]), "lengths differ"),
        (([1.0, np.nan], [1.0, 2.0], [1.0]), "finite"),
    ],
)
def test_invalid_inputs_of_the_estimate_are_errors(arguments: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_with_judge(*arguments)
    with pytest.raises(ValueError, match="positive"):
        mean_with_judge([1.0, 2.0], [1.0, 2.0], [1.0], weights=[1.0, 0.0])
