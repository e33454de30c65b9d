"""related_journeys: what each user may start next, from the expansion that is live on the day."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.domain.related.candidates import content_of, find_topics
from journeys_assets.domain.related.groups import Floats, on_grid
from journeys_assets.domain.related.index import Index, read_index
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import RELATED, rank_related, suggested, with_outcomes
from journeys_assets.domain.tables.pipeline import RELATED_JOURNEYS
from journeys_assets.domain.vocabulary import NAMELESS
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.related.release import Expansion, released_expansion
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.key_value.base import KeyValueStore
from journeys_assets.storage.queries import related as queries
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

_EMBEDDED_AT_ONCE = 8_192
_USERS_AT_ONCE = 20_000
"""Users whose candidates are in memory together."""


@dataclass(frozen=True, slots=True)
class NamedJourneys:
    """Live journeys with the vectors of their names.

    Attributes:
        journeys: user_id, journey_id, name (normalised), confidence, is_source; sorted.
        rows: Row in ``matrix`` of each name.
        matrix: (n, dimensions), unit vectors on the grid.
        n_without_vector: Journeys that were left out because their name has no vector of the model.
    """

    journeys: pl.DataFrame
    rows: dict[str, int]
    matrix: Floats
    n_without_vector: int


def with_names(journeys: pl.DataFrame) -> pl.DataFrame:
    """``journeys`` (journey_name, …) with ``name``, its normal form; without those that have no name to show."""
    named = journeys.with_columns(name=normalise_series(journeys["journey_name"]))
    return named.filter((pl.col("name") != "") & ~pl.col("name").str.starts_with(NAMELESS))


def named_journeys(warehouse: Warehouse, day: date, embedding_model: str) -> NamedJourneys:
    """The live journeys of ``day`` with the stored vectors of their names."""
    with warehouse.reading() as con:
        live = with_names(queries.live_journeys(con, day))
        vectors = stored_vectors(con, "name", live["name"], embedding_model)
    known = live.join(vectors, on="name", how="semi", maintain_order="left")
    matrix = on_grid(unpack(vectors["embedding"].to_list()))
    rows = {name: row for row, name in enumerate(vectors["name"])}
    columns = ("user_id", "journey_id", "name", "confidence", "is_source")
    return NamedJourneys(known.select(columns).sort("user_id", "journey_id"), rows, matrix, live.height - known.height)


class NameVectors:
    """Vectors of names, each embedded once, and rounded as stored vectors are, so that both agree.

    Args:
        progress: Called with (``embedding``, names done, names in all).
    """

    def __init__(self, embedder: Embedder, progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
        self._embedder, self._progress = embedder, progress
        self._rows: dict[str, int] = {}
        self._matrix: Floats = np.zeros((0, embedder.dimensions), dtype=np.float32)

    def of(self, names: Iterable[str]) -> tuple[dict[str, int], Floats]:
        """Row of each name so far, and the matrix: (n, dimensions), unit rows on the grid."""
        new = sorted(set(names) - self._rows.keys())
        parts = [self._matrix]
        for start in range(0, len(new), _EMBEDDED_AT_ONCE):
            few = new[start : start + _EMBEDDED_AT_ONCE]
            parts.append(on_grid(unpack(pack(self._embedder.embed(few)))))
            self._progress("embedding", start + len(few), len(new))
        self._rows |= {name: len(self._matrix) + n for n, name in enumerate(new)}
        self._matrix = np.concatenate(parts)
        return self._rows, self._matrix


def past_outcomes(
    warehouse: Warehouse,
    starts: pl.DataFrame,
    before: date,
    vectors: NameVectors,
    embedding_model: str,
    params: RelatedParams,
    forbidden: Collection[str] = (),
) -> pl.DataFrame:
    """What an expansion as of ``before`` would have suggested, and which of it the users started since.

    Args:
        starts: user_id, name, started_on of every journey as of a later day, which ends the outcomes.
        forbidden: Names that are not suggested.

    Returns:
        See :func:`~journeys_assets.domain.related.ranking.candidates_of_users`, with ``started``.
    """
    with warehouse.reading() as con:
        known = with_names(queries.journeys_as_of(con, before))
    named = named_journeys(warehouse, before, embedding_model)
    rows, matrix = vectors.of([*known["name"], *starts["name"]])
    topics = find_topics(known, rows, matrix, before, params, forbidden)
    content = dict(content_of(topics, topics.stored_names(params.min_users, forbidden), params))

    def get_many(keys: Sequence[str]) -> list[Any | None]:
        return [content.get(key) for key in keys]

    found = suggested(named.journeys, named.rows, named.matrix, get_many, None, before, params)
    started: dict[str, list[Floats]] = {}
    for user, name in starts.filter(pl.col("started_on") > before).select("user_id", "name").iter_rows():
        started.setdefault(user, []).append(matrix[rows[name]])
    return with_outcomes(found.candidates, found.vectors, started, params.same_cosine)


@dataclass(frozen=True)
class RelatedJourneys:
    """Ranks the related journeys of every user with an ongoing journey."""

    warehouse: Warehouse
    params: RelatedParams
    releases: Path
    open_store: Callable[[], KeyValueStore]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        store = self.open_store()
        rows, n_without_vector = RELATED_JOURNEYS.empty(), 0
        missing: set[str] = set()
        index: tuple[str, Index] | None = None
        for days in run.chunks():
            found = []
            for day in days:
                rows, n_without_vector, index = self._of_day(day, store, index, missing)
                found.append(rows.with_columns(partition_date=pl.lit(day)))
            yield Batch(days, {RELATED_JOURNEYS.name: pl.concat(found)})
        return Notes(
            {
                "users_with_related_journeys": rows["user_id"].n_unique(),
                "journeys_without_a_vector": n_without_vector,
                "releases_without_content": ", ".join(sorted(missing)) or "none",
                "relations": rows.group_by("relation").len("rows").sort("relation"),
                "examples": rows.drop("from_journey_id"),
            }
        )

    def _of_day(
        self, day: date, store: KeyValueStore, index: tuple[str, Index] | None, missing: set[str]
    ) -> tuple[pl.DataFrame, int, tuple[str, Index] | None]:
        """The rows of one day, the number of journeys without a vector, and the release with its index.

        Args:
            index: That of the day before, which is read again only for another release.
            missing: Gets the version of a release whose content is gone.
        """
        release = released_expansion(self.releases, day)
        if release is not None and release.version not in store.versions():
            missing.add(release.version)  # older than the expansions that are kept
            release = None
        if release is None:
            return RELATED.to_frame().with_columns(release=pl.lit(None, dtype=pl.String)), 0, index
        if index is None or index[0] != release.version:
            index = release.version, read_index(partial(store.get_many, version=release.version))
        return *self._rows(day, release, index[1], store), index

    def _rows(self, day: date, release: Expansion, index: Index, store: KeyValueStore) -> tuple[pl.DataFrame, int]:
        named = named_journeys(self.warehouse, day, release.embedding_model)
        get_many = partial(store.get_many, version=release.version)
        users = named.journeys["user_id"].unique().sort()
        parts = [RELATED.to_frame()]
        for few in users.to_frame().iter_slices(_USERS_AT_ONCE):
            journeys = named.journeys.join(few, on="user_id", how="semi", maintain_order="left")
            found = suggested(journeys, named.rows, named.matrix, get_many, index, day, self.params)
            parts.append(rank_related(found.candidates, found.vectors, release.weights, self.params))
        return pl.concat(parts).with_columns(release=pl.lit(release.version)), named.n_without_vector
