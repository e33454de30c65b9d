"""How long it takes to rank the items of journeys, by the size of the catalogue: one thread, CPU milliseconds.

    python benchmarks/item_ranking.py [--items 1000 10000 100000] [--users 50]

Vectors are made up, in groups, with 384 dimensions. Every user has three journeys and forty items. With co-engagement,
every item belongs together with fifty others. The catalogue is in memory already.
"""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from journeys_assets.domain.items.catalogue import Catalogue, catalogue_of
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.ranking import Statistics, no_statistics, rank_items
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack

DIMENSIONS = 384
PER_GROUP = 40
PARAMS = ItemParams()


def catalogue(n_items: int, rng: np.random.Generator) -> tuple[Catalogue, KeywordVectors]:
    """Items with one keyword each, in groups."""
    keywords = [f"k{n:07}" for n in range(n_items)]
    rows = rng.normal(size=(-(-n_items // PER_GROUP), DIMENSIONS)).repeat(PER_GROUP, axis=0)[:n_items]
    rows = rows + 0.8 * rng.normal(size=rows.shape)
    vectors = KeywordVectors(keywords, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    lists = [[word] for word in keywords]
    described = pl.DataFrame({"item_id": keywords, "keywords": lists, "text_keywords": lists})
    return catalogue_of(described, vectors, pl.Series([], dtype=pl.String)), vectors


def users(n_users: int, vectors: KeywordVectors, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Journeys and engaged items of users who follow three groups each."""
    journeys, engaged = [], []
    for user in range(n_users):
        for number in range(3):
            start = int(rng.integers(0, len(vectors.keywords) - PER_GROUP))
            own = vectors.keywords[start : start + 6]
            centre = vectors.rows_for(own).mean(axis=0)
            packed = pack((centre / np.linalg.norm(centre))[None])[0]
            journeys.append((f"u{user}", f"j{number}", own, [1.0] * len(own), packed))
            engaged += [(f"u{user}", item, 1.0, 5, True) for item in vectors.keywords[start : start + 13]]
    columns = ["user_id", "journey_id", "keywords", "keyword_weights", "centroid"]
    items = ["user_id", "item_id", "weight", "age_days", "is_kept"]
    rows = pl.DataFrame(engaged, schema=items, orient="row").unique(["user_id", "item_id"], maintain_order=True)
    return pl.DataFrame(journeys, schema=columns, orient="row"), rows


def together(n_items: int, rng: np.random.Generator) -> Statistics:
    item = np.arange(n_items).repeat(50)
    pairs = pl.DataFrame({"item": item, "other": (item + rng.integers(1, 500, len(item))) % n_items, "strength": 100})
    return Statistics(pairs.unique(["item", "other"]).sort("item", "other"), rng.random(n_items))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--users", type=int, default=50)
    asked = options.parse_args()
    table = Table("items", "journeys", "ms/journey, by content", "with co-engagement")
    for n_items in asked.items:
        rng = np.random.default_rng(1)
        items, vectors = catalogue(n_items, rng)
        journeys, engaged = users(asked.users, vectors, rng)
        took = []
        for statistics in (no_statistics(items), together(n_items, rng)):
            rank_items(journeys.head(3), engaged, items, statistics, PARAMS.prior_weights, PARAMS)
            begin = time.process_time()
            rank_items(journeys, engaged, items, statistics, PARAMS.prior_weights, PARAMS)
            took.append(1_000 * (time.process_time() - begin) / journeys.height)
        table.add_row(f"{n_items:,}", f"{journeys.height:,}", *(f"{one:.2f}" for one in took))
    Console().print(table)


if __name__ == "__main__":
    main()
