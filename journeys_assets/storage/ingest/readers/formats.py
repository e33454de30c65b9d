"""The format and the compression of a file.

The ending of the name gives the format: ``name.FORMAT``, ``name.FORMAT.COMPRESSION``, and either with a number or a day
behind it, as log rotation writes them (``f.csv.1``, ``f.csv-20260131.gz``). Without a known ending, the content gives
it: see ``readers.columns``. The compression follows from the first bytes. A zip archive must have exactly one file,
whose ending counts if that of the archive says nothing.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError

Format = Literal["parquet", "csv", "tsv", "json"]

ENDINGS: dict[str, Format] = {
    "parquet": "parquet",
    "pq": "parquet",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "jsonl": "json",
    "ndjson": "json",
    "json": "json",
}
"""The format by the ending of the name."""
COMPRESSIONS = ("gz", "bz2", "xz", "zst", "zip")

UNREADABLE_ENDINGS = {
    "avro": "Avro",
    "db": "a database",
    "duckdb": "a database",
    "feather": "Arrow",
    "arrow": "Arrow",
    "orc": "ORC",
    "ods": "a spreadsheet",
    "sqlite": "a database",
    "xls": "a spreadsheet",
    "xlsx": "a spreadsheet",
    "7z": "an archive",
    "rar": "an archive",
    "tar": "an archive",
    "tgz": "an archive",
    "br": "compressed with Brotli",
    "lz4": "compressed with LZ4",
    "snappy": "compressed with Snappy",
    "z": "compressed with compress",
}
"""What a file with one of these endings is. Such files are refused by name."""

HELP = "write Parquet, CSV, TSV or JSON lines, plain or as .gz, .bz2, .xz, .zst or .zip"

_ENDING = re.compile(
    rf"\.(?P<format>{'|'.join(ENDINGS)})(?:[.-](?P<number>\d[\d-]*))?(?:\.(?:{'|'.join(COMPRESSIONS)}))?"
    r"(?:\.(?P<last>\d+))?$",
    re.IGNORECASE,
)
_SHORTEST_DAY = 6
"""Digits behind an ending from which they are a day, and no number that grows with age."""
_DIGITS = re.compile(r"(\d+)")
_COMPRESSED = re.compile(rf"\.(?P<compression>{'|'.join(COMPRESSIONS)})(?:\.\d+)?$", re.IGNORECASE)
_MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_CHUNK_BYTES = 2**20


def stem_of(name: str) -> str:
    """The name of a file without its ending."""
    ending = _ENDING.search(name) or _COMPRESSED.search(name)
    return name[: ending.start()] if ending else name


def order_of(path: Path) -> tuple[object, ...]:
    """A key that sorts files as they were written: numbers in names count as numbers (``users-9`` before ``users-10``),
    and a rotated log (``f.csv.2``, ``f.csv.1``, ``f.csv-20260131``) comes before the file that replaced it."""
    ending, name = _ENDING.search(path.name), path.name
    number = (ending["number"] or ending["last"]) if ending else None
    age: tuple[int, int] = (1, 0)
    if ending and number:
        name = path.name[: ending.end("format")]
        digits = int(number.replace("-", ""))
        age = (0, digits if len(number) >= _SHORTEST_DAY else -digits)
    names = [*path.parent.parts, name]
    # Split by numbers, every second piece is one, so that pieces of one kind are compared.
    numbered = tuple(tuple(int(p) if i % 2 else p for i, p in enumerate(_DIGITS.split(part))) for part in names)
    return numbered, age, str(path)


def format_by_name(name: str) -> Format | None:
    """The format that the ending gives; None if it gives none."""
    ending = _ENDING.search(name)
    return ENDINGS[ending["format"].lower()] if ending else None


def is_parquet(file: Path) -> bool:
    """Whether the file begins and ends as Parquet does."""
    with file.open("rb") as stream:
        begin = stream.read(4)
        stream.seek(max(0, stream.seek(0, io.SEEK_END) - 4))
        return begin == stream.read() == b"PAR1"


def zip_member(file: Path) -> str | None:
    """The name of the file in a zip archive; None if the file is no zip archive.

    Raises:
        IngestError: the archive has no file or several, or needs a password.
    """
    with _explaining_damage(file):
        if _compression(file) != "zip":
            return None
        with zipfile.ZipFile(file) as archive:
            return _only_member(file, archive).filename


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The content of the file as a stream of bytes, decompressed.

    Raises:
        DamagedFileError: while it is read, if it is damaged, cut off or not compressed as its name says.
        IngestError: it is a zip archive without a file or with several, or with a password.
    """
    with _explaining_damage(file), _stream(file, _compression(file)) as stream:
        yield stream


def members_of(file: Path) -> list[str]:
    """The names of the files in a zip archive, in order; none if the file is no zip archive."""
    with _explaining_damage(file):
        if _compression(file) != "zip":
            return []
        with zipfile.ZipFile(file) as archive:
            return [member.filename for member in _members(archive)]


@contextmanager
def opened_all(file: Path) -> Iterator[BinaryIO]:
    """As :func:`opened`, and the files of a zip archive one after the other, each of which may be compressed by gzip.

    A file that does not end with a line end gets one.
    """
    with _explaining_damage(file):
        if _compression(file) != "zip":
            with _stream(file, _compression(file)) as stream:
                yield stream
            return
        with zipfile.ZipFile(file) as archive:
            yield cast(BinaryIO, _Chained(archive, _members(archive)))


class _Chained:
    """Reads the files of an archive one after the other."""

    def __init__(self, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
        self._archive, self._left, self._stream = archive, members[::-1], cast("BinaryIO | None", None)
        self._last = b"\n"

    def read(self, size: int) -> bytes:
        """``size`` bytes, of as many files as that takes; fewer at the end only."""
        parts = []
        while size and (content := self._some(size)):
            parts.append(content)
            size -= len(content)
        return b"".join(parts)

    def _some(self, size: int) -> bytes:
        """At most ``size`` bytes of one file; empty at the end only."""
        while True:
            if self._stream is None:
                if not self._left:
                    return b""
                raw = self._archive.open(self._left.pop())
                head = raw.read(2)
                raw.seek(0)
                self._stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw) if head == b"\x1f\x8b" else raw)
            if content := self._stream.read(size):
                self._last = content[-1:]
                return content
            self._stream.close()
            self._stream = None
            if self._last != b"\n":
                self._last = b"\n"
                return b"\n"


@contextmanager
def _explaining_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DamagedFileError(
            f"{file} cannot be read: {error}; it may be damaged or cut off, so write it again"
        ) from error


def _compression(file: Path) -> str | None:
    """By the first bytes. A file whose name says that it is compressed is taken for it, so that reading it fails."""
    with file.open("rb") as stream:
        head = stream.read(8)
    ending = _COMPRESSED.search(file.name)
    found = next((compression for magic, compression in _MAGIC if head.startswith(magic)), None)
    if found == "bz2" and not head[3:4].isdigit():
        found = None
    return found or (ending["compression"].lower() if ending else None)


@contextmanager
def _stream(file: Path, compression: str | None) -> Iterator[BinaryIO]:
    if compression == "zip":
        with zipfile.ZipFile(file) as archive, archive.open(_only_member(file, archive)) as stream:
            yield cast(BinaryIO, stream)
    elif compression == "gz":
        with gzip.open(file) as stream:
            yield cast(BinaryIO, stream)
    elif compression == "zst":
        import pyarrow as pa

        with pa.CompressedInputStream(pa.OSFile(str(file)), "zstd") as stream:
            yield stream
    else:
        new = _DECOMPRESSORS.get(compression or "")
        with file.open("rb") as raw:
            yield cast(BinaryIO, _Decompressed(raw, new)) if new else raw


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = (
        member
        for member in archive.infolist()
        if not member.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/"))
    )
    return sorted(members, key=lambda member: member.filename)


def _only_member(file: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = _members(archive)
    if len(members) != 1:
        names = ", ".join(member.filename for member in members)[:300]
        raise IngestError(
            f"{file} has {len(members)} files ({names or 'none'}); unpack the archive and ingest its files"
        )
    if members[0].flag_bits & 1:
        raise IngestError(f"{file} needs a password; unpack the archive and ingest its file")
    return members[0]


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
}


class _Decompressed:
    """Reads compressed streams that follow one another.

    ``bz2.open`` and ``lzma.open`` end without an error where anything else follows a stream. Here it is an error.
    """

    def __init__(self, raw: BinaryIO, new: Callable[[], Any]) -> None:
        self._raw, self._new, self._stream = raw, new, new()

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; empty at the end only."""
        while True:
            data = b""
            if self._stream.eof:
                # Streams of xz may be followed by zeros.
                data = self._stream.unused_data.lstrip(b"\0") or self._raw.read(_CHUNK_BYTES).lstrip(b"\0")
                if not data:
                    return b""
                self._stream = self._new()
            elif self._stream.needs_input:
                data = self._raw.read(_CHUNK_BYTES)
                if not data:
                    raise EOFError("the compressed data ends before its end mark")
            if content := self._stream.decompress(data, size):
                return bytes(content)
