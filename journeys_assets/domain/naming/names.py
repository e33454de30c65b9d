"""journey_names: one member keyword of each journey as its name, and all members in naming order.

A keyword's naming score is the weighted mean of ``naming_features.FEATURES``: how central it is to the journey's theme,
how much of what the journey's other keywords say it says too, how specific and how readable it is. The weights were
fitted on labelled themes (``models.naming.training``, ``benchmarks/fit_naming.py``), and are checked on themes that the
fit did not see (``evaluation.parts.naming``). A generic keyword (carried by at least ``generic_share`` of the
catalogue) comes after every readable one.

Names hold from day to day because nothing here looks at a calendar or at yesterday's name, and because the keyword that
came first has the advantage: members are gone through in the order in which the user first engaged with them, and a
later one takes the name over only if it scores better by ``takeover_margin``. So a newcomer that is about as good does
not rename a journey, and yet the name is a function of the user's own rows alone: a memory of earlier names could
differ between an incremental and a full run. The one input that drifts by itself is how common a keyword is; it is
counted in coarse steps, so a growing catalogue rarely moves it.

What belongs here: scoring, ordering and choosing among a journey's own keywords. What does not: the features
(``naming_features``), reading the display forms, and names made by a language model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.naming.features import FEATURES, JOURNEY, member_features
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES

NAMES_SCHEMA = pl.Schema(
    {
        c.name: c.dtype
        for c in JOURNEY_NAMES.columns
        if c.name not in ("partition_date", "named_by", "algorithm_version")
    }
)
"""What :func:`name_journeys` returns: the table, but for the columns that the run adds."""

MAX_NAME_CHARACTERS = 80

_ACRONYM_CHARACTERS = 4
_NAMELESS = "unnamed journey"
"""Shown for a keyword that has nothing to show, such as control characters alone."""
_UNREADABLE = 0.1


def name_journeys(clusters: pl.DataFrame, keyword_facts: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """A name for every journey, unique within its user when case is ignored.

    Where two journeys of a user want the same name, the one with the higher score gets it (ties by journey_id) and the
    other takes its next best keyword; where all of those are taken, it is told apart by one more of its keywords in
    brackets, at last by a number.

    Args:
        clusters: user_id, journey_id, keywords (not empty), keyword_theme_centralities (cosines), the two lists in
            parallel; other columns are ignored. In any order.
        keyword_facts: user_id, keyword, display_form, n_queries, first_engaged_at (null where it is not known),
            commonness (share of the catalogue's items that carry the keyword, 0 to 1); one row per user and keyword. A
            keyword without a row shows as it is and counts as specific, and as the last to come.

    Returns:
        One row per journey, by user_id and journey_id: journey_name, name_keyword, naming_score (0 to 1, of
        name_keyword), keywords (all members, best first).

    Raises:
        ValueError: weights of ``params`` that are negative or all zero, a ``takeover_margin`` below 0, a
            ``generic_share`` outside (0, 1], or a journey without keywords.
    """
    _check(clusters, params)
    if clusters.is_empty():
        return NAMES_SCHEMA.to_frame()
    ordered = in_naming_order(member_features(clusters, keyword_facts, params), params)
    ordered = ordered.join(
        ordered.select("keyword", "display_form").unique().with_columns(shown=_shown()),
        on=["keyword", "display_form"],
        how="left",
        maintain_order="left",
    )
    journeys = (
        ordered.group_by(JOURNEY, maintain_order=True)
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
            *JOURNEY,
            "journey_name",
            name_keyword=pl.col("keyword").list.get(pl.col("place")),
            naming_score=pl.col("score").list.get(pl.col("place")),
            keywords="keyword",
        )
        .sort(JOURNEY)
    )


def _check(clusters: pl.DataFrame, params: NamingParams) -> None:
    weights = _weights(params)
    total = sum(weights.values())
    if min(weights.values()) < 0 or total <= 0 or not math.isfinite(total):
        raise ValueError(f"naming weights must not be negative, nor all zero: {weights}")
    if not params.takeover_margin >= 0:
        raise ValueError(f"takeover_margin = {params.takeover_margin}: allowed is 0 and above")
    if not 0 < params.generic_share <= 1:
        raise ValueError(f"generic_share = {params.generic_share}: allowed is above 0 up to 1")
    without = clusters.filter(pl.col("keywords").list.len().fill_null(0) == 0)
    if without.height:
        raise ValueError(f"journeys without keywords: {without['journey_id'].head(5).to_list()}")


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_naming_order(features: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """Rows of ``member_features`` with score (0 to 1), by user_id, journey_id and naming order, best first.

    The keyword that holds the name comes first, the others by score; ties by how often the user typed it, then by text.
    """
    best_first = ["tier", "score", "n_queries", "keyword"]
    downwards = [False, True, True, False]
    ordered = features.with_columns(
        score=naming_score(params),
        # No letters, a bare code or endless text: no name, generic or not.
        tier=pl.when(pl.col("readability") < _UNREADABLE).then(2).when(pl.col("is_generic")).then(1).otherwise(0),
    ).sort(*JOURNEY, *best_first, descending=[False, False, *downwards])
    by_time = ordered.filter(pl.col("tier") == pl.col("tier").min().over(JOURNEY)).sort(
        *JOURNEY, "first_engaged_at", nulls_last=True, maintain_order=True
    )
    # Only a keyword that beats all before it can beat the one of them that holds the name.
    before = pl.col("score").cum_max().shift(1).over(JOURNEY)
    challengers = by_time.filter(before.is_null() | (pl.col("score") > before))
    in_turn = challengers.group_by(JOURNEY, maintain_order=True).agg("keyword", "score")
    holders = in_turn.select(
        *JOURNEY,
        keyword=pl.Series(
            [
                _holder(keywords, scores, params.takeover_margin)
                for keywords, scores in in_turn.select("keyword", "score").iter_rows()
            ],
            dtype=pl.String,
        ),
        holds=True,
    )
    return ordered.join(holders, on=[*JOURNEY, "keyword"], how="left", maintain_order="left").sort(
        *JOURNEY, pl.col("holds").fill_null(False), descending=[False, False, True], maintain_order=True
    )


def _holder(keywords: list[str], scores: list[float], margin: float) -> str:
    """Who holds the name in the end, of keywords in the order in which they came."""
    holder = 0
    for challenger, score in enumerate(scores):
        if score > scores[holder] + margin:
            holder = challenger
    return keywords[holder]


def naming_score(params: NamingParams) -> pl.Expr:
    """The weighted mean of the features, 0 to 1."""
    weights = _weights(params)
    total = sum(weights.values())
    return pl.sum_horizontal(pl.col(name) * (weight / total) for name, weight in weights.items()).clip(0.0, 1.0)


def _weights(params: NamingParams) -> dict[str, float]:
    return {name: getattr(params, f"{name}_weight") for name in FEATURES}


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
