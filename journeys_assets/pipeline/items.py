"""journey_items and interest_items: what to show for each ongoing journey, and for the top interest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.items.catalogue import Catalogue, catalogue_day, catalogue_of
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.ranking import Statistics, no_statistics, rank_items, statistics_of
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.personal import hold_personal_data
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.notifications.arms import experiment_arm
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.safety.params import SafetyParams
from journeys_assets.domain.safety.policy import decide
from journeys_assets.domain.tables.pipeline import INTEREST_ITEMS, JOURNEY_ITEMS
from journeys_assets.models.items.release import ItemRelease, released_items
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, CarriedRows, Notes, Run
from journeys_assets.storage.queries import inference, staleness, tables
from journeys_assets.storage.queries import items as queries
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.sql_models import SqlModel
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

BY_PARAMETERS = "parameters"
"""``ranked_by`` of rows that no release shaped."""
_MOST_INTERESTS = 20
"""Interests of a user of which the first that may be shown is the top interest."""
_CLUSTER_COLUMNS = ("user_id", "journey_id", "keywords", "keyword_weights", "centroid")


@dataclass(frozen=True, slots=True)
class Ranker:
    """What items are ranked with on a day.

    Attributes:
        catalogue: The items that may be shown.
        vectors: Of the keywords of the catalogue.
        unsafe: Keywords of the catalogue that must not be shown.
        statistics: Of the release.
        weights: Of each feature.
        ranked_by: The release, or ``BY_PARAMETERS``.
    """

    catalogue: Catalogue
    vectors: KeywordVectors
    unsafe: pl.Series
    statistics: Statistics
    weights: dict[str, float]
    ranked_by: str


def read_ranker(
    con: duckdb.DuckDBPyConnection,
    on: date,
    release: ItemRelease | None,
    embedding_model: str,
    safety_model: str,
    safety: SafetyParams,
    params: ItemParams,
) -> Ranker:
    """What ranks items with the catalogue as it was at the end of ``on``.

    A keyword that the safety model has not judged must not be shown.
    """
    rows = queries.catalogue_rows(con, on)
    keywords = pl.concat([rows["keywords"].explode(), rows["text_keywords"].explode()]).drop_nulls().unique().sort()
    judged = queries.judged_keywords(con, keywords, safety_model)
    allowed = [word for word, category, score in judged.iter_rows() if decide(category, score, safety) == "allow"]
    unsafe = keywords.filter(~keywords.is_in(pl.Series(allowed, dtype=pl.String).implode()))
    vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", keywords, embedding_model))
    catalogue = catalogue_of(rows, vectors, unsafe)
    if release is None:
        return Ranker(catalogue, vectors, unsafe, no_statistics(catalogue), params.prior_weights, BY_PARAMETERS)
    statistics = statistics_of(catalogue, release.together, release.popularity)
    return Ranker(catalogue, vectors, unsafe, statistics, release.weights, release.version)


def journeys_to_rank(con: duckdb.DuckDBPyConnection, states: pl.DataFrame) -> pl.DataFrame:
    """The journeys that items are found for, as ``rank_items`` takes them.

    Args:
        states: Rows of ``queries.states_to_show``.
    """
    shown = states.select("user_id", journey_id=pl.col("journeys").str.split(" ")).explode("journey_id")
    clusters = inference.journeys_in(con, states.select("user_id", "partition_date"), _CLUSTER_COLUMNS)
    return clusters.join(shown, on=["user_id", "journey_id"], how="semi")


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the items of a day rest on beside releases and parameters.

    Attributes:
        states: Rows of ``queries.states_to_show``.
        catalogue: The day at whose end the catalogue counts, and the mark of its versions.
    """

    day: date
    states: pl.DataFrame
    catalogue: tuple[date, tuple[int, int]]


@dataclass(frozen=True)
class JourneyItems:
    """Ranks the items of users with an ongoing journey.

    A user keeps the items of the day before as long as the user's inference, the set of the user's ongoing journeys,
    the catalogue and the algorithm version are the same. The cool-down ends with the user's last active day, so that
    time alone changes nothing.
    """

    warehouse: Warehouse
    staging: Mapping[str, SqlModel]
    keywords: KeywordParams
    actions: Sequence[Action]
    items: ItemParams
    notifications: NotificationParams
    safety: SafetyParams
    releases: Path
    embedding_model: Callable[[], str]
    safety_model: Callable[[], str]
    version: Callable[[date], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        before, basis = None, self._stored_before(run.days[0])
        ranker: tuple[object, Ranker] | None = None
        ranked_by: set[str] = set()
        n_made = 0
        for days, shard in run.pieces():
            made = {table.name: [table.empty().drop("algorithm_version")] for table in (JOURNEY_ITEMS, INTEREST_ITEMS)}
            carried = []
            for day in days:
                with self.warehouse.reading() as con:
                    if shard.number == 0:
                        before, basis = basis, self._basis(con, day)
                    assert basis is not None
                    states = shard.of_frame(basis.states)
                    kept = self._unchanged(before, basis, states)
                    changed = states.join(kept, on="user_id", how="anti")
                    if changed.height:
                        ranker = self._ranker(con, basis, ranker)
                        read = self._read(con, changed)
                if changed.height:
                    assert ranker is not None
                    for name, rows in self._ranked(*read, ranker[1], basis.catalogue[0]).items():
                        made[name].append(rows.with_columns(partition_date=pl.lit(day)).select(made[name][0].columns))
                    ranked_by.add(ranker[1].ranked_by)
                    n_made += made[JOURNEY_ITEMS.name][-1].height
                if before is not None and kept.height:
                    users = kept.select("user_id")
                    carried += [CarriedRows(name, before.day, day, users) for name in made]
            yield Batch(days, {name: pl.concat(parts) for name, parts in made.items()}, carried, shard=shard)
        with self.warehouse.reading() as con:
            examples = tables.example_rows(con, JOURNEY_ITEMS.name, run.days[-1], EXAMPLE_ROWS)
        return Notes(
            {
                "journeys_ranked": n_made,
                "ranked_by": ", ".join(sorted(ranked_by)) or "none; all rows are of the day before",
                "examples": examples.select("user_id", "journey_id", "item_ids", "item_found_by"),
            }
        )

    def _basis(self, con: duckdb.DuckDBPyConnection, day: date) -> _Basis:
        on = catalogue_day(day, self.items.catalogue_every_days)
        states = queries.states_to_show(con, day, self.keywords.horizon_days)
        return _Basis(day, states, (on, queries.catalogue_mark(con, on)))

    def _stored_before(self, first: date) -> _Basis | None:
        """That of the day before the run; None where its items cannot be relied on."""
        before = first - timedelta(days=1)
        with self.warehouse.reading() as con:
            is_complete = staleness.is_complete(con, before)
            versions = tables.versions_on(con, JOURNEY_ITEMS.name, before)
            # A change of the catalogue makes the days that it concerns stale, so a complete day has seen it.
            return self._basis(con, before) if is_complete and versions == {self.version(before)} else None

    def _unchanged(self, before: _Basis | None, after: _Basis, states: pl.DataFrame) -> pl.DataFrame:
        """Those of ``states``, which are states of ``after``, whose items are those of ``before``."""
        if before is None or before.catalogue != after.catalogue:
            return states.clear()
        if self.version(before.day) != self.version(after.day):
            return states.clear()
        return states.join(before.states, on=states.columns, how="semi")

    def _ranker(
        self, con: duckdb.DuckDBPyConnection, basis: _Basis, last: tuple[object, Ranker] | None
    ) -> tuple[object, Ranker]:
        """The ranker of a day with what it rests on; ``last`` where that is the same."""
        release = released_items(self.releases, basis.day)
        key = (basis.catalogue, release.version if release else None)
        if last is not None and last[0] == key:
            return last
        on, model = basis.catalogue[0], self.embedding_model()
        return key, read_ranker(con, on, release, model, self.safety_model(), self.safety, self.items)

    def _read(
        self, con: duckdb.DuckDBPyConnection, states: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """The journeys of ``states``, what their users engaged with, and the interests of those of the interest arm."""
        look_back = self.keywords.look_back_days
        arms = {user: experiment_arm(user, self.notifications) for user in states["user_id"]}
        with_interest = states.filter(pl.col("user_id").replace_strict(arms, return_dtype=pl.String) == "interest")
        engaged = queries.engaged_items(con, self.staging, states, look_back, self.actions, self.keywords.board_weight)
        interests = queries.top_interests(con, with_interest, look_back, _MOST_INTERESTS)
        return journeys_to_rank(con, states), engaged, interests

    def _ranked(
        self,
        journeys: pl.DataFrame,
        engaged: pl.DataFrame,
        interests: pl.DataFrame,
        ranker: Ranker,
        catalogue_date: date,
    ) -> dict[str, pl.DataFrame]:
        """Rows of both tables; frames as of :meth:`_read`."""
        stamps = {"ranked_by": pl.lit(ranker.ranked_by), "catalogue_date": pl.lit(catalogue_date)}
        shown = self._rank(journeys, engaged, ranker)
        top = top_interest(interests, ranker)
        of_interest = self._rank(as_journeys(top, ranker), engaged, ranker).join(top, on="user_id")
        return {
            JOURNEY_ITEMS.name: shown.with_columns(**stamps),
            INTEREST_ITEMS.name: of_interest.with_columns(**stamps),
        }

    def _rank(self, journeys: pl.DataFrame, engaged: pl.DataFrame, ranker: Ranker) -> pl.DataFrame:
        return rank_items(journeys, engaged, ranker.catalogue, ranker.statistics, ranker.weights, self.items)


def top_interest(interests: pl.DataFrame, ranker: Ranker) -> pl.DataFrame:
    """The first interest of each user that may be shown: user_id, interest, interest_name; sorted.

    It must be in the catalogue, be safe, hold no personal data, and have a vector.

    Args:
        interests: Rows of ``queries.top_interests``, best first.
    """
    known = pl.Series(ranker.vectors.keywords, dtype=pl.String)
    may_be_shown = (
        pl.col("interest").is_in(known.implode())
        & ~pl.col("interest").is_in(ranker.unsafe.implode())
        & ~pl.lit(hold_personal_data(interests["interest_name"]))
    )
    return interests.filter(may_be_shown).unique("user_id", keep="first", maintain_order=True).sort("user_id")


def as_journeys(interests: pl.DataFrame, ranker: Ranker) -> pl.DataFrame:
    """Interests as journeys of one keyword, so that the same rules rank both.

    Args:
        interests: user_id, interest.
    """
    vectors = ranker.vectors.rows_for(interests["interest"].to_list())
    return interests.select(
        "user_id",
        journey_id=pl.lit(""),
        keywords=pl.concat_list("interest"),
        keyword_weights=pl.lit([1.0], dtype=pl.List(pl.Float64)),
        centroid=pl.Series(pack(vectors), dtype=pl.Binary),
    )
