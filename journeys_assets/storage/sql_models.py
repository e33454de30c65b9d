"""The SQL models of ``dbt_like_sql/``: read from the dbt project, rendered to plain SQL for DuckDB.

A model is a ``.sql`` file in dbt's own conventions (``ref``, ``source``, ``var``, ``config``) and a ``.yml`` beside it
that states grain, columns, units and tests. What belongs here: reading the two, rendering, and asking the SQL where its
columns come from. What does not: running anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox
import polars as pl
import yaml

from journeys_assets.domain.schemas import PIPELINE_TABLES, TIMESTAMP, Column, Table

LAYERS = ("staging", "intermediate", "marts")
MATERIALIZED = ("view", "incremental", "ephemeral")
SOURCE_SCHEMAS = {"landing": "landing", "inference": "main"}
"""dbt source name -> schema of the warehouse."""

_DTYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMP": TIMESTAMP,
    "BLOB": pl.Binary(),
    "VARCHAR[]": pl.List(pl.String()),
    "DOUBLE[]": pl.List(pl.Float64()),
}


class SqlModelError(ValueError):
    """A model or its description is wrong; the message names the file, the name that is wrong, and what is known."""


@dataclass(frozen=True)
class SqlModel:
    """One model.

    Attributes:
        name: Name of the model, its table or view and its asset.
        layer: staging, intermediate or marts: its folder.
        materialized: view, incremental (a table that replaces one partition date) or ephemeral (inlined).
        description: What a row is.
        table: Grain and columns, from the ``.yml``.
        refs: Models that it selects from.
        sources: (schema, table) pairs that it selects from.
        fingerprint: Hash of SQL and description, 8 hex digits; of ephemeral models that it inlines, too.
    """

    name: str
    layer: str
    materialized: str
    description: str
    table: Table
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    fingerprint: str
    path: Path
    sql: str = field(repr=False)
    models: Mapping[str, SqlModel] = field(repr=False)

    def render(self, variables: Mapping[str, object]) -> str:
        """The SELECT for DuckDB; ephemeral models are inlined.

        Raises:
            SqlModelError: the model uses a variable that ``variables`` does not have.
        """

        def ref(name: str) -> str:
            upstream = self.models[name]
            return f"(\n{upstream.render(variables)}\n)" if upstream.materialized == "ephemeral" else f"main.{name}"

        def var(name: str) -> object:
            if name not in variables:
                raise SqlModelError(
                    f"{self.path.name} uses var('{name}'), which is not given; given are {_listed(variables)}"
                )
            return variables[name]

        return _render(self.path, self.sql, ref=ref, source=_source_relation(self.path), var=var, config=_no_config)

    @cached_property
    def column_lineage(self) -> dict[str, list[tuple[str, str]]]:
        """For each column, the (relation, column) pairs that it is made from; ephemeral models are looked through.

        Columns that decide which rows there are (joins, filters) are not part of it.
        """
        return _column_lineage(self)


def load_models(folder: Path) -> dict[str, SqlModel]:
    """All models of a dbt project, each after those that it refers to.

    Raises:
        SqlModelError: a file is missing or wrong, a name is not known, or models refer to each other in a circle.
    """
    project = _read_yaml(folder / "dbt_project.yml")
    files = {path.stem: path for path in sorted((folder / "models").glob("*/*.sql"))}
    if not files:
        raise SqlModelError(f"no .sql file under {folder / 'models'}")
    drafts = {name: _Draft.read(path, project) for name, path in files.items()}
    models: dict[str, SqlModel] = {}
    for name in _in_dependency_order(drafts):
        models[name] = drafts[name].finish(models)
    return models


@dataclass(frozen=True)
class _Draft:
    """A model as its own two files tell it, before it knows the others."""

    path: Path
    sql: str
    materialized: str
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    description: dict[str, Any]

    @classmethod
    def read(cls, path: Path, project: Mapping[str, Any]) -> _Draft:
        sql = path.read_text(encoding="utf-8")
        config: dict[str, Any] = {}
        refs: dict[str, None] = {}
        sources: dict[tuple[str, str], None] = {}
        relation = _source_relation(path)

        def note_config(**options: Any) -> str:
            config.update(options)
            return ""

        def note_ref(name: str) -> str:
            refs[name] = None
            return name

        def note_source(source: str, table: str) -> str:
            schema, _, name = relation(source, table).partition(".")
            sources[schema, name] = None
            return name

        _render(path, sql, ref=note_ref, source=note_source, var=lambda name: 0, config=note_config)
        layer_defaults = _layer_config(project, path.parent.name)
        materialized = config.get("materialized", layer_defaults.get("+materialized", "view"))
        if path.parent.name not in LAYERS or materialized not in MATERIALIZED:
            raise SqlModelError(
                f"{path}: layer {path.parent.name!r} or materialized {materialized!r} is not known; "
                f"layers are {', '.join(LAYERS)}, materialisations {', '.join(MATERIALIZED)}"
            )
        return cls(path, sql, materialized, tuple(refs), tuple(sources), _read_description(path))

    def finish(self, models: dict[str, SqlModel]) -> SqlModel:
        table = _table(self.path, self.description, partitioned=self.materialized == "incremental")
        inlined = [models[ref].fingerprint for ref in self.refs if models[ref].materialized == "ephemeral"]
        text = "\n".join([_normalised(self.sql), repr(table), *inlined])
        return SqlModel(
            name=self.path.stem,
            layer=self.path.parent.name,
            materialized=self.materialized,
            description=table.description,
            table=table,
            refs=self.refs,
            sources=self.sources,
            fingerprint=hashlib.sha256(text.encode()).hexdigest()[:8],
            path=self.path,
            sql=self.sql,
            models=models,
        )


def _in_dependency_order(drafts: Mapping[str, _Draft]) -> list[str]:
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise SqlModelError(f"models refer to each other in a circle: {' → '.join([*above, name])}")
        for ref in drafts[name].refs:
            if ref not in drafts:
                raise SqlModelError(f"{drafts[name].path.name} has ref('{ref}'); known models are {_listed(drafts)}")
            visit(ref, (*above, name))
        order[name] = None

    for name in drafts:
        visit(name, ())
    return list(order)


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────────────

_JINJA = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=False)


def _render(path: Path, sql: str, **functions: Callable[..., object]) -> str:
    try:
        return _JINJA.from_string(sql).render(**functions).strip()
    except jinja2.TemplateError as error:
        raise SqlModelError(f"{path.name}: {error}; known are ref, source, var and config") from error


def _no_config(**_: Any) -> str:
    return ""


def _source_relation(path: Path) -> Callable[[str, str], str]:
    def relation(source: str, table: str) -> str:
        if source not in SOURCE_SCHEMAS:
            raise SqlModelError(f"{path.name} has source('{source}', …); known sources are {_listed(SOURCE_SCHEMAS)}")
        return f"{SOURCE_SCHEMAS[source]}.{table}"

    return relation


def _normalised(sql: str) -> str:
    """SQL without comments and layout: what neither changes is the same algorithm."""
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names))


# ── descriptions ────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SqlModelError(f"{path} is missing") from error
    except yaml.YAMLError as error:
        raise SqlModelError(f"{path} is not YAML: {error}") from error
    return content or {}


def _layer_config(project: Mapping[str, Any], layer: str) -> Mapping[str, Any]:
    models = project.get("models", {}).get(project.get("name"), {})
    config: Mapping[str, Any] = models.get(layer, {})
    return config


def _read_description(path: Path) -> dict[str, Any]:
    found = _read_yaml(path.with_suffix(".yml")).get("models", [])
    mine = [model for model in found if model.get("name") == path.stem]
    if len(mine) != 1:
        raise SqlModelError(f"{path.with_suffix('.yml')} must describe exactly one model {path.stem!r}")
    description: dict[str, Any] = mine[0]
    return description


def _table(path: Path, description: Mapping[str, Any], *, partitioned: bool) -> Table:
    where = path.with_suffix(".yml").name
    text = str(description.get("description", "")).strip()
    columns = description.get("columns") or []
    if not text or not columns:
        raise SqlModelError(f"{where}: {path.stem} needs a description and columns")
    grain = _tests(description).get("unique_grain", {}).get("columns", [])
    return Table(path.stem, text, tuple(grain), tuple(_column(where, c) for c in columns), partitioned=partitioned)


def _column(where: str, described: Mapping[str, Any]) -> Column:
    name, data_type = described.get("name"), described.get("data_type")
    if not name or data_type not in _DTYPES or not described.get("description"):
        raise SqlModelError(
            f"{where}: column {name!r} needs a description and a data_type of {_listed(_DTYPES)}, not {data_type!r}"
        )
    tests = _tests(described)
    bounds = tests.get("accepted_range", {})
    allowed = tests.get("accepted_values", {}).get("values")
    return Column(
        name=name,
        dtype=_DTYPES[data_type],
        description=str(described["description"]).strip(),
        unit=described.get("config", {}).get("meta", {}).get("unit"),
        nullable="not_null" not in tests,
        minimum=bounds.get("min_value"),
        maximum=bounds.get("max_value"),
        allowed=None if allowed is None else tuple(allowed),
    )


def _tests(described: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Tests by name, with their arguments."""
    tests: dict[str, dict[str, Any]] = {}
    for test in described.get("data_tests", []):
        if isinstance(test, str):
            tests[test] = {}
        else:
            tests |= {name: (options or {}).get("arguments", {}) for name, options in test.items()}
    return tests


# ── lineage ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ANY_DAY = "2000-01-01"


class _AnyVariables(dict[str, object]):
    """Stands in for variables where only the shape of the SQL matters."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> object:
        return _ANY_DAY if name == "partition_date" else 1


def _column_lineage(model: SqlModel) -> dict[str, list[tuple[str, str]]]:
    from sqlglot import exp
    from sqlglot.lineage import lineage
    from sqlglot.optimizer import build_scope
    from sqlglot.optimizer.qualify import qualify

    schema = _schema_of(model.models)
    query = qualify(_parsed(model), dialect="duckdb", schema=schema, validate_qualify_columns=False)
    scope = build_scope(query)
    roots = lineage(None, query, schema, dialect="duckdb", scope=scope, trim_selects=False)
    found: dict[str, list[tuple[str, str]]] = {}
    for column in model.table.column_names:
        root = roots[column]
        leaves = {
            (f"{node.expression.db}.{node.expression.name}", node.name.split(".")[-1].strip('"'))
            for node in root.walk()
            if isinstance(node.expression, exp.Table)
        }
        found[column] = sorted(leaves)
    return found


def _parsed(model: SqlModel) -> Any:
    import sqlglot

    return sqlglot.parse_one(model.render(_AnyVariables()), dialect="duckdb")


def _schema_of(models: Mapping[str, SqlModel]) -> dict[str, Any]:
    from journeys_assets.storage.ingest_load import LANDING_TABLES

    tables = [*LANDING_TABLES.values(), *PIPELINE_TABLES.values(), *(model.table for model in models.values())]
    schema: dict[str, Any] = {}
    for table in tables:
        schema.setdefault(table.schema, {})[table.name] = {c.name: c.sql_type for c in table.columns}
    return schema
