"""Which topics the same users pursue, more often than chance, and in which order they start them.

**Lift.** (observed + a) / (expected + a), where expected = users of one topic x users of the other / all users and a is
``lift_prior_users``: the posterior mean of the ratio under a gamma prior with mean 1. Pairs of few users have a lift
near 1. G2, the likelihood ratio statistic of the 2 x 2 table, says whether the lift may be chance (Dunning 1993,
*Accurate Methods for the Statistics of Surprise and Coincidence*).

**Order.** Of the users who started both on different days, the share that started the one after the other, with its
Wilson interval. The order is significant if the interval excludes one half.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from journeys_assets.domain.related.params import RelatedParams

_USERS_PER_CHUNK = 20_000

PAIRS = pl.Schema(
    {
        "topic": pl.Int64(),
        "other": pl.Int64(),
        "n_both": pl.Int64(),
        "lift": pl.Float64(),
        "log_likelihood": pl.Float64(),
        "share_after": pl.Float64(),
        "is_after": pl.Boolean(),
        "lag_days": pl.Float64(),
    }
)


def related_topics(starts: pl.DataFrame, n_users: int, params: RelatedParams) -> pl.DataFrame:
    """Pairs of topics that the same users pursue more often than chance.

    Args:
        starts: user_id, topic (Int64), started_on (Date, null where unknown); one row per user and topic.
        n_users: All users, also those without a row.

    Returns:
        Rows of ``PAIRS``, both directions of each pair, sorted by topic and other. ``share_after`` (0-1): of the users
        who started both on different days at most ``max_lag_days`` apart, the share that started ``other`` after
        ``topic``; null if there are none. ``is_after``: the order is significant. ``lag_days``: median days from the
        start of ``topic`` to that of ``other``, over the users who started ``other`` later; null if there are none.
        Pairs of fewer than ``min_users`` users are left out.
    """
    kept = (
        starts.sort("user_id", "started_on", "topic", descending=[False, True, False], nulls_last=True)
        .group_by("user_id", maintain_order=True)
        .head(params.max_topics_per_user)
    )
    users = kept.group_by("topic").agg(pl.len().cast(pl.Int64).alias("n"))
    counts = [pairs.group_by("topic", "other").agg(pl.len().cast(pl.Int64).alias("n_both")) for pairs in _pairs(kept)]
    if not counts:
        return PAIRS.to_frame()
    both = (
        pl.concat(counts)
        .group_by("topic", "other")
        .agg(pl.col("n_both").sum())
        .filter(pl.col("n_both") >= params.min_users)
        .join(users.rename({"n": "n_topic"}), on="topic")
        .join(users.rename({"topic": "other", "n": "n_other"}), on="other")
    )
    expected = pl.col("n_topic") * pl.col("n_other") / max(n_users, 1)
    prior = params.lift_prior_users
    strong = (
        both.with_columns(
            lift=(pl.col("n_both") + prior) / (expected + prior), log_likelihood=_log_likelihood(max(n_users, 1))
        )
        .filter((pl.col("n_both") > expected) & (pl.col("log_likelihood") >= params.min_log_likelihood))
        .select("topic", "other", "n_both", "lift", "log_likelihood")
    )
    key = ["topic", "other"]
    lags = [PAIRS_LAGS.to_frame()]
    lags += [pairs.join(strong, on=key, how="semi").select(*key, "lag") for pairs in _pairs(kept)]
    ordered = (
        pl.concat(lags)
        .filter((pl.col("lag") != 0) & (pl.col("lag").abs() <= params.max_lag_days))
        .group_by(key)
        .agg(
            n_ordered=pl.len().cast(pl.Float64),
            share_after=(pl.col("lag") > 0).mean(),
            lag_days=pl.col("lag").filter(pl.col("lag") > 0).median(),
        )
        .with_columns(low=_wilson_low(params.order_z))
    )
    return (
        strong.join(ordered, on=key, how="left")
        .with_columns(is_after=(pl.col("low") > 0.5).fill_null(False))
        .select(pl.col(name).cast(dtype) for name, dtype in PAIRS.items())
        .sort(key)
    )


PAIRS_LAGS = pl.Schema({"topic": pl.Int64(), "other": pl.Int64(), "lag": pl.Int64()})


def _pairs(starts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Ordered pairs of different topics of each user, some users at a time: topic, other, lag (days, null unknown)."""
    numbered = starts.with_columns(chunk=pl.col("user_id").rank("dense").cast(pl.Int64) // _USERS_PER_CHUNK)
    for chunk in numbered.partition_by("chunk", maintain_order=True):
        yield (
            chunk.select("user_id", "topic", "started_on")
            .join(chunk.select("user_id", other="topic", other_on="started_on"), on="user_id")
            .filter(pl.col("topic") != pl.col("other"))
            .select("topic", "other", lag=(pl.col("other_on") - pl.col("started_on")).dt.total_days())
        )


def _log_likelihood(n_users: int) -> pl.Expr:
    """G2 of the table of users with both, one, the other and none."""
    a, one, other = (pl.col(name).cast(pl.Float64) for name in ("n_both", "n_topic", "n_other"))
    b, c = one - a, other - a
    d = n_users - a - b - c

    def term(observed: pl.Expr, expected: pl.Expr) -> pl.Expr:
        return pl.when(observed > 0).then(observed * (observed / expected).log()).otherwise(0.0)

    n = float(n_users)
    return 2.0 * (
        term(a, one * other / n)
        + term(b, one * (n - other) / n)
        + term(c, (n - one) * other / n)
        + term(d, (n - one) * (n - other) / n)
    )


def _wilson_low(z: float) -> pl.Expr:
    n, p = pl.col("n_ordered"), pl.col("share_after")
    spread = z * (p * (1 - p) / n + z * z / (4 * n * n)).sqrt()
    return (p + z * z / (2 * n) - spread) / (1 + z * z / n)
