"""Ids for events of logs that give them none: a digest of what identifies an event."""

from __future__ import annotations

import hashlib
import json

import polars as pl

DIGEST_BYTES = 12
"""Length of a digest: two of a billion events have the same with a probability below 1e-10."""


def digests(columns: pl.DataFrame) -> pl.Series:
    """A digest of each row: the same for the same values, on every machine and in every release.

    Args:
        columns: Text, or lists of text. The names of the columns count, and their order does not.
    """
    ordered = columns.select(sorted(columns.columns))
    names = ordered.columns
    texts = [_digest(dict(zip(names, row, strict=True))) for row in ordered.iter_rows()]
    return pl.Series("digest", texts, dtype=pl.String)


def _digest(row: dict[str, object]) -> str:
    given = {name: value for name, value in row.items() if value is not None}
    text = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
