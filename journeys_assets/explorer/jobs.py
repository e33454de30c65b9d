"""Work that takes longer than a page may: done in the background, kept until the published file changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

from journeys_assets.errors import JourneysError

MOST_KEPT = 16


class Jobs:
    """Results by key; a key that is new is worked on in the background."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(2, thread_name_prefix="job")
        self._kept: dict[Hashable, Future[Any]] = {}
        self._turn = Lock()

    def result(self, key: Hashable, work: Callable[[], Any], *, wait_s: float = 0.05) -> tuple[Any, str | None]:
        """The result and no problem; (None, None) while it is being made; (None, problem) if it cannot be made.

        Args:
            key: What the result depends on.
            wait_s: How long a page waits for it.
        """
        with self._turn:
            if key not in self._kept:
                while len(self._kept) >= MOST_KEPT:
                    self._kept.pop(next(iter(self._kept))).cancel()
                self._kept[key] = self._worker.submit(work)
            future = self._kept[key]
        try:
            return future.result(timeout=wait_s), None
        except TimeoutError:
            return None, None
        except (JourneysError, ValueError) as error:
            with self._turn:
                self._kept.pop(key, None)  # the next visit tries again
            return None, str(error)

    def close(self) -> None:
        """Forget what was not begun, and wait for the rest."""
        self._worker.shutdown(wait=True, cancel_futures=True)
