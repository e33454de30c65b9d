"""keyword_embeddings: a vector for every keyword of the days, and of the items, that has none yet."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.tables.pipeline import KEYWORD_EMBEDDINGS
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.vectors import texts_with_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class KeywordVectors:
    """Embeds what is new; each distinct keyword once per embedding model."""

    warehouse: Warehouse
    embedder: Callable[[], Embedder]
    progress: Callable[[str, int, int], None]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        embedder = self.embedder()
        with self.warehouse.reading() as con:
            wanted = keyword_queries.keywords_to_embed(con, run.days)
            stored = texts_with_vectors(con, "keyword", wanted["keyword"], embedder.model_version)
        new = wanted.filter(~pl.col("keyword").is_in(stored.implode()))
        rows = new.with_columns(
            embedding=pl.Series(self._packed(embedder, new["keyword"].to_list()), dtype=pl.Binary),
            embedding_model=pl.lit(embedder.model_version),
        ).sort("partition_date", "keyword")
        yield Batch(run.days, {KEYWORD_EMBEDDINGS.name: rows})
        return Notes(
            {
                "keywords_of_the_days": wanted.height,
                "newly_embedded": new.height,
                "embedding_model": embedder.model_version,
                "examples": rows.select("partition_date", "keyword"),
            }
        )

    def _packed(self, embedder: Embedder, keywords: list[str]) -> list[bytes]:
        """Packed vectors of ``keywords``; with nothing to embed, no weights are loaded."""
        if not keywords:
            return []
        return pack(embedder.embed(keywords, lambda done, total: self.progress(KEYWORD_EMBEDDINGS.name, done, total)))
