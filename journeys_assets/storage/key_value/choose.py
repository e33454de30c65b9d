"""The key-value store that a deployment uses."""

from __future__ import annotations

from pathlib import Path

from journeys_assets.storage.key_value.base import KeyValueError, KeyValueStore


def open_store(url: str | None, folder: Path) -> KeyValueStore:
    """A store by its address.

    Args:
        url: ``redis://…`` or ``rediss://…`` for Redis; a path for an embedded store there; None or empty for the
            embedded store in ``folder``.
        folder: Of the default store.

    Raises:
        KeyValueError: no store has such an address.
        MissingExtra: the extra that the store needs is not installed.
    """
    if url and url.startswith(("redis://", "rediss://")):
        from journeys_assets.storage.key_value.redis_store import RedisStore

        return RedisStore(url)
    if url and "://" in url:
        raise KeyValueError(
            f"{url.partition('://')[0]}://… is no key-value store; use redis://host:6379/0, or the path of a folder"
        )
    from journeys_assets.storage.key_value.lmdb_store import LmdbStore

    return LmdbStore(Path(url) if url else folder)
