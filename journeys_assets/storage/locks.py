"""Runs over the same days take turns; runs over other days go on side by side.

A run holds its days in one lock file, a byte for each day. The kernel lets go of them when the process ends, however it
ends. What belongs here: the lock. What does not: the locks of the warehouse file, which are held for moments only.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

POLL_SECONDS = 0.5


@contextmanager
def days_held(path: Path, first: date, last: date, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the days ``first`` … ``last``; waits while another process holds any of them.

    Args:
        path: The lock file; made if it is not there. One process must not hold two stretches at once: to the kernel
            they are one owner's.
        on_wait: Called once if the days are not free at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        has_waited = False
        while not _taken(file.fileno(), first, last):
            if not has_waited:
                on_wait()
                has_waited = True
            time.sleep(POLL_SECONDS)
        yield


def days_are_free(path: Path, first: date, last: date) -> bool:
    """Whether no other process holds any of the days at this moment."""
    if not path.exists():
        return True
    with path.open("a+b") as file:
        return _taken(file.fileno(), first, last)


def _taken(descriptor: int, first: date, last: date) -> bool:
    n_days = (last - first).days + 1
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, n_days, first.toordinal())
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def at_work(lock_file: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Shows others that files are being taken, and waits while another takes some; it ends with the process at last.

    Args:
        on_wait: Called if another one is at work.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_at_work(lock_file: Path) -> bool:
    """Whether someone is within :func:`at_work`."""
    if not lock_file.exists():
        return False
    with lock_file.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
