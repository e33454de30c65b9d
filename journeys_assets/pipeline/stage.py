"""What a stage is: it reads, calls one pure function and hands over rows. It never writes its own table."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl

from journeys_assets.compute.base import Failed
from journeys_assets.deployment import Deployment
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.tables.table import Table
from journeys_assets.pipeline.monitors import QualityMonitor
from journeys_assets.pipeline.versions import Versions
from journeys_assets.storage.queries.shards import EVERYONE, Shard

Group = Literal["staging", "keywords", "journeys", "ranking", "output"]
"""Stages of one group run in one step and are shown together in the UI. The groups follow one another."""

GROUPS: tuple[Group, ...] = ("staging", "keywords", "journeys", "ranking", "output")

LANDING = "landing/"
"""Prefix of upstream names that are landing sources, not stages."""

PUBLISHED = "*published"
"""Stands in ``upstream`` for every stage before that is published."""


EXAMPLE_ROWS = 8
"""Rows that a stage shows as examples."""

DAYS_PER_WRITE = 31
"""Most days of a range that one read and one write transaction take; bounds memory where users are few."""

USER_DAYS_PER_WRITE = 100_000
"""Most users times days that one read and one write transaction take; bounds memory where users are many."""

USERS_PER_SHARD = 25_000
"""Most users whose rows of one day are in memory together; a day of more users is made in shards."""

EVENTS_PER_USER = 20
"""Events of a day that take as much memory, while keywords are made of them, as one user does in later stages."""

Rows = Mapping[str, pl.DataFrame]
"""Rows by the name of their table."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run computes.

    Attributes:
        days: The partition dates, in order, without repeats.
        run_id: Id of the run; the days that it opens and closes carry it.
        full: Recompute every user within the horizon, not only those whose log or algorithm version changed.
        days_per_write: Days that one read and one write transaction of a stage take.
        users_per_shard: Most users of a shard. No row depends on it.
        shards: Of which each day is made; more than one only where days are written one at a time.
    """

    days: tuple[date, ...]
    run_id: str
    full: bool = False
    days_per_write: int = DAYS_PER_WRITE
    users_per_shard: int = USERS_PER_SHARD
    shards: tuple[Shard, ...] = (EVERYONE,)

    def chunks(self) -> Iterator[tuple[date, ...]]:
        """The days in order, at most ``days_per_write`` at a time."""
        for start in range(0, len(self.days), self.days_per_write):
            yield self.days[start : start + self.days_per_write]

    def pieces(self) -> Iterator[tuple[tuple[date, ...], Shard]]:
        """What a stage makes at a time: some days for everyone, or one day for one shard after the other."""
        for days in self.chunks():
            for shard in self.shards:
                yield days, shard


@dataclass(frozen=True, slots=True)
class CarriedRows:
    """Rows of an earlier day that hold for a later one too. They are copied inside the warehouse.

    Attributes:
        table: Name of their table.
        before: The day whose rows are copied. It has the algorithm version of ``day``.
        day: The day that they are copied to.
        users: user_id: whose rows.
    """

    table: str
    before: date
    day: date
    users: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of some days of a run, by table name. They replace these days of each table.

    Attributes:
        days: The days that the rows stand for.
        rows: Without ``partition_date`` the rows stand for the one day of ``days``; without ``algorithm_version`` they
            get the version of the stage on their day. Or what makes them: it is not called where a run that was
            killed left the rows of the same shard, resting on the same.
        carried: Rows beside them that are copied from an earlier day, in order of days; of other users than ``rows``.
        is_stored: The rows are in the warehouse already and stay as they are.
        shard: Whose rows. The batches of all shards of a day follow one another and are stored together.
        rests_on: A digest of the rows of the warehouse that ``rows`` is made from, where it is a function.
    """

    days: Sequence[date]
    rows: Rows | Callable[[], Rows]
    carried: Sequence[CarriedRows] = ()
    is_stored: bool = False
    shard: Shard = EVERYONE
    rests_on: str = ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values whose distribution is worth a look; nulls are left out."""

    values: pl.Series


@dataclass(frozen=True, slots=True)
class Trend:
    """What monitors measured over some days: rows of quality_metrics."""

    measured: pl.DataFrame


Shown = int | float | str | pl.DataFrame | Distribution | Trend
"""What the UI can show: a number, a text, a few example rows, a distribution, values over days."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What a stage found that is worth a look beside the counts of its rows.

    Attributes:
        shown: By name.
        day_numbers: Numbers of single days, by day and name; null where there was nothing to measure.
    """

    shown: Mapping[str, Shown] = field(default_factory=dict)
    day_numbers: Mapping[date, Mapping[str, float | None]] = field(default_factory=dict)


def shown_failures(name: str, failed: Sequence[Failed]) -> dict[str, Shown]:
    """What a stage shows of keys that its work failed for: nothing if there are none; else their number and reasons."""
    if not failed:
        return {}
    rows = [(one.key, one.reason) for one in failed[:EXAMPLE_ROWS]]
    reasons = pl.DataFrame(rows, schema={"key": pl.String, "reason": pl.String}, orient="row")
    return {name: len(failed), f"reasons_of_{name}": reasons}


class Stage(Protocol):
    """One stage of one deployment, with everything that it uses as its fields."""

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        """Yield the rows of ``run.days``, in order. A batch, or all shards of a day, is stored before the next."""
        ...


@dataclass(frozen=True, slots=True)
class Released:
    """The kind of trained release that a stage uses.

    Attributes:
        name: Asset of the release, such as ``ranker_release``.
        title: What it is, for people.
        folder: Its folder below the deployment's models.
        live: The release that is live on a day, fully verified; None where there is none.
        without: What does the work where no release is live.
    """

    name: str
    title: str
    folder: str
    live: Callable[[Path, date], Any]
    without: str


@dataclass(frozen=True, slots=True)
class StageEntry:
    """The declaration of one stage. Assets, checks, versions, retention and docs are derived from it.

    Attributes:
        name: Name of the stage and of its asset.
        group: Its group.
        make: Makes the stage of a deployment; unpacks what the stage needs.
        tables: The tables that it writes, its own first; empty for a view and for a stage that writes no table.
        upstream: Names of the stages whose tables or views it reads; landing sources as ``landing/<source>``; all
            published stages as ``PUBLISHED``.
        parameters: Parameters that shape its rows: ``ranking`` for all inference parameters of a group,
            ``keywords.look_back_days`` for one.
        release: The trained release that it uses.
        prompts: Names of the prompts that it asks a language model with, if there is one. A function where that depends
            on the parameters.
        further_parameters: Parameters that shape its rows under some parameters only.
        uses_embedder: The weights of the embedding model shape its rows.
        uses_safety_model: Lexicon and weights of the safety model shape its rows.
        version_upstream: The upstream stages that its version covers; by default all of ``upstream``. A function where
            that depends on the parameters.
        description: What it makes; by default the description of its first table.
        kinds: Technologies that the UI shows.
        keeps: ``recent``: only the days of the output retention; ``all``: every day.
        appends: Rows whose grain is stored already stay as they are, and no row is ever replaced.
        is_published: Outside readers get a copy.
        is_view: A view, made again in each run.
        needs_one_version: It refuses to run where its upstream rows are of other algorithm versions.
        monitors: Makes its quality monitors.
    """

    name: str
    group: Group
    make: Callable[[StageContext], Stage]
    tables: tuple[Table, ...] = ()
    upstream: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    release: Released | None = None
    prompts: tuple[str, ...] | Callable[[AlgorithmParams], tuple[str, ...]] = ()
    further_parameters: Callable[[AlgorithmParams], tuple[str, ...]] = lambda _: ()
    uses_embedder: bool = False
    uses_safety_model: bool = False
    version_upstream: tuple[str, ...] | Callable[[AlgorithmParams], tuple[str, ...]] | None = None
    description: str = ""
    kinds: frozenset[str] = frozenset()
    keeps: Literal["recent", "all"] = "all"
    appends: bool = False
    is_published: bool = False
    is_view: bool = False
    needs_one_version: bool = False
    monitors: Callable[[StageContext], Sequence[QualityMonitor]] | None = None

    def version_reads(self, params: AlgorithmParams) -> tuple[str, ...]:
        """What of ``upstream`` its version covers under ``params``."""
        if self.version_upstream is None:
            return self.upstream
        return self.version_upstream(params) if callable(self.version_upstream) else self.version_upstream

    def prompts_asked(self, params: AlgorithmParams) -> tuple[str, ...]:
        """Names of the prompts that it asks with under ``params``, if there is a language model."""
        return self.prompts(params) if callable(self.prompts) else self.prompts

    def shaped_by(self, params: AlgorithmParams) -> tuple[str, ...]:
        """The parameters that shape its rows under ``params``."""
        return (*self.parameters, *self.further_parameters(params))

    @property
    def assets(self) -> tuple[str, ...]:
        """Names of its assets: its tables, or itself."""
        return tuple(table.name for table in self.tables) or (self.name,)


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a registry entry makes its stage from.

    Attributes:
        entries: All entries.
        versions: The algorithm versions.
        seen_views: Names of the views that the run has looked at.
    """

    deployment: Deployment
    entries: tuple[StageEntry, ...]
    versions: Versions
    seen_views: set[str] = field(default_factory=set)
