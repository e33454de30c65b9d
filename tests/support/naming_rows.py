"""Members of journeys with a grade each, by known weights."""

from datetime import date

import numpy as np
import polars as pl

from journeys_assets.domain.naming.features import FEATURES


def world(truth: dict[str, float], *, n_journeys: int = 300, n_members: int = 6, seed: int = 1) -> pl.DataFrame:
    """Members with random features; the one that ``truth`` (weights) puts first is the good name."""
    rng = np.random.default_rng(seed)
    rows = n_journeys * n_members
    features = {name: rng.random(rows).round(3) for name in FEATURES}
    value = sum(weight * features[name] for name, weight in truth.items())
    return (
        pl.DataFrame(features | {"value": value})
        .with_columns(
            user_id=pl.lit("u"),
            user=pl.lit("u"),
            journey_id=pl.Series([f"j{row // n_members:04}" for row in range(rows)]),
            keyword=pl.Series([f"k{row % n_members}" for row in range(rows)]),
            n_queries=pl.lit(0, dtype=pl.Int64),
            first_engaged_at=pl.lit(None, dtype=pl.Datetime("us")),
            is_generic=pl.lit(False),
            personal=pl.lit(0, dtype=pl.Int64),
            journey_weight=pl.lit(1.0),
            day=pl.lit(None, dtype=pl.Date),
            readability=pl.lit(1.0),
        )
        .with_columns(grade=(pl.col("value") == pl.col("value").max().over("journey_id")).cast(pl.Float64))
    )


def judged(
    truth: dict[str, float], *, noise: float = 0.0, n_users: int = 40, each: int = 5, seed: int = 1
) -> pl.DataFrame:
    """Rows of ``naming_labels.ROW_SCHEMA``: every second journey was judged without a name being shown."""
    rows = world(truth, n_journeys=n_users * each, seed=seed)
    number = pl.col("journey_id").str.slice(1).cast(pl.Int64)
    rng = np.random.default_rng(seed)
    grade = np.clip(rows["grade"].to_numpy() + noise * rng.normal(size=rows.height), 0, 1)
    return rows.with_columns(
        user=pl.format("u{}", number // each),
        user_id=pl.format("u{} 2026-03-02", number // each),
        day=pl.lit(date(2026, 3, 2)),
        known_on=pl.lit(date(2026, 3, 2)),
        grade=pl.Series(grade),
        blind_grade=pl.when(number % 2 == 0).then(pl.Series(grade)),
    )
