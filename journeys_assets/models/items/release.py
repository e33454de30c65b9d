"""Released statistics of items and ranking weights: which items belong together, which are popular, what counts.

A release is live from the day after the last day that it knows. Between two releases no user changes what another user
is shown.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.display import markdown_table
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.ranking import FEATURES
from journeys_assets.domain.items.together import POPULARITY, TOGETHER
from journeys_assets.models import releases
from journeys_assets.models.logistic import Ranking, ranking_section
from journeys_assets.models.releases import sha256


@dataclass(frozen=True)
class ItemRelease(releases.Release):
    """Statistics of items, and weights. Its card has counts, parameters and what was measured."""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each of ``domain.items.ranking.FEATURES``, and ``intercept``.

        Raises:
            ReleaseError: it ranks by other features.
        """
        weights: dict[str, float] = self.card["weights"]
        missing = {*FEATURES, "intercept"} - weights.keys()
        if missing:
            raise releases.ReleaseError(
                f"items release {self.version} ranks by other features: it lacks {', '.join(sorted(missing))}; train a "
                "new one with `journeys train`"
            )
        return weights

    @property
    def together(self) -> pl.DataFrame:
        """See ``domain.items.together.TOGETHER``."""
        return _frames(self.model_text)[0]

    @property
    def popularity(self) -> pl.DataFrame:
        """See ``domain.items.together.POPULARITY``."""
        return _frames(self.model_text)[1]


@functools.lru_cache(maxsize=2)
def _frames(model_text: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    content = json.loads(model_text)
    ids = pl.Series("ids", content["ids"], dtype=pl.String)
    pairs = pl.DataFrame(
        {
            "item_id": ids.gather(content["item"]),
            "other_id": ids.gather(content["other"]),
            "strength": pl.Series(content["strength"], dtype=pl.Int64),
        },
        schema=TOGETHER,
    )
    popular = pl.DataFrame(
        {"item_id": ids.gather(content["popular"]), "popularity": pl.Series(content["popularity"], dtype=pl.Float64)},
        schema=POPULARITY,
    )
    return pairs, popular


def make_release(
    together: pl.DataFrame, popularity: pl.DataFrame, ranking: Ranking, n_users: int, as_of: date, params: ItemParams
) -> ItemRelease:
    """A release of statistics up to ``as_of``, live from the day after.

    Args:
        together: ``TOGETHER``.
        popularity: ``POPULARITY``.
        n_users: Users that the statistics are of.
    """
    ids = pl.concat([together["item_id"], together["other_id"], popularity["item_id"]]).unique().sort()
    number = dict(zip(ids, range(len(ids)), strict=True))

    def numbered(texts: pl.Series) -> list[int]:
        return [number[text] for text in texts]

    model_text = json.dumps(
        {
            "ids": ids.to_list(),
            "item": numbered(together["item_id"]),
            "other": numbered(together["other_id"]),
            "strength": together["strength"].to_list(),
            "popular": numbered(popularity["item_id"]),
            "popularity": popularity["popularity"].to_list(),
        }
    )
    live_from = as_of + timedelta(days=1)
    card = {
        "as_of": as_of.isoformat(),
        "live_from": live_from.isoformat(),
        "features": list(FEATURES),
        "weights": dict(ranking.weights),
        "ranking": {"decision": ranking.decision, **{name: dict(values) for name, values in ranking.measured.items()}},
        "counts": {"users": n_users, "items": len(ids), "pairs of items": together.height},
        "parameters": asdict(params),
    }
    version = sha256((model_text + json.dumps(card, sort_keys=True)).encode())[:12]
    return ItemRelease(version, live_from, card, model_text)


def refusal(release: ItemRelease) -> str | None:
    """Why the release must not be used: its weights are no better than what ranks without it."""
    decision = str(release.card["ranking"]["decision"])
    return None if decision.startswith("Trained") else decision


def save(release: ItemRelease, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_items(folder: Path, day: date) -> ItemRelease | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, ItemRelease)


def model_card(release: ItemRelease) -> str:
    """The card, in Markdown."""
    card = release.card
    lines = [
        f"# Items {release.version}",
        "",
        f"From the log of all users up to {card['as_of']}; live from {card['live_from']}. A pair of items is stored "
        f"only if at least {card['parameters']['min_users']} users engaged with both.",
        "",
        markdown_table(["count", "value"], [(name, f"{value:,}") for name, value in card["counts"].items()]),
        "",
        *ranking_section(card, release.weights, rival="without a release"),
    ]
    return "\n".join(lines)
