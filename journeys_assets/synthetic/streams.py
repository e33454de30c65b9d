"""Named random streams: every part of the world draws from its own stream.

The name of a stream consists of the seed and its purpose (user 17, day 3), and not of earlier draws. So an additional
user, a longer world or one more draw elsewhere changes nothing. Python's generator is used because its ``random``
guarantees the same numbers in every version.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, *name: object) -> random.Random:
    """The stream ``name`` of the world with ``seed``."""
    return random.Random("/".join(str(part) for part in (seed, *name)))


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One of ``items``, all equally likely."""
    return items[int(rng.random() * len(items))]


def pick_weighted(rng: random.Random, items: Sequence[T], weights: Sequence[float]) -> T:
    """One of ``items``, with probability proportional to its weight (>= 0, not all 0)."""
    bounds = list(accumulate(weights))
    return items[min(bisect(bounds, rng.random() * bounds[-1]), len(items) - 1)]


def pick_early(rng: random.Random, items: Sequence[T], skew: float = 1.6) -> T:
    """One of ``items``, earlier ones with higher probability; ``skew`` 1 is uniform."""
    return items[int(rng.random() ** skew * len(items))]


def draw_without_replacement(rng: random.Random, items: Sequence[T], n: int) -> list[T]:
    """``n`` distinct positions of ``items`` (all of them if there are fewer), in random order."""
    rest = list(items)
    chosen: list[T] = []
    while rest and len(chosen) < n:
        chosen.append(rest.pop(int(rng.random() * len(rest))))
    return chosen
