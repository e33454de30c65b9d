"""What the text of a location means, and what messages and tables call it. Reads nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from journeys_assets.storage.ingest.errors import IngestError

Kind = Literal["path", "bucket", "web", "postgresql", "duckdb"]

KINDS: dict[str, Kind] = {
    "s3": "bucket",
    "gs": "bucket",
    "https": "web",
    "http": "web",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
"""What a location is, by the scheme of its URL."""
ALSO = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
"""Other spellings of a scheme, and the one to write."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_DUCKDB_MAGIC, _MAGIC_AT = b"DUCK", 8


@dataclass(frozen=True)
class Location:
    """A place where logs lie.

    Attributes:
        text: As given. It may hold a password or a signature, so it is never shown and never stored.
        kind: What it is.
        scheme: Of the URL, lower case; empty for a path.
        name: What messages and tables call it: the text without user, password, query and fragment.
    """

    text: str
    kind: Kind
    scheme: str
    name: str

    @property
    def path(self) -> Path:
        """The path of a file or folder of this machine."""
        return Path(self.text)

    @property
    def is_here(self) -> bool:
        """Whether its files can be read where they lie."""
        return self.kind == "path"

    @property
    def is_database(self) -> bool:
        """Whether it holds tables and no files."""
        return self.kind in ("postgresql", "duckdb")


def location_of(text: str) -> Location:
    """The location that a text names: a URL, or a path of this machine.

    A file of this machine that is a DuckDB database is one location with tables; this is found out from its first
    bytes.

    Raises:
        IngestError: the scheme of the URL is unknown, or the URL holds a password where it must not.
    """
    match = _SCHEME.match(text)
    if match is None:
        return Location(text, "duckdb" if _is_duckdb(Path(text)) else "path", "", text)
    scheme = match[1].lower()
    if scheme == "file":
        return location_of(unquote(urlsplit(text).path))
    if scheme not in KINDS:
        hint = f"; did you mean {ALSO[scheme]}://?" if scheme in ALSO else ""
        raise IngestError(
            f"{_shown(text)}: the scheme {scheme}:// is unknown{hint}; name a path, or a URL with "
            f"{', '.join(f'{one}://' for one in KINDS)}"
        )
    kind, name = KINDS[scheme], _shown(text)
    if kind == "bucket":
        # Every character but the slash may be part of a key: a question mark begins no query here.
        name = f"{scheme}://{text[match.end() :]}"
    if kind == "web" and "@" in urlsplit(text).netloc:
        raise IngestError(
            f"{name}: a user or password in the URL is refused, because it would be seen in the list of processes; "
            "write it into ~/.netrc (`machine HOST login USER password PASSWORD`)"
        )
    if not re.match(r"[^/]", text[match.end() :]):
        raise IngestError(f"{name} names no {'bucket' if kind == 'bucket' else 'host'}; write it after {scheme}://")
    return Location(text, kind, scheme, name)


def _shown(text: str) -> str:
    """A URL without user, password, query and fragment."""
    parts = urlsplit(text)
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_duckdb(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(_MAGIC_AT + len(_DUCKDB_MAGIC))[_MAGIC_AT:] == _DUCKDB_MAGIC
    except OSError:
        return False  # Reading the file gives the reason.
