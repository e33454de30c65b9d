"""Arguments, settings and files with which a command cannot work: one line says what is wrong, and nothing is made."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from tests.support.command_line import Journeys, runner

DAYS = ("0001-01-01", "2026-02-01", "2999-12-31", "9999-12-31")
LEARN = ("train", "calibrate", "expand", "judge-agreement", "pairs")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def journeys(home: Path) -> Journeys:
    return runner(home)


def refused(journeys: Journeys, *arguments: object) -> str:
    """What a command prints that is not carried out: exactly one line."""
    result = journeys(*arguments, code=2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error ")
    assert not result.stdout
    return line


@pytest.mark.parametrize("command", ["ingest", "export", "synth", "cluster", "show", "erase"])
def test_an_empty_argument_is_never_the_current_folder(
    journeys: Journeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "an argument is empty" in refused(journeys, command, "", "out.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("synth", "world", "--days", "99999999"),
        ("synth", "world", "--days", "1" + "0" * 30),
        ("synth", "world", "--days", "36500"),
        ("synth", "world", "--first-day", "9999-12-31"),
        ("synth", "world", "--first-day", "0001-01-01"),
        ("demo", "--days", "99999999"),
        ("demo", "--days", "1"),
        ("retention", "--days", "999999999", "--yes"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_days_beyond_the_calendar_are_refused(
    journeys: Journeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "fault of the program" not in refused(journeys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", LEARN)
def test_before_the_first_run_a_day_is_no_day_to_learn_from(journeys: Journeys, home: Path, command: str) -> None:
    target = [home.parent / "pairs.csv"] if command == "pairs" else []
    assert "journeys ingest" in refused(journeys, command, *target, "--as-of", DAYS[1])
    assert list(home.parent.iterdir()) == []


NO_YES = "error nothing was deleted, because nobody said yes; add --yes"


@pytest.mark.parametrize("answer", ["n\n", "", "\n", "yess\n"])
def test_nothing_is_deleted_without_a_yes(home: Path, answer: str) -> None:
    found = CliRunner().invoke(app, ["retention", "--days", "400"], input=answer, env={"JOURNEYS_HOME": str(home)})
    assert (found.exit_code, found.stdout) == (2, "")
    assert NO_YES in found.stderr


def test_nothing_is_deleted_where_nobody_can_answer(home: Path) -> None:
    code = "import sys; sys.stdin = None; from journeys_assets.cli.app import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code, "retention", "--days", "400"],
        env=os.environ | {"JOURNEYS_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert NO_YES in found.stderr


@pytest.mark.parametrize("columns", [None, "20"])
def test_help_in_a_pipe_is_complete(monkeypatch: pytest.MonkeyPatch, columns: str | None) -> None:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    for arguments in (["ingest", "--help"], ["annotate", "export", "--help"]):
        shown = CliRunner().invoke(app, arguments)
        assert shown.exit_code == 0
        assert "…" not in shown.stdout.replace("PATH|URL…", "")
        assert any(
            line.endswith("Print JSON, and nothing else on standard output.") for line in shown.stdout.splitlines()
        )
    long = "a DuckDB file, or a postgresql:// URL. The name of a file, table or folder gives its source."
    assert long in CliRunner().invoke(app, ["ingest", "--help"]).stdout
    alone = CliRunner().invoke(app, ["annotate"])
    assert alone.exit_code == 2
    assert "Import filled sheets." in alone.stderr
    assert not alone.stdout


def test_a_port_that_is_taken_is_one_line_and_no_address_is_printed() -> None:
    from journeys_assets.cli.errors import CommandError
    from journeys_assets.cli.explorer import listening

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1, port {port}: Address already in use"):
            listening("127.0.0.1", port)
    with pytest.raises(CommandError, match="cannot listen on 999"):
        listening("999.1.1.1", 8040)
    listening("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("name", "value", "subject", "said"),
    [
        ("FORMATS", '{"ga5": {}}', "formats", "formats.ga5, which is no log format; formats are ubi, ga4"),
        ("ACTIVATION__TO", '["segmnt"]', "activation", "'segmnt' is no destination"),
        ("ACTIVATION__TO", '["https://["]', "activation", "is no URL"),
        ("ACTIVATION__TO", '["parquet:s3://"]', "activation", "'parquet:s3://' is no destination"),
        ("KEY_VALUE_STORE", "http://host", "key-value store", "is no key-value store"),
    ],
)
def test_doctor_finds_settings_that_name_nothing(
    journeys: Journeys, monkeypatch: pytest.MonkeyPatch, name: str, value: str, subject: str, said: str
) -> None:
    monkeypatch.setenv(f"JOURNEYS_{name}", value)
    findings = json.loads(journeys("doctor", "--json", code=1).stdout)["findings"]
    (found,) = [one for one in findings if one["subject"] == subject]
    assert not found["ok"]
    assert said in found["text"]


def test_a_format_of_the_settings_that_does_not_exist_stops_an_ingest(
    journeys: Journeys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = home.parent / "search_events.csv"
    log.write_text("user_id,query,searched_at\nu1,oak desk,2026-03-01T10:00:00Z\n")
    monkeypatch.setenv("JOURNEYS_FORMATS", '{"ga5": {}}')
    assert "formats.ga5" in refused(journeys, "ingest", log)


@pytest.mark.parametrize("damage", [b"\xff\x00", b"[1]"])
def test_notes_that_are_damaged_stop_an_erasure_before_it_begins(journeys: Journeys, home: Path, damage: bytes) -> None:
    log = home.parent / "search_events.csv"
    log.write_text("user_id,query,searched_at\nu1,oak desk,2026-03-01T10:00:00Z\n")
    journeys("ingest", log)
    (home / "outside.jsonl").write_bytes(damage)
    assert f"{home / 'outside.jsonl'} is damaged" in refused(journeys, "erase", "u1", "--yes")
    (home / "outside.jsonl").unlink()
    assert "nothing of 'u2' was found" in journeys("erase", "u2", "--yes").stdout
    assert "was found" not in journeys("erase", "u1", "--yes").stdout


def test_a_file_below_the_home_is_not_outside_of_it_however_its_path_is_written(
    journeys: Journeys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "landing").mkdir(parents=True)
    (home / "landing" / "search_events.csv").write_text("user_id,query,searched_at\nu1,oak desk,2026-03-01T10:00:00Z\n")
    (home.parent / "link").symlink_to(home)
    monkeypatch.chdir(home.parent)
    journeys("ingest", "link/landing/search_events.csv")
    receipt = json.loads(journeys("erase", "u1", "--yes", "--json").stdout)
    assert receipt["outside"] == []
