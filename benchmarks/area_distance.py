"""Quality of each distance for areas, and the best cuts of the baselines, on the half that may be fitted on.

    python benchmarks/area_distance.py DATA

The users have the half of the CLINC150 intents, and of the stray phrases, that the evaluation does not use: light and
heavy users, with intents of any domain or of few, with and without strays. The cut is fitted without CLINC150. An area
should be one of its ten domains; the figure is the mean B-cubed F1 over users. The plateau of a rule is where its mean
over all regimes is within 0.01 of its best. The cuts for domains in ``evaluation.baselines.clustering_rules`` are the
middles of the plateaus; ``ClusteringParams.area_distance`` is the lower end, because what is shown as one area should
more often than not be one (decision record 5).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines import clustering_rules
from journeys_assets.evaluation.data import pseudo_users
from journeys_assets.evaluation.data.corpora import corpora_of
from journeys_assets.evaluation.data.left_out import cut_without, examples_by_corpus
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser
from journeys_assets.evaluation.data.study import LABELLED, labelled_corpora, labelled_phrases
from journeys_assets.models.embedding.choose import make_embedder

ROOT = Path(__file__).resolve().parents[1]
N_USERS = 60
STRAY_SHARES = (0.0, 0.2)
PLATEAU = 0.01

By = Callable[[float], Callable[[PseudoUser, NDArray[np.float32]], Labels]]
"""Returns the rule that cuts at a given bound."""


def fitting_regimes(phrases: pl.DataFrame) -> dict[str, list[PseudoUser]]:
    """Users that the bound may be chosen on, by the name of their regime."""
    every = pseudo_users.pools(phrases, "clinc150")
    held_out = set(pseudo_users.held_out_half(list(every)))
    pool = {name: own for name, own in every.items() if name not in held_out}
    domains = dict(phrases.filter(set="clinc150").select("label", "domain").unique().sort("label").iter_rows())
    oos = [k for own in pseudo_users.pools(phrases, "clinc150_oos").values() for k in own]
    oos = [k for k in oos if not pseudo_users.is_held_out(k)]
    regimes = {}
    for low, high in ((3, 12), (5, 60)):
        for share in STRAY_SHARES:
            strays = oos if share else []
            any_domain = pseudo_users.pooled_users(
                pool,
                n_users=N_USERS,
                seed=5,
                journeys=(2, 8),
                keywords=(low, high),
                strays=strays,
                stray_share=share,
                domains=domains,
            )
            few = pseudo_users.users_of_few_domains(
                pool, domains, n_users=N_USERS, seed=6, keywords=(low, high), strays=strays, stray_share=share
            )
            kind = f"{low}-{high}" + (f" + {share:.0%}" if share else "")
            regimes |= {f"any {kind}": any_domain, f"few {kind}": few}
    return regimes


def areas(params: ClusteringParams, cut: LearnedCut, vectors: KeywordVectors) -> By:
    """The pipeline's areas, by their bound."""

    def at(distance: float) -> Callable[[PseudoUser, NDArray[np.float32]], Labels]:
        own = replace(params, area_distance=distance)
        return lambda user, _: found_by_pipeline([user], vectors, own, cut)[1][0]

    return at


def scores(
    by: By, bounds: Sequence[float], regimes: Mapping[str, Sequence[PseudoUser]], vectors: KeywordVectors
) -> pl.DataFrame:
    """Mean B-cubed F1 against the domains: one row per bound, one column per regime, and their mean."""
    rows = []
    for bound in bounds:
        rule = by(bound)
        row: dict[str, float] = {"bound": bound}
        for name, users in regimes.items():
            row[name] = float(
                np.mean([bcubed_f1(user.coarse, rule(user, vectors.rows_for(user.keywords))) for user in users])
            )
        rows.append(row)
    return pl.DataFrame(rows).with_columns(mean=pl.mean_horizontal(pl.exclude("bound")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the labelled phrases")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    options = parser.parse_args()
    labelled = labelled_phrases(options.data)
    if labelled is None:
        sys.exit(f"{options.data / LABELLED} does not exist; the labelled phrases are needed for fitting")
    regimes = fitting_regimes(pseudo_users.distinct_phrases(labelled))
    used = {keyword for users in regimes.values() for user in users for keyword in user.keywords}
    corpora, folder = corpora_of(labelled, labelled_corpora(options.data)), options.cache / "area_distance"
    vectors = pseudo_users.embedded([*used, *corpora.keywords], make_embedder("minilm", options.cache), folder)
    params = ClusteringParams()
    cut = cut_without("clinc150", examples_by_corpus(corpora, vectors, params), folder)
    tried: dict[str, tuple[By, NDArray[np.float64]]] = {
        "areas": (areas(params, cut, vectors), np.arange(0.7, 1.001, 0.01)),
        "one cut": (lambda cut: clustering_rules.one_cut(params, cut), np.arange(0.5, 0.951, 0.025)),
        "MiniLM, average": (clustering_rules.average, np.arange(0.7, 1.001, 0.025)),
        "MiniLM, Ward": (clustering_rules.ward, np.arange(1.4, 4.41, 0.2)),
        "MiniLM, size-aware Ward": (lambda cut: clustering_rules.ward(cut, 0.3), np.arange(1.4, 4.41, 0.2)),
    }
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3):
        for name, (by, bounds) in tried.items():
            table = scores(by, [round(float(b), 3) for b in bounds], regimes, vectors)
            best = table.filter(pl.col("mean") >= pl.col("mean").max() - PLATEAU)["bound"]
            print(name, table, f"plateau {best.min()} to {best.max()}", sep="\n")


if __name__ == "__main__":
    main()
