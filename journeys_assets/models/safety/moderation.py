"""An OpenAI-compatible moderation endpoint (``/v1/moderations``) as an additional opinion.

Guard models find harm, not sensitivity: they know hate, self-harm, sex and violence, and nothing of debt or grief. So
the endpoint can only add a category. Where it fails, the texts are judged without it, and the failure is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from journeys_assets.errors import require_extra

BATCH_TEXTS = 32
FAILURES_TO_GIVE_UP = 3
"""Failed calls in a row after which the endpoint is not asked again, so that a dead one does not hold up the run."""
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

    def __init__(self, base_url: str, model: str, api_key: SecretStr | None, *, timeout_s: float = 10.0) -> None:
        require_extra("llm", "moderation")
        import openai

        key = api_key.get_secret_value() if api_key else ""
        self._client = openai.OpenAI(base_url=base_url, api_key=key or "none", timeout=timeout_s, max_retries=1)
        self._model = model
        self.counts = ModerationCounts()
        self._n_failed_in_a_row = 0

    def __call__(self, texts: Sequence[str]) -> dict[str, str]:
        """The category of each flagged text. Never fails; see ``counts``."""
        found: dict[str, str] = {}
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = list(texts[start : start + BATCH_TEXTS])
            if self._n_failed_in_a_row < FAILURES_TO_GIVE_UP:
                found |= self._batch(batch)
            else:
                self._failed(batch, self.counts.last_failure, is_call=False)
        self.counts.n_flagged += len(found)
        return found

    def _batch(self, texts: list[str]) -> dict[str, str]:
        import openai

        self.counts.n_texts += len(texts)
        try:
            answer = self._client.moderations.create(model=self._model, input=texts)
            flagged = [result.categories.model_dump(by_alias=True) for result in answer.results]
            self._n_failed_in_a_row = 0
        except (openai.OpenAIError, AttributeError, TypeError, ValueError) as error:
            return self._failed(texts, type(error).__name__)
        if len(flagged) != len(texts):
            return self._failed(texts, f"{len(flagged)} results for {len(texts)} texts")
        categories = [next((ours for theirs, ours in CATEGORY_OF.items() if row.get(theirs)), None) for row in flagged]
        return {text: category for text, category in zip(texts, categories, strict=True) if category}

    def _failed(self, texts: list[str], why: str, *, is_call: bool = True) -> dict[str, str]:
        self.counts.n_failed_calls += is_call
        self._n_failed_in_a_row += is_call
        self.counts.n_failed_texts += len(texts)
        self.counts.last_failure = why
        return {}
