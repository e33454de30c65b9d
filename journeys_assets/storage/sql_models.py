"""The SQL models of ``dbt_like_sql/``: reads them from the dbt project and renders them to plain SQL for DuckDB.

A model is a ``.sql`` file in dbt's conventions (``ref``, ``source``, ``var``, ``config``) with a ``.yml`` beside it
that states grain, columns, units and tests. This module reads both, renders the SQL, and derives column lineage from
it. It does not run anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox
import polars as pl
import yaml

from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.table import TIMESTAMP, Column, Table
from journeys_assets.errors import JourneysError

LAYERS = ("staging", "intermediate", "marts")
MATERIALIZED = ("view", "incremental", "ephemeral")
SOURCE_SCHEMAS = {"landing": "landing", "inference": "main"}
"""From the name of a dbt source to the schema in the warehouse."""

MODEL_TESTS = ("unique_grain",)
COLUMN_TESTS = ("not_null", "accepted_values", "accepted_range")

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


class SqlModelError(JourneysError):
    """A model or its description is wrong. The message names the file, the wrong name, and the allowed names."""


@dataclass(frozen=True)
class SqlModel:
    """One model.

    Attributes:
        name: Name of the model, of its table or view, and of its asset.
        layer: staging, intermediate or marts; the name of its folder.
        materialized: view, incremental (a table in which a run replaces one partition date) or ephemeral (inlined).
        description: What a row is.
        table: Grain and columns, from the ``.yml``.
        refs: Models that it selects from.
        sources: (schema, table) pairs that it selects from.
        fingerprint: Hash of the SQL and the description, including inlined ephemeral models; 8 hex digits.
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
            SqlModelError: the model uses a variable that is not in ``variables``.
        """

        def ref(name: str) -> str:
            upstream = self.models[name]
            return f"(\n{upstream.render(variables)}\n)" if upstream.materialized == "ephemeral" else f"main.{name}"

        def var(name: str) -> object:
            if name not in variables:
                raise SqlModelError(
                    f"{self.path.name} uses var('{name}'), which is not given; the given ones are {_listed(variables)}"
                )
            return variables[name]

        def source(name: str, table: str) -> str:
            return f"{SOURCE_SCHEMAS[name]}.{table}"

        return _render(self.path, self.sql, ref=ref, source=source, var=var, config=_no_config)

    @cached_property
    def parsed(self) -> Any:
        """The sqlglot expression of the SELECT, with stand-ins for the variables."""
        import sqlglot

        try:
            return sqlglot.parse_one(self.render(_AnyVariables()), dialect="duckdb")
        except sqlglot.ParseError as error:
            raise SqlModelError(f"{self.path.name} is not SQL: {error}") from error

    @cached_property
    def column_lineage(self) -> dict[str, list[tuple[str, str]]]:
        """For each column, the (relation, column) pairs that it is computed from, resolved through ephemeral models.

        Columns that only determine which rows there are (joins, filters) are not included.
        """
        return _column_lineage(self)


def sql_folder() -> Path:
    """The dbt project with the SQL models: inside an installed package, at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "dbt_like_sql"
    return installed if installed.is_dir() else package.parent / "dbt_like_sql"


def load_models(folder: Path) -> dict[str, SqlModel]:
    """All models of a dbt project, each after the models that it refers to.

    Raises:
        SqlModelError: a file is missing or wrong, a name is unknown, the SQL's columns differ from those of the
            ``.yml``, or models refer to each other in a circle.
    """
    project = _Project.read(folder)
    paths = sorted((folder / "models").glob("*/*.sql"))
    if not paths:
        raise SqlModelError(f"there is no .sql file under {folder / 'models'}")
    drafts: dict[str, _Draft] = {}
    for path in paths:
        if path.stem in drafts:
            raise SqlModelError(f"two models are named {path.stem!r}: {drafts[path.stem].path} and {path}")
        drafts[path.stem] = _Draft.read(path, project)
    models: dict[str, SqlModel] = {}
    for name in _in_dependency_order(drafts):
        _check_views_need_no_variables(drafts[name], drafts)
        models[name] = drafts[name].finish(models)
        _check_columns(models[name])
    return models


@dataclass(frozen=True)
class _Project:
    """Settings of the project as a whole: materialisation by layer, names of variables and of source tables."""

    layers: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, object]
    sources: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, folder: Path) -> _Project:
        project = _read_yaml(folder / "dbt_project.yml")
        described = [
            source
            for path in sorted((folder / "models").glob("*/_*.yml"))
            for source in _read_yaml(path).get("sources", [])
        ]
        return cls(
            layers=project.get("models", {}).get(project.get("name"), {}),
            variables=project.get("vars", {}),
            sources={s["name"]: frozenset(table["name"] for table in s["tables"]) for s in described},
        )

    def relation(self, path: Path, source: str, table: str) -> tuple[str, str]:
        if source not in self.sources or source not in SOURCE_SCHEMAS:
            raise SqlModelError(f"{path.name} has source('{source}', …); known sources are {_listed(SOURCE_SCHEMAS)}")
        if table not in self.sources[source]:
            raise SqlModelError(
                f"{path.name} has source('{source}', '{table}'); known tables of {source} are "
                f"{_listed(self.sources[source])}"
            )
        return SOURCE_SCHEMAS[source], table


@dataclass(frozen=True)
class _Draft:
    """A model as read from its own two files, before references are resolved."""

    path: Path
    sql: str
    materialized: str
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    variables: tuple[str, ...]
    description: dict[str, Any]

    @classmethod
    def read(cls, path: Path, project: _Project) -> _Draft:
        sql = path.read_text(encoding="utf-8")
        config: dict[str, Any] = {}
        refs: dict[str, None] = {}
        sources: dict[tuple[str, str], None] = {}
        variables: dict[str, None] = {}

        def note_config(**options: Any) -> str:
            config.update(options)
            return ""

        def note_ref(name: str) -> str:
            refs[name] = None
            return name

        def note_source(source: str, table: str) -> str:
            sources[project.relation(path, source, table)] = None
            return table

        def note_variable(name: str) -> object:
            if name not in project.variables:
                raise SqlModelError(
                    f"{path.name} has var('{name}'); the vars of dbt_project.yml are {_listed(project.variables)}"
                )
            variables[name] = None
            return project.variables[name]

        _render(path, sql, ref=note_ref, source=note_source, var=note_variable, config=note_config)
        materialized = config.get("materialized", project.layers.get(path.parent.name, {}).get("+materialized", "view"))
        if path.parent.name not in LAYERS or materialized not in MATERIALIZED:
            raise SqlModelError(
                f"{path}: layer {path.parent.name!r} or materialized {materialized!r} is not known; "
                f"layers are {', '.join(LAYERS)}, materialisations {', '.join(MATERIALIZED)}"
            )
        description = _read_description(path)
        return cls(path, sql, materialized, tuple(refs), tuple(sources), tuple(variables), description)

    def finish(self, models: dict[str, SqlModel]) -> SqlModel:
        table = _table(self.path, self.description, materialized=self.materialized)
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


def _check_views_need_no_variables(draft: _Draft, drafts: Mapping[str, _Draft]) -> None:
    """Raise if a view, or a model that it inlines, uses variables: a view covers all days, variables are per run."""
    if draft.materialized != "view":
        return
    inlined = [drafts[ref] for ref in draft.refs if drafts[ref].materialized == "ephemeral"]
    for one in [draft, *inlined]:
        if one.variables:
            raise SqlModelError(
                f"{draft.path.name} is a view, so it cannot use var('{one.variables[0]}') (in {one.path.name}); "
                "filter in the incremental models that select from it"
            )


def _check_columns(model: SqlModel) -> None:
    """Raise unless the columns of the outermost SELECT are those of the ``.yml``, in the same order."""
    selected = tuple(model.parsed.named_selects)
    described = model.table.column_names
    if selected != described:
        raise SqlModelError(
            f"{model.path.name} selects other columns than {model.path.with_suffix('.yml').name} describes: "
            f"only in the SQL {sorted(set(selected) - set(described))}, "
            f"only in the description {sorted(set(described) - set(selected))}, or the order differs"
        )


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────────────

_JINJA = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=False)


def _render(path: Path, sql: str, **functions: Callable[..., object]) -> str:
    try:
        return _JINJA.from_string(sql).render(**functions).strip()
    except (jinja2.TemplateError, TypeError) as error:
        raise SqlModelError(f"{path.name}: {error}; the functions are ref, source, var and config") from error


def _no_config(**_: Any) -> str:
    return ""


def _normalised(sql: str) -> str:
    """The SQL without comments and layout, which do not change the algorithm."""
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


def _listed(names: Iterable[str]) -> str:
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


def _read_description(path: Path) -> dict[str, Any]:
    found = _read_yaml(path.with_suffix(".yml")).get("models", [])
    mine = [model for model in found if model.get("name") == path.stem]
    if len(mine) != 1:
        raise SqlModelError(f"{path.with_suffix('.yml')} must describe exactly one model {path.stem!r}")
    description: dict[str, Any] = mine[0]
    return description


def _table(path: Path, description: Mapping[str, Any], *, materialized: str) -> Table:
    where = path.with_suffix(".yml").name
    text = str(description.get("description", "")).strip()
    columns = tuple(_column(where, column) for column in description.get("columns") or [])
    grain = tuple(_tests(where, description, MODEL_TESTS).get("unique_grain", {}).get("columns", []))
    if not text or not columns:
        raise SqlModelError(f"{where}: {path.stem} needs a description and columns")
    if not grain and materialized != "ephemeral":
        raise SqlModelError(f"{where}: {path.stem} needs its grain, as a test unique_grain")
    try:
        return Table(path.stem, text, grain, columns, partitioned=materialized == "incremental")
    except ValueError as error:
        raise SqlModelError(f"{where}: {error}") from error


def _column(where: str, described: Mapping[str, Any]) -> Column:
    name, data_type = described.get("name"), described.get("data_type")
    if not name or data_type not in _DTYPES or not described.get("description"):
        raise SqlModelError(
            f"{where}: column {name!r} needs a description and a data_type of {_listed(_DTYPES)}, not {data_type!r}"
        )
    tests = _tests(f"{where}, {name}", described, COLUMN_TESTS)
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


def _tests(where: str, described: Mapping[str, Any], known: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Tests by name, with their arguments. An unknown test is an error, so that a typing mistake drops no rule."""
    tests: dict[str, dict[str, Any]] = {}
    for test in described.get("data_tests", []):
        if isinstance(test, str):
            tests[test] = {}
        else:
            tests |= {name: (options or {}).get("arguments", {}) for name, options in test.items()}
    for name in tests:
        if name not in known:
            raise SqlModelError(f"{where}: unknown test {name!r}; the known tests are {_listed(known)}")
    return tests


# ── lineage ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ANY_DAY = "2000-01-01"


class _AnyVariables(dict[str, object]):
    """Placeholders for variables, for use where only the structure of the SQL matters."""

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
    query = qualify(model.parsed.copy(), dialect="duckdb", schema=schema, validate_qualify_columns=False)
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


def _schema_of(models: Mapping[str, SqlModel]) -> dict[str, Any]:
    from journeys_assets.storage.ingest.load import LANDING_TABLES

    tables = [*LANDING_TABLES.values(), *PIPELINE_TABLES.values(), *(model.table for model in models.values())]
    schema: dict[str, Any] = {}
    for table in tables:
        schema.setdefault(table.schema, {})[table.name] = {c.name: c.sql_type for c in table.columns}
    return schema
