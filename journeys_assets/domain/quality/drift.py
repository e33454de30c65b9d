"""Drift monitors: a day against the weeks before it.

Every monitor here follows three rules. A day with too little history is not measured. The bound is at least as wide as
chance explains, so small deployments do not get false alarms. And the bound is at least as wide as the smallest shift
that matters, so large deployments do not get alarms about nothing.

A day is compared with days of the same algorithm version and ranker (``made_by``). The first day of a new version is
compared with the days of the version before. A release that shifts the output is therefore reported once, and not on
every day of the following weeks.

Journeys of one user resemble each other, and a journey persists from day to day. The sample size is therefore the
number of users, not of rows; with rows, bounds would be too narrow.

Monitors that need a single day are in ``domain.quality.monitors``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, time, timedelta
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.quality.monitors import OFFENDERS, Monitor, bounded, format_number, unmeasured
from journeys_assets.domain.quality.params import QualityParams

N_BINS = 10
"""Deciles of the reference, as usual for the PSI."""

MAD_TO_SIGMA = 1.4826
"""Factor from the median absolute deviation to the standard deviation of normal data."""


def stability_bins(counts: pl.DataFrame) -> pl.DataFrame:
    """The terms of the population stability index (PSI) by bin; their sum is the PSI.

    Bins are the deciles of the reference (fewer where values are tied), one bin below its smallest value and one above
    its largest. Both sides get as many pseudo-observations as there are bins, distributed as the pooled sample is. So
    the term of an empty bin is finite, and samples of different size do not diverge because of it.

    Args:
        counts: value, n_day, n_reference: number of rows with the value on the day and in the trailing days.

    Returns:
        above, upto (the bin is above < value <= upto), share_of_day, share_of_reference, psi; non-empty bins, in order.
    """
    ordered = counts.sort("value")
    values = ordered["value"].cast(pl.Float64).to_numpy()
    day, reference = (ordered[name].cast(pl.Float64).to_numpy() for name in ("n_day", "n_reference"))
    edges = _edges(values, reference)
    index = np.searchsorted(edges, values, side="left")
    n_bins = len(edges) + 1
    in_day, in_reference = (np.bincount(index, weights=w, minlength=n_bins) for w in (day, reference))
    filled = in_day + in_reference > 0
    pooled = (in_day + in_reference) / (in_day + in_reference).sum()
    extra = filled.sum() * pooled[filled]
    p, q = ((n[filled] + extra) / (n.sum() + filled.sum()) for n in (in_day, in_reference))
    return pl.DataFrame(
        {
            "above": np.concatenate([[-np.inf], edges])[filled],
            "upto": np.concatenate([edges, [np.inf]])[filled],
            "share_of_day": in_day[filled] / in_day.sum(),
            "share_of_reference": in_reference[filled] / in_reference.sum(),
            "psi": (p - q) * np.log(p / q),
        }
    )


def _edges(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Upper ends of the bins: just below the smallest value of the reference, then its deciles."""
    present = values[weights > 0]
    share = np.cumsum(weights[weights > 0]) / weights.sum()
    positions = np.searchsorted(share, np.arange(1, N_BINS + 1) / N_BINS - 1e-9, side="left")
    return np.unique(np.concatenate([[np.nextafter(present[0], -np.inf)], present[positions]]))


def psi_of_chance(n_bins: int, n_day: int, n_reference: int, quantile: float) -> float:
    """The ``quantile`` of the PSI under chance alone, for ``n_bins`` bins.

    Without a change, the PSI is distributed as 1/n + 1/m times a chi-square variable with n_bins - 1 degrees of freedom
    (Yurdakul 2018, *Statistical Properties of Population Stability Index*). The quantile of the chi-square is the
    Wilson-Hilferty approximation, at most a few percent too high.
    """
    freedom = n_bins - 1
    if freedom == 0:
        return 0.0
    z = NormalDist().inv_cdf(quantile)
    chi_square = freedom * (1 - 2 / (9 * freedom) + z * math.sqrt(2 / (9 * freedom))) ** 3
    return chi_square * (1 / n_day + 1 / n_reference)


def cluster_size_drift(day: date, counts: pl.DataFrame, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """PSI of keywords per live journey against the trailing days.

    Args:
        counts: partition_date, value (number of keywords), n (live journeys with that number).
        daily: partition_date, made_by, n_users, of the day and the trailing days.
    """
    return _distribution_drift("cluster_size_drift", day, counts, daily, params, _SIZES_CHANGED)


def new_cluster_size_drift(day: date, counts: pl.DataFrame, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """PSI of keywords per journey of the clusters computed on the day, against those computed in the trailing days.

    Most live journeys were computed on earlier days, so ``cluster_size_drift`` detects a change only after many users
    have returned. This monitor detects it on the first day, with the smaller sample of that day's users.

    Args:
        counts: partition_date, value (number of keywords), n (computed journeys with that number).
        daily: partition_date, made_by, n_users, of the day and the trailing days.
    """
    return _distribution_drift("new_cluster_size_drift", day, counts, daily, params, _SIZES_CHANGED)


def confidence_drift(day: date, counts: pl.DataFrame, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """PSI of the confidence of live journeys against the trailing days.

    Args:
        counts: partition_date, value (confidence, rounded), n (live journeys with that confidence).
        daily: partition_date, made_by, n_users, of the day and the trailing days.
    """
    advice = "expected on the first day of a ranker release; otherwise check journey_features and missing sources"
    return _distribution_drift("confidence_drift", day, counts, daily, params, advice)


_SIZES_CHANGED = "compare parameters and sources with the days before: a changed cut, a new source, or a missing one"


def _distribution_drift(
    name: str, day: date, counts: pl.DataFrame, daily: pl.DataFrame, params: QualityParams, advice: str
) -> Monitor:
    today, before = _comparable(daily, day)
    n_users = int(today["n_users"].sum())
    why = _reason_unmeasured(before.height, n_users, params.min_history_days)
    if why:
        return unmeasured(name, why)
    sides = counts.group_by("value").agg(
        n_day=pl.col("n").filter(pl.col("partition_date") == day).sum(),
        n_reference=pl.col("n").filter(pl.col("partition_date").is_in(before["partition_date"].implode())).sum(),
    )
    bins = stability_bins(sides)
    # A lower bound of the distinct users of the trailing days: those of the day that had most.
    in_reference = int(before["n_users"].cast(pl.Int64).to_numpy().max())
    chance = psi_of_chance(bins.height, n_users, in_reference, params.chance_quantile)
    return bounded(
        name,
        float(bins["psi"].sum()),
        upper=max(params.max_psi, chance),
        note="explained by chance" if chance > params.max_psi else "",
        offenders=bins.sort("psi", descending=True, maintain_order=True).head(OFFENDERS),
        advice=advice,
    )


def singleton_share_shift(day: date, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Share of the day's clusters with a single keyword, against the share in the trailing days.

    Args:
        daily: partition_date, made_by, n_users, n_clusters, n_singletons, of the day and the trailing days that have
            clusters.
    """
    name = "singleton_share_shift"
    today, before = _comparable(daily, day)
    n_users = int(today["n_users"].sum())
    why = _reason_unmeasured(before.height, n_users, params.min_history_days)
    if why:
        return unmeasured(name, why)
    level = _ratio(before)
    noise = max(math.sqrt(level * (1 - level) / n_users), _spread(before["n_singletons"] / before["n_clusters"]))
    margin = max(params.min_singleton_shift, params.sigmas * noise)
    return bounded(
        name,
        _ratio(today),
        lower=max(0.0, level - margin),
        upper=min(1.0, level + margin),
        note=f"{format_number(level)} in {before.height} days before",
        advice="higher: noise keywords or missing vectors; lower: generic keywords, or a cut that is too high",
    )


def journeys_per_user_shift(day: date, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Mean live journeys per user that has any, against the trailing days.

    Args:
        daily: partition_date, made_by, n_users, mean_journeys, sd_journeys (over users), of the day and the trailing
            days.
    """
    name = "journeys_per_user_shift"
    today, before = _comparable(daily, day)
    n_users = int(today["n_users"].sum())
    why = _reason_unmeasured(before.height, n_users, params.min_history_days)
    if why:
        return unmeasured(name, why)
    level = _median(before["mean_journeys"])
    noise = max(_median(before["sd_journeys"]) / math.sqrt(n_users), _spread(before["mean_journeys"]))
    margin = max(params.min_journeys_per_user_shift * level, params.sigmas * noise)
    return bounded(
        name,
        float(today["mean_journeys"][0]),
        lower=max(0.0, level - margin),
        upper=level + margin,
        note=f"{format_number(level)} in {before.height} days before",
        advice="higher: fragmented users, or bots; lower: journeys are lost after journey_clusters",
    )


def users_with_journeys(day: date, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Users with a live journey, against the trailing days.

    Args:
        daily: partition_date, made_by, n_users, of the day and the trailing days.
    """
    return _volume(
        "users_with_journeys",
        day,
        daily.rename({"n_users": "n"}),
        params,
        needed_days=params.min_history_days,
        min_shift=params.min_users_shift,
        advice="lower: rows lost from inference_ledger, or a shorter horizon; higher: user ids in a new format",
    )


def send_volume(day: date, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Planned sends of the day, against the trailing days: too few or too many. Needs two weeks of history.

    Four days of the same weekday are too few to estimate the spread of a count, and the median of all days alone would
    report every quiet weekend. The spread therefore comes from all days, and the bound extends from the lower to the
    higher of two centres: the median of all days and the median of the same weekday.

    Args:
        daily: partition_date, made_by, n (sends), of the day and the trailing days that were planned, including days
            without a send.
    """
    return _volume(
        "send_volume",
        day,
        daily,
        params,
        needed_days=params.min_history_days_of_sends,
        min_shift=0.0,
        advice="too few: opt-ins, or confidence below its minimum; too many: a raised cap, or sends not logged",
    )


@dataclass(frozen=True, slots=True)
class Change:
    """The rows of a source on a day against the days before.

    Attributes:
        source: The landing source.
        monitor: The measurement with its bound.
        text: One sentence for people: how much more or less it is than usual.
    """

    source: str
    monitor: Monitor
    text: str


def rows_of_source(source: str, day: date, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Rows of a source of keywords on the day, against the trailing days and the same weekdays among them.

    Args:
        daily: source, partition_date, n, upto, of the day and the trailing days; see ``daily_rows``.
    """
    mine = daily.filter(pl.col("source") == source)
    return _volume(
        f"rows_of_{source}",
        day,
        mine.with_columns(made_by=pl.lit("")),
        params,
        needed_days=params.min_history_days,
        min_shift=params.min_volume_shift,
        advice="fewer: an export that stopped or is late, a tracker that broke; more: files of another log, or bots. "
        "`journeys doctor` shows it again",
    )


def change_of_source(source: str, day: date, daily: pl.DataFrame, params: QualityParams) -> Change:
    """:func:`rows_of_source` with a sentence for people."""
    monitor = rows_of_source(source, day, daily, params)
    mine = daily.filter(pl.col("source") == source)
    if monitor.value is None:
        return Change(source, monitor, f"{source}: {monitor.bound}")
    before = mine.filter(pl.col("partition_date") < day)
    same_weekday = before.filter(pl.col("partition_date").dt.weekday() == day.isoweekday())
    usual = _median((same_weekday if same_weekday.height > 1 else before)["n"])
    upto = mine["upto"].first()
    until = f" up to {upto:%H:%M} UTC" if isinstance(upto, time) else ""
    direction = "fell" if monitor.value < usual else "rose"
    change = f" {direction} by {100 * abs(monitor.value / usual - 1):.0f} %" if usual else ""
    on = f"{source}{change}: {monitor.value:,.0f} rows on {day}{until}, {usual:,.0f} on such a day"
    return Change(source, monitor, f"{on}, expected {monitor.bound}")


def _volume(
    name: str,
    day: date,
    daily: pl.DataFrame,
    params: QualityParams,
    *,
    needed_days: int,
    min_shift: float,
    advice: str,
) -> Monitor:
    """A count against the trailing days, on Anscombe's scale.

    On the scale 2 sqrt(n + 3/8) the standard deviation of a Poisson count is about 1 for any mean. The same rule
    therefore fits small and large counts, and separates no sends from few.
    """
    today, before = _comparable(daily, day)
    why = _reason_unmeasured(before.height, None, needed_days)
    if why:
        return unmeasured(name, why)
    scaled = 2 * (before["n"].cast(pl.Float64) + 3 / 8).sqrt()
    same_weekday = scaled.filter(before["partition_date"].dt.weekday() == day.isoweekday())
    centres = [_median(scaled), *([_median(same_weekday)] if same_weekday.len() else [])]
    reach = params.sigmas * max(1.0, _spread(scaled))
    lower, upper = (_unscaled(centre) for centre in (max(0.0, min(centres) - reach), max(centres) + reach))
    level = _unscaled(centres[0])
    return bounded(
        name,
        float(today["n"].sum()),
        lower=max(0.0, math.ceil(min(lower, level * (1 - min_shift)))),
        upper=math.floor(max(upper, level * (1 + min_shift))),
        note=f"{format_number(level)} in {before.height} days before",
        advice=advice,
    )


def _unscaled(value: float) -> float:
    return max(0.0, (value / 2) ** 2 - 3 / 8)


def stage_flapping(day: date, flips: pl.DataFrame, daily: pl.DataFrame, params: QualityParams) -> Monitor:
    """Share of live journeys that changed their stage on ``day``, back to one they had left within ``flapping_days``.

    Args:
        flips: user_id, journey_id, partition_date, stage: the trailing days and ``day``, of the journeys whose stage on
            ``day`` differs from that on the day before.
        daily: partition_date, n_journeys (live ones), of the day and the trailing days that have any.
    """
    name = "stage_flapping"
    today, before = _split(daily, day)
    n_live = int(today["n_journeys"].sum())
    why = _reason_unmeasured(before.height, n_live, params.min_history_days)
    if why:
        return unmeasured(name, why)
    if day - timedelta(days=1) not in before["partition_date"]:
        return unmeasured(name, "nothing to measure: the day before has no journeys")
    key = ["user_id", "journey_id"]
    now = flips.filter(pl.col("partition_date") == day).select(*key, stage_now="stage")
    back = (
        flips.filter(
            pl.col("partition_date").is_between(day - timedelta(days=params.flapping_days), day, closed="left")
        )
        .join(now, on=key)
        .filter(pl.col("stage") == pl.col("stage_now"))
        .group_by(*key, "stage_now")
        .agg(pl.col("partition_date").max().alias("left_after"))
        .sort("left_after", *key, descending=[True, False, False])
    )
    allowed = params.max_flapping_share
    margin = params.sigmas * math.sqrt(allowed * (1 - allowed) / n_live)
    return bounded(
        name,
        back.height / n_live,
        # With a few hundred journeys, one or two that flap are already a percent.
        upper=max(allowed, margin),
        offenders=back.rename({"stage_now": "stage"}).head(OFFENDERS),
        advice="compare stage_reason of the offenders on both days: an intermittent source, or days that were not run",
    )


def _reason_unmeasured(n_history_days: int, n_of_day: int | None, needed_days: int) -> str:
    """Why a day cannot be measured; empty where it can."""
    if n_history_days < needed_days:
        return f"not enough history: {n_history_days} of {needed_days} days"
    return "nothing to measure on this day" if n_of_day == 0 else ""


def _comparable(daily: pl.DataFrame, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The day, and the days before with the same ``made_by``; if there are none, all days before."""
    today, before = _split(daily, day)
    same_version = before.filter(pl.col("made_by").is_in(today["made_by"].implode()))
    return today, same_version if same_version.height else before


def _split(daily: pl.DataFrame, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    return daily.filter(pl.col("partition_date") == day), daily.filter(pl.col("partition_date") < day)


def _ratio(daily: pl.DataFrame) -> float:
    return int(daily["n_singletons"].sum()) / int(daily["n_clusters"].sum())


def _median(values: pl.Series) -> float:
    return float(np.median(values.to_numpy()))


def _spread(values: pl.Series) -> float:
    """Robust standard deviation."""
    array = values.to_numpy()
    return float(MAD_TO_SIGMA * np.median(np.abs(array - np.median(array))))
