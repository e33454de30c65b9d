"""stage_evidence: the evidence for kind and stage of every live journey, P(ended) among it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.lifecycle.evidence import p_ended_by_fixed_gap, seasons_before, silence_features
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.tables.pipeline import STAGE_EVIDENCE
from journeys_assets.models.lifecycle.release import released_stage_model
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Notes, Run
from journeys_assets.storage.queries import inference, tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

OWN = ["user_id", "journey_id"]


@dataclass(frozen=True)
class Lifecycle:
    """Reads the engagements of many days at once; every day's silence follows from them."""

    warehouse: Warehouse
    params: AlgorithmParams
    releases: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        examples, n_seasonal = STAGE_EVIDENCE.empty(), 0
        judged_by: set[str] = set()
        for days, shard in run.pieces():
            with self.warehouse.reading() as con:
                states = inference.live_states_by_day(con, days, self.params.keywords.horizon_days, shard)
                every = inference.all_states(states)
                journey_days, visits = inference.engagement_history(con, every, days[0], days[-1], self.params)
                live = tables.partitions(con, "journey_features", days, ("partition_date", *OWN), shard)
            rows = []
            for day in days:
                own = journey_days.join(states[day], on=["user_id", "partition_date"], how="semi")
                is_own = pl.col("inferred_on").is_null() | (pl.col("inferred_on") == pl.col("partition_date"))
                seen = visits.join(states[day], on="user_id").filter(is_own).select("user_id", "day")
                evidence = self._evidence(day, own.drop("partition_date"), seen, live[day])
                rows.append(evidence.with_columns(partition_date=pl.lit(day)))
                if day == run.days[-1]:
                    n_seasonal += evidence["season_before"].count()
                    judged_by.update(evidence["judged_by"].unique())
                    examples = evidence.head(EXAMPLE_ROWS) if shard.number == 0 else examples
            yield Batch(days, {STAGE_EVIDENCE.name: pl.concat(rows)}, shard=shard)
        return Notes(
            {
                "judged_by": ", ".join(sorted(judged_by)) or "nothing to judge",
                "seasonal_journeys": n_seasonal,
                "examples": examples,
            }
        )

    def _evidence(
        self, day: date, journey_days: pl.DataFrame, visits: pl.DataFrame, live: pl.DataFrame
    ) -> pl.DataFrame:
        """Evidence of the ``live`` journeys of ``day``, with P(ended) where a stage model is released."""
        params = self.params.lifecycle
        features = silence_features(journey_days, visits, day, params).join(
            live, on=OWN, how="semi", maintain_order="left"
        )
        release = released_stage_model(self.releases, day)
        judged = release.judge(features) if release else p_ended_by_fixed_gap(features)
        return features.join(judged, on=OWN).join(seasons_before(journey_days, visits, day, params), on=OWN, how="left")
