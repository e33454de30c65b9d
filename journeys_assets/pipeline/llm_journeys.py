"""llm_journeys and llm_inferences: journeys of the users whose log changed, by one language model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.compute.base import Compute, Failed
from journeys_assets.compute.parts import computed
from journeys_assets.compute.work import ClusterUsers
from journeys_assets.domain.actions import Action
from journeys_assets.domain.clustering.clusters import with_centroids_of_journeys
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.inference.answers import Answer
from journeys_assets.domain.inference.history import History, histories
from journeys_assets.domain.inference.params import InferenceParams, is_in_share
from journeys_assets.domain.inference.rows import Inferred, agreement_with_pipeline, journey_rows
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.personal import hold_personal_data
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.suggestions import judged
from journeys_assets.domain.tables.pipeline import LLM_INFERENCES, LLM_JOURNEYS
from journeys_assets.domain.tables.table import Table
from journeys_assets.models.calibration.release import clustering_on
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.inference.journeys import PURPOSE, prompt, question
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.pipeline.stage import Batch, Distribution, Notes, Run, shown_failures
from journeys_assets.pipeline.suggested_names import Unsafe
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.model_calls import record_calls
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

_NOTHING = Answer((), 0, 0, 0)


@dataclass(frozen=True)
class LlmJourneys:
    """Asks for the journeys of each user whose latest answer does not cover their log, or is of another version.

    A user without an answer has no rows in llm_journeys, and is asked about again on the next day that is run.

    Attributes:
        share: Share of all users who are asked about, 0 to 1.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    actions: Sequence[Action]
    clustering: ClusteringParams
    inference: InferenceParams
    calibrations: Path
    asker: Callable[[str], Asker | None]
    embedder: Callable[[], Embedder]
    unsafe: Unsafe
    version: Callable[[date], str]
    first_partition_date: date | None
    share: float
    compute: Compute

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        asker = self.asker(run.run_id) if self.share > 0 else None
        if asker is None:
            for days in run.chunks():
                yield Batch(
                    days, {LLM_JOURNEYS.name: LLM_JOURNEYS.empty(), LLM_INFERENCES.name: LLM_INFERENCES.empty()}
                )
            why = "no user: llm.compared_share is 0" if self.share == 0 else "no language model"
            return Notes({"asked_about": why, "users_asked_about": 0})
        every, failed = [LLM_INFERENCES.empty()], list[Failed]()
        examples = LLM_JOURNEYS.empty()
        for days in ((day,) for day in run.days) if run.full else run.chunks():
            found, ledgers = [], [LLM_INFERENCES.empty()]
            for day in days:
                rows, ledger, without = self.infer(day, asker, full=run.full, first=days[0], pending=pl.concat(ledgers))
                found.append(rows)
                ledgers.append(ledger)
                failed += without
            record_calls(self.warehouse, asker.calls())
            examples, ledgers_of_days = pl.concat(found), pl.concat(ledgers)
            every.append(ledgers_of_days)
            yield Batch(days, {LLM_JOURNEYS.name: examples, LLM_INFERENCES.name: ledgers_of_days})
            self.compute.forget(ClusterUsers.name)
        asked = pl.concat(every)
        return Notes(
            {
                **shown_failures("users_not_clustered", failed),
                "asked_about": answered_by(asker.model, prompt()),
                "users_asked_about": asked.height,
                "users_inferred": int(asked["is_inferred"].sum()),
                "tokens_per_history": Distribution(asked["history_tokens"]),
                "agreement_with_pipeline": Distribution(asked["bcubed_f1"]),
                "calls": asker.calls().drop("run_id"),
                "examples": examples.filter(pl.col("suggested_name").is_not_null()).select(
                    "user_id", "suggested_name", "verdict", "keywords"
                ),
            }
        )

    def infer(
        self, day: date, asker: Asker, *, full: bool, first: date, pending: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, Sequence[Failed]]:
        """Rows of llm_journeys and llm_inferences of one day, and the users whose clustering failed: without rows.

        Args:
            first: The first of the days whose rows are not stored yet.
            pending: The rows of llm_inferences of those before ``day``.
        """
        version = self.version(day)
        params = clustering_on(self.calibrations, day, self.clustering)
        with self.warehouse.reading() as con:
            users = inference.users_to_cluster(
                con,
                day,
                self.keywords,
                version,
                since=self.first_partition_date or date.min,
                full=full,
                first=first,
                pending=pending.filter("is_inferred"),
                by="language_model",
            )
            users = users.filter(
                pl.Series([is_in_share(user_id, self.share) for user_id in users["user_id"]], dtype=pl.Boolean)
            )
            keywords = keyword_queries.window_keywords(con, users, day, self.keywords, self.actions)
            history = keyword_queries.keyword_history(con, users, day)
            distinct = history["keyword"].unique().sort().to_list()
            stored = stored_vectors(con, "keyword", distinct, self.embedder().model_version)
        tables = {"keywords": keywords, "history": history, "vectors": stored}
        pipeline = computed(self.compute, ClusterUsers(params), tables)
        vectors = KeywordVectors.from_frame(stored)
        window_ends = dict(users.select("user_id", "window_end_date").iter_rows())
        shown = histories(pipeline.rows, keywords, window_ends, most_tokens=self.inference.history_tokens)
        inferred = self._answered(list(shown), asker)
        rows = journey_rows(inferred, keywords, history, vectors, params).join(users, on="user_id")
        rows = with_centroids_of_journeys(rows)
        made_by = answered_by(asker.model, prompt())
        stamps = {"partition_date": pl.lit(day), "inferred_by": pl.lit(made_by), "algorithm_version": pl.lit(version)}
        ledger = users.join(_counts(inferred), on="user_id").join(
            rows.group_by("user_id").agg(n_clusters=pl.len()), on="user_id", how="left"
        )
        return (
            _as_table(self._with_verdicts(rows).with_columns(**stamps), LLM_JOURNEYS),
            _as_table(ledger.with_columns(pl.col("n_clusters").fill_null(0), **stamps), LLM_INFERENCES),
            pipeline.failed,
        )

    def _answered(self, shown: Sequence[History], asker: Asker) -> list[Inferred]:
        """What came of asking about each user, by user_id. The heaviest users are asked about first."""
        # There is nothing to ask about a user none of whose keywords may be shown.
        asked = sorted((one for one in shown if one.items), key=lambda one: (-one.weight, one.user_id))
        replies = asker.ask((question(one, self.inference.most_journeys) for one in asked), PURPOSE)
        found = {
            one.user_id: Inferred(one, reply.value, None if reply.value is None else reply.tokens)
            for one, reply in zip(asked, replies, strict=True)
        }
        return [found.get(one.user_id, Inferred(one, _NOTHING)) for one in shown]

    def _with_verdicts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``rows`` with the verdict on each suggested name; names with personal data are emptied."""
        journeys = rows.filter("is_journey")
        names = journeys.select(
            *JOURNEY, "keywords", journey_name=pl.col("medoid"), worth=pl.col("keyword_weights").list.sum()
        )
        given = journeys.filter(pl.col("suggested_name") != "").select(*JOURNEY, "suggested_name")
        texts = given["suggested_name"].to_list()
        vectors = pack(self.embedder().embed(texts)) if texts else []
        given = given.with_columns(embedding=pl.Series(vectors, dtype=pl.Binary))
        forbidden = self.unsafe(given.join(names.select(*JOURNEY, "keywords"), on=JOURNEY))
        verdicts = judged(given, names, journeys, forbidden).select(*JOURNEY, "verdict")
        is_personal = hold_personal_data(rows["suggested_name"])
        return rows.join(verdicts, on=JOURNEY, how="left", maintain_order="left").with_columns(
            suggested_name=pl.when(is_personal).then(pl.lit("")).otherwise("suggested_name")
        )


def _counts(inferred: Sequence[Inferred]) -> pl.DataFrame:
    """The columns of llm_inferences that each user's answer gives."""
    rows = []
    for one in inferred:
        answer = one.answer or _NOTHING
        n_named = sum(
            1 + len(one.history.items[number - 1].others) for journey in answer.journeys for number in journey.numbers
        )
        rows.append(
            {
                "user_id": one.history.user_id,
                "is_inferred": one.answer is not None,
                "n_keywords": one.history.n_keywords,
                "n_shown": len(one.history.items),
                "history_tokens": one.history.tokens,
                "input_tokens": one.tokens[0] if one.tokens else None,
                "output_tokens": one.tokens[1] if one.tokens else None,
                "n_unknown": answer.n_unknown,
                "n_repeated": answer.n_repeated,
                "n_not_allowed": answer.n_not_allowed,
                "n_not_named": one.history.n_keywords - n_named if one.answer is not None else 0,
                "bcubed_f1": None if one.answer is None else agreement_with_pipeline(one.history, one.answer),
            }
        )
    schema = {name: dtype for name, dtype in LLM_INFERENCES.polars_schema.items() if name in _COUNTED}
    return pl.DataFrame(rows, schema=schema)


_COUNTED = (
    *("user_id", "is_inferred", "n_keywords", "n_shown", "history_tokens", "input_tokens", "output_tokens"),
    *("n_unknown", "n_repeated", "n_not_allowed", "n_not_named", "bcubed_f1"),
)


def _as_table(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    return frame.select(pl.col(column.name).cast(column.dtype) for column in table.columns)
