"""Released expansions. The release has card and ranking weights; its content lies in the key-value store.

A release is live from the day after the last day that it knows. Its version is a fingerprint of everything that it is
made from, so that an interrupted expansion goes on under the same version.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from journeys_assets.domain.display import markdown_table, markdown_text
from journeys_assets.domain.related.ranking import FEATURES
from journeys_assets.models import releases
from journeys_assets.models.logistic import ranking_section

WITHOUT_MODEL = "none"
"""``model`` in the card of an expansion that no language model took part in."""


@dataclass(frozen=True)
class Expansion(releases.Release):
    """A released expansion. Its card has counts, parameters, embedding model, language model and prompt version."""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each of ``domain.related.ranking.FEATURES``, and ``intercept``."""
        weights: dict[str, float] = json.loads(self.model_text)
        missing = {*FEATURES, "intercept"} - weights.keys()
        if missing:
            raise releases.ReleaseError(
                f"expansion {self.version} was ranked by other features: it lacks {', '.join(sorted(missing))}; make a "
                "new one with `journeys expand`"
            )
        return weights

    @property
    def embedding_model(self) -> str:
        return str(self.card["embedding_model"])


def fingerprint(ingredients: dict[str, object]) -> str:
    """12 hex digits over plain JSON values."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:12]


def save(release: Expansion, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_expansion(folder: Path, day: date) -> Expansion | None:
    """The expansion that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, Expansion)


def model_card(release: Expansion) -> str:
    """The card, in Markdown."""
    card = release.card
    lines = [
        f"# Related journeys {release.version}",
        "",
        f"From the journeys of all users up to {card['as_of']}; live from {card['live_from']}. "
        f"Language model: {markdown_text(card['model'])}.",
        "",
        markdown_table(["count", "value"], [(name, f"{value:,}") for name, value in card["counts"].items()]),
        "",
        f"A name is stored only if at least {card['parameters']['min_users']} users share it.",
        "",
        *ranking_section(card, release.weights, rival="prior"),
    ]
    return "\n".join(lines)
