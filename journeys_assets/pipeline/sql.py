"""Stages made by SQL models: marts replace their days, views are made again when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb
import polars as pl

from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Notes, Run
from journeys_assets.storage.queries.shards import EVERYONE
from journeys_assets.storage.sql_models import SqlModel
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

ROWS_PER_GROUP = 122_880
"""Rows of a row group of DuckDB. More rows are written by user, so that reading a shard skips the groups of others."""


@dataclass(frozen=True)
class SqlTable:
    """One mart, built for each day of the run."""

    warehouse: Warehouse
    model: SqlModel
    variables: Mapping[str, object]
    version_of: Callable[[date], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        examples = self.model.table.empty()
        has_users = "user_id" in self.model.table.column_names
        for days, shard in run.pieces() if has_users else ((days, EVERYONE) for days in run.chunks()):
            of_shard = self.model.stand_ins_of(shard)
            with self.warehouse.reading() as con, self.model.views_of(con, days) as views:
                rows = pl.concat([self.model.query(con, self._on(day), views | of_shard).pl() for day in days])
            if has_users and rows.height > ROWS_PER_GROUP:
                rows = rows.sort("partition_date", "user_id")
            if shard.number == 0:
                examples = rows.head(EXAMPLE_ROWS)
            yield Batch(days, {self.model.name: rows}, shard=shard)
        return Notes({"examples": examples})

    def _on(self, day: date) -> dict[str, object]:
        return {**self.variables, "partition_date": day.isoformat(), "algorithm_version": self.version_of(day)}


@dataclass(frozen=True)
class SqlView:
    """One view. It stands for every day.

    Its comment is a digest of its SQL and of the types of its columns, so that a run of unchanged views only reads.

    Attributes:
        others: Views that are looked at together with this one, so that the warehouse is opened once for all. Each
            comes after those that it reads.
        seen: Names of the views that the run has looked at. It looks at each once.
    """

    warehouse: Warehouse
    model: SqlModel
    others: Sequence[SqlModel] = ()
    seen: set[str] = field(default_factory=set)

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        if self.model.name not in self.seen:
            models = list({model.name: model for model in (*self.others, self.model)}.values())
            with self.warehouse.reading() as con:
                are_made = all(_is_made(con, model) for model in models)
            if not are_made:
                with self.warehouse.writing({}) as con:
                    for model in models:
                        if not _is_made(con, model):
                            con.execute(f"CREATE OR REPLACE VIEW main.{model.name} AS {model.render({})}")
                            con.execute(f"COMMENT ON VIEW main.{model.name} IS '{_digest(con, model)}'")
            self.seen.update(model.name for model in models)
        yield from ()
        return Notes()


def _is_made(con: duckdb.DuckDBPyConnection, model: SqlModel) -> bool:
    stored = con.execute(
        "SELECT comment FROM duckdb_views() "
        "WHERE database_name = current_database() AND schema_name = 'main' AND view_name = $1",
        [model.name],
    ).fetchone()
    return stored is not None and stored == (_digest(con, model),)


def _digest(con: duckdb.DuckDBPyConnection, model: SqlModel) -> str:
    relation = model.query(con, {})
    columns = [f"{column} {kind}" for column, kind in zip(relation.columns, relation.types, strict=True)]
    return hashlib.sha256("\n".join([model.render({}), *columns]).encode()).hexdigest()


def views_of_the_log(models: Mapping[str, SqlModel]) -> list[SqlModel]:
    """The views over landing tables and other such views, each after those that it reads."""
    names: dict[str, SqlModel] = {}
    for name, model in models.items():
        if model.materialized == "view" and set(model.refs) <= names.keys():
            names[name] = model
    return list(names.values())
