"""Finds the words and phrases of a lexicon in texts.

**An entry** is a phrase of one or several words, and matches whole words:

* ``diabet*`` matches words that begin with it, ``*krebs`` words that end with it, ``*tumor*`` words that contain it.
* ``(loss|death) of (my|) father`` stands for all its combinations; an alternative may be empty.
* ``..`` between words stands for up to three other words; a single ``*`` between words for exactly one.
* ``photos?`` stands for both spellings.
* An entry with Chinese, Japanese or Korean letters matches anywhere in a text, whatever the spaces.

Entries and texts are compared in their folded form (:func:`folded`): normalised, without accents, without punctuation.
Spellings that avoid a filter are undone where that is cheap: ``s u i c i d e``, ``su1c1de``, ``sui-cide``, ``sуicide``
with a Cyrillic letter, ``suiciiiide``.

**A word of ordinary English** (*sale*, *die*) is no match of another language, unless a word beside it is not English.

**An ordinary phrase** (*shot glass*) protects what lies within it: a match that lies wholly within one does not count.

An entry stands for up to thousands of phrases. They are made when a text first has a word that the entry needs; that
changes no result.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.safety.categories import IDS

_T = TypeVar("_T")
Strength = Literal["strong", "weak", "ordinary"]
"""``strong`` decides alone; ``weak`` moves the threshold of the model; ``ordinary`` protects."""

GAP = ".."
MAX_GAP = 3
ENGLISH_SHARE = 0.6
MAX_COMBINATIONS = 20_000
"""Most phrases that one entry may stand for."""

_ELEMENT = re.compile(r"(?<![^ ])(?:\(([^()]*)\)|[^\s()|]+)(?![^ ])")
"""A word or a bracket that stands between spaces."""
_NESTED = re.compile(r"\([^()]*\(|^[^()]*\||\)[^()]*\|")
_GLUED = re.compile(r"[^\s(|]\(|\)[^\s)|]")
"""A bracket that belongs to a part of a word."""
_BETWEEN = re.compile(r"[\s()|]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_OPTIONAL_LETTER = re.compile(r"(\w)\?")
_CJK = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_OTHER_ALPHABET = re.compile("[\u0370-\u1cff]")
"""A letter of an alphabet that is not Latin."""
_MARKS = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640]")
_NOT_WORD = re.compile(r"[^\w*\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff]+|_")
_ELISION = re.compile(r"\b(l|d|j|n|s|m|t|c|qu|un|all|dell|nell|sull|dall|quell)['’](?=\w{2})")
_APOSTROPHE = re.compile(r"['’`]")
_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ؤ": "و", "ئ": "ي"})
_ARABIC_LETTER = re.compile("[\u0620-\u064a]")
_ARABIC_PREFIX = re.compile("^(?:وال|فال|بال|كال|ال|لل|و|ب|ل|ف)(?=.{3,})")
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_LOOKALIKE = str.maketrans("авеіјкмнорстухѕ", "abeijkmhopctyxs")
_SPACED = re.compile(r"(?:(?<= )|^)(?:\w ){3,}\w(?= |$)")
_DISGUISED = re.compile(
    r"[a-z][0-9@$!]|[0-9@$][a-z]|[a-z]-[a-z]|[a-z]\.[a-z]|[a-z]\*[a-z]|(\w)\1\1|[a-z][а-яіјѕ]|[а-яіјѕ][a-z]"
)
_REPEATED = re.compile(r"(\w)\1\1+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the lexicon.

    Attributes:
        pattern: As described above.
        strength: See ``Strength``.
        category: One of ``IDS``; None for ordinary phrases.
        language: ISO 639-1.
    """

    pattern: str
    strength: Strength
    category: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Hits:
    """The categories of the entries that match a text, in the order of ``IDS``."""

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


_Kind = Literal["whole", "begins", "ends", "contains", "around", "any", "gap"]


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a phrase: whole, or the beginning, the end or the inside of a word."""

    text: str
    kind: _Kind
    end: str = ""

    def fits(self, token: str) -> bool:
        match self.kind:
            case "whole":
                return token == self.text
            case "begins":
                return token.startswith(self.text)
            case "ends":
                return token.endswith(self.text)
            case "contains":
                return self.text in token
            case "around":
                return token.startswith(self.text) and token.endswith(self.end)
            case _:
                return True


_Phrase = tuple[tuple[_Word, ...], int, int]
"""Words, the position of the word that it is looked up by, and the number of the entry."""


def folded(text: str) -> str:
    """The form in which texts and entries are compared: normalised, without accents and punctuation, single spaces.

    Apostrophes vanish (*don't* is *dont*) except after a French or Italian article, which is a word of its own.
    """
    keyword = normalise(text)
    if not keyword.isascii():
        decomposed = unicodedata.normalize("NFD", keyword.translate(_PLAIN))
        keyword = unicodedata.normalize("NFC", _MARKS.sub("", decomposed)).translate(_ARABIC)
    keyword = _APOSTROPHE.sub("", _ELISION.sub(r"\1 ", keyword))
    return " ".join(_NOT_WORD.sub(" ", keyword.replace("*", " ")).split())


def phrases_of(pattern: str) -> list[str]:
    """All phrases that a pattern stands for, with their stars.

    Raises:
        ValueError: there are more than ``MAX_COMBINATIONS``, or a bracket has no partner.
    """
    bracketed = _OPTIONAL_LETTER.sub(r"(\1|)", pattern).replace(")?", "|)")
    found, end = _alternatives(bracketed, 0, pattern)
    if end < len(bracketed):
        raise ValueError(f"the entry {pattern!r} has a closing bracket without an opening one")
    phrases = dict.fromkeys(" ".join(phrase.split()) for phrase in found)
    return [phrase for phrase in phrases if phrase]


def _alternatives(text: str, position: int, pattern: str) -> tuple[list[str], int]:
    """What ``text`` stands for from ``position`` to the closing bracket or the end, and where that is."""
    done: list[str] = []
    current = [""]
    while position < len(text) and text[position] != ")":
        if text[position] == "|":
            done, current = done + current, [""]
            position += 1
        elif text[position] == "(":
            inner, position = _alternatives(text, position + 1, pattern)
            if position >= len(text):
                raise ValueError(f"the entry {pattern!r} has an opening bracket without a closing one")
            current = [before + after for before, after in itertools.product(current, inner)]
            position += 1
        else:
            end = min((at for at in (text.find(c, position) for c in "(|)") if at >= 0), default=len(text))
            current = [before + text[position:end] for before in current]
            position = end
        if len(done) + len(current) > MAX_COMBINATIONS:
            raise ValueError(f"the entry {pattern!r} stands for over {MAX_COMBINATIONS} phrases; split it")
    return done + current, position


class _Table(Generic[_T]):
    """Values by a word that is whole, or the beginning, the end or the inside of a word of a text."""

    def __init__(self) -> None:
        self._whole: dict[str, list[_T]] = {}
        self._beginnings: dict[str, list[_T]] = {}
        self._ends: dict[str, list[_T]] = {}
        self._insides: dict[str, list[_T]] = {}
        self._beginning_lengths: list[int] = []
        self._end_lengths: list[int] = []
        self._inside_lengths: list[int] = []

    def add(self, kind: _Kind, text: str, value: _T) -> None:
        match kind:
            case "begins" | "around":
                table, lengths = self._beginnings, self._beginning_lengths
            case "ends":
                table, lengths = self._ends, self._end_lengths
            case "contains":
                table, lengths = self._insides, self._inside_lengths
            case _:
                self._whole.setdefault(text, []).append(value)
                return
        table.setdefault(text, []).append(value)
        if len(text) not in lengths:
            bisect.insort(lengths, len(text))

    def of(self, token: str) -> Iterator[_T]:
        """The values whose word may fit ``token``."""
        yield from self._whole.get(token, ())
        size = len(token)
        for length in self._beginning_lengths:
            if length > size:
                break
            yield from self._beginnings.get(token[:length], ())
        for length in self._end_lengths:
            if length > size:
                break
            yield from self._ends.get(token[size - length :], ())
        for length in self._inside_lengths:
            for start in range(size - length + 1):
                yield from self._insides.get(token[start : start + length], ())


class Lexicon:
    """Entries, ready to be found in texts."""

    def __init__(self, entries: Iterable[Entry], english: Iterable[str] = ()) -> None:
        """
        Args:
            english: Folded words of ordinary English.

        Raises:
            ValueError: a category is not known, or a bracket has no partner; names the entry.
        """
        self._entries: list[Entry] = []
        self._english = frozenset(english)
        self._known_english = set(self._english)
        self._phrases = _Table[_Phrase]()
        self._waiting = _Table[int]()
        """Entries whose phrases are not made yet, by words of which each of their phrases has one."""
        self._unlisted: list[int] = []
        """Entries of other alphabets, which are not in ``_waiting`` yet."""
        self._waiting_glued: list[int] = []
        """The same for entries with Chinese, Japanese or Korean letters."""
        self._made: set[int] = set()
        self._glued: dict[str, list[int]] = {}
        self._glued_lengths: list[int] = []
        entries = list(entries)
        self._known_english |= _whole_words([entry.pattern for entry in entries if entry.language == "en"])
        latin: list[int] = []
        for number, entry in enumerate(entries):
            if entry.strength != "ordinary" and entry.category not in IDS:
                raise ValueError(f"the entry {entry.pattern!r} has the category {entry.category!r}, which is not known")
            self._entries.append(entry)
            if not entry.pattern.isascii() and _CJK.search(entry.pattern):
                self._waiting_glued.append(number)
                continue
            other = not entry.pattern.isascii() and _OTHER_ALPHABET.search(entry.pattern)
            (self._unlisted if other else latin).append(number)
        self._list(latin)

    def _list(self, numbers: Sequence[int]) -> None:
        """Note which words the entries need."""
        fold = _folded_words([self._entries[number] for number in numbers])
        for number in numbers:
            needed = _needed_words(self._entries[number].pattern, fold)
            if needed is None:
                self._make(number)
                continue
            for kind, text in needed:
                self._waiting.add(kind, text, number)

    def make_all(self) -> None:
        """Make the phrases of all entries now.

        Raises:
            ValueError: an entry stands for too many phrases.
        """
        for number in range(len(self._entries)):
            self._make(number)

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, in the order in which they were given."""
        return self._entries

    def looks_english(self, text: str) -> bool:
        """Whether at least ``ENGLISH_SHARE`` of the words of ``text`` are of ordinary English or of English entries."""
        tokens = folded(text).split()
        if not tokens or not text.isascii():
            return False
        return sum(token in self._known_english for token in tokens) >= ENGLISH_SHARE * len(tokens)

    def hits(self, text: str) -> Hits:
        """The categories of the entries that match ``text``, ordinary phrases taken into account."""
        found = self._spans(folded(text).split())
        for other in _undisguised(text):
            found += self._spans(other.split())
        if not found:
            return Hits()
        strong = {self._entries[number].category for number in found if self._entries[number].strength == "strong"}
        weak = {self._entries[number].category for number in found if self._entries[number].strength == "weak"}
        return Hits(
            tuple(category for category in IDS if category in strong),
            tuple(category for category in IDS if category in weak),
        )

    def _make(self, number: int) -> None:
        """Make the phrases of an entry; again is harmless."""
        if number in self._made:
            return
        for phrase in phrases_of(self._entries[number].pattern):
            self._add(phrase, number)
        self._made.add(number)

    def _add(self, phrase: str, number: int) -> None:
        if _CJK.search(phrase):
            glued = folded(phrase).replace(" ", "")
            self._glued.setdefault(glued, []).append(number)
            return
        words = [word for part in phrase.split() for word in _words_of(part)]
        while words and words[-1].kind in ("any", "gap"):
            words.pop()
        while words and words[0].kind in ("any", "gap"):
            words.pop(0)
        if not words:
            return
        key = max(range(len(words)), key=lambda at: (words[at].kind not in ("any", "gap"), len(words[at].text)))
        self._phrases.add(words[key].kind, words[key].text, (tuple(words), key, number))

    def _make_for(self, variants: list[tuple[str, ...]]) -> None:
        """Make the phrases of the entries that may match a text of these words."""
        if self._unlisted and any(_OTHER_ALPHABET.search(forms[0]) for forms in variants if not forms[0].isascii()):
            self._list(self._unlisted)
            self._unlisted = []
        for form in {form for forms in variants for form in forms}:
            for number in self._waiting.of(form):
                self._make(number)

    def _spans(self, tokens: list[str]) -> list[int]:
        """The numbers of the entries that match and lie in no ordinary phrase."""
        matches = list(self._word_matches(tokens))
        glued = "".join(tokens)
        if not glued.isascii() and _CJK.search(glued):
            self._make_glued()
            # Positions of letters instead of words, so that the two kinds of matches can be compared.
            starts = list(itertools.accumulate((len(token) for token in tokens), initial=0))
            matches = [(starts[start], starts[end], number) for start, end, number in matches]
            matches += self._glued_matches(glued)
        ordinary = [match for match in matches if self._entries[match[2]].strength == "ordinary"]
        return [
            number
            for start, end, number in matches
            if self._entries[number].strength != "ordinary"
            and not any(first <= start and end <= last for first, last, _ in ordinary)
        ]

    def _make_glued(self) -> None:
        if self._waiting_glued:
            for number in self._waiting_glued:
                self._make(number)
            self._glued_lengths = sorted({len(text) for text in self._glued})
            self._waiting_glued = []

    def _glued_matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        for start in range(len(text)):
            for length in self._glued_lengths:
                if start + length > len(text):
                    break
                for number in self._glued.get(text[start : start + length], ()):
                    yield start, start + length, number

    def _word_matches(self, tokens: list[str]) -> Iterator[tuple[int, int, int]]:
        """Start, end (exclusive) and entry of each match of words."""
        variants = [_variants(token) for token in tokens]
        self._make_for(variants)
        for position, forms in enumerate(variants):
            for form in forms:
                for words, key, number in self._phrases.of(form):
                    if not words[key].fits(form):
                        continue
                    start = _before(words, key, variants, position)
                    if start is None:
                        continue
                    end = _after(words, key, variants, position)
                    if end is not None and not self._is_english(number, tokens[start:end]):
                        yield start, end, number

    def _is_english(self, number: int, tokens: list[str]) -> bool:
        """Whether a match of another language consists of ordinary English words."""
        return self._entries[number].language != "en" and self._english.issuperset(tokens)


@functools.cache
def _words_of(part: str) -> list[_Word]:
    """The words of one part of a phrase between spaces; punctuation in it may make several."""
    if part == GAP:
        return [_Word("", "gap")]
    if part == "*":
        return [_Word("", "any")]
    open_start, open_end = part.startswith("*"), part.endswith("*")
    inner = part.strip("*")
    if "*" in inner:
        head, tail = inner.split("*", 1)
        return [_Word(folded(head), "around", folded(tail.replace("*", "")))]
    texts = folded(inner).split()
    words = [_Word(text, "whole") for text in texts]
    if len(words) == 1:
        kind: _Kind = (
            "contains" if open_start and open_end else "ends" if open_start else "begins" if open_end else "whole"
        )
        return [_Word(texts[0], kind)]
    if words and open_end:
        words[-1] = _Word(texts[-1], "begins")
    if words and open_start:
        words[0] = _Word(texts[0], "ends")
    return words


def _folded_words(entries: Sequence[Entry]) -> dict[str, str]:
    """The folded form of the words of entries that consist of letters alone; one call folds them all."""
    words = {word for entry in entries if not entry.pattern.isascii() for word in _LETTERS.findall(entry.pattern)}
    listed = sorted(words)
    found = folded(" ".join(listed)).split()
    return dict(zip(listed, found, strict=True)) if len(found) == len(listed) else {}


def _whole_words(patterns: Sequence[str]) -> set[str]:
    """The words without a star of all phrases that patterns stand for."""
    glued = [pattern for pattern in patterns if _GLUED.search(pattern)]
    others = _BETWEEN.split(" ".join(pattern for pattern in patterns if not _GLUED.search(pattern)))
    words = {word for pattern in glued for phrase in phrases_of(pattern) for word in phrase.split()}
    words |= {spelling for word in set(others) for spelling in (phrases_of(word) if "?" in word else (word,))}
    return {word for word in words if word and "*" not in word}


def _needed_words(pattern: str, fold: Mapping[str, str]) -> list[tuple[_Kind, str]] | None:
    """Words of which each phrase of a pattern has at least one, as kind and text; None if they are not easily found.

    Args:
        fold: Folded form of words that consist of letters.

    Raises:
        ValueError: a bracket has no partner.
    """
    if "(" not in pattern and ")" not in pattern and "|" not in pattern:
        return _longest_words([pattern], fold)
    if pattern.count("(") != pattern.count(")"):
        raise ValueError(f"the entry {pattern!r} has a bracket without a partner")
    if _NESTED.search(pattern):
        if _GLUED.search(pattern):
            return None
        return _longest_words([part for part in _BETWEEN.split(pattern) if part.strip("*.")], fold)
    best: tuple[bool, int, int] | None = None
    needed: list[tuple[_Kind, str]] | None = None
    for element in _ELEMENT.finditer(pattern):
        group = element[1]
        alternatives = [element[0]] if group is None else group.split("|")
        if best is not None and best[0] and -len(alternatives) < best[1]:
            continue
        found = _longest_words(alternatives, fold)
        if found:
            shortest = min(len(text) for _, text in found)
            rank = (shortest >= 4, -len(found), shortest)
            if best is None or rank > best:
                best, needed = rank, found
    return needed


def _longest_words(alternatives: Sequence[str], fold: Mapping[str, str]) -> list[tuple[_Kind, str]] | None:
    """The longest word of each alternative as kind and text; None if one of them has no word."""
    found: list[tuple[_Kind, str]] = []
    for alternative in alternatives:
        part = max(alternative.split(), key=len, default="")
        if part.isalpha():
            text = part if part.isascii() and part.islower() else fold.get(part)
            if text:
                found.append(("whole", text))
                continue
        elif part[-1:] == "*" and part[:-1].isalpha():
            text = part[:-1] if part[:-1].isascii() and part.islower() else fold.get(part[:-1])
            if text:
                found.append(("begins", text))
                continue
        for spelling in phrases_of(part):
            word = max(_words_of(spelling), key=lambda word: len(word.text), default=None)
            if word is None or not word.text:
                return None
            found.append((word.kind, word.text))
        if not part:
            return None
    return found


def _variants(token: str) -> tuple[str, ...]:
    """The forms of a word: itself, and an Arabic word without what is written together with it."""
    if token.isascii() or not _ARABIC_LETTER.search(token):
        return (token,)
    bare = _ARABIC_PREFIX.sub("", token)
    return (token,) if bare == token else (token, bare)


def _fits(word: _Word, forms: tuple[str, ...]) -> bool:
    return any(word.fits(form) for form in forms)


def _before(words: tuple[_Word, ...], key: int, tokens: list[tuple[str, ...]], position: int) -> int | None:
    """Where the match begins if the words before ``key`` fit the tokens before ``position``."""
    at = position
    for place in range(key - 1, -1, -1):
        word = words[place]
        if word.kind == "gap":
            for skip in range(MAX_GAP + 1):
                if at - skip < 0:
                    break
                start = _before(words, place, tokens, at - skip)
                if start is not None:
                    return start
            return None
        at -= 1
        if at < 0 or not _fits(word, tokens[at]):
            return None
    return at


def _after(words: tuple[_Word, ...], key: int, tokens: list[tuple[str, ...]], position: int) -> int | None:
    """Where the match ends (exclusive) if the words after ``key`` fit the tokens after ``position``."""
    at = position
    for place in range(key + 1, len(words)):
        word = words[place]
        if word.kind == "gap":
            for skip in range(MAX_GAP + 1):
                if at + skip >= len(tokens):
                    break
                end = _after(words, place, tokens, at + skip)
                if end is not None:
                    return end
            return None
        at += 1
        if at >= len(tokens) or not _fits(word, tokens[at]):
            return None
    return at + 1


def _undisguised(text: str) -> list[str]:
    """Other readings of a text that may be written to avoid a filter; empty for nearly all texts."""
    lower = text.lower()
    found = []
    if _DISGUISED.search(lower):
        found.append(folded(_REPEATED.sub(r"\1", lower)))
        found.append(folded(lower.translate(_LEET)))
        found.append(folded(re.sub(r"(?<=\w)[-.*](?=\w)", "", lower).translate(_LOOKALIKE)))
    plain = folded(text)
    if _SPACED.search(plain):
        found.append(_SPACED.sub(lambda match: match[0].replace(" ", ""), plain))
    return [other for other in dict.fromkeys(found) if other != plain]
