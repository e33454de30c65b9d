"""What speaks for a journey: the user's actions on its keywords, and what each part of them adds to its score."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.actions import BOARD_PIN, SEARCH, Action, counted
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import PRIOR

WEEKS_SHOWN = 13


def action_plurals(actions: Sequence[Action]) -> dict[str, str]:
    """Every kind of engagement with its plural, strongest evidence first: searches, then keep, act and look."""
    order = {SEARCH: 0, **{a.name: 1 + ("keep", "act", "look").index(a.strength) for a in actions}, BOARD_PIN: 4}
    known = sorted(counted(actions), key=lambda one: order[one.action])
    return {one.action: one.plural.replace("_", " ") for one in known}


def evidence_of(rows: pl.DataFrame, day: date, actions: Sequence[Action]) -> dict[str, Any]:
    """The engagements of one user with the keywords of one journey.

    Args:
        rows: The actions on those keywords (``storage.queries.users.evidence_of_user``).
        day: The day of the journey.
        actions: The action registry.

    Returns:
        actions and sources (engagements of each), active_days, engagements_per_week (oldest first, 13 weeks).
    """
    # An action on an item is evidence for each of the item's keywords; it is counted once.
    acts = rows.unique(["action", "item_id", "engaged_at"])
    per_action = dict(acts.group_by("action").len().iter_rows())
    per_source = rows.unique(["source", "action", "item_id", "engaged_at"]).group_by("source").len().sort("source")
    weeks = [0] * WEEKS_SHOWN
    for engaged_on, n in acts.group_by("event_date").len().iter_rows():
        age = (day - engaged_on).days // 7
        if age < WEEKS_SHOWN:
            weeks[WEEKS_SHOWN - 1 - age] += n
    return {
        "actions": {name: per_action[name] for name in action_plurals(actions) if name in per_action},
        "sources": dict(per_source.iter_rows()),
        "active_days": acts["event_date"].n_unique(),
        "engagements_per_week": weeks,
    }


def score_parts(journeys: pl.DataFrame, features: pl.DataFrame, releases: Path, params: RankingParams) -> pl.DataFrame:
    """What each part of the evidence adds to each journey's score, under the release that computed the score.

    Args:
        journeys: journey_id, scored_by.
        features: Rows of ``journey_features`` of the same user and day.
        releases: Folder of the releases of the ranker.

    Returns:
        As ``models.ranker.explanation.explain``.
    """
    from journeys_assets.models.ranker.explanation import PARTS_SCHEMA, explain
    from journeys_assets.models.ranker.release import load

    parts = [PARTS_SCHEMA.to_frame()]
    for version in journeys["scored_by"].unique(maintain_order=True):
        release = None if version == PRIOR else load(releases / version)
        scored = features.join(journeys.filter(pl.col("scored_by") == version), on="journey_id", how="semi")
        parts.append(explain(scored, release, params))
    return pl.concat(parts)
