"""Work for the tests of Ray: it notes each run in a file, and a key may say what goes wrong."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from journeys_assets.compute.base import Progress, Tables


@dataclass(frozen=True)
class Lengths:
    """The number of characters of each key.

    A key that begins with ``bad`` raises an error, and one that begins with ``fatal`` ends its process.

    Attributes:
        notes: Folder in which each run leaves a file, with the keys that it was given.
        seconds: How long a run takes.
    """

    notes: Path
    seconds: float = 0.0
    name: str = "lengths"
    by: str = "key"
    table: str = "keys"
    grain: tuple[str, ...] = ("key",)
    gpus: float = 0
    configuration: str = "1"
    looked_up: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def run(self, tables: Tables, *, threads: int, progress: Progress) -> pl.DataFrame:
        keys = tables["keys"]["key"].to_list()
        (self.notes / f"{time.monotonic_ns()}-{_node()}").write_text("\n".join(sorted(keys)))
        time.sleep(self.seconds)
        for key in keys:
            if key.startswith("bad"):
                raise ValueError(f"{key} is not good")
            if key.startswith("fatal"):
                os.kill(os.getpid(), signal.SIGKILL)
        return pl.DataFrame({"key": keys, "length": [len(key) for key in keys]})

    @property
    def runs(self) -> list[list[str]]:
        """The keys of each run so far, in order of time."""
        return [path.read_text().split("\n") for path in sorted(self.notes.iterdir(), key=lambda path: path.name)]

    def has_run_on(self, node: str) -> bool:
        """Whether a run has begun on a node, by its id."""
        return any(self.notes.glob(f"*-{node}"))


def _node() -> str:
    ray = sys.modules.get("ray")
    return str(ray.get_runtime_context().get_node_id()) if ray and ray.is_initialized() else "here"


def keys_frame(n: int, *others: str) -> dict[str, pl.DataFrame]:
    """``n`` good keys and some others."""
    return {"keys": pl.DataFrame({"key": [*(f"good {number}" for number in range(n)), *others]})}
