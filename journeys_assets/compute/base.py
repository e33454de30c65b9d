"""What a piece of work is, and who runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from journeys_assets.errors import JourneysError
from journeys_assets.models.llm.chat import ChatModel

Tables = Mapping[str, pl.DataFrame]
"""The rows of a piece of work, by the name of their table."""
Progress = Callable[[int, int], None]
"""Called with (keys done, keys in all)."""


class ComputeError(JourneysError):
    """Work cannot be done where the settings say. The message names what, where, and the cure."""


class Work(Protocol):
    """A pure function of some rows, with everything else that shapes its result as its fields.

    Rows with the same key belong together, and no result depends on the rows of another key. So the work may be split
    by key in any way. It can be sent to another machine.
    """

    @property
    def name(self) -> str:
        """Names the work in messages and files."""
        ...

    @property
    def by(self) -> str:
        """The column with the key: text, in some of the tables and in the result."""
        ...

    @property
    def table(self) -> str:
        """The table that has a row for every key."""
        ...

    @property
    def grain(self) -> Sequence[str]:
        """The columns by which a result is sorted; no two of its rows agree in them."""
        ...

    @property
    def looked_up(self) -> Mapping[str, tuple[str, str]]:
        """Tables without the key -> the table and the column that say which of their rows are needed."""
        ...

    @property
    def configuration(self) -> str:
        """Everything besides rows and installed packages that shapes the result."""
        ...

    @property
    def gpus(self) -> float:
        """GPUs that one run of it takes."""
        ...

    def run(self, tables: Tables, *, threads: int, progress: Progress) -> pl.DataFrame:
        """The result.

        Args:
            threads: It may use as many; does not change any row.
            progress: May be called meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class Failed:
    """A key for which the work failed, and why."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a part of the work.

    Attributes:
        rows: The result for every other key, in no particular order; None where there is none.
        failed: The keys that are missing in it.
    """

    rows: pl.DataFrame | None
    failed: Sequence[Failed] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """What came of the work.

    Attributes:
        rows: The result for every other key, in the order of the grain.
        failed: The keys that are missing in it, in order.
    """

    rows: pl.DataFrame
    failed: Sequence[Failed] = ()


class Compute(Protocol):
    """Runs work."""

    def map(self, work: Work, tables: Tables, *, most_failed: int, progress: Progress) -> Iterator[Done]:
        """The work on all rows of ``tables``, in one part or many, in any order.

        Args:
            most_failed: Keys that may fail in one part.

        Raises:
            ComputeError: more keys fail, or the work cannot run here.
        """
        ...

    def forget(self, work_name: str) -> None:
        """Remove what is kept of work with this name, because its result is stored elsewhere."""
        ...

    def chat(self, model: ChatModel, make: Callable[[], ChatModel]) -> ChatModel:
        """A model whose calls run where work runs.

        Args:
            model: The model, as this process calls it.
            make: Makes the same model on another machine. It holds no secret.
        """
        ...
