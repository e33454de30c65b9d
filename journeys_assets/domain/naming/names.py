"""journey_names: a keyword or shared phrase of each journey as its name, and its member keywords in naming order.

Candidates are the member keywords and the phrases that several of them share (``phrases``). The naming score of a
candidate is the weighted mean of ``features.FEATURES``: how central it is to the journey's theme,
how much it shares with the journey's other keywords, how specific and how readable it is. The weights were fitted on
labelled themes (``models.naming.training``, ``benchmarks/fit_naming.py``) and are tested on themes that were not used
for fitting (``evaluation.parts.naming``). A generic keyword (carried by at least ``generic_share`` of the catalogue)
comes after every readable one. A keyword that holds personal data (``domain.keywords.personal``) comes last: it names a
journey only if every member holds some, and then without it (``forms``). So no name holds any.

Names are stable from day to day, because they do not depend on the calendar or on yesterday's name, and because earlier
candidates have an advantage: they are considered in the order of the user's first engagement, and a later one takes
over the name only if its score is better by ``takeover_margin``. A phrase is as old as the second keyword that contains
it. So a new keyword that is about as good does not rename a journey. Nevertheless the name is a function of the user's
own rows; with stored earlier names, incremental and full inference could differ. The only input that changes by itself
is how common a keyword is. It is counted in coarse steps, so a growing catalogue rarely changes it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping

import polars as pl

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.naming.features import FEATURES, JOURNEY, candidate_features
from journeys_assets.domain.naming.forms import key_of, name_of
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.domain.vocabulary import NAMELESS

NAMES_SCHEMA = pl.Schema(
    {
        c.name: c.dtype
        for c in JOURNEY_NAMES.columns
        if c.name not in ("partition_date", "named_by", "algorithm_version")
    }
)
"""Schema of the result of :func:`name_journeys`: the table without the columns that the run adds."""

_UNREADABLE = 0.1
_A_NUMBER = 99_999
"""As long as the largest number that is ever added to a name."""


def name_journeys(
    clusters: pl.DataFrame,
    keyword_facts: pl.DataFrame,
    params: NamingParams,
    given: Mapping[tuple[str, str], str] | None = None,
) -> pl.DataFrame:
    """A name for every journey, unique within its user when case is ignored.

    If two journeys of a user have the same best name, the one with the higher score gets it (ties by journey_id), and
    the other takes its next best candidate. If all of them are taken, another one is added in
    parentheses, or finally a number.

    Args:
        clusters: user_id, journey_id, keywords (not empty), keyword_theme_centralities (cosines, parallel to keywords);
            in any order, other columns are ignored.
        keyword_facts: user_id, keyword, display_form, n_queries, first_engaged_at (null if unknown), commonness (share
            of the catalogue's items that carry the keyword, 0 to 1); one row per user and keyword. Rows of keywords
            that are no members tell how common phrases are. A keyword without a row is shown unchanged, counts as
            specific, and comes last in the order of first engagement.
        given: The key (``forms.key_of``) of the name that a user gave, by user and journey; by default none. No other
            journey of the user gets such a name.

    Returns:
        One row per journey, sorted by user_id and journey_id: journey_name, name_keyword (the normalised member or
        phrase that the name shows), naming_score (0 to 1, of name_keyword), keywords (all members, best first).

    Raises:
        ValueError: Weights of ``params`` are negative or all zero, ``takeover_margin`` is below 0, ``generic_share`` is
            outside (0, 1], or a journey has no keywords.
    """
    _check(clusters, params)
    if clusters.is_empty():
        return NAMES_SCHEMA.to_frame()
    ordered = in_naming_order(candidate_features(clusters, keyword_facts, params), params)
    journeys = (
        ordered.group_by(JOURNEY, maintain_order=True)
        .agg("keyword", "display_form", "score", keywords=pl.col("keyword").filter("is_member"))
        .sort("user_id", pl.col("score").list.first(), "journey_id", descending=[False, True, False])
    )
    names, places = _unique_names(
        journeys["user_id"].to_list(),
        journeys["journey_id"].to_list(),
        journeys["keyword"].to_list(),
        journeys["display_form"].to_list(),
        given or {},
    )
    place = pl.Series("place", places, dtype=pl.Int64)
    return (
        journeys.with_columns(pl.Series("journey_name", names, dtype=pl.String), place)
        .select(
            *JOURNEY,
            "journey_name",
            name_keyword=pl.col("keyword").list.get(pl.col("place")),
            naming_score=pl.col("score").list.get(pl.col("place")),
            keywords="keywords",
        )
        .sort(JOURNEY)
    )


def _check(clusters: pl.DataFrame, params: NamingParams) -> None:
    weights = _weights(params)
    total = sum(weights.values())
    if min(weights.values()) < 0 or total <= 0 or not math.isfinite(total):
        raise ValueError(f"naming weights must not be negative and not all zero: {weights}")
    if not params.takeover_margin >= 0:
        raise ValueError(f"takeover_margin is {params.takeover_margin}; it must be 0 or more")
    if not 0 < params.generic_share <= 1:
        raise ValueError(f"generic_share is {params.generic_share}; it must be above 0 and at most 1")
    without = clusters.filter(pl.col("keywords").list.len().fill_null(0) == 0)
    if without.height:
        raise ValueError(f"journeys without keywords: {without['journey_id'].head(5).to_list()}")


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_naming_order(features: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """Rows of ``candidate_features`` with score (0 to 1), sorted by user_id, journey_id and naming order, best first.

    The candidate that names the journey comes first, then the others by score; ties by the number of queries, then by
    text.
    """
    best_first = ["tier", "score", "n_queries", "keyword"]
    descending = [False, True, True, False]
    ordered = features.with_columns(
        score=naming_score(params),
        # Text without letters, bare codes and very long text come after generic keywords, and personal data last.
        tier=pl.when(pl.col("personal") > 0)
        .then(2 + pl.col("personal"))
        .when(pl.col("readability") < _UNREADABLE)
        .then(2)
        .when(pl.col("is_generic"))
        .then(1)
        .otherwise(0),
    ).sort(*JOURNEY, *best_first, descending=[False, False, *descending])
    by_time = ordered.filter(pl.col("tier") == pl.col("tier").min().over(JOURNEY)).sort(
        *JOURNEY, "first_engaged_at", nulls_last=True, maintain_order=True
    )
    # Only a candidate that scores better than all earlier ones can take over the name.
    before = pl.col("score").cum_max().shift(1).over(JOURNEY)
    challengers = by_time.filter(before.is_null() | (pl.col("score") > before))
    in_turn = challengers.group_by(JOURNEY, maintain_order=True).agg("keyword", "score")
    name_keywords = in_turn.select(
        *JOURNEY,
        keyword=pl.Series(
            [
                _name_keyword(keywords, scores, params.takeover_margin)
                for keywords, scores in in_turn.select("keyword", "score").iter_rows()
            ],
            dtype=pl.String,
        ),
        is_name=True,
    )
    return ordered.join(name_keywords, on=[*JOURNEY, "keyword"], how="left", maintain_order="left").sort(
        *JOURNEY, pl.col("is_name").fill_null(False), descending=[False, False, True], maintain_order=True
    )


def _name_keyword(keywords: list[str], scores: list[float], margin: float) -> str:
    """The candidate that names the journey, from candidates in the order of first engagement."""
    holder = 0
    for challenger, score in enumerate(scores):
        if score > scores[holder] + margin:
            holder = challenger
    return keywords[holder]


def naming_score(params: NamingParams) -> pl.Expr:
    """The weighted mean of the features, 0 to 1."""
    weights = _weights(params)
    total = sum(weights.values())
    # Not sum_horizontal, which adds in an order that depends on the number of threads.
    terms = (pl.col(name) * (weight / total) for name, weight in weights.items())
    return functools.reduce(operator.add, terms).clip(0.0, 1.0)


def _weights(params: NamingParams) -> dict[str, float]:
    return {name: getattr(params, f"{name}_weight") for name in FEATURES}


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Shown:
    """Names that candidates give a journey, each made once and only if it is needed, because most never are."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def name_andkey_of(self, keyword: str, form: str) -> tuple[str, str]:
        """The name from a keyword and its display form, and its key."""
        known = self._known.get((keyword, form))
        if known is None:
            name = name_of(form, keyword)
            known = self._known[keyword, form] = (name, key_of(name))
        return known


def _unique_names(
    users: list[str],
    journey_ids: list[str],
    keywords: list[list[str]],
    forms: list[list[str]],
    given: Mapping[tuple[str, str], str],
) -> tuple[list[str], list[int]]:
    """The name of each journey and the place of its candidate, both in the order of the journeys.

    Args:
        users: User of each journey. Journeys of a user are contiguous, in the order in which they choose names.
        journey_ids: Id of each journey.
        keywords, forms: Candidates of each journey and their display forms, best first.
        given: As for ``name_journeys``.
    """
    shown = _Shown()
    names: list[str] = []
    places: list[int] = []
    taken: set[str] = set()
    others: dict[str, str] = {}
    numbers: dict[str, int] = {}
    previous: str | None = None
    given_to: dict[str, dict[str, str]] = {}
    for (owner, journey_id), key in given.items():
        given_to.setdefault(owner, {})[key] = journey_id
    for user, journey_id, *candidates in zip(users, journey_ids, keywords, forms, strict=True):
        if user != previous:
            others = given_to.get(user, {})
            taken, numbers, previous = set(others), {}, user
        place, name = 0, None
        for number, (keyword, form) in enumerate(zip(*candidates, strict=True)):
            own, key = shown.name_andkey_of(keyword, form)
            if key not in taken or others.get(key) == journey_id:
                place, name = number, own
                break
        if name is None:
            every = [shown.name_andkey_of(*pair)[0] for pair in zip(*candidates, strict=True)]
            name = _qualified(every, taken, numbers)
        taken.add(key_of(name))
        names.append(name)
        places.append(place)
    return names, places


def _qualified(forms: list[str], taken: set[str], numbers: dict[str, int]) -> str:
    """The best form with another candidate in parentheses, or with the first free number.

    Args:
        numbers: The last number given to each best form of this user; updated in place.
    """
    for other in forms[1:]:
        name = f"{forms[0]} ({other})"
        if key_of(other) != key_of(forms[0]) and key_of(name) not in taken and not holds_personal_data(name):
            return name
    # Two numbers, harmless each, may look like a phone number together.
    best = NAMELESS if holds_personal_data(f"{forms[0]} ({_A_NUMBER})") else forms[0]
    number = numbers.get(best, 1)
    while True:
        number += 1
        name = f"{best} ({number})"
        if key_of(name) not in taken:
            numbers[best] = number
            return name
