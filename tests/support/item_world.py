"""A small catalogue, journeys and engagements, drawn at random, for tests of journey items."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from journeys_assets.domain.items.catalogue import Catalogue, catalogue_of
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack

DIMENSIONS = 24


@dataclass(frozen=True)
class ItemWorld:
    """What ``rank_items`` takes, and the vectors of the keywords."""

    catalogue: Catalogue
    described: pl.DataFrame
    vectors: KeywordVectors
    journeys: pl.DataFrame
    engaged: pl.DataFrame


def keyword_vectors(keywords: list[str], seed: int = 1) -> KeywordVectors:
    """Random unit vectors; those of one letter lie near each other."""
    rng = np.random.default_rng(seed)
    letters = {letter: rng.normal(size=DIMENSIONS) for letter in sorted({word[0] for word in keywords})}
    rows = np.array([letters[word[0]] + 0.5 * rng.normal(size=DIMENSIONS) for word in sorted(keywords)])
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return KeywordVectors(sorted(keywords), unit)


def item_world(seed: int, *, n_users: int = 12, n_items: int = 80) -> ItemWorld:
    """Items of five themes, with two keywords each; users with two journeys of three keywords, and some items."""
    rng = np.random.default_rng(seed)
    words = [f"{letter}{n}" for letter in "abcde" for n in range(12)]
    vectors = keyword_vectors(words, seed)
    themes = rng.integers(0, 5, n_items)
    lists = [sorted({words[12 * theme + n] for n in rng.integers(0, 12, 2)}) for theme in themes]
    described = pl.DataFrame(
        {"item_id": [f"i{n:03}" for n in range(n_items)], "keywords": lists, "text_keywords": lists}
    )
    journeys, engaged = [], []
    for user in range(n_users):
        for theme in rng.choice(5, 2, replace=False):
            keywords = [words[12 * theme + n] for n in rng.choice(12, 3, replace=False)]
            weights = rng.random(3) + 0.1
            centre = weights @ vectors.rows_for(keywords)
            packed = pack((centre / np.linalg.norm(centre))[None].astype(np.float32))[0]
            journeys.append((f"u{user:02}", f"j{theme}", keywords, weights.tolist(), packed))
        for item in rng.choice(n_items, 8, replace=False):
            age, kept = int(rng.integers(0, 60)), bool(rng.random() < 0.3)
            engaged.append((f"u{user:02}", f"i{item:03}", float(rng.random() + 0.1), age, kept))
    return ItemWorld(
        catalogue_of(described, vectors, pl.Series([], dtype=pl.String)),
        described,
        vectors,
        pl.DataFrame(
            journeys,
            schema={
                "user_id": pl.String,
                "journey_id": pl.String,
                "keywords": pl.List(pl.String),
                "keyword_weights": pl.List(pl.Float64),
                "centroid": pl.Binary,
            },
            orient="row",
        ),
        pl.DataFrame(
            engaged,
            schema={
                "user_id": pl.String,
                "item_id": pl.String,
                "weight": pl.Float64,
                "age_days": pl.Int64,
                "is_kept": pl.Boolean,
            },
            orient="row",
        ),
    )
