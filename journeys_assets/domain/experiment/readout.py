"""Results of the notification experiment: rates of the arms, effects between them, and warnings.

Outcomes per user, their means and ratios with intervals, the sample-ratio check and the minimum detectable effect are
computed here. Arms are assigned in ``domain.notifications.arms``. Policies that never ran are evaluated in
``evaluation.statistics.off_policy``.

Users were randomised into arms, so variances are over users. Sends of one user resemble each other, so an interval that
treats every send as independent is too narrow. A figure per send is a ratio of two means over users, with the variance
of a ratio (delta method: Deng, Knoblich & Lu 2018, *Applying the Delta Method in Metric Analytics*). Comparisons with
the holdout include all users, sent or not (intention to treat).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.experiment.params import ReadoutParams
from journeys_assets.domain.notifications.arms import experiment_arm
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.vocabulary import ARMS

Floats = NDArray[np.float64]

COUNTS = ("n_sends", "n_opens", "n_clicks", "n_unsubscribes", "n_engagements", "n_active_days")
COVARIATES = {"n_engagements": "n_engagements_before", "n_active_days": "n_active_days_before"}
"""Count → the same count before the experiment, which the arm cannot influence."""

OUTCOMES = pl.Schema(
    {"user_id": pl.String(), "arm": pl.String()} | dict.fromkeys((*COUNTS, *COVARIATES.values()), pl.Int64())
)
"""One row per user."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over users, or a ratio of two.

    Attributes:
        denominator: Column of the denominator; None for a mean over users.
        against: The reference arm: 'interest' for outcomes that only a send can have, else 'holdout'.
    """

    name: str
    numerator: str
    denominator: str | None
    against: str


METRICS = (
    Metric("opens per send", "n_opens", "n_sends", "interest"),
    Metric("clicks per send", "n_clicks", "n_sends", "interest"),
    Metric("unsubscribes per send", "n_unsubscribes", "n_sends", "interest"),
    Metric("sends per user", "n_sends", None, "interest"),
    Metric("opens per user", "n_opens", None, "interest"),
    Metric("clicks per user", "n_clicks", None, "interest"),
    Metric("unsubscribes per user", "n_unsubscribes", None, "interest"),
    Metric("engagements per user", "n_engagements", None, "holdout"),
    Metric("active days per user", "n_active_days", None, "holdout"),
)

RATES = pl.Schema(
    {
        "metric": pl.String(),
        "arm": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "n_users": pl.Int64(),
    }
)
EFFECTS = pl.Schema(
    {
        "metric": pl.String(),
        "arm": pl.String(),
        "against": pl.String(),
        "effect": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
        "relative_effect": pl.Float64(),
        "minimum_detectable_effect": pl.Float64(),
        "is_adjusted": pl.Boolean(),
    }
)
"""``effect``: arm minus ``against``, in the metric's unit. ``relative_effect``: as a share of ``against``; null where
that is 0. ``minimum_detectable_effect``: the effect that an experiment of this size detects with ``power``.
``is_adjusted``: whether activity before the experiment was used as a covariate (CUPED)."""

ARM_COUNTS = pl.Schema(
    {
        "arm": pl.String(),
        "n_users": pl.Int64(),
        "expected_users": pl.Float64(),
        "n_users_sent": pl.Int64(),
        "n_sends": pl.Int64(),
        "n_opens": pl.Int64(),
        "n_clicks": pl.Int64(),
        "n_unsubscribes": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True)
class Readout:
    """Results of an experiment.

    Attributes:
        arms: Rows of ``ARM_COUNTS``.
        rates: Rows of ``RATES``, without arms in which fewer than two users count.
        effects: Rows of ``EFFECTS``, likewise.
        srm_p_value: Probability of arm sizes at least as uneven as these under the configured shares.
        warnings: Reasons not to trust the results; may be empty.
    """

    arms: pl.DataFrame
    rates: pl.DataFrame
    effects: pl.DataFrame
    srm_p_value: float
    warnings: tuple[str, ...]


def user_outcomes(
    users: pl.DataFrame,
    sends: pl.DataFrame,
    engagements: pl.DataFrame,
    first: date,
    last: date,
    notifications: NotificationParams,
    params: ReadoutParams,
) -> pl.DataFrame:
    """Sends and activity of each user from ``first`` to ``last``; data after ``last`` is ignored.

    Args:
        users: user_id of every user in the experiment.
        sends: user_id, sent_at, opened_at, clicked_at, unsubscribed_at (nullable). Sends to other users are ignored.
        engagements: user_id, day, n (engagements on the day). Rows of other users are ignored.

    Returns:
        Rows of ``OUTCOMES``, sorted by user_id. A send counts on the day it was sent; a response counts if it came by
        the end of ``last``.

    Raises:
        ValueError: ``last`` is before ``first``.
    """
    if last < first:
        raise ValueError(f"the last day of the experiment, {last}, is before its first day, {first}")
    end = pl.lit(last).cast(pl.Datetime("us")) + pl.duration(days=1)
    sent_day = pl.col("sent_at").dt.date()
    responses = (
        sends.filter((sent_day >= first) & (sent_day <= last))
        .group_by("user_id")
        .agg(
            n_sends=pl.len(),
            n_opens=(pl.col("opened_at") < end).sum(),
            n_clicks=(pl.col("clicked_at") < end).sum(),
            n_unsubscribes=(pl.col("unsubscribed_at") < end).sum(),
        )
    )
    begins = first - timedelta(days=params.covariate_days)
    daily = engagements.filter((pl.col("day") >= begins) & (pl.col("day") <= last) & (pl.col("n") > 0))
    during, before = pl.col("day") >= first, pl.col("day") < first
    activity = daily.group_by("user_id").agg(
        n_engagements=pl.col("n").filter(during).sum(),
        n_active_days=pl.col("day").filter(during).n_unique(),
        n_engagements_before=pl.col("n").filter(before).sum(),
        n_active_days_before=pl.col("day").filter(before).n_unique(),
    )
    everyone = users.select("user_id").unique().sort("user_id")
    arms = [experiment_arm(user_id, notifications) for user_id in everyone["user_id"]]
    return (
        everyone.with_columns(arm=pl.Series(arms, dtype=pl.String))
        .join(responses, on="user_id", how="left")
        .join(activity, on="user_id", how="left")
        .select("user_id", "arm", pl.col(*COUNTS, *COVARIATES.values()).cast(pl.Int64).fill_null(0))
        .sort("user_id")
    )


def read_out(outcomes: pl.DataFrame, notifications: NotificationParams, params: ReadoutParams) -> Readout:
    """Rates, effects and sample-ratio check of an experiment.

    Intervals use Student's t over users, with Welch's degrees of freedom for differences. For metrics against the
    holdout, the variance over users is pooled over arms. A few users cause most of the activity, so the own variance of
    a small arm without such users would be too small, and sends change the variance little. If users were active before
    the experiment, effects on engagement are adjusted for that activity (CUPED: Deng et al. 2013, *Improving the
    Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data*). Rates are not adjusted.

    Args:
        outcomes: Rows of ``OUTCOMES``.

    Raises:
        ValueError: There are no users in the experiment.
    """
    if outcomes.is_empty():
        raise ValueError("there are no users in the experiment")
    of_arm = {arm: outcomes.filter(pl.col("arm") == arm) for arm in ARMS}
    rates, effects = [], []
    for metric in METRICS:
        found = _estimates(of_arm, metric)
        rates += [
            (metric.name, arm, e.value, *e.interval(params.level), e.n_users)
            for arm, e in found.items()
            if arm != "holdout" or metric.against == "holdout"
        ]
        theta = _theta(list(of_arm.values()), metric)
        adjusted = _estimates(of_arm, metric, theta) if theta else found
        for arm in ARMS[: ARMS.index(metric.against)]:
            if arm in adjusted and metric.against in adjusted:
                effect = _effect(adjusted[arm], adjusted[metric.against], params)
                effects.append((metric.name, arm, metric.against, *effect, theta != 0.0))
    arms, p_value = _arm_counts(of_arm, notifications)
    return Readout(
        arms,
        pl.DataFrame(rates, schema=RATES, orient="row"),
        pl.DataFrame(effects, schema=EFFECTS, orient="row"),
        p_value,
        _warnings(arms, p_value, params),
    )


def misplaced_sends(sends: pl.DataFrame, notifications: NotificationParams) -> pl.DataFrame:
    """Sends logged with another arm than their user's, because salt or shares changed or the sender made a mistake.

    Args:
        sends: user_id, arm and other columns, which are kept.
    """
    users = sends["user_id"].unique().sort()
    arms = pl.DataFrame(
        {"user_id": users, "own_arm": [experiment_arm(user_id, notifications) for user_id in users]},
        schema={"user_id": pl.String, "own_arm": pl.String},
    )
    return sends.join(arms, on="user_id", maintain_order="left").filter(pl.col("arm") != pl.col("own_arm"))


# ── estimates ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """A ratio of means over users (a mean if the denominator is 1), with its variance over users."""

    value: float
    variance: float
    n_users: int
    degrees: int

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided interval by Student's t: low, high."""
        half = t_quantile(level, self.degrees) * math.sqrt(self.variance)
        return self.value - half, self.value + half


def ratio_of_means(numerator: Floats, denominator: Floats) -> RatioEstimate:
    """sum(numerator) / sum(denominator), with its variance over users by the delta method.

    Args:
        numerator: (n_users,).
        denominator: (n_users,), >= 0; users with 0 do not count.

    Raises:
        ValueError: Fewer than two users count.
    """
    counts = denominator > 0
    y, x = numerator[counts], denominator[counts]
    n = len(x)
    if n < 2:
        raise ValueError(f"{n} users count; a variance needs two")
    value = float(y.sum() / x.sum())
    off = (y - value * x) / x.mean()
    return RatioEstimate(value, float(off @ off) / (n - 1) / n, n, n - 1)


def t_quantile(level: float, degrees: float) -> float:
    """Half-width of a two-sided interval in standard errors."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, degrees))


def _estimates(of_arm: dict[str, pl.DataFrame], metric: Metric, theta: float = 0.0) -> dict[str, RatioEstimate]:
    """The metric of each arm in which at least two users count, minus ``theta`` times the difference of the covariate
    from its mean over all arms."""
    values = {arm: rows[metric.numerator].to_numpy().astype(np.float64) for arm, rows in of_arm.items()}
    if theta:
        before = {arm: of_arm[arm][COVARIATES[metric.numerator]].to_numpy().astype(np.float64) for arm in of_arm}
        mean_before = float(np.concatenate(list(before.values())).mean())
        values = {arm: values[arm] - theta * (before[arm] - mean_before) for arm in values}
    weights = {
        arm: np.ones(rows.height)
        if metric.denominator is None
        else rows[metric.denominator].to_numpy().astype(np.float64)
        for arm, rows in of_arm.items()
    }
    found = {arm: ratio_of_means(values[arm], weights[arm]) for arm in of_arm if (weights[arm] > 0).sum() >= 2}
    if metric.against != "holdout" or not found:
        return found
    degrees = sum(estimate.degrees for estimate in found.values())
    pooled = sum(e.variance * e.n_users * e.degrees for e in found.values()) / degrees
    return {arm: replace(e, variance=pooled / e.n_users, degrees=degrees) for arm, e in found.items()}


def _theta(arms: Sequence[pl.DataFrame], metric: Metric) -> float:
    """Slope of the metric on its covariate within arms; 0 without a covariate or without activity before."""
    before = COVARIATES.get(metric.numerator)
    if before is None:
        return 0.0
    cross = spread = 0.0
    for rows in arms:
        if rows.height:
            x, y = (rows[name].to_numpy().astype(np.float64) for name in (before, metric.numerator))
            cross += float((x - x.mean()) @ (y - y.mean()))
            spread += float((x - x.mean()) @ (x - x.mean()))
    return cross / spread if spread else 0.0


def _effect(
    one: RatioEstimate, other: RatioEstimate, params: ReadoutParams
) -> tuple[float, float, float, float, float | None, float]:
    """Difference, low and high of its interval, p-value, relative difference, minimum detectable effect."""
    from scipy.stats import norm, t

    gap, variance = one.value - other.value, one.variance + other.variance
    if variance == 0.0:
        p_value = 1.0 if gap == 0.0 else 0.0
        return gap, gap, gap, p_value, gap / other.value if other.value else None, 0.0
    degrees = variance**2 / (one.variance**2 / one.degrees + other.variance**2 / other.degrees)
    error = math.sqrt(variance)
    half = t_quantile(params.level, degrees) * error
    p_value = float(2 * t.sf(abs(gap) / error, degrees))
    detectable = float((norm.ppf((1 + params.level) / 2) + norm.ppf(params.power)) * error)
    return gap, gap - half, gap + half, p_value, gap / other.value if other.value else None, detectable


# ── sample ratio ────────────────────────────────────────────────────────────────────────────────────────────────────


def _arm_counts(of_arm: dict[str, pl.DataFrame], notifications: NotificationParams) -> tuple[pl.DataFrame, float]:
    from scipy.stats import chisquare

    shares = {"journey": notifications.journey_arm_share, "interest": notifications.interest_arm_share}
    shares["holdout"] = max(0.0, 1.0 - sum(shares.values()))
    n_users = sum(rows.height for rows in of_arm.values())
    counts = [
        (
            arm,
            rows.height,
            shares[arm] * n_users,
            rows.filter(pl.col("n_sends") > 0).height,
            *(int(rows[name].sum()) for name in ("n_sends", "n_opens", "n_clicks", "n_unsubscribes")),
        )
        for arm, rows in of_arm.items()
    ]
    used = [arm for arm in ARMS if shares[arm] > 1e-9]
    n_unexpected = n_users - sum(of_arm[arm].height for arm in used)
    sizes = [of_arm[arm].height for arm in used]
    expected = [shares[arm] / sum(shares[a] for a in used) * sum(sizes) for arm in used]
    p_value = 0.0 if n_unexpected else 1.0 if len(used) == 1 else float(chisquare(sizes, expected).pvalue)
    return pl.DataFrame(counts, schema=ARM_COUNTS, orient="row"), p_value


def _warnings(arms: pl.DataFrame, p_value: float, params: ReadoutParams) -> tuple[str, ...]:
    found = []
    if p_value < params.min_srm_p_value:
        sizes = ", ".join(
            f"{arm} {n} of {expected:.0f} expected"
            for arm, n, expected in arms.select("arm", "n_users", "expected_users").iter_rows()
        )
        found.append(
            f"sample-ratio mismatch (p = {p_value:.2g}): {sizes}. Users are missing depending on their arm, so the "
            "arms differ in more than the sends; find the cause before using any effect"
        )
    small = arms.filter((pl.col("expected_users") > 0) & (pl.col("n_users") < params.min_users_of_arm))
    if small.height:
        sizes = ", ".join(f"{arm} {n}" for arm, n in small.select("arm", "n_users").iter_rows())
        found.append(
            f"few users ({sizes}; every arm needs {params.min_users_of_arm}): the coverage of intervals is somewhat "
            "below their level"
        )
    holdout_sends = arms.filter((pl.col("arm") == "holdout") & (pl.col("n_sends") > 0))
    if holdout_sends.height:
        found.append(f"{holdout_sends['n_sends'][0]} sends went to users of the holdout, who must not be sent anything")
    return tuple(found)
