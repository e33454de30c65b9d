"""Related journeys from a language model: the questions, and the check of every answer.

Only names that may be stored are asked about: those that several users share. What is good in an answer is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel, Field

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.related.candidates import Suggestion
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.vocabulary import RELATIONS
from journeys_assets.models.llm.base import Checked, Prompt, Question

PROMPT = "related"
LONGEST_NAME = 60
SHORTEST_NAME = 2
IsSafe = Callable[[Sequence[str]], Sequence[bool]]
"""Whether each text may be shown to anybody; see the policy of the deployment."""
Suggestions = dict[str, list[Suggestion]]


class RelatedName(BaseModel):
    """One related journey, as a model gives it."""

    name: str
    type: str


class RelatedItem(BaseModel):
    """What a model says of one name."""

    name: str
    related: list[RelatedName] = Field(default_factory=list)


class RelatedAnswer(BaseModel):
    """The form of an answer."""

    items: list[RelatedItem]


def questions_of(
    names: Sequence[str],
    prompt: Prompt,
    made_by: str,
    params: RelatedParams,
    is_safe: IsSafe,
    worth: Mapping[str, float],
) -> Iterator[Question[Suggestions]]:
    """Questions about ``names``, in order, ``names_per_question`` at a time.

    Args:
        names: Names that may leave the machine.
        made_by: Attributed to every suggestion: ``<model>@<prompt version>``.
        worth: Of each name, such as the number of its users; a question is worth the sum.
    """
    for start in range(0, len(names), params.names_per_question):
        few = names[start : start + params.names_per_question]
        yield Question(
            prompt,
            {"names": list(few), "max_related": params.related_per_name},
            RelatedAnswer,
            partial(checked, names=few, n=params.related_per_name, made_by=made_by, is_safe=is_safe),
            max_tokens=64 + 24 * params.related_per_name * len(few),
            worth=sum(worth[name] for name in few),
        )


def checked(answer: Any, *, names: Sequence[str], n: int, made_by: str, is_safe: IsSafe) -> Checked[Suggestions]:
    """The good part of an answer, by name; and what is wrong with it.

    A related journey is kept if its name has 2 to 60 characters, its type is known, it is neither the name itself nor
    given twice, it holds no personal data and is safe. Names are normalised. Of more than ``n`` the first are kept.
    """
    asked = {normalise(name): name for name in names}
    good: Suggestions = {}
    problems: list[str] = []
    for item in answer.items:
        name = asked.get(normalise(item.name))
        if name is None:
            problems.append("An item has a name that is not in `names`; repeat each name exactly.")
        elif name in good:
            problems.append("A name has two items; give one for each name.")
        else:
            good[name] = _good_part(name, item.related, n, made_by, problems)
    missing = len(names) - len(good)
    if missing:
        problems.append(f"{missing} of the names have no item; give one for each name.")
    texts = sorted({one.name for few in good.values() for one in few})
    allowed = {text for text, safe in zip(texts, is_safe(texts) if texts else [], strict=True) if safe}
    if len(allowed) < len(texts):
        problems.append(f"{len(texts) - len(allowed)} related journeys are not allowed; give others.")
    kept = {name: [one for one in few if one.name in allowed] for name, few in good.items()}
    kept = {name: few for name, few in kept.items() if few}
    return Checked(kept or None, tuple(dict.fromkeys(problems)))


def _good_part(
    name: str, related: Sequence[RelatedName], n: int, made_by: str, problems: list[str]
) -> list[Suggestion]:
    kept: dict[str, Suggestion] = {}
    for one in related:
        text = normalise(one.name)
        if one.type not in RELATIONS:
            problems.append(f"A type is not one of {', '.join(RELATIONS)}.")
        elif not SHORTEST_NAME <= len(text) <= LONGEST_NAME:
            problems.append(f"A related journey is not {SHORTEST_NAME} to {LONGEST_NAME} characters long.")
        elif text == normalise(name):
            problems.append("A name is related to itself.")
        elif text in kept:
            problems.append("A related journey is given twice for one name.")
        elif holds_personal_data(text):
            problems.append("A related journey holds personal data.")
        else:
            kept[text] = Suggestion(text, one.type, 0.5, made_by)
    if len(kept) > n:
        problems.append(f"A name has more than {n} related journeys.")
    few = list(kept.values())[:n]
    # The first is worth 0.5, the last a little more than nothing.
    return [Suggestion(one.name, one.relation, 0.5 * (1.0 - place / n), one.made_by) for place, one in enumerate(few)]
