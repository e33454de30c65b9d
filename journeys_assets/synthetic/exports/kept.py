"""What the log of each format keeps of a world, in the landing contract: what an import of it must come to.

No format has boards or annotations of items. An item is known from the first event on that has it, by its title and its
first categories; where events have no text of items (UBI), the catalogue is loaded beside the log and is kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

MICROSECONDS = {"mixpanel": 1_000_000, "matomo": 1_000_000, "snowplow": 1_000}
"""The precision of the times of a format, if it does not keep microseconds."""
CATEGORIES = {"ga4": 5, "matomo": 5, "posthog": 1, "segment": 1, "rudderstack": 1}
"""How many categories of an item a format keeps, if it does not keep all."""
WITH_CATALOGUE = frozenset({"ubi"})
"""The formats whose events have no text of items."""


def kept_landing(landing: Mapping[str, pl.DataFrame], format: str) -> dict[str, pl.DataFrame]:
    """The landing rows of a world as a log of ``format`` keeps them: searches, engagements, pins and users.

    Args:
        landing: ``World.landing``.
        format: A key of ``LANDING_BESIDE``.
    """
    unit = MICROSECONDS.get(format, 1)
    times = {"search_events": "searched_at", "pin_engagements": "engaged_at"}
    kept = {source: _events(landing[source].unique(), time, unit) for source, time in times.items()}
    pins = landing["pins"] if format in WITH_CATALOGUE else _described(landing["pins"], kept, CATEGORIES.get(format))
    return kept | {"pins": pins, "users": landing["users"]}


def _events(rows: pl.DataFrame, time: str, unit: int) -> pl.DataFrame:
    """Times are cut to the precision of the format. Two events that then agree are two, by their ids."""
    ordered = rows.sort(pl.all())
    cut = pl.from_epoch(ordered[time].dt.epoch("us") // unit * unit, time_unit="us").alias(time)
    return ordered.with_columns(cut, event_id=pl.int_range(pl.len()).cast(pl.String))


def _described(pins: pl.DataFrame, kept: Mapping[str, pl.DataFrame], n_categories: int | None) -> pl.DataFrame:
    """The items that were acted on, with the text that an event has of them, from the first one on."""
    first = kept["pin_engagements"].group_by("pin_id").agg(updated_at=pl.col("engaged_at").min())
    interests = pl.col("interests") if n_categories is None else pl.col("interests").list.head(n_categories)
    described = pins.drop("updated_at").join(first, on="pin_id", how="inner", maintain_order="left")
    return described.select("pin_id", "title", "updated_at", annotations=pl.concat_list("title"), interests=interests)
