"""Loads prepared rows into the landing tables: de-duplicates them as set operations, in one transaction.

The rules, by kind of source (``domain.tables.landing.VERSIONED``):

* **Append-only events.** An event is identified by its grain. If it is in the warehouse already, or twice in a call, it
  is stored once. The same file again is skipped.
* **Versions of something that changes** (an item, a user, a board, a send, a judgement). Versions are ordered by
  (``updated_at``, ingest call, path of the file, line). A version without ``updated_at`` is the state at its call and
  replaces all versions of earlier calls. So the same file again is not skipped: it says that this is the state again.
  A version that is already in force is a duplicate, so what has not changed is not stored twice. All versions are kept.
* **Snapshots of users.** The users of a call without ``updated_at`` are a list of all users. A user whom it does not
  list gets a version with unknown opt-ins, and unknown counts as no. So does a user whom a record may be about that
  cannot be read. The files of a call are parts of one list, unless a file repeats at least half of its users from the
  files before it: then a later list begins, and replaces the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import polars as pl

from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.landing import (
    INGEST_LEDGER,
    INGEST_OUTCOMES,
    INGESTED_DAYS,
    LANDING,
    LANDING_TABLES,
    PART_SOURCES,
    QUARANTINED_ROWS,
    REFUSED_UNSUBSCRIBES,
    VERSIONED,
)
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.ingest.changed_days import record_days
from journeys_assets.storage.ingest.consent_of_call import (
    WITHOUT_YES,
    add_doubtful_users,
    add_unlisted_users,
    keep_last_list,
    replaced_unsubscribes,
)
from journeys_assets.storage.ingest.identities import LINKED, renew_owners
from journeys_assets.storage.ingest.parts import (
    Redelivered,
    forget_deliveries,
    replace_parts,
    surviving,
    with_call,
)
from journeys_assets.storage.ingest.scratch import EVENT_TIME, Scratch, row_schema, time_in_grain
from journeys_assets.storage.warehouse.base import append_rows, create_tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

KEYWORD_EVENTS = ("search_events", "pin_engagements", "board_pins")
"""Sources whose events can start a user's history."""


MEMORY_LIMIT = "2GiB"
"""How much memory DuckDB may use for a load. Beyond it, DuckDB uses the disk."""
DIVERSE = ("search_events", "board_pins")
"""Sources in which every text column has many different values."""
ROW_GROUP_ROWS = 122_880
"""Rows that DuckDB compresses together."""

LANDING_FORMAT = "landing"
"""The format of files in the form of the landing contract."""

SUPERSEDED = "replaced by a later row of the same call"
"""Why a version is skipped: within a call only the last one of each entity and ``updated_at`` counts."""


@dataclass
class PreparedFile:
    """The rows of one source in one file, read and checked: what the ledger records."""

    number: int
    source: str
    file: str
    sha256: str
    format: str
    n_good: int = 0
    n_quarantined: int = 0
    n_skipped: int = 0
    n_rows_with_refused_fields: int = 0
    is_main: bool = False
    """Whether it is the main source of the file: the one whose counts include all its rows."""
    outcomes: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    """What became of the records of the file, by type of event; of the main source."""
    is_snapshot: bool = False
    """Whether it lists all users: a file of ``users`` that has no row, or in which a row has no ``updated_at``."""

    def batch_id(self, ingest_seq: int) -> str:
        return f"{ingest_seq}-{self.number}-{self.source}"


@dataclass(frozen=True)
class Loaded:
    """The result of one transaction.

    Attributes:
        ingest_seq: Number of the call.
        accepted: Rows accepted that are no noise, by (source, number of the file).
        noise: Rows accepted that are noise, likewise, by reason.
        superseded: Rows skipped for ``SUPERSEDED``, likewise.
        first_day: Day of the earliest event of a source with keywords; None if there is none.
        n_unlisted: Users with an opt-in whom a snapshot does not list; their opt-ins are unknown from now on.
        n_doubtful: Users with an opt-in of whom a record may be that cannot be read; likewise.
        loaded_meanwhile: Numbers of files that another call loaded while this one was reading.
    """

    ingest_seq: int
    accepted: Mapping[tuple[str, int], int]
    superseded: Mapping[tuple[str, int], int]
    first_day: date | None
    n_unlisted: int
    n_doubtful: int
    loaded_meanwhile: frozenset[int]
    noise: Mapping[tuple[str, int], Counter[str]]

    def noise_by_reason(self) -> dict[str, int]:
        """All rows marked as noise, by reason."""
        return dict(sorted(sum(self.noise.values(), Counter[str]()).items()))


INGEST_TABLES = (
    *LANDING_TABLES.values(),
    *IDENTITY_TABLES.values(),
    INGEST_LEDGER,
    INGEST_OUTCOMES,
    INGESTED_DAYS,
    QUARANTINED_ROWS,
    REFUSED_UNSUBSCRIBES,
)
"""All tables that ingestion writes."""


def ensure_landing(warehouse: Warehouse) -> None:
    """Create the landing tables, the ledger and the quarantine if they do not exist."""
    warehouse.ensure(*INGEST_TABLES)


_KNOWN = f"""
    SELECT DISTINCT sha256, source FROM landing.ingest_ledger
    WHERE source NOT IN {VERSIONED} AND n_quarantined = 0 AND n_rows_with_refused_fields = 0
      -- Before there was a column for the format, the id of the load gave it.
      AND (format = '{LANDING_FORMAT}' OR (format IS NULL AND batch_id = sha256 || '-' || source))
"""
"""Files whose bytes need not be read again: append-only events, of which nothing was refused. What was refused may be
accepted later: a time that lay ahead of the clock, an action that has been added since. What an importer derives from a
file has versions, too, so its files are always read."""


def known_files(warehouse: Warehouse) -> tuple[set[tuple[str, str]], int]:
    """Landing files that need not be read again, as (sha256, source), and the highest ingest_seq (0: none)."""
    with warehouse.reading() as con:
        return _known(con), _last_seq(con)


def _known(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    return {(sha256, source) for sha256, source in con.execute(_KNOWN).fetchall()}


def _last_seq(con: duckdb.DuckDBPyConnection) -> int:
    return int(con.sql("SELECT coalesce(max(ingest_seq), 0) FROM landing.ingest_ledger").fetchall()[0][0])


def load(
    warehouse: Warehouse,
    scratch: Scratch,
    files: Sequence[PreparedFile],
    quarantined: pl.DataFrame,
    unsubscribes: pl.DataFrame,
    doubtful: pl.DataFrame,
    now: datetime,
    *,
    users_are_snapshots: bool,
) -> Loaded:
    """Insert all prepared rows, their ledger rows and the quarantined rows; on any error, insert nothing.

    Args:
        scratch: The prepared rows of each source.
        quarantined: Columns of ``QUARANTINED_ROWS`` without batch_id, and ``file_no``.
        unsubscribes: Columns of ``REFUSED_UNSUBSCRIBES`` without ingest_seq, ``file_no``, and is_doubtful: whether the
            record could not be read. Such a record counts once, when its file comes for the first time, or comes again
            as a snapshot.
        doubtful: user_id and ``file_no`` of users of whom a record may be that cannot be read; likewise.
        users_are_snapshots: Whether users without ``updated_at`` are lists of all users.
    """
    accepted: dict[tuple[str, int], int] = {}
    superseded: dict[tuple[str, int], int] = {}
    noise: dict[tuple[str, int], Counter[str]] = {}
    first_days: list[date] = []
    n_unlisted, n_doubtful = 0, 0
    with warehouse.bounded_writing(MEMORY_LIMIT, scratch.folder / "spill") as con:
        create_tables(con, INGEST_TABLES)
        seq = _last_seq(con) + 1
        known = _known(con)
        late = frozenset(
            file.number for file in files if file.format == LANDING_FORMAT and (file.sha256, file.source) in known
        )
        new = [file for file in files if file.number not in late]
        # Events come first: what a changed pin or user makes stale depends on the days that have events.
        lists = [file for file in new if file.is_snapshot] if users_are_snapshots else []
        is_seen = pl.col("file_no").is_in(_seen_before(con, new)).fill_null(False)
        doubtful = doubtful.filter(~is_seen)
        unsubscribes = unsubscribes.filter(~(pl.col("is_doubtful") & is_seen)).drop("is_doubtful")
        doubtful_users = doubtful["user_id"].unique().sort()
        sources = {file.source for file in new if file.n_good}
        sources |= {"users"} if lists or doubtful_users.len() else set()
        numbers_of = {
            source: [file.number for file in new if file.source == source and file.n_good] for source in sources
        }
        redelivered = replace_parts(con, scratch, numbers_of, seq)
        sources |= set(redelivered.days)
        for source in sorted(sources, key=lambda name: (name in VERSIONED, name)):
            numbers = numbers_of.get(source, [])
            source_lists = [file.number for file in lists] if source == "users" else []
            outcome = _load_source(
                con, LANDING_TABLES[source], scratch, numbers, source_lists, doubtful_users, redelivered, seq
            )
            if source != LINKED:
                record_days(con, source, outcome.days, seq, now.date())
            accepted |= {(source, number): n for number, n in outcome.accepted.items()}
            superseded |= {(source, number): n for number, n in outcome.superseded.items()}
            noise |= {(source, number): counts for number, counts in outcome.noise.items()}
            first_days += [outcome.first_day] if outcome.first_day and source in KEYWORD_EVENTS else []
            n_unlisted += outcome.n_unlisted
            n_doubtful += outcome.n_doubtful
            unsubscribes = pl.concat([unsubscribes, *outcome.unsubscribes], how="diagonal_relaxed")
        forget_deliveries(con)
        if LINKED in sources:
            renew_owners(con, seq)
        _replace_quarantined(con, new, quarantined, seq)
        _append_unsubscribes(con, unsubscribes.filter(~pl.col("file_no").is_in(list(late)).fill_null(False)), seq)
        list_numbers = {file.number for file in lists}
        append_rows(con, INGEST_OUTCOMES, _outcomes(new, seq))
        append_rows(con, INGEST_LEDGER, _ledger(new, accepted, noise, superseded, list_numbers, seq, now))
    return Loaded(seq, accepted, superseded, min(first_days, default=None), n_unlisted, n_doubtful, late, noise)


def _seen_before(con: duckdb.DuckDBPyConnection, files: Sequence[PreparedFile]) -> list[int]:
    """Numbers of the files whose bytes an earlier call has loaded as the same source, and that are no state again."""
    loaded = set(con.execute("SELECT DISTINCT sha256, source FROM landing.ingest_ledger").fetchall())
    return [file.number for file in files if (file.sha256, file.source) in loaded and not file.is_snapshot]


@dataclass
class _Outcome:
    """What became of the rows of one source.

    Attributes:
        accepted: Rows accepted that are no noise, by number of the file.
        noise: Rows accepted that are noise, by number of the file and reason.
        superseded: Rows skipped for ``SUPERSEDED``, likewise.
        days: event_date, n_events, n_users of the events accepted, where the day follows from the event alone.
        unsubscribes: Unsubscribes that a later row of the call does not repeat.
    """

    accepted: Counter[int] = field(default_factory=Counter)
    noise: dict[int, Counter[str]] = field(default_factory=dict)
    superseded: Counter[int] = field(default_factory=Counter)
    days: list[pl.DataFrame] = field(default_factory=list)
    unsubscribes: list[pl.DataFrame] = field(default_factory=list)
    n_unlisted: int = 0
    n_doubtful: int = 0

    @property
    def first_day(self) -> date | None:
        return min((day for frame in self.days for day in frame["event_date"]), default=None)


def _load_source(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    scratch: Scratch,
    numbers: Sequence[int],
    lists: Sequence[int],
    doubtful: pl.Series,
    redelivered: Redelivered,
    seq: int,
) -> _Outcome:
    """Insert the new rows of a source, block by block."""
    outcome = _Outcome()
    if table.name in redelivered.days:
        outcome.days.append(redelivered.days[table.name])
    is_users = table.name == "users"
    # Consent is decided on all rows together: one notification may name two users, and a list leaves users out.
    is_consent = table.name in ("users", "notification_events")
    blocks: Iterator[pl.DataFrame] = scratch.blocks(table.name, numbers, is_whole=is_consent)
    if is_users and not numbers:
        blocks = iter([pl.DataFrame(schema=row_schema(table.name))])
    for block in blocks:
        if table.name in PART_SOURCES:
            block = _counting(con, table, block, redelivered, seq, outcome)
            if block.is_empty():
                continue
        is_clear = pl.repeat(False, block.height, dtype=pl.Boolean, eager=True)
        if not is_users:
            is_clear = ~(block.select(_key(table)).hash_rows().is_duplicated() | _are_stored(con, table, block, seq))
        fresh = (
            block if is_clear.all() and not is_users else _chosen(con, table, block, is_clear, lists, doubtful, outcome)
        )
        _insert(con, table, fresh, seq)
        is_noise = "noise" in fresh.columns
        kept = fresh.filter(pl.col("noise").is_null()) if is_noise else fresh
        outcome.accepted.update(dict(kept["file_no"].drop_nulls().value_counts().iter_rows()))
        if is_noise:
            counts = fresh.drop_nulls("noise").group_by("file_no", "noise").len()
            for number, reason, n in counts.iter_rows():
                outcome.noise.setdefault(number, Counter())[reason] += n
        if time := time_in_grain(table.name):
            # A user's events of one day are in one block, so the users of the blocks add up.
            days = fresh.group_by(event_date=pl.col(time).dt.date())
            outcome.days.append(days.agg(n_events=pl.len(), n_users=pl.col("user_id").n_unique()))
    return outcome


def _counting(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    block: pl.DataFrame,
    redelivered: Redelivered,
    seq: int,
    outcome: _Outcome,
) -> pl.DataFrame:
    """The rows of a block that no other delivery replaces, with the number of the call in their versions."""
    numbered = with_call(block, seq)
    kept = surviving(con, table.name, numbered) if redelivered.is_any else numbered
    if kept.height < block.height:
        outcome.superseded.update(dict(block["file_no"].value_counts().iter_rows()))
        outcome.superseded.subtract(dict(kept["file_no"].value_counts().iter_rows()))
    return kept


def _are_stored(con: duckdb.DuckDBPyConnection, table: Table, block: pl.DataFrame, seq: int) -> pl.Series:
    """For each row, whether an earlier call has stored a row with the same grain."""
    before = f"existing.ingest_seq < {seq}"
    if time := time_in_grain(table.name):
        # Avoids a scan of the whole history: only rows of the same time can be the same event.
        low, high = block.select(low=pl.col(time).min(), high=pl.col(time).max()).row(0)
        before += f" AND existing.{time} BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}'"
    stored = f"{table.qualified_name} AS existing WHERE {before}"
    is_stored = pl.repeat(False, block.height, dtype=pl.Boolean, eager=True)
    if not con.sql(f"SELECT EXISTS (FROM {stored})").fetchall()[0][0]:
        return is_stored
    same = _same("block", "existing", table.grain)
    with _registered(con, "block", block.select(*table.grain).with_row_index("row_no")):
        found = con.sql(f"SELECT row_no FROM block SEMI JOIN (SELECT * FROM {stored}) AS existing ON {same}").pl()
    return is_stored.scatter(found["row_no"], True)


def _chosen(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    block: pl.DataFrame,
    is_clear: pl.Series,
    lists: Sequence[int],
    doubtful: pl.Series,
    outcome: _Outcome,
) -> pl.DataFrame:
    """The rows of ``block`` to store: the clear ones (new, and once in the call), and of the others the chosen ones."""
    with _registered(con, "block", block.filter(~is_clear)):
        con.execute("CREATE OR REPLACE TEMP TABLE incoming AS FROM block")
    if table.name == "users":
        con.register("doubtful", doubtful.to_frame("user_id").to_arrow())
        outcome.superseded.update(keep_last_list(con, lists))
        con.execute(f"UPDATE incoming SET {WITHOUT_YES} WHERE updated_at IS NULL AND user_id IN (FROM doubtful)")
    outcome.superseded.update(_choose(con, table))
    if table.name == "notification_events":
        outcome.unsubscribes.append(replaced_unsubscribes(con))
    if lists:
        outcome.n_unlisted += add_unlisted_users(con)
    if table.name == "users":
        outcome.n_doubtful += add_doubtful_users(con)
        con.unregister("doubtful")
    chosen = con.sql(f"SELECT {', '.join(block.columns)} FROM fresh").pl()
    for name in ("fresh", "given", "incoming"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return pl.concat([block.filter(is_clear), chosen.cast(block.schema)])


@contextmanager
def _registered(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> Iterator[None]:
    con.register(name, frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    try:
        yield
    finally:
        con.unregister(name)


def _choose(con: duckdb.DuckDBPyConnection, table: Table) -> dict[int, int]:
    """Make ``fresh``: the rows of ``incoming`` to store. Returns how many rows were superseded, by file number."""
    if table.name not in VERSIONED:
        con.execute(_new_events(con, table))
        return {}
    con.execute(_last_of_call(table))
    con.execute(_new_versions(table))
    if con.execute("SELECT (SELECT count(*) FROM incoming) = (SELECT count(*) FROM given)").fetchall()[0][0]:
        return {}
    columns = ", ".join(_contract(table))
    # A row that differs from the one that replaces it is superseded; one that repeats it is a duplicate.
    rows = con.execute(
        f"""
        SELECT file_no, count(*) FROM incoming SEMI JOIN (
          SELECT {columns} FROM incoming EXCEPT SELECT {columns} FROM given) AS replaced
        ON {_same("incoming", "replaced", _contract(table))} GROUP BY file_no
        """
    ).fetchall()
    return {int(number): int(n) for number, n in rows}


def _insert(con: duckdb.DuckDBPyConnection, table: Table, fresh: pl.DataFrame, seq: int) -> None:
    rows = fresh.sort(_order(table)).select(name for name in table.column_names if name != "ingest_seq")
    # With many different texts, a dictionary is never chosen, but trying it takes as long as all the rest.
    is_diverse = table.name in DIVERSE and rows.height >= ROW_GROUP_ROWS
    if is_diverse:
        con.execute("SET disabled_compression_methods = 'dictionary'")
    with _registered(con, "block", rows):
        con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT *, {seq}::BIGINT AS ingest_seq FROM block")
    if is_diverse:
        con.execute("RESET disabled_compression_methods")


def _contract(table: Table) -> list[str]:
    return [column.name for column in LANDING[table.name].columns]


def _order(table: Table) -> list[str]:
    """Columns to sort by. Time comes first, so that reading a few days touches few row groups."""
    time = EVENT_TIME.get(table.name)
    others = [name for name in _key(table) if name != time and not isinstance(table.column(name).dtype, pl.List)]
    return [*([time] if time else []), *others]


def _same(left: str, right: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM {right}.{name}" for name in columns)


def _new_events(con: duckdb.DuckDBPyConnection, table: Table) -> str:
    """SQL for ``fresh``: one row for each new event (by grain). If rows of an event differ, the choice is fixed."""
    others = [name for name in _contract(table) if name not in table.grain]
    bounds = ""
    if time := EVENT_TIME.get(table.name):
        # Avoids a scan of the whole history: only rows of the same time can be the same event.
        low, high = con.sql(f"SELECT min({time}), max({time}) FROM incoming").fetchall()[0]
        bounds = f" AND existing.{time} BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}'"
    return f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT * FROM (
          SELECT * FROM incoming
          QUALIFY row_number() OVER (
            PARTITION BY {", ".join(table.grain)} ORDER BY {", ".join([*others, "file_no", "line"])}) = 1
        ) AS event
        WHERE NOT EXISTS (
          SELECT 1 FROM {table.qualified_name} AS existing WHERE {_same("existing", "event", table.grain)}{bounds})
    """


def _key(table: Table) -> list[str]:
    """What a version is of, and its time: of versions that agree in both, the one loaded last counts."""
    return [*table.grain, *(["updated_at"] if "updated_at" in table.column_names else [])]


def _last_of_call(table: Table) -> str:
    """SQL for ``given``: the last row of the call for each entity and ``updated_at``."""
    return f"""
        CREATE OR REPLACE TEMP TABLE given AS SELECT * FROM incoming
        QUALIFY row_number() OVER (PARTITION BY {", ".join(_key(table))} ORDER BY file_no DESC, line DESC) = 1
    """


def _new_versions(table: Table) -> str:
    """SQL for ``fresh``: the rows of ``given`` that are not in force already.

    In force is, of each entity and time, the version loaded last, unless a later call has a version without a time. If
    the call has a new version without a time, all its versions of the entity are new, because it replaces the others.
    """
    time = "updated_at" if "updated_at" in table.column_names else "NULL::TIMESTAMP"
    grain = ", ".join(table.grain)
    return f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        WITH stored AS (
          SELECT *, {time} IS NULL AS is_state, max(ingest_seq) OVER (PARTITION BY {grain}) AS last_seq
          FROM {table.qualified_name} AS existing SEMI JOIN given ON {_same("existing", "given", table.grain)}
        ), in_force AS (
          SELECT * FROM stored
          QUALIFY row_number() OVER (PARTITION BY {", ".join(_key(table))} ORDER BY ingest_seq DESC) = 1
            AND ingest_seq >= coalesce(max(ingest_seq) FILTER (is_state) OVER (PARTITION BY {grain}), 0)
        ), marked AS (
          SELECT *, {time} IS NULL AS is_state, EXISTS (
            FROM in_force WHERE {_same("in_force", "given", _contract(table))}
              AND (NOT in_force.is_state OR in_force.ingest_seq = in_force.last_seq)
          ) AS is_known FROM given
        )
        SELECT * EXCLUDE (is_state, is_known) FROM marked
        QUALIFY NOT is_known OR bool_or(is_state AND NOT is_known) OVER (PARTITION BY {grain})
    """


def _append_unsubscribes(con: duckdb.DuckDBPyConnection, unsubscribes: pl.DataFrame, seq: int) -> None:
    """Store unsubscribes whose rows are not stored, unless they are there, and record the days that they change."""
    con.register("given_unsubscribes", unsubscribes.drop("file_no").to_arrow())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fresh_unsubscribes AS
        SELECT DISTINCT *, {seq}::BIGINT AS ingest_seq FROM given_unsubscribes AS given
        ANTI JOIN landing.refused_unsubscribes AS stored
        ON {_same("stored", "given", ("user_id", "channel", "unsubscribed_at"))}
        """
    )
    con.unregister("given_unsubscribes")
    con.execute("INSERT INTO landing.refused_unsubscribes BY NAME SELECT * FROM fresh_unsubscribes ORDER BY ALL")
    con.execute(
        f"""
        INSERT INTO landing.ingested_days BY NAME
        SELECT {seq}::BIGINT AS ingest_seq, 'refused_unsubscribes' AS source, unsubscribed_at::DATE - 1 AS event_date,
               count(*) AS n_events, count(DISTINCT user_id) AS n_users
        FROM fresh_unsubscribes GROUP BY ALL ORDER BY ALL
        """
    )
    con.execute("DROP TABLE fresh_unsubscribes")


def _replace_quarantined(
    con: duckdb.DuckDBPyConnection, files: Sequence[PreparedFile], quarantined: pl.DataFrame, seq: int
) -> None:
    """Store what was refused, in the place of what was refused of the same files before."""
    keys = pl.DataFrame(
        [(file.number, file.source, file.sha256, file.batch_id(seq)) for file in files],
        schema={"file_no": pl.Int64, "source": pl.String, "sha256": pl.String, "batch_id": pl.String},
        orient="row",
    )
    con.register("loaded_files", keys.to_arrow())
    con.execute(
        """
        DELETE FROM landing.quarantined_rows WHERE batch_id IN (
          SELECT batch_id FROM landing.ingest_ledger SEMI JOIN loaded_files USING (sha256, source))
        """
    )
    con.unregister("loaded_files")
    append_rows(con, QUARANTINED_ROWS, quarantined.join(keys, on=["file_no", "source"], how="inner"))


def _ledger(
    files: Sequence[PreparedFile],
    accepted: Mapping[tuple[str, int], int],
    noise: Mapping[tuple[str, int], Counter[str]],
    superseded: Mapping[tuple[str, int], int],
    lists: Collection[int],
    seq: int,
    now: datetime,
) -> pl.DataFrame:
    rows = []
    for file in files:
        n_accepted = accepted.get((file.source, file.number), 0)
        n_superseded = superseded.get((file.source, file.number), 0)
        n_noise = sum(noise.get((file.source, file.number), {}).values())
        rows.append(
            {
                "batch_id": file.batch_id(seq),
                "ingest_seq": seq,
                "source": file.source,
                "file": file.file,
                "sha256": file.sha256,
                "format": file.format,
                "n_rows": file.n_good + file.n_quarantined + file.n_skipped,
                "n_accepted": n_accepted,
                "n_duplicate": file.n_good - n_accepted - n_noise - n_superseded,
                "n_noise": n_noise,
                "n_quarantined": file.n_quarantined,
                "n_skipped": file.n_skipped + n_superseded,
                "n_rows_with_refused_fields": file.n_rows_with_refused_fields,
                "is_list": file.source == "users" and file.number in lists,
                "ingested_at": now,
            }
        )
    return pl.DataFrame(rows, schema=INGEST_LEDGER.polars_schema)


def _outcomes(files: Sequence[PreparedFile], seq: int) -> pl.DataFrame:
    rows = [
        (file.batch_id(seq), event, outcome, n)
        for file in files
        for (event, outcome), n in sorted(file.outcomes.items(), key=str)
    ]
    return pl.DataFrame(rows, schema=INGEST_OUTCOMES.polars_schema, orient="row")
