"""Outcomes of an experiment with known effects."""

from datetime import date

import numpy as np
import polars as pl

from journeys_assets.domain.experiment.params import ReadoutParams
from journeys_assets.domain.experiment.readout import OUTCOMES
from journeys_assets.domain.notifications.params import NotificationParams

PARAMS = ReadoutParams()
SHARES = NotificationParams(journey_arm_share=0.5, interest_arm_share=0.3)
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 28)
CLICK = {"journey": 0.2, "interest": 0.1, "holdout": 0.0}
"""Mean click probability of an arm, over sends; users differ by a gamma factor."""
PER_CLICK = 3.0


def experiment(rng: np.random.Generator, n: int = 300, *, has_past: bool = True) -> pl.DataFrame:
    """Outcomes of ``n`` users who differ widely: in how they answer, and in how often they come anyway."""
    arms = np.array(["journey", "interest", "holdout"])[np.searchsorted([0.5, 0.8], rng.random(n), side="right")]
    keenness = rng.gamma(1.0, 1.0, n)
    sends = np.where(arms == "holdout", 0, rng.poisson(12, n))
    clicks = rng.binomial(sends, np.minimum([CLICK[a] for a in arms] * keenness, 1.0))
    level = rng.gamma(2.0, 10.0, n)
    engagements = rng.poisson(level) + rng.poisson(PER_CLICK * clicks)
    frame = {name: np.zeros(n, dtype=np.int64) for name, dtype in OUTCOMES.items() if dtype == pl.Int64}
    frame |= {"n_sends": sends, "n_opens": clicks, "n_clicks": clicks, "n_engagements": engagements}
    if has_past:
        frame["n_engagements_before"] = rng.poisson(level)
    return pl.DataFrame({"user_id": [f"u{i}" for i in range(n)], "arm": arms} | frame).cast(dict(OUTCOMES))
