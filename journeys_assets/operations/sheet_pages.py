"""What the sheets on which people judge share: the page, cells that no spreadsheet computes, the secret of the keys.

``sheet_page.html`` is the page without its content: one row at a time, keys, progress, answers kept in the browser, a
CSV file. The part of one kind of sheet, such as ``annotation_page.html``, adds what a row shows and what is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.errors import JourneysError

PAGE = Path(__file__).with_name("sheet_page.html")
SALT_FILE = "annotation_salt"
"""File below the home that holds the secret of the keys."""
SALT_BYTES = 32

_FORMULA = re.compile(r"((?:^|;) *)(?='*[=+\-@\t\r])")
_APOSTROPHE = "((?:^|;) *)'('*[=+\\-@\t\r])"


def sheet_page(part: Path, title: str, record: Mapping[str, Any]) -> str:
    """A self-contained page: no network, no server. Answers are stored in the browser and saved as CSV.

    Args:
        part: What this kind of sheet adds to the page: a ``main`` and a ``script`` element.
        title: Plain text without ``<`` and ``&``.
        record: ``sheet`` (name of the file that is saved), ``columns`` of that file, ``rows`` with a ``row_key`` each,
            ``annotator`` if one is asked for, and what ``part`` needs; plain JSON values. The answers in the browser
            belong to the name and the rows: the same sheet written again finds them, and another one does not.
    """
    kept = json.dumps([record["sheet"], record["rows"]], sort_keys=True)
    data = json.dumps({**record, "digest": hashlib.sha256(kept.encode()).hexdigest()[:16]}, ensure_ascii=False)
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    page = PAGE.read_text(encoding="utf-8").replace("/*TITLE*/", title)
    # The data last: no text in it is taken for a place to fill.
    return page.replace("<!--PAGE-->", part.read_text(encoding="utf-8").rstrip()).replace("/*DATA*/", data)


def plain_cell(text: str) -> str:
    """The text of a cell; an apostrophe stands before what a spreadsheet would take for a formula.

    In countries with a decimal comma, a spreadsheet begins a cell after each semicolon too.
    """
    return _FORMULA.sub(r"\1'", text)


def without_apostrophe(column: str) -> pl.Expr:
    """The texts of a column as they were before :func:`plain_cell`."""
    return pl.col(column).str.replace_all(_APOSTROPHE, "$1$2")


def salt_of(file: Path, error: type[JourneysError]) -> bytes:
    """The deployment's secret that makes keys of ids, created once, readable only by its owner.

    Raises:
        JourneysError: ``error``, where the file does not hold such a secret.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}-{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(SALT_BYTES))
        with suppress(FileExistsError):  # another process was first
            os.link(fresh, file)
        fresh.unlink()
    salt = file.read_bytes()
    if len(salt) != SALT_BYTES:
        raise error(
            f"{file} is damaged: it has {len(salt)} bytes instead of {SALT_BYTES}. Restore it from a copy. If there is "
            "none, remove it: journeys that were judged may then be shown again under another key"
        )
    return salt
