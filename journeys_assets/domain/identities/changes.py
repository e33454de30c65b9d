"""When the owners of ids differ before and after a change of the links."""

from __future__ import annotations

import polars as pl


def changed_spans(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The spans of time in which an id has another owner after a change than before it.

    Args:
        before, after: id, owner, begins, ends (exclusive); the spans of one id do not overlap.

    Returns:
        id, begins, ends; sorted. Spans of one id that follow each other may be given apart.
    """
    columns = ["id", "owner", "begins", "ends"]
    ids = pl.concat(
        [
            before.join(after, on=columns, how="anti").select("id"),
            after.join(before, on=columns, how="anti").select("id"),
        ]
    ).unique()
    old, new = (spans.join(ids, on="id", how="semi").sort("id", "begins") for spans in (before, after))
    edges = pl.concat([spans.select("id", at=edge) for spans in (old, new) for edge in ("begins", "ends")])
    edges = edges.unique().sort("id", "at")
    found = edges.with_columns(next=pl.col("at").shift(-1).over("id")).drop_nulls("next")
    for name, spans in (("old", old), ("new", new)):
        owner_at = spans.select("id", "ends", pl.col("owner").alias(name), at="begins")
        found = found.join(owner_at, on=["id", "at"], how="left", maintain_order="left").with_columns(
            pl.col(name, "ends").forward_fill().over("id")
        )
        is_over = pl.col("ends").is_null() | (pl.col("ends") <= pl.col("at"))
        found = found.with_columns(pl.when(~is_over).then(name).alias(name)).drop("ends")
    differs = pl.col("old").ne_missing(pl.col("new"))
    return found.filter(differs).select("id", begins="at", ends="next").sort("id", "begins")
