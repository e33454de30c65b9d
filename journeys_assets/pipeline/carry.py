"""Carrying what was computed for unchanged users over from one day of a run to the next, in memory.

Rows that stay as they are from day to day are not carried here but copied inside the warehouse: see ``CarriedRows``.

What was read or computed for a user holds as long as the user's state (mostly: the latest inference) is the same, and
as long as whatever else it rests on (``basis``) is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import polars as pl

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Carried:
    """Frames of all live users as of a day.

    Attributes:
        states: user_id and what stands for the user's state, such as the partition_date of the latest inference; one
            row per live user.
        basis: What the frames rest on beside the users' inferences.
        frames: By name; each has a column user_id.
    """

    states: pl.DataFrame
    basis: Hashable
    frames: Frames


def carry_over(
    before: Carried | None,
    states: pl.DataFrame,
    make: Callable[[pl.DataFrame], Frames],
    *,
    basis: Hashable = None,
) -> Carried:
    """Frames of all users in ``states``: made for those that changed, carried over for the others.

    Args:
        before: What was carried on the day before; None on the first day.
        states: As in :class:`Carried`, for every live user.
        make: Makes the frames of the users in the states that it gets, always the same names and columns.
        basis: With another basis than that of ``before``, every user is made anew.

    Returns:
        Frames whose rows come in no promised order.
    """
    if before is None or before.basis != basis:
        return Carried(states, basis, make(states))
    key = states.columns
    unchanged = states.join(before.states, on=key, how="semi")
    made = make(states.join(before.states, on=key, how="anti"))
    kept = {name: before.frames[name].join(unchanged, on="user_id", how="semi") for name in made}
    return Carried(states, basis, {name: pl.concat([rows, kept[name]]) for name, rows in made.items()})
