"""Numbers drawn as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[int]) -> str:
    """One bar per count, as high as its share of the largest; a dot for zero."""
    counts = list(values)
    top = max(counts, default=0)
    return "".join("·" if n == 0 else BARS[max(0, -(-n * len(BARS) // top) - 1)] for n in counts)


def trend(values: Sequence[float | None]) -> str:
    """One bar per value between the lowest and the highest; a space where there is no value."""
    there = [value for value in values if value is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    spread = high - low

    def bar(value: float) -> str:
        return BARS[min(len(BARS) - 1, int((value - low) / spread * len(BARS)))] if spread else BARS[0]

    return "".join(" " if value is None else bar(value) for value in values)
