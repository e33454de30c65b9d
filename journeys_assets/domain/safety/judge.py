"""Puts lexicon, model and moderation together: one row of category, score and decision for each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.lexicon import Hits
from journeys_assets.domain.safety.params import CHOICES, DECISIONS, Choice, SafetyParams
from journeys_assets.domain.safety.policy import decide, is_uncertain

Probabilities = NDArray[np.float64]
"""(len(texts), 1 + len(IDS)): probability of being ordinary, then of each category; rows sum to 1. A row of NaN means
that the model was not asked."""

DECIDED_BY = ("lexicon", "model", "uncertain", "moderation", "none")
SCHEMA = pl.Schema(
    {
        "text": pl.String(),
        "category": pl.Enum(IDS),
        "score": pl.Float64(),
        "decision": pl.Enum(DECISIONS),
        "decided_by": pl.Enum(DECIDED_BY),
    }
)
"""category: null if there is none. score: probability (0 to 1) of being sensitive; 1 where the lexicon or moderation
decided."""


def verdicts(
    texts: Sequence[str],
    hits: Sequence[Hits],
    probabilities: Probabilities,
    params: SafetyParams,
    *,
    moderated: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """One row of ``SCHEMA`` without decision for each text, in the order of ``texts``; it depends on its text alone.

    The lexicon comes first, unless the model is sure that the text is ordinary; then moderation, then the model.

    Args:
        hits: What the lexicon found in each text.
        moderated: Text -> category that a moderation model gave.

    Raises:
        ValueError: the arguments do not have the same length.
    """
    if not len(texts) == len(hits) == len(probabilities):
        raise ValueError(f"{len(texts)} texts, {len(hits)} hits and {len(probabilities)} rows of probabilities")
    moderated = moderated or {}
    rows = [
        (text, *_verdict(text, found, row, moderated, params))
        for text, found, row in zip(texts, hits, probabilities, strict=True)
    ]
    schema = {name: SCHEMA[name] for name in ("text", "category", "score", "decided_by")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def judged(
    texts: Sequence[str],
    hits: Sequence[Hits],
    probabilities: Probabilities,
    params: SafetyParams,
    *,
    moderated: Mapping[str, str] | None = None,
    choice: Choice = "default",
) -> pl.DataFrame:
    """:func:`verdicts` with the decision on each text: rows of ``SCHEMA``.

    Raises:
        ValueError: the arguments do not have the same length, or the choice is not known.
    """
    if choice not in CHOICES:
        raise ValueError(f"no choice {choice!r}; known: {', '.join(CHOICES)}")
    found = verdicts(texts, hits, probabilities, params, moderated=moderated)
    decisions = [
        decide(category, score, params, choice) for category, score in found.select("category", "score").iter_rows()
    ]
    return found.with_columns(decision=pl.Series(decisions, dtype=SCHEMA["decision"])).select(SCHEMA.names())


def is_doubted(row: NDArray[np.float64], params: SafetyParams) -> bool:
    """Whether the model is sure that a text is ordinary, whatever the lexicon found in it.

    Args:
        row: One row of ``Probabilities``.
    """
    return bool(not np.isnan(row[0]) and 1.0 - row[0] < params.lexicon_threshold)


def _verdict(
    text: str, found: Hits, row: NDArray[np.float64], moderated: Mapping[str, str], params: SafetyParams
) -> tuple[str | None, float, str]:
    if found.strong and not is_doubted(row, params):
        return found.strong[0], 1.0, "lexicon"
    if text in moderated:
        return moderated[text], 1.0, "moderation"
    if np.isnan(row[0]):
        return None, 0.0, "none"
    score = float(min(1.0, max(0.0, 1.0 - row[0])))
    if found.strong:
        return None, score, "none"
    if score >= params.threshold:
        return IDS[int(np.argmax(row[1:]))], score, "model"
    return None, score, "uncertain" if is_uncertain(score, params) else "none"
