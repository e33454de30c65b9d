"""A Redis server of the test's own, on loopback."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


def require_redis_server() -> str:
    """Path of ``redis-server``.

    Raises:
        AssertionError: it is not installed; says how to install it.
    """
    path = shutil.which("redis-server")
    assert path, "redis-server is not installed, and this test needs a real one: apt-get install redis-server"
    return path


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The address of a server that keeps its files in ``folder`` and ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [require_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_ready(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    with redis.Redis(port=port) as client:
        for _ in range(200):
            assert process.poll() is None, "redis-server ended at once; see redis.log"
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError("redis-server does not answer")
