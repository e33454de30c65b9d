"""Safety of journeys: from the verdicts on their names and keywords to what may be done with each.

A journey is of the category of its name, or of the category that the most of its keywords have where at least
``SafetyParams.keyword_share`` of them are sensitive: a cluster with one stray keyword of another subject is not. Where
both say something, the stricter decision counts. So a harmless name does not hide what a journey is about.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.params import DECISIONS, Choice, Decision, SafetyParams
from journeys_assets.domain.safety.policy import decide

JOURNEY = ("user_id", "journey_id")
VERDICTS = pl.Schema(
    {
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "category": pl.String(),
        "score": pl.Float64(),
        "decided_by": pl.String(),
        "n_sensitive_keywords": pl.Int64(),
    }
)


def journey_verdicts(names: pl.DataFrame, texts: pl.DataFrame, params: SafetyParams) -> pl.DataFrame:
    """The category of every journey.

    Args:
        names: user_id, journey_id, journey_name, keywords (not empty).
        texts: text, category (nullable), score, decided_by (``judge.DECIDED_BY``) of every name and keyword; distinct.

    Returns:
        ``VERDICTS``, sorted by user_id and journey_id. decided_by is that of the text with the highest score that gave
        the category; of a journey without one, that of its name.

    Raises:
        ValueError: a name or a keyword has no verdict.
    """
    verdicts = texts.select("text", pl.col("category").cast(pl.String), "score", pl.col("decided_by").cast(pl.String))
    of_names = names.select(*JOURNEY, text="journey_name").join(verdicts, on="text", how="left")
    members = names.select(*JOURNEY, text="keywords").explode("text").join(verdicts, on="text", how="left")
    unjudged = pl.concat([of_names, members]).filter(pl.col("score").is_null())
    if unjudged.height:
        raise ValueError(f"{unjudged.height} names or keywords have no verdict")
    order = pl.col("category").replace_strict({name: n for n, name in enumerate(IDS)}, return_dtype=pl.Int64)
    sensitive = members.drop_nulls("category")
    most = (
        sensitive.group_by(*JOURNEY, "category")
        .agg(pl.len(), pl.col("score").max(), pl.col("decided_by").sort_by("score", "text").last())
        .sort(*JOURNEY, "len", order, descending=[False, False, True, False])
        .group_by(JOURNEY, maintain_order=True)
        .first()
    )
    counts = sensitive.group_by(JOURNEY).agg(n_sensitive_keywords=pl.len().cast(pl.Int64))
    sizes = names.select(*JOURNEY, n_keywords=pl.col("keywords").list.len())
    enough = (
        sizes.join(counts, on=JOURNEY)
        .filter(pl.col("n_sensitive_keywords") >= params.keyword_share * pl.col("n_keywords"))
        .select(JOURNEY)
    )
    found = pl.concat(
        [
            of_names.drop_nulls("category").select(*JOURNEY, "category", "score", "decided_by"),
            most.join(enough, on=JOURNEY, how="semi").select(*JOURNEY, "category", "score", "decided_by"),
        ]
    )
    strictness = pl.col("category").replace_strict(
        {name: DECISIONS.index(params.of(name)) for name in IDS}, return_dtype=pl.Int64
    )
    chosen = (
        found.sort(*JOURNEY, strictness, order, "score", descending=[False, False, True, False, True])
        .group_by(JOURNEY, maintain_order=True)
        .first()
    )
    without = of_names.join(chosen, on=JOURNEY, how="anti").select(*JOURNEY, "category", "score", "decided_by")
    return (
        pl.concat([chosen, without])
        .join(counts, on=JOURNEY, how="left")
        .with_columns(pl.col("n_sensitive_keywords").fill_null(0))
        .select(VERDICTS.names())
        .sort(JOURNEY)
    )


def with_decisions(verdicts: pl.DataFrame, users: pl.DataFrame, params: SafetyParams) -> pl.DataFrame:
    """``verdicts`` with decision, under the policy and what each user said.

    Args:
        verdicts: ``VERDICTS``.
        users: user_id, sensitive_opt_in (true, false or null: nothing was said); users may be missing.
    """
    said = pl.col("sensitive_opt_in")
    choice = pl.when(said).then(pl.lit("opt_in")).when(~said).then(pl.lit("opt_out")).otherwise(pl.lit("default"))
    rows = verdicts.join(users.select("user_id", "sensitive_opt_in"), on="user_id", how="left", maintain_order="left")
    kinds = rows.with_columns(
        choice=choice, is_uncertain=pl.col("category").is_null() & (pl.col("decided_by") == "uncertain")
    )
    groups = kinds.select("category", "is_uncertain", "choice").unique()
    decisions = [_decision(category, in_doubt, choice, params) for category, in_doubt, choice in groups.iter_rows()]
    known = groups.with_columns(decision=pl.Series(decisions, dtype=pl.String))
    return kinds.join(
        known, on=["category", "is_uncertain", "choice"], how="left", nulls_equal=True, maintain_order="left"
    ).select(*verdicts.columns, "decision")


def _decision(category: str | None, is_uncertain: bool, choice: Choice, params: SafetyParams) -> Decision:
    if category is None:
        return "no_notify" if is_uncertain else "allow"
    return decide(category, 1.0, params, choice)
