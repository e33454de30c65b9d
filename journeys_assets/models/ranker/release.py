"""The released journey ranker: scores journeys. Everything that a daily run needs of it, and its model card.

``models.ranker.training`` fits and measures a release; ``models.releases`` has its files. The model is LightGBM's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.display import markdown_table, markdown_text
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import prior_probability
from journeys_assets.models import releases
from journeys_assets.models.boosters import Doubles, booster_of, margins, sigmoid
from journeys_assets.models.releases import ReleaseError, sha256

__all__ = ["Release", "ReleaseError", "load", "model_card", "prior_of", "released", "save", "sha256"]


@dataclass(frozen=True)
class Release(releases.Release):
    """A trained ranker. Its card also has features, parameters and calibration."""

    def score(self, features: pl.DataFrame) -> pl.DataFrame:
        """Score journeys; a row's result depends on that row alone.

        Args:
            features: Rows of ``journey_features`` of one day.

        Returns:
            user_id, journey_id, score (0..1), confidence (0..1), scored_by = version; sorted by user_id, journey_id.

        Raises:
            ReleaseError: a feature that the model was trained with is missing.
        """
        missing = [name for name in self.card["features"] if name not in features.columns]
        if missing:
            raise ReleaseError(
                f"ranker {self.version} needs features that are not in journey_features: {', '.join(missing)}"
            )
        rows = features.sort("user_id", "journey_id")
        margin = margins(booster_of(self.model_text), rows, self.card["features"]) + self.card["base_margin"]
        calibration = self.card["calibration"]
        confidence: Doubles
        if calibration["from"] == "prior":
            confidence = prior_of(rows, RankingParams(**self.card["parameters"]))
        else:
            confidence = sigmoid(calibration["slope"] * margin + calibration["intercept"])
        return rows.select(
            "user_id",
            "journey_id",
            score=pl.Series(sigmoid(margin), dtype=pl.Float64),
            confidence=pl.Series(confidence, dtype=pl.Float64),
            scored_by=pl.lit(self.version),
        )


def save(release: Release, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def load(path: Path) -> Release:
    """See :func:`releases.load`."""
    return releases.load(path, Release)


def released(folder: Path, day: date) -> Release | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, Release)


def model_card(release: Release) -> str:
    """The model card, in Markdown."""
    card = release.card
    slices = [
        (
            name,
            f"{part['first_day']} … {part['last_day']}",
            part["n"],
            part["n_positive"],
            ", ".join(f"{source} {n}" for source, n in part["sources"].items()),
        )
        for name, part in card["data"].items()
    ]
    metrics = [
        (source, name, "-" if value is None else f"{value:.4g}")
        for source, measured in card.get("metrics", {}).items()
        for name, value in measured.items()
    ]
    comparisons = [
        (
            *(row[name] for name in ("source", "metric", "rival")),
            *(f"{row[name]:.4f}" for name in ("value", "rival_value")),
            f"{row['gain']:+.4f}",
            f"{row['low']:+.4f} … {row['high']:+.4f}",
            row["n_users"],
        )
        for row in card.get("comparisons", [])
    ]
    calibration = markdown_text(", ".join(f"{name} = {value}" for name, value in card["calibration"].items()))
    booster = markdown_text(", ".join(f"{name} = {value}" for name, value in card["booster"].items()))
    rising = markdown_text(", ".join(name for name, sign in card["monotone"].items() if sign > 0))
    falling = markdown_text(", ".join(name for name, sign in card["monotone"].items() if sign < 0))
    lines = [
        f"# Journey ranker {release.version}",
        "",
        f"Point-wise LightGBM {card['lightgbm']}. Trained on labels up to {card['as_of']}; "
        f"live from {card['live_from']}.",
        "",
        "`score` orders a user's journeys. `confidence` is the probability that a journey is real and current. "
        "It is calibrated on human judgements only. If there are too few, it is the documented prior.",
        "",
        "## Data",
        "",
        markdown_table(["slice", "days", "labels", "positive", "by source"], slices),
        "",
        "Feedback is weighted by clipped inverse propensities. It exists only for what was sent. Engagement labels "
        "say which of their journeys users returned to within a week. Labels that were not known at the start of the "
        "later slice are in neither slice.",
        "",
        "## Measured on the later slice",
        "",
        "These figures are for a model that was fitted in the same way on the earlier slice only. The released model "
        "is fitted on both slices.",
        "",
        markdown_table(["labels", "metric", "value"], metrics),
        "",
        markdown_table(
            ["labels", "metric", "rival", "ranker", "rival's", "gain", "95 % interval, over users", "users"],
            comparisons,
        ),
        "",
        "## Training",
        "",
        f"Calibration: {calibration}.",
        "",
        f"Parameters: {booster}.",
        "",
        f"The score never falls with: {rising}. It never rises with: {falling}.",
        "",
        f"Features ({len(card['features'])}): {markdown_text(', '.join(card['features']))}.",
        "",
    ]
    return "\n".join(lines)


def prior_of(rows: pl.DataFrame, params: RankingParams) -> Doubles:
    """The documented prior of each row, (n,)."""
    return rows.select(prior_probability(params)).to_series().to_numpy().astype(np.float64)
