"""The themes and the variations of their phrases are numerous, natural and distinct."""

from collections import Counter

import pytest

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.synthetic.streams import stream
from journeys_assets.synthetic.theme import theme
from journeys_assets.synthetic.themes import THEME_BY_NAME, THEMES
from journeys_assets.synthetic.wording import other_case, other_number, typo, variation, vocabulary


def test_there_are_many_themes_of_each_kind() -> None:
    assert len(THEMES) >= 60
    assert len(THEME_BY_NAME) == len(THEMES)
    kinds = Counter(own.kind for own in THEMES)
    assert min(kinds.values()) >= 10
    assert set(kinds) == {"situational", "evergreen", "seasonal"}


@pytest.mark.parametrize("name", THEME_BY_NAME)
def test_a_theme_has_many_varied_phrases(name: str) -> None:
    own = THEME_BY_NAME[name]
    phrases = {normalise(phrase) for phrase in own.phrases}
    assert len(phrases) == len(own.phrases) >= 18
    words = Counter(word for phrase in phrases for word in set(phrase.split()))
    assert words.most_common(1)[0][1] <= 0.9 * len(phrases), "a word in every phrase would make the theme too easy"
    assert 2 <= len(own.interests) <= 4
    assert own.boards


def test_many_themes_have_translations() -> None:
    assert sum(bool(own.translations) for own in THEMES) >= len(THEMES) / 3
    assert {language for own in THEMES for language, _ in own.translations} >= {"es", "de", "fr", "pt", "ja"}


def test_every_month_has_seasonal_themes() -> None:
    assert {month for own in THEMES for month in own.months} == set(range(1, 13))


def test_words_and_interests_are_shared_between_themes() -> None:
    words = Counter(word for own in THEMES for word in {w for phrase in own.phrases for w in phrase.split()})
    assert sum(count > 5 for count in words.values()) > 20
    interests = Counter(interest for own in THEMES for interest in own.interests)
    assert sum(count > 1 for count in interests.values()) > 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "yearly"}, "unknown kind"),
        ({"phrases": "a; b; a"}, "repeats a phrase"),
        ({"kind": "seasonal"}, "months"),
        ({"months": (3,)}, "months"),
        ({"abroad": "küche"}, "language=search"),
    ],
)
def test_an_invalid_theme_raises_an_error(changes: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"kind": "evergreen", "phrases": "a; b", "interests": "c", "boards": "d"}
    values = good | changes
    with pytest.raises(ValueError, match=message):
        theme("x", str(values.pop("kind")), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [2, 5, 20, 60])
def test_a_vocabulary_has_the_wanted_size_and_consists_of_the_theme(size: int) -> None:
    own = THEME_BY_NAME["bonsai"]
    words = vocabulary(stream(1, "words", size), own, size)
    assert len(set(words)) == len(words) == size
    assert all(any(phrase in word for phrase in own.phrases) for word in words)


def test_variations_do_not_repeat_a_word() -> None:
    rng = stream(2)
    for own in THEMES:
        for phrase in own.phrases:
            words = variation(rng, phrase).split()
            assert len(words) - len(set(words)) <= len(phrase.split()) - len(set(phrase.split()))


def test_a_typo_changes_one_word() -> None:
    rng = stream(3)
    for _ in range(200):
        slipped = typo(rng, "wedding dress lace")
        assert abs(len(slipped) - len("wedding dress lace")) <= 1
        assert slipped.count(" ") == 2
    assert typo(rng, "盆栽 初心者") == "盆栽 初心者"


@pytest.mark.parametrize(
    ("text", "other"),
    [("wedding favors", "wedding favor"), ("fire pit", "fire pits"), ("tote bag patch", "tote bag patches"),
     ("fairy", "fairies"), ("cookies", "cooky"), ("shortbread", "shortbreads"), ("盆栽", "盆栽")],
)  # fmt: skip
def test_other_number_switches_between_singular_and_plural(text: str, other: str) -> None:
    assert other_number(text) == other


def test_other_cases_are_the_same_keyword() -> None:
    rng = stream(4)
    forms = {other_case(rng, "open shelving kitchen") for _ in range(100)}
    assert len(forms) >= 4
    assert {normalise(form) for form in forms} == {"open shelving kitchen"}
