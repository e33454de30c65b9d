"""Users whose journeys are known: pooled from labelled phrases, or from the truth of a synthetic world."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.evaluation.data.study import Study
from journeys_assets.models.embedding.base import Embedder

Labels = NDArray[np.int64]
_FIRST_STRAY = 1_000
"""Strays are numbered from here. Each is a journey of its own."""


@dataclass(frozen=True, slots=True)
class PseudoUser:
    """Keywords of one user, and the journey that each belongs to.

    Attributes:
        keywords: n distinct normalised keywords, sorted.
        truth: (n,), the journey of each. A keyword without a journey (a stray) has a number of its own, from 1,000 on.
        coarse: (n,), the broader theme (CLINC150's domain) of each; None if unknown.
        first_engaged_at: (n,), datetime64[us]; None if there are no times.
    """

    keywords: list[str]
    truth: Labels
    coarse: Labels | None = None
    first_engaged_at: NDArray[np.datetime64] | None = None

    @property
    def is_stray(self) -> NDArray[np.bool_]:
        """(n,): the keyword belongs to no journey."""
        return self.truth >= _FIRST_STRAY


def distinct_phrases(labelled: pl.DataFrame) -> pl.DataFrame:
    """The labelled phrases as the pipeline would see them: set, keyword (distinct within a set), label, domain."""
    rows = labelled.with_columns(normalise_series(labelled["text"]).alias("keyword"))
    return rows.unique(["set", "keyword"], keep="first", maintain_order=True)


def pools(phrases: pl.DataFrame, name: str) -> dict[str, list[str]]:
    """Keywords of each label of one set, both sorted."""
    grouped = phrases.filter(set=name).group_by("label").agg(pl.col("keyword").sort())
    return dict(sorted(grouped.iter_rows()))


def is_held_out(stray: str) -> bool:
    """Whether a stray phrase is in the half that no cut is fitted on."""
    return zlib.crc32(stray.encode()) % 2 == 0


def pooled_users(
    pool: Mapping[str, Sequence[str]],
    *,
    n_users: int,
    seed: int,
    journeys: tuple[int, int],
    keywords: tuple[int, int],
    strays: Sequence[str] = (),
    stray_share: float = 0.0,
    domains: Mapping[str, str] | None = None,
) -> list[PseudoUser]:
    """Users with ``journeys`` labels and ``keywords`` phrases for each (both ranges inclusive, limited by the pool).

    Strays, in number ``stray_share`` of a user's other phrases, belong to no journey. ``domains`` gives the broader
    theme of every label.
    """
    rng = np.random.default_rng(seed)
    names = sorted(pool)
    numbers = {domain: number for number, domain in enumerate(sorted(set((domains or {}).values())))}
    users = []
    for _ in range(n_users):
        truth: dict[str, int] = {}
        coarse: dict[str, int] = {}
        n_journeys = min(int(rng.integers(*journeys, endpoint=True)), len(names))
        for number, name in enumerate(rng.choice(names, size=n_journeys, replace=False)):
            size = min(int(rng.integers(*keywords, endpoint=True)), len(pool[name]))
            picked = [pool[name][i] for i in rng.choice(len(pool[name]), size=size, replace=False)]
            truth.update(dict.fromkeys(picked, number))
            if domains is not None:
                coarse.update(dict.fromkeys(picked, numbers[domains[name]]))
        if strays:
            n_strays = min(round(stray_share * len(truth)), len(strays))
            chosen = rng.choice(len(strays), size=n_strays, replace=False)
            for number, i in enumerate(chosen, start=_FIRST_STRAY):
                truth[strays[i]] = coarse[strays[i]] = number
        ordered = sorted(truth)
        users.append(
            PseudoUser(
                ordered,
                np.array([truth[k] for k in ordered], dtype=np.int64),
                np.array([coarse[k] for k in ordered], dtype=np.int64) if domains is not None else None,
            )
        )
    return users


def users_of_few_domains(
    pool: Mapping[str, Sequence[str]],
    domains: Mapping[str, str],
    *,
    n_users: int,
    seed: int,
    n_domains: tuple[int, int] = (1, 3),
    journeys: tuple[int, int] = (3, 9),
    keywords: tuple[int, int],
    strays: Sequence[str] = (),
    stray_share: float = 0.0,
) -> list[PseudoUser]:
    """Users as from ``pooled_users``, with labels from ``n_domains`` domains only (both ends inclusive)."""
    rng = np.random.default_rng(seed)
    of_domain: dict[str, dict[str, Sequence[str]]] = {}
    for name in sorted(pool):
        of_domain.setdefault(domains[name], {})[name] = pool[name]
    users = []
    for number in range(n_users):
        size = min(int(rng.integers(*n_domains, endpoint=True)), len(of_domain))
        chosen = rng.choice(sorted(of_domain), size=size, replace=False)
        users += pooled_users(
            {name: own for domain in chosen for name, own in of_domain[domain].items()},
            n_users=1,
            seed=1_000 * seed + number,
            journeys=journeys,
            keywords=keywords,
            strays=strays,
            stray_share=stray_share,
            domains=domains,
        )
    return users


def world_users(study: Study, n_users: int) -> list[PseudoUser]:
    """Users of a synthetic world with their last clustered keywords: the first ``n_users`` by id, without bots.

    Raises:
        ValueError: the study has no truth.
    """
    if "truth_keywords" not in study.truth:
        raise ValueError(f"the study {study.name!r} has no truth for keywords, so it is not a synthetic world")
    people = study.truth["truth_users"].filter(pl.col("user_class") != "bot").select("user_id")
    clustered = study.rows(
        """
        SELECT user_id, unnest(keywords) AS keyword FROM main.journey_clusters
        JOIN (SELECT user_id, max(partition_date) AS partition_date FROM main.inference_ledger GROUP BY user_id)
        USING (user_id, partition_date)
        """
    )
    meant = study.truth["truth_keywords"].select("user_id", "theme", "first_engaged_at", keyword="normalised_keyword")
    known = clustered.join(people, on="user_id", how="semi").join(meant, on=["user_id", "keyword"])
    if known.height < clustered.join(people, on="user_id", how="semi").height:
        raise ValueError(f"the truth of {study.name!r} lacks keywords that were clustered; it is of another world")
    chosen = known["user_id"].unique().sort().head(n_users)
    return list(users_of_themes(known.filter(pl.col("user_id").is_in(chosen.implode()))))


def users_of_themes(known: pl.DataFrame) -> Iterator[PseudoUser]:
    """Users from keywords with themes. A keyword without a theme is a journey of its own.

    Args:
        known: One row per user and keyword: user_id, keyword, theme (null for none), optional first_engaged_at.
    """
    for _, own in known.sort("user_id", "keyword").group_by("user_id", maintain_order=True):
        themes = sorted(own["theme"].drop_nulls().unique())
        numbers = {theme: number for number, theme in enumerate(themes)}
        truth = [
            numbers[theme] if theme is not None else _FIRST_STRAY + place for place, theme in enumerate(own["theme"])
        ]
        met = own["first_engaged_at"].to_numpy().astype("datetime64[us]") if "first_engaged_at" in own.columns else None
        yield PseudoUser(own["keyword"].to_list(), np.array(truth, dtype=np.int64), first_engaged_at=met)


def embedded(keywords: Sequence[str], embedder: Embedder, cache: Path) -> KeywordVectors:
    """Vectors of distinct keywords as the pipeline stores them (float16), cached in ``cache``."""
    ordered = sorted(set(keywords))
    file = cache / "labelled_phrases.parquet"
    if file.exists():
        stored = pl.read_parquet(file, glob=False)
        if stored["keyword"].to_list() == ordered and stored["model_version"][0] == embedder.model_version:
            return KeywordVectors.from_frame(stored)
    frame = pl.DataFrame({"keyword": ordered, "embedding": pack(np.asarray(embedder.embed(ordered)))})
    cache.mkdir(parents=True, exist_ok=True)
    frame.with_columns(model_version=pl.lit(embedder.model_version)).write_parquet(file)
    return KeywordVectors.from_frame(frame)
