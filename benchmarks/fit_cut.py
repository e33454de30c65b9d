"""Fits the cut of the clustering and writes it into the package.

    python benchmarks/fit_cut.py DATA [--embedder multilingual-e5-small]

    python benchmarks/fit_cut.py DATA --left-out

Each packaged embedder has a cut of its own. A cut is learnt from pseudo users of all labelled corpora in DATA and of
the phrases of the synthetic themes, each of which counts the same (``evaluation.data.corpora``,
``models.clustering.fitting``).

``--left-out`` writes nothing. It fits without each corpus in turn and prints the quality on that corpus by threshold:
the best estimate of the quality on a log of another kind. ``ClusteringParams.least_log_odds`` is the median of the best
thresholds of the corpora.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.calibration import THRESHOLDS
from journeys_assets.domain.clustering.cut import FILE, MULTILINGUAL_FILE, digest
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.evaluation.data.corpora import Corpora, corpora_of
from journeys_assets.evaluation.data.left_out import (
    Fold,
    chosen_by_others,
    cut_without,
    examples_by_corpus,
    folds_of,
    mean_curves,
)
from journeys_assets.evaluation.data.pseudo_users import embedded
from journeys_assets.evaluation.data.study import CORPORA, LABELLED, labelled_corpora, labelled_phrases
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.multilingual import NAME as MULTILINGUAL

ROOT = Path(__file__).resolve().parents[1]
N_USERS = 100
PLACES = {
    "minilm": (FILE, "ClusteringParams.learned_cut"),
    MULTILINGUAL: (MULTILINGUAL_FILE, f"CUT_OF_EMBEDDER[{MULTILINGUAL!r}]"),
}
"""The file of the cut of each embedder, and the parameter that names its digest."""
SHOWN = (-3.0, -2.5, -2.0, -1.75, -1.5, -1.25, -1.0, -0.5, 0.0, 0.5)


def corpora_in(data: Path) -> Corpora:
    """All labelled corpora. Exits with an error where a file is absent."""
    labelled, more = labelled_phrases(data), labelled_corpora(data)
    for name, table in ((LABELLED, labelled), (CORPORA, more)):
        if table is None:
            sys.exit(f"{data / name} does not exist; every labelled corpus is needed for fitting")
    return corpora_of(labelled, more)


def by_threshold(folds: Sequence[Fold]) -> tuple[pl.DataFrame, float]:
    """Mean B-cubed F1 of each left-out corpus at some thresholds and at its best one; and the threshold of all."""
    rows = []
    places = [int(np.flatnonzero(np.isclose(THRESHOLDS, least))[0]) for least in SHOWN]
    for fold in folds:
        for kind in fold.users:
            curve = fold.curve(kind).mean(axis=0)
            at = dict(zip(map(str, SHOWN), curve[places].tolist(), strict=True))
            rows.append({"left out": fold.corpus.name, "users": kind, **at, "best": float(curve.max())})
    table = pl.DataFrame(rows)
    for kind in ("light", "heavy"):
        mean = table.filter(users=kind).select(pl.exclude("left out", "users").mean())
        table = pl.concat([table, mean.select(pl.lit("mean").alias("left out"), pl.lit(kind).alias("users"), pl.all())])
    return table, float(THRESHOLDS[chosen_by_others(mean_curves(folds), None)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the labelled corpora")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    parser.add_argument("--embedder", choices=sorted(PLACES), default="minilm")
    parser.add_argument("--left-out", action="store_true", help="leave each corpus out in turn; write nothing")
    options = parser.parse_args()
    corpora, params = corpora_in(options.data), ClusteringParams()
    folder = options.cache / f"fit_cut-{options.embedder}"
    vectors = embedded(corpora.keywords, make_embedder(options.embedder, options.cache), folder)
    if options.left_out:
        folds = folds_of(
            corpora,
            vectors,
            params,
            folder,
            n_users=N_USERS,
            progress=lambda step, done, of: print(f"{step}: {done} of {of}", flush=True),
        )
        table, best = by_threshold(folds)
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3):
            print(table)
        print(f"ClusteringParams.least_log_odds = {best}")
        return
    text = cut_without(None, examples_by_corpus(corpora, vectors, params)).to_json()
    file, parameter = PLACES[options.embedder]
    file.write_text(text)
    print(f"{file.name}: {len(text):,} bytes")
    print(f"{parameter} = {digest(text)!r}")


if __name__ == "__main__":
    main()
