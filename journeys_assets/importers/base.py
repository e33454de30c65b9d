"""What an importer is: a public log format, and how its rows become the landing contract's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl


@dataclass
class Converted:
    """What a piece of a file holds, by landing source."""

    good: dict[str, pl.DataFrame]
    """``line`` and the contract's columns."""
    refused: dict[str, pl.DataFrame]
    """``domain.landing.contract.REFUSED_SCHEMA``."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Rows of the file that were set aside by rule, by reason."""


@dataclass(frozen=True)
class Importer:
    """How one public format becomes the landing contract."""

    name: str
    columns: Sequence[str]
    """Columns that its files must have."""
    main_source: str
    """The source that counts the file's rows, those that are refused or skipped included."""
    sources: Sequence[str]
    """Every source that it makes."""
    convert: Callable[[pl.DataFrame, datetime], Converted]
    """Raw rows (``line`` and ``columns`` as text) and the current time (naive UTC) → landing rows."""
    optional_columns: Sequence[str] = ()
    """Columns that its files may have; raw rows lack those that a file has not."""
    precedence: Mapping[str, str] = field(default_factory=dict)
    """Per source whose latest version counts: SQL ORDER BY under which the first of all versions ever seen is kept, so
    that files may come in any order and in any number of calls."""
