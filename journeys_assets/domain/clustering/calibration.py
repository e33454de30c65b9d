"""Calibration: how broad the journeys and the areas of one deployment are.

That is two numbers: ``ClusteringParams.least_log_odds`` for journeys, and ``area_distance`` for areas.

What people call one journey differs between logs: a headline belongs to one story, a search to "cooking". The order of
the nodes of a dendrogram by their log odds carries over from log to log; the threshold does not. It is found from

* **the log alone** (``from_log``). Two people's logs are put together, and clustered as one user's. Keywords of
  different people seldom belong together. So how often a threshold joins them, beside how often it joins keywords of
  one person, estimates its precision and recall without any label (``estimated_agreement``).
* **judged pairs** (``pairs_to_ask``, ``from_pairs``): yes or no to "do these two keywords of this user belong to one
  aim?". The probability of a yes is a logistic function of the pair's margin over the threshold. The estimate is the
  mean of the posterior, with the estimate from the log as the prior.

Two keywords are in one cluster exactly if the *margin* of the merge that joins them exceeds the threshold
(``kernels.merge_margins``), so every threshold is assessed from one dendrogram per user.

Areas need less. Two journeys belong together if their keywords are more alike than keywords of different people are.
How alike those are, the *background*, is the only thing in which logs differ (``area_distance``).

The result is the same for all users, so it is a release: it changes when a new one is made, not when a user comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering import cut
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.vectors import KeywordVectors

Doubles = NDArray[np.float64]

THRESHOLDS: Doubles = np.arange(-20, 13) / 4
"""Candidates: every quarter from -5 to 3. Beyond them nearly everything, or nearly nothing, is one cluster."""
FEWEST_USERS = 20
"""With fewer users, an estimate from the log would be that of a few pairs of people."""
MOST_USERS = 400
"""Users that are put together for an estimate from the log; bounds time."""
MOST_KEYWORDS = 400
"""Users with more keywords are left out of an estimate from the log: often bots, and slow."""
FEWEST_KEYWORDS = 5
"""Users with fewer keywords say nothing about a collapse: they may well have one aim, or as many as keywords."""
_MOST_JOINED = 0.8
"""Thresholds at which a larger share of the pairs of different people is joined are not assessed: nearly all pairs of
one person are joined too, and the little difference is noise where everybody does the same."""
_LEAST_OWN = 0.02
"""Thresholds at which a smaller share of the pairs of one person is joined say nothing about what people share."""
_SURELY_SHARED = 0.9
"""Part of the pairs of different people that belong together, of those that even the finest thresholds join."""
_AS_GOOD = 0.01
"""Estimated agreements that differ by less are taken for equal; the threshold nearest to the default one is chosen."""
AREA_EXCESS = 0.06
"""Journeys are one area while their mean cosine exceeds the background by this share of what is left to 1. Two corpora
with domains (CLINC150, HWU64) have the same best value."""
_ROUNDS = 4
"""How often each user is put together with another one."""
_SEED = 20261126

DEFAULT_SPREAD = 1.5
"""Standard deviation of the best threshold of a log around the default one."""
LOG_SPREAD = 1.0
"""Standard deviation of the best threshold of a log around the estimate from the log alone."""
SLOPE = 0.85
"""Log odds of a yes per unit of margin: 0.5 to 1.3 on nine labelled corpora."""
WRONG = 0.03
"""Share of judgements that are assumed to be wrong whatever the margin."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The dendrogram of one user, for every threshold at once.

    Attributes:
        user_id: The user.
        keywords: n keywords, sorted.
        children: (n - 1, 2), as from ``kernels.dendrogram``.
        margins: (n - 1,), from ``kernels.merge_margins``.
        n_pairs: (n - 1,), number of pairs of keywords that the merge joins.
    """

    user_id: str
    keywords: Sequence[str]
    children: NDArray[np.int64]
    margins: Doubles
    n_pairs: Doubles

    def joined(self, thresholds: Doubles, n_pairs: Doubles | None = None) -> Doubles:
        """Share of the pairs of keywords that are in one cluster, for each threshold.

        Args:
            n_pairs: (n - 1,), the pairs of each merge that count; by default all.
        """
        counted = self.n_pairs if n_pairs is None else n_pairs
        order = np.argsort(-self.margins, kind="stable")
        pairs = np.concatenate([[0.0], np.cumsum(counted[order])])
        return np.asarray(pairs[np.searchsorted(-self.margins[order], -thresholds, side="left")] / pairs[-1])

    def crossing(self, group: NDArray[np.bool_]) -> Doubles:
        """(n - 1,), the pairs of each merge of which one keyword is in the group (n,) and the other is not."""
        n = len(group)
        inside = np.concatenate([group.astype(np.float64), np.zeros(n - 1)])
        size = np.concatenate([np.ones(n), np.zeros(n - 1)])
        crossing = np.empty(n - 1)
        for merge, (a, b) in enumerate(self.children.tolist()):
            crossing[merge] = inside[a] * (size[b] - inside[b]) + inside[b] * (size[a] - inside[a])
            inside[n + merge], size[n + merge] = inside[a] + inside[b], size[a] + size[b]
        return crossing


@dataclass(frozen=True, slots=True)
class Collapse:
    """Whether a threshold still tells the keywords of a user apart.

    Attributes:
        n_users: Users with ``FEWEST_KEYWORDS`` or more.
        in_one: Share of them whose keywords are all in one cluster.
        all_apart: Share of them of whose keywords no two are in one cluster.
    """

    n_users: int
    in_one: float
    all_apart: float


@dataclass(frozen=True, slots=True)
class LogEstimate:
    """What the log alone says.

    Attributes:
        least_log_odds: The threshold with the best estimated agreement; the default one where the log says nothing.
        area_distance: For ``ClusteringParams``; the default one where the log has too few users.
        is_known: False where the log says nothing about the threshold: it has too few users, or hardly any threshold
            tells the keywords of different people from those of one.
        n_users: Users of the log that were clustered.
        agreement: (len(THRESHOLDS),), estimated pairwise F1 at each threshold; 0 where it was not assessed. Empty where
            the threshold is not known.
    """

    least_log_odds: float
    area_distance: float
    is_known: bool
    n_users: int
    agreement: Doubles

    @classmethod
    def unknown(cls, params: ClusteringParams, n_users: int = 0) -> LogEstimate:
        """The log was not asked, or says nothing."""
        return cls(params.least_log_odds, params.area_distance, False, n_users, np.empty(0))


def from_log(
    rows: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams, ensemble: LearnedCut | None = None
) -> LogEstimate:
    """The threshold, and the distance of areas, that the log itself suggests.

    Args:
        rows: user_id, keyword; one row for each keyword of a user, normalised.
        vectors: A unit vector for each keyword.
        ensemble: By default the released one.
    """
    users = _sample(rows)
    if len(users) < FEWEST_USERS:
        return LogEstimate.unknown(params, len(users))
    distance = area_distance(background(users, vectors))
    own, other = _of_two_people(users, vectors, params, ensemble)
    agreement = estimated_agreement(own, other, shared_topics(own, other))
    if not agreement.any():
        return replace(LogEstimate.unknown(params, len(users)), area_distance=distance)
    as_good = THRESHOLDS[agreement >= agreement.max() - _AS_GOOD]
    nearest = as_good[int(np.abs(as_good - params.least_log_odds).argmin())]
    return LogEstimate(float(nearest), distance, True, len(users), agreement)


def background(users: Sequence[tuple[str, Sequence[str]]], vectors: KeywordVectors) -> float:
    """Mean cosine of keywords of different users, each of whom counts the same; in [-1, 1].

    Args:
        users: Two or more, with their keywords.
    """
    means = np.array([vectors.rows_for(list(keywords)).mean(axis=0, dtype=np.float64) for _, keywords in users])
    whole = means.sum(axis=0)
    n = len(means)
    return float((whole @ whole - np.square(means).sum()) / (n * (n - 1)))


def area_distance(background: float, excess: float = AREA_EXCESS) -> float:
    """``ClusteringParams.area_distance`` for a log with that mean cosine between keywords of different users."""
    return round((1.0 - background) * (1.0 - excess), 3)


def shared_topics(own: Doubles, other: Doubles) -> float:
    """How often keywords of different people belong together, as a share of how often those of one person do.

    At the finest thresholds nearly all that is joined belongs together, so the smallest ratio is little above it.

    Args:
        own, other: (t,), share of the pairs that are joined, of one person and of different people; in [0, 1].

    Returns:
        In [0, 0.95].
    """
    is_sure = own > _LEAST_OWN
    return min(0.95, _SURELY_SHARED * float((other[is_sure] / own[is_sure]).min())) if is_sure.any() else 0.0


def estimated_agreement(own: Doubles, other: Doubles, shared: float) -> Doubles:
    """Pairwise F1 of the clusters with the unknown journeys, estimated at each threshold.

    Let a share p of the pairs of keywords of one person belong together, and of those of different people ``shared``
    times p. A threshold joins a part r of the pairs that do, and a part w of the others. Then

        own = p r + (1 - p) w        other = shared p r + (1 - shared p) w

    which gives p r for any p. As r is at most 1, p is bounded from below; the largest bound is taken for p.

    Args:
        own, other: (t,), share of the pairs that are joined, of one person and of different people; in [0, 1].
        shared: In [0, 1).

    Returns:
        (t,), in [0, 1]; 0 where nearly all pairs of different people are joined.
    """
    room = (1.0 - shared) + shared * own - other
    is_assessed = (other < _MOST_JOINED) & (room > 1.0 - _MOST_JOINED)
    found = np.zeros(len(own))
    if not is_assessed.any():
        return found
    related = min(1.0, max(0.0, float(((own - other)[is_assessed] / room[is_assessed]).max())))
    right = ((1.0 - shared * related) * own - (1.0 - related) * other) / (1.0 - shared)
    right = np.clip(right, 0.0, related)
    np.divide(2.0 * right, own + related, out=found, where=is_assessed & (right > 0))
    return np.minimum(found, 1.0)


def from_pairs(centre: float, spread: float, margins: Doubles, same: NDArray[np.bool_]) -> float:
    """The threshold in the light of judged pairs: the mean of the posterior.

    Args:
        centre, spread: Mean and standard deviation of the threshold before.
        margins: (n,), margin of the merge that joins each pair.
        same: (n,), the pair was judged to belong together.
    """
    grid = np.linspace(THRESHOLDS[0], THRESHOLDS[-1], 161)
    odds = SLOPE * (np.asarray(margins, dtype=np.float64)[:, None] - grid)
    yes = WRONG + (1.0 - 2.0 * WRONG) / (1.0 + np.exp(-odds))
    log = np.where(np.asarray(same, dtype=bool)[:, None], np.log(yes), np.log(1.0 - yes)).sum(axis=0)
    log -= 0.5 * ((grid - centre) / spread) ** 2
    weights = np.exp(log - log.max())
    return round(float((weights * grid).sum() / weights.sum()), 3)


def collapses(
    rows: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    thresholds: Sequence[float],
    ensemble: LearnedCut | None = None,
) -> list[Collapse]:
    """What each threshold makes of at most ``MOST_USERS`` users.

    Args:
        rows, vectors, ensemble: As for ``from_log``.
    """
    users = _sample(rows)
    found = list(trees(_frame(users), vectors, params, ensemble))
    return [collapse_of(found, threshold) for threshold in thresholds]


def collapse_of(found: Sequence[Tree], threshold: float) -> Collapse:
    """What a threshold makes of users whose dendrograms are known."""
    margins = [tree.margins for tree in found if len(tree.keywords) >= FEWEST_KEYWORDS]
    if not margins:
        return Collapse(0, 0.0, 0.0)
    return Collapse(
        len(margins),
        float(np.mean([bool((own > threshold).all()) for own in margins])),
        float(np.mean([not (own > threshold).any() for own in margins])),
    )


def pairs_to_ask(
    rows: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    n: int,
    centre: float,
    ensemble: LearnedCut | None = None,
) -> pl.DataFrame:
    """The pairs of keywords that are most worth a judgement: from merges around the threshold, of different users.

    A pair stands for a merge: it has the keyword of either part that is nearest to the middle of the part.

    Args:
        rows, vectors, ensemble: As for ``from_log``.
        n: Most pairs.
        centre: The threshold as it is known so far. Margins are spread around it as a normal distribution with the
            standard deviation ``DEFAULT_SPREAD``.

    Returns:
        user_id, keyword_a, keyword_b, sorted; no pair of keywords twice.
    """
    return pairs_among(list(trees(rows, vectors, params, ensemble)), vectors, n, centre)


def pairs_among(found: Sequence[Tree], vectors: KeywordVectors, n: int, centre: float) -> pl.DataFrame:
    """``pairs_to_ask`` for users whose dendrograms are known."""
    if not found or n < 1:
        return pl.DataFrame(schema={"user_id": pl.String, "keyword_a": pl.String, "keyword_b": pl.String})
    owner = np.repeat(np.arange(len(found)), [len(tree.margins) for tree in found])
    merge = np.concatenate([np.arange(len(tree.margins)) for tree in found])
    margins = np.concatenate([tree.margins for tree in found])
    asked = np.zeros(len(found))
    distance = np.empty(len(margins))
    is_used = np.zeros(len(margins), dtype=bool)
    chosen: set[tuple[str, str]] = set()
    pairs = []
    for target in (centre + DEFAULT_SPREAD * value for value in _normal_quantiles(n)):
        # Another user is worth a distance of 0.3: one user's judgements are alike.
        np.abs(margins - target, out=distance)
        distance += 0.3 * asked[owner]
        distance[is_used] = np.inf
        while np.isfinite(distance[at := int(distance.argmin())]):
            is_used[at] = True
            tree = found[owner[at]]
            pair = _pair_of(tree, int(merge[at]), vectors)
            if pair not in chosen:
                chosen.add(pair)
                pairs.append((tree.user_id, *pair))
                asked[owner[at]] += 1
                break
            distance[at] = np.inf
    return pl.DataFrame(pairs, schema=["user_id", "keyword_a", "keyword_b"], orient="row").sort(pl.all())


def with_neighbours(pairs: pl.DataFrame, rows: pl.DataFrame, vectors: KeywordVectors, n: int) -> pl.DataFrame:
    """``pairs`` with other keywords of the user, so that people see what is meant.

    Args:
        pairs: user_id, keyword_a, keyword_b and other columns.
        rows, vectors: As for ``from_log``.
        n: Most keywords beside each one.

    Returns:
        ``pairs`` in their order, with near_a and near_b: keywords without personal data, nearest first. A keyword is
        beside that of the two which it is nearer to.
    """
    asked = rows.filter(pl.col("user_id").is_in(pairs["user_id"].unique().implode()))
    owned = dict(asked.group_by("user_id").agg(pl.col("keyword").sort()).iter_rows())
    found = []
    for user, a, b in pairs.select("user_id", "keyword_a", "keyword_b").iter_rows():
        others = [keyword for keyword in owned[user] if keyword not in (a, b)]
        near = vectors.rows_for(others).astype(np.float64) @ vectors.rows_for([a, b]).astype(np.float64).T
        near = near.round(6)
        is_of_a = near[:, 0] >= near[:, 1]
        found.append([_nearest(others, near[:, i], is_of_a == (i == 0), n) for i in (0, 1)])
    lists = {"near_a": [a for a, _ in found], "near_b": [b for _, b in found]}
    return pairs.with_columns(pl.Series(name, texts, dtype=pl.List(pl.String)) for name, texts in lists.items())


def _nearest(keywords: Sequence[str], similarity: Doubles, may: NDArray[np.bool_], n: int) -> list[str]:
    """At most ``n`` of the keywords that may be taken and hold no personal data, nearest first."""
    found: list[str] = []
    for i in np.argsort(-similarity, kind="stable").tolist():
        if len(found) == n:
            break
        if may[i] and not holds_personal_data(keywords[i]):
            found.append(keywords[i])
    return found


def margins_of(
    pairs: pl.DataFrame,
    rows: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    ensemble: LearnedCut | None = None,
) -> Doubles:
    """The margin of each pair, in order; NaN where the user does not have both keywords, or they are the same.

    Args:
        pairs: user_id, keyword_a, keyword_b, normalised.
        rows, vectors, ensemble: As for ``from_log``.
    """
    asked = rows.filter(pl.col("user_id").is_in(pairs["user_id"].unique().implode()))
    return margins_among(pairs, list(trees(asked, vectors, params, ensemble)))


def margins_among(pairs: pl.DataFrame, found: Sequence[Tree]) -> Doubles:
    """``margins_of`` for users whose dendrograms are known."""
    by_user = {tree.user_id: tree for tree in found}
    places = {user: {keyword: i for i, keyword in enumerate(tree.keywords)} for user, tree in by_user.items()}
    margins = np.full(pairs.height, np.nan)
    for number, (user, a, b) in enumerate(pairs.select("user_id", "keyword_a", "keyword_b").iter_rows()):
        of = places.get(user, {})
        if a != b and a in of and b in of:
            margins[number] = by_user[user].margins[_joining(by_user[user].children, of[a], of[b])]
    return margins


def trees(
    rows: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams, ensemble: LearnedCut | None = None
) -> Iterator[Tree]:
    """The dendrogram of every user with two keywords or more, by user.

    Args:
        rows, vectors, ensemble: As for ``from_log``.
    """
    from journeys_assets.domain.clustering import kernels

    arrays = (ensemble or cut.released(params.learned_cut)).arguments
    for (user,), own in rows.sort("user_id", "keyword").group_by("user_id", maintain_order=True):
        if own.height < 2:
            continue
        keywords = own["keyword"].to_list()
        tree = dendrogram_of(keywords, vectors.rows_for(keywords), params)
        margins = kernels.merge_margins(tree.children, tree.features, *arrays)
        sizes = np.concatenate([np.ones(own.height), np.zeros(len(margins))])
        for merge, pair in enumerate(tree.children):
            sizes[own.height + merge] = sizes[pair].sum()
        yield Tree(str(user), keywords, tree.children, margins, sizes[tree.children].prod(axis=1))


def _sample(rows: pl.DataFrame) -> list[tuple[str, list[str]]]:
    """Users with 2 to ``MOST_KEYWORDS`` keywords, at most ``MOST_USERS``, by a hash of their id."""
    users = rows.group_by("user_id").agg(pl.col("keyword").sort())
    sized = users.filter(pl.col("keyword").list.len().is_between(2, MOST_KEYWORDS)).sort("user_id")
    order = np.random.default_rng(_SEED).permutation(sized.height)[:MOST_USERS]
    return [(user, keywords) for user, keywords in sized[np.sort(order)].iter_rows()]


def _of_two_people(
    users: Sequence[tuple[str, list[str]]],
    vectors: KeywordVectors,
    params: ClusteringParams,
    ensemble: LearnedCut | None,
) -> tuple[Doubles, Doubles]:
    """Users with the keywords of two people, without those that both have: the mean share of the pairs of one person,
    and of the pairs of both, that are joined at each threshold."""
    rng = np.random.default_rng(_SEED)
    made: list[tuple[str, list[str]]] = []
    first: dict[str, set[str]] = {}
    for _ in range(_ROUNDS):
        order = rng.permutation(len(users)).tolist()
        for a, b in zip(order[::2], order[1::2], strict=False):
            mine, theirs = set(users[a][1]), set(users[b][1])
            if len(mine - theirs) > 1 and theirs - mine:
                name = f"{len(made):06d}"
                made.append((name, sorted(mine ^ theirs)))
                first[name] = mine - theirs
    own, other = [np.zeros(len(THRESHOLDS))], [np.zeros(len(THRESHOLDS))]
    for tree in trees(_frame(made), vectors, params, ensemble):
        crossing = tree.crossing(np.array([keyword in first[tree.user_id] for keyword in tree.keywords]))
        own.append(tree.joined(THRESHOLDS, tree.n_pairs - crossing))
        other.append(tree.joined(THRESHOLDS, crossing))
    n = max(1, len(own) - 1)
    return np.sum(own, axis=0) / n, np.sum(other, axis=0) / n


def _frame(users: Sequence[tuple[str, list[str]]]) -> pl.DataFrame:
    return pl.DataFrame(users, schema={"user_id": pl.String, "keyword": pl.List(pl.String)}, orient="row").explode(
        "keyword"
    )


def _normal_quantiles(n: int) -> list[float]:
    """n values that are spread as a standard normal distribution, nearest to 0 first."""
    from statistics import NormalDist

    values = [NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)]
    return sorted(values, key=lambda value: (abs(value), value))


def _pair_of(tree: Tree, merge: int, vectors: KeywordVectors) -> tuple[str, str]:
    """The keyword of either part of a merge that is nearest to the mean vector of the part, in text order."""
    middles = []
    for part in tree.children[merge]:
        members = [tree.keywords[i] for i in _leaves(tree.children, int(part))]
        matrix = vectors.rows_for(members).astype(np.float64)
        middles.append(members[int((matrix @ matrix.sum(axis=0)).round(6).argmax())])
    first, second = sorted(middles)
    return first, second


def _leaves(children: NDArray[np.int64], node: int) -> list[int]:
    n = len(children) + 1
    waiting, leaves = [node], []
    while waiting:
        node = waiting.pop()
        if node < n:
            leaves.append(node)
        else:
            waiting.extend(children[node - n].tolist())
    return sorted(leaves)


def _joining(children: NDArray[np.int64], a: int, b: int) -> int:
    """The merge that joins two rows."""
    n = len(children) + 1
    for merge, pair in enumerate(children.tolist()):
        at = [n + merge if own in pair else own for own in (a, b)]
        a, b = at
        if a == b:
            return merge
    raise ValueError(f"rows {a} and {b} are not in one dendrogram")


def spread_of(estimate: LogEstimate) -> float:
    """Standard deviation of the best threshold around an estimate from the log."""
    return LOG_SPREAD if estimate.is_known else DEFAULT_SPREAD
