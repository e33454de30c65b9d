"""Which landing source a file is. Its names and its columns decide together.

**The names say** a source if one of them contains the source's name as whole words, in any case, with ``-`` or a space
as ``_``: the stem of the file (``pins_2026-01``), then its folder, then the folders above.

**The columns fit** a source if all its required columns are there. Every log has a ``user_id``, and many have a
``pin_id``, so required columns that other sources require too prove nothing. A source that has no other ones (``users``
and ``pins``) fits only if the file has no required column of another source, and has either one of the optional columns
that only this source has, or no column that the source does not know.

The nearest name that the columns fit is taken. If the columns fit none of the names, the file is not read, because a
log that is taken for a catalogue replaces the catalogue, and opt-ins with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from journeys_assets.domain.landing.column_names import match_columns
from journeys_assets.domain.tables.landing import LANDING


@dataclass(frozen=True)
class Recognised:
    """The source of a file, or the problem with both readings and the cure; exactly one is None."""

    source: str | None = None
    problem: str | None = None


def recognise(names: Sequence[str], columns: Collection[str] | None) -> Recognised:
    """The source of a file.

    Args:
        names: The stem of the file and the names of its folders, nearest first.
        columns: The names of its columns as they are written; None if they are unknown, then the names alone decide.
    """
    said = list(dict.fromkeys(source for name in names for source in sources_named(name)))
    if columns is None:
        return Recognised(said[0]) if said else Recognised(problem=_nothing_said(()))
    fitting = [source for source in LANDING if misfit(source, columns) is None]
    agreed = next((source for source in said if source in fitting), None)
    if agreed is not None:
        return Recognised(agreed)
    if not said:
        return Recognised(problem=_nothing_said(fitting))
    telling = [source for source in fitting if len(columns) > len(_required(source)) or not _is_key_only(source)]
    if not telling and all(_missing(source, columns) for source in said):
        return Recognised(said[0])  # The columns say nothing: reading the file will say which column is missing.
    return Recognised(problem=_contradiction(said, telling, columns))


def sources_named(name: str) -> list[str]:
    """The sources that a name contains as whole words, in the order in which they occur."""
    longest_first = "|".join(sorted(LANDING, key=len, reverse=True))
    words = re.sub(r"[\s-]+", "_", name).casefold()
    return list(dict.fromkeys(re.findall(rf"(?<![a-z])(?:{longest_first})(?![a-z])", words)))


def fits_a_source(columns: Sequence[str]) -> bool:
    """Whether the columns are those of any source."""
    return any(misfit(source, columns) is None for source in LANDING)


def misfit(source: str, columns: Collection[str]) -> str | None:
    """Why the columns are not those of the source; None if they fit."""
    missing = _missing(source, columns)
    if missing:
        return f"{', '.join(missing)} is missing"
    return contradiction(source, columns)


def contradiction(source: str, columns: Collection[str]) -> str | None:
    """Why the columns speak against the source, whether or not its required ones are there; None if they do not."""
    if not _is_key_only(source):
        return None
    own = LANDING[source].column_names
    present = _present(columns)
    foreign = [name for name in present if name in _required_elsewhere(source) and name not in own]
    if foreign:
        return f"{', '.join(foreign)} is not of {source}"
    only_here = [name for name in own if name not in _elsewhere(source)]
    has_strangers = len(columns) > len([name for name in present if name in own])
    if has_strangers and not any(name in present for name in only_here):
        return f"none of {', '.join(name for name in only_here if name not in _required(source))} is there"
    return None


def _present(columns: Collection[str]) -> list[str]:
    """The columns that any source knows, as the contract writes them, in the order of the file."""
    every = dict.fromkeys(name for table in LANDING.values() for name in table.column_names)
    return list(match_columns(every, list(columns)).positions)


def _required(source: str) -> list[str]:
    return [column.name for column in LANDING[source].columns if not column.nullable]


def _missing(source: str, columns: Collection[str]) -> list[str]:
    present = _present(columns)
    return [name for name in _required(source) if name not in present]


def _is_key_only(source: str) -> bool:
    """Whether other sources require all columns too that the source requires."""
    return set(_required(source)) <= _required_elsewhere(source)


def _required_elsewhere(source: str) -> set[str]:
    return {name for other in LANDING if other != source for name in _required(other)}


def _elsewhere(source: str) -> set[str]:
    return {name for other, table in LANDING.items() if other != source for name in table.column_names}


def _nothing_said(fitting: Sequence[str]) -> str:
    columns = f", although its columns fit {_joined(fitting)}" if fitting else ""
    example = fitting[0] if fitting else "SOURCE"
    return (
        f"its source is unknown: no name says it{columns}. Use `--source {example}`, begin the file's name with the "
        f"source, or put it in a folder named after its source. Sources are {', '.join(LANDING)}"
    )


def _contradiction(said: Sequence[str], fitting: Sequence[str], columns: Collection[str]) -> str:
    reasons = "; ".join(f"{source}: {misfit(source, columns)}" for source in said)
    others = f"its columns say {_joined(fitting)}" if fitting else "its columns say otherwise"
    return (
        f"its name says {_joined(said)}, but {others} ({reasons}; it has {', '.join(columns)[:300]}). Rename the file "
        f"or its columns, or use `--source {fitting[0] if fitting else said[0]}` if it is one"
    )


def _joined(sources: Iterable[str]) -> str:
    return " or ".join(sources)
