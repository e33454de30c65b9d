"""How long a read of related journeys takes: 100,000 stored names, one warm process, one thread.

    python benchmarks/related_read.py [--names 100000] [--redis redis://127.0.0.1:6379/0] [--embedder hashing]

Four kinds of reads: a stored name; a stored name with what is known of each suggestion; a name that is not stored,
which is embedded and looked up by its nearest labels; and the ranked related journeys of one user with ten journeys.
The largest expansion has as many labels as names, as here. The figures are times per read, milliseconds.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from journeys_assets.domain.related.candidates import INDEX_ROWS, Suggestion, fact_value, name_value
from journeys_assets.domain.related.groups import on_grid
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import rank_related, suggested
from journeys_assets.domain.related.reading import META, fact_key, index_key, name_key, read_index, related_to
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.storage.key_value.base import KeyValueStore
from journeys_assets.storage.key_value.choose import open_store

DIMENSIONS = 384
RELATED_PER_NAME = 20
PARAMS = RelatedParams()
DAY = date(2026, 6, 1)


def fill(store: KeyValueStore, n_names: int) -> None:
    """An expansion with made-up vectors and suggestions."""
    import base64

    from journeys_assets.domain.keywords.vectors import pack

    rng, chance = np.random.default_rng(1), random.Random(1)
    relations = ("next_step", "complement", "sibling", "broader")
    with store.write("benchmark") as writer:
        for part, start in enumerate(range(0, n_names, INDEX_ROWS)):
            names = [f"name {n}" for n in range(start, min(start + INDEX_ROWS, n_names))]
            vectors = rng.normal(size=(len(names), DIMENSIONS)).astype(np.float32)
            vectors = on_grid(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            packed = base64.b64encode(b"".join(pack(vectors))).decode()
            writer.put(index_key(part), {"names": names, "vectors": packed})
            for name, vector in zip(names, vectors, strict=True):
                few = [
                    Suggestion(
                        f"name {chance.randrange(n_names)}", relations[i % 4], 0.5, "cooccurrence", 2.0, 0.6, 20.0
                    )
                    for i in range(RELATED_PER_NAME)
                ]
                writer.put(name_key(name), name_value(name, name, 9, few))
                writer.put(fact_key(name), fact_value(vector, 9, 2, [1 / 12] * 12))
        writer.put(META, {"index_parts": part + 1})
    store.swap("benchmark")


def milliseconds(read: Callable[[int], object], repeats: int) -> tuple[float, float, float]:
    """p50, p95 and p99 of the time of ``read``, which gets the number of the repeat."""
    for n in range(20):
        read(n)
    times = []
    for n in range(repeats):
        start = time.perf_counter()
        read(n)
        times.append(1_000 * (time.perf_counter() - start))
    return tuple(np.quantile(times, (0.5, 0.95, 0.99)).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--redis", help="Address of a Redis server; by default the embedded store.")
    parser.add_argument("--embedder", default="minilm")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(arguments.redis, Path(folder) / "store")
        start = time.perf_counter()
        fill(store, arguments.names)
        filled_s = time.perf_counter() - start
        get_many = partial(store.get_many, version="benchmark")
        start = time.perf_counter()
        index = read_index(get_many)
        index_s = time.perf_counter() - start
        embedder = make_embedder(arguments.embedder, Path(folder) / "embedder")
        pick = random.Random(2)

        def stored(n: int) -> object:
            return store.get(name_key(f"name {pick.randrange(arguments.names)}"))

        def stored_with_facts(n: int) -> object:
            value = store.get(name_key(f"name {pick.randrange(arguments.names)}"))
            return store.get_many([fact_key(one["name"]) for one in value["related"]])

        def rare(n: int) -> object:
            return related_to([f"a rare journey number {n}"], get_many, index, embedder.embed, PARAMS)

        def user(n: int) -> object:
            names = [f"name {pick.randrange(arguments.names)}" for _ in range(10)]
            names = sorted(set(names))
            frame = pl.DataFrame(
                {"user_id": "u", "journey_id": names, "name": names, "confidence": 0.8, "is_source": True}
            )
            matrix = index.vectors[[int(name[5:]) for name in names]]
            own = {name: row for row, name in enumerate(names)}
            found = suggested(frame, own, matrix, get_many, index, DAY, PARAMS)
            return rank_related(found.candidates, found.vectors, PARAMS.prior_weights, PARAMS)

        table = Table("read", "p50 ms", "p95 ms", "p99 ms", title=f"{arguments.names:,} names, {type(store).__name__}")
        reads = {"stored name": stored, "with what is known of each": stored_with_facts}
        if embedder.dimensions == DIMENSIONS:
            reads["name that is not stored"] = rare
        reads["one user, ten journeys"] = user
        for name, read in reads.items():
            table.add_row(name, *(f"{value:.3f}" for value in milliseconds(read, 500)))
        console = Console()
        console.print(table)
        console.print(f"filled in {filled_s:.0f} s, index read in {index_s:.1f} s")


if __name__ == "__main__":
    main()
