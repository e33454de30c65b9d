"""Keywords of users with their vectors, as the clustering reads them from the warehouse."""

from datetime import datetime, timedelta

import polars as pl

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.models.embedding.hashing import HashingEmbedder

THEMES = ("oak table", "wedding dress", "guitar lesson", "garden shed")
WORDS = ("small", "white", "cheap", "old", "best", "how to make")
START = datetime(2026, 3, 2, 9)


def clustering_tables(n_users: int) -> dict[str, pl.DataFrame]:
    """Tables ``keywords``, ``history`` and ``vectors`` of users u0, u1, …; each has keywords of 2 to 4 themes."""
    rows = []
    for user in range(n_users):
        texts = [f"{word} {theme}" for theme in THEMES[: 2 + user % 3] for word in WORDS]
        for number, text in enumerate(texts[user % 3 :]):
            first = START + timedelta(hours=7 * number + user)
            weight = 1.0 + (number * 7 + user) % 5 / 3
            rows.append((f"u{user}", text, weight, first, first + timedelta(days=number % 4)))
    schema = ["user_id", "keyword", "weight", "first_engaged_at", "last_engaged_at"]
    keywords = pl.DataFrame(rows, schema=schema, orient="row")
    distinct = keywords["keyword"].unique().sort()
    packed = pl.Series(pack(HashingEmbedder().embed(distinct.to_list())), dtype=pl.Binary)
    return {
        "keywords": keywords,
        "history": keywords.select("user_id", "keyword", "first_engaged_at"),
        "vectors": pl.DataFrame({"keyword": distinct, "embedding": packed}),
    }
