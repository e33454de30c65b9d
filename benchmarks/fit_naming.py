"""Fits the weights of the naming score and prints them as ``NamingParams``, and compares LambdaMART out of fold.

    python benchmarks/fit_naming.py DATA [--home .journeys/naming]

The weights are fitted on the half of the CLINC150 intents and of the synthetic themes that
``evaluation.data.naming_data.halves`` allows, in worlds with other seeds than the one for testing. The other half,
WANDS and Online Retail are not used. Out-of-fold figures hold out whole themes. The worlds are generated, and the
pipeline is run over them, in ``--home``; that takes some minutes once.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.naming.features import FEATURES, JOURNEY, candidate_features
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.evaluation.baselines.naming_judges import Embed, grade, judged
from journeys_assets.evaluation.data import naming_data as data
from journeys_assets.evaluation.data.study import Study, labelled_phrases
from journeys_assets.evaluation.parts.naming import CachedEmbedder
from journeys_assets.evaluation.studies import synthetic_study
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.naming import training as naming_training
from journeys_assets.settings import load_settings
from journeys_assets.synthetic.params import WorldParams

ROOT = Path(__file__).resolve().parents[1]
WORLDS = tuple(WorldParams(seed=seed, n_users=160, n_days=100, first_day=date(2025, 10, 6)) for seed in (101, 102))
EVERY_DAYS, FIRST_DAY = 7, 43
MARGINS = (0.02, 0.05, 0.1)
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
    rows = candidate_features(journeys.clusters, journeys.facts, params).join(themes, on=JOURNEY)
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
