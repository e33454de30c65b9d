"""The SQL models of ``dbt_like_sql/``: reads them from the dbt project and renders them to plain SQL for DuckDB.

A model is a ``.sql`` file in dbt's conventions (``ref``, ``source``, ``var``, ``config``). Its grain and columns are
described in ``domain.tables.sql``; the ``.yml`` beside it is generated from there, for dbt alone. This module reads the
SQL, renders it, and derives column lineage from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import jinja2.sandbox
import yaml

from journeys_assets.domain.actions import Action, sql_variables
from journeys_assets.domain.noise.params import NoiseParams
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.sql import sql_tables
from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError
from journeys_assets.storage.queries.shards import Shard

LAYERS = ("staging", "intermediate", "marts")
MATERIALIZED = ("view", "incremental", "ephemeral")
SOURCES: Mapping[str, Mapping[str, Table]] = {
    "landing": {**LANDING_TABLES, **IDENTITY_TABLES},
    "inference": PIPELINE_TABLES,
}
"""From the name of a dbt source to its tables."""
_TABLES = {(table.schema, table.name): table for tables in SOURCES.values() for table in tables.values()}

ColumnLineage = Mapping[str, Sequence[tuple[str, str]]]
"""From each column to the (relation, column) pairs that it is computed from."""

_NOTHING: Mapping[str, str] = {}
_ALIASES = "stg_identity_aliases"
"""The view of the users whom the rows of other ids count for."""


class SqlModelError(JourneysError):
    """A model does not fit its project or its table. The message names the file, what is wrong, and what is allowed."""


@dataclass(frozen=True)
class SqlModel:
    """One model.

    Attributes:
        name: Name of the model, of its table or view, and of its asset.
        layer: staging, intermediate or marts; the name of its folder.
        materialized: view, incremental (a table in which a run replaces one partition date) or ephemeral (inlined).
        table: What a row is, its grain and its columns.
        refs: Models that it selects from.
        sources: (schema, table) pairs that it selects from.
        variables: Names of the dbt vars that it and its inlined ephemeral models use, sorted.
        constants: Values of the dbt vars that are the same on every day: the action registry, and what is noise.
        fingerprint: Hash of the SQL and of the columns' names and types, including inlined ephemeral models; 8 hex
            digits. Comments, layout and descriptions do not change it.
    """

    name: str
    layer: str
    materialized: str
    table: Table
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    variables: tuple[str, ...]
    fingerprint: str
    path: Path
    sql: str = field(repr=False)
    constants: Mapping[str, object] = field(repr=False)
    models: Mapping[str, SqlModel] = field(repr=False)

    def render(self, variables: Mapping[str, object], stand_ins: Mapping[str, str] = _NOTHING) -> str:
        """The SELECT for DuckDB; ephemeral models are inlined.

        Args:
            variables: Values of the dbt vars; ``constants`` need not be given.
            stand_ins: Relations to read in place of models and sources, by their name.

        Raises:
            SqlModelError: the model uses a variable that is not in ``variables``.
        """

        def ref(name: str) -> str:
            upstream = self.models[name]
            if upstream.materialized == "ephemeral":
                return f"(\n{upstream.render(variables, stand_ins)}\n)"
            return stand_ins.get(name, f"main.{name}")

        def var(name: str) -> object:
            if name in variables:
                return variables[name]
            if name in self.constants:
                return self.constants[name]
            raise SqlModelError(
                f"{self.path.name} uses var('{name}'), which is not given; the given ones are {_listed(variables)}"
            )

        def source(name: str, table: str) -> str:
            return stand_ins.get(table, SOURCES[name][table].qualified_name)

        return _render(self.path, self.sql, ref=ref, source=source, var=var, config=_no_config)

    def query(
        self, con: duckdb.DuckDBPyConnection, variables: Mapping[str, object], stand_ins: Mapping[str, str] = _NOTHING
    ) -> duckdb.DuckDBPyRelation:
        """The SELECT as a relation of DuckDB, which has not run yet; arguments as for :meth:`render`.

        Raises:
            SqlModelError: the SQL is wrong, or its columns are not those of the table, in the same order.
        """
        sql = self.render(variables, stand_ins)
        try:
            relation = con.sql(sql)
        except duckdb.ProgrammingError as error:
            raise SqlModelError(f"{self.path.name}: {error}") from error
        if relation is None:
            raise SqlModelError(f"{self.path.name} is not a SELECT")
        self._check_columns(tuple(relation.columns))
        return relation

    def _check_columns(self, selected: Sequence[str]) -> None:
        described = self.table.column_names
        if tuple(selected) != tuple(described):
            raise SqlModelError(
                f"{self.path.name} selects other columns than domain.tables.sql describes for {self.name}: "
                f"only in the SQL {sorted(set(selected) - set(described))}, "
                f"only in the description {sorted(set(described) - set(selected))}, or the order differs"
            )

    @contextmanager
    def views_of(self, con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Iterator[dict[str, str]]:
        """Temporary copies of the views that the model reads, as ``stand_ins``: each is computed once for all ``days``.

        Of a view of events, only those of the days are copied. A single day reads the views themselves.
        """
        views = [self.models[name] for name in self.refs if self.models[name].materialized == "view" and len(days) > 1]
        for view in views:
            is_dated = "event_date" in view.table.column_names
            wanted = f"WHERE event_date BETWEEN '{min(days)}' AND '{max(days)}'" if is_dated else ""
            con.execute(f"CREATE OR REPLACE TEMP TABLE {view.name} AS SELECT * FROM main.{view.name} {wanted}")
        try:
            yield {view.name: f"temp.main.{view.name}" for view in views}
        finally:
            for view in views:
                con.execute(f"DROP TABLE temp.main.{view.name}")

    def stand_ins_of(self, shard: Shard) -> dict[str, str]:
        """For each model and source with users that the model reads, the rows of ``shard`` alone, as ``stand_ins``.

        A model that reads the aliases of ids gets the rows of the ids that stand for a user of the shard, too.
        """
        if shard.is_all:
            return {}
        read = self._tables_read()
        of_shard = {
            name: f"SELECT * FROM {table.qualified_name} WHERE {shard.sql()}"
            for name, table in read.items()
            if "user_id" in table.column_names and name != _ALIASES
        }
        if _ALIASES in read:
            aliases = f"(SELECT user_id FROM {read[_ALIASES].qualified_name} WHERE {shard.sql('owner_id')})"
            name = "keyword_table"
            of_shard[name] += (
                f" UNION ALL SELECT * FROM {read[name].qualified_name} SEMI JOIN {aliases} USING (user_id) "
                f"WHERE NOT ({shard.sql()})"
            )
        return {name: f"({select})" for name, select in of_shard.items()}

    def of_landed_ids(self, ids: str) -> str:
        """The SELECT of a staging model for what was landed under some ids: the rest of the log is not read.

        Args:
            ids: SQL for the ids.
        """
        landed = [table for schema, table in self.sources if table in LANDING_TABLES]
        stand_ins = {
            table: f"(SELECT * FROM {LANDING_TABLES[table].qualified_name} WHERE user_id IN ({ids}))"
            for table in landed
        }
        return self.render({}, stand_ins)

    def _tables_read(self) -> dict[str, Table]:
        """The tables of the models and sources that it selects from, by name; ephemeral models are looked through."""
        found = {table: _TABLES[schema, table] for schema, table in self.sources}
        for upstream in (self.models[name] for name in self.refs):
            is_inlined = upstream.materialized == "ephemeral"
            found |= upstream._tables_read() if is_inlined else {upstream.name: upstream.table}
        return found

    @cached_property
    def parsed(self) -> Any:
        """The sqlglot expression of the SELECT, with stand-ins for the variables."""
        import sqlglot

        return sqlglot.parse_one(self.render(_AnyVariables(self.constants)), dialect="duckdb")

    @cached_property
    def column_lineage(self) -> ColumnLineage:
        """For each column, the (relation, column) pairs that it is computed from, resolved through ephemeral models.

        Columns that only determine which rows there are (joins, filters) are not included.
        """
        return _column_lineage(self)


def sql_folder() -> Path:
    """The dbt project with the SQL models: inside an installed package, at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "dbt_like_sql"
    return installed if installed.is_dir() else package.parent / "dbt_like_sql"


def load_models(
    folder: Path,
    actions: Sequence[Action],
    tables: Mapping[str, Table] | None = None,
    *,
    noise: NoiseParams | None = None,
) -> dict[str, SqlModel]:
    """All models of a dbt project, each after the models that it refers to.

    Args:
        actions: The registry, which decides what the models count.
        tables: What the rows of each model are, by the model's name; by default ``domain.tables.sql`` for ``actions``.
        noise: What the views leave out; by default what the parameters say.

    Raises:
        SqlModelError: a file is missing or wrong, a name is unknown, a model has no table or a table no model,
            or models refer to each other in a circle.
    """
    project = _Project.read(folder)
    constants = {**sql_variables(actions), **(noise or NoiseParams()).sql_variables()}
    if tables is None:
        tables = sql_tables(actions)
    paths = sorted((folder / "models").glob("*/*.sql"))
    if not paths:
        raise SqlModelError(f"there is no .sql file under {folder / 'models'}")
    drafts: dict[str, _Draft] = {}
    for path in paths:
        if path.stem in drafts:
            raise SqlModelError(f"two models are named {path.stem!r}: {drafts[path.stem].path} and {path}")
        drafts[path.stem] = _Draft.read(path, project, tables, constants)
    if without := set(tables) - set(drafts):
        raise SqlModelError(f"no .sql file under {folder / 'models'} makes {_listed(without)}")
    models: dict[str, SqlModel] = {}
    for name in _in_dependency_order(drafts):
        _check_views_need_no_variables(drafts[name], drafts, constants)
        models[name] = drafts[name].finish(models, constants)
    return models


@dataclass(frozen=True)
class _Project:
    """Settings of the project as a whole: materialisation by layer, and variables."""

    layers: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, object]

    @classmethod
    def read(cls, folder: Path) -> _Project:
        project = _read_yaml(folder / "dbt_project.yml")
        return cls(
            layers=project.get("models", {}).get(project.get("name"), {}),
            variables=project.get("vars", {}),
        )


@dataclass(frozen=True)
class _Draft:
    """A model as read from its own file and table, before references are resolved."""

    path: Path
    sql: str
    table: Table
    materialized: str
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    variables: tuple[str, ...]

    @classmethod
    def read(
        cls, path: Path, project: _Project, tables: Mapping[str, Table], constants: Mapping[str, object]
    ) -> _Draft:
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
            sources[_relation(path, source, table)] = None
            return table

        def note_variable(name: str) -> object:
            if name not in project.variables:
                raise SqlModelError(
                    f"{path.name} has var('{name}'); the vars of dbt_project.yml are {_listed(project.variables)}"
                )
            variables[name] = None
            return constants.get(name, project.variables[name])

        _render(path, sql, ref=note_ref, source=note_source, var=note_variable, config=note_config)
        materialized = config.get("materialized", project.layers.get(path.parent.name, {}).get("+materialized", "view"))
        if path.parent.name not in LAYERS or materialized not in MATERIALIZED:
            raise SqlModelError(
                f"{path}: layer {path.parent.name!r} or materialized {materialized!r} is not known; "
                f"layers are {', '.join(LAYERS)}, materialisations {', '.join(MATERIALIZED)}"
            )
        if path.stem not in tables:
            raise SqlModelError(f"{path.name}: domain.tables.sql describes no {path.stem!r}, only {_listed(tables)}")
        table = tables[path.stem]
        if table.partitioned != (materialized == "incremental"):
            raise SqlModelError(
                f"{path.name} is materialized as {materialized!r}, but its table is described as "
                f"{'partitioned' if table.partitioned else 'not partitioned'}"
            )
        return cls(path, sql, table, materialized, tuple(refs), tuple(sources), tuple(variables))

    def finish(self, models: dict[str, SqlModel], constants: Mapping[str, object]) -> SqlModel:
        inlined = [models[ref] for ref in self.refs if models[ref].materialized == "ephemeral"]
        columns = [(column.name, column.sql_type) for column in self.table.columns]
        text = "\n".join([_normalised(self.sql), repr(columns), *(model.fingerprint for model in inlined)])
        return SqlModel(
            name=self.path.stem,
            layer=self.path.parent.name,
            materialized=self.materialized,
            table=self.table,
            refs=self.refs,
            sources=self.sources,
            variables=tuple(sorted({*self.variables, *(name for model in inlined for name in model.variables)})),
            fingerprint=hashlib.sha256(text.encode()).hexdigest()[:8],
            path=self.path,
            sql=self.sql,
            constants=constants,
            models=models,
        )


def _relation(path: Path, source: str, table: str) -> tuple[str, str]:
    if source not in SOURCES:
        raise SqlModelError(f"{path.name} has source('{source}', …); known sources are {_listed(SOURCES)}")
    if table not in SOURCES[source]:
        raise SqlModelError(
            f"{path.name} has source('{source}', '{table}'); known tables of {source} are {_listed(SOURCES[source])}"
        )
    return SOURCES[source][table].schema, table


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


def _check_views_need_no_variables(
    draft: _Draft, drafts: Mapping[str, _Draft], constants: Mapping[str, object]
) -> None:
    """Raise if a view, or a model that it inlines, uses variables of one run: a view covers all days."""
    if draft.materialized != "view":
        return
    inlined = [drafts[ref] for ref in draft.refs if drafts[ref].materialized == "ephemeral"]
    for one in [draft, *inlined]:
        if of_a_run := [name for name in one.variables if name not in constants]:
            raise SqlModelError(
                f"{draft.path.name} is a view, so it cannot use var('{of_a_run[0]}') (in {one.path.name}); "
                "filter in the incremental models that select from it"
            )


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────────────

_JINJA = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=False)


@cache
def _template(sql: str) -> jinja2.Template:
    """The compiled template; compiling takes longer than to run most models on a small log."""
    return _JINJA.from_string(sql)


def _render(path: Path, sql: str, **functions: Callable[..., object]) -> str:
    try:
        return _template(sql).render(**functions).strip()
    except (jinja2.TemplateError, TypeError) as error:
        raise SqlModelError(f"{path.name}: {error}; the functions are ref, source, var and config") from error


def _no_config(**_: Any) -> str:
    return ""


def _normalised(sql: str) -> str:
    """The SQL without comments and layout, which do not change the algorithm."""
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        # libyaml is ten times as fast, and every wheel of PyYAML has it.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise SqlModelError(f"{path} is missing") from error
    except yaml.YAMLError as error:
        raise SqlModelError(f"{path} is not YAML: {error}") from error
    return content or {}


# ── lineage ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ANY_DAY = "2000-01-01"


class _AnyVariables(dict[str, object]):
    """Placeholders for variables, for use where only the structure of the SQL matters."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> object:
        return _ANY_DAY if name == "partition_date" else 1


def _column_lineage(model: SqlModel) -> ColumnLineage:
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
    sources = [table for tables in SOURCES.values() for table in tables.values()]
    tables = [*sources, *(model.table for model in models.values())]
    schema: dict[str, Any] = {}
    for table in tables:
        schema.setdefault(table.schema, {})[table.name] = {c.name: c.sql_type for c in table.columns}
    return schema
