"""The released stage model: predicts P(ended). Everything that a daily run needs of it, and its model card.

``models.lifecycle.training`` fits and measures a release; ``models.releases`` has its files. The model is LightGBM's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.display import markdown_table, markdown_text
from journeys_assets.models import releases
from journeys_assets.models.boosters import booster_of, margins, sigmoid


@dataclass(frozen=True)
class StageRelease(releases.Release):
    """A trained stage model. Its card also has features, calibration and metrics."""

    def judge(self, features: pl.DataFrame) -> pl.DataFrame:
        """P(ended) of journeys; a row's result depends on that row alone.

        Args:
            features: user_id, journey_id and the features of ``domain.lifecycle.evidence``.

        Returns:
            user_id, journey_id, p_ended (0..1), judged_by = version; in the order of ``features``.

        Raises:
            ReleaseError: a feature that the model was trained with is missing.
        """
        missing = [name for name in self.card["features"] if name not in features.columns]
        if missing:
            raise releases.ReleaseError(
                f"stage model {self.version} needs features that are missing: {', '.join(missing)}; train again with "
                "`journeys train`"
            )
        calibration = self.card["calibration"]
        margin = margins(booster_of(self.model_text), features, self.card["features"])
        probability = sigmoid(calibration["slope"] * margin + calibration["intercept"])
        return features.select(
            "user_id",
            "journey_id",
            p_ended=pl.Series(probability, dtype=pl.Float64),
            judged_by=pl.lit(self.version, dtype=pl.String),
        )


def save(release: StageRelease, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_stage_model(folder: Path, day: date) -> StageRelease | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, StageRelease)


def model_card(release: StageRelease) -> str:
    """The model card, in Markdown."""
    card = release.card
    slices = [
        (name, f"{part['first_day']} … {part['last_day']}", part["n"], part["n_ended"], part["n_users"])
        for name, part in card["data"].items()
    ]
    metrics = [
        (name, *("-" if row[m] is None else f"{row[m]:.4g}" for m in ("auc", "brier", "ece")))
        for name, row in card["metrics"].items()
    ]
    lines = [
        f"# Stage model {release.version}",
        "",
        f"LightGBM {card['lightgbm']}, monotone in every feature. Trained on what had become of journeys by "
        f"{card['as_of']}; live from {card['live_from']}.",
        "",
        "`p_ended` is the probability that a journey is over: that the user, although active, does not return to it "
        f"in the next {card['parameters']['label_days']} days. Users who were not active on at least "
        f"{card['parameters']['label_min_visits']} of those days have no label and are left out.",
        "",
        "## Data",
        "",
        markdown_table(["slice", "days", "journeys", "ended", "users"], slices),
        "",
        "## Measured on the later slice, with a model trained on the earlier slice and on other users",
        "",
        markdown_table(["method", "AUC", "Brier", "ECE"], metrics),
        "",
        "## Training",
        "",
        f"Calibration: {', '.join(f'{name} = {value:.4g}' for name, value in card['calibration'].items())}.",
        "",
        f"Parameters: {markdown_text(', '.join(f'{name} = {value}' for name, value in card['booster'].items()))}.",
        "",
        f"Features: {markdown_text(', '.join(card['features']))}.",
        "",
    ]
    return "\n".join(lines)
