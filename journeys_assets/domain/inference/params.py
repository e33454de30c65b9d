"""Which of two ways to infer journeys feeds the output, and what a language model is shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

PIPELINE = "pipeline"
"""What ``inferred_by`` says of clusters that no language model made."""


@dataclass(frozen=True, slots=True)
class InferenceParams:
    """Journeys by one language model, beside or instead of the clusters of the pipeline."""

    revision: int = 1
    journeys_from: Literal["pipeline", "language_model"] = "pipeline"
    """What feeds every table after `journey_clusters`: the clusters of the pipeline, or the journeys of a language
    model. Users whom the model did not infer keep the clusters of the pipeline."""
    history_tokens: int = 1500
    """Most tokens of one user's keywords that the model is shown, by an estimate; longer histories are compressed."""
    most_journeys: int = 30
    """Most journeys that the model is asked for."""

    @property
    def model_feeds(self) -> bool:
        """Whether the journeys of a language model feed the output."""
        return self.journeys_from == "language_model"


def is_in_share(user_id: str, share: float) -> bool:
    """Whether a user is among the ``share`` (0 to 1) of all users who are asked about; by the user's own id alone."""
    digest = hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"llm_journeys").digest()
    return int.from_bytes(digest, "big") < share * 2**64
