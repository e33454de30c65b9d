"""Names that users give their journeys: which journey each is of, and which may be used.

A rename names a journey by its id and by the keywords that it had. It is of the journey with that id while that lives,
and otherwise of the journey that has most of the keywords, if that is at least half of those that the user still has.
The latest rename of a journey counts.

A given name takes precedence over every other one, and no other journey of the user is called the same. It is ignored
if it cannot be shown, holds personal data, is less safe than the keywords of its journey, or was given to another
journey later. It need not follow from the keywords: the user knows what the journey is about.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.naming.suggestions import name_fault
from journeys_assets.domain.vocabulary import RENAME

BY_USER = "user"
"""The ``named_by`` of a name that the user gave."""
LEAST_OVERLAP = 0.5

GIVEN_SCHEMA = pl.Schema(
    {
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "given_at": pl.Datetime("us"),
        "given_name": pl.String(),
        "keywords": pl.List(pl.String()),
    }
)


def renamed_journeys(edits: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    """The latest name that a user gave each journey.

    Args:
        edits: Rows of ``edits.EDITS_SCHEMA``, in any order.
        journeys: user_id, journey_id, keywords of all journeys of those users.

    Returns:
        Rows of ``GIVEN_SCHEMA`` with the present keywords of the journey, sorted by user_id and journey_id.
    """
    renames = edits.filter(pl.col("verdict") == RENAME)
    if renames.is_empty():
        return GIVEN_SCHEMA.to_frame()
    own = journeys.join(renames.select("user_id").unique(), on="user_id", how="semi").select(*JOURNEY, "keywords")
    of_user = {str(user): rows.rows() for (user,), rows in own.partition_by("user_id", as_dict=True).items()}
    rows = []
    for user, at, wanted, name, keywords in renames.select(
        "user_id", "given_at", "journey_id", "new_name", "keywords"
    ).iter_rows():
        journey = _journey_of(wanted, set(keywords), {one: present for _, one, present in of_user.get(user, [])})
        if journey is not None:
            rows.append((user, journey, at, cleaned(name)))
    schema = {name: dtype for name, dtype in GIVEN_SCHEMA.items() if name != "keywords"}
    found = pl.DataFrame(rows, schema=schema, orient="row").sort(*JOURNEY, "given_at", "given_name")
    return found.unique(JOURNEY, keep="last", maintain_order=True).join(own, on=JOURNEY, maintain_order="left")


def _journey_of(wanted: str, keywords: set[str], journeys: Mapping[str, list[str]]) -> str | None:
    """The id of the journey that a rename is of; None if there is none any more."""
    if wanted in journeys:
        return wanted
    shared = {one: len(keywords & set(present)) for one, present in journeys.items()}
    best = max(sorted(shared), key=lambda one: shared[one], default=None)
    is_most = best is not None and shared[best] > 0 and shared[best] >= LEAST_OVERLAP * sum(shared.values())
    return best if is_most else None


def judged_given_names(given: pl.DataFrame, unsafe: pl.DataFrame) -> pl.DataFrame:
    """Which given names are used.

    Args:
        given: Result of :func:`renamed_journeys`.
        unsafe: user_id, journey_id of names that policy forbids.

    Returns:
        ``given`` with verdict: accepted, unshowable, personal, unsafe, or not_unique where another journey of the user
        was given the name later.
    """
    forbidden = set(unsafe.select(JOURNEY).iter_rows())
    taken: set[tuple[str, str]] = set()
    verdicts: dict[tuple[str, str], str] = {}
    latest_first = given.sort("given_at", *JOURNEY, descending=[True, False, False])
    for user, journey, name in latest_first.select(*JOURNEY, "given_name").iter_rows():
        verdict = (
            name_fault(name)
            or ("unsafe" if (user, journey) in forbidden else None)
            or ("not_unique" if (user, key_of(name)) in taken else None)
            or "accepted"
        )
        if verdict == "accepted":
            taken.add((user, key_of(name)))
        verdicts[user, journey] = verdict
    found = [verdicts[key] for key in given.select(JOURNEY).iter_rows()]
    return given.with_columns(pl.Series("verdict", found, dtype=pl.String))


def keys_of_given(given: pl.DataFrame) -> dict[tuple[str, str], str]:
    """The key of each accepted name, by user and journey."""
    accepted = given.filter(pl.col("verdict") == "accepted")
    return {(user, one): key_of(name) for user, one, name in accepted.select(*JOURNEY, "given_name").iter_rows()}
