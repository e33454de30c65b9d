"""The connection of this process to a Ray cluster, which is made when first used."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any

from journeys_assets.compute.base import ComputeError
from journeys_assets.compute.local import threads_allowed
from journeys_assets.errors import require_extra

LOCAL = "local"
"""The address of a cluster that a process starts on its own machine and ends with itself."""

OBJECT_STORE_MIB_PER_CPU = 64
"""Shared memory of a cluster of one's own; what does not fit is written to the disk."""

CONNECT_SECONDS = 10.0

_LOCK = Lock()


def connected(address: str) -> Any:
    """The module ``ray``, connected to the cluster at ``address``. A connection that there is stays as it is.

    Args:
        address: ``LOCAL``, or host and port of the head node.

    Raises:
        MissingExtra: Ray is not installed.
        ComputeError: there is no cluster.
    """
    require_extra("ray", "the setting compute = 'ray'")
    with _LOCK:
        imported: Any = sys.modules.get("ray")
        if imported is not None and imported.is_initialized():
            return imported
        # Explicit, since without an address Ray takes one from a file that an earlier cluster may have left.
        options: dict[str, Any] = {"address": address}
        # Ray reads its environment when it is imported. It counts its users over the network unless this is set.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        # A task without a GPU sees none: what Ray warns of that it will change.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address == LOCAL:
            options |= _own_cluster()
        else:
            _check_that_it_answers(address)
        import ray

        try:
            ray.init(**options, log_to_driver=False, configure_logging=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
            raise ComputeError(
                f"no Ray cluster can be used at ray.address = {address!r} ({_first_line(error)}); see that "
                "RAY_AUTH_MODE and RAY_AUTH_TOKEN are those of the cluster, and that it has the same release of Ray"
            ) from error
        return ray


def _check_that_it_answers(address: str) -> None:
    """Ray itself would try for four minutes.

    Raises:
        ComputeError: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ComputeError(
            f"nothing answers at ray.address = {address!r} ({error}); start the cluster (`ray start --head`), or "
            "correct ray.address (JOURNEYS_RAY__ADDRESS)"
        ) from error


def _own_cluster() -> dict[str, Any]:
    """Options of a cluster on this machine, with files of its own that go when the process ends."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # The paths of sockets below must be short.
    folder = tempfile.mkdtemp(prefix="journeys-", dir="/tmp" if Path("/tmp").is_dir() else None)
    atexit.register(_end_own_cluster, folder)
    cpus = threads_allowed()
    return {
        "num_cpus": cpus,
        "include_dashboard": False,
        "object_store_memory": (cpus + 1) * OBJECT_STORE_MIB_PER_CPU << 20,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": folder,
    }


def _end_own_cluster(folder: str) -> None:
    import ray

    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
