"""What the LightGBM models share: scoring with a booster, probabilities, and calibration error."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Doubles = npt.NDArray[np.float64]


@functools.lru_cache(maxsize=8)
def booster_of(model_text: str) -> Any:
    """The LightGBM booster of a model's text; parsed once."""
    import lightgbm

    return lightgbm.Booster(model_str=model_text)


def margins(booster: Any, rows: pl.DataFrame, features: Sequence[str]) -> Doubles:
    """Raw scores of ``rows`` (log-odds before any offset), (n,)."""
    if rows.is_empty():
        return np.zeros(0)
    matrix = rows.select(pl.col(list(features)).cast(pl.Float64)).to_numpy()
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)


def sigmoid(margin: Doubles) -> Doubles:
    """Probabilities from log-odds, clipped at +-30."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(margin, -30.0, 30.0))), dtype=np.float64)


def calibration_error(labels: Doubles, probabilities: Doubles, weights: Doubles, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal width: mean of |observed - expected|, by weight."""
    bins = np.minimum((probabilities * n_bins).astype(np.int64), n_bins - 1)
    gaps = np.bincount(bins, weights=weights * (labels - probabilities), minlength=n_bins)
    return float(np.abs(gaps).sum() / weights.sum())


def lightgbm_version() -> str:
    """The version of LightGBM, for model cards."""
    import lightgbm

    return str(lightgbm.__version__)
