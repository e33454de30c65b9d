"""What tells a good name from a poor one: features of every member keyword of a journey.

What belongs here: numbers about members, each from the user's own rows and the catalogue. What does not: weighing them
(``naming``) and finding the weights (``models.naming.training``).

Every feature is from 0 to 1, more is better, and most are scaled within the journey, so that one set of weights serves
journeys of three keywords and of three hundred. How often a keyword was used, on how many days and how early is no
feature: on labelled themes none of it helps to tell what a journey is about (what is used most is broad), and it makes
names flip.
"""

from __future__ import annotations

import math

import polars as pl

from journeys_assets.domain.naming.params import NamingParams

JOURNEY = ("user_id", "journey_id")
FEATURES = ("theme_centrality", "coverage", "topicality", "specificity", "several_words", "readability")

_MIN_CENTRALITY_RANGE = 0.2
"""Members of a tight journey are all about as central; a smaller range is not stretched to the whole scale."""
_MIN_WORD_RANGE = 0.25
"""The same for words: where hardly any word is shared, none is typical."""
_FEWEST_WORDS = 2
"""A keyword of one word has nothing beside the point, and is no better for it than one of two of which one is."""
_SPECIFIC_BELOW = 0.1
"""A keyword carried by less than this part of ``generic_share`` is as specific as can be."""
_SPECIFICITY_STEPS = 8
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED_CHARACTERS_PER_WORD = 3
_DENSE = _UNSPACED.replace("]", r"\p{Hangul}]")
_WORD = rf"{_UNSPACED}|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}]+"
"""A run of letters and digits; in scripts without spaces, each character."""


def member_features(clusters: pl.DataFrame, keyword_facts: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """One row per journey and member keyword, with ``FEATURES``.

    * theme_centrality: cosine to the mean of all that the journey's theme ever held; 1 for the most central member.
    * coverage: how much of what the journey's keywords say the keyword says too: the sum, over its words, of the share
      of *other* members that have the word, less the share among the user's other journeys' keywords (the idea of
      c-TF-IDF: Grootendorst 2022, arXiv 2203.05794); as a share of the journey's highest.
    * topicality: the mean instead of the sum: no word beside the point.
    * specificity: 0 for a keyword that ``generic_share`` of the catalogue's items carry, 1 from a tenth of that down,
      by the logarithm, in steps.
    * several_words: 0 for a single word, which is mostly too broad; else 1.
    * readability: two to four words read best; long texts, codes, digits and punctuation read badly.

    Args:
        clusters, keyword_facts: as for ``naming.name_journeys``.

    Returns:
        user_id, journey_id, keyword, display_form, n_queries, first_engaged_at, is_generic and ``FEATURES``; in no
        promised order.
    """
    members = clusters.select(*JOURNEY, keyword="keywords", cosine="keyword_theme_centralities").explode(
        "keyword", "cosine"
    )
    facts = keyword_facts.select("user_id", "keyword", "display_form", "n_queries", "first_engaged_at", "commonness")
    rows = members.join(facts, on=["user_id", "keyword"], how="left", validate="m:1").with_columns(
        pl.col("display_form").fill_null(""), pl.col("n_queries").fill_null(0), pl.col("commonness").fill_null(0.0)
    )
    texts = rows.select("keyword").unique()
    best = pl.col("cosine").max().over(JOURNEY)
    spread = pl.max_horizontal(best - pl.col("cosine").min().over(JOURNEY), _MIN_CENTRALITY_RANGE)
    return (
        rows.join(texts.with_columns(_readability_columns(pl.col("keyword"))), on="keyword")
        .join(_word_features(members, texts), on=[*JOURNEY, "keyword"], how="left")
        .select(
            *JOURNEY,
            "keyword",
            "display_form",
            "n_queries",
            "first_engaged_at",
            "readability",
            theme_centrality=(1 - (best - pl.col("cosine")) / spread).clip(0.0, 1.0),
            coverage=_share_of_highest("word_sum"),
            topicality=_share_of_highest("word_mean"),
            specificity=_specificity(params),
            several_words=(pl.col("n_words") > 1).cast(pl.Float64),
            is_generic=pl.col("commonness") >= params.generic_share,
        )
    )


def _share_of_highest(column: str) -> pl.Expr:
    value = pl.col(column).fill_null(0.0)
    return (value / pl.max_horizontal(value.max().over(JOURNEY), _MIN_WORD_RANGE)).clip(0.0, 1.0)


def _specificity(params: NamingParams) -> pl.Expr:
    rare = params.generic_share * _SPECIFIC_BELOW
    share = (params.generic_share / pl.col("commonness").clip(rare, params.generic_share)).log() / -math.log(
        _SPECIFIC_BELOW
    )
    return (share * _SPECIFICITY_STEPS).round() / _SPECIFICITY_STEPS


def _word_features(members: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """word_sum and word_mean of the members that have words; see coverage and topicality."""
    words = texts.select("keyword", word=pl.col("keyword").str.extract_all(_WORD).list.unique()).explode("word")
    pairs = members.select(*JOURNEY, "keyword").join(words.drop_nulls("word"), on="keyword")
    sizes = members.group_by(JOURNEY).agg(size=pl.len()).with_columns(user_size=pl.col("size").sum().over("user_id"))
    counted = (
        pairs.group_by(*JOURNEY, "word")
        .agg(n_inside=pl.len())
        .with_columns(n_user=pl.col("n_inside").sum().over("user_id", "word"))
        .join(sizes, on=JOURNEY)
    )
    inside = (pl.col("n_inside") - 1) / pl.max_horizontal(pl.col("size") - 1, 1)
    outside = (pl.col("n_user") - pl.col("n_inside")) / pl.max_horizontal(pl.col("user_size") - pl.col("size"), 1)
    typical = counted.select(*JOURNEY, "word", typical=inside - outside)
    # Sorted, so that the sums have one order whatever the order of the input.
    return (
        pairs.join(typical, on=[*JOURNEY, "word"])
        .sort(*JOURNEY, "keyword", "word")
        .group_by(*JOURNEY, "keyword", maintain_order=True)
        .agg(
            word_sum=pl.col("typical").clip(0.0).sum(),
            word_mean=pl.col("typical").sum() / pl.max_horizontal(pl.len(), _FEWEST_WORDS),
        )
    )


def _readability_columns(text: pl.Expr) -> list[pl.Expr]:
    """n_words and readability (0 to 1) of a normalised keyword."""
    n_characters = text.str.len_chars().cast(pl.Int64)
    n_unspaced = text.str.count_matches(_UNSPACED).cast(pl.Int64)
    # What is left once unspaced scripts are taken out is counted in words; a word has a letter or a digit in it.
    n_spaced_words = text.str.replace_all(_UNSPACED, " ").str.count_matches(r"[^\s]*[\p{L}\p{N}][^\s]*").cast(pl.Int64)
    n_words = n_spaced_words + (n_unspaced / _UNSPACED_CHARACTERS_PER_WORD).ceil().cast(pl.Int64)
    n_letters = text.str.count_matches(r"[\p{L}\p{M}]").cast(pl.Int64)
    n_codes = text.str.count_matches(r"\b(?:\p{N}{3,}\w*|\p{L}+[\p{L}_-]*\p{N}\w*|\p{N}+\p{L}{1,2}\p{N}\w*)").cast(
        pl.Int64
    )
    digits = text.str.count_matches(r"\p{N}") / pl.max_horizontal(n_characters, 1)
    marks = text.str.count_matches(r"[^\p{L}\p{M}\p{N}\s'’\-]") / pl.max_horizontal(n_characters, 1)
    words = (
        pl.when(n_words == 1)
        .then(0.7)
        .when(n_words <= 4)
        .then(1.0)
        .otherwise((1.0 - 0.12 * (n_words - 4)).clip(0.3, 1.0))
    )
    # A letter or two of an alphabet say little; a syllable or an ideograph may be a word.
    is_alphabetic = ~text.str.contains(_DENSE)
    length = (
        pl.when((n_characters < 2) & is_alphabetic)
        .then(0.0)
        .when((n_characters < 3) & is_alphabetic)
        .then(0.4)
        .otherwise(((100 - n_characters) / 60).clip(0.0, 1.0))
    )
    clean = (1.0 - 0.5 * n_codes / pl.max_horizontal(n_words, 1) - digits - 2.0 * marks).clip(0.0, 1.0)
    readability = pl.when(n_letters > 0).then(words * length * clean).otherwise(0.0)
    return [n_words.alias("n_words"), readability.alias("readability")]
