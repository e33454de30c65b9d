"""Released thresholds of the clustering. Everything that a daily run needs of them, and their card.

``domain.clustering.calibration`` finds them; ``models.releases`` has the files of a release. A release changes
the algorithm version of the clusters from its first day on, so every live user is clustered again then.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from journeys_assets.domain.clustering.cut import FEATURES
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.display import markdown_table
from journeys_assets.models import releases


@dataclass(frozen=True)
class Calibration(releases.Release):
    """The thresholds of journeys and of areas for one learned cut, with what they were found from."""

    @property
    def least_log_odds(self) -> float:
        return float(json.loads(self.model_text)["least_log_odds"])

    @property
    def area_distance(self) -> float:
        return float(json.loads(self.model_text)["area_distance"])

    def params(self, clustering: ClusteringParams) -> ClusteringParams:
        """``clustering`` with the released thresholds.

        Raises:
            ReleaseError: they were found for another cut.
        """
        if self.card["learned_cut"] != clustering.learned_cut:
            raise releases.ReleaseError(
                f"calibration {self.version} is for the learned cut {self.card['learned_cut']}, but the current one is "
                f"{clustering.learned_cut}; delete the folder {self.version} of the released calibrations and call "
                "`journeys calibrate`"
            )
        return dataclasses.replace(clustering, least_log_odds=self.least_log_odds, area_distance=self.area_distance)


def make(clustering: ClusteringParams, as_of: date, found_from: dict[str, Any]) -> Calibration:
    """A release of the thresholds of ``clustering`` that is live from the day after ``as_of``.

    Args:
        found_from: What they were found from, for the card; plain JSON values.
    """
    text = json.dumps(
        {
            "least_log_odds": clustering.least_log_odds,
            "area_distance": clustering.area_distance,
            "learned_cut": clustering.learned_cut,
        }
    )
    live_from = as_of + timedelta(days=1)
    card = {
        "as_of": str(as_of),
        "live_from": str(live_from),
        "features": list(FEATURES),
        "learned_cut": clustering.learned_cut,
        "found_from": found_from,
    }
    return Calibration(hashlib.sha256(text.encode()).hexdigest()[:12], live_from, card, text)


def save(release: Calibration, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_calibration(folder: Path, day: date) -> Calibration | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, Calibration)


def clustering_on(folder: Path, day: date, clustering: ClusteringParams) -> ClusteringParams:
    """The parameters to cluster with on ``day``: ``clustering``, with the thresholds of the live release if any."""
    release = released_calibration(folder, day)
    return clustering if release is None else release.params(clustering)


def model_card(release: Calibration) -> str:
    """The card, in Markdown."""
    card = release.card
    found = [(name.replace("_", " "), str(value)) for name, value in card["found_from"].items()]
    return "\n".join(
        [
            f"# Calibration {release.version}",
            "",
            f"Clusters are kept whole above log odds of {release.least_log_odds:g}; lower values give broader "
            f"journeys. Journeys whose keywords have a mean cosine distance below {release.area_distance:g} are one "
            f"area. From the log up to {card['as_of']}; live from {card['live_from']}. On that day every user is "
            "clustered again.",
            "",
            markdown_table(["found from", "value"], found),
            "",
        ]
    )
