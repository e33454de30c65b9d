"""Cuts fitted without the corpus that they are scored on, and the choice of a threshold on other corpora."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.clustering.calibration import THRESHOLDS
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.dendrograms import Dendrogram, dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines.clustering_rules import SingleRule
from journeys_assets.evaluation.data.corpora import Corpora, Corpus, fitting_users, scored_users
from journeys_assets.evaluation.data.pseudo_users import PseudoUser
from journeys_assets.models.clustering.fitting import Examples, digest_of, examples_of, fit_cut

Doubles = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
"""Called with the name of the step, how many parts are done, and how many there are."""
STEP = "cuts without a corpus"


@dataclass(frozen=True, slots=True)
class Fold:
    """A corpus, and a cut that was fitted on other corpora only.

    Attributes:
        corpus: The corpus that is left out.
        users: Its scored users, by kind: light and heavy.
        dendrograms: The dendrogram of each of those users.
        cut: Fitted on the other corpora.
    """

    corpus: Corpus
    users: Mapping[str, Sequence[PseudoUser]]
    dendrograms: Mapping[str, Sequence[Dendrogram]]
    cut: LearnedCut

    def curve(self, kind: str) -> Doubles:
        """(users, thresholds), the B-cubed F1 of each user of a kind at each of ``THRESHOLDS``."""
        return np.array(
            [
                [bcubed_f1(user.truth, dendrogram.labels(self.cut, least)) for least in THRESHOLDS]
                for user, dendrogram in zip(self.users[kind], self.dendrograms[kind], strict=True)
            ]
        )


def examples_by_corpus(corpora: Corpora, vectors: KeywordVectors, params: ClusteringParams) -> dict[str, Examples]:
    """What a cut can learn from each corpus, by the name of the corpus."""
    return {
        corpus.name: examples_of(
            (dendrogram_of(user.keywords, vectors.rows_for(user.keywords), params), user.truth)
            for user in fitting_users(corpus, corpora.fitting_strays)
        )
        for corpus in corpora.every
    }


def cut_without(left_out: str | None, examples: Mapping[str, Examples], folder: Path | None = None) -> LearnedCut:
    """The cut fitted on every corpus but one.

    Args:
        left_out: Name of that corpus; None to fit on all.
        folder: Fitted cuts are read from here, if a file has the digest of the examples, and are written here.

    Raises:
        ValueError: There is nothing to fit on.
    """
    used = [examples[name] for name in sorted(examples) if name != left_out]
    file = folder / f"cut-{digest_of(used)}.json" if folder else None
    if file and file.exists():
        return LearnedCut.from_json(file.read_text())
    cut = fit_cut(used)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}-{os.getpid()}")
        draft.write_text(cut.to_json())
        draft.replace(file)
    return cut


def folds_of(
    corpora: Corpora,
    vectors: KeywordVectors,
    params: ClusteringParams,
    folder: Path | None,
    *,
    n_users: int,
    seed: int = 1,
    progress: Progress = lambda *_: None,
) -> list[Fold]:
    """Every corpus with its scored users and the cut that was fitted on the others.

    Args:
        vectors: A unit vector for each of ``corpora.keywords``.
        folder: As for ``cut_without``.
        n_users: Light users of each corpus, and heavy ones.

    Raises:
        ValueError: There are fewer than two corpora.
    """
    if len(corpora.every) < 2:
        raise ValueError("leaving a corpus out needs two corpora or more; set public_data to the folder of the corpora")
    examples = examples_by_corpus(corpora, vectors, params)
    folds = []
    for number, corpus in enumerate(corpora.every):
        progress(STEP, number, len(corpora.every))
        users = scored_users(corpus, corpora.scored_strays, n_users=n_users, seed=seed)
        dendrograms = {
            kind: [dendrogram_of(user.keywords, vectors.rows_for(user.keywords), params) for user in own]
            for kind, own in users.items()
        }
        folds.append(Fold(corpus, users, dendrograms, cut_without(corpus.name, examples, folder)))
    progress(STEP, len(folds), len(folds))
    return folds


def mean_curves(folds: Sequence[Fold]) -> dict[str, Doubles]:
    """(thresholds,), the mean of light and heavy users at each of ``THRESHOLDS``, by corpus."""
    return {
        fold.corpus.name: np.asarray(np.mean([fold.curve(kind).mean(axis=0) for kind in fold.users], axis=0))
        for fold in folds
    }


def chosen_by_others(scores: Mapping[str, Doubles], left_out: str | None) -> int:
    """The candidate that every corpus but one chooses: the median of their own best candidates, the lower one of two.

    The candidate with the best mean is another choice. But a single corpus of another kind moves it by far, because the
    mean is flat around its maximum.

    Args:
        scores: (candidates,) by corpus; candidates are ordered by how broad the clusters are.
        left_out: Name of that corpus; None for a choice by all.
    """
    best = sorted(int(own.argmax()) for name, own in scores.items() if name != left_out)
    return best[(len(best) - 1) // 2]


@dataclass(frozen=True, slots=True)
class Choice:
    """What some corpora choose, for use on another one.

    Attributes:
        least_log_odds: The threshold of the learned cut.
        cuts: The cut of each single rule, by its name.
        best_rule: Name of the single rule that is best with its cut.
    """

    least_log_odds: float
    cuts: Mapping[str, float]
    best_rule: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """Mean B-cubed F1 of light and heavy users for everything that is chosen, by corpus.

    Attributes:
        thresholds: (thresholds,) by corpus, with the cut fitted on the other corpora.
        rules: (cuts,) by single rule and corpus.
    """

    thresholds: Mapping[str, Doubles]
    rules: Mapping[SingleRule, Mapping[str, Doubles]]

    def chosen_without(self, left_out: str | None) -> Choice:
        """The choice of every corpus but one. (The cuts behind ``thresholds`` were fitted on that one too, except for
        its own; the choice is of one number from 33.)"""
        best = {rule: chosen_by_others(scores, left_out) for rule, scores in self.rules.items()}
        others = [name for name in self.thresholds if name != left_out]
        quality = {
            rule: float(np.mean([self.rules[rule][name][place] for name in others])) for rule, place in best.items()
        }
        return Choice(
            float(THRESHOLDS[chosen_by_others(self.thresholds, left_out)]),
            {rule.name: rule.cuts[place] for rule, place in best.items()},
            max(quality, key=lambda rule: quality[rule]).name,
        )


def candidates_of(folds: Sequence[Fold], vectors: KeywordVectors, rules: Sequence[SingleRule]) -> Candidates:
    """The quality of every threshold and of every cut of every single rule, on every corpus."""
    return Candidates(
        mean_curves(folds),
        {rule: {fold.corpus.name: _rule_curve(fold, vectors, rule) for fold in folds} for rule in rules},
    )


def _rule_curve(fold: Fold, vectors: KeywordVectors, rule: SingleRule) -> Doubles:
    """(cuts,), the mean B-cubed F1 of light and heavy users."""
    means = []
    for users in fold.users.values():
        found = [rule.labels(vectors.rows_for(user.keywords), rule.cuts) for user in users]
        scores = [[bcubed_f1(user.truth, labels) for labels in own] for user, own in zip(users, found, strict=True)]
        means.append(np.mean(scores, axis=0))
    return np.asarray(np.mean(means, axis=0))
