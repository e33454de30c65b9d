"""Work on a Ray cluster: parts by hash of the key, each a task, kept on disk until the result is stored.

A part travels as Arrow tables. A part whose machine is lost is sent again. One whose process ends twice is halved, so
that a row which ends its process costs itself alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.compute.base import ComputeError, Done, Failed, Progress, Tables, Work
from journeys_assets.compute.installed import Installed, installed
from journeys_assets.compute.local import Local, threads_allowed
from journeys_assets.compute.parts import attempted, by_hash, in_halves, keys_of
from journeys_assets.compute.ray_chat import RayChat
from journeys_assets.compute.ray_connection import connected
from journeys_assets.errors import JourneysError
from journeys_assets.models.llm.chat import ChatModel
from journeys_assets.storage.warehouse.pieces import Pieces, pieces_with_key, remove_pieces

TASKS_PER_CPU = 2
"""Parts under way for each CPU of the cluster. It bounds what is in memory."""
CRASHES = 2
"""How often the process of a part may end before the part is halved, or its one key counts as failed."""

_ROWS = "rows"
_Sent = Mapping[str, bytes]
"""Arrow IPC streams by the name of their table."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that is under way.

    Attributes:
        digest: Of its rows.
        nodes: The machines of the cluster when it was sent.
    """

    tables: Tables
    digest: str
    nodes: frozenset[str]
    n_crashes: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What comes back from a machine; an error as text, since not every exception can be sent."""

    rows: bytes | None = None
    failed: tuple[Failed, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class RayCluster:
    """Runs work on the cluster at ``address``; work for one task runs in this process, without the cluster.

    Attributes:
        address: See ``ray_connection.connected``.
        folder: Results of parts are kept in it, by work, configuration and rows, until they are stored elsewhere.
        keys_per_task: Keys of one part, by the name of the work.
        calls_per_machine: Calls of a language model that one machine makes at a time.
    """

    address: str
    folder: Path
    keys_per_task: Mapping[str, int]
    calls_per_machine: int

    def map(self, work: Work, tables: Tables, *, most_failed: int, progress: Progress) -> Iterator[Done]:
        """See :class:`Compute`. Parts that a run left which was killed are not computed again."""
        n_keys = len(keys_of(work, tables))
        n_parts = -(-n_keys // self.keys_per_task[work.name])
        if n_parts <= 1:
            yield from Local().map(work, tables, most_failed=most_failed, progress=progress)
            return
        configuration = repr((work.configuration, installed()))
        key = hashlib.sha256(configuration.encode()).hexdigest()[:16]
        with pieces_with_key(self.folder / work.name, key) as kept:
            n_done = 0
            for part, done in self._parts(work, by_hash(work, tables, n_parts), kept, most_failed):
                n_done += len(keys_of(work, part))
                progress(n_done, n_keys)
                yield done

    def forget(self, work_name: str) -> None:
        """See :class:`Compute`."""
        remove_pieces(self.folder / work_name)

    def chat(self, model: ChatModel, make: Callable[[], ChatModel]) -> ChatModel:
        """See :class:`Compute`."""
        return RayChat(model, make, self.address, self.calls_per_machine)

    def _parts(
        self, work: Work, parts: Iterator[Tables], kept: Pieces, most_failed: int
    ) -> Iterator[tuple[Tables, Done]]:
        """Every part with what came of it, in the order in which they are ready."""
        ray: Any = None
        under_way: dict[Any, _Part] = {}
        again: list[_Part] = []
        try:
            while True:
                while ray is None or len(under_way) < _most_under_way(ray):
                    part = again.pop() if again else _next_part(parts)
                    if part is None:
                        break
                    if kept.has(part.digest):
                        yield part.tables, Done(kept.read(part.digest, _ROWS))
                        continue
                    ray = ray or connected(self.address)
                    reference, part = submitted(ray, work, part, most_failed)
                    under_way[reference] = part
                if not under_way:
                    return
                (reference, *_), _ = ray.wait(list(under_way), num_returns=1)
                part = under_way.pop(reference)
                answer = _answer(ray, reference)
                if answer is None:
                    retried, failed = _after_a_crash(ray, work, part)
                    again += retried
                    if failed is not None:
                        yield part.tables, Done(None, (failed,))
                    continue
                done = _done(work, answer)
                if done.rows is not None and not done.failed:
                    kept.write(part.digest, {_ROWS: done.rows})
                yield part.tables, done
        finally:
            for reference in under_way:
                ray.cancel(reference, force=True)


def _most_under_way(ray: Any) -> int:
    return max(2, TASKS_PER_CPU * int(ray.cluster_resources().get("CPU", 1)))


def _next_part(parts: Iterator[Tables]) -> _Part | None:
    tables = next(parts, None)
    return None if tables is None else _Part(tables, _digest(_sent(tables)), frozenset())


def _sent(tables: Tables) -> _Sent:
    """The tables as Arrow streams: the same bytes for the same rows, in whatever order they come."""
    streams = {}
    for name, frame in tables.items():
        stream = io.BytesIO()
        frame.sort(frame.columns).rechunk().write_ipc_stream(stream)
        streams[name] = stream.getvalue()
    return streams


def _digest(sent: _Sent) -> str:
    digest = hashlib.sha256()
    for name in sorted(sent):
        digest.update(f"{name}\0{len(sent[name])}\0".encode() + sent[name])
    return digest.hexdigest()


def submitted(ray: Any, work: Work, part: _Part, most_failed: int) -> tuple[Any, _Part]:
    """Send a part to the cluster: the reference of its answer, and the part as it was sent."""
    task = ray.remote(_run_part).options(
        num_cpus=1, num_gpus=work.gpus, max_retries=0, scheduling_strategy="SPREAD", name=work.name
    )
    part = _Part(part.tables, part.digest, _nodes(ray), part.n_crashes)
    return task.remote(work, _sent(part.tables), most_failed, installed()), part


def _run_part(work: Work, sent: _Sent, most_failed: int, expected: Installed) -> _Answer:
    """One part, on a machine of the cluster."""
    if difference := expected.difference(installed()):
        return _Answer(error=f"a machine of the cluster has {difference}; install the same packages on all of them")
    tables = {name: pl.read_ipc_stream(stream) for name, stream in sent.items()}
    try:
        done = attempted(
            work, tables, threads=threads_allowed(), most_failed=most_failed, progress=lambda _done, _of: None
        )
    except JourneysError as error:
        return _Answer(error=str(error))
    stream = io.BytesIO()
    if done.rows is not None:
        done.rows.write_ipc_stream(stream)
    return _Answer(stream.getvalue() or None, tuple(done.failed))


def _answer(ray: Any, reference: Any) -> _Answer | None:
    """What came back; None where the process or its machine was lost.

    Raises:
        ComputeError: the task could not run, or the cluster is gone.
    """
    failures = ray.exceptions
    lost = (failures.WorkerCrashedError, failures.NodeDiedError, failures.ObjectLostError, failures.OutOfMemoryError)
    try:
        answer: _Answer = ray.get(reference)
    except lost:
        return None
    except failures.RayTaskError as error:
        raise ComputeError(
            f"a task failed on the Ray cluster: {error.cause!r}; see that every machine has the same packages"
        ) from error
    except failures.RayError as error:
        raise ComputeError(
            f"the Ray cluster does not work any more ({type(error).__name__}); start it and run again: finished parts "
            "are kept"
        ) from error
    return answer


def _done(work: Work, answer: _Answer) -> Done:
    if answer.error:
        raise ComputeError(f"{work.name} on the Ray cluster: {answer.error}")
    return Done(None if answer.rows is None else pl.read_ipc_stream(answer.rows), answer.failed)


def _after_a_crash(ray: Any, work: Work, part: _Part) -> tuple[list[_Part], Failed | None]:
    """The parts to send again; or the key for which the process ended each time."""
    if part.nodes - _nodes(ray):
        return [part], None
    n_crashes = part.n_crashes + 1
    if n_crashes < CRASHES:
        return [_Part(part.tables, part.digest, part.nodes, n_crashes)], None
    keys = keys_of(work, part.tables)
    if len(keys) == 1:
        return [], Failed(str(keys[0]), f"its process ended {CRASHES} times, as for want of memory")
    return [_Part(half, _digest(_sent(half)), part.nodes) for half in in_halves(work, part.tables)], None


def _nodes(ray: Any) -> frozenset[str]:
    """Ids of the machines that are alive."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])
