"""Names that a language model suggests: which journeys need one, what the model is shown, which names are accepted.

A suggested name belongs to a *theme*: a journey together with the keyword that names it without a model. It is kept as
long as the theme is the same and the name still passes the checks; a keyword takes over a journey only by a margin
(``names``), so a theme rarely changes. The names of earlier days are read from ``model_names``, so the name on a day is
a function of the user's journeys of that day and of the names before.

A name is accepted if

* it can be shown: one line, ``MIN_CHARACTERS`` to ``MAX_CHARACTERS`` characters with a letter, at most ``MAX_WORDS``
  words, no personal data, none of the user's words for nothing (``vocabulary.NAMELESS``);
* the journey's keywords entail it. Of the user's journeys, its own is the one that the name is nearest to; and it is as
  near as a member, or holds a word of members. Each of its numbers stands in a member, and it is written in a script of
  the members;
* no other journey of the user has it;
* it is safe: no stricter policy applies to it than to the journey's keywords.

Otherwise the journey keeps the name that it has without a model, and the reason is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import cleaned, normalise
from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.vocabulary import NAMELESS

MIN_CHARACTERS, MAX_CHARACTERS, MAX_WORDS = 2, 60, 8
MAX_KEYWORDS, MAX_CONTEXT_KEYWORDS = 12, 4
"""Most keywords of a journey that a model is shown, best first: of one to be named, and of another of the user."""
MAX_JOURNEYS = 20
"""Most journeys that one question asks about, and most that it holds beside them."""

_SHORTEST_WORD = 3
_STEM_LETTERS = 5
"""Two words count as the same if, without a final s, they begin with the same letters, this many."""
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W_]+")

Verdict = Literal["accepted", "unshowable", "personal", "not_entailed", "not_unique", "unsafe"]
"""One of ``vocabulary.NAME_VERDICTS``."""

Vectors = NDArray[np.float32]


def worth(names: pl.DataFrame) -> pl.DataFrame:
    """How much a model's name would help each journey: 0 (not at all) to 1.

    The geometric mean of three parts: *large* (0 for one keyword, .5 for five, towards 1), *uncertain* (1 − half the
    naming score of the present name) and *visible* (its keywords relative to the user's largest journey).

    Args:
        names: Result of ``names.name_journeys``.

    Returns:
        ``names`` with worth.
    """
    n = pl.col("keywords").list.len().cast(pl.Float64)
    large = 1 - 0.5 ** ((n - 1) / 4)
    visible = n / n.max().over("user_id")
    return names.with_columns(worth=(large * (1 - pl.col("naming_score") / 2) * visible).clip(0, 1) ** (1 / 3))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model is shown of one user, and what is asked for.

    Attributes:
        user_id: The user; the model is not shown it.
        journey_ids: The journeys to be named; in ``data`` they are ``journey_1``, ``journey_2``, …
        data: Plain JSON values.
        worth: The greatest worth of the journeys to be named.
    """

    user_id: str
    journey_ids: tuple[str, ...]
    data: Mapping[str, Any]
    worth: float


def to_show(names: pl.DataFrame, needing: pl.DataFrame) -> Iterator[Shown]:
    """The questions about the journeys that need a name, by descending worth; ties by user.

    One question is about all journeys of a user, or about ``MAX_JOURNEYS`` of them where there are more.

    The question also holds the user's other journeys, so that the names tell them apart. Keywords with personal data
    are left out, and journeys of which nothing is left.

    Args:
        names: user_id, journey_id, journey_name, keywords (best first), worth of all journeys of the users.
        needing: user_id, journey_id of the journeys to be named.
    """
    marked = names.join(needing.select(*JOURNEY, needs=pl.lit(True)), on=JOURNEY, how="left")
    ordered = marked.with_columns(pl.col("needs").fill_null(False)).sort(
        "user_id", "worth", "journey_id", descending=[False, True, False]
    )
    questions = []
    for (user_id,), rows in ordered.group_by("user_id", maintain_order=True):
        texts = {
            row["journey_id"]: [keyword for keyword in row["keywords"] if not holds_personal_data(keyword)]
            for row in rows.iter_rows(named=True)
        }
        asked = [j for j in rows.filter("needs")["journey_id"] if texts[j]]
        worth_of = dict(rows.select("journey_id", "worth").iter_rows())
        for start in range(0, len(asked), MAX_JOURNEYS):
            of_question = asked[start : start + MAX_JOURNEYS]
            others = [j for j in texts if texts[j] and j not in of_question][:MAX_JOURNEYS]
            data = {
                "journeys": {f"journey_{n}": texts[j][:MAX_KEYWORDS] for n, j in enumerate(of_question, 1)},
                "other_journeys": [texts[j][:MAX_CONTEXT_KEYWORDS] for j in others],
            }
            questions.append(Shown(str(user_id), tuple(of_question), data, worth_of[of_question[0]]))
    yield from sorted(questions, key=lambda shown: (-shown.worth, shown.user_id, shown.journey_ids))


# ── acceptance ──────────────────────────────────────────────────────────────────────────────────────────────────────


def judged(
    suggested: pl.DataFrame,
    names: pl.DataFrame,
    centroids: pl.DataFrame,
    unsafe: pl.DataFrame,
    kept: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Which suggested names are accepted.

    Of two journeys of a user with the same suggestion, the one of the greater worth gets it; ties by journey_id.

    Args:
        suggested: user_id, journey_id, suggested_name, embedding (of the name: unit vector, little-endian float16).
        names: All journeys of the users, with the names that they have without a model: user_id, journey_id,
            journey_name, keywords, worth.
        centroids: user_id, journey_id, centroid (unit vector, little-endian float16), keyword_theme_centralities of all
            journeys of the users.
        unsafe: The suggestions that policy forbids: user_id, journey_id.
        kept: user_id, journey_id, suggested_name of names that were accepted before; by default none.

    Returns:
        ``suggested`` with verdict, one of ``NAME_VERDICTS``; sorted by user_id and journey_id.
    """
    wanted = {
        (user, journey): (name, vector)
        for user, journey, name, vector in suggested.select(*JOURNEY, "suggested_name", "embedding").iter_rows()
    }
    forbidden = set(unsafe.select(JOURNEY).iter_rows())
    facts = centroids.select(*JOURNEY, "centroid", least_centrality=pl.col("keyword_theme_centralities").list.min())
    rows = (
        names.join(suggested.select("user_id").unique(), on="user_id", how="semi")
        .join(facts, on=JOURNEY)
        .sort("user_id", "worth", "journey_id", descending=[False, True, False])
    )
    given: dict[str, dict[str, str]] = {}
    for user, journey, name in () if kept is None else kept.select(*JOURNEY, "suggested_name").iter_rows():
        given.setdefault(user, {})[journey] = key_of(name)
    verdicts: dict[tuple[str, str], Verdict] = {}
    for (user_id,), group in rows.group_by("user_id", maintain_order=True):
        user = str(user_id)
        of_user = given.setdefault(user, {})
        journeys = _Journeys(
            group["journey_id"].to_list(),
            [key_of(name) for name in group["journey_name"]],
            group["keywords"].to_list(),
            unpack(group["centroid"].to_list()),
            group["least_centrality"].to_list(),
        )
        for place, journey_id in enumerate(journeys.ids):
            if (user, journey_id) in wanted:
                name, vector = wanted[user, journey_id]
                taken = {key for other, key in of_user.items() if other != journey_id} | journeys.keys_of_others(place)
                verdict = (
                    _fault(name, journeys.keywords[place])
                    or ("not_unique" if key_of(name) in taken else None)
                    or ("unsafe" if (user, journey_id) in forbidden else None)
                    or (None if journeys.entail(name, unpack([vector])[0], place) else "not_entailed")
                    or "accepted"
                )
                verdicts[user, journey_id] = verdict
                if verdict == "accepted":
                    of_user[journey_id] = key_of(name)
    found = [verdicts.get(key, "not_entailed") for key in suggested.select(JOURNEY).iter_rows()]
    return suggested.with_columns(pl.Series("verdict", found, dtype=pl.String)).sort(JOURNEY)


@dataclass(frozen=True, slots=True)
class _Journeys:
    """The journeys of one user; every list has one entry for each."""

    ids: Sequence[str]
    keys: Sequence[str]
    keywords: Sequence[Sequence[str]]
    centroids: Vectors
    least_centralities: Sequence[float]

    def keys_of_others(self, place: int) -> set[str]:
        return {key for n, key in enumerate(self.keys) if n != place}

    def entail(self, name: str, vector: Vectors, place: int) -> bool:
        """Whether the keywords of a journey entail a name, and those of no other journey do so more."""
        cosines = self.centroids @ vector
        words = _stems(name)
        shared = [len(words & _stems(" ".join(keywords))) for keywords in self.keywords]
        most_of_others = max((n for other, n in enumerate(shared) if other != place), default=0)
        is_nearest = cosines[place] >= cosines.max() or shared[place] > most_of_others
        return bool(is_nearest and (cosines[place] >= self.least_centralities[place] or shared[place] > 0))


def name_fault(name: str) -> Literal["unshowable", "personal"] | None:
    """Why a text can name no journey at all; None if it can name some."""
    is_line = name == cleaned(name) and any(map(str.isalpha, name))
    is_short = MIN_CHARACTERS <= len(name) <= MAX_CHARACTERS and len(name.split()) <= MAX_WORDS
    if not is_line or not is_short or key_of(name).startswith(key_of(NAMELESS)):
        return "unshowable"
    if holds_personal_data(name):
        return "personal"
    return None


def _fault(name: str, keywords: Sequence[str]) -> Verdict | None:
    """What the text of a name says against it; None if nothing does."""
    fault = name_fault(name)
    if fault is not None:
        return fault
    text = " ".join(keywords)
    has_new_number = bool(set(_NUMBER.findall(name)) - set(_NUMBER.findall(text)))
    return "not_entailed" if has_new_number or not scripts_of(name) <= scripts_of(text) else None


def scripts_of(text: str) -> frozenset[str]:
    """Scripts of the letters of a text by the first word of their Unicode names; Chinese and Japanese are one."""
    east_asian = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}
    found = {unicodedata.name(character, "?").split()[0] for character in set(text) if character.isalpha()}
    return frozenset("CJK" if script in east_asian else script for script in found)


def _stems(text: str) -> frozenset[str]:
    words = [word for word in _WORD.findall(normalise(text)) if len(word) >= _SHORTEST_WORD or not word.isascii()]
    return frozenset(word.removesuffix("s")[:_STEM_LETTERS] for word in words)
