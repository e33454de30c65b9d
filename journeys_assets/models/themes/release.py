"""Released maps of themes: where the explorer shows the themes of all users, on every day until the next release."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.domain.themes.landmarks import LEAST_LANDMARKS, Landmarks
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.models import releases
from journeys_assets.models.releases import sha256


@dataclass(frozen=True)
class ThemeMap(releases.Release):
    """A map. It has vectors of themes and no names; its card has the embedding model and what was measured."""

    @property
    def embedding_model(self) -> str:
        """The model whose vectors the landmarks are."""
        return str(self.card["embedding_model"])

    @cached_property
    def landmarks(self) -> Landmarks:
        content = json.loads(self.model_text)
        vectors = unpack([bytes.fromhex(one) for one in content["vectors"]]).astype(np.float32)
        return Landmarks(vectors, np.asarray(content["places"]).reshape(-1, 2), np.asarray(content["groups"], np.int64))


def make_release(
    landmarks: Landmarks, embedding_model: str, as_of: date, params: ThemeParams, live_share: float | None
) -> ThemeMap:
    """A release of the themes of ``as_of``, live from the day after.

    Args:
        live_share: Share of the users in themes that the live map has a landmark for; None if it cannot be used.
    """
    model_text = json.dumps(
        {
            "vectors": [packed.hex() for packed in pack(landmarks.vectors)],
            "places": landmarks.places.round(4).tolist(),
            "groups": landmarks.groups.tolist(),
        }
    )
    live_from = as_of + timedelta(days=1)
    card = {
        "as_of": as_of.isoformat(),
        "live_from": live_from.isoformat(),
        "features": [],
        "embedding_model": embedding_model,
        "counts": {"landmarks": len(landmarks.vectors)},
        "live_map": {"share_near": live_share},
        "parameters": asdict(params),
    }
    version = sha256((model_text + json.dumps(card, sort_keys=True)).encode())[:12]
    return ThemeMap(version, live_from, card, model_text)


def refusal(release: ThemeMap) -> str | None:
    """Why the map must not be used: there are few themes, or the live one still fits, and themes would move."""
    n, share = release.card["counts"]["landmarks"], release.card["live_map"]["share_near"]
    if n < LEAST_LANDMARKS:
        return f"{n} themes have enough users to be shown; a map needs {LEAST_LANDMARKS}"
    least = release.card["parameters"]["least_share_near"]
    if share is not None and share >= least:
        return f"the live map has a place for the themes of {share:.0%} of the users (below {least:.0%} it is replaced)"
    return None


def save(release: ThemeMap, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_map(folder: Path, day: date) -> ThemeMap | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, ThemeMap)


def model_card(release: ThemeMap) -> str:
    """The card, in Markdown."""
    card = release.card
    share = card["live_map"]["share_near"]
    before = "No map was live before." if share is None else f"The map before had a place for {share:.0%} of the users."
    return (
        f"# Map of themes {release.version}\n\n"
        f"Places of the {card['counts']['landmarks']} themes of most users as of {card['as_of']}; live from "
        f"{card['live_from']}. Themes of later days are placed by their similarity to these. {before}\n\n"
        f"Vectors are of {card['embedding_model']}. The release holds no name.\n"
    )
