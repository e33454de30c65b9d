"""Randomness by name: every part of the world draws from a stream of its own.

What belongs here: making streams and drawing from them. What does not: what is drawn.

A stream is named by the seed and by what it is for (user 17, day 3), never by what was drawn before. So another user, a
longer world or one more draw elsewhere changes nothing. Python's generator is used because its ``random`` is promised
to give the same numbers in every version.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, *name: object) -> random.Random:
    """The stream called ``name`` of the world ``seed``."""
    return random.Random("/".join(str(part) for part in (seed, *name)))


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One of ``items``, each as likely."""
    return items[int(rng.random() * len(items))]


def pick_weighted(rng: random.Random, items: Sequence[T], weights: Sequence[float]) -> T:
    """One of ``items``, likely as its weight (>= 0, not all 0)."""
    bounds = list(accumulate(weights))
    return items[min(bisect(bounds, rng.random() * bounds[-1]), len(items) - 1)]


def pick_early(rng: random.Random, items: Sequence[T], skew: float = 1.6) -> T:
    """One of ``items``, the earlier the likelier; ``skew`` 1 is even."""
    return items[int(rng.random() ** skew * len(items))]


def draw_without_return(rng: random.Random, items: Sequence[T], n: int) -> list[T]:
    """``n`` different ones of ``items`` (all of them where there are fewer), in random order."""
    rest = list(items)
    chosen: list[T] = []
    while rest and len(chosen) < n:
        chosen.append(rest.pop(int(rng.random() * len(rest))))
    return chosen
