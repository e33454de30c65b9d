"""What an importer is: a public log format, and how its rows become the landing contract's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl


@dataclass
class Converted:
    """The converted rows of a part of a file, by landing source."""

    good: dict[str, pl.DataFrame]
    """``line`` and the contract's columns."""
    refused: dict[str, pl.DataFrame]
    """``domain.landing.contract.REFUSED_SCHEMA``."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Number of rows of the file that were skipped by rule, by reason."""


@dataclass(frozen=True)
class Importer:
    """The conversion of one public format to the landing contract."""

    name: str
    columns: Sequence[str]
    """Required columns of its files."""
    main_source: str
    """The source whose counts include all rows of the file, also refused and skipped ones."""
    sources: Sequence[str]
    """All landing sources that it produces."""
    convert: Callable[[pl.DataFrame, datetime], Converted]
    """Raw rows (``line`` and ``columns`` as text) and the current time (naive UTC) → landing rows."""
    optional_columns: Sequence[str] = ()
    """Optional columns of its files. Raw rows contain only the columns of the file."""
