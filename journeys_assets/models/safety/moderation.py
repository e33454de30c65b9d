"""An OpenAI-compatible moderation endpoint (``/v1/moderations``) as an additional opinion.

Guard models find harm, not sensitivity: they know hate, self-harm, sex and violence, and nothing of debt or grief. So
the endpoint can only add a category. Where it fails, the texts are judged without it, and the failure is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journeys_assets.errors import require_extra

BATCH_TEXTS = 32
CATEGORY_OF: Mapping[str, str] = {
    "sexual/minors": "minors",
    "self-harm": "self_harm",
    "self-harm/intent": "self_harm",
    "self-harm/instructions": "self_harm",
    "hate": "hate",
    "hate/threatening": "hate",
    "harassment": "hate",
    "harassment/threatening": "hate",
    "sexual": "sexual",
    "violence": "violence_and_weapons",
    "violence/graphic": "violence_and_weapons",
    "illicit": "crime",
    "illicit/violent": "violence_and_weapons",
}
"""Category of the endpoint -> ours, from the gravest on; the first one that is flagged counts."""


@dataclass
class ModerationCounts:
    """What came of the calls so far: texts asked about, texts flagged, and calls and texts without an answer."""

    n_texts: int = 0
    n_flagged: int = 0
    n_failed_calls: int = 0
    n_failed_texts: int = 0
    last_failure: str = ""


class Moderation:
    """Calls the endpoint; a ``Moderate`` of ``models.safety.judge``.

    Args:
        base_url: Such as ``http://localhost:8000/v1``.
        model: Name of the model at the endpoint.
        timeout_s: Longest wait for one call, seconds.

    Raises:
        MissingExtra: the package ``openai`` is not installed.
    """

    def __init__(self, base_url: str, model: str, api_key: str, *, timeout_s: float = 10.0) -> None:
        require_extra("llm", "moderation")
        import openai

        self._client = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=timeout_s, max_retries=1)
        self._model = model
        self.counts = ModerationCounts()

    def __call__(self, texts: Sequence[str]) -> dict[str, str]:
        """The category of each flagged text. Never fails; see ``counts``."""
        found: dict[str, str] = {}
        for start in range(0, len(texts), BATCH_TEXTS):
            found |= self._batch(list(texts[start : start + BATCH_TEXTS]))
        self.counts.n_flagged += len(found)
        return found

    def _batch(self, texts: list[str]) -> dict[str, str]:
        import openai

        self.counts.n_texts += len(texts)
        try:
            answer = self._client.moderations.create(model=self._model, input=texts)
            flagged = [result.categories.model_dump(by_alias=True) for result in answer.results]
        except (openai.OpenAIError, AttributeError, TypeError, ValueError) as error:
            return self._failed(texts, type(error).__name__)
        if len(flagged) != len(texts):
            return self._failed(texts, f"{len(flagged)} results for {len(texts)} texts")
        categories = [next((ours for theirs, ours in CATEGORY_OF.items() if row.get(theirs)), None) for row in flagged]
        return {text: category for text, category in zip(texts, categories, strict=True) if category}

    def _failed(self, texts: list[str], why: str) -> dict[str, str]:
        self.counts.n_failed_calls += 1
        self.counts.n_failed_texts += len(texts)
        self.counts.last_failure = why
        return {}
