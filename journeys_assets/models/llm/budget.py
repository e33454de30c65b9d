"""What may be spent. A call is paid for beforehand, at the most it can cost, so that no bound is ever exceeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from threading import Condition

Now = Callable[[], datetime]
"""The time, UTC."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most calls, and most cost in the currency of the prices. None: no bound."""

    calls_per_run: int | None = None
    calls_per_day: int | None = None
    cost_per_run: float | None = None
    cost_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens, in any currency."""

    input: float = 0.0
    output: float = 0.0

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Spent:
    """What earlier runs spent in a UTC day."""

    day: date
    calls: int = 0
    cost: float = 0.0


class Budget:
    """Counts what one run spends. Shared by threads."""

    def __init__(self, limits: Limits, spent_today: Spent | None, *, now: Now) -> None:
        self._limits = limits
        self._now = now
        self._changed = Condition()
        self._run_calls, self._run_cost = 0, 0.0
        self._day = spent_today.day if spent_today else self._today()
        self._day_calls = spent_today.calls if spent_today else 0
        self._day_cost = spent_today.cost if spent_today else 0.0
        self._reserved = 0.0

    def reserve(self, most: float) -> bool:
        """Pay for one call that costs at most ``most``. Waits where calls under way may turn out to be cheaper.

        Returns:
            Whether the call may be made. If so, ``settle`` or ``give_back`` must follow.
        """
        with self._changed:
            while True:
                self._turn_day()
                if self._has_no_calls() or self._exceeds(most):
                    return False
                if not self._exceeds(most + self._reserved):
                    break
                self._changed.wait()
            self._run_calls += 1
            self._day_calls += 1
            self._reserved += most
            return True

    def settle(self, most: float, cost: float) -> None:
        """The call that ``most`` was reserved for cost ``cost``."""
        with self._changed:
            self._turn_day()
            self._reserved = max(0.0, self._reserved - most)
            self._run_cost += cost
            self._day_cost += cost
            self._changed.notify_all()

    def give_back(self, most: float) -> None:
        """The call that ``most`` was reserved for was not made."""
        with self._changed:
            self._run_calls -= 1
            self._day_calls = max(0, self._day_calls - 1)
            self._reserved = max(0.0, self._reserved - most)
            self._changed.notify_all()

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    def _turn_day(self) -> None:
        if (today := self._today()) != self._day:
            self._day, self._day_calls, self._day_cost = today, 0, 0.0

    def _has_no_calls(self) -> bool:
        run, day = self._limits.calls_per_run, self._limits.calls_per_day
        return (run is not None and self._run_calls >= run) or (day is not None and self._day_calls >= day)

    def _exceeds(self, cost: float) -> bool:
        run, day = self._limits.cost_per_run, self._limits.cost_per_day
        return (run is not None and self._run_cost + cost > run) or (day is not None and self._day_cost + cost > day)
