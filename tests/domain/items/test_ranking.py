"""Items of a journey: found from four places, never what the user has had, and the same rows in any batch."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.items.catalogue import catalogue_of
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.ranking import (
    FOUND_BY,
    Statistics,
    blocks,
    no_statistics,
    rank_items,
    said,
    scored,
    statistics_of,
)
from journeys_assets.domain.keywords.vectors import KeywordVectors
from tests.support.item_world import ItemWorld, item_world

PARAMS = ItemParams(n_nearest=5, n_items=6)
WEIGHTS = PARAMS.prior_weights | {"together": 3.0, "together_user": 1.0, "popularity": 0.5}


def statistics(world: ItemWorld) -> Statistics:
    """Each item belongs together with the ten after it."""
    ids = world.catalogue.items.to_list()
    pairs = [(one, ids[(n + k) % len(ids)], 100 + 10 * k) for n, one in enumerate(ids) for k in range(1, 11)]
    schema = {"item_id": pl.String, "other_id": pl.String, "strength": pl.Int64}
    popular = pl.DataFrame({"item_id": ids[:20], "popularity": np.linspace(1, 3, 20)})
    return statistics_of(world.catalogue, pl.DataFrame(pairs, schema=schema, orient="row"), popular)


def ranked(world: ItemWorld, params: ItemParams = PARAMS) -> pl.DataFrame:
    return rank_items(world.journeys, world.engaged, world.catalogue, statistics(world), WEIGHTS, params)


@pytest.fixture(scope="module")
def world() -> ItemWorld:
    return item_world(3)


def test_every_journey_has_a_row_of_distinct_items(world: ItemWorld) -> None:
    rows = ranked(world)
    assert_frame_equal(
        rows.select("user_id", "journey_id"), world.journeys.select("user_id", "journey_id").sort(pl.all())
    )
    for items, scores, ways in rows.select("item_ids", "item_scores", "item_found_by").iter_rows():
        assert 0 < len(items) == len(set(items)) == len(scores) == len(ways) <= PARAMS.n_items
        assert all(0 <= score <= 1 for score in scores)
        assert {way for found in ways for way in found.split("+")} <= set(FOUND_BY)


def test_every_way_finds_items(world: ItemWorld) -> None:
    found = {way for ways in ranked(world)["item_found_by"].explode() for way in ways.split("+")}
    assert found == set(FOUND_BY)


def test_nothing_is_shown_that_the_user_has_had(world: ItemWorld) -> None:
    shown = ranked(world).select("user_id", item_id="item_ids").explode("item_id")
    had = shown.join(world.engaged, on=["user_id", "item_id"])
    assert had.height > 0, "an item that was looked at long ago may be shown again"
    assert not had["is_kept"].any()
    assert had["age_days"].min() >= PARAMS.cool_down_days  # type: ignore[operator]


def test_no_row_depends_on_other_users_on_order_or_on_the_size_of_blocks(world: ItemWorld) -> None:
    rows = ranked(world)
    mixed = replace(
        world,
        journeys=world.journeys.sample(fraction=1.0, shuffle=True, seed=2),
        engaged=world.engaged.sample(fraction=1.0, shuffle=True, seed=3),
    )
    assert_frame_equal(ranked(mixed), rows, check_exact=True)
    for user in world.journeys["user_id"].unique():
        alone = replace(world, journeys=world.journeys.filter(user_id=user), engaged=world.engaged.filter(user_id=user))
        assert_frame_equal(ranked(alone), rows.filter(user_id=user), check_exact=True)


def test_the_medoid_is_the_item_with_the_largest_weighted_mean_cosine(world: ItemWorld) -> None:
    known = world.catalogue.rows_of(world.engaged).with_columns(said=said())
    n_found = 0
    for user, journey, medoid in ranked(world).select("user_id", "journey_id", "medoid_item_id").iter_rows():
        (keywords,) = world.journeys.filter(user_id=user, journey_id=journey)["keywords"]
        carried = world.catalogue.carried.filter(pl.col("keyword").is_in(keywords))["item"]
        own = known.filter((pl.col("user_id") == user) & pl.col("item").is_in(carried.implode())).sort("item")
        if own.is_empty():
            assert medoid is None
            continue
        vectors = world.catalogue.vectors[own["item"].to_numpy()].astype(np.float64)
        cosines = (vectors @ vectors.T) @ own["said"].to_numpy()
        assert medoid == own["item_id"][int(np.argmax(cosines))]
        n_found += 1
    assert n_found > 5


def test_candidates_by_vector_are_the_nearest_items(world: ItemWorld) -> None:
    (block,) = blocks(world.journeys, world.engaged.clear(), world.catalogue, no_statistics(world.catalogue), PARAMS)
    for (journey,), found in block.candidates.filter("found_similar").group_by("journey"):
        row = world.journeys.sort("user_id", "journey_id").row(int(journey), named=True)
        centroid = np.frombuffer(row["centroid"], dtype="<f2").astype(np.float64)
        cosines = world.catalogue.vectors.astype(np.float64) @ centroid
        assert found.height == PARAMS.n_nearest
        least = np.sort(cosines)[-PARAMS.n_nearest]
        assert (cosines[found["item"].to_numpy()] > least - 0.001).all(), "rounded to the grid"
    assert block.candidates.filter("found_medoid").is_empty()


def test_a_better_weight_of_a_feature_lifts_what_has_more_of_it(world: ItemWorld) -> None:
    (block,) = blocks(world.journeys, world.engaged, world.catalogue, statistics(world), PARAMS)
    one = block.candidates.filter(journey=0)
    least, most = one["keyword"].arg_min(), one["keyword"].arg_max()
    for weight in (0.0, 5.0):
        scores = scored(one, dict.fromkeys(WEIGHTS, 0.0) | {"keyword": weight})["score"]
        assert (scores[most] > scores[least]) == (weight > 0)  # type: ignore[index]


def test_near_duplicates_are_moved_apart(world: ItemWorld) -> None:
    narrow, wide = (ranked(world, replace(PARAMS, diversity_penalty=p, similar_cosine=0.6)) for p in (1.0, 0.2))
    number = {item: n for n, item in enumerate(world.catalogue.items)}

    def mean_cosine(rows: pl.DataFrame) -> float:
        found = []
        for items in rows["item_ids"]:
            vectors = world.catalogue.vectors[[number[item] for item in items]]
            found.append(float((vectors @ vectors.T)[np.triu_indices(len(items), 1)].mean()))
        return float(np.mean(found))

    assert mean_cosine(wide) < mean_cosine(narrow) - 0.05
    for scores in narrow["item_scores"]:
        assert scores.to_list() == sorted(scores, reverse=True), "without a penalty the order is that of the scores"


def test_without_journeys_there_are_no_rows(world: ItemWorld) -> None:
    assert ranked(replace(world, journeys=world.journeys.clear())).is_empty()


@pytest.mark.parametrize("n_items", [0, 3])
def test_an_empty_catalogue_or_one_without_vectors_gives_what_it_can(world: ItemWorld, n_items: int) -> None:
    vectors = KeywordVectors([], np.zeros((0, 0), dtype=np.float32))
    few = catalogue_of(world.described.head(n_items), vectors, pl.Series([], dtype=pl.String))
    rows = rank_items(world.journeys, world.engaged.clear(), few, no_statistics(few), WEIGHTS, PARAMS)
    assert rows.height == world.journeys.height
    assert rows["medoid_item_id"].null_count() == rows.height
    found = set(rows["item_found_by"].explode().drop_nulls())
    assert found == ({"keyword"} if n_items else set())
    engaged = rank_items(world.journeys, world.engaged, few, no_statistics(few), WEIGHTS, PARAMS)
    assert engaged.height == world.journeys.height
