"""Ingestion of generated files, good and damaged: no traceback, and no row that is not accounted for.

It takes half a minute, and hours with ``HYPOTHESIS_PROFILE=thorough``; ``FUZZ_SEED=1000`` starts with other inputs. The
number of files that it has seen is printed.
"""

import os
import shutil
import time
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, currently_in_test_context, given, note, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.domain.tables.landing import LANDING, PART_SOURCES, VERSIONED
from journeys_assets.importers.annotation_sheet import JUDGED_SCHEMA, sheet_importer
from journeys_assets.importers.base import Importer
from journeys_assets.importers.choose import formats
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.load import INGEST_TABLES, ensure_landing
from journeys_assets.storage.ingest.report import FileReport, IngestReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.fuzz_files import (
    ACCOUNTS,
    ARRAYS,
    LandingFile,
    landing_files,
    parquet_of_one_row,
)
from tests.support.fuzz_logs import FILES, generic
from tests.support.landing_files import NOW, assert_reconciled
from tests.support.sql_world import MODELS
from tests.thorough import IS_THOROUGH, usual_or_thorough

SECONDS = usual_or_thorough(5, 3600)
IS_LONG = IS_THOROUGH
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "0"))
EXAMPLES_PER_SEED = usual_or_thorough(8, 25)
LOGS_PER_SEED = usual_or_thorough(2, 25)
APPEND_ONLY = [name for name in LANDING if name not in VERSIONED]
VIEWS = [model for model in MODELS.values() if model.layer == "staging"]
ITEMS = pl.DataFrame(
    {
        "row_key": ["aaa", "bbb"],
        "user_id": ["u", "v"],
        "journey_id": ["j1", "j2"],
        "as_of_date": [date(2026, 1, 4)] * 2,
        "keywords": [["wedding dress", "venue"], ["kitchen"]],
    }
)
Rows = list[tuple[Any, ...]]


class Fuzzed:
    """A warehouse that files are thrown at, and what must hold after each call."""

    def __init__(self, folder: Path) -> None:
        self.landing = folder / "landing"
        self.scratch = folder / "scratch"
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        self.n_files = self.n_loaded = 0
        ensure_landing(self.warehouse)
        self.columns: dict[str, str] = {}
        with self.warehouse.writing() as con:
            for model in VIEWS:
                con.execute(f"CREATE VIEW main.{model.name} AS {model.render({})}")
                columns = [name for name in con.sql(f"FROM main.{model.name}").columns if name != "ingest_seq"]
                self.columns[model.name] = ", ".join(columns)

    def forget(self) -> None:
        """Empty every table."""
        with self.warehouse.writing() as con:
            for table in INGEST_TABLES:
                con.execute(f"DELETE FROM {table.qualified_name}")

    def write(self, files: Sequence[LandingFile]) -> list[Path]:
        shutil.rmtree(self.landing, ignore_errors=True)
        for file in files:
            if currently_in_test_context():
                note(f"{file.path!r}, {len(file.content)} bytes, {file.n_records} records: {file.content[:2000]!r}")
            path = self.landing / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        return [self.landing / file.path for file in files]

    def rows(self, *queries: str) -> list[Rows]:
        with self.warehouse.reading() as con:
            return [con.sql(query).fetchall() for query in queries]

    def contents(self) -> list[Rows]:
        return self.rows(*(f"FROM {table.qualified_name} ORDER BY ALL" for table in INGEST_TABLES))

    def state(self) -> list[Rows]:
        """What the stages see: every event, and the current version of everything else."""
        # The version of a part of a log may have the number of the call.
        events = [f"SELECT columns(c -> c <> 'part_version') FROM landing.{name} ORDER BY ALL" for name in APPEND_ONLY]
        return self.rows(*events, *(f"SELECT {self.columns[v.name]} FROM main.{v.name} ORDER BY ALL" for v in VIEWS))

    def take(
        self,
        files: Sequence[LandingFile],
        *,
        is_strict: bool = False,
        as_files: bool = True,
        source: str | None = None,
        format: str | Importer = "landing",
    ) -> None:
        """Ingest the files in one call, and check what became of them.

        Args:
            is_strict: A file that cannot be read is an error; otherwise it is set aside.
            as_files: The files are named one by one, not the folder that they are in.
        """
        paths = self.write(files)
        self.n_files += len(files)
        before = self.contents()
        aside: dict[Path, IngestError] = {}
        call = partial(
            ingest,
            self.warehouse,
            paths if as_files else [self.landing],
            format=format,
            now=NOW,
            actions=DEFAULT_ACTIONS,
            scratch_dir=self.scratch,
            source=source,
            set_aside=None if is_strict else aside.__setitem__,
        )
        report = self.report_or_error(call, before, paths)
        for path, error in aside.items():
            assert_names(error, [path])
        if report is None:
            return
        self.n_loaded += len({file.file for file in report.files})
        assert_reconciled(report)
        self.assert_counted(report, files, has_events=isinstance(format, Importer) and format.records is not None)
        self.assert_ledger_adds_up()
        self.assert_ids_and_keywords_are_text()
        assert not list(self.scratch.iterdir())
        after = self.state()
        call()
        assert self.state() == after, "the same files again changed the state"
        self.assert_ledger_adds_up()

    def report_or_error(
        self, call: Callable[[], IngestReport], before: list[Rows], paths: Sequence[Path]
    ) -> IngestReport | None:
        try:
            return call()
        except IngestError as raised:
            error = raised
        except pl.exceptions.PanicException as panic:  # no Exception, so hypothesis would not look for a smaller input
            raise AssertionError(f"polars panics: {panic}") from panic
        assert self.contents() == before, "an error changed the warehouse"
        assert_names(error, [self.landing, *paths])
        return None

    def assert_counted(self, report: IngestReport, files: Sequence[LandingFile], *, has_events: bool) -> None:
        """Every record of a file is counted once: as a row of it, or, of a log of events, by what became of it."""
        read: dict[str, FileReport] = {}
        for of_file in report.files:  # the main source of an importer comes first and has the rows of the file
            read.setdefault(of_file.file, of_file)
        for file in files:
            counts = read.get(str(self.landing / file.path))
            if counts is not None and file.n_records is not None:
                n_counted = sum(counts.outcomes.values()) if has_events else counts.n_rows
                assert n_counted == file.n_records, f"{file.path!r} has {file.n_records} records: {counts}"

    def assert_ledger_adds_up(self) -> None:
        stored = " UNION ALL ".join(f"SELECT '{name}' AS source, count(*) AS n FROM landing.{name}" for name in LANDING)
        ledger, refused, vague = self.rows(
            f"""
            FROM ({stored}) LEFT JOIN (
              SELECT source, sum(n_accepted) AS accepted FROM landing.ingest_ledger GROUP BY source
            ) USING (source) WHERE n <> coalesce(accepted, 0)
            """,
            """
            -- Refused rows are those of the last load of the same bytes.
            FROM (
              FROM landing.ingest_ledger
              QUALIFY rank() OVER (PARTITION BY sha256, source ORDER BY ingest_seq DESC) = 1
            ) FULL JOIN (
              SELECT batch_id, count(*) AS n FROM landing.quarantined_rows
              WHERE reason NOT LIKE '%the rest of the row was kept' GROUP BY batch_id
            ) USING (batch_id)
            WHERE coalesce(n_quarantined, 0) <> coalesce(n, 0)
            """,
            """
            FROM landing.quarantined_rows
            WHERE coalesce(file, '') = '' OR coalesce(reason, '') = '' OR coalesce(line, 0) < 1 OR row_json IS NULL
            """,
        )
        # Of other formats, a later call may bring a part of a log or an event again, in place of what was accepted.
        others = {
            source for (source,) in self.rows("SELECT source FROM landing.ingest_ledger WHERE format <> 'landing'")[0]
        }
        ledger = [row for row in ledger if row[0] not in others.intersection(PART_SOURCES) or row[1] > row[2]]
        assert ledger == [], "rows in the landing table and accepted rows of the ledger differ"
        assert refused == [], "refused rows and those of the ledger differ"
        assert vague == [], "a refused row has no file, line or reason"

    def assert_ids_and_keywords_are_text(self) -> None:
        ids = [
            f"SELECT DISTINCT '{table.name}.{column.name}', {column.name} FROM landing.{table.name}"
            for table in LANDING.values()
            for column in table.columns
            if column.name.endswith("_id") and not column.nullable
        ]
        keywords = "SELECT DISTINCT 'keyword', keyword FROM main.stg_search_events"
        found = [row for rows in self.rows(*ids, keywords) for row in rows]
        assert [row for row in found if not is_text(row[1])] == []


def is_text(value: str) -> bool:
    """Whether something of it can be seen, and nothing of it is a control character or white space at an end."""
    seen = [c for c in value if unicodedata.category(c)[0] not in "CZ"]
    controls = [c for c in value if unicodedata.category(c) == "Cc"]
    return bool(seen) and not controls and value == value.strip()


def assert_names(error: IngestError, paths: Sequence[Path]) -> None:
    """The message has the name of one of the files, or says which are missing. Characters that cannot be shown may be
    left out or escaped."""
    names = [part for path in paths for part in (str(path), path.name.split("\n")[0])]
    assert "not among the files" in str(error) or any(name in str(error) for name in names), (
        f"the message names no file: {error}"
    )


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Fuzzed:
    return Fuzzed(tmp_path_factory.mktemp("fuzz"))


def repeated(test: Callable[..., None], seconds: float, n_examples: int = EXAMPLES_PER_SEED) -> int:
    """Run a property test with one seed after another until the time is over; returns the number of seeds."""
    quiet = settings(
        max_examples=n_examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    quietly, started, n = quiet(test), time.monotonic(), 0
    while not n or time.monotonic() - started < seconds:
        seed(FIRST_SEED + n)(quietly)()
        n += 1
    return n


def unique(files: Sequence[LandingFile]) -> list[LandingFile]:
    """The files without those whose path is taken, or needs a folder where a file is."""
    kept: dict[str, LandingFile] = {}
    for file in files:
        above = {str(parent) for parent in Path(file.path).parents}
        if not above & set(kept) and not any(file.path == str(p) for name in kept for p in Path(name).parents):
            kept.setdefault(file.path, file)
    return list(kept.values())


def calls(files: st.SearchStrategy[LandingFile], n_calls: int = 2) -> st.SearchStrategy[list[list[LandingFile]]]:
    return st.lists(st.lists(files, min_size=1, max_size=3).map(unique), min_size=1, max_size=n_calls)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 600)
def test_every_row_of_landing_files_is_accounted_for(fuzzed: Fuzzed, capsys: pytest.CaptureFixture[str]) -> None:
    @given(given_calls=calls(landing_files()), is_strict=st.booleans(), as_files=st.booleans(), is_named=st.booleans())
    def takes(given_calls: list[list[LandingFile]], is_strict: bool, as_files: bool, is_named: bool) -> None:
        fuzzed.forget()
        for files in given_calls:
            source = files[0].source if as_files and is_named and len(files) == 1 else None
            fuzzed.take(files, is_strict=is_strict, as_files=as_files, source=source)

    n_seeds = repeated(takes, SECONDS * 0.4)
    with capsys.disabled():
        print(f"\n{fuzzed.n_files} landing files seen, {fuzzed.n_loaded} of them loaded; {n_seeds} seeds")
    assert fuzzed.n_loaded > fuzzed.n_files / 20, "too few files can be read for the test to show anything"


def columns_of_each_use() -> list[list[tuple[str, str]]]:
    """Source and column of all columns, those that are read alike together."""
    alike: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for source, kinds in ACCOUNTS.items():
        for name, kind in kinds.items():
            column = LANDING[source].column(name)
            use = (kind, column.is_id, column.nullable)
            alike.setdefault(use, []).append((source, name))
    return list(alike.values())


TYPES_PER_CALL = 10
"""Arrow types that are read in one call: what a call costs whatever it reads is shared."""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(ARRAYS), TYPES_PER_CALL))
def test_an_arrow_type_in_any_column_is_read_or_refused(fuzzed: Fuzzed, first: int) -> None:
    """In a column of every fifth use, others for the next type; on demand, in every column."""
    uses, files = columns_of_each_use(), []
    for number, dtype in list(enumerate(sorted(ARRAYS)))[first : first + TYPES_PER_CALL]:
        chosen = uses if IS_LONG else [[alike[number // 5 % len(alike)]] for alike in uses[number % 5 :: 5]]
        files += [
            LandingFile(f"{source}/{name} {dtype}.parquet", content, source, 1)
            for of_use in chosen
            for source, name in of_use
            if (content := parquet_of_one_row(ACCOUNTS[source], name, dtype))
        ]
    fuzzed.forget()
    fuzzed.take(files)


def test_every_source_and_importer_is_fuzzed() -> None:
    assert set(ACCOUNTS) == set(LANDING)
    assert set(IMPORTERS) == set(FILES)


IMPORTERS: dict[str, Callable[[FormatOptions], Importer]] = {
    **{name: partial(one.importer, actions=DEFAULT_ACTIONS) for name, one in formats().items()},
    "annotation-sheet": lambda options: sheet_importer(ITEMS, JUDGED_SCHEMA.to_frame()),
    "generic": lambda options: generic(DEFAULT_ACTIONS),
}
OPTIONS = st.sampled_from([FormatOptions()] * 4 + [FormatOptions(time_zone="Europe/Berlin")])


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 600)
@pytest.mark.parametrize("name", IMPORTERS)
def test_every_record_of_a_log_is_accounted_for(fuzzed: Fuzzed, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    n_files, n_loaded = fuzzed.n_files, fuzzed.n_loaded

    @given(
        given_calls=calls(FILES[name](), 2 if IS_LONG else 1),
        is_strict=st.booleans(),
        as_files=st.booleans(),
        options=OPTIONS,
    )
    def takes(given_calls: list[list[LandingFile]], is_strict: bool, as_files: bool, options: FormatOptions) -> None:
        fuzzed.forget()
        for files in given_calls:
            fuzzed.take(files, is_strict=is_strict, as_files=as_files, format=IMPORTERS[name](options))

    repeated(takes, SECONDS * 0.5 / len(IMPORTERS) if IS_LONG else 0, LOGS_PER_SEED)
    n_files, n_loaded = fuzzed.n_files - n_files, fuzzed.n_loaded - n_loaded
    with capsys.disabled():
        print(f"\n{n_files} files of {name} seen, {n_loaded} of them loaded")
    assert n_loaded > n_files / 20 or not IS_LONG


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 600)
def test_the_command_line_shows_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzzed = Fuzzed(tmp_path / "files")
    environment = {"JOURNEYS_HOME": str(tmp_path / "home"), "JOURNEYS_EMBEDDER": "hashing", "COLUMNS": "160"}

    any_log = st.sampled_from(sorted(formats())).flatmap(lambda name: FILES[name]())

    @given(
        files=st.lists(st.one_of(landing_files(), any_log), min_size=1, max_size=3).map(unique),
        format=st.sampled_from(["landing", "auto", *formats()]),
    )
    def takes(files: list[LandingFile], format: str) -> None:
        fuzzed.write(files)
        fuzzed.n_files += len(files)
        result = CliRunner().invoke(app, ["ingest", str(fuzzed.landing), "--format", format], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output + result.stderr
        assert result.exit_code in (0, 1, 2), result.output

    repeated(takes, SECONDS * 0.1, usual_or_thorough(5, EXAMPLES_PER_SEED))
    with capsys.disabled():
        print(f"\n{fuzzed.n_files} files seen by the command line")
