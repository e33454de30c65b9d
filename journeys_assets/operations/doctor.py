"""What ``journeys doctor`` looks at: the warehouse, the models, and what was ingested against what was computed.

What belongs here: questions whose answer is "ok" or "wrong, do this". What does not: repairing anything.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.deployment import asker_params, place_of
from journeys_assets.domain.quality.monitors import format_measured
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.quality.unmatched import worst_first
from journeys_assets.domain.scheduling.log_days import LogDays
from journeys_assets.errors import JourneysError
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.choose import check_endpoint, make_chat
from journeys_assets.models.releases import live_versions
from journeys_assets.operations.activation.choose import destination_of
from journeys_assets.operations.erase import releases_before_erasure
from journeys_assets.operations.log_health import noise_of_log, volume_changes
from journeys_assets.pipeline.pipeline import DAY, Pipeline
from journeys_assets.pipeline.stage import Released
from journeys_assets.pipeline.versions import Versions
from journeys_assets.settings import LandingPlace, Settings
from journeys_assets.storage.ingest.folder import landed_files
from journeys_assets.storage.ingest.recognition import check_options
from journeys_assets.storage.key_value.choose import open_store
from journeys_assets.storage.locations.places import list_place
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import ledger, staleness
from journeys_assets.storage.queries import quality as quality_queries
from journeys_assets.storage.queries.identities import link_counts
from journeys_assets.storage.queries.unmatched import unmatched_keys
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

EVENT_TYPES = 10
"""How many types of events of the log are shown, the most frequent first."""
FEW = 0.01
"""Share of all events up to which outliers are no finding: single rows with a wrong date occur in every log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, whether it is as it should be, and what to do if not."""

    subject: str
    ok: bool
    text: str


def examine(pipeline: Pipeline, settings: Settings, embedder: Callable[[], Embedder], *, today: date) -> list[Finding]:
    """All findings, most basic first; after a warehouse that cannot be opened, nothing more is asked of it.

    Args:
        today: The last day that may have a partition.
    """
    releases = {
        release: _tried(release.title, partial(_live, release, settings.models_path / release.folder))
        for release in dict.fromkeys(entry.release for entry in pipeline.entries if entry.release is not None)
    }
    models = [_tried("embedding model", lambda: _model(embedder())), *releases.values()]
    findings = [
        Finding("home", True, str(settings.home)),
        *models,
        *_trained_before_an_erasure([release for release, found in releases.items() if found.ok], settings),
        _language_model(settings),
        *(_tried(f"landing {one.location}", partial(_place, one, settings)) for one in settings.landing),
        *_unusable(settings),
    ]
    if not pipeline.warehouse.path.exists():
        return [*findings, Finding("warehouse", False, "not there yet; `journeys ingest PATH` makes it")]
    opened = _tried("warehouse", lambda: _open(pipeline.warehouse))
    findings.append(opened)
    if not opened.ok:
        return findings
    refused = list(_refused(pipeline.warehouse, settings.landing_path))
    # A model that cannot be read has no version, so what was computed cannot be compared with it.
    versions = pipeline.versions() if all(finding.ok for finding in models) else None
    with pipeline.warehouse.reading() as con:
        findings += [
            *_ingested(con),
            *_left_out(con, pipeline),
            *_volume(con, pipeline, today),
            *refused,
            *_linked(con),
            *_unmatched(con, pipeline.params.quality),
            *_tables(pipeline, con),
        ]
        if versions is None:
            return [*findings, Finding("computed", False, "not compared with the log until the models can be read")]
        return [*findings, *_computed(con, pipeline, versions, today)]


def _trained_before_an_erasure(releases: Iterable[Released], settings: Settings) -> Iterator[Finding]:
    """Those of ``releases``, all readable, whose live version was trained with labels of a user erased since."""
    try:
        before = releases_before_erasure(settings)
    except JourneysError as error:
        yield Finding("releases before an erasure", False, str(error))
        return
    for release in releases if before else ():
        live = live_versions(settings.models_path / release.folder)
        if live and (erased_at := before.get(f"{release.folder}/{live[-1][1]}")):
            trained = f"release {live[-1][1]} was trained with labels of a user who was erased on {erased_at:.10}"
            yield Finding(release.title, False, f"{trained}; `journeys train` makes one without the user")


def _language_model(settings: Settings) -> Finding:
    subject = "language model"
    if settings.llm.model is None and settings.algorithm.inference.model_feeds:
        return Finding(
            subject,
            False,
            "none, although algorithm.inference.journeys_from is 'language_model': every user keeps the clusters of "
            "the pipeline; set llm.model (JOURNEYS_LLM__MODEL), or journeys_from to 'pipeline'",
        )
    if settings.llm.model is None:
        return Finding(subject, True, "none; names and related journeys are made without one")
    try:
        chat = make_chat(asker_params(settings.llm))
    except JourneysError as error:
        return Finding(subject, False, str(error))
    problem = None if chat is None else check_endpoint(chat)
    return Finding(subject, problem is None, problem or f"{settings.llm.model} at {settings.llm.base_url} answers")


def _unusable(settings: Settings) -> Iterator[Finding]:
    """Settings that name something that does not exist; without these findings it would be noticed when it is used."""
    attempts: dict[str, Callable[[], object]] = {
        "formats": lambda: check_options(settings.formats),
        "key-value store": lambda: open_store(settings.key_value_store, settings.models_path / "related"),
        "activation": lambda: [destination_of(one, **settings.activation.secrets) for one in settings.activation.to],
    }
    for subject, attempt in attempts.items():
        try:
            attempt()
        except JourneysError as error:
            yield Finding(subject, False, str(error))


def _place(one: LandingPlace, settings: Settings) -> str:
    return f"{list_place(place_of(one, settings)).folder.files.height:,} files, format {one.format}"


def _tried(subject: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, attempt())
    except JourneysError as error:
        return Finding(subject, False, str(error))


def _open(warehouse: Warehouse) -> str:
    with warehouse.reading():
        size = warehouse.path.stat().st_size
    return f"{warehouse.path}, {size / 2**20:,.0f} MiB"


def _model(embedder: Embedder) -> str:
    return f"{embedder.model_version}, {embedder.dimensions} dimensions"


def _live(kind: Released, folder: Path) -> str:
    release = kind.live(folder, date.max)
    return kind.without if release is None else f"release {release.version}, live from {release.live_from}"


def _tables(pipeline: Pipeline, con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Tables of the registry that the warehouse lacks; a run makes them."""
    there = {name for (name,) in con.execute("SELECT DISTINCT table_name FROM duckdb_tables()").fetchall()}
    missing = [table.name for table in pipeline.tables if table.name not in there]
    text = f"{len(pipeline.tables)} tables of {len(pipeline.entries)} stages"
    yield Finding("tables", True, f"{text}; not made yet: {', '.join(missing)}" if missing else text)


def _ingested(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """What became of the rows of all loads, and of the records of each type as of the last load of each file."""
    total = ledger.reconciliation(con)
    yield Finding("ingested", total.n_files > 0, f"{total.n_files:,} files, {total.text}")
    for file in total.wrong_files:
        yield Finding("reconciliation", False, f"the counts of {file} do not add up; please report it")
    for event, n, outcomes in ledger.largest_events(con, EVENT_TYPES):
        yield Finding("events", True, f"{n:,} records of {event}: {outcomes}")
    rows = con.sql(
        "SELECT file, line, reason FROM landing.quarantined_rows ORDER BY quarantined_at DESC, file, line LIMIT 5"
    ).fetchall()
    for file, line, reason in rows:
        yield Finding("quarantined", True, f"{file}, line {line}: {reason}")


def _left_out(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> Iterator[Finding]:
    """Rows that are marked as noise or exceed a rate, by reason, and whether they are left out."""
    left_out = pipeline.params.noise.left_out
    for source, reason, n, users, example in noise_of_log(con, pipeline.params).iter_rows():
        what = "left out" if reason in left_out else "kept, because algorithm.noise.left_out lacks the reason"
        yield Finding("noise", True, f"{n:,} rows of {source} by {users:,} users (such as {example}): {reason}, {what}")


def _volume(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, today: date) -> Iterator[Finding]:
    """Whether the newest day of the log has as many rows as such a day usually has."""
    for change in volume_changes(con, pipeline.params.quality, today=today):
        yield Finding("newest day", change.monitor.passed, change.text)


def _refused(warehouse: Warehouse, landing: Path) -> Iterator[Finding]:
    """Files that lie in the landing folder and could not be taken; those that were removed since are no matter."""
    for row in landed_files(warehouse).filter(outcome="refused").sort("file").iter_rows(named=True):
        # Records of objects that are no longer there are removed when their bucket is listed.
        if "://" in row["file"] or (landing / row["file"]).exists():
            yield Finding("refused", False, f"{row['reason']}. It is read again once it is replaced or touched")


def _linked(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """The links between ids, and the conflicts among them; the rules decide each, so none is wrong."""
    if counts := link_counts(con):
        yield Finding("linked ids", True, counts.text)


def _unmatched(con: duckdb.DuckDBPyConnection, params: QualityParams) -> Iterator[Finding]:
    """References of the landing tables that have keys without a match; wrong where that is a mistake of the files."""
    for one in worst_first(unmatched_keys(con), params):
        wrong = one.is_mistake(params)
        cure = ". Correct the files and load them again" if wrong else ""
        yield Finding(f"unmatched {one.reference}", not wrong, f"{one.text}{cure}")


def _log(log: LogDays) -> Iterator[Finding]:
    """Events that get no output now, and why; wrong only where many are set aside and nobody said so."""
    if log.set_aside_note:
        yield Finding("days of the log", log.is_start_set or log.share_set_aside <= FEW, log.set_aside_note)
    if log.waiting_note:
        yield Finding("days of the log", True, log.waiting_note)


def _computed(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, versions: Versions, today: date) -> Iterator[Finding]:
    log = pipeline.log_days(con, today=today)
    if log.is_start_set and log.start > today:
        start = f"first_partition_date = {log.start} is after today, {today} (UTC)"
        yield Finding("days of the log", False, f"{start}, so that no day can be run; set an earlier date")
    else:
        yield from _log(log)
    done = day_queries.last_closed_day(con)
    if done is None or done < log.start:
        if log.counted:
            yield Finding("computed", False, f"nothing yet of {log.counted.first} … {log.counted.last}; `journeys run`")
        return
    days = staleness.stale_days(con, versions.periods(DAY), start=log.start, today=today)
    behind = days.filter(pl.col("reason") != staleness.ALGORITHM_VERSION)["partition_date"].to_list()
    advice = f"; {len(behind)} days are behind the log, {behind[0]} … {behind[-1]}: `journeys run`" if behind else ""
    yield Finding("computed", not behind, f"up to {done}{advice}")
    yield from _users(con, pipeline, versions, done, log.start, today)
    yield from _monitors(con, done)


def _users(
    con: duckdb.DuckDBPyConnection, pipeline: Pipeline, versions: Versions, done: date, start: date, today: date
) -> Iterator[Finding]:
    horizon_days = pipeline.params.keywords.horizon_days
    users = staleness.stale_users(con, versions.periods(DAY), horizon_days=horizon_days, start=start, today=today)
    if users.is_empty():
        yield Finding(
            "users up to date", True, f"algorithm version of user_journeys {versions.of('user_journeys', done)}"
        )
    for reason in staleness.REASONS:
        mine = users.filter(pl.col("reason") == reason)
        if mine.is_empty():
            continue
        full = f" --from {done} --to {done} --full" if reason == staleness.ALGORITHM_VERSION else ""
        days = mine["partition_date"].to_list()
        some = ", ".join(mine["user_id"].unique().sort().head(3))
        yield Finding(
            f"stale, {reason}",
            False,
            f"{mine['user_id'].n_unique():,} users on {days[0]} … {days[-1]} (such as {some}): `journeys run{full}`",
        )


def _monitors(con: duckdb.DuckDBPyConnection, done: date) -> Iterator[Finding]:
    """The quality monitors that fired on the last computed day, from what was stored when it was run."""
    rows = quality_queries.measurements_of_day(con, done)
    fired = rows.filter(~pl.col("passed"))
    if rows.is_empty():
        text = f"none measured {done}: `journeys run --from {done} --to {done}`"
        yield Finding("monitors", False, text)
    elif fired.is_empty():
        unjudged = rows["value"].null_count()
        note = f", {unjudged} of them could not judge the day" if unjudged else ""
        yield Finding("monitors", True, f"{rows.height} on {done}, none fired{note}")
    for row in fired.iter_rows(named=True):
        value = format_measured(row["value"], row["lower"], row["upper"])
        text = f"{value} on {done}, expected {row['bound']}; {row['advice']}"
        yield Finding(f"monitor {row['monitor']} of {row['asset']}", False, text)
