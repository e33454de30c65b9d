"""The Online Retail log from CSV to notification candidates: time, peak memory, rows per stage.

    python benchmarks/online_retail.py FOLDER_OR_ARCHIVE [--home DIR]

Prints the tables of docs/performance.md. Each command runs in a process of its own, as a user would run it.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path


def run_measured(name: str, command: list[str], environment: dict[str, str]) -> None:
    """Run one ``journeys`` command; print its output, wall-clock seconds and peak memory of that process."""
    started = time.monotonic()
    process = subprocess.Popen([str(Path(sys.executable).with_name("journeys")), *command], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    print(
        f"== journeys {name}: {seconds:.0f} s wall, {usage.ru_utime + usage.ru_stime:.0f} s CPU, "
        f"peak {usage.ru_maxrss / 2**20:.2f} GiB\n",
        flush=True,
    )
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"journeys {name} failed")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("log", type=Path, help="folder or archive of its CSV files")
    arguments.add_argument("--home", type=Path, help="keep the state there (default: a temporary folder)")
    given = arguments.parse_args()
    if not given.log.exists():
        raise SystemExit(f"{given.log} does not exist; give the folder or .tar.xz of daily Online Retail CSV files")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.log
        if folder.is_file():
            folder = Path(scratch) / "csv"
            with tarfile.open(given.log) as archive:
                archive.extractall(folder, filter="data")
        home = given.home or Path(scratch) / "home"
        environment = os.environ | {"JOURNEYS_HOME": str(home)}
        run_measured("ingest", ["ingest", str(folder), "--format", "online-retail"], environment)
        run_measured("run", ["run"], environment)
        run_measured("doctor", ["doctor"], environment)


if __name__ == "__main__":
    main()
