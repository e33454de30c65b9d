"""Fits the weights of the naming score and prints them as ``NamingParams``, and compares LambdaMART out of fold.

First the weights of member keywords are fitted, then those of ``sharing`` and ``whole_keyword``, which decide when a
shared phrase names a journey.

    python benchmarks/fit_naming.py DATA [--home .journeys/naming]

The weights of members are fitted on the half of the CLINC150 intents and of the synthetic themes that
``evaluation.data.naming_data.halves`` allows, in worlds with other seeds than the one for testing. The other half,
WANDS and Online Retail are not used. The two weights of phrases are chosen on the same halves and on six corpora
without usable labels, and reported for each corpus as chosen without it. Their target is the mean of what judges and
readers find, and half as much of ``TRUE_OF_MEMBERS``; a choice must not lose more than ``PHRASE_LOSS``. Out-of-fold
figures hold out whole themes. The worlds are generated, and the pipeline is run over them, in ``--home``; that takes
some minutes once.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.naming.features import FEATURES, JOURNEY, candidate_features
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.evaluation.baselines.name_readers import TRUE_OF_MEMBERS, readings
from journeys_assets.evaluation.baselines.naming_judges import Embed, grade, judged
from journeys_assets.evaluation.data import naming_data as data
from journeys_assets.evaluation.data.study import Study, labelled_corpora, labelled_phrases
from journeys_assets.evaluation.parts.naming import CachedEmbedder, halved
from journeys_assets.evaluation.studies import synthetic_study
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.naming import training as naming_training
from journeys_assets.models.naming.release import weights_of
from journeys_assets.settings import load_settings
from journeys_assets.synthetic.params import WorldParams

ROOT = Path(__file__).resolve().parents[1]
WORLDS = tuple(WorldParams(seed=seed, n_users=160, n_days=100, first_day=date(2025, 10, 6)) for seed in (101, 102))
EVERY_DAYS, FIRST_DAY = 7, 43
MARGINS = (0.02, 0.05, 0.1)
MEMBER_PARAMS = NamingParams(takeover_margin=0.02)
"""With the weights of member keywords that the first step chose, which stand."""
SHARING, WHOLE = (0.5, 1.0, 1.5, 2.0), (0.0, 0.5, 1.0, 1.5)
TRUTH = 0.5
PHRASE_LOSS = (0.005, 0.01, 0.005)
"""Largest loss of average precision of readers (mean over sources, worst source) and of the judges' grade (worst)."""
MAX_LOSS = 0.005
"""Largest loss of mean grade that a more stable name may cost."""
N_FOLDS = 4

LAMBDAMART = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 3,
    "label_gain": list(range(11)),
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}
ROUNDS = 100


def labelled_rows(journeys: data.Journeys, embed: Embed, params: NamingParams, source: str) -> pl.DataFrame:
    """Members with features, grade, theme, user, day, source and journey_weight. All journeys of one theme in a user's
    inferences together weigh as much as one."""
    themes = journeys.clusters.drop_nulls("theme").select(*JOURNEY, "user", "day", "theme")
    features = candidate_features(journeys.clusters, journeys.facts, params).filter("is_member")
    rows = features.join(themes, on=JOURNEY)
    graded = rows.join(judged(rows, journeys.themes, embed), on=["keyword", "theme"]).with_columns(grade=grade())
    weights = themes.with_columns(journey_weight=1 / pl.len().over("user", "theme")).select(*JOURNEY, "journey_weight")
    return graded.join(weights, on=JOURNEY).with_columns(source=pl.lit(source))


def training_rows(studies: Sequence[Study], phrases: pl.DataFrame, embed: CachedEmbedder) -> pl.DataFrame:
    """Members of journeys of the themes that may be fitted on. CLINC150 and the synthetic worlds have equal weight."""
    params = NamingParams()
    intents, intent_themes = data.clinc_pools(phrases)
    mine = {label: intents[label] for label in data.halves(intents)[0]}
    pooled = data.pooled(mine, intent_themes, embed, n_users=150, sizes=(3, 30), seed=1)
    parts = [labelled_rows(pooled, embed, params, "clinc150")]
    for study in studies:
        embed.add_stored_vectors(study)
        journeys = data.found(study, data.inferences(study, study.days, at_most=10_000))
        rows = labelled_rows(journeys, embed, params, "synthetic").filter(
            pl.col("theme").is_in(data.halves(data.SYNTHETIC_THEMES)[0])
        )
        # A search is a better name than a board or an interest that the judges find equally close to the theme.
        phrases_of = data.own_phrases().with_columns(match=pl.lit(1.0))
        rows = rows.join(phrases_of, on=["theme", "keyword"], how="left").with_columns(
            grade=(2 * pl.col("grade") + pl.col("match").fill_null(0.0)) / 3
        )
        parts.append(rows.with_columns(user=pl.format("{} {}", "user", pl.lit(study.last_day)) + study.name))
    together = pl.concat(parts, how="diagonal")
    totals = together.unique(JOURNEY).group_by("source").agg(total=pl.col("journey_weight").sum())
    return (
        together.join(totals, on="source")
        .with_columns(journey_weight=pl.col("journey_weight") / pl.col("total"))
        .drop("total")
    )


def phrase_rows(
    studies: Sequence[Study], phrases: pl.DataFrame, corpora: pl.DataFrame, embed: CachedEmbedder
) -> pl.DataFrame:
    """Candidates for names made from half of each journey, with judge (where themes have labels), the figures of
    ``name_readers.readings``, and grade; each source has the weight 1."""
    intents, themes = data.clinc_pools(phrases)
    mine = {label: intents[label] for label in data.halves(intents)[0]}
    sources = [("clinc150", data.pooled(mine, themes, embed, n_users=200, sizes=(4, 40), seed=1))]
    sources += [
        (name, data.pooled(pools, {}, embed, n_users=120, sizes=(4, 30), seed=11))
        for name, pools in data.corpus_pools(corpora).items()
    ]
    sources += [("synthetic", data.found(one, data.inferences(one, one.days, at_most=10_000))) for one in studies]
    parts = []
    for number, (name, journeys) in enumerate(sources):
        seen, unread = halved(journeys)
        theirs = seen.clusters.select(*JOURNEY, "user", "day", "theme")
        rows = candidate_features(seen.clusters, seen.facts, NamingParams()).join(theirs, on=JOURNEY)
        if name == "synthetic":
            rows = rows.filter(pl.col("theme").is_in(data.halves(data.SYNTHETIC_THEMES)[0]))
        judge = pl.lit(None, dtype=pl.Float64)
        if journeys.themes:
            rows = rows.join(judged(rows, journeys.themes, embed), on=["keyword", "theme"])
            judge = grade()
        rows = rows.join(readings(rows, unread, embed), on=[*JOURNEY, "keyword"]).with_columns(judge=judge)
        # All inferences of a theme of a user together weigh as much as one.
        n_journeys = pl.struct(JOURNEY).n_unique().over("user", "theme")
        parts.append(
            rows.with_columns(
                source=pl.lit(name),
                user_id=pl.format("{} {}", "user_id", pl.lit(number)),
                journey_weight=1 / n_journeys,
            )
        )
    together = pl.concat(parts, how="diagonal")
    totals = together.unique(JOURNEY).group_by("source").agg(total=pl.col("journey_weight").sum())
    target = (pl.mean_horizontal("judge", "both: AP") + TRUTH * pl.col(TRUE_OF_MEMBERS)) / (1 + TRUTH)
    return together.join(totals, on="source").with_columns(
        journey_weight=pl.col("journey_weight") / pl.col("total"), grade=target.clip(0.0, 1.0)
    )


def phrase_figures(rows: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """The figures of the names by source: grade, judge, AP, AUC, truth, phrases (share of names that are one)."""
    weight = pl.col("journey_weight") / pl.col("journey_weight").sum()
    columns = {
        "grade": "grade",
        "judge": "judge",
        "ap": "both: AP",
        "auc": "both: AUC",
        "truth": TRUE_OF_MEMBERS,
    }
    return (
        naming_training.named(rows, params)
        .sort("source", *JOURNEY)
        .group_by("source", maintain_order=True)
        .agg(
            *[(pl.col(column) * weight).sum().alias(name) for name, column in columns.items()],
            phrases=((~pl.col("is_member")) * weight).sum(),
        )
    )


def choose_phrase_weights(tried: Mapping[NamingParams, pl.DataFrame], before: pl.DataFrame) -> NamingParams:
    """The parameters with the best mean grade among those that lose at most ``PHRASE_LOSS``.

    Args:
        tried: ``phrase_figures`` of each choice. Sources that are not in ``before`` are ignored.
        before: ``phrase_figures`` of member keywords only.
    """
    best, best_grade = None, -1.0
    for params, figures in tried.items():
        pairs = figures.join(before, on="source", suffix="_before")
        ap, judge = (pairs[name] - pairs[f"{name}_before"] for name in ("ap", "judge"))
        mean_grade = float(pairs["grade"].to_numpy().mean())
        losses = (-float(ap.to_numpy().mean()), -float(ap.to_numpy().min()), -float(judge.to_numpy().min()))
        if mean_grade > best_grade and all(own <= most for own, most in zip(losses, PHRASE_LOSS, strict=True)):
            best, best_grade = params, mean_grade
    if best is None:
        raise ValueError("every choice of weights for phrases loses too much")
    return best


def report_phrases(rows: pl.DataFrame, members: NamingParams) -> None:
    """Chooses the weights of phrases, and prints them with the figures of each source without it."""
    alone = dataclasses.replace(members, sharing_weight=0.0, whole_keyword_weight=0.0)
    before = phrase_figures(rows.filter("is_member"), alone)
    total = sum(weights_of(alone).values())
    tried = {}
    for sharing, whole in itertools.product(SHARING, WHOLE):
        # The margin in favour of the first candidate stays the same in units of the weights.
        margin = round(alone.takeover_margin * total / (total + sharing + whole), 3)
        params = dataclasses.replace(alone, sharing_weight=sharing, whole_keyword_weight=whole, takeover_margin=margin)
        tried[params] = phrase_figures(rows, params)
    for (source,), own in before.group_by("source", maintain_order=True):
        chosen = choose_phrase_weights(tried, before.filter(pl.col("source") != source))
        after = tried[chosen].filter(source=source)
        print(f"without {source}: sharing {chosen.sharing_weight}, whole keyword {chosen.whole_keyword_weight}")
        print(pl.concat([own, after]).drop("source"))
    print(choose_phrase_weights(tried, before))


Scorer = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""Returns names (one row per journey) for the second frame, by a model fitted on the first."""


def linear(train: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return naming_training.named(
        rows, dataclasses.replace(naming_training.fit_weights(train, NamingParams()), takeover_margin=0.0)
    )


def linear_with_margin(train: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return naming_training.named(rows, naming_training.fit_weights(train, NamingParams()))


def lambdamart(train: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The best keyword by LightGBM's LambdaMART, with generic and unreadable ones last."""
    import lightgbm

    ordered = train.sort(*JOURNEY, "keyword")
    sizes = ordered.select(pl.struct(JOURNEY).rle().struct.field("len")).to_series().to_numpy()
    dataset = lightgbm.Dataset(
        ordered.select(FEATURES).to_numpy(),
        label=(ordered["grade"].to_numpy() * 10).round().astype(int),
        group=sizes,
        weight=ordered["journey_weight"].to_numpy() / ordered["journey_weight"].to_numpy().mean(),
    )
    scores = lightgbm.train(LAMBDAMART, dataset, ROUNDS).predict(rows.select(FEATURES).to_numpy())
    return (
        rows.with_columns(model=pl.Series(scores), last=pl.col("is_generic") | (pl.col("readability") < 0.1))
        .sort(*JOURNEY, "last", "model", "n_queries", "keyword", descending=[False, False, False, True, True, False])
        .group_by(JOURNEY, maintain_order=True)
        .first()
    )


SCORERS: Mapping[str, Scorer] = {
    "linear": linear,
    "linear, first keyword keeps the name": linear_with_margin,
    "LambdaMART": lambdamart,
}


def out_of_fold(rows: pl.DataFrame, scorer: Scorer) -> pl.DataFrame:
    """Names of all journeys, each by a model fitted without the journey's theme."""
    themes = np.random.default_rng(5).permutation(sorted(rows["theme"].unique())).tolist()
    fold = {theme: place % N_FOLDS for place, theme in enumerate(themes)}
    folds: NDArray[np.int64] = rows["theme"].replace_strict(fold).to_numpy()
    return pl.concat([scorer(rows.filter(folds != number), rows.filter(folds == number)) for number in range(N_FOLDS)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the labelled phrases")
    parser.add_argument("--home", type=Path, default=ROOT / ".journeys" / "naming")
    options = parser.parse_args()
    phrases = labelled_phrases(options.data)
    if phrases is None:
        sys.exit(f"there are no labelled phrases in {options.data}; they are needed for fitting")
    settings = load_settings(home=options.home)
    studies = [synthetic_study(settings, world, first_day=FIRST_DAY, every_days=EVERY_DAYS) for world in WORLDS]
    embedder = make_embedder(settings.embedder, settings.models_path / "embedder")
    rows = training_rows(studies, phrases, CachedEmbedder(embedder))
    report(rows)
    corpora = labelled_corpora(options.data)
    if corpora is None:
        sys.exit(f"there are no corpora in {options.data}; they are needed for fitting the weights of phrases")
    report_phrases(phrase_rows(studies, phrases, corpora, CachedEmbedder(embedder)), MEMBER_PARAMS)


def report(rows: pl.DataFrame) -> None:
    for name, scorer in SCORERS.items():
        names = out_of_fold(rows, scorer)
        for (source,), part in names.group_by("source", maintain_order=True):
            hits = part.select((pl.col("meaning") == 1).mean(), (pl.col("words") == 1).mean()).row(0)
            print(
                f"{name:<38} {source:<10} grade {naming_training.mean_grade(part):.3f}, top-1 meaning {hits[0]:.3f} "
                f"words {hits[1]:.3f}, renamed {naming_training.share_renamed(part):.3f}"
            )
    fitted = naming_training.choose_margin(rows, naming_training.fit_weights(rows, NamingParams()), MARGINS, MAX_LOSS)
    print(fitted)
    if fitted != NamingParams():
        print("these differ from the NamingParams of the package")


if __name__ == "__main__":
    main()
