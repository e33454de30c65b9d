"""Keys of a landing table that another one should have and does not, and what most likely went wrong.

A join drops such rows without a word: an engagement with an unmatched item has no keyword at all. Some unmatched keys
are usual (an event of a user about whom ``users`` says nothing). Many, or keys that would match if they were written
differently, are a mistake of whatever wrote the files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.quality.params import QualityParams

MOST_KNOWN = 200_000
"""Most known keys that are written differently; bounds the time."""

SHOWN_CHARACTERS = 60
"""Length to which an example is shortened, characters."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The most likely cause: how many keys would match if they were written differently.

    Attributes:
        how: The difference, such as ``without a trailing .0``.
        n_would_match: Unmatched keys that would match.
        n_tried: Unmatched keys that were tried: the most frequent ones.
    """

    how: str
    n_would_match: int
    n_tried: int

    @property
    def text(self) -> str:
        """One clause for people."""
        return f"{self.n_would_match:,} of {self.n_tried:,} would match {self.how}"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The unmatched keys of one reference.

    Attributes:
        reference: The column that refers, such as ``pin_engagements.pin_id``.
        target: What it should match.
        effect: What happens to rows that match nothing.
        n_rows, n_keys: Rows and distinct keys that refer.
        n_unmatched_rows, n_unmatched_keys: Those that match nothing.
        examples: The most frequent unmatched keys, with their rows.
        cause: The most likely cause; None where no other way of writing matches.
        is_usual: Unmatched keys are usual; it is a mistake only where none matches, or many are written differently.
        is_objection: The rows say who wants no messages, so one that is written differently is a mistake already.
    """

    reference: str
    target: str
    effect: str
    n_rows: int
    n_keys: int
    n_unmatched_rows: int
    n_unmatched_keys: int
    examples: tuple[tuple[str, int], ...]
    cause: Cause | None
    is_usual: bool
    is_objection: bool = False

    @property
    def share(self) -> float:
        """Share of the rows that match nothing."""
        return self.n_unmatched_rows / self.n_rows if self.n_rows else 0.0

    @property
    def text(self) -> str:
        """One line for people: numbers, effect, examples and the likely cause. Examples are quoted and escaped."""
        shown = ", ".join(f"{shown_key(key)} ({n:,})" for key, n in self.examples)
        cause = f"; {self.cause.text}" if self.cause else ""
        return (
            f"{self.n_unmatched_rows:,} of {self.n_rows:,} rows ({self.share:.1%}), {self.n_unmatched_keys:,} of "
            f"{self.n_keys:,} keys match no {self.target}: {self.effect}. Most frequent: {shown}{cause}"
        )

    def is_mistake(self, params: QualityParams) -> bool:
        """Whether something is wrong with the files: too much is unmatched, or written differently on the two sides."""
        miswritten = self.cause.n_would_match if self.cause else 0
        if self.is_objection and miswritten:
            return True
        if self.is_usual:
            none_matches = self.n_unmatched_keys == self.n_keys >= params.min_keys_without_match
            return none_matches or miswritten > params.max_unmatched_share * self.n_keys
        return self.share > params.max_unmatched_share or miswritten > params.max_miswritten_share * self.n_keys


def shown_key(key: str) -> str:
    """A key as people can read it: quoted, shortened; invisible and combining characters are escaped."""
    shown = key[:SHOWN_CHARACTERS]
    return repr(shown) if unicodedata.is_normalized("NFC", shown) else ascii(shown)


# ── the likely cause ────────────────────────────────────────────────────────────────────────────────────────────────

Change = Callable[[pl.Expr], pl.Expr]


def _without(pattern: str, keep: str = "") -> Change:
    return lambda key: key.str.replace_all(pattern, keep)


def _written_out(key: pl.Expr) -> pl.Expr:
    """``1.5e3`` as ``1500``; what is no whole number in powers of ten stays."""
    number = pl.when(key.str.contains(r"^[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}$")).then(key.cast(pl.Float64, strict=False))
    is_whole = (number == number.floor()) & (number.abs() < 2**53)
    return pl.when(is_whole.fill_null(False)).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(key)


def _decoded(key: pl.Expr) -> pl.Expr:
    """``a%2Fb`` as ``a/b``, for the characters that ids have."""
    for character in " /:#+-_@=.":
        key = key.str.replace_all(f"(?i)%{ord(character):02x}", character)
    return key


_WRITINGS: dict[str, Change] = {
    "without invisible characters": _without(r"[[\p{Cf}\p{Cc}]--\s]"),
    "without white space around them": lambda key: key.str.replace(r"^\s+", "").str.replace(r"\s+$", ""),
    "without quotes": lambda key: key.str.strip_chars("\"'`“”‘’"),
    "without brackets around them": lambda key: key.str.strip_chars("{}()[]<>"),
    "without a number sign": _without(r"^[#№]+"),
    "decoded from an address": _decoded,
    "without a trailing .0": _without(r"^([+-]?\d+)[.,]0+$", "${1}"),
    "in one Unicode form": lambda key: key.str.normalize("NFKC"),
    "without regard to upper and lower case": lambda key: key.str.to_lowercase(),
    "without thousands separators": _without(r"[,'’ ](\d{3})\b", "${1}"),
    "written out instead of in powers of ten": _written_out,
    "without leading zeros": _without(r"^0+(\d)", "${1}"),
    "without a plus sign": _without(r"^\+"),
    "without white space inside": _without(r"\s+"),
    "without hyphens and underscores": lambda key: key.str.replace_all("_", "-").str.replace_all(r"\b-+\b", ""),
}
"""Differences in writing, taken out in this order: what is around a key before what is in it. Of two that explain the
same keys, the first is named."""

_PREFIX = _without(r"^(?:(?:\p{L}[\p{L}\d]*[:_/#|.-]+)+|\p{L}+)(.*\d.*)$", "${1}")
_SUFFIX = _without(r"^(.*\d.*?)(?:[:_/#|.-]+\p{L}[\p{L}\d]*|\p{L}+)$", "${1}")
_AFFIXES: tuple[tuple[str, Change | None, Change | None], ...] = (
    ("", None, None),
    ("without their prefix", _PREFIX, None),
    ("with the prefix that the other side has", None, _PREFIX),
    ("without their suffix", _SUFFIX, None),
    ("with the suffix that the other side has", None, _SUFFIX),
)
"""What one side has and the other has not: a change of the unmatched keys, and one of the known keys. It is never taken
from both sides: ``web:7`` and ``app:7`` are two keys."""


def likely_cause(unmatched: pl.Series, known: pl.Series) -> Cause | None:
    """How the unmatched keys most likely differ from the known ones; None if nothing that is tried explains any.

    First the unmatched keys alone are written differently. If that does not explain all of them, the known ones are
    too; of more than ``MOST_KNOWN`` of these, only a part is tried, so more keys may match than the cause says.

    Args:
        unmatched: Distinct keys, none of them in ``known``.
        known: Distinct keys.
    """
    keys, others = unmatched.to_frame("key"), known.to_frame("key")
    found = _explained(keys, others, both_sides=False)
    if found is None or found.n_would_match < keys.height:
        part = others.sort("key").gather_every(-(-others.height // MOST_KNOWN) or 1)
        in_part = _explained(keys, part, both_sides=True)
        if in_part and (found is None or in_part.n_would_match > found.n_would_match):
            return in_part
    return found


def _explained(keys: pl.DataFrame, others: pl.DataFrame, *, both_sides: bool) -> Cause | None:
    """The cause that explains the most keys.

    All differences are taken out at once, so that combinations are found too (`` 101.0``). Then those without which as
    many keys match are put back, and what remains is named.
    """
    written = tuple(_WRITINGS)
    canonical = _written(keys, written, None)
    canonical_others = _written(others, written, None) if both_sides else others
    n_best, (affix, of_keys, of_others) = 0, _AFFIXES[0]
    for candidate in _AFFIXES:
        if n_best == keys.height or (candidate[2] and not both_sides):
            continue
        n_found = _n_matched(_written(canonical, (), candidate[1]), _written(canonical_others, (), candidate[2]))
        if n_found > n_best:
            n_best, (affix, of_keys, of_others) = n_found, candidate
    if not n_best:
        return None
    # Only known keys that match in the end can match on the way.
    forms = _written(canonical_others, (), of_others)["key"]
    others = others.filter(forms.is_in(_written(canonical, (), of_keys)["key"].implode()))
    for how in reversed(_WRITINGS):
        fewer = tuple(name for name in written if name != how)
        if (
            _n_matched(_written(keys, fewer, of_keys), _written(others, fewer if both_sides else (), of_others))
            >= n_best
        ):
            written = fewer
    return Cause(" and ".join([*written, *([affix] if affix else [])]), n_best, keys.height)


def _written(keys: pl.DataFrame, writings: Sequence[str], affix: Change | None) -> pl.DataFrame:
    """``keys`` with these differences taken out."""
    key = pl.col("key")
    for how in writings:
        key = _WRITINGS[how](key)
    return keys.select((affix(key) if affix else key).alias("key"))


def _n_matched(keys: pl.DataFrame, known: pl.DataFrame) -> int:
    """Number of ``keys`` that are in ``known``; one of which nothing is left matches nothing."""
    return keys.filter(pl.col("key") != "").join(known.unique(), on="key", how="semi").height


def worst_first(found: Sequence[Unmatched], params: QualityParams) -> list[Unmatched]:
    """References with unmatched keys: mistakes first, then by rows."""
    some = [one for one in found if one.n_unmatched_keys]
    return sorted(some, key=lambda one: (not one.is_mistake(params), -one.n_unmatched_rows, one.reference))
