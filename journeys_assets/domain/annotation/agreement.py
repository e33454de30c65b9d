"""Agreement of annotators on the same items, with intervals and the agreement expected by chance.

Agreement of partitions is in ``domain.statistics.partitions``.

An LLM judge is one more annotator. Compare its agreement with people to the agreement of people with each other.

Intervals come from ``domain.statistics.resampling``, over users. For kappa on 30 items of 9 users, 95 % intervals cover
the true value in 95 % of samples (plain percentiles: 88 %).

References: weighted kappa, Cohen 1968; alpha, Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.domain.vocabulary import STAGES

Doubles = NDArray[np.float64]
LEVELS = (1, 2, 3, 4, 5)

JUDGEMENT_SCHEMA = pl.Schema(
    {
        "item": pl.String(),
        "user_id": pl.String(),
        "annotator_id": pl.String(),
        "relevance": pl.Int64(),
        "stage": pl.String(),
    }
)
"""One row per item and annotator. ``stage`` is null where the annotator gave none."""


@dataclass(frozen=True, slots=True)
class AnnotatorAgreement:
    """Agreement on relevance (1-5) and stage. Intervals are 95 %, over resampled users.

    Attributes:
        overall: measure, value, low, high, by_chance (the value for independent annotators with the same distribution
            of levels), n_items, n_users. Measures: Krippendorff's alpha of relevance (interval metric) and of stage
            (nominal), the share of pairs of judgements that are equal, and the share at most one level apart.
        pairs: One row per pair of annotators with items in common: kappa (quadratic weights) with interval, exact and
            within_one, each also as expected by chance, bias (mean of a - b, levels) with interval, stage_kappa with
            interval.
        annotators: One row per annotator: n_items, mean_level, share of each level, and bias (levels) against the mean
            of the other annotators on common items, with interval; null where there are no common items.
    """

    overall: pl.DataFrame
    pairs: pl.DataFrame
    annotators: pl.DataFrame


def annotator_agreement(
    judgements: pl.DataFrame, *, seed: int = 1, n_resamples: int = 1000, level: float = 0.95
) -> AnnotatorAgreement:
    """Agreement of all annotators of ``judgements`` (``JUDGEMENT_SCHEMA``, in any order).

    A figure that is undefined (all judgements are equal, no item in common) is null.

    Raises:
        ValueError: An annotator judged an item twice, or a level is not 1-5.
    """
    if judgements.select("item", "annotator_id").is_duplicated().any():
        raise ValueError("an annotator judged an item twice; keep only the judgement that counts")
    if not judgements["relevance"].is_in(LEVELS).all():
        raise ValueError("relevance must be a level from 1 to 5")
    rows = judgements.sort("item", "annotator_id")
    resampling = _Resampling(rows["user_id"].unique().sort().to_list(), seed, n_resamples, level)
    names = rows["annotator_id"].unique().sort().to_list()
    pairs = [_pair(rows, a, b, resampling) for a, b in itertools.combinations(names, 2)]
    return AnnotatorAgreement(
        overall=_frame([*_overall(rows, resampling), _overall_stage(rows, resampling)]),
        pairs=_frame([pair for pair in pairs if pair["n_items"]], _PAIR_COLUMNS),
        annotators=_frame([_annotator(rows, name, resampling) for name in names], _ANNOTATOR_COLUMNS),
    )


# ── measures over tables of counts ──────────────────────────────────────────────────────────────────────────────────


def quadratic_kappa(cells: Doubles) -> Doubles:
    """Cohen's kappa with quadratic weights.

    Args:
        cells: (..., k, k): how often annotator a gave the row's level and annotator b the column's level.

    Returns:
        (...): at most 1; NaN where both annotators gave a single, equal level to every item.
    """
    return 1.0 - _ratio(_disagreement(cells, _squares(cells)), _disagreement(_expected(cells), _squares(cells)))


def kappa(cells: Doubles) -> Doubles:
    """Cohen's kappa without weights: every difference counts the same. Shapes as in :func:`quadratic_kappa`."""
    unequal = 1.0 - np.eye(cells.shape[-1])
    return 1.0 - _ratio(_disagreement(cells, unequal), _disagreement(_expected(cells), unequal))


def alpha(coincidences: Doubles, *, nominal: bool = False) -> Doubles:
    """Krippendorff's alpha, with the interval metric or the nominal one.

    Args:
        coincidences: (..., k, k), symmetric: counts of pairs of judgements of the same item, in both directions. A
            pair of an item with m judgements counts 1 / (m - 1).
    """
    metric = 1.0 - np.eye(coincidences.shape[-1]) if nominal else _squares(coincidences)
    totals = coincidences.sum(axis=-1)
    n = totals.sum(axis=-1)[..., None, None]
    # The diagonal also counts judgements paired with themselves. It has no disagreement, so that changes nothing.
    expected = _ratio(totals[..., :, None] * totals[..., None, :], n - 1.0)
    return 1.0 - _ratio(_disagreement(coincidences, metric), _disagreement(expected, metric))


def share_within(cells: Doubles, distance: int) -> Doubles:
    """Share of pairs of judgements that are at most ``distance`` levels apart."""
    near = (_squares(cells) <= distance**2).astype(np.float64)
    return _ratio((cells * near).sum(axis=(-2, -1)), cells.sum(axis=(-2, -1)))


def _squares(cells: Doubles) -> Doubles:
    levels = np.arange(cells.shape[-1], dtype=np.float64)
    return (levels[:, None] - levels[None, :]) ** 2


def _disagreement(cells: Doubles, weights: Doubles) -> Doubles:
    total: Doubles = (cells * weights).sum(axis=(-2, -1))
    return total


def _expected(cells: Doubles) -> Doubles:
    """The expected table if a and b were independent."""
    rows, columns = cells.sum(axis=-1), cells.sum(axis=-2)
    return _ratio(rows[..., :, None] * columns[..., None, :], cells.sum(axis=(-2, -1))[..., None, None])


def _ratio(part: Doubles, whole: Doubles) -> Doubles:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


# ── resampling users ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Resampling:
    """Resamples of users with replacement, the same ones for every figure."""

    def __init__(self, users: Sequence[str], seed: int, n_resamples: int, level: float) -> None:
        self.index = {user: i for i, user in enumerate(users)}
        self.picks = resamples(len(users), seed=seed, n_resamples=n_resamples) if users else None
        self.level = level

    def per_user(self, rows: pl.DataFrame, table: Doubles) -> Doubles:
        """(n_users, …): sums of ``table`` (one entry per row of ``rows``) by user."""
        sums = np.zeros((len(self.index), *table.shape[1:]))
        np.add.at(sums, [self.index[user] for user in rows["user_id"]], table)
        return sums

    def figure(self, per_user: Doubles, of: Callable[[Doubles], Doubles]) -> tuple[float | None, ...]:
        """Value, low and high of a figure of summed tables; None where it is undefined."""
        value = float(of(per_user.sum(axis=0)))
        if self.picks is None or not np.isfinite(value):
            return None, None, None
        flat = per_user.reshape(len(per_user), -1)
        n_users = int(flat.any(axis=1).sum())
        draws = of((self.picks @ flat).reshape(-1, *per_user.shape[1:]))
        low, high = interval(draws, n_users, self.level)
        return (value, None, None) if np.isnan(low) else (value, low, high)


def _one_hot(codes: Doubles, k: int) -> Doubles:
    return np.eye(k)[codes.astype(np.int64)]


def _pair_tables(a: pl.Series, b: pl.Series, k: int) -> Doubles:
    """(n, k, k): per pair of codes, a table with a single 1."""
    return _one_hot(a.to_numpy(), k)[:, :, None] * _one_hot(b.to_numpy(), k)[:, None, :]


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds ``level`` and ``stage_code``, codes from 0; ``stage_code`` is null where no stage was given."""
    return rows.with_columns(
        level=pl.col("relevance") - 1,
        stage_code=pl.col("stage").replace_strict({stage: i for i, stage in enumerate(STAGES)}, return_dtype=pl.Int64),
    )


def _pair(rows: pl.DataFrame, a: str, b: str, resampling: _Resampling) -> dict[str, object]:
    coded = _codes(rows)
    both = coded.filter(pl.col("annotator_id") == a).join(
        coded.filter(pl.col("annotator_id") == b).select("item", "level", "stage_code"), on="item", suffix="_b"
    )
    cells = resampling.per_user(both, _pair_tables(both["level"], both["level_b"], len(LEVELS)))
    staged = both.drop_nulls(["stage_code", "stage_code_b"])
    stages = resampling.per_user(staged, _pair_tables(staged["stage_code"], staged["stage_code_b"], len(STAGES)))
    total = cells.sum(axis=0)
    by_chance = _expected(total)
    return {
        "a": a,
        "b": b,
        "n_items": both.height,
        "n_users": both["user_id"].n_unique(),
        **_named("kappa", resampling.figure(cells, quadratic_kappa)),
        "exact": float(share_within(total, 0)),
        "exact_by_chance": float(share_within(by_chance, 0)),
        "within_one": float(share_within(total, 1)),
        "within_one_by_chance": float(share_within(by_chance, 1)),
        **_named("bias", resampling.figure(cells, _mean_difference)),
        "n_stages": staged.height,
        **_named("stage_kappa", resampling.figure(stages, kappa)),
    }


def _mean_difference(cells: Doubles) -> Doubles:
    levels = np.arange(cells.shape[-1], dtype=np.float64)
    return _ratio((cells * (levels[:, None] - levels[None, :])).sum(axis=(-2, -1)), cells.sum(axis=(-2, -1)))


def _coincidences(rows: pl.DataFrame, code: str, k: int, resampling: _Resampling) -> tuple[Doubles, pl.DataFrame]:
    """Coincidences (n_users, k, k), and the rows of items with at least two judgements."""
    judged = rows.drop_nulls(code).with_columns(m=pl.len().over("item")).filter(pl.col("m") > 1)
    pairs = judged.select("item", "user_id", "annotator_id", "m", code).join(
        judged.select("item", "annotator_id", code), on="item", suffix="_b"
    )
    pairs = pairs.filter(pl.col("annotator_id") != pl.col("annotator_id_b"))
    tables = _pair_tables(pairs[code], pairs[f"{code}_b"], k) / (pairs["m"].to_numpy()[:, None, None] - 1.0)
    return resampling.per_user(pairs, tables), judged


def _overall(rows: pl.DataFrame, resampling: _Resampling) -> list[dict[str, object]]:
    tables, judged = _coincidences(_codes(rows), "level", len(LEVELS), resampling)
    counts = {"n_items": judged["item"].n_unique(), "n_users": judged["user_id"].n_unique()}
    chance = _expected(tables.sum(axis=0))
    return [
        {"measure": "alpha", **_named("value", resampling.figure(tables, alpha)), "by_chance": 0.0, **counts},
        *(
            {
                "measure": name,
                **_named("value", resampling.figure(tables, lambda t, d=distance: share_within(t, d))),  # type: ignore[misc]
                "by_chance": float(share_within(chance, distance)) if judged.height else None,
                **counts,
            }
            for name, distance in (("exact", 0), ("within_one", 1))
        ),
    ]


def _overall_stage(rows: pl.DataFrame, resampling: _Resampling) -> dict[str, object]:
    tables, judged = _coincidences(_codes(rows), "stage_code", len(STAGES), resampling)
    return {
        "measure": "stage_alpha",
        **_named("value", resampling.figure(tables, lambda t: alpha(t, nominal=True))),
        "by_chance": 0.0,
        "n_items": judged["item"].n_unique(),
        "n_users": judged["user_id"].n_unique(),
    }


def _annotator(rows: pl.DataFrame, name: str, resampling: _Resampling) -> dict[str, object]:
    mine = rows.filter(pl.col("annotator_id") == name)
    others = rows.filter(pl.col("annotator_id") != name).group_by("item").agg(others=pl.col("relevance").mean())
    shared = mine.join(others, on="item", maintain_order="left")
    sums = resampling.per_user(
        shared, np.stack([(shared["relevance"] - shared["others"]).to_numpy(), np.ones(shared.height)], axis=1)
    )
    shares = {f"share_{level}": float((mine["relevance"] == level).mean() or 0.0) for level in LEVELS}  # type: ignore[arg-type]
    return {
        "annotator": name,
        "n_items": mine.height,
        "mean_level": float(mine["relevance"].mean()),  # type: ignore[arg-type]
        **shares,
        "n_shared": shared.height,
        **_named("bias", resampling.figure(sums, lambda s: _ratio(s[..., 0], s[..., 1]))),
    }


def _named(name: str, figure: tuple[float | None, ...]) -> dict[str, object]:
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    return dict(zip((name, low, high), figure, strict=True))


_OVERALL_COLUMNS = ("measure", "value", "low", "high", "by_chance", "n_items", "n_users")
_PAIR_COLUMNS = (
    "a", "b", "n_items", "n_users", "kappa", "kappa_low", "kappa_high", "exact", "exact_by_chance", "within_one",
    "within_one_by_chance", "bias", "bias_low", "bias_high", "n_stages", "stage_kappa", "stage_kappa_low",
    "stage_kappa_high",
)  # fmt: skip
_ANNOTATOR_COLUMNS = (
    "annotator", "n_items", "mean_level", *(f"share_{level}" for level in LEVELS), "n_shared", "bias", "bias_low",
    "bias_high",
)  # fmt: skip


def _frame(rows: Sequence[dict[str, object]], columns: Sequence[str] = _OVERALL_COLUMNS) -> pl.DataFrame:
    text, whole = {"measure", "a", "b", "annotator"}, {"n_items", "n_users", "n_stages", "n_shared"}
    schema = {name: pl.String() if name in text else pl.Int64() if name in whole else pl.Float64() for name in columns}
    return pl.DataFrame(rows, schema=schema)
