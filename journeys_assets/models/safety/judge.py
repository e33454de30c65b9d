"""Judges texts: lexicon and model, and moderation if there is one for what the lexicon leaves open."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.judge import is_doubted, judged, verdicts
from journeys_assets.domain.safety.lexicon import Hits, folded
from journeys_assets.domain.safety.params import Choice, SafetyParams
from journeys_assets.models.embedding.base import Embedder, Vectors
from journeys_assets.models.embedding.choose import packaged_embedder
from journeys_assets.models.safety import heads
from journeys_assets.models.safety.lexicon_files import lexicon_digest, packaged_lexicon

MEMO_TEXTS = 200_000
"""With more texts in memory, all are forgotten before the next are looked at."""

Moderate = Callable[[Sequence[str]], Mapping[str, str]]
"""Texts -> the category of those that a moderation model flags."""

KnownVectors = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Texts -> the stored vectors (``domain.keywords.vectors.pack``) of those that have one by ``embedding_model``."""

_UNASKED = np.full(1 + len(IDS), np.nan)


class SafetyJudge:
    """Decides whether texts are of a sensitive category.

    The model is asked only about texts that look English, because its embedder knows no other language. The same text
    always gets the same bits, whatever else is judged with it and whether its vector was known or is computed: computed
    vectors are rounded to float16, as stored ones are.

    Args:
        params: Policy and thresholds.
        embedder: The packaged all-MiniLM-L6-v2, by default on ONNX Runtime; loaded when it is first needed. Others are
            for tests.
        moderate: An additional moderation model. Its answers are not part of ``version``.
    """

    def __init__(
        self, params: SafetyParams | None = None, embedder: Embedder | None = None, moderate: Moderate | None = None
    ) -> None:
        self.params = params or SafetyParams()
        self._embedder = embedder or packaged_embedder()
        self._moderate = moderate
        self._memo: dict[str, tuple[Hits, NDArray[np.float64]]] = {}
        self._moderated: dict[str, str] = {}

    @property
    def embedding_model(self) -> str:
        """Version of the embedder whose vectors the model takes."""
        return self._embedder.model_version

    @property
    def weights_version(self) -> str:
        """12 hex digits over lexicon, weights and embedder."""
        return _digest([lexicon_digest(), heads.SHA256, self._embedder.model_version])

    @property
    def version(self) -> str:
        """12 hex digits over everything that shapes a verdict: lexicon, weights, embedder and thresholds."""
        p = self.params
        return _digest([self.weights_version, p.revision, p.threshold, p.lexicon_threshold, p.uncertain_margin])

    def judge(self, texts: Sequence[str], choice: Choice = "default") -> pl.DataFrame:
        """One row for each text, in their order; see ``domain.safety.judge.SCHEMA``.

        Raises:
            LexiconError, SafetyModelError, EmbedderError: a packaged file is damaged.
        """
        return judged(texts, *self._looked_at(texts), self.params, moderated=self._moderated, choice=choice)

    def verdicts(self, texts: Sequence[str], known: KnownVectors | None = None) -> pl.DataFrame:
        """The rows of :meth:`judge` without a decision; no policy shapes them.

        Args:
            known: Gives vectors that need not be computed again. They change no row.
        """
        return verdicts(texts, *self._looked_at(texts, known), self.params, moderated=self._moderated)

    def _looked_at(
        self, texts: Sequence[str], known: KnownVectors | None = None
    ) -> tuple[list[Hits], NDArray[np.float64]]:
        """What the lexicon found in each text, and its row of probabilities."""
        if len(self._memo) > MEMO_TEXTS:
            self._memo.clear()
            self._moderated.clear()
        self._remember([text for text in dict.fromkeys(texts) if text not in self._memo], known)
        found = [self._memo[text] for text in texts]
        return [hits for hits, _ in found], np.array([row for _, row in found]).reshape(len(texts), 1 + len(IDS))

    def _remember(self, texts: list[str], known: KnownVectors | None) -> None:
        """Look at texts that are new."""
        lexicon = packaged_lexicon()
        hits = {text: lexicon.hits(text) for text in texts}
        asked = [text for text in texts if lexicon.looks_english(text)]
        rows = dict.fromkeys(texts, _UNASKED)
        if asked:
            vectors = self._vectors([folded(text) for text in asked], known)
            answers = heads.packaged_heads().probabilities(vectors, [hits[text] for text in asked])
            rows.update(zip(asked, answers, strict=True))
        undecided = [
            text for text in texts if folded(text) and (not hits[text].strong or is_doubted(rows[text], self.params))
        ]
        if self._moderate and undecided:
            # Personal data is shown to no model elsewhere.
            self._moderated.update(self._moderate([text for text in undecided if not holds_personal_data(text)]))
        self._memo.update({text: (hits[text], rows[text]) for text in texts})

    def _vectors(self, texts: list[str], known: KnownVectors | None) -> Vectors:
        """(texts, dimensions): unit rows, rounded to float16 and scaled to unit length again."""
        stored = dict(known(texts)) if known else {}
        others = [text for text in dict.fromkeys(texts) if text not in stored]
        if others:
            stored.update(zip(others, pack(self._embedder.embed(others)), strict=True))
        return unpack([stored[text] for text in texts])


@functools.lru_cache(maxsize=4)
def shared_judge(params: SafetyParams, embedder: Embedder) -> SafetyJudge:
    """The judge of a policy without moderation. A process looks at each text once, whichever deployment asks."""
    return SafetyJudge(params, embedder)


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
