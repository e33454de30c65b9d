"""One file at an address of the web, over https or http.

A web server lists nothing, so a location is one file. Credentials are a signature in the URL, or user and password of
the host in ``~/.netrc``, or in the file that ``NETRC`` names; they go over https only, or to this machine.
``SSL_CERT_FILE`` names further certificates, ``https_proxy`` a proxy.
"""

from __future__ import annotations

import base64
import netrc
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from journeys_assets.storage.locations.address import Location
from journeys_assets.storage.locations.remote import LocationError, RemoteObject, State

TIMEOUT_S = 60
"""Longest wait for the server, seconds."""
_NO_HEAD = (400, 401, 403, 404, 405, 501)
"""How servers answer that give content, and no state without it. A signed URL is often signed for reading alone."""


@dataclass(frozen=True)
class WebFile:
    """The file at an address."""

    location: Location

    def objects(self) -> Sequence[RemoteObject]:
        """See :class:`Store`."""
        below = self.location.name.partition("://")[2]
        if "/" not in below or below.endswith("/"):
            raise LocationError(
                f"{self.location.name} names no file; a web server lists no files, so give the address of each file"
            )
        return [RemoteObject(self.location.text, self.location.name, below, State())]

    def root(self) -> str:
        """See :class:`Store`."""
        return self.objects()[0].below

    def state(self, one: RemoteObject) -> State | None:
        """See :class:`Store`."""
        try:
            with self._answer(one, "HEAD") as answer:
                return _state(answer.headers)
        except LocationError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code in _NO_HEAD:
                return None
            raise

    @contextmanager
    def opened(self, one: RemoteObject) -> Iterator[tuple[State, BinaryIO]]:
        """See :class:`Store`."""
        with self._answer(one, "GET") as answer:
            yield _state(answer.headers), cast(BinaryIO, answer)

    @contextmanager
    def _answer(self, one: RemoteObject, method: str) -> Iterator[Any]:
        request = urllib.request.Request(one.key, method=method, headers={"Accept-Encoding": "identity"})
        if password := _password(self.location):
            # Not sent on to another host that the server may refer to.
            request.add_unredirected_header("Authorization", password)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=ssl.create_default_context()) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            error.close()  # It is an open answer.
            raise LocationError(
                f"{one.name} cannot be read: {error.code} {error.reason}; {_cure(error.code)}"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise LocationError(
                f"{one.name} cannot be read: {reason}; check the address, the network and the server's certificate "
                "(SSL_CERT_FILE), then try again"
            ) from error


def _cure(code: int) -> str:
    if code in (401, 403):
        return "check the signature in the URL, or the user and password of the host in ~/.netrc"
    if code in (404, 410):
        return "check the address"
    return "try again later, or ask who runs the server"


def _password(location: Location) -> str | None:
    parts = urlsplit(location.text)
    host = parts.hostname or ""
    if location.scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        return None
    file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        found = netrc.netrc(str(file)).authenticators(host)
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError) as error:
        raise LocationError(f"{file} cannot be read: {error}; correct it, or remove it") from error
    if found is None:
        return None
    return "Basic " + base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode()


def _state(headers: Mapping[str, str]) -> State:
    length, modified = headers.get("Content-Length"), headers.get("Last-Modified")
    modified_ns = None
    if modified:
        try:
            modified_ns = int(parsedate_to_datetime(modified).timestamp()) * 10**9
        except ValueError:
            modified_ns = None  # It is no date, so it says nothing.
    return State(int(length) if length and length.isdigit() else None, modified_ns, headers.get("ETag"))
