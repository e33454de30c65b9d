"""Leaves out what a file says of users who were erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from journeys_assets.importers.base import Converted
from journeys_assets.storage.erasure.tombstones import USER_COLUMNS, Tombstones

ERASED = "of a user who was erased (`journeys erase`)"
"""Why a row is skipped."""


def without_erased(converted: Converted, erased: Tombstones) -> tuple[Converted, Mapping[str, int]]:
    """The rows of other users, and the number of rows that were left out, by source."""
    left_out: dict[str, int] = {}
    good = {}
    for source, rows in converted.good.items():
        good[source] = _kept(rows, erased)
        left_out[source] = rows.height - good[source].height
    refused = {}
    for source, rows in converted.refused.items():
        kept = without_erased_refusals(rows, erased)
        refused[source] = kept
        # A row that was kept without its refused fields is among the good ones already.
        gone = rows.join(kept.select("line"), on="line", how="anti")
        left_out[source] = left_out.get(source, 0) + int((~gone["is_kept"]).sum())
    return replace(converted, good=good, refused=refused), left_out


def without_erased_refusals(refused: pl.DataFrame, erased: Tombstones) -> pl.DataFrame:
    """The refused rows that do not mention an erased user, wherever in the row."""
    return refused.filter(pl.Series([not erased.mentioned_in(row) for row in refused["row_json"]], dtype=pl.Boolean))


def _kept(rows: pl.DataFrame, erased: Tombstones) -> pl.DataFrame:
    is_erased = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for name in USER_COLUMNS:
        if name in rows.columns:
            is_erased |= erased.are_erased(rows[name])
    return rows.filter(~is_erased)
