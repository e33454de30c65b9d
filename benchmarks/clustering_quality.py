"""Agreement of the clustering with known journeys, beside simpler rules, on pooled pseudo users.

    python benchmarks/clustering_quality.py [--users 200] [--data ../shared/data] [--seed 1]

A pseudo user has a few labels of one set and some phrases of each: what the clustering should find again. The figures
are means over users, with a bootstrap interval that resamples users. Parameters of the production rule were chosen on
one half of the CLINC150 labels (``held_out_half`` is the other), among those that also do well on WANDS and with
strays; so WANDS and the sets with strays tell of robustness, and are no blind test.

``load``, ``pools``, ``pseudo_users`` and ``embedded`` are also what the test of quality uses.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from journeys_assets.domain import _cluster_kernels as kernels
from journeys_assets.domain.agreement import agreement, bcubed_f1, bootstrap_interval
from journeys_assets.domain.embedding import KeywordVectors
from journeys_assets.domain.parameters import ClusteringParams
from journeys_assets.domain.text import normalise_series
from journeys_assets.models.embedder import make_embedder

ROOT = Path(__file__).resolve().parents[1]
LABELLED = "labelled_short_text.parquet"

Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]
Rule = Callable[[Matrix, Labels], Labels]


@dataclass(frozen=True, slots=True)
class PseudoUser:
    """Keywords of one user, sorted, and the label that each came from."""

    keywords: list[str]
    truth: Labels


def load(data: Path) -> pl.DataFrame:
    """The labelled phrases: set, keyword (normalised, distinct within a set), label, domain."""
    rows = pl.read_parquet(data / LABELLED)
    rows = rows.with_columns(normalise_series(rows["text"]).alias("keyword"))
    return rows.unique(["set", "keyword"], keep="first", maintain_order=True)


def pools(rows: pl.DataFrame, name: str) -> dict[str, list[str]]:
    """Keywords of each label of one set, both sorted."""
    grouped = rows.filter(set=name).group_by("label").agg(pl.col("keyword").sort())
    return dict(sorted(grouped.iter_rows()))


def held_out_half(labels: Sequence[str]) -> list[str]:
    """The half of the labels that was not swept over (the last choice between plateaus was made with it in view)."""
    shuffled = np.random.default_rng(7).permutation(sorted(labels))
    return sorted(shuffled[len(shuffled) // 2 :].tolist())


def pseudo_users(
    pool: Mapping[str, Sequence[str]],
    *,
    n_users: int,
    seed: int,
    journeys: tuple[int, int],
    keywords: tuple[int, int],
    noise: Sequence[str] = (),
    noise_share: float = 0.0,
) -> list[PseudoUser]:
    """Users of ``journeys`` labels with ``keywords`` phrases each (both ranges inclusive; a small label gives all).

    Noise phrases, ``noise_share`` of a user's other phrases, belong to no journey: each is a label of its own.
    """
    rng = np.random.default_rng(seed)
    names = sorted(pool)
    users = []
    for _ in range(n_users):
        truth: dict[str, int] = {}
        for number, name in enumerate(rng.choice(names, size=rng.integers(*journeys, endpoint=True), replace=False)):
            size = min(int(rng.integers(*keywords, endpoint=True)), len(pool[name]))
            picked = rng.choice(len(pool[name]), size=size, replace=False)
            truth.update({pool[name][i]: number for i in picked})
        if noise:
            strays = rng.choice(len(noise), size=round(noise_share * len(truth)), replace=False)
            truth.update({noise[i]: 1_000 + number for number, i in enumerate(strays)})
        ordered = sorted(truth)
        users.append(PseudoUser(ordered, np.array([truth[k] for k in ordered], dtype=np.int64)))
    return users


def production(x: Matrix, params: ClusteringParams | None = None) -> Labels:
    """Clusters of one user's vectors (in order of keyword text) as the pipeline makes them."""
    p = params or ClusteringParams()
    labels, _ = kernels.cluster_packed(
        x,
        np.array([0, len(x)], dtype=np.int64),
        p.smoothing_neighbours,
        p.smoothing_floor,
        p.base_cut,
        float(p.reference_size),
        p.size_exponent,
    )
    return np.asarray(labels)


def ward(x: Matrix, cut: float) -> Labels:
    return np.asarray(fcluster(linkage(x.astype(np.float64), "ward"), cut, "distance"), dtype=np.int64)


def average(x: Matrix, cut: float) -> Labels:
    return np.asarray(fcluster(linkage(x.astype(np.float64), "average", metric="cosine"), cut, "distance"), np.int64)


def oracle(x: Matrix, truth: Labels) -> Labels:
    """The best single cut of the production rule's own dendrogram, by looking at the truth: a bound, no rule."""
    p = ClusteringParams()
    distances = kernels.smoothed_distances(kernels.gram(x), p.smoothing_neighbours, p.smoothing_floor)
    upper = distances[np.triu_indices(len(x), 1)].astype(np.float64)
    tree = linkage(upper, "average")
    candidates = [fcluster(tree, height, "distance") for height in [-1.0, *np.unique(tree[:, 2])]]
    return np.asarray(max(candidates, key=lambda labels: bcubed_f1(truth, labels)), dtype=np.int64)


RULES: dict[str, Rule] = {
    "production": lambda x, _: production(x),
    "Ward 1.8": lambda x, _: ward(x, 1.8),
    "Ward 1.8 (n/30)^0.3": lambda x, _: ward(x, 1.8 * (len(x) / 30) ** 0.3),
    "average cosine 0.75": lambda x, _: average(x, 0.75),
    "best cut per user": oracle,
}


def labelled_regimes(rows: pl.DataFrame, n_users: int, seed: int) -> dict[str, list[PseudoUser]]:
    """The pseudo users of each regime, by its name in the table."""
    clinc = pools(rows, "clinc150")
    half = {name: clinc[name] for name in held_out_half(list(clinc))}
    domains = dict(rows.filter(set="clinc150").select("label", "domain").unique().sort("label").iter_rows())
    wands = {name: keywords for name, keywords in pools(rows, "wands").items() if len(keywords) >= 3}
    strays = [k for keywords in pools(rows, "clinc150_oos").values() for k in keywords]

    def pooled(
        pool: Mapping[str, Sequence[str]], keywords: tuple[int, int], journeys: tuple[int, int] = (2, 8)
    ) -> list[PseudoUser]:
        return pseudo_users(pool, n_users=n_users, seed=seed, journeys=journeys, keywords=keywords)

    regimes = {}
    for size in ((3, 12), (5, 60)):
        named = f"{size[0]}-{size[1]}"
        regimes[f"CLINC150 held out, {named}"] = pooled(half, size)
        regimes[f"CLINC150 + 20 % strays, {named}"] = pseudo_users(
            half, n_users=n_users, seed=seed, journeys=(2, 8), keywords=size, noise=strays, noise_share=0.2
        )
        one_domain = []
        for number, domain in enumerate(sorted(set(domains.values()))):
            pool = {name: clinc[name] for name in clinc if domains[name] == domain}
            one_domain += pseudo_users(pool, n_users=n_users // 10, seed=seed + number, journeys=(2, 8), keywords=size)
        regimes[f"CLINC150 within one domain, {named}"] = one_domain
    regimes["CLINC150 + WANDS, 3-12"] = pooled({**half, **wands}, (3, 12))
    regimes["WANDS, 3-12"] = pooled(wands, (3, 12))
    regimes["WANDS with rare classes, 1-12"] = pooled(pools(rows, "wands"), (1, 12), journeys=(4, 16))
    return regimes


def measure(users: Sequence[PseudoUser], vectors: KeywordVectors, rule: Rule) -> NDArray[np.float64]:
    """B-cubed precision, recall and F1 of every user: (users, 3)."""
    scores = []
    for user in users:
        found = agreement(user.truth, rule(vectors.rows_for(user.keywords), user.truth))
        scores.append((found.bcubed_precision, found.bcubed_recall, found.bcubed_f1))
    return np.array(scores)


def embedded(keywords: Sequence[str], cache: Path) -> KeywordVectors:
    """Vectors of distinct keywords as the pipeline stores them (float16), kept in ``cache`` for the next run."""
    ordered = sorted(set(keywords))
    file = cache / "clustering_quality_vectors.parquet"
    embedder = make_embedder("minilm", cache)
    if file.exists():
        stored = pl.read_parquet(file)
        if stored["keyword"].to_list() == ordered and stored["model_version"][0] == embedder.model_version:
            return KeywordVectors(ordered, np.ascontiguousarray(stored["vector"].to_numpy(), dtype=np.float32))
    matrix = np.asarray(embedder.embed(ordered)).astype(np.float16).astype(np.float32)
    frame = pl.DataFrame({"keyword": ordered, "vector": matrix}).with_columns(
        model_version=pl.lit(embedder.model_version)
    )
    cache.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(file)
    return KeywordVectors(ordered, matrix)


def draw(table: Mapping[str, Mapping[str, tuple[float, float, float]]], target: Path) -> None:
    """Mean F1 with its interval: a row of dots for every regime."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.55 * len(table) + 1.6))
    colours = ["#c1272d", "#9aa5b1", "#3b6ea5", "#6aa84f", "#222222"]
    for place, by_rule in enumerate(table.values()):
        for number, (rule, (mean, low, high)) in enumerate(by_rule.items()):
            y = place + (number - 2) * 0.13
            marker = "|" if rule == "best cut per user" else "o"
            axes.plot([low, high], [y, y], color=colours[number], linewidth=1)
            label = rule if place == 0 else None
            axes.plot([mean], [y], marker, color=colours[number], markersize=5, label=label, linestyle="none")
    axes.set_yticks(range(len(table)), list(table))
    axes.invert_yaxis()
    axes.set_xlabel("mean B-cubed F1 over pseudo users, 95 % bootstrap interval")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=5, fontsize=8, frameon=False)
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=130, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=200, help="pseudo users a regime")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "figures" / "clustering_quality.png")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not (options.data / LABELLED).exists():
        sys.exit(f"absent: {options.data / LABELLED}, the labelled phrases; without it there is nothing to measure")
    rows = load(options.data)
    vectors = embedded(rows["keyword"].to_list(), options.cache)
    table: dict[str, dict[str, tuple[float, float, float]]] = {}
    print(f"{'regime':<34} {'rule':<20} {'B3 P':>6} {'B3 R':>6} {'B3 F1':>6}  95 % interval")
    for regime, users in labelled_regimes(rows, options.users, options.seed).items():
        table[regime] = {}
        for name, rule in RULES.items():
            scores = measure(users, vectors, rule)
            precision, recall, f1 = scores.mean(axis=0).tolist()
            low, high = bootstrap_interval(scores[:, 2], seed=options.seed)
            table[regime][name] = (f1, low, high)
            print(f"{regime:<34} {name:<20} {precision:6.3f} {recall:6.3f} {f1:6.3f}  {low:.3f}-{high:.3f}", flush=True)
    draw(table, options.figure)
    print(f"figure: {options.figure}")


if __name__ == "__main__":
    main()
