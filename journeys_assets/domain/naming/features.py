"""Features of every candidate for the name of a journey that separate good names from poor ones.

The naming score is computed in ``domain.naming.names``, its weights in ``models.naming.training``.

Every feature is from 0 to 1, and higher is better. Most are scaled within the journey, so the same weights fit journeys
of three keywords and of three hundred. The number of uses of a keyword, its number of days and its first use are not
features: on labelled themes they do not help to identify the subject of a journey (the most used keywords are broad),
and they make names unstable.
"""

from __future__ import annotations

import math

import polars as pl

from journeys_assets.domain.keywords.personal import hold_personal_data, holds_personal_data, impersonal
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.phrases import shared_phrases, words_of

JOURNEY = ("user_id", "journey_id")
FEATURES = (
    "theme_centrality",
    "coverage",
    "topicality",
    "specificity",
    "several_words",
    "readability",
    "sharing",
    "whole_keyword",
)

_MIN_CENTRALITY_RANGE = 0.2
"""In a tight journey all members are about equally central. A range below this is not stretched to the whole scale."""
_MIN_WORD_RANGE = 0.25
"""The same for words: if hardly any word is shared, none is typical."""
_FEWEST_WORDS = 2
"""Minimum divisor of the mean over words, so that a keyword of one word has no advantage over one of two words."""
_SPECIFIC_BELOW = 0.1
"""A keyword carried by less than this part of ``generic_share`` has the maximum specificity."""
_SPECIFICITY_STEPS = 8
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED_CHARACTERS_PER_WORD = 3
_DENSE = _UNSPACED.replace("]", r"\p{Hangul}]")
_WORD = rf"{_UNSPACED}|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}]+"
"""A run of letters and digits; in scripts without spaces, each character."""


def candidate_features(clusters: pl.DataFrame, keyword_facts: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """One row per journey and candidate for its name, with ``FEATURES``: member keywords, and phrases that they share.

    * theme_centrality: cosine to the mean of all keywords that the journey's theme has ever had; 1 for the most central
      member. A phrase has the mean cosine of the members that contain it.
    * coverage: how much the candidate shares with the journey's keywords. The sum over its words of the share of
      *other* members with the word, minus the share among keywords of the user's other journeys (as in c-TF-IDF:
      Grootendorst 2022, arXiv 2203.05794), relative to the highest value of a member.
    * topicality: the same with the mean instead of the sum, so that unrelated words lower it.
    * specificity: 0 for a keyword carried by ``generic_share`` of the catalogue's items, 1 from a tenth of that down,
      logarithmic, in steps. A phrase without a row in ``keyword_facts`` counts as specific.
    * several_words: 0 for a single word, which is mostly too broad; else 1.
    * readability: highest for two to four words; low for long texts, codes, digits and punctuation.
    * sharing: share of the other members that contain the whole candidate, as words that follow one another; 0 for a
      single word, and where less than ``min_phrase_share`` of the members do.
    * whole_keyword: 1 for a member, 0 for a phrase.

    Args:
        clusters, keyword_facts: As for ``names.name_journeys``.

    Returns:
        user_id, journey_id, keyword (the normalised phrase, for a phrase), is_member, display_form, n_queries (for a
        phrase, of all members that contain it), first_engaged_at (for a phrase, the time at which the second of them
        was first engaged with), is_generic, personal (0: the candidate holds no personal data; 1: some beside other
        words; 2: nothing else; phrases hold none) and ``FEATURES``; unordered. No journey has a keyword twice.
    """
    journeys = clusters.select(*JOURNEY, "keywords", "keyword_theme_centralities").sort(JOURNEY)
    journeys = journeys.with_row_index("journey").with_columns(
        user=pl.col("user_id").rle_id(), n_members=pl.col("keywords").list.len()
    )
    members = journeys.select(
        *JOURNEY, "journey", "user", "n_members", keyword="keywords", cosine="keyword_theme_centralities"
    ).explode("keyword", "cosine")
    facts = keyword_facts.select("user_id", "keyword", "display_form", "n_queries", "first_engaged_at", "commonness")
    known = members.join(facts, on=["user_id", "keyword"], how="left", validate="m:1").with_columns(
        pl.col("display_form").fill_null(""), pl.col("n_queries").fill_null(0)
    )
    forms = known.select("keyword", "display_form").unique()
    known = known.join(forms.with_columns(personal=_personal(forms)), on=["keyword", "display_form"])
    shared = shared_phrases(known.with_columns(may_share=pl.col("personal") == 0), params)
    phrases = _phrase_rows(shared.phrases, known, facts)
    rows = pl.concat(
        [known.join(shared.containing, on=["journey", "keyword"], how="left").with_columns(is_member=True), phrases],
        how="diagonal_relaxed",
    ).with_columns(pl.col("commonness").fill_null(0.0), pl.col("n_containing").fill_null(1))
    texts = rows.select("keyword").unique().sort("keyword").with_row_index("text")
    rows = rows.join(texts.with_columns(_readability_columns(pl.col("keyword"))), on="keyword")
    best = pl.col("cosine").max().over("journey")
    spread = pl.max_horizontal(best - pl.col("cosine").min().over("journey"), _MIN_CENTRALITY_RANGE)
    return rows.join(_word_features(rows, texts), on=["journey", "text"], how="left").select(
        *JOURNEY,
        "keyword",
        "is_member",
        "display_form",
        "n_queries",
        "first_engaged_at",
        "readability",
        "personal",
        theme_centrality=(1 - (best - pl.col("cosine")) / spread).clip(0.0, 1.0),
        coverage=_share_of_highest("word_sum"),
        topicality=_share_of_highest("word_mean"),
        specificity=_specificity_step(params) / _SPECIFICITY_STEPS,
        several_words=(pl.col("n_words") > 1).cast(pl.Float64),
        sharing=(pl.col("n_containing") - 1) / pl.max_horizontal(pl.col("n_members") - 1, 1),
        whole_keyword=pl.col("is_member").cast(pl.Float64),
        is_generic=_is_generic(params),
    )


def _phrase_rows(phrases: pl.DataFrame, members: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Columns of members for each phrase, spelled as most of the members that contain it spell it."""
    forms = members.select("keyword", "display_form").unique()
    forms = forms.with_columns(words=words_of(pl.col("keyword")), shown=words_of(pl.col("display_form")))
    has_as_many = pl.col("shown").list.len() == pl.col("words").list.len()
    forms = forms.with_columns(shown=pl.when(has_as_many).then("shown").otherwise("words"))
    phrase = ["journey", "phrase_id"]
    columns = ("journey", "keyword", "cosine", "display_form", "n_queries", "first_engaged_at")
    held = (
        phrases.join(members.select(columns), on=["journey", "keyword"])
        .join(forms, on=["keyword", "display_form"])
        .with_columns(_run("words"), _run("shown"))
        .sort(*phrase, "keyword")
    )
    spelled = (
        held.group_by(*phrase, "words", "shown")
        .agg(n=pl.len())
        .with_columns(n_words=pl.col("n").sum().over(*phrase, "words"))
        .sort(*phrase, "n_words", "words", "n", "shown", descending=[False, False, True, False, True, False])
        .group_by(phrase, maintain_order=True)
        .agg(keyword=pl.col("words").first(), display_form=pl.col("shown").first())
    )
    forms = spelled.select("keyword", "display_form").unique()
    impersonal = forms.filter(_personal(forms) == 0)
    return (
        held.group_by(phrase, maintain_order=True)
        .agg(
            pl.col("cosine").mean(),
            pl.col("n_queries").sum(),
            pl.col("first_engaged_at").sort(nulls_last=True).get(1),
            n_containing=pl.len(),
        )
        .join(spelled, on=phrase)
        .join(impersonal, on=["keyword", "display_form"], how="semi")
        .join(members.select("journey", "keyword"), on=["journey", "keyword"], how="anti")
        .sort("journey", "keyword", "phrase_id")
        .unique(["journey", "keyword"], keep="first", maintain_order=True)
        .join(members.select(*JOURNEY, "journey", "user", "n_members").unique(), on="journey")
        .join(facts.select("user_id", "keyword", "commonness"), on=["user_id", "keyword"], how="left")
        .drop("phrase_id")
        .with_columns(personal=pl.lit(0, dtype=pl.Int64), is_member=pl.lit(value=False))
    )


def _run(words: str) -> pl.Expr:
    """The words of a phrase as one text, from all words of a keyword."""
    run = pl.col(words).list.slice("first", "n_words")
    return pl.when("is_spaced").then(run.list.join(" ")).otherwise(run.list.join("")).alias(words)


def _personal(forms: pl.DataFrame) -> pl.Series:
    """How much of each keyword and display form is personal data: see ``candidate_features``."""
    columns = ("keyword", "display_form")
    held = forms.select(hold_personal_data(forms[name]) for name in columns)
    texts = forms.filter(held["keyword"] | held["display_form"])
    amounts = [
        2 - all(impersonal(text) for text in pair if holds_personal_data(text))
        for pair in texts.select(columns).iter_rows()
    ]
    found = texts.select(columns).with_columns(amount=pl.Series(amounts, dtype=pl.Int64))
    return forms.join(found, on=columns, how="left", maintain_order="left")["amount"].fill_null(0)


def _share_of_highest(column: str) -> pl.Expr:
    value = pl.col(column).fill_null(0.0)
    highest = value.filter("is_member").max().over("journey")
    return (value / pl.max_horizontal(highest, _MIN_WORD_RANGE)).clip(0.0, 1.0)


def _specificity_step(params: NamingParams) -> pl.Expr:
    """0 to ``_SPECIFICITY_STEPS``, whole."""
    rare = params.generic_share * _SPECIFIC_BELOW
    share = (params.generic_share / pl.col("commonness").clip(rare, params.generic_share)).log() / -math.log(
        _SPECIFIC_BELOW
    )
    return (share * _SPECIFICITY_STEPS).round()


def _is_generic(params: NamingParams) -> pl.Expr:
    return pl.col("commonness") >= params.generic_share


def commonness_classes(common: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """``common`` (keyword, commonness, …) with ``specificity_step`` and ``is_generic``: all that names rest on of it.

    Keywords as specific as any, which is what a keyword without a row is, are left out.
    """
    classes = common.with_columns(specificity_step=_specificity_step(params), is_generic=_is_generic(params))
    return classes.filter((pl.col("specificity_step") < _SPECIFICITY_STEPS) | pl.col("is_generic"))


def _word_features(rows: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """word_sum and word_mean of the candidates that contain words; used for coverage and topicality.

    Args:
        rows: journey, user, n_members, keyword, is_member.
        texts: text (a number), keyword; sorted.

    Returns:
        journey, text, word_sum, word_mean.
    """
    words = texts.select("text", word=pl.col("keyword").str.extract_all(_WORD).list.unique()).explode("word")
    words = words.drop_nulls("word").with_columns(pl.col("word").rank("dense").cast(pl.UInt32))
    pairs = rows.select("journey", "user", "text", "is_member").join(words, on="text")
    sizes = rows.select("journey", "user", size="n_members").unique("journey")
    sizes = sizes.with_columns(user_size=pl.col("size").sum().over("user"))
    counted = pairs.filter("is_member").group_by("journey", "user", "word").agg(n_inside=pl.len())
    by_user = counted.group_by("user", "word").agg(n_user=pl.col("n_inside").sum())
    counted = counted.join(by_user, on=["user", "word"]).join(sizes.drop("user"), on="journey")
    inside = (pl.col("n_inside") - 1) / pl.max_horizontal(pl.col("size") - 1, 1)
    outside = (pl.col("n_user") - pl.col("n_inside")) / pl.max_horizontal(pl.col("user_size") - pl.col("size"), 1)
    # A word that no whole member has, because a phrase ends within it, is not typical. Sorted, so that sums are added
    # in the same order for any order of the input.
    return (
        pairs.select("journey", "text", "word")
        .join(counted.select("journey", "word", typical=inside - outside), on=["journey", "word"], how="left")
        .with_columns(pl.col("typical").fill_null(0.0))
        .sort("journey", "text", "word")
        .group_by("journey", "text", maintain_order=True)
        .agg(
            word_sum=pl.col("typical").clip(0.0).sum(),
            word_mean=pl.col("typical").sum() / pl.max_horizontal(pl.len(), _FEWEST_WORDS),
        )
    )


def _readability_columns(text: pl.Expr) -> list[pl.Expr]:
    """n_words and readability (0 to 1) of a normalised keyword."""
    n_characters = text.str.len_chars().cast(pl.Int64)
    n_unspaced = text.str.count_matches(_UNSPACED).cast(pl.Int64)
    # The text without unspaced scripts is counted in words; a word contains a letter or a digit.
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
    # One or two letters of an alphabet mean little; a syllable or an ideograph may be a word.
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
