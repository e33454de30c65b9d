"""The table of what language models were asked, and what it cost; ``domain.tables.pipeline`` says what belongs here."""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.tables.table import TEXT, Column, Table


def _count(name: str, description: str, unit: str) -> Column:
    return Column(name, pl.Int64(), description, unit=unit, minimum=0)


LLM_LEDGER = Table(
    "llm_ledger",
    "What language models were asked in a UTC day by one run for one purpose, what came of it, and what it cost.",
    ("asked_on", "run_id", "purpose", "model", "prompt", "prompt_version"),
    (
        Column("asked_on", pl.Date(), "The UTC day of the questions.", unit="UTC day"),
        Column("run_id", TEXT, "The run that asked."),
        Column("purpose", TEXT, "What the answers are for."),
        Column("model", TEXT, "Name of the model at the endpoint."),
        Column("prompt", TEXT, "Name of the prompt."),
        Column("prompt_version", TEXT, "Version of the prompt: 12 hex digits over its text."),
        _count(
            "n_questions",
            "Questions. Each was answered, repaired, taken from the cache, not answered, or not affordable.",
            "questions",
        ),
        _count("n_answered", "Questions with a valid answer at the first attempt.", "questions"),
        _count("n_repaired", "Questions with an answer, at least in part, after a second attempt.", "questions"),
        _count("n_cached", "Questions whose answer was there already.", "questions"),
        _count("n_failed", "Questions without a valid answer.", "questions"),
        _count("n_unaffordable", "Questions that were not asked because a budget was used up.", "questions"),
        Column("failures", TEXT, 'Failed questions by reason, as a JSON object such as {"time-out": 3}.'),
        _count("n_calls", "Calls that were made, those that came to nothing included.", "calls"),
        _count("n_retries", "Calls that repeated one that came to nothing.", "calls"),
        _count("input_tokens", "Tokens that were sent, as the endpoint counts them.", "tokens"),
        _count("output_tokens", "Tokens that were answered, as the endpoint counts them.", "tokens"),
        Column(
            "cost",
            pl.Float64(),
            "Cost at the prices of the settings. A call without an answer that the endpoint may charge for counts as "
            "the most it can cost.",
            unit="currency of the prices",
            minimum=0.0,
        ),
    ),
    partitioned=False,
)
