"""Reading an expansion: the related journeys of names, stored or not.

Keys: ``n:<name>`` for the related journeys of a name, ``c:<name>`` for what is known of a name that is suggested,
``i:<n>`` for the index of labels by vector, ``meta`` for the rest.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.related.groups import Floats, nearest_few, on_grid
from journeys_assets.domain.related.params import RelatedParams

GetMany = Callable[[Sequence[str]], Sequence[Any | None]]
"""The values of some keys of one expansion, in order."""
META = "meta"


def name_key(name: str) -> str:
    return f"n:{name}"


def fact_key(name: str) -> str:
    return f"c:{name}"


def index_key(n: int) -> str:
    return f"i:{n}"


@dataclass(frozen=True, slots=True)
class Index:
    """The labels of an expansion by vector.

    Attributes:
        names: Sorted.
        vectors: (n, dimensions), on the grid.
    """

    names: Sequence[str]
    vectors: Floats


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


def read_index(get_many: GetMany) -> Index:
    """The index of an expansion; read it once and keep it."""
    (meta,) = get_many([META])
    n_parts = 0 if meta is None else int(meta["index_parts"])
    parts = [part for part in get_many([index_key(n) for n in range(n_parts)]) if part is not None]
    names = [name for part in parts for name in part["names"]]
    if not names:
        return Index([], np.zeros((0, 0), dtype=np.float32))
    packed = b"".join(base64.b64decode(part["vectors"]) for part in parts)
    width = len(packed) // len(names)
    return Index(names, on_grid(unpack([packed[i * width : (i + 1) * width] for i in range(len(names))])))


def vector_of(fact: Mapping[str, Any]) -> Floats:
    """The vector (dimensions,), on the grid, of a value under :func:`fact_key`."""
    vector: Floats = on_grid(unpack([base64.b64decode(fact["vector"])]))[0]
    return vector


def related_to(
    names: Sequence[str],
    get_many: GetMany,
    index: Index | None,
    vectors: Callable[[Sequence[str]], Floats],
    params: RelatedParams,
) -> dict[str, Found]:
    """The related journeys of each name.

    Args:
        names: Distinct normalised names.
        index: None: names that are not stored have no related journeys.
        vectors: Unit vectors of names, (n, dimensions); called for those that are not stored.
    """
    found: dict[str, Found] = {}
    for name, value in zip(names, get_many([name_key(name) for name in names]), strict=True):
        if value is not None:
            found[name] = Found([value["topic"]], True, value["related"])
    rare = [name for name in names if name not in found]
    few: list[list[tuple[int, float]]] = [[] for _ in rare]
    if index is not None and index.names and rare:
        few = nearest_few(on_grid(vectors(rare)), index.vectors, params.n_nearest, params.nearest_cosine)
        labels = sorted({index.names[row] for nearest in few for row, _ in nearest})
        values = dict(zip(labels, get_many([name_key(label) for label in labels]), strict=True))
    for name, nearest in zip(rare, few, strict=True):
        related: dict[str, dict[str, Any]] = {}
        for row, cosine in nearest:
            for one in (values[index.names[row]] or {"related": []})["related"] if index is not None else []:
                weaker = {**one, "strength": round(one["strength"] * min(cosine, 1.0), 4)}
                if one["name"] not in related or weaker["strength"] > related[one["name"]]["strength"]:
                    related[one["name"]] = weaker
        ordered = sorted(related.values(), key=lambda one: (-one["strength"], one["name"]))
        found[name] = Found([index.names[row] for row, _ in nearest] if index is not None else [], False, ordered)
    return found
