"""Per-user clustering: which keywords of a user form a journey, and which journeys form an area.

The compiled loops are in ``domain.clustering.kernels``, ids in ``domain.clustering.identity``.

First, the vector of each keyword is averaged with its nearest keywords of the same user ("smoothed"). This moves an
unusual phrasing towards its theme and does not change a keyword without similar ones. Average linkage then builds a
dendrogram. From the top down, a learned cut (``domain.clustering.cut``) decides for each node whether it is one journey
or several, from the vectors and from the letters that keywords share. Unlike the merge height of Ward's method, the
mean distance of average linkage does not grow with the size of clusters.

Areas are the coarser level (of a wedding: dress, venue, invitations). They are average linkage of
whole clusters, by the plain vectors of their keywords. So every cluster is in exactly one area.

Decision record 5 gives the measurements, the rejected alternatives and the drawbacks. ``evaluation.parts.clustering``
repeats the measurements.

The clusters of a user depend only on the rows of that user, and not on their order or on how work is split: keywords
are sorted by text first, and every sum runs in a fixed order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from journeys_assets.domain.clustering import cut
from journeys_assets.domain.clustering.edits import (
    Edit,
    edited_groups,
    edits_by_user,
    with_edited_themes,
)
from journeys_assets.domain.clustering.identity import area_ids, founders, journey_ids, theme_centralities
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.tables.pipeline import JOURNEY_CLUSTERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYWORDS_PER_CHUNK = 50_000
"""Keywords described at a time, so that the centres of their clusters fit in memory; a user is never split."""
PIECES_PER_THREAD = 4
"""Compiled work is split into this many times the number of threads, so that no thread waits long for another."""

_STAMPED_LATER = ("partition_date", "window_end_date", "inferred_by", "algorithm_version")
_INPUT = {
    "user_id": pl.String(),
    "keyword": pl.String(),
    "weight": pl.Float64(),
    "first_engaged_at": pl.Datetime("us"),
    "last_engaged_at": pl.Datetime("us"),
}


@dataclass(frozen=True, slots=True)
class Texts:
    """Letters of distinct keywords, for ``kernels.cluster_packed``.

    Attributes:
        letters: From ``kernels.letter_runs``.
        of_rows: (N,), the number of each row's keyword in ``letters``.
    """

    letters: tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.int64], int]
    of_rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packed:
    """Clusters of packed users, as from ``kernels.cluster_packed`` and ``kernels.describe_packed``.

    Attributes:
        labels: (N,).
        counts: (U,).
        areas, scores, cohesions, separations: (C,).
        centres: (C, d).
        centralities: (N,).
    """

    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    areas: NDArray[np.int64]
    scores: NDArray[np.float64]
    centres: NDArray[np.float32]
    centralities: NDArray[np.float64]
    cohesions: NDArray[np.float64]
    separations: NDArray[np.float64]


def cluster_users(
    keywords: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    edits: pl.DataFrame | None = None,
    *,
    threads: int = 1,
) -> pl.DataFrame:
    """Clusters of every user: smoothed vectors, average linkage, a learned cut, and what the user said of its result.

    Args:
        keywords: One row per user x keyword: user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at.
        history: user_id, keyword, first_engaged_at of every keyword that those users have engaged with, including
            ``keywords``. It determines the ids of journeys and nothing else.
        vectors: A unit vector for each keyword of ``history``.
        edits: Rows of ``EDITS_SCHEMA``: merges and splits (``domain.clustering.edits``); by default none. A cluster
            that one made is a journey however small or loose, and its cut_probability is null.
        threads: Compiled loops run on as many; does not change any row.

    Returns:
        The columns of ``JOURNEY_CLUSTERS`` except partition_date, window_end_date, inferred_by and algorithm_version;
        sorted by user_id, journey_id. Every keyword is in exactly one cluster of its user.

    Raises:
        ValueError: A column is missing, a value is null, a weight is not above 0, a user has a keyword twice, or a
            keyword is not in ``history``.
        MissingVectorsError: A keyword has no vector.
    """
    rows, past = _checked(keywords), history.sort("user_id")
    given = {} if edits is None else edits_by_user(edits)
    groups: list[tuple[pl.DataFrame, Mapping[str, Sequence[Edit]]]] = [(rows, {})]
    if given:
        is_edited = pl.col("user_id").is_in(list(given))
        groups = [(rows.filter(~is_edited), {}), (rows.filter(is_edited), given)]
    with ThreadPoolExecutor(threads) as pool:
        parts = [
            _describe(chunk, _of_users(past, chunk), vectors, params, own, pool, PIECES_PER_THREAD * threads)
            for group, own in groups
            for chunk in _chunks(group)
        ]
    return _in_order(parts)


def _in_order(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The clusters of all parts with the columns of ``JOURNEY_CLUSTERS``, sorted by user_id and journey_id."""
    schema = {name: dtype for name, dtype in JOURNEY_CLUSTERS.polars_schema.items() if name not in _STAMPED_LATER}
    if not parts:
        return pl.DataFrame(schema=schema)
    return (
        pl.concat(parts)
        .select(pl.col(name).cast(dtype) for name, dtype in schema.items())
        .sort("user_id", "journey_id")
    )


def describe_groups(
    keywords: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    edits: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What ``cluster_users`` returns, for clusters that are given: their ids, areas, centres and the like.

    Args:
        keywords: As for ``cluster_users``, with group: keywords of a user with the same group are one cluster.
        history, vectors, edits: As for ``cluster_users``.

    Returns:
        As ``cluster_users``. No cut was made, so cut_probability is null.

    Raises:
        ValueError, MissingVectorsError: As for ``cluster_users``.
    """
    rows, past = _checked(keywords), history.sort("user_id")
    groups = rows.join(keywords.select("user_id", "keyword", "group"), on=["user_id", "keyword"], how="left")["group"]
    grouped = rows.with_columns(groups)
    given = {} if edits is None else edits_by_user(edits)
    parts = [
        _described(
            chunk.drop("group"),
            _of_users(past, chunk),
            vectors,
            params,
            _packed_groups(chunk, vectors, params.area_distance),
            given,
        )
        for chunk in _chunks(grouped)
    ]
    return _in_order(parts)


def _packed_groups(rows: pl.DataFrame, vectors: KeywordVectors, area_distance: float) -> Packed:
    """The groups of whole users, from rows sorted by user and keyword, numbered as ``kernels.cluster_packed`` does."""
    from journeys_assets.domain.clustering import kernels

    places = vectors.places_of(rows["keyword"])
    sizes = rows["user_id"].rle().struct.field("len").to_list()
    offsets = [0, *itertools.accumulate(sizes)]
    groups = rows["group"].to_list()
    labels = np.empty(rows.height, dtype=np.int64)
    counts, areas_of = [], []
    first = first_area = 0
    for start, stop in itertools.pairwise(offsets):
        number_of: dict[object, int] = {}
        own = np.array([number_of.setdefault(group, len(number_of)) for group in groups[start:stop]], dtype=np.int64)
        areas = kernels.packed_areas(vectors.matrix, places[start:stop], own, area_distance)
        labels[start:stop] = own + first
        areas_of.append(areas + first_area)
        counts.append(len(number_of))
        first, first_area = first + len(number_of), first_area + int(areas.max()) + 1
    packed_counts = np.array(counts, dtype=np.int64)
    weights = np.ascontiguousarray(rows["weight"].to_numpy(), dtype=np.float64)
    return Packed(
        labels,
        packed_counts,
        np.concatenate(areas_of),
        np.full(first, np.nan),
        *kernels.describe_packed(vectors.matrix, places, weights, labels, packed_counts),
    )


def assign_rows(
    frame: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of ``frame``, in the same order, with ``journey_id`` and ``area_id`` of their keyword; and the clusters.

    Args:
        frame: user_id, keyword as written; optional weight (> 0, default 1), first_engaged_at, last_engaged_at. Rows of
            a user with the same normalised keyword count as one keyword, and their weights are added.
        vectors: A unit vector for each keyword of ``distinct_keywords(frame)``.

    Raises:
        ValueError: As for ``cluster_users``.
    """
    normalised = normalise_series(frame["keyword"]).alias("_keyword")
    rows = frame.with_columns(normalised, pl.int_range(pl.len()).alias("_row"))
    merged = _merge_same_keywords(rows)
    clusters = cluster_users(merged, merged.select("user_id", "keyword", "first_engaged_at"), vectors, params)
    members = clusters.select("user_id", "journey_id", "area_id", pl.col("keywords").alias("_keyword")).explode(
        "_keyword"
    )
    assigned = rows.join(members, on=["user_id", "_keyword"], how="left").sort("_row").drop("_keyword", "_row")
    return assigned, clusters


def distinct_keywords(frame: pl.DataFrame) -> list[str]:
    """The distinct normalised keywords of ``frame``, sorted. ``assign_rows`` needs a vector for each of them."""
    return normalise_series(frame["keyword"]).unique().sort().to_list()


def _merge_same_keywords(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per user x normalised keyword. Without times, the first one in text order counts as the earliest."""
    never = pl.lit(None, dtype=pl.Datetime("us"))
    first = pl.col("first_engaged_at") if "first_engaged_at" in rows.columns else never
    last = pl.col("last_engaged_at") if "last_engaged_at" in rows.columns else never
    weight = pl.col("weight") if "weight" in rows.columns else pl.lit(1.0)
    epoch = pl.datetime(1970, 1, 1, time_unit="us")
    values = rows.select(
        "user_id",
        keyword=pl.col("_keyword"),
        weight=weight.cast(pl.Float64),
        first_engaged_at=pl.coalesce(first, last, epoch).cast(pl.Datetime("us")),
        last_engaged_at=pl.coalesce(last, first, epoch).cast(pl.Datetime("us")),
    )
    # Sorted before the sum, so that weights are added in the same order for any order of the input.
    ordered = values.sort("user_id", "keyword", "weight", "first_engaged_at")
    return ordered.group_by("user_id", "keyword", maintain_order=True).agg(
        pl.col("weight").sum(),
        pl.col("first_engaged_at").min(),
        pl.col("last_engaged_at").max(),
    )


def _checked(keywords: pl.DataFrame) -> pl.DataFrame:
    """The input columns, sorted by user and keyword text."""
    missing = [name for name in _INPUT if name not in keywords.columns]
    if missing:
        raise ValueError(f"keywords lack the column(s) {', '.join(missing)}; present: {', '.join(keywords.columns)}")
    rows = keywords.select(pl.col(name).cast(dtype) for name, dtype in _INPUT.items()).sort("user_id", "keyword")
    for name in _INPUT:
        if rows[name].null_count():
            raise ValueError(f"keywords: {rows[name].null_count()} null(s) in {name!r}; every row needs a value")
    bad = rows.filter(~(pl.col("weight") > 0) | pl.col("weight").is_infinite() | pl.col("weight").is_nan())
    if bad.height:
        raise ValueError(
            f"keywords: a weight must be a finite number above 0; {bad.height} are not, for example {bad.row(0)}"
        )
    same = [pl.col(name) == pl.col(name).shift(1) for name in ("user_id", "keyword")]
    twice = rows.filter(pl.all_horizontal(same))
    if twice.height:
        raise ValueError(f"keywords: there must be one row per user and keyword; repeated: {twice.row(0)[:2]}")
    return rows


def _chunks(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Chunks of whole users with at least ``KEYWORDS_PER_CHUNK`` rows each, except for the last one."""
    ends = rows["user_id"].rle().struct.field("len").cum_sum().to_list() if rows.height else []
    start = 0
    for end in ends:
        if end - start >= KEYWORDS_PER_CHUNK or end == rows.height:
            yield rows.slice(start, end - start)
            start = end


def _of_users(history: pl.DataFrame, chunk: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``history`` from the first to the last user of ``chunk``; both sorted by user."""
    begin = history["user_id"].search_sorted(chunk["user_id"][0], side="left")
    end = history["user_id"].search_sorted(chunk["user_id"][-1], side="right")
    return history.slice(begin, end - begin)


def _describe(
    rows: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    edits: Mapping[str, Sequence[Edit]],
    pool: Executor,
    pieces: int,
) -> pl.DataFrame:
    """Clusters of whole users, from rows sorted by user and keyword; the order of clusters is unspecified."""
    places = vectors.places_of(rows["keyword"])
    texts = _texts_of(places, vectors)
    sizes = rows["user_id"].rle().struct.field("len").to_numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ensemble = cut.released(params.learned_cut)
    weights = np.ascontiguousarray(rows["weight"].to_numpy(), dtype=np.float64)

    def of_users(piece: tuple[int, int]) -> Packed:
        first, stop = piece
        own = slice(offsets[first], offsets[stop])
        of_rows = Texts(texts.letters, texts.of_rows[own])
        own_offsets = offsets[first : stop + 1] - offsets[first]
        return _packed(vectors.matrix, places[own], of_rows, weights[own], own_offsets, params, ensemble)

    found = _joined(list(pool.map(of_users, equal_work(offsets, pieces))))
    return _described(rows, history, vectors, params, found, edits)


def _with_edits(
    rows: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    found: Packed,
    edits: Mapping[str, Sequence[Edit]],
) -> tuple[Packed, NDArray[np.bool_]]:
    """The clusters ``found`` of ``rows`` after the edits of their users, and which of them a user made."""
    labels, next_label = found.labels.copy(), len(found.centres)
    as_said: list[int] = []
    known = dict(history.group_by("user_id").agg("keyword").iter_rows())
    start = 0
    for user, n in rows["user_id"].rle().struct.unnest().select("value", "len").iter_rows():
        own = slice(start, start + n)
        start += n
        if user not in edits:
            continue
        # Numbered within the user, so that new groups are beyond those of all users.
        first = labels[own].min()
        edited = edited_groups(
            rows["keyword"][own].to_list(), labels[own] - first, edits[user], vectors, frozenset(known[user])
        )
        n_before = labels[own].max() - first + 1
        is_new = edited.labels >= n_before
        labels[own] = np.where(is_new, edited.labels - n_before + next_label, edited.labels + first)
        as_said += [group - n_before + next_label for group in edited.as_said]
        next_label += int(edited.labels.max() - n_before + 1) if is_new.any() else 0
    packed = _packed_groups(rows.with_columns(group=pl.Series(labels)), vectors, params.area_distance)
    groups = labels[np.unique(packed.labels, return_index=True)[1]]
    is_old = groups < len(found.scores)
    scores = np.where(is_old, found.scores[np.where(is_old, groups, 0)], np.nan)
    return replace(packed, scores=scores), np.isin(groups, as_said)


def _described(
    rows: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    found: Packed,
    edits: Mapping[str, Sequence[Edit]],
) -> pl.DataFrame:
    """The clusters ``found`` of ``rows`` after ``edits``, with their ids; the order of clusters is unspecified."""
    as_said = np.zeros(len(found.centres), dtype=np.bool_)
    if edits:
        found, as_said = _with_edits(rows, history, vectors, params, found, edits)
    members = rows.with_columns(cluster=pl.Series(found.labels), centrality=pl.Series(found.centralities))
    themes = founders(history, vectors, params.theme_cosine)
    if edits:
        themes = with_edited_themes(themes, edits, vectors)
    ids = journey_ids(members, themes)
    members = members.with_columns(theme_centrality=pl.Series(theme_centralities(members, ids, themes, vectors)))
    facts = pl.DataFrame(
        {
            "cluster": np.arange(len(found.centres)),
            "area": found.areas,
            "cohesion": found.cohesions,
            "separation": found.separations,
            "as_said": as_said,
            "cut_probability": pl.Series(1.0 / (1.0 + np.exp(params.least_log_odds - found.scores)), nan_to_null=True),
            "centroid": pl.Series(pack(found.centres), dtype=pl.Binary),
        }
    )
    ordered = members.sort("cluster", pl.col("centrality") * -1, "keyword")
    clusters = ordered.group_by("cluster", maintain_order=True).agg(
        pl.col("user_id").first(),
        keywords=pl.col("keyword"),
        keyword_weights=pl.col("weight"),
        keyword_centralities=pl.col("centrality"),
        keyword_theme_centralities=pl.col("theme_centrality"),
        medoid=pl.col("keyword").first(),
        n_keywords=pl.len(),
        first_engaged_at=pl.col("first_engaged_at").min(),
        last_engaged_at=pl.col("last_engaged_at").max(),
    )
    described = (
        clusters.join(ids, on="cluster")
        .join(facts, on="cluster")
        .with_columns(is_journey=_is_journey(params) | pl.col("as_said"))
    )
    return described.join(area_ids(described), on="cluster")


def with_centroids_of_journeys(clusters: pl.DataFrame) -> pl.DataFrame:
    """``clusters`` (is_journey, centroid, …) with a null centroid where a cluster is not a journey.

    Nobody compares those, and most clusters are single keywords: their centroids would be half of the stored table.
    """
    return clusters.with_columns(centroid=pl.when("is_journey").then("centroid"))


def _texts_of(places: NDArray[np.int64], vectors: KeywordVectors) -> Texts:
    """Letters of the keywords at ``places`` of ``vectors``; each distinct keyword once."""
    from journeys_assets.domain.clustering import kernels

    used = np.zeros(len(vectors.keywords), dtype=np.bool_)
    used[places] = True
    words = [vectors.keywords[place] for place in np.flatnonzero(used).tolist()]
    letters = kernels.letter_runs(*letters_of(pl.Series(words, dtype=pl.String)))
    return Texts(letters, np.cumsum(used)[places] - 1)


def equal_work(offsets: NDArray[np.int64], pieces: int) -> list[tuple[int, int]]:
    """First user and the one after the last, of up to ``pieces`` runs of users that take about the same time.

    The time of a user is taken to be the square of the number of keywords.
    """
    work = np.cumsum(np.square(np.diff(offsets)))
    ends = np.searchsorted(work, work[-1] * np.arange(1, pieces + 1) / pieces).clip(max=len(work) - 1) + 1
    return list(itertools.pairwise(np.unique([0, *ends]).tolist()))


def _packed(
    matrix: NDArray[np.float32],
    places: NDArray[np.int64],
    texts: Texts,
    weights: NDArray[np.float64],
    offsets: NDArray[np.int64],
    params: ClusteringParams,
    ensemble: cut.LearnedCut,
) -> Packed:
    """Clusters of packed users, described."""
    from journeys_assets.domain.clustering import kernels

    labels, counts, areas, scores = kernels.cluster_packed(
        matrix,
        places,
        texts.letters,
        texts.of_rows,
        offsets,
        params.smoothing_neighbours,
        params.smoothing_floor,
        *ensemble.arguments,
        params.least_log_odds,
        params.area_distance,
    )
    return Packed(labels, counts, areas, scores, *kernels.describe_packed(matrix, places, weights, labels, counts))


def _joined(parts: list[Packed]) -> Packed:
    """Clusters of all users, numbered on from part to part."""
    clusters = areas = 0
    labels_of, areas_of = [], []
    for part in parts:
        labels_of.append(part.labels + clusters)
        areas_of.append(part.areas + areas)
        clusters, areas = clusters + len(part.areas), areas + int(part.areas.max()) + 1
    others = ("scores", "centres", "centralities", "cohesions", "separations")
    return Packed(
        labels=np.concatenate(labels_of),
        counts=np.concatenate([part.counts for part in parts]),
        areas=np.concatenate(areas_of),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in others},
    )


def packed_clusters(
    matrix: NDArray[np.float32],
    keywords: pl.Series,
    offsets: NDArray[np.int64],
    params: ClusteringParams,
    ensemble: cut.LearnedCut,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Clusters and areas of packed users; what ``kernels.cluster_packed`` returns.

    Args:
        matrix: (N, d), the unit vector of each keyword; C-contiguous.
        keywords: N normalised keywords; user ``u`` has rows ``offsets[u]`` to ``offsets[u + 1]``.
        offsets: (U + 1,).
        ensemble: To cut with.
    """
    from journeys_assets.domain.clustering import kernels

    every = np.arange(len(matrix), dtype=np.int64)
    labels, counts, areas, scores = kernels.cluster_packed(
        matrix,
        every,
        kernels.letter_runs(*letters_of(keywords)),
        every,
        offsets,
        params.smoothing_neighbours,
        params.smoothing_floor,
        *ensemble.arguments,
        params.least_log_odds,
        params.area_distance,
    )
    return labels, counts, areas, scores


def letters_of(keywords: pl.Series) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of the keywords, concatenated; and (n + 1,) the start of each keyword, then the total length."""
    letters = np.frombuffer("".join(keywords.to_list()).encode("utf-32-le"), dtype=np.uint32)
    return letters, np.concatenate([[0], np.cumsum(keywords.str.len_chars().to_numpy())]).astype(np.int64)


def _is_journey(params: ClusteringParams) -> pl.Expr:
    """Whether a cluster is a journey: enough keywords, or a pair with enough weight; and cohesive enough."""
    n_keywords, weight = pl.col("n_keywords"), pl.col("keyword_weights").list.sum()
    returned = (n_keywords >= 2) & (weight >= params.min_small_journey_weight)
    return ((n_keywords >= params.min_journey_keywords) | returned) & (
        pl.col("cohesion") >= params.min_journey_cohesion
    )
