"""Tables and plots over corpora that are left out (``evaluation.parts.left_out_corpora``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.calibration import THRESHOLDS
from journeys_assets.evaluation.data.corpora import SCORED_SIZES
from journeys_assets.evaluation.parts.left_out_corpora import (
    BEST_RULE,
    BOUND,
    DEFAULT,
    FROM_20,
    FROM_100,
    FROM_LOG,
    LeftOut,
)
from journeys_assets.evaluation.report.plots import BASELINES, OURS, curves, new_figure, to_svg
from journeys_assets.evaluation.report.section import Plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {DEFAULT: "default", FROM_LOG: "log", FROM_20: "20 pairs", FROM_100: "100 pairs"}
"""The kinds of threshold, and their names as columns of tables."""
AIMS, CATEGORIES, EVERY = "aims", "categories", "all corpora"
MEAN_AND_WORST = "Left-out corpora: mean and worst, B-cubed F1"
SHARES = "Share of the way from the best single rule to the best cut per user, B-cubed F1"
LEARNING = "Learning curve: left-out corpora, B-cubed F1 by the number of judged pairs"
CHOSEN = "Thresholds of left-out corpora"


def tables_of(left_out: LeftOut) -> dict[str, pl.DataFrame]:
    """The tables over corpora, by caption."""
    return {
        MEAN_AND_WORST: mean_and_worst(left_out),
        SHARES: _shares(left_out),
        LEARNING: left_out.learning,
        CHOSEN: _thresholds(left_out),
    }


def _means(left_out: LeftOut) -> pl.DataFrame:
    """corpus, is_of_categories, users, then the mean B-cubed F1 of every method."""
    is_of_categories = {fold.corpus.name: fold.corpus.is_of_categories for fold in left_out.folds}
    names = {BEST_RULE: BEST_RULE, **COLUMNS, BOUND: BOUND}
    return pl.DataFrame(
        [
            {"corpus": name, "is_of_categories": is_of_categories[name], "users": kind}
            | {shown: float(scores[method].mean()) for method, shown in names.items()}
            for (name, kind), scores in left_out.scores.items()
        ]
    )


def mean_and_worst(left_out: LeftOut) -> pl.DataFrame:
    """The mean over corpora and the worst corpus of every method; of aims, categories and all, light and heavy users.

    The *worst margin* is the lowest difference from the best single rule over corpora.
    """
    means = _means(left_out)
    methods = means.columns[3:]
    groups = {AIMS: ~pl.col("is_of_categories"), CATEGORIES: pl.col("is_of_categories"), EVERY: pl.lit(value=True)}
    rows = []
    for group, is_in in groups.items():
        for kind in SCORED_SIZES:
            own = means.filter(is_in, users=kind)
            if own.is_empty():
                continue
            head = {"corpora": group, "n": own.height, "users": kind}
            over = own.select(pl.col(name) - pl.col(BEST_RULE) for name in methods)
            rows += [
                head | {"statistic": "mean"} | own.select(pl.col(methods).mean()).row(0, named=True),
                head | {"statistic": "worst"} | own.select(pl.col(methods).min()).row(0, named=True),
                head | {"statistic": "worst margin"} | over.select(pl.all().min()).row(0, named=True),
            ]
    return pl.DataFrame(rows)


def _shares(left_out: LeftOut) -> pl.DataFrame:
    """The gain over the best single rule, as a share of the gain of each user's best height; one row per corpus and
    kind of user, then the means of aims, of categories and of all."""
    means = _means(left_out)
    ways = list(COLUMNS.values())
    mean_rows = (
        mean_and_worst(left_out)
        .filter(statistic="mean")
        .select(pl.format("mean of {}", "corpora").alias("corpus"), "users", BEST_RULE, *ways, BOUND)
    )
    every = pl.concat([means.select("corpus", "users", BEST_RULE, *ways, BOUND), mean_rows])
    rule = {name: left_out.choice(name).best_rule for name in means["corpus"].unique()}
    to_win = pl.col(BOUND) - pl.col(BEST_RULE)
    return every.with_columns(
        ((pl.col(way) - pl.col(BEST_RULE)) / to_win).alias(f"share, {way}") for way in ways
    ).with_columns(pl.col("corpus").replace_strict(rule, default="").alias("rule"))


def _thresholds(left_out: LeftOut) -> pl.DataFrame:
    """The threshold of each corpus from each source (means over draws), and its own best ones."""
    rows = []
    for fold in left_out.folds:
        own = left_out.thresholds[fold.corpus.name]
        rows.append(
            {
                "corpus": fold.corpus.name,
                "default": own.default,
                "log": own.from_log if own.is_log_known else None,
                "20 pairs": float(np.mean(own.from_pairs[20, 0.0])),
                "100 pairs": float(np.mean(own.from_pairs[100, 0.0])),
                "best": float(THRESHOLDS[int(left_out.candidates.thresholds[fold.corpus.name].argmax())]),
            }
        )
    return pl.DataFrame(rows)


def plots_of(left_out: LeftOut) -> list[Plot]:
    """Quality by corpus, and by the number of judged pairs."""
    learning = curves(
        left_out.learning,
        x="pairs",
        y="mean",
        by="answers",
        labels=("judged pairs", "mean B-cubed F1 over left-out corpora"),
        ours="all right",
    )
    return [
        Plot(
            "Mean B-cubed F1 of users of a left-out corpus, with the threshold from each source.",
            to_svg(corpora_figure(_shares(left_out))),
        ),
        Plot(
            "Mean B-cubed F1 on left-out corpora by the number of judged pairs. Without any, the threshold is from the "
            "log.",
            learning,
        ),
    ]


def corpora_figure(shares: pl.DataFrame) -> Figure:
    """One row per corpus and one dot per method, for light and for heavy users.

    Args:
        shares: The table ``SHARES``.
    """
    names = shares["corpus"].unique(maintain_order=True).to_list()
    marks = {
        BEST_RULE: (BASELINES[2], "s"),
        COLUMNS[DEFAULT]: (BASELINES[3], "o"),
        COLUMNS[FROM_LOG]: (BASELINES[1], "o"),
        COLUMNS[FROM_20]: (BASELINES[0], "o"),
        COLUMNS[FROM_100]: (OURS, "o"),
        BOUND: ("#222222", "|"),
    }
    figure, panels = new_figure(9.5, 1.4 + 0.36 * len(names), n_panels=len(SCORED_SIZES))
    for axes, kind in zip(panels, SCORED_SIZES, strict=True):
        own = shares.filter(users=kind)
        places = [names.index(name) for name in own["corpus"]]
        for method, (colour, mark) in marks.items():
            axes.plot(own[method].to_list(), places, mark, color=colour, label=method, markersize=7)
        axes.set_yticks(range(len(names)), names if axes is panels[0] else [""] * len(names))
        axes.invert_yaxis()
        axes.grid(alpha=0.3)
        axes.set_title(f"{kind} users", fontsize=10)
        axes.set_xlabel("mean B-cubed F1")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(marks), fontsize=8, frameon=False)
    return figure
