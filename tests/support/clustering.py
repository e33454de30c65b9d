"""Logs, unit vectors and words for tests of the clustering."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

START = datetime(2026, 1, 1)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def log_of(user: str, keywords: list[str], *, weight: float = 1.0) -> pl.DataFrame:
    """One row a keyword, engaged with one day after the other."""
    days = [START + timedelta(days=i) for i in range(len(keywords))]
    return pl.DataFrame(
        {
            "user_id": [user] * len(keywords),
            "keyword": keywords,
            "weight": [weight + 0.1 * i for i in range(len(keywords))],
            "first_engaged_at": days,
            "last_engaged_at": [d + timedelta(hours=5) for d in days],
        }
    )


def words(n: int, prefix: str = "k") -> list[str]:
    return [f"{prefix}{i:03d}" for i in range(n)]


def members_of(children: NDArray[np.int64]) -> list[list[int]]:
    """Rows under each merge's node."""
    n = len(children) + 1
    under = [[i] for i in range(n)]
    for left, right in children:
        under.append(under[left] + under[right])
    return under[n:]
