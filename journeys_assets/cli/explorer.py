"""`journeys explore` and `journeys serve`."""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeys_assets.cli.context import err, out
from journeys_assets.cli.errors import CommandError
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

Host = Annotated[str, typer.Option(help="Address to listen on. Any but this machine's own needs the token.")]


def explore(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port.")] = 8040,
) -> None:
    """Open a web page on the journeys: all users by theme, one user, quality, two versions side by side.

    It reads the published file and stops no run. What is said of a journey there is written to the landing folder.
    """
    require_extra("explorer", "journeys explore")
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.deployment import build_deployment
    from journeys_assets.explorer.app import explorer_app, sources_of
    from journeys_assets.explorer.published import NothingPublished

    deployment = build_deployment(load_settings(), progress=reporter(err))
    token = _token(deployment.settings.home, host)
    sources = sources_of(deployment)
    out.write_line("Reading the published file …")
    try:
        sources.published.current()
    except NothingPublished as nothing:
        out.write_line(("warning", "yellow"), f" {nothing}")
    _serve(explorer_app(sources, token=token), host, port, token, "/")


def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port.")] = 8041,
) -> None:
    """Answer requests for a user's journeys, items, related journeys and notification candidates, as JSON.

    It reads the published file and stops no run. `/openapi.json` describes the requests.
    """
    require_extra("explorer", "journeys serve")
    from journeys_assets.explorer.api import api_app
    from journeys_assets.explorer.serving import published_rows

    settings = load_settings()
    token = _token(settings.home, host)
    rows = published_rows(settings.published_path)
    out.write_line("Reading the published file …")
    rows.current()
    _serve(api_app(rows, settings.algorithm.actions, token=token), host, port, token, "/openapi.json")


def _token(home: Path, host: str) -> str | None:
    """The token that requests need; None if only this machine reaches ``host``."""
    from journeys_assets.explorer.access import is_loopback, token_of

    return None if is_loopback(host) else token_of(home)


def _serve(app: "Starlette", host: str, port: int, token: str | None, path: str) -> None:
    """Answer requests until the process is stopped."""
    import uvicorn

    shown = f"[{host}]" if ":" in host else host
    listens = listening(host, port)
    out.write_line(f"http://{shown}:{port}{path}{f'?token={token}' if token else ''}   (stop with Ctrl-C)")
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listens])


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there, so that an address is printed only if it works.

    Raises:
        CommandError: no socket can listen there.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family)
    except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host.
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number is not None and number > 0 else str(error).rpartition("] ")[2]
        raise CommandError(f"cannot listen on {host}, port {port}: {why}; choose another --port or --host") from error
