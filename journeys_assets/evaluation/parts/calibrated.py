"""The threshold of a left-out corpus: from the other corpora, from the log alone, and from judged pairs.

The judge knows the labels: two keywords belong together if they have the same one. Some of the answers may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.dendrograms import Dendrogram
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.data.pseudo_users import PseudoUser

Doubles = NDArray[np.float64]

N_PAIRS = (20, 50, 100, 200)
WRONG_SHARES = (0.0, 0.1)
N_DRAWS = 5
"""Samples of the users that are asked about, each half of the users. Figures are means over them."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What ``least_log_odds`` is for one corpus, by where it comes from.

    Attributes:
        default: The best one on the other corpora.
        from_log: From the log alone; the default one if the log says nothing.
        is_log_known: Whether the log says anything.
        from_pairs: One threshold per draw, by (number of judged pairs, share of wrong answers).
    """

    default: float
    from_log: float
    is_log_known: bool
    from_pairs: Mapping[tuple[int, float], Sequence[float]] = field(default_factory=dict)


def rows_of(users: Sequence[PseudoUser]) -> pl.DataFrame:
    """user_id, keyword. Ids are the places of the users, so that they sort in the same order."""
    ids = [f"{number:06d}" for number, user in enumerate(users) for _ in user.keywords]
    return pl.DataFrame({"user_id": ids, "keyword": [keyword for user in users for keyword in user.keywords]})


def thresholds_of(
    users: Sequence[PseudoUser],
    vectors: KeywordVectors,
    params: ClusteringParams,
    cut: LearnedCut,
    default: float,
    *,
    seed: int = 1,
) -> Thresholds:
    """Every threshold of the log that ``users`` are. Only the answers about pairs use their truth.

    Args:
        cut: Fitted on other corpora.
        default: Chosen on other corpora.
    """
    rows = rows_of(users)
    own = replace(params, least_log_odds=default)
    estimate = calibration.from_log(rows, vectors, own, cut)
    every = list(calibration.trees(rows, vectors, own, cut))
    by_pairs: dict[tuple[int, float], list[float]] = {}
    for draw in range(N_DRAWS):
        rng = np.random.default_rng([seed, draw])
        asked = [every[i] for i in sorted(rng.choice(len(every), size=(len(every) + 1) // 2, replace=False))]
        for n in N_PAIRS:
            pairs = calibration.pairs_among(asked, vectors, n, estimate.least_log_odds)
            margins = calibration.margins_among(pairs, asked)
            same = answers(pairs, users)
            for share in WRONG_SHARES:
                said = same ^ (rng.random(len(same)) < share)
                found = calibration.from_pairs(estimate.least_log_odds, calibration.spread_of(estimate), margins, said)
                by_pairs.setdefault((n, share), []).append(found)
    return Thresholds(default, estimate.least_log_odds, estimate.is_known, by_pairs)


def answers(pairs: pl.DataFrame, users: Sequence[PseudoUser]) -> NDArray[np.bool_]:
    """Whether the two keywords of each pair belong to one journey of the user."""
    truth = {
        (f"{number:06d}", keyword): journey
        for number, user in enumerate(users)
        for keyword, journey in zip(user.keywords, user.truth.tolist(), strict=True)
    }
    asked = pairs.select("user_id", "keyword_a", "keyword_b").iter_rows()
    return np.array([truth[user, a] == truth[user, b] for user, a, b in asked], dtype=np.bool_)


def f1_at(
    users: Sequence[PseudoUser], dendrograms: Sequence[Dendrogram], cut: LearnedCut, thresholds: Sequence[float]
) -> Doubles:
    """(users,), the B-cubed F1 of each user; the mean over ``thresholds``."""
    return np.array(
        [
            np.mean([bcubed_f1(user.truth, dendrogram.labels(cut, least)) for least in thresholds])
            for user, dendrogram in zip(users, dendrograms, strict=True)
        ]
    )


def learning_curve(scores: Mapping[str, Mapping[tuple[int, float], Mapping[str, float]]]) -> pl.DataFrame:
    """Quality by the number of judged pairs.

    Args:
        scores: By corpus, by (number of pairs, share of wrong answers): the mean B-cubed F1 of light and heavy users.

    Returns:
        answers, pairs, light, heavy, mean, worst: means over corpora, and the mean of light and heavy users of the
        worst corpus.
    """

    def rows() -> Iterator[dict[str, object]]:
        for n, share in sorted({key for own in scores.values() for key in own}, key=lambda key: (key[1], key[0])):
            found = {kind: [own[n, share][kind] for own in scores.values()] for kind in ("light", "heavy")}
            both = np.mean([found["light"], found["heavy"]], axis=0)
            yield {
                "answers": "all right" if not share else f"{share:.0%} wrong",
                "pairs": n,
                "light": float(np.mean(found["light"])),
                "heavy": float(np.mean(found["heavy"])),
                "mean": float(both.mean()),
                "worst": float(both.min()),
            }

    return pl.DataFrame(list(rows()))
