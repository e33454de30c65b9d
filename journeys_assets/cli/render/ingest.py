"""The result of an ingest call, as text and as a record.

It adds up: files found = read + known + passed over, lines = header + blank + lines of records, and rows read =
accepted + duplicate + noise + quarantined + skipped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from journeys_assets.cli.render.screen import line
from journeys_assets.cli.render.tables import table_of
from journeys_assets.cli.render.unmatched import unmatched_lines
from journeys_assets.domain.landing.column_names import is_objection

if TYPE_CHECKING:
    from journeys_assets.operations.log_health import LogHealth
    from journeys_assets.storage.ingest.report import IngestReport

FILES_SHOWN = 20
SHOWN_EVENTS = 5


def ingest_record(report: "IngestReport", about: "LogHealth") -> dict[str, Any]:
    """Counts of each file, what was left out and why, the keys that match nothing, and how usual the newest day is."""
    return {
        "ingest_seq": report.ingest_seq,
        "first_day": report.first_day,
        "files": [
            {**asdict(replace(file, outcomes={})), "outcomes": _outcomes(file.outcomes)} for file in report.files
        ],
        "n_files_skipped_as_known": report.n_files_skipped_as_known,
        "passed_over": [{"path": one.path, "reason": one.reason} for one in report.passed_over],
        "skipped_by_reason": report.skipped_by_reason,
        "noise": report.noise,
        "events": _outcomes(report.events),
        "ignored_columns": report.ignored_columns(),
        "n_unlisted_users": report.n_unlisted_users,
        "n_doubtful_users": report.n_doubtful_users,
        "linked_ids": None if about.linked is None else asdict(about.linked),
        "unmatched": [asdict(one) for one in about.unmatched],
        "noise_of_days": about.noise.to_dicts(),
        "newest_day": [
            {"source": one.source, "value": one.monitor.value, "passed": one.monitor.passed, "text": one.text}
            for one in about.changes
        ],
    }


def _outcomes(events: "Mapping[tuple[str, str], int] | Mapping[tuple[str | None, str], int]") -> list[dict[str, Any]]:
    return [{"event": event, "outcome": outcome, "n": n} for (event, outcome), n in events.items()]


def show_ingest(report: "IngestReport", about: "LogHealth | None" = None) -> RenderableType:
    """The counts of an ingest call by source, and everything that was left out, with the reasons."""
    headers = ("source", "files", "rows read", "accepted", "duplicate", "quarantined", "skipped", "noise")
    lines = [*_of_files(report), *_of_rows(report), *_of_objections(report), *_of_columns(report)]
    if about is not None:
        lines += [] if about.linked is None else [f"identities: {about.linked.text}"]
        lines += [*_of_noise(about), *unmatched_lines(about.unmatched, about.params), *_of_newest_day(about)]
    tables = [table_of(f"Ingest {report.ingest_seq}", report.by_source(), *headers)]
    if report.events:
        rows = [(event, n, outcome) for (event, outcome), n in report.events.items()]
        tables.append(table_of("Events by type", rows, "event", "records", "became"))
    return Group(*tables, *map(line, lines))


def _of_files(report: "IngestReport") -> Iterator[str]:
    n_read = len({file.file for file in report.files})
    n_found = n_read + report.n_files_skipped_as_known + len(report.passed_over)
    yield (
        f"{n_found:,} files found: {n_read:,} read, {report.n_files_skipped_as_known:,} loaded before and left out, "
        f"{len(report.passed_over):,} passed over"
    )
    for one in report.passed_over[:FILES_SHOWN]:
        yield f"passed over {one.path}: {one.reason}"
    if len(report.passed_over) > FILES_SHOWN:
        yield f"… and {len(report.passed_over) - FILES_SHOWN:,} more, which `--json` lists"
    for refused in report.all_refused():
        yield f"warning {refused}: every row was refused"


def _of_rows(report: "IngestReport") -> Iterator[str]:
    lines = report.n_lines()
    if lines.n_lines:
        yield (
            f"{lines.n_lines:,} lines: {lines.n_header:,} of headers, {lines.n_blank:,} blank, "
            f"{lines.n_in_records:,} in {lines.n_records:,} records"
        )
    for reason, n in sorted(report.skipped_by_reason.items(), key=lambda item: -item[1]):
        yield f"skipped {n:,}: {reason}"
    n_fields = sum(file.n_rows_with_refused_fields for file in report.files)
    if n_fields:
        yield f"{n_fields:,} of the accepted rows were kept without an optional field that was refused"
    if n_fields or any(file.n_quarantined for file in report.files):
        yield "landing.quarantined_rows has what was refused, with file, line and reason; see `journeys doctor`"
    if report.n_unlisted_users:
        yield (
            f"warning users: {report.n_unlisted_users:,} users with an opt-in are not listed any more, so nothing is "
            "sent to them. If the files list only users that changed, give them `updated_at`, or set "
            "users_are_snapshots = false"
        )
    if report.n_doubtful_users:
        yield (
            f"warning users: records of {report.n_doubtful_users:,} users with an opt-in cannot be read, so nothing is "
            "sent to them until a newer opt-in. Correct the records, and load the file again"
        )


def _of_objections(report: "IngestReport") -> Iterator[str]:
    """Events of other formats whose names say that somebody wants no messages: no format reads them."""
    named = Counter[str]()
    for (event, _), n in report.events.items():
        if is_objection(event):
            named[event] += n
    if named:
        shown = ", ".join(f"{event} ({n:,})" for event, n in named.most_common(SHOWN_EVENTS))
        yield (
            f"warning events that may say who wants no messages are not read: {shown}. Load who unsubscribed as "
            "notification_events, or as users with false opt-ins, before anything is sent"
        )


def _of_noise(about: "LogHealth") -> Iterator[str]:
    for source, reason, n, users, example in about.noise.iter_rows():
        yield f"noise {source}: {n:,} rows by {users:,} users (such as {example}) on the days of this call: {reason}"


def _of_newest_day(about: "LogHealth") -> Iterator[str]:
    for change in about.changes:
        yield change.text if change.monitor.passed else f"warning {change.text}"


def _of_columns(report: "IngestReport") -> Iterator[str]:
    for source, columns in report.ignored_columns().items():
        yield f"{source}: ignored columns that are not in the contract: {', '.join(columns)}"
    for source, meant in report.did_you_mean().items():
        for column, name in meant.items():
            yield f"warning {source}: did you mean {name} by {column!r}? The column is ignored"
