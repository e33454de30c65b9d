"""Figures of journey items, counted by hand."""

import numpy as np
import pytest

from journeys_assets.evaluation.parts.items import figures, hits


def test_hits_and_figures_count_places_and_new_items() -> None:
    new = np.zeros((3, 60), dtype=np.bool_)
    new[0, [0, 4]] = new[1, [7]] = new[2, list(range(40, 60))] = True
    lists = np.full((3, 50), -1)
    lists[0, :3] = [4, 9, 0]
    lists[1, :2] = [1, 2]
    lists[2, :50] = range(50)
    assert hits(lists, new).sum(axis=1).tolist() == [2, 0, 10]
    found = figures(lists, new)
    assert found["hit rate@10"].tolist() == [1, 0, 0]
    assert found["hit rate@50"].tolist() == [1, 0, 1]
    assert found["recall@10"].tolist() == [1, 0, 0]
    assert found["recall@50"].tolist() == [1, 0, 0.5]
    best = 1 + 1 / np.log2(3)
    assert found["NDCG@10"].tolist() == pytest.approx([(1 + 0.5) / best, 0, 0])


def test_an_empty_place_is_no_hit_on_the_first_item() -> None:
    new = np.ones((1, 5), dtype=np.bool_)
    assert not hits(np.full((1, 50), -1), new).any()
