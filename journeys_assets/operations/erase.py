"""Erases a user from everything below a home, and says where it looked.

The order makes a killed call safe to repeat: tombstones come first, so that nothing of the user is loaded again; then
everything is removed, and what is gone already is simply not found. Loads and runs wait meanwhile. Rows of other users
are not touched.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import polars as pl
import pyarrow as pa

from journeys_assets.domain.landing.ids import are_null_words, clean_id
from journeys_assets.domain.tables.activation import HANDED_OVER
from journeys_assets.domain.tables.identities import IDENTITY_PERIODS
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS, LANDED_FILES
from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError, reading_state
from journeys_assets.models.llm.cache import AnswerCache
from journeys_assets.operations.erasure_receipts import Place, Receipt, write_receipt
from journeys_assets.settings import Settings
from journeys_assets.storage.erasure.databases import Removed, remove_users, remove_users_from_copy
from journeys_assets.storage.erasure.files import Rewritten, UserRecords, without_users
from journeys_assets.storage.erasure.occurrences import database_holds, holds, pattern_of
from journeys_assets.storage.erasure.run_records import is_sqlite, redact_sqlite, redact_text
from journeys_assets.storage.erasure.tombstones import add_tombstones, digest_of
from journeys_assets.storage.ingest.files import checksum
from journeys_assets.storage.ingest.load import INGEST_TABLES
from journeys_assets.storage.locks import DAYS_LOCK, LANDING_LOCK, days_locked, exclusive_lock
from journeys_assets.storage.outside import noted_outside
from journeys_assets.storage.warehouse.base import has_table
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

LABELS = ("landing.journey_annotations", "landing.journey_feedback", "landing.notification_events")
"""What models are trained with."""
LABELS_MANIFEST = "labels.json"
"""In a folder of fine-tuning: names the labels that a small language model is trained with."""
SHORTEST_SEARCHED = 6
"""Length from which a text is searched for in the bytes of files. Shorter ones are found by chance."""
RELEASES_TO_RETRAIN = "releases.json"
REMADE = ("unfinished", "scratch")
"""Folders of a home that hold only what is made again."""
DATABASE = b"DUCK"
"""At byte 8 of a DuckDB file."""


class ErasureError(JourneysError):
    """A user cannot be erased. The message names the id or the file, and the cure."""


def erase(
    settings: Settings,
    warehouse: Warehouse,
    tables: Sequence[Table],
    user: str,
    other_ids: Sequence[str] = (),
    *,
    now: datetime,
    on_wait: Callable[[], None] = lambda: None,
) -> Receipt:
    """Erase a user: all rows, records and texts of the user below the home.

    Args:
        tables: All tables of the pipeline, for those with texts of users (``Table.text_of_users``) and for the words
            that columns allow, which are no one's.
        other_ids: Further ids of the same user. Ids that the log links to any of them are found.
        on_wait: Called if a load or a run is under way; the erasure waits for it.

    Raises:
        ErasureError: there is no warehouse, or an id is none.
        StateFileError: the notes of an earlier call are damaged.
    """
    if not warehouse.path.exists():
        raise ErasureError(f"nothing was ingested below {settings.home}, so there is nobody to erase")
    # Notes that cannot be read stop the erasure before anything is removed.
    noted_outside(settings.home), releases_before_erasure(settings)
    warehouse.ensure(*INGEST_TABLES)
    ids, shared_ids = linked_ids(warehouse, [_checked(one) for one in (user, *other_ids)])
    erased = add_tombstones(warehouse, ids, now)
    receipt = Receipt(now, sorted(digest_of(erased.key, one) for one in ids), n_shared_ids=len(shared_ids))
    shared = {table.name: table.text_of_users for table in tables if table.text_of_users}
    words = {word for table in tables for column in table.columns for word in column.allowed or ()}
    with nothing_under_way(settings.home, on_wait):
        for name in REMADE:
            shutil.rmtree(settings.home / name, ignore_errors=True)
        drafts = settings.home / "scratch" / "erasing"
        drafts.mkdir(parents=True)
        files = list(_files_below(settings))
        with warehouse.reading() as con:
            of_user = UserRecords(frozenset({*ids, *_stand_ins(con, ids)}), _shared_periods(con, ids))
        rewritten = list(_rewritten(files, of_user, drafts, settings, receipt))
        with warehouse.writing_anew() as con:
            receipt.destinations = _destinations(con, ids)
            removed = remove_users(con, ids, shared, erased)
            _note_new_checksums(con, rewritten, settings.landing_path)
            receipt.outside = sorted({*_loaded_from_outside(con, settings.home), *noted_outside(settings.home)})
        for file in rewritten:
            file.put_in_place()
        shutil.rmtree(drafts)
        texts, longer = removed.texts, removed.longer
        _note_tables(receipt, removed, "warehouse.duckdb")
        for path in files:
            if _begins(path, 8, DATABASE) and path != warehouse.path:
                copy = remove_users_from_copy(path, ids, shared, erased)
                _note_tables(receipt, copy, str(path.relative_to(settings.home)))
                texts, longer = texts | copy.texts, longer | copy.longer
        texts = {text for text in texts if len(text) >= SHORTEST_SEARCHED} - words
        if settings.answers_path.exists():
            cache = AnswerCache(settings.answers_path)
            receipt.add("llm/answers", sum(cache.forget(one) for one in ids), "answers of language models")
        _redact_run_records(settings.dagster_home, {*ids, *texts}, receipt, settings.home)
        _mark_releases(settings, removed, receipt)
        _search_what_is_left(settings, ids, texts, longer, receipt)
    return write_receipt(receipt, settings.erasures_path, ids)


def linked_ids(warehouse: Warehouse, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """All ids of a person, sorted: ``ids`` and those that the log links to nobody else; and those of others as well.

    An id that is linked to others too, such as that of a shared device, is not the person's alone.
    """
    with warehouse.reading() as con:
        links = con.execute("SELECT DISTINCT user_id, other_id FROM landing.identities").fetchall()
    users_of: dict[str, set[str]] = {}
    for user, other in links:
        users_of.setdefault(other, set()).add(user)
    found = set(ids)
    while new := {other for other, users in users_of.items() if users <= found} - found:
        found |= new
    return sorted(found), sorted(other for other, users in users_of.items() if users & found and not users <= found)


def _checked(text: str) -> str:
    """The id as the landing contract spells it."""
    user = clean_id(text)
    if not user or are_null_words(pl.Series([user]))[0]:
        raise ErasureError(f"{text!r} is no id of a user; give an id as it is in the log")
    return user


@contextmanager
def nothing_under_way(home: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Wait for loads and runs, and let none begin. A load that begins later reads the tombstones first."""
    with ExitStack() as stack:
        stack.enter_context(exclusive_lock(home / LANDING_LOCK, on_wait=on_wait))
        for lock_file in sorted((home / "scratch").glob("ingest-*.lock")):
            stack.enter_context(exclusive_lock(lock_file, on_wait=on_wait))
        stack.enter_context(days_locked(home / DAYS_LOCK, date(1970, 1, 1), date(2200, 1, 1), on_wait=on_wait))
        yield


def _files_below(settings: Settings) -> Iterator[Path]:
    """Every file below the home, but what is looked after elsewhere: models, the history of runs, answers, receipts."""
    elsewhere = [
        settings.models_path,
        settings.dagster_home,
        settings.answers_path.parent,
        settings.erasures_path,
        settings.evaluation_path,
    ]
    for path in sorted(settings.home.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(one) for one in elsewhere):
            yield path


def _stand_ins(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[str]:
    """What files have in place of an id: its SHA-256 in labels for fine-tuning, keys of rows of annotation sheets."""
    digests = [hashlib.sha256(one.encode("utf-8", "surrogatepass")).hexdigest() for one in ids]
    if not has_table(con, ANNOTATION_ITEMS):
        return digests
    sql = f"SELECT row_key FROM {ANNOTATION_ITEMS.qualified_name} WHERE list_contains($1, user_id)"
    return digests + [key for (key,) in con.execute(sql, [list(ids)]).fetchall()]


def _shared_periods(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, list[tuple[datetime, datetime]]]:
    """When each id that is linked to others, too, was one of the user's."""
    if not has_table(con, IDENTITY_PERIODS):
        return {}
    rows = con.execute(
        "SELECT other_id, valid_from, valid_to FROM landing.identity_periods "
        "WHERE list_contains($1, user_id) AND NOT list_contains($1, other_id)",
        [list(ids)],
    ).fetchall()
    periods: dict[str, list[tuple[datetime, datetime]]] = {}
    for other, start, end in rows:
        periods.setdefault(other, []).append((start, end))
    return periods


def _rewritten(
    files: Sequence[Path], of_user: UserRecords, drafts: Path, settings: Settings, receipt: Receipt
) -> Iterator[Rewritten]:
    """The files with records of the user, without them, still beside their places."""
    for number, path in enumerate(files):
        if _begins(path, 8, DATABASE) or path.suffix in (".lock", ".wal") or path.parent == settings.home:
            continue
        place, n_undecided = str(path.relative_to(settings.home)), of_user.n_undecided
        try:
            found = without_users(path, of_user, drafts / str(number))
        except (ValueError, OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException) as error:
            receipt.looked_at.append(place)
            if holds(path, of_user.ids):
                receipt.left[place] = f"cannot be rewritten ({error}); remove the file"
            continue
        receipt.add(place, found.n_records if found else 0, "records")
        if of_user.n_undecided > n_undecided:
            receipt.shared_files.append(place)
        if found:
            yield found
            if (path.parent / LABELS_MANIFEST).exists():
                folder = str(path.parent.relative_to(settings.home))
                receipt.releases += [folder] if folder not in receipt.releases else []


def _begins(path: Path, offset: int, mark: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(len(mark)) == mark


def _note_new_checksums(con: duckdb.DuckDBPyConnection, files: Sequence[Rewritten], landing: Path) -> None:
    """Let a file that was rewritten count as the one that was loaded, so that it is not loaded as a new one."""
    has_landed = has_table(con, LANDED_FILES)
    for file in files:
        if not file.draft.stat().st_size:
            continue
        before, after = checksum(file.path), checksum(file.draft)
        con.execute("UPDATE landing.ingest_ledger SET sha256 = $1 WHERE sha256 = $2", [after, before])
        if has_landed and file.path.is_relative_to(landing):
            con.execute(
                "UPDATE landing.landed_files SET sha256 = $1, n_bytes = $2 WHERE file = $3",
                [after, file.draft.stat().st_size, str(file.path.relative_to(landing))],
            )


def _loaded_from_outside(con: duckdb.DuckDBPyConnection, home: Path) -> list[str]:
    rows = con.execute("SELECT DISTINCT file FROM landing.ingest_ledger ORDER BY file").fetchall()
    return [file for (file,) in rows if "://" in file or not Path(file).resolve().is_relative_to(home.resolve())]


def _destinations(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[str]:
    if not has_table(con, HANDED_OVER):
        return []
    sql = (
        "SELECT DISTINCT destination FROM activation.handed_over WHERE list_contains($1, user_id) ORDER BY destination"
    )
    return [destination for (destination,) in con.execute(sql, [list(ids)]).fetchall()]


def _note_tables(receipt: Receipt, removed: Removed, file: str) -> None:
    receipt.looked_at.append(file)
    receipt.removed += [Place(f"{file}: {table}", n, "rows") for table, n in sorted(removed.rows.items())]


def _redact_run_records(folder: Path, texts: set[str], receipt: Receipt, home: Path) -> None:
    pattern = pattern_of(texts)
    if pattern is None or not folder.exists():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".yaml", ".lock")):
            redact = redact_sqlite if is_sqlite(path) else redact_text
            receipt.add(str(path.relative_to(home)), redact(path, pattern), "texts in the history of runs")


def _mark_releases(settings: Settings, removed: Removed, receipt: Receipt) -> None:
    """Record which releases were trained while the labels of the user were there."""
    if not settings.models_path.exists() or not set(LABELS) & removed.rows.keys():
        return
    cards = sorted(settings.models_path.glob("*/*/card.json"))
    receipt.releases += map(_version_of, cards)
    known = releases_before_erasure(settings)
    settings.erasures_path.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**dict.fromkeys(map(_version_of, cards), str(receipt.erased_at)), **known}, indent=2)
    (settings.erasures_path / RELEASES_TO_RETRAIN).write_text(text)


def _version_of(card: Path) -> str:
    return f"{card.parent.parent.name}/{card.parent.name}"


def releases_before_erasure(settings: Settings) -> Mapping[str, str]:
    """When the first user was erased after each release, as ISO text, by ``kind/version``."""
    file = settings.erasures_path / RELEASES_TO_RETRAIN
    if not file.exists():
        return {}
    with reading_state(file, "remove it, and call `journeys train`"):
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return {str(release): str(at) for release, at in found.items()}


def _search_what_is_left(
    settings: Settings, ids: Collection[str], texts: Collection[str], longer: Collection[str], receipt: Receipt
) -> None:
    """Search the bytes of every file below the home for ids, and the history of runs for texts of the user as well.

    Elsewhere, records are the user's by their id, and others may have the same words. Evaluation has only synthetic and
    public data.

    Args:
        longer: Texts that stay, within which an id is part of a longer word.
    """
    long_ids = [one for one in ids if len(one) >= SHORTEST_SEARCHED]
    for path in sorted(settings.home.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(settings.evaluation_path):
            if _begins(path, 8, DATABASE):
                is_left = database_holds(path, long_ids, longer)
            else:
                is_left = holds(path, [*long_ids, *(texts if path.is_relative_to(settings.dagster_home) else ())])
            if is_left:
                place = str(path.relative_to(settings.home))
                receipt.left.setdefault(place, "still has a text of the user; remove the file, or make it again")
        if (in_name := pattern_of([form for one in ids for form in (one, quote(one))])) is not None:
            place = str(path.relative_to(settings.home))
            if in_name.search(place):
                receipt.left.setdefault(place, "its name has an id of the user; rename or remove it")
