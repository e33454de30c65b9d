"""Algorithm versions: the fingerprint of everything that shapes the rows of a stage, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from journeys_assets.storage.queries.staleness import VersionPeriods


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What shapes the rows of one stage.

    Attributes:
        parameters: Inference parameters by dotted name; plain JSON values.
        sql: Fingerprint of the SQL that it runs; empty where it runs none.
        weights: Digests of the weights that it uses, each from its day on, until the next one. Empty for no weights.
        upstream: Names of the stages whose rows it reads.
        prompts: Model, version and sampling of each prompt that it asks a language model with.
    """

    parameters: Mapping[str, object]
    sql: str = ""
    weights: VersionPeriods = ()
    upstream: Sequence[str] = ()
    prompts: Sequence[str] = ()


@dataclass(frozen=True)
class Versions:
    """The algorithm versions of all stages, on every day.

    A version is 12 hex digits over the ingredients of the stage and the versions of its upstream stages. Released
    models are live from a day on, so a version may begin on a day.

    Args:
        stages: Ingredients by name of the stage; an upstream stage comes before those that read it.
    """

    stages: Mapping[str, Ingredients]
    _boundaries: list[date] = field(init=False, repr=False, compare=False)
    _found: dict[tuple[str, int], str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        begins = {begin for stage in self.stages.values() for begin, _ in stage.weights}
        object.__setattr__(self, "_boundaries", sorted(begins | {date.min}))

    def of(self, stage: str, day: date = date.max) -> str:
        """The version of ``stage`` on ``day``; by default with the releases that are live last.

        Raises:
            KeyError: no such stage.
        """
        period = bisect_right(self._boundaries, day) - 1
        if (stage, period) not in self._found:
            self._found[stage, period] = self._fingerprint(stage, self._boundaries[period])
        return self._found[stage, period]

    def periods(self, stage: str) -> VersionPeriods:
        """The versions of ``stage`` over time: each from its day on, until the next one."""
        return [(begin, self.of(stage, begin)) for begin in self._boundaries]

    def _fingerprint(self, stage: str, day: date) -> str:
        ingredients = self.stages[stage]
        live = [digest for begin, digest in ingredients.weights if begin <= day]
        state = {
            "parameters": dict(ingredients.parameters),
            "sql": ingredients.sql,
            "weights": live[-1:],
            "upstream": {name: self.of(name, day) for name in ingredients.upstream},
            # Without a language model the key is left out.
            **({"prompts": list(ingredients.prompts)} if ingredients.prompts else {}),
        }
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:12]
