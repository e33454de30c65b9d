"""Computes the mean vector that multilingual-e5-small is centred by, and writes it into the package.

    python benchmarks/fit_multilingual_mean.py [--cache FOLDER]

It is the mean of the means of the written searches in English, German and Japanese (``synthetic.written``), so each
language counts the same. The benchmarks of languages use the same searches. ``--halves`` writes nothing: it shows how
far the means of two halves of the themes are apart, and so how much is owed to the particular searches.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.models.embedding.base import Vectors
from journeys_assets.models.embedding.multilingual import (
    MEAN_FILE,
    PREFIX,
    MultilingualEmbedder,
    PackedE5,
    centred,
)
from journeys_assets.synthetic.written import Language, written_phrases

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES: tuple[Language, ...] = ("en", "de", "ja")


def searches(language: Language, parity: Sequence[int] = (0, 1)) -> list[str]:
    """The distinct normalised searches of the themes whose place (by name) is even (0) or odd (1)."""
    phrases = sorted(written_phrases(language).items())
    chosen = [own for place, (_, own) in enumerate(phrases) if place % 2 in parity]
    return sorted({normalise(text) for own in chosen for text in own})


def mean_of(embedder: MultilingualEmbedder, parity: Sequence[int] = (0, 1)) -> Vectors:
    """The mean over languages of the mean vector of their searches, float32 (dimensions,)."""
    means = [embedder.embed(searches(language, parity)).mean(axis=0, dtype=np.float64) for language in LANGUAGES]
    mean: Vectors = np.mean(means, axis=0).astype(np.float32)
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    parser.add_argument("--halves", action="store_true", help="compare the means of two halves; write nothing")
    options = parser.parse_args()
    embedder = MultilingualEmbedder(PackedE5(options.cache), centred=False)
    if options.halves:
        one, other = mean_of(embedder, (0,)), mean_of(embedder, (1,))
        every = embedder.embed(sorted(text for language in LANGUAGES for text in searches(language)))
        cosines = (centred(every, one) * centred(every, other)).sum(axis=1)
        print(f"length of the means: {np.linalg.norm(one):.4f}, {np.linalg.norm(other):.4f}")
        print(
            f"cosine of a vector centred by one and by the other: mean {cosines.mean():.4f}, least {cosines.min():.4f}"
        )
        return
    mean = mean_of(embedder)
    stored = {
        "of": {language: len(searches(language)) for language in LANGUAGES},
        "prefix": PREFIX,
        "digest": PackedE5.digest,
        "mean": [float(f"{value:.7g}") for value in mean],
    }
    MEAN_FILE.write_text(json.dumps(stored) + "\n")
    print(f"{MEAN_FILE.name}: {MEAN_FILE.stat().st_size:,} bytes, length of the mean {np.linalg.norm(mean):.4f}")


if __name__ == "__main__":
    main()
