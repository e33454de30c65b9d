"""Human judgements: agreement of annotators, accuracy of the median of three, the use of a judge, and learnt names.

The agreement between people is the bound for any judge. A simulation checks the reported intervals: a 95 % interval
should contain the truth in 95 % of the cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.annotation.agreement import LEVELS, annotator_agreement, quadratic_kappa
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.statistics.prediction_powered import mean_with_judge
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import annotation_names as names
from journeys_assets.evaluation.report.plots import dots
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS, Statistic, Weights, measure
from journeys_assets.storage.queries.annotation import JUDGEMENTS, stored_judgements
from journeys_assets.synthetic.annotators import judge, true_relevance
from journeys_assets.synthetic.judgements import ANNOTATORS

Doubles = NDArray[np.float64]

SEED = 20260
N_SIMULATIONS = 300
"""Coverage near 95 % is then estimated to within 2.5 points."""
N_ITEMS, N_LABELLED = 100, 200
"""Journeys that both annotators judge in a simulated agreement study; human labels in an estimated mean."""
KAPPA_RESAMPLES = 400
SAMPLE_EVERY_DAYS = 14

OURS = "median of three"
KAPPA = "kappa with the true level"
JUDGE = "confidence as a judge, with the median"
PPI = "people and judge (PPI++)"

PROTOCOL = """
**Agreement.** All stored judgements, the latest of each annotator and journey. Kappa has quadratic weights; 95 %
intervals resample users. The agreement between people is the bound for any judge.

**Truth.** The synthetic world's three annotators (one strict, one lenient, each noisy) judge items whose relevance is
known. The true level is that relevance, rounded; the training label is "level {positive_from:g} or more". Nothing is
fitted. The annotators are simulated. Real ones may make the same mistakes, which no median corrects.

**Coverage of kappa.** {n_simulations} simulated studies of {n_items} items that two of these annotators judge. Users
have one to six similar items. The figure is how often the interval contains the kappa of infinitely many items.

**A judge.** The journeys that the pipeline found, every {every} days. The judge is the pipeline's own `confidence` as
levels (1 + 4 × confidence); it is biased. People (the median of three simulated annotators) label {n_labelled} journeys
drawn at random. The figures are how often each interval, over {n_simulations} draws, contains the mean relevance of all
journeys, and how wide it is. A narrow interval that is wrong is worse than none.
{names}"""


def evaluate_annotation(
    studies: Sequence[Study], *, n_simulations: int = N_SIMULATIONS, n_draws: int = names.N_DRAWS
) -> Section:
    """Agreement of annotators in each study that has judgements and, where there is truth, their accuracy and use.

    Args:
        studies: Studies without judgements are skipped.
        n_simulations: Number of simulated studies, and of draws of labels.
        n_draws: Number of draws of labels to learn naming from, for each number of labels.
    """
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    tables: dict[str, pl.DataFrame] = {}
    plots: list[Plot] = []
    for study in studies:
        with study.warehouse.reading() as con:
            judgements = stored_judgements(con)
        if judgements.is_empty():
            continue
        found = annotator_agreement(judgements, seed=SEED)
        parts.append((_agreement_rows(study.name, found.pairs), COMPARISONS.to_frame()))
        tables[f"{study.name}: agreement of all annotators, beside chance"] = found.overall
        tables[f"{study.name}: each pair of annotators"] = found.pairs
        tables[f"{study.name}: habits of each annotator"] = found.annotators
        if "truth_annotations" in study.truth:
            parts += _recovery(study)
            found_by_pipeline = found_journeys(study)
            parts.append(_judge_with_people(study.name, found_by_pipeline))
            coverage, example = _judged_mean(study.name, found_by_pipeline, n_simulations)
            tables[f"{study.name}: mean relevance of all journeys from {N_LABELLED} labels; intervals at 95 %"] = (
                coverage
            )
            parts.append((example, COMPARISONS.to_frame()))
            curve = names.learning_curve(study, _sampled_days(study), seed=SEED, n_draws=n_draws)
            parts += reversed(curve.parts)  # most labels first, because the report begins with the first regime
            tables[f"{study.name}: naming weights that would be released, by labels"] = curve.released
            plots.append(names.curve_plot(curve.points, study.name))
    tables["intervals of kappa at 95 %, by simulation"] = kappa_coverage(n_simulations)
    results, comparisons = gathered(parts)
    protocol = PROTOCOL.format(
        positive_from=RankingParams().annotation_positive_from,
        n_simulations=n_simulations,
        n_items=N_ITEMS,
        n_labelled=N_LABELLED,
        every=SAMPLE_EVERY_DAYS,
        names=names.PROTOCOL.format(every=SAMPLE_EVERY_DAYS, n_draws=n_draws),
    )
    if KAPPA in results["metric"]:
        caption = f"{KAPPA}, of the median of three annotators and of each alone, with 95 % intervals over users."
        plots.insert(0, Plot(caption.capitalize(), dots(results, KAPPA, label=KAPPA)))
    return Section(
        "annotation",
        "Human judgements",
        protocol,
        results,
        comparisons,
        plots=tuple(plots),
        tables=tables,
        headline=(KAPPA, "stages that are right", names.METRIC),
    )


def _agreement_rows(dataset: str, pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows of RESULTS: the agreement between people, which is a bound and not a baseline."""
    rows = [
        (dataset, "people with people", metric, f"{p['a']}, {p['b']}", "bound", p[name], p[f"{name}_low"],
         p[f"{name}_high"], p["n_users"], True)
        for p in pairs.iter_rows(named=True)
        for metric, name in (("relevance kappa (quadratic)", "kappa"), ("stage kappa", "stage_kappa"))
        if p[name] is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=RESULTS, orient="row")


# ── recovery of the truth ───────────────────────────────────────────────────────────────────────────────────────────


def _recovery(study: Study) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """The median of three compared with each annotator alone: true level, training label, true stage."""
    rows = judged_items(study)
    users, owner = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
    truth = rows["true_level"].to_numpy()
    positive_from = study.algorithm.ranking.annotation_positive_from
    names = [annotator.annotator_id for annotator in ANNOTATORS]
    levels = {OURS: rows["median"].to_numpy(), **{f"{name} alone": rows[name].to_numpy() for name in names}}
    common = {"dataset": study.name, "regime": "against the truth", "n_users": len(users), "ours": OURS, "seed": SEED}
    kappas = {name: _kappa_of(truth, given, owner, len(users)) for name, given in levels.items()}
    is_positive = truth >= positive_from
    right = {name: (given >= positive_from) == is_positive for name, given in levels.items()}
    right["the commoner label"] = is_positive == (is_positive.mean() >= 0.5)
    accuracies = {name: _share_of(hits, owner, len(users)) for name, hits in right.items()}
    stages = {OURS: rows["stage_majority"], **{f"{name} alone": rows[f"stage_{name}"] for name in names}}
    seen = {
        name: _share_of((given == rows["true_stage"]).to_numpy(), owner, len(users)) for name, given in stages.items()
    }
    return [
        measure(kappas, metric=KAPPA, **common),  # type: ignore[arg-type]
        measure(accuracies, metric="training labels that are right", **common),  # type: ignore[arg-type]
        measure(seen, metric="stages that are right", **common),  # type: ignore[arg-type]
    ]


def judged_items(study: Study) -> pl.DataFrame:
    """Items of ``truth_annotations`` that all three annotators judged.

    Returns:
        user_id, true_level, true_stage, for each annotator a column with the level and ``stage_…`` with the stage,
        median (of the three levels), stage_majority.
    """
    truth = study.truth["truth_annotations"].select(
        "user_id",
        "judged_on",
        "keywords",
        true_level=pl.col("relevance").round().clip(1, 5).cast(pl.Int64),
        true_stage="stage",
    )
    judged = study.rows(
        "SELECT user_id, annotated_at::DATE AS judged_on, keywords, annotator_id, relevance, stage "
        f"FROM {JUDGEMENTS} WHERE as_of_date IS NULL ORDER BY ALL"
    )
    rows = truth.unique(["user_id", "judged_on", "keywords"], keep="none", maintain_order=True)
    for annotator in ANNOTATORS:
        name = annotator.annotator_id
        own = judged.filter(pl.col("annotator_id") == name).drop("annotator_id")
        own = own.rename({"relevance": name, "stage": f"stage_{name}"})
        rows = rows.join(own, on=["user_id", "judged_on", "keywords"], how="inner", maintain_order="left")
    names = [annotator.annotator_id for annotator in ANNOTATORS]
    n_ongoing = pl.sum_horizontal((pl.col(f"stage_{name}") == "ongoing").cast(pl.Int64) for name in names)
    return rows.with_columns(
        median=pl.concat_list(names).list.median().round().cast(pl.Int64),
        stage_majority=pl.when(n_ongoing >= 2).then(pl.lit("ongoing")).otherwise(pl.lit("ended")),
    )


def _kappa_of(truth: NDArray[np.int64], given: NDArray[np.int64], owner: NDArray[np.intp], n_users: int) -> Statistic:
    cells = np.zeros((n_users, len(LEVELS), len(LEVELS)))
    np.add.at(cells, (owner, truth - 1, given - 1), 1.0)

    def statistic(weights: Weights) -> float:
        return float(quadratic_kappa(np.tensordot(weights, cells, axes=1)))

    return statistic


def _share_of(hits: NDArray[np.bool_], owner: NDArray[np.intp], n_users: int) -> Statistic:
    n, right = np.bincount(owner, minlength=n_users), np.bincount(owner, hits, minlength=n_users)

    def statistic(weights: Weights) -> float:
        return float((weights * right).sum() / (weights * n).sum())

    return statistic


# ── coverage of the intervals ───────────────────────────────────────────────────────────────────────────────────────


def kappa_coverage(n_simulations: int) -> pl.DataFrame:
    """How often the 95 % interval of kappa contains the kappa of infinitely many items.

    Returns:
        pair, true_kappa, coverage, mean_width, n_items, n_simulations.
    """
    rng = np.random.default_rng(SEED)
    first, second = ANNOTATORS[0], ANNOTATORS[2]
    everything = _simulated(rng, 200_000)
    cells = np.zeros((len(LEVELS), len(LEVELS)))
    np.add.at(cells, (everything["a"].to_numpy() - 1, everything["b"].to_numpy() - 1), 1.0)
    true = float(quadratic_kappa(cells))
    hits, widths = 0, 0.0
    for _ in range(n_simulations):
        items = _simulated(rng, N_ITEMS)
        sides = [
            items.select("item", "user_id", annotator_id=pl.lit(name), relevance=side, stage=pl.lit(None, pl.String))
            for name, side in ((first.annotator_id, "a"), (second.annotator_id, "b"))
        ]
        found = annotator_agreement(pl.concat(sides), seed=SEED, n_resamples=KAPPA_RESAMPLES).pairs
        low, high = found["kappa_low"][0], found["kappa_high"][0]
        hits += low <= true <= high
        widths += high - low
    row = (
        f"{first.annotator_id}, {second.annotator_id}", true, hits / n_simulations, widths / n_simulations, N_ITEMS,
        n_simulations,
    )  # fmt: skip
    columns = ["pair", "true_kappa", "coverage", "mean_width", "n_items", "n_simulations"]
    return pl.DataFrame([row], schema=columns, orient="row")


def _simulated(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """``n`` simulated items, as in ``synthetic.judgements``: one to six similar ones per user, two annotators."""
    sizes = rng.integers(1, 7, size=n)
    owner = np.repeat(np.arange(n), sizes)[:n]
    kind = rng.random(n)
    leaning = rng.normal(0.0, 0.5, size=n)[owner]
    relevance = (
        np.where(kind >= 0.8, 1.3, np.where(kind >= 0.6, 2.1, np.where(rng.random(n) < 0.6, 4.7, 3.1))) + leaning
    )
    sides = {
        side: np.clip(np.rint(relevance + by.bias + rng.normal(0.0, by.noise, size=n)), 1, 5).astype(np.int64)
        for side, by in (("a", ANNOTATORS[0]), ("b", ANNOTATORS[2]))
    }
    frame = pl.DataFrame({"item": np.arange(n), "user_id": owner, **sides})
    return frame.with_columns(pl.col("item", "user_id").cast(pl.String))


def found_journeys(study: Study) -> pl.DataFrame:
    """The journeys found every ``SAMPLE_EVERY_DAYS``, with the judgements of the three simulated annotators.

    Returns:
        row_key, user_id, as_of_date, keywords, a column for each annotator (1-5), judged (the median of the three),
        judge (1 + 4 x confidence).
    """
    items = study.rows(
        """
        SELECT partition_date AS as_of_date, user_id, journey_id, keywords, confidence,
               partition_date::VARCHAR || chr(31) || user_id || chr(31) || journey_id AS row_key
        FROM main.user_journeys WHERE partition_date IN (SELECT unnest($days)) ORDER BY row_key
        """,
        {"days": _sampled_days(study)},
    )
    known = true_relevance(items, study.truth)
    given = {by.annotator_id: judge(known, by.annotator_id, seed=SEED)["relevance"] for by in ANNOTATORS}
    return items.with_columns(
        **given,
        judged=pl.Series(np.median(np.stack([levels.to_numpy() for levels in given.values()]), axis=0)),
        judge=1.0 + 4.0 * pl.col("confidence"),
    ).drop("confidence")


def _sampled_days(study: Study) -> list[date]:
    return list(study.days)[::-SAMPLE_EVERY_DAYS]


def _judge_with_people(dataset: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The agreement of the judge with people on the same journeys, beside the agreement between people."""
    users, owner = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
    names = [by.annotator_id for by in ANNOTATORS]
    pairs = {f"{a}, {b}": (rows[a].to_numpy(), rows[b].to_numpy()) for a, b in itertools.combinations(names, 2)}
    levels = rows["judge"].round().cast(pl.Int64).to_numpy()
    kappas = {name: _kappa_of(a, b, owner, len(users)) for name, (a, b) in pairs.items()}
    kappas |= {JUDGE: _kappa_of(rows["judged"].round().cast(pl.Int64).to_numpy(), levels, owner, len(users))}
    return measure(
        kappas,
        dataset=dataset,
        regime="journeys that were found",
        metric="relevance kappa (quadratic)",
        n_users=len(users),
        ours=JUDGE,
        bounds=list(pairs),
        seed=SEED,
    )


def _judged_mean(dataset: str, rows: pl.DataFrame, n_simulations: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mean relevance of all journeys from few labels: coverage, width and error by method; coverage as RESULTS."""
    people, machine = rows["judged"].to_numpy(), rows["judge"].to_numpy()
    owner = np.unique(rows["user_id"].to_numpy(), return_inverse=True)[1]
    true = float(people.mean())
    rng = np.random.default_rng(SEED)
    outcomes: dict[str, list[tuple[bool, float, float]]] = {"judge alone": [], "people alone": [], PPI: []}
    for _ in range(n_simulations):
        order = rng.permutation(len(people))
        drawn, rest = order[:N_LABELLED], order[N_LABELLED:]
        for name, estimate in judged_means(
            people[drawn], machine[drawn], machine[rest], owner[drawn], owner[rest]
        ).items():
            low, high = estimate
            outcomes[name].append((low <= true <= high, high - low, (low + high) / 2 - true))
    table = pl.DataFrame(
        [
            (name, *(float(np.mean(column)) for column in zip(*found, strict=True)), true, len(people), n_simulations)
            for name, found in outcomes.items()
        ],
        schema=["method", "coverage", "mean_width", "mean_error", "true_mean", "n_journeys", "n_simulations"],
        orient="row",
    )
    return table, _coverage_rows(dataset, outcomes, n_users=int(owner.max()) + 1)


def judged_means(
    people: Doubles,
    judge_of_same: Doubles,
    judge_of_rest: Doubles,
    owner: NDArray[np.intp],
    owner_of_rest: NDArray[np.intp],
) -> Mapping[str, tuple[float, float]]:
    """The 95 % interval of the mean, by method."""
    everything, owners = np.concatenate([judge_of_same, judge_of_rest]), np.concatenate([owner, owner_of_rest])
    none = np.empty(0)
    alone = mean_with_judge(everything, everything, none, users=owners, users_unlabelled=none)
    human = mean_with_judge(people, judge_of_same, none, users=owner, users_unlabelled=none)
    both = mean_with_judge(people, judge_of_same, judge_of_rest, users=owner, users_unlabelled=owner_of_rest)
    return {"judge alone": (alone.low, alone.high), "people alone": (human.low, human.high), PPI: (both.low, both.high)}


def _coverage_rows(
    dataset: str, outcomes: Mapping[str, Sequence[tuple[bool, float, float]]], *, n_users: int
) -> pl.DataFrame:
    """Rows of RESULTS: coverage by method, with its interval over the simulated draws."""
    rows = []
    for name, found in outcomes.items():
        hits = sum(hit for hit, _, _ in found) / len(found)
        low, high = _wilson(hits, len(found))
        role = "ours" if name == PPI else "baseline"
        rows.append(
            (dataset, "mean relevance", "coverage of 95 % intervals", name, role, hits, low, high, n_users, True)
        )
    return pl.DataFrame(rows, schema=RESULTS, orient="row")


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share of n."""
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
