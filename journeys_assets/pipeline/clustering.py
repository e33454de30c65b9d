"""journey_clusters and inference_ledger: clusters of every user whose log changed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from journeys_assets.compute.base import Compute, Failed
from journeys_assets.compute.parts import computed
from journeys_assets.compute.work import ClusterUsers
from journeys_assets.domain.actions import Action
from journeys_assets.domain.clustering.asked_nodes import Decisions, decided_groups
from journeys_assets.domain.clustering.clusters import describe_groups, with_centroids_of_journeys
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.params import ClusteringParams, CutQuestionParams
from journeys_assets.domain.inference.params import PIPELINE
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS, LLM_INFERENCES, LLM_JOURNEYS
from journeys_assets.models.calibration.release import clustering_on
from journeys_assets.models.clustering.nodes import answers_of, prompt
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Distribution, Notes, Rows, Run, Shown, shown_failures
from journeys_assets.storage.queries import inference, tables
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import llm_journeys as queries
from journeys_assets.storage.queries.edits import edits_as_of
from journeys_assets.storage.queries.identities import digest_of_owners
from journeys_assets.storage.queries.model_calls import record_calls
from journeys_assets.storage.queries.shards import EVERYONE, Shard
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Clustering:
    """Clusters the users whose latest inference does not cover their log or their edits, or is of another version.

    Where a language model feeds the output, its journeys take the place of the clusters of each user whom it inferred.
    Merges and splits are not applied to those.

    Attributes:
        version_of_model: The version of ``llm_journeys`` on a day; None where the model does not feed the output.
        questions: How much a language model is asked about close calls of the cut.
        asker: The language model for one run, by its id; None without one.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    actions: Sequence[Action]
    clustering: ClusteringParams
    calibrations: Path
    embedder: Callable[[], Embedder]
    version: Callable[[date], str]
    first_partition_date: date | None
    version_of_model: Callable[[date], str] | None
    questions: CutQuestionParams
    asker: Callable[[str], Asker | None]
    compute: Compute

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        asker = self.asker(run.run_id) if self.questions.asks else None
        # In full mode each day has the clusters of all users, so each is written before the next one is made.
        rests_on = ""
        failed: list[Failed] = []
        for days, shard in (replace(run, days_per_write=1) if run.full else run).pieces():
            if not shard.is_all and shard.number == 0:
                rests_on = self._rests_on(days[-1])
            rows = partial(self._rows, days, shard, asker, failed, full=run.full)
            yield Batch(days, rows, shard=shard, rests_on=rests_on)
            self.compute.forget(ClusterUsers.name)
        with self.warehouse.reading() as con:
            n_users = sum(n for n, _ in tables.counts_by_day(con, INFERENCE_LEDGER.name, run.days).values())
            sizes = inference.sizes_of_clusters(con, run.days[-1])
            examples = inference.example_clusters(con, run.days[-1], EXAMPLE_ROWS)
            n_by_model = inference.users_not_by_pipeline(con, run.days)
            edits = edits_as_of(con, run.days[-1])
        asked: dict[str, Shown] = {}
        if asker is not None:
            asked = {"close_calls_decided_by": answered_by(asker.model, prompt())}
            asked["calls"] = asker.calls().drop("run_id")
        return Notes(
            {
                **asked,
                **shown_failures("users_not_clustered", failed),
                "journeys_on_last_day": sizes.filter("is_journey").height,
                "users_computed": n_users,
                "users_inferred_by_language_model": n_by_model,
                "edits_of_journeys": edits["verdict"].value_counts(sort=True, name="edits"),
                "keywords_per_cluster": Distribution(sizes["n_keywords"]),
                "examples": examples,
            }
        )

    def _rests_on(self, day: date) -> str:
        """A digest of the keywords and of the inferences that the clusters of ``day`` are made from."""
        read = [("keyword_table", day), (INFERENCE_LEDGER.name, day - timedelta(days=1))]
        if self.version_of_model is not None:
            read += [(LLM_INFERENCES.name, day), (LLM_JOURNEYS.name, day)]
        with self.warehouse.reading() as con:
            digests = [*(tables.content_digest(con, *table) for table in read), digest_of_owners(con)]
            edits = edits_as_of(con, day)
        return repr([self.first_partition_date, *digests, *([edits.rows()] if edits.height else [])])

    def _rows(
        self, days: Sequence[date], shard: Shard, asker: Asker | None, failed: list[Failed], *, full: bool
    ) -> Rows:
        """Rows of journey_clusters and inference_ledger of some days; appends the users without to ``failed``."""
        found, ledgers = [], [INFERENCE_LEDGER.empty()]
        for day in days:
            clusters, ledger, without = self.infer(
                day, asker, full=full, first=days[0], pending=pl.concat(ledgers), shard=shard
            )
            failed += without
            found.append(clusters.with_columns(partition_date=pl.lit(day)))
            ledgers.append(
                ledger.with_columns(partition_date=pl.lit(day), algorithm_version=pl.lit(self.version(day))).select(
                    pl.col(c.name).cast(c.dtype) for c in INFERENCE_LEDGER.columns
                )
            )
        if asker is not None:
            record_calls(self.warehouse, asker.calls())
        return {JOURNEY_CLUSTERS.name: pl.concat(found), INFERENCE_LEDGER.name: pl.concat(ledgers)}

    def infer(
        self,
        day: date,
        asker: Asker | None,
        *,
        full: bool,
        first: date,
        pending: pl.DataFrame,
        shard: Shard = EVERYONE,
    ) -> tuple[pl.DataFrame, pl.DataFrame, Sequence[Failed]]:
        """Rows of journey_clusters and inference_ledger of one day, and the users whose clustering failed.

        These have no rows, and are clustered again on the next day that is run.

        Args:
            asker: A language model that decides close calls of the cut; None asks nobody.
            first: The first of the days whose rows are not stored yet.
            pending: The rows of inference_ledger of those before ``day``.
            shard: Whose rows.
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
                pending=pending.filter(pl.col("n_unanswered") == 0),
                shard=shard,
            )
            if self.version_of_model is not None:
                # A user without an answer on an earlier day may have one now.
                inferred = shard.of_frame(queries.users_inferred_on(con, day))
                users = pl.concat([users, inferred]).unique("user_id").sort("user_id")
                by_model = queries.latest_journeys(
                    con, users, day, self.version_of_model(day), since=since, columns=by_model.columns
                )
            others = users.join(by_model, on="user_id", how="anti")
            keywords = keyword_queries.window_keywords(con, others, day, self.keywords, self.actions)
            history = keyword_queries.keyword_history(con, others, day)
            distinct = history["keyword"].unique().sort().to_list()
            vectors = stored_vectors(con, "keyword", distinct, self.embedder().model_version)
            edits = edits_as_of(con, day, shard).join(others, on="user_id", how="semi")
        params = clustering_on(self.calibrations, day, self.clustering)
        own, unanswered, failed = self._clustered(keywords, history, vectors, edits, params, asker)
        users = users.filter(~pl.col("user_id").is_in([one.key for one in failed]))
        own = own.join(others, on="user_id").with_columns(inferred_by=pl.lit(PIPELINE)).select(by_model.columns)
        clusters = pl.concat([own, by_model]).sort("user_id", "journey_id")
        clusters = with_centroids_of_journeys(clusters)
        per_user = clusters.group_by("user_id").agg(n_keywords=pl.col("n_keywords").sum(), n_clusters=pl.len())
        ledger = users.join(per_user, on="user_id", how="left").join(unanswered, on="user_id", how="left")
        return clusters, ledger.with_columns(pl.col("n_keywords", "n_clusters", "n_unanswered").fill_null(0)), failed

    def _clustered(
        self,
        keywords: pl.DataFrame,
        history: pl.DataFrame,
        vectors: pl.DataFrame,
        edits: pl.DataFrame,
        params: ClusteringParams,
        asker: Asker | None,
    ) -> tuple[pl.DataFrame, pl.DataFrame, Sequence[Failed]]:
        """What ``cluster_users`` returns; user_id, n_unanswered of users who were asked about in vain; failed users.

        Users about whom no answer came are clustered as if nothing had been asked.
        """
        n_unanswered = {"user_id": pl.String(), "n_unanswered": pl.Int64()}
        found: dict[str, Decisions] = {}
        decided = []
        if asker is not None:
            ask, cut, packed = (
                partial(answers_of, asker=asker),
                released(params.learned_cut),
                KeywordVectors.from_frame(vectors),
            )
            groups, found = decided_groups(keywords, packed, params, cut, self.questions, ask)
            keywords = keywords.join(groups.select("user_id").unique(), on="user_id", how="anti", maintain_order="left")
            decided = [describe_groups(groups, history, packed, params, edits)]
        tables = {"keywords": keywords, "history": history, "vectors": vectors, "edits": edits}
        done = computed(self.compute, ClusterUsers(params), tables)
        clusters = pl.concat([done.rows, *decided])
        rows = [(user_id, len(own.unanswered)) for user_id, own in found.items()]
        return clusters, pl.DataFrame(rows, schema=n_unanswered, orient="row"), done.failed
