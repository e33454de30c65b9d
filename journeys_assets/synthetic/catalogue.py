"""The catalogue of pins, with annotations, interests and titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.tables.landing import EDIT_COLUMNS, EVENT_ID, LANDING, NOISE_COLUMN, UPDATED_AT
from journeys_assets.domain.tables.table import Table
from journeys_assets.synthetic.languages import broad_interests, in_language, themes_by_language
from journeys_assets.synthetic.noise_by_language import NOISE
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.streams import draw_without_replacement, pick, pick_early, stream
from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.wording import variation

cached_normalise = lru_cache(maxsize=1 << 18)(normalise)


@dataclass(frozen=True, slots=True)
class Pin:
    """One item. ``theme`` is its true theme, or None, and ``language`` that of its texts.

    ``keywords`` are the keywords of an action on it: (text, normalised, source, belongs to the theme).
    """

    pin_id: str
    theme: str | None
    annotations: tuple[str, ...]
    interests: tuple[str, ...]
    title: str
    keywords: tuple[tuple[str, str, str, bool], ...]
    language: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All pins, by theme; in a world of two languages, half of each theme's pins are in either."""

    of_theme: dict[str, tuple[Pin, ...]]
    off_topic: tuple[Pin, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The pins in the form of the landing contract."""
        pins = [pin for own in self.of_theme.values() for pin in own] + list(self.off_topic)
        rows = [(p.pin_id, list(p.annotations), list(p.interests), p.title) for p in pins]
        return landing_frame(LANDING["pins"], rows)


def landing_frame(source: Table, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Landing rows of the world, without ``updated_at`` (nothing in it changes), ``event_id``, ``noise`` and edits."""
    left_out = (UPDATED_AT, EVENT_ID, NOISE_COLUMN, *EDIT_COLUMNS)
    schema = {column.name: column.dtype for column in source.columns if column not in left_out}
    return pl.concat([source.empty(), pl.DataFrame(rows, schema=schema, orient="row")], how="diagonal")


def make_catalogue(params: WorldParams) -> Catalogue:
    """The catalogue of a world. It does not depend on users and days."""
    languages = list(themes_by_language(params.language))
    of_theme = {
        theme.name: tuple(
            _theme_pin(params, in_language(params.language, languages[number % len(languages)], theme.name), at, number)
            for number in range(params.pins_per_theme)
        )
        for at, theme in enumerate(themes_by_language(params.language)[languages[0]])
    }
    return Catalogue(of_theme, tuple(_off_topic_pin(params, number) for number in range(params.off_topic_pins)))


def _theme_pin(params: WorldParams, theme: Theme, at: int, number: int) -> Pin:
    rng = stream(params.seed, "pin", theme.name, number)
    own = draw_without_replacement(rng, theme.phrases, 2 + int(rng.random() * 3))
    if rng.random() < 0.3:
        own[-1] = variation(rng, own[-1], theme.language)
    generic = _generic(rng.random() < params.generic_annotation_share, pick_early(rng, NOISE[theme.language].generic))
    interests = draw_without_replacement(rng, theme.interests, 1 + int(rng.random() * 2))
    title = f"{own[0]} | {own[1]}".capitalize()
    return _pin(params, f"p{at:02d}{number:03d}", theme.name, own, generic, interests, title, theme.language)


def _off_topic_pin(params: WorldParams, number: int) -> Pin:
    rng = stream(params.seed, "off-topic pin", number)
    languages = list(themes_by_language(params.language))
    language = languages[number % len(languages)]
    noise = NOISE[language]
    own = draw_without_replacement(rng, noise.one_off, 2)
    generic = _generic(rng.random() < params.generic_annotation_share, pick_early(rng, noise.generic))
    interest = pick(rng, noise.off_topic_interests)
    return _pin(params, f"px{number:04d}", None, own, generic, [interest], own[0].capitalize(), language)


def _generic(carries: bool, word: str) -> list[str]:
    return [word] if carries else []


def _pin(
    params: WorldParams,
    pin_id: str,
    theme: str | None,
    own: list[str],
    generic: list[str],
    interests: list[str],
    title: str,
    language: str,
) -> Pin:
    broad = broad_interests(params.language)
    keywords = (
        *((text, cached_normalise(text), "annotation", True) for text in own),
        *((text, cached_normalise(text), "annotation", False) for text in generic),
        *((text, cached_normalise(text), "interest", text not in broad) for text in interests),
    )
    return Pin(pin_id, theme, (*own, *generic), tuple(interests), title, keywords, language)
