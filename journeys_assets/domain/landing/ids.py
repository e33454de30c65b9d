"""Ids of the landing contract: which spellings are one id, and which words are none.

One rule holds for every id column (``Column.is_id``): users, pins, boards, journeys, notifications, annotators.

* NFC, so that both ways to compose a letter are one id. Case, width and leading zeros count: ids are case-sensitive,
  ``007`` is not ``7``, and ``101.0`` is not ``101``.
* White space, control characters and invisible characters (``domain.keywords.text``) are removed at both ends, among
  them carriage returns, tabs, no-break spaces and byte order marks.
* Inside, invisible characters are removed. Every white-space character becomes one plain space. Spaces are neither
  removed nor merged, because ``1 23`` and ``12 3``, or ``a b`` and ``a  b``, may be two ids.
* A tab, a line break or another control character inside is refused: two fields or two records ran together.
* A word for a missing value (``NULL_WORDS``) is refused, and so is an id of punctuation only, such as ``-``. As ids
  they would make one person of all anonymous traffic. In an optional column they count as missing. ``0``, ``unknown``,
  ``guest`` and the like are ids, because some systems use them as such.

Idempotent, and the same for all canonically equivalent spellings of an id.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

from journeys_assets.domain.keywords.text import CONTROLS, INVISIBLE, settled, without_invisible

NULL_MARKERS = frozenset({"\\n", "(null)", "<null>", "[null]", "<na>", "#n/a", "<nil>", "(none)", "<none>"})
"""Spellings of a missing value that are no words; in lower case."""

NULL_WORDS = NULL_MARKERS | {
    "null",
    "none",
    "nil",
    "nan",
    "-nan",
    "nat",
    "n/a",
    "undefined",
    "00000000-0000-0000-0000-000000000000",
}
"""Words that programs write where a value is missing, in lower case; any case counts. The last is the nil UUID."""

_R_MISSING = "NA"
"""What R writes for a missing value, in this case only."""

_NULL_WORD = f"(?i)^(?:{'|'.join(map(re.escape, sorted(NULL_WORDS)))})$"
_PLAIN = r"^[!-~]*[0-9A-Za-z][!-~]*$"
_ENDS = re.compile(rf"^[\s{CONTROLS}{INVISIBLE}\u2800]+|[\s{CONTROLS}{INVISIBLE}\u2800]+$")
_BROKEN = rf"[{CONTROLS}\t-\r\x1c-\x1f\x85\u2028\u2029]"
_WHITE_SPACE = re.compile(r"\s")


def clean_id(text: str) -> str:
    """``text`` as an id: see above. Empty if nothing can be seen. Control characters inside stay, to be refused.

    A lone surrogate, which stands for a byte of the command line that is no text, becomes U+FFFD: no log has it.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return settled(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"), _cleaned_once)


def clean_ids(texts: pl.Series) -> pl.Series:
    """:func:`clean_id` applied to each text; null where it is null or nothing can be seen."""
    odd = texts.filter(~texts.str.contains(_PLAIN)).unique()
    new = pl.Series([clean_id(text) or None for text in odd], dtype=pl.String)
    if odd.equals(new):
        return texts
    return texts.to_frame().select(pl.all().replace(odd, new)).to_series()


def are_null_words(texts: pl.Series) -> pl.Series:
    """Whether each of some clean ids stands for a missing value: a word for it, or punctuation only; nulls do not."""
    is_word = texts.str.contains(_NULL_WORD) | (texts == _R_MISSING)
    return (is_word | ~texts.str.contains(r"[\p{L}\p{N}\p{S}]")).fill_null(False)


def are_broken(texts: pl.Series) -> pl.Series:
    """Whether each of some clean ids has a control character, such as a tab or a line break, inside; nulls do not."""
    return texts.str.contains(_BROKEN).fill_null(False)


def _cleaned_once(text: str) -> str:
    inner = _ENDS.sub("", unicodedata.normalize("NFC", text))
    if re.search(_BROKEN, inner):
        return inner
    return unicodedata.normalize("NFC", _WHITE_SPACE.sub(" ", without_invisible(inner))).strip()
