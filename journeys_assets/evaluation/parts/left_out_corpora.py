"""Whole corpora left out: the cut, its threshold and the cuts of the baselines come from other corpora.

``evaluation.parts.clustering`` shows these figures in its section.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines.clustering_rules import Rule, best_cut, single_rules
from journeys_assets.evaluation.data.corpora import corpora_of
from journeys_assets.evaluation.data.left_out import Candidates, Choice, Fold, Progress, candidates_of, folds_of
from journeys_assets.evaluation.data.pseudo_users import embedded
from journeys_assets.evaluation.parts.calibrated import (
    N_DRAWS,
    Thresholds,
    f1_at,
    learning_curve,
    thresholds_of,
)
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.models.embedding.base import Embedder

Doubles = NDArray[np.float64]

OURS = "journeys"
DEFAULT = "journeys, default threshold"
BEST_RULE = "best single rule"
BOUND = "best cut per user"
FROM_LOG, FROM_20, FROM_100 = METRICS = (
    "B-cubed F1, threshold from the log",
    "B-cubed F1, threshold from 20 judged pairs",
    "B-cubed F1, threshold from 100 judged pairs",
)

PROTOCOL = f"""
**Whole corpora are left out.** A deployment's log is a corpus that nothing was fitted on. So each labelled corpus is
clustered by a cut that was fitted on the other ones, each of which weighs the same, with the threshold
(`least_log_odds`) and the cuts of the single rules that the other ones choose: the median of the best ones of each. The
threshold is one number from 33. It is chosen with cuts that were fitted without the corpus that they are scored on;
those cuts have seen the corpus that is left out, which the final one has not. No keyword is in two corpora; the strays
of scored users are not those of users that are fitted on. The features, the boosting and the smoothing were chosen with
most of these corpora in view.

**Users** are pooled: 2-8 labels, and 3-12 (*light*) or 5-60 (*heavy*) phrases of each. A third of them have 20 % more
phrases that belong to no label. The labels of biomedical, pricerunner and searchsnippets are broad *categories*; those
of the other corpora are *aims*.

**Calibration.** All scored users of a corpus are one log. Its threshold is *from the log* alone, or from *judged pairs*
(with the estimate from the log before): yes or no to "do these two keywords of this user have one label?", for pairs
that the method picks among half of the users. Figures are means over {N_DRAWS} draws of that half.
"""


@dataclass(frozen=True)
class LeftOut:
    """Every corpus as it is when it is left out.

    Attributes:
        folds: Each corpus with the cut fitted on the others.
        candidates: What the threshold and the single rules are chosen from.
        strays: Phrases that belong to no label, for users that are scored.
        vectors: A unit vector for every keyword.
        params: Parameters of the clustering; their threshold is not used.
        seed: Seed of the draws of judged pairs.
    """

    folds: Sequence[Fold]
    candidates: Candidates
    strays: Sequence[str]
    vectors: KeywordVectors
    params: ClusteringParams
    seed: int

    def choice(self, name: str) -> Choice:
        """What the corpora other than ``name`` choose."""
        return self.candidates.chosen_without(name)

    def cut_of(self, name: str) -> LearnedCut:
        """The cut fitted without a corpus.

        Raises:
            ValueError: There is no such corpus.
        """
        for fold in self.folds:
            if fold.corpus.name == name:
                return fold.cut
        raise ValueError(f"no corpus {name!r}; there are {', '.join(fold.corpus.name for fold in self.folds)}")

    def params_of(self, name: str) -> ClusteringParams:
        """The parameters with the threshold that the corpora other than ``name`` choose."""
        return replace(self.params, least_log_odds=self.choice(name).least_log_odds)

    def rules_of(self, name: str) -> dict[str, Rule]:
        """The single rules, with the cuts that the corpora other than ``name`` choose."""
        cuts = self.choice(name).cuts
        return {rule.name: rule.at(cuts[rule.name]) for rule in self.candidates.rules}

    @cached_property
    def thresholds(self) -> dict[str, Thresholds]:
        """The thresholds of each corpus, calibrated on its light and heavy users together."""
        return {
            fold.corpus.name: thresholds_of(
                [user for own in fold.users.values() for user in own],
                self.vectors,
                self.params,
                fold.cut,
                self.choice(fold.corpus.name).least_log_odds,
                seed=self.seed,
            )
            for fold in self.folds
        }

    @cached_property
    def scores(self) -> dict[tuple[str, str], dict[str, Doubles]]:
        """B-cubed F1 of the users (users,) of each corpus and kind by each way to cut: the default
        threshold, ``METRICS``, the best single rule, and the bound."""
        found: dict[tuple[str, str], dict[str, Doubles]] = {}
        for fold in self.folds:
            name, own = fold.corpus.name, self.thresholds[fold.corpus.name]
            rules = {BEST_RULE: self.rules_of(name)[self.choice(name).best_rule], BOUND: best_cut(self.params)}
            sources = {
                DEFAULT: [own.default],
                FROM_LOG: [own.from_log],
                FROM_20: own.from_pairs[20, 0.0],
                FROM_100: own.from_pairs[100, 0.0],
            }
            for kind, users in fold.users.items():
                found[name, kind] = {
                    source: f1_at(users, fold.dendrograms[kind], fold.cut, thresholds)
                    for source, thresholds in sources.items()
                } | {
                    method: np.array([bcubed_f1(u.truth, rule(u, self.vectors.rows_for(u.keywords))) for u in users])
                    for method, rule in rules.items()
                }
        return found

    @cached_property
    def learning(self) -> pl.DataFrame:
        """As from ``calibrated.learning_curve``. With no pairs the threshold is that from the log."""
        scores: dict[str, dict[tuple[int, float], dict[str, float]]] = {}
        for fold in self.folds:
            own = self.thresholds[fold.corpus.name]
            by_pairs = {(0, share): [own.from_log] for _, share in own.from_pairs} | dict(own.from_pairs)
            scores[fold.corpus.name] = {
                key: {
                    kind: float(f1_at(fold.users[kind], fold.dendrograms[kind], fold.cut, thresholds).mean())
                    for kind in fold.users
                }
                for key, thresholds in by_pairs.items()
            }
        return learning_curve(scores)


def leave_out(
    labelled: pl.DataFrame,
    corpora: pl.DataFrame | None,
    embedder: Embedder,
    cache: Path,
    params: ClusteringParams,
    *,
    n_users: int,
    seed: int,
    progress: Progress = lambda *_: None,
) -> LeftOut:
    """Fit without every corpus in turn, and choose everything else on the others.

    Args:
        labelled, corpora: The corpora of the two public files; the second may be absent.
        cache: Folder to keep vectors and fitted cuts in.

    The other arguments are those of ``evaluate_clustering``.
    """
    every = corpora_of(labelled, corpora)
    vectors = embedded(every.keywords, embedder, cache)
    folds = folds_of(every, vectors, params, cache / "cuts", n_users=n_users, seed=seed, progress=progress)
    return LeftOut(
        folds, candidates_of(folds, vectors, single_rules(params)), every.scored_strays, vectors, params, seed
    )


def measured(left_out: LeftOut, *, seed: int, n_resamples: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Figures of the calibrated thresholds, compared with the default one and with the best single rule."""
    for (name, kind), scores in left_out.scores.items():
        for metric in METRICS:
            yield measure(
                {OURS: mean_of(scores[metric])}
                | {method: mean_of(scores[method]) for method in (DEFAULT, BEST_RULE, BOUND)},
                dataset=name,
                regime=kind,
                metric=metric,
                n_users=len(scores[metric]),
                ours=OURS,
                bounds=[BOUND],
                seed=seed,
                n_resamples=n_resamples,
            )
