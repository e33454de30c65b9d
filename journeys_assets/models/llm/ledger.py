"""What a run asked, what came of it and what it cost: the rows of the table ``llm_ledger``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date
from threading import Lock

import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.models.llm.base import Outcome, Prompt
from journeys_assets.models.llm.budget import Now


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted together."""

    asked_on: date
    purpose: str
    model: str
    prompt: str
    prompt_version: str


@dataclass(slots=True)
class Counts:
    """Counts of one day, purpose, model and prompt. Columns of ``llm_ledger``, where they are described."""

    n_questions: int = 0
    n_answered: int = 0
    n_repaired: int = 0
    n_cached: int = 0
    n_failed: int = 0
    n_unaffordable: int = 0
    n_calls: int = 0
    n_retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Counts of one run. Shared by threads."""

    def __init__(self, run_id: str, *, now: Now) -> None:
        self._run_id = run_id
        self._now = now
        self._lock = Lock()
        self._counts: dict[Counted, Counts] = {}

    def note_call(
        self, purpose: str, model: str, prompt: Prompt, *, is_retry: bool, tokens: tuple[int, int], cost: float
    ) -> None:
        """One call was made.

        Args:
            tokens: Of input and of output; zeros without an answer.
        """
        with self._lock:
            counts = self._of(purpose, model, prompt)
            counts.n_calls += 1
            counts.n_retries += is_retry
            counts.input_tokens += tokens[0]
            counts.output_tokens += tokens[1]
            counts.cost += cost

    def note_reply(self, purpose: str, model: str, prompt: Prompt, outcome: Outcome, reason: str) -> None:
        """One question has its reply.

        Args:
            reason: Counted for failed questions.
        """
        with self._lock:
            counts = self._of(purpose, model, prompt)
            counts.n_questions += 1
            setattr(counts, f"n_{outcome}", getattr(counts, f"n_{outcome}") + 1)
            if outcome == "failed":
                counts.failures[reason] += 1

    @property
    def counts(self) -> dict[Counted, Counts]:
        """A snapshot; do not change it."""
        with self._lock:
            return dict(self._counts)

    def total(self) -> Counts:
        """The sum over everything."""
        total = Counts()
        for counts in self.counts.values():
            for name in _NUMBERS:
                setattr(total, name, getattr(total, name) + getattr(counts, name))
            total.failures += counts.failures
        return total

    def rows(self) -> pl.DataFrame:
        """Rows of ``llm_ledger``, sorted by its grain."""
        rows = [
            {
                "asked_on": counted.asked_on,
                "run_id": self._run_id,
                "purpose": counted.purpose,
                "model": counted.model,
                "prompt": counted.prompt,
                "prompt_version": counted.prompt_version,
                "failures": json.dumps(dict(counts.failures), sort_keys=True),
                **{name: getattr(counts, name) for name in _NUMBERS},
            }
            for counted, counts in self.counts.items()
        ]
        names = LLM_LEDGER.column_names
        return pl.DataFrame(rows, schema=LLM_LEDGER.polars_schema).select(names).sort(LLM_LEDGER.grain)

    def _of(self, purpose: str, model: str, prompt: Prompt) -> Counts:
        today = self._now().astimezone(UTC).date()
        return self._counts.setdefault(Counted(today, purpose, model, prompt.name, prompt.version), Counts())


_NUMBERS = (
    *("n_questions", "n_answered", "n_repaired", "n_cached", "n_failed", "n_unaffordable"),
    *("n_calls", "n_retries", "input_tokens", "output_tokens", "cost"),
)
