"""Releases of trained models: their files, and which one is live on a day.

A release is a folder ``<folder>/<version>/`` with ``model.txt``, ``card.json`` (everything needed to use and to assess
the model) and ``model_card.md`` (the same for people). It is created in one step, and never changed. It is live from
the day after its last label, so that no partition uses a model trained on its future.

``models.ranker.release``, ``models.lifecycle.release`` and ``models.naming.release`` use the releases of each model.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast

from journeys_assets.errors import JourneysError

MODEL, CARD, PAGE = "model.txt", "card.json", "model_card.md"


class ReleaseError(JourneysError):
    """A release cannot be used. The message names the file and the cure."""


@dataclass(frozen=True)
class Release:
    """A trained model. Each kind of model has a subclass that applies it.

    Attributes:
        version: Hash of the model and of everything in the card that affects its output.
        live_from: First day on which it may be used.
        card: Data range, features, parameters and metrics; plain JSON values.
        model_text: The model as text.
    """

    version: str
    live_from: date
    card: dict[str, Any]
    model_text: str = field(repr=False)


AnyRelease = TypeVar("AnyRelease", bound=Release)


def save(release: Release, folder: Path, page: str) -> Path:
    """Write ``<folder>/<version>/`` in one step. An existing release is not changed.

    A model that was released before and replaced by another one since is written again as ``<version>-2``, so that it
    is live once more.

    Args:
        page: The model card for people, in Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (live := _live(folder, release.live_from)) is not None and live[0]["version"] == release.version:
        return live[1]
    names = (release.version if n == 1 else f"{release.version}-{n}" for n in itertools.count(1))
    target = next(folder / name for name in names if not (folder / name).exists())
    model, text = release.model_text.encode(), page.encode()
    sequence = 1 + max((card["sequence"] for card in map(_read_card, _versions(folder))), default=0)
    card = {"version": release.version, "sequence": sequence, **release.card}
    card["sha256"] = {MODEL: sha256(model), PAGE: sha256(text)}
    card["card_sha256"] = _card_hash(card)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        for name, content in ((MODEL, model), (PAGE, text), (CARD, json.dumps(card, indent=2).encode())):
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        draft.chmod(0o755)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process released the same model at the same moment
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def load(path: Path, kind: type[AnyRelease]) -> AnyRelease:
    """Read a release as a ``kind``, and verify every file against its recorded sha256.

    Raises:
        ReleaseError: a file is missing or was changed.
    """
    card = _read_card(path)
    contents = {}
    for name, expected in card["sha256"].items():
        try:
            contents[name] = (path / name).read_bytes()
        except OSError as error:
            raise _damaged(path / name, f"cannot be read ({error.strerror})") from error
        if sha256(contents[name]) != expected:
            raise _damaged(path / name, "was changed after its release (sha256 differs)")
    kept = {k: v for k, v in card.items() if k not in ("version", "sequence", "sha256", "card_sha256")}
    return kind(card["version"], date.fromisoformat(card["live_from"]), kept, contents[MODEL].decode())


def released(folder: Path, day: date, kind: type[AnyRelease]) -> AnyRelease | None:
    """The newest release of ``folder`` that is live on ``day``; None if there is none.

    The newest is the one with the latest ``live_from``, and of several with the same, the one saved last.

    Raises:
        ReleaseError: a release is damaged.
    """
    live = _live(folder, day)
    if live is None:
        return None
    path = live[1]
    # A class that defines __eq__ is hashable, which mypy does not recognise.
    return cast(AnyRelease, _load_cached(path, cast(Any, kind), _stamps(path)))


def _live(folder: Path, day: date) -> tuple[dict[str, Any], Path] | None:
    """Card and folder of the newest release that is live on ``day``; None if there is none."""
    live = [(_read_card(path), path) for path in _versions(folder)]
    live = [(card, path) for card, path in live if card["live_from"] <= day.isoformat()]
    return max(live, key=lambda item: (item[0]["live_from"], item[0]["sequence"], item[0]["version"]), default=None)


def live_versions(folder: Path) -> list[tuple[date, str]]:
    """The versions that are live over time: each from its day on, until the next one; oldest first.

    Raises:
        ReleaseError: the card of a release is damaged.
    """
    cards = sorted(
        map(_read_card, _versions(folder)), key=lambda card: (card["live_from"], card["sequence"], card["version"])
    )
    live = {date.fromisoformat(card["live_from"]): str(card["version"]) for card in cards}
    return sorted(live.items())


@functools.lru_cache(maxsize=16)
def _load_cached(path: Path, kind: type[Release], stamps: tuple[tuple[str, int, int], ...]) -> Release:
    """A release is read and verified once, and again if the size or time of a file changes."""
    return load(path, kind)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _stamps(path: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.iterdir()))


def _versions(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_card(path: Path) -> dict[str, Any]:
    file = path / CARD
    try:
        card: dict[str, Any] = json.loads(file.read_bytes())
    except OSError as error:
        raise _damaged(file, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(file, "is not the JSON that was released") from error
    if not isinstance(card, dict) or not {"version", "live_from", "sequence", "sha256", "features"} <= card.keys():
        raise _damaged(file, "lacks required keys")
    if _card_hash(card) != card.get("card_sha256"):
        raise _damaged(file, "was changed after its release")
    return card


def _damaged(file: Path, what: str) -> ReleaseError:
    return ReleaseError(
        f"{file} {what}; restore the folder {file.parent} from a copy, or delete it and train again with "
        "`journeys train --as-of D`"
    )


def _card_hash(card: dict[str, Any]) -> str:
    kept = {k: v for k, v in card.items() if k != "card_sha256"}
    return sha256(json.dumps(kept, sort_keys=True).encode())
