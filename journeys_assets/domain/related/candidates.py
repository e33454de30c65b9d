"""Related journeys of every topic: found by co-occurrence, among neighbours, or by a language model; merged, capped.

Only names that at least ``min_users`` users share are stored, as keys and as related journeys. Rarer names count for
their topic, and are looked up by its label.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.related.cooccurrence import related_topics
from journeys_assets.domain.related.groups import Floats, Ints, nearest_few, on_grid, topics_of
from journeys_assets.domain.related.index import index_values
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.reading import POPULAR_KEY, fact_key, name_key

COOCCURRENCE, NEIGHBOURS = "cooccurrence", "neighbours"
"""``made_by`` of what is found without a language model."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A related journey, and why.

    Attributes:
        name: Its normalised name.
        strength: 0 to 1. Co-occurrence: 1 - 1/lift; neighbours: half the cosine; a model: by its place in the answer.
        lift: How much more often than chance the same users pursue both; None where that is not known.
        share_after: Share of users who start it later rather than earlier; None where that is not known.
        lag_days: Median days until they start it; None where that is not known.
        made_by: What found it, joined by ``+``: ``cooccurrence``, ``neighbours``, ``<model>@<prompt version>``.
    """

    name: str
    relation: str
    strength: float
    made_by: str
    lift: float | None = None
    share_after: float | None = None
    lag_days: float | None = None

    def record(self) -> dict[str, Any]:
        """Plain JSON values, without those that are not known."""
        numbers = {"lift": self.lift, "share_after": self.share_after, "lag_days": self.lag_days}
        known = {name: round(value, 4) for name, value in numbers.items() if value is not None}
        return {
            "name": self.name,
            "relation": self.relation,
            "strength": round(self.strength, 4),
            "made_by": self.made_by,
            **known,
        }


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of all names, and what is known of each.

    Attributes:
        names: Every distinct name, sorted: name, n_users, topic (position of the topic's label in ``names``).
        vectors: (n, dimensions), on the grid, in the order of ``names``.
        labels: Topics whose label may be stored: topic, label, n_users, n_recent, months (12 shares of its starts by
            calendar month, smoothed); sorted by label.
        suggestions: By topic: related journeys, strongest first.
    """

    names: pl.DataFrame
    vectors: Floats
    labels: pl.DataFrame
    suggestions: Mapping[int, Sequence[Suggestion]]

    def stored_names(self, min_users: int, forbidden: Collection[str] = ()) -> pl.DataFrame:
        """The names that may be stored: name, n_users, topic, label; the most shared first, then by name."""
        return (
            self.names.filter((pl.col("n_users") >= min_users) & ~pl.col("name").is_in(list(forbidden)))
            .join(self.labels.select("topic", "label"), on="topic")
            .sort("n_users", "name", descending=[True, False])
        )


def find_topics(
    starts: pl.DataFrame,
    vectors: Mapping[str, int],
    matrix: Floats,
    day: date,
    params: RelatedParams,
    forbidden: Collection[str] = (),
) -> Topics:
    """Topics of all names and their related journeys, without a language model.

    Args:
        starts: user_id, name (normalised, not empty), started_on (null where unknown); one row per journey of a user.
        vectors: Row of each name in ``matrix``.
        matrix: Unit vectors, (n, dimensions).
        day: What was known at the end of this day.
        forbidden: Names that must not be suggested.

    Returns:
        The same for any order of the rows.
    """
    names = starts.group_by("name").agg(pl.col("user_id").n_unique().cast(pl.Int64).alias("n_users")).sort("name")
    listed = names["name"].to_list()
    own = on_grid(matrix[[vectors[name] for name in listed]]) if listed else matrix[:0]
    leaders = topics_of(listed, names["n_users"].to_list(), own, params.topic_cosine)
    names = names.with_columns(topic=pl.Series(leaders, dtype=pl.Int64))
    by_user = (
        starts.join(names.select("name", "topic"), on="name")
        .group_by("user_id", "topic")
        .agg(pl.col("started_on").min())
        .sort("user_id", "topic")
    )
    labels = _labels(names, by_user, day, params).filter(~pl.col("label").is_in(list(forbidden)))
    n_users = starts["user_id"].n_unique()
    known = set(labels["topic"])
    pairs = related_topics(by_user, n_users, params).filter(pl.col("topic").is_in(known) & pl.col("other").is_in(known))
    found: dict[int, list[Suggestion]] = {topic: [] for topic in labels["topic"]}
    # Wordings of one thing that fell into two topics occur together, and are no related journeys.
    distinct = _cosines(own, pairs) < np.float32(params.topic_cosine)
    for row in pairs.filter(pl.Series(distinct, dtype=pl.Boolean)).iter_rows(named=True):
        found[row["topic"]].append(
            Suggestion(
                listed[row["other"]],
                "next_step" if row["is_after"] else "complement",
                1.0 - 1.0 / row["lift"],
                COOCCURRENCE,
                row["lift"],
                row["share_after"],
                row["lag_days"],
            )
        )
    for topic, suggestion in _neighbours(listed, own, labels, params):
        found[topic].append(suggestion)
    merged = {topic: merged_suggestions(few, params.max_candidates) for topic, few in found.items()}
    return Topics(names, own, labels, merged)


def merged_suggestions(suggestions: Sequence[Suggestion], n: int) -> list[Suggestion]:
    """The ``n`` strongest, each name once; evidence of several sources adds up: 1 - (1 - s1)(1 - s2).

    Relation and numbers are those of the first source that has the name.
    """
    by_name: dict[str, Suggestion] = {}
    for one in suggestions:
        known = by_name.get(one.name)
        if known is None:
            by_name[one.name] = one
        elif one.made_by not in known.made_by.split("+"):
            by_name[one.name] = Suggestion(
                one.name,
                known.relation,
                max(known.strength, 1.0 - (1.0 - known.strength) * (1.0 - one.strength)),
                f"{known.made_by}+{one.made_by}",
                known.lift,
                known.share_after,
                known.lag_days,
            )
    return sorted(by_name.values(), key=lambda one: (-one.strength, one.name))[:n]


def is_broader(name: str, other: str) -> bool:
    """Whether ``other`` is a shorter name that ``name`` contains: its words or, without spaces, its characters."""
    words, fewer = name.split(), other.split()
    if len(words) > 1:
        return 0 < len(set(fewer)) < len(set(words)) and set(fewer) < set(words)
    return not name.isascii() and 2 <= len(other) < len(name) and other in name


# ── content of an expansion ─────────────────────────────────────────────────────────────────────────────────────────


def name_value(name: str, label: str, n_users: int, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """What is stored of a name. The label of its topic is a broader journey if the name contains it."""
    own = [one for one in suggestions if one.name != name]
    if name != label and is_broader(name, label):
        own.insert(0, Suggestion(label, "broader", 0.5, NEIGHBOURS))
    return {"topic": label, "users": n_users, "related": [one.record() for one in own]}


def fact_value(vector: Floats, n_users: int = 0, n_recent: int = 0, months: Sequence[float] = ()) -> dict[str, Any]:
    """What is stored of a name that is suggested: vector, users of its topic, those who started lately, seasons."""
    return {
        "vector": base64.b64encode(pack(vector[None, :])[0]).decode("ascii"),
        "users": n_users,
        "recent": n_recent,
        "months": [round(share, 4) for share in months],
    }


def content_of(topics: Topics, stored: pl.DataFrame, params: RelatedParams) -> Iterator[tuple[str, Any]]:
    """Key and value of everything that an expansion without a language model holds.

    Args:
        stored: See :meth:`Topics.stored_names`.
    """
    yield from ((fact_key(label), value) for label, value in fact_values(topics))
    labels = topics.labels
    yield from index_values(labels["label"].to_list(), topics.vectors[labels["topic"].to_numpy()], params.list_size)
    yield POPULAR_KEY, popular_labels(labels, params)
    for row in stored.iter_rows(named=True):
        suggestions = topics.suggestions[row["topic"]]
        yield name_key(row["name"]), name_value(row["name"], row["label"], row["n_users"], suggestions)


def fact_values(topics: Topics) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and :func:`fact_value` of every topic whose label may be stored."""
    for row in topics.labels.iter_rows(named=True):
        yield row["label"], fact_value(topics.vectors[row["topic"]], row["n_users"], row["n_recent"], row["months"])


def popular_labels(labels: pl.DataFrame, params: RelatedParams) -> list[str]:
    """The ``n_popular`` labels that most users started lately, most first; of equals, the one that more users have.

    As every label, each is a name that at least ``min_users`` users share.
    """
    order = labels.filter(pl.col("n_recent") > 0).sort("n_recent", "n_users", "label", descending=[True, True, False])
    return order["label"].head(params.n_popular).to_list()


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _labels(names: pl.DataFrame, by_user: pl.DataFrame, day: date, params: RelatedParams) -> pl.DataFrame:
    since = day - timedelta(days=params.recent_days)
    started = pl.col("started_on")
    counts = by_user.group_by("topic").agg(
        pl.len().cast(pl.Int64).alias("n_users"),
        (started > since).fill_null(False).sum().cast(pl.Int64).alias("n_recent"),
        # One start of each month is added, so that few starts give shares near 1/12.
        *(
            ((started.dt.month() == month).fill_null(False).sum() + 1.0).alias(f"month_{month}")
            for month in range(1, 13)
        ),
    )
    months = [pl.col(f"month_{month}") for month in range(1, 13)]
    return (
        names.with_row_index("position")
        .filter((pl.col("position") == pl.col("topic")) & (pl.col("n_users") >= params.min_users))
        .select("topic", label="name")
        .join(counts, on="topic")
        .with_columns(months=pl.concat_list([month / pl.sum_horizontal(months) for month in months]))
        .select("topic", "label", "n_users", "n_recent", "months")
        .sort("label")
    )


def _cosines(vectors: Floats, pairs: pl.DataFrame) -> Floats:
    """(n,): the cosine of each pair of topics."""
    cosines = np.empty(pairs.height, dtype=np.float32)
    for start in range(0, pairs.height, 65_536):
        part = pairs[start : start + 65_536]
        one, other = (vectors[part[name].to_numpy()] for name in ("topic", "other"))
        cosines[start : start + part.height] = (one * other).sum(axis=1, dtype=np.float64)
    return cosines


def _neighbours(
    listed: Sequence[str], vectors: Floats, labels: pl.DataFrame, params: RelatedParams
) -> Iterator[tuple[int, Suggestion]]:
    topics: Ints = labels["topic"].to_numpy()
    users = labels["n_users"].to_list()
    grid = vectors[topics] if len(topics) else vectors[:0]
    few = nearest_few(grid, grid, 4 * params.n_neighbours, params.sibling_cosine, params.topic_cosine)
    for place, neighbours in enumerate(few):
        counts = {"broader": 0, "sibling": 0}
        name = listed[topics[place]]
        for other, cosine in neighbours:
            shorter = is_broader(name, listed[topics[other]]) and users[other] >= users[place]
            relation = "broader" if shorter else "sibling"
            if other != place and counts[relation] < params.n_neighbours:
                counts[relation] += 1
                yield int(topics[place]), Suggestion(listed[topics[other]], relation, cosine / 2, NEIGHBOURS)
