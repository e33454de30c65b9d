"""What a log would be read as, before anything is loaded: `journeys ingest --explain`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.ids import NULL_WORDS
from journeys_assets.importers.base import PART, VERSION, Importer
from journeys_assets.importers.draft import draft_mapping
from journeys_assets.importers.mapped import resolved_actions
from journeys_assets.importers.times import are_naive
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import find_files
from journeys_assets.storage.ingest.readers.choose import form_of, header_of, is_special, read_of_importer, wanted_of
from journeys_assets.storage.ingest.readers.records import first_records
from journeys_assets.storage.ingest.recognition import form_of_sample, sample_of

MAX_ROWS = 100_000
"""Records that are looked at, from the beginnings of all files."""
EXAMPLES = 5
SAMPLE_RECORDS = 1_000
"""Records of each of the first files among which examples are, and from which a mapping is drafted."""
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Example:
    """A record before, and its landing rows after."""

    file: str
    line: int
    before: str
    after: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class LogExplanation:
    """What files would be read as.

    Attributes:
        n_files: Files that would be read.
        n_rows: Records that were looked at.
        is_all: Whether these are all records of the files.
        passed_over: Files that would not be read, with the reasons.
        unused: Columns or keys of records that are not read.
        time_paths, time_zone, time_unit: Where times come from, and what is assumed of them.
        n_naive: Records whose time has no zone, so that ``time_zone`` is assumed.
        first, last: Time of the first and of the last row, UTC; None if there is none.
        users: Records by the path that gives the user's id; None stands for records without a user.
        events: Records by type of event and what becomes of them.
        actions: For each type of event that is an action: the action of the registry, or ``ignore``.
        refused: Reasons for which rows would be refused, with their number; the most frequent first.
        examples: Records with the rows that they become.
    """

    n_files: int
    n_rows: int
    is_all: bool
    passed_over: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    time_paths: tuple[str, ...]
    time_zone: str
    time_unit: str | None
    n_naive: int
    first: datetime | None
    last: datetime | None
    users: tuple[tuple[str | None, int], ...]
    events: Mapping[tuple[str, str], int]
    actions: Mapping[str, str]
    refused: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]

    @property
    def share_without_user(self) -> float:
        """Share of the records that have no id of a user, 0 to 1."""
        return dict(self.users).get(None, 0) / max(1, self.n_rows)


def explain_log(
    paths: Sequence[Path],
    importer: Importer,
    *,
    actions: Sequence[Action],
    now: datetime,
    name_of: Callable[[Path], str] = str,
) -> LogExplanation:
    """Convert the beginning of a log without loading it.

    Args:
        importer: It must have a mapping.
        actions: The action registry.
        now: The current time, naive UTC.
        name_of: What the explanation calls a file.

    Raises:
        IngestError: a file cannot be read, or the format has no mapping, so that there is nothing to explain.
    """
    mapping = importer.mapping
    if mapping is None:
        raise IngestError(
            f"format {importer.name} has no mapping to explain; ingest it, the end of the call has counts"
        )
    found = find_files(paths, None, header_of(importer), is_special(importer))
    left_out = importer.check_files([str(file) for file, _ in found.files])
    files = [file for file, _ in found.files if str(file) not in left_out]
    parts, unused, is_all = _read(files, importer)
    if importer.gather is not None and parts:
        importer = importer.gather.use(pl.concat([importer.gather.select(frame) for _, frame in parts]))
    users: Counter[str | None] = Counter()
    events: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    n_rows = n_naive = 0
    times: list[datetime] = []
    rows: dict[Path, dict[int, list[tuple[str, Mapping[str, Any]]]]] = {}
    for file, frame in parts:
        n_rows += frame.height
        users.update(_users(frame, importer.user_paths))
        n_naive += _n_naive(frame, importer.time_paths)
        converted = importer.convert(frame, now)
        events.update(converted.events)
        for bad in converted.refused.values():
            refused.update(reason.split(":")[0] for reason in bad["reason"])
        of_file = rows.setdefault(file, {})
        for source, good in converted.good.items():
            for name in ("searched_at", "engaged_at", "saved_at"):
                if name in good.columns and good.height:
                    times += [good[name].min(), good[name].max()]  # type: ignore[list-item]
            shown = good.head(SAMPLE_RECORDS).drop(PART, VERSION, strict=False)
            for row in shown.to_dicts():
                of_file.setdefault(row.pop("line"), []).append((source, row))
    return LogExplanation(
        n_files=len(files),
        n_rows=n_rows,
        is_all=is_all,
        passed_over=(
            *((name_of(Path(one.path)), one.reason) for one in found.passed_over),
            *((name_of(Path(name)), reason) for name, reason in sorted(left_out.items())),
        ),
        unused=tuple(sorted(unused)),
        time_paths=tuple(importer.time_paths),
        time_zone=mapping.time_zone,
        time_unit=mapping.time_unit,
        n_naive=n_naive,
        first=min(times, default=None),
        last=max(times, default=None),
        users=tuple(users.most_common()),
        events=dict(sorted(events.items())),
        actions={
            event: action
            for rule in mapping.engagements
            for event, action in resolved_actions(rule.actions, actions).items()
        },
        refused=tuple(refused.most_common()),
        examples=_examples(importer, rows, name_of),
    )


def _read(files: Sequence[Path], importer: Importer) -> tuple[list[tuple[Path, pl.DataFrame]], set[str], bool]:
    """The raw rows of the files, at most ``MAX_ROWS``, the columns that are not read, and whether these are all."""
    parts: list[tuple[Path, pl.DataFrame]] = []
    unused: set[str] = set()
    left = MAX_ROWS
    for file in files:
        wanted = wanted_of(importer)
        for piece in read_of_importer(file, importer, wanted):
            parts.append((file, piece.frame.head(left)))
            left -= piece.frame.height
            if left < 0:
                break
        unused |= wanted.unknown
        if left < 0:
            return parts, unused, False
    return parts, unused, True


def _n_naive(frame: pl.DataFrame, paths: Sequence[str]) -> int:
    """Number of records whose time has no zone: of several times, the first that is given."""
    times = [path for path in paths if path in frame.columns]
    return int(are_naive(frame.select(pl.coalesce(times)).to_series()).sum()) if times else 0


def _users(frame: pl.DataFrame, paths: Sequence[str]) -> Counter[str | None]:
    texts = {
        path: pl.col(path).list.drop_nulls().list.first() if isinstance(frame.schema[path], pl.List) else pl.col(path)
        for path in paths
        if path in frame.columns
    }
    given = [
        pl.when(~text.str.strip_chars().str.to_lowercase().is_in(["", *sorted(NULL_WORDS)])).then(pl.lit(path))
        for path, text in texts.items()
    ]
    if not given:
        return Counter()
    counted = frame.select(user=pl.coalesce(*given)).to_series().value_counts()
    return Counter(dict(counted.iter_rows()))


def _examples(
    importer: Importer,
    rows: Mapping[Path, Mapping[int, Sequence[tuple[str, Mapping[str, Any]]]]],
    name_of: Callable[[Path], str],
) -> tuple[Example, ...]:
    """Examples that show different sources and actions first."""
    examples: list[Example] = []
    seen: Counter[tuple[tuple[str, Any], ...]] = Counter()
    candidates: list[tuple[int, Path, int, Mapping[str, Any], Sequence[tuple[str, Mapping[str, Any]]]]] = []
    for file, of_file in rows.items():
        if importer.records is None or len(candidates) > SAMPLE_RECORDS:
            break
        for line, record in first_records(file, form_of(file, importer), importer.records, SAMPLE_RECORDS):
            if line in of_file:
                kind = tuple(dict.fromkeys((source, row.get("action")) for source, row in of_file[line]))
                seen[kind] += 1
                candidates.append((seen[kind], file, line, record, of_file[line]))
    for _, file, line, record, after in sorted(candidates, key=lambda one: (one[0], str(one[1]), one[2]))[:EXAMPLES]:
        before = json.dumps(record, ensure_ascii=False, default=str)
        shown = before if len(before) <= SHOWN_CHARACTERS else before[:SHOWN_CHARACTERS] + "…"
        examples.append(Example(name_of(file), line, shown, tuple(after)))
    return tuple(examples)


def drafted_mapping(paths: Sequence[Path]) -> str:
    """A draft of a mapping for the files, from the first records of the first of them.

    Raises:
        IngestError: no file has a record.
    """
    for file, _ in find_files(paths, is_header=lambda columns: True).files:
        form_of_sample(file)
        records = sample_of(file, SAMPLE_RECORDS).records
        if records:
            return draft_mapping(records)
    raise IngestError(f"{', '.join(map(str, paths))}: no file has a record; name files of a log")
