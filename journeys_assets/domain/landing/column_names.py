"""When the name of a column in a file means a column that is wanted. The rule holds for every format and importer.

Two names are the same if they agree after the following: they are cleaned as texts are (``domain.keywords.text``), so
invisible characters and surrounding white space are removed; upper and lower case count as equal; and runs of white
space and hyphens count as ``_``. So ``Push Opt-In`` is ``push_opt_in``. A wanted name
in camel case may also be written with ``_``: ``Invoice No`` is ``InvoiceNo``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from journeys_assets.domain.keywords.text import cleaned

CLOSE_RATIO = 0.8
"""How similar an unknown name must be to a wanted one to be suggested (ratio of difflib, 0 to 1)."""

_OBJECTION = re.compile(r"unsub|opt(?:ed)?_?out|do_?not_?(?:contact|disturb|email|mail|push)|suppress")
_GAP = re.compile(r"[\s-]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=4096)
def column_key(name: str) -> str:
    """What two spellings of one column name have in common."""
    return _GAP.sub("_", cleaned(name)).casefold()


def names_by_key(wanted: Iterable[str]) -> dict[str, str]:
    """The wanted names by each key under which a file may have them."""
    return {key: name for name in wanted for key in (column_key(name), column_key(_CAMEL.sub("_", name)))}


@dataclass(frozen=True)
class Matched:
    """Which columns of a file are wanted.

    Attributes:
        positions: The index of the column for each wanted name that the file has.
        unknown: The other columns, as they are written.
        clashes: Pairs of columns, as they are written, that mean the same wanted name.
    """

    positions: Mapping[str, int]
    unknown: tuple[str, ...]
    clashes: tuple[tuple[str, str], ...]


def match_columns(wanted: Iterable[str], written: Sequence[str]) -> Matched:
    """Match the columns of a file, as they are written, to the wanted names."""
    by_key = names_by_key(wanted)
    positions: dict[str, int] = {}
    unknown, clashes = [], []
    for index, column in enumerate(written):
        name = by_key.get(column_key(column))
        if name is None:
            unknown.append(column if column_key(column) else f"column {index + 1} (no name)")
        elif name in positions:
            clashes.append((written[positions[name]], column))
        else:
            positions[name] = index
    return Matched(positions, tuple(unknown), tuple(clashes))


def close_names(unknown: Iterable[str], lacking: Collection[str]) -> dict[str, str]:
    """For each unknown column that is nearly a wanted name that the file lacks: that name."""
    by_key = names_by_key(lacking)
    close = {column: difflib.get_close_matches(column_key(column), by_key, 1, CLOSE_RATIO) for column in unknown}
    return {column: by_key[found[0]] for column, found in close.items() if found}


def is_objection(name: str) -> bool:
    """Whether the name of a column or an event says that somebody wants no messages, such as ``opt_out``."""
    return _OBJECTION.search(column_key(name)) is not None
