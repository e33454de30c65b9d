"""The catalogue as an index: which items carry a keyword, and the vector of each item.

The search by vector is exact: one product of two matrices. Vectors are rounded to a grid (``domain.related.groups``),
so every cosine is exact in float32 and depends on nothing else in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.related.groups import Floats, on_grid


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items that may be shown.

    Attributes:
        items: n item ids, sorted; an item is a row number in them.
        carried: keyword, item (row number): every keyword of every item; sorted by both.
        vectors: float32 (n, dimensions) on the grid: the mean of the item's keyword vectors, of length 1; zeros where
            no keyword has a vector.
    """

    items: pl.Series
    carried: pl.DataFrame
    vectors: Floats

    def with_dimensions(self, dimensions: int) -> Catalogue:
        """The same catalogue; where no keyword of it has a vector, with zeros of ``dimensions``."""
        if self.vectors.shape[1]:
            return self
        return replace(self, vectors=np.zeros((len(self.items), dimensions), dtype=np.float32))

    def rows_of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """``frame`` (item_id, …) with ``item``, the row number; without items that are not in the catalogue."""
        known = pl.DataFrame({"item_id": self.items, "item": np.arange(len(self.items))})
        return frame.join(known, on="item_id", how="inner", maintain_order="left")


def catalogue_day(day: date, every_days: int) -> date:
    """The last day up to ``day`` at whose end the catalogue counts; see ``ItemParams.catalogue_every_days``.

    Raises:
        ValueError: ``every_days`` is below 1.
    """
    if every_days < 1:
        raise ValueError(f"catalogue_every_days is {every_days}; it must be 1 or more")
    return day - timedelta(days=day.toordinal() % every_days)


def catalogue_of(described: pl.DataFrame, vectors: KeywordVectors, unsafe: pl.Series) -> Catalogue:
    """The index of a catalogue.

    Args:
        described: item_id (distinct), keywords (all, distinct), text_keywords (those that make its vector).
        vectors: Of keywords; a keyword without one is left out of the mean.
        unsafe: Keywords that must not be shown to anybody; an item that carries one is left out.
    """
    rows = described.sort("item_id")
    carried = rows.select("item_id", keyword="keywords").explode("keyword").drop_nulls("keyword")
    refused = carried.filter(pl.col("keyword").is_in(unsafe.implode()))["item_id"].unique()
    rows = rows.filter(~pl.col("item_id").is_in(refused.implode()))
    numbers = pl.DataFrame({"item_id": rows["item_id"], "item": np.arange(rows.height)})
    carried = carried.join(numbers, on="item_id").select("keyword", "item").unique().sort("keyword", "item")
    return Catalogue(rows["item_id"], carried, _means(rows.select("item_id", "text_keywords"), numbers, vectors))


def _means(rows: pl.DataFrame, numbers: pl.DataFrame, vectors: KeywordVectors) -> Floats:
    """(items, dimensions): unit means on the grid."""
    known = pl.DataFrame({"keyword": pl.Series(vectors.keywords, dtype=pl.String)}).with_row_index("place")
    pairs = (
        rows.join(numbers, on="item_id")
        .select("item", keyword="text_keywords")
        .explode("keyword")
        .join(known, on="keyword")
        .sort("item", "place")
    )
    sums = np.zeros((rows.height, vectors.dimensions), dtype=np.float64)
    # On the grid every sum is exact, whatever its order.
    np.add.at(sums, pairs["item"].to_numpy(), on_grid(vectors.matrix)[pairs["place"].to_numpy()])
    lengths = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
    return on_grid(np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0).astype(np.float32))
