"""Seasons: does the pipeline distinguish journeys that return each year from those that conclude and those that go on?

This module has the protocol for the seasonal kind and its baselines, on a log of more than a year. The rule is
``domain.lifecycle.evidence.seasons_before``; ``evaluation.parts.lifecycle`` has what needs less than a year.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from journeys_assets.domain.lifecycle.evidence import YEAR_DAYS, season_evidence
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.data.stage_truth import (
    average_precision_of,
    f1_of,
    macro_f1_of,
    numbered,
    precision_of,
    quotient_of,
    with_truth,
)
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.statistics.intervals import measure
from journeys_assets.storage.queries import inference

Part = tuple[pl.DataFrame, pl.DataFrame]

OURS = "share of visits in and out of season"
SAME_MONTH = "active in the same month a year before"
TWO_MONTHS = "two calendar months hold most of a year"
ANY_TURN = "any turn a year before, silence between"
NEVER = "never seasonal"
MONTHS_SHARE = 2 / 3
"""Share of a journey's days in its two busiest calendar months from which the baseline calls it seasonal."""
MIN_VISITS_BETWEEN = 3

PROTOCOL = f"""
**Seasons** need a log of more than a year. This one is a synthetic world of its own, with another seed, on which no
parameter was chosen. Its journeys are classified every four weeks, starting a year and a few days after its begin.
Seasonal themes are ongoing in their months each year. *Known a year* leaves out the journeys of seasonal themes that
the user did not turn to before this season, because nothing in that user's log could reveal them. Our score is the
probability of the seasonal account; from one half on, a journey is called seasonal. Baselines: *{ANY_TURN}* (for four
months, with at least {MIN_VISITS_BETWEEN} visits in them); *{SAME_MONTH}* (any engagement with a keyword of the journey
in the calendar month of its last one, a year earlier); *{TWO_MONTHS}* (at least {MONTHS_SHARE:.0%} of its days with an
engagement, which must span more than {YEAR_DAYS // 2} days, are in the busiest two months); *{NEVER}*. In this world no
situational theme ever returns, and people return to a season with the words of the year before, so figures on real logs
will be lower, above all precision.
"""

_OWN = ["day", "user_id", "journey_id"]


def measure_seasons(study: Study, *, seed: int = 1, n_resamples: int = N_RESAMPLES) -> tuple[list[Part], pl.DataFrame]:
    """The seasonal kind compared with its baselines, on a study of more than a year, with truth.

    Returns:
        Results and comparisons; and the number of journeys by true kind (true_kind) and predicted kind (one column
        each).

    Raises:
        ValueError: the study has no truth, or no day that is a year after its first event.
    """
    rows = _tested_journeys(study)
    guesses = {name: rows[name].to_numpy() for name in (OURS, SAME_MONTH, TWO_MONTHS, ANY_TURN)}
    is_known = ~((rows["true_kind"] == "seasonal") & ~rows["is_known"]).to_numpy()
    shared = {"dataset": study.name, "ours": OURS, "seed": seed, "n_resamples": n_resamples}
    parts: list[Part] = []
    for regime, kept in (("known a year", is_known), ("all journeys", np.ones(rows.height, dtype=np.bool_))):
        users, n_users = numbered(rows.filter(kept))
        is_seasonal = (rows["true_kind"] == "seasonal").to_numpy()[kept]
        said = {name: guess[kept] for name, guess in guesses.items()}
        own = {"regime": regime, "n_users": n_users} | shared
        graded = {OURS: "p_seasonal", TWO_MONTHS: "months_share"}
        scores = {name: guess.astype(np.float64) for name, guess in said.items()}
        scores |= {name: rows[column].to_numpy()[kept] for name, column in graded.items()}
        for metric, statistics in (
            ("seasonal: F1", {name: f1_of(is_seasonal, guess, users) for name, guess in said.items()}),
            ("seasonal: precision", {name: precision_of(is_seasonal, g, users) for name, g in said.items()}),
            ("seasonal: recall", {name: quotient_of(is_seasonal & g, is_seasonal, users) for name, g in said.items()}),
            ("seasonal: PR-AUC", {name: average_precision_of(is_seasonal, s, users) for name, s in scores.items()}),
        ):
            parts.append(measure(statistics, metric=metric, **own))  # type: ignore[arg-type]
    users, n_users = numbered(rows)
    kinds = rows["true_kind"].to_list()
    named = {OURS: rows["said_kind"]} | {
        name: rows.select(pl.when(flag).then(pl.lit("seasonal")).otherwise("kind_within_year")).to_series()
        for name, flag in ((SAME_MONTH, pl.col(SAME_MONTH)), (ANY_TURN, pl.col(ANY_TURN)), (NEVER, pl.lit(False)))
    }
    f1s = {name: macro_f1_of(kinds, said_kind.to_list(), users) for name, said_kind in named.items()}
    parts.append(measure(f1s, metric="kind: macro-F1", regime="all journeys", n_users=n_users, **shared))  # type: ignore[arg-type]
    table = rows.pivot("said_kind", index="true_kind", values="journey_id", aggregate_function="len", sort_columns=True)
    return parts, table.sort("true_kind").fill_null(0)


def _tested_journeys(study: Study) -> pl.DataFrame:
    """Journeys that match a true theme on every test day, with the predictions of the rule and its baselines."""
    params = study.algorithm.lifecycle
    first = study.rows("SELECT min(partition_date) AS day FROM main.keyword_table")["day"][0]
    days = [day for day in study.days if first is not None and (day - first).days >= YEAR_DAYS]
    if not study.truth or not days:
        raise ValueError(
            f"seasons cannot be measured on study {study.name}: it needs truth, and a day a year after its first one"
        )
    rows = study.rows(
        f"""
        SELECT e.partition_date AS day, user_id, journey_id, l.kind AS said_kind, j.keywords,
               CASE WHEN e.turn_span_days >= {params.evergreen_min_span_days}
                     AND e.turn_week_share >= {params.evergreen_min_turn_week_share}
                     AND e.turn_gap_days < {params.evergreen_max_gap_days}
                    THEN 'evergreen' ELSE 'situational' END AS kind_within_year
        FROM main.stage_evidence e JOIN main.stage_labels l USING (partition_date, user_id, journey_id)
        JOIN main.user_journeys j USING (partition_date, user_id, journey_id)
        WHERE e.partition_date >= $first ORDER BY 1, 2, 3
        """,
        {"first": days[0]},
    )
    histories = []
    with study.warehouse.reading() as con:
        for day in days:
            states = inference.live_states(con, day, study.algorithm.keywords.horizon_days)
            journeys, visits = inference.engagement_history(con, states, day, day, study.algorithm)
            evidence = season_evidence(journeys, visits, day, params)
            both = calendar_habits(journeys).join(evidence, on=["user_id", "journey_id"], how="left")
            histories.append(both.with_columns(pl.lit(day).alias("day")))
    seen = study.truth["truth_engagement"].select("user_id", "theme", seen_on="day")
    true = with_truth(rows, study.truth)
    silence = (pl.col("seen_on").max().over(_OWN) - pl.col("seen_on")).dt.total_days()
    known = (
        true.join(seen, on=["user_id", "theme"])
        .filter(pl.col("seen_on") <= pl.col("day"))
        .filter(silence >= params.seasonal_min_quiet_days)
        .select(_OWN)
        .unique()
        .with_columns(is_known=pl.lit(True))
    )
    return (
        true.join(pl.concat(histories), on=_OWN, how="left")
        .join(known, on=_OWN, how="left")
        .with_columns(
            pl.col(SAME_MONTH, "is_known").fill_null(False),
            pl.col("months_share", "p_seasonal").fill_null(0.0),
            (pl.col("visits_between") >= MIN_VISITS_BETWEEN).fill_null(False).alias(ANY_TURN),
            (pl.col("said_kind") == "seasonal").alias(OURS),
        )
        .with_columns((pl.col("months_share") >= MONTHS_SHARE).alias(TWO_MONTHS))
        .sort(_OWN)
    )


def calendar_habits(journeys: pl.DataFrame) -> pl.DataFrame:
    """What the calendar shows of a journey, from all its days with an engagement.

    Args:
        journeys: user_id, journey_id, day; one row per journey and day with an engagement.

    Returns:
        user_id, journey_id; ``SAME_MONTH``: whether there is a day in the month of the last one, a year earlier;
        ``months_share``: share (0-1) of the days that are in the two busiest calendar months, 0 if all days are within
        half a year.
    """
    own = ["user_id", "journey_id"]
    day = pl.col("day")
    month = day.dt.year().cast(pl.Int64) * 12 + day.dt.month()
    habits = journeys.group_by(own).agg(
        (month == month.max() - 12).any().alias(SAME_MONTH),
        span=(day.max() - day.min()).dt.total_days(),
        share=day.dt.month().value_counts().struct.field("count").top_k(2).sum() / pl.len(),
    )
    months_share = pl.when(pl.col("span") > YEAR_DAYS // 2).then("share").otherwise(0.0)
    return habits.select(*own, SAME_MONTH, months_share=months_share).sort(own)
