"""journey_names: one member keyword of each journey as its name, and all members in naming order.

A keyword's naming score is the weighted mean of four parts, each 0 to 1:

* centrality: cosine to the journey's weighted centre, scaled within the journey;
* frequency: engagement weight as a share of the journey's heaviest keyword;
* specificity: 1 for a keyword that hardly any item of the catalogue carries, 0 from ``generic_share`` on, in between
  by the logarithm;
* readability: two to four words read best; long texts, codes, digits and punctuation read badly. Scripts without
  spaces are measured in characters.

A generic keyword (carried by at least ``generic_share`` of the catalogue) comes after every readable one, and a short
single word comes after a longer keyword that contains it and scores about as well ("lunch" after "lunch bag").

Names hold from day to day because nothing here looks at a calendar or at yesterday's name: the members, their weights
and centralities change only when the user does something. There is no memory of earlier names (hysteresis in the usual
sense), since a name that depended on history could differ between an incremental and a full run. The one input that
drifts by itself is how common a keyword is; it is counted in coarse steps, so a growing catalogue rarely moves it.

What belongs here: scoring, ordering and choosing among a journey's own keywords. What does not: reading the display
forms, and names made by a language model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl

from journeys_assets.domain.parameters import NamingParams
from journeys_assets.domain.schemas import JOURNEY_NAMES
from journeys_assets.domain.text import normalise

NAMES_SCHEMA = pl.Schema(
    {c.name: c.dtype for c in JOURNEY_NAMES.columns if c.name not in ("partition_date", "algorithm_version")}
)
"""What :func:`name_journeys` returns: the table, but for the columns that the run adds."""

MAX_NAME_CHARACTERS = 80

_JOURNEY = ["user_id", "journey_id"]
_MIN_CENTRALITY_RANGE = 0.2
"""Members of a tight journey are all about as central; a smaller range is not stretched to the whole scale."""
_RAREST_SHARE = 1e-4
"""A keyword carried by one item in 10,000 is as specific as can be."""
_SPECIFICITY_STEPS = 8
_SHORT_WORD_CHARACTERS = 8
_SIMILAR_SCORE = 0.1
"""A longer keyword this little below the short word that it contains is the better name."""
_ACRONYM_CHARACTERS = 4
_NAMELESS = "unnamed journey"
"""Shown for a keyword that has nothing to show, such as control characters alone."""
_UNREADABLE = 0.1
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED_CHARACTERS_PER_WORD = 3
_DENSE = _UNSPACED.replace("]", r"\p{Hangul}]")


def name_journeys(clusters: pl.DataFrame, keyword_facts: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """A name for every journey, unique within its user when case is ignored.

    Where two journeys of a user want the same name, the one with the higher score gets it (ties by journey_id) and the
    other takes its next best keyword; where all of those are taken, it is told apart by one more of its keywords in
    brackets, at last by a number.

    Args:
        clusters: user_id, journey_id, keywords (not empty), keyword_weights (>= 0), keyword_centralities (cosines), the
            three lists in parallel; other columns are ignored. In any order.
        keyword_facts: user_id, keyword, display_form, n_queries, commonness (share of the catalogue's items that carry
            the keyword, 0 to 1); one row per user and keyword. A keyword without a row shows as it is and counts as
            specific.

    Returns:
        One row per journey, by user_id and journey_id: journey_name, name_keyword, naming_score (0 to 1, of
        name_keyword), keywords (all members, best first).

    Raises:
        ValueError: weights of ``params`` that are negative or all zero, a ``generic_share`` outside (0, 1], or a
            journey without keywords.
    """
    _check(clusters, params)
    if clusters.is_empty():
        return NAMES_SCHEMA.to_frame()
    ordered = _in_naming_order(_scored(clusters, keyword_facts, params), params)
    journeys = (
        ordered.group_by(_JOURNEY, maintain_order=True)
        .agg("keyword", "shown", "score")
        .sort("user_id", pl.col("score").list.first(), "journey_id", descending=[False, True, False])
    )
    names, places = _unique_names(
        journeys["user_id"].to_list(), journeys["shown"].to_list(), ordered["shown"].unique().to_list()
    )
    place = pl.Series("place", places, dtype=pl.Int64)
    return (
        journeys.with_columns(pl.Series("journey_name", names, dtype=pl.String), place)
        .select(
            *_JOURNEY,
            "journey_name",
            name_keyword=pl.col("keyword").list.get(pl.col("place")),
            naming_score=pl.col("score").list.get(pl.col("place")),
            keywords="keyword",
        )
        .sort(_JOURNEY)
    )


def _check(clusters: pl.DataFrame, params: NamingParams) -> None:
    weights = (
        params.centrality_weight,
        params.frequency_weight,
        params.specificity_weight,
        params.readability_weight,
    )
    if min(weights) < 0 or sum(weights) <= 0 or not math.isfinite(sum(weights)):
        raise ValueError(f"naming weights must not be negative, nor all zero: {weights}")
    if not _RAREST_SHARE < params.generic_share <= 1:
        raise ValueError(f"generic_share = {params.generic_share}: allowed is above {_RAREST_SHARE} up to 1")
    without = clusters.filter(pl.col("keywords").list.len().fill_null(0) == 0)
    if without.height:
        raise ValueError(f"journeys without keywords: {without['journey_id'].head(5).to_list()}")


# ── scores ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _scored(clusters: pl.DataFrame, keyword_facts: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """One row per journey and member keyword: shown, n_queries, is_generic, n_words, readability, score."""
    members = (
        clusters.select(*_JOURNEY, "keywords", "keyword_weights", "keyword_centralities")
        .explode("keywords", "keyword_weights", "keyword_centralities")
        .rename({"keywords": "keyword", "keyword_weights": "weight", "keyword_centralities": "centrality"})
    )
    facts = keyword_facts.select("user_id", "keyword", "display_form", "n_queries", "commonness")
    rows = members.join(facts, on=["user_id", "keyword"], how="left", validate="m:1").with_columns(
        pl.col("display_form").fill_null(""), pl.col("n_queries").fill_null(0), pl.col("commonness").fill_null(0.0)
    )
    texts = rows.select("keyword").unique().with_columns(_readability_columns(pl.col("keyword")))
    shown = rows.select("keyword", "display_form").unique().with_columns(shown=_shown())
    best = pl.col("centrality").max().over(_JOURNEY)
    spread = pl.max_horizontal(best - pl.col("centrality").min().over(_JOURNEY), _MIN_CENTRALITY_RANGE)
    heaviest = pl.col("weight").max().over(_JOURNEY)
    parts = {
        "centrality": (1 - (best - pl.col("centrality")) / spread, params.centrality_weight),
        "frequency": (
            pl.when(heaviest > 0).then(pl.col("weight") / heaviest).otherwise(1.0),
            params.frequency_weight,
        ),
        "specificity": (_specificity(params), params.specificity_weight),
        "readability": (pl.col("readability"), params.readability_weight),
    }
    total = sum(weight for _, weight in parts.values())
    score = pl.sum_horizontal(part.clip(0.0, 1.0) * (weight / total) for part, weight in parts.values())
    return (
        rows.join(texts, on="keyword")
        .join(shown, on=["keyword", "display_form"])
        .with_columns(score=score.clip(0.0, 1.0), is_generic=pl.col("commonness") >= params.generic_share)
    )


def _specificity(params: NamingParams) -> pl.Expr:
    """1 at one item in 10,000 or fewer, 0 at ``generic_share``, by the logarithm, in steps."""
    span = math.log(params.generic_share / _RAREST_SHARE)
    share = (params.generic_share / pl.col("commonness").clip(_RAREST_SHARE, params.generic_share)).log() / span
    return (share * _SPECIFICITY_STEPS).round() / _SPECIFICITY_STEPS


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


def _shown() -> pl.Expr:
    """A display form fit for a name: one line, not shouting, not endless; the keyword where there is none."""

    def one_line(text: pl.Expr) -> pl.Expr:
        return text.str.replace_all(r"[\s\p{Cc}]+", " ").str.strip_chars()

    form = one_line(pl.col("display_form"))
    form = pl.when(form == "").then(one_line(pl.col("keyword"))).otherwise(form)
    form = pl.when(form == "").then(pl.lit(_NAMELESS)).otherwise(form)
    lower = form.str.to_lowercase()
    shouts = (form == form.str.to_uppercase()) & (form != lower)
    is_acronym = ~form.str.contains(r"\s") & (form.str.len_chars() <= _ACRONYM_CHARACTERS)
    sentence = form.str.slice(0, 1) + lower.str.slice(1)
    readable = pl.when(shouts & ~is_acronym).then(sentence).otherwise(form)
    cut = readable.str.slice(0, MAX_NAME_CHARACTERS - 1).str.strip_chars_end() + "…"
    return pl.when(readable.str.len_chars() > MAX_NAME_CHARACTERS).then(cut).otherwise(readable)


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_naming_order(scored: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """Rows by user_id, journey_id and naming order, best first; ties by how often the user typed it, then by text."""
    ranked = _with_longer_forms(scored).with_columns(
        # No letters, a bare code or endless text: no name, generic or not.
        tier=pl.when(pl.col("readability") < _UNREADABLE).then(2).when(pl.col("is_generic")).then(1).otherwise(0),
        order_score=pl.min_horizontal("score", "longer_score"),
        is_bare=pl.col("longer_score").is_not_null(),
    )
    return ranked.sort(
        *_JOURNEY,
        "tier",
        "order_score",
        "is_bare",
        "n_queries",
        "keyword",
        descending=[False, False, False, True, False, True, False],
    )


def _with_longer_forms(scored: pl.DataFrame) -> pl.DataFrame:
    """Adds longer_score: for a short single word, the best score of a longer, specific member that contains it as a
    word and scores about as well; else null."""
    by_word = [*_JOURNEY, "word"]
    short = scored.filter(
        (pl.col("n_words") == 1)
        & ~pl.col("keyword").str.contains(r"\s")
        & (pl.col("keyword").str.len_chars() <= _SHORT_WORD_CHARACTERS)
    ).select(*_JOURNEY, "keyword", "score", word="keyword")
    longer = (
        scored.filter((pl.col("n_words") > 1) & ~pl.col("is_generic"))
        .join(short.select(_JOURNEY).unique(), on=_JOURNEY, how="semi")
        .select(*_JOURNEY, "score", word=pl.col("keyword").str.split(" "))
        .explode("word")
        .group_by(by_word)
        .agg(longer_score=pl.col("score").max())
    )
    bare = short.join(longer, on=by_word).filter(pl.col("longer_score") >= pl.col("score") - _SIMILAR_SCORE)
    return scored.join(bare.select(*_JOURNEY, "keyword", "longer_score"), on=[*_JOURNEY, "keyword"], how="left")


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _unique_names(
    users: list[str], shown: list[list[str]], distinct_shown: Iterable[str]
) -> tuple[list[str], list[int]]:
    """The name of each journey and the place of its keyword, both in the order of the journeys.

    Args:
        users: user of each journey; a user's journeys lie together, the one that chooses first comes first.
        shown: display forms of each journey's keywords, best first.
        distinct_shown: every display form that occurs.
    """
    key_of = {form: normalise(form) for form in distinct_shown}
    names: list[str] = []
    places: list[int] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    previous: str | None = None
    for user, forms in zip(users, shown, strict=True):
        if user != previous:
            taken, numbers, previous = set(), {}, user
        place = next((i for i, form in enumerate(forms) if key_of[form] not in taken), None)
        name = forms[place] if place is not None else _qualified(forms, taken, numbers)
        taken.add(normalise(name) if place is None else key_of[name])
        names.append(name)
        places.append(place or 0)
    return names, places


def _qualified(forms: list[str], taken: set[str], numbers: dict[str, int]) -> str:
    """The best form with another member in brackets, or with the first free number.

    Args:
        numbers: the last number given to each best form of this user; counted up here.
    """
    for other in forms[1:]:
        name = f"{forms[0]} ({other})"
        if normalise(other) != normalise(forms[0]) and normalise(name) not in taken:
            return name
    number = numbers.get(forms[0], 1)
    while True:
        number += 1
        name = f"{forms[0]} ({number})"
        if normalise(name) not in taken:
            numbers[forms[0]] = number
            return name
