"""Lifecycle: kind (evergreen or situational), stage (ongoing or ended), intent, and the delay until an end is detected.

``domain.lifecycle.evidence`` has features and labels, ``models.lifecycle.training`` the model, and the SQL model
``stage_labels`` the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.baselines import mbg_nbd
from journeys_assets.evaluation.data.stage_truth import (
    MIN_PURITY,
    average_precision_of,
    macro_f1_of,
    numbered,
    ratio_of,
    with_truth,
)
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.seasons import PROTOCOL as SEASONS_PROTOCOL
from journeys_assets.evaluation.parts.seasons import measure_seasons
from journeys_assets.evaluation.report.plots import curves
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import Statistic, Weights, auc_of, measure
from journeys_assets.models.lifecycle.training import cross_fitted, folds_of
from journeys_assets.storage.queries import inference, labels

Doubles = npt.NDArray[np.float64]
Part = tuple[pl.DataFrame, pl.DataFrame]

OURS = "stage model"
MBG_NBD = "MBG/NBD"
TRAIN_SHARE = 0.6
"""Share of a study's days that is used for training; later days are used for testing."""
GAPS = (14, 28, 42, 56)
FOLLOW_UP_DAYS = 28
"""How long an end is followed up, days."""
HORIZONS = (28, 56)
_OWN = ["user_id", "journey_id"]

PROTOCOL = f"""
**P(ended)** is learnt without human labels, from what became of the journeys of each log up to a cut at
{TRAIN_SHARE:.0%} of its days, label windows included. It is tested on days after the cut, for each user with a model
fitted on other users. Baselines: fixed gaps (the rule of the pipeline is 28 days), three times the journey's own
cadence, a logistic regression on the logarithm of the gap with the same training rows, and 1 - P(alive) of MBG/NBD
(Batislam et al. 2007: the BG/NBD of Fader, Hardie & Lee 2005, but a journey with one turn may end), whose purchases are
the turns to a journey, fitted by maximum likelihood on the journeys of other users as of the cut.

*Synthetic world*: the theme of a journey is the true theme of at least {MIN_PURITY:.0%} of its keywords; journeys
without one are left out. A journey has ended from the day in the truth on; pauses count as ongoing, and evergreen
themes never end. **Days to ended** count from the true end to the first day on which all journeys of the theme are
called ended, at most {FOLLOW_UP_DAYS}; ends within {FOLLOW_UP_DAYS} days of the end of the log are left out. The
**false-ended rate** is the share of days of ongoing themes (pauses included) on which they are called ended. There is a
trade-off between the two, so both are also compared **at the false-ended rate of the 28-day rule**, with the threshold
that gives the stage model that rate. For all of these, journeys that the rule calls evergreen count as ongoing.

*Real logs* have no truth except for what happened next: did the user return to any of the journey's keywords within 28
(56) days? Days too close to the end of the log are left out. "users who came" are those with at least three visits
in that time. For other users, the end of a journey cannot be distinguished from the user's own absence.

**Kind** is measured on journeys that have not ended, as evergreen against the rest (within a log of less than a year,
seasonal themes are situational). **Intent** is measured, on all days, on ongoing situational journeys whose true begin
and end are known, against their true phase: exploring up to 40 % of the way, deciding up to 75 %, acting after.

The synthetic world's users follow simple rules. Figures on it show what the method can do, not what it will do.
"""


@dataclass(frozen=True, slots=True)
class _Tested:
    """Test days of one study: journeys with evidence, and ``p_ended`` from models that saw neither days nor users."""

    study: Study
    cut: date
    rows: pl.DataFrame


def evaluate_lifecycle(
    studies: Sequence[Study], seasons: Study | None = None, *, seed: int = 1, n_resamples: int = N_RESAMPLES
) -> Section:
    """Kind, stage and intent for each study with days after its cut, and enough days before it to train a stage model.

    Args:
        studies: With truth, everything is measured; without, stage against what happened next.
        seasons: A study of more than a year, with truth. Without it the seasonal kind is not measured.

    Raises:
        ValueError: no study has enough days.
    """
    parts: list[Part] = []
    plots: list[Plot] = []
    tables: dict[str, pl.DataFrame] = {}
    shared = {"seed": seed, "n_resamples": n_resamples}
    for study in studies:
        tested = _test(study)
        if tested is None:
            continue
        if study.truth:
            true = with_truth(tested.rows, study.truth)
            weekly = _weekly(true)
            parts += _ended(study.name, weekly, **shared)
            parts += _kind(study.name, weekly, **shared)
            parts += _intent(study.name, with_truth(_intents(study), study.truth), **shared)
            themes = theme_days(true)
            delays = _lead(study, themes, **shared)
            parts += delays
            if delays:
                curve = lead_curve(themes, study.days[-1])
                tables[f"{study.name}: days to ended beside the false-ended rate"] = curve
                plots.append(_lead_plot(study.name, curve))
        parts += _what_next(tested, **shared)
    if not parts:
        raise ValueError("no study has enough days before its cut to train a stage model, and days after it to test it")
    protocol = PROTOCOL
    if seasons is not None:
        season_parts, kinds = measure_seasons(seasons, **shared)
        parts += season_parts
        tables[f"{seasons.name}: journeys of each true kind, by the kind that they were called"] = kinds
        protocol += SEASONS_PROTOCOL
    results, comparisons = gathered(parts)
    return Section(
        "lifecycle",
        "Stage",
        protocol.strip(),
        results,
        comparisons,
        tuple(plots),
        tables,
        headline=("ended: AUC", "ended: Brier", "evergreen: macro-F1", "seasonal: F1", "intent: macro-F1"),
    )


# ── test rows ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _test(study: Study) -> _Tested | None:
    """The study's evidence on days after the cut, with P(ended) of cross-fitted models; None if there is none."""
    cut = study.days[0] + timedelta(days=int(TRAIN_SHARE * (study.last_day - study.days[0]).days))
    rows = study.rows(
        """
        SELECT e.partition_date AS day, e.* EXCLUDE (partition_date, algorithm_version, p_ended, judged_by),
               l.kind AS said_kind, j.keywords, f.span_days,
               f.active_weeks_90d / ceil(least(f.days_since_first_engaged + 1, 90) / 7) AS week_share
        FROM main.stage_evidence e
        JOIN main.stage_labels l USING (partition_date, user_id, journey_id)
        JOIN main.journey_features f USING (partition_date, user_id, journey_id)
        JOIN main.user_journeys j USING (partition_date, user_id, journey_id)
        WHERE e.partition_date > $cut AND e.partition_date <= $last ORDER BY 1, 2, 3
        """,
        {"cut": cut, "last": study.last_day},
    )
    if rows.is_empty():
        return None
    with study.warehouse.reading() as con:
        train = labels.stage_training_rows(con, cut, study.algorithm)
    params = study.algorithm.lifecycle
    check_split(train, rows, params)
    n_ended = int(train["label"].sum())
    if train.height < params.min_training_labels or min(n_ended, train.height - n_ended) < params.min_labels_of_each:
        return None
    return _Tested(
        study,
        cut,
        rows.with_columns(
            p_ended=cross_fitted(train, rows, params),
            p_by_gap=_logistic_of_gap(train, rows),
            p_by_turns=_by_turns(study, cut, rows),
        ),
    )


def _intents(study: Study) -> pl.DataFrame:
    """The intent by the rule on every seventh day of the study. Nothing is fitted, so all days can be used."""
    return _weekly(
        study.rows(
            """
            SELECT l.partition_date AS day, user_id, journey_id, l.intent AS said_intent, j.keywords,
                   l.partition_date - j.first_engaged_at::DATE AS days_known
            FROM main.stage_labels l JOIN main.user_journeys j USING (partition_date, user_id, journey_id)
            WHERE l.partition_date <= $last ORDER BY 1, 2, 3
            """,
            {"last": study.last_day},
        )
    )


def check_split(train: pl.DataFrame, test: pl.DataFrame, params: LifecycleParams) -> None:
    """Refuse training rows whose labels depend on test days.

    Raises:
        ValueError: names the training day whose label is not known before the first test day.
    """
    first = min(test["day"].to_list())
    late = train.filter(pl.col("day") + timedelta(days=params.label_days) >= first)
    if late.height:
        raise ValueError(f"leak: labels of {max(late['day'].to_list())} depend on test days, which start on {first}")


def _logistic_of_gap(train: pl.DataFrame, test: pl.DataFrame) -> Doubles:
    """The calibrated baseline: P(ended) from ln(1 + days since the last engagement) only, (n,)."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e3).fit(np.log1p(train.select("gap_days").to_numpy()), train["label"].to_numpy())
    probability: Doubles = fitted.predict_proba(np.log1p(test.select("gap_days").to_numpy()))[:, 1]
    return probability


def _by_turns(study: Study, cut: date, test: pl.DataFrame) -> Doubles:
    """1 - P(alive) of MBG/NBD, (n,): each row by a fit on the journeys, as of the cut, of users in other folds."""

    def history_on(day: date) -> pl.DataFrame:
        with study.warehouse.reading() as con:
            states = inference.live_states(con, day, study.algorithm.keywords.horizon_days)
            journeys, _ = inference.engagement_history(con, states, day, day, study.algorithm)
        return mbg_nbd.turn_history(journeys, day).with_columns(pl.lit(day).alias("day"))

    train, params = history_on(cut), study.algorithm.lifecycle
    histories = pl.concat([history_on(day) for day in test["day"].unique().sort()])
    rows = test.select("day", *_OWN).join(histories, on=["day", *_OWN], how="left", maintain_order="left")
    train_folds, folds = folds_of(train["user_id"], params), folds_of(rows["user_id"], params)
    ended = np.zeros(rows.height)
    for fold in np.unique(folds):
        fitted = mbg_nbd.fit(train.filter(train_folds != fold))
        ended[folds == fold] = 1.0 - fitted.p_alive(rows.filter(folds == fold))
    return ended


def _weekly(rows: pl.DataFrame) -> pl.DataFrame:
    """Every seventh test day, including the last. Consecutive days are nearly the same."""
    return rows.filter((pl.col("day").max() - pl.col("day")).dt.total_days() % 7 == 0)


# ── measures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _gap_scores(rows: pl.DataFrame) -> dict[str, Doubles]:
    """P(ended) by each fixed rule: 0 or 1."""
    gap = rows["gap_days"].to_numpy()
    rules = {f"fixed gap of {days} days": (gap >= days).astype(np.float64) for days in GAPS}
    return rules | {"three cadences": (rows["gap_in_cadences"].to_numpy() >= 3.0).astype(np.float64)}


def _probabilities(
    dataset: str, regime: str, rows: pl.DataFrame, ended: str, *, seed: int, n_resamples: int
) -> list[Part]:
    """AUC and Brier score of P(ended) against the column ``ended``."""
    users, n_users = numbered(rows)
    truth = rows[ended].to_numpy().astype(np.bool_)
    if not 0 < truth.sum() < truth.size:
        return []
    rules = _gap_scores(rows)
    probabilities = {OURS: rows["p_ended"].to_numpy(), "logistic of gap": rows["p_by_gap"].to_numpy()}
    probabilities |= {MBG_NBD: rows["p_by_turns"].to_numpy(), **rules}
    scores = probabilities | {
        "days of gap": rows["gap_days"].to_numpy(),
        "gap in cadences": rows["gap_in_cadences"].to_numpy(),
    }
    del scores["logistic of gap"]  # the same order as the days of gap
    shared = {"dataset": dataset, "regime": regime, "n_users": n_users, "ours": OURS, "seed": seed}
    shared["n_resamples"] = n_resamples
    aucs = {name: auc_of(truth, score, users) for name, score in scores.items()}
    briers = {name: ratio_of((p - truth) ** 2, users) for name, p in probabilities.items()}
    return [
        measure(aucs, metric="ended: AUC", **shared),  # type: ignore[arg-type]
        measure(briers, metric="ended: Brier", is_higher_better=False, **shared),  # type: ignore[arg-type]
    ]


def _ended(dataset: str, rows: pl.DataFrame, **shared: int) -> list[Part]:
    concludes = rows.filter(pl.col("true_kind") != "evergreen")
    return [
        *_probabilities(dataset, "all journeys", rows, "has_ended", **shared),
        *_probabilities(dataset, "journeys that conclude", concludes, "has_ended", **shared),
    ]


def _kind(dataset: str, rows: pl.DataFrame, *, seed: int, n_resamples: int) -> list[Part]:
    """Evergreen against the rest, for journeys that have not ended, because kind does not matter for ended ones."""
    rows = rows.filter(~pl.col("has_ended"))
    if rows.is_empty():
        return []
    users, n_users = numbered(rows)
    true = np.where(rows["true_kind"].to_numpy() == "evergreen", "evergreen", "other")
    says = np.where(rows["said_kind"].to_numpy() == "evergreen", "evergreen", "other")
    share, span = rows["turn_week_share"].to_numpy(), rows["turn_span_days"].to_numpy()
    ours = "rule: span and share of the user's weeks"
    shared = {"dataset": dataset, "n_users": n_users, "ours": ours, "seed": seed, "n_resamples": n_resamples}
    guesses: dict[str, Callable[[], npt.NDArray[np.str_]]] = {
        ours: lambda: says,
        "span of 45 days": lambda: np.where(rows["span_days"].to_numpy() >= 45, "evergreen", "other"),
        "span of 45 days, half of all weeks": lambda: np.where(
            (rows["span_days"].to_numpy() >= 45) & (rows["week_share"].to_numpy() >= 0.5), "evergreen", "other"
        ),
        "never evergreen": lambda: np.full(len(true), "other"),
    }
    f1s = {name: macro_f1_of(true.tolist(), guess().tolist(), users) for name, guess in guesses.items()}
    scores = {
        ours: span * share,
        "days of span": rows["span_days"].to_numpy().astype(np.float64),
        "share of all weeks": rows["week_share"].to_numpy(),
        "no score": np.zeros(len(true)),
    }
    is_evergreen = true == "evergreen"
    aps = {name: average_precision_of(is_evergreen, score, users) for name, score in scores.items()}
    return [
        measure(f1s, metric="evergreen: macro-F1", **shared),  # type: ignore[arg-type]
        measure(aps, metric="evergreen: PR-AUC", **shared),  # type: ignore[arg-type]
    ]


def _intent(dataset: str, rows: pl.DataFrame, *, seed: int, n_resamples: int) -> list[Part]:
    known = rows.filter(
        (pl.col("true_kind") == "situational")
        & pl.col("is_on")
        & pl.col("begun_on").is_not_null()
        & pl.col("ended_on").is_not_null()
    )
    if known.is_empty():
        return []
    pause = pl.col("resumed_on") - pl.col("paused_on")
    paused_days = pause.dt.total_days().fill_null(0)
    paused_before = pl.when(pl.col("resumed_on") <= pl.col("day")).then(paused_days).otherwise(0)
    whole = (pl.col("ended_on") - pl.col("begun_on")).dt.total_days() - paused_days
    gone = (pl.col("day") - pl.col("begun_on")).dt.total_days() - paused_before
    known = known.with_columns(progress=gone / whole).with_columns(
        phase=pl.when(pl.col("progress") < 0.4)
        .then(pl.lit("exploring"))
        .when(pl.col("progress") < 0.75)
        .then(pl.lit("deciding"))
        .otherwise(pl.lit("acting"))
    )
    users, n_users = numbered(known)
    true, ours = known["phase"].to_list(), "lift over the usual mix"
    most = known["phase"].mode().sort()[0]
    guesses = {
        ours: known["said_intent"].to_list(),
        "always the most frequent": [most] * len(true),
        "thirds of four weeks since it began": known.select(
            pl.when(pl.col("days_known") < 10)
            .then(pl.lit("exploring"))
            .when(pl.col("days_known") < 20)
            .then(pl.lit("deciding"))
            .otherwise(pl.lit("acting"))
        )
        .to_series()
        .to_list(),
    }
    statistics = {name: macro_f1_of(true, guess, users) for name, guess in guesses.items()}
    return [
        measure(
            statistics,
            dataset=dataset,
            metric="intent: macro-F1",
            n_users=n_users,
            ours=ours,
            seed=seed,
            n_resamples=n_resamples,
        )
    ]


# ── delay until an end is detected ──────────────────────────────────────────────────────────────────────────────────


def theme_days(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per user, concluding theme and test day: what holds for all journeys of the theme.

    Returns:
        user_id, theme, day, begun_on, ended_on, p_ended (minimum over its journeys), gap_days (likewise); both are -1
        if a journey counts as evergreen, which never ends. Days before the theme's begin are left out.
    """
    is_evergreen = pl.col("said_kind") == "evergreen"
    return (
        rows.filter((pl.col("true_kind") != "evergreen") & (pl.col("begun_on") <= pl.col("day")))
        .with_columns(
            pl.when(is_evergreen).then(-1.0).otherwise(pl.col(name)).alias(name) for name in ("p_ended", "gap_days")
        )
        .group_by("user_id", "theme", "day")
        .agg(pl.col("begun_on", "ended_on").first(), pl.col("p_ended", "gap_days").min())
        .sort("user_id", "theme", "day")
    )


def leads(themes: pl.DataFrame, called: pl.Expr, last_day: date) -> pl.DataFrame:
    """Days from each true end until it is detected, at most ``FOLLOW_UP_DAYS``: user_id, theme, days.

    Ends before the first test day, and ends too late to be followed up, are left out.
    """
    follow_up = timedelta(days=FOLLOW_UP_DAYS)
    ended = themes.filter(
        (pl.col("ended_on") >= themes["day"].min())
        & (pl.col("ended_on") <= last_day - follow_up)
        & (pl.col("day") >= pl.col("ended_on"))
    )
    detected_on = pl.col("day").filter(called).min()
    return (
        ended.group_by("user_id", "theme")
        .agg(days=(detected_on - pl.col("ended_on").first()).dt.total_days())
        .with_columns(pl.col("days").fill_null(FOLLOW_UP_DAYS).clip(0, FOLLOW_UP_DAYS).cast(pl.Float64))
        .sort("user_id", "theme")
    )


def _lead(study: Study, themes: pl.DataFrame, **shared: int) -> list[Part]:
    threshold = study.algorithm.lifecycle.ended_min_probability
    rules = {OURS: pl.col("p_ended") >= threshold} | {
        f"fixed gap of {days} days": pl.col("gap_days") >= days for days in GAPS if days <= FOLLOW_UP_DAYS
    }
    going_on = themes.filter(pl.col("ended_on").is_null() | (pl.col("day") < pl.col("ended_on")))
    parts = []
    delays = {name: leads(themes, rule, study.days[-1]) for name, rule in rules.items()}
    if delays[OURS].is_empty() or going_on.is_empty():
        return []
    users, n_users = numbered(delays[OURS])
    waits = {name: ratio_of(rows["days"].to_numpy(), users) for name, rows in delays.items()}
    common = {"dataset": study.name, "ours": OURS, "is_higher_better": False, **shared}
    parts.append(measure(waits, metric="ended: days until recognised", n_users=n_users, **common))  # type: ignore[arg-type]
    at_equal_rate, n_users = _at_equal_rate(study, themes, going_on)
    metric = "ended: days until recognised at the rule's rate"
    parts.append(measure(at_equal_rate, metric=metric, n_users=n_users, **common))  # type: ignore[arg-type]
    users, n_users = numbered(going_on)
    wrongs = {
        name: ratio_of(going_on.select(rule.cast(pl.Float64)).to_series().to_numpy(), users)
        for name, rule in rules.items()
    }
    parts.append(measure(wrongs, metric="ended: false-ended rate", n_users=n_users, **common))  # type: ignore[arg-type]
    return parts


def _at_equal_rate(study: Study, themes: pl.DataFrame, going_on: pl.DataFrame) -> tuple[dict[str, Statistic], int]:
    """Delay until an end is detected, with the stage model at the threshold that has the false-ended rate of the rule.

    The threshold is determined separately in every resample, by linear interpolation on a grid.
    """
    rule = f"fixed gap of {study.algorithm.lifecycle.ended_after_days} days"
    by_rule = pl.col("gap_days") >= study.algorithm.lifecycle.ended_after_days
    by_model = [pl.col("p_ended") >= p / 100 for p in range(30, 100, 3)]
    users = themes.select("user_id").unique().sort("user_id")

    def per_user(called: pl.Expr) -> tuple[Doubles, ...]:
        """Wrong days, all days, waits and ends of each user."""
        wrong = going_on.group_by("user_id").agg(wrong=called.sum(), days=pl.len())
        delays = leads(themes, called, study.days[-1]).group_by("user_id").agg(wait=pl.col("days").sum(), ends=pl.len())
        own = users.join(wrong, on="user_id", how="left").join(delays, on="user_id", how="left").fill_null(0)
        return tuple(own[name].to_numpy().astype(np.float64) for name in ("wrong", "days", "wait", "ends"))

    grid, ruled = [per_user(called) for called in by_model], per_user(by_rule)

    def rate(sums: tuple[Doubles, ...], weights: Weights) -> float:
        return float((weights * sums[0]).sum() / (weights * sums[1]).sum())

    def wait(sums: tuple[Doubles, ...], weights: Weights) -> float:
        return float((weights * sums[2]).sum() / (weights * sums[3]).sum())

    def of_model(weights: Weights) -> float:
        rates = [rate(sums, weights) for sums in reversed(grid)]  # increases as the threshold falls
        return float(np.interp(rate(ruled, weights), rates, [wait(sums, weights) for sums in reversed(grid)]))

    return {OURS: of_model, rule: lambda weights: wait(ruled, weights)}, users.height


def lead_curve(themes: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Delay until an end is detected and false-ended rate, for many thresholds: method, threshold, and the two."""
    going_on = themes.filter(pl.col("ended_on").is_null() | (pl.col("day") < pl.col("ended_on")))
    rules = [("fixed gap", float(days), pl.col("gap_days") >= days) for days in (3, 5, 7, 10, 14, 18, 21, 24, 28)]
    rules += [(OURS, p / 100, pl.col("p_ended") >= p / 100) for p in (20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)]
    points = [
        (method, threshold, going_on.select(called.mean()).item(), leads(themes, called, last_day)["days"].mean())
        for method, threshold, called in rules
    ]
    return pl.DataFrame(
        points,
        schema={
            "method": pl.String,
            "threshold": pl.Float64,
            "false_ended_rate": pl.Float64,
            "mean_days_until_told": pl.Float64,
        },
        orient="row",
    )


def _lead_plot(dataset: str, curve: pl.DataFrame) -> Plot:
    return Plot(
        f"{dataset}: the mean number of days from a true end until it is detected, against the share of days on which "
        "ongoing journeys are called ended; one point per threshold. Lower and further left is better.",
        curves(
            curve,
            x="false_ended_rate",
            y="mean_days_until_told",
            by="method",
            labels=("share of days wrongly called ended", "days until an end is detected"),
            ours=OURS,
        ),
    )


# ── what happened next ──────────────────────────────────────────────────────────────────────────────────────────────


def _what_next(tested: _Tested, **shared: int) -> list[Part]:
    """P(ended) against whether the user turned to a journey's keywords again."""
    study, parts = tested.study, []
    for horizon in HORIZONS:
        rows = _weekly(tested.rows.filter(pl.col("day") + timedelta(days=horizon) <= study.last_day))
        if rows.is_empty():
            continue
        rows = rows.join(_returns(study, rows, horizon), on=["day", *_OWN], how="left").with_columns(
            left_alone=~pl.col("returned").fill_null(False), n_visits=pl.col("n_visits").fill_null(0)
        )
        came = rows.filter(pl.col("n_visits") >= study.algorithm.lifecycle.label_min_visits)
        for regime, frame in (("all users", rows), ("users who came", came)):
            if frame.height:
                parts += _probabilities(study.name, f"next {horizon} days, {regime}", frame, "left_alone", **shared)
    return parts


def _returns(study: Study, rows: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """day, user_id, journey_id, n_visits and returned, for the ``horizon`` days after each day; active users only."""
    with study.warehouse.reading() as con:
        con.register("tested", rows.select("day", *_OWN, "keywords").to_arrow())
        return con.execute(
            """
            WITH members AS (SELECT day, user_id, journey_id, unnest(keywords) AS keyword FROM tested),
            returned AS (
              SELECT DISTINCT m.day, m.user_id, m.journey_id FROM members m
              JOIN main.keyword_table k USING (user_id, keyword)
              WHERE k.partition_date > m.day AND k.partition_date <= m.day + $horizon::INTEGER
            ), visits AS (
              SELECT d.day, d.user_id, count(DISTINCT k.partition_date) AS n_visits
              FROM (SELECT DISTINCT day, user_id FROM tested) d JOIN main.keyword_table k USING (user_id)
              WHERE k.partition_date > d.day AND k.partition_date <= d.day + $horizon::INTEGER GROUP BY ALL
            )
            SELECT j.day, j.user_id, j.journey_id, v.n_visits, r.journey_id IS NOT NULL AS returned
            FROM tested j JOIN visits v USING (day, user_id) LEFT JOIN returned r USING (day, user_id, journey_id)
            """,
            {"horizon": horizon},
        ).pl()
