"""Nodes of a dendrogram that are close calls, and the cut of a user's dendrogram where some of them are decided.

The learned cut gives each node the log odds that it is one cluster. Where these lie near the threshold, the vectors and
letters say little, but somebody who reads the keywords may know: a person, or a language model (ClusterLLM, arXiv
2305.14871; Cequel, arXiv 2504.15640). So the close calls among the nodes that the cut reaches are asked about, from the
top down: the answer decides whether the nodes below are reached at all. A node without an answer stays as the learned
cut has it. So without any answer the clusters are those of the learned cut.

Of a user's close calls, those are asked about first by which most pairs of keywords are expected to be wrong
(``Node.worth``). Everything depends on the rows of the user alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams, CutQuestionParams
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.vectors import KeywordVectors

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredTree:
    """The dendrogram of one user's n keywords, with the verdict of the learned cut on each node.

    Attributes:
        keywords: n keywords, sorted.
        children: (n - 1, 2), as from ``kernels.dendrogram``.
        log_odds: (n - 1,), log odds that the node is one cluster, less the threshold: above 0 it is kept whole.
        vectors: (n, d), the unit vector of each keyword.
        may_show: Whether each keyword may be shown: it holds no personal data.
    """

    keywords: Sequence[str]
    children: Ints
    log_odds: Doubles
    vectors: NDArray[np.float32]
    may_show: Sequence[bool]

    def members(self, merge: int) -> tuple[list[int], list[int]]:
        """The places of the keywords in the two parts of a node; each sorted."""
        first, second = (sorted(self._leaves(int(child))) for child in self.children[merge])
        return (first, second) if first[0] < second[0] else (second, first)

    def _leaves(self, node: int) -> Iterator[int]:
        n, left = len(self.keywords), [node]
        while left:
            at = left.pop()
            if at < n:
                yield at
            else:
                left += self.children[at - n].tolist()


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is asked about.

    Attributes:
        user_id: Whose keywords they are.
        merge: Its place in ``ScoredTree.children``.
        first, second: Keywords of its two parts, the most central ones; without personal data.
        worth: Pairs of keywords, one of each part, that the learned decision is expected to get wrong.
    """

    user_id: str
    merge: int
    first: tuple[str, ...]
    second: tuple[str, ...]
    worth: float


Ask = Callable[[Sequence[Node]], Sequence[bool | None]]
"""Whether each node is one cluster; None where nobody says."""


@dataclass(slots=True)
class Decisions:
    """What became of the close calls of one user.

    Attributes:
        answers: Whether a node is one cluster, by its merge.
        unanswered: Merges that were asked about in vain.
    """

    answers: dict[int, bool] = field(default_factory=dict)
    unanswered: set[int] = field(default_factory=set)

    @property
    def n_asked(self) -> int:
        return len(self.answers) + len(self.unanswered)


def scored_tree(
    keywords: Sequence[str], vectors: NDArray[np.float32], params: ClusteringParams, cut: LearnedCut
) -> ScoredTree:
    """The dendrogram of one user.

    Args:
        keywords: n distinct normalised keywords, sorted; n >= 1.
        vectors: (n, d), the unit vector of each.
    """
    from journeys_assets.domain.clustering import kernels

    tree = dendrogram_of(keywords, vectors, params)
    scores = [kernels.node_score(row, *cut.arguments) for row in tree.features]
    may_show = [not holds_personal_data(keyword) for keyword in keywords]
    return ScoredTree(keywords, tree.children, np.array(scores) - params.least_log_odds, vectors, may_show)


def cut_with(tree: ScoredTree, answers: Mapping[int, bool]) -> Ints:
    """(n,), the clusters where ``answers`` decide some nodes, by merge; numbered from 0 by their first keyword."""
    labels, _ = _walk(tree, answers, lambda _: False)
    return labels


def close_calls(tree: ScoredTree, decisions: Decisions, band: float) -> list[int]:
    """Merges to ask about next: reached nodes within ``band`` of the threshold that no other such node is above.

    A node of which a part has no keyword that may be shown stays as the learned cut has it.
    """

    def is_open(merge: int) -> bool:
        if merge in decisions.answers or merge in decisions.unanswered or abs(float(tree.log_odds[merge])) > band:
            return False
        return all(any(tree.may_show[place] for place in part) for part in tree.members(merge))

    return _walk(tree, decisions.answers, is_open)[1]


def _walk(tree: ScoredTree, answers: Mapping[int, bool], is_open: Callable[[int], bool]) -> tuple[Ints, list[int]]:
    """Cut a dendrogram from the top down; the clusters, and the open nodes that no open one is above."""
    merges = len(tree.children)
    n = merges + 1
    top = np.full(n + merges, -1, dtype=np.int64)
    waits = np.zeros(n + merges, dtype=np.bool_)
    found = []
    for merge in range(merges - 1, -1, -1):
        node = n + merge
        if top[node] < 0:
            if not waits[node] and is_open(merge):
                found.append(merge)
                waits[node] = True
            if answers.get(merge, bool(tree.log_odds[merge] > 0.0)):
                top[node] = node
        top[tree.children[merge]] = top[node]
        waits[tree.children[merge]] = waits[node]
    own = np.where(top[:n] >= 0, top[:n], np.arange(n))
    _, first, labels = np.unique(own, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[labels], found


def node_of(user_id: str, tree: ScoredTree, merge: int, most_shown: int) -> Node:
    """A node as it is asked about, with at most ``most_shown`` keywords of each part."""
    parts = tree.members(merge)
    first, second = (_central(tree, part, most_shown) for part in parts)
    wrong = 1.0 / (1.0 + np.exp(abs(float(tree.log_odds[merge]))))
    return Node(user_id, merge, first, second, float(len(parts[0]) * len(parts[1]) * wrong))


def _central(tree: ScoredTree, part: Sequence[int], most: int) -> tuple[str, ...]:
    """The keywords of a part that are nearest to its centre and may be shown, in alphabetical order."""
    vectors = tree.vectors[list(part)].astype(np.float64)
    nearness = (vectors @ vectors.sum(axis=0)).round(6)
    shown = [(-near, tree.keywords[place]) for near, place in zip(nearness, part, strict=True) if tree.may_show[place]]
    return tuple(sorted(keyword for _, keyword in sorted(shown)[:most]))


def decided(trees: Mapping[str, ScoredTree], params: CutQuestionParams, ask: Ask) -> dict[str, Decisions]:
    """The decisions on the close calls of users, by user_id; of users who have close calls.

    Args:
        trees: By user_id.
        ask: Called with the nodes of all users that can be asked about at once, and again for those that their answers
            lead to.
    """
    decisions = {user_id: Decisions() for user_id in sorted(trees)}
    while True:
        nodes: list[Node] = []
        for user_id, own in decisions.items():
            left = params.per_user - own.n_asked
            if left > 0:
                tree = trees[user_id]
                found = [node_of(user_id, tree, m, params.most_shown) for m in close_calls(tree, own, params.band)]
                nodes += sorted(found, key=lambda node: (-node.worth, node.merge))[:left]
        if not nodes:
            return {user_id: own for user_id, own in decisions.items() if own.n_asked}
        for node, answer in zip(nodes, ask(nodes), strict=True):
            if answer is None:
                decisions[node.user_id].unanswered.add(node.merge)
            else:
                decisions[node.user_id].answers[node.merge] = answer


def decided_groups(
    keywords: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    cut: LearnedCut,
    questions: CutQuestionParams,
    ask: Ask,
) -> tuple[pl.DataFrame, dict[str, Decisions]]:
    """The clusters of users about whose keywords there are answers.

    Args:
        keywords: user_id, keyword and further columns; one row per user and keyword.
        vectors: A unit vector for each keyword.
        cut: The ensemble of ``params``.

    Returns:
        The rows of those users with group, the number of the keyword's cluster within the user; and the decisions of
        all users who have close calls, by user_id.
    """
    rows = keywords.sort("user_id", "keyword")
    trees = {}
    for (user_id,), own in rows.group_by("user_id", maintain_order=True):
        texts = own["keyword"].to_list()
        if len(texts) > 1:
            trees[str(user_id)] = scored_tree(texts, vectors.rows_for(texts), params, cut)
    found = decided(trees, questions, ask)
    answered = {user_id: own for user_id, own in found.items() if own.answers}
    chosen = rows.filter(pl.col("user_id").is_in(list(answered)))
    groups = [cut_with(trees[user_id], own.answers) for user_id, own in answered.items()]
    numbers = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    return chosen.with_columns(group=pl.Series(numbers, dtype=pl.Int64)), found
