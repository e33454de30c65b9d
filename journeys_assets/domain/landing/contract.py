"""Checks of landing rows against the contract, one row at a time, and conversion of text to the contract's types.

Files are read in ``storage.ingest``; duplicates are removed in the warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.keywords.text import PLAIN, cleaned_series, normalise_series
from journeys_assets.domain.landing.ids import NULL_MARKERS, NULL_WORDS, are_broken, are_null_words, clean_ids
from journeys_assets.domain.tables.landing import KEYWORD_COLUMNS, LANDING, landing_contract
from journeys_assets.domain.tables.table import TIMESTAMP, Column
from journeys_assets.domain.vocabulary import EDITS, MERGE, RENAME, SPLIT, UNDO

MAX_TEXT_CHARACTERS = 10_000
"""Maximum length of a text or of a list item, characters."""
MAX_LIST_ITEMS = 1_000
"""Maximum number of items of a list."""
MAX_CLOCK_SKEW = timedelta(days=1)
"""How far after ``now`` a time may be, because clocks differ."""
EARLIEST = datetime(1970, 1, 1)
"""Earliest valid time, UTC."""
REST_WAS_KEPT = "; the rest of the row was kept"
"""The end of a reason that is about optional fields alone."""
SHOWN_CHARACTERS = 80
"""Length to which the reason of a refused row shortens the value, characters."""
SHOWN_ROW_CHARACTERS = 1_000
"""Length to which a refused row is shortened, characters."""

LIST_SEPARATOR = "|"
"""What separates the items of a list that is written as text, by default."""

REFUSED_SCHEMA = pl.Schema(
    {
        "line": pl.Int64(),
        "reason": pl.String(),
        "row_json": pl.String(),
        "is_kept": pl.Boolean(),
        "acceptable_at": TIMESTAMP,
        "columns": pl.List(pl.String()),
    }
)
"""Columns of what was refused: line in the file; the problem with its column and value; the row as read, shortened;
whether only optional fields were refused and the rest of the row was kept; when the row can be accepted, if all that is
wrong with it is a time ahead of the clock (else null); the columns that have a problem (none: the line as such)."""

UNREADABLE_SCHEMA = pl.Schema({"line": pl.Int64(), "column": pl.String(), "problem": pl.String(), "value": pl.String()})
"""Values that do not fit their column: line in the file, column, the problem, the value as text, shortened."""

_ISO = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})(?:[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")


@dataclass(frozen=True)
class _Finding:
    """A mask of the rows that break one rule, and a description of the problem.

    Attributes:
        refuses_row: Whether the row is refused; otherwise only the field is, and the rest of the row is kept.
        acceptable_at: For each row, when time alone will have mended the problem; null where it cannot.
        shown: The values as read, where the frame no longer has them.
    """

    mask: pl.Series
    column: str
    problem: str
    refuses_row: bool = True
    acceptable_at: pl.Series | None = None
    shown: pl.Series | None = None


_Read = tuple[pl.Series, list[_Finding]]


def check_rows(
    source: str,
    frame: pl.DataFrame,
    *,
    now: datetime,
    actions: Sequence[Action] = DEFAULT_ACTIONS,
    timezones: Collection[str] | None = None,
    unreadable: pl.DataFrame | None = None,
    list_separator: str = LIST_SEPARATOR,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows into good and refused ones by the landing contract of ``source``.

    A problem in a required column, or in a column that identifies the row, refuses the row. A problem in another
    column refuses that field only: it becomes null, and the rest of the row is good. Otherwise a typing error in a time
    zone would also refuse the opt-out beside it. Three fields are read so that no consent is assumed: an opt-in that
    cannot be read is unknown, which counts as no; ``unsubscribed_at`` that cannot be read counts as ``now``; and where
    ``updated_at`` cannot be read, the row's opt-ins are unknown, because it may be older than what is stored.

    Args:
        source: A key of ``LANDING``.
        frame: ``line`` (Int64, unique) and any of the contract's columns, as text or in a compatible type (binary
            counts as UTF-8 text). A missing column counts as null; unknown columns are ignored. Lists as text are JSON
            or separated by ``list_separator``; null items and those that are no keyword are dropped. Times with a zone
            are converted to UTC, times without a zone are UTC, and a bare day means midnight.
        now: The current time, naive UTC; a time more than ``MAX_CLOCK_SKEW`` after it is refused.
        actions: The action registry: the valid values of ``action``.
        timezones: Valid values of ``timezone``; None disables this check.
        unreadable: ``UNREADABLE_SCHEMA``: values that the reader refused, with null in their place in ``frame``.
        list_separator: What separates the items of lists that are written as text.

    Returns:
        Good rows: ``line`` and the contract's columns in their types, ids and texts clean, and null where an optional
        text is blank or a word for a missing value. What was refused: ``REFUSED_SCHEMA``, one row per line. A line that
        is not good is refused; a good line is among the refused ones, with ``is_kept``, if a field of it was. Both are
        in the order of ``frame``.
    """
    table = landing_contract(actions)[source]
    values: dict[str, pl.Series] = {}
    findings: list[_Finding] = []
    for column in table.columns:
        raw = frame[column.name] if column.name in frame.columns else pl.Series(column.name, [None] * frame.height)
        value, found = _reader(column, now, list_separator)(raw.alias(column.name), column)
        if column.name == "timezone" and timezones is not None:
            unknown = ~value.is_in(sorted(timezones)).fill_null(True)
            found.append(_Finding(unknown, column.name, "is no known IANA time zone such as Europe/London"))
        if unreadable is not None and unreadable.height:
            found += _unreadable(unreadable, frame["line"], column.name)
        if column.nullable and column.name not in table.grain:
            for finding in found:
                value = _without(value, finding.mask)
            found = [replace(finding, refuses_row=False) for finding in found]
        if not column.nullable:
            is_missing = value.is_null()
            for finding in found:
                is_missing = is_missing & ~finding.mask
            found.append(_Finding(is_missing, column.name, "is missing or blank"))
        findings += found
        values[column.name] = value
    values |= _without_assumed_consent(source, values, frame, findings, now)
    if source == "journey_feedback":
        # An empty cell and a column that is not there make the same event.
        values |= {
            name: _without(values[name], values[name].list.len() == 0) for name in ("keywords", "other_keywords")
        }
    checked = pl.DataFrame([frame["line"].cast(pl.Int64), *values.values()])
    findings += _rules_across_columns(source, checked)
    return _split(frame.select("line", *(c for c in table.column_names if c in frame.columns)), checked, findings)


def refused_unsubscribes(
    frame: pl.DataFrame, refused: pl.DataFrame, *, now: datetime, unreadable: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The unsubscribes in refused rows of ``notification_events``, because they hold whatever else is wrong.

    Args:
        frame: As for :func:`check_rows`.
        refused: What it refused of ``frame``.
        now: The current time, naive UTC; it stands for a time that cannot be read.
        unreadable: As for :func:`check_rows`.

    Returns:
        user_id, channel (null where it cannot be read), unsubscribed_at; only rows with a user.
    """
    lines = refused.filter(~pl.col("is_kept"))["line"]
    return _unsubscribes(frame.filter(pl.col("line").is_in(lines.implode())), now, unreadable)


def possible_unsubscribes(readings: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """The unsubscribes that records of ``notification_events`` may hold that could not be read as a whole.

    Args:
        readings: ``line`` and columns of the contract as text: every reading of each record.
        now: As for :func:`refused_unsubscribes`, which has the columns of the result.
    """
    return _unsubscribes(readings, now, None).unique(maintain_order=True)


def possible_users(readings: pl.DataFrame) -> pl.Series:
    """The ids of the users of whom records of ``users`` may be that could not be read as a whole; distinct."""
    column = LANDING["users"].column("user_id")
    ids, found = _read_text(readings["user_id"], column)
    for finding in found:
        ids = _without(ids, finding.mask)
    return ids.drop_nulls().unique(maintain_order=True)


def _unsubscribes(rows: pl.DataFrame, now: datetime, unreadable: pl.DataFrame | None) -> pl.DataFrame:
    contract = LANDING["notification_events"]
    values: dict[str, pl.Series] = {}
    for name in ("user_id", "channel", "unsubscribed_at"):
        raw = rows[name] if name in rows.columns else pl.Series(name, [None] * rows.height)
        column = replace(contract.column(name), nullable=True)
        value, found = _reader(column, now, LIST_SEPARATOR)(raw.alias(name), column)
        if unreadable is not None:
            found += _unreadable(unreadable, rows["line"], name)
        for finding in found:
            value = _without(value, finding.mask)
        values[name] = value
        if name == "unsubscribed_at":
            values |= _without_assumed_consent("notification_events", values, rows, found, now)
    read = pl.DataFrame(list(values.values()))
    return read.filter(pl.col("user_id").is_not_null() & pl.col("unsubscribed_at").is_not_null())


def required_columns(source: str) -> tuple[str, ...]:
    """Columns that a file of ``source`` must have."""
    return tuple(c.name for c in LANDING[source].columns if not c.nullable)


def fits(column: Column, dtype: pl.DataType) -> bool:
    """Whether a file's column of type ``dtype`` can contain values of ``column``; each value is still checked."""
    if dtype in (pl.String, pl.Binary, pl.Null):
        return True
    if isinstance(column.dtype, pl.List):
        return isinstance(dtype, pl.List) and dtype.inner in (pl.String, pl.Binary, pl.Null)
    if column.dtype == pl.String:
        return dtype.is_integer() or dtype in (pl.Categorical, pl.Enum)
    if column.dtype in (TIMESTAMP, pl.Date):
        return dtype in (pl.Datetime, pl.Date)
    if column.dtype == pl.Boolean:
        return dtype == pl.Boolean or dtype.is_numeric()
    return dtype.is_numeric()


def with_keywords(source: str, good: pl.DataFrame) -> pl.DataFrame:
    """``good`` with the keyword columns of ``KEYWORD_COLUMNS``; lists keep their length."""
    columns = KEYWORD_COLUMNS.get(source, {})
    return good.with_columns(normalise_series(good[text]).alias(keyword) for text, keyword in columns.items())


def refused_frame(lines: Sequence[int], reasons: Sequence[str], rows: Sequence[str]) -> pl.DataFrame:
    """Refused rows that could not be split into columns, such as malformed lines."""
    shown = [row[:SHOWN_ROW_CHARACTERS] for row in rows]
    return pl.DataFrame(
        {"line": lines, "reason": reasons, "row_json": shown},
        schema={name: REFUSED_SCHEMA[name] for name in ("line", "reason", "row_json")},
    ).with_columns(
        is_kept=pl.lit(False), acceptable_at=pl.lit(None, dtype=TIMESTAMP), columns=pl.lit([], dtype=pl.List(pl.String))
    )


# ── types ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reader(column: Column, now: datetime, list_separator: str) -> Callable[[pl.Series, Column], _Read]:
    if isinstance(column.dtype, pl.List):
        return lambda raw, col: _read_list(raw, col, list_separator)
    if column.dtype == TIMESTAMP:
        return lambda raw, col: _read_time(raw, col, now + MAX_CLOCK_SKEW)
    if column.dtype == pl.Date:
        return lambda raw, col: _read_day(raw, col, now + MAX_CLOCK_SKEW)
    if column.dtype == pl.String:
        return _read_text
    return _read_boolean if column.dtype == pl.Boolean else _read_number


def _as_text(raw: pl.Series, column: Column) -> _Read:
    """A column of any scalar type as clean text (:func:`clean_texts`)."""
    text, found = _decoded(raw, column)
    # Bytes are counted first, because that is cheap and a text has at most as many characters as bytes.
    if (text.str.len_bytes().max() or 0) > MAX_TEXT_CHARACTERS:  # type: ignore[operator]
        too_long = (text.str.len_chars() > MAX_TEXT_CHARACTERS).fill_null(False)
        found.append(_Finding(too_long, column.name, f"is longer than {MAX_TEXT_CHARACTERS:,} characters"))
        text = text.set(too_long, None)
    return clean_texts(text, column), found


def _decoded(raw: pl.Series, column: Column) -> _Read:
    """A column of any scalar type as text without NUL characters."""
    if raw.dtype == pl.Binary:
        text = decoded(raw)
        found = [_Finding(raw.is_not_null() & text.is_null(), column.name, "is not valid UTF-8")]
    else:
        text, found = raw.cast(pl.String), []
    nul = text.str.contains("\0", literal=True).fill_null(False)
    if nul.any():
        found.append(_Finding(nul, column.name, "holds a NUL character"))
        text = text.set(nul, None)
    return text, found


def clean_texts(texts: pl.Series, column: Column) -> pl.Series:
    """Texts of ``column`` as the warehouse stores them.

    Ids follow ``domain.landing.ids``, other texts are as people see them (``domain.keywords.text``). A text in which
    nothing can be seen is null, and so is a word for a missing value in an optional column.
    """
    texts = clean_ids(texts) if column.is_id else _cleaned(texts)
    # A number that is not one ("nan") is the result of a wrong calculation and not a missing value.
    may_be_missing = column.nullable and not column.dtype.is_numeric()
    return _without_null_words(texts) if may_be_missing else texts


def _cleaned(texts: pl.Series) -> pl.Series:
    """Texts as people see them; null where nothing can be seen."""
    if (texts.str.contains(PLAIN)).all():
        return texts
    shown = cleaned_series(texts)
    return shown.set(shown == "", None)


def _without_null_words(texts: pl.Series) -> pl.Series:
    are_words = texts.str.to_lowercase().is_in(sorted(NULL_WORDS)).fill_null(False)
    return texts.set(are_words, None) if are_words.any() else texts


def _have_no_keyword(texts: pl.Series) -> pl.Series:
    """Whether each text has no keyword; nulls do not count."""
    odd = texts.filter(~texts.str.contains("[0-9A-Za-z]")).unique()
    without = odd.filter(normalise_series(odd) == "")
    return texts.is_in(without.implode()).fill_null(False)


def decoded(raw: pl.Series) -> pl.Series:
    """A binary column as text; null where it is not valid UTF-8."""
    try:
        return raw.cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series(raw.name, [_decoded_value(value) for value in raw], dtype=pl.String)


def _decoded_value(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _decoded_lists(raw: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Lists of binary or text as lists of text, and which lists have an item that is not valid UTF-8."""
    if raw.dtype != pl.List(pl.Binary):
        return raw.cast(pl.List(pl.String)), pl.repeat(False, len(raw), dtype=pl.Boolean, eager=True)
    try:
        return raw.cast(pl.List(pl.String)), pl.repeat(False, len(raw), dtype=pl.Boolean, eager=True)
    except pl.exceptions.ComputeError:
        given = raw.to_list()
    lists = [None if items is None else [_decoded_value(item) for item in items] for items in given]
    broken = [
        a is not None and b is not None and a.count(None) != b.count(None) for a, b in zip(given, lists, strict=True)
    ]
    return pl.Series(raw.name, lists, dtype=pl.List(pl.String)), pl.Series(broken, dtype=pl.Boolean)


def _read_text(raw: pl.Series, column: Column) -> _Read:
    text, found = _as_text(raw, column)
    if column.is_id and column.nullable:
        text = text.set(are_null_words(text), None)
    if column.is_id:
        found += _id_findings(text, column)
    if column.keyword_column is not None:
        without = _have_no_keyword(text)
        if column.nullable:
            text = text.set(without, None) if without.any() else text
        else:
            found.append(_Finding(without, column.name, "has no letter, digit or emoji, so it is no keyword"))
            is_marker = text.str.to_lowercase().is_in(sorted(NULL_MARKERS)).fill_null(False)
            found.append(_Finding(is_marker, column.name, "stands for a missing value; leave such rows out"))
    if column.allowed is not None:
        text = text.str.to_lowercase()
        known = text.is_in(list(column.allowed)).fill_null(True)
        found.append(_Finding(~known, column.name, f"is not one of {', '.join(column.allowed)}"))
    return text, found


def _id_findings(ids: pl.Series, column: Column) -> list[_Finding]:
    cure = (
        "leave the traffic of unknown people out, or give each of them an id, such as that of the device or session"
        if column.name == "user_id"
        else "leave such rows out, or give the id"
    )
    return [
        _Finding(are_null_words(ids), column.name, f"stands for a missing value and is no id; {cure}"),
        _Finding(are_broken(ids), column.name, "holds a tab, line break or other control character inside"),
    ]


def _read_time(raw: pl.Series, column: Column, latest: datetime) -> _Read:
    found: list[_Finding] = []
    problem = f"is not between 1970-01-01 and {latest:%Y-%m-%d %H:%M} UTC"
    if isinstance(raw.dtype, pl.Datetime | pl.Date):
        # Beyond the year 9999, the conversion to another unit or zone fails.
        beyond = ~are_writable(raw).fill_null(True)
        found.append(_Finding(beyond, column.name, problem))
        time = _without(raw, beyond)
        if isinstance(raw.dtype, pl.Datetime) and raw.dtype.time_zone is not None:
            time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        time = time.cast(TIMESTAMP)
    else:
        text, found = _as_text(raw, column)
        time = parse_times(text)
        found.append(
            _Finding(text.is_not_null() & time.is_null(), column.name, "is not a time such as 2026-01-31T12:00:00Z")
        )
    outside = ((time < EARLIEST) | (time > latest)).fill_null(False)
    acceptable_at = time.set(~outside | (time < EARLIEST).fill_null(False), None) - MAX_CLOCK_SKEW
    found.append(_Finding(outside, column.name, problem, acceptable_at=acceptable_at))
    return time.set(outside, None), found


def _read_day(raw: pl.Series, column: Column, latest: datetime) -> _Read:
    time, found = _read_time(raw, column, latest)
    midnight = (time == time.dt.truncate("1d")).fill_null(True)
    found.append(_Finding(~midnight, column.name, "is not a day such as 2026-01-31"))
    return time.set(~midnight, None).dt.date(), found


def parse_times(texts: pl.Series) -> pl.Series:
    """ISO 8601 texts as naive UTC times (microseconds); null where a text is not a time.

    A day without a time means midnight. A time without a zone is UTC.
    """
    stripped = texts.str.strip_chars()
    plain = pl.when(stripped.str.len_bytes() == 19).then(stripped.str.replace("T", " ", literal=True))
    time = pl.select(plain.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)).to_series()
    rest = (time.is_null() & stripped.is_not_null()).arg_true()
    if len(rest):
        time = time.scatter(rest, _parse_iso(stripped.gather(rest)))
    return time.alias(texts.name)


def _parse_iso(texts: pl.Series) -> pl.Series:
    parts = texts.str.extract_groups(_ISO).struct.unnest()
    clock = pl.format("{} {}:{}", pl.col("day"), pl.col("minute").fill_null("00:00"), pl.col("second").fill_null("00"))
    fraction = pl.col("fraction").fill_null("0").str.pad_end(9, "0").str.head(6).cast(pl.Int64)
    digits = pl.col("zone").str.strip_chars_start("+-").str.replace(":", "", literal=True).str.pad_end(4, "0")
    hours = digits.str.head(2).cast(pl.Int64, strict=False)
    minutes = digits.str.tail(2).cast(pl.Int64, strict=False)
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    named = pl.col("zone").is_null() | pl.col("zone").is_in(["Z", "z", "UTC"])
    offset = pl.when(named).then(0).when((hours < 24) & (minutes < 60)).then(sign * (hours * 60 + minutes))
    return parts.select(
        clock.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
        + pl.duration(microseconds=fraction)
        - pl.duration(minutes=offset)
    ).to_series()


def _read_boolean(raw: pl.Series, column: Column) -> _Read:
    if raw.dtype == pl.Boolean:
        return raw, []
    text, found = _as_text(raw, column)
    word = text.str.strip_chars().str.to_lowercase()
    value = pl.select(pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)).to_series()
    found.append(_Finding(text.is_not_null() & value.is_null(), column.name, "is neither true nor false"))
    return value.alias(column.name), found


def _read_number(raw: pl.Series, column: Column) -> _Read:
    found: list[_Finding] = []
    if raw.dtype.is_numeric():
        given, number = raw.is_not_null(), raw.cast(pl.Float64)
    else:
        text, found = _as_text(raw, column)
        given, number = text.is_not_null(), text.str.strip_chars().cast(pl.Float64, strict=False)
    readable = number.is_finite().fill_null(False)
    if column.dtype.is_integer():
        readable &= (number == number.floor()).fill_null(False) & (number.abs() < 2.0**53).fill_null(False)
    kind = "a whole number" if column.dtype.is_integer() else "a number"
    found.append(_Finding(given & ~readable, column.name, f"is not {kind}"))
    value = number.set(~readable, None).cast(column.dtype)
    if column.minimum is not None:
        found.append(_Finding((value < column.minimum).fill_null(False), column.name, f"is below {column.minimum:g}"))
    if column.maximum is not None:
        found.append(_Finding((value > column.maximum).fill_null(False), column.name, f"is above {column.maximum:g}"))
    return value, found


def _read_list(raw: pl.Series, column: Column, separator: str) -> _Read:
    found: list[_Finding] = []
    if not isinstance(raw.dtype, pl.List):
        text, found = _decoded(raw, column)
        lists, readable = _parse_lists(_without_null_words(text), separator)
        found.append(_Finding(~readable, column.name, f"is no list of texts (JSON, or separated by {separator})"))
    else:
        lists, broken = _decoded_lists(raw)
        found.append(_Finding(broken, column.name, "is not valid UTF-8"))
    items, element = lists.explode(), pl.element()
    problems = []
    if (items.str.len_bytes().max() or 0) > MAX_TEXT_CHARACTERS:  # type: ignore[operator]
        too_long = (lists.list.eval(element.str.len_chars()).list.max() > MAX_TEXT_CHARACTERS).fill_null(False)
        problems.append((too_long, f"has an item longer than {MAX_TEXT_CHARACTERS:,} characters"))
    if items.str.contains("\0", literal=True).any():
        nul = lists.list.eval(element.str.contains("\0", literal=True)).list.any().fill_null(False)
        problems.append((nul, "holds a NUL character"))
    for mask, problem in problems:
        found.append(_Finding(mask, column.name, problem))
        lists = lists.set(mask, None)
    lists = _keyword_items(lists)
    too_many = (lists.list.len() > MAX_LIST_ITEMS).fill_null(False)
    found.append(_Finding(too_many, column.name, f"has more than {MAX_LIST_ITEMS:,} items"))
    return lists, found


def _keyword_items(lists: pl.Series) -> pl.Series:
    """Lists of clean texts without null items and without those that have no keyword."""
    lists = cleaned_series(lists.list.drop_nulls())
    items = lists.explode().drop_nulls()
    without = items.filter(_have_no_keyword(items)).unique().to_list()
    return lists.list.eval(pl.element().filter(~pl.element().is_in(without))) if without else lists


def _parse_lists(texts: pl.Series, separator: str) -> tuple[pl.Series, pl.Series]:
    """Lists from JSON or separated texts, and which texts are lists or null. Parses each distinct text once."""
    distinct = texts.drop_nulls().unique()
    parsed = [_parse_list(text, separator) for text in distinct]
    table = pl.DataFrame(
        {"text": distinct, "items": pl.Series(parsed, dtype=pl.List(pl.String))},
        schema={"text": pl.String, "items": pl.List(pl.String)},
    )
    joined = texts.to_frame("text").join(table, on="text", how="left", maintain_order="left")
    lists = joined["items"].alias(texts.name)
    return lists, texts.is_null() | lists.is_not_null()


def _parse_list(text: str, separator: str) -> list[str | None] | None:
    text = text.lstrip("\ufeff \t\r\n")
    if not text.startswith("["):
        return [part.strip() for part in text.split(separator)]
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if any(isinstance(item, list | dict | bool | float) for item in items):
        return None
    values = [None if item is None else str(item) for item in items]
    return None if any(has_lone_surrogate(value) for value in values if value) else values


def has_lone_surrogate(text: str) -> bool:
    """Whether ``text`` contains half of a surrogate pair, which UTF-8 cannot encode."""
    return any("\ud800" <= character <= "\udfff" for character in text)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _unreadable(unreadable: pl.DataFrame, lines: pl.Series, column: str) -> list[_Finding]:
    """The values of ``column`` that the reader refused, one finding per kind of problem."""
    mine = unreadable.filter(pl.col("column") == column)
    found = []
    for (problem,), of_problem in mine.partition_by("problem", as_dict=True, maintain_order=True).items():
        shown = lines.to_frame("line").join(of_problem.unique("line"), on="line", how="left", maintain_order="left")
        found.append(_Finding(shown["problem"].is_not_null(), column, str(problem), shown=shown["value"]))
    return found


def _without(values: pl.Series, mask: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(None).otherwise(values)).to_series().alias(values.name)


def _without_assumed_consent(
    source: str,
    values: Mapping[str, pl.Series],
    frame: pl.DataFrame,
    findings: Sequence[_Finding],
    now: datetime,
) -> dict[str, pl.Series]:
    """The columns in which a field that cannot be read must not leave an earlier consent in force."""

    def refused(column: str) -> pl.Series:
        mask = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
        for finding in findings:
            mask = mask | finding.mask if finding.column == column else mask
        return mask

    if source == "notification_events":
        unread = refused("unsubscribed_at")
        if unread.any():
            given = [
                finding.shown
                for finding in findings
                if finding.column == "unsubscribed_at" and finding.shown is not None
            ]
            if frame["unsubscribed_at"].dtype in (pl.String, pl.Binary):
                given.append(decoded(frame["unsubscribed_at"].cast(pl.Binary)))
            for texts in given:
                unread = unread & ~texts.str.strip_chars().str.to_lowercase().is_in(_FALSE).fill_null(False)
        return {"unsubscribed_at": values["unsubscribed_at"].set(unread, now)}
    if source == "users":
        undated = refused("updated_at")
        says = values["sensitive_opt_in"]
        return {
            **{name: _without(values[name], undated) for name in ("email_opt_in", "push_opt_in")},
            # Of unknown date only a no counts, and what cannot be read is a no.
            "sensitive_opt_in": _without(says, undated & says.fill_null(False)).set(refused("sensitive_opt_in"), False),
        }
    return {}


def _rules_across_columns(source: str, checked: pl.DataFrame) -> list[_Finding]:
    if source == "journey_annotations":
        nameless = checked["journey_id"].is_null() & (checked["keywords"].list.len().fill_null(0) == 0)
        return [
            _Finding(nameless, "journey_id", "and keywords are both missing; one must say which journey was judged")
        ]
    if source == "journey_feedback":
        return _rules_of_edits(checked)
    return []


def _rules_of_edits(checked: pl.DataFrame) -> list[_Finding]:
    """What each edit needs, and the halves of a split have nothing in common."""

    def mask(condition: pl.Expr) -> pl.Series:
        return checked.select(condition.fill_null(False)).to_series()

    verdict = pl.col("verdict")
    needs = {
        "edit_id": (
            (*EDITS, UNDO),
            pl.col("edit_id").is_null(),
            "an edit needs one, so that it can be undone, and an undo that of the edit",
        ),
        "keywords": (EDITS, _is_empty("keywords"), "an edit needs the keywords of the journey as they were"),
        "other_keywords": (
            (MERGE, SPLIT),
            _is_empty("other_keywords"),
            "a merge needs the keywords of the other journey, a split those of the other half",
        ),
        "new_name": ((RENAME,), pl.col("new_name").is_null(), "a rename needs what the user calls the journey"),
    }
    found = [
        _Finding(mask(verdict.is_in(given) & lacks), name, f"is missing; {cure}")
        for name, (given, lacks, cure) in needs.items()
    ]
    both = pl.col("keywords").list.set_intersection("other_keywords").list.len() > 0
    common = _Finding(
        mask((verdict == SPLIT) & both), "other_keywords", "has a keyword of the first half; a keyword is in one half"
    )
    return [*found, common]


def _is_empty(column: str) -> pl.Expr:
    return pl.col(column).list.len().fill_null(0) == 0


def _split(raw: pl.DataFrame, checked: pl.DataFrame, findings: Sequence[_Finding]) -> tuple[pl.DataFrame, pl.DataFrame]:
    findings = [finding for finding in findings if finding.mask.any()]
    if not findings:
        return checked, REFUSED_SCHEMA.to_frame()
    nothing = pl.repeat(False, checked.height, dtype=pl.Boolean, eager=True)
    touched, bad = nothing, nothing
    for finding in findings:
        touched = touched | finding.mask
        bad = bad | finding.mask if finding.refuses_row else bad
    shown = _shown(raw.filter(touched))
    problems = pl.concat([_problems(finding, touched, shown) for finding in findings])
    joined = problems.group_by("line", maintain_order=True).agg(
        pl.col("reason").str.join("; "),
        acceptable_at=pl.when(pl.col("acceptable_at").null_count() == 0).then(pl.col("acceptable_at").max()),
        columns=pl.col("column").unique(maintain_order=True),
    )
    texts = shown.select("line", row_json=pl.struct(pl.exclude("line")).struct.json_encode())
    refused = texts.with_columns(is_kept=~bad.filter(touched)).join(joined, on="line", maintain_order="left")
    reason = pl.when("is_kept").then(pl.col("reason") + REST_WAS_KEPT).otherwise("reason")
    return checked.filter(~bad), refused.with_columns(reason=reason).select(
        pl.col(name).cast(dtype) for name, dtype in REFUSED_SCHEMA.items()
    )


def _problems(finding: _Finding, touched: pl.Series, shown: pl.DataFrame) -> pl.DataFrame:
    """line, reason, acceptable_at, column of the rows that one finding is about."""
    mask = finding.mask.filter(touched)
    values = shown if finding.shown is None else shown.with_columns(finding.shown.filter(touched).alias(finding.column))
    at = pl.Series("acceptable_at", [None] * shown.height, dtype=TIMESTAMP)
    if finding.acceptable_at is not None:
        at = finding.acceptable_at.filter(touched).alias("acceptable_at")
    found = pl.DataFrame([shown["line"], _reason(finding, values).alias("reason"), at])
    return found.with_columns(column=pl.lit(finding.column)).filter(mask)


def _reason(finding: _Finding, shown: pl.DataFrame) -> pl.Series:
    if finding.column not in shown.columns:
        return pl.repeat(f"{finding.column} {finding.problem}", shown.height, dtype=pl.String, eager=True)
    value = pl.col(finding.column).str.head(SHOWN_CHARACTERS).str.replace_all("\0", "␀", literal=True)
    text = pl.format(f"{finding.column} {finding.problem}: '{{}}'", value)
    return shown.select(
        pl.when(value.is_null()).then(pl.lit(f"{finding.column} {finding.problem}")).otherwise(text)
    ).to_series()


def _shown(raw: pl.DataFrame) -> pl.DataFrame:
    """Every column except ``line`` as shortened text."""
    share = SHOWN_ROW_CHARACTERS // max(1, raw.width - 1)
    columns = []
    for series in raw.drop("line"):
        if isinstance(series.dtype, pl.List):
            items, _ = _decoded_lists(series.list.head(MAX_LIST_ITEMS))
            text = items.list.eval(pl.element().str.head(share)).list.join("|", ignore_nulls=True)
        elif isinstance(series.dtype, pl.Datetime | pl.Date):
            known = are_writable(series)
            text = series.set(~known, None).cast(pl.String)
            text = text.set(~known.fill_null(True), "a time beyond the year 9999")
        else:
            text = decoded(series) if series.dtype == pl.Binary else series.cast(pl.String)
        columns.append(text.str.head(share).alias(series.name))
    return pl.DataFrame([raw["line"], *columns])


def are_writable(times: pl.Series) -> pl.Series:
    """Whether times of any unit, or days, can be written as dates: those of the years 1 to 9999; null for nulls."""
    low, high = _WRITABLE[times.dtype.time_unit] if isinstance(times.dtype, pl.Datetime) else _DAYS
    return times.cast(pl.Int64).is_between(low, high)


_SECONDS = (-62_135_596_800, 253_402_300_799)  # years 1 to 9999
_DAYS = tuple(second // 86_400 for second in _SECONDS)
_WRITABLE = {
    unit: (max(_SECONDS[0] * scale, -(2**63)), min(_SECONDS[1] * scale, 2**63 - 1))
    for unit, scale in (("ms", 10**3), ("us", 10**6), ("ns", 10**9))
}
