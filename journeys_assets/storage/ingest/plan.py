"""How each file of an ingest call is read: its sources, its columns, and what converts its records."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.column_names import is_objection
from journeys_assets.domain.landing.contract import check_rows, fits, refused_frame
from journeys_assets.domain.tables.landing import LANDING, OF_CONSENT, VERSIONED
from journeys_assets.importers.base import Converted, Importer
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import check_columns, source_of
from journeys_assets.storage.ingest.load import LANDING_FORMAT
from journeys_assets.storage.ingest.readers.choose import read_of_importer, read_pieces, wanted_of
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted


@dataclass(frozen=True)
class FilePlan:
    """How to read one file: its sources (the main one first), its columns, and the function that converts a piece."""

    sources: tuple[str, ...]
    wanted: Wanted
    convert: Callable[[Piece], Converted]
    format: str
    pieces: Iterator[Piece]
    stamp: Callable[[str, pl.DataFrame], pl.DataFrame] = lambda name, rows: rows
    has_events: bool = False
    """Whether each record has a type of event, so that what became of it is counted by type."""

    @property
    def is_append_only(self) -> bool:
        return self.format == LANDING_FORMAT and not set(self.sources) & set(VERSIONED)


def plan_of(
    file: Path,
    root: Path,
    source: str | None,
    importer: Importer | None,
    now: datetime,
    actions: Sequence[Action],
    list_separator: str,
) -> FilePlan:
    """How to read ``file``.

    Args:
        root: The names of the folders from it on count for the source.
        source: The landing source of the file, if it does not follow from its name.
        importer: Of the format; None for the landing contract.

    Raises:
        IngestError: the source is unknown, or the file has none of its columns.
    """
    if importer is not None:
        convert = importer.convert
        wanted = wanted_of(importer)
        sources = (importer.main_source, *(name for name in importer.sources if name != importer.main_source))
        shown = importer.shown_columns
        pieces = (_without_unreadable(piece, shown) for piece in read_of_importer(file, importer, wanted))
        return FilePlan(
            sources,
            wanted,
            lambda piece: convert(piece.frame, now),
            importer.name,
            pieces,
            importer.stamp,
            has_events=importer.records is not None,
        )
    if source is not None:
        check_columns(file, source)
    name = source or source_of(file, root)
    wanted = Wanted.of_source(name)

    def check(piece: Piece) -> Converted:
        good, refused = check_rows(
            name,
            piece.frame,
            now=now,
            actions=actions,
            timezones=_timezones(),
            unreadable=piece.unreadable,
            list_separator=list_separator,
        )
        return Converted({name: good}, {name: refused})

    return FilePlan((name,), wanted, check, LANDING_FORMAT, read_pieces(file, wanted))


def _without_unreadable(piece: Piece, shown_columns: Sequence[str]) -> Piece:
    """A piece of a file for an importer: a row with a value that is no text is refused, because it is text that an
    importer converts.

    Args:
        shown_columns: Columns that are not read, whose values do not count.
    """
    unreadable = piece.unreadable.filter(~pl.col("column").is_in(list(shown_columns)))
    if unreadable.is_empty():
        return piece
    of_lines = unreadable.group_by("line", maintain_order=True).agg(
        pl.format("{} {}: '{}'", "column", "problem", "value").str.join("; ").alias("reason")
    )
    is_refused = pl.col("line").is_in(of_lines["line"].implode())
    rows = piece.frame.filter(is_refused).join(of_lines, on="line", maintain_order="left")
    texts = rows.select(pl.struct(pl.exclude("line", "reason")).struct.json_encode()).to_series()
    refused = refused_frame(rows["line"].to_list(), rows["reason"].to_list(), texts.to_list())
    return Piece(piece.frame.filter(~is_refused), pl.concat([piece.refused, refused]).sort("line"))


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def check_types(file: Path, plan: FilePlan, piece: Piece) -> None:
    """Raise ``IngestError`` if the type of a column rules out every value: then the file is wrong, not its rows."""
    if plan.format != LANDING_FORMAT:
        if any(isinstance(dtype, pl.List) for dtype in piece.frame.schema.values()):
            return
        wrong = {name: dtype for name, dtype in piece.frame.drop("line").schema.items() if dtype != pl.String}
        if wrong:
            raise IngestError(f"{file}: format {plan.format} is read from CSV or JSON lines; give the original files")
        return
    table = LANDING[plan.sources[0]]
    for column in table.columns:
        dtype = piece.frame.schema.get(column.name)
        if dtype is not None and not fits(column, dtype):
            raise IngestError(
                f"{file}: column {column.name} is {dtype}, not {column.sql_type}; write it as {column.sql_type} or text"
            )


def check_objections(file: Path, plan: FilePlan) -> None:
    """Raise ``IngestError`` if a column that is not of the contract looks as if it said who objected to messages.

    Other unknown columns are ignored. This one would send messages to people who said no.
    """
    if plan.sources[0] not in OF_CONSENT or "unsubscribed_at" in plan.wanted.found:
        return
    if column := next((name for name in sorted(plan.wanted.unknown) if is_objection(name)), None):
        cure = (
            "if it has the time at which the user unsubscribed, name it unsubscribed_at"
            if plan.sources[0] == "notification_events"
            else "write who objects as false in email_opt_in and push_opt_in"
        )
        raise IngestError(
            f"{file}: column {column!r} is not read, but may say who wants no messages; {cure}, or drop it"
        )
