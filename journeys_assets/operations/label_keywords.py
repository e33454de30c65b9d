"""Clusters the user's own labelled keywords with the production code and parameters."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.clustering.clusters import assign_rows, distinct_keywords
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.models.embedding.base import Embedder, Progress
from journeys_assets.models.naming.release import naming_on


def cluster_labelled_keywords(
    rows: pl.DataFrame, embedder: Embedder, params: AlgorithmParams, naming_releases: Path, progress: Progress
) -> pl.DataFrame:
    """The rows with journey_id, area_id and journey_name, computed with the code and parameters of the pipeline.

    Args:
        rows: user_id, keyword and optionally weight (> 0), first_engaged_at, last_engaged_at.
        naming_releases: Folder of released naming weights; the latest release names.
        progress: Called with (keywords embedded, keywords in all).

    Raises:
        ValueError: a column is missing or a value is not allowed.
    """
    missing = [name for name in ("user_id", "keyword") if name not in rows.columns]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; user_id and keyword are needed, found {rows.columns}")
    rows = rows.drop("journey_id", "area_id", "journey_name", strict=False)
    keywords = distinct_keywords(rows)
    packed = pack(embedder.embed(keywords, progress))
    vectors = KeywordVectors.from_frame(
        pl.DataFrame({"keyword": keywords, "embedding": packed}, schema={"keyword": pl.String, "embedding": pl.Binary})
    )
    assigned, clusters = assign_rows(rows, vectors, params.clustering)
    facts = (
        clusters.select("user_id", keyword="keywords")
        .explode("keyword")
        .with_columns(display_form=pl.col("keyword"), n_queries=pl.lit(0, dtype=pl.Int64), commonness=pl.lit(0.0))
        .join(_first_times(rows), on=["user_id", "keyword"], how="left")
    )
    naming, _ = naming_on(naming_releases, date.max, params.naming)
    names = name_journeys(clusters, facts, naming).select("user_id", "journey_id", "journey_name")
    return assigned.join(names, on=["user_id", "journey_id"], how="left", maintain_order="left")


def _first_times(rows: pl.DataFrame) -> pl.DataFrame:
    """user_id, keyword (normalised) and first_engaged_at; null if the rows have no times."""
    times = pl.col("first_engaged_at") if "first_engaged_at" in rows.columns else pl.lit(None)
    keywords = normalise_series(rows["keyword"])
    return (
        rows.select("user_id", keyword=keywords, first_engaged_at=times.cast(pl.Datetime("us")))
        .group_by("user_id", "keyword")
        .agg(pl.col("first_engaged_at").min())
    )
