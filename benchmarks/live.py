"""A live deployment for benchmarks and tests: ``dagster dev`` (webserver and daemon) on a home of its own.

It is started like ``journeys ui`` and driven like the browser does it, through GraphQL on 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
LOCATION = "journeys_assets.definitions"

_RUNS = """query { runsOrError(limit: 1000) { ... on Runs { results {
  runId jobName status creationTime startTime endTime tags { key value } } } } }"""

_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""

_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""

_READY = "query { repositoriesOrError { ... on RepositoryConnection { nodes { name sensors { name } } } } }"


@dataclass
class Live:
    """One deployment and the processes that serve it."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {f"JOURNEYS_{name.upper()}": value for name, value in self.settings.items()}
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        return os.environ | own | {"JOURNEYS_HOME": str(self.home), "PYTHONPATH": path}

    def start(self, *, timeout_s: float = 180) -> None:
        """Start webserver and daemon; returns once the code location is loaded."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home.mkdir(parents=True, exist_ok=True)
        command = ["-c", "from journeys_assets.cli.app import main; main()", "ui", "--port", str(self.port)]
        with (self.home / "live.log").open("ab") as log:
            # In a process group of its own, so that all its processes can be stopped together.
            self.process = subprocess.Popen(
                [sys.executable, *command],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_restore_signal_handlers,
            )
        wait_until(self._is_ready, timeout_s, f"the webserver; see {self.home / 'live.log'}")

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"dagster dev ended with {self.process.returncode}; see {self.home / 'live.log'}")
        try:
            return bool(self.graphql(_READY)["repositoriesOrError"].get("nodes"))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """Stop it like Ctrl-C. Processes that do not end within half a minute are killed."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process at once, like a power cut."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        if self.process is None:
            return
        group = os.getpgid(self.process.pid)
        os.killpg(group, with_signal)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(group, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def cli(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a ``journeys`` command on the deployment."""
        command = [sys.executable, "-c", "from journeys_assets.cli.app import main; main()", *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=check)

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.loads(response.read())
        if answer.get("errors"):
            raise RuntimeError(f"GraphQL: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    def runs(self) -> list[dict[str, Any]]:
        """Every run on record, newest first: runId, jobName, status, creationTime, startTime, endTime, tags."""
        results: list[dict[str, Any]] = self.graphql(_RUNS)["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in results]

    def launch(self, job: str, first: date, last: date) -> str:
        """Launch a job over days, like the launchpad; returns the run's id."""
        selector = {
            "repositoryLocationName": LOCATION,
            "repositoryName": "__repository__",
            "jobName": job,
        }
        tags = [
            {"key": "dagster/asset_partition_range_start", "value": first.isoformat()},
            {"key": "dagster/asset_partition_range_end", "value": last.isoformat()},
        ]
        params = {"selector": selector, "mode": "default", "runConfigData": {}, "executionMetadata": {"tags": tags}}
        answer = self.graphql(_LAUNCH, params=params)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"launch of {job}: {answer}")
        run_id: str = answer["run"]["runId"]
        return run_id

    def backfill(self, assets: Sequence[str], days: Sequence[date]) -> str:
        """Launch a backfill of the assets, like the asset graph page; returns its id."""
        params = {
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": [day.isoformat() for day in days],
        }
        answer = self.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
        if answer["__typename"] != "LaunchBackfillSuccess":
            raise RuntimeError(f"backfill: {answer}")
        backfill_id: str = answer["backfillId"]
        return backfill_id

    def in_flight(self) -> list[dict[str, Any]]:
        return [run for run in self.runs() if run["status"] not in ENDED]


def _restore_signal_handlers() -> None:
    """A process started in the background of a script ignores Ctrl-C, and its children would inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def wait_until(is_so: Callable[[], bool], timeout_s: float, what: str, *, every_s: float = 1.0) -> float:
    """Wait until the condition holds; returns the seconds it took.

    Raises:
        TimeoutError: it took longer than ``timeout_s``.
    """
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > timeout_s:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(every_s)
    return time.monotonic() - started
