"""Warehouses that hold user_journeys alone, for tests of related journeys."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES, NAME_EMBEDDINGS
from journeys_assets.domain.tables.sql import user_journeys
from journeys_assets.models.embedding.base import Progress, Vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

AS_OF = date(2026, 3, 31)
TABLE = user_journeys(DEFAULT_ACTIONS)


class WordEmbedder:
    """A random vector for each text, from its last letters but one: cheap, and ten numbered texts are one topic."""

    dimensions = 64
    model_version = "word-64"

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        rows = np.empty((len(keywords), self.dimensions), dtype=np.float32)
        for row, text in enumerate(keywords):
            seed = int.from_bytes(text.encode()[-9:-1], "little")
            rows[row] = np.random.default_rng(seed).normal(size=self.dimensions)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def related_warehouse(path: Path, *, n_users: int) -> Warehouse:
    """Users with a hobby each; every fifth plans a wedding, and a honeymoon after it; one has a private journey."""
    rows = [(f"u{i:03}", f"hobby {i % 25}", i % 40) for i in range(n_users)]
    for i in range(0, n_users, 5):
        rows += [(f"u{i:03}", "Wedding planning", i % 20), (f"u{i:03}", "Honeymoon trip", i % 20 + 15)]
    return journeys_in(path, [*rows, ("u001", "private matter of one", 3), ("u002", "Unnamed journey", 4)])


def many_names(path: Path, *, n_names: int) -> Warehouse:
    """Every name has one user, and every user ten names; letters stand for digits, which would be personal data."""
    words = ["".join("abcdefghij"[int(digit)] for digit in f"{i:07}") for i in range(n_names)]
    return journeys_in(path, [(f"u{i // 10:06}", f"name {word}", i % 80) for i, word in enumerate(words)])


def journeys_in(path: Path, rows: Sequence[tuple[str, str, int]]) -> Warehouse:
    """A warehouse with one day of user_journeys, of (user, name, day of its start before ``AS_OF``)."""
    warehouse = Warehouse(path)
    warehouse.ensure(TABLE, JOURNEY_NAMES, NAME_EMBEDDINGS)
    begin = datetime.combine(AS_OF - timedelta(days=80), datetime.min.time())
    frame = pl.DataFrame(
        {
            "user_id": [user for user, _, _ in rows],
            "journey_id": [f"j{n}" for n in range(len(rows))],
            "journey_name": [name for _, name, _ in rows],
            "first_engaged_at": [begin + timedelta(days=day) for _, _, day in rows],
        }
    )
    known = {
        "partition_date": pl.lit(AS_OF),
        "stage": pl.lit("ongoing"),
        "confidence": pl.lit(0.9),
        "safety_decision": pl.lit("allow"),
    }
    missing = [
        known.get(column.name, pl.lit(None)).cast(column.dtype).alias(column.name)
        for column in TABLE.columns
        if column.name not in frame.columns
    ]
    warehouse.replace_partitions(TABLE, frame.with_columns(missing).select(TABLE.column_names), [AS_OF])
    return warehouse
