"""What answers about close calls of the cut are worth, on labelled corpora that the cut was not fitted on.

    python benchmarks/close_calls.py DATA [--users 40] [--phrases 30] [--thin 4] [--figure FILE.svg]

The corpora in DATA are split in two. The users of each half are cut by an ensemble fitted on the other half, at the
default threshold. ``evaluation.parts.close_calls`` says who answers. To save time, each label has at most ``--phrases``
phrases, and every ``--thin``-th user is fitted on; with ``--phrases 300 --thin 1`` nothing is left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import polars as pl

from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams, CutQuestionParams
from journeys_assets.evaluation.data.corpora import corpora_of, fitting_users, scored_users
from journeys_assets.evaluation.data.pseudo_users import embedded
from journeys_assets.evaluation.data.study import labelled_corpora, labelled_phrases
from journeys_assets.evaluation.parts.close_calls import curve, known_trees, mean_curve, plot
from journeys_assets.models.clustering.fitting import examples_of, fit_cut
from journeys_assets.models.embedding.choose import packaged_embedder

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the labelled corpora")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks" / "close_calls")
    parser.add_argument("--users", type=int, default=40, help="light users of each corpus, and heavy ones")
    parser.add_argument("--phrases", type=int, default=30, help="most phrases of a label")
    parser.add_argument("--thin", type=int, default=4, help="fit on every so manieth user")
    parser.add_argument("--band", type=float, default=CutQuestionParams().band)
    parser.add_argument("--figure", type=Path, help="where to draw the mean over corpora")
    options = parser.parse_args()
    tables = [labelled_phrases(options.data), labelled_corpora(options.data)]
    if not any(table is not None for table in tables):
        sys.exit(f"{options.data} has no labelled corpora")
    every = corpora_of(*tables)
    corpora = [
        dataclasses.replace(c, pool={label: own[: options.phrases] for label, own in c.pool.items()})
        for c in every.every
    ]
    params = ClusteringParams()
    scored = {c.name: scored_users(c, every.scored_strays, n_users=options.users) for c in corpora}
    fitted = {c.name: fitting_users(c, every.fitting_strays)[:: options.thin] for c in corpora}
    used = {
        keyword
        for name in scored
        for users in (*scored[name].values(), fitted[name])
        for user in users
        for keyword in user.keywords
    }
    vectors = embedded(sorted(used), packaged_embedder(), options.cache)
    print(f"{len(used):,} keywords; {time.process_time():.0f} CPU s", flush=True)
    examples = {
        name: examples_of(
            (dendrogram_of(user.keywords, vectors.rows_for(user.keywords), params), user.truth) for user in users
        )
        for name, users in fitted.items()
    }
    names, parts = sorted(examples), []
    for half in (names[::2], names[1::2]):
        cut = fit_cut([examples[name] for name in names if name not in half])
        for name in half:
            users = [user for own in scored[name].values() for user in own]
            trees = known_trees(users, vectors, params, cut)
            parts.append(curve(name, trees, CutQuestionParams(band=options.band)))
        print(f"{', '.join(half)}; {time.process_time():.0f} CPU s", flush=True)
    points = pl.concat(parts)
    mean = mean_curve(points)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3, fmt_str_lengths=60):
        print(points.pivot("most_questions", index=["corpus", "order"], values="value"))
        print(mean)
    if options.figure:
        options.figure.write_text(plot(mean))


if __name__ == "__main__":
    main()
