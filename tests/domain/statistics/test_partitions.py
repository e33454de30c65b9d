"""Agreement measures equal their definitions, computed item by item and pair by pair."""

from __future__ import annotations

from itertools import combinations
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.statistics.partitions import agreement, bcubed_f1

partitions = st.integers(1, 14).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n) for _ in range(2)])
)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def bcubed_by_hand(true: list[int], found: list[int]) -> tuple[float, float]:
    things = range(len(true))
    precisions, recalls = [], []
    for i in things:
        same_found = [j for j in things if found[j] == found[i]]
        same_true = [j for j in things if true[j] == true[i]]
        both = len(set(same_found) & set(same_true))
        precisions.append(both / len(same_found))
        recalls.append(both / len(same_true))
    return mean(precisions), mean(recalls)


def entropy_by_hand(labels: list[int]) -> float:
    shares = [labels.count(x) / len(labels) for x in set(labels)]
    return -sum(p * log(p) for p in shares)


@given(partitions)
def test_bcubed_is_the_mean_over_items(pair: tuple[list[int], list[int]]) -> None:
    true, found = pair
    precision, recall = bcubed_by_hand(true, found)
    got = agreement(true, found)
    assert got.bcubed_precision == pytest.approx(precision)
    assert got.bcubed_recall == pytest.approx(recall)
    assert got.bcubed_f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert bcubed_f1(true, found) == got.bcubed_f1


@given(partitions)
def test_pairwise_measures_count_pairs(pair: tuple[list[int], list[int]]) -> None:
    true, found = pair
    pairs = list(combinations(range(len(true)), 2))
    in_true = {p for p in pairs if true[p[0]] == true[p[1]]}
    in_found = {p for p in pairs if found[p[0]] == found[p[1]]}
    both = len(in_true & in_found)
    got = agreement(true, found)
    assert got.pairwise_precision == pytest.approx(both / len(in_found) if in_found else 1.0)
    assert got.pairwise_recall == pytest.approx(both / len(in_true) if in_true else 1.0)


@settings(deadline=None)  # the first call imports scikit-learn
@given(partitions)
def test_entropy_and_rand_measures_agree_with_scikit_learn(pair: tuple[list[int], list[int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    true, found = pair
    got = agreement(true, found)
    assert got.adjusted_rand == pytest.approx(metrics.adjusted_rand_score(true, found), abs=1e-9)
    expected = metrics.homogeneity_completeness_v_measure(true, found)
    assert (got.homogeneity, got.completeness, got.v_measure) == pytest.approx(expected, abs=1e-6)
    assert (got.n_true, got.n_found) == (len(set(true)), len(set(found)))


@given(partitions)
def test_agreement_does_not_depend_on_the_names_of_labels(pair: tuple[list[int], list[int]]) -> None:
    true, found = pair
    assert agreement(true, found) == agreement(true, [f"cluster {x}" for x in found])
    assert agreement(true, [x * 7 for x in true]).bcubed_f1 == 1.0


def test_a_split_cluster_lowers_recall_and_merged_clusters_lower_precision() -> None:
    split = agreement([0, 0, 1, 1], [0, 5, 1, 1])
    assert (split.bcubed_precision, split.bcubed_recall) == (1.0, 0.75)
    merged = agreement([0, 0, 1, 1], [0, 0, 0, 0])
    assert (merged.bcubed_precision, merged.bcubed_recall, merged.adjusted_rand) == (0.5, 1.0, 0.0)


def test_partitions_of_different_length_or_without_items_raise_an_error() -> None:
    with pytest.raises(ValueError, match="2 and 3 labels"):
        agreement([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="no items"):
        bcubed_f1([], [])
