"""What answers about close calls of the cut are worth: agreement with known journeys against the number of questions.

The oracle answers from the truth: a node is one cluster if most pairs of keywords, one of each part, have one label. It
is what the best judge could gain; with a share of wrong answers it stands for a real one. The control asks the oracle
about as many nodes, chosen at random among those that the learned cut reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.asked_nodes import (
    Ask,
    Decisions,
    Node,
    ScoredTree,
    cut_with,
    decided,
    scored_tree,
)
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams, CutQuestionParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser
from journeys_assets.evaluation.report.plots import curves

QUESTIONS = (0, 1, 2, 3, 5, 10, 20, 40)
"""Most questions about one user."""
WRONG = 0.15
ORACLE, MISTAKEN, RANDOM = "close calls, oracle", f"close calls, {WRONG:.0%} of answers wrong", "random nodes, oracle"
ORDERS = (ORACLE, MISTAKEN, RANDOM)
CURVE = pl.Schema(
    {
        "corpus": pl.String(),
        "order": pl.String(),
        "most_questions": pl.Int64(),
        "questions": pl.Float64(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "gain": pl.Float64(),
        "gain_low": pl.Float64(),
        "gain_high": pl.Float64(),
        "n_users": pl.Int64(),
    }
)
"""``questions``: asked about a user, mean. ``value``: mean B-cubed F1 over users. ``gain``: what is gained over the
learned cut alone, for the same users. Both with their 95 % intervals over users."""


@dataclass(frozen=True, slots=True)
class KnownTree:
    """The dendrogram of a user whose journeys are known."""

    tree: ScoredTree
    truth: Labels

    def is_one(self, merge: int) -> bool:
        """Whether most pairs of keywords that a node joins have one label."""
        first, second = (self.truth[part] for part in self.tree.members(merge))
        same = int((first[:, None] == second[None, :]).sum())
        return 2 * same > len(first) * len(second)


def known_trees(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams, cut: LearnedCut
) -> list[KnownTree]:
    """The dendrograms of users with two keywords or more, cut by ``cut``."""
    return [
        KnownTree(scored_tree(user.keywords, vectors.rows_for(user.keywords), params, cut), user.truth)
        for user in users
        if len(user.keywords) > 1
    ]


def curve(
    corpus: str,
    trees: Sequence[KnownTree],
    params: CutQuestionParams,
    *,
    most_questions: Sequence[int] = QUESTIONS,
    seed: int = 1,
) -> pl.DataFrame:
    """Rows of ``CURVE``: the agreement of every order at every number of questions."""
    rows = []
    picks = resamples(len(trees), seed=seed) / len(trees)
    without = np.array([bcubed_f1(own.truth, cut_with(own.tree, {})) for own in trees])
    for order in ORDERS:
        for most in most_questions:
            found = _answers(order, trees, replace(params, per_user=most), seed)
            values = np.array(
                [bcubed_f1(own.truth, cut_with(own.tree, answers)) for own, answers in zip(trees, found, strict=True)]
            )
            gains = values - without
            n_asked = float(np.mean([len(answers) for answers in found]))
            figures = (float(values.mean()), *interval(picks @ values, len(trees)))
            gained = (float(gains.mean()), *interval(picks @ gains, len(trees)))
            rows.append((corpus, order, most, n_asked, *figures, *gained, len(trees)))
    return pl.DataFrame(rows, schema=CURVE, orient="row")


def mean_curve(points: pl.DataFrame) -> pl.DataFrame:
    """The mean over corpora of ``CURVE`` rows; its interval is that of a mean of independent means."""

    def half(name: str) -> pl.Expr:
        return ((pl.col(f"{name}_high") - pl.col(f"{name}_low")) / 2).pow(2).sum().sqrt() / pl.len()

    return (
        points.rename({"low": "value_low", "high": "value_high"})
        .group_by("order", "most_questions", maintain_order=True)
        .agg(
            pl.col("questions", "value", "gain").mean(),
            corpus=pl.lit("mean"),
            half=half("value"),
            half_gain=half("gain"),
            n_users=pl.col("n_users").sum(),
        )
        .with_columns(
            low=pl.col("value") - pl.col("half"),
            high=pl.col("value") + pl.col("half"),
            gain_low=pl.col("gain") - pl.col("half_gain"),
            gain_high=pl.col("gain") + pl.col("half_gain"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in CURVE.items())
    )


def plot(points: pl.DataFrame) -> str:
    """The curves of one corpus, or of the mean, as SVG."""
    return curves(
        points,
        x="questions",
        y="value",
        by="order",
        labels=("questions about a user, mean", "mean B-cubed F1"),
        ours=ORACLE,
    )


def _answers(order: str, trees: Sequence[KnownTree], params: CutQuestionParams, seed: int) -> list[Mapping[int, bool]]:
    """The answers about each user, by merge."""
    if params.per_user == 0:
        return [{} for _ in trees]
    if order == RANDOM:
        return [_random_answers(own, params.per_user, seed + number) for number, own in enumerate(trees)]
    by_id = {f"{number:06}": own for number, own in enumerate(trees)}
    share = WRONG if order == MISTAKEN else 0.0
    found = decided({user_id: own.tree for user_id, own in by_id.items()}, params, oracle(by_id, share, seed))
    return [found.get(user_id, Decisions()).answers for user_id in by_id]


def oracle(trees: Mapping[str, KnownTree], wrong: float = 0.0, seed: int = 1) -> Ask:
    """Answers from the truth, a share of them wrong. The same node always gets the same answer."""
    flips: dict[str, NDArray[np.bool_]] = {
        user_id: np.random.default_rng([seed, number]).random(len(own.tree.children)) < wrong
        for number, (user_id, own) in enumerate(trees.items())
    }

    def ask(nodes: Sequence[Node]) -> list[bool | None]:
        return [trees[node.user_id].is_one(node.merge) != bool(flips[node.user_id][node.merge]) for node in nodes]

    return ask


def _random_answers(own: KnownTree, most: int, seed: int) -> dict[int, bool]:
    """The truth about nodes chosen at random among those that the learned cut reaches."""
    rng = np.random.default_rng(seed)
    reached = _reached(own.tree)
    chosen = rng.permutation(reached)[:most].tolist()
    return {merge: own.is_one(merge) for merge in chosen}


def _reached(tree: ScoredTree) -> list[int]:
    """The merges that the learned cut looks at: those above its clusters, and the clusters themselves."""
    n, left, found = len(tree.keywords), [2 * len(tree.keywords) - 2], []
    while left:
        node = left.pop()
        if node >= n:
            found.append(node - n)
            if tree.log_odds[node - n] <= 0.0:
                left += tree.children[node - n].tolist()
    return sorted(found)
