"""Simulated judgements of journeys that the pipeline found, from the truth of a synthetic world.

The judgements that are part of a world, of true journeys and of deliberate mixtures, are in ``judgements``. Both use
the same scale.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.naming.labels import word_f1
from journeys_assets.synthetic.judgements import ANNOTATORS, Annotator
from journeys_assets.synthetic.themes import THEMES

MIXED_BELOW, NOTHING_BELOW = 0.75, 0.5
"""A journey is a mixture if less than the first share of its keywords belong to one theme, and not a journey if less
than the second share do."""
GOOD_NAME_F1 = 0.5
"""An annotator accepts a name if the F1 of its words and those of their own name is at least this."""
ACCEPTED_BAD_NAME_SHARE = 0.3
"""Share of bad names that an annotator accepts nevertheless."""


def true_relevance(items: pl.DataFrame, truth: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The true relevance and stage of each journey as of its day, on the scale of ``truth_annotations``.

    Args:
        items: user_id, as_of_date, keywords, and any other columns.
        truth: ``truth_keywords`` and ``truth_journeys`` of the world.

    Returns:
        ``items``, in the same order, with relevance_true (1-5, not rounded) and stage_true.
    """
    rows = items.with_row_index("item")
    themes = truth["truth_keywords"].select("user_id", keyword="normalised_keyword", theme="theme")
    counts = (
        rows.select("item", "user_id", "as_of_date", keyword="keywords")
        .explode("keyword")
        .join(themes, on=["user_id", "keyword"], how="left")
        .with_columns(n=pl.len().over("item"))
        .group_by("item", "user_id", "as_of_date", "n", "theme")
        .len("n_of_theme")
        .filter(pl.col("theme").is_not_null())
        .sort("n_of_theme", "theme", descending=[True, False])
        .unique("item", keep="first", maintain_order=True)
    )
    spans = truth["truth_journeys"].select(
        "user_id", "theme", "kind", "begun_on", "paused_on", "resumed_on", "ended_on"
    )
    day = pl.col("as_of_date")
    has_begun = (pl.col("begun_on") <= day).fill_null(True)
    in_pause = ((pl.col("paused_on") <= day) & (pl.col("resumed_on") > day).fill_null(True)).fill_null(False)
    is_on = has_begun & ~in_pause & (pl.col("ended_on") > day).fill_null(True)
    purity = pl.col("n_of_theme") / pl.col("n")
    relevance = pl.min_horizontal(
        pl.lit(5.0), 2.6 + 1.8 * is_on.cast(pl.Float64) + 0.12 * pl.col("n_of_theme").clip(upper_bound=8)
    )
    found = counts.join(spans, on=["user_id", "theme"], how="left").select(
        "item",
        relevance_true=pl.when(purity < NOTHING_BELOW)
        .then(1.3)
        .when(purity < MIXED_BELOW)
        .then(2.1)
        .otherwise(relevance),
        stage_true=pl.when(is_on & (purity >= NOTHING_BELOW)).then(pl.lit("ongoing")).otherwise(pl.lit("ended")),
    )
    return (
        rows.join(found, on="item", how="left", maintain_order="left")
        .with_columns(pl.col("relevance_true").fill_null(1.3), pl.col("stage_true").fill_null("ended"))
        .drop("item")
    )


def judge(items: pl.DataFrame, annotator_id: str, *, seed: int) -> pl.DataFrame:
    """``items`` (row_key, relevance_true, stage_true, …) with relevance (1-5) and stage as judged by one annotator.

    Raises:
        ValueError: There is no such annotator.
    """
    known: dict[str, Annotator] = {annotator.annotator_id: annotator for annotator in ANNOTATORS}
    if annotator_id not in known:
        raise ValueError(f"unknown annotator {annotator_id!r}; known: {', '.join(known)}")
    annotator = known[annotator_id]
    levels, stages = [], []
    for key, relevance, stage in items.select("row_key", "relevance_true", "stage_true").iter_rows():
        rng = random.Random(f"{seed}/{annotator_id}/{key}")
        levels.append(min(5, max(1, round(relevance + annotator.bias + rng.gauss(0.0, annotator.noise)))))
        is_wrong = rng.random() < annotator.wrong_stage_share
        stages.append({"ongoing": "ended", "ended": "ongoing"}[stage] if is_wrong else stage)
    return items.with_columns(relevance=pl.Series(levels, dtype=pl.Int64), stage=pl.Series(stages, dtype=pl.String))


def better_names(items: pl.DataFrame, annotator_id: str, *, seed: int) -> pl.Series:
    """The better name that one annotator gives each journey, by the guideline; null where they accept the shown name.

    The annotator has a name in mind: the theme or one of its first phrases. The shown name is good if its words have an
    F1 of at least ``GOOD_NAME_F1`` with that name. Some bad names are accepted too.

    Args:
        items: row_key, theme (null for a journey without a theme, which gets no name), shown (normalised).

    Returns:
        (n,) names, not normalised.
    """
    given: list[str | None] = []
    for key, theme, shown in items.select("row_key", "theme", "shown").iter_rows():
        rng = random.Random(f"{seed}/{annotator_id}/{key}/name")
        wanted = None if theme is None else rng.choice(names_of_theme(theme))
        is_good = wanted is None or word_f1(shown, normalise(wanted)) >= GOOD_NAME_F1
        given.append(None if is_good or rng.random() < ACCEPTED_BAD_NAME_SHARE else wanted)
    return pl.Series("better_name", given, dtype=pl.String)


def names_of_theme(theme: str) -> tuple[str, ...]:
    """The names that annotators give a theme, all equally likely."""
    known = {one.name: one for one in THEMES}[theme]
    return (known.name, known.name.title(), *known.phrases[:2])
