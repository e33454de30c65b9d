"""Fits the map of multilingual-e5-small's vectors into the space of all-MiniLM-L6-v2, and writes it into the package.

    python benchmarks/fit_multilingual_map.py DATA [--without CORPUS] [--cache FOLDER]

Two steps, neither of which sees a label or a phrase of the synthetic worlds:

1. **Languages.** The mean vector of the lexicon's entries of each language, each category counting the same. The 14
   directions in which these 15 means differ are removed.
2. **Ridge regression** from what is left to the vector that all-MiniLM-L6-v2 gives the same text, on the texts of all
   labelled corpora in DATA, which are English.

``--without`` leaves a corpus out and writes nothing but FOLDER/map-without-CORPUS.npy: to measure on that corpus.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.safety.lexicon import phrases_of
from journeys_assets.evaluation.data.corpora import SYNTHETIC, corpora_of
from journeys_assets.evaluation.data.pseudo_users import embedded
from journeys_assets.evaluation.data.study import labelled_corpora, labelled_phrases
from journeys_assets.models.embedding.base import Vectors
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.files import sha256_of
from journeys_assets.models.embedding.multilingual import MAP_DIGEST, MAP_FILE, MultilingualEmbedder, PackedE5
from journeys_assets.models.safety.lexicon_files import packaged_lexicon

ROOT = Path(__file__).resolve().parents[1]
MOST_ENTRIES = 25
"""Entries of a language and category."""
RIDGE = 0.1
"""Of the mean variance of a dimension, times the number of texts."""
Doubles = NDArray[np.float64]


def lexicon_texts() -> dict[str, dict[str, list[str]]]:
    """By language and category: phrases of some entries, without the marks of patterns."""
    found: dict[str, dict[str, set[str]]] = {}
    for entry in packaged_lexicon().entries:
        if entry.category is not None:
            first = phrases_of(entry.pattern)[0]
            text = " ".join(first.replace("..", " ").replace("*", "").split())
            found.setdefault(entry.language, {}).setdefault(entry.category, set()).add(text)
    return {
        language: {category: sorted(texts)[:MOST_ENTRIES] for category, texts in sorted(own.items())}
        for language, own in sorted(found.items())
    }


def language_means(embedder: MultilingualEmbedder) -> Doubles:
    """(languages, dimensions): the mean vector of each language of the lexicon."""
    texts = lexicon_texts()
    common = sorted(set.intersection(*(set(own) for own in texts.values())))
    return np.array(
        [
            np.mean([embedder.embed(own[category]).mean(axis=0, dtype=np.float64) for category in common], axis=0)
            for own in texts.values()
        ]
    )


def affine_map(vectors: Doubles, wanted: Doubles, languages: Doubles) -> NDArray[np.float16]:
    """(dimensions + 1, dimensions): the matrix, and what is added.

    Args:
        vectors: (texts, dimensions), to be mapped.
        wanted: (texts, dimensions), where to.
        languages: (languages, dimensions).
    """
    size = vectors.shape[1]
    centre = languages.mean(axis=0)
    _, strengths, directions = np.linalg.svd(languages - centre, full_matrices=False)
    differ = directions[strengths > 1e-9 * strengths[0]]
    remover = np.eye(size) - differ.T @ differ
    rest = (vectors - centre) @ remover
    mean, aim = rest.mean(axis=0), wanted.mean(axis=0)
    rest = rest - mean
    products = rest.T @ rest
    penalty = RIDGE * np.trace(products) / size * np.eye(size)
    matrix = np.linalg.solve(products + penalty, rest.T @ (wanted - aim))
    whole = remover @ matrix
    return np.vstack([whole, aim - mean @ matrix - centre @ whole]).astype(np.float16)


def doubles(vectors: Vectors) -> Doubles:
    return np.asarray(vectors, dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the labelled corpora")
    parser.add_argument("--without", help="name of a corpus to leave out")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    options = parser.parse_args()
    labelled, more = labelled_phrases(options.data), labelled_corpora(options.data)
    if labelled is None or more is None:
        sys.exit(f"{options.data}: every labelled corpus is needed for fitting")
    corpora = corpora_of(labelled, more)
    folder = options.cache / "fit_multilingual_map"
    e5 = MultilingualEmbedder(PackedE5(options.cache), is_mapped=False)
    sources = embedded(corpora.keywords, e5, folder / "e5")
    aims = embedded(corpora.keywords, make_embedder("minilm", options.cache), folder / "minilm")
    left_out = {SYNTHETIC, options.without}
    texts = [keyword for corpus in corpora.every if corpus.name not in left_out for keyword in corpus.keywords]
    found = affine_map(doubles(sources.rows_for(texts)), doubles(aims.rows_for(texts)), language_means(e5))
    target = folder / f"map-without-{options.without}.npy" if options.without else MAP_FILE
    np.save(target, found)
    print(f"{target}: {target.stat().st_size:,} bytes, {len(texts):,} texts")
    print(f"MAP_DIGEST = {sha256_of(target)[: len(MAP_DIGEST)]!r}")


if __name__ == "__main__":
    main()
