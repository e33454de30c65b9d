"""Examples: a question as a run would ask it, what the pipeline answers, and the text of an answer that is taught.

An answer is written as the endpoint writes it (``models.llm.local.generation``): the JSON of the form, its keys in the
order of the schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from journeys_assets.domain.finetuning.params import Task
from journeys_assets.domain.inference.answers import Answer, AnsweredJourney
from journeys_assets.domain.inference.history import History
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.suggestions import Shown, to_show
from journeys_assets.models.calibration import judge as pairs
from journeys_assets.models.inference import journeys as inferring
from journeys_assets.models.llm.answers import schema_of
from journeys_assets.models.llm.base import Question
from journeys_assets.models.llm.chat import Message
from journeys_assets.models.llm.messages import messages_of
from journeys_assets.models.llm.quoting import quoted_data
from journeys_assets.models.naming import suggested as naming

CONFIDENCE_STEPS = 10


@dataclass(frozen=True, slots=True)
class Example:
    """One question and the answer of the pipeline.

    Attributes:
        task: What it belongs to.
        user_id: The user whose data it holds.
        question: As it is asked.
        pipeline: The value that a reply would have if the model answered as the pipeline does.
        journey_ids: The journeys that it is about; what is learnt of is kept by topic with them.
        shown: What of the pipeline's rows the question was made from.
    """

    task: Task
    user_id: str
    question: Question[Any]
    pipeline: Any
    journey_ids: tuple[str, ...]
    shown: Shown | History | None = None

    @property
    def messages(self) -> tuple[Message, Message]:
        """The messages that the client sends."""
        asked = self.question
        return messages_of(asked.prompt, quoted_data(asked.data), schema_of(asked.answer))

    @property
    def row_hash(self) -> str:
        """16 hex digits over the task and the messages: the same question has the same, whoever answers."""
        text = json.dumps([self.task, *(message.content for message in self.messages)])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def about_names(names: pl.DataFrame, most_journeys: int) -> Iterator[Example]:
    """Questions about names, one or more for each user; the pipeline's answer are the names without a model.

    Keywords are in the order of a hash. In a run the best comes first, and it is often the pipeline's own name: a model
    would learn to copy what stands first.

    Args:
        names: Result of ``suggestions.worth``: user_id, journey_id, journey_name, keywords, worth.
        most_journeys: Most journeys that one question holds. Those of the greatest worth come first.
    """
    ordered = names.sort("user_id", "worth", "journey_id", descending=[False, True, False])
    parts = ordered.with_columns(part=pl.int_range(pl.len()).over("user_id") // most_journeys)
    given = dict(zip(names.select(JOURNEY).iter_rows(), names["journey_name"], strict=True))
    for _, part in parts.partition_by("part", as_dict=True, maintain_order=True).items():
        for shown in to_show(part, part.select(JOURNEY)):
            shown = _shuffled(shown)
            answer = {journey_id: given[shown.user_id, journey_id] for journey_id in shown.journey_ids}
            yield Example("names", shown.user_id, naming.question(shown), answer, shown.journey_ids, shown)


def _shuffled(shown: Shown) -> Shown:
    """``shown`` with the keywords of each journey in the order of a hash."""
    journeys = {
        number: sorted(keywords, key=lambda keyword: hashlib.sha256(keyword.encode("utf-8", "replace")).digest())
        for number, keywords in shown.data["journeys"].items()
    }
    return replace(shown, data={**shown.data, "journeys": journeys})


def about_pairs(rows: pl.DataFrame) -> Iterator[Example]:
    """Questions about pairs of keywords; the pipeline's answer is whether both are of one journey.

    Args:
        rows: user_id, journey_id, keyword_a, keyword_b, same, near_a, near_b. Pairs with personal data are left out.
    """
    for row in rows.iter_rows(named=True):
        if not holds_personal_data(row["keyword_a"]) and not holds_personal_data(row["keyword_b"]):
            asked = pairs.question(row["user_id"], row["keyword_a"], row["keyword_b"], row["near_a"], row["near_b"])
            yield Example("pairs", row["user_id"], asked, row["same"], (row["journey_id"],))


def about_journeys(histories: Iterable[History], output: pl.DataFrame, most_journeys: int) -> Iterator[Example]:
    """Questions about the journeys of users; the pipeline's answer are those of its output.

    Args:
        output: user_id, journey_id, journey_name, keywords, kind, stage, intent, confidence. A cluster of a history
            whose keywords are no journey of it is in no answer.
    """
    of_users: Mapping[tuple[object, ...], pl.DataFrame] = output.partition_by("user_id", as_dict=True)
    for history in histories:
        rows = of_users.get((history.user_id,))
        if rows is None or not history.items:
            continue
        journeys, ids = [], []
        for row in rows.sort("journey_id").iter_rows(named=True):
            own = set(row["keywords"])
            numbers = tuple(n for n, item in enumerate(history.items, 1) if item.keyword in own)
            if numbers:
                ids.append(row["journey_id"])
                confidence = round(row["confidence"] * CONFIDENCE_STEPS) / CONFIDENCE_STEPS
                journeys.append(
                    AnsweredJourney(numbers, row["journey_name"], row["kind"], row["stage"], row["intent"], confidence)
                )
        journeys.sort(key=lambda journey: journey.numbers)
        if journeys and len(journeys) <= most_journeys:
            asked = inferring.question(history, most_journeys)
            answer = Answer(tuple(journeys), 0, 0, 0)
            yield Example("journeys", history.user_id, asked, answer, tuple(ids), history)


def text_of(example: Example, value: Any) -> str | None:
    """The answer with a value, as it is taught; None where the value does not answer everything that was asked.

    Args:
        value: As the question's reply has it.
    """
    content: dict[str, Any]
    if example.task == "names":
        if any(journey_id not in value for journey_id in example.journey_ids):
            return None
        content = {f"journey_{n}": value[journey_id] for n, journey_id in enumerate(example.journey_ids, 1)}
    elif example.task == "pairs":
        content = {"same": value}
    else:
        journeys = [_journey(one) for one in value.journeys]
        if not journeys or None in journeys:
            return None
        content = {"journeys": journeys}
    return json.dumps(content, ensure_ascii=False)


def _journey(given: AnsweredJourney) -> dict[str, Any] | None:
    said = (given.name, given.kind, given.stage, given.intent, given.confidence)
    if not given.name or None in said:
        return None
    return {
        "name": given.name,
        "keywords": list(given.numbers),
        "kind": given.kind,
        "stage": given.stage,
        "intent": given.intent,
        "confidence": given.confidence,
    }


def some_of(examples: Sequence[Example], n: int) -> list[Example]:
    """At most ``n`` examples of each task, each question once: the first by hash, so no kind of user is preferred."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(example.row_hash, example)
    ordered = [first[key] for key in sorted(first)]
    kept: dict[str, int] = {}
    found = []
    for example in ordered:
        kept[example.task] = kept.get(example.task, 0) + 1
        if kept[example.task] <= n:
            found.append(example)
    return found
