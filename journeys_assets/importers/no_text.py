"""Values of logs that are no text where an id or a text is meant: objects, lists, booleans and broken numbers.

``domain.landing.json_values`` has the rule; it is that of the landing contract. The columns of raw rows are text, so
such a value is a *mark* in them: NUL, the problem, NUL, and the value as JSON. A mark counts as a value until the rows
of the landing contract are made, and then refuses its column (:func:`without_marks`). The contract refuses text with
NUL, so no text of a log can be taken for a mark and be accepted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import polars as pl

from journeys_assets.domain.landing.contract import REFUSED_SCHEMA, SHOWN_CHARACTERS, UNREADABLE_SCHEMA
from journeys_assets.domain.landing.json_values import json_text

TextKind = Literal["text", "number", "texts"]
"""What is meant: text; text, or any number as it is written; text, or a list of texts."""

MARK = "\0"
IS_A_TIME = "is a time, not text"

_PARTS = r"(?s)^\x00([^\x00]*)\x00(.*)$"


def text_or_mark(value: Any, kind: TextKind = "text") -> str | None:
    """A value of JSON as text, or a mark if it is none. NaN is null, because tables write missing numbers so."""
    if value is None or type(value) is str:
        return value
    if value != value:
        return None
    read = json_text(value, ("list" if isinstance(value, list) else "text") if kind == "texts" else kind)
    return read.text if not read.problem else mark(read.problem, json.dumps(value, ensure_ascii=False, default=str))


def mark(problem: str, value: str) -> str:
    """The mark of a value that is no text."""
    return f"{MARK}{problem}{MARK}{value}"


def reader_of(kind: TextKind | None, otherwise: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """What makes a text of a value: :func:`text_or_mark` for a kind, ``otherwise`` for None."""
    return otherwise if kind is None else lambda value: text_or_mark(value, kind)


def is_marked(column: pl.Expr) -> pl.Expr:
    """Whether each text is a mark; nulls are none."""
    return column.str.starts_with(MARK).fill_null(False)


def without_marks(rows: pl.DataFrame, columns: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with null in the place of marks, and what the marks say.

    Args:
        columns: Columns of text, or of lists of text, and what messages call each.

    Returns:
        The rows, and ``UNREADABLE_SCHEMA``, where ``line`` is the index of the row. Of several marks in one list, the
        first is given.
    """
    found = [UNREADABLE_SCHEMA.to_frame()]
    for column, name in columns.items():
        values = rows[column]
        if isinstance(values.dtype, pl.List):
            marks = values.list.eval(pl.element().filter(is_marked(pl.element()))).list.first()
        else:
            marks = rows.select(pl.when(is_marked(pl.col(column))).then(column)).to_series()
        if marks.null_count() == len(marks):
            continue
        parts = marks.str.extract_groups(_PARTS).struct.unnest()
        unreadable = pl.DataFrame(
            {"problem": parts[parts.columns[0]], "value": parts[parts.columns[1]].str.head(SHOWN_CHARACTERS)}
        ).with_row_index("line")
        unreadable = unreadable.filter(marks.is_not_null()).with_columns(column=pl.lit(name))
        found.append(unreadable.select(pl.col(n).cast(t) for n, t in UNREADABLE_SCHEMA.items()))
        rows = rows.with_columns(values.set(marks.is_not_null(), None) if values.dtype == pl.String else
                                 pl.when(marks.is_null()).then(pl.col(column)).alias(column))  # fmt: skip
    return rows, pl.concat(found)


def refused_fields(rows: pl.DataFrame, unreadable: pl.DataFrame) -> pl.DataFrame:
    """Fields that are refused alone: ``REFUSED_SCHEMA``, with ``is_kept``.

    Args:
        rows: ``line``: that of the record of each row.
        unreadable: As :func:`without_marks` returns it.
    """
    reason = pl.format("{} {}: '{}'; the rest of the row was kept", "column", "problem", "value")
    return unreadable.select(
        line=rows["line"].gather(unreadable["line"].cast(pl.UInt32)),
        reason=reason,
        row_json=pl.struct(pl.col("value")).struct.json_encode(),
        is_kept=pl.lit(True),
        acceptable_at=pl.lit(None),
        columns=pl.concat_list("column"),
    ).select(pl.col(name).cast(dtype) for name, dtype in REFUSED_SCHEMA.items())
