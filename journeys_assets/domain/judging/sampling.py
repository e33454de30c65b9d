"""The daily sample of users whose journeys are judged.

**Whether a user is drawn depends on the user alone.** Each user has a uniform number for each day, a hash of the id,
the day and a seed, and is drawn if it lies below the share of the user's stratum (Poisson sampling). The strata follow
from the user's own journeys, and their shares from parameters. No quota and no sorting among users is involved, so
adding or removing a user changes nothing for others, and neither does how the work is split. The price is that the size
of the sample varies from day to day by about its square root.

A user of share s stands for 1 / s users (``sampling_weight``), so means over the sample are means over all users.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

import polars as pl

from journeys_assets.domain.judging.params import JudgingParams

ACTIVE_DAYS = 28

USERS_SCHEMA = pl.Schema(
    {
        "user_id": pl.String(),
        "n_journeys": pl.Int64(),
        "kind": pl.String(),
        "days_since_last_engaged": pl.Int64(),
    }
)
"""One row per user with live journeys: their number, the kind of the first one, and days since any was engaged with."""


def drawn_users(users: pl.DataFrame, day: date, params: JudgingParams) -> pl.DataFrame:
    """The users of the sample.

    Args:
        users: ``USERS_SCHEMA``, in any order.

    Returns:
        user_id, stratum, sampling_weight (1 or more), priority (uniform / share, 0 to 1); by priority, so that the
        first n of them are a random part of the sample.
    """
    share = _share(params)
    drawn = (
        users.with_columns(stratum=_stratum(params), share=share)
        .filter(pl.col("share") > 0)
        .with_columns(uniform=pl.col("user_id").map_batches(_uniform(day, params.seed), return_dtype=pl.Float64))
        .filter(pl.col("uniform") < pl.col("share"))
    )
    return drawn.select(
        "user_id",
        "stratum",
        sampling_weight=1.0 / pl.col("share"),
        priority=pl.col("uniform") / pl.col("share"),
    ).sort("priority", "user_id")


def _stratum(params: JudgingParams) -> pl.Expr:
    n, silence = pl.col("n_journeys"), pl.col("days_since_last_engaged")
    size = (
        pl.when(n == 1)
        .then(pl.lit("one journey"))
        .when(n < params.many_journeys)
        .then(pl.lit("some journeys"))
        .otherwise(pl.lit("many journeys"))
    )
    activity = (
        pl.when(silence < 1)
        .then(pl.lit("active today"))
        .when(silence < ACTIVE_DAYS)
        .then(pl.lit("active lately"))
        .otherwise(pl.lit("inactive"))
    )
    return pl.concat_str(size, pl.col("kind"), activity, separator=", ")


def _share(params: JudgingParams) -> pl.Expr:
    one = pl.lit(1.0)
    many = pl.when(pl.col("n_journeys") >= params.many_journeys).then(params.many_journeys_factor).otherwise(one)
    silent = pl.when(pl.col("days_since_last_engaged") >= ACTIVE_DAYS).then(params.inactive_factor).otherwise(one)
    seasonal = pl.when(pl.col("kind") == "seasonal").then(params.seasonal_factor).otherwise(one)
    return (params.share_of_users * many * silent * seasonal).clip(0.0, 1.0)


def uniform_of(*parts: object) -> float:
    """A number from 0 to below 1 that depends on ``parts`` alone."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


def _uniform(day: date, seed: int) -> Callable[[pl.Series], pl.Series]:
    def uniform(users: pl.Series) -> pl.Series:
        return pl.Series([uniform_of("sample", seed, day, user) for user in users], dtype=pl.Float64)

    return uniform
