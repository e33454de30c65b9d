"""Objects in a bucket of an S3-compatible store or of Google Cloud Storage, by Arrow's file systems.

Credentials come from the environment, as the tools of each vendor read them: ``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``,
``AWS_REGION``, the role of a machine or container; ``GOOGLE_APPLICATION_CREDENTIALS`` or the account of a machine.
``AWS_ENDPOINT_URL`` names another S3-compatible store, ``STORAGE_EMULATOR_HOST`` another store of Google's protocol.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, BinaryIO

from journeys_assets.storage.locations.address import Location
from journeys_assets.storage.locations.remote import LocationError, RemoteObject, State

CONNECT_S, REQUEST_S, RETRY_S = 10, 60, 60
"""Longest wait for a connection, for one answer, and for all attempts of one request, seconds."""
MAX_ATTEMPTS = 4
SHOWN_CHARACTERS = 300

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Bucket:
    """A bucket, and the object, the folder of objects or the pattern in it that a location names.

    In a pattern, ``*`` and ``?`` stand for characters of one part between slashes, ``**`` for parts, ``[ab]`` for one
    of several characters. An object whose key is written like the pattern goes first.
    """

    location: Location

    @property
    def _path(self) -> str:
        """Bucket and key, without slashes at the end."""
        return self.location.name.partition("://")[2].rstrip("/")

    @cached_property
    def _files(self) -> Any:
        with self._explaining("reached"):
            return _google() if self.location.scheme == "gs" else _s3(self._path.partition("/")[0])

    def _is_object(self) -> bool:
        from pyarrow.fs import FileType

        if "/" not in self._path or self.location.name.endswith("/"):
            return False
        with self._explaining("read"):
            return bool(self._files.get_file_info(self._path).type == FileType.File)

    @cached_property
    def _listed(self) -> tuple[str, list[RemoteObject]]:
        """What the location itself is, and its objects."""
        if self._is_object():
            return self._path, [self._object(self._files.get_file_info(self._path))]
        folder, pattern = self._path, None
        if match := _GLOB.search(self._path):
            folder = self._path[: match.start()].rpartition("/")[0]
            pattern = re.compile(key_pattern(self._path), re.DOTALL)
            if not folder:
                raise LocationError(f"{self.location.name}: the name of a bucket can hold no pattern; name one bucket")
        found = [self._object(info) for info in self._infos(folder)]
        if pattern is not None:
            found = [one for one in found if pattern.fullmatch(one.key)]
        if not found:
            self._check_bucket()
        return folder, sorted(found, key=lambda one: one.key)

    def _check_bucket(self) -> None:
        from pyarrow.fs import FileType

        bucket = self._path.partition("/")[0]
        with self._explaining("listed"):
            is_there = self._files.get_file_info(bucket).type != FileType.NotFound
        if not is_there:
            raise LocationError(
                f"{self.location.name}: there is no bucket {bucket!r}; check its name"
                + (", and AWS_REGION or AWS_ENDPOINT_URL" if self.location.scheme == "s3" else "")
            )

    def _infos(self, folder: str) -> list[Any]:
        from pyarrow.fs import FileSelector, FileType

        with self._explaining("listed"):
            infos = self._files.get_file_info(FileSelector(folder, recursive=True, allow_not_found=True))
            # Stores without folders mark one with an object of that name.
            return [info for info in infos if info.type == FileType.File and not info.path.endswith("/")]

    def _object(self, info: Any) -> RemoteObject:
        return RemoteObject(
            info.path,
            f"{self.location.scheme}://{info.path}",
            info.path,
            State(info.size, info.mtime_ns),
        )

    def objects(self) -> Sequence[RemoteObject]:
        """See :class:`Store`."""
        if not self._listed[1]:
            is_pattern = _GLOB.search(self._path)
            what = "no object fits the pattern" if is_pattern else "there is no such object, and no object below it"
            raise LocationError(
                f"{self.location.name}: {what}; check the key, and the region or endpoint of the bucket"
            )
        return self._listed[1]

    def objects_if_any(self) -> Sequence[RemoteObject]:
        """As :meth:`objects`, but a bucket or a part of it may be empty."""
        return self._listed[1]

    def root(self) -> str:
        """See :class:`Store`."""
        return self._listed[0]

    def state(self, one: RemoteObject) -> State | None:
        """See :class:`Store`."""
        with self.opened(one) as (state, _):
            return state

    @contextmanager
    def opened(self, one: RemoteObject) -> Iterator[tuple[State, BinaryIO]]:
        """See :class:`Store`. Opening reads the metadata only."""
        with self._explaining("read", one.name):
            info = self._files.get_file_info(one.key)
            with self._files.open_input_stream(one.key, compression=None) as stream:
                yield State(info.size, info.mtime_ns, _mark(stream.metadata())), stream

    @contextmanager
    def _explaining(self, what: str, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LocationError(
                f"{name or self.location.name} cannot be {what}: {str(error)[:SHOWN_CHARACTERS]}; "
                f"{_cure(self.location.scheme, error)}"
            ) from error


def _mark(metadata: Mapping[Any, Any] | None) -> str | None:
    """The mark of the content in the metadata of an object."""
    found = {_text(key).lower(): _text(value) for key, value in (metadata or {}).items()}
    return found.get("generation") or found.get("etag") or None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _s3(bucket: str) -> Any:
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint is None and region is None and not os.environ.get("AWS_PROFILE"):
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region,
        anonymous=_is_set("AWS_NO_SIGN_REQUEST"),
        connect_timeout=CONNECT_S,
        request_timeout=REQUEST_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=MAX_ATTEMPTS),
    )


def _google() -> Any:
    from pyarrow import fs

    options: dict[str, Any] = {"retry_time_limit": timedelta(seconds=RETRY_S)}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        scheme, _, host = emulator.rpartition("://")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "http", "anonymous": True}
    elif _is_set("GS_NO_SIGN_REQUEST"):
        options["anonymous"] = True
    return fs.GcsFileSystem(**options)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true", "yes")


_CURES = (
    (
        r"NO_SUCH_BUCKET|PERMANENT_REDIRECT|MOVED_PERMANENTLY|\b301\b",
        "check the name of the bucket, and AWS_REGION or AWS_ENDPOINT_URL",
    ),
    (
        r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE|\b401\b|\b403\b|PERMISSION_DENIED|UNAUTHENTICATED|credential",
        "check that the credentials in the environment ({credentials}) are those of an account that may list and read "
        "the bucket",
    ),
    (r"NETWORK_CONNECTION|resolve|UNAVAILABLE|curl|timed? ?out", "check the network and the endpoint, then try again"),
    (r"NOT_FOUND|\b404\b|No such file", "check the bucket and the key"),
)


def _cure(scheme: str, error: OSError) -> str:
    credentials = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if scheme == "gs":
        credentials = "GOOGLE_APPLICATION_CREDENTIALS"
    for pattern, cure in _CURES:
        if re.search(pattern, str(error), re.IGNORECASE):
            return cure.format(credentials=credentials)
    return "check the bucket, the key and the credentials, then try again"


def key_pattern(pattern: str) -> str:
    """A regular expression for the keys that a pattern stands for."""
    parts, rest = [], pattern
    while rest:
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            parts.append(".*")
            rest = rest[2:]
        elif match := re.match(r"\[([!^]?)([^\]]+)\]", rest):
            parts.append(f"[{'^' if match[1] else ''}{re.escape(match[2]).replace(chr(92) + '-', '-')}]")
            rest = rest[match.end() :]
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            rest = rest[1:]
    return "".join(parts)
