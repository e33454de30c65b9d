"""Shards of users: ranges of user ids, so that the rows of one shard fit in memory.

Ranges and not hashes, because a stage writes its shards one after the other: the rows of a shard then lie together in
each table, and DuckDB skips the row groups of all others when a shard is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

_EVENTS = """
    SELECT user_id, searched_at AS engaged_at FROM landing.search_events
    UNION ALL SELECT user_id, engaged_at FROM landing.pin_engagements
    UNION ALL SELECT user_id, saved_at FROM landing.board_pins
"""
_USERS = f"SELECT user_id FROM ({_EVENTS}) WHERE engaged_at < ($day::DATE + 1)::TIMESTAMP"
"""The user of every event of a text-bearing source up to the end of a day."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The users whose id is in a range. All shards of a run together are all users, each once.

    Attributes:
        number: 0 for the first of the shards.
        of: How many shards there are.
        low: The first id of the range; None where it has no lower bound.
        high: The id that ends the range and is not in it; None where it has no upper bound.
    """

    number: int = 0
    of: int = 1
    low: str | None = None
    high: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether every user is in it."""
        return self.of == 1

    @property
    def is_last(self) -> bool:
        """Whether it is the last of the shards."""
        return self.number == self.of - 1

    def sql(self, column: str = "user_id") -> str:
        """A condition of SQL that the rows of its users meet."""
        bounds = [f"{column} >= {_literal(self.low)}"] if self.low is not None else []
        bounds += [f"{column} < {_literal(self.high)}"] if self.high is not None else []
        return " AND ".join(bounds) or "true"

    def of_frame(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows (user_id, …) of its users."""
        bounds = [pl.col("user_id") >= self.low] if self.low is not None else []
        bounds += [pl.col("user_id") < self.high] if self.high is not None else []
        return rows.filter(*bounds) if bounds else rows


EVERYONE = Shard()
"""The one shard of a run that has all users in memory together."""


def users_with_events(con: duckdb.DuckDBPyConnection, day: date) -> int:
    """About how many users have an event of a text-bearing source up to the end of ``day``."""
    row = con.execute(f"SELECT approx_count_distinct(user_id) FROM ({_USERS})", {"day": day}).fetchone()
    return int(row[0]) if row else 0


def shards_of_users(con: duckdb.DuckDBPyConnection, day: date, users_per_shard: int) -> tuple[Shard, ...]:
    """As few shards as there can be with at most ``users_per_shard`` users with an event up to the end of ``day``."""
    starts = con.execute(
        f"""
        SELECT user_id FROM (
          SELECT user_id, row_number() OVER (ORDER BY user_id) - 1 AS place FROM (SELECT DISTINCT * FROM ({_USERS}))
        ) WHERE place > 0 AND place % $most = 0 ORDER BY user_id
        """,
        {"day": day, "most": users_per_shard},
    ).fetchall()
    bounds = [None, *(start for (start,) in starts), None]
    return tuple(
        Shard(number, len(bounds) - 1, low, high) for number, (low, high) in enumerate(itertools.pairwise(bounds))
    )


def most_events_of_a_day(con: duckdb.DuckDBPyConnection, first: date, last: date) -> int:
    """Events of text-bearing sources on that day from ``first`` to ``last`` which has most of them."""
    row = con.execute(
        f"""
        SELECT coalesce(max(n), 0) FROM (
          SELECT count(*) AS n FROM ({_EVENTS})
          WHERE engaged_at >= $first::TIMESTAMP AND engaged_at < ($last::DATE + 1)::TIMESTAMP
          GROUP BY engaged_at::DATE
        )
        """,
        {"first": first, "last": last},
    ).fetchone()
    return int(row[0]) if row else 0


def merged(shards: Sequence[Shard], most: int) -> tuple[Shard, ...]:
    """The same users in at most ``most`` shards, of neighbouring ranges each."""
    each = -(-len(shards) // max(1, most))
    groups = [shards[start : start + each] for start in range(0, len(shards), each)]
    return tuple(Shard(n, len(groups), group[0].low, group[-1].high) for n, group in enumerate(groups))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
