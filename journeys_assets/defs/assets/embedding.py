"""keyword_embeddings: a vector for every keyword of the day that has none yet."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.tables.pipeline import KEYWORD_EMBEDDINGS
from journeys_assets.storage.queries import keywords as keyword_queries


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(deployment, KEYWORD_EMBEDDINGS, stage="keywords", deps=["keyword_table"], kinds={"onnx"})

    @stage_asset(deployment, spec)
    def keyword_embeddings(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        embedder = deployment.embedder()
        with deployment.warehouse.reading() as con:
            wanted = keyword_queries.keywords_of_days(con, days)
            stored = keyword_queries.keywords_with_vectors(con, wanted["keyword"].to_list(), embedder.model_version)
        new = wanted.filter(~pl.col("keyword").is_in(stored.implode()))
        vectors = embedder.embed(
            new["keyword"].to_list(), lambda done, total: deployment.progress("keyword_embeddings", done, total)
        )
        frame = (
            new.with_columns(
                embedding=pl.Series(pack(vectors), dtype=pl.Binary),
                embedding_model=pl.lit(embedder.model_version),
                algorithm_version=pl.lit(deployment.version_of("keywords")),
            )
            .select(KEYWORD_EMBEDDINGS.column_names)
            .sort("partition_date", "keyword")
        )
        deployment.warehouse.append_new(KEYWORD_EMBEDDINGS, frame)
        for day in days:
            metadata.report_day(context, "keyword_embeddings", day, frame.filter(pl.col("partition_date") == day))
        yield StageResult(
            metadata={
                "keywords_of_the_days": wanted.height,
                "newly_embedded": new.height,
                "embedding_model": embedder.model_version,
                "examples": metadata.examples(frame, ["partition_date", "keyword"]),
            }
        )

    return keyword_embeddings
