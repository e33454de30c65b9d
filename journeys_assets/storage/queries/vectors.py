"""Stored vectors of texts: of keywords, and of names of journeys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import duckdb
import polars as pl

Texts = Literal["keyword", "name"]
"""Whose vectors: those of table ``<texts>_embeddings``, by its column ``<texts>``."""


def stored_vectors(
    con: duckdb.DuckDBPyConnection, of: Texts, texts: Sequence[str] | pl.Series, embedding_model: str
) -> pl.DataFrame:
    """The stored vectors of ``texts`` by one model: keyword or name, embedding (float16 bytes); distinct."""
    _register(con, of, texts)
    rows = con.execute(
        f"""
        SELECT {of}, embedding FROM main.{of}_embeddings SEMI JOIN wanted_texts USING ({of})
        WHERE embedding_model = $model
        """,
        {"model": embedding_model},
    ).pl()
    con.unregister("wanted_texts")
    return rows


def texts_with_vectors(
    con: duckdb.DuckDBPyConnection, of: Texts, texts: Sequence[str] | pl.Series, embedding_model: str
) -> pl.Series:
    """Those of ``texts`` that have a vector by one model."""
    _register(con, of, texts)
    found = con.execute(
        f"""
        SELECT {of} FROM wanted_texts
        WHERE {of} IN (SELECT {of} FROM main.{of}_embeddings WHERE embedding_model = $model)
        """,
        {"model": embedding_model},
    ).pl()[of]
    con.unregister("wanted_texts")
    return found


def _register(con: duckdb.DuckDBPyConnection, of: Texts, texts: Sequence[str] | pl.Series) -> None:
    distinct = pl.DataFrame({of: texts}, schema={of: pl.String}).unique()
    con.register("wanted_texts", distinct.to_arrow())
