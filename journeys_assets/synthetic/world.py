"""The complete world: landing sources and truth of all users, in memory and on disk.

What users do is decided in ``behaviour``, ``notifications`` and ``judgements``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.table import TIMESTAMP
from journeys_assets.synthetic.behaviour import is_active, simulate_day
from journeys_assets.synthetic.catalogue import Catalogue, landing_frame, make_catalogue
from journeys_assets.synthetic.judgements import maybe_annotate, maybe_give_feedback
from journeys_assets.synthetic.notifications import describe_policy, maybe_send, open_mailbox
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import NEVER, Journey, User, make_user, plan_journeys
from journeys_assets.synthetic.record import Row, UserRecord
from journeys_assets.synthetic.streams import stream

EVENT_TIMES = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
    "notification_events": "sent_at",
    "journey_annotations": "annotated_at",
    "journey_feedback": "given_at",
}
"""Sources with one file per UTC day, and the time column that determines the day."""

_TEXT, _DATE, _INT, _FLOAT = pl.String(), pl.Date(), pl.Int64(), pl.Float64()
TRUTH_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "truth_users": {
        "user_id": _TEXT,
        "user_class": _TEXT,
        "response_propensity": _FLOAT,
        "active_share": _FLOAT,
        "signed_up_on": _DATE,
        "stopped_on": _DATE,
        "arm": _TEXT,
    },
    "truth_journeys": {
        "user_id": _TEXT,
        "theme": _TEXT,
        "kind": _TEXT,
        "name": _TEXT,
        "begun_on": _DATE,
        "paused_on": _DATE,
        "resumed_on": _DATE,
        "ended_on": _DATE,
    },
    "truth_keywords": {
        "user_id": _TEXT,
        "keyword": _TEXT,
        "normalised_keyword": _TEXT,
        "theme": _TEXT,
        "sources": pl.List(pl.String()),
        "first_engaged_at": TIMESTAMP,
    },
    "truth_engagement": {
        "user_id": _TEXT,
        "theme": _TEXT,
        "day": _DATE,
        "n_searches": _INT,
        "n_closeups": _INT,
        "n_saves": _INT,
        "n_clickthroughs": _INT,
    },
    "truth_notifications": {
        "notification_id": _TEXT,
        "user_id": _TEXT,
        "arm": _TEXT,
        "theme": _TEXT,
        "sent_at": TIMESTAMP,
        "is_random_slot": pl.Boolean(),
        "currentness": _FLOAT,
        "sends_last_7_days": _INT,
        "click_probability": _FLOAT,
        "open_probability": _FLOAT,
        "unsubscribe_probability": _FLOAT,
        "n_follow_up_engagements": _INT,
    },
    "truth_annotations": {
        "user_id": _TEXT,
        "judged_on": _DATE,
        "keywords": pl.List(pl.String()),
        "theme": _TEXT,
        "relevance": _FLOAT,
        "stage": _TEXT,
    },
}
"""Tables of the truth. ``theme`` is null for noise, and for sends and judgements about no true journey.

``truth_journeys`` has one row per user and theme that was active at some time in the world. A date after the end of the
world is null, because it is not known yet. ``begun_on`` may be before the world; it is null for evergreen journeys,
which have no begin and no end. ``paused_on`` and ``resumed_on`` belong to the last pause.
"""


@dataclass(frozen=True, slots=True)
class World:
    """A world: frames by landing source, frames by truth table, and the parameters of the sending policy."""

    landing: dict[str, pl.DataFrame]
    truth: dict[str, pl.DataFrame]
    policy: dict[str, object]


@dataclass(slots=True)
class _Rows:
    landing: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in LANDING})
    truth: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TRUTH_SCHEMAS})


def generate_world(params: WorldParams) -> World:
    """The world of ``params``. The same ``params`` give the same world on every machine.

    Users who sign up after the end of the world are left out; this happens in worlds of less than two weeks.
    """
    catalogue = make_catalogue(params)
    rows = _Rows()
    for index in range(params.n_users):
        user = make_user(params, index)
        if user.signs_up_on < params.n_days:
            _simulate_user(params, user, catalogue, rows)
    landing = {name: landing_frame(table, rows.landing[name]) for name, table in LANDING.items()}
    landing["pins"] = catalogue.frame
    for name, time in EVENT_TIMES.items():
        landing[name] = landing[name].sort(time, "user_id", maintain_order=True)
    truth = {
        name: pl.DataFrame(rows.truth[name], schema=schema, orient="row") for name, schema in TRUTH_SCHEMAS.items()
    }
    return World(landing, truth, describe_policy(params))


def write_world(world: World, folder: Path) -> None:
    """Write ``folder/landing/<source>/…`` and ``folder/truth/…`` as Parquet.

    Events have one file per UTC day (``<day>.parquet``), pins and users one file each, and what the world does not have
    (everybody has one id, so there are no identities) none. Parquet files of an earlier world in these folders are
    removed, so that two worlds are never mixed.
    """
    for source, frame in world.landing.items():
        target = _emptied(folder / "landing" / source)
        time = EVENT_TIMES.get(source)
        if frame.is_empty():
            continue
        if time is None:
            frame.write_parquet(target / f"{source}.parquet")
            continue
        for (day,), part in frame.group_by(pl.col(time).dt.date(), maintain_order=True):
            part.write_parquet(target / f"{day}.parquet")
    truth = _emptied(folder / "truth")
    for name, frame in world.truth.items():
        frame.write_parquet(truth / f"{name}.parquet")
    (truth / "policy.json").write_text(json.dumps(world.policy, indent=2, sort_keys=True) + "\n")


def _emptied(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.parquet"):
        old.unlink()
    return folder


def _simulate_user(params: WorldParams, user: User, catalogue: Catalogue, rows: _Rows) -> None:
    """All days of one user. Each day: a send, then the user's actions, then judgements and feedback."""
    record = UserRecord(params, user)
    journeys = plan_journeys(params, user)
    mailbox = open_mailbox(params, user)
    visits = stream(params.seed, "visits", user.index)
    for day in range(params.n_local_days):
        active = is_active(params, user, day, visits.random())
        maybe_send(params, user, journeys, catalogue, day, record, mailbox)
        if not active:
            continue
        simulate_day(params, user, journeys, catalogue, day, record)
        annotations, judged = maybe_annotate(params, user, journeys, day, record)
        rows.landing["journey_annotations"] += annotations
        rows.truth["truth_annotations"] += judged
        rows.landing["journey_feedback"] += maybe_give_feedback(params, user, journeys, day, record)
    rows.landing["users"].append(_user_row(params, user))
    rows.landing["search_events"] += record.searches
    rows.landing["pin_engagements"] += record.engagements
    rows.landing["board_pins"] += record.board_pins
    rows.landing["notification_events"] += mailbox.rows
    rows.truth["truth_notifications"] += mailbox.truth
    rows.truth["truth_users"].append(
        (user.user_id, user.user_class, user.response_propensity, user.active_share, _day(params, user.signs_up_on),
         _day(params, user.stops_on), mailbox.arm)
    )  # fmt: skip
    rows.truth["truth_journeys"] += (
        _journey_row(params, user, journey) for journey in journeys if journey.has_begun(params.n_days - 1)
    )
    rows.truth["truth_keywords"] += _keyword_rows(record)
    rows.truth["truth_engagement"] += _engagement_rows(record)


def _user_row(params: WorldParams, user: User) -> Row:
    signed_up_at = params.starts_at + timedelta(days=user.signs_up_on, seconds=user.index * 997 % 86400)
    timezone = user.timezone if user.timezone_known else None
    return (
        user.user_id, signed_up_at, user.country, user.locale, timezone, user.email_opt_in, user.push_opt_in, None,
    )  # fmt: skip


def _day(params: WorldParams, day: int) -> date | None:
    """The date of a day of the world; None for days after its end and for ``-NEVER``."""
    return None if day >= params.n_days or day <= -NEVER else params.first_day + timedelta(days=day)


def _journey_row(params: WorldParams, user: User, journey: Journey) -> Row:
    spans = [span for span in journey.segments if span[0] < params.n_days]
    paused, resumed = (spans[-2][1], spans[-1][0]) if len(spans) > 1 else (None, None)
    if len(spans) < len(journey.segments) and journey.theme.kind == "situational":
        paused, ended = spans[-1][1], None
    else:
        ended = spans[-1][1]
    dates = [None if day is None else _day(params, day) for day in (spans[0][0], paused, resumed, ended)]
    theme = journey.theme
    return (user.user_id, theme.name, theme.kind, theme.good_name, *dates)


def _keyword_rows(record: UserRecord) -> Iterable[Row]:
    for keyword, truth in sorted(record.keywords.items()):
        yield (
            record.user.user_id, truth.text, keyword, record.theme_of(keyword), sorted(truth.sources),
            truth.first_engaged_at,
        )  # fmt: skip


def _engagement_rows(record: UserRecord) -> Iterable[Row]:
    for theme, day in sorted({(theme, day) for theme, day, _ in record.actions}):
        counts = (record.actions[theme, day, action] for action in ("search", "closeup", "save", "clickthrough"))
        yield (record.user.user_id, theme, day, *counts)
