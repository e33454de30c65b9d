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
from journeys_assets.pipeline.carry import Carried, Frames, carry_over
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import inference, tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

OWN = ["user_id", "journey_id"]


@dataclass(frozen=True)
class Lifecycle:
    """Reads a user's engagements once per inference; every day's silence follows from them."""

    warehouse: Warehouse
    params: AlgorithmParams
    releases: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        carried: Carried | None = None
        evidence = STAGE_EVIDENCE.empty()
        for day in run.days:
            carried = self._history(day, carried)
            evidence = self._evidence(day, carried)
            yield Batch([day], {STAGE_EVIDENCE.name: evidence})
        return Notes(
            {
                "judged_by": ", ".join(sorted(evidence["judged_by"].unique())) or "nothing to judge",
                "seasonal_journeys": evidence["season_before"].count(),
                "examples": evidence,
            }
        )

    def _history(self, day: date, before: Carried | None) -> Carried:
        """Engagements and visits of every user with live journeys up to ``day``."""
        with self.warehouse.reading() as con:
            states = inference.live_states(con, day, self.params.keywords.horizon_days)

        def history_of(states: pl.DataFrame) -> Frames:
            with self.warehouse.reading() as con:
                journey_days, visits = inference.engagement_history(con, states, day, day, self.params)
            return {"journey_days": journey_days, "visits": visits}

        return carry_over(before, states, history_of)

    def _evidence(self, day: date, history: Carried) -> pl.DataFrame:
        """Evidence of every journey that has features on ``day``, with P(ended) where a stage model is released."""
        params, journey_days, visits = self.params.lifecycle, history.frames["journey_days"], history.frames["visits"]
        with self.warehouse.reading() as con:
            live = tables.partition(con, "journey_features", day).select(OWN)
        features = silence_features(journey_days, visits, day, params).join(
            live, on=OWN, how="semi", maintain_order="left"
        )
        release = released_stage_model(self.releases, day)
        judged = release.judge(features) if release else p_ended_by_fixed_gap(features)
        return features.join(judged, on=OWN).join(seasons_before(journey_days, visits, day, params), on=OWN, how="left")
