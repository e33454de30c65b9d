"""What the pages read, beside the published file, and how long each may take.

The warehouse is read only for details that a person asks for (actions behind a journey, parts of a score, the readout
of the experiment) and for the countries of users. Each is one short read with a short wait for the lock: while the
pipeline writes, the page says so instead of waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.dendrograms import two_halves
from journeys_assets.domain.history.comparison import Comparison, compare_versions
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.explorer.edits import Shown, Unsafe, listed_edits
from journeys_assets.explorer.feedback import FeedbackFolder, Said
from journeys_assets.explorer.published import Published
from journeys_assets.explorer.snapshot import COUNTRIES_SCHEMA, Countries, Snapshot
from journeys_assets.operations.evidence import WEEKS_SHOWN, evidence_of, score_parts
from journeys_assets.operations.preview import VersionDay, find_pair, previewed_rows, with_previews
from journeys_assets.operations.readout import LogReadout, read_out_log
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import edits as edit_queries
from journeys_assets.storage.queries import tables as table_queries
from journeys_assets.storage.queries import users as user_queries
from journeys_assets.storage.warehouse.base import WarehouseBusyError, WarehouseError
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

LOCK_WAIT_S = 1.0
"""Longest wait for the lock of the warehouse, seconds."""


@dataclass(frozen=True)
class Sources:
    """What the pages are made from.

    Attributes:
        warehouse: With a wait for its lock of ``LOCK_WAIT_S``.
        evaluation: Folder of the evaluation's report.
        erasures: Folder of the receipts of erasures.
        rankers: Folder of the releases of the ranker.
        embed: Unit vectors of texts, (n, d) float32.
        unsafe: Which names policy forbids; see ``explorer.edits``.
        now: The current time, UTC, without a zone.
    """

    published: Published[Snapshot]
    warehouse: Warehouse
    home: Path
    evaluation: Path
    erasures: Path
    rankers: Path
    feedback: FeedbackFolder
    params: AlgorithmParams
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    unsafe: Unsafe
    now: Callable[[], datetime]

    def versions(self, snapshot: Snapshot) -> list[VersionDay]:
        """The versions that can be compared: those published, and previews."""
        return with_previews(day_queries.versions_of_journeys(snapshot.cursor()), self.home)

    def compare(self, snapshot: Snapshot, one: str, other: str) -> tuple[VersionDay, VersionDay, Comparison]:
        """Two versions side by side, and the days that they stand for.

        Raises:
            VersionsError: a version is not known.
        """
        pair = find_pair(self.versions(snapshot), one, other)
        rows = [self._rows_of(snapshot, side) for side in pair]
        return *pair, compare_versions(rows[0], rows[1], self.params.evolution)

    def _rows_of(self, snapshot: Snapshot, side: VersionDay) -> pl.DataFrame:
        if side.path is not None:
            return previewed_rows(side.path)
        rows = table_queries.partition(snapshot.cursor(), "user_journeys", side.day)
        return rows.filter(pl.col("algorithm_version") == side.version)

    def readout(self) -> LogReadout | None:
        """The readout of the notification experiment; None where there is no log to read.

        Raises:
            NoSends: no send was logged.
            WarehouseBusyError: the pipeline is writing.
        """
        if not self.warehouse.path.exists():
            return None
        return read_out_log(self.warehouse, self.params.notifications, None, None)

    def edits(self, user_id: str, since: datetime) -> tuple[list[Shown], str | None]:
        """The edits of a user, the latest first; and why those that came by file are not among them, if so.

        Args:
            since: Edits given later count from the next run on.
        """
        rows, problem = self.feedback.edits(user_id), None
        if self.warehouse.path.exists():
            try:
                with self.warehouse.reading() as con:
                    stored = edit_queries.edits_of_user(con, user_id).rows(named=True)
            except WarehouseBusyError:
                stored, problem = [], "The pipeline is writing. Reload the page in a moment to see edits from files."
            lists = ("keywords", "other_keywords")
            rows += [
                Said(**{**row, **{name: None if row[name] is None else tuple(row[name]) for name in lists}})
                for row in stored
            ]
        return listed_edits(rows, since), problem

    def halves(self, keywords: Sequence[str]) -> list[bool]:
        """Which of two or more distinct keywords are in the second of two halves, by how similar they are."""
        ordered = sorted(keywords)
        is_second = two_halves(ordered, self.embed(ordered), self.params.clustering).tolist()
        return [is_second[ordered.index(keyword)] for keyword in keywords]

    def details(self, user_id: str, day: date) -> dict[str, dict[str, Any]]:
        """The actions behind each of a user's journeys on ``day``, and the parts of its score, by journey_id.

        Raises:
            WarehouseBusyError: the pipeline is writing.
        """
        if not self.warehouse.path.exists():
            return {}
        with self.warehouse.reading() as con:
            journeys = user_queries.journeys_of_user(con, user_id, day)
            evidence = user_queries.evidence_of_user(con, user_id, day, WEEKS_SHOWN * 7)
            features = user_queries.features_of_user(con, user_id, day)
        parts = score_parts(journeys, features, self.rankers, self.params.ranking)
        found = {}
        for row in journeys.iter_rows(named=True):
            mine = evidence.filter(pl.col("keyword").is_in(row["keywords"]))
            score = parts.filter(pl.col("journey_id") == row["journey_id"]).select("part", "contribution")
            latest = mine.sort("engaged_at", "keyword", descending=[True, False]).head(8)
            found[row["journey_id"]] = {
                "name": row["journey_name"],
                **evidence_of(mine, day, self.params.actions),
                "latest": latest.to_dicts(),
                "parts": score.rows(),
            }
        return found


def read_countries(warehouse: Warehouse) -> Countries:
    """The latest known country of each user; none, with the reason, while the warehouse is busy."""
    nothing = pl.DataFrame(schema=COUNTRIES_SCHEMA)
    if not warehouse.path.exists():
        return Countries(nothing)
    try:
        with warehouse.reading() as con:
            return Countries(user_queries.countries(con))
    except WarehouseError as error:
        return Countries(nothing, f"Countries are not known yet: {error}")
