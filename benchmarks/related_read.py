"""How long a read of related journeys takes: 100,000 stored names, one thread.

    python benchmarks/related_read.py [--names 100000] [--vectors FILE.npy] [--redis redis://127.0.0.1:6379/0]

Kinds of reads: a stored name; a stored name with what is known of each suggestion; a name that is not stored, without
and with the time of its embedding; and the ranked related journeys of one user with ten journeys. For a name that is
not stored there are three states: the index was read before ("warm"), it is read by the same call ("index read too"),
and the process has read nothing at all before ("new process": opening the store is included, imports are not).

The largest expansion has as many labels as names, as here. Vectors are those of ``--vectors``, an array of unit rows;
where there are fewer than names, the rest are weighted means of two of them. Without a file all are made up, in groups.
The names that are looked up are a thousand vectors that were taken out before. ``recall@3`` is the share of the three
nearest labels (with a cosine of at least ``nearest_cosine``) that the index finds. Times are milliseconds: wall time,
and CPU time, which other programs on the machine hardly change.
"""

import argparse
import json
import os
import random
import subprocess
import sys
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
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from journeys_assets.domain.related.candidates import Suggestion, fact_value, name_value
from journeys_assets.domain.related.groups import nearest_few, on_grid
from journeys_assets.domain.related.index import index_values, nearest_labels, read_index
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import rank_related, suggested
from journeys_assets.domain.related.reading import POPULAR_KEY, fact_key, name_key, related_to
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.storage.key_value.base import KeyValueStore
from journeys_assets.storage.key_value.choose import open_store

DIMENSIONS = 384
RELATED_PER_NAME = 20
N_ASKED = 1_000
NEW_PROCESSES = 40
PARAMS = RelatedParams()
DAY = date(2026, 6, 1)
VERSION = "benchmark"
Floats = NDArray[np.float32]


def name_of(n: int) -> str:
    return f"name {n:06}"


def vectors_of(file: Path | None, n: int) -> tuple[Floats, Floats]:
    """(``N_ASKED``, dimensions) and (``n``, dimensions) unit rows on the grid."""
    rng = np.random.default_rng(1)
    if file is None:
        centres = rng.normal(size=(n // 50 + 1, DIMENSIONS)).astype(np.float32)
        group = rng.integers(0, len(centres), n + N_ASKED)
        known = centres[group] + 0.8 * rng.normal(size=(len(group), DIMENSIONS)).astype(np.float32)
    else:
        known = rng.permutation(np.load(file).astype(np.float32))[: n + N_ASKED]
    asked, known = known[:N_ASKED], known[N_ASKED:]
    one, other = rng.integers(0, len(known), (2, n - len(known)))
    share = rng.uniform(0.5, 0.95, (n - len(known), 1)).astype(np.float32)
    rows = np.concatenate([known, share * known[one] + (1 - share) * known[other]])
    asked, rows = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (asked, rows))
    return on_grid(asked), on_grid(rows)


def fill(store: KeyValueStore, vectors: Floats) -> float:
    """An expansion with made-up suggestions; returns the seconds that its index took."""
    chance, n_names = random.Random(1), len(vectors)
    relations = ("next_step", "complement", "sibling", "broader")
    with store.write(VERSION) as writer:
        begin = time.perf_counter()
        for key, value in index_values([name_of(n) for n in range(n_names)], vectors, PARAMS.list_size):
            writer.put(key, value)
        index_s = time.perf_counter() - begin
        for n in range(n_names):
            few = [
                Suggestion(name_of(chance.randrange(n_names)), relations[i % 4], 0.5, "cooccurrence", 2.0, 0.6, 20.0)
                for i in range(RELATED_PER_NAME)
            ]
            writer.put(name_key(name_of(n)), name_value(name_of(n), name_of(n), 9, few))
            writer.put(fact_key(name_of(n)), fact_value(vectors[n], 9, 2, [1 / 12] * 12))
        writer.put(POPULAR_KEY, [name_of(n) for n in range(PARAMS.n_popular)])
    store.swap(VERSION)
    return index_s


def milliseconds(read: Callable[[int], object], repeats: int, warm_up: int = 20) -> list[tuple[float, float]]:
    """Wall and CPU times of ``read``, which gets the number of the repeat."""
    for n in range(warm_up):
        read(n)
    times = []
    for n in range(repeats):
        start, cpu = time.perf_counter(), time.process_time()
        read(n)
        times.append((1_000 * (time.perf_counter() - start), 1_000 * (time.process_time() - cpu)))
    return times


def look_up(store: KeyValueStore, vector: Floats) -> None:
    """The related journeys of a name that is not stored, by its vector; the index is read too."""
    related_to(["a rare name"], partial(store.get_many, version=store.current()), lambda _: vector[None, :], PARAMS)


def new_process(arguments: argparse.Namespace) -> None:
    """Prints how long the first look-up of this process takes, and how much memory it adds, MiB."""
    if not arguments.redis:
        import lmdb  # noqa: F401

        import journeys_assets.storage.key_value.lmdb_store  # noqa: F401
    vector = np.load(arguments.first)
    before = memory_mib("VmRSS")
    (took,) = milliseconds(lambda _: look_up(open_store(arguments.redis, arguments.store), vector), 1, 0)
    print(json.dumps({"ms": took, "mib": memory_mib("VmHWM") - before}))


def memory_mib(what: str) -> float:
    """Memory of this process, as Linux counts it: ``VmRSS`` now, ``VmHWM`` at its peak."""
    return int(Path("/proc/self/status").read_text().split(f"{what}:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--vectors", type=Path, help="Unit vectors of real names, (n, 384).")
    parser.add_argument("--redis", help="Address of a Redis server; by default the embedded store.")
    parser.add_argument("--first", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.first:
        new_process(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    asked, vectors = vectors_of(arguments.vectors, arguments.names)
    store = open_store(arguments.redis, folder / "store")
    start = time.perf_counter()
    index_s = fill(store, vectors)
    filled_s = time.perf_counter() - start
    get_many = partial(store.get_many, version=VERSION)
    index = read_index(get_many)
    embedder = make_embedder("minilm", folder / "embedder")
    pick = random.Random(2)

    def stored(n: int) -> object:
        return store.get(name_key(name_of(pick.randrange(arguments.names))))

    def stored_with_facts(n: int) -> object:
        value = store.get(name_key(name_of(pick.randrange(arguments.names))))
        return store.get_many([fact_key(one["name"]) for one in value["related"]])

    def warm(n: int) -> object:
        return related_to([f"rare {n}"], get_many, lambda _: asked[n % N_ASKED][None, :], PARAMS, index)

    def embedded(n: int) -> object:
        return related_to([f"a rare journey number {n}"], get_many, embedder.embed, PARAMS, index)

    def user(n: int) -> object:
        rows = sorted({pick.randrange(arguments.names) for _ in range(10)})
        names = [name_of(row) for row in rows]
        frame = pl.DataFrame({"user_id": "u", "journey_id": names, "name": names, "confidence": 0.8, "is_source": True})
        own = {name: row for row, name in enumerate(names)}
        found = suggested(frame, own, vectors[rows], get_many, index, DAY, PARAMS)
        return rank_related(found.candidates, found.vectors, PARAMS.prior_weights, PARAMS)

    reads = {
        "stored name": milliseconds(stored, 500),
        "with what is known of each": milliseconds(stored_with_facts, 500),
        "name that is not stored, warm": milliseconds(warm, 500),
        "the same, index read too": milliseconds(lambda n: look_up(store, asked[n % N_ASKED]), 500),
    }
    first = []
    for n in range(NEW_PROCESSES):
        np.save(folder / "first.npy", asked[n])
        command = [sys.executable, __file__, "--first", str(folder / "first.npy"), "--store", str(folder / "store")]
        command += ["--redis", arguments.redis] if arguments.redis else []
        first.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    reads["the same, new process"] = [one["ms"] for one in first]
    reads["its embedding alone"] = milliseconds(lambda n: embedder.embed([f"a rare journey number {n}"]), 500)
    reads["warm, embedding included"] = milliseconds(embedded, 500)
    reads["one user, ten journeys"] = milliseconds(user, 500)

    table = Table(
        "read", "p50", "p95", "p50 CPU", "p95 CPU", title=f"ms, {arguments.names:,} names, {type(store).__name__}"
    )
    for name, times in reads.items():
        table.add_row(name, *(f"{value:.2f}" for value in np.quantile(times, (0.5, 0.95), axis=0).T.ravel()))
    few = (PARAMS.n_nearest, PARAMS.nearest_cosine)
    found = nearest_labels(asked, index, get_many, *few, PARAMS.n_compared)
    exact = [{name_of(row) for row, _ in one} for one in nearest_few(asked, vectors, *few)]
    hits = sum(len({name for name, _ in one} & best) for one, best in zip(found, exact, strict=True))
    console = Console()
    console.print(table)
    console.print(f"recall@3: {hits / max(sum(map(len, exact)), 1):.4f}")
    console.print(f"first look-up of a process: {max(one['mib'] for one in first):.1f} MiB more at its peak, at most")
    console.print(f"filled in {filled_s:.0f} s, of which the index {index_s:.0f} s")


if __name__ == "__main__":
    main()
