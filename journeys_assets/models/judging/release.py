"""Released verdicts on judges: how well each agrees with people, and the table that corrects its mean.

``domain.judging.agreement`` finds them; ``models.releases`` has the files of a release. A release holds counts over all
labelled journeys, and nothing of a single user. It changes no level, only whether a judge counts as calibrated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from journeys_assets.domain.display import markdown_table
from journeys_assets.domain.judging.agreement import JudgeAgreement
from journeys_assets.domain.judging.quality import Table
from journeys_assets.models import releases

DRAWS_KEPT = 200
"""Resampled tables that are kept, so that intervals hold the uncertainty of the labels without holding users."""
DIGITS = 4


@dataclass(frozen=True)
class JudgeVerdicts(releases.Release):
    """The verdict on each judge that was compared with people."""

    def is_calibrated(self, judged_by: str) -> bool:
        """Whether the agreement of a judge is shown; False for a judge that was not compared."""
        return bool(self._judges().get(judged_by, {}).get("is_calibrated", False))

    def reasons(self, judged_by: str) -> tuple[str, ...]:
        """Why a judge is not calibrated; empty where it is."""
        found = self._judges().get(judged_by)
        return ("it was not compared with people",) if found is None else tuple(found["reasons"])

    def table(self, judged_by: str) -> Table | None:
        """The table of people and a judge; None for a judge that was not compared."""
        found = self._judges().get(judged_by)
        if found is None:
            return None
        return Table(np.array(found["confusion"]), np.array(found["confusion_draws"]), int(found["n_users"]))

    def _judges(self) -> dict[str, Any]:
        judges: dict[str, Any] = json.loads(self.model_text)["judges"]
        return judges


def make(found: Mapping[str, JudgeAgreement], as_of: date) -> JudgeVerdicts:
    """The release of the verdicts on some judges, by what rows call them, live from the day after ``as_of``."""
    judges = {
        judged_by: {
            "is_calibrated": one.is_calibrated,
            "reasons": list(one.reasons),
            "confusion": one.confusion.round(DIGITS).tolist(),
            "confusion_draws": one.confusion_draws[:DRAWS_KEPT].round(DIGITS).tolist(),
            "n_items": one.n_items,
            "n_users": one.n_users,
            "figures": one.figures.to_dicts(),
        }
        for judged_by, one in found.items()
    }
    text = json.dumps({"judges": judges}, sort_keys=True)
    live_from = as_of + timedelta(days=1)
    card = {
        "as_of": str(as_of),
        "live_from": str(live_from),
        "features": [],
        "judges": {
            name: {key: one[key] for key in ("is_calibrated", "reasons", "n_items", "n_users", "figures")}
            for name, one in judges.items()
        },
    }
    return JudgeVerdicts(hashlib.sha256(text.encode()).hexdigest()[:12], live_from, card, text)


def save(release: JudgeVerdicts, folder: Path) -> Path:
    """See :func:`releases.save`."""
    return releases.save(release, folder, model_card(release))


def released_verdicts(folder: Path, day: date) -> JudgeVerdicts | None:
    """The release that is live on ``day``; see :func:`releases.released`."""
    return releases.released(folder, day, JudgeVerdicts)


def model_card(release: JudgeVerdicts) -> str:
    """The card, in Markdown."""
    parts = [f"# Judges of journeys {release.version}", "", f"Live from {release.card['live_from']}.", ""]
    for name, one in release.card["judges"].items():
        verdict = "calibrated" if one["is_calibrated"] else f"uncalibrated: {'; '.join(one['reasons'])}"
        figures = [
            (row["comparison"], row["measure"], *(_shown(row[key]) for key in ("value", "low", "high", "by_chance")))
            for row in one["figures"]
        ]
        parts += [f"## {name}", "", f"{one['n_items']} journeys of {one['n_users']} users. {verdict}", ""]
        parts += [markdown_table(["of", "measure", "value", "low", "high", "by chance"], figures), ""]
    return "\n".join(parts)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
