"""What users do on a day: sessions of searches, closeups, saves and clickthroughs; and what bots do.

What belongs here: organic behaviour. What does not: traits and plans (``plans``), notifications and what they bring
about (``notifications``).

A journey is first explored (searches and closeups), then decided (saves), then acted on (clickthroughs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from journeys_assets.synthetic import noise
from journeys_assets.synthetic.catalogue import Catalogue, Pin
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import Journey, User
from journeys_assets.synthetic.record import UserRecord
from journeys_assets.synthetic.streams import pick, pick_early, pick_weighted, stream
from journeys_assets.synthetic.wording import other_case, other_number, typo

HOURS = tuple(range(24))
HOUR_WEIGHTS = (1, 0.4, 0.1, 0.1, 0.1, 0.3, 1, 2, 2.5, 2.5, 2.5, 3, 4, 3.5, 3, 3, 3, 3.5, 4.5, 6, 7.5, 7, 5, 2.5)
"""Local hours at which sessions begin."""
WEEKDAY_FACTORS = (0.95, 0.9, 0.9, 0.95, 1.0, 1.1, 1.2)


@dataclass(frozen=True, slots=True)
class Phase:
    """Mean searches of a session, mean closeups after a search, and what follows a closeup."""

    searches: float
    closeups: float
    save: float
    clickthrough: float


EXPLORING = Phase(searches=2.4, closeups=1.1, save=0.25, clickthrough=0.08)
DECIDING = Phase(searches=1.6, closeups=1.4, save=0.5, clickthrough=0.2)
ACTING = Phase(searches=1.2, closeups=1.0, save=0.2, clickthrough=0.6)


def is_active(params: WorldParams, user: User, day: int, draw: float) -> bool:
    """Whether ``user`` comes on ``day``, by a uniform draw."""
    weekday = (params.first_day.toordinal() + day - 1) % 7
    return user.signs_up_on <= day < user.stops_on and draw < user.active_share * WEEKDAY_FACTORS[weekday]


def local_time(params: WorldParams, user: User, day: int, hour: float) -> datetime:
    """UTC of an hour of the user's own clock on ``day``."""
    midnight = params.starts_at + timedelta(days=day)
    return (midnight + timedelta(hours=hour)).replace(tzinfo=user.zone).astimezone(UTC).replace(tzinfo=None)


def spend_day(
    params: WorldParams, user: User, journeys: Sequence[Journey], catalogue: Catalogue, day: int, record: UserRecord
) -> None:
    """The sessions of ``user`` on ``day``, one after the other."""
    rng = stream(params.seed, "day", user.index, day)
    if user.user_class == "bot":
        _crawl(params, user, day, rng, record)
        return
    pursued = pursued_themes(journeys, day)
    heavy = user.user_class == "heavy"
    n_sessions = (2 if heavy else 1) + (rng.random() < 0.4) + (rng.random() < 0.12) + (heavy and rng.random() < 0.6)
    starts = sorted(pick_weighted(rng, HOURS, HOUR_WEIGHTS) + rng.random() for _ in range(n_sessions))
    free_from = local_time(params, user, day, 0.0)
    for start in starts:
        at = max(local_time(params, user, day, start), free_from)
        free_from = _session(params, user, journeys, catalogue, day, at, rng, record, pursued)


def pursued_themes(journeys: Sequence[Journey], day: int) -> frozenset[str]:
    """Themes of the journeys that have begun: a pin of any other theme was met by chance."""
    return frozenset(journey.theme.name for journey in journeys if journey.has_begun(day))


def phase_of(journey: Journey, day: int, rng: Random) -> Phase:
    """Early days explore, middle days decide, late days act; evergreen journeys do all by turns."""
    progress = rng.random() if journey.theme.kind == "evergreen" else journey.progress(day) + rng.gauss(0, 0.1)
    return EXPLORING if progress < 0.4 else DECIDING if progress < 0.75 else ACTING


def own_pin(rng: Random, catalogue: Catalogue, user: User, journey: Journey) -> Pin:
    """A pin of the journey's theme; each user has favourites of their own."""
    pins = catalogue.of_theme[journey.theme.name]
    return pins[(int(rng.random() ** 1.4 * len(pins)) + user.index * 7) % len(pins)]


def save(
    rng: Random,
    user: User,
    journey: Journey | None,
    pin: Pin,
    at: datetime,
    record: UserRecord,
    pursued: frozenset[str],
) -> None:
    """A save, and most times a place on a board: the journey's own, or one where everything goes."""
    record.engage(pin, "save", at, pursued=pursued)
    if rng.random() >= 0.75:
        return
    at += timedelta(seconds=2)
    if journey is None or rng.random() < 0.08:
        name = noise.CATCH_ALL_BOARDS[user.index % len(noise.CATCH_ALL_BOARDS)]
        record.put_on_board(pin, f"{user.user_id}-b0", name, None, at)
    else:
        board_id = f"{user.user_id}-{journey.theme.name.replace(' ', '-')}"
        record.put_on_board(pin, board_id, journey.board, journey.theme.name, at)


def _session(
    params: WorldParams,
    user: User,
    journeys: Sequence[Journey],
    catalogue: Catalogue,
    day: int,
    at: datetime,
    rng: Random,
    record: UserRecord,
    pursued: frozenset[str],
) -> datetime:
    """One session from ``at``; returns when the user is free for the next."""
    pulls = [journey.pull(day) for journey in journeys]
    journey = pick_weighted(rng, journeys, pulls) if sum(pulls) > 0 else None
    if journey is not None:
        journey.last_seen_day = day
    phase = phase_of(journey, day, rng) if journey is not None else EXPLORING
    n_searches = 1 + _some(rng, phase.searches - 1 + (1.5 if user.user_class == "heavy" else 0))
    for _ in range(n_searches):
        at += _pause(rng, 40)
        off_topic = journey is None or rng.random() < params.noise_search_share
        if off_topic or journey is None:
            record.search(pick(rng, noise.NAVIGATIONAL if rng.random() < 0.35 else noise.ONE_OFF), None, at)
            if rng.random() < 0.3:
                at += _pause(rng, 25)
                record.engage(pick(rng, catalogue.off_topic), "closeup", at, pursued=pursued)
            continue
        record.search(_query(params, user, journey, rng), journey.theme.name, at)
        for _ in range(_some(rng, phase.closeups)):
            at = _look(user, journey, catalogue, phase, at, rng, record, pursued)
    return at + timedelta(minutes=15)


def _look(
    user: User,
    journey: Journey,
    catalogue: Catalogue,
    phase: Phase,
    at: datetime,
    rng: Random,
    record: UserRecord,
    pursued: frozenset[str],
) -> datetime:
    """A closeup and what follows it; now and then of a pin from another theme that happened to be shown."""
    stray = rng.random() < 0.03
    pin = own_pin(rng, catalogue, user, journey)
    if stray:
        pin = pick(rng, catalogue.of_theme[pick(rng, tuple(catalogue.of_theme))])
    at += _pause(rng, 25)
    record.engage(pin, "closeup", at, pursued=pursued)
    if stray:
        return at
    if rng.random() < phase.save:
        at += _pause(rng, 8)
        save(rng, user, journey, pin, at, record, pursued)
    if rng.random() < phase.clickthrough:
        at += _pause(rng, 12)
        record.engage(pin, "clickthrough", at, pursued=pursued)
    return at


def _query(params: WorldParams, user: User, journey: Journey, rng: Random) -> str:
    """One of the user's own words for the journey, as typed this time."""
    abroad = [text for language, text in journey.theme.translations if language == user.language]
    text = pick(rng, abroad) if abroad and rng.random() < params.translation_share else ""
    text = text or pick_early(rng, journey.words)
    if rng.random() < params.number_share:
        text = other_number(text)
    if rng.random() < params.typo_share:
        text = typo(rng, text)
    return other_case(rng, text) if rng.random() < params.shouting_share else text


def _crawl(params: WorldParams, user: User, day: int, rng: Random, record: UserRecord) -> None:
    """A bot's day: one subject page by page at a steady beat, or the same three searches over and over."""
    subject = noise.BOT_SUBJECTS[user.index % len(noise.BOT_SUBJECTS)]
    at = local_time(params, user, day, 3.0)
    repeats = user.index % 2 == 0
    for number in range(120 + int(rng.random() * 180)):
        at += timedelta(seconds=45)
        page = number % 3 if repeats else day * 300 + number
        record.search(f"{subject} page {page}", None, at)


def _some(rng: Random, mean: float) -> int:
    """A count with this mean: 0 and up, geometric."""
    stop = 1.0 / (1.0 + max(mean, 0.0))
    count = 0
    while rng.random() >= stop and count < 12:
        count += 1
    return count


def _pause(rng: Random, mean_seconds: float) -> timedelta:
    return timedelta(seconds=3 + int(rng.expovariate(1 / mean_seconds)), microseconds=int(rng.random() * 1_000_000))
