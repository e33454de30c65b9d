"""Normalisation of text of any language or script. Texts with the same normal form are the same keyword.

Text is not split into words, and no language is assumed. The form shown to people is the original text.
"""

from __future__ import annotations

import unicodedata

import polars as pl


def normalise(text: str) -> str:
    """The keyword for ``text``: NFKC, casefolded, NFKC again, runs of white space as one space, stripped.

    The second NFKC is needed because casefolding may leave text that is not composed. Idempotent. The result is empty
    if the text is only white space.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def normalise_series(texts: pl.Series) -> pl.Series:
    """:func:`normalise` applied to each text, or to each item of each list; nulls stay null.

    Each distinct text is normalised once. Name, length and dtype (String or List(String)) do not change.
    """
    if isinstance(texts.dtype, pl.List):
        old, new = _mapping(texts.explode())
        return texts.to_frame().select(pl.all().list.eval(pl.element().replace_strict(old, new))).to_series()
    old, new = _mapping(texts)
    return texts.to_frame().select(pl.all().replace_strict(old, new)).to_series()


def _mapping(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    old = texts.drop_nulls().unique()
    return old, pl.Series([normalise(text) for text in old], dtype=pl.String)
