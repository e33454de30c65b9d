"""The events of a world in the order in which an application would log them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def events_by_time(landing: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Searches and engagements, each once, in the order of time.

    Args:
        landing: ``World.landing``.

    Returns:
        user_id, at, text (of a search; else null), pin_id, action (of an engagement; else null).
    """
    searches = landing["search_events"].unique().select("user_id", at="searched_at", text="query")
    actions = landing["pin_engagements"].unique().select("user_id", "pin_id", "action", at="engaged_at")
    return pl.concat([searches, actions], how="diagonal").sort("at", "user_id", "text", "pin_id", "action")
