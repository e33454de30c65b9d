"""Which single rows are noise: by what a client called itself, by an id, by the text of a search.

Each rule looks at one row alone, so it is applied once, when the row is ingested, and its result is stored in the
column ``noise``. Rates need all rows of a user's day; the views ``stg_search_events`` and ``stg_pin_engagements`` have
that rule. Which results are left out is a parameter (``domain.noise.params``).
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.vocabulary import BOT, MONITORING, SPAM

NOISY_SOURCES = ("search_events", "pin_engagements")
"""Landing sources with the column ``noise``."""

SPAM_LINK = r"(?i)https?:/|www\.[\w-]|<a\s|\[url|[\w-]\.[a-z]{2,12}/"
"""A search is spam if it has this: an address with a scheme, ``www.`` or a path, or the markup of a link."""

_END = r"[-_.:]?\d*$"
BOT_ID = rf"(?i)(?:^|[-_.:/ ])(?:bot|crawler|spider){_END}"
"""An id whose last word names a bot, such as ``search-nightly-bot``. A word that only ends so (``robot``) does not."""
MONITORING_ID = rf"(?i)(?:^|[-_.:/ ])(?:health-?check|uptime-?check|uptime-?monitor|monitoring){_END}"
"""An id whose last word names a monitoring client, such as ``eu-west-healthcheck-2``."""


def noise_of(source: str, rows: pl.DataFrame) -> pl.Expr:
    """Why each row is noise; null where it is none.

    Args:
        source: One of ``NOISY_SOURCES``.
        rows: ``user_id``, for searches ``query``, and optionally ``noise``: what is known already, which stays.
    """
    user = pl.col("user_id")
    reasons = [pl.col("noise")] if "noise" in rows.columns else []
    reasons += [
        pl.when(user.str.contains(BOT_ID)).then(pl.lit(BOT)),
        pl.when(user.str.contains(MONITORING_ID)).then(pl.lit(MONITORING)),
    ]
    if source == "search_events":
        reasons.append(pl.when(pl.col("query").str.contains(SPAM_LINK)).then(pl.lit(SPAM)))
    return pl.coalesce(reasons)


def with_noise(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a landing source with ``noise``; those of sources without that column as they are."""
    return rows.with_columns(noise_of(source, rows).alias("noise")) if source in NOISY_SOURCES else rows
