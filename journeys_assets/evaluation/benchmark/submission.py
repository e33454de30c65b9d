"""Submissions to a benchmark: read, and checked against its input before anything is scored."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from journeys_assets.domain.vocabulary import KINDS, STAGES
from journeys_assets.evaluation.benchmark.folder import BenchmarkError, Dataset, read_keywords
from journeys_assets.evaluation.benchmark.readme import COLUMNS, REQUIRED
from journeys_assets.storage.row_files import FORMATS, read_rows

CARD = "submission.json"
JOURNEY_COLUMNS = tuple(COLUMNS)[len(REQUIRED) :]
SCHEMA = pl.Schema({name: pl.String() for name in COLUMNS} | {"rank": pl.Int64(), "confidence": pl.Float64()})
_ALLOWED: Mapping[str, Sequence[str]] = {"kind": KINDS, "stage": STAGES}
_CARD_TEXTS = ("name", "about", "url", "not_run")


class SubmissionError(BenchmarkError):
    """A submission cannot be scored. The message names the file, the row, the key and the cure."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that passed all checks.

    Attributes:
        name: What the leaderboard calls it.
        about: One sentence on the method; may be empty.
        url: Where it is described; may be empty.
        not_run: Why it has no rows; empty where it has.
        rows: Columns ``SCHEMA`` by data set; only keywords that are in a journey.
        given: Names of the optional columns that the file of each data set has.
        notes: What was left out and how much, one sentence each.
    """

    name: str
    about: str = ""
    url: str = ""
    not_run: str = ""
    rows: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def read_submission(path: Path, folder: Path, datasets: Mapping[str, Dataset]) -> Submission:
    """Read a submission and check it.

    Args:
        path: A folder with a file for each data set, or one such file.
        folder: The benchmark.
        datasets: Its data sets.

    Raises:
        SubmissionError: something is missing, unreadable or not allowed.
    """
    if not path.exists():
        raise SubmissionError(f"{path} does not exist; name a submission: a folder, or the file of one data set")
    card = _card(path / CARD) if path.is_dir() else {}
    name = card.get("name") or (path.name if path.is_dir() else path.resolve().parent.name)
    texts = {key: card.get(key, "") for key in ("about", "url", "not_run")}
    files = _files(path, datasets)
    if texts["not_run"] and not files:
        return Submission(name, texts["about"], texts["url"], texts["not_run"])
    if not files:
        raise SubmissionError(
            f"{path} has no file for a data set; write {_names(datasets)}, each as one of {', '.join(FORMATS)}"
        )
    rows, given, notes = {}, {}, []
    for dataset, file in files.items():
        rows[dataset], given[dataset], found = checked_rows(file, read_keywords(folder, dataset))
        notes += found
    return Submission(name, texts["about"], texts["url"], "", rows, given, notes)


def checked_rows(file: Path, keywords: pl.DataFrame) -> tuple[pl.DataFrame, frozenset[str], list[str]]:
    """The rows of one file, the optional columns that it has, and notes.

    Args:
        keywords: user_id, keyword of the data set.

    Returns:
        Columns ``SCHEMA``, sorted by user and keyword; only keywords that are in a journey.

    Raises:
        SubmissionError: the file is not as it must be.
    """
    raw = read_rows(file, SubmissionError)
    if missing := [name for name in REQUIRED if name not in raw.columns]:
        close = {name: difflib.get_close_matches(name, raw.columns, n=1) for name in missing}
        meant = "; ".join(f"is {found[0]!r} meant for {name!r}?" for name, found in close.items() if found)
        raise SubmissionError(
            f"{file} lacks the column(s) {', '.join(missing)}; it has {', '.join(raw.columns)}. {meant or 'Add them'}"
        )
    notes = []
    if unknown := [name for name in raw.columns if name not in COLUMNS]:
        notes.append(f"{file.name}: columns that are not part of a submission were ignored: {', '.join(unknown)}")
    given = frozenset(name for name in JOURNEY_COLUMNS if name in raw.columns)
    texts = raw.select(_text(raw, name) for name in COLUMNS).with_row_index("row", offset=1)
    _refuse(file, texts, pl.col("user_id").is_null(), "user_id", "is missing", "give the user of each row")
    _refuse(file, texts, pl.col("keyword").is_null(), "keyword", "is missing", "give the keyword of each row")
    own = ["user_id", "keyword"]
    known = keywords.select(own).with_columns(is_known=pl.lit(True))
    texts = texts.join(known, on=own, how="left", maintain_order="left")
    is_user = pl.col("user_id").is_in(keywords["user_id"].unique().to_list())
    _refuse(file, texts, ~is_user, "user_id", "is no user of the data set", "use the ids of keywords.parquet")
    _refuse(
        file, texts, pl.col("is_known").is_null(), "keyword", "is no keyword of this user",
        "copy the texts of keywords.parquet unchanged, and leave out keywords of your own",
    )  # fmt: skip
    _refuse(
        file, texts, pl.struct(own).is_duplicated(), "keyword", "stands in two rows",
        "a keyword is in one journey at most: delete one of the rows",
    )  # fmt: skip
    for column, allowed in _ALLOWED.items():
        wrong = pl.col(column).is_not_null() & ~pl.col(column).is_in(allowed)
        _refuse(file, texts, wrong, column, "is not allowed", f"write one of {', '.join(allowed)}, or leave it empty")
    numbers = texts.with_columns(
        rank_=pl.col("rank").cast(pl.Float64, strict=False), sure=pl.col("confidence").cast(pl.Float64, strict=False)
    )
    whole = (pl.col("rank_") >= 1) & (pl.col("rank_") == pl.col("rank_").floor()) & pl.col("rank_").is_finite()
    _refuse(
        file, numbers, pl.col("rank").is_not_null() & ~whole.fill_null(False), "rank", "is no whole number from 1 on",
        "rank the journeys of each user 1, 2, 3, …",
    )  # fmt: skip
    in_range = pl.col("sure").is_between(0.0, 1.0)
    _refuse(
        file, numbers, pl.col("confidence").is_not_null() & ~in_range.fill_null(False), "confidence",
        "is no number from 0 to 1", "give a probability, or leave it empty",
    )  # fmt: skip
    placed = numbers.filter(pl.col("journey").is_not_null())
    if placed.is_empty():
        raise SubmissionError(f"{file} puts no keyword into a journey; fill the column journey")
    _refuse_contradictions(file, placed)
    users = keywords["user_id"].n_unique() - placed["user_id"].n_unique()
    if users:
        notes.append(f"{file.name}: {users} users have no journey; each of their keywords counts as one of its own")
    rows = placed.with_columns(rank=pl.col("rank_"), confidence=pl.col("sure"))
    return rows.select(pl.col(c).cast(t) for c, t in SCHEMA.items()).sort(own), given, notes


def _refuse_contradictions(file: Path, placed: pl.DataFrame) -> None:
    """What is said of a journey is said in all its rows, and no rank is given to two journeys of a user.

    Raises:
        SubmissionError: it is not so.
    """
    journey = ["user_id", "journey"]
    for column in JOURNEY_COLUMNS:
        differs = pl.col(column).ne_missing(pl.col(column).first()).over(journey)
        _refuse(
            file, placed, differs, column, "differs from that of an earlier row of the journey",
            "give all rows of a journey the same values",
        )  # fmt: skip
    ranked = placed.unique(journey, keep="first", maintain_order=True).drop_nulls("rank_")
    _refuse(
        file, ranked, pl.struct("user_id", "rank_").is_duplicated(), "rank", "is that of two journeys of this user",
        "give each journey its own rank",
    )  # fmt: skip


def _refuse(file: Path, rows: pl.DataFrame, wrong: pl.Expr, column: str, what: str, cure: str) -> None:
    """Raise for the first row that is wrong; the message says how many there are."""
    found = rows.filter(wrong)
    if found.is_empty():
        return
    first = found.row(0, named=True)
    key = f"user {first['user_id']!r}, keyword {first['keyword']!r}, journey {first['journey']!r}"
    more = f" ({found.height} rows are like this)" if found.height > 1 else ""
    raise SubmissionError(f"{file}, row {first['row']} ({key}): {column} {first[column]!r} {what}{more}; {cure}")


def _text(raw: pl.DataFrame, name: str) -> pl.Expr:
    """A column as text, empty ones as null; all null where the file does not have it."""
    if name not in raw.columns:
        return pl.lit(None, dtype=pl.String).alias(name)
    dtype = raw.schema[name]
    if dtype.is_nested() or dtype == pl.Binary:
        raise SubmissionError(f"the column {name} holds {dtype}; it must hold texts or numbers")
    text = pl.col(name).cast(pl.String)
    return pl.when(text != "").then(text).alias(name)


def _card(file: Path) -> dict[str, str]:
    """The texts of ``submission.json``; none without one."""
    if not file.is_file():
        return {}
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SubmissionError(f"{file} is not JSON ({error}); write an object with name, about and url") from error
    if not isinstance(card, dict):
        raise SubmissionError(f"{file} holds no object; write one with name, about and url")
    for key, value in card.items():
        if key not in _CARD_TEXTS or not isinstance(value, str):
            raise SubmissionError(f"{file}: {key} is {value!r}; allowed are the texts {', '.join(_CARD_TEXTS)}")
    if card.get("url") and not card["url"].startswith(("https://", "http://")):
        raise SubmissionError(f"{file}: url is {card['url']!r}; it must begin with https:// or http://")
    return card


def _files(path: Path, datasets: Mapping[str, Dataset]) -> dict[str, Path]:
    """The file of each data set, in the order of the benchmark."""
    given = sorted(path.iterdir()) if path.is_dir() else [path]
    found: dict[str, Path] = {}
    for file in given:
        if file.name == CARD or file.name.startswith(".") or file.suffix.lower() == ".md":
            continue
        if file.stem not in datasets:
            raise SubmissionError(f"{file} is of no data set of this benchmark; they are {_names(datasets)}")
        if file.stem in found:
            raise SubmissionError(f"{file} and {found[file.stem]} are of one data set; delete one of them")
        found[file.stem] = file
    return {name: found[name] for name in datasets if name in found}


def _names(datasets: Mapping[str, Dataset]) -> str:
    return ", ".join(datasets)
