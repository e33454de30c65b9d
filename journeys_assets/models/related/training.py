"""The model that ranks related journeys: logistic weights near those of the prior, fitted on what users started."""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import FEATURES, RISING
from journeys_assets.models.logistic import Prior, Ranking, fit_ranking


def train_ranking(candidates: pl.DataFrame, params: RelatedParams) -> Ranking:
    """Weights from what users started; see :func:`fit_ranking`.

    Args:
        candidates: user_id, ``FEATURES`` and started (whether the user started it in the ``outcome_days`` after).
    """
    known = params.prior_weights
    weights = {name: known[name] for name in (*FEATURES, "intercept")}
    prior = Prior(weights, RISING, params.l2, params.min_positives, "started a related journey")
    return fit_ranking(candidates, "started", prior)
