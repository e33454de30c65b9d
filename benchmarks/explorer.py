"""How long the pages of the explorer and the answers of the JSON interface take, on a made-up published file.

    python benchmarks/explorer.py [--users 100000] [--weeks 5] [--rate 100] [--seconds 20]

Pages: wall and CPU time of each page in process (no network), median and largest of nine. JSON: a server of its own
process on 127.0.0.1 answers requests that arrive at a fixed rate for random users and resources, each connection kept
open; latency counts from the moment a request was due, so that waiting for a late one is part of it. The file has five
journeys a user on the last day of each week. Embeddings are the hashing ones: names are embedded when a file is read,
and no page waits for that.
"""

import argparse
import asyncio
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from journeys_assets.deployment import build_deployment
from journeys_assets.explorer.app import explorer_app, sources_of
from journeys_assets.settings import load_settings
from tests.support.published_file import write_published
from tests.support.serving import free_port

N_ROUNDS = 9
N_CONNECTIONS = 16
RESOURCES = ("journeys", "related", "candidates")
MS = 1e3

SERVE = "import sys; from journeys_assets.cli.app import main; sys.argv[0] = 'journeys'; main()"


def pages(home: Path, users: int) -> Table:
    """Times of each page."""
    from starlette.testclient import TestClient

    deployment = build_deployment(load_settings(home=home, embedder="hashing"), progress=lambda *_: None)
    sources = sources_of(deployment)
    before = time.perf_counter(), time.process_time()
    snapshot = sources.published.current()
    read = time.perf_counter() - before[0], time.process_time() - before[1]
    theme, user = snapshot.themes.themes.labels[0], f"u{users // 2:06d}"
    table = Table(title=f"Pages, {users:,} users; the file was read in {read[0]:.1f} s, {read[1]:.1f} CPU s")
    for header in ("page", "median ms", "largest ms", "CPU ms", "KiB"):
        table.add_column(header, justify="left" if header == "page" else "right")
    paths = {
        "home": "/",
        "themes": "/themes",
        "themes, filtered": "/themes?kind=evergreen&stage=ongoing",
        "theme": f"/theme?name={theme}",
        "theme: keywords and what is next (loaded later)": f"/theme/behind?name={theme}",
        "user": f"/user?id={user}",
        "quality": "/quality",
        "compare": "/compare",
    }
    with TestClient(explorer_app(sources, token=None), base_url="http://127.0.0.1") as client:
        for name, path in paths.items():
            walls, cpus, size = [], [], 0
            for _ in range(N_ROUNDS):
                start = time.perf_counter(), time.process_time()
                answer = client.get(path)
                walls.append((time.perf_counter() - start[0]) * MS)
                cpus.append((time.process_time() - start[1]) * MS)
                size = len(answer.content)
                assert answer.status_code == 200, (path, answer.text)
            cells = (statistics.median(walls), max(walls), statistics.median(cpus), size / 1024)
            table.add_row(name, *(f"{cell:.0f}" for cell in cells))
    return table


async def one(port: int, path: str, due: float, pool: asyncio.Queue[http.client.HTTPConnection]) -> float:
    """Seconds from the moment when a request was due to its answer."""
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    connection = await pool.get()

    def ask() -> int:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    status = await asyncio.to_thread(ask)
    pool.put_nowait(connection)
    assert status == 200, (path, status)
    return time.perf_counter() - due


async def load(port: int, users: int, rate: float, seconds: float) -> list[float]:
    """Latencies, seconds, of requests at a fixed rate."""
    pool: asyncio.Queue[http.client.HTTPConnection] = asyncio.Queue()
    for _ in range(N_CONNECTIONS):
        pool.put_nowait(http.client.HTTPConnection("127.0.0.1", port))
    rng = random.Random(1)
    begin = time.perf_counter() + 0.2
    calls = [
        one(port, f"/v1/{rng.choice(RESOURCES)}?user=u{rng.randrange(users):06d}", begin + n / rate, pool)
        for n in range(int(rate * seconds))
    ]
    return list(await asyncio.gather(*calls))


def served(home: Path, users: int, rate: float, seconds: float) -> Table:
    """Latencies of the JSON interface."""
    port = free_port()
    environment = os.environ | {"JOURNEYS_HOME": str(home), "JOURNEYS_EMBEDDER": "hashing"}
    server = subprocess.Popen([sys.executable, "-c", SERVE, "serve", "--port", str(port)], env=environment)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                probe = http.client.HTTPConnection("127.0.0.1", port)
                probe.request("GET", "/v1/status")
                probe.getresponse().read()
                break
            except ConnectionRefusedError:
                time.sleep(0.2)
        asyncio.run(load(port, users, rate, 2))
        clock = os.sysconf("SC_CLK_TCK")

        def used() -> tuple[float, float]:
            fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(") ", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / clock, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20

        before = used()[0]
        found = sorted(asyncio.run(load(port, users, rate, seconds)))
        cpu, memory = used()
    finally:
        server.terminate()
        server.wait(timeout=20)
    table = Table(title=f"journeys serve, {users:,} users, {len(found):,} requests at {rate:g}/s")
    for header in ("p50 ms", "p95 ms", "p99 ms", "largest ms", "CPU ms a request", "memory MiB"):
        table.add_column(header, justify="right")
    shares = [found[min(int(len(found) * share), len(found) - 1)] * MS for share in (0.5, 0.95, 0.99, 1.0)]
    table.add_row(*(f"{value:.1f}" for value in shares), f"{(cpu - before) * MS / len(found):.2f}", f"{memory:.0f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--weeks", type=int, default=5)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--file", type=Path, help="A file that an earlier call wrote with --keep.")
    parser.add_argument("--keep", type=Path, help="Keep the published file here.")
    given = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "journeys.duckdb"
        if given.file:
            path.symlink_to(given.file.absolute())
        else:
            write_published(path, given.users, days=given.weeks)
        if given.keep:
            path.rename(given.keep)
            path.symlink_to(given.keep.absolute())
        console.print(served(home, given.users, given.rate, given.seconds))
        console.print(pages(home, given.users))


if __name__ == "__main__":
    main()
