"""What can still be read of a record that is no record: a line with too many fields, or JSON that is cut off.

Such a record is refused. But a row about consent must not leave an older consent in force because of it
(``domain.landing.contract``), so whose it may be is looked for. Nothing else is taken from here.

A line with the wrong number of fields has every reading in which fields were added or lost at one place.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from journeys_assets.domain.landing.column_names import column_key

MAX_CHARACTERS = 10_000
"""How much of a broken record is looked at, characters."""
MAX_READINGS = 64
"""Most readings of one broken record."""

Reading = dict[str, str | None]
"""The value of each column that was found, as text."""

_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s",{}\[\]]+|[{\[])')


def readings_of_line(text: str, separator: str, width: int, positions: Mapping[str, int]) -> list[Reading]:
    """What the fields of a broken line of CSV may be.

    Args:
        width: Number of fields of a record.
        positions: Which field each column is.
    """
    text = text[:MAX_CHARACTERS]
    splits = [text.replace('"', "").split(separator)]
    with contextlib.suppress(csv.Error):  # Without its quotes it can be split.
        splits.append(next(csv.reader([text], delimiter=separator), []))
    found = []
    for fields in splits:
        n_more = len(fields) - width
        for place in range(min(width, len(fields)) + 1) if n_more else (width,):
            found.append({name: _field(fields, at, place, n_more) for name, at in positions.items()})
    return _distinct(found)


def readings_of_json(text: str, by_key: Mapping[str, str]) -> list[Reading]:
    """What a broken JSON object may say: each value of a key that occurs more than once is one reading.

    Args:
        by_key: The wanted columns by key (``domain.landing.column_names.names_by_key``).
    """
    values: dict[str, list[str | None]] = {}
    for key, value in _PAIR.findall(text[:MAX_CHARACTERS]):
        name = by_key.get(column_key(key))
        if name is not None:
            values.setdefault(name, []).append(_unquoted(value))
    combinations = itertools.islice(itertools.product(*values.values()), MAX_READINGS)
    return _distinct([dict(zip(values, combination, strict=True)) for combination in combinations])


def readings_frame(readings: Iterable[tuple[int, Reading]], columns: Iterable[str]) -> pl.DataFrame:
    """Readings of several records, one row each: ``line`` and the wanted columns as text."""
    names = list(columns)
    rows = [(line, *(reading.get(name) for name in names)) for line, reading in readings]
    return pl.DataFrame(rows, schema={"line": pl.Int64, **dict.fromkeys(names, pl.String)}, orient="row")


def _field(fields: Sequence[str], at: int, place: int, n_more: int) -> str | None:
    """The field of a column, if ``n_more`` fields (fewer if negative) were added at ``place``."""
    if at >= place:
        at += n_more
        if at < place:
            return None
    return fields[at] if at < len(fields) else None


def _unquoted(value: str) -> str | None:
    if value == "null":
        return None
    if not value.startswith('"'):
        return value
    try:
        text = json.loads(value)
    except ValueError:
        text = value.strip('"')
    return str(text).encode("utf-8", "replace").decode()


def _distinct(readings: list[Reading]) -> list[Reading]:
    return list({tuple(reading.items()): reading for reading in readings}.values())[:MAX_READINGS]
