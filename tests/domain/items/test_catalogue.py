"""The catalogue as an index, and statistics of items: counted as by hand, and silent about few users."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.items.catalogue import catalogue_day, catalogue_of
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.together import STRENGTH, popularity, together
from tests.support.item_world import item_world, keyword_vectors

DAY = date(2026, 3, 31)


def test_an_item_with_an_unsafe_keyword_is_left_out() -> None:
    world = item_world(5)
    unsafe = pl.Series(["a1", "c3"])
    safe = catalogue_of(world.described, world.vectors, unsafe)
    expected = world.described.filter(
        ~pl.col("keywords").list.contains("a1") & ~pl.col("keywords").list.contains("c3")
    )["item_id"]
    assert safe.items.to_list() == expected.to_list()
    assert len(safe.items) < world.described.height
    assert not safe.carried["keyword"].is_in(unsafe.implode()).any()


def test_an_item_has_the_mean_direction_of_its_keywords() -> None:
    world = item_world(5)
    for item, keywords in enumerate(world.described["text_keywords"]):
        mean = world.vectors.rows_for(keywords.to_list()).mean(axis=0)
        assert world.catalogue.vectors[item] @ (mean / np.linalg.norm(mean)) > 0.999


def test_an_item_whose_keywords_have_no_vector_is_still_found_by_keyword() -> None:
    described = pl.DataFrame({"item_id": ["i"], "keywords": [["zz"]], "text_keywords": [["zz"]]})
    catalogue = catalogue_of(described, keyword_vectors(["a1"]), pl.Series([], dtype=pl.String))
    assert not catalogue.vectors.any()
    assert catalogue.carried.rows() == [("zz", 0)]


def test_the_catalogue_counts_as_of_one_day_for_all_days_of_a_week() -> None:
    days = [DAY + timedelta(days=n) for n in range(21)]
    on = [catalogue_day(day, 7) for day in days]
    assert len(set(on)) in (3, 4)
    assert all(timedelta(0) <= day - one < timedelta(days=7) for day, one in zip(days, on, strict=True))
    assert [catalogue_day(day, 1) for day in days] == days
    with pytest.raises(ValueError, match="catalogue_every_days is 0"):
        catalogue_day(DAY, 0)


def engaged(*baskets: tuple[str, ...], days_ago: int = 0) -> pl.DataFrame:
    on = DAY - timedelta(days=days_ago)
    rows = [(f"u{n}", item, on) for n, items in enumerate(baskets) for item in items]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "last_on": pl.Date}, orient="row")


def test_items_of_the_same_users_belong_together() -> None:
    rows = engaged(*[("a", "b")] * 4, ("a", "c"), ("a", "c"), ("b",))
    found = together(rows, ItemParams(min_users=2, lift_prior_users=0.0))
    strength = {(one, other): value for one, other, value in found.iter_rows()}
    assert strength == {
        ("a", "b"): int(np.ceil(STRENGTH * 4 / np.sqrt(6 * 5))),
        ("b", "a"): int(np.ceil(STRENGTH * 4 / np.sqrt(6 * 5))),
        ("a", "c"): int(np.ceil(STRENGTH * 2 / np.sqrt(6 * 2))),
        ("c", "a"): int(np.ceil(STRENGTH * 2 / np.sqrt(6 * 2))),
    }
    assert together(rows.sample(fraction=1.0, shuffle=True, seed=1), ItemParams(min_users=2)).equals(
        together(rows, ItemParams(min_users=2))
    )


def test_few_users_leave_no_trace() -> None:
    rows = engaged(*[("a", "b")] * 4)
    params = ItemParams(min_users=5)
    assert together(rows, params).is_empty()
    assert popularity(rows, DAY, params).is_empty()
    four_with_both = engaged(*[("a", "b")] * 4, ("a",), ("b",))
    assert together(four_with_both, params).is_empty()
    assert popularity(four_with_both, DAY, params).height == 2
    more = engaged(*[("a", "b")] * 5)
    assert together(more, params).height == 2
    assert popularity(more, DAY, params)["popularity"].to_list() == [round(float(np.log(6)), 4)] * 2


def test_only_recent_users_make_an_item_popular() -> None:
    params = ItemParams(min_users=1)
    assert popularity(engaged(("a",), days_ago=params.recent_days), DAY, params).is_empty()
    assert popularity(engaged(("a",), days_ago=params.recent_days - 1), DAY, params).height == 1


def test_at_most_so_many_neighbours_and_items_of_a_user_count() -> None:
    baskets = [tuple(f"i{n}" for n in range(20))] * 5
    assert together(engaged(*baskets), ItemParams(n_neighbours=3)).group_by("item_id").len()["len"].max() == 3
    assert together(engaged(*baskets), ItemParams(max_items_per_user=2))["item_id"].n_unique() == 2
