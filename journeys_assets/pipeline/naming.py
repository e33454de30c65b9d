"""journey_names: the name of every live journey."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import worth
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.models.naming.release import naming_on
from journeys_assets.pipeline.carry import Carried, Frames, carry_over
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.pipeline.suggested_names import CLUSTER_COLUMNS, Unsafe, accepted_names
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import suggestions as suggestion_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Naming:
    """Names journeys; a user whose inference, item catalogue and weights are the same keeps the names.

    Attributes:
        suggested_by: The language model, prompt and sampling whose accepted names take precedence; None without one.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    naming: NamingParams
    releases: Path
    suggested_by: str | None
    unsafe: Unsafe

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        carried: Carried | None = None
        names = JOURNEY_NAMES.empty()
        for day in run.days:
            carried = self._named(day, carried)
            names = carried.frames["names"].sort("user_id", "journey_id")
            yield Batch([day], {JOURNEY_NAMES.name: names})
        return Notes(
            {
                "named_by": ", ".join(sorted(names["named_by"].unique())) or "nothing to name",
                "examples": names.select("user_id", "journey_name", "keywords"),
            }
        )

    def _named(self, day: date, before: Carried | None) -> Carried:
        params, named_by = naming_on(self.releases, day, self.naming)
        with self.warehouse.reading() as con:
            states = inference.live_states(con, day, self.keywords.horizon_days)
            commonness = keyword_queries.commonness_fingerprint(con, day)

        def names_of(states: pl.DataFrame) -> Frames:
            with self.warehouse.reading() as con:
                clusters = inference.journeys_in(con, states, CLUSTER_COLUMNS)
                facts = keyword_queries.keyword_facts(con, clusters, day, self.keywords)
            names = name_journeys(clusters, facts, params).with_columns(named_by=pl.lit(named_by, dtype=pl.String))
            return {"names": self._with_suggested(names, clusters, day)}

        return carry_over(before, states, names_of, basis=(commonness, named_by))

    def _with_suggested(self, names: pl.DataFrame, clusters: pl.DataFrame, day: date) -> pl.DataFrame:
        """``names`` with the accepted names of a language model in place."""
        if self.suggested_by is None:
            return names
        with self.warehouse.reading() as con:
            suggested = suggestion_queries.suggested_names(con, names, self.suggested_by, until=day)
        accepted = accepted_names(suggested, worth(names), clusters, self.unsafe)
        is_suggested = pl.col("suggested_name").is_not_null()
        return (
            names.join(accepted, on=JOURNEY, how="left", maintain_order="left")
            .with_columns(
                journey_name=pl.coalesce("suggested_name", "journey_name"),
                named_by=pl.when(is_suggested).then(pl.lit(self.suggested_by)).otherwise("named_by"),
            )
            .drop("suggested_name")
        )
