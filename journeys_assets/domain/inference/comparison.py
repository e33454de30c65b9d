"""How far the journeys of a language model and those of the pipeline agree, and what the model costs."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from journeys_assets.domain.inference.params import PIPELINE
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.domain.tables.pipeline import INFERENCE_COMPARISON

LEVELS = {"user_id": pl.String, "made_by": pl.String, "level": pl.Float64}
"""What a judge says: made_by is ``pipeline`` or ``language_model``, level is from 1 to 5."""
_SEED = 20260301
_PER_USERS = 1000


def compared(
    asked: pl.DataFrame,
    of_model: pl.DataFrame,
    output: pl.DataFrame,
    *,
    input_price: float,
    output_price: float,
    levels: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The row of ``inference_comparison`` of one day, without the day; no row where nobody was asked about.

    Args:
        asked: Rows of llm_inferences of the day.
        of_model: user_id, journey_id, name, kind, stage of the journeys that the model inferred on the day.
        output: user_id, journey_id, journey_name, kind, stage, inferred_by of these users' journeys in the output.
        input_price, output_price: Of a million tokens.
        levels: Columns ``LEVELS``, one row for each judged journey; None: there is no judge.

    Returns:
        The columns of ``INFERENCE_COMPARISON`` except partition_date and algorithm_version. A share of nothing is null.
    """
    columns = [c for c in INFERENCE_COMPARISON.columns if c.name not in ("partition_date", "algorithm_version")]
    schema = {column.name: column.dtype for column in columns}
    if asked.is_empty():
        return pl.DataFrame(schema=schema)
    both = of_model.join(output, on=JOURNEY, how="inner", suffix="_output")
    of_pipeline = both.filter(pl.col("inferred_by") == PIPELINE)
    agreement, low, high = _mean_by_user(asked.select("user_id", value="bcubed_f1"))
    tokens = [_mean(asked[name]) for name in ("input_tokens", "output_tokens")]
    n_asked = asked.height
    row: dict[str, object] = {
        "n_users_asked_about": n_asked,
        "n_users_inferred": int(asked["is_inferred"].sum()),
        "bcubed_f1": agreement,
        "bcubed_f1_low": low,
        "bcubed_f1_high": high,
        "n_journeys_of_model": of_model.height,
        "n_journeys_of_output": output.height,
        "n_journeys_in_both": both.height,
        "same_name_share": _share_of_same(of_pipeline["name"].str.to_lowercase(), of_pipeline["journey_name"]),
        "same_kind_share": _share_of_same(both["kind"], both["kind_output"]),
        "same_stage_share": _share_of_same(both["stage"], both["stage_output"]),
        "history_tokens_per_user": _mean(asked["history_tokens"]),
        "input_tokens_per_1000_users": None if tokens[0] is None else tokens[0] * _PER_USERS,
        "output_tokens_per_1000_users": None if tokens[1] is None else tokens[1] * _PER_USERS,
        "cost_per_1000_users": (
            None
            if tokens[0] is None or tokens[1] is None
            else (tokens[0] * input_price + tokens[1] * output_price) * _PER_USERS / 1e6
        ),
    }
    for made_by in ("pipeline", "language_model"):
        judged = pl.DataFrame(schema=LEVELS) if levels is None else levels
        of_maker = judged.filter(pl.col("made_by") == made_by).select("user_id", value="level")
        names = (f"relevance_of_{made_by}", f"relevance_of_{made_by}_low", f"relevance_of_{made_by}_high")
        row |= dict(zip(names, _mean_by_user(of_maker), strict=True))
    return pl.DataFrame([row], schema=schema)


def _mean_by_user(values: pl.DataFrame) -> tuple[float | None, float | None, float | None]:
    """Mean of the means of the users, and its 95 % interval over users; None where there is nothing to tell."""
    by_user = values.drop_nulls().group_by("user_id").agg(pl.col("value").mean()).sort("user_id")["value"].to_numpy()
    if not by_user.size:
        return None, None, None
    means = resamples(by_user.size, seed=_SEED) @ by_user / by_user.size
    low, high = interval(means, by_user.size)
    return float(np.mean(by_user)), None if math.isnan(low) else low, None if math.isnan(high) else high


def _mean(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return None if known.is_empty() else float(known.cast(pl.Float64).mean())  # type: ignore[arg-type]


def _share_of_same(one: pl.Series, other: pl.Series) -> float | None:
    """The share of equal texts, by lower case, among pairs that both have one."""
    pairs = pl.DataFrame({"one": one, "other": other.str.to_lowercase()}).drop_nulls()
    return None if pairs.is_empty() else float((pairs["one"] == pairs["other"]).mean())  # type: ignore[arg-type]
