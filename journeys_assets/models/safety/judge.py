"""Judges texts: lexicon first, then moderation if there is one, then the model for what is left."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.judge import judged
from journeys_assets.domain.safety.lexicon import Hits, folded
from journeys_assets.domain.safety.params import Choice, SafetyParams
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.onnx import OnnxEmbedder
from journeys_assets.models.embedding.packaged import PackagedMiniLm
from journeys_assets.models.safety import heads
from journeys_assets.models.safety.lexicon_files import lexicon_digest, packaged_lexicon

MEMO_TEXTS = 200_000
"""Most texts whose result is kept in memory."""

Moderate = Callable[[Sequence[str]], Mapping[str, str]]
"""Texts -> the category of those that a moderation model flags."""

_UNASKED = np.full(1 + len(IDS), np.nan)


class SafetyJudge:
    """Decides whether texts are of a sensitive category.

    The model is asked only about texts that the lexicon leaves open, and only in Latin letters, because its embedder
    knows English. The same text always gets the same bits, whatever else is judged with it.

    Args:
        params: Policy and thresholds.
        embedder: For tests; by default the packaged all-MiniLM-L6-v2, which is loaded when it is first needed.
        moderate: An additional moderation model. Its answers are not part of ``version``.
    """

    def __init__(
        self, params: SafetyParams | None = None, embedder: Embedder | None = None, moderate: Moderate | None = None
    ) -> None:
        self.params = params or SafetyParams()
        self._embedder = embedder or OnnxEmbedder(PackagedMiniLm())
        self._moderate = moderate
        self._memo: dict[str, tuple[Hits, NDArray[np.float64]]] = {}
        self._moderated: dict[str, str] = {}

    @property
    def version(self) -> str:
        """12 hex digits over everything that shapes a result: lexicon, weights, embedder and parameters."""
        parts = [lexicon_digest(), heads.SHA256, self._embedder.model_version, dataclasses.asdict(self.params)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def judge(self, texts: Sequence[str], choice: Choice = "default") -> pl.DataFrame:
        """One row for each text, in their order; see ``domain.safety.judge.SCHEMA``.

        Raises:
            LexiconError, SafetyModelError, EmbedderError: a packaged file is damaged.
        """
        self._remember([text for text in dict.fromkeys(texts) if text not in self._memo])
        found = [self._memo[text] for text in texts]
        probabilities = np.array([row for _, row in found]).reshape(len(texts), 1 + len(IDS))
        return judged(
            texts, [hits for hits, _ in found], probabilities, self.params, moderated=self._moderated, choice=choice
        )

    def _remember(self, texts: list[str]) -> None:
        """Look at texts that are new."""
        if len(self._memo) + len(texts) > MEMO_TEXTS:
            self._memo.clear()
            self._moderated.clear()
        lexicon = packaged_lexicon()
        hits = {text: lexicon.hits(text) for text in texts}
        undecided = [text for text in texts if not hits[text].strong and folded(text)]
        if self._moderate and undecided:
            self._moderated.update(self._moderate(undecided))
        asked = [text for text in undecided if folded(text).isascii()]
        rows = dict.fromkeys(texts, _UNASKED)
        if asked:
            vectors = self._embedder.embed([folded(text) for text in asked])
            answers = heads.packaged_heads().probabilities(vectors, [hits[text] for text in asked])
            rows.update(zip(asked, answers, strict=True))
        self._memo.update({text: (hits[text], rows[text]) for text in texts})
