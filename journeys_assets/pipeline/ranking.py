"""ranked_journeys: score, confidence and diversified rank of every live journey."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.feedback import apply_feedback, orphaned
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import score_by_prior
from journeys_assets.domain.tables.pipeline import RANKED_JOURNEYS
from journeys_assets.models.ranker.release import released
from journeys_assets.pipeline.carry import Carried, carry_over
from journeys_assets.pipeline.stage import Batch, Distribution, Notes, Run
from journeys_assets.storage.queries import inference, notifications, tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

CLUSTER_COLUMNS = ("user_id", "journey_id", "last_engaged_at", "centroid")


@dataclass(frozen=True)
class Ranking:
    """Scores with the release that is live on the day, or with the prior; then feedback and diversification."""

    warehouse: Warehouse
    horizon_days: int
    ranking: RankingParams
    releases: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        carried: Carried | None = None
        ranked, n_orphans = RANKED_JOURNEYS.empty(), 0
        for day in run.days:
            with self.warehouse.reading() as con:
                features = tables.partition(con, "journey_features", day)
                states = inference.live_states(con, day, self.horizon_days)
                verdicts = notifications.feedback_as_of(con, day)
            carried = carry_over(carried, states, self._clusters)
            release = released(self.releases, day)
            scored = release.score(features) if release else score_by_prior(features, self.ranking)
            scored = scored.join(carried.frames["clusters"], on=["user_id", "journey_id"])
            ranked = diversify(apply_feedback(scored, verdicts, day, self.ranking), self.ranking)
            n_orphans = orphaned(verdicts, ranked, day).height
            yield Batch([day], {RANKED_JOURNEYS.name: ranked})
        return Notes(
            {
                "verdicts_in_force": ranked["feedback"].count(),
                "verdicts_on_journeys_not_live": n_orphans,
                "scored_by": ", ".join(sorted(ranked["scored_by"].unique())) or "nothing to score",
                "confidence": Distribution(ranked["confidence"]),
                "examples": ranked,
            }
        )

    def _clusters(self, states: pl.DataFrame) -> dict[str, pl.DataFrame]:
        with self.warehouse.reading() as con:
            return {"clusters": inference.journeys_in(con, states, CLUSTER_COLUMNS)}
