"""A PostgreSQL server of the test's own, on loopback."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import free_port, running_command

USER, PASSWORD = "reader", "a:secret/password"


def command(name: str) -> str:
    """Path of a program of PostgreSQL.

    Raises:
        AssertionError: it is not installed; says how to install it.
    """
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(installed[-1]) if installed else shutil.which(name)
    assert path, f"{name} is not installed, and this test needs a real PostgreSQL: apt-get install postgresql"
    return path


@contextmanager
def running_postgres(statements: str) -> Iterator[str]:
    """The address, without a password, of a server whose database ``shop`` was made by the statements."""
    # PostgreSQL refuses to run as root, and its user must reach the folder, which pytest's it cannot.
    as_user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        (folder / "password").write_text(PASSWORD)
        os.chmod(folder / "password", 0o644)
        data, port = folder / "data", free_port()
        made = [command("initdb"), "--pgdata", str(data), "--username", USER, "--auth", "scram-sha-256"]
        made += ["--pwfile", str(folder / "password"), "--no-sync", "--encoding", "UTF8", "--locale", "C"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **as_user)  # type: ignore[call-overload]
        server = [command("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
        server += ["-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        with running_command(server, port, folder / "postgres.log", cwd=folder, **as_user):
            # It listens before it answers.
            ready = [command("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
            while subprocess.run(ready).returncode:
                time.sleep(0.05)
            psql = [command("psql"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-v", "ON_ERROR_STOP=1", "-q"]
            environment = {**os.environ, "PGPASSWORD": PASSWORD}
            for database, text in (("postgres", "CREATE DATABASE shop"), ("shop", statements)):
                subprocess.run([*psql, "-d", database], input=text, text=True, check=True, env=environment)
            yield f"postgresql://{USER}@127.0.0.1:{port}/shop"
    finally:
        shutil.rmtree(folder)
