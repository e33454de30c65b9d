"""When the next call may go out: a rate limit, a pause that the endpoint asked for, back-off, and a circuit breaker."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Lock

from journeys_assets.models.llm.chat import ChatError

Clock = Callable[[], float]
"""Seconds from any beginning, never going back: ``time.monotonic``."""
Sleep = Callable[[float], None]

FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
"""Seconds; each attempt doubles the bound below which the wait is drawn."""
LONGEST_PAUSE = 120.0
"""Seconds. Where an endpoint asks for more, the question is given up."""
DEAD_AFTER = 10
"""Calls in a row, over all threads, that find the endpoint out of order before it counts as dead."""
DEAD_FOR = 60.0
"""Seconds after which a dead endpoint is tried again, with one failure enough to give up again."""


class Pace:
    """Spaces calls out evenly: no minute has more than the limit. Shared by threads."""

    def __init__(self, requests_per_minute: float | None, *, clock: Clock, sleep: Sleep) -> None:
        self._spacing = 60 / requests_per_minute if requests_per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._lock = Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the turn of one call."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._spacing
        if turn > now:
            self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """No call goes out for ``seconds`` from now."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


def backoff_seconds(n_failed: int, jitter: random.Random) -> float:
    """How long to wait after the ``n_failed``-th failure: exponential, with full jitter."""
    return jitter.uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(n_failed - 1, 30)))


class Breaker:
    """Whether the endpoint is plainly dead, so that the questions left do not wait for it one by one."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._n_in_a_row = 0
        self._dead_since: float | None = None
        self._reason = ""

    def note_answer(self) -> None:
        """The endpoint works, whatever it answered."""
        with self._lock:
            self._n_in_a_row, self._dead_since = 0, None

    def note_failure(self, error: ChatError) -> None:
        """The endpoint is out of order, if the error says so; otherwise it works."""
        if not error.is_of_endpoint:
            self.note_answer()
            return
        with self._lock:
            self._n_in_a_row += 1
            if self._n_in_a_row >= DEAD_AFTER:
                self._dead_since, self._reason = self._clock(), error.reason

    @property
    def reason(self) -> str:
        """Why no call is made; empty if calls are made."""
        with self._lock:
            if self._dead_since is None or self._clock() - self._dead_since >= DEAD_FOR:
                return ""
            return f"endpoint given up: {self._reason}"
