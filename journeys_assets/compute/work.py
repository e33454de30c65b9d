"""The work that pays on a cluster: vectors of keywords, and clusters of users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from journeys_assets.compute.base import ComputeError, Progress, Tables
from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.models.embedding.base import Embedder

_VECTORS = {"keyword": pl.String(), "embedding": pl.Binary()}


@dataclass(frozen=True)
class ClusterUsers:
    """``cluster_users`` of the tables ``keywords``, ``history``, ``vectors`` (keyword, embedding) and, where there are
    any, ``edits``.

    The result is that of ``cluster_users``.
    """

    params: ClusteringParams
    name: str = "cluster_users"
    by: str = "user_id"
    table: str = "keywords"
    grain: tuple[str, ...] = ("user_id", "journey_id")
    gpus: float = 0
    looked_up: Mapping[str, tuple[str, str]] = field(default_factory=lambda: {"vectors": ("history", "keyword")})

    @property
    def configuration(self) -> str:
        return repr(self.params)

    def run(self, tables: Tables, *, threads: int, progress: Progress) -> pl.DataFrame:
        vectors = KeywordVectors.from_frame(tables["vectors"])
        edits = tables.get("edits")
        return cluster_users(tables["keywords"], tables["history"], vectors, self.params, edits, threads=threads)


@dataclass(frozen=True)
class EmbedKeywords:
    """The vectors (keyword, embedding) of the table ``keywords`` (keyword).

    Attributes:
        embedder: The model.
        model_version: Its version.
        gpus: GPUs that the model takes.
    """

    embedder: Callable[[], Embedder]
    model_version: str
    gpus: float = 0
    name: str = "embed_keywords"
    by: str = "keyword"
    table: str = "keywords"
    grain: tuple[str, ...] = ("keyword",)
    looked_up: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def configuration(self) -> str:
        return self.model_version

    def run(self, tables: Tables, *, threads: int, progress: Progress) -> pl.DataFrame:
        """See :class:`Work`.

        Raises:
            ComputeError: the model of this machine has another version.
        """
        keywords = tables["keywords"]["keyword"].unique().sort()
        if keywords.is_empty():  # no weights are loaded
            return pl.DataFrame(schema=_VECTORS)
        embedder = self.embedder()
        if embedder.model_version != self.model_version:
            raise ComputeError(
                f"the embedding model of this machine is {embedder.model_version}, and that of the run is "
                f"{self.model_version}; install the same packages and put the same model at the same path"
            )
        packed = pack(embedder.embed(keywords.to_list(), progress))
        return pl.DataFrame({"keyword": keywords, "embedding": packed}, schema=_VECTORS)
