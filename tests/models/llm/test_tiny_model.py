"""The asker drives a real language model over HTTP, with its answers kept to a schema as they are written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from journeys_assets.domain.inference.history import History, Item
from journeys_assets.models.inference.journeys import question
from journeys_assets.models.llm.answers import schema_of
from journeys_assets.models.llm.base import Checked, Question
from journeys_assets.models.llm.choose import check_endpoint
from tests.support.llm_questions import PROMPT, asker_of, http_model
from tests.support.tiny_server import MODEL, TinyServer

pytestmark = pytest.mark.slow

Short = Annotated[str, Field(pattern=r"^[a-z]{1,8}$")]


class Judgement(BaseModel):
    """An answer with everything that ours use: texts, choices, whole numbers, lists, objects."""

    names: Annotated[list[Short], Field(min_length=3, max_length=3)]
    stage: Literal["ongoing", "ended"]
    relevance: Annotated[int, Field(ge=1, le=5)]
    is_sensitive: bool


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with TinyServer() as server:
        yield server.url


def questions(n: int) -> list[Question[Judgement]]:
    return [
        Question(PROMPT, {"words": [f"lamp {i}", "rug"]}, Judgement, lambda answer: Checked(answer), 100)
        for i in range(n)
    ]


def test_every_answer_keeps_to_the_schema(url: str, tmp_path: Path) -> None:
    asker = asker_of(http_model(url, timeout_seconds=60, model=MODEL), tmp_path)
    replies = list(asker.ask(questions(24), "names"))
    assert [reply.outcome for reply in replies] == ["answered"] * 24
    assert all(isinstance(reply.value, Judgement) for reply in replies)
    total = asker.ledger.total()
    assert total.n_calls == 24
    assert total.input_tokens > 24 * 20
    assert total.output_tokens > 24 * 10

    again = asker_of(http_model(url, timeout_seconds=60, model=MODEL), tmp_path)
    assert [reply.value for reply in again.ask(questions(24), "names")] == [reply.value for reply in replies]
    assert again.ledger.total().n_calls == 0


def test_the_same_question_gets_the_same_answer(url: str) -> None:
    model = http_model(url, timeout_seconds=60, model=MODEL)
    first = [reply.value for reply in asker_of(model).ask(questions(4), "names")]
    assert first == [reply.value for reply in asker_of(model, max_concurrency=1).ask(questions(4), "names")]


def test_a_model_without_a_schema_writes_nonsense_and_fails(url: str) -> None:
    """What the schema is for: the random weights alone write no JSON."""
    asker = asker_of(http_model(url, timeout_seconds=60, model=MODEL, structured_output=False))
    [reply] = asker.ask(questions(1), "names")
    assert reply.value is None
    assert asker.ledger.total().n_calls == 2


def test_answers_about_journeys_hold_numbers_of_keywords_and_allowed_values(url: str) -> None:
    rows = [[number, text, 1, 0] for number, text in enumerate(("lamp", "rug", "sofa"), 1)]
    items = tuple(Item(text, (), 0) for _, text, *_ in rows)
    histories = [History(f"u{n}", (("lamp", "rug", "sofa"),), items, 30 + n, {"keywords": rows}, 1.0) for n in range(2)]
    asker = asker_of(http_model(url, timeout_seconds=60, model=MODEL))
    replies = list(asker.ask((question(one, 1) for one in histories), "journeys"))
    for reply in replies:
        assert reply.value is not None, reply.reason
        assert (reply.value.n_unknown, reply.value.n_not_allowed) == (0, 0)
        assert reply.tokens[0] > 20


def test_the_endpoint_passes_the_probe(url: str) -> None:
    assert check_endpoint(http_model(url, timeout_seconds=60, model=MODEL)) is None
    assert "properties" in schema_of(Judgement)
