"""Calls of a language model from the machines of a Ray cluster.

The questions, the cache, the budgets and the ledger stay in the process that asks (``models.llm.asker``); only the call
itself is made elsewhere. So an endpoint on every machine, at the same address as seen from it, takes its share.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from journeys_assets.compute.base import ComputeError
from journeys_assets.compute.ray_connection import connected
from journeys_assets.errors import JourneysError
from journeys_assets.models.llm.chat import ChatError, ChatModel, Completion, MachineLost, Message, Schema


class RayChat:
    """A :class:`ChatModel` whose calls go round the machines of a cluster. It connects with the first call.

    A machine that is lost is left out. Once none is left, those that are there then are taken.
    """

    def __init__(self, model: ChatModel, make: Callable[[], ChatModel], address: str, calls_per_machine: int) -> None:
        """Connects to nothing yet.

        Args:
            model: The model, as this process would call it.
            make: Makes the same model on another machine.
            address: See ``ray_connection.connected``.
            calls_per_machine: Calls that one machine makes at a time.
        """
        self._model = model
        self._make = make
        self._address = address
        self._calls_per_machine = calls_per_machine
        self._lock = Lock()
        self._callers: dict[str, Any] = {}
        self._turn = itertools.count()

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def sampling(self) -> Mapping[str, Any]:
        return self._model.sampling

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion:
        """See ``ChatModel``.

        Raises:
            MachineLost: the machine that made the call, or its process, is gone.
            ComputeError: the cluster is gone, or the model cannot be made on a machine.
        """
        ray = connected(self._address)
        node, caller = self._next_caller(ray)
        error: ChatError
        try:
            answer: Completion | ChatError = ray.get(caller.complete.remote(messages, schema, max_tokens))
        except ray.exceptions.RayActorError:
            self._drop(node, caller)
            error = MachineLost(f"a machine that called the model {self.name} is gone; another one calls it")
        except ray.exceptions.RayError as lost:
            raise ComputeError(f"the Ray cluster does not work any more ({type(lost).__name__}); start it") from lost
        else:
            if isinstance(answer, Completion):
                return answer
            error = answer
        raise error

    def _next_caller(self, ray: Any) -> tuple[str, Any]:
        with self._lock:
            if not self._callers:
                self._callers = self._one_on_each_machine(ray)
            nodes = sorted(self._callers)
            node = nodes[next(self._turn) % len(nodes)]
            return node, self._callers[node]

    def _drop(self, node: str, caller: Any) -> None:
        with self._lock:
            if self._callers.get(node) is caller:
                del self._callers[node]

    def _one_on_each_machine(self, ray: Any) -> dict[str, Any]:
        """A caller on each machine that takes work and on which one can be made.

        Raises:
            ComputeError: on none; or the model cannot be made on a machine.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        actor = ray.remote(_Caller)
        made = {
            node["NodeID"]: actor.options(
                num_cpus=0,
                max_concurrency=self._calls_per_machine,
                max_restarts=0,
                scheduling_strategy=On(node["NodeID"], soft=False),
            ).remote(self._make)
            for node in ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) > 0
        }
        ready: dict[str, Any] = {}
        lost: Exception | None = None
        for node, caller in made.items():
            try:
                problem = ray.get(caller.problem.remote())
            except ray.exceptions.RayActorError as error:
                lost = error
                continue
            if problem:
                raise ComputeError(f"the model {self.name} cannot be called from a machine of the cluster: {problem}")
            ready[node] = caller
        if not ready:
            raise ComputeError(
                f"no machine of the Ray cluster at {self._address} can call the model {self.name}; see its logs"
            ) from lost
        return ready


class _Caller:
    """Makes the calls of one machine."""

    def __init__(self, make: Callable[[], ChatModel]) -> None:
        self._problem = ""
        try:
            self._model = make()
        except JourneysError as error:
            self._problem = str(error)

    def problem(self) -> str:
        """Why the model cannot be made here; empty if it can."""
        return self._problem

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion | ChatError:
        """The answer, or why there is none."""
        try:
            return self._model.complete(messages, schema, max_tokens)
        except ChatError as error:
            return error
