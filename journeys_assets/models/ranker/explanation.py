"""Explains the rank of a journey: what each part of the evidence adds to its score.

A score is taken apart on demand; nothing is stored. ``models.ranker.release`` computes scores.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import BASE, PARTS, part_of, prior_parts
from journeys_assets.models.boosters import booster_of
from journeys_assets.models.ranker.release import Release

PARTS_SCHEMA = pl.Schema(
    {"user_id": pl.String(), "journey_id": pl.String(), "part": pl.String(), "contribution": pl.Float64()}
)


def explain(features: pl.DataFrame, release: Release | None, params: RankingParams) -> pl.DataFrame:
    """What each part of the evidence adds to the score of each journey.

    For a release: log-odds, by TreeSHAP (Lundberg et al. 2020, as in LightGBM's ``pred_contrib``), summed over the
    features of each part. Together with 'base', the starting value of every journey, they sum to the log-odds of the
    score. For the prior (no release): its own terms, see :func:`~journeys_assets.domain.ranking.prior.prior_parts`.

    Args:
        features: Rows of ``journey_features`` of one day.

    Returns:
        user_id, journey_id, part (of ``PARTS``, or 'base'), contribution; sorted by user and journey, then by absolute
        contribution, largest first, with 'base' last.

    Raises:
        ValueError: the release has features that belong to no part.
    """
    rows = features.sort("user_id", "journey_id")
    wide = prior_parts(rows, params) if release is None else _release_parts(rows, release)
    return (
        wide.unpivot(index=["user_id", "journey_id"], variable_name="part", value_name="contribution")
        .select(pl.col(name).cast(dtype) for name, dtype in PARTS_SCHEMA.items())
        .sort(
            "user_id",
            "journey_id",
            pl.col("part") == BASE,
            pl.col("contribution").abs(),
            "part",
            descending=[False, False, False, True, False],
        )
    )


def _release_parts(rows: pl.DataFrame, release: Release) -> pl.DataFrame:
    names: list[str] = release.card["features"]
    parts = [part_of(name) for name in names]
    unknown = [name for name, part in zip(names, parts, strict=True) if part is None]
    if unknown:
        raise ValueError(f"features of {release.version} that belong to no part: {', '.join(unknown)}")
    keys = rows.select("user_id", "journey_id")
    if rows.is_empty():
        return keys.with_columns(pl.lit(0.0).alias(part) for part in (*PARTS, BASE))
    matrix = rows.select(pl.col(names).cast(pl.Float64)).to_numpy()
    shares = np.asarray(
        booster_of(release.model_text).predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64
    )
    columns = {part: shares[:, [i for i, own in enumerate(parts) if own == part]].sum(axis=1) for part in PARTS}
    columns[BASE] = shares[:, -1] + release.card["base_margin"]
    return keys.with_columns(pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items())
