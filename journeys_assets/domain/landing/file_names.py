"""Which files and folders hold no data, by their names. The rule holds for ``ingest`` and for the landing folder.

A file is passed over, with the reason, if its name or that of a folder above it

* begins with ``.``: hidden files, checksums of Hadoop (``.part-0.crc``), ``.DS_Store``;
* begins with ``_``: markers and logs of the program that wrote the folder (``_SUCCESS``, ``_committed_…``,
  ``_delta_log/``). A folder ``_name=value`` is a Hive partition and holds data;
* or if the file's name ends like that of a file that is still being written (``.tmp``, ``.part``, ``.crdownload``,
  ``~``).
"""

from __future__ import annotations

import re

import polars as pl

# No look-around: the patterns are used by Python and by polars.
_PASSED_OVER = (
    (r"(?:^|/)\.", "it is hidden, because its name or that of a folder above it begins with '.'"),
    (
        r"(?:^|/)_[^/=]*/|(?:^|/)_[^/]*$",
        "its name or that of a folder above it begins with '_', as markers and logs do; rename it if it holds data",
    ),
    (r"(?i:\.tmp|\.part|\.crdownload|~)$", "its name ends like that of a file that is still being written"),
)


def why_passed_over(name: str) -> str | None:
    """Why the file holds no data, by its path below the folder that was given, with ``/``; None if it may hold some."""
    return next((reason for pattern, reason in _PASSED_OVER if re.search(pattern, name)), None)


def passed_over_reason(names: pl.Expr) -> pl.Expr:
    """:func:`why_passed_over` of each name."""
    return pl.coalesce(
        *(pl.when(names.str.contains(pattern)).then(pl.lit(reason)) for pattern, reason in _PASSED_OVER),
        pl.lit(None, dtype=pl.String),
    )
