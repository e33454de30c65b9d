"""Whether names alone tell the keywords of a journey from the user's other keywords, as in ProxAnn (arXiv 2507.00828).

Names are made from half of the keywords of each journey, and readers get the names and the other half. So no name is
read on the keywords that it was made from. The readers are simple and use different evidence:

* meaning: cosine between the sentence embeddings of the name and of a keyword;
* words: F1 of the words of the name and of the keyword, singular and plural being the same;
* both: the mean of the two.

Readers forgive a name that says too much: "grey heart hot water bottle" finds all hot water bottles. So a second figure
tells how much of the name is true of the keywords (``TRUE_OF_MEMBERS``).

No label is needed, so this works on logs without truth and on corpora whose labels are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.words import FUNCTION_WORDS
from journeys_assets.evaluation.baselines.naming_judges import Embed

READERS = ("meaning", "words", "both")
TRUE_OF_MEMBERS = "true of members"
MIN_KEYWORDS = 4
"""Fewest keywords of a journey that are divided: two to name it, and two to read."""

_WORD = re.compile(r"[^\W_]+")
_PLURAL = re.compile(r"(?<=[^\Wsui])s$")

Doubles = NDArray[np.float64]


def divided(members: pl.DataFrame) -> pl.DataFrame:
    """Members with is_unread: whether readers get the keyword. Journeys of fewer than ``MIN_KEYWORDS`` are left out.

    Args:
        members: user_id, journey_id, keyword. Which keywords are read depends on their text only.
    """
    in_turn = members.with_columns(_turn=pl.col("keyword").hash(seed=11)).sort(*JOURNEY, "_turn", "keyword")
    numbered = in_turn.with_columns(
        is_unread=pl.int_range(pl.len()).over(JOURNEY) % 2 == 1, _size=pl.len().over(JOURNEY)
    )
    return numbered.filter(pl.col("_size") >= MIN_KEYWORDS).drop("_turn", "_size")


def readings(names: pl.DataFrame, unread: pl.DataFrame, embed: Embed) -> pl.DataFrame:
    """How well readers tell the unread keywords of a journey from those of the user's other journeys.

    Args:
        names: user_id, journey_id, keyword (a normalised name or a candidate for one).
        unread: user_id, journey_id, keyword.
        embed: The sentence embedding.

    Returns:
        The distinct names, sorted, with area under the ROC curve and average precision of each of ``READERS``, as
        "meaning: AUC", "meaning: AP" and so on, and with ``TRUE_OF_MEMBERS``: the share of the journey's unread
        keywords that have a word of the name, mean over its words other than function words. All are from 0 to 1.
        Journeys without unread keywords, and those of users with no other ones, are left out.
    """
    distinct = names.select(*JOURNEY, "keyword").unique().sort(*JOURNEY, "keyword")
    texts = sorted({*distinct["keyword"], *unread["keyword"]})
    place = {text: number for number, text in enumerate(texts)}
    vectors = np.asarray(embed(texts), dtype=np.float32) if texts else np.zeros((0, 1), np.float32)
    words = _word_table(texts)
    sizes = np.asarray(words.sum(axis=1), dtype=np.float64).ravel()
    theirs = {
        key[0]: (rows["journey_id"].to_numpy(), [place[text] for text in rows["keyword"]])
        for key, rows in unread.sort(*JOURNEY, "keyword").group_by("user_id", maintain_order=True)
    }
    found: list[tuple[object, ...]] = []
    for (user, journey), rows in distinct.group_by(JOURNEY, maintain_order=True):
        owners, read = theirs.get(user, (np.array([]), []))
        is_own = owners == journey
        if not is_own.any() or is_own.all():
            continue
        mine = [place[text] for text in rows["keyword"]]
        meaning = np.asarray(vectors[mine] @ vectors[read].T, dtype=np.float64).round(6)
        shared = np.asarray((words[mine] @ words[read].T).todense(), dtype=np.float64)
        overlap = 2 * shared / np.maximum(sizes[mine][:, None] + sizes[read], 1)
        held = np.asarray(words[np.array(read)[is_own]].mean(axis=0), dtype=np.float64).ravel()
        truth = np.asarray(words[mine] @ held, dtype=np.float64) / np.maximum(sizes[mine], 1)
        figures = [
            column
            for scores in (meaning, overlap, (meaning + overlap) / 2)
            for column in _auc_and_precision(scores, is_own)
        ]
        found += zip(
            [user] * len(mine),
            [journey] * len(mine),
            rows["keyword"].to_list(),
            truth.round(9).tolist(),
            *figures,
            strict=True,
        )
    measures = [TRUE_OF_MEMBERS, *(f"{reader}: {measure}" for reader in READERS for measure in ("AUC", "AP"))]
    return pl.DataFrame(
        found,
        schema=dict.fromkeys([*JOURNEY, "keyword"], pl.String()) | dict.fromkeys(measures, pl.Float64()),
        orient="row",
    )


def _auc_and_precision(scores: Doubles, is_own: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Area under the ROC curve and average precision of each row of scores; of equal scores, none comes first."""
    own, others = scores[:, is_own], scores[:, ~is_own]
    above = (own[:, :, None] > others[:, None, :]) + 0.5 * (own[:, :, None] == others[:, None, :])
    n_own = (own[:, None, :] >= own[:, :, None]).sum(axis=2)
    n_others = (others[:, None, :] >= own[:, :, None]).sum(axis=2)
    return above.mean(axis=(1, 2)).tolist(), (n_own / (n_own + n_others)).mean(axis=1).tolist()


def _word_table(texts: Sequence[str]) -> Any:
    """Sparse (texts, words): 1 where the text has the word."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(analyzer=_words, binary=True, dtype=np.int32)
    return counter.fit_transform([*texts, "any word"])[: len(texts)]


def _words(text: str) -> list[str]:
    words = _WORD.findall(text)
    return [_PLURAL.sub("", word) for word in words if word not in FUNCTION_WORDS] or words
