"""Work in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from journeys_assets.compute.base import Done, Progress, Tables, Work
from journeys_assets.compute.parts import attempted
from journeys_assets.models.llm.chat import ChatModel


def threads_allowed() -> int:
    """The CPUs that this process may use; at most ``OMP_NUM_THREADS``, where that environment variable is set."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cpus, int(most))) if most.isdigit() else cpus


@dataclass(frozen=True)
class Local:
    """Runs all work in one part, in threads of this process. It keeps nothing."""

    def map(self, work: Work, tables: Tables, *, most_failed: int, progress: Progress) -> Iterator[Done]:
        """See :class:`Compute`."""
        yield attempted(work, tables, threads=threads_allowed(), most_failed=most_failed, progress=progress)

    def forget(self, work_name: str) -> None:
        """See :class:`Compute`."""

    def chat(self, model: ChatModel, make: Callable[[], ChatModel]) -> ChatModel:
        """See :class:`Compute`."""
        return model
