"""A real Ray cluster of two nodes with one CPU each, on the loopback interface."""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "JOURNEYS_LLM__API_KEY": "key-of-the-machine",
}
_NODE = {
    "num_cpus": 1,
    "num_gpus": 0,
    "object_store_memory": 80 << 20,
    "node_ip_address": "127.0.0.2",  # Ray takes 127.0.0.1 for the address of the network
    "include_dashboard": False,
}
# A node that is gone is noticed in about four seconds.
_NOTICED_SOON = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 8,
    "health_check_timeout_ms": 2000,
}


class TwoNodes:
    """The cluster; the driver and the head node survive everything."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args=_NODE | {"_system_config": _NOTICED_SOON})
        self._second = self._added()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @property
    def second_node(self) -> str:
        """Id of the second node."""
        return str(self._second.node_id)

    def kill_second_node(self) -> None:
        """End all processes of the second node with SIGKILL: Ray's own alone leave a worker time to finish its task."""
        (raylet,) = self._second.all_processes["raylet"]
        workers = _children(raylet.process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        self._cluster.remove_node(self._second, allow_graceful=False)

    def start_second_node(self) -> None:
        self._second = self._added()

    def stop(self) -> None:
        session = self._cluster.head_node.get_session_dir_path()
        self._cluster.shutdown()
        shutil.rmtree(session, ignore_errors=True)

    def _added(self) -> Any:
        return self._cluster.add_node(**_NODE)


def _children(parent: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            _, _, rest = stat.read_text().rpartition(") ")
            if int(rest.split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """The cluster between ``with`` and its end; then this process is connected to none."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    import ray

    cluster = TwoNodes()
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
