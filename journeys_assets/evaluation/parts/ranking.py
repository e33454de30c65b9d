"""Ranking: do users continue the journeys that are ranked first?

This module has the protocol of the temporal hold-out, its baselines and metrics, and the guard against look-ahead.
``models`` trains and scores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.ranking.labels import SOURCES, future_engagement, ndcg_by_user
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import features, prior_probability
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.errors import JourneysError
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.report.plots import new_figure, to_svg
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import Statistic, Weights, auc_of, mean_of, measure
from journeys_assets.models.ranker.release import Release
from journeys_assets.models.ranker.training import NotEnoughLabels, refusal, train_ranker, train_unmeasured
from journeys_assets.storage.queries import labels
from journeys_assets.storage.queries.identities import with_logged_ids
from journeys_assets.storage.sql_models import SqlModel

HORIZONS = (7, 28)
"""Days after D in which an engagement counts."""
NDCG_AT = (1, 3, 5, 10)
TRAINED_SHARE = 0.6
"""Share of the log, from its first day, that a ranker may learn from. It is tested on later days."""
EVERY_DAYS = 7
"""Least number of days between two test days."""
N_BINS = 10
CURVE_SIZES = (50, 100, 200, 500, 1000, 2000)
CURVE_AT = 5
"""The k of NDCG@k for the learning curve and the verdict in words."""
CURVE_DRAWS = 5
_ALIASES = "stg_identity_aliases"
GUARD_USERS = 100

RANKER, PRIOR, RECENCY, FREQUENCY, BOTH, AS_RUN, TRUTH = (
    "ranker",
    "prior",
    "recency",
    "frequency",
    "recency x frequency",
    "as run",
    "truth, then ranker",
)
KEYS = ("partition_date", "user_id", "journey_id")


class LookAheadError(JourneysError):
    """A figure would use knowledge of the future. The message says where it comes from."""


@dataclass
class _Findings:
    """The results for one study."""

    measured: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    calibration: list[pl.DataFrame] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def evaluate_ranking(studies: Sequence[Study], sql_models: Mapping[str, SqlModel]) -> Section:
    """Temporal hold-out on every study: the ranking as of D, compared with the engagement in the days after.

    Args:
        studies: Logs that the pipeline was run over.
        sql_models: The SQL models that computed their features. The guard computes some of them again.

    Raises:
        LookAheadError: features or the ranker of a study depend on the days that they are tested on.
    """
    found = [_evaluate(study, sql_models) for study in studies]
    results, comparisons = gathered(part for one in found for part in one.measured)
    tables = {caption: table for one in found for caption, table in one.tables.items()}
    calibration = [table for one in found for table in one.calibration]
    if calibration:
        tables = {"Calibration of confidence": pl.concat(calibration)} | tables
    notes = "\n".join(f"* {note}" for one in found for note in one.notes)
    return Section(
        name="ranking",
        title="Ranking",
        headline=("NDCG@5", "Brier of confidence"),
        protocol=f"{PROTOCOL}\n\n{notes}\n",
        results=results,
        comparisons=comparisons,
        plots=tuple(plot for one in found for plot in one.plots),
        tables=tables,
    )


PROTOCOL = f"""\
**Temporal hold-out.** A ranker is trained as `journeys train` would train it at {TRAINED_SHARE:.0%} of the log, day T:
on labels whose whole window was over by T. Journeys are then ranked as of later days D (at least {EVERY_DAYS} days
apart), and compared with what the user does in (D, D + 7] and (D, D + 28]. No parameter was chosen on these days.

**Relevance.** A journey is engaged with if the user engages, in the window, with any keyword that it had on D. This
measure is biased: engagement with keywords that the journey does not have yet is missed; a keyword of two journeys
counts for both; a journey with many or common keywords is engaged with more easily; and visits caused by a notification
count like any others. NDCG and MRR use users and days with at least one journey engaged with and at least one not
(otherwise every order is right); they are averaged over a user's days, then over users. AUC is over all journeys of all
users and days, including users who never came back. So it also measures who comes back. The ranker is not trained for
that (its labels are of users who did), and a plain count of engagement may be better at it.

**Baselines.** Recency: the time of the last engagement. Frequency: the engagement weight of 90 days. Recency x
frequency: that weight, halved for every 14 days of silence. The documented prior scores journeys as long as no ranker
is released.

**Confidence** is the probability that a journey is real and current. Logs only show whether the user came back to it,
which is less: a user may pursue a journey and not come for a week. So against engagement, confidence should be too
high. In the synthetic world the truth is known: most of the journey's keywords are of one theme, the theme is ongoing
as of D, and the user has not left.

**Guard.** The release must be live from the first test day at the latest, and the features of a sample of users are
computed again from a log that ends with D. If any differs from the one that was used, the result is an error."""


# ── one study ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _evaluate(study: Study, sql_models: Mapping[str, SqlModel]) -> _Findings:
    found = _Findings()
    as_of = training_day(study)
    days = {horizon: tested_days(study, as_of, horizon) for horizon in HORIZONS}
    if not days[HORIZONS[0]]:
        found.notes.append(f"`{study.name}` has no run day with {HORIZONS[0]} days of log after it beyond {as_of}.")
        return found
    params = study.algorithm.ranking
    release, rows = _trained(study, as_of, found)
    check_no_look_ahead(study, sql_models, days[HORIZONS[0]], release)
    journeys = ranked_journeys(study, days[HORIZONS[0]], params, release)
    for horizon, tested in days.items():
        if not tested:
            found.notes.append(f"`{study.name}`: too short for {horizon} days.")
            continue
        frame = journeys.filter(pl.col("partition_date").is_in(tested))
        with study.warehouse.reading() as con:
            engagements = labels.engagements_after(con, frame, horizon)
        future = future_engagement(frame, engagements, horizon)
        frame = frame.join(future, on=KEYS).with_columns(is_relevant=pl.col("is_engaged"))
        _measure_order(found, study, f"engaged within {horizon} days", frame, release)
        _measure_confidence(found, study, f"engaged within {horizon} days", frame, release)
        if horizon == HORIZONS[0]:
            found.notes.append(_verdict(study.name, found))
            found.plots.append(_order_plot(study.name, f"engaged within {horizon} days", found))
            found.plots.append(_reliability_plot(study.name, f"engaged within {horizon} days", frame))
            if study.truth and release is not None:
                _learning_curve(found, study, frame, rows, as_of)
    if study.truth:
        frame = journeys.with_columns(is_relevant=pl.col("is_current"))
        _measure_order(found, study, "real and current", frame, release)
        _measure_confidence(found, study, "real and current", frame, release)
        found.plots.append(_reliability_plot(study.name, "real and current", frame))
    return found


def training_day(study: Study) -> date:
    """T: the last day of the labels that a ranker may learn from."""
    first = study.days[0]
    return first + timedelta(days=int((study.last_day - first).days * TRAINED_SHARE))


def tested_days(study: Study, as_of: date, horizon: int) -> list[date]:
    """Days after ``as_of`` that were run and have ``horizon`` days of log after them, ``EVERY_DAYS`` apart."""
    chosen: list[date] = []
    for day in study.days:
        is_open = day > as_of and day + timedelta(days=horizon) <= study.last_day
        if is_open and (not chosen or (day - chosen[-1]).days >= EVERY_DAYS):
            chosen.append(day)
    return chosen


def _trained(study: Study, as_of: date, found: _Findings) -> tuple[Release | None, pl.DataFrame]:
    """The ranker as of a day. None if the log has too few labels; then a note is added."""
    params, names = study.algorithm.ranking, features(study.algorithm.actions)
    with study.warehouse.reading() as con:
        rows = labels.training_rows(con, as_of, params, names)
    by_source = ", ".join(f"{n:,} {source}" for source, n in rows.group_by("source").len().sort("source").iter_rows())
    try:
        release = train_ranker(rows, as_of=as_of, params=params, features=names)
    except NotEnoughLabels as error:
        found.notes.append(f"`{study.name}`: no ranker as of {as_of}, so the prior is used as ours: {error}.")
        return None, rows
    refused = refusal(release)
    verdict = f"`journeys train` would refuse it: {refused}" if refused else "`journeys train` would release it"
    found.notes.append(
        f"`{study.name}`: ranker as of {as_of} on {by_source} labels; confidence from "
        f"{release.card['calibration']['from']}; {verdict}."
    )
    return release, rows


def ranked_journeys(study: Study, days: Sequence[date], params: RankingParams, release: Release | None) -> pl.DataFrame:
    """Journeys of ``days`` with their score by every method, one column per method.

    Returns:
        partition_date, user_id, journey_id, keywords, a column of scores for each method, ``confidence_<method>`` for
        those that have one, ``is_current`` if the truth is known.
    """
    frame = study.rows(
        """
        SELECT f.*, u.keywords, u.last_engaged_at, r.score AS run_score, r.confidence AS run_confidence, r.scored_by
        FROM main.journey_features f
        JOIN main.user_journeys u USING (partition_date, user_id, journey_id)
        JOIN main.ranked_journeys r USING (partition_date, user_id, journey_id)
        WHERE partition_date IN (SELECT unnest($days)) ORDER BY partition_date, user_id, journey_id
        """,
        {"days": list(days)},
    )
    half_lives = pl.col("days_since_last_engaged") / params.recency_half_life_days
    frame = frame.with_columns(
        pl.col("last_engaged_at").dt.epoch("us").cast(pl.Float64).alias(RECENCY),
        pl.col("engagement_weight_90d").alias(FREQUENCY),
        (pl.col("engagement_weight_90d") * (half_lives * -np.log(2.0)).exp()).alias(BOTH),
        prior_probability(params).alias(PRIOR),
        prior_probability(params).alias(f"confidence_{PRIOR}"),
    )
    if (frame["scored_by"] != "prior").any():
        frame = frame.with_columns(
            pl.col("run_score").alias(AS_RUN), pl.col("run_confidence").alias(f"confidence_{AS_RUN}")
        )
    if release is not None:
        frame = _with_scores(frame, release)
    if study.truth:
        frame = frame.join(current_by_truth(frame, study.truth), on=KEYS).sort(KEYS)
        best = RANKER if release is not None else PRIOR
        frame = frame.with_columns((pl.col("is_current").cast(pl.Float64) + pl.col(best)).alias(TRUTH))
    return frame


def _with_scores(frame: pl.DataFrame, release: Release) -> pl.DataFrame:
    scored = pl.concat(
        release.score(part).with_columns(partition_date=pl.lit(day))
        for (day,), part in frame.group_by("partition_date", maintain_order=True)
    ).select(*KEYS, pl.col("score").alias(RANKER), pl.col("confidence").alias(f"confidence_{RANKER}"))
    return frame.join(scored, on=KEYS).sort(KEYS)


def current_by_truth(journeys: pl.DataFrame, truth: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Whether each journey is real (more than half of its keywords are of one theme) and that theme is ongoing on D.

    Args:
        journeys: partition_date, user_id, journey_id, keywords.
        truth: ``truth_keywords``, ``truth_journeys`` and ``truth_users`` of the world.

    Returns:
        partition_date, user_id, journey_id, is_current.
    """
    named = truth["truth_keywords"].filter(pl.col("theme").is_not_null())
    named = named.select("user_id", "theme", keyword="normalised_keyword")
    size = pl.col("keywords").list.len().alias("size")
    members = journeys.select(*KEYS, size, keyword="keywords").explode("keyword").join(named, on=["user_id", "keyword"])
    real = members.group_by(*KEYS, "theme").agg(pl.len(), pl.col("size").first())
    real = real.filter(pl.col("len") * 2 > pl.col("size")).select(*KEYS, "theme")
    on = truth["truth_journeys"].join(truth["truth_users"].select("user_id", "stopped_on"), on="user_id")
    day = pl.col("partition_date")
    is_on = (
        (pl.col("begun_on").is_null() | (pl.col("begun_on") <= day))
        & (pl.col("ended_on").is_null() | (day < pl.col("ended_on")))
        & (pl.col("stopped_on").is_null() | (day < pl.col("stopped_on")))
        & ~(
            pl.col("paused_on").is_not_null()
            & (pl.col("paused_on") <= day)
            & (pl.col("resumed_on").is_null() | (day < pl.col("resumed_on")))
        )
    )
    current = real.join(on, on=["user_id", "theme"]).filter(is_on).select(*KEYS, is_current=pl.lit(True))
    return journeys.select(KEYS).join(current, on=KEYS, how="left").with_columns(pl.col("is_current").fill_null(False))


# ── the guard ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_no_look_ahead(
    study: Study, sql_models: Mapping[str, SqlModel], days: Sequence[date], release: Release | None
) -> None:
    """Raise if the ranker was trained on a test day, or a feature changes if the log after its day is removed.

    Features are computed again for ``GUARD_USERS`` users on the first and on the last test day.

    Raises:
        LookAheadError: with the differences.
    """
    if release is not None and release.live_from > min(days):
        raise LookAheadError(
            f"the ranker is live from {release.live_from} and was trained on the days before, "
            f"so it cannot be tested on {min(days)}"
        )
    for day in sorted({min(days), max(days)}):
        changed = features_using_the_future(study, sql_models, day)
        if changed:
            raise LookAheadError(
                f"journey_features of {day} differ if the log ends on that day: {', '.join(changed)}. "
                "They were computed with knowledge of later days"
            )


def features_using_the_future(study: Study, sql_models: Mapping[str, SqlModel], day: date) -> list[str]:
    """Features of ``day`` that differ if they are computed from a log that ends on that day."""
    model = sql_models["journey_features"]
    names = features(study.algorithm.actions)
    variables = {
        **study.algorithm.sql_variables(),
        "partition_date": day.isoformat(),
        "algorithm_version": "",
    }
    with study.warehouse.reading() as con:
        users = _rows(con, "SELECT DISTINCT user_id FROM main.journey_features WHERE partition_date = $day", day=day)
        users = users.sort(pl.col("user_id").hash(seed=1), "user_id").head(GUARD_USERS)
        con.register("guarded_users", users.to_arrow())
        stored = _rows(
            con,
            f"SELECT user_id, journey_id, {', '.join(names)} FROM main.journey_features "
            "JOIN guarded_users USING (user_id) WHERE partition_date = $day",
            day=day,
        )
        ids = with_logged_ids(con, users, on=day).select(user_id="logged_id")
        con.register("guarded_ids", pl.concat([users, ids]).unique().to_arrow())
        aliases = f"SELECT * FROM main.{_ALIASES} WHERE from_date <= $day"
        tables = {_ALIASES: con.execute(aliases, {"day": day}).to_arrow_table()}
        for name in set(_tables_below(model, sql_models)) - set(tables):
            columns = [row[0] for row in con.sql(f"DESCRIBE main.{name}").fetchall()]
            of_users = "JOIN guarded_ids USING (user_id)" if "user_id" in columns else ""
            tables[name] = con.execute(
                f"SELECT {name}.* FROM main.{name} {of_users} WHERE partition_date <= $day", {"day": day}
            ).to_arrow_table()
        con.unregister("guarded_users")
        con.unregister("guarded_ids")
    with duckdb.connect(":memory:") as truncated:
        for name, table in tables.items():
            truncated.register("incoming", table)
            truncated.execute(f"CREATE TABLE main.{name} AS SELECT * FROM incoming")
            truncated.unregister("incoming")
        again = truncated.sql(model.render(variables)).pl().select("user_id", "journey_id", *names)
    both = stored.join(again, on=["user_id", "journey_id"], how="full", coalesce=True, suffix="_again")
    return [name for name in names if not ((both[name] - both[f"{name}_again"]).abs() <= 1e-9).fill_null(False).all()]


def _rows(con: duckdb.DuckDBPyConnection, sql: str, **params: object) -> pl.DataFrame:
    return con.execute(sql, params).pl()


def _tables_below(model: SqlModel, sql_models: Mapping[str, SqlModel]) -> list[str]:
    """Tables that a model reads, resolved through ephemeral models."""
    names: dict[str, None] = {}
    for ref in model.refs:
        upstream = sql_models[ref]
        found = _tables_below(upstream, sql_models) if upstream.materialized == "ephemeral" else [ref]
        names |= dict.fromkeys(found)
    return list(names | {table: None for _, table in model.sources})


# ── measures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _methods(frame: pl.DataFrame) -> list[str]:
    return [name for name in (RANKER, AS_RUN, PRIOR, BOTH, RECENCY, FREQUENCY, TRUTH) if name in frame.columns]


def _ours(release: Release | None) -> str:
    return PRIOR if release is None else RANKER


def _measure_order(found: _Findings, study: Study, regime: str, frame: pl.DataFrame, release: Release | None) -> None:
    """NDCG@k, MRR and AUC of every method."""
    users = frame["user_id"].unique().sort()
    methods = _methods(frame)
    by_metric: dict[str, dict[str, Statistic]] = {}
    for name in methods:
        by_user = users.to_frame().join(
            ndcg_by_user(frame.rename({name: "score"}), NDCG_AT), on="user_id", how="left", maintain_order="left"
        )
        for column in [f"ndcg_{k}" for k in NDCG_AT] + ["reciprocal_rank"]:
            shown = "MRR" if column == "reciprocal_rank" else f"NDCG@{column.removeprefix('ndcg_')}"
            by_metric.setdefault(shown, {})[name] = mean_of(
                by_user[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
            )
        by_metric.setdefault("AUC", {})[name] = method_auc(frame, name, users)
    for metric, statistics in by_metric.items():
        found.measured.append(
            measure(
                statistics,
                dataset=study.name,
                regime=regime,
                metric=metric,
                n_users=users.len(),
                ours=_ours(release),
                bounds=[TRUTH] if TRUTH in methods else [],
            )
        )


def method_auc(frame: pl.DataFrame, method: str, users: pl.Series) -> Statistic:
    owner = _positions(frame["user_id"], users)
    return auc_of(frame["is_relevant"].to_numpy(), frame[method].cast(pl.Float64).to_numpy(), owner)


def _positions(user_ids: pl.Series, users: pl.Series) -> NDArray[np.int64]:
    order = pl.DataFrame({"user_id": users}).with_row_index("position")
    joined = user_ids.to_frame("user_id").join(order, on="user_id", how="left", maintain_order="left")
    return joined["position"].cast(pl.Int64).to_numpy()


def _sums(frame: pl.DataFrame, values: NDArray[np.float64], users: pl.Series) -> NDArray[np.float64]:
    sums = np.bincount(_positions(frame["user_id"], users), weights=values, minlength=users.len())
    return sums.astype(np.float64)


def _measure_confidence(
    found: _Findings, study: Study, regime: str, frame: pl.DataFrame, release: Release | None
) -> None:
    """Brier score and expected calibration error of each confidence, and a table of observed / expected."""
    users = frame["user_id"].unique().sort()
    owner = _positions(frame["user_id"], users)
    relevant = frame["is_relevant"].cast(pl.Float64).to_numpy()
    ones = _sums(frame, np.ones(frame.height), users)
    observed = _sums(frame, relevant, users)
    brier: dict[str, Statistic] = {}
    error: dict[str, Statistic] = {}
    rows = []
    picks = resamples(users.len(), seed=1)
    for name in _methods(frame):
        if f"confidence_{name}" not in frame.columns:
            continue
        expected = frame[f"confidence_{name}"].to_numpy()
        brier[name] = _ratio(_sums(frame, (expected - relevant) ** 2, users), ones)
        bins = np.minimum((expected * N_BINS).astype(np.int64), N_BINS - 1)
        gaps = np.zeros((users.len(), N_BINS))
        np.add.at(gaps, (owner, bins), relevant - expected)
        error[name] = _calibration_error(gaps, ones)
        share = _ratio(observed, _sums(frame, expected, users))
        low, high = interval([share(pick) for pick in picks], users.len())
        value = share(np.ones(users.len()))
        rows.append((study.name, regime, name, expected.mean(), relevant.mean(), value, low, high))
    for metric, statistics in (("Brier", brier), ("ECE", error)):
        found.measured.append(
            measure(
                statistics,
                dataset=study.name,
                regime=regime,
                metric=f"{metric} of confidence",
                n_users=users.len(),
                ours=_ours(release),
                is_higher_better=False,
            )
        )
    columns = ["dataset", "regime", "confidence of", "mean expected", "mean observed", "observed / expected"]
    found.calibration.append(pl.DataFrame(rows, schema=[*columns, "low", "high"], orient="row"))


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> Statistic:
    def ratio(weights: Weights) -> float:
        return float(weights @ numerator) / max(float(weights @ denominator), 1e-12)

    return ratio


def _calibration_error(gaps: NDArray[np.float64], ones: NDArray[np.float64]) -> Statistic:
    def error(weights: Weights) -> float:
        return float(np.abs(weights @ gaps).sum()) / max(float(weights @ ones), 1e-12)

    return error


# ── learning curve ────────────────────────────────────────────────────────────────────────────────────────────────────


def _verdict(study: str, found: _Findings) -> str:
    """In words: the baselines that our order beats by the metric that a release depends on, and those it does not."""
    rows = pl.concat([comparisons for _, comparisons in found.measured])
    rows = rows.filter((pl.col("metric") == f"NDCG@{CURVE_AT}") & pl.col("regime").str.contains(f" {HORIZONS[0]} days"))
    texts = [
        f"{verdict} than {baseline}" if verdict != "no clear difference" else f"no clear difference from {baseline}"
        for verdict, baseline in rows.select("verdict", "baseline").rows()
    ]
    return f"`{study}`: order by {rows['method'][0]}, NDCG@{CURVE_AT} over {HORIZONS[0]} days: {', '.join(texts)}."


def _learning_curve(found: _Findings, study: Study, frame: pl.DataFrame, rows: pl.DataFrame, as_of: date) -> None:
    """NDCG of rankers trained on random draws of the known labels, by number and source of labels."""
    params = dataclasses.replace(
        study.algorithm.ranking, min_training_labels=1, min_labels_of_each=1, min_later_labels=1
    )
    names = features(study.algorithm.actions)
    kinds = {"annotation": ["annotation"], "engagement": ["engagement"], "all sources": list(SOURCES)}
    curve = []
    for name, sources in kinds.items():
        pool = rows.filter(pl.col("source").is_in(sources))
        for size in (n for n in CURVE_SIZES if n <= pool.height):
            draws = [
                drawn
                for seed in range(CURVE_DRAWS)
                if (drawn := _ndcg_after(pool.sample(size, seed=seed), frame, as_of, params, names)) is not None
            ]
            if draws:
                curve.append((name, size, float(np.mean(draws)), min(draws), max(draws), len(draws)))
    columns = ["labels", "number of labels", f"NDCG@{CURVE_AT}", "lowest draw", "highest draw", "draws"]
    table = pl.DataFrame(curve, schema=columns, orient="row")
    found.tables[f"Learning curve on {study.name}: draws of the labels known as of {as_of}, {HORIZONS[0]} days"] = table
    levels = {name: _mean_ndcg(frame.rename({name: "score"})) for name in (RANKER, PRIOR, BOTH)}
    found.plots.append(_curve_plot(study.name, table, levels))


def _ndcg_after(
    labelled: pl.DataFrame, frame: pl.DataFrame, as_of: date, params: RankingParams, names: Sequence[str]
) -> float | None:
    """NDCG of a ranker trained on these labels; None if they are of one kind or one day only."""
    try:
        release = train_unmeasured(labelled, as_of=as_of, params=params, features=names)
    except NotEnoughLabels:
        return None
    return _mean_ndcg(_with_scores(frame.drop(RANKER, f"confidence_{RANKER}"), release).rename({RANKER: "score"}))


def _mean_ndcg(scored: pl.DataFrame) -> float:
    return float(ndcg_by_user(scored, [CURVE_AT])[f"ndcg_{CURVE_AT}"].to_numpy().mean())


# ── plots ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

COLOURS = {
    RANKER: "#1f6f8b",
    AS_RUN: "#6a4c93",
    PRIOR: "#d1495b",
    BOTH: "#8d99ae",
    RECENCY: "#b8a36a",
    FREQUENCY: "#7a9e7e",
    TRUTH: "#bbbbbb",
}


def _order_plot(study: str, regime: str, found: _Findings) -> Plot:
    """NDCG@k of every method with its interval."""
    shown = pl.concat([results for results, _ in found.measured])
    shown = shown.filter(pl.col("metric").str.starts_with("NDCG") & (pl.col("regime") == regime))
    methods = shown["method"].unique(maintain_order=True).to_list()
    figure, (axes,) = new_figure(7.0, 4.2)
    for place, method in enumerate(methods):
        rows = shown.filter(pl.col("method") == method)
        value = rows["value"].to_numpy()
        across = np.arange(rows.height) + (place - (len(methods) - 1) / 2) * 0.11
        spread = np.stack([value - rows["low"].to_numpy(), rows["high"].to_numpy() - value])
        axes.errorbar(across, value, yerr=spread, fmt="o", ms=5, capsize=2, color=COLOURS[method], label=method)
    axes.set_xticks(range(len(NDCG_AT)), [f"NDCG@{k}" for k in NDCG_AT])
    axes.set_title(f"{study}: {regime}")
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    caption = f"Order of journeys on {study} against what was {regime}; 95 % intervals over users. Higher is better."
    return Plot(caption, to_svg(figure))


def _reliability_plot(study: str, regime: str, frame: pl.DataFrame) -> Plot:
    """Observed share against expected share, in bins of the expected share."""
    figure, (axes,) = new_figure(4.6, 4.4)
    axes.plot([0, 1], [0, 1], color="#cccccc", lw=1)
    for method in (RANKER, AS_RUN, PRIOR):
        if f"confidence_{method}" not in frame.columns:
            continue
        expected = pl.col(f"confidence_{method}")
        bins = (
            frame.group_by((expected * N_BINS).floor().clip(upper_bound=N_BINS - 1).alias("bin"))
            .agg(expected.mean().alias("expected"), pl.col("is_relevant").mean().alias("observed"), pl.len())
            .sort("bin")
        )
        sizes = 12 + 180 * bins["len"].to_numpy() / frame.height
        axes.plot(bins["expected"], bins["observed"], color=COLOURS[method], lw=1, label=method)
        axes.scatter(bins["expected"], bins["observed"], s=sizes, color=COLOURS[method])
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel=f"share {regime}", title=study)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    caption = f"Confidence on {study} against the share that was {regime}; the size of a dot is its share of journeys."
    return Plot(caption, to_svg(figure))


def _curve_plot(study: str, table: pl.DataFrame, levels: Mapping[str, float]) -> Plot:
    figure, (axes,) = new_figure(6.4, 4.0)
    colours = dict(zip(table["labels"].unique(maintain_order=True), ("#d1495b", "#1f6f8b", "#6a4c93"), strict=False))
    for name, colour in colours.items():
        rows = table.filter(pl.col("labels") == name)
        sizes, mean, low, high = (rows.to_series(i).to_numpy() for i in (1, 2, 3, 4))
        axes.plot(sizes, mean, "o-", color=colour, label=name)
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15, lw=0)
    for name, level in levels.items():
        shown = "ranker on all labels" if name == RANKER else name
        axes.axhline(level, color=COLOURS[name], lw=1, ls="--", label=shown)
    axes.set(xscale="log", xlabel="labels known", ylabel=f"NDCG@{CURVE_AT}, {HORIZONS[0]} days", title=study)
    axes.set_xticks(CURVE_SIZES, [str(n) for n in CURVE_SIZES])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    caption = (
        f"Learning curve on {study}: mean over {CURVE_DRAWS} random draws of labels, with a band from the lowest to "
        "the highest draw. A quarter of the labels is used to measure first, and to fit afterwards."
    )
    return Plot(caption, to_svg(figure))
