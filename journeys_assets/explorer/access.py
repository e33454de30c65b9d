"""Who may open the pages, and which requests may change something.

* Without a token the server listens on a loopback address only, and answers only requests that name a loopback host:
  a page of another site cannot reach it through a name that resolves to 127.0.0.1.
* With a token every request needs it: ``Authorization: Bearer``, or the cookie that the address with ``?token=`` sets.
* A request that changes something needs the value that a page of this process gave to this browser, and must come from
  the same origin.

The policy of the content allows nothing inline and nothing from elsewhere, so that text that escaped its place could
still not act.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeys_assets.errors import JourneysError

TOKEN_FILE = "explorer.token"
TOKEN_COOKIE, SESSION_COOKIE = "journeys_token", "journeys_session"
LOOPBACK_NAMES = ("localhost",)
MOST_BYTES = 16_384
"""Longest body of a form."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""A response may state its own value of any of these."""


class AccessError(JourneysError):
    """The server must not listen where it was asked to, or the token cannot be used."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``, a name or an address."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_of(home: Path) -> str:
    """The token of a deployment, the same for every command; made when it is first needed, readable by its owner.

    Raises:
        AccessError: the file holds none.
    """
    path = home / TOKEN_FILE
    home.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        token = path.read_bytes().decode("ascii", "ignore").strip()
        if len(token) < 16:
            short = f"{path} holds no token of 16 characters or more; delete it, and a new one is made"
            raise AccessError(short) from None
        return token
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return token


class Guard:
    """Answers requests that may not pass, and sets the headers of all others.

    Args:
        token: What each request must carry; None where the server listens on a loopback address.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        new_session = None
        if SESSION_COOKIE not in request.cookies:
            new_session = secrets.token_urlsafe(24)
        scope["session_id"] = request.cookies.get(SESSION_COOKIE) or new_session

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "no-cache"  # kept by the browser, which asks whether it changed
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if new_session and headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _cookie(SESSION_COOKIE, new_session))
            await send(message)

        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not pass; None if it may."""
        if self.token is None:
            host = request.headers.get("host", "")
            if not is_loopback(_name_in(host)):
                return _refused(request, 421, f"this server answers on 127.0.0.1 only, not as {host!r}")
            return None
        given = request.query_params.get("token")
        if given is not None and request.method == "GET" and _is_same(given, self.token):
            left = [(name, value) for name, value in parse_qsl(request.url.query) if name != "token"]
            answer = RedirectResponse(f"{request.url.path}?{urlencode(left)}".rstrip("?"), 303)
            answer.headers["set-cookie"] = _cookie(TOKEN_COOKIE, self.token)
            return answer
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if _is_same(bearer, self.token) or _is_same(request.cookies.get(TOKEN_COOKIE, ""), self.token):
            return None
        return _refused(
            request,
            401,
            "a token is needed: open the address that the command printed, or send the header "
            "'Authorization: Bearer TOKEN'",
        )


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _name_in(host: str) -> str:
    """The name or address in a Host header, without the port; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _refused(request: Request, status: int, why: str) -> Response:
    if request.url.path.startswith(("/v1", "/openapi")):
        return JSONResponse({"error": why}, status)
    return PlainTextResponse(why + "\n", status)


def _cookie(name: str, value: str) -> str:
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict"


class Forms:
    """Values that prove that a form came from a page of this process."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def proof(self, request: Request) -> str:
        """The value that forms shown to this browser carry as ``proof``."""
        session = str(request.scope["session_id"]).encode()
        return hmac.new(self._secret, session, hashlib.sha256).hexdigest()

    async def fields(self, request: Request, refuse: Callable[[int, str], Exception]) -> dict[str, str]:
        """The fields of a form that may change something.

        Args:
            refuse: Makes the exception that is raised, from a status and a reason.
        """
        origin, host = request.headers.get("origin"), request.headers.get("host")
        if origin is not None and origin.split("://", 1)[-1] != host:
            raise refuse(403, f"the form came from {origin}, not from a page of this server")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise refuse(413, f"the form is longer than {MOST_BYTES} bytes")
        try:
            fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body)))
        except ValueError as error:
            raise refuse(400, "the form cannot be read; open the page again") from error
        if not _is_same(fields.pop("proof", ""), self.proof(request)):
            raise refuse(403, "the form is not of this session; open the page again")
        return fields
