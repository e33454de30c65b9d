"""Recognises the format of log files from their content: what ``--format auto`` takes.

Every format says from the beginning of a file whether it is its own. A file is recognised if exactly one format claims
it, and a call if all its files are of one format. Otherwise nothing is guessed: the error lists the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.domain.landing.recognise import misfit
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.importers.base import Importer, LogFormat, Records, Sample
from journeys_assets.importers.choose import formats
from journeys_assets.importers.mapped import mapped_importer
from journeys_assets.importers.mapping import read_mapping, with_options
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import find_files
from journeys_assets.storage.ingest.load import LANDING_FORMAT
from journeys_assets.storage.ingest.readers.columns import format_of
from journeys_assets.storage.ingest.readers.formats import Format, format_by_name, is_parquet, members_of
from journeys_assets.storage.ingest.readers.records import first_lines, first_records

SAMPLE_RECORDS = 200
"""How many records of a file are looked at."""
SHOWN_KEYS = 20
GENERIC = "generic"
"""The format of a log with a mapping file."""

_ALL = Records((), archives=True)


def check_options(options: Mapping[str, FormatOptions]) -> None:
    """Check that every format of the settings exists, so that a misspelt one is not passed over.

    Raises:
        IngestError: names the one that does not.
    """
    allowed = (*formats(), GENERIC)
    for name in sorted(set(options).difference(allowed)):
        raise IngestError(f"the settings have formats.{name}, which is no log format; formats are {', '.join(allowed)}")


@dataclass(frozen=True)
class RecognisedFormat:
    """The format of the files of a call.

    Attributes:
        name: ``landing``, or the name of a log format.
        reasons: For each file that speaks for it, what it has.
    """

    name: str
    reasons: Mapping[str, str]

    @property
    def why(self) -> str:
        """One sentence for people."""
        file, reason = next(iter(self.reasons.items()))
        others = f", and {len(self.reasons) - 1:,} more files are alike" if len(self.reasons) > 1 else ""
        return f"the format is {self.name}, because {file} has {reason}{others}"


def recognise_format(paths: Sequence[Path], name_of: Callable[[Path], str] = str) -> RecognisedFormat:
    """The format of all files in ``paths``.

    Args:
        name_of: What messages call a file.

    Raises:
        IngestError: no file can be read, a file is of no known format or of several, or two files are of different
            ones. The message has the candidates and the cure.
    """
    found = find_files(paths, is_header=lambda columns: len(columns) > 1, is_special=_is_text)
    names = [str(file) for file, _ in found.files]
    left_out = {name for one in formats().values() for name in one.left_out(names)}
    reasons: dict[str, dict[str, str]] = {}
    unknown: IngestError | None = None
    for file, _ in found.files:
        if str(file) in left_out:
            continue
        try:
            name, reason = _format_of_file(file)
        except IngestError as error:
            # Beside the files of a log, a text such as README.md is passed over, and `ingest` gives the reason.
            if format_by_name(file.name) is not None or file in paths:
                raise
            unknown = unknown or error
            continue
        reasons.setdefault(name, {})[name_of(file)] = reason
    if unknown is not None and not reasons:
        raise unknown
    if len(reasons) > 1:
        listed = "; ".join(
            f"{name}: {', '.join(list(files)[:3])}{', …' if len(files) > 3 else ''}"
            for name, files in sorted(reasons.items())
        )
        raise IngestError(f"the files are of several formats ({listed}); ingest each format by itself, with --format")
    if not reasons:
        raise IngestError(
            f"no file can be recognised in {', '.join(map(name_of, paths))}; name the format with --format"
        )
    name, files = next(iter(reasons.items()))
    return RecognisedFormat(name, files)


def _format_of_file(file: Path) -> tuple[str, str]:
    sample = sample_of(file)
    claims = {}
    for one in formats().values():
        if (reason := one.recognise(sample)) is not None:
            claims[one.name] = reason
    fitting = [source for source in LANDING if sample.columns and misfit(source, sample.columns) is None]
    if fitting and not claims:
        claims[LANDING_FORMAT] = f"the columns of {' or '.join(fitting)}"
    if len(claims) == 1:
        return next(iter(claims.items()))
    if claims:
        listed = "; ".join(f"{name}: it has {reason}" for name, reason in claims.items())
        raise IngestError(f"{file} may be of several formats ({listed}); name one with --format")
    keys = ", ".join(sample.columns[:SHOWN_KEYS]) or "no columns"
    raise IngestError(
        f"{file} is of no known format (it has {keys[:300]}); the formats are "
        f"{', '.join([LANDING_FORMAT, *formats()])}. Draft a mapping for it: journeys ingest {file} --explain "
        "--write-mapping mapping.toml, then ingest it with --mapping mapping.toml"
    )


def sample_of(file: Path, n: int = SAMPLE_RECORDS) -> Sample:
    """The beginning of a file.

    Raises:
        IngestError: the file is damaged, or is neither Parquet nor text.
    """
    form = form_of_sample(file)
    lines = () if form == "parquet" else tuple(first_lines(file, n, all_members=True))
    if form in ("csv", "tsv") and (not lines or not _is_header(lines[0], form)):
        return Sample(file.name, form, (), (), lines)
    records = tuple(row for _, row in first_records(file, form, _ALL, n))
    columns = tuple(dict.fromkeys(key for row in records for key in row))
    if not columns and form in ("csv", "tsv"):
        columns = tuple(lines[0].split("\t" if form == "tsv" else ","))
    return Sample(file.name, form, columns, records, lines)


def form_of_sample(file: Path) -> Format:
    """What a file is, whatever its format: Parquet, JSON, or text in columns.

    Raises:
        IngestError: the file is damaged, or is neither.
    """
    members = members_of(file)
    if len(members) > 1:
        return format_by_name(members[0]) or "json"
    form = format_of(file, lambda columns: True)
    if form is not None:
        return "tsv" if form == "csv" and _has_tabs(file) else form
    if _is_text(file):
        return "json"
    raise IngestError(f"{file} is neither Parquet nor text; name files of a log")


def _is_header(line: str, form: Format) -> bool:
    """Whether the fields of a line can be names of columns: each is there, and once."""
    names = [name.strip().casefold() for name in line.split("\t" if form == "tsv" else ",")]
    return all(names) and len(set(names)) == len(names)


def _has_tabs(file: Path) -> bool:
    line = next(iter(first_lines(file, 1)), "")
    return line.count("\t") > max(line.count(","), line.count(";"))


def _is_text(file: Path) -> bool:
    if is_parquet(file):
        return False
    if len(members_of(file)) > 1:
        return True
    lines = first_lines(file, 1)
    return bool(lines) and "\0" not in lines[0] and "\ufffd" not in lines[0]


def chosen_format(name: str) -> LogFormat | None:
    """The log format of that name; None for the landing contract.

    Raises:
        IngestError: there is no such format.
    """
    known = formats()
    if name not in known and name != LANDING_FORMAT:
        raise IngestError(f"format {name!r} is unknown; formats are {', '.join([LANDING_FORMAT, *known])}")
    return known.get(name)


def importer_by_mapping(mapping: Path, actions: Sequence[Action], options: Mapping[str, FormatOptions]) -> Importer:
    """The importer of format ``generic`` for a mapping file.

    Args:
        options: What the deployment decides about log formats, by name.

    Raises:
        IngestError: the file cannot be read.
        MappingError: it is no mapping.
    """
    try:
        text = mapping.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise IngestError(f"{mapping} cannot be read: {error}; check the path of the mapping") from error
    read = with_options(read_mapping(text, str(mapping)), options.get(GENERIC, FormatOptions()))
    return mapped_importer(GENERIC, read, actions=actions)
