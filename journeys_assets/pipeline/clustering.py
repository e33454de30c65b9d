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
from journeys_assets.domain.inference.params import PIPELINE
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS
from journeys_assets.models.calibration.release import clustering_on
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.pipeline.stage import Batch, Distribution, Notes, Run
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import llm_journeys as queries
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

    Where a language model feeds the output, its journeys take the place of the clusters of each user whom it inferred.

    Attributes:
        version_of_model: The version of ``llm_journeys`` on a day; None where the model does not feed the output.
        threads: Compiled loops run on as many; does not change any row.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    actions: Sequence[Action]
    clustering: ClusteringParams
    calibrations: Path
    embedder: Callable[[], Embedder]
    version: Callable[[date], str]
    first_partition_date: date | None
    version_of_model: Callable[[date], str] | None = None
    threads: int = 1

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        clusters = JOURNEY_CLUSTERS.empty()
        n_users = n_by_model = 0
        # In full mode each day has the clusters of all users, so each is written before the next one is made.
        for days in ((day,) for day in run.days) if run.full else run.chunks():
            found, ledgers = [], [INFERENCE_LEDGER.empty()]
            for day in days:
                clusters, ledger = self.infer(day, full=run.full, first=days[0], pending=pl.concat(ledgers))
                n_users += ledger.height
                n_by_model += clusters.filter(pl.col("inferred_by") != PIPELINE)["user_id"].n_unique()
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
                "users_inferred_by_language_model": n_by_model,
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
        since = self.first_partition_date or date.min
        by_model = JOURNEY_CLUSTERS.empty().drop("partition_date", "algorithm_version")
        with self.warehouse.reading() as con:
            users = inference.users_to_cluster(
                con,
                day,
                self.keywords,
                self.version(day),
                since=since,
                full=full,
                first=first,
                pending=pending,
            )
            if self.version_of_model is not None:
                # A user without an answer on an earlier day may have one now.
                users = pl.concat([users, queries.users_inferred_on(con, day)]).unique("user_id").sort("user_id")
                by_model = queries.latest_journeys(
                    con, users, day, self.version_of_model(day), since=since, columns=by_model.columns
                )
            others = users.join(by_model, on="user_id", how="anti")
            keywords = keyword_queries.window_keywords(con, others, self.keywords, self.actions)
            history = keyword_queries.keyword_history(con, others)
            distinct = history["keyword"].unique().sort().to_list()
            vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", distinct, self.embedder().model_version))
        params = clustering_on(self.calibrations, day, self.clustering)
        own = cluster_users(keywords, history, vectors, params, threads=self.threads).join(others, on="user_id")
        own = own.with_columns(inferred_by=pl.lit(PIPELINE)).select(by_model.columns)
        clusters = pl.concat([own, by_model]).sort("user_id", "journey_id")
        per_user = clusters.group_by("user_id").agg(n_keywords=pl.col("n_keywords").sum(), n_clusters=pl.len())
        ledger = users.join(per_user, on="user_id", how="left").with_columns(
            pl.col("n_keywords", "n_clusters").fill_null(0)
        )
        return clusters, ledger
