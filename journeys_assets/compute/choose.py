"""Where the settings say that work runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from journeys_assets.compute.base import Compute
from journeys_assets.compute.local import Local
from journeys_assets.compute.ray_cluster import RayCluster

Kind = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class RayParams:
    """What a deployment says of its Ray cluster. See ``settings.RaySettings`` for the meaning."""

    address: str
    users_per_task: int
    keywords_per_task: int
    calls_per_machine: int


def make_compute(kind: Kind, params: RayParams, folder: Path) -> Compute:
    """Where work runs. Connects to nothing.

    Args:
        folder: For results of parts of work that is not done yet.
    """
    if kind == "local":
        return Local()
    per_task = {"cluster_users": params.users_per_task, "embed_keywords": params.keywords_per_task}
    return RayCluster(params.address, folder, per_task, params.calls_per_machine)
