"""Which clients are no people, by what they call themselves: the list of the package ``crawler-user-agents``."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import polars as pl

from journeys_assets.domain.vocabulary import BOT, MONITORING

SENDERS = frozenset(
    {
        *("okhttp", "HttpUrlConnection", "axios", "node-fetch", r"sindresorhus\/got", "Go-http-client", r"AHC\/"),
        *("^Apache-HttpClient", "CustomAsyncHttpClient", "Jetty", "python-requests", "Python-urllib", "aiohttp"),
        *("httpx", r"Salesforce\.com", "Amazon CloudFront"),
    }
)
"""Patterns of the list that are no bots here: apps and servers send the events of people through these libraries, and a
delivery network may put its own name in the place of a browser's."""

_PER_EXPRESSION = 25
"""Patterns in one regular expression. The package has found this number to be the fastest."""


def agents_noise(agents: pl.Series) -> pl.Series:
    """``bot`` or ``monitoring`` for each user agent that is one; null for others, and where there is none."""
    distinct = agents.drop_nulls().unique()
    found = {agent: kind for agent in distinct if (kind := kind_of_agent(agent)) is not None}
    return agents.replace_strict(found, default=None, return_dtype=pl.String)


@lru_cache(maxsize=10_000)
def kind_of_agent(agent: str) -> str | None:
    """``bot``, ``monitoring``, or None for the agent of a person."""
    return next((kind for kind, expressions in _expressions() if any(one.search(agent) for one in expressions)), None)


@cache
def _expressions() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    patterns: dict[str, list[str]] = {MONITORING: [], BOT: []}
    for entry in CRAWLER_USER_AGENTS_DATA:
        if entry["pattern"] not in SENDERS:
            patterns[MONITORING if "monitoring" in entry.get("tags", ()) else BOT].append(entry["pattern"])
    return tuple(
        (kind, tuple(re.compile("|".join(of[at : at + _PER_EXPRESSION])) for at in range(0, len(of), _PER_EXPRESSION)))
        for kind, of in patterns.items()
    )
