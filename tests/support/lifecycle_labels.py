"""Labelled journeys on which a model of P(ended) can be trained."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from journeys_assets.domain.lifecycle.evidence import FEATURES

FIRST = date(2026, 1, 5)


def labelled(n: int = 2400, seed: int = 7, *, informative: bool = True) -> pl.DataFrame:
    """Journeys a week apart whose end hangs on the days and visits since the last turn, not on the bare gap."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {name: rng.integers(0, 40, n).astype(np.float64) for name in FEATURES}
    margin = 0.15 * (np.asarray(columns["turn_gap_days"]) - 20) + 0.1 * (np.asarray(columns["visits_since_turn"]) - 20)
    ended = rng.uniform(size=n) < (1 / (1 + np.exp(-margin)) if informative else 0.5)
    return pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in rng.integers(0, 150, n)],
            "journey_id": [f"j{i}" for i in range(n)],
            "day": [FIRST + timedelta(weeks=int(week)) for week in rng.integers(0, 11, n)],
            "label": ended.astype(np.int64),
            **columns,
        }
    )
