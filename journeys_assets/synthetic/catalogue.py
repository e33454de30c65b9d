"""The catalogue of pins, with annotations, interests and titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.table import Table
from journeys_assets.synthetic import noise
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.streams import draw_without_replacement, pick, pick_early, stream
from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.themes import THEMES
from journeys_assets.synthetic.wording import variation

cached_normalise = lru_cache(maxsize=1 << 18)(normalise)

BROAD_INTERESTS = frozenset(
    interest
    for interest, count in Counter(interest for theme in THEMES for interest in theme.interests).items()
    if count >= 3
)
"""Interests of three themes or more. They do not identify the theme that a user pursues, so they are noise."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One item. ``theme`` is its true theme, or None.

    ``keywords`` are the keywords of an action on it: (text, normalised, source, belongs to the theme).
    """

    pin_id: str
    theme: str | None
    annotations: tuple[str, ...]
    interests: tuple[str, ...]
    title: str
    keywords: tuple[tuple[str, str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All pins, by theme."""

    of_theme: dict[str, tuple[Pin, ...]]
    off_topic: tuple[Pin, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The pins in the form of the landing contract."""
        pins = [pin for own in self.of_theme.values() for pin in own] + list(self.off_topic)
        rows = [(p.pin_id, list(p.annotations), list(p.interests), p.title) for p in pins]
        return landing_frame(LANDING["pins"], rows)


def landing_frame(source: Table, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Landing rows of the world, without ``updated_at``: its items and users do not change."""
    schema = {name: dtype for name, dtype in source.polars_schema.items() if name != "updated_at"}
    return pl.concat([source.empty(), pl.DataFrame(rows, schema=schema, orient="row")], how="diagonal")


def make_catalogue(params: WorldParams) -> Catalogue:
    """The catalogue of a world. It does not depend on users and days."""
    of_theme = {
        theme.name: tuple(_theme_pin(params, theme, at, number) for number in range(params.pins_per_theme))
        for at, theme in enumerate(THEMES)
    }
    return Catalogue(of_theme, tuple(_off_topic_pin(params, number) for number in range(params.off_topic_pins)))


def _theme_pin(params: WorldParams, theme: Theme, at: int, number: int) -> Pin:
    rng = stream(params.seed, "pin", theme.name, number)
    own = draw_without_replacement(rng, theme.phrases, 2 + int(rng.random() * 3))
    if rng.random() < 0.3:
        own[-1] = variation(rng, own[-1])
    generic = _generic(rng.random() < params.generic_annotation_share, pick_early(rng, noise.GENERIC))
    interests = draw_without_replacement(rng, theme.interests, 1 + int(rng.random() * 2))
    title = f"{own[0]} | {own[1]}".capitalize()
    return _pin(f"p{at:02d}{number:03d}", theme.name, own, generic, interests, title)


def _off_topic_pin(params: WorldParams, number: int) -> Pin:
    rng = stream(params.seed, "off-topic pin", number)
    own = draw_without_replacement(rng, noise.ONE_OFF, 2)
    generic = _generic(rng.random() < params.generic_annotation_share, pick_early(rng, noise.GENERIC))
    return _pin(f"px{number:04d}", None, own, generic, [pick(rng, noise.OFF_TOPIC_INTERESTS)], own[0].capitalize())


def _generic(carries: bool, word: str) -> list[str]:
    return [word] if carries else []


def _pin(pin_id: str, theme: str | None, own: list[str], generic: list[str], interests: list[str], title: str) -> Pin:
    keywords = (
        *((text, cached_normalise(text), "annotation", True) for text in own),
        *((text, cached_normalise(text), "annotation", False) for text in generic),
        *((text, cached_normalise(text), "interest", text not in BROAD_INTERESTS) for text in interests),
    )
    return Pin(pin_id, theme, (*own, *generic), tuple(interests), title, keywords)
