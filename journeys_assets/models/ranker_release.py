"""Releases of the journey ranker: scoring with one, its files, and which one is live on a day.

What belongs here: everything that a daily run needs of a ranker. What does not: fitting and measuring one
(``models.ranker``).

A release is a folder ``<folder>/<version>/`` with ``model.txt`` (LightGBM), ``card.json`` (all that is needed to score
and to judge the model) and ``model_card.md`` (the same for people). It appears at once or not at all, and is never
changed. It is live from the day after its last label, so a partition never sees a model that knew its future.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.parameters import RankingParams
from journeys_assets.domain.ranking import prior_probability

Doubles = npt.NDArray[np.float64]

_MODEL, _CARD, _PAGE = "model.txt", "card.json", "model_card.md"


class RankerError(RuntimeError):
    """A release cannot be used; the message names the file and the cure."""


@dataclass(frozen=True)
class Release:
    """A trained ranker.

    Attributes:
        version: Hash of the model and of everything in the card that shapes a score.
        live_from: First day that it may score.
        card: Data range, features, parameters, calibration and metrics; plain JSON values.
        model_text: The LightGBM model.
    """

    version: str
    live_from: date
    card: dict[str, Any]
    model_text: str = field(repr=False)

    def score(self, features: pl.DataFrame) -> pl.DataFrame:
        """Score journeys; a row's result depends on that row alone.

        Args:
            features: rows of ``journey_features`` of one day.

        Returns:
            user_id, journey_id, score (0..1), confidence (0..1), scored_by = version; sorted by user_id, journey_id.

        Raises:
            RankerError: a feature that the model was trained with is missing.
        """
        missing = [name for name in self.card["features"] if name not in features.columns]
        if missing:
            raise RankerError(f"ranker {self.version} needs features that journey_features lacks: {', '.join(missing)}")
        rows = features.sort("user_id", "journey_id")
        margin = _margin(_booster(self.model_text), rows, self.card["features"]) + self.card["base_margin"]
        calibration = self.card["calibration"]
        confidence: Doubles
        if calibration["from"] == "prior":
            confidence = prior_of(rows, RankingParams(**self.card["parameters"]))
        else:
            confidence = sigmoid(calibration["slope"] * margin + calibration["intercept"])
        return rows.select(
            "user_id",
            "journey_id",
            score=pl.Series(sigmoid(margin), dtype=pl.Float64),
            confidence=pl.Series(confidence, dtype=pl.Float64),
            scored_by=pl.lit(self.version),
        )


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def save(release: Release, folder: Path) -> Path:
    """Write ``<folder>/<version>/``; it appears at once, complete. A release that is there already is left alone."""
    target = folder / release.version
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    page = model_card(release).encode()
    model = release.model_text.encode()
    sequence = 1 + max((card["sequence"] for card in map(_read_card, _versions(folder))), default=0)
    card = {"version": release.version, "sequence": sequence, **release.card}
    card["sha256"] = {_MODEL: sha256(model), _PAGE: sha256(page)}
    card["card_sha256"] = _card_hash(card)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        for name, content in ((_MODEL, model), (_PAGE, page), (_CARD, json.dumps(card, indent=2).encode())):
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        draft.chmod(0o755)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():  # else another process released the same model at the same moment
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def load(path: Path) -> Release:
    """Read one release and verify every file against its recorded sha256.

    Raises:
        RankerError: a file is missing or not what was released.
    """
    card = _read_card(path)
    if _card_hash(card) != card.get("card_sha256"):
        raise _damaged(path / _CARD, "was changed after its release")
    contents = {}
    for name, expected in card["sha256"].items():
        try:
            contents[name] = (path / name).read_bytes()
        except OSError as error:
            raise _damaged(path / name, f"cannot be read ({error.strerror})") from error
        if sha256(contents[name]) != expected:
            raise _damaged(path / name, "was changed after its release (sha256 differs)")
    kept = {k: v for k, v in card.items() if k not in ("version", "sequence", "sha256", "card_sha256")}
    return Release(card["version"], date.fromisoformat(card["live_from"]), kept, contents[_MODEL].decode())


def released(folder: Path, day: date) -> Release | None:
    """The release that scores ``day``: the newest that is live by then; None where there is none.

    Newest is the latest ``live_from``; of several trained as of one day, the one saved last.

    Raises:
        RankerError: a release is damaged.
    """
    live = [(_read_card(path), path) for path in _versions(folder)]
    live = [(card, path) for card, path in live if card["live_from"] <= day.isoformat()]
    if not live:
        return None
    _, path = max(live, key=lambda item: (item[0]["live_from"], item[0]["sequence"], item[0]["version"]))
    return _load_cached(path, _stamps(path))


@functools.lru_cache(maxsize=8)
def _load_cached(path: Path, stamps: tuple[tuple[str, int, int], ...]) -> Release:
    """A release is read and verified once, and again when the size or time of a file changes."""
    return load(path)


def _stamps(path: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.iterdir()))


def _versions(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_card(path: Path) -> dict[str, Any]:
    file = path / _CARD
    try:
        card: dict[str, Any] = json.loads(file.read_bytes())
    except OSError as error:
        raise _damaged(file, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _damaged(file, "is not the JSON that was released") from error
    if not isinstance(card, dict) or not {"version", "live_from", "sequence", "sha256", "features"} <= card.keys():
        raise _damaged(file, "lacks what a card must hold")
    return card


def _damaged(file: Path, what: str) -> RankerError:
    return RankerError(
        f"{file} {what}; restore the folder {file.parent} from a copy, or delete it and train again with "
        "`journeys train --as-of D`"
    )


def _card_hash(card: dict[str, Any]) -> str:
    kept = {k: v for k, v in card.items() if k != "card_sha256"}
    return sha256(json.dumps(kept, sort_keys=True).encode())


def model_card(release: Release) -> str:
    """The release for people, in Markdown."""
    card = release.card
    slices = [
        f"| {name} | {part['first_day']} … {part['last_day']} | {part['n']} | {part['n_positive']} | "
        + ", ".join(f"{source} {n}" for source, n in part["sources"].items())
        + " |"
        for name, part in card["data"].items()
    ]
    metrics = [
        f"| {source} | {name} | {'-' if value is None else f'{value:.4g}'} |"
        for source, measured in card.get("metrics", {}).items()
        for name, value in measured.items()
    ]
    comparisons = [
        f"| {row['source']} | {row['metric']} | {row['rival']} | {row['value']:.4f} | {row['rival_value']:.4f} | "
        f"{row['gain']:+.4f} | {row['low']:+.4f} … {row['high']:+.4f} | {row['n_users']} |"
        for row in card.get("comparisons", [])
    ]
    calibration = ", ".join(f"{name} = {value}" for name, value in card["calibration"].items())
    booster = ", ".join(f"{name} = {value}" for name, value in card["booster"].items())
    lines = [
        f"# Journey ranker {release.version}",
        "",
        f"Point-wise LightGBM {card['lightgbm']}. Trained on labels up to {card['as_of']}; "
        f"live from {card['live_from']}.",
        "",
        "`score` orders a user's journeys. `confidence` is the probability that a journey is real and current; "
        "it is calibrated on annotations only, and is the documented prior where they are too few.",
        "",
        "## Data",
        "",
        "| slice | days | labels | positive | by source |",
        "|---|---|---|---|---|",
        *slices,
        "",
        "Feedback is weighted by clipped inverse propensities. It exists only for what was sent. Engagement labels "
        "say which of their journeys users came back to within a week. Labels that were not yet known when the later "
        "slice begins are in neither slice.",
        "",
        "## Measured on the later slice",
        "",
        "By a model that was fitted in the same way on the earlier slice alone, and never saw the later one. The "
        "released model is fitted on both.",
        "",
        "| labels | metric | value |",
        "|---|---|---|",
        *metrics,
        "",
        "| labels | metric | rival | ranker | rival's | gain | 95 % interval, over users | users |",
        "|---|---|---|---|---|---|---|---|",
        *comparisons,
        "",
        "## How it was made",
        "",
        f"Calibration: {calibration}.",
        "",
        f"Parameters: {booster}.",
        "",
        f"Never falls with: {', '.join(k for k, v in card['monotone'].items() if v > 0)}. "
        f"Never rises with: {', '.join(k for k, v in card['monotone'].items() if v < 0)}.",
        "",
        f"Features ({len(card['features'])}): {', '.join(card['features'])}.",
        "",
    ]
    return "\n".join(lines)


# ── small parts ───────────────────────────────────────────────────────────────────────────────────────────────────────


@functools.lru_cache(maxsize=8)
def _booster(model_text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=model_text)


def _margin(booster: Any, rows: pl.DataFrame, features: Sequence[str]) -> Doubles:
    if rows.is_empty():
        return np.zeros(0)
    matrix = rows.select(pl.col(list(features)).cast(pl.Float64)).to_numpy()
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)


def prior_of(rows: pl.DataFrame, params: RankingParams) -> Doubles:
    """The documented prior of each row, (n,)."""
    return rows.select(prior_probability(params)).to_series().to_numpy().astype(np.float64)


def sigmoid(margin: Doubles) -> Doubles:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(margin, -30.0, 30.0))), dtype=np.float64)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
