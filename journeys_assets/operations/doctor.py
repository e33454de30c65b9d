"""What ``journeys doctor`` looks at: the warehouse, the models, and what was ingested against what was computed.

What belongs here: questions whose answer is "ok" or "wrong, do this". What does not: repairing anything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from journeys_assets.deployment import Deployment
from journeys_assets.domain.quality.monitors import number
from journeys_assets.errors import MissingExtra
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.lifecycle.release import released_stage_model
from journeys_assets.models.naming.release import released_namer
from journeys_assets.models.ranker.release import released
from journeys_assets.models.releases import ReleaseError
from journeys_assets.storage.ingest.folder import landed_files
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import quality as quality_queries
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.warehouse.base import WarehouseError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, whether it is as it should be, and what to do if not."""

    subject: str
    ok: bool
    text: str


def examine(deployment: Deployment) -> list[Finding]:
    """All findings, most basic first; after a warehouse that cannot be opened, nothing more is asked of it."""
    settings = deployment.settings
    findings = [
        Finding("home", True, str(settings.home)),
        _tried("embedding model", lambda: _embedder(deployment), EmbedderError, MissingExtra),
        _tried("ranker", lambda: _ranker(deployment), ReleaseError),
        _tried("stage model", lambda: _stage_model(deployment), ReleaseError),
        _tried("naming weights", lambda: _naming_weights(deployment), ReleaseError),
    ]
    if not settings.warehouse_path.exists():
        return [*findings, Finding("warehouse", False, "not there yet; `journeys ingest PATH` makes it")]
    opened = _tried("warehouse", lambda: _open(deployment), WarehouseError)
    findings.append(opened)
    if not opened.ok:
        return findings
    refused = list(_refused(deployment))
    with deployment.warehouse.reading() as con:
        return [*findings, *_ingested(con), *refused, *_computed(deployment, con)]


def _tried(subject: str, attempt: Callable[[], str], *errors: type[Exception]) -> Finding:
    try:
        return Finding(subject, True, attempt())
    except errors as error:
        return Finding(subject, False, str(error))


def _open(deployment: Deployment) -> str:
    with deployment.warehouse.reading():
        size = deployment.settings.warehouse_path.stat().st_size
    return f"{deployment.settings.warehouse_path}, {size / 2**20:,.0f} MiB"


def _embedder(deployment: Deployment) -> str:
    embedder = deployment.embedder()
    return f"{embedder.model_version}, {embedder.dimensions} dimensions"


def _ranker(deployment: Deployment) -> str:
    release = released(deployment.releases_path, date.max)
    return f"release {release.version}, live from {release.live_from}" if release else "none released; the prior scores"


def _stage_model(deployment: Deployment) -> str:
    release = released_stage_model(deployment.stage_releases_path, date.max)
    return f"release {release.version}, live from {release.live_from}" if release else "none released; the fixed gap"


def _naming_weights(deployment: Deployment) -> str:
    release = released_namer(deployment.naming_releases_path, date.max)
    if release is None:
        return "none released; those of the parameters"
    release.params(deployment.algorithm.naming)
    return f"release {release.version}, live from {release.live_from}"


def _ingested(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    total = con.sql(
        "SELECT count(*) AS files, coalesce(sum(n_accepted), 0) AS accepted, "
        "coalesce(sum(n_quarantined), 0) AS refused FROM landing.ingest_ledger"
    ).fetchone()
    files, accepted, refused = total if total else (0, 0, 0)
    yield Finding("ingested", files > 0, f"{files:,} files, {accepted:,} rows, {refused:,} quarantined")
    rows = con.sql(
        "SELECT file, line, reason FROM landing.quarantined_rows ORDER BY quarantined_at DESC, file, line LIMIT 5"
    ).fetchall()
    for file, line, reason in rows:
        yield Finding("quarantined", True, f"{file}, line {line}: {reason}")


def _refused(deployment: Deployment) -> Iterator[Finding]:
    """Files that lie in the landing folder and could not be taken; those that were removed since are no matter."""
    for row in landed_files(deployment.warehouse).filter(outcome="refused").sort("file").iter_rows(named=True):
        if (deployment.settings.landing_path / row["file"]).exists():
            yield Finding(
                "refused", False, f"{row['reason']}. It is looked at again once it is replaced, touched or removed"
            )


def _computed(deployment: Deployment, con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    landed = day_queries.landed_days(con)
    if not landed:
        return
    today = date.fromisoformat(deployment.partitions.get_partition_keys()[-1])
    done = day_queries.last_closed_day(con)
    if done is None:
        yield Finding("computed", False, f"nothing yet of {landed[0]} … {landed[-1]}; `journeys run`")
        return
    version = deployment.output_version
    days = staleness.stale_days(con, version, today=today)
    behind = days.filter(pl.col("reason") != staleness.ALGORITHM_VERSION)["partition_date"].to_list()
    advice = f"; {len(behind)} days are behind the log, {behind[0]} … {behind[-1]}: `journeys run`" if behind else ""
    yield Finding("computed", not behind, f"up to {done}{advice}")
    yield from _users(deployment, con, done, today)
    yield from _monitors(con, done)


def _users(deployment: Deployment, con: duckdb.DuckDBPyConnection, done: date, today: date) -> Iterator[Finding]:
    version, horizon = deployment.output_version, deployment.algorithm.keywords.horizon_days
    users = staleness.stale_users(con, version, horizon_days=horizon, today=today)
    if users.is_empty():
        yield Finding(
            "users up to date", True, f"algorithm version of user_journeys {deployment.version_of('lifecycle')}"
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
    rows = quality_queries.measured_on(con, done)
    fired = rows.filter(~pl.col("passed"))
    if rows.is_empty():
        text = f"none measured {done}: `journeys run --from {done} --to {done}`"
        yield Finding("monitors", False, text)
    elif fired.is_empty():
        unjudged = rows["value"].null_count()
        note = f", {unjudged} of them could not judge the day" if unjudged else ""
        yield Finding("monitors", True, f"{rows.height} on {done}, none fired{note}")
    for row in fired.iter_rows(named=True):
        text = f"{number(row['value'])} on {done}, expected {row['bound']}; {row['advice']}"
        yield Finding(f"monitor {row['monitor']} of {row['asset']}", False, text)
