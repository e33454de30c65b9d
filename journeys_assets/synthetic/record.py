"""The actions of one user, as rows of the landing sources, and the truth behind them.

What users do is decided in ``behaviour`` and ``notifications``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from journeys_assets.synthetic.catalogue import Pin, cached_normalise
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import User

Row = tuple[object, ...]


@dataclass(slots=True)
class KeywordTruth:
    """One keyword of one user: its first spelling, and how often each theme was meant."""

    text: str
    first_engaged_at: datetime
    themes: Counter[str | None] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)


class UserRecord:
    """Collects the actions of a user. Actions outside the time of the world are dropped."""

    def __init__(self, params: WorldParams, user: User) -> None:
        self.user = user
        self.starts_at = params.starts_at
        self.ends_at = params.ends_at
        self.searches: list[Row] = []
        self.engagements: list[Row] = []
        self.board_pins: list[Row] = []
        self.keywords: dict[str, KeywordTruth] = {}
        self.actions: Counter[tuple[str, date, str]] = Counter()
        self.earliest: dict[str, tuple[datetime, str]] = {}
        self.searched: dict[str | None, dict[str, datetime]] = {}
        """Normalised searches and annotations with their first time, by theme (None: noise)."""

    def search(self, query: str, theme: str | None, at: datetime) -> None:
        if not self.starts_at <= at < self.ends_at:
            return
        self.searches.append((self.user.user_id, query, at))
        self._note(query, cached_normalise(query), "query", theme, at)
        if theme is not None:
            self.actions[theme, at.date(), "search"] += 1

    def engage(self, pin: Pin, action: str, at: datetime, *, pursued: frozenset[str]) -> None:
        """Record one action on ``pin``. A pin of a theme that the user does not pursue is noise."""
        if not self.starts_at <= at < self.ends_at:
            return
        theme = pin.theme if pin.theme in pursued else None
        self.engagements.append((self.user.user_id, pin.pin_id, action, at))
        for text, keyword, source, own in pin.keywords:
            self._note(text, keyword, source, theme if own else None, at)
        if theme is not None:
            self.actions[theme, at.date(), action] += 1

    def put_on_board(self, pin: Pin, board_id: str, name: str, theme: str | None, at: datetime) -> None:
        if not self.starts_at <= at < self.ends_at:
            return
        self.board_pins.append((self.user.user_id, board_id, name, pin.pin_id, at))
        self._note(name, cached_normalise(name), "board", theme, at)

    def _note(self, text: str, keyword: str, source: str, theme: str | None, at: datetime) -> None:
        truth = self.keywords.get(keyword)
        if truth is None:
            truth = self.keywords[keyword] = KeywordTruth(text, at)
        elif at < truth.first_engaged_at:
            truth.first_engaged_at, truth.text = at, text
        truth.themes[theme] += 1
        truth.sources.add(source)
        if source in ("query", "annotation"):
            times = self.searched.setdefault(theme, {})
            times[keyword] = min(times.get(keyword, at), at)
        if theme is not None:
            self.earliest[theme] = min(self.earliest.get(theme, (at, keyword)), (at, keyword))

    def theme_of(self, keyword: str) -> str | None:
        """The theme that the user meant most often by ``keyword``; None for noise.

        An interest of items of several of the user's themes belongs to none of them.
        """
        truth = self.keywords[keyword]
        named = sorted((theme, count) for theme, count in truth.themes.items() if theme is not None)
        if not named or (truth.sources == {"interest"} and len(named) > 1):
            return None
        theme, count = max(named, key=lambda pair: pair[1])
        return theme if count >= truth.themes[None] else None
