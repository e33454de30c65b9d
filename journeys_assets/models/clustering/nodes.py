"""Asking a language model whether a node of a dendrogram is one aim of the user or two."""

from __future__ import annotations

from collections.abc import Sequence

from journeys_assets.domain.clustering.asked_nodes import Node
from journeys_assets.models.calibration.judge import PairAnswer
from journeys_assets.models.llm.base import Asker, Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "nodes"
_MAX_TOKENS = 40


def prompt() -> Prompt:
    """The prompt that asks about a node."""
    return load_prompt(PROMPT)


def question(node: Node) -> Question[bool]:
    """The question about a node. It has the keywords alone, so two users with the same ones share the answer."""
    data = {"first": list(node.first), "second": list(node.second)}
    return Question(
        prompt(),
        data,
        PairAnswer,
        lambda answer: Checked(answer.same),
        _MAX_TOKENS,
        worth=node.worth,
        subject=node.user_id,
    )


def answers_of(nodes: Sequence[Node], asker: Asker) -> list[bool | None]:
    """Whether each node is one aim, in order; None where there is no valid answer."""
    return [reply.value for reply in asker.ask(map(question, nodes), PURPOSE)]
