"""``make demo-llm``: the demo with the packaged small model, and its names beside those without a model."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from journeys_assets.cli.context import out
from journeys_assets.errors import JourneysError
from journeys_assets.models.llm.local.weights import NAME

USERS, DAYS = 12, 8
CALLS = 60
"""Most calls: some seconds each on two cores."""
LONGEST_START_SECONDS = 600


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """The packaged model behind an endpoint on 127.0.0.1, in a process that ends with the block.

    Raises:
        JourneysError: it does not start.
    """
    command = [sys.executable, "-m", "journeys_assets.models.llm.local", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        out.write_line(f"Loading {NAME} (about a minute) …")
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise JourneysError(f"the model does not start; run `{' '.join(command)}` to see why")
            time.sleep(1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/models", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Run the demo through the model."""
    from journeys_assets.cli.pipeline import demo
    from journeys_assets.cli.render.tables import table_of
    from journeys_assets.deployment import open_warehouse
    from journeys_assets.settings import load_settings
    from journeys_assets.storage.queries import suggestions

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8017)
    port = parser.parse_args().port
    home = load_settings().home
    with served(home / "gemma", port) as url:
        settings = {
            "MODEL": NAME,
            "BASE_URL": url,
            "MAX_CONCURRENCY": "1",
            "TIMEOUT_SECONDS": "300",
            "CALLS_PER_RUN": str(CALLS),
        }
        os.environ.update({f"JOURNEYS_LLM__{name}": value for name, value in settings.items()})
        demo(users=USERS, days=DAYS, seed=7)
    with open_warehouse(load_settings()).reading() as con:
        rows = suggestions.names_beside(con)
        counts = rows.group_by("verdict").len().sort("len", descending=True).iter_rows()
    out.print(table_of("Names by the model", rows.iter_rows(), "keywords", "without a model", NAME, "verdict"))
    out.write_line(", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in counts))


if __name__ == "__main__":
    main()
