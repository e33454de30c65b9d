"""Phrases that several keywords of a journey share, as candidates for its name.

Seven hot water bottles are not named by one of them ("grey heart hot water bottle") but by what they share ("hot water
bottle"). A phrase is a run of two to ``_MOST_WORDS`` words, without punctuation in between, that at least
``min_phrase_keywords`` keywords of the journey contain, and at least ``min_phrase_share`` of them. In scripts without
spaces it is a run of characters. Singular and plural of Latin words count as the same. A single word is no phrase: most
are too broad to tell a journey from the others.

A phrase must be able to stand alone:

* It neither begins nor ends with a function word ("of", "and", "pour", "und") or a bare letter.
* It does not consist of numbers, units, colours, sizes and function words only.
* A run of characters of a script without spaces has at least three of them (five in Thai, Lao, Khmer and Burmese).
* It is not part of a longer one that as many keywords contain ("water bottle" of "hot water bottle").

The words are in ``words``. In other languages a phrase may begin or end with a function word.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.words import BARE_WORDS, FUNCTION_WORDS

_MOST_WORDS = 5
_MOST_CHARACTERS = 8
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
_LONG_SYLLABLES = r"^[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_FEWEST_WORDS, _FEWEST_UNSPACED, _FEWEST_OF_LONG_SYLLABLES = 2, 3, 5
_MARKS = r"[^\s,;:!?()\[\]{}\"“”«»|/]"
_WORD = (
    rf"[[\p{{L}}\p{{N}}]--[{_UNSPACED}]]"
    rf"(?:[{_MARKS}--[{_UNSPACED}]]*[[\p{{L}}\p{{M}}\p{{N}}+#]--[{_UNSPACED}]])?"
)
"""A word begins with a letter or a digit and ends with one. There may be marks inside, but none that part words."""
_SPACED = rf"{_WORD}(?: {_WORD})*"
_STRETCH = rf"{_SPACED}|[{_UNSPACED}][{_UNSPACED}\p{{M}}]*"
"""A stretch of words with single spaces between them, or of characters of a script without spaces."""
_LARGEST = 2**32
"""Above every number of a run, so that two of them fit into one."""
_CHARACTER = rf"[{_UNSPACED}]\p{{M}}*"


@dataclass(frozen=True, slots=True)
class SharedPhrases:
    """What the keywords of journeys share.

    Attributes:
        phrases: One row per journey, phrase and keyword that contains it: journey (a number), phrase_id, keyword,
            first (place of its first word among ``words_of`` the keyword), n_words, is_spaced.
        containing: Number of members that contain a whole member that is long enough for a phrase: journey, keyword,
            n_containing; only where there are enough of them. Singular and plural count as the same.
    """

    phrases: pl.DataFrame
    containing: pl.DataFrame


def words_of(texts: pl.Expr) -> pl.Expr:
    """The words of each text, and the characters of scripts without spaces: where a phrase may begin and end."""
    return texts.str.extract_all(rf"{_WORD}|{_CHARACTER}")


def shared_phrases(members: pl.DataFrame, params: NamingParams) -> SharedPhrases:
    """The phrases that members share.

    Args:
        members: journey (a number), keyword, may_share (false: the keyword is left out, for instance because it holds
            personal data), n_members; one row per journey and keyword.
    """
    texts = members.filter("may_share").select("keyword").unique().sort("keyword").with_row_index("text")
    tokens = _tokens(texts)
    places = (
        members.filter("may_share")
        .select("journey", "keyword", least=_least(params))
        .join(texts, on="keyword")
        .select("journey", "text", "least")
        .join(tokens, on="text")
        .sort("journey", "text", "stretch", "place")
    )
    levels = _levels(places)
    return SharedPhrases(
        _standing_alone(levels).join(texts, on="text").drop("text"),
        _containing(levels).join(texts, on="text").drop("text"),
    )


def _least(params: NamingParams) -> pl.Expr:
    share = (pl.col("n_members") * params.min_phrase_share).ceil().cast(pl.UInt32)
    return pl.max_horizontal(share, pl.lit(params.min_phrase_keywords, dtype=pl.UInt32))


def _tokens(texts: pl.DataFrame) -> pl.DataFrame:
    """The words of texts.

    Returns:
        text, stretch, place (in the text), token (a number; the
        same for singular and plural), is_whole (the stretch is the whole text), n_tokens (of the stretch), is_spaced,
        can_end, is_bare, is_long.
    """
    stretches = (
        texts.select("text", "keyword", part=pl.col("keyword").str.extract_all(_STRETCH))
        .explode("part")
        .drop_nulls("part")
        .with_row_index("stretch")
        .with_columns(is_spaced=~pl.col("part").str.contains(rf"^[{_UNSPACED}]"))
        .with_columns(
            tokens=pl.when("is_spaced")
            .then(pl.col("part").str.split(" "))
            .otherwise(pl.col("part").str.extract_all(_CHARACTER))
        )
    )
    long = (
        stretches.select(
            "text",
            "stretch",
            "is_spaced",
            "tokens",
            is_whole=pl.col("part") == pl.col("keyword"),
            n_tokens=pl.col("tokens").list.len(),
        )
        .explode("tokens")
        .with_columns(place=pl.int_range(pl.len(), dtype=pl.UInt32).over("text"))
    )
    words = long.select(word="tokens").unique().drop_nulls().with_columns(folded=_folded(pl.col("word")))
    words = words.with_columns(
        token=pl.col("folded").rank("dense").cast(pl.UInt64),
        # Of the folded word, so that singular and plural are treated alike.
        can_end=~pl.col("folded").is_in(FUNCTION_WORDS) & ~pl.col("folded").str.contains(r"^\p{Latin}$"),
        is_bare=pl.col("folded").is_in(BARE_WORDS | FUNCTION_WORDS) | ~pl.col("folded").str.contains(r"\p{L}"),
        is_long=pl.col("folded").str.contains(_LONG_SYLLABLES),
    )
    return long.drop_nulls("tokens").join(words, left_on="tokens", right_on="word").drop("tokens", "folded")


def _folded(word: pl.Expr) -> pl.Expr:
    """The singular of a Latin word, roughly: what a word and its plural in -s have in common."""
    is_plural = word.str.contains(r"^[\p{Latin}\p{M}'’\-]{2,}[^\Wsui]s$")
    return (
        pl.when(is_plural & word.str.contains(r"[^aeiou]ies$"))
        .then(word.str.replace(r"ies$", "y"))
        .when(is_plural & word.str.contains(r"(?:ss|sh|ch|x|z)es$"))
        .then(word.str.replace(r"es$", ""))
        .when(is_plural)
        .then(word.str.replace(r"s$", ""))
        .otherwise(word)
    )


def _levels(places: pl.DataFrame) -> list[pl.DataFrame]:
    """Runs of one word, of two, and so on, at each place; only those that ``least`` keywords of the journey contain.

    Returns:
        For each length: journey, text, stretch, place, gram (a number, of the run), n_holders, n_words, ends_well,
        all_bare, and columns of ``places``.
    """
    level = _kept(
        places.with_columns(gram="token", starts_well="can_end", ends_well="can_end", all_bare="is_bare")
    ).with_columns(n_words=pl.lit(1, dtype=pl.UInt32))
    levels = [level]
    while level.height:
        n_words = len(levels) + 1
        longest = pl.when("is_spaced").then(_MOST_WORDS).otherwise(_MOST_CHARACTERS)
        following = (
            level.select(
                "journey",
                "text",
                "stretch",
                place=pl.col("place").cast(pl.Int64) - 1,
                next_gram="gram",
                next_ends="ends_well",
                next_bare="all_bare",
            )
            .filter(pl.col("place") >= 0)
            .with_columns(pl.col("place").cast(pl.UInt32))
        )
        runs = level.drop("shorter", "next_gram", strict=False).filter(n_words <= longest)
        pairs = runs.join(following, on=["journey", "text", "stretch", "place"])
        level = _kept(
            pairs.with_columns(
                gram=(pl.col("gram") * _LARGEST + pl.col("next_gram")).rank("dense").cast(pl.UInt64),
                shorter="gram",
                ends_well="next_ends",
                all_bare=pl.col("all_bare") & pl.col("next_bare"),
            ).drop("next_ends", "next_bare", "n_holders")
        ).with_columns(n_words=pl.lit(n_words, dtype=pl.UInt32))
        if level.height:
            levels.append(level)
    return levels


def _kept(rows: pl.DataFrame) -> pl.DataFrame:
    holders = (
        rows.select("journey", "gram", "text", "least")
        .unique()
        .group_by("journey", "gram")
        .agg(n_holders=pl.len(), least=pl.col("least").first())
        .filter(pl.col("n_holders") >= pl.col("least"))
        .drop("least")
    )
    return rows.join(holders, on=["journey", "gram"])


def _standing_alone(levels: list[pl.DataFrame]) -> pl.DataFrame:
    """The phrases that may be names, one row per journey, phrase and text that contains it."""
    found: list[pl.DataFrame] = []
    covered: pl.DataFrame | None = None
    for level in reversed(levels):
        stands = pl.col("starts_well") & pl.col("ends_well") & ~pl.col("all_bare") & _is_long_enough()
        rows = level.with_columns(stands=stands, is_member=_is_member().any().over("journey", "gram"))
        if covered is not None:
            rows = rows.join(covered, on=["journey", "gram"], how="left")
        else:
            rows = rows.with_columns(n_covered=pl.lit(None, dtype=pl.UInt32))
        rows = rows.with_columns(pl.col("n_covered").fill_null(0))
        found.append(
            rows.filter(pl.col("stands") & ~pl.col("is_member") & (pl.col("n_covered") < pl.col("n_holders")))
            .sort("journey", "text", "gram", "place")
            .unique(["journey", "gram", "text"], keep="first", maintain_order=True)
            .select("journey", "text", "gram", "n_words", "is_spaced", first="place")
        )
        if "shorter" in rows.columns:
            reach = pl.max_horizontal("n_covered", pl.when("stands").then("n_holders").otherwise(0))
            parts = rows.select("journey", "next_gram", "shorter", reach=reach.cast(pl.UInt32))
            covered = (
                pl.concat([parts.select("journey", "reach", gram=name) for name in ("shorter", "next_gram")])
                .group_by("journey", "gram")
                .agg(n_covered=pl.col("reach").max())
            )
    return pl.concat(found).with_columns(phrase_id=pl.col("gram") * _LARGEST + pl.col("n_words")).drop("gram")


def _containing(levels: list[pl.DataFrame]) -> pl.DataFrame:
    whole = [
        level.filter(_is_member() & _is_long_enough()).select("journey", "text", n_containing="n_holders")
        for level in levels
    ]
    return pl.concat(whole)


def _is_long_enough() -> pl.Expr:
    characters = pl.when("is_long").then(_FEWEST_OF_LONG_SYLLABLES).otherwise(_FEWEST_UNSPACED)
    return pl.col("n_words") >= pl.when("is_spaced").then(_FEWEST_WORDS).otherwise(characters)


def _is_member() -> pl.Expr:
    """The run is a whole keyword."""
    return pl.col("is_whole") & (pl.col("place") == 0) & (pl.col("n_tokens") == pl.col("n_words"))
