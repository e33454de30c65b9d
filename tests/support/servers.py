"""Servers of the test's own, on loopback: each ends with its block, by its own process or thread."""

import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, socket


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_command(command: list[str], port: int, log: Path, **options: object) -> Iterator[None]:
    """A process that listens on ``port``; its output goes to ``log``."""
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=out, **options) as process,  # type: ignore[call-overload]
    ):
        try:
            for _ in range(600):
                assert process.poll() is None, f"{command[0]} ended at once: {log.read_text()}"
                try:
                    create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                raise AssertionError(f"{command[0]} does not answer: {log.read_text()}")
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def beside_python(name: str) -> str:
    """A command that is installed in the environment of this Python."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """The address of an S3-compatible server without data."""
    port = free_port()
    command = [beside_python("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running_command(command, port, folder / "s3.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running_google_storage(folder: Path) -> Iterator[str]:
    """The address of a server that speaks Google Cloud Storage's protocol, without data."""
    port = free_port()
    command = [
        beside_python("gcp-storage-emulator"),
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--in-memory",
    ]
    with running_command(command, port, folder / "gs.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(handler: type, certificate: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a web server whose answers ``handler`` gives; https with a certificate."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        scheme, host = ("https", "localhost") if certificate is not None else ("http", "127.0.0.1")
        yield f"{scheme}://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
