"""Writes annotation sheets: CSV for a spreadsheet, or one page that a browser opens without a network.

``domain.annotation.sampling`` draws the sample, ``storage.queries.annotation`` reads the warehouse, and
``importers.annotation_sheet`` interprets the answers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.annotation import sampling
from journeys_assets.domain.annotation.params import AnnotationParams
from journeys_assets.domain.keywords.personal import masked_series
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.errors import JourneysError
from journeys_assets.importers.annotation_sheet import ANSWERS, SHOWN
from journeys_assets.operations.sheet_pages import plain_cell, salt_of, sheet_page
from journeys_assets.storage.queries import annotation as storage
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

PAGE = Path(__file__).with_name("annotation_page.html")
COLUMNS = ("row_key", "annotator_id", *SHOWN, "relevance", *ANSWERS)
FORMATS = (".csv", ".html")

_NAME = re.compile(r"[^\w.-]+")


class SheetError(JourneysError):
    """A sheet cannot be written. The message says why, and what to do instead."""


@dataclass(frozen=True)
class Export:
    """The files and days of an export, and the numbers of journeys and of sampled journeys by stratum."""

    files: tuple[Path, ...]
    days: tuple[date, ...]
    n_rows: int
    n_items: int
    n_shared: int
    strata: pl.DataFrame


def export_sheets(
    warehouse: Warehouse,
    params: AnnotationParams,
    actions: Sequence[Action],
    salt_file: Path,
    target: Path,
    *,
    last_day: date,
    days: Sequence[date] = (),
    annotators: Sequence[str],
    rows_each: int,
    overlap: float,
    unnamed: float,
    seed: int,
    min_users: int,
    now: datetime,
) -> Export:
    """Draw journeys and write a sheet for each annotator, with the guideline beside CSV sheets.

    Args:
        actions: The action registry.
        salt_file: Holds the secret of the row keys; it is created if it does not exist.
        target: Ends in .csv or .html. With several annotators, each one's name is inserted before the ending.
        last_day: The latest day that has journeys.
        days: Days as of which journeys are shown; by default ``as_of_days`` days up to ``last_day``.
        rows_each: Rows of each sheet; fewer if there are not enough journeys.
        overlap: Share of the rows that every annotator judges.
        unnamed: Share of the journeys that are shown without their name. Journeys that were exported before are shown
            as they were then.

    Raises:
        SheetError: the ending is unknown, an annotator is named twice, or a day has no journeys.
    """
    if target.suffix.lower() not in FORMATS:
        raise SheetError(f"{target}: sheets are {' or '.join(FORMATS)}; give a name that ends in one of them")
    names = [name.strip() for name in annotators]
    if not all(names) or len({_file_name(name) for name in names}) < len(names):
        raise SheetError(f"annotators need different names (also as file names); got {', '.join(names)}")
    warehouse.ensure(ANNOTATION_ITEMS)
    with warehouse.reading() as con:
        chosen = storage.days_with_journeys(con, last_day, params.as_of_days, apart=params.days_apart)
        if days:
            chosen = [day for day in sorted(set(days)) if storage.days_with_journeys(con, day, 1, apart=1)]
        missing = sorted(set(days) - set(chosen))
        if missing or not chosen:
            raise SheetError(
                f"no journeys are kept as of {', '.join(map(str, missing)) or last_day}; choose a day that has journeys"
            )
        candidates = storage.candidates(con, chosen, actions)
    strata = sampling.candidates_by_stratum(candidates, params=params, seed=seed)
    drawn = sampling.draw_stratified(strata, sampling.n_items(len(names), rows_each, overlap))
    if drawn.is_empty():
        raise SheetError(f"every journey as of {', '.join(map(str, chosen))} has been judged; choose another day")
    drawn = drawn.with_columns(sampling.row_keys(drawn, salt_of(salt_file, SheetError)))
    with warehouse.reading() as con:
        seen = storage.evidence(con, drawn, params, min_users=min_users)
    drawn = sampling.with_some_names_hidden(drawn, unnamed, seed=seed)
    kept = drawn.with_columns(pl.col("keywords").list.head(params.keywords_kept))
    storage.store_items(warehouse, kept.select(*(c for c in ANNOTATION_ITEMS.column_names if c != "exported_at")), now)
    with warehouse.reading() as con:
        drawn = drawn.drop("journey_name").join(storage.exported_names(con), on="row_key", maintain_order="left")
    dealt = sampling.deal(drawn, names, rows_each, overlap, seed=seed)
    rows = _sheet_columns(dealt.join(seen, on="row_key", how="left", maintain_order="left"))
    target.parent.mkdir(parents=True, exist_ok=True)
    files = [_write(target, name, rows.filter(pl.col("annotator_id") == name), len(names) > 1) for name in names]
    if target.suffix.lower() == ".csv":
        guide = target.with_name(f"{target.stem}-guideline.md")
        guide.write_text(sampling.guideline(), encoding="utf-8")
        files.append(guide)
    counts = dealt.group_by("row_key").len("n")
    table = strata.group_by("stratum").len("journeys").join(drawn.group_by("stratum").len("drawn"), on="stratum")
    return Export(
        files=tuple(files),
        days=tuple(chosen),
        n_rows=dealt.height,
        n_items=drawn.height,
        n_shared=counts.filter(pl.col("n") > 1).height,
        strata=table.sort("stratum"),
    )


def _sheet_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a sheet, with personal data masked."""
    masked = rows.with_columns(
        name=masked_series(rows["journey_name"]),
        **{name: masked_series(rows[name]) for name in ("shown", "searches", "items")},
    )
    return masked.select(
        "row_key", "annotator_id", "position", pl.col("as_of_date").cast(pl.String).alias("as_of"), "name",
        pl.col("shown").alias("keywords"), "days_ago", "weeks", "searches", "items",
    )  # fmt: skip


def _write(target: Path, annotator: str, rows: pl.DataFrame, is_one_of_many: bool) -> Path:
    file = target.with_name(f"{target.stem}-{_file_name(annotator)}{target.suffix}") if is_one_of_many else target
    text = page(rows, annotator, file.stem) if target.suffix.lower() == ".html" else table(rows)
    # Written in one step, so that nobody sends an incomplete sheet.
    fresh = file.with_name(f".{file.name}.tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
    return file


def table(rows: pl.DataFrame) -> str:
    """A CSV sheet, with a byte order mark so that spreadsheets read it as UTF-8. The answers are empty columns.

    A spreadsheet could interpret text that users typed as a formula. Such text is prefixed with an apostrophe.
    """
    lines: list[Sequence[str]] = [COLUMNS]
    for row in rows.iter_rows(named=True):
        shown: dict[str, Any] = {
            **row,
            "keywords": ", ".join(row["keywords"]),
            "last_engaged": _ago(row["days_ago"]),
            "weeks": " ".join(map(str, row["weeks"])),
            "searches": ", ".join(row["searches"]),
            "items": ", ".join(row["items"]),
        }
        lines.append(tuple(plain_cell(str(shown.get(name, ""))) for name in COLUMNS))
    return "\ufeff" + _csv(lines)


def page(rows: pl.DataFrame, annotator: str, sheet: str) -> str:
    """A self-contained page; see :func:`sheet_pages.sheet_page`."""
    record = {
        "sheet": sheet,
        "annotator": annotator,
        "columns": ["row_key", "annotator_id", "relevance", *ANSWERS, "annotated_at"],
        "question": sampling.QUESTION,
        "stage_question": sampling.STAGE_QUESTION,
        "levels": {str(level): list(text) for level, text in sampling.LEVELS.items()},
        "rows": [
            {**row, "last_engaged": _ago(row["days_ago"])} for row in rows.drop("annotator_id").iter_rows(named=True)
        ],
    }
    return sheet_page(PAGE, "Judging journeys", record)


def _ago(days: int | None) -> str:
    if days is None:
        return "before the weeks shown"
    return {0: "on that day", 1: "1 day before"}.get(days, f"{days} days before")


def _csv(lines: Sequence[Sequence[str]]) -> str:
    from io import StringIO

    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def _file_name(annotator: str) -> str:
    return _NAME.sub("_", annotator.strip()).casefold()
