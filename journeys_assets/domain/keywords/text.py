"""The two forms of a text of any language or script: the form shown to people, and the keyword.

Texts with the same keyword are the same keyword. Text is not split into words, and no language is assumed. Ids have a
rule of their own (``domain.landing.ids``).

**The form shown to people** (``cleaned``) keeps case, accents and spelling. It is in NFC, and has no character that
people cannot see:

* Runs of white space of every kind are one space; none is left at the ends. The blank braille pattern is white space.
* Control characters and ANSI escape sequences are removed, as are characters that Unicode calls default-ignorable: byte
  order marks, zero-width spaces, soft hyphens, marks and overrides of direction, fillers, noncharacters.
* The joiners ZWJ and ZWNJ stay where they carry meaning: ZWJ between the parts of an emoji; both between letters of
  scripts that join or stack them (Arabic, the scripts of India, Tibetan, Burmese, Khmer, Mongolian, …), except a ZWNJ
  after an Arabic letter that never joins the next one; ZWJ after a virama also at the end of a word. Elsewhere they are
  removed.
* Variation selectors stay after a symbol, a digit of a keycap, an ideograph, or a Mongolian or Burmese letter.
* Tag characters stay in flags of regions (a black flag, up to six tags, the cancel tag).

**The keyword** (``normalise``) is the same in NFKC and casefolded, so width, ligatures, case and the final sigma make
no difference. In addition:

* Variation selectors are removed: a red heart is one keyword as text and as emoji.
* A dot above a letter that has a dot anyway (i, j and their like) is removed, because casefolding makes it from ``İ``.
  So ``İSTANBUL`` and ``istanbul`` are one keyword. The dotless ``ı`` is another letter: ``IĞDIR``, whose casefolding
  is ``iğdir``, is not ``ığdır``.
* A keyword has a letter, a digit or a symbol that means something: an emoji, a pictograph, a braille or musical sign.
  A text of punctuation, currency or mathematical signs, arrows, boxes and geometric shapes, combining marks or modifier
  letters only has no keyword; its normal form is empty. So ``c++``, ``7``, ``½`` and ``☕`` are keywords, and ``?``,
  ``...``, ``_``, ``€`` and a zero-width space are none.

Both are idempotent, and the same for all canonically equivalent spellings (NFC, NFD) of a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import polars as pl

_ZWNJ, _ZWJ = "\u200c", "\u200d"

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffc\ufdd0-\ufdef\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff"
    "\U000e01f0-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 1 << 20, 1 << 16))
)
"""Characters that are invisible everywhere, as ranges of a regular expression: default-ignorable ones other than
joiners, variation selectors and tags; anchors and placeholders of annotations; noncharacters."""

CONTROLS = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
"""Control characters that are not white space, as ranges of a regular expression."""

_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0020-\U000e007f"
_PICTURES = "\u00a9\u00ae\u2190-\u21ff\u2300-\u23ff\u2460-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINING = (
    "\u0620-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
"""Blocks of the scripts whose letters join or stack; Thai and Lao, which do neither, lie between them."""
_NEVER_JOINS_NEXT = (
    "\u0622-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0673\u0675-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf"
    "\u06d2\u06d3\u06d5"
)
VIRAMAS = (
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714"
    "\u1715\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed"
    "\U00010a3f\U00011046\U00011070\U0001107f\U000110b9\U00011133\U00011134\U000111c0\U00011235\U000112ea"
    "\U0001134d\U00011442\U000114c2\U000115bf\U0001163f\U000116b6\U0001172b\U00011839\U0001193d\U0001193e"
    "\U000119e0\U00011a34\U00011a47\U00011a99\U00011c3f\U00011d44\U00011d45\U00011d97"
)
"""Signs that join a consonant of an Indian script to the next one: the characters of combining class 9."""
_SOFT_DOTTED = "ij\u012f\u0249\u0268\u029d\u03f3\u0456\u0458\u1d96\u1e2d\u1ecb"

_TOUCHED = re.compile(f"[{CONTROLS}{INVISIBLE}{_SELECTORS}{_TAGS}{_ZWNJ}{_ZWJ}\u2800]")
_HIDDEN = re.compile(rf"\x1b\[[0-?]*[ -/]*[@-~]|[{CONTROLS}{INVISIBLE}]")
_TAGGED = re.compile(rf"(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{1,6}}\U000e007f)|[{_TAGS}]")
_STRAY_SELECTOR = re.compile(
    rf"(?:(?<![0-9#*\u00a9\u00ae\u1000-\u109f\u1800-\u18af\u203c-\U0010ffff])|(?<=[{_SELECTORS}]))[{_SELECTORS}]+"
)
_ANY_SELECTOR = re.compile(f"[{_SELECTORS}]")
_ANY_JOINER = re.compile(f"[{_ZWNJ}{_ZWJ}]")
_JOINER_RUN = re.compile(f"([{_ZWNJ}{_ZWJ}])[{_ZWNJ}{_ZWJ}]+")
_JOINER = re.compile(
    rf"((?<=[{_PICTURES}\ufe0f\u20e3\U000e007f]){_ZWJ}(?=[{_PICTURES}])"
    rf"|(?<=[{VIRAMAS}]){_ZWJ}"
    rf"|(?<=[{_JOINING}]){_ZWJ}(?=[{_JOINING}])"
    rf"|(?<=[{_JOINING}])(?<![{_NEVER_JOINS_NEXT}]){_ZWNJ}(?=[{_JOINING}]))|[{_ZWNJ}{_ZWJ}]"
)
_SECOND_DOT = re.compile(f"(?<=[{_SOFT_DOTTED}])\u0307+")
_LETTER_OR_DIGIT = re.compile(r"[0-9A-Za-z]")
_DECORATION = re.compile("[\u00a6\u00a9\u00ae\u00b0\u2190-\u21ff\u2500-\u25ff\u2800\ufffc\ufffd]")
_PASSES = 4
_MOST_REMEMBERED = 2**16
_REMEMBERED_CHARACTERS = 200
"""Length of the longest text whose forms are remembered, characters: a limit to the memory."""

PLAIN = r"^[!-~]+(?: [!-~]+)*$"
"""Texts that :func:`cleaned` does not change and that need no look at their characters: printable ASCII."""


def cleaned(text: str) -> str:
    """The form of ``text`` that is shown to people: see above. Empty if nothing can be seen."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return settled(unicodedata.normalize("NFC", text), _shown)


def normalise(text: str) -> str:
    """The keyword of ``text``: see above. Empty if there is no letter, digit or symbol that means something."""
    if text.isascii():
        keyword = " ".join((text if text.isprintable() else _HIDDEN.sub("", text)).lower().split())
        return keyword if _LETTER_OR_DIGIT.search(keyword) else ""
    keyword = settled(cleaned(text), _folded)
    return keyword if any(map(_means_something, keyword)) else ""


def cleaned_series(texts: pl.Series) -> pl.Series:
    """:func:`cleaned` applied to each text, or to each item of each list; nulls stay null.

    Name, length and dtype (String or List(String)) do not change.
    """
    return _mapped(texts, lambda plain: plain, _cleaned_once)


def normalise_series(texts: pl.Series) -> pl.Series:
    """:func:`normalise` applied to each text, or to each item of each list; nulls stay null.

    Name, length and dtype (String or List(String)) do not change.
    """
    return _mapped(texts, _keywords_of_plain, _normalised_once)


def forget_texts() -> None:
    """Empty the memory in which :func:`cleaned_series` and :func:`normalise_series` keep results for later series."""
    _remembered_cleaned.cache_clear()
    _remembered_normalised.cache_clear()


def without_invisible(text: str) -> str:
    """``text`` (NFC) without control characters, except white space, and without characters that are invisible there.

    Removing a character may change what its neighbours mean: apply it until nothing changes.
    """
    if not _TOUCHED.search(text):
        return text
    text = _TAGGED.sub(r"\1", text)
    text = _STRAY_SELECTOR.sub("", _HIDDEN.sub("", text).replace("\u2800", " "))
    return _JOINER.sub(r"\1", _JOINER_RUN.sub(r"\1", text))


def _shown(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(without_invisible(text).split()))


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = without_invisible(_ANY_SELECTOR.sub("", text))
    return " ".join(_SECOND_DOT.sub("", unicodedata.normalize("NFKC", text)).split())


def settled(text: str, step: Callable[[str], str]) -> str:
    """``text`` after ``step`` until nothing changes. Real text settles at once.

    Marks and joiners that alternate could need a pass for each of them. Such text loses its joiners, so that the time
    is proportional to the length.
    """
    for _ in range(_PASSES):
        before, text = text, step(text)
        if text == before:
            return text
    text = _ANY_JOINER.sub("", text)
    while (after := step(text)) != text:
        text = after
    return text


def _means_something(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] in "LN":
        return category != "Lm"
    # Emoji and ideographs that are newer than this Python's Unicode data have no category yet.
    if "\U0001f000" <= character <= "\U0001faff" or "\U00020000" <= character <= "\U0003ffff":
        return True
    return character == "\u20e3" or (category == "So" and not _DECORATION.match(character))


def _keywords_of_plain(plain: pl.Expr) -> pl.Expr:
    """:func:`normalise` of texts that match ``PLAIN``."""
    is_none = ~plain.str.contains(_LETTER_OR_DIGIT.pattern)
    return pl.when(is_none).then(pl.lit("")).otherwise(plain.str.to_lowercase())


@lru_cache(maxsize=_MOST_REMEMBERED)
def _remembered_cleaned(text: str) -> str:
    return cleaned(text)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _remembered_normalised(text: str) -> str:
    return normalise(text)


def _cleaned_once(text: str) -> str:
    return _remembered_cleaned(text) if len(text) <= _REMEMBERED_CHARACTERS else cleaned(text)


def _normalised_once(text: str) -> str:
    return _remembered_normalised(text) if len(text) <= _REMEMBERED_CHARACTERS else normalise(text)


def _mapped(texts: pl.Series, of_plain: Callable[[pl.Expr], pl.Expr], function: Callable[[str], str]) -> pl.Series:
    """``of_plain`` applied to the texts that match ``PLAIN``, as a whole; ``function`` to each distinct other one."""
    is_list = isinstance(texts.dtype, pl.List)
    items = texts.explode() if is_list else texts
    is_odd = ~items.str.contains(PLAIN)
    if not is_odd.any():
        return _of_all(texts, of_plain)
    odd = items.filter(is_odd).unique()
    new = pl.Series([function(text) for text in odd], dtype=pl.String)
    if not is_list:
        rows = is_odd.fill_null(False)
        mapped = texts.filter(rows).replace_strict(odd, new)
        return _replaced(_of_all(texts, of_plain), rows, mapped)
    has_odd = texts.list.eval(~pl.element().str.contains(PLAIN)).list.any().fill_null(False)
    mapped = _of_all(
        texts.filter(has_odd),
        lambda item: (
            pl.when(item.str.contains(PLAIN))
            .then(of_plain(item))
            .otherwise(item.replace_strict(odd, new, default=None))
        ),
    )
    return _replaced(_of_all(texts, of_plain), has_odd, mapped)


def _of_all(texts: pl.Series, form: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    column = pl.col(texts.name)
    new = column.list.eval(form(pl.element())) if isinstance(texts.dtype, pl.List) else form(column)
    return texts.to_frame().select(new.alias(texts.name)).to_series()


def _replaced(texts: pl.Series, rows: pl.Series, new: pl.Series) -> pl.Series:
    """``texts`` with ``new`` in the rows of the mask ``rows``, in their order."""
    at = np.arange(len(texts))
    at[rows.to_numpy()] = len(texts) + np.arange(len(new))
    return pl.concat([texts, new.alias(texts.name)]).gather(at)
