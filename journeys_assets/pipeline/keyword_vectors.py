"""keyword_embeddings: a vector for every keyword of the days, and of the items, that has none yet."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import polars as pl

from journeys_assets.compute.base import Compute
from journeys_assets.compute.parts import computed
from journeys_assets.compute.work import EmbedKeywords
from journeys_assets.domain.tables.pipeline import KEYWORD_EMBEDDINGS
from journeys_assets.models.embedding.backends import gpus_of
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.pipeline.stage import Batch, Notes, Run, shown_failures
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.vectors import texts_with_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class KeywordVectors:
    """Embeds what is new; each distinct keyword once per embedding model."""

    warehouse: Warehouse
    compute: Compute
    embedder: Callable[[], Embedder]
    progress: Callable[[str, int, int], None]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        embedder = self.embedder()
        with self.warehouse.reading() as con:
            wanted = keyword_queries.keywords_to_embed(con, run.days)
            stored = texts_with_vectors(con, "keyword", wanted["keyword"], embedder.model_version)
        new = wanted.filter(~pl.col("keyword").is_in(stored.implode()))
        work = EmbedKeywords(self.embedder, embedder.model_version, gpus=gpus_of(embedder.model_version))
        done = computed(self.compute, work, {work.table: new.select("keyword")}, self._progress)
        rows = new.join(done.rows, on="keyword").with_columns(embedding_model=pl.lit(embedder.model_version))
        rows = rows.sort("partition_date", "keyword")
        yield Batch(run.days, {KEYWORD_EMBEDDINGS.name: rows})
        self.compute.forget(work.name)
        return Notes(
            {
                **shown_failures("keywords_not_embedded", done.failed),
                "keywords_of_the_days": wanted.height,
                "newly_embedded": rows.height,
                "embedding_model": embedder.model_version,
                "examples": rows.select("partition_date", "keyword"),
            }
        )

    def _progress(self, done: int, total: int) -> None:
        self.progress(KEYWORD_EMBEDDINGS.name, done, total)
