"""Related journeys: do users start what was suggested to them, of their own accord?

This module has the temporal split, the baselines and the metrics. ``models.related.training`` fits the ranking weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.related.candidates import Topics, content_of, find_topics
from journeys_assets.domain.related.groups import Floats
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import rank_related, suggested
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.data.study import Study, days_with_outcomes
from journeys_assets.evaluation.report.section import Section, gathered
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.related.training import train_ranking
from journeys_assets.pipeline.related import NamedJourneys, NameVectors, named_journeys, past_outcomes, with_names
from journeys_assets.storage.queries import related as queries

AT = (1, 5, 10)
OURS = "related, popular and ranker"
NEIGHBOURS = "plain neighbours"
POPULARITY = "popularity"
POSSIBLE = "any topic that may be suggested"

PROTOCOL = f"""
**Split in time.** The expansion is built from what was known at the end of day T, without a language model, and its
ranking weights are fitted on what users started in the 28 days up to T. It is scored on (T, T + 28]: the journeys that
each user with an ongoing journey on T starts. T is up to three days in the later half of a log, 28 days apart. A
suggestion is a hit if its cosine to the name of a started journey is at least `same_cosine`: names of one topic seldom
match literally. **Recall@k** is the share of a user's started journeys that the first k suggestions hit; users who
start none do not count; means over a user's days, then over users. **Exclusive recall@10** counts only hits that the
other method does not have.

**Baselines.** *{NEIGHBOURS}*: the topics with the largest cosine to an ongoing journey. *{POPULARITY}*: the topics
that most users started in the last 28 days. Both leave out what the user has, as ours does. The bound
*{POSSIBLE}* shows how many started journeys any suggestion could hit: a topic is suggested only if at least `min_users`
users share its label.

**Limits.** A started journey is one that the user started without having seen any suggestion, so this measures
foresight, not the effect of suggesting. In the synthetic world the themes of a user are drawn independently of each
other: no theme follows another, so co-occurrence can learn nothing there but chance, and popularity is the best that
any method can do. The figures of the synthetic world show that nothing breaks, not that anything works.
"""


@dataclass(frozen=True, slots=True)
class _Day:
    """What is needed to score one day.

    Attributes:
        named: The live journeys of the day.
        topics: Of the expansion as of the day.
        started: By user, the vectors of the journeys that were started in the window.
        lists: By method and user, the vectors of its suggestions, best first.
    """

    named: NamedJourneys
    topics: Topics
    started: Mapping[str, Floats]
    lists: Mapping[str, Mapping[str, Floats]]


def evaluate_related(studies: Sequence[Study], embedder: Embedder, *, n_resamples: int = N_RESAMPLES) -> Section:
    """Related journeys against their baselines on each study that is long enough.

    Raises:
        ValueError: no study has a day with 28 days before and after it.
    """
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    tables = {}
    for study in studies:
        days = scored_days(study)
        scored = [one for day in days if (one := _scored_day(study, embedder, day)).started]
        if scored:
            parts += _measured(study.name, scored, study.algorithm.related, n_resamples)
            tables[f"{study.name}: test days"] = pl.DataFrame(
                {
                    "users who started a journey": [len(one.started) for one in scored],
                    "started journeys": [sum(map(len, one.started.values())) for one in scored],
                    "topics": [one.topics.labels.height for one in scored],
                    "pairs by co-occurrence": [_n_pairs(one.topics) for one in scored],
                }
            )
    if not parts:
        raise ValueError("no study has a day with 28 days before it and after it")
    results, comparisons = gathered(parts)
    return Section(
        "related",
        "Related journeys",
        PROTOCOL,
        results,
        comparisons,
        tables=tables,
        headline=("recall@10",),
    )


def scored_days(study: Study) -> list[date]:
    """Up to three days of the study, in its later half, with ``outcome_days`` of the log before and after them."""
    return days_with_outcomes(study, timedelta(days=study.algorithm.related.outcome_days))


def _scored_day(study: Study, embedder: Embedder, day: date) -> _Day:
    params = study.algorithm.related
    vectors = NameVectors(embedder)
    with study.warehouse.reading() as con:
        known = with_names(queries.journeys_as_of(con, day))
        later = with_names(queries.journeys_as_of(con, day + timedelta(days=params.outcome_days)))
    before = day - timedelta(days=params.outcome_days)
    outcomes = past_outcomes(study.warehouse, known, before, vectors, embedder.model_version, params)
    weights = train_ranking(outcomes, params).weights
    rows, matrix = vectors.of([*known["name"], *later["name"]])
    topics = find_topics(known, rows, matrix, day, params)
    named = named_journeys(study.warehouse, day, embedder.model_version)
    users = set(named.journeys.filter("is_source")["user_id"])
    started: dict[str, list[Floats]] = {}
    new = later.filter(pl.col("started_on") > day).sort("user_id", "journey_id")
    for user, name in new.select("user_id", "name").iter_rows():
        if user in users:
            started.setdefault(user, []).append(matrix[rows[name]])
    stacked = {user: np.stack(few) for user, few in started.items()}
    mine = {
        user: part for (user,), part in named.journeys.partition_by("user_id", as_dict=True).items() if user in stacked
    }
    lists = {
        OURS: _ours(named, topics, weights, day, params),
        **_baselines(mine, named, topics, params),
    }
    return _Day(named, topics, stacked, lists)


def _ours(
    named: NamedJourneys, topics: Topics, weights: Mapping[str, float], day: date, params: RelatedParams
) -> dict[str, Floats]:
    content = dict(content_of(topics, topics.stored_names(params.min_users), params))

    def get_many(keys: Sequence[str]) -> list[Any | None]:
        return [content.get(key) for key in keys]

    found = suggested(named.journeys, named.rows, named.matrix, get_many, None, day, params)
    wide = dataclasses.replace(params, n_related=max(AT))
    ranked = rank_related(found.candidates, found.vectors, weights, wide)
    return {
        str(user): np.stack([found.vectors[name] for name in part["related_name"]])
        for (user,), part in ranked.partition_by("user_id", as_dict=True).items()
    }


def _baselines(
    mine: Mapping[str, pl.DataFrame], named: NamedJourneys, topics: Topics, params: RelatedParams
) -> dict[str, dict[str, Floats]]:
    labels = topics.vectors[topics.labels["topic"].to_numpy()] if topics.labels.height else topics.vectors[:0]
    popular = topics.labels.with_row_index("row").sort("n_recent", "n_users", "label", descending=[True, True, False])
    by_popularity = popular["row"].to_numpy()
    found: dict[str, dict[str, Floats]] = {NEIGHBOURS: {}, POPULARITY: {}, POSSIBLE: {}}
    for user, journeys in mine.items():
        own = named.matrix[[named.rows[name] for name in journeys["name"]]]
        cosines = labels @ own.T
        is_new = cosines.max(axis=1, initial=-1.0) < params.same_cosine
        nearest = cosines[:, journeys["is_source"].to_numpy()].max(axis=1, initial=-1.0)
        by_cosine = np.argsort(-nearest, kind="stable")
        found[NEIGHBOURS][user] = labels[by_cosine[is_new[by_cosine]][: max(AT)]]
        found[POPULARITY][user] = labels[by_popularity[is_new[by_popularity]][: max(AT)]]
        found[POSSIBLE][user] = labels[is_new]
    return found


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def hits(suggestions: Floats | None, started: Floats, same_cosine: float) -> NDArray[np.bool_]:
    """(n,): whether any of the suggestions is each of the n started journeys."""
    if suggestions is None or not len(suggestions):
        return np.zeros(len(started), dtype=np.bool_)
    return np.asarray((started @ suggestions.T >= same_cosine).any(axis=1))


def _measured(
    dataset: str, days: Sequence[_Day], params: RelatedParams, n_resamples: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    users = sorted({user for one in days for user in one.started})
    shared: dict[str, Any] = {"dataset": dataset, "n_users": len(users), "ours": OURS, "n_resamples": n_resamples}

    def recall(method: str, k: int, without: str | None = None) -> NDArray[np.float64]:
        """Of each user, the mean over days of the share of started journeys that are hit, and not by ``without``."""
        values: dict[str, list[float]] = {user: [] for user in users}
        for one in days:
            for user, started in one.started.items():
                most = k if method != POSSIBLE else None
                hit = hits(_head(one.lists[method].get(user), most), started, params.same_cosine)
                if without is not None:
                    hit &= ~hits(_head(one.lists[without].get(user), k), started, params.same_cosine)
                values[user].append(float(hit.mean()))
        return np.array([np.mean(values[user]) for user in users])

    for k in AT:
        methods = (OURS, NEIGHBOURS, POPULARITY, POSSIBLE)
        statistics = {method: mean_of(recall(method, k)) for method in methods}
        yield measure(statistics, metric=f"recall@{k}", bounds=[POSSIBLE], **shared)
    for rival in (NEIGHBOURS, POPULARITY):
        exclusive = {OURS: mean_of(recall(OURS, 10, rival)), rival: mean_of(recall(rival, 10, OURS))}
        yield measure(exclusive, metric="exclusive recall@10", regime=f"against {rival}", **shared)


def _head(suggestions: Floats | None, k: int | None) -> Floats | None:
    return suggestions if suggestions is None or k is None else suggestions[:k]


def _n_pairs(topics: Topics) -> int:
    return sum("cooccurrence" in one.made_by for few in topics.suggestions.values() for one in few)
