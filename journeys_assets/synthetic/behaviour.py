"""Organic behaviour of users on a day: sessions of searches, closeups, saves and clickthroughs; and that of bots.

Traits and plans of users are in ``plans``, notifications and responses in ``notifications``.

A journey starts with exploring (searches and closeups), continues with deciding (saves) and ends with acting
(clickthroughs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from journeys_assets.synthetic import noise
from journeys_assets.synthetic.catalogue import Catalogue, Pin
from journeys_assets.synthetic.noise_by_language import NOISE
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import Journey, User
from journeys_assets.synthetic.record import UserRecord
from journeys_assets.synthetic.streams import pick, pick_early, pick_weighted, stream
from journeys_assets.synthetic.wording import other_case, other_number, typo

HOURS = tuple(range(24))
HOUR_WEIGHTS = (1, 0.4, 0.1, 0.1, 0.1, 0.3, 1, 2, 2.5, 2.5, 2.5, 3, 4, 3.5, 3, 3, 3, 3.5, 4.5, 6, 7.5, 7, 5, 2.5)
"""Weights of the local hours at which sessions start."""
OWN_LANGUAGE_SHARE = 0.75
"""Share of engaged items in the user's own language, in a world of two."""
WEEKDAY_FACTORS = (0.95, 0.9, 0.9, 0.95, 1.0, 1.1, 1.2)


@dataclass(frozen=True, slots=True)
class Phase:
    """Mean searches per session, mean closeups per search, and probabilities of a save and a clickthrough after a
    closeup."""

    searches: float
    closeups: float
    save: float
    clickthrough: float


EXPLORING = Phase(searches=2.4, closeups=1.1, save=0.25, clickthrough=0.08)
DECIDING = Phase(searches=1.6, closeups=1.4, save=0.5, clickthrough=0.2)
ACTING = Phase(searches=1.2, closeups=1.0, save=0.2, clickthrough=0.6)


def is_active(params: WorldParams, user: User, day: int, draw: float) -> bool:
    """Whether ``user`` visits on ``day``, from a uniform ``draw``."""
    weekday = (params.first_day.toordinal() + day - 1) % 7
    return user.signs_up_on <= day < user.stops_on and draw < user.active_share * WEEKDAY_FACTORS[weekday]


def local_time(params: WorldParams, user: User, day: int, hour: float) -> datetime:
    """The UTC time of a local hour of the user on ``day``."""
    midnight = params.starts_at + timedelta(days=day)
    return (midnight + timedelta(hours=hour)).replace(tzinfo=user.zone).astimezone(UTC).replace(tzinfo=None)


def simulate_day(
    params: WorldParams, user: User, journeys: Sequence[Journey], catalogue: Catalogue, day: int, record: UserRecord
) -> None:
    """Record the sessions of ``user`` on ``day``."""
    rng = stream(params.seed, "day", user.index, day)
    if user.user_class == "bot":
        _simulate_bot_day(params, user, day, rng, record)
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
    """Themes of the journeys that have begun. Pins of other themes are noise."""
    return frozenset(journey.theme.name for journey in journeys if journey.has_begun(day))


def phase_of(journey: Journey, day: int, rng: Random) -> Phase:
    """The phase by progress: exploring, deciding, then acting; for evergreen journeys a random one."""
    progress = rng.random() if journey.theme.kind == "evergreen" else journey.progress(day) + rng.gauss(0, 0.1)
    return EXPLORING if progress < 0.4 else DECIDING if progress < 0.75 else ACTING


def own_pin(rng: Random, catalogue: Catalogue, user: User, journey: Journey) -> Pin:
    """A pin of the journey's theme; each user has different favourites."""
    pins = catalogue.of_theme[journey.theme.name]
    if len({pin.language for pin in pins}) > 1:
        is_own = rng.random() < OWN_LANGUAGE_SHARE
        pins = tuple(pin for pin in pins if (pin.language == user.searches_in) == is_own)
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
    """Record a save and usually put the pin on a board: the journey's own one, or a catch-all board."""
    record.engage(pin, "save", at, pursued=pursued)
    if rng.random() >= 0.75:
        return
    at += timedelta(seconds=2)
    if journey is None or rng.random() < 0.08:
        names = NOISE[user.searches_in].catch_all_boards
        name = names[user.index % len(names)]
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
    """Record one session that starts at ``at``. Returns the earliest start of the next one."""
    pulls = [journey.pull(day) for journey in journeys]
    journey = pick_weighted(rng, journeys, pulls) if sum(pulls) > 0 else None
    if journey is not None:
        journey.last_seen_day = day
    phase = phase_of(journey, day, rng) if journey is not None else EXPLORING
    n_searches = 1 + _geometric(rng, phase.searches - 1 + (1.5 if user.user_class == "heavy" else 0))
    for _ in range(n_searches):
        at += _pause(rng, 40)
        off_topic = journey is None or rng.random() < params.noise_search_share
        if off_topic or journey is None:
            own = NOISE[user.searches_in]
            record.search(pick(rng, own.navigational if rng.random() < 0.35 else own.one_off), None, at)
            if rng.random() < 0.3:
                at += _pause(rng, 25)
                record.engage(pick(rng, catalogue.off_topic), "closeup", at, pursued=pursued)
            continue
        record.search(_query(params, user, journey, rng), journey.theme.name, at)
        for _ in range(_geometric(rng, phase.closeups)):
            at = _closeup(user, journey, catalogue, phase, at, rng, record, pursued)
    return at + timedelta(minutes=15)


def _closeup(
    user: User,
    journey: Journey,
    catalogue: Catalogue,
    phase: Phase,
    at: datetime,
    rng: Random,
    record: UserRecord,
    pursued: frozenset[str],
) -> datetime:
    """Record a closeup, and possibly a save and a clickthrough. Sometimes the pin is from a random other theme."""
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
    """One of the user's searches for the journey, with random variations of spelling."""
    abroad = [text for language, text in journey.theme.translations if language == user.language]
    text = pick(rng, abroad) if abroad and rng.random() < params.translation_share else ""
    text = text or pick_early(rng, journey.words)
    if rng.random() < params.number_share and journey.theme.language == "en":
        text = other_number(text)
    if rng.random() < params.typo_share:
        text = typo(rng, text)
    return other_case(rng, text) if rng.random() < params.shouting_share else text


def _simulate_bot_day(params: WorldParams, user: User, day: int, rng: Random, record: UserRecord) -> None:
    """A day of a bot: pages of one subject at a fixed interval, or the same three searches repeatedly."""
    subject = noise.BOT_SUBJECTS[user.index % len(noise.BOT_SUBJECTS)]
    at = local_time(params, user, day, 3.0)
    repeats = user.index % 2 == 0
    for number in range(120 + int(rng.random() * 180)):
        at += timedelta(seconds=45)
        page = number % 3 if repeats else day * 300 + number
        record.search(f"{subject} page {page}", None, at)


def _geometric(rng: Random, mean: float) -> int:
    """A geometric count from 0 to 12, of about this mean."""
    stop = 1.0 / (1.0 + max(mean, 0.0))
    count = 0
    while rng.random() >= stop and count < 12:
        count += 1
    return count


def _pause(rng: Random, mean_seconds: float) -> timedelta:
    return timedelta(seconds=3 + int(rng.expovariate(1 / mean_seconds)), microseconds=int(rng.random() * 1_000_000))
