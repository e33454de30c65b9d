"""journey_names: the name of every live journey."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.naming.features import JOURNEY, commonness_classes
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.naming.given import BY_USER, judged_given_names, keys_of_given, renamed_journeys
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import worth
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.models.naming.release import naming_on
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, CarriedRows, Notes, Run
from journeys_assets.pipeline.suggested_names import CLUSTER_COLUMNS, Unsafe, accepted_names
from journeys_assets.storage.queries import inference, staleness, tables
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import suggestions as suggestion_queries
from journeys_assets.storage.queries.edits import edits_as_of
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

_MOST_CHANGES = 50
"""Where more keywords changed in how common they are, every user is named anew: looking for them would cost as much."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the names of a day rest on beside the log.

    Attributes:
        states: user_id and partition_date of the latest inference of every live user.
        common: keyword, specificity_step, is_generic of every keyword of the catalogue that is not rare.
    """

    day: date
    states: pl.DataFrame
    common: pl.DataFrame


@dataclass(frozen=True)
class Naming:
    """Names journeys. A user keeps the names of the day before as long as nothing changed that they rest on.

    Attributes:
        suggested_by: The language model with each prompt and sampling whose accepted names take precedence; none
            without one.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    naming: NamingParams
    releases: Path
    suggested_by: Sequence[str]
    unsafe: Unsafe
    version: Callable[[date], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        before, basis = None, self._stored_before(run.days[0])
        named_by: set[str] = set()
        n_made = 0
        given: list[pl.Series] = []
        for days, shard in run.pieces():
            made, carried = [], []
            for day in days:
                with self.warehouse.reading() as con:
                    if shard.number == 0:
                        before, basis = basis, self._basis(con, day)
                    assert basis is not None
                    states = shard.of_frame(basis.states)
                    kept = self._unchanged(con, before, basis, states) if before else states.clear()
                    read = self._read(con, day, states.join(kept, on="user_id", how="anti"))
                names, weights, verdicts = self._named(day, *read)
                given.append(verdicts)
                made.append(names.with_columns(partition_date=pl.lit(day)))
                named_by.add(weights)
                n_made += names.height
                if before and kept.height:
                    carried.append(CarriedRows(JOURNEY_NAMES.name, before.day, day, kept.select("user_id")))
            yield Batch(days, {JOURNEY_NAMES.name: pl.concat(made)}, carried, shard=shard)
        with self.warehouse.reading() as con:
            examples = tables.example_rows(con, JOURNEY_NAMES.name, run.days[-1], EXAMPLE_ROWS)
        return Notes(
            {
                "named_by": ", ".join(sorted(named_by)),
                "names_made": n_made,
                "names_given_by_users": pl.concat(given).value_counts(sort=True, name="names"),
                "examples": examples.select("user_id", "journey_name", "keywords"),
            }
        )

    def _basis(self, con: duckdb.DuckDBPyConnection, day: date) -> _Basis:
        params, _ = naming_on(self.releases, day, self.naming)
        states = inference.live_states(con, day, self.keywords.horizon_days)
        common = keyword_queries.common_keywords(con, day, self.keywords)
        return _Basis(day, states, commonness_classes(common, params).drop("commonness"))

    def _stored_before(self, first: date) -> _Basis | None:
        """That of the day before the run; None where its names cannot be relied on."""
        before = first - timedelta(days=1)
        with self.warehouse.reading() as con:
            is_complete = staleness.is_complete(con, before)
            versions = tables.versions_on(con, JOURNEY_NAMES.name, before)
            return self._basis(con, before) if is_complete and versions <= {self.version(before)} else None

    def _unchanged(
        self, con: duckdb.DuckDBPyConnection, before: _Basis, after: _Basis, states: pl.DataFrame
    ) -> pl.DataFrame:
        """Those of ``states``, which are states of ``after``, whose names are those of ``before``."""
        if self.version(before.day) != self.version(after.day):
            return states.clear()
        same = states.join(before.states, on=states.columns, how="semi")
        changes = [
            old.join(new, on=old.columns, how="anti")["keyword"]
            for old, new in ((before.common, after.common), (after.common, before.common))
        ]
        phrases = pl.concat(changes).unique().sort().to_list()
        if len(phrases) > _MOST_CHANGES:
            return states.clear()
        touched = [inference.users_with_words(con, same, phrases)] if phrases else []
        if self.suggested_by:
            touched.append(suggestion_queries.users_with_suggestions(con, self.suggested_by, after.day))
        return same.join(pl.concat(touched), on="user_id", how="anti") if touched else same

    def _read(
        self, con: duckdb.DuckDBPyConnection, day: date, states: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """The journeys of ``states``, facts about their keywords, and all edits."""
        clusters = inference.journeys_in(con, states, CLUSTER_COLUMNS)
        return clusters, keyword_queries.keyword_facts(con, clusters, day, self.keywords), edits_as_of(con, day)

    def _named(
        self, day: date, clusters: pl.DataFrame, facts: pl.DataFrame, edits: pl.DataFrame
    ) -> tuple[pl.DataFrame, str, pl.Series]:
        """The names of the journeys, what weighed their features, and what became of given names."""
        params, named_by = naming_on(self.releases, day, self.naming)
        given = self._judged(renamed_journeys(edits, clusters))
        keys = keys_of_given(given)
        names = name_journeys(clusters, facts, params, keys).with_columns(named_by=pl.lit(named_by, dtype=pl.String))
        suggested = self._with_suggested(names, clusters, day, keys)
        return _with_given(suggested, given), named_by, given["verdict"]

    def _judged(self, given: pl.DataFrame) -> pl.DataFrame:
        """Names that users gave with the verdict on each."""
        if given.is_empty():
            return given.with_columns(verdict=pl.lit(None, dtype=pl.String))
        return judged_given_names(given, self.unsafe(given.rename({"given_name": "suggested_name"})))

    def _with_suggested(
        self, names: pl.DataFrame, clusters: pl.DataFrame, day: date, given: Mapping[tuple[str, str], str]
    ) -> pl.DataFrame:
        """``names`` with the accepted names of a language model in place, other than those that users gave."""
        if not self.suggested_by:
            return names
        with self.warehouse.reading() as con:
            suggested = suggestion_queries.suggested_names(con, names, self.suggested_by, until=day)
        accepted = accepted_names(suggested, worth(names), clusters, self.unsafe)
        taken = {(user, key) for (user, _), key in given.items()}
        is_free = [
            (user, key_of(name)) not in taken for user, name in accepted.select("user_id", "suggested_name").iter_rows()
        ]
        accepted = accepted.filter(pl.Series(is_free, dtype=pl.Boolean))
        return (
            names.join(accepted, on=JOURNEY, how="left", maintain_order="left")
            .with_columns(
                journey_name=pl.coalesce("suggested_name", "journey_name"),
                named_by=pl.coalesce("suggested_by", "named_by"),
            )
            .drop("suggested_name", "suggested_by")
        )


def _with_given(names: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """``names`` with the accepted names that users gave in place."""
    accepted = given.filter(pl.col("verdict") == "accepted").select(*JOURNEY, "given_name")
    if accepted.is_empty():
        return names
    is_given = pl.col("given_name").is_not_null()
    return (
        names.join(accepted, on=JOURNEY, how="left", maintain_order="left")
        .with_columns(
            journey_name=pl.coalesce("given_name", "journey_name"),
            named_by=pl.when(is_given).then(pl.lit(BY_USER)).otherwise("named_by"),
        )
        .drop("given_name")
    )
