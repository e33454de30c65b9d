"""The key-value store in Redis, for services on other machines. It needs the extra ``redis``.

    {<prefix>}:current            name of the current version
    {<prefix>}:versions           set of the complete versions
    {<prefix>}:version:<version>  a hash: the values of a complete version; never changes
    {<prefix>}:draft:<version>    the same while it is being written
    {<prefix>}:writer             held by the process that writes; expires if it dies

The braces keep all keys in one slot of a cluster.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from journeys_assets.errors import require_extra
from journeys_assets.storage.key_value.base import (
    PUTS_PER_COMMIT,
    KeyValueError,
    Value,
    checked_version,
    complete_already,
    decoded,
    encoded,
    unknown_version,
)

PREFIX = "journeys"
WRITER_SECONDS = 120
"""How long a writer that was killed keeps others from writing, seconds."""
Result = TypeVar("Result")

_MARK = "\x00draft"
"""Field that keeps an empty draft in existence; no key of the caller begins with a NUL."""

_SWAP = (
    "if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then return 0 end redis.call('SET', KEYS[2], ARGV[1]) return 1"
)
_COMPLETE = """
if redis.call('GET', KEYS[4]) ~= ARGV[2] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2]) redis.call('SADD', KEYS[3], ARGV[1]) return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"
_PROLONG = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('EXPIRE', KEYS[1], ARGV[2]) return 1"


class RedisStore:
    """See :class:`~journeys_assets.storage.key_value.base.KeyValueStore`.

    Args:
        url: ``redis://host:port/db`` or ``rediss://…``; it may hold a password, which no message shows.
        prefix: Begins every key, so that deployments can share a server.

    Raises:
        MissingExtra: the extra ``redis`` is not installed.
    """

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        require_extra("redis", "a key-value store in Redis")
        import redis

        self.name = re.sub(r"//[^/@]*@", "//", url).partition("?")[0]
        self._prefix = f"{{{prefix}}}"
        self._errors: type[Exception] = redis.RedisError
        try:
            self._client: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=10)
        except ValueError as error:
            raise KeyValueError(f"{self.name} is no address of a Redis server; write redis://host:6379/0") from error

    def versions(self) -> list[str]:
        found = self._call(lambda: self._client.smembers(self._key("versions")))
        return sorted(name.decode() for name in found)

    def current(self) -> str | None:
        name = self._call(lambda: self._client.get(self._key("current")))
        return None if name is None else str(name.decode())

    @contextmanager
    def write(self, version: str) -> Iterator[_Writer]:
        checked_version(version)
        mine = uuid.uuid4().hex
        if not self._call(lambda: self._client.set(self._key("writer"), mine, nx=True, ex=WRITER_SECONDS)):
            raise KeyValueError(
                f"another process is writing to {self.name}; wait for it to end. If it was killed, others can write "
                f"{WRITER_SECONDS} seconds after its last write"
            )
        try:
            if version in self.versions():
                raise complete_already(self.name, version)
            writer = _Writer(self, self._key("draft", version), mine)
            yield writer
            writer.commit()
            keys = [self._key("draft", version), self._key("version", version), self._key("versions")]
            keys.append(self._key("writer"))
            if not self._call(lambda: self._client.eval(_COMPLETE, 4, *keys, version, mine)):
                raise self.lost()
        finally:
            self._call(lambda: self._client.eval(_RELEASE, 1, self._key("writer"), mine))

    def swap(self, version: str) -> None:
        checked_version(version)
        keys = (self._key("versions"), self._key("current"))
        if not self._call(lambda: self._client.eval(_SWAP, 2, *keys, version)):
            raise unknown_version(self.name, version, self.versions())

    def get(self, key: str, version: str | None = None) -> Value | None:
        return self.get_many([key], version)[0]

    def get_many(self, keys: Sequence[str], version: str | None = None) -> list[Value | None]:
        name = self.current() if version is None else checked_version(version)
        while name is not None:
            exists, values = self._call(functools.partial(self._values, self._key("version", name), keys))
            if exists:
                return [decoded(value) for value in values]
            # The current version may be deleted between reading its name and its values, after a swap to another one.
            latest = self.current()
            if version is not None or latest == name:
                raise unknown_version(self.name, name, self.versions())
            name = latest
        return [None] * len(keys)

    def keep_only(self, versions: Sequence[str]) -> list[str]:
        kept = {*versions, self.current()}
        gone = [name for name in self.versions() if name not in kept]
        drafts = [name for name in self._drafts() if name not in kept]

        def delete() -> None:
            with self._client.pipeline(transaction=True) as batch:
                for name in gone:
                    batch.srem(self._key("versions"), name)
                    batch.unlink(self._key("version", name))
                for name in drafts:
                    batch.unlink(self._key("draft", name))
                batch.execute()

        if gone or drafts:
            self._call(delete)
        return sorted([*gone, *drafts])

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def hold(self, mine: str) -> None:
        """Keep the right to write for a while longer."""
        if not self._call(lambda: self._client.eval(_PROLONG, 1, self._key("writer"), mine, WRITER_SECONDS)):
            raise self.lost()

    def lost(self) -> KeyValueError:
        return KeyValueError(
            f"nothing was written to {self.name} for {WRITER_SECONDS} seconds, and another process may be writing now; "
            "run it again: what was committed stays"
        )

    def store_fields(self, draft: str, fields: dict[bytes, bytes]) -> None:
        self._call(lambda: self._client.hset(draft, mapping=fields))

    def field(self, draft: str, field: bytes) -> bytes | None:
        found: bytes | None = self._call(lambda: self._client.hget(draft, field))
        return found

    def _values(self, content: str, keys: Sequence[str]) -> tuple[bool, list[bytes | None]]:
        """Whether the hash exists, and its values; both at the same moment."""
        with self._client.pipeline(transaction=True) as batch:
            batch.exists(content)
            batch.hmget(content, [_MARK.encode(), *(key.encode() for key in keys)])
            exists, values = batch.execute()
        return bool(exists), values[1:]

    def _drafts(self) -> list[str]:
        begin = self._key("draft", "")
        pattern = re.sub(r"([\[\]?*\\])", r"\\\1", begin) + "*"
        found = self._call(lambda: list(self._client.scan_iter(match=pattern, count=1_000)))
        return sorted(key.decode().removeprefix(begin) for key in found)

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    def _call(self, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except self._errors as error:
            raise KeyValueError(
                f"the Redis server {self.name} cannot be used ({type(error).__name__}: {error}); check that it runs "
                "and that its address in the settings is right"
            ) from error


class _Writer:
    """See :class:`~journeys_assets.storage.key_value.base.Writer`."""

    def __init__(self, store: RedisStore, draft: str, mine: str) -> None:
        self._store, self._draft, self._mine = store, draft, mine
        self._waiting: dict[bytes, bytes] = {}
        store.store_fields(draft, {_MARK.encode(): b"1"})

    def put(self, key: str, value: Value) -> None:
        self._waiting[key.encode()] = encoded(value)
        if len(self._waiting) >= PUTS_PER_COMMIT:
            self.commit()

    def commit(self) -> None:
        self._store.hold(self._mine)
        if self._waiting:
            self._store.store_fields(self._draft, self._waiting)
            self._waiting = {}

    def get(self, key: str) -> Value | None:
        field = key.encode()
        return decoded(self._waiting[field] if field in self._waiting else self._store.field(self._draft, field))
