"""The users of the world: their traits and planned journeys. Their events are made in ``behaviour``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TypeAlias
from zoneinfo import ZoneInfo

from journeys_assets.synthetic.languages import HOMES, in_language, language_of, themes_by_language, themes_of_kind
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.streams import draw_without_replacement, pick, pick_weighted, stream
from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.wording import vocabulary

OTHER_LANGUAGE_EVERY = 4
"""In a world of two languages, every so many of a user's searches for a journey is in the other language."""
NEVER = 10**9
Segments: TypeAlias = tuple[tuple[int, int], ...]
"""[begin, end) in days since the first day of the world, in order."""


@dataclass(frozen=True, slots=True)
class User:
    """Traits of one user. Days count from the first day of the world (0); ``stops_on`` is the first without visits.

    ``searches_in`` is the language of most of the user's texts, one of those of the world."""

    index: int
    user_id: str
    user_class: str
    locale: str
    country: str
    timezone: str
    timezone_known: bool
    signs_up_on: int
    stops_on: int
    active_share: float
    response_propensity: float
    email_opt_in: bool | None
    push_opt_in: bool | None
    zone: ZoneInfo
    searches_in: str

    @property
    def language(self) -> str:
        return self.locale.split("-")[0]


@dataclass(slots=True)
class Journey:
    """A true journey of a user: a theme, the times when it is active, and the user's own words for it.

    Attributes:
        segments: [begin, end) in days since the first day of the world, in order; days below 0 are before the world.
        words: The user's searches for it, the most frequent first.
        cadence_days: For evergreen journeys, days between the user's returns to it.
        last_seen_day: Day of the last session about it; updated during the simulation.
    """

    theme: Theme
    segments: Segments
    words: tuple[str, ...]
    board: str
    cadence_days: int
    last_seen_day: int = field(default=-NEVER)

    def is_on(self, day: int) -> bool:
        return any(begin <= day < end for begin, end in self.segments)

    def has_begun(self, day: int) -> bool:
        return bool(self.segments) and self.segments[0][0] <= day

    def progress(self, day: int) -> float:
        """Progress in active days: 0 at the begin, 1 at the end; for seasonal journeys within the current season."""
        spans = self.segments
        if self.theme.kind == "seasonal":
            spans = tuple((begin, end) for begin, end in spans if begin <= day < end)
        total = sum(end - begin for begin, end in spans)
        return sum(min(max(day - begin, 0), end - begin) for begin, end in spans) / max(total, 1)

    def currentness(self, day: int) -> float:
        """The user's interest in it, 0-1: 1 while it is active (0.8 if evergreen), lower in a pause, decaying after."""
        if self.is_on(day):
            return 0.8 if self.theme.kind == "evergreen" else 1.0
        ends = [end for _, end in self.segments if end <= day]
        if not ends:
            return 0.0
        resumes = any(begin > day for begin, _ in self.segments) and self.theme.kind == "situational"
        return 0.35 if resumes else 0.6 * math.exp(-(day - ends[-1]) / 7.0)

    def pull(self, day: int) -> float:
        """Weight of this journey when the subject of a session on ``day`` is drawn."""
        if not self.is_on(day):
            return 0.0
        if self.theme.kind == "situational":
            return 2.0
        if self.theme.kind == "seasonal":
            return 1.5
        return min(3.0, 1.5 * (day - self.last_seen_day) / self.cadence_days)


def make_user(params: WorldParams, index: int) -> User:
    """The ``index``-th user, independent of all others."""
    rng = stream(params.seed, "user", index)
    draw = rng.random()
    heavy = params.bot_share <= draw < params.bot_share + params.heavy_share
    user_class = "bot" if draw < params.bot_share else "heavy" if heavy else "normal"
    homes = HOMES[params.language]
    locale, country, timezone, _ = pick_weighted(rng, homes, [home[3] for home in homes])
    signs_up_on = int(rng.random() * 14) if rng.random() < params.newcomer_share else -1 - int(rng.expovariate(1 / 400))
    stays = rng.random() >= params.dropout_share
    stops_on = NEVER if stays else max(signs_up_on, 0) + 5 + int(rng.random() * 85)
    share = params.active_share
    active_share = min(1.0, rng.betavariate(1.6, 1.6 * (1 - share) / share)) if 0 < share < 1 else share
    propensity = rng.gauss(0.0, 0.6)
    email, push = (pick_weighted(rng, (True, False, None), (0.6, 0.3, 0.1)) for _ in range(2))
    if user_class == "bot":
        email, push, active_share, stops_on = False, False, 0.5, NEVER
    if user_class == "heavy":
        active_share = 0.55 + 0.4 * rng.random()
    return User(
        index, f"u{index:05d}", user_class, locale, country, timezone, rng.random() < 0.97, signs_up_on, stops_on,
        active_share, propensity, email, push, ZoneInfo(timezone), language_of(params.language, locale),
    )  # fmt: skip


def plan_journeys(params: WorldParams, user: User) -> list[Journey]:
    """The journeys of ``user`` that touch the world, in order of planning; none for bots."""
    if user.user_class == "bot":
        return []
    heavy = user.user_class == "heavy"
    days = params.n_local_days
    rng = stream(params.seed, "plan", user.index)
    n_evergreen = 3 + int(rng.random() * 4) if heavy else pick_weighted(rng, (0, 1, 2, 3), (0.25, 0.4, 0.25, 0.1))
    n_under_way = 3 + int(rng.random() * 3) if heavy else pick_weighted(rng, (0, 1, 2), (0.25, 0.5, 0.25))
    evergreen, seasonal = (
        themes_of_kind(params.language, user.searches_in, kind) for kind in ("evergreen", "seasonal")
    )
    always: Segments = ((-NEVER, NEVER),)
    plans = [(theme, always) for theme in draw_without_replacement(rng, evergreen, n_evergreen)]
    plans += [
        (theme, _seasons(params, user, theme)) for theme in draw_without_replacement(rng, seasonal, 5 if heavy else 3)
    ]
    plans += _situational(params, user, max(n_under_way, int(n_evergreen == 0)), 7.0 if heavy else 20.0)
    return [
        _journey(params, user, theme, segments)
        for theme, segments in plans
        if segments and segments[0][0] < days and segments[-1][1] > 0
    ]


def _journey(params: WorldParams, user: User, theme: Theme, segments: Segments) -> Journey:
    rng = stream(params.seed, "journey", user.index, theme.name)
    heavy = user.user_class == "heavy"
    size = 20 + int(rng.random() * 40) if heavy else 5 + int(rng.random() ** 2 * 30)
    words = vocabulary(rng, theme, size)
    for other in themes_by_language(params.language):
        if other != theme.language:
            own = vocabulary(rng, in_language(params.language, other, theme.name), size)
            n = OTHER_LANGUAGE_EVERY
            words = tuple(own[at // n] if at % n == n - 1 else word for at, word in enumerate(words))
    return Journey(theme, segments, words, pick(rng, theme.boards), 4 + int(rng.random() * 7))


def _situational(
    params: WorldParams, user: User, n_under_way: int, mean_gap_days: float
) -> list[tuple[Theme, Segments]]:
    """Situational journeys that are active when the world begins, then new ones at random intervals until it ends."""
    rng = stream(params.seed, "situational", user.index)
    situational = themes_of_kind(params.language, user.searches_in, "situational")
    themes = iter(draw_without_replacement(rng, situational, len(situational)))
    begins = _begins(rng, n_under_way, mean_gap_days, params.n_local_days)
    return [(theme, _segments(rng, begin)) for begin, theme in zip(begins, themes, strict=False)]


def _begins(rng: Random, n_under_way: int, mean_gap_days: float, n_days: int) -> Iterator[int]:
    for _ in range(n_under_way):
        yield -int(rng.random() * 25)
    day = rng.expovariate(1 / mean_gap_days)
    while day < n_days:
        yield int(day)
        day += 1 + rng.expovariate(1 / mean_gap_days)


def _segments(rng: Random, begin: int) -> Segments:
    """One span of days, or two with a pause between them; 6 to 110 days in total."""
    length = min(110, max(6, round(rng.lognormvariate(math.log(26), 0.6))))
    if rng.random() < 0.3 and length >= 14:
        first = round(length * (0.3 + 0.3 * rng.random()))
        pause = 8 + int(rng.random() * 22)
        return (begin, begin + first), (begin + first + pause, begin + length + pause)
    return ((begin, begin + length),)


def _seasons(params: WorldParams, user: User, theme: Theme) -> Segments:
    """The seasons of ``theme`` that touch the world; the user starts up to 20 days late, differently each year."""
    last_day = params.first_day + timedelta(days=params.n_local_days - 1)
    found = []
    for year in range(params.first_day.year - 1, last_day.year + 1):
        late = int(stream(params.seed, "season", user.index, theme.name, year).random() * 20)
        starts = date(year, theme.months[0], 1) + timedelta(days=late)
        months_on = year * 12 + theme.months[0] - 1 + len(theme.months)
        ends = date(months_on // 12, months_on % 12 + 1, 1)
        if ends > params.first_day and starts <= last_day:
            found.append(((starts - params.first_day).days, (ends - params.first_day).days))
    return tuple(found)
