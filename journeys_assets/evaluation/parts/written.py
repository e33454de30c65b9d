"""Clustering of searches that were written without sight of any embedding, in three languages and in two at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.evaluation.baselines.clustering_rules import Rule
from journeys_assets.evaluation.data.corpora import SCORED_SIZES
from journeys_assets.evaluation.data.pseudo_users import PseudoUser, embedded, pooled_users
from journeys_assets.evaluation.parts.calibrated import rows_of
from journeys_assets.evaluation.parts.partitions import Dataset
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.synthetic.written import written_phrases

Pool = Mapping[str, Sequence[str]]

PREFIX = "written: "
ONE_FOR_ALL = "all in one"
"""A rule that puts all keywords of a user into one cluster."""

PROTOCOL = """
**Written phrases.** Searches of 45 aims in English, 60 in German and 60 in Japanese, by writers who did not see any
embedding and were asked for what people type over weeks, odd sub-questions and side aspects too; *German and English*
has the themes of both. Users as above, from at most 24 (16) searches a theme, without strays. They are clustered with
the threshold from the users of each set alone (*from the log*), by the cut that was fitted without the synthetic
themes. *All in one* puts all keywords of a user into one cluster.
"""


def written_datasets(
    embedder: Embedder,
    cache: Path,
    cut: LearnedCut,
    params: ClusteringParams,
    rules: Mapping[str, Rule],
    *,
    n_users: int,
    seed: int = 1,
) -> Iterator[Dataset]:
    """A data set for each language, and for German and English at once.

    Args:
        cache: Folder to keep the vectors in.
        cut: Fitted without the synthetic themes.
        params: With the default threshold.
        rules: Other methods.
        n_users: Light users of each set, and heavy ones.
    """
    pools = _pools()
    vectors = embedded([k for pool in pools.values() for own in pool.values() for k in own], embedder, cache)
    for name, pool in pools.items():
        users = {
            kind: pooled_users(pool, n_users=n_users, seed=seed + number, journeys=(2, 8), keywords=size)
            for number, (kind, size) in enumerate(SCORED_SIZES.items())
        }
        every = [user for own in users.values() for user in own]
        kinds = np.array([kind for kind, own in users.items() for _ in own])
        estimate = calibration.from_log(rows_of(every), vectors, params, cut)
        yield Dataset(
            PREFIX + name,
            every,
            {kind: kinds == kind for kind in users},
            vectors,
            cut,
            replace(params, least_log_odds=estimate.least_log_odds),
            {ONE_FOR_ALL: _one_for_all, **rules},
        )


def _pools() -> dict[str, dict[str, list[str]]]:
    english, german, japanese = (_normalised(written_phrases(language)) for language in ("en", "de", "ja"))
    both = {name: sorted({*own, *english[name]}) for name, own in german.items() if name in english}
    return {"English": english, "German": german, "Japanese": japanese, "German and English": both}


def _normalised(phrases: Pool) -> dict[str, list[str]]:
    """Normalised keywords of each theme; those of two themes are left out."""
    every = [(name, text) for name, own in phrases.items() for text in own]
    frame = pl.DataFrame(every, schema=["name", "text"], orient="row")
    keywords = frame.with_columns(keyword=normalise_series(frame["text"])).unique(["name", "keyword"])
    kept = keywords.filter(~pl.col("keyword").is_duplicated())
    return dict(sorted(kept.group_by("name").agg(pl.col("keyword").sort()).iter_rows()))


def _one_for_all(user: PseudoUser, _: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.zeros(len(user.keywords), dtype=np.int64)
