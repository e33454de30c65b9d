"""Runs over the same days wait for each other, others do not, and a dead process holds no lock."""

import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from journeys_assets.storage import locks
from journeys_assets.storage.locks import days_locked
from tests.support.locks import HOLD

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 5)


class Held(Exception):
    """Raised instead of waiting."""


def refuse() -> None:
    raise Held


def hold(path: Path, first: date, last: date) -> None:
    with days_locked(path, first, last, on_wait=refuse):
        pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "days.lock"


@pytest.fixture
def other(path: Path):  # type: ignore[no-untyped-def]
    """Another process that has locked the days."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("first", "last"), [(FIRST, LAST), (LAST, date(2026, 3, 9)), (date(2026, 2, 1), FIRST), (date(2026, 3, 3),) * 2]
)
def test_overlapping_days_wait(path: Path, other: subprocess.Popen[str], first: date, last: date) -> None:
    with pytest.raises(Held):
        hold(path, first, last)


@pytest.mark.parametrize("day", [date(2026, 3, 1), date(2026, 3, 6)])
def test_other_days_do_not_wait(path: Path, other: subprocess.Popen[str], day: date) -> None:
    hold(path, day, day)


def test_a_killed_process_releases_the_lock(path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    hold(path, FIRST, LAST)


def test_waiting_ends_when_the_days_are_free(
    path: Path, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.05)
    waited = []

    def release_other() -> None:
        waited.append(True)
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()

    with days_locked(path, FIRST, LAST, on_wait=release_other):
        assert waited == [True]
