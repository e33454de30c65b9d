"""The title of a notification: a template by occasion and locale, with the name of what it is about.

No title is longer than ``MAX_CHARACTERS``: the name is cut, and never inside a character as people see it (a letter
with its accents, an emoji of several parts). No title holds personal data, and none names what has no name to show:
such titles are ``generic``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.personal import hold_personal_data
from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.notifications.title_templates import TEMPLATES
from journeys_assets.domain.vocabulary import NAMELESS

MAX_CHARACTERS = 80
"""Most code points of a title."""
DEFAULT_LANGUAGE = "en"
GENERIC = "generic"
N_VARIANTS = len(TEMPLATES[DEFAULT_LANGUAGE][GENERIC])
"""Variants of each title, in every language."""
TITLES = pl.Schema(
    {
        "occasion": pl.String(),
        "language": pl.String(),
        "variant": pl.Int64(),
        "name": pl.String(),
        "title_text": pl.String(),
        "title_template": pl.String(),
    }
)
_NAME = "{name}"
_NAMELESS = re.compile(rf"{NAMELESS}(?: \(\d+\))?")
_JOINERS = frozenset("\u200d\u034f")
_VARIANT_OR_SKIN = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]")
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]")
_HANGUL_PART = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")


def language_of(locale: str | None, templates: Mapping[str, object] = TEMPLATES) -> str:
    """The entry of ``templates`` for a locale: the whole of it, ever shorter beginnings, then ``DEFAULT_LANGUAGE``.

    ``pt-BR``, ``pt_BR`` and ``pt-BR.UTF-8`` give ``pt-br`` if there is one, and ``pt`` otherwise.
    """
    parts = re.split(r"[-_]", re.split(r"[.@]", (locale or "").strip().casefold())[0])
    for n in range(len(parts), 0, -1):
        if (known := "-".join(parts[:n])) in templates:
            return known
    return DEFAULT_LANGUAGE


def titles_of(wanted: pl.DataFrame, templates: Mapping[str, Mapping[str, tuple[str, ...]]] = TEMPLATES) -> pl.DataFrame:
    """The title of every row.

    Args:
        wanted: occasion (of ``OCCASIONS``), language (of ``templates``), variant (0 or more; counted round the variants
            that there are), name (nullable); distinct rows.

    Returns:
        ``TITLES``, one row for each, in the same order. ``title_template`` is occasion and number of the variant.
    """
    rows = [
        _title(occasion, templates[language], variant, name)
        for occasion, language, variant, name in wanted.select("occasion", "language", "variant", "name").iter_rows()
    ]
    is_personal = hold_personal_data(pl.Series([text for text, _ in rows], dtype=pl.String))
    for place in np.flatnonzero(is_personal):
        language, variant = wanted["language"][int(place)], wanted["variant"][int(place)]
        rows[place] = _title(GENERIC, templates[language], variant, None)
    return wanted.with_columns(
        title_text=pl.Series([text for text, _ in rows], dtype=pl.String),
        title_template=pl.Series([template for _, template in rows], dtype=pl.String),
    ).select(TITLES.names())


def _title(occasion: str, templates: Mapping[str, tuple[str, ...]], variant: int, name: str | None) -> tuple[str, str]:
    """Title and template id."""
    shown = shown_name(name)
    of = GENERIC if shown is None else occasion
    number = variant % len(templates[of])
    text = templates[of][number]
    if shown is not None:
        text = text.replace(_NAME, cut(shown, MAX_CHARACTERS - len(text) + len(_NAME)))
    return text, f"{of}-{number + 1}"


def shown_name(name: str | None) -> str | None:
    """``name`` on one line; None if it is no name to show."""
    shown = cleaned(name or "")
    return None if not shown or _NAMELESS.fullmatch(shown) else shown


def cut(text: str, most: int) -> str:
    """``text`` with at most ``most`` code points; an ellipsis stands for what is cut off.

    It is cut between two characters as people see them, a simple form of Unicode's grapheme clusters (UAX 29): a letter
    keeps its marks, an emoji its parts, a flag both letters, a Korean syllable its vowels.
    """
    if len(text) <= most:
        return text
    end = most - 1
    while end > 0 and not _is_boundary(text, end):
        end -= 1
    return text[:end].rstrip() + "…"


def _is_boundary(text: str, at: int) -> bool:
    """Whether a character as people see it may end before ``text[at]``."""
    before, after = text[at - 1], text[at]
    if before in _JOINERS or after in _JOINERS or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return False
    if _VARIANT_OR_SKIN.match(after) or _HANGUL_PART.match(after):
        return False
    if _REGIONAL.match(after):
        n_before = len(text[:at]) - len(re.sub(r"[\U0001f1e6-\U0001f1ff]+\Z", "", text[:at]))
        return n_before % 2 == 0
    return True
