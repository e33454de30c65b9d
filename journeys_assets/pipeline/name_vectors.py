"""name_embeddings: a vector for every distinct name of a journey."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.tables.pipeline import NAME_EMBEDDINGS
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import names as queries
from journeys_assets.storage.queries.vectors import stored_vectors, texts_with_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class NameEmbeddings:
    """Embeds the names that no keyword is equal to; the others have the vector of the keyword."""

    warehouse: Warehouse
    embedder: Callable[[], Embedder]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        embedder = self.embedder()
        n_new, n_embedded = 0, 0
        for days in run.chunks():
            with self.warehouse.reading() as con:
                shown = queries.names_of_days(con, days)
                named = (
                    shown.select("partition_date", name=normalise_series(shown["journey_name"]))
                    .filter(pl.col("name") != "")
                    .group_by("name")
                    .agg(pl.col("partition_date").min())
                )
                stored = texts_with_vectors(con, "name", named["name"], embedder.model_version)
                new = named.filter(~pl.col("name").is_in(stored.implode()))
                known = stored_vectors(con, "keyword", new["name"], embedder.model_version).rename({"keyword": "name"})
            others = new.join(known, on="name", how="anti").sort("name")["name"].to_list()
            vectors = pack(embedder.embed(others)) if others else []
            made = pl.DataFrame({"name": others, "embedding": vectors}, schema=known.schema)
            rows = new.join(pl.concat([known, made]), on="name").with_columns(
                embedding_model=pl.lit(embedder.model_version)
            )
            n_new, n_embedded = n_new + rows.height, n_embedded + len(others)
            yield Batch(days, {NAME_EMBEDDINGS.name: rows.sort("partition_date", "name")})
        return Notes({"new_names": n_new, "newly_embedded": n_embedded, "embedding_model": embedder.model_version})
