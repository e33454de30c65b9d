"""Deletes what the log says of days long past, with the files it came from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from journeys_assets.domain.clustering.kept_ids import kept_ids
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.landing.files import EDIT_FILE
from journeys_assets.domain.tables.landing import KEPT_JOURNEY_IDS
from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError
from journeys_assets.operations.erase import nothing_under_way
from journeys_assets.settings import Settings
from journeys_assets.storage.erasure.databases import remove_before
from journeys_assets.storage.queries.days import last_closed_day
from journeys_assets.storage.queries.keywords import keyword_history
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.base import create_tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

EVENTS = ("search_events", "pin_engagements", "board_pins", "notification_events")
"""Sources whose files are deleted with their days. Files of users, items and judgements are kept, and those of feedback
other than the explorer's files of edits."""


class RetentionError(JourneysError):
    """What is to be kept does not suffice for inference. The message names the least number of days."""


@dataclass(frozen=True)
class Forgotten:
    """What was deleted.

    Attributes:
        before: The first day that is kept.
        rows: Number of rows, by table.
        files: Paths of files below the landing folder.
    """

    before: date
    rows: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def forget_old(
    settings: Settings,
    warehouse: Warehouse,
    tables: Sequence[Table],
    keep_days: int,
    embedding_model: str,
    *,
    on_wait: Callable[[], None] = lambda: None,
) -> Forgotten:
    """Delete events, their keywords and their files from before the ``keep_days`` days up to the last one that was run.

    Outputs of days that are kept do not change, and journeys keep their ids (``domain.clustering.kept_ids``).

    Args:
        tables: All tables of the pipeline.
        keep_days: At least the horizon of keywords and one day.
        embedding_model: Version of the model of the stored vectors.

    Raises:
        RetentionError: ``keep_days`` is less than that, or nothing was run yet.
    """
    least = settings.algorithm.keywords.horizon_days + 1
    if keep_days < least:
        raise RetentionError(f"{keep_days} days do not suffice: inference reads {least} days; keep at least as many")
    with warehouse.reading() as con:
        last = last_closed_day(con)
    if last is None:
        raise RetentionError("nothing was run yet, so no day is past; call `journeys run` first")
    before = last - timedelta(days=keep_days - 1)
    shared = {table.name: table.text_of_users for table in tables if table.text_of_users}
    with nothing_under_way(settings.home, on_wait):
        shutil.rmtree(settings.home / "unfinished", ignore_errors=True)
        with warehouse.reading() as con:
            files = _old_files(con, settings.landing_path, before)
        with warehouse.writing_anew() as con:
            removed = remove_before(con, before, shared)
            _keep_ids(con, last, embedding_model, settings.algorithm.clustering.theme_cosine)
        for file in files:
            file.unlink()
    return Forgotten(before, removed.rows, [str(file.relative_to(settings.landing_path)) for file in files])


def _keep_ids(con: duckdb.DuckDBPyConnection, day: date, embedding_model: str, least_cosine: float) -> None:
    """Replace the kept ids by those of the journeys of ``day`` that would change without the deleted rows."""
    create_tables(con, [KEPT_JOURNEY_IDS])
    con.execute(f"DELETE FROM {KEPT_JOURNEY_IDS.qualified_name}")
    clusters = con.execute(
        "SELECT user_id, journey_id, keywords, window_end_date FROM main.journey_clusters WHERE partition_date = $day "
        "ORDER BY user_id, journey_id",
        {"day": day},
    ).pl()
    history = keyword_history(con, clusters.select("user_id", "window_end_date").unique(), day)
    vectors = stored_vectors(con, "keyword", history["keyword"].unique().sort(), embedding_model)
    if not clusters.height:
        return
    if (missing := history["keyword"].n_unique() - vectors.height) > 0:
        raise RetentionError(
            f"{missing} keywords have no vector of {embedding_model}, so ids of journeys could not be kept; call "
            "`journeys run --full` first"
        )
    kept = kept_ids(clusters, history, KeywordVectors.from_frame(vectors), least_cosine)
    con.register("kept", kept.to_arrow())
    con.execute(f"INSERT INTO {KEPT_JOURNEY_IDS.qualified_name} BY NAME FROM kept")
    con.unregister("kept")


def _old_files(con: duckdb.DuckDBPyConnection, landing: Path, before: date) -> list[Path]:
    """Files of events that were loaded, and last modified before the day: none of their events is later."""
    rows = con.execute(
        "SELECT file FROM landing.ingest_ledger GROUP BY file "
        "HAVING bool_and(list_contains($1, source) OR contains(file, $2)) ORDER BY file",
        [list(EVENTS), f"/{EDIT_FILE}"],
    ).fetchall()
    paths = [Path(file) for (file,) in rows]
    midnight = datetime(before.year, before.month, before.day).timestamp()
    return [
        path for path in paths if path.is_relative_to(landing) and path.is_file() and path.stat().st_mtime < midnight
    ]
