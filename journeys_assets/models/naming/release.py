"""Released weights of the naming score: naming with them, and their card for people.

What belongs here: everything that a daily run needs of them. What does not: fitting and measuring
(``models.naming.training``), and the files of a release (``models.releases``).

A release replaces the weights of ``NamingParams`` and nothing else of it. Names of a day are made for every live
journey on that day, so from a release's first day on it names all of them, whoever was inferred on it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from journeys_assets.domain.naming.features import FEATURES
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.models import releases

PACKAGED = "parameters"
"""Who names where no weights are released: the weights of ``NamingParams``."""


@dataclass(frozen=True)
class NamerRelease(releases.Release):
    """Trained weights: the card has the revision of the features that they are of, data and comparisons too."""

    def params(self, naming: NamingParams) -> NamingParams:
        """``naming`` with the weights of the release.

        Raises:
            ReleaseError: the weights are of features that have another meaning by now.
        """
        if self.card["revision"] != naming.revision:
            raise releases.ReleaseError(
                f"naming weights {self.version} are of revision {self.card['revision']} of the naming features, which "
                f"are at revision {naming.revision} now; delete the folder {self.version} of the released naming "
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
    """The release that names on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, NamerRelease)


def naming_on(folder: Path, day: date, naming: NamingParams) -> tuple[NamingParams, str]:
    """The parameters that names of ``day`` are chosen with, and whose weights they have: a version or ``PACKAGED``."""
    release = released_namer(folder, day)
    return (naming, PACKAGED) if release is None else (release.params(naming), release.version)


def model_card(release: NamerRelease) -> str:
    """The release for people, in Markdown."""
    card = release.card
    weights = [f"| {name} | {weight:g} |" for name, weight in card["weights"].items()]
    comparisons = [
        f"| {row['rival']} | {row['value']:.4f} | {row['rival_value']:.4f} | {row['gain']:+.4f} | "
        f"{row['low']:+.4f} … {row['high']:+.4f} | {row['n_users']} |"
        for row in card["comparisons"]
    ]
    data = card["data"]
    lines = [
        f"# Naming weights {release.version}",
        "",
        f"Learnt from names that annotators gave, or let stand, up to {card['as_of']}: of {data['journeys']} journeys "
        f"of {data['users']} users, {data['first_day']} … {data['last_day']}. Live from {card['live_from']}; on that "
        f"day every journey is named anew. Measured on the {data['blind_journeys']} journeys that annotators named "
        "without being shown a name: of what they see, they let more stand than they would say themselves.",
        "",
        "| feature | weight |",
        "|---|---|",
        *weights,
        "",
        "## Measured on users that the weights never saw",
        "",
        "How much of what annotators would call a journey its name says (F1 of words, mean over users), by weights "
        "that were fitted in the same way on the other users' journeys. The released weights are fitted on all.",
        "",
        "| rival | agreement | rival's | gain | 95 % interval, over users | users |",
        "|---|---|---|---|---|---|",
        *comparisons,
        "",
        f"Parameters: {', '.join(f'{name} = {value}' for name, value in card['parameters'].items())}.",
        "",
    ]
    return "\n".join(lines)
