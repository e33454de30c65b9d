"""What people type, name and log: it works, or one line says what is wrong; never a traceback, never markup."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from journeys_assets.domain.landing.ids import are_broken, clean_id
from tests.support.command_line import Journeys, runner
from tests.support.hostile import HOSTILE, acts


def log_of(*days: int) -> str:
    """Searches of two users on some days of March, as CSV."""
    return "user_id,query,searched_at\n" + "".join(
        f'{user},"{query}",2026-03-{day:02}T10:00:00Z\n'
        for user in ("u1", "u2")
        for day in days
        for query in ("wedding dress", "wedding venue", "wedding cake", "oak desk")
    )


LOG, LOG_OF_A_DAY = log_of(1, 2, 3), log_of(1)
KNOWN_CODES = {0, 1, 2}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "home"


@pytest.fixture(scope="module")
def journeys(home: Path) -> Journeys:
    command = runner(home)
    log = home.parent / "search_events.csv"
    log.write_text(LOG)
    command("ingest", log)
    command("run")
    return command


@pytest.fixture(scope="module")
def spare(journeys: Journeys, home: Path) -> Path:
    """A copy of the home, for calls that may load what they find."""
    return shutil.copytree(home, home.parent / "spare")


def assert_clear(result: Result) -> None:
    """Exit code 0, 1 or 2, no traceback, and where the command was not done one line says why."""
    assert result.exit_code in KNOWN_CODES, f"{result.output}\n{result.stderr}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output + result.stderr
    assert acts(result.output) == acts(result.stderr) == []
    errors = [line for line in result.stderr.splitlines() if line.startswith("error ")]
    assert len(errors) == (result.exit_code == 2)


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WORKING_NAMES = (" data [1] ", "~", "st*r {x}", "[", "a'b\"c;d #1 ünï 結婚 $HOME & 100% a:b=c")
"""Names of folders, one inside the other, and of files."""
REFUSED_NAMES = ("q?x", "pct%20", "back\\slash", "new\nline", "esc\x1b[31m", "bad\udcff")


def test_a_home_of_any_name_works(tmp_path: Path) -> None:
    place = tmp_path.joinpath(*WORKING_NAMES)
    name = WORKING_NAMES[-1]
    command = runner(place / "home")
    folder = place / "logs" / "search_events"
    folder.mkdir(parents=True)
    header, *rows = LOG_OF_A_DAY.splitlines(keepends=True)
    # Folders that the names would match as patterns hold other files.
    for other in ((" data [1] ", "~", "star {x}"), (" data 1 ", "~", "st*r {x}")):
        matched = tmp_path.joinpath(*other, *WORKING_NAMES[len(other) :], "logs", "search_events")
        matched.mkdir(parents=True)
        for file in WORKING_NAMES:
            (matched / f"{file}.csv").write_text(LOG_OF_A_DAY.replace("u1", "other"))
    for part, file in enumerate(WORKING_NAMES):
        (folder / f"{file}.csv").write_text("".join([header, *rows[part :: len(WORKING_NAMES)]]))
    loaded = json.loads(command("ingest", place / "logs", "--json").stdout)["files"]
    assert sum(file["n_accepted"] for file in loaded) == 8
    assert len(loaded) == len(WORKING_NAMES)
    command("run")
    assert json.loads(command("show", "u1", "--json").stdout)["journeys"]
    command("export", place / "out")
    assert pl.read_parquet(place / "out" / "user_journeys.parquet", glob=False).height
    command("annotate", "export", place / f"{name}.html")
    command("preview")
    version = json.loads(command("versions", "--json").stdout)["current"]
    command("compare", version, version)
    command("cluster", _keywords(place / f"{name}.csv"), place / f"{name} out.csv")
    assert "bad" not in [line.split()[0] for line in command("doctor").stdout.splitlines()]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_a_home_that_cannot_work_is_refused_at_once(tmp_path: Path, name: str) -> None:
    result = runner(tmp_path / name)("ingest", tmp_path, code=2)
    assert_clear(result)
    assert "JOURNEYS_HOME" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file_or_below_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        result = runner(home)("doctor", code=2)
        assert_clear(result)
        assert f"{tmp_path / 'file'} is a file" in result.stderr


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "search_events.csv").write_text(LOG)
    result = runner(Path("/sys/journeys"))("ingest", tmp_path / "search_events.csv", code=2)
    assert_clear(result)
    assert "/sys/journeys" in result.stderr


def _keywords(file: Path) -> Path:
    file.write_text("user_id,keyword\na,wedding dress\na,wedding dresses\n")
    return file


# ── arguments ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("places")
    (folder / "folder").mkdir()
    (folder / "file").write_text("x")
    for name in ("binary.csv", "binary.parquet", "binary.jsonl", "search_events.csv.gz"):
        (folder / name).write_bytes(bytes(range(256)) * 8)
    (folder / "empty.csv").touch()
    (folder / "empty.parquet").touch()
    _keywords(folder / "[x] keywords.csv")
    return {
        "missing": folder / "no" / "such" / "file.csv",
        "unwritable": Path("/sys/journeys/x.csv"),
        "null": Path("/dev/null"),
        **{path.name: path for path in folder.iterdir()},
    }


COMMANDS: dict[str, Callable[[str, str, str], list[str]]] = {
    "show": lambda text, place, day: ["show", text, "--as-of", day],
    "show_json": lambda text, place, day: ["show", text, "--json"],
    "ingest": lambda text, place, day: ["ingest", place, "--format", text],
    "ingest_source": lambda text, place, day: ["ingest", place, "--source", text],
    "ingest_plain": lambda text, place, day: ["ingest", place],
    "export": lambda text, place, day: ["export", place, "--as-of", day],
    "export_last": lambda text, place, day: ["export", place],
    "cluster_in": lambda text, place, day: ["cluster", place, "out.parquet"],
    "cluster_out": lambda text, place, day: ["cluster", "[x] keywords.csv", place],
    "readout": lambda text, place, day: ["readout", "--from", day],
    "preview": lambda text, place, day: ["preview", "--as-of", day],
    "compare": lambda text, place, day: ["compare", text, text],
    "annotate_export": lambda text, place, day: ["annotate", "export", place, "--annotators", text],
    "annotate_export_day": lambda text, place, day: ["annotate", "export", place, "--as-of", day],
    "annotate_import": lambda text, place, day: ["annotate", "import", place],
    "evaluate": lambda text, place, day: ["evaluate", "--only", text],
    "synth": lambda text, place, day: ["synth", place, "--users", "1", "--days", "1"],
    "run": lambda text, place, day: ["run", "--from", day],
    "unknown": lambda text, place, day: [text],
    "option": lambda text, place, day: ["doctor", f"--{text}"],
}
DAYS = (
    "2026-03-02",
    "2020-01-01",
    "2999-12-31",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "today",
    "",
    "[/x]",
    "\x1b[2J",
)


@hypothesis_settings(max_examples=hypothesis_settings.default.max_examples * 3 // 10)
@given(
    command=st.sampled_from(sorted(COMMANDS)),
    text=st.sampled_from(HOSTILE) | st.text(st.characters(exclude_characters="\0"), max_size=8),
    place=st.integers(0, 20),
    day=st.sampled_from(DAYS),
)
def test_no_argument_ends_in_a_traceback(
    spare: Path, places: dict[str, Path], command: str, text: str, place: int, day: str
) -> None:
    from typer.testing import CliRunner

    from journeys_assets.cli.app import app

    chosen = str(sorted(places.values())[place % len(places)])
    arguments = [
        str(places["[x] keywords.csv"]) if argument == "[x] keywords.csv" else argument
        for argument in COMMANDS[command](text, chosen, day)
    ]
    arguments = [str(spare.parent / a) if a == "out.parquet" else a for a in arguments]
    assert_clear(CliRunner().invoke(app, arguments, env={"JOURNEYS_HOME": str(spare), "JOURNEYS_EMBEDDER": "hashing"}))


@pytest.mark.parametrize(
    "arguments",
    [("show", "u1"), ("export", "out"), ("preview",), ("annotate", "export", "s.csv")],
    ids=lambda arguments: arguments[0],
)
def test_a_day_that_was_never_run_is_an_error_that_says_which_were(
    journeys: Journeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = journeys(*arguments, "--as-of", "2026-02-01", code=2)
    assert_clear(result)
    assert "2026-02-01 was never run" in result.stderr
    assert "2026-03-01 … 2026-03-03" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "calibrate", "expand", "judge-agreement", "pairs"])
def test_what_is_learnt_is_learnt_up_to_a_day_that_was_run(
    journeys: Journeys, home: Path, tmp_path: Path, command: str
) -> None:
    target = [tmp_path / "pairs.csv"] if command == "pairs" else []
    before = sorted(path for path in home.rglob("*") if "dagster" not in path.parts)
    for day in ("0001-01-01", "2026-02-28", "2999-12-31", "9999-12-31"):
        result = journeys(command, *target, "--as-of", day, code=2)
        assert_clear(result)
        assert f"{day} was never run; the days that were are 2026-03-01 … 2026-03-03" in result.stderr
    assert sorted(path for path in home.rglob("*") if "dagster" not in path.parts) == before
    assert list(tmp_path.iterdir()) == []


def test_what_is_handed_over_is_counted_in_json_as_in_text(journeys: Journeys, tmp_path: Path) -> None:
    (done,) = json.loads(journeys("activate", "--to", f"csv:{tmp_path / 'a b%20?#'}", "--json").stdout)
    assert done["accepted"] == {"traits": 2}
    assert "handed over: 2 traits" in journeys("activate", "--to", f"csv:{tmp_path / 'other'}").stdout


def test_a_send_far_before_the_others_is_no_first_day_of_the_experiment(spare: Path, tmp_path: Path) -> None:
    command, log = runner(spare), tmp_path / "notification_events.csv"
    sends = {"n1": "1970-01-01", "n2": "2026-03-01", "n3": "2026-03-02"}
    rows = [f"{name},u1,push,journey,{day}T10:00:00Z" for name, day in sends.items()]
    log.write_text("\n".join(["notification_id,user_id,channel,arm,sent_at", *rows]))
    command("ingest", log)
    result = command("readout")
    assert result.stdout.startswith("2026-03-01 … 2026-03-03")
    assert "left out: 1 event of 1970-01-01" in result.stderr
    assert command("readout", "--from", "1970-01-01").stdout.startswith("1970-01-01 … 2026-03-03")
    for day in ("2026-03-04", "9999-12-31"):
        assert command("readout", "--to", day).stdout.startswith("2026-03-01 … 2026-03-03")
    for arguments, said in {
        ("--from", "0001-01-01"): "no event is before 1970-01-01",
        ("--from", "9999-12-31"): "the last day of the experiment, 2026-03-03, is before its first day",
        ("--to", "0001-01-01"): "the last day of the experiment, 0001-01-01, is before its first day",
    }.items():
        result = command("readout", *arguments, code=2)
        assert_clear(result)
        assert said in result.stderr


def test_readout_before_the_first_run_and_without_sends(tmp_path: Path, journeys: Journeys) -> None:
    fresh = runner(tmp_path / "home")
    assert "journeys ingest" in fresh("readout", code=2).stderr
    (tmp_path / "search_events.csv").write_text(LOG)
    fresh("ingest", tmp_path / "search_events.csv")
    result = fresh("readout", code=2)
    assert_clear(result)
    assert "journeys run" in result.stderr
    assert "no send was logged" in journeys("readout", code=2).stderr


# ── state ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("damage", [b"\xffnot what it was", b"", None], ids=["other bytes", "empty", "folder"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("first_day", ("run",)),
        ("annotation_salt", ("annotate", "export", "SHEET")),
        ("warehouse.duckdb", ("doctor",)),
        ("journeys.toml", ("doctor",)),
        ("dagster/history/runs.db", ("train",)),
        ("models/ranker/r1/card.json", ("doctor",)),
        ("models/related/.content/current", ("related", "wedding")),
    ],
)
def test_a_broken_state_file_is_one_line_that_names_it(
    journeys: Journeys, home: Path, tmp_path: Path, name: str, arguments: tuple[str, ...], damage: bytes | None
) -> None:
    import shutil

    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    file = copy / name
    file.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    if damage is None:
        file.mkdir()
        (file / "x").touch()
    else:
        file.write_bytes(damage)
    code = {"models/ranker/r1/card.json": 1, "journeys.toml": 0 if damage == b"" else 2}.get(name, 2)
    if name == "dagster/history/runs.db" and damage == b"":
        code = 1  # SQLite makes its tables in an empty file, and there are too few labels to train on
    result = runner(copy)(*(str(tmp_path / "s.csv") if a == "SHEET" else a for a in arguments), code=code)
    assert_clear(result)
    is_broken = damage != b"" or not name.startswith("dagster")
    if code and is_broken:
        assert str(file.parent if name.startswith("dagster") else file).split("/history")[0] in (
            result.stderr + result.stdout
        )


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hostile_rows_columns_and_annotators_are_shown_as_they_are(tmp_path: Path) -> None:
    command = runner(tmp_path / "home [b]")
    texts = [text for text in HOSTILE if "\udcff" not in text]
    rows = [
        {
            "user_id": text,
            "query": f"{text} {word}",
            "searched_at": "2026-03-01T10:00:00Z",
            "[/note]": 1,
            "\x1b[1m": 2,
        }
        for text in texts
        for word in ("wedding dress", "wedding venue", "wedding cake")
    ]
    bad = [{"user_id": text, "query": "x", "searched_at": text} for text in texts]
    log = tmp_path / "search_events [x].jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows + bad))
    ingested = command("ingest", log)
    assert "[/note]" in ingested.stdout
    command("run")
    ids = [clean_id(text) for text in texts]
    users = [text for text, is_broken in zip(texts, are_broken(pl.Series(ids)), strict=True) if not is_broken]
    assert len(users) > len(texts) / 2
    doctor = command("doctor", code=1)
    for result in (ingested, doctor, *(command("show", user, "--explain") for user in users)):
        assert acts(result.stdout) == acts(result.stderr) == []
    assert "[x].jsonl, line" in doctor.stdout
    changed = [user for user in users if clean_id(user) != user]
    for user in (*changed, users[0], users[-1]):
        assert json.loads(command("show", user, "--json").stdout)["user_id"] == clean_id(user)
    sheet = tmp_path / "sheet.csv"
    command("annotate", "export", sheet, "--annotators", "[/ann],b</script>en")
    assert_clear(command("annotate", "agreement"))


# ── how a command ends ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def started(home: Path, *arguments: str, **options: int) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, whose first line on standard error says that it is about to begin."""
    code = "import sys; from journeys_assets.cli.app import main; print('imported', file=sys.stderr); main()"
    environment = os.environ | {"JOURNEYS_HOME": str(home), "JOURNEYS_EMBEDDER": "hashing", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_a_closed_pipe_is_no_traceback(journeys: Journeys, home: Path) -> None:
    for arguments in (("doctor",), ("show", "u1", "--json"), ("--help",)):
        with started(home, *arguments) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            said = process.stderr.read()
            process.wait()
        assert "Traceback" not in said
        assert "BrokenPipe" not in said


def test_ctrl_c_ends_with_130_and_without_a_traceback(tmp_path: Path) -> None:
    with started(tmp_path / "home", "synth", str(tmp_path / "world"), "--users", "100000", "--days", "900") as process:
        # How long a process takes to get there depends on the machine.
        assert process.stderr is not None
        assert process.stderr.readline() == "imported\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + said


def test_a_failed_run_prints_the_one_line_that_matters(journeys: Journeys, home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    (copy / "journeys.duckdb").unlink()
    (copy / "journeys.duckdb").mkdir()
    (copy / "journeys.duckdb" / "x").touch()
    with started(copy, "run", "--full", "--from", "2026-03-03") as process:
        out, said = process.communicate(timeout=120)
    assert process.returncode == 2
    errors = [line for line in said.splitlines() if ": " in line and " of " not in line]
    assert len(errors) == 1
    assert "journeys.duckdb" in errors[0]
    assert "Traceback" not in out + said
    assert "Stack" not in out + said


LISTS = (
    ("doctor",), ("versions",), ("show", "u1"), ("annotate", "agreement"), ("train",), ("preview",),
    ("run", "--from", "2026-03-03"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", LISTS, ids=lambda arguments: arguments[0])
def test_json_is_all_that_is_on_standard_output(journeys: Journeys, arguments: tuple[str, ...]) -> None:
    code = 1 if arguments == ("train",) else 0
    assert isinstance(json.loads(journeys(*arguments, "--json", code=code).stdout), dict)


# ── personal data ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_export_masks_personal_data_in_keywords(journeys: Journeys, home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(home, tmp_path / "home")
    with duckdb.connect(str(copy / "warehouse.duckdb")) as con:
        con.execute("UPDATE main.user_journeys SET keywords = list_append(keywords, 'jo@example.org')")
    runner(copy)("export", tmp_path / "out")
    keywords = pl.read_parquet(tmp_path / "out" / "user_journeys.parquet")["keywords"].explode()
    assert "[e-mail]" in keywords
    assert "wedding dress" in keywords
    assert not keywords.str.contains("jo@", literal=True).any()
