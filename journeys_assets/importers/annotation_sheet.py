"""Annotation sheets that annotators filled in, as judgements of the landing contract.

A row without any answer was not judged, and is skipped. A row that equals the stored judgement is skipped too, so a
sheet may be imported several times while annotators fill it in. Every other row is accepted, or refused with the
column, the value and what to do.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

import polars as pl

from journeys_assets.domain.landing.contract import (
    REST_WAS_KEPT,
    SHOWN_CHARACTERS,
    check_rows,
    clean_texts,
    refused_frame,
)
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS, LANDING
from journeys_assets.domain.vocabulary import STAGES
from journeys_assets.importers.base import Converted, Importer

REQUIRED = ("row_key", "annotator_id", "relevance")
ANSWERS = ("stage", "better_name", "comment")
OPTIONAL = (*ANSWERS, "annotated_at")
SHOWN = ("position", "as_of", "name", "keywords", "last_engaged", "weeks", "searches", "items")
"""Columns that a sheet only shows; they are ignored on import."""
NAME = "annotation-sheet"

_COLUMNS = {
    column.name: column for column in (ANNOTATION_ITEMS.column("row_key"), *LANDING["journey_annotations"].columns)
}

NOT_JUDGED = "not judged yet"
ALREADY_STORED = "the same as is stored already"

JUDGED_SCHEMA = pl.Schema(
    {
        "row_key": pl.String(),
        "annotator_id": pl.String(),
        "relevance": pl.Int64(),
        "stage": pl.String(),
        "better_name": pl.String(),
        "comment": pl.String(),
    }
)
"""The latest stored judgement of each sheet row and annotator."""


def sheet_importer(items: pl.DataFrame, judged: pl.DataFrame) -> Importer:
    """The importer of sheets that this deployment exported.

    Args:
        items: The rows of exported sheets: row_key, user_id, journey_id, as_of_date, keywords.
        judged: ``JUDGED_SCHEMA``.
    """
    return Importer(
        name=NAME,
        columns=REQUIRED,
        optional_columns=OPTIONAL,
        shown_columns=SHOWN,
        main_source="journey_annotations",
        sources=("journey_annotations",),
        convert=partial(convert, items=items, judged=judged),
    )


def convert(raw: pl.DataFrame, now: datetime, *, items: pl.DataFrame, judged: pl.DataFrame) -> Converted:
    """Landing rows of ``journey_annotations``. Each raw row becomes a judgement, is refused, or is skipped."""
    given = pl.DataFrame([raw["line"], *(_text(raw, name) for name in (*REQUIRED, *OPTIONAL))])
    rows = given.with_columns(
        row_key=pl.col("row_key").str.to_lowercase(),
        level=pl.col("relevance").cast(pl.Float64, strict=False),
        stage=pl.col("stage").str.to_lowercase(),
    )
    is_blank = pl.all_horizontal(pl.col(name).is_null() for name in ("relevance", *ANSWERS))
    reason = pl.concat_str(_problems(rows, items), separator="; ", ignore_nulls=True).replace("", None)
    rows = rows.with_columns(is_blank=is_blank).with_columns(reason=pl.when(~pl.col("is_blank")).then(reason))
    rows = rows.with_columns(reason=pl.coalesce("reason", _contradictions()))
    broken = rows.filter(pl.col("reason").is_not_null())
    answered = rows.filter(pl.col("reason").is_null() & ~pl.col("is_blank")).with_columns(
        relevance=pl.col("level").cast(pl.Int64)
    )
    new = answered.join(judged, on=JUDGED_SCHEMA.names(), how="anti", nulls_equal=True, maintain_order="left")
    landing = new.join(items, on="row_key", how="inner", maintain_order="left").with_columns(
        annotated_at=pl.coalesce("annotated_at", pl.lit(now).dt.strftime("%Y-%m-%d %H:%M:%S.%6f"))
    )
    good, refused = check_rows(
        "journey_annotations", landing.select("line", *LANDING["journey_annotations"].column_names), now=now
    )
    # A sheet is corrected by the one who filled it in, so a row is not kept without one of its answers.
    good = good.join(refused, on="line", how="anti", maintain_order="left")
    reasons = refused.select("line", pl.col("reason").str.strip_suffix(REST_WAS_KEPT))
    late = rows.drop("reason").join(reasons, on="line").select(broken.columns)
    skipped = {NOT_JUDGED: int(rows["is_blank"].sum()), ALREADY_STORED: answered.height - new.height}
    return Converted(
        {"journey_annotations": good},
        {"journey_annotations": _refused(pl.concat([broken, late])).sort("line")},
        {name: n for name, n in skipped.items() if n},
    )


def _text(raw: pl.DataFrame, name: str) -> pl.Series:
    """The column as the contract stores it, so that it can be compared; null where it is blank or not in the file."""
    if name not in raw.columns:
        return pl.Series(name, [None] * raw.height, dtype=pl.String)
    return clean_texts(raw[name], _COLUMNS[name])


def _problems(rows: pl.DataFrame, items: pl.DataFrame) -> list[pl.Expr]:
    """The possible problems of an answered row; each is null where it does not apply."""
    key, level, stage = pl.col("row_key"), pl.col("level"), pl.col("stage")
    is_level = (level.is_finite() & (level == level.floor()) & level.is_between(1, 5)).fill_null(False)
    return [
        pl.when(key.is_null()).then(pl.lit("row_key is missing; copy it from the sheet as it was exported")),
        pl.when(key.is_not_null() & ~key.is_in(items["row_key"].to_list())).then(
            pl.format(
                "row_key is of no sheet that this deployment exported: '{}'; import the sheet where it was exported, "
                "or put the key back as it was",
                key.str.head(SHOWN_CHARACTERS),
            )
        ),
        pl.when(pl.col("annotator_id").is_null()).then(
            pl.lit("annotator_id is missing; write who judged, the same name in every row")
        ),
        pl.when(pl.col("relevance").is_null()).then(
            pl.lit("relevance is missing where other answers are given; write 1, 2, 3, 4 or 5, or empty the row")
        ),
        pl.when(pl.col("relevance").is_not_null() & ~is_level).then(
            pl.format(
                "relevance is not a whole number from 1 to 5: '{}'; write 1, 2, 3, 4 or 5, or empty the row",
                pl.col("relevance").str.head(SHOWN_CHARACTERS),
            )
        ),
        pl.when(stage.is_not_null() & ~stage.is_in(list(STAGES))).then(
            pl.format(
                f"stage is neither {' nor '.join(STAGES)}: '{{}}'; write one of them, or leave it empty",
                stage.str.head(SHOWN_CHARACTERS),
            )
        ),
    ]


def _contradictions() -> pl.Expr:
    """The problem of different judgements of one journey in a file, without times that tell which one is later."""
    twice = ["row_key", "annotator_id", "annotated_at"]
    answers = pl.struct("relevance", *ANSWERS).struct.json_encode()  # polars panics where it compares null structs
    judged = ~pl.col("is_blank") & pl.col("reason").is_null()
    first = answers.filter(judged).first().over(twice)
    line = pl.col("line").filter(judged).first().over(twice)
    return pl.when(judged & (answers != first)).then(
        pl.format("row_key is judged in line {} already, and differently: '{}'; keep one of the two", line, "row_key")
    )


def _refused(broken: pl.DataFrame) -> pl.DataFrame:
    shown = broken.select(pl.struct(*REQUIRED, *OPTIONAL).struct.json_encode()).to_series()
    return refused_frame(broken["line"].to_list(), broken["reason"].to_list(), shown.to_list())
