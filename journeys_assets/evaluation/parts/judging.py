"""Judges of journeys against people: agreement beside its bound and chance, and what corrected means are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.annotation.agreement import LEVELS, quadratic_kappa
from journeys_assets.domain.judging import agreement
from journeys_assets.domain.judging.rubric import JUDGED_BY as RUBRIC
from journeys_assets.domain.judging.sampling import uniform_of
from journeys_assets.domain.statistics.confusion import CorrectedMean, corrected_mean
from journeys_assets.domain.statistics.prediction_powered import MeanEstimate, mean_with_judge
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.report.plots import dots
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS, Statistic, Weights, measure
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.judging import Judges
from journeys_assets.synthetic.annotators import judge, true_relevance
from journeys_assets.synthetic.judgements import ANNOTATORS

Doubles = NDArray[np.float64]

SEED = 20260
N_SIMULATIONS, N_LABELLED = 300, 200
EVERY_DAYS = 14
ASKED_USERS = 40
"""Users whose journeys a language model judges."""

KAPPA = "weighted kappa with people"
COVERAGE = "coverage of 95 % intervals"
PEOPLE, CONFIDENCE, MODEL, PPI = "people with each other", "confidence as a judge", "language model", "PPI++"

PROTOCOL = """
**Judges.** The rubric (`domain/judging/rubric.py`; nothing in it was fitted to judgements) and, where one is set, the
language model, on the first {top_k} journeys of every user, every {every} days. A language model judges {asked} users
drawn at random, {draws} draws each, in a new order in each draw. {model}

**People.** The three simulated annotators of the synthetic world, who know the truth and err each in their own way.
Real people may agree less, or make the same mistakes. Figures pool the pairs of the judge and each annotator, and each
journey counts once; 95 % intervals resample users. Read a judge's kappa beside that of people with each other, which is
its bound, and raw agreement beside chance. The pipeline's `confidence` as levels (1 + 4 × confidence) is the baseline.

**Means.** {n_labelled} journeys drawn at random are labelled (the median of the annotators), the judge judges all. The
figures are how often each 95 % interval, over {n_simulations} draws, holds the mean of all journeys, and how wide it
is. The judge's own mean does not get better with more judgements; the corrected ones hold.
"""


def evaluate_judging(
    studies: Sequence[Study],
    embedding_model: Callable[[], str],
    asker: Asker | None = None,
    *,
    n_simulations: int = N_SIMULATIONS,
    asked_users: int = ASKED_USERS,
) -> Section:
    """The judges in each study whose truth is known.

    Args:
        embedding_model: Version of the embedding model that the studies were run with.
        asker: The language model; None: the rubric alone.
        n_simulations: Number of draws of labels.
        asked_users: Users whose journeys the language model judges.
    """
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    tables: dict[str, pl.DataFrame] = {}
    params = studies[0].algorithm.judging if studies else None
    for study in studies:
        if "truth_journeys" not in study.truth:
            continue
        # The texts are invented, so none is withheld beyond what no question may hold.
        judges = Judges(
            study.warehouse,
            study.algorithm.judging,
            study.algorithm.keywords.horizon_days,
            embedding_model,
            lambda texts: [True] * len(texts),
        )
        journeys, controls = judged_journeys(study, judges, asker, asked_users)
        if journeys.is_empty():
            continue
        parts.append(_kappas(study.name, journeys))
        tables |= _agreements(study, journeys)
        tables[f"{study.name}: mean level of journeys and controls"] = controls
        coverage, rows = mean_coverage(study.name, journeys, n_simulations)
        parts.append((rows, COMPARISONS.to_frame()))
        tables[f"{study.name}: mean relevance from {N_LABELLED} labels; intervals at 95 %"] = coverage
    results, comparisons = gathered(parts)
    protocol = PROTOCOL.format(
        top_k=params.top_k if params else 0,
        every=EVERY_DAYS,
        asked=asked_users,
        draws=params.draws if params else 0,
        model="None is set here: the rubric takes the seat." if asker is None else f"Here: {asker.model}.",
        n_labelled=N_LABELLED,
        n_simulations=n_simulations,
    )
    plots = (Plot(f"{KAPPA}, with 95 % intervals over users.", dots(results, KAPPA, label=KAPPA)),) if parts else ()
    return Section(
        "judging", "Judges of journeys", protocol, results, comparisons, plots=plots, tables=tables, headline=(KAPPA,)
    )


def judged_journeys(
    study: Study, judges: Judges, asker: Asker | None, asked_users: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The judged journeys of a study beside people.

    Returns:
        One row per journey, day, judge and draw: item, user_id, draw, level, judged_by, confidence, a column for each
        annotator, median (of the annotators). And judged_by, is_control, mean_level, journeys.
    """
    kept, said = [], []
    for day in list(study.days)[::-EVERY_DAYS]:
        found = study.rows(
            """
            SELECT user_id, journey_id, partition_date AS as_of_date, keywords, confidence,
                   partition_date::VARCHAR || chr(31) || user_id || chr(31) || journey_id AS row_key
            FROM main.user_journeys WHERE partition_date = $day AND rank <= $top ORDER BY row_key
            """,
            {"day": day, "top": judges.params.top_k},
        )
        views = judges.views(day, found, with_controls=True)
        rows = [judges.by_rubric(views)]
        if asker is not None:
            first = sorted(views, key=lambda view: (uniform_of("asked", SEED, view.user_id), view.user_id))
            rows.append(judges.by_model(first[:asked_users], asker))
        kept.append(found)
        said.append(pl.concat(rows).with_columns(as_of_date=pl.lit(day)))
    items, rows_of_judges = pl.concat(kept), pl.concat(said)
    known = true_relevance(items, study.truth)
    given = {by.annotator_id: judge(known, by.annotator_id, seed=SEED)["relevance"] for by in ANNOTATORS}
    median = np.median(np.stack([levels.to_numpy() for levels in given.values()]), axis=0)
    people = items.with_columns(**given, median=pl.Series(median), item="row_key")
    controls = rows_of_judges.drop_nulls("level").group_by("judged_by", "is_control").agg(
        mean_level=pl.col("level").mean(), journeys=pl.struct("user_id", "journey_id", "as_of_date").n_unique()
    )  # fmt: skip
    names = ("item", "confidence", *given, "median")
    journeys = rows_of_judges.filter(~pl.col("is_control")).join(
        people.select("user_id", "journey_id", "as_of_date", *names), on=["user_id", "journey_id", "as_of_date"]
    )
    shown = journeys.select("item", "user_id", "draw", "level", "judged_by", *names[1:])
    return shown.sort("judged_by", "item", "draw"), controls.sort("judged_by", "is_control")


def _people(journeys: pl.DataFrame) -> pl.DataFrame:
    """``agreement.HUMAN_SCHEMA`` of the journeys."""
    names = [by.annotator_id for by in ANNOTATORS]
    once = journeys.unique("item", maintain_order=True)
    long = once.unpivot(on=names, index=["item", "user_id"], variable_name="annotator_id", value_name="relevance")
    return long.select(agreement.HUMAN_SCHEMA.names()).cast({"relevance": pl.Int64})


def _agreements(study: Study, journeys: pl.DataFrame) -> dict[str, pl.DataFrame]:
    tables = {}
    for (judged_by,), own in journeys.partition_by("judged_by", as_dict=True).items():
        given = own.select(agreement.DRAW_SCHEMA.names())
        found = agreement.judge_agreement(_people(own), given, study.algorithm.judging, seed=SEED)
        name = f"{study.name}: {judged_by}"
        tables[f"{name} beside people"] = found.figures
        share = found.confusion / max(found.confusion.sum(), 1.0)
        columns = {f"judge {level}": share[:, n] for n, level in enumerate(LEVELS)}
        tables[f"{name}: share of journeys by level of people (rows) and judge"] = pl.DataFrame(
            {"people": list(LEVELS), **columns}
        )
    return tables


def _kappas(dataset: str, journeys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The kappa of the rubric with people, beside the pipeline's confidence, people and, on its users, the model."""
    names = [by.annotator_id for by in ANNOTATORS]
    rubric = journeys.filter(pl.col("judged_by") == RUBRIC)
    confidence = (1.0 + 4.0 * rubric["confidence"]).round().cast(pl.Int64).to_numpy()
    parts = []
    for regime, own in (("all users", journeys), ("users of the model", journeys.filter(pl.col("draw") > 0))):
        if own.is_empty():
            continue
        chosen = rubric.filter(pl.col("item").is_in(own["item"].unique().to_list()))
        users, owner = np.unique(chosen["user_id"].to_numpy(), return_inverse=True)
        people = [chosen[name].to_numpy() for name in names]
        methods = {
            RUBRIC: [(one, chosen["level"].to_numpy()) for one in people],
            CONFIDENCE: [
                (one, confidence[rubric["item"].is_in(chosen["item"].to_list()).to_numpy()]) for one in people
            ],
            PEOPLE: [(a, b) for a in people for b in people if a is not b],
        }
        statistics = {name: _pooled_kappa(pairs, owner, len(users)) for name, pairs in methods.items()}
        if regime != "all users":
            statistics[MODEL] = _kappa_of_draws(own.drop_nulls("level"), names, users)
        parts.append(
            measure(
                statistics,
                dataset=dataset,
                regime=regime,
                metric=KAPPA,
                n_users=len(users),
                ours=RUBRIC,
                bounds=[PEOPLE],
                seed=SEED,
            )
        )
    return gathered(parts)


def _pooled_kappa(
    pairs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], owner: NDArray[np.intp], n_users: int
) -> Statistic:
    cells = np.zeros((n_users, len(LEVELS), len(LEVELS)))
    for a, b in pairs:
        np.add.at(cells, (owner, a - 1, b - 1), 1.0)

    def statistic(weights: Weights) -> float:
        return float(quadratic_kappa(np.tensordot(weights, cells, axes=1)))

    return statistic


def _kappa_of_draws(rows: pl.DataFrame, names: Sequence[str], users: NDArray[np.object_]) -> Statistic:
    owner = np.searchsorted(users, rows["user_id"].to_numpy())
    levels = rows["level"].to_numpy()
    return _pooled_kappa([(rows[name].to_numpy(), levels) for name in names], owner, len(users))


def mean_coverage(dataset: str, journeys: pl.DataFrame, n_simulations: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mean relevance of all journeys from few labels, with the rubric: coverage and width by method; RESULTS."""
    rows = journeys.filter(pl.col("judged_by") == RUBRIC)
    people, machine = rows["median"].to_numpy(), rows["level"].to_numpy().astype(np.float64)
    users, owner = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
    true, n = float(people.mean()), len(people)
    n_labelled = min(N_LABELLED, n // 2)
    rng = np.random.default_rng(SEED)
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(n_simulations):
        order = rng.permutation(n)
        drawn, rest = order[:n_labelled], order[n_labelled:]
        for name, one in _intervals(people, machine, owner, len(users), drawn, rest).items():
            found.setdefault(name, []).append(one)
    summary, results = [], []
    for name, bounds in found.items():
        hits = float(np.mean([low <= true <= high for low, high in bounds]))
        width = float(np.mean([high - low for low, high in bounds]))
        error = float(np.mean([(low + high) / 2 - true for low, high in bounds]))
        summary.append((name, hits, width, error, true, n, n_simulations))
        half = 1.96 * (hits * (1 - hits) / n_simulations) ** 0.5
        role = "ours" if name == PPI else "baseline"
        bound = (max(0.0, hits - half), min(1.0, hits + half))
        results.append((dataset, "mean relevance", COVERAGE, name, role, hits, *bound, len(users), True))
    columns = ["method", "coverage", "mean_width", "mean_error", "true_mean", "n_journeys", "n_simulations"]
    return pl.DataFrame(summary, schema=columns, orient="row"), pl.DataFrame(results, schema=RESULTS, orient="row")


def _intervals(
    people: Doubles,
    machine: Doubles,
    owner: NDArray[np.intp],
    n_users: int,
    drawn: NDArray[np.intp],
    rest: NDArray[np.intp],
) -> Mapping[str, tuple[float, float]]:
    """The 95 % interval of the mean, by method."""
    none = np.empty(0)
    codes = np.rint(people).astype(np.int64) - 1, machine.astype(np.int64) - 1
    labels, counts = np.zeros((n_users, len(LEVELS), len(LEVELS))), np.zeros((n_users, len(LEVELS)))
    np.add.at(labels, (owner[drawn], codes[0][drawn], codes[1][drawn]), 1.0)
    np.add.at(counts, (owner, codes[1]), 1.0)
    labels, counts = labels[labels.any(axis=(1, 2))], counts[counts.any(axis=1)]
    estimates: dict[str, MeanEstimate | CorrectedMean] = {
        "judge alone": mean_with_judge(machine, machine, none, users=owner, users_unlabelled=none),
        "people alone": mean_with_judge(people[drawn], machine[drawn], none, users=owner[drawn], users_unlabelled=none),
        PPI: mean_with_judge(
            people[drawn], machine[drawn], machine[rest], users=owner[drawn], users_unlabelled=owner[rest]
        ),
        "table, labels at random": corrected_mean(labels, counts, by="judge", n_resamples=200),
        "table, quality may change": corrected_mean(labels, counts, by="people", n_resamples=200),
    }
    return {name: (one.low, one.high) for name, one in estimates.items()}
