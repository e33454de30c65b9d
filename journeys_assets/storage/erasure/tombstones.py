"""Which users were erased, so that late or delivered-again rows of theirs stay out.

Only a keyed digest of each id is kept (HMAC-SHA-256 with a random key of the deployment). It recognises an id that is
presented, and holds no trace of one that is not. Whoever has both the key and a list of candidate ids can try them; so
the warehouse is as private as before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from journeys_assets.domain.landing.ids import clean_id
from journeys_assets.domain.tables.landing import ERASED_USERS
from journeys_assets.storage.warehouse.base import create_tables, has_table
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

USER_COLUMNS = ("user_id", "other_id", "owner_id")
"""Columns that hold ids of users, in every table."""

_WORDS = re.compile(r"[^\s,;|\"']+")


@dataclass(frozen=True)
class Tombstones:
    """Recognises the ids of erased users.

    Attributes:
        key: Key of the digests, hex; empty if nobody was erased.
        digests: Digest of each id of an erased user.
    """

    key: str = ""
    digests: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.digests)

    def are_erased(self, ids: pl.Series) -> pl.Series:
        """Whether each id is one of an erased user; false for null."""
        erased = [one for one in ids.drop_nulls().unique() if digest_of(self.key, one) in self.digests]
        return ids.is_in(erased).fill_null(False)

    def mentioned_in(self, row: str | None) -> bool:
        """Whether a raw row (JSON, or a line that is none) has an id of an erased user as a value or as a word."""
        return row is not None and any(digest_of(self.key, clean_id(text)) in self.digests for text in _texts_in(row))


def digest_of(key: str, user_id: str) -> str:
    """HMAC-SHA-256 of an id, hex."""
    return hmac.new(bytes.fromhex(key), user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def tombstones(warehouse: Warehouse) -> Tombstones:
    """Those of a warehouse; none if it does not exist yet."""
    if not warehouse.path.exists():
        return Tombstones()
    with warehouse.reading() as con:
        return _stored(con) if has_table(con, ERASED_USERS) else Tombstones()


def add_tombstones(warehouse: Warehouse, ids: Iterable[str], now: datetime) -> Tombstones:
    """Store tombstones for ``ids``; those that are there already are kept.

    Returns:
        All tombstones.
    """
    with warehouse.writing({}) as con:
        create_tables(con, [ERASED_USERS])
        stored = _stored(con)
        key = stored.key or secrets.token_hex(32)
        new = sorted({digest_of(key, user) for user in ids} - stored.digests)
        for digest in new:
            con.execute(f"INSERT INTO {ERASED_USERS.qualified_name} VALUES ($1, $2, $3)", [digest, key, now])
    return Tombstones(key, stored.digests | set(new))


def _stored(con: duckdb.DuckDBPyConnection) -> Tombstones:
    rows = con.execute(f"SELECT user_digest, digest_key FROM {ERASED_USERS.qualified_name}").fetchall()
    return Tombstones(rows[0][1], frozenset(digest for digest, _ in rows)) if rows else Tombstones()


def _texts_in(row: str) -> Iterator[str]:
    yield from _WORDS.findall(row)
    try:
        yield from _scalars(json.loads(row))
    except ValueError:
        return


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    elif value is not None:
        yield str(value)
