"""Locks for runs: runs over the same days wait for each other; runs over other days go on in parallel.

A run locks its days in one lock file, one byte for each day. The kernel releases the locks when the process ends in any
way. The locks of the warehouse file are separate, and held only briefly.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

POLL_SECONDS = 0.5

DAYS_LOCK, LANDING_LOCK = "days.lock", "landing.lock"
"""Files of a home. A run locks its days in the one (:func:`days_locked`); whoever loads the landing folder locks the
other (:func:`exclusive_lock`)."""


@contextmanager
def days_locked(path: Path, first: date, last: date, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Lock the days ``first`` … ``last``; wait while another process has locked any of them.

    Args:
        path: The lock file, created if it does not exist. One process must not lock two ranges at once, because to the
            kernel both have the same owner.
        on_wait: Called once if the days cannot be locked immediately.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        has_waited = False
        while not _try_lock(file.fileno(), first, last):
            if not has_waited:
                on_wait()
                has_waited = True
            time.sleep(POLL_SECONDS)
        yield


def days_are_free(path: Path, first: date, last: date) -> bool:
    """Whether no other process has locked any of the days at this moment."""
    if not path.exists():
        return True
    with path.open("a+b") as file:
        return _try_lock(file.fileno(), first, last)


def _try_lock(descriptor: int, first: date, last: date) -> bool:
    n_days = (last - first).days + 1
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, n_days, first.toordinal())
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def exclusive_lock(lock_file: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Lock a file exclusively; wait while another process has locked it. The lock ends with the process at the latest.

    Args:
        on_wait: Called if another process has locked the file.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(lock_file: Path) -> bool:
    """Whether a process has locked the file with :func:`exclusive_lock`."""
    if not lock_file.exists():
        return False
    with lock_file.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
