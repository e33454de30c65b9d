"""The definition of a table (grain, columns, units, bounds), and the check of rows against it."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from journeys_assets.domain.keywords.personal import hold_personal_data

TIMESTAMP = pl.Datetime("us")
"""All times are UTC, microseconds, without a zone attached (DuckDB ``TIMESTAMP``)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, meaning and valid values."""

    name: str
    dtype: pl.DataType
    description: str
    unit: str | None = None
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None
    default: int | None = None
    """What rows hold that were written before the table had the column; without one only an optional column can come
    later."""
    is_id: bool = False
    """An id of the landing contract: one spelling per id (``domain.landing.ids``)."""
    is_impersonal: bool = False
    """Holds no personal data (``domain.keywords.personal``); the check of the contract refuses rows that do."""
    keyword_column: str | None = None
    """Text of the landing contract that stands for keywords: the column of the stored table that holds them."""

    @property
    def sql_type(self) -> str:
        return _sql_type(self.dtype)

    @property
    def ddl(self) -> str:
        default = "" if self.default is None else f" DEFAULT {self.default}"
        return f'"{self.name}" {self.sql_type}{default}'


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, in order, and its grain (the columns that are unique together)."""

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    schema: str = "main"
    partitioned: bool = True
    refers: tuple[tuple[str, str], ...] = ()
    """Pairs of columns. Every value of the first must be a value of the second in a row of the same user and day."""
    text_of_users: str | None = None
    """In a table without users: the column with texts that come from them. Erasure removes what nobody else has."""
    column_names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "column_names", tuple(c.name for c in self.columns))
        for rule, named in {"grain": set(self.grain), "refers": {c for pair in self.refers for c in pair}}.items():
            unknown = named - set(self.column_names)
            if unknown:
                raise ValueError(f"table {self.name}: {rule} names columns that do not exist: {sorted(unknown)}")

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def polars_schema(self) -> pl.Schema:
        return pl.Schema({c.name: c.dtype for c in self.columns})

    @property
    def ddl(self) -> str:
        """``CREATE TABLE IF NOT EXISTS``, without keys and NOT NULL: the contract checks ensure both."""
        columns = ",\n  ".join(c.ddl for c in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.qualified_name} (\n  {columns}\n)"

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.polars_schema)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule of a table's contract, with the number of rows that break it and a sample of them."""

    rule: str
    column: str
    n_rows: int
    sample: pl.DataFrame


_SQL_TYPES: dict[pl.DataType, str] = {
    pl.String(): "VARCHAR",
    pl.Int64(): "BIGINT",
    pl.Int32(): "INTEGER",
    pl.Float64(): "DOUBLE",
    pl.Float32(): "FLOAT",
    pl.Boolean(): "BOOLEAN",
    pl.Date(): "DATE",
    pl.Binary(): "BLOB",
    TIMESTAMP: "TIMESTAMP",
}


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"{_sql_type(pl.DataType.from_python(dtype.inner) if isinstance(dtype.inner, type) else dtype.inner)}[]"  # type: ignore[arg-type]
    return _SQL_TYPES[dtype]


def violations(table: Table, frame: pl.DataFrame, *, sample_rows: int = 5) -> list[Violation]:
    """The rules of ``table`` that ``frame`` breaks; empty if there are none."""
    found = [
        Violation("missing column", column.name, frame.height, frame.head(0))
        for column in table.columns
        if column.name not in frame.columns
    ]
    rules = _row_rules(table, frame)
    counts = frame.select(broken.sum().alias(str(n)) for n, (_, _, broken) in enumerate(rules)).row(0) if rules else ()
    for (rule, column, broken), n_rows in zip(rules, counts, strict=True):
        if n_rows:
            found.append(Violation(rule, column, n_rows, frame.filter(broken).head(sample_rows)))
    for name, other in table.refers:
        scope = ["partition_date", "user_id"]
        if {*scope, name, other} <= set(frame.columns):
            known = frame.select(*scope, pl.col(other).alias(name)).unique()
            strangers = frame.join(known, on=[*scope, name], how="anti")
            if strangers.height:
                found.append(Violation(f"no {other} of the user", name, strangers.height, strangers.head(sample_rows)))
    return found


def _row_rules(table: Table, frame: pl.DataFrame) -> list[tuple[str, str, pl.Expr]]:
    """Rule, column and whether a row breaks it, for the columns that are there."""
    present = frame.columns
    rules = []
    for column in table.columns:
        if column.name not in present:
            continue
        name, value = column.name, pl.col(column.name)
        if not column.nullable:
            rules.append(("null", name, value.is_null()))
        if column.dtype.is_float():
            rules.append(("not finite", name, value.is_not_null() & ~value.is_finite()))
        if column.minimum is not None:
            rules.append((f"below {column.minimum}", name, value < column.minimum))
        if column.maximum is not None:
            rules.append((f"above {column.maximum}", name, value > column.maximum))
        if column.allowed is not None:
            rules.append((f"not in {list(column.allowed)}", name, ~value.is_in(list(column.allowed))))
        if column.is_impersonal:
            rules.append(("personal data", name, pl.lit(hold_personal_data(frame[name]))))
    if table.grain and set(table.grain) <= set(present):
        rules.append(("not unique", ", ".join(table.grain), pl.struct(table.grain).is_duplicated()))
    return rules


TEXT = pl.String()
TEXTS = pl.List(pl.String())

USER_ID = Column("user_id", TEXT, "Who acted; any text but a word for a missing value.", is_id=True)
