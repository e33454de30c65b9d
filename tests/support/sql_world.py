"""The SQL models on an empty in-memory DuckDB: rows in as values, one model built for one day, rows out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.sql_models import SqlModel, load_models, sql_folder
from journeys_assets.storage.warehouse.base import create_tables

SQL_FOLDER = sql_folder()
MODELS = load_models(SQL_FOLDER, DEFAULT_ACTIONS)
DAY = date(2026, 3, 31)
VERSION = "v1"

_FILL: dict[Any, object] = {
    pl.String: "x",
    pl.Int64: 1,
    pl.Float64: 0.5,
    pl.Boolean: False,
    pl.Binary: b"",
    pl.List: [],
    pl.Date: DAY,
    pl.Datetime: datetime(2026, 1, 1),
}
"""What a column that a test does not speak of holds, unless it may be null."""


def at(day: date, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute)


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def variables(day: date, **overrides: object) -> dict[str, object]:
    """Values of the dbt vars, but for the registry of actions, which the models have."""
    parameters = AlgorithmParams().sql_variables()
    return {
        **{name: value for name, value in parameters.items() if name not in ("actions", "counts")},
        "partition_date": day.isoformat(),
        "algorithm_version": VERSION,
        **overrides,
    }


def filled(table: Table, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """``rows`` as a frame for ``table``; what a row leaves out is null where it may be, else some value of the type."""
    assert not {name for row in rows for name in row} - set(table.column_names)
    full = [
        {c.name: row.get(c.name, None if c.nullable else _FILL[type(c.dtype)]) for c in table.columns} for row in rows
    ]
    return pl.DataFrame(full, schema=table.polars_schema)


class SqlWorld:
    """All tables that the models read and write, empty, and all views."""

    def __init__(self, path: Path | None = None, models: Mapping[str, SqlModel] = MODELS) -> None:
        self.models = models
        self.con = duckdb.connect(":memory:" if path is None else str(path))
        marts = [model.table for model in models.values() if model.materialized == "incremental"]
        tables = [*LANDING_TABLES.values(), *IDENTITY_TABLES.values(), *PIPELINE_TABLES.values(), *marts]
        self.tables: dict[str, Table] = {table.name: table for table in tables}
        create_tables(self.con, tables)
        for model in models.values():
            if model.materialized == "view":
                self.con.execute(f"CREATE VIEW main.{model.name} AS {model.render({})}")

    def add(self, table: str, *rows: Mapping[str, object]) -> None:
        """Insert rows; see :func:`filled`."""
        described = self.tables[table]
        self.con.register("incoming", filled(described, rows).to_arrow())
        self.con.execute(f"INSERT INTO {described.qualified_name} BY NAME FROM incoming")
        self.con.unregister("incoming")

    def build(self, model: str, day: date = DAY, **overrides: object) -> pl.DataFrame:
        """Build one day of a mart, keep it in its table, and return it, sorted by its grain."""
        table = self.models[model].table
        rows = self.con.sql(self.models[model].render(variables(day, **overrides))).pl()
        self.con.execute(f"DELETE FROM main.{model} WHERE partition_date = ?", [day])
        self.con.register("incoming", rows.to_arrow())
        self.con.execute(f"INSERT INTO main.{model} BY NAME FROM incoming")
        self.con.unregister("incoming")
        return rows.sort(table.grain)

    def query(self, sql: str) -> pl.DataFrame:
        return self.con.sql(sql).pl()

    # ── rows of the log, as a test speaks of them ──

    def search(self, user_id: str, query: str, when: datetime) -> None:
        self.add("search_events", search(user_id, query, when))

    def pin(
        self, pin_id: str, annotations: list[str] | None, interests: list[str] | None = None, **columns: object
    ) -> None:
        self.add("pins", pin(pin_id, annotations, interests, **columns))

    def engage(self, user_id: str, pin_id: str, action: str, when: datetime) -> None:
        self.add("pin_engagements", {"user_id": user_id, "pin_id": pin_id, "action": action, "engaged_at": when})

    def put_on_board(
        self, user_id: str, board_name: str | None, pin_id: str, when: datetime, *, board_id: str = "b"
    ) -> None:
        keyword = None if board_name is None else normalise(board_name)
        self.add(
            "board_pins",
            {
                "user_id": user_id,
                "board_id": board_id,
                "board_name": board_name,
                "board_keyword": keyword,
                "pin_id": pin_id,
                "saved_at": when,
            },
        )

    def infer(self, user_id: str, day: date, *journeys: Mapping[str, object], active: date | None = None) -> None:
        """A user's inference on a day: the ledger row and the clusters."""
        window_end = active or day
        self.add("inference_ledger", {"partition_date": day, "user_id": user_id, "window_end_date": window_end})
        for journey in journeys:
            self.add(
                "journey_clusters",
                {
                    "partition_date": day,
                    "user_id": user_id,
                    "window_end_date": window_end,
                    "is_journey": True,
                    "first_engaged_at": at(window_end),
                    "last_engaged_at": at(window_end),
                    **journey,
                },
            )


def search(user_id: str, query: str, when: datetime) -> dict[str, object]:
    return {"user_id": user_id, "query": query, "keyword": normalise(query), "searched_at": when}


def pin(
    pin_id: str, annotations: list[str] | None, interests: list[str] | None = None, **columns: object
) -> dict[str, object]:
    def keywords(texts: list[str] | None) -> list[str] | None:
        return None if texts is None else [normalise(text) for text in texts]

    return {
        "pin_id": pin_id,
        "annotations": annotations,
        "annotation_keywords": keywords(annotations),
        "interests": interests,
        "interest_keywords": keywords(interests),
        **columns,
    }
