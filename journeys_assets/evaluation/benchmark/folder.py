"""The folder of a benchmark: what a system under test may read, the truth that it may not, and the submissions.

DIR/benchmark.json                 what the data sets are, with a digest of the truth of each
DIR/input/NAME/keywords.parquet    the keywords of each user, to be put into journeys
DIR/input/NAME/landing/SOURCE/…    the log that they come from, in the landing contract; not for every data set
DIR/truth/NAME/…                   read by the scoring alone; that of the data set ``DEV`` may be used for tuning
DIR/submissions/NAME/…             what the leaderboard compares
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.errors import JourneysError

FORMAT = 1
"""Of the folder. It is raised where a benchmark of an earlier release can no longer be scored."""
RECORD = "benchmark.json"
SYNTHETIC, DEV, RETAIL = "synthetic", "synthetic-dev", "online-retail"
LEAST_KEYWORDS = 3
"""True journeys with fewer keywords count for the partition only: there is too little to name or to date."""
FUTURE_DAYS = 28
"""Days of the log after the last day of the input: they show which keywords the user came back to."""

KEYWORDS_TRUTH = pl.Schema(
    {"user_id": pl.String(), "keyword": pl.String(), "journey": pl.String(), "comes_back": pl.Boolean()}
)
"""One row per keyword of a scored user. ``journey`` is null for a keyword that belongs to none, and in a data set
without known journeys. ``comes_back``: the user engaged with it in the ``FUTURE_DAYS``; null where the log has none."""
JOURNEYS_TRUTH = pl.Schema(
    {
        "user_id": pl.String(),
        "journey": pl.String(),
        "kind": pl.String(),
        "stage": pl.String(),
        "is_current": pl.Boolean(),
    }
)
"""One row per user and known journey, as of the last day of the input. ``stage`` is null while the user pauses."""
THEMES_TRUTH = pl.Schema({"journey": pl.String(), "label": pl.String(), "phrases": pl.List(pl.String())})
"""One row per journey of any user: a good name, and what people say for it."""


class BenchmarkError(JourneysError):
    """A benchmark, or a submission to it, is not as it must be. The message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the record of a benchmark says of one data set.

    Attributes:
        name: Its name: that of its folders and of the file of a submission.
        about: Where it comes from, in one sentence.
        day: Last day of the input, ISO 8601; None where there is no log.
        n_users: Users that are scored.
        n_keywords: Their keywords.
        has_log: Whether there is a log.
        truth_sha256: Digest of the truth: scores of one data set can be compared only where it is the same.
    """

    name: str
    about: str
    day: str | None
    n_users: int
    n_keywords: int
    has_log: bool
    truth_sha256: str

    @property
    def last_day(self) -> date | None:
        """Last day of the input; None where there is no log."""
        return None if self.day is None else date.fromisoformat(self.day)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one data set.

    Attributes:
        keywords, journeys, themes: Rows of ``KEYWORDS_TRUTH``, ``JOURNEYS_TRUTH`` and ``THEMES_TRUTH``. The last two
            are empty where only the partition, or only the return, is known.
    """

    keywords: pl.DataFrame
    journeys: pl.DataFrame
    themes: pl.DataFrame

    @property
    def sha256(self) -> str:
        """Digest of all rows, in order."""
        parts = (self.keywords, self.journeys, self.themes)
        return hashlib.sha256("\n".join(part.write_ndjson() for part in parts).encode()).hexdigest()


def no_journeys() -> pl.DataFrame:
    """No row of ``JOURNEYS_TRUTH``."""
    return JOURNEYS_TRUTH.to_frame()


def no_themes() -> pl.DataFrame:
    """No row of ``THEMES_TRUTH``."""
    return THEMES_TRUTH.to_frame()


def write_dataset(
    folder: Path,
    name: str,
    about: str,
    day: date | None,
    keywords: pl.DataFrame,
    landing: Mapping[str, pl.DataFrame],
    truth: Truth,
) -> Dataset:
    """Write the input and the truth of one data set; returns what the record says of it.

    Args:
        day: Last day of the input; None where there is no log.
        keywords: user_id, keyword and any facts about it; sorted. May have users that are not scored.
        landing: Rows by landing source; none where there is no log.
    """
    inputs, known = folder / "input" / name, folder / "truth" / name
    known.mkdir(parents=True)
    inputs.mkdir(parents=True)
    keywords.write_parquet(inputs / "keywords.parquet")
    for source, rows in landing.items():
        target = inputs / "landing" / source / f"{source}.parquet"
        target.parent.mkdir(parents=True)
        rows.write_parquet(target)
    truth.keywords.write_parquet(known / "keywords.parquet")
    truth.journeys.write_parquet(known / "journeys.parquet")
    truth.themes.write_parquet(known / "themes.parquet")
    n_users = truth.keywords["user_id"].n_unique()
    iso = None if day is None else day.isoformat()
    return Dataset(name, about, iso, n_users, truth.keywords.height, bool(landing), truth.sha256)


def write_record(folder: Path, datasets: Sequence[Dataset]) -> None:
    """Write ``benchmark.json``."""
    record = {"format": FORMAT, "datasets": [asdict(dataset) for dataset in datasets]}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Dataset]:
    """The data sets of a benchmark, by name.

    Raises:
        BenchmarkError: the folder is no benchmark, or one of another format.
    """
    file = folder / RECORD
    if not file.is_file():
        raise BenchmarkError(f"{folder} has no {RECORD}; call `journeys benchmark prepare {folder}` first")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise BenchmarkError(
                f"{file} has the format {record['format']!r}, and this release scores {FORMAT}; prepare it again"
            )
        return {entry["name"]: Dataset(**entry) for entry in record["datasets"]}
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{file} is damaged ({error}); prepare the benchmark again") from error


def read_keywords(folder: Path, name: str) -> pl.DataFrame:
    """The keywords that a submission may put into journeys."""
    return pl.read_parquet(folder / "input" / name / "keywords.parquet", glob=False)


def landing_of(folder: Path, name: str) -> Path:
    """The folder of the log of one data set."""
    return folder / "input" / name / "landing"


def read_truth(folder: Path, dataset: Dataset) -> Truth:
    """The truth of one data set.

    Raises:
        BenchmarkError: it is missing, or not the one that the benchmark was prepared with.
    """
    known = folder / "truth" / dataset.name
    try:
        parts = [pl.read_parquet(known / f"{n}.parquet", glob=False) for n in ("keywords", "journeys", "themes")]
    except FileNotFoundError as error:
        raise BenchmarkError(
            f"{known} lacks the truth that submissions are scored with; copy it from whoever keeps it, or prepare again"
        ) from error
    truth = Truth(*parts)
    if truth.sha256 != dataset.truth_sha256:
        raise BenchmarkError(f"{known} is not the truth that {folder / RECORD} names; prepare the benchmark again")
    return truth
