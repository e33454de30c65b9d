"""Asking a language model whether two keywords of a user belong to one aim, in place of people."""

from __future__ import annotations

import polars as pl
from pydantic import BaseModel, ConfigDict

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.models.llm.base import Asker, Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "pairs"
_MAX_TOKENS = 40


class PairAnswer(BaseModel):
    """The form of an answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    same: bool


def prompt() -> Prompt:
    """The prompt that asks about a pair."""
    return load_prompt(PROMPT)


def question(user_id: str, first: str, second: str, near_first: list[str], near_second: list[str]) -> Question[bool]:
    """The question about a pair of keywords of a user, with other keywords near each. No text holds personal data."""
    data = {"first": first, "second": second, "near_first": near_first, "near_second": near_second}
    return Question(prompt(), data, PairAnswer, lambda answer: Checked(answer.same), _MAX_TOKENS, subject=user_id)


def answers_of(pairs: pl.DataFrame, asker: Asker) -> list[bool | None]:
    """The answer for each pair, in order; None where there is none, or where a keyword holds personal data.

    Args:
        pairs: user_id, keyword_a, keyword_b, near_a, near_b (lists of keywords without personal data).
    """
    rows = list(pairs.select("user_id", "keyword_a", "keyword_b", "near_a", "near_b").iter_rows())
    asked = [not holds_personal_data(a) and not holds_personal_data(b) for _, a, b, *_ in rows]
    replies = asker.ask((question(*row) for row, may in zip(rows, asked, strict=True) if may), PURPOSE)
    return [next(replies).value if may else None for may in asked]
