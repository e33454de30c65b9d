"""Generated landing files: rows of every source in every format, then damaged as real files are damaged."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

ACCOUNTS = {
    "search_events": {"user_id": "text", "query": "text", "searched_at": "time"},
    "pin_engagements": {"user_id": "text", "pin_id": "text", "action": "action", "engaged_at": "time"},
    "pins": {"pin_id": "text", "annotations": "list", "interests": "list", "title": "text"},
    "board_pins": {"user_id": "text", "board_id": "text", "board_name": "text", "pin_id": "text", "saved_at": "time"},
    "users": {
        "user_id": "text",
        "signed_up_at": "time",
        "country": "text",
        "timezone": "zone",
        "email_opt_in": "boolean",
        "push_opt_in": "boolean",
        "sensitive_opt_in": "boolean",
        "updated_at": "time",
    },
    "notification_events": {
        "notification_id": "text",
        "user_id": "text",
        "journey_id": "text",
        "channel": "channel",
        "arm": "arm",
        "sent_at": "time",
        "unsubscribed_at": "time",
        "propensity": "number",
        "is_random_slot": "boolean",
    },
    "journey_annotations": {
        "user_id": "text",
        "journey_id": "text",
        "keywords": "list",
        "relevance": "number",
        "annotator_id": "text",
        "as_of_date": "time",
    },
    "identities": {"user_id": "text", "other_id": "text", "linked_at": "time", "unlinked": "boolean"},
    "journey_feedback": {"user_id": "text", "journey_id": "text", "verdict": "verdict", "given_at": "time"},
}
"""Columns of each source and the kind of their values."""

SHOP = {
    "InvoiceNo": "text",
    "StockCode": "text",
    "Description": "text",
    "Quantity": "number",
    "InvoiceDate": "time",
    "UnitPrice": "number",
    "CustomerID": "number",
    "Country": "text",
}
SHEET = {"row_key": "key", "annotator_id": "text", "relevance": "number", "stage": "stage", "better_name": "text"}


@dataclass(frozen=True)
class LandingFile:
    """A generated file.

    Attributes:
        path: Path below the landing folder.
        content: The bytes.
        source: The source whose columns it has.
        n_records: How many records it has, counted by other means than the readers'; None where that is not known.
    """

    path: str
    content: bytes
    source: str
    n_records: int | None


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

BLANK = ("", " ", "\t", "\r", "\n", "\x00", "\x1f", "\x85", "\u00a0", "\u200b", "\u2028", "\ufeff", "\x7f", "\x07")
INVISIBLE = (
    "u\r",
    " u ",
    "u\u200b",
    "\ufeffu",
    "u\u00ad",
    "e\u0301",
    "é",
    "\u202eabc",
    "q\u0000q",
    "\x1b[31m",
    "İSTANBUL",
)
NULLS = ("NULL", "null", "\\N", "nan", "None", "NaN", "-", "?", "...", "_", "101.0", "1e5", "1,234", "00101", "-0")
MARKS = ('"', '""', "a,b", "a;b", "a|b", "a\nb", 'a"b', '"a', "'", "`", "[x]", "[/note]", "%20", "{}", "[1,", '["a"]')
HUGE = ("x" * 300, "x" * 10_001, "字" * 4_000, "a|" * 1_001, "{" * 200, "9" * 400)
ODD = (*BLANK, *INVISIBLE, *NULLS, *MARKS, *HUGE, "👩\u200d👩\u200d👧", "ﬃ", "ß", "ｆｕｌｌ")
"""Texts that readers and rules get wrong."""

odd_text = st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8"), max_size=12))
ODD_TIMES = (
    *("0001-01-01", "9999-12-31T23:59:59Z", "1767348000", "1767348000000", "2026-13-01", "soon", "2026-02-30", "24:00"),
    *("2026-01-02T10:00:00-23:59", "02/01/2026", "2026-01-02T10:00:60Z", "2026-W01", "2026-01-02T10:00:00.1234567891"),
)
GOOD: Mapping[str, tuple[str, ...]] = {
    "text": ("u1", "u2", "u3", "101", "日本", "a b", "é", "wedding dress", "🎉 party"),
    "time": ("2026-01-02T10:00:00Z", "2026-01-03 11:00", "2026-01-04", "2026-01-05T10:00:00.123456789+05:30"),
    "list": ("a|b", '["lace"]', "[]", "", '["a", null]', "dress"),
    "boolean": ("true", "false", "1", "0", "yes", ""),
    "number": ("1", "5", "0.5", "5.0", ""),
    "zone": ("Europe/Paris", "UTC", "Asia/Kolkata", ""),
    "action": ("save", "closeup", "clickthrough"),
    "channel": ("push", "email"),
    "arm": ("journey", "interest", "holdout"),
    "verdict": ("finished", "mute", "more", "not_mine"),
    "stage": ("ongoing", "ended", ""),
    "key": ("aaa", "bbb", "AAA"),
}
"""Texts of each kind that the contract accepts in most columns."""
WRONG: Mapping[str, st.SearchStrategy[str]] = {
    "time": st.one_of(
        st.datetimes(datetime(1969, 1, 1), datetime(2027, 1, 1)).map(datetime.isoformat), st.sampled_from(ODD_TIMES)
    ),
    "list": st.sampled_from(("[[1]]", "a, b, c", "[1, true]", "|", "[", "a|" * 1_001)),
    "boolean": st.sampled_from(("maybe", "TRUE", "2", "on")),
    "number": st.sampled_from(("1e400", "nan", "inf", "0x10", "-1", "1_0", "٣", "5,0", "9" * 400)),
    "zone": st.sampled_from(("PST", "europe/paris", "+01:00", "../etc/passwd")),
}
"""Texts of a kind that are wrong, or nearly so; any other text is wrong too, or odd."""

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), odd_text, st.just({"$oid": "5f"}), st.just(2**70)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


@st.composite
def tables(draw: st.DrawFn, columns: Mapping[str, str], max_rows: int = 6) -> list[dict[str, str]]:
    """Rows of which some have one odd cell."""
    rows = []
    for _ in range(draw(st.integers(0, max_rows))):
        row = {name: draw(st.sampled_from(GOOD[kind])) for name, kind in columns.items()}
        if draw(st.booleans()):
            name = draw(st.sampled_from(sorted(columns)))
            row[name] = draw(st.one_of(odd_text, WRONG.get(columns[name], odd_text)))
        rows.append(row)
    return rows


@st.composite
def headers(draw: st.DrawFn, columns: list[str]) -> list[str]:
    """The names of the columns as a file writes them: mostly right, else in another case, missing, twice or unknown."""
    if draw(st.integers(0, 6)):
        return columns
    change = draw(st.sampled_from(("upper", "title", "spaces", "bom", "missing", "twice", "other", "blank")))
    at = draw(st.integers(0, len(columns) - 1))
    name = columns[at]
    changed: Mapping[str, list[str]] = {
        "upper": [name.upper()],
        "title": [name.replace("_", " ").title()],
        "spaces": [f" {name}\u00a0"],
        "bom": [f"\ufeff{name}"],
        "missing": [f"{name}_{draw(st.integers(0, 9))}"],
        "twice": [name, name],
        "other": [name, draw(odd_text)],
        "blank": [""],
    }
    return [*columns[:at], *changed[change], *columns[at + 1 :]]


# ── formats ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def csv_files(draw: st.DrawFn, columns: Mapping[str, str]) -> tuple[str, bytes, int | None]:
    rows = draw(tables(columns))
    names = draw(headers(list(columns)))
    separator = draw(st.sampled_from((*[","] * 8, ";", "\t", "|")))
    line_end = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    cells = [names, *(list(row.values()) + ["extra"] * (len(names) - len(row)) for row in rows)]
    if draw(st.booleans()):
        stream = io.StringIO()
        csv.writer(stream, delimiter=separator, lineterminator=line_end).writerows(cells)
        text, n_records = stream.getvalue(), None
    else:  # as a program writes it that knows nothing of quotes
        text = line_end.join(separator.join(line) for line in cells) + draw(
            st.sampled_from((line_end, "", line_end * 2))
        )
        n_records = _plain_lines(text)
    suffix = {"\t": draw(st.sampled_from((".tsv", ".csv")))}.get(separator, ".csv")
    encoding = draw(st.sampled_from((*["utf-8"] * 12, "utf-8-sig", "utf-16", "latin-1")))
    content = text.encode(encoding, "replace")
    return suffix, content, n_records if encoding == "utf-8" and separator == "," else None


def _plain_lines(text: str) -> int | None:
    """Records of a text without quotes and with \\n at the ends of its lines; None where it is not so simple."""
    if '"' in text or "\r" in text:
        return None
    lines = text.split("\n")
    if any(line and not line.strip() for line in lines):
        return None
    return sum(bool(line) for line in lines[1:])


def _rarely_changed(line: str) -> st.SearchStrategy[list[str]]:
    return st.sampled_from((*([line],) * 8, [line, ""], [line[:-2]], ["[1]"], ["null"]))


@st.composite
def json_files(draw: st.DrawFn, columns: Mapping[str, str]) -> tuple[str, bytes, int | None]:
    names = draw(headers(list(columns)))
    lines = []
    for row in draw(tables(columns)):
        values: list[Any] = [draw(json_values) if draw(st.integers(0, 5)) == 0 else value for value in row.values()]
        pairs = [f"{json.dumps(n)}: {json.dumps(v)}" for n, v in zip(names, [*values, "extra"], strict=False)]
        lines.append("{" + ", ".join(pairs) + "}")
    lines = [line for given in lines for line in draw(_rarely_changed(given))]
    if draw(st.integers(0, 7)) == 0:
        return ".json", ("[" + ",".join(lines) + "]").encode(), None
    content = "".join(line + "\n" for line in lines).encode()
    is_simple = not content.startswith(b"[") and b"\r" not in content
    suffix = draw(st.sampled_from((".jsonl", ".ndjson", ".json")))
    return suffix, content, sum(bool(line) for line in lines) if is_simple else None


def _times(values: list[str]) -> list[datetime]:
    return [datetime(2026, 1, 2) + timedelta(hours=n) for n, _ in enumerate(values)]


ARRAYS: Mapping[str, Callable[[list[str]], pa.Array]] = {
    "string": lambda v: pa.array(v, pa.string()),
    "large string": lambda v: pa.array(v, pa.large_string()),
    "string view": lambda v: pa.array(v, pa.string_view()),
    "dictionary": lambda v: pa.array(v, pa.string()).dictionary_encode(),
    "binary": lambda v: pa.array([x.encode() + b"\xff" * (n % 2) for n, x in enumerate(v)], pa.binary()),
    "fixed binary": lambda v: pa.array([b"abcd" for _ in v], pa.binary(4)),
    "int64": lambda v: pa.array(range(len(v)), pa.int64()),
    "uint8": lambda v: pa.array([n % 256 for n in range(len(v))], pa.uint8()),
    "int dictionary": lambda v: pa.array(range(len(v)), pa.int32()).dictionary_encode(),
    "float32": lambda v: pa.array([n / 2 for n in range(len(v))], pa.float32()),
    "float64": lambda v: pa.array([float("nan") if n % 3 == 2 else float(n) for n in range(len(v))], pa.float64()),
    "float16": lambda v: pa.array([float(n) for n in range(len(v))], pa.float32()).cast(pa.float16()),
    "decimal": lambda v: pa.array([Decimal(n) for n in range(len(v))], pa.decimal128(12, 3)),
    "boolean": lambda v: pa.array([n % 2 == 0 for n in range(len(v))]),
    "date32": lambda v: pa.array([date(2026, 1, 2) for _ in v], pa.date32()),
    "date64": lambda v: pa.array([date(2026, 1, 2) for _ in v], pa.date64()),
    "time64": lambda v: pa.array([time(1, 2) for _ in v], pa.time64("us")),
    "duration": lambda v: pa.array([timedelta(n) for n in range(len(v))], pa.duration("us")),
    "timestamp s": lambda v: pa.array(_times(v), pa.timestamp("s")),
    "timestamp ms": lambda v: pa.array(_times(v), pa.timestamp("ms")),
    "timestamp us UTC": lambda v: pa.array([t.replace(tzinfo=UTC) for t in _times(v)], pa.timestamp("us", "UTC")),
    "timestamp ns zone": lambda v: pa.array(
        [t.replace(tzinfo=UTC) for t in _times(v)], pa.timestamp("ns", "Australia/Lord_Howe")
    ),
    "timestamp offset": lambda v: pa.array([t.replace(tzinfo=UTC) for t in _times(v)], pa.timestamp("us", "+05:30")),
    "huge timestamp": lambda v: pa.array([2**62 for _ in v], pa.int64()).cast(pa.timestamp("ms")),
    "huge date": lambda v: pa.array([2**31 - 1 for _ in v], pa.int32()).cast(pa.date32()),
    "list of times": lambda v: pa.array([[2**62] for _ in v], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("ms"))),
    "list of strings": lambda v: pa.array([[x, None] for x in v], pa.list_(pa.string())),
    "list of dictionaries": lambda v: pa.array([["a"] for _ in v], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    "list of integers": lambda v: pa.array([[1, None] for _ in v], pa.list_(pa.int64())),
    "list of lists": lambda v: pa.array([[["a"]] for _ in v], pa.list_(pa.list_(pa.string()))),
    "large list": lambda v: pa.array([[x] for x in v], pa.large_list(pa.large_string())),
    "fixed list": lambda v: pa.array([["a", "b"] for _ in v], pa.list_(pa.string(), 2)),
    "struct": lambda v: pa.array([{"a": x} for x in v], pa.struct([("a", pa.string())])),
    "map": lambda v: pa.array([[("k", x)] for x in v], pa.map_(pa.string(), pa.string())),
    "null": lambda v: pa.nulls(len(v)),
    "nulls": lambda v: pa.array([None if n % 2 else x for n, x in enumerate(v)], pa.string()),
}
"""Arrow columns of a type from texts; those that cannot hold the texts hold other values."""
FITTING = {"time": "timestamp us UTC", "list": "list of strings", "boolean": "boolean", "number": "float64"}


@st.composite
def parquet_files(draw: st.DrawFn, columns: Mapping[str, str]) -> tuple[str, bytes, int | None]:
    rows = draw(tables(columns))
    names = draw(headers(list(columns)))
    arrays = []
    given = list(columns.items())
    for at in range(len(names)):
        column, kind = given[min(at, len(given) - 1)]
        values = [row[column] for row in rows]
        usual = FITTING.get(kind, "string")
        dtype = draw(st.sampled_from(sorted(ARRAYS))) if draw(st.integers(0, 15)) == 0 else usual
        arrays.append(ARRAYS[dtype](values))
    stream = io.BytesIO()
    compression = draw(st.sampled_from(("snappy", "none", "zstd", "gzip")))
    table = pa.Table.from_arrays(arrays, names=names)
    try:
        pq.write_table(table, stream, compression=compression, row_group_size=draw(st.sampled_from((1, 2, 1000))))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return ".parquet", b"PAR1", None  # Parquet has no such type
    return ".parquet", stream.getvalue(), len(rows)


def parquet_of_one_row(columns: Mapping[str, str], name: str, dtype: str) -> bytes:
    """A file with a good row but for one column, which has another type; empty if Parquet has no such type."""
    arrays = {
        column: ARRAYS[dtype if column == name else FITTING.get(kind, "string")]([GOOD[kind][0]])
        for column, kind in columns.items()
    }
    stream = io.BytesIO()
    try:
        pq.write_table(pa.table(arrays), stream)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return b""
    return stream.getvalue()


@st.composite
def noise(draw: st.DrawFn, columns: Mapping[str, str]) -> tuple[str, bytes, int | None]:
    suffix = draw(st.sampled_from((".csv", ".jsonl", ".parquet", ".json", ".csv.gz", "", ".txt", ".xlsx")))
    head = draw(
        st.sampled_from((b"", b"PAR1", b"\x1f\x8b", ",".join(columns).encode() + b"\n", b"{", b"[", b"BZh", b"PK"))
    )
    return suffix, head + draw(st.binary(max_size=300)), None


# ── damage, compression and names ───────────────────────────────────────────────────────────────────────────────────

_INSERTED = [
    bytes.fromhex(text)
    for text in ("22", "2222", "00", "ff", "efbbbf", "0d", "0a", "2c", "1b", "eda080", "7b", "5c", "09")
]
"""Quotes, NUL, a byte order mark, line ends, half of a surrogate pair and others."""


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("cut", "insert", "insert", "flip", "repeat", "head"))):
            case "cut":
                content = content[:at]
            case "head":
                content = content[at:]
            case "insert":
                content = content[:at] + draw(st.sampled_from(_INSERTED)) + content[at:]
            case "repeat":
                content = content[:at] + content
            case _:
                content = content[:at] + bytes(255 - b for b in content[at : at + 1]) + content[at + 1 :]
    return content


def _zipped(content: bytes, n_members: int = 1) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for n in range(n_members):
            archive.writestr(f"part-{n}.csv", content)
    return stream.getvalue()


COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.Codec("zstd").compress(content, asbytes=True),
    ".zip": _zipped,
}


@st.composite
def compressed(draw: st.DrawFn, content: bytes, suffix: str) -> tuple[bytes, str]:
    """The content compressed, and the ending that says how."""
    compression = draw(st.sampled_from(sorted(COMPRESSIONS)))
    return COMPRESSIONS[compression](content), suffix + compression


_FORMATS = (*[csv_files, json_files, parquet_files] * 5, noise)


@st.composite
def landing_files(
    draw: st.DrawFn, columns_of: Mapping[str, Mapping[str, str]] = ACCOUNTS, formats: tuple[Any, ...] = _FORMATS
) -> LandingFile:
    source = draw(st.sampled_from(sorted(columns_of)))
    suffix, content, n_records = draw(draw(st.sampled_from(formats))(columns_of[source]))
    if draw(st.integers(0, 7)) == 0:
        content, n_records = draw(damaged(content)), None
    if suffix != ".parquet" and draw(st.integers(0, 9)) == 0:
        content, suffix = draw(compressed(content, suffix))
        if draw(st.integers(0, 4)) == 0:
            content, n_records = draw(damaged(content)), None
    return LandingFile(draw(paths(source, suffix)), content, source, n_records)


@st.composite
def paths(draw: st.DrawFn, source: str, suffix: str) -> str:
    names = ("{}/a", "{}/b", "{}", "{}_2026", "x/{}/c")
    plain = st.sampled_from([name.format(source) + suffix for name in names])
    odd = st.sampled_from(
        (
            f"{source}/part-00000",
            f"{source}/f{suffix}.1",
            f"{source}/_dt=2026-01-01/part-0{suffix}",
            f"{source}/.hidden{suffix}",
            f"{source}/_SUCCESS",
            f"{source}/a [1]{suffix}",
            f"{source}/q?x%20'{suffix}",
            f'{source}/日本 "x"{suffix}',
            f"{source}/new\nline{suffix}",
            f"{source}/UPPER{suffix.upper()}",
            f"{source}s_activity{suffix}",
            f"things/a{suffix}",
            f"users/u1/{source}{suffix}",
            f"{source}/*{suffix}",
        )
    )
    return draw(plain if draw(st.integers(0, 5)) else odd)


shop_files = partial(landing_files, {"shop": SHOP}, (*[csv_files] * 9, *[json_files] * 4, parquet_files, noise))
sheet_files = partial(landing_files, {"sheet": SHEET}, (*[csv_files] * 9, *[json_files] * 4, parquet_files, noise))
