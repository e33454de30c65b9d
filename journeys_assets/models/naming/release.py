"""Released weights of the naming score. Everything that a daily run needs of them, and their model card.

``models.naming.training`` fits and measures them; ``models.releases`` has the files of a release.

A release replaces only the weights in ``NamingParams``. All live journeys are named on every day, so a release names
all of them from its first day on, including those of users who are not inferred on that day.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from journeys_assets.domain.display import markdown_table, markdown_text
from journeys_assets.domain.naming.features import FEATURES
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.models import releases

PACKAGED = "parameters"
"""The ``named_by`` of names from the weights in ``NamingParams``, used when no release is live."""


@dataclass(frozen=True)
class NamerRelease(releases.Release):
    """Trained weights. The card also has the revision of their features, data and comparisons."""

    def params(self, naming: NamingParams) -> NamingParams:
        """``naming`` with the weights of the release.

        Raises:
            ReleaseError: the meaning of the features has changed since the weights were trained.
        """
        if self.card["revision"] != naming.revision:
            raise releases.ReleaseError(
                f"naming weights {self.version} are for revision {self.card['revision']} of the naming features, but "
                f"the current revision is {naming.revision}; delete the folder {self.version} of the released naming "
                "weights and train again with `journeys train`"
            )
        weights: dict[str, Any] = json.loads(self.model_text)
        return dataclasses.replace(naming, **{f"{name}_weight": weights[name] for name in FEATURES})


def weights_of(naming: NamingParams) -> dict[str, float]:
    """The weight of each of ``FEATURES``."""
    return {name: getattr(naming, f"{name}_weight") for name in FEATURES}


def save(release: NamerRelease, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_namer(folder: Path, day: date) -> NamerRelease | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, NamerRelease)


def naming_on(folder: Path, day: date, naming: NamingParams) -> tuple[NamingParams, str]:
    """The parameters to name journeys with on ``day``, and the source of their weights: a version or ``PACKAGED``."""
    release = released_namer(folder, day)
    return (naming, PACKAGED) if release is None else (release.params(naming), release.version)


def model_card(release: NamerRelease) -> str:
    """The model card, in Markdown."""
    card = release.card
    weights = [(name, f"{weight:g}") for name, weight in card["weights"].items()]
    comparisons = [
        (
            row["rival"],
            *(f"{row[name]:.4f}" for name in ("value", "rival_value")),
            f"{row['gain']:+.4f}",
            f"{row['low']:+.4f} … {row['high']:+.4f}",
            row["n_users"],
        )
        for row in card["comparisons"]
    ]
    data = card["data"]
    lines = [
        f"# Naming weights {release.version}",
        "",
        f"Trained on names that annotators gave or accepted up to {card['as_of']}, for {data['journeys']} journeys "
        f"of {data['users']} users, {data['first_day']} … {data['last_day']}. Live from {card['live_from']}; on that "
        f"day every journey is named again. Measured on the {data['blind_journeys']} journeys that annotators named "
        "without being shown a name, because annotators accept more names than they would give themselves.",
        "",
        markdown_table(["feature", "weight"], weights),
        "",
        "## Measured on unseen users",
        "",
        "Agreement of names with the words that annotators would use for the journey (F1 of words, mean over users), "
        "for weights fitted in the same way on the other users' journeys. The released weights are fitted on all.",
        "",
        markdown_table(
            ["rival", "agreement", "rival's", "gain", "95 % interval, over users", "users"],
            comparisons,
        ),
        "",
        f"Parameters: {markdown_text(', '.join(f'{name} = {value}' for name, value in card['parameters'].items()))}.",
        "",
    ]
    return "\n".join(lines)
