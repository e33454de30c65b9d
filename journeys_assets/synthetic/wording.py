"""Variations of the phrases of a theme, as people make them."""

from __future__ import annotations

import random
from collections.abc import Mapping

from journeys_assets.synthetic.streams import draw_without_replacement, pick
from journeys_assets.synthetic.theme import Theme

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "{} ideas", "{} inspiration", "best {}", "{} tutorial", "{} tips", "easy {}", "{} on a budget",
        "simple {}", "{} aesthetic", "{} for beginners", "modern {}", "{} pictures", "unique {}", "{} diy",
        "{} 2026", "cheap {}", "{} near me", "{} examples", "{} guide", "{} inspo", "favorite {}",
    ),
    "de": (
        "{} ideen", "{} inspiration", "beste {}", "{} anleitung", "{} tipps", "{} einfach", "{} günstig",
        "{} erfahrungen", "{} ästhetisch", "{} für anfänger", "{} modern", "{} bilder",
        "{} außergewöhnlich", "{} selber machen", "{} 2026", "{} kosten", "{} in der nähe", "{} beispiele",
        "{} test", "{} vergleich", "schöne {}",
    ),
    "ja": (
        "{} アイデア", "{} おすすめ", "{} やり方", "{} コツ", "{} 簡単", "{} 安い", "{} 口コミ",
        "{} おしゃれ", "{} 初心者", "{} 画像", "{} 手作り", "{} 2026", "{} 近く", "{} 例", "{} 人気",
        "{} ブログ", "{} ランキング", "{} 100均", "{} 比較",
    ),
}  # fmt: skip


def vocabulary(rng: random.Random, theme: Theme, size: int) -> tuple[str, ...]:
    """``size`` distinct searches for ``theme``: phrases in random order, then variations of them."""
    base = draw_without_replacement(rng, theme.phrases, max(2, round(size * 0.75)))[:size]
    words = dict.fromkeys(base)
    while len(words) < size:
        words.setdefault(variation(rng, pick(rng, theme.phrases), theme.language))
    return tuple(words)


def variation(rng: random.Random, phrase: str, language: str = "en") -> str:
    """``phrase`` with an additional word or words before or after it."""
    own = set(phrase.split())
    fitting = [template for template in TEMPLATES[language] if not own & set(template.split())]
    return pick(rng, fitting).format(phrase)


def typo(rng: random.Random, text: str) -> str:
    """``text`` with one typo in one of its longer words: two letters swapped, one omitted, or one doubled."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isascii() and word.isalpha()]
    if not long:
        return text
    at = pick(rng, long)
    word = words[at]
    letter = 1 + int(rng.random() * (len(word) - 2))
    slip = rng.random()
    if slip < 0.4:
        word = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
    elif slip < 0.8:
        word = word[:letter] + word[letter + 1 :]
    else:
        word = word[:letter] + word[letter] + word[letter:]
    words[at] = word
    return " ".join(words)


def other_number(text: str) -> str:
    """``text`` with the last word in the plural instead of the singular, or the reverse."""
    if not text.isascii() or not text[-1].isalpha():
        return text
    if text.endswith("ies") and len(text) > 4:
        return text[:-3] + "y"
    if text.endswith("s") and not text.endswith(("ss", "us", "is")):
        return text[:-1]
    if text.endswith(("s", "x", "ch", "sh")):
        return text + "es"
    return text[:-1] + "ies" if text.endswith("y") and text[-2] not in "aeiou" else text + "s"


def other_case(rng: random.Random, text: str) -> str:
    """``text`` with a capital first letter, in title case, in capitals, or with additional spaces."""
    ways = (text[:1].upper() + text[1:], text.title(), text.upper(), f"{text} ", text.replace(" ", "  ", 1))
    return ways[min(int(rng.random() ** 1.5 * len(ways)), len(ways) - 1)]
