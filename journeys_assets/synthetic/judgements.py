"""Simulated judgements of three annotators, and feedback of users on their own journeys.

The annotators see the same keywords. One is strict, one lenient, and each has different noise. So they mostly agree and
sometimes differ by a level, as people do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import Journey, User
from journeys_assets.synthetic.record import Row, UserRecord
from journeys_assets.synthetic.streams import draw_without_replacement, pick, pick_weighted, stream

MAX_KEYWORDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Annotator:
    """Bias and noise (standard deviation) in levels of relevance, and shares of wrong stages and of given names."""

    annotator_id: str
    bias: float
    noise: float
    wrong_stage_share: float
    names_share: float


ANNOTATORS = (
    Annotator("ann", bias=-0.4, noise=0.55, wrong_stage_share=0.08, names_share=0.35),
    Annotator("ben", bias=0.0, noise=0.75, wrong_stage_share=0.14, names_share=0.15),
    Annotator("chi", bias=0.4, noise=0.65, wrong_stage_share=0.1, names_share=0.25),
)


@dataclass(frozen=True, slots=True)
class _Item:
    keywords: list[str]
    relevance: float
    stage: str
    theme: str | None
    names: tuple[str, ...]


def maybe_annotate(
    params: WorldParams, user: User, journeys: Sequence[Journey], day: int, record: UserRecord
) -> tuple[list[Row], list[Row]]:
    """Judgements of one true or false journey on the morning after ``day``: (rows, truth rows); may be empty."""
    rng = stream(params.seed, "annotation", user.index, day)
    seen_at = params.starts_at + timedelta(days=day + 1)
    if user.index >= params.annotated_users or rng.random() >= params.annotation_share or seen_at >= params.ends_at:
        return [], []
    item = _item(rng, journeys, day, record, seen_at)
    if item is None:
        return [], []
    rows: list[Row] = []
    for annotator in ANNOTATORS:
        relevance = round(item.relevance + annotator.bias + rng.gauss(0.0, annotator.noise))
        stage = item.stage
        if rng.random() < annotator.wrong_stage_share:
            stage = "ended" if stage == "ongoing" else "ongoing"
        better = pick(rng, item.names) if item.names and rng.random() < annotator.names_share else None
        at = seen_at + timedelta(hours=9, seconds=int(rng.random() * 8 * 3600))
        if at < params.ends_at:
            level = min(5, max(1, relevance))
            judged = (user.user_id, None, item.keywords, level, stage, better, annotator.annotator_id, at)
            rows.append((*judged, None, None))
    truth = (user.user_id, seen_at.date(), item.keywords, item.theme, item.relevance, item.stage)
    return rows, [truth] if rows else []


def maybe_give_feedback(
    params: WorldParams, user: User, journeys: Sequence[Journey], day: int, record: UserRecord
) -> list[Row]:
    """Feedback of the user on one true or false journey on the morning after ``day``; may be empty."""
    rng = stream(params.seed, "feedback", user.index, day)
    seen_at = params.starts_at + timedelta(days=day + 1)
    known = [j for j in journeys if record.earliest.get(j.theme.name, (seen_at, ""))[0] < seen_at]
    at = seen_at + timedelta(hours=10, seconds=int(rng.random() * 3600))
    if not known or rng.random() >= params.feedback_share or at >= params.ends_at:
        return []
    stray = _known(record, None, seen_at)
    if stray and rng.random() < 0.2:
        return [(user.user_id, journey_id(user.user_id, stray[0]), "not_mine", at)]
    journey = pick(rng, known)
    currentness = journey.currentness(day)
    weights = (1.0 - currentness, 0.05, 0.15, currentness)
    verdict = pick_weighted(rng, ("finished", "not_mine", "mute", "more"), weights)
    earliest = record.earliest[journey.theme.name][1]
    return [(user.user_id, journey_id(user.user_id, earliest), verdict, at)]


def _item(rng: Random, journeys: Sequence[Journey], day: int, record: UserRecord, seen_at: datetime) -> _Item | None:
    """The item to judge. Six in ten are true journeys; the others are two mixed journeys, or noise."""
    keywords = {j.theme.name: _known(record, j.theme.name, seen_at) for j in journeys}
    known = [j for j in journeys if len(keywords[j.theme.name]) >= 3]
    stray = _known(record, None, seen_at)
    kind = rng.random()
    if kind >= 0.8 and len(stray) >= 3:
        return _Item(_shown(rng, stray), 1.3, "ended", None, ())
    if not known:
        return None
    journey = pick(rng, known)
    if 0.6 <= kind < 0.8 and len(known) >= 2:
        other = pick(rng, [j for j in known if j is not journey])
        mixed = [_shown(rng, keywords[j.theme.name])[: MAX_KEYWORDS_SHOWN // 2] for j in (journey, other)]
        return _Item([*mixed[0], *mixed[1]], 2.1, "ongoing" if journey.currentness(day) > 0.5 else "ended", None, ())
    currentness, own = journey.currentness(day), keywords[journey.theme.name]
    relevance = min(5.0, 2.6 + 1.8 * currentness + 0.12 * min(len(own), 8))
    ongoing = journey.theme.kind == "evergreen" or currentness > 0.3
    names = (journey.theme.good_name, journey.theme.good_name.title(), *journey.theme.phrases[:2])
    return _Item(_shown(rng, own), relevance, "ongoing" if ongoing else "ended", journey.theme.name, names)


def _known(record: UserRecord, theme: str | None, before: datetime) -> list[str]:
    """Searches and annotations of ``theme`` before a time, the earliest first."""
    times = record.searched.get(theme, {})
    return [keyword for at, keyword in sorted((at, keyword) for keyword, at in times.items()) if at < before]


def _shown(rng: Random, keywords: list[str]) -> list[str]:
    return draw_without_replacement(rng, keywords, MAX_KEYWORDS_SHOWN)
