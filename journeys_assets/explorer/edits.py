"""Edits on the page of a user: rename, "these two are one", "this is two", and their undo.

A form names journeys; what is written are their keywords as published when the person looked at them, because a journey
changes with later keywords.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.naming.suggestions import MAX_CHARACTERS, MAX_WORDS, MIN_CHARACTERS, name_fault
from journeys_assets.domain.vocabulary import MERGE, RENAME, SPLIT, UNDO
from journeys_assets.explorer.feedback import FeedbackError, Said
from journeys_assets.explorer.people import Person

HALF = "half:"
"""What the name of the field of each keyword begins with in the form of a split; its value is ``1`` or ``2``."""
MOST_LISTED = 60
"""Keywords that the form of a split lists, best first. The others go to the nearer half."""

Unsafe = Callable[[pl.DataFrame], pl.DataFrame]
"""Gets user_id, journey_id, suggested_name and keywords; returns the rows whose name policy forbids."""
_FAULTS = {
    "unshowable": f"a name has a letter, {MIN_CHARACTERS} to {MAX_CHARACTERS} characters and {MAX_WORDS} words at most",
    "personal": "a name must hold no personal data, such as an e-mail address or a telephone number",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An edit in the list of a user's edits.

    Attributes:
        said: The edit.
        is_undone: It was taken back.
        is_pending: It, or its undo, counts from the next run on.
    """

    said: Said
    is_undone: bool
    is_pending: bool


def edit_from(fields: Mapping[str, str], person: Person, now: datetime, unsafe: Unsafe) -> Said:
    """The edit that a form says, or the row that takes one back.

    Raises:
        FeedbackError: it cannot count; the message is for the person.
    """
    verdict, journeys = fields.get("verdict", ""), {one["journey_id"]: one for one in person.journeys}
    journey = journeys.get(fields.get("journey", ""))
    if verdict == UNDO:
        if not fields.get("edit"):
            raise FeedbackError("the form names no edit; open the page again")
        return Said(person.user_id, fields.get("journey", ""), UNDO, now, fields["edit"])
    if journey is None:
        raise FeedbackError("the user has no such journey any more; open the page again")
    keywords: tuple[str, ...] = tuple(journey["keywords"])
    other: tuple[str, ...] | None = None
    name: str | None = None
    if verdict == RENAME:
        name = _new_name(fields.get("name", ""), journey, person, unsafe)
    elif verdict == MERGE:
        if (second := journeys.get(fields.get("other", ""))) is None or second is journey:
            raise FeedbackError("choose the other journey that is one with this one")
        other = tuple(second["keywords"])
    elif verdict == SPLIT:
        keywords, other = (tuple(word for word in keywords if fields.get(HALF + word) == half) for half in ("1", "2"))
        if not keywords or not other:
            raise FeedbackError("put at least one keyword into each half")
    else:
        raise FeedbackError(f"{verdict!r} is no edit; open the page again")
    return Said(person.user_id, journey["journey_id"], verdict, now, "e" + secrets.token_hex(8), keywords, other, name)


def _new_name(text: str, journey: Mapping[str, Any], person: Person, unsafe: Unsafe) -> str:
    """The name in a form.

    Raises:
        FeedbackError: no journey, or not this one, may have it.
    """
    name = cleaned(text)
    fault = name_fault(name)
    if fault is not None:
        raise FeedbackError(f"{_FAULTS[fault]}; give another name")
    for one in person.journeys:
        if one is not journey and key_of(one["journey_name"]) == key_of(name):
            raise FeedbackError("another journey of the user has this name; give another one, or say that they are one")
    asked = {
        "user_id": [person.user_id],
        "journey_id": [journey["journey_id"]],
        "suggested_name": [name],
        "keywords": [list(journey["keywords"])],
    }
    if unsafe(pl.DataFrame(asked)).height:
        raise FeedbackError("the safety policy does not allow this name: no keyword of the journey is as sensitive")
    return name


def listed_edits(rows: Sequence[Said], since: datetime) -> list[Shown]:
    """The edits of a user, the latest first.

    Args:
        rows: Edits and what takes them back, from everywhere; repeats are allowed.
        since: What was given later counts from the next run on.
    """
    undone_at: dict[str | None, datetime] = {}
    for row in rows:
        if row.verdict == UNDO:
            undone_at[row.edit_id] = max(row.given_at, undone_at.get(row.edit_id, row.given_at))
    found = []
    for row in sorted({row for row in rows if row.verdict != UNDO}, key=lambda row: (row.given_at, repr(row)))[::-1]:
        undone = undone_at.get(row.edit_id)
        is_undone = undone is not None and undone >= row.given_at
        last = undone if undone is not None and is_undone else row.given_at
        found.append(Shown(row, is_undone, last > since))
    return found
