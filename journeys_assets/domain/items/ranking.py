"""The items of a journey: candidates, what is left out, a point-wise score, and near-duplicates kept apart.

Candidates come from four places, which ``item_found_by`` names:

* ``keyword`` - the item carries a keyword of the journey.
* ``similar`` - its vector is among the nearest to the journey's centroid.
* ``medoid`` - its vector is among the nearest to the journey's medoid item: of the items that the user engaged with
  for the journey, the one with the largest weighted mean cosine to all of them. Pal et al. 2020, *PinnerSage*,
  represent a user by such medoids of clusters of items; here the clusters are the journeys.
* ``together`` - the same users engage with it and with items of the journey (``domain.items.together``).

The score is a logistic function of ``FEATURES``. It depends on the pair of journey and item alone. Places are then
filled one after the other: an item's score counts ``diversity_penalty`` times for each near-duplicate placed before.

Weights are whole numbers and vectors lie on a grid, so that every sum is exact. A journey's rows are the same to the
bit whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.items.catalogue import Catalogue
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.together import STRENGTH
from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.related.groups import GRID, Floats, on_grid

FEATURES = ("keyword", "similarity", "medoid", "together", "together_user", "popularity")
RISING = frozenset({"keyword", "together", "together_user", "popularity"})
"""Features whose trained weight is never negative."""
FOUND_BY = ("keyword", "similar", "medoid", "together")
_WAYS = {way: 1 << number for number, way in enumerate(FOUND_BY)}
"""The bit of each way in which an item is found."""
OUTPUT = pl.Schema(
    {
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "item_ids": pl.List(pl.String()),
        "item_scores": pl.List(pl.Float64()),
        "item_found_by": pl.List(pl.String()),
        "medoid_item_id": pl.String(),
    }
)
_FLOATS_AT_ONCE = 2**23
"""Cosines of journeys and items in memory together."""
_SHARES = 10_000
"""Keyword weights of a journey are whole numbers that add up to about this."""
_DAYS_TO_HALF = 30
"""Days after which an engagement says half as much."""
_UNIT = 16
"""What an engagement of weight 1 today says, as a whole number."""

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of items from all users.

    Attributes:
        together: item, other (row numbers of the catalogue), strength (1 to ``STRENGTH``); sorted.
        popularity: (n,): ln(1 + recent users) of each item of the catalogue.
    """

    together: pl.DataFrame
    popularity: Doubles


def no_statistics(catalogue: Catalogue) -> Statistics:
    """Where there is no release."""
    schema = {"item": pl.Int64, "other": pl.Int64, "strength": pl.Int64}
    return Statistics(pl.DataFrame(schema=schema), np.zeros(len(catalogue.items)))


def statistics_of(catalogue: Catalogue, together: pl.DataFrame, popularity: pl.DataFrame) -> Statistics:
    """The statistics of a release, for the items of a catalogue; see ``domain.items.together`` for the arguments."""
    pairs = catalogue.rows_of(together)
    others = catalogue.rows_of(pairs.select("item", "strength", item_id="other_id").rename({"item": "of"}))
    known = catalogue.rows_of(popularity)
    values = np.zeros(len(catalogue.items))
    values[known["item"].to_numpy()] = known["popularity"].to_numpy()
    return Statistics(others.select(item="of", other="item", strength="strength").sort("item", "other"), values)


def rank_items(
    journeys: pl.DataFrame,
    engaged: pl.DataFrame,
    catalogue: Catalogue,
    statistics: Statistics,
    weights: Mapping[str, float],
    params: ItemParams,
) -> pl.DataFrame:
    """The items of every journey, best first.

    Args:
        journeys: user_id, journey_id, keywords (list), keyword_weights (list), centroid (float16 bytes).
        engaged: user_id, item_id, weight (> 0), age_days (since the engagement, on the user's last active day),
            is_kept (kept or acted on); one row per user and item.
        weights: Of each of ``FEATURES``, and ``intercept``.

    Returns:
        ``OUTPUT``, one row for each journey, sorted by user_id, journey_id. Lists are empty where nothing was found.
    """
    parts = [
        _chosen(block, scored(block.candidates, weights), catalogue, params)
        for block in blocks(journeys, engaged, catalogue, statistics, params)
    ]
    return pl.concat([OUTPUT.to_frame(), *parts])


@dataclass(frozen=True, slots=True)
class Block:
    """Some journeys with their candidates.

    Attributes:
        journeys: journey (number), user_id, journey_id, medoid (row number of the item, nullable).
        candidates: journey, item, ``FEATURES`` and found_<way> of ``FOUND_BY``; sorted by journey and item.
    """

    journeys: pl.DataFrame
    candidates: pl.DataFrame


def blocks(
    journeys: pl.DataFrame, engaged: pl.DataFrame, catalogue: Catalogue, statistics: Statistics, params: ItemParams
) -> Iterator[Block]:
    """The journeys, as many at a time as fit in memory, with their candidates; arguments as of :func:`rank_items`."""
    ordered = journeys.sort("user_id", "journey_id")
    n_items = len(catalogue.items)
    most = max(64, _FLOATS_AT_ONCE // max(1, n_items))
    for some in ordered.iter_slices(most):
        of_users = engaged.join(some.select("user_id").unique(), on="user_id", how="semi")
        yield _block(some.with_row_index("journey"), of_users, catalogue, statistics, params)


def scored(candidates: pl.DataFrame, weights: Mapping[str, float]) -> pl.DataFrame:
    """``candidates`` with ``score``, 0 to 1."""
    margin = np.full(candidates.height, weights["intercept"])
    for name in FEATURES:
        margin += weights[name] * candidates[name].to_numpy()
    chance = 1.0 / (1.0 + np.exp(-margin))
    return candidates.with_columns(score=pl.Series(np.round(chance, 6), dtype=pl.Float64))


# ── candidates ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _block(
    journeys: pl.DataFrame, engaged: pl.DataFrame, catalogue: Catalogue, statistics: Statistics, params: ItemParams
) -> Block:
    from journeys_assets.domain.items import kernels

    journeys = journeys.with_columns(pl.col("journey").cast(pl.Int64))
    known = catalogue.rows_of(engaged).with_columns(said=said())
    members = _member_keywords(journeys)
    heaviest = _heaviest(known, params)
    centroids = on_grid(unpack(journeys["centroid"].to_list()))
    catalogue = catalogue.with_dimensions(centroids.shape[1])
    own = _own_items(members, heaviest, catalogue)
    medoids = _medoids(own, catalogue)
    to_centroid, to_medoid = centroids @ catalogue.vectors.T, _vectors_of(medoids, journeys, catalogue)
    with_medoid = np.flatnonzero(to_medoid.any(axis=1))
    to_medoid = to_medoid @ catalogue.vectors.T
    by_keyword = _by_keyword(members, catalogue, params)
    numbers = journeys.select("user_id").unique(maintain_order=True).with_row_index("user")
    of_user = heaviest.join(numbers, on="user_id").select(row="user", item="item", said="said")
    together_user = _sums(of_user, numbers.height, statistics)
    together = _sums(own.select(row="journey", item="item", said="said"), journeys.height, statistics)

    everything = np.arange(journeys.height)
    found = np.zeros(to_centroid.shape, dtype=np.uint8)
    carried = np.zeros(to_centroid.shape, dtype=np.int64)
    by_it = by_keyword["journey"].to_numpy(), by_keyword["item"].to_numpy()
    found[by_it], carried[by_it] = _WAYS["keyword"], by_keyword["keyword"].to_numpy()
    kernels.mark_largest(to_centroid, everything, params.n_nearest, _WAYS["similar"], found)
    kernels.mark_largest(to_medoid[with_medoid], with_medoid, params.n_nearest, _WAYS["medoid"], found)
    kernels.mark_largest(together, everything, params.n_together, _WAYS["together"], found)
    had = _had(known, journeys, params)
    found[had["journey"].to_numpy(), had["item"].to_numpy()] = 0

    rows, items = np.nonzero(found)
    ways = found[rows, items]
    users = journeys.join(numbers, on="user_id", maintain_order="left")["user"].to_numpy()[rows]
    candidates = pl.DataFrame(
        {
            "journey": rows,
            "item": items,
            **{f"found_{way}": (ways & bit).astype(np.bool_) for way, bit in _WAYS.items()},
            "keyword": carried[rows, items] / _SHARES,
            "similarity": to_centroid[rows, items].astype(np.float64),
            "medoid": to_medoid[rows, items].astype(np.float64),
            "together": _saturated(together[rows, items]),
            "together_user": _saturated(together_user[users, items]),
            "popularity": statistics.popularity[items],
        }
    )
    return Block(
        journeys.select("journey", "user_id", "journey_id").join(
            medoids.rename({"item": "medoid"}), on="journey", how="left", maintain_order="left"
        ),
        candidates,
    )


def said() -> pl.Expr:
    """What an engagement says of its item: a whole number, at least 1."""
    decayed = pl.col("weight").sqrt() / (1 + pl.col("age_days") / _DAYS_TO_HALF)
    return (_UNIT * decayed).round().clip(1, 1_000).cast(pl.Int64)


def _member_keywords(journeys: pl.DataFrame) -> pl.DataFrame:
    """journey, user_id, keyword, share (a whole number out of ``_SHARES``) of every keyword of every journey."""
    members = (
        journeys.select("journey", "user_id", keyword="keywords", weight="keyword_weights")
        .explode("keyword", "weight")
        .with_columns((1_000 * pl.col("weight")).round().clip(1).cast(pl.Int64))
    )
    totals = members.group_by("journey").agg(total=pl.col("weight").sum())
    share = (_SHARES * pl.col("weight") / pl.col("total")).round().cast(pl.Int64)
    return members.join(totals, on="journey").select("journey", "user_id", "keyword", share=share)


def _own_items(members: pl.DataFrame, known: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The items that each user engaged with for each journey: journey, item, said; sorted. They carry a member."""
    carried = known.select("user_id", "item", "said").join(catalogue.carried, on="item")
    return (
        members.join(carried, on=["user_id", "keyword"])
        .select("journey", "item", "said")
        .unique(["journey", "item"])
        .sort("journey", "item")
    )


def _medoids(own: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """journey, item: of its items, the one with the largest weighted mean cosine to all; the first of equals."""
    from journeys_assets.domain.items import kernels

    starts, stops = _groups(own["journey"].to_numpy())
    best = kernels.medoids(_whole(catalogue), own["item"].to_numpy(), own["said"].to_numpy(), starts, stops)
    return own.select(pl.col("journey", "item").gather(best))


def _groups(sorted_values: Ints) -> tuple[Ints, Ints]:
    """The first position of each run of equal values, and the one after its last."""
    if not len(sorted_values):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]]))
    return starts, np.append(starts[1:], len(sorted_values))


def _whole(catalogue: Catalogue) -> NDArray[np.int16]:
    """The vectors of the catalogue as whole numbers."""
    return (catalogue.vectors * GRID).astype(np.int16)


def _vectors_of(medoids: pl.DataFrame, journeys: pl.DataFrame, catalogue: Catalogue) -> Floats:
    """(journeys, dimensions): the vector of each journey's medoid; zeros without one."""
    vectors = np.zeros((journeys.height, catalogue.vectors.shape[1]), dtype=np.float32)
    vectors[medoids["journey"].to_numpy()] = catalogue.vectors[medoids["item"].to_numpy()]
    return vectors


def _by_keyword(members: pl.DataFrame, catalogue: Catalogue, params: ItemParams) -> pl.DataFrame:
    """journey, item, keyword: the share of the journey's keyword weight that the item carries, of ``_SHARES``."""
    few = catalogue.carried.join(
        catalogue.carried.group_by("keyword").agg(n=pl.len()).filter(pl.col("n") <= params.max_items_per_keyword),
        on="keyword",
        how="semi",
    )
    return members.join(few, on="keyword").group_by("journey", "item").agg(keyword=pl.col("share").sum())


def _heaviest(known: pl.DataFrame, params: ItemParams) -> pl.DataFrame:
    """The rows of each user's ``max_engaged_items`` heaviest items."""
    ordered = known.sort("user_id", "said", "item", descending=[False, True, False])
    return ordered.group_by("user_id", maintain_order=True).head(params.max_engaged_items)


def _sums(engaged: pl.DataFrame, n_rows: int, statistics: Statistics) -> Ints:
    """(rows, items): the sum of strengths of each item with the items of ``engaged`` (row, item, said)."""
    n_items = len(statistics.popularity)
    if statistics.together.is_empty():
        return np.zeros((n_rows, n_items), dtype=np.int64)
    from scipy.sparse import csr_array

    pairs = statistics.together
    strengths = csr_array(
        (pairs["strength"].to_numpy(), (pairs["item"].to_numpy(), pairs["other"].to_numpy())), shape=(n_items, n_items)
    )
    place = (engaged["row"].to_numpy(), engaged["item"].to_numpy())
    sums: Ints = (csr_array((engaged["said"].to_numpy(), place), shape=(n_rows, n_items)) @ strengths).toarray()
    return sums


def _saturated(sums: Ints) -> Doubles:
    """Sums of strengths as numbers from 0 to 1."""
    total = sums / (STRENGTH * _UNIT)
    return np.asarray(total / (1 + total))


def _had(known: pl.DataFrame, journeys: pl.DataFrame, params: ItemParams) -> pl.DataFrame:
    """journey, item: what the user kept or acted on, or looked at within the cool-down."""
    had = known.filter(pl.col("is_kept") | (pl.col("age_days") < params.cool_down_days)).select("user_id", "item")
    return journeys.select("journey", "user_id").join(had, on="user_id").select("journey", "item")


# ── choice ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _chosen(block: Block, candidates: pl.DataFrame, catalogue: Catalogue, params: ItemParams) -> pl.DataFrame:
    """``OUTPUT`` of the journeys of a block."""
    best = (
        candidates.sort("journey", "score", "item", descending=[False, True, False])
        .group_by("journey", maintain_order=True)
        .head(params.n_items * params.n_diversified)
    )
    placed = best.with_columns(place=pl.Series(_places(best, catalogue, params))).filter(pl.col("place") >= 0)
    ways = pl.concat_str(
        [pl.when(f"found_{way}").then(pl.lit(way)) for way in FOUND_BY], separator="+", ignore_nulls=True
    )
    listed = (
        placed.sort("journey", "place")
        .with_columns(item_id=catalogue.items.gather(placed.sort("journey", "place")["item"]), found_by=ways)
        .group_by("journey", maintain_order=True)
        .agg(item_ids="item_id", item_scores="score", item_found_by="found_by")
    )
    medoid = pl.Series("medoid_item_id", catalogue.items.gather(block.journeys["medoid"]), dtype=pl.String)
    return (
        block.journeys.with_columns(medoid)
        .join(listed, on="journey", how="left", maintain_order="left")
        .with_columns(pl.col("item_ids", "item_scores", "item_found_by").fill_null([]))
        .select(pl.col(name).cast(dtype) for name, dtype in OUTPUT.items())
    )


def _places(best: pl.DataFrame, catalogue: Catalogue, params: ItemParams) -> Ints:
    """(rows,): the place of each candidate from 0; -1 where it gets none.

    Args:
        best: journey, item, score, by journey and descending score.
    """
    from journeys_assets.domain.items import kernels

    starts, stops = _groups(best["journey"].to_numpy())
    # Compared as float32, as cosines of vectors on the grid are exact there.
    similar = float(np.float32(params.similar_cosine)) * float(GRID) ** 2
    return kernels.places(
        _whole(catalogue),
        best["item"].to_numpy(),
        best["score"].to_numpy(),
        starts,
        stops,
        params.n_items,
        similar,
        params.diversity_penalty,
    )
