"""Text from outside in what people and programs read: a console, Markdown, JSON.

Text from outside is everything that this project did not write: ids, keywords, names, paths, column names, reasons,
settings. It may hold markup and control characters. **The rule: text from outside is shown as text, and never acts.**
Each kind of output has one module through which all of it passes, so that no caller has to remember to escape:

* the console: ``cli.render.screen`` (every segment passes through :func:`visible`);
* Markdown, for the Dagster UI and for model cards: :func:`markdown_text` and :func:`markdown_table`;
* JSON on standard output: :func:`json_text`;
* HTML: the template of ``evaluation.report.page`` escapes by itself, and an annotation sheet has its data as JSON.

``tests/architecture/test_output.py`` holds every module to it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import PurePath
from typing import Any

_REPLACED = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),
    **dict.fromkeys((0x2028, 0x2029), "␤"),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�"),
}
"""C0 and C1 controls (ESC begins a terminal sequence, as U+009B does), line separators, and the controls that change
the direction of the text around them. Tabs and line feeds are kept; so are the marks that scripts need (U+200C to
U+200F)."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_NOT_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = re.compile(r"[\\`*\[\]|<>~&@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What begins or ends something within a line: emphasis (not ``_`` within a word), code, a link, HTML, an address, a
cell."""


def visible(text: str) -> str:
    """``text`` with a visible character in place of each one that would act on a terminal; idempotent."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATES.sub("�", text.translate(_REPLACED))


def one_line(text: str) -> str:
    """``visible(text)`` on one line: a line feed is shown as ``␊``, so that a value cannot pretend to be a line."""
    return visible(text).replace("\n", "␊")


def markdown_text(value: object) -> str:
    """Text that Markdown shows as it stands: no link, HTML, emphasis, code or end of a table's cell.

    Runs of white space become one space. Not for the beginning of a line, where ``#`` and ``-`` have a meaning too.
    """
    text = " ".join(visible(str(value)).split())
    return _MARKDOWN.sub(r"\\\g<0>", text)


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table of text; a :class:`Markdown` cell is taken as it is."""
    lines = [_row(headers), "|" + "---|" * len(headers), *(_row(row) for row in rows)]
    return "\n".join(lines)


class Markdown(str):
    """Markdown that this project wrote itself; text from outside in it must come from :func:`markdown_text`."""


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(cell if isinstance(cell, Markdown) else markdown_text(cell) for cell in cells) + " |"


def json_text(record: object) -> str:
    """A record as JSON that is safe to print and that every parser reads: no control acts, no NaN.

    Data classes become objects, days, times and paths text; numbers that are not finite become null. Nothing is lost: a
    character that acts on a terminal is written as ``\\uXXXX``.
    """
    text = json.dumps(_plain(record), ensure_ascii=False, indent=2, allow_nan=False)
    return _NOT_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        # Not asdict(): it makes nonsense of a Counter.
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    return str(value) if isinstance(value, PurePath) else value
