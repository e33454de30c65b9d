"""Evidence from silence and seasons: features and labels of P(ended), and the probability that a journey is seasonal.

A journey may be silent because it has ended, or because its user did not visit. Silence is therefore measured twice: in
days, and in visits (days on which the user was active without engaging with the journey). Not every engagement is a
return to the journey, because a journey may share a keyword with what the user really does. A *turn* to a journey is a
day with a search for it, or with at least two of its keywords that are more specific than a broad interest.

As long as the user does not engage with a journey, its features change in one direction only. A model that is monotone
in them changes the same way, so P(ended) rises by itself while a user stays away. Properties of the journey before its
silence (span, size) are deliberately not features: in the first months of a log they mostly measure the age of the log.

Models are fitted in ``models.lifecycle.training``. Kind, stage and intent are computed from this evidence in SQL
(``stage_labels``).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from journeys_assets.domain.lifecycle.params import LifecycleParams

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RHYTHM = ("turn_span_days", "turn_week_share")
"""Features that identify an evergreen journey. They do not change without engagement."""

FEATURES = ("gap_days", "turn_gap_days", "silent_visits", "visits_since_turn", "gap_in_cadences", "missed_turns")
"""Features of P(ended). Each one grows while the user does not engage with the journey, and P(ended) never decreases in
any of them."""

YEAR_DAYS = 365

_OWN = ["user_id", "journey_id"]


def is_turn() -> pl.Expr:
    """Whether a row of ``journey_days`` is a turn to the journey."""
    return (pl.col("n_searches") > 0) | (pl.col("n_specific_keywords") >= 2)


def look_back_days(params: LifecycleParams) -> int:
    """Days before a journey's last engagement from which on data is used."""
    return YEAR_DAYS + params.season_tolerance_days + params.history_days


def silence_features(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """Features of P(ended) as of the end of ``day``. Later data is ignored.

    Args:
        journeys: user_id, journey_id, day, and n_searches and n_specific_keywords on that day; one row per journey and
            day with an engagement.
        visits: user_id, day: the days on which a user engaged with anything.

    Returns:
        user_id, journey_id, ``FEATURES`` and ``RHYTHM`` (float, >= 0), one row per journey with an engagement at or
        before ``day``, sorted. ``gap_days`` and ``turn_gap_days``: days since the last engagement and since the last
        turn. ``silent_visits`` and ``visits_since_turn``: the user's visits since then. ``gap_in_cadences``: days since
        the last turn, divided by the mean number of days between turns. ``missed_turns``: expected number of turns in
        the visits since the last turn, at the journey's own share of visits. ``turn_span_days``: days from the first
        turn to the last one. ``turn_week_share``: of the weeks between these two in which the user visited, the share
        (0-1) with a turn to the journey. Weeks are counted back from the last turn.
    """
    until = journeys.filter(pl.col("day") <= day)
    last = until.group_by(_OWN).agg(last_day=pl.col("day").max())
    window = until.join(last, on=_OWN).filter(pl.col("day") > pl.col("last_day") - timedelta(days=params.history_days))
    turns = pl.col("day").filter(is_turn())
    history = (
        window.group_by(_OWN)
        .agg(
            pl.col("last_day").first(),
            first_day=pl.col("day").min(),
            first_turn=turns.min(),
            last_turn=turns.max(),
            n_turns=is_turn().sum(),
            n_turn_weeks=((turns.max() - turns).dt.total_days() // 7).n_unique(),
        )
        # For a journey without a turn, the gap starts at its first engagement.
        .with_columns(pl.coalesce(name, "first_day").alias(name) for name in ("first_turn", "last_turn"))
    )
    weeks_back = (pl.col("last_turn") - pl.col("day")).dt.total_days() // 7
    visited = (
        history.join(visits.filter(pl.col("day") <= day), on="user_id")
        .group_by(_OWN)
        .agg(
            silent_visits=(pl.col("day") > pl.col("last_day")).sum(),
            visits_since_turn=(pl.col("day") > pl.col("last_turn")).sum(),
            n_visits=pl.col("day").is_between("first_day", "last_turn").sum(),
            n_visit_weeks=weeks_back.filter(pl.col("day").is_between("first_turn", "last_turn")).n_unique(),
        )
    )
    # A single turn has no cadence, so every journey gets one additional turn after the usual gap.
    span = (pl.col("last_turn") - pl.col("first_day")).dt.total_days()
    cadence = (span + params.usual_gap_days) / pl.max_horizontal("n_turns", 1)
    turn_gap = (pl.lit(day) - pl.col("last_turn")).dt.total_days()
    visit_share = pl.col("n_turns") / pl.max_horizontal("n_visits", 1)
    features = {
        "gap_days": (pl.lit(day) - pl.col("last_day")).dt.total_days(),
        "turn_gap_days": turn_gap,
        "gap_in_cadences": turn_gap / cadence,
        "missed_turns": pl.col("visits_since_turn") * visit_share,
        "turn_span_days": (pl.col("last_turn") - pl.col("first_turn")).dt.total_days(),
        "turn_week_share": pl.col("n_turn_weeks") / pl.max_horizontal("n_visit_weeks", "n_turn_weeks", 1),
    }
    return (
        history.join(visited, on=_OWN, how="left")
        .with_columns(pl.col("silent_visits", "visits_since_turn", "n_visits", "n_visit_weeks").fill_null(0))
        .with_columns(**features)
        .select(*_OWN, *(pl.col(name).cast(pl.Float64) for name in FEATURES + RHYTHM))
        .sort(_OWN)
    )


def p_ended_by_fixed_gap(features: pl.DataFrame) -> pl.DataFrame:
    """P(ended) where no stage model is released: null, because the rule of a fixed gap has no probability.

    Returns:
        user_id, journey_id, p_ended (null), judged_by = 'fixed gap', in the order of ``features``.
    """
    return features.select(
        *_OWN, p_ended=pl.lit(None, dtype=pl.Float64), judged_by=pl.lit("fixed gap", dtype=pl.String)
    )


def seasons_before(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """Seasonal journeys: those whose probability in :func:`season_evidence` is at least ``seasonal_min_probability``.

    Returns:
        user_id, journey_id, season_before (the last turn of the season a year before); sorted.
    """
    evidence = season_evidence(journeys, visits, day, params)
    return evidence.filter(pl.col("p_seasonal") >= params.seasonal_min_probability).select(*_OWN, "season_before")


def season_evidence(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """The probability that journeys with a turn at the same time of the year before return each year.

    The days with turns to a journey form stretches, separated by at least ``seasonal_min_quiet_days`` without a turn.
    The share of the user's visits with a turn is compared between three times: the latest stretch, the same time of the
    year before (plus or minus ``season_tolerance_days``), and the rest. Three hypotheses are weighed by their marginal
    likelihood (Kass & Raftery 1995, Bayes Factors): seasonal (frequent in both seasons, rare otherwise), evergreen
    (equally frequent at all times) and situational (frequent now, rare before). The prior probability of seasonal is a
    half. A frequent share has a uniform prior. A rare share has the mean ``stray_turn_share``, because journeys share
    words with others. So days without visits are no evidence, and a single stray word does not make a season.

    Args:
        journeys, visits: As for :func:`silence_features`; every day of ``journeys`` is a visit.

    Returns:
        user_id, journey_id, season_before (the last turn of the season a year before), p_seasonal (0-1),
        visits_between (the user's visits outside of both seasons); only journeys with a turn at the same time of the
        year before, sorted. With less than a year of history there are none.
    """
    turns = journeys.filter((pl.col("day") <= day) & is_turn()).select(*_OWN, "day")
    # Most journeys are younger than a year, so they are set aside first.
    lasted = turns.group_by(_OWN).agg(begins=pl.col("day").min(), ends=pl.col("day").max())
    is_old = pl.col("begins") <= pl.col("ends") - timedelta(days=YEAR_DAYS - params.season_tolerance_days)
    turns = turns.join(lasted.filter(is_old), on=_OWN, how="semi")
    last = pl.col("day").max().over(_OWN)
    turns = turns.filter(pl.col("day") > last - timedelta(days=look_back_days(params))).sort(*_OWN, "day")
    is_new = (pl.col("day").diff().over(_OWN).dt.total_days() >= params.seasonal_min_quiet_days).fill_null(False)
    stretch = is_new.cast(pl.Int64).cum_sum().over(_OWN)
    begins, ends = pl.col("begins"), pl.col("ends")
    year, tolerance = timedelta(days=YEAR_DAYS), timedelta(days=params.season_tolerance_days)
    seasons = (
        turns.filter(stretch == stretch.max().over(_OWN))
        .group_by(_OWN)
        .agg(begins=pl.col("day").min(), ends=pl.col("day").max())
        .with_columns(
            oldest=ends - timedelta(days=look_back_days(params)),
            since=begins - year - tolerance,
            until=pl.min_horizontal(ends - year + tolerance, begins - timedelta(days=1)),
        )
    )
    is_now = pl.col("day") >= begins
    is_before = pl.col("day").is_between("since", "until")
    is_between = ~is_now & ~is_before & (pl.col("day") > pl.col("oldest"))
    counts = {"now": is_now.sum(), "before": is_before.sum(), "between": is_between.sum()}
    turned = (
        turns.join(seasons, on=_OWN)
        .group_by(_OWN)
        .agg(season_before=pl.col("day").filter(is_before).max(), **{f"turns_{k}": n for k, n in counts.items()})
        .filter(pl.col("season_before").is_not_null())
    )
    visited = (
        seasons.join(turned, on=_OWN, how="semi")
        .join(visits.filter(pl.col("day") <= day), on="user_id")
        .group_by(_OWN)
        .agg(**{f"visits_{k}": n for k, n in counts.items()})
    )
    found = turned.join(visited, on=_OWN).sort(_OWN)
    return found.with_columns(p_seasonal=_p_seasonal(found, params)).select(
        *_OWN, "season_before", "p_seasonal", "visits_between"
    )


def _p_seasonal(counts: pl.DataFrame, params: LifecycleParams) -> pl.Series:
    """Posterior probability (0-1) of the seasonal hypothesis, from counts of turns and visits by time."""
    import numpy as np
    from scipy.special import betaln

    turns = {time: counts[f"turns_{time}"].to_numpy().astype(np.float64) for time in ("now", "before", "between")}
    others = {time: counts[f"visits_{time}"].to_numpy() - n for time, n in turns.items()}

    def likelihood(prior: tuple[float, float], *times: str) -> npt.NDArray[np.float64]:
        """Log marginal likelihood of the visits at these times with one unknown share, with a Beta prior."""
        hits, misses = sum(turns[time] for time in times), sum(others[time] for time in times)
        result: npt.NDArray[np.float64] = betaln(prior[0] + hits, prior[1] + misses) - betaln(*prior)
        return result

    any_share, stray = (1.0, 1.0), (1.0, 1.0 / params.stray_turn_share - 1.0)
    hypotheses = np.stack(
        [
            likelihood(any_share, "now") + likelihood(any_share, "before") + likelihood(stray, "between"),
            likelihood(any_share, "now", "before", "between"),
            likelihood(any_share, "now") + likelihood(stray, "before", "between"),
        ]
    )
    hypotheses += np.log([[0.5], [0.25], [0.25]])
    weights = np.exp(hypotheses - hypotheses.max(axis=0))
    return pl.Series(weights[0] / weights.sum(axis=0), dtype=pl.Float64)


def ended_labels(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """Labels of P(ended): whether the user kept visiting after ``day`` without a turn to the journey.

    The label depends on the ``label_days`` days after ``day``. Users with fewer than ``label_min_visits`` visits in
    them get no label, with or without a turn to the journey. Otherwise users who seldom visit would have labels only
    for journeys that continued.

    Args:
        journeys, visits: As for :func:`silence_features`, with the days after ``day``.

    Returns:
        user_id, journey_id, label (1: ended, 0: another turn); journeys that began by ``day``, sorted.
    """
    end = day + timedelta(days=params.label_days)
    after = pl.col("day").is_between(day, end, closed="right")
    frequent = visits.filter(after).group_by("user_id").agg(n=pl.len()).filter(pl.col("n") >= params.label_min_visits)
    return (
        journeys.filter(pl.col("day") <= end)
        .group_by(_OWN)
        .agg(begun=(pl.col("day") <= day).any(), label=(~(after & is_turn()).any()).cast(pl.Int64))
        .filter("begun")
        .join(frequent, on="user_id", how="semi")
        .select(*_OWN, "label")
        .sort(_OWN)
    )
