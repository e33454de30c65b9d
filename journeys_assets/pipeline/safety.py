"""text_safety and journey_safety: what names and keywords are about, and what may be done with each journey."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from journeys_assets.domain.safety.journeys import journey_verdicts, with_decisions
from journeys_assets.domain.safety.params import SafetyParams
from journeys_assets.domain.tables.pipeline import JOURNEY_SAFETY, TEXT_SAFETY
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.safety.judge import KnownVectors, SafetyJudge
from journeys_assets.pipeline.carry import Carried, Frames, carry_over
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import safety as queries
from journeys_assets.storage.queries import users as user_queries
from journeys_assets.storage.queries.vectors import Texts, stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

_DECISION = ("safety_category", "safety_decision", "safety_decided_by")


@dataclass(frozen=True)
class TextSafety:
    """Judges the names and keywords that no earlier run has judged."""

    warehouse: Warehouse
    judge: Callable[[], SafetyJudge]
    embedder: Callable[[], Embedder]
    """That of keyword_embeddings and name_embeddings."""

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        judge = self.judge()
        known = vectors_for(judge, self.embedder(), self.warehouse)
        n_judged, n_sensitive = 0, 0
        for days in run.chunks():
            with self.warehouse.reading() as con:
                new = queries.unjudged_texts(con, days, judge.version)
            found = judge.verdicts(new["text"].to_list(), known).select(
                "text",
                pl.col("category").cast(pl.String),
                "score",
                pl.col("decided_by").cast(pl.String),
                safety_model=pl.lit(judge.version),
            )
            n_judged += found.height
            n_sensitive += found["category"].count()
            yield Batch(days, {TEXT_SAFETY.name: new.join(found, on="text", maintain_order="left")})
        return Notes({"newly_judged": n_judged, "of_a_sensitive_category": n_sensitive, "safety_model": judge.version})


@dataclass(frozen=True)
class JourneySafety:
    """Decides on every live journey; a user whose names are those of the day before keeps the categories."""

    warehouse: Warehouse
    params: SafetyParams
    safety_model: Callable[[], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        carried: Carried | None = None
        said: dict[date, pl.DataFrame] = {}
        counts: list[pl.DataFrame] = []
        for days, shard in run.pieces():
            parts = []
            with self.warehouse.reading() as con:
                if shard.number == 0:
                    said = user_queries.users_by_day(con, days)
                states = {day: queries.named_states(con, day, shard) for day in days}
            for day in days:
                carried = self._verdicts(day, states[day], carried if shard.is_all else None)
                rows = (
                    with_decisions(carried.frames["verdicts"], shard.of_frame(said[day]), self.params)
                    .rename({name: f"safety_{name}" for name in ("category", "score", "decided_by", "decision")})
                    .sort("user_id", "journey_id")
                )
                parts.append(rows.with_columns(partition_date=pl.lit(day)))
                if day == run.days[-1]:
                    counts.append(rows.group_by(_DECISION).len("journeys"))
            yield Batch(days, {JOURNEY_SAFETY.name: pl.concat(parts)}, shard=shard)
        decisions = pl.concat(counts).group_by(_DECISION).agg(pl.col("journeys").sum())
        return Notes({"decisions": decisions.sort("journeys", descending=True)})

    def _verdicts(self, day: date, states: pl.DataFrame, before: Carried | None) -> Carried:
        def make(states: pl.DataFrame) -> Frames:
            with self.warehouse.reading() as con:
                names = queries.names_of(con, states, day)
                texts = queries.verdicts_on(con, names, self.safety_model())
            return {"verdicts": journey_verdicts(names, texts, self.params)}

        return carry_over(before, states, make)


def vectors_for(judge: SafetyJudge, embedder: Embedder, warehouse: Warehouse) -> KnownVectors | None:
    """The stored vectors of keywords and names, for a judge; None where those of ``embedder`` are not of its model."""
    model = embedder.model_version
    if model != judge.embedding_model:
        return None
    tables: tuple[Texts, ...] = ("keyword", "name")

    def known(texts: Sequence[str]) -> Mapping[str, bytes]:
        with warehouse.reading() as con:
            return {text: vector for of in tables for text, vector in stored_vectors(con, of, texts, model).iter_rows()}

    return known


def unsafe_names(suggested: pl.DataFrame, judge: Callable[[Sequence[str]], pl.DataFrame]) -> pl.DataFrame:
    """The suggestions whose name is of a sensitive category, or in doubt, where no keyword of the journey is.

    Args:
        suggested: user_id, journey_id, suggested_name, keywords.
        judge: ``SafetyJudge.verdicts``.

    Returns:
        user_id, journey_id.
    """
    if suggested.is_empty():
        return suggested.select("user_id", "journey_id")
    texts = pl.concat([suggested["suggested_name"], suggested["keywords"].explode()]).drop_nulls().unique().sort()
    found = judge(texts.to_list())
    is_sensitive = pl.col("category").is_not_null() | (pl.col("decided_by").cast(pl.String) == "uncertain")
    sensitive = found.filter(is_sensitive)["text"].to_list()
    return suggested.filter(
        pl.col("suggested_name").is_in(sensitive)
        & ~pl.col("keywords").list.eval(pl.element().is_in(sensitive)).list.any()
    ).select("user_id", "journey_id")
