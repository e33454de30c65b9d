"""The questions that annotators answer, and the sample of journeys that each annotator judges, in order.

Agreement of annotators is in ``domain.annotation.agreement``, the files of sheets in ``importers.annotation_sheet``,
training labels in ``domain.ranking.labels``.

Sheets do not show the model's output (kind, stage, confidence, rank), because it would bias annotators.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import polars as pl

from journeys_assets.domain.annotation.params import AnnotationParams

LEVELS: dict[int, tuple[str, str]] = {
    5: ("surely a journey", "The keywords belong together, and the user was clearly pursuing this on the day."),
    4: (
        "probably a journey",
        "They belong together; the user was most likely pursuing it, with a keyword off or gaps.",
    ),
    3: ("cannot tell", "There is a common thread, but it may be idle browsing, or long over."),
    2: ("probably not", "Two or more things mixed up, or a passing look."),
    1: ("not a journey", "The keywords have nothing in common, or the user was not pursuing it at all."),
}
"""What each level of relevance means: a short name, and when to give it."""

QUESTION = "Was this something that the user was trying to do, or kept up, as of the day shown?"
STAGE_QUESTION = "If it was one: as of that day, was it still going on (ongoing), or over (ended)?"

CANDIDATE_SCHEMA = pl.Schema(
    {
        "as_of_date": pl.Date(),
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "journey_name": pl.String(),
        "keywords": pl.List(pl.String()),
        "kind": pl.String(),
        "stage": pl.String(),
        "confidence": pl.Float64(),
        "n_engagements_90d": pl.Int64(),
    }
)
"""Journeys that may be drawn: one row per day, user and journey."""


def guideline() -> str:
    """The guideline for annotators, as Markdown."""
    levels = "\n".join(f"* **{level} {name}** {when}" for level, (name, when) in LEVELS.items())
    return f"""# How to judge a journey

Each row shows one group of keywords of one user, with what the user did: engagements by week up to the day shown,
and examples. You see nothing of what happened later. Judge the row by itself.

1. **relevance** {QUESTION}

{levels}

2. **stage** {STAGE_QUESTION} Leave it empty for levels 1 and 2.
3. **better_name** Your name for it, if no name is shown or if the shown one is wrong, vague or too narrow. Otherwise
   leave it empty. Rows of level 1 and 2 need no name.
4. **comment** Anything else.

Leave a row empty if you do not want to judge it. Do not discuss rows with other annotators before all are done.
"""


# ── the sample ──────────────────────────────────────────────────────────────────────────────────────────────────────


def candidates_by_stratum(candidates: pl.DataFrame, *, params: AnnotationParams, seed: int) -> pl.DataFrame:
    """Each journey once, as of one of its days (drawn at random), with its ``stratum`` and a uniform ``draw``.

    A stratum combines a confidence band, a kind, a stage and the user's activity. A user is light up to the median over
    users of engagements in 90 days, heavy above the ``heavy_quantile``, and medium between.

    Args:
        candidates: ``CANDIDATE_SCHEMA``.

    Returns:
        The candidates with stratum and draw (0-1, a hash of the row's own ids and the seed, independent of other rows).
    """
    activity = candidates.group_by("as_of_date", "user_id").agg(n=pl.col("n_engagements_90d").sum())
    light = pl.col("n").quantile(0.5, "lower").over("as_of_date")
    heavy = pl.col("n").quantile(params.heavy_quantile, "lower").over("as_of_date")
    activity = activity.with_columns(
        activity=pl.when(pl.col("n") <= light)
        .then(pl.lit("light user"))
        .when(pl.col("n") <= heavy)
        .then(pl.lit("medium user"))
        .otherwise(pl.lit("heavy user"))
    )
    edges = params.confidence_bands
    names = [f"confidence {low:g}-{high:g}" for low, high in zip((0.0, *edges), (*edges, 1.0), strict=True)]
    kind = pl.format("{} {}", "kind", "stage")
    number = pl.lit(pl.Series(edges, dtype=pl.Float64)).search_sorted(pl.col("confidence"), side="right")
    band = pl.lit(pl.Series(names)).gather(number)
    return (
        candidates.join(activity, on=["as_of_date", "user_id"])
        .with_columns(stratum=pl.concat_str(band, kind, "activity", separator=", "), draw=_uniform(candidates, seed))
        .sort("draw", "user_id", "journey_id", "as_of_date")
        .unique(["user_id", "journey_id"], keep="first", maintain_order=True)
        # The first draw chose a day, so it is not uniform for journeys of several days. Draw again within the stratum.
        .with_columns(draw=_uniform_of("user_id", "journey_id", seed=seed + 1))
        .drop("n", "activity")
        .sort("stratum", "draw", "user_id", "journey_id")
    )


def draw_stratified(strata: pl.DataFrame, n: int) -> pl.DataFrame:
    """Draw ``n`` journeys, from each stratum in proportion to the square root of its size (power allocation).

    This is a compromise between equal allocation, which is best for comparing strata, and proportional allocation,
    which is best for estimates of the whole (Bankier 1988, *Power allocations*). Each stratum gets at least one journey
    if ``n`` allows.

    Uncertainty sampling (drawing where the model is least certain) was tried instead. While the prior scores journeys,
    a ranker trained on such labels is worse than one trained on as many random labels; later it is hardly better.

    Args:
        strata: From :func:`candidates_by_stratum`.

    Returns:
        At most ``n`` rows with ``sampling_weight``: the size of the stratum divided by the journeys drawn from it.
    """
    sizes = strata.group_by("stratum").len("size").sort("stratum")
    shares = allocated(sizes["size"].to_list(), n)
    plan = sizes.with_columns(wanted=pl.Series(shares, dtype=pl.Int64))
    return (
        strata.join(plan, on="stratum", maintain_order="left")
        .filter(pl.int_range(pl.len()).over("stratum") < pl.col("wanted"))
        .with_columns(sampling_weight=pl.col("size") / pl.col("wanted"))
        .drop("size", "wanted")
    )


def allocated(sizes: Sequence[int], n: int) -> list[int]:
    """Journeys to draw from each stratum: by the square root of its size, at most its size, ``n`` in total."""
    if n >= sum(sizes):
        return list(sizes)
    given = [0] * len(sizes)
    while sum(given) < n:
        open_ = [i for i, size in enumerate(sizes) if given[i] < size]
        # Give the next one to the stratum that is furthest below its share (Webster's method).
        best = max(open_, key=lambda i: (sizes[i] ** 0.5 / (2 * given[i] + 1) if given[i] else 1e12 + sizes[i], -i))
        given[best] += 1
    return given


def _uniform(rows: pl.DataFrame, seed: int) -> pl.Series:
    return rows.select(_uniform_of("as_of_date", "user_id", "journey_id", seed=seed)).to_series()


def _uniform_of(*columns: str, seed: int) -> pl.Expr:
    texts = pl.concat_str(*(pl.col(name).cast(pl.String) for name in columns), separator="\x1f")

    def uniform(values: pl.Series) -> pl.Series:
        return pl.Series([int.from_bytes(_digest(seed, text)[:6], "big") / 2**48 for text in values], dtype=pl.Float64)

    return texts.map_batches(uniform, return_dtype=pl.Float64).alias("draw")


def _digest(seed: int, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\x1f{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


# ── sheets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def row_keys(rows: pl.DataFrame, salt: bytes) -> pl.Series:
    """A pseudonym per row: 12 characters that reveal nothing without ``salt``. The same row always gets the same one.

    Args:
        rows: as_of_date, user_id, journey_id.
        salt: A secret of the deployment, at most 64 bytes.
    """
    keys = [
        _key(f"{day}\x1f{user_id}\x1f{journey_id}", salt)
        for day, user_id, journey_id in rows.select("as_of_date", "user_id", "journey_id").iter_rows()
    ]
    return pl.Series("row_key", keys, dtype=pl.String)


def user_keys(users: pl.Series, salt: bytes) -> pl.Series:
    """A pseudonym per user, as ``row_keys`` makes one per row."""
    return pl.Series("user_key", [_key(user, salt) for user in users], dtype=pl.String)


def _key(text: str, salt: bytes) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
    return base64.b32encode(digest).decode()[:12].lower()


def with_some_names_hidden(rows: pl.DataFrame, share: float, *, seed: int) -> pl.DataFrame:
    """``rows`` with an empty journey_name in about ``share`` of them, chosen at random.

    The name that people give a journey themselves differs from the names that they accept when shown one. Rows without
    a name collect the former.

    Args:
        rows: as_of_date, user_id, journey_id, journey_name and other columns.

    Raises:
        ValueError: ``share`` is not from 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share of rows without a name must be from 0 to 1; got {share}")
    # The columns are in another order than for the sample, so that the two draws are independent.
    drawn = _uniform_of("journey_id", "user_id", "as_of_date", seed=seed)
    return rows.with_columns(journey_name=pl.when(drawn < share).then(pl.lit("")).otherwise("journey_name"))


def n_items(n_annotators: int, rows_each: int, overlap: float) -> int:
    """Number of distinct journeys that ``n_annotators`` judge together."""
    n_shared = _n_shared(n_annotators, rows_each, overlap)
    return n_shared + n_annotators * (rows_each - n_shared)


def deal(rows: pl.DataFrame, annotators: Sequence[str], rows_each: int, overlap: float, *, seed: int) -> pl.DataFrame:
    """Distribute the sample: some rows go to all annotators, so that agreement can be measured, the others to one each.

    Shared rows are spread evenly over the strata. Each annotator gets a different order, in which no user comes twice
    in a row as long as no user has more than half of the rows.

    Args:
        rows: stratum, draw, user_id, journey_id, …; if there are fewer than :func:`n_items`, the proportion of shared
            rows stays the same.
        overlap: Share of an annotator's rows that all other annotators judge too, 0-1.

    Returns:
        ``rows`` with annotator_id and position (from 1); one row per annotator and journey.

    Raises:
        ValueError: There is no annotator, an annotator is named twice, or the overlap is outside 0-1.
    """
    if not annotators or len(set(annotators)) < len(annotators) or not 0.0 <= overlap <= 1.0:
        raise ValueError(
            "annotators must be named, each once, and the overlap must be from 0 to 1; "
            f"got annotators {annotators} and overlap {overlap}"
        )
    ordered = rows.sort("stratum", "draw", "user_id", "journey_id").with_row_index("place")
    full = n_items(len(annotators), rows_each, overlap)
    n_shared = round(_n_shared(len(annotators), rows_each, overlap) * min(1.0, rows.height / full))
    shared_places = {round((i + 0.5) * rows.height / n_shared - 0.5) for i in range(n_shared)} if n_shared else set()
    is_shared = pl.col("place").is_in(sorted(shared_places))
    own = ordered.filter(~is_shared).with_row_index("turn")
    sheets = []
    for number, annotator in enumerate(annotators):
        mine = pl.concat(
            [
                ordered.filter(is_shared),
                own.filter(pl.col("turn") % len(annotators) == number).drop("turn"),
            ]
        )
        mixed = mine.sort(_uniform_of("user_id", "journey_id", seed=seed + 2 + number), "place").drop("place")
        order = no_user_twice_in_a_row(mixed["user_id"].to_list(), seed=seed + number)
        sheets.append(
            mixed[order].with_columns(
                annotator_id=pl.lit(annotator), position=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
            )
        )
    return pl.concat(sheets)


def _n_shared(n_annotators: int, rows_each: int, overlap: float) -> int:
    return round(rows_each * overlap) if n_annotators > 1 else rows_each


def no_user_twice_in_a_row(users: Sequence[str], *, seed: int) -> list[int]:
    """A new order of ``users`` (indices), as close to the given order as possible."""
    left = list(range(len(users)))
    order: list[int] = []
    remaining: list[int] = []
    while left:
        following = next((i for i, row in enumerate(left) if not order or users[row] != users[order[-1]]), None)
        if following is None:
            remaining = left  # all of one user; inserted between rows of other users below
            break
        order.append(left.pop(following))
    for row in remaining:
        gaps = [
            i
            for i in range(len(order) + 1)
            if (i == 0 or users[order[i - 1]] != users[row]) and (i == len(order) or users[order[i]] != users[row])
        ]
        if gaps:
            order.insert(gaps[int.from_bytes(_digest(seed, str(row))[:4], "big") % len(gaps)], row)
        else:
            order.append(row)
    return order
