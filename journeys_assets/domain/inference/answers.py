"""What of a language model's answer counts: journeys made of the user's own keywords, each keyword in at most one.

An answer names journeys and gives each the numbers of its keywords. Whatever it holds, the result is a partition of the
user's keywords:

* A number that was not shown is refused. A keyword that is given twice stays in the journey that comes first.
* A keyword that stands for others of its cluster takes them along.
* Keywords that no journey has keep the cluster of the pipeline, without the keywords that a journey took from it. So an
  empty answer gives the clusters of the pipeline, and nothing of the user is lost.

Kind, stage, intent and confidence that are not allowed values count as not given. All refusals are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journeys_assets.domain.inference.history import History
from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.vocabulary import INTENTS, KINDS, STAGES


@dataclass(frozen=True, slots=True)
class Claim:
    """One journey as it stands in an answer; nothing of it has been checked."""

    name: object
    keywords: Iterable[object]
    kind: object = None
    stage: object = None
    intent: object = None
    confidence: object = None


@dataclass(frozen=True, slots=True)
class AnsweredJourney:
    """One journey of an answer.

    Attributes:
        numbers: Places of its keywords among the items of the history, from 1; in the order of the answer.
        name: The name, cleaned; empty without one. ``domain.naming.suggestions`` decides whether it is accepted.
        kind, stage, intent: Of ``domain.vocabulary``; None where the answer has no allowed value.
        confidence: From 0 to 1; None where the answer has no such number.
    """

    numbers: tuple[int, ...]
    name: str
    kind: str | None
    stage: str | None
    intent: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What counts of an answer, and how much did not.

    Attributes:
        journeys: Journeys with at least one keyword; no keyword is in two of them.
        n_unknown: Numbers that were not shown.
        n_repeated: Numbers of keywords that an earlier journey has.
        n_not_allowed: Kinds, stages, intents and confidences that are no allowed values.
    """

    journeys: tuple[AnsweredJourney, ...]
    n_unknown: int
    n_repeated: int
    n_not_allowed: int


@dataclass(frozen=True, slots=True)
class Group:
    """Some keywords of a user that belong together.

    Attributes:
        keywords: At least one.
        journey: What the answer says of them; None for keywords that no journey of the answer has.
    """

    keywords: tuple[str, ...]
    journey: AnsweredJourney | None


def validated(claims: Iterable[Claim], n_items: int) -> Answer:
    """What counts of an answer about a history of ``n_items`` keywords. Never fails, whatever the answer holds."""
    taken: set[int] = set()
    journeys = []
    n_unknown = n_repeated = n_not_allowed = 0
    for claim in claims:
        numbers = []
        for given in claim.keywords:
            if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= n_items:
                n_unknown += 1
            elif given in taken:
                n_repeated += 1
            else:
                taken.add(given)
                numbers.append(given)
        kind, stage, intent = (
            _one_of(claim.kind, KINDS),
            _one_of(claim.stage, STAGES),
            _one_of(claim.intent, INTENTS),
        )
        confidence = _probability(claim.confidence)
        pairs = ((claim.kind, kind), (claim.stage, stage), (claim.intent, intent), (claim.confidence, confidence))
        n_not_allowed += sum(given is not None and value is None for given, value in pairs)
        if numbers:
            journeys.append(AnsweredJourney(tuple(numbers), _name(claim.name), kind, stage, intent, confidence))
    return Answer(tuple(journeys), n_unknown, n_repeated, n_not_allowed)


def partition(history: History, answer: Answer) -> tuple[Group, ...]:
    """All keywords of the user in groups: the journeys of the answer, then what is left of the pipeline's clusters.

    Args:
        answer: About ``history``.
    """
    groups = []
    for journey in answer.journeys:
        items = [history.items[number - 1] for number in journey.numbers]
        groups.append(Group(tuple(text for item in items for text in (item.keyword, *item.others)), journey))
    taken = {text for group in groups for text in group.keywords}
    rest = (tuple(text for text in cluster if text not in taken) for cluster in history.clusters)
    return (*groups, *(Group(texts, None) for texts in rest if texts))


def _one_of(given: object, allowed: Sequence[str]) -> str | None:
    return given if isinstance(given, str) and given in allowed else None


def _probability(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) if 0 <= given <= 1 else None


def _name(given: object) -> str:
    """The text of a name; empty where it is no text or holds no letter."""
    if not isinstance(given, str):
        return ""
    name = cleaned(given.encode("utf-8", "replace").decode()).strip("\"'“”„«».")
    return name if any(map(str.isalpha, name)) else ""
