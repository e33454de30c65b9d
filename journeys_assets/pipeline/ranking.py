"""ranked_journeys: score, confidence and diversified rank of every live journey."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.feedback import apply_feedback, orphaned
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import score_by_prior
from journeys_assets.domain.tables.pipeline import RANKED_JOURNEYS
from journeys_assets.models.ranker.release import released
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Distribution, Notes, Run
from journeys_assets.storage.queries import inference, notifications, tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

CLUSTER_COLUMNS = ("user_id", "partition_date", "journey_id", "last_engaged_at", "centroid")


@dataclass(frozen=True)
class Ranking:
    """Scores with the release that is live on the day, or with the prior; then feedback and diversification."""

    warehouse: Warehouse
    horizon_days: int
    ranking: RankingParams
    releases: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        examples, n_orphans, n_in_force = RANKED_JOURNEYS.empty(), 0, 0
        scored_by: set[str] = set()
        confidences: list[pl.Series] = []
        for days, shard in run.pieces():
            with self.warehouse.reading() as con:
                features = tables.partitions(con, "journey_features", days, shard=shard)
                states = inference.live_states_by_day(con, days, self.horizon_days, shard)
                verdicts = notifications.feedback_by_day(con, days)
                clusters = inference.journeys_in(con, inference.all_states(states), CLUSTER_COLUMNS)
            rows = []
            for day in days:
                own = clusters.join(states[day], on=["user_id", "partition_date"], how="semi").drop("partition_date")
                said = shard.of_frame(verdicts[day])
                ranked = self._ranked(day, features[day], own, said)
                rows.append(ranked.with_columns(partition_date=pl.lit(day)))
                if day == run.days[-1]:
                    n_in_force += ranked["feedback"].count()
                    n_orphans += orphaned(said, ranked, day).height
                    scored_by.update(ranked["scored_by"].unique())
                    confidences.append(ranked["confidence"])
                    examples = ranked.head(EXAMPLE_ROWS) if shard.number == 0 else examples
            yield Batch(days, {RANKED_JOURNEYS.name: pl.concat(rows)}, shard=shard)
        return Notes(
            {
                "verdicts_in_force": n_in_force,
                "verdicts_on_journeys_not_live": n_orphans,
                "scored_by": ", ".join(sorted(scored_by)) or "nothing to score",
                "confidence": Distribution(pl.concat(confidences)),
                "examples": examples,
            }
        )

    def _ranked(
        self, day: date, features: pl.DataFrame, clusters: pl.DataFrame, verdicts: pl.DataFrame
    ) -> pl.DataFrame:
        """Rows of ranked_journeys of one day, from those of journey_features."""
        features = features.drop("partition_date", "algorithm_version")
        release = released(self.releases, day)
        scored = release.score(features) if release else score_by_prior(features, self.ranking)
        scored = scored.join(clusters, on=["user_id", "journey_id"])
        return diversify(apply_feedback(scored, verdicts, day, self.ranking), self.ranking)
