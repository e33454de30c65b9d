"""What a journey's silence and seasons say: features for P(ended), and the labels that every log holds.

A journey may be silent because it is over, or because its user did not come. So silence is counted twice: in days, and
in visits (days on which the user came and left the journey alone). And not every engagement is a return to the journey:
one word that it shares with what the user is really up to is not. A *turn* to a journey is a day with a search for it,
or with two of its keywords that are more than a broad interest of an item.

While a journey is left alone its features move one way only, and so does any model that is monotone in them: P(ended)
rises by itself when a user stays away. What a journey was like before it fell silent (its span, its size) is no feature
on purpose: in the first months of a log those tell the age of the log.

What belongs here: features and labels of P(ended), seasons. What does not: fitting (``models.lifecycle.training``), and
kind, stage and intent, which SQL makes of what is here (``stage_labels``).
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
"""What tells an evergreen journey; they stay as they are while a journey is left alone."""

FEATURES = ("gap_days", "turn_gap_days", "silent_visits", "visits_since_turn", "gap_in_cadences", "missed_turns")
"""What P(ended) is judged by. Each grows while a journey is left alone, and P(ended) never falls with it."""

YEAR_DAYS = 365

_OWN = ["user_id", "journey_id"]


def is_turn() -> pl.Expr:
    """Whether the user turned to the journey on the day, of rows of ``journey_days``."""
    return (pl.col("n_searches") > 0) | (pl.col("n_specific_keywords") >= 2)


def look_back_days(params: LifecycleParams) -> int:
    """How far before a journey's last engagement anything is read here, days."""
    return YEAR_DAYS + params.season_tolerance_days + params.history_days


def silence_features(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """What P(ended) is judged by, as of the end of ``day``; nothing later plays a part.

    Args:
        journeys: user_id, journey_id, day and, of that day, n_searches, n_specific_keywords; one row per journey and
            day with an engagement.
        visits: user_id, day: the days on which a user engaged with anything.

    Returns:
        user_id, journey_id, ``FEATURES`` and ``RHYTHM`` (float, >= 0), one row per journey with an engagement at or
        before ``day``, sorted. ``gap_days`` and ``turn_gap_days``: days since the last engagement, and the last turn.
        ``silent_visits`` and ``visits_since_turn``: the user's visits since then. ``gap_in_cadences``: days since the
        last turn over the mean number of days from one turn to the next. ``missed_turns``: how many turns the visits
        since the last one would have brought at the journey's own share of visits. ``turn_span_days``: days from the
        first turn to the last one. ``turn_week_share``: share (0-1) of the weeks between them, the weeks in which the
        user came, in which they turned to the journey. A week is counted back from the last turn.
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
        # A journey that was never turned to has been left alone since it was first met.
        .with_columns(pl.coalesce(name, "first_day").alias(name) for name in ("first_turn", "last_turn"))
    )
    weeks_back = (pl.col("last_turn") - pl.col("day")).dt.total_days() // 7
    came = (
        history.join(visits.filter(pl.col("day") <= day), on="user_id")
        .group_by(_OWN)
        .agg(
            silent_visits=(pl.col("day") > pl.col("last_day")).sum(),
            visits_since_turn=(pl.col("day") > pl.col("last_turn")).sum(),
            n_visits=pl.col("day").is_between("first_day", "last_turn").sum(),
            n_visit_weeks=weeks_back.filter(pl.col("day").is_between("first_turn", "last_turn")).n_unique(),
        )
    )
    # One turn tells no cadence: every journey counts as having come back once more, after the usual gap.
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
        history.join(came, on=_OWN, how="left")
        .with_columns(pl.col("silent_visits", "visits_since_turn", "n_visits", "n_visit_weeks").fill_null(0))
        .with_columns(**features)
        .select(*_OWN, *(pl.col(name).cast(pl.Float64) for name in FEATURES + RHYTHM))
        .sort(_OWN)
    )


def judge_by_gap(features: pl.DataFrame) -> pl.DataFrame:
    """What is said of P(ended) where no stage model is released: nothing, as a fixed gap knows no probability.

    Returns:
        user_id, journey_id, p_ended (null), judged_by = 'fixed gap'; in the order of ``features``.
    """
    return features.select(
        *_OWN, p_ended=pl.lit(None, dtype=pl.Float64), judged_by=pl.lit("fixed gap", dtype=pl.String)
    )


def seasons_before(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """Journeys that return each year: those of :func:`season_evidence` that are more likely seasonal than not.

    Returns:
        user_id, journey_id, season_before: the last turn of the season a year before; seasonal journeys only, sorted.
    """
    evidence = season_evidence(journeys, visits, day, params)
    return evidence.filter(pl.col("p_seasonal") >= params.seasonal_min_probability).select(*_OWN, "season_before")


def season_evidence(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """How likely it is that journeys that were there at the same time of the year before are there each year.

    A journey's days of turns fall into stretches, with at least ``seasonal_min_quiet_days`` without a turn between
    them. What is asked is how often the user's visits turned to the journey in the latest stretch, at that time of the
    year before (give or take ``season_tolerance_days``), and outside of both. Three accounts of it are compared by
    their marginal likelihood (Kass & Raftery 1995, Bayes Factors): seasonal (often in both seasons, hardly ever
    outside), evergreen (as often at any time) and situational (often now, hardly ever before). Beforehand seasonal or
    not is even odds. How often is unknown, any share being as likely; "hardly ever" is a share of ``stray_turn_share``
    in the mean, as journeys share words with others. So a user who was away says nothing, and one stray word makes no
    season.

    Args:
        journeys, visits: As for :func:`silence_features`; every day of ``journeys`` is a visit.

    Returns:
        user_id, journey_id, season_before (the last turn of the season a year before), p_seasonal (0-1),
        visits_between (the user's visits outside of both seasons); journeys with a turn at that time of the
        year before only, sorted. Without a year of history there are none.
    """
    turns = journeys.filter((pl.col("day") <= day) & is_turn()).select(*_OWN, "day")
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
    came = (
        seasons.join(turned, on=_OWN, how="semi")
        .join(visits.filter(pl.col("day") <= day), on="user_id")
        .group_by(_OWN)
        .agg(**{f"visits_{k}": n for k, n in counts.items()})
    )
    found = turned.join(came, on=_OWN).sort(_OWN)
    return found.with_columns(p_seasonal=_p_seasonal(found, params)).select(
        *_OWN, "season_before", "p_seasonal", "visits_between"
    )


def _p_seasonal(counts: pl.DataFrame, params: LifecycleParams) -> pl.Series:
    """Posterior probability (0-1) that turns come with the season, of counts of turns and visits by time."""
    import numpy as np
    from scipy.special import betaln

    turns = {time: counts[f"turns_{time}"].to_numpy().astype(np.float64) for time in ("now", "before", "between")}
    others = {time: counts[f"visits_{time}"].to_numpy() - n for time, n in turns.items()}

    def likelihood(prior: tuple[float, float], *times: str) -> npt.NDArray[np.float64]:
        """Logarithm of what one unknown share, of a Beta prior, makes of the visits of these times."""
        hits, misses = sum(turns[time] for time in times), sum(others[time] for time in times)
        result: npt.NDArray[np.float64] = betaln(prior[0] + hits, prior[1] + misses) - betaln(*prior)
        return result

    any_share, stray = (1.0, 1.0), (1.0, 1.0 / params.stray_turn_share - 1.0)
    accounts = np.stack(
        [
            likelihood(any_share, "now") + likelihood(any_share, "before") + likelihood(stray, "between"),
            likelihood(any_share, "now", "before", "between"),
            likelihood(any_share, "now") + likelihood(stray, "before", "between"),
        ]
    )
    accounts += np.log([[0.5], [0.25], [0.25]])
    weights = np.exp(accounts - accounts.max(axis=0))
    return pl.Series(weights[0] / weights.sum(axis=0), dtype=pl.Float64)


def ended_labels(journeys: pl.DataFrame, visits: pl.DataFrame, day: date, params: LifecycleParams) -> pl.DataFrame:
    """Whether each journey of ``day`` was left alone by a user who kept coming: what any log tells in hindsight.

    The label looks at the ``label_days`` days after ``day``. A user who came on fewer than ``label_min_visits`` of them
    tells nothing, whether the journey was among what they came for or not: without that, users who seldom come would
    have labels only where the journey went on.

    Args:
        journeys, visits: As for :func:`silence_features`, with the days after ``day``.

    Returns:
        user_id, journey_id, label (1: ended, 0: turned to again); journeys that began by ``day``, sorted.
    """
    end = day + timedelta(days=params.label_days)
    after = pl.col("day").is_between(day, end, closed="right")
    telling = visits.filter(after).group_by("user_id").agg(n=pl.len()).filter(pl.col("n") >= params.label_min_visits)
    return (
        journeys.filter(pl.col("day") <= end)
        .group_by(_OWN)
        .agg(begun=(pl.col("day") <= day).any(), label=(~(after & is_turn()).any()).cast(pl.Int64))
        .filter("begun")
        .join(telling, on="user_id", how="semi")
        .select(*_OWN, "label")
        .sort(_OWN)
    )
