"""journey_names: the name of every live journey."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.models.naming.release import naming_on
from journeys_assets.pipeline.carry import Carried, Frames, carry_over
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.labels import NAMING_COLUMNS
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Naming:
    """Names journeys; a user whose inference, item catalogue and weights are the same keeps the names."""

    warehouse: Warehouse
    keywords: KeywordParams
    naming: NamingParams
    releases: Path

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
                clusters = inference.journeys_in(con, states, NAMING_COLUMNS)
                facts = keyword_queries.keyword_facts(con, clusters, day, self.keywords)
            names = name_journeys(clusters, facts, params)
            return {"names": names.with_columns(named_by=pl.lit(named_by, dtype=pl.String))}

        return carry_over(before, states, names_of, basis=(commonness, named_by))
