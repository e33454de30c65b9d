"""What a language model is shown of one user: the keywords, compressed to a number of tokens.

First comes one keyword for each cluster of the pipeline, the heaviest cluster first: its medoid, with the number of
keywords that it stands for. Then come the heaviest of the other keywords, as many as fit. A keyword that does not fit
is left out, and shorter ones after it may still fit. So a short history is shown whole, and of a long one every theme.

What is left out is not lost: it stays with the keyword that stands for it (``answers.partition``). Keywords with
personal data are never shown.

Everything depends on the rows of the user alone, and not on their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from journeys_assets.domain.keywords.personal import holds_personal_data

LONGEST_KEYWORD = 200
"""Characters of a keyword that a model is shown at most."""
TOKENS_OF_A_ROW = 10
"""Estimated tokens of what stands around a keyword: its number, two counts and punctuation."""
_BYTES_PER_TOKEN = 3
"""Of English about four bytes of text are a token, of other scripts about three."""


@dataclass(frozen=True, slots=True)
class Item:
    """One keyword that the model is shown.

    Attributes:
        keyword: The keyword.
        others: Keywords of the same cluster that it stands for and that are not shown.
        days_ago: Days from the last engagement with it to the user's last active day.
    """

    keyword: str
    others: tuple[str, ...]
    days_ago: int


@dataclass(frozen=True, slots=True)
class History:
    """What the model is shown of one user.

    Attributes:
        user_id: The user; the model is not shown it.
        clusters: The user's clusters by the pipeline, each a list of keywords; every keyword is in exactly one.
        items: The keywords that are shown, in order. In the data and in answers the first has the number 1.
        tokens: Estimated tokens of ``data``, at most the number that was allowed.
        data: Plain JSON values.
        weight: Sum of the engagement weights of all keywords.
    """

    user_id: str
    clusters: tuple[tuple[str, ...], ...]
    items: tuple[Item, ...]
    tokens: int
    data: Mapping[str, Any]
    weight: float

    @property
    def n_keywords(self) -> int:
        """Number of the user's keywords, shown or not."""
        return sum(map(len, self.clusters))


@dataclass(frozen=True, slots=True)
class _Keyword:
    text: str
    weight: float
    last_engaged_at: datetime


def histories(
    clusters: pl.DataFrame, keywords: pl.DataFrame, window_ends: Mapping[str, date], *, most_tokens: int
) -> Iterator[History]:
    """The histories of users, by user_id.

    Args:
        clusters: user_id, keywords, most central first; one row for each cluster of the pipeline.
        keywords: user_id, keyword, weight (> 0), last_engaged_at; one row for each member of a cluster.
        window_ends: The last active day of each user.
        most_tokens: Most estimated tokens of one user's ``data``.

    Raises:
        KeyError: a member of a cluster is not in ``keywords``, or a user has no last active day.
    """
    members: dict[str, list[tuple[str, ...]]] = {}
    for user_id, texts in clusters.select("user_id", "keywords").iter_rows():
        members.setdefault(user_id, []).append(tuple(texts))
    known: dict[str, dict[str, _Keyword]] = {}
    for user_id, text, weight, last in keywords.select("user_id", "keyword", "weight", "last_engaged_at").iter_rows():
        known.setdefault(user_id, {})[text] = _Keyword(text, weight, last)
    for user_id in sorted(members):
        yield _history(user_id, members[user_id], known[user_id], window_ends[user_id], most_tokens)


def tokens_of(keyword: str) -> int:
    """Estimated tokens of one row of a history. No tokenizer is needed, so the estimate is the same for every model."""
    n_bytes = len(keyword[:LONGEST_KEYWORD].encode("utf-8", "replace"))
    return TOKENS_OF_A_ROW + -(-n_bytes // _BYTES_PER_TOKEN)


def _history(
    user_id: str,
    clusters: Sequence[tuple[str, ...]],
    known: Mapping[str, _Keyword],
    window_end: date,
    most_tokens: int,
) -> History:
    weight_of = {cluster: sum(sorted(known[text].weight for text in cluster)) for cluster in clusters}
    ordered = sorted(clusters, key=lambda cluster: (-weight_of[cluster], cluster))
    first = [next((text for text in cluster if not holds_personal_data(text)), None) for cluster in ordered]
    medoids = [text for text in first if text is not None]
    others = {text for cluster in ordered for text in cluster if not holds_personal_data(text)} - set(medoids)
    left, shown = most_tokens, []
    for text in (*medoids, *sorted(others, key=lambda text: (-known[text].weight, text))):
        if (tokens := tokens_of(text)) <= left:
            shown.append(text)
            left -= tokens
    hidden = {
        medoid: tuple(text for text in cluster if text not in set(shown))
        for medoid, cluster in zip(first, ordered, strict=True)
        if medoid is not None
    }
    items = tuple(
        Item(text, hidden.get(text, ()), max(0, (window_end - known[text].last_engaged_at.date()).days))
        for text in shown
    )
    rows = [[number, item.keyword, 1 + len(item.others), item.days_ago] for number, item in enumerate(items, start=1)]
    return History(
        user_id, tuple(ordered), items, most_tokens - left, {"keywords": rows}, sum(weight_of[c] for c in ordered)
    )
