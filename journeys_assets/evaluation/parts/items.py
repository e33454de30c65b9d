"""Journey items: do users engage with what was found for their journeys, of their own accord?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.items.catalogue import Catalogue
from journeys_assets.domain.items.ranking import no_statistics, rank_items, said
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.data.study import Study, days_with_outcomes
from journeys_assets.evaluation.report.section import Section, gathered
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.models.logistic import Ranking
from journeys_assets.pipeline.item_training import ModelVersions, Snapshot, engaged_between, snapshot, trained_weights

AT = (10, 50)
OURS = "journey items"
CONTENT = "journey items without a release"
POPULARITY = "popularity"
ITEM_KNN = "item-kNN"
USER_VECTOR = "user vector"
METHODS = (OURS, CONTENT, POPULARITY, ITEM_KNN, USER_VECTOR)

PROTOCOL = f"""
**Split in time.** Statistics of items are made from what was known at the end of day T, and the weights are fitted on
what users engaged with in the 28 days up to T, by candidates as of T - 28. They are scored on (T, T + 28]: the items
that each user with an ongoing journey on T engages with for the first time. T is up to three days in the later half of
a log, 28 days apart. No parameter was chosen on these days. Items that appear after T count for no method.

**Lists.** One list per user. Ours has the items of all ongoing journeys of the user, by score, an item once; up to
{max(AT)} of each journey. Every method chooses from the same catalogue and leaves out what the user has had: items that
were kept or acted on, and those looked at less than `cool_down_days` before the user's last active day. **Hit rate@k**:
the share of users with a hit among the first k. **Recall@k**: of a user's new items, the share among the first k.
**NDCG@10** discounts by place. Means over a user's days, then over users. **Coverage@10**: the share of the catalogue
that is on the first ten places of any user's list.

**Baselines.** *{POPULARITY}*: items by their users in the last 28 days. *{ITEM_KNN}*: items by the sum of their
cosines, as sets of users, to all items that the user ever engaged with; no threshold, no cut. *{USER_VECTOR}*: items by
the cosine to the weighted mean vector of the user's items. *{CONTENT}* is ours before the first release.

**Limits.** Users found these items without having seen any suggestion, so this measures foresight, not the effect of
showing them. Online Retail has purchases alone, by wholesalers too: what they buy next is what sells, whatever it is
for. In the synthetic world an item belongs to one theme and its users are those of the theme.
"""

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Day:
    """One scored day.

    Attributes:
        users: n users with an ongoing journey and a new item, sorted.
        new: (n, items): the items of the catalogue that each engages with for the first time in the window.
        lists: By method, (n, 50): row numbers of items, best first; -1 where the list has ended.
        n_items: Items of the catalogue.
        ranking: The fitted weights.
        n_journeys: Ongoing journeys.
    """

    users: list[str]
    new: Flags
    lists: Mapping[str, Ints]
    n_items: int
    ranking: Ranking
    n_journeys: int


def evaluate_items(studies: Sequence[Study], models: ModelVersions, *, n_resamples: int = N_RESAMPLES) -> Section:
    """Journey items against their baselines on each study that is long enough.

    Raises:
        ValueError: no study has a day with enough days before and after it.
    """
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    tables = {}
    for study in studies:
        window = timedelta(days=study.algorithm.items.outcome_days)
        days = days_with_outcomes(study, window)
        scored = {day: one for day in days if (one := _scored_day(study, day, models)) is not None}
        if scored:
            parts += _measured(study.name, list(scored.values()), n_resamples)
            tables[f"{study.name}: test days"] = _test_days(scored)
            tables[f"{study.name}: coverage@{AT[0]}"] = pl.DataFrame(
                {"method": METHODS, "share of the catalogue": [_coverage(scored.values(), name) for name in METHODS]}
            )
    if not parts:
        raise ValueError("no study has a day with 28 days before it and after it")
    results, comparisons = gathered(parts)
    return Section(
        "items",
        "Journey items",
        PROTOCOL,
        results,
        comparisons,
        tables=tables,
        headline=("recall@10", "NDCG@10"),
    )


def _scored_day(study: Study, day: date, models: ModelVersions) -> _Day | None:
    """One day; None where no user with an ongoing journey has a new item."""
    params = study.algorithm
    ranking = trained_weights(study.warehouse, day, params, models)
    found = snapshot(study.warehouse, day, params, models)
    catalogue = found.ranker.catalogue
    until = day + timedelta(days=params.items.outcome_days)
    later = catalogue.rows_of(engaged_between(study.warehouse, day, until))
    first = later.join(found.history, on=["user_id", "item_id"], how="anti")
    with_journey = found.journeys["user_id"].unique()
    users = first.filter(pl.col("user_id").is_in(with_journey.implode()))["user_id"].unique().sort().to_list()
    if not users:
        return None
    new = _flags(first, users, catalogue)
    lists = {
        OURS: _ours(found, ranking, params, users),
        CONTENT: _ours(found, None, params, users),
        **_baselines(found, day, params, users),
    }
    return _Day(users, new, lists, len(catalogue.items), ranking, found.journeys.height)


def _flags(rows: pl.DataFrame, users: Sequence[str], catalogue: Catalogue) -> Flags:
    """(users, items): whether there is a row (user_id, item)."""
    flags = np.zeros((len(users), len(catalogue.items)), dtype=np.bool_)
    numbered = rows.join(pl.DataFrame({"user_id": users}).with_row_index("user"), on="user_id")
    flags[numbered["user"].to_numpy(), numbered["item"].to_numpy()] = True
    return flags


def _ours(found: Snapshot, ranking: Ranking | None, params: AlgorithmParams, users: Sequence[str]) -> Ints:
    """Lists of journey items, with the release where its weights are trained, as a deployment would have it."""
    ranker = found.ranker
    wide = dataclasses.replace(params.items, n_items=max(AT))
    weights, statistics = params.items.prior_weights, no_statistics(ranker.catalogue)
    if ranking is not None and ranking.is_trained:
        weights, statistics = dict(ranking.weights), ranker.statistics
    journeys = found.journeys.filter(pl.col("user_id").is_in(list(users)))
    engaged = found.engaged.filter(pl.col("user_id").is_in(list(users)))
    rows = rank_items(journeys, engaged, ranker.catalogue, statistics, weights, wide)
    items = rows.select("user_id", item_id="item_ids", score="item_scores").explode("item_id", "score")
    best = ranker.catalogue.rows_of(items.drop_nulls()).group_by("user_id", "item").agg(pl.col("score").max())
    ordered = best.sort("user_id", "score", "item", descending=[False, True, False])
    placed = (
        ordered.group_by("user_id", maintain_order=True)
        .head(max(AT))
        .with_columns(place=pl.int_range(pl.len()).over("user_id"))
        .join(pl.DataFrame({"user_id": users}).with_row_index("user"), on="user_id")
    )
    lists = np.full((len(users), max(AT)), -1, dtype=np.int64)
    lists[placed["user"].to_numpy(), placed["place"].to_numpy()] = placed["item"].to_numpy()
    return lists


def _baselines(found: Snapshot, day: date, params: AlgorithmParams, users: Sequence[str]) -> dict[str, Ints]:
    from scipy.sparse import csr_array

    catalogue = found.ranker.catalogue
    engaged = catalogue.rows_of(found.engaged.filter(pl.col("user_id").is_in(list(users))))
    is_had = pl.col("is_kept") | (pl.col("age_days") < params.items.cool_down_days)
    had = _flags(engaged.filter(is_had), users, catalogue)
    history = catalogue.rows_of(found.history)
    recent = history.filter(pl.col("last_on") > pl.lit(day - timedelta(days=params.items.recent_days)))
    n_recent = np.bincount(recent["item"].to_numpy(), minlength=len(catalogue.items)).astype(np.float64)
    people = history["user_id"].rank("dense").to_numpy().astype(np.int64) - 1
    ones = np.ones(history.height)
    matrix = csr_array((ones, (people, history["item"].to_numpy())), shape=(int(people.max()) + 1, len(n_recent)))
    norms = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
    cosines = (matrix.T @ matrix).toarray() / np.maximum(np.outer(norms, norms), 1e-12)
    np.fill_diagonal(cosines, 0.0)
    mine = _flags(history.filter(pl.col("user_id").is_in(list(users))), users, catalogue)
    weights_of_items = np.zeros(had.shape)
    weighed = engaged.with_columns(said=said()).join(
        pl.DataFrame({"user_id": users}).with_row_index("user"), on="user_id"
    )
    weights_of_items[weighed["user"].to_numpy(), weighed["item"].to_numpy()] = weighed["said"].to_numpy()
    scores = {
        POPULARITY: np.broadcast_to(n_recent, had.shape),
        ITEM_KNN: mine.astype(np.float64) @ cosines,
        USER_VECTOR: (weights_of_items @ catalogue.vectors) @ catalogue.vectors.T,
    }
    return {name: _best(values, had) for name, values in scores.items()}


def _best(scores: Doubles, had: Flags) -> Ints:
    """(users, 50): the items with the largest positive score that the user has not had; -1 where there are no more."""
    open_scores = np.where(had, -np.inf, scores)
    order = np.argsort(-open_scores, axis=1, kind="stable")[:, : max(AT)]
    best = np.where(np.take_along_axis(open_scores, order, axis=1) > 0, order, -1)
    return np.pad(best, ((0, 0), (0, max(AT) - best.shape[1])), constant_values=-1)


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def hits(lists: Ints, new: Flags) -> Flags:
    """(users, places): whether the item on each place is one of the user's new items.

    Args:
        lists: (users, places): row numbers of items, -1 for an empty place.
        new: (users, items).
    """
    return np.asarray(np.take_along_axis(new, np.maximum(lists, 0), axis=1) & (lists >= 0))


def figures(lists: Ints, new: Flags) -> dict[str, Doubles]:
    """(users,) values of hit rate, recall and NDCG; every user has a new item."""
    hit = hits(lists, new)
    n_new = new.sum(axis=1)
    gains = 1.0 / np.log2(np.arange(2, AT[0] + 2))
    best = np.cumsum(gains)[np.minimum(n_new, AT[0]) - 1]
    values: dict[str, Doubles] = {}
    for k in AT:
        values[f"hit rate@{k}"] = np.asarray(hit[:, :k].any(axis=1), dtype=np.float64)
        values[f"recall@{k}"] = np.asarray(hit[:, :k].sum(axis=1) / n_new)
    values[f"NDCG@{AT[0]}"] = np.asarray((hit[:, : AT[0]] * gains).sum(axis=1) / best)
    return values


def _measured(dataset: str, days: Sequence[_Day], n_resamples: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    users = sorted({user for one in days for user in one.users})
    number = {user: n for n, user in enumerate(users)}
    by_method = {}
    for method in METHODS:
        sums: dict[str, Doubles] = {}
        counts = np.zeros(len(users))
        for one in days:
            at = np.array([number[user] for user in one.users])
            counts[at] += 1
            for metric, values in figures(one.lists[method], one.new).items():
                sums.setdefault(metric, np.zeros(len(users)))[at] += values
        by_method[method] = {metric: total / counts for metric, total in sums.items()}
    for metric in by_method[OURS]:
        statistics = {method: mean_of(values[metric]) for method, values in by_method.items()}
        yield measure(
            statistics, dataset=dataset, metric=metric, n_users=len(users), ours=OURS, n_resamples=n_resamples
        )


def _coverage(days: Iterable[_Day], method: str) -> float:
    """Mean over days of the share of the catalogue that is on the first ten places of any list."""
    shares = [(np.unique(one.lists[method][:, : AT[0]]) >= 0).sum() / one.n_items for one in days]
    return float(np.mean(shares))


def _test_days(scored: Mapping[date, _Day]) -> pl.DataFrame:
    days = scored.values()
    return pl.DataFrame(
        {
            "day": [str(day) for day in scored],
            "users with a new item": [len(one.users) for one in days],
            "new items": [int(one.new.sum()) for one in days],
            "ongoing journeys": [one.n_journeys for one in days],
            "items of the catalogue": [one.n_items for one in days],
            "weights": [
                ", ".join(f"{name} {value:.2f}" for name, value in one.ranking.weights.items()) for one in days
            ],
            "decision": [one.ranking.decision for one in days],
        }
    )
