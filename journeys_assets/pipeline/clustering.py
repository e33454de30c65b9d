"""journey_clusters and inference_ledger: clusters of every user whose log changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS
from journeys_assets.models.calibration.release import clustering_on
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.pipeline.stage import Batch, Distribution, Notes, Run
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def threads_allowed() -> int:
    """The CPUs that this process may use; at most ``OMP_NUM_THREADS``, where that environment variable is set."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cpus, int(most))) if most.isdigit() else cpus


@dataclass(frozen=True)
class Clustering:
    """Clusters the users whose latest inference does not cover their log, or is of another version.

    ``threads`` is how many compiled loops run on; it does not change any row.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    actions: Sequence[Action]
    clustering: ClusteringParams
    calibrations: Path
    embedder: Callable[[], Embedder]
    version: Callable[[date], str]
    first_partition_date: date | None
    threads: int = 1

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        clusters = JOURNEY_CLUSTERS.empty()
        n_users = 0
        # In full mode each day has the clusters of all users, so each is written before the next one is made.
        for days in ((day,) for day in run.days) if run.full else run.chunks():
            found, ledgers = [], [INFERENCE_LEDGER.empty()]
            for day in days:
                clusters, ledger = self.infer(day, full=run.full, first=days[0], pending=pl.concat(ledgers))
                n_users += ledger.height
                found.append(clusters.with_columns(partition_date=pl.lit(day)))
                ledgers.append(
                    ledger.with_columns(partition_date=pl.lit(day), algorithm_version=pl.lit(self.version(day))).select(
                        pl.col(c.name).cast(c.dtype) for c in INFERENCE_LEDGER.columns
                    )
                )
            yield Batch(days, {JOURNEY_CLUSTERS.name: pl.concat(found), INFERENCE_LEDGER.name: pl.concat(ledgers)})
        journeys = clusters.filter("is_journey")
        return Notes(
            {
                "journeys_on_last_day": journeys.height,
                "users_computed": n_users,
                "keywords_per_cluster": Distribution(clusters["n_keywords"]),
                "examples": journeys.select("user_id", "journey_id", "medoid", "keywords", "cohesion"),
            }
        )

    def infer(self, day: date, *, full: bool, first: date, pending: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of journey_clusters and inference_ledger of one day.

        Args:
            first: The first of the days whose rows are not stored yet.
            pending: The rows of inference_ledger of those before ``day``.
        """
        with self.warehouse.reading() as con:
            users = inference.users_to_cluster(
                con,
                day,
                self.keywords,
                self.version(day),
                since=self.first_partition_date or date.min,
                full=full,
                first=first,
                pending=pending,
            )
            keywords = keyword_queries.window_keywords(con, users, self.keywords, self.actions)
            history = keyword_queries.keyword_history(con, users)
            distinct = history["keyword"].unique().sort().to_list()
            vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", distinct, self.embedder().model_version))
        params = clustering_on(self.calibrations, day, self.clustering)
        clusters = cluster_users(keywords, history, vectors, params, threads=self.threads).join(users, on="user_id")
        # Nobody compares what is not a journey, and most clusters are single keywords: their centroids would be half
        # of the table.
        clusters = clusters.with_columns(centroid=pl.when("is_journey").then("centroid"))
        per_user = clusters.group_by("user_id").agg(n_keywords=pl.col("n_keywords").sum(), n_clusters=pl.len())
        ledger = users.join(per_user, on="user_id", how="left").with_columns(
            pl.col("n_keywords", "n_clusters").fill_null(0)
        )
        return clusters, ledger
