"""Keys of the landing tables that match nothing where they should: what the joins of the pipeline drop.

Keys are counted in the warehouse; only the most frequent unmatched ones are read. ``domain.quality.unmatched`` finds
the likely cause and says what is a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.quality.unmatched import Cause, Unmatched, likely_cause

EXAMPLES = 5
TRIED_KEYS = 1_000
"""Most unmatched keys for which a cause is looked for."""

_EVENT_USERS = """
    SELECT user_id, count(*) AS n FROM landing.search_events GROUP BY user_id
    UNION ALL SELECT user_id, count(*) FROM landing.pin_engagements GROUP BY user_id
    UNION ALL SELECT user_id, count(*) FROM landing.board_pins GROUP BY user_id
"""
_UNSUBSCRIBES = """
    SELECT user_id FROM landing.notification_events WHERE unsubscribed_at IS NOT NULL
    UNION ALL SELECT user_id FROM landing.refused_unsubscribes
"""
_JOURNEYS = """
    SELECT user_id AS owner, journey_id AS key FROM main.journey_clusters
    UNION SELECT user_id, journey_id FROM main.journey_events
    UNION SELECT user_id, unnest(related_journey_ids) FROM main.journey_events
"""
"""Every journey that there is or was: the clusters of old inferences are deleted, the events of their journeys are not.
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """One column of a landing table, and what it should match.

    Attributes:
        name: The column.
        target: What it should match.
        effect: What happens to rows that match nothing.
        keys: SQL: owner (the user of whom the key must be; null where it may be anybody's), key, n (rows).
        known: SQL: owner, key of all that can match, without repeats.
        is_usual, is_objection: See ``domain.quality.unmatched.Unmatched``.
        has_cause: Whether a key that is written differently could be the cause.
    """

    name: str
    target: str
    effect: str
    keys: str
    known: str
    is_usual: bool = False
    is_objection: bool = False
    has_cause: bool = True


_NO_OWNER = "NULL::VARCHAR AS owner"
_PINS = f"SELECT DISTINCT {_NO_OWNER}, pin_id AS key FROM landing.pins"
_LINKED = "SELECT unnest([user_id, other_id]) AS user_id FROM landing.identity_pairs"
"""An id that is linked to another one matches by the other one."""
_KNOWN_EVENT_USERS = (
    f"SELECT DISTINCT {_NO_OWNER}, user_id AS key FROM (SELECT user_id FROM ({_EVENT_USERS}) UNION ALL {_LINKED})"
)

_OF_ITEMS = (
    Reference(
        "pin_engagements.pin_id",
        "pins.pin_id",
        "these engagements have no keyword",
        f"SELECT {_NO_OWNER}, pin_id AS key, count(*) AS n FROM landing.pin_engagements GROUP BY pin_id",
        _PINS,
    ),
    Reference(
        "board_pins.pin_id",
        "pins.pin_id",
        "only the names of their boards count",
        f"SELECT {_NO_OWNER}, pin_id AS key, count(*) AS n FROM landing.board_pins GROUP BY pin_id",
        _PINS,
    ),
    Reference(
        "pin_engagements.pin_id with a row in pins",
        "item that has annotations or interests",
        "engagements with an item without text have no keyword",
        f"SELECT {_NO_OWNER}, pin_id AS key, count(*) AS n FROM landing.pin_engagements "
        "WHERE pin_id IN (SELECT pin_id FROM landing.pins) GROUP BY pin_id",
        # An item of which an earlier version had text counts as one with text.
        f"SELECT DISTINCT {_NO_OWNER}, pin_id AS key FROM landing.pins "
        "WHERE len(annotation_keywords) > 0 OR len(interest_keywords) > 0",
        has_cause=False,
    ),
)

_OF_USERS = (
    Reference(
        "user_id of events",
        "users.user_id",
        "the consent of these users is unknown, so nothing is sent to them",
        f"SELECT {_NO_OWNER}, user_id AS key, sum(n)::BIGINT AS n FROM ({_EVENT_USERS}) "
        "WHERE (SELECT count(*) FROM landing.users) > 0 GROUP BY user_id",
        f"SELECT DISTINCT {_NO_OWNER}, user_id AS key FROM (SELECT user_id FROM landing.users UNION ALL {_LINKED})",
        is_usual=True,
    ),
    Reference(
        "users.user_id",
        "user_id of an event",
        "these users have no journeys",
        f"SELECT DISTINCT {_NO_OWNER}, user_id AS key, 1 AS n FROM landing.users",
        _KNOWN_EVENT_USERS,
        is_usual=True,
    ),
    Reference(
        "notification_events.user_id",
        "user_id of an event",
        "these sends count for users without journeys",
        f"SELECT {_NO_OWNER}, user_id AS key, count(DISTINCT notification_id) AS n "
        "FROM landing.notification_events GROUP BY user_id",
        _KNOWN_EVENT_USERS,
        is_usual=True,
    ),
    Reference(
        "user_id of unsubscribes",
        "user_id of an event or of users",
        "they hold back no messages",
        f"SELECT {_NO_OWNER}, user_id AS key, count(*) AS n FROM ({_UNSUBSCRIBES}) GROUP BY user_id",
        f"{_KNOWN_EVENT_USERS} UNION SELECT {_NO_OWNER}, user_id FROM landing.users",
        is_usual=True,
        is_objection=True,
    ),
    Reference(
        "identities.other_id",
        "user_id of an event or of identities",
        "these links give nobody an event",
        f"SELECT {_NO_OWNER}, other_id AS key, count(*) AS n FROM landing.identities GROUP BY other_id",
        f"SELECT DISTINCT {_NO_OWNER}, user_id AS key FROM ("
        f"SELECT user_id FROM ({_EVENT_USERS}) UNION ALL SELECT user_id FROM landing.identities "
        "UNION ALL SELECT user_id FROM landing.users UNION ALL SELECT user_id FROM landing.notification_events)",
        is_usual=True,
    ),
)

_OF_JOURNEYS = (
    Reference(
        "notification_events.journey_id",
        "journey of the user",
        "no journey learns from these sends",
        "SELECT user_id AS owner, journey_id AS key, count(DISTINCT notification_id) AS n "
        "FROM landing.notification_events WHERE journey_id IS NOT NULL GROUP BY ALL",
        _JOURNEYS,
        is_usual=True,
    ),
    Reference(
        "journey_feedback.journey_id",
        "journey of the user",
        "this feedback has no effect",
        "SELECT user_id AS owner, journey_id AS key, count(*) AS n FROM landing.journey_feedback GROUP BY ALL",
        _JOURNEYS,
        is_usual=True,
    ),
    Reference(
        "journey_annotations.journey_id",
        "journey of the user",
        "these judgements count only where they name keywords",
        "SELECT user_id AS owner, journey_id AS key, count(*) AS n FROM landing.journey_annotations "
        "WHERE journey_id IS NOT NULL GROUP BY ALL",
        _JOURNEYS,
        is_usual=True,
    ),
)


def unmatched_keys(con: duckdb.DuckDBPyConnection) -> list[Unmatched]:
    """Every reference that has rows, with its unmatched keys. Journeys are compared only once there are any."""
    references = [*_OF_ITEMS, *_OF_USERS, *(_OF_JOURNEYS if _has_journeys(con) else ())]
    found = [_unmatched(con, reference) for reference in references]
    return [one for one in found if one.n_rows]


def unmatched_engagements(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> Unmatched:
    """Engagements and board pins of the ``trailing_days`` that end on ``day`` whose item is unknown; no cause."""
    first = f"DATE '{day}' - {trailing_days}"
    reference = Reference(
        "pin_id of engagements",
        "pins.pin_id",
        "these engagements have no keyword of an item",
        f"""
        SELECT {_NO_OWNER}, pin_id AS key, count(*) AS n FROM (
          SELECT pin_id, engaged_at::DATE AS day FROM landing.pin_engagements
          UNION ALL SELECT pin_id, saved_at::DATE FROM landing.board_pins
        ) WHERE day > {first} AND day <= DATE '{day}' GROUP BY pin_id
        """,
        _PINS,
        has_cause=False,
    )
    return _unmatched(con, reference)


def _has_journeys(con: duckdb.DuckDBPyConnection) -> bool:
    are_there = """
        SELECT count(*) FROM duckdb_tables()
        WHERE schema_name = 'main' AND table_name IN ('journey_clusters', 'journey_events')
    """
    return con.execute(are_there).fetchone() == (2,) and bool(
        con.execute("SELECT 1 FROM main.journey_clusters LIMIT 1").fetchone()
    )


def _unmatched(con: duckdb.DuckDBPyConnection, reference: Reference) -> Unmatched:
    worst = con.sql(
        f"""
        WITH keys AS MATERIALIZED ({reference.keys}), missing AS MATERIALIZED (
          SELECT owner, key, n FROM keys ANTI JOIN ({reference.known}) AS known
          ON keys.key = known.key AND keys.owner IS NOT DISTINCT FROM known.owner
        )
        SELECT totals.*, missing.* FROM (
          SELECT (SELECT count(*) FROM keys) AS n_keys, (SELECT coalesce(sum(n), 0)::BIGINT FROM keys) AS n_rows,
                 (SELECT count(*) FROM missing) AS n_unmatched_keys,
                 (SELECT coalesce(sum(n), 0)::BIGINT FROM missing) AS n_unmatched_rows
        ) AS totals LEFT JOIN missing ON true ORDER BY n DESC, key, owner LIMIT {TRIED_KEYS}
        """
    ).pl()
    totals, keys = worst.row(0, named=True), worst.filter(pl.col("key").is_not_null())
    return Unmatched(
        reference=reference.name,
        target=reference.target,
        effect=reference.effect,
        n_rows=totals["n_rows"],
        n_keys=totals["n_keys"],
        n_unmatched_rows=totals["n_unmatched_rows"],
        n_unmatched_keys=totals["n_unmatched_keys"],
        examples=_examples(keys),
        cause=_cause(con, reference, keys) if reference.has_cause and keys.height else None,
        is_usual=reference.is_usual,
        is_objection=reference.is_objection,
    )


def _examples(keys: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    return tuple(keys.head(EXAMPLES).select("key", "n").iter_rows())


def _cause(con: duckdb.DuckDBPyConnection, reference: Reference, unmatched: pl.DataFrame) -> Cause | None:
    keys: pl.Series = unmatched["key"].unique(maintain_order=True)
    known = con.sql(f"SELECT DISTINCT key FROM ({reference.known})").pl()["key"]
    of_others = keys.is_in(known.implode())
    if of_others.any():
        return Cause("as journeys of another user", int(of_others.sum()), keys.len())
    return likely_cause(keys, known)
