"""Grades whether a name says what its journey is about. Two rules each pick the theme that a name fits best.

A good name retrieves its own theme among all themes of its set. The rules use different evidence, so that a naming
method that relies on one kind cannot satisfy both by it alone:

* meaning: cosine between the sentence embeddings of the name and of the theme's label (the embedding that the pipeline
  clusters with, so it favours central keywords);
* words: cosine between the TF-IDF weights, over words, of the name and of the theme's own words: its label and phrases
  that people use for it. The graded keyword itself is first removed from its theme's words.

``evaluation.parts.naming`` decides what is graded and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.text import normalise

JUDGES = ("meaning", "words")

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Returns unit vectors of texts, in their order."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme's label and phrases.

    Attributes:
        label: Its name, in words.
        phrases: What people say for it, without the words of the graded users, except for the graded keyword.
    """

    label: str
    phrases: tuple[str, ...]


def judged(pairs: pl.DataFrame, themes: Mapping[str, Theme], embed: Embed) -> pl.DataFrame:
    """The rank of each keyword's own theme among all themes, by each rule.

    Args:
        pairs: keyword (normalised), theme (a key of ``themes``).
        themes: Every theme of the set; the others are the wrong answers.
        embed: The sentence embedding.

    Returns:
        The distinct pairs, sorted, with meaning and words: the rank of the own theme (1 = best; themes with the same
        score share their mean rank).

    Raises:
        ValueError: a theme is unknown.
    """
    distinct = pairs.select("keyword", "theme").unique().sort("keyword", "theme")
    unknown = set(distinct["theme"]) - themes.keys()
    if unknown:
        raise ValueError(f"themes without a label: {', '.join(sorted(unknown)[:5])}")
    names = sorted(themes)
    own = np.array([names.index(theme) for theme in distinct["theme"]], dtype=np.int64)
    keywords = distinct["keyword"].to_list()
    labels = embed([normalise(themes[name].label) for name in names])
    meaning = np.asarray(embed(keywords) @ labels.T, dtype=np.float64)
    words = _word_cosines(keywords, own, [themes[name] for name in names])
    return distinct.with_columns(meaning=pl.Series(_ranks(meaning, own)), words=pl.Series(_ranks(words, own)))


def grade() -> pl.Expr:
    """How well a keyword names its theme, 0 to 1: the reciprocal rank of the theme by the stricter rule."""
    return pl.min_horizontal(1 / pl.col(judge) for judge in JUDGES)


def _ranks(scores: NDArray[np.float64], own: NDArray[np.int64]) -> NDArray[np.float64]:
    mine = scores[np.arange(len(own)), own][:, None]
    above = (scores > mine).sum(axis=1)
    ties = (scores == mine).sum(axis=1)
    ranks: NDArray[np.float64] = above + (ties + 1) / 2
    return ranks


def _word_cosines(keywords: Sequence[str], own: NDArray[np.int64], themes: Sequence[Theme]) -> NDArray[np.float64]:
    """(keywords, themes) cosines of TF-IDF weights (sublinear counts, smoothed IDF over the themes)."""
    from sklearn.feature_extraction.text import CountVectorizer

    documents = [" ".join(map(normalise, (theme.label, *theme.phrases))) for theme in themes]
    counter = CountVectorizer(token_pattern=r"(?u)\b\w+\b")
    counts = counter.fit_transform(documents).astype(np.float64)
    spoken = counter.transform(keywords).astype(np.float64)
    in_themes = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = np.log((1 + len(themes)) / (1 + in_themes)) + 1
    names, dense = _weighted(spoken, idf), _weighted(counts, idf)
    cosines: NDArray[np.float64] = np.asarray((names @ dense.T).todense())
    phrases = [frozenset(map(normalise, theme.phrases)) for theme in themes]
    for row, (keyword, theme) in enumerate(zip(keywords, own, strict=True)):
        if keyword in phrases[theme]:
            without = counts[[theme]] - spoken[[row]]
            without.data = np.maximum(without.data, 0.0)
            without.eliminate_zeros()
            cosines[row, theme] = (names[[row]] @ _weighted(without, idf).T).sum()
    # Sums in another order differ in the last bits, which would break ties arbitrarily.
    return cosines.round(9)


def _weighted(counts: Any, idf: NDArray[np.float64]) -> Any:
    """Rows of sparse counts as unit TF-IDF rows; a row without words stays 0."""
    from sklearn.preprocessing import normalize

    rows = counts.copy()
    rows.data = (1 + np.log(rows.data)) * idf[rows.indices]
    return normalize(rows)
