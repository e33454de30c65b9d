"""Receipts of erasures: what they say, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from journeys_assets.errors import JourneysError
from journeys_assets.storage.erasure.occurrences import pattern_of
from journeys_assets.storage.erasure.run_records import REPLACEMENT


class ReceiptError(JourneysError):
    """A receipt cannot be read. The message names the file and the cure."""


@dataclass(frozen=True)
class Place:
    """What was removed from one place.

    Attributes:
        place: Table, or path below the home.
        removed: Number of rows, records, answers or texts.
        what: What was counted.
    """

    place: str
    removed: int
    what: str


@dataclass
class Receipt:
    """Where an erasure looked, and what it did. Its file holds no id and no text of the user, not even in a path.

    Attributes:
        erased_at: When, UTC.
        user_digests: Digest of each id that was given or is linked (``storage.erasure.tombstones``).
        looked_at: Every place that was looked at.
        removed: Those in which there was something.
        left: Files that hold the user and could not be changed, with the reason and the cure.
        outside: Files and folders outside of the home that were loaded from, or that a command wrote to; they are
            yours.
        n_shared_ids: Number of ids that the log links to the user and to others too. What the user did under them after
            a login is removed from the tables, and from files with a time of the landing contract.
        shared_files: Files with records of such ids and no such time: whose they are is not decided.
        destinations: Systems that were handed over messages about the user; ask them to erase the user, too.
        releases: Releases of models that were trained before with labels of the user among others; the next training
            is without them.
        file: Where the receipt is.
    """

    erased_at: datetime
    user_digests: list[str]
    looked_at: list[str] = field(default_factory=list)
    removed: list[Place] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    n_shared_ids: int = 0
    shared_files: list[str] = field(default_factory=list)
    destinations: list[str] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    file: str = ""

    @property
    def is_complete(self) -> bool:
        return not self.left

    @property
    def name(self) -> str:
        """The name of the receipt's file, without ending."""
        return Path(self.file).stem

    @property
    def n_removed(self) -> int:
        return sum(place.removed for place in self.removed)

    def add(self, place: str, removed: int, what: str) -> None:
        self.looked_at.append(place)
        if removed:
            self.removed.append(Place(place, removed, what))


def write_receipt(receipt: Receipt, folder: Path, ids: Collection[str]) -> Receipt:
    """Write a receipt into ``folder``, with ids of the user in paths and reasons replaced.

    Returns:
        The receipt as it was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pattern = pattern_of([form for one in ids for form in (one, quote(one))])

    def without(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(REPLACEMENT, value) if pattern else value
        if isinstance(value, dict):
            return {without(key): without(one) for key, one in value.items()}
        return [without(one) for one in value] if isinstance(value, list) else value

    file = folder / f"{receipt.erased_at:%Y-%m-%dT%H%M%S}-{receipt.user_digests[0][:8]}.json"
    values = without({**asdict(receipt), "file": file.name})
    file.write_text(json.dumps(values, indent=2, default=str) + "\n", encoding="utf-8")
    return _receipt_of(values, file)


def read_receipts(folder: Path) -> list[Receipt]:
    """The receipts in ``folder``, newest first.

    Raises:
        ReceiptError: a file is no receipt.
    """
    return [read_receipt(file) for file in sorted(folder.glob("[0-9]*.json"), reverse=True)]


def read_receipt(file: Path) -> Receipt:
    """One receipt. What was not recorded by the version that wrote it is empty.

    Raises:
        ReceiptError: the file is no receipt.
    """
    try:
        return _receipt_of(json.loads(file.read_text(encoding="utf-8")), file)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ReceiptError(f"{file} is no receipt of an erasure ({error}); remove it from the folder") from error


def _receipt_of(values: Mapping[str, Any], file: Path) -> Receipt:
    known = {one.name for one in fields(Receipt)}
    given = {name: value for name, value in values.items() if name in known}
    erased_at = given["erased_at"]
    return Receipt(
        **{
            **given,
            "erased_at": erased_at if isinstance(erased_at, datetime) else datetime.fromisoformat(erased_at),
            "removed": [Place(**place) for place in given.get("removed", [])],
            "file": str(file),
        }
    )
