"""Reading an expansion: the related journeys of names, stored or not.

Keys: ``n:<name>`` for the related journeys of a name, ``c:<name>`` for what is known of a name that is suggested,
``popular`` for the labels that most users started lately, ``i:…`` and ``v:…`` for the index of labels by vector
(``domain.related.index``).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.related.groups import Floats, on_grid
from journeys_assets.domain.related.index import GetMany, Index, nearest_labels, read_index
from journeys_assets.domain.related.params import RelatedParams

POPULAR_KEY = "popular"


def name_key(name: str) -> str:
    return f"n:{name}"


def fact_key(name: str) -> str:
    return f"c:{name}"


@dataclass(frozen=True, slots=True)
class Found:
    """The related journeys of a name.

    Attributes:
        topics: Labels of the topics that it was looked up by: its own or, for a name that is not stored, the nearest.
        is_stored: The name itself is in the expansion.
        related: Records of ``candidates.Suggestion``; strengths are lowered by the cosine of the look-up.
    """

    topics: Sequence[str]
    is_stored: bool
    related: Sequence[Mapping[str, Any]]


def read_popular(get_many: GetMany) -> Sequence[str]:
    """The labels that most users started lately, most first."""
    (names,) = get_many([POPULAR_KEY])
    return names or []


def vector_of(fact: Mapping[str, Any]) -> Floats:
    """The vector (dimensions,), on the grid, of a value under :func:`fact_key`."""
    vector: Floats = on_grid(unpack([base64.b64decode(fact["vector"])]))[0]
    return vector


def related_to(
    names: Sequence[str],
    get_many: GetMany,
    vectors: Callable[[Sequence[str]], Floats],
    params: RelatedParams,
    index: Index | None = None,
) -> dict[str, Found]:
    """The related journeys of each name.

    Args:
        names: Distinct normalised names.
        vectors: Unit vectors of names, (n, dimensions); called for those that are not stored.
        index: Of the expansion; None: it is read if a name is not stored.
    """
    found: dict[str, Found] = {}
    for name, value in zip(names, get_many([name_key(name) for name in names]), strict=True):
        if value is not None:
            found[name] = Found([value["topic"]], True, value["related"])
    rare = [name for name in names if name not in found]
    if not rare:
        return found
    index = index or read_index(get_many)
    few = nearest_labels(
        on_grid(vectors(rare)), index, get_many, params.n_nearest, params.nearest_cosine, params.n_compared
    )
    labels = sorted({label for nearest in few for label, _ in nearest})
    values = dict(zip(labels, get_many([name_key(label) for label in labels]), strict=True))
    for name, nearest in zip(rare, few, strict=True):
        related: dict[str, dict[str, Any]] = {}
        for label, cosine in nearest:
            for one in (values[label] or {"related": []})["related"]:
                weaker = {**one, "strength": round(one["strength"] * min(cosine, 1.0), 4)}
                if one["name"] not in related or weaker["strength"] > related[one["name"]]["strength"]:
                    related[one["name"]] = weaker
        ordered = sorted(related.values(), key=lambda one: (-one["strength"], one["name"]))
        found[name] = Found([label for label, _ in nearest], False, ordered)
    return found
