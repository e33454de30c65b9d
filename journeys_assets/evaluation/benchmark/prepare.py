"""Preparing a benchmark: the synthetic worlds that may be shipped, and data that users bring themselves."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.evaluation.benchmark import readme
from journeys_assets.evaluation.benchmark.folder import (
    DEV,
    FUTURE_DAYS,
    JOURNEYS_TRUTH,
    KEYWORDS_TRUTH,
    LEAST_KEYWORDS,
    RETAIL,
    SYNTHETIC,
    THEMES_TRUTH,
    BenchmarkError,
    Dataset,
    Truth,
    no_journeys,
    no_themes,
    write_dataset,
    write_record,
)
from journeys_assets.evaluation.benchmark.logs import keywords_after, keywords_of, last_event_day, until, with_return
from journeys_assets.evaluation.data.corpora import corpora_of, scored_users
from journeys_assets.importers.online_retail import COLUMNS, convert
from journeys_assets.settings import Settings
from journeys_assets.synthetic.languages import themes_by_language
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world

SEED = 20290
"""Of the world that is scored. No parameter was chosen on it."""
USERS, DAYS = 200, 90
FIRST_DAY = date(2025, 10, 6)
"""In autumn, so that seasons begin and end."""
DEV_SHARE = 3
"""The world for tuning has one user for so many of the scored one."""
CORPUS_USERS = 50
"""Light users of each corpus, and heavy ones."""
LEAST_USER_KEYWORDS = 5
"""Users of the retail log with fewer keywords are not scored: they can hardly have two journeys."""
_CORPUS_COLUMNS = ("set", "text", "label", "domain")
_LOADED_AT = datetime(2027, 1, 1)
"""Rows of the retail log later than this would be refused; it is after its end."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What users bring: files that this project may not ship.

    Attributes:
        online_retail: A CSV file of UCI Online Retail, or a folder of them.
        corpora: Parquet files of labelled texts with the columns set, text, label and, optionally, domain.
    """

    online_retail: Path | None = None
    corpora: Sequence[Path] = ()


def prepare(
    folder: Path, settings: Settings, sources: Sources, *, n_users: int = USERS, n_days: int = DAYS, seed: int = SEED
) -> list[Dataset]:
    """Write a benchmark into a new folder; returns its data sets.

    Args:
        settings: Only what is not part of the algorithm is used: keywords are made with the default parameters.
        n_users: Users of the synthetic world that is scored.
        n_days: Days of its log that a system may read. ``FUTURE_DAYS`` more are generated.
        seed: Of that world. The world for tuning has the next one.

    Raises:
        BenchmarkError: the folder exists, or a file of ``sources`` is not what it should be.
    """
    if folder.exists():
        raise BenchmarkError(f"{folder} exists; name a new folder, or delete it if no submission in it is needed")
    corpora = [_corpus_rows(file) for file in sources.corpora]
    retail = None if sources.online_retail is None else _retail_rows(sources.online_retail)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        world = WorldParams(
            seed=seed, n_users=n_users, n_days=n_days + FUTURE_DAYS, first_day=FIRST_DAY, language="written-en"
        )
        dev = replace(world, seed=seed + 1, n_users=max(10, n_users // DEV_SHARE))
        datasets = [
            _world_dataset(draft, SYNTHETIC, world, settings),
            _world_dataset(draft, DEV, dev, settings),
            *(_corpus_datasets(draft, corpora) if corpora else ()),
            *((_retail_dataset(draft, retail, settings),) if retail is not None else ()),
        ]
        write_record(draft, datasets)
        (draft / "README.md").write_text(readme.text_of(datasets), encoding="utf-8")
        (draft / "submissions").mkdir()
        shutil.rmtree(draft / ".scratch", ignore_errors=True)
        draft.chmod(0o755)
        os.rename(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return datasets


# ── the synthetic worlds ────────────────────────────────────────────────────────────────────────────────────────────


def _world_dataset(folder: Path, name: str, params: WorldParams, settings: Settings) -> Dataset:
    world = generate_world(params)
    day = params.first_day + timedelta(days=params.n_days - FUTURE_DAYS - 1)
    landing = until(world.landing, day)
    keywords = _keywords(folder, settings, landing, day)
    about = f"synthetic world, seed {params.seed}: {params.n_users} users, log of {params.n_days - FUTURE_DAYS} days"
    return write_dataset(folder, name, about, day, keywords, landing, world_truth(world, keywords, day, params))


def world_truth(world: World, keywords: pl.DataFrame, day: date, params: WorldParams) -> Truth:
    """The truth of a world as of ``day``, for the keywords that users, without bots, have by then."""
    people = world.truth["truth_users"].filter(pl.col("user_class") != "bot")
    meant = world.truth["truth_keywords"].select("user_id", keyword="normalised_keyword", journey="theme")
    known = keywords.select("user_id", "keyword").join(people.select("user_id"), on="user_id", how="semi")
    known = known.join(meant, on=["user_id", "keyword"], how="left", maintain_order="left")
    known = with_return(known, keywords_after(world.landing, day)).select(KEYWORDS_TRUTH.names())
    large = known.drop_nulls("journey").group_by("user_id", "journey").len().filter(pl.col("len") >= LEAST_KEYWORDS)
    dates = world.truth["truth_journeys"].join(people.select("user_id", "stopped_on"), on="user_id")
    at = pl.lit(day)
    is_paused = ((pl.col("paused_on") <= at) & (pl.col("resumed_on") > at).fill_null(True)).fill_null(False)
    has_ended = (pl.col("ended_on") <= at).fill_null(False)
    has_left = (pl.col("stopped_on") <= at).fill_null(False)
    journeys = (
        dates.with_columns(
            journey="theme",
            stage=pl.when(is_paused & ~has_ended)
            .then(None)
            .otherwise(pl.when(has_ended).then(pl.lit("ended")).otherwise(pl.lit("ongoing"))),
            is_current=(pl.col("begun_on") <= at).fill_null(True) & ~has_ended & ~is_paused & ~has_left,
        )
        .join(large.select("user_id", "journey"), on=["user_id", "journey"], how="semi")
        .select(pl.col(name).cast(dtype) for name, dtype in JOURNEYS_TRUTH.items())
        .sort("user_id", "journey")
    )
    themes = themes_by_language(params.language)["en"]
    rows = [
        (theme.name, theme.good_name, [*theme.phrases, *theme.boards, *(text for _, text in theme.translations)])
        for theme in sorted(themes, key=lambda theme: theme.name)
    ]
    return Truth(known, journeys, pl.DataFrame(rows, schema=THEMES_TRUTH, orient="row"))


def _keywords(folder: Path, settings: Settings, landing: Mapping[str, pl.DataFrame], day: date) -> pl.DataFrame:
    """The keywords of a log, made by the project's own first stages in a scratch folder."""
    scratch = folder / ".scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    for source, rows in landing.items():
        target = scratch / "landing" / source / f"{source}.parquet"
        target.parent.mkdir(parents=True)
        rows.write_parquet(target)
    keywords = keywords_of(settings, scratch / "landing", day, scratch / "home")
    shutil.rmtree(scratch)
    return keywords


# ── what users bring ────────────────────────────────────────────────────────────────────────────────────────────────


def _corpus_rows(file: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(file, glob=False)
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        raise BenchmarkError(f"{file} cannot be read as Parquet ({error}); give a file of labelled texts") from error
    if "domain" not in rows.columns:
        rows = rows.with_columns(domain=pl.lit(None, dtype=pl.String))
    if missing := [column for column in _CORPUS_COLUMNS if column not in rows.columns]:
        raise BenchmarkError(
            f"{file} lacks the column(s) {', '.join(missing)}; it needs set, text and label, one row for each text"
        )
    return rows.select(pl.col(column).cast(pl.String) for column in _CORPUS_COLUMNS)


def _corpus_datasets(folder: Path, labelled: Sequence[pl.DataFrame]) -> list[Dataset]:
    """Pseudo users of each corpus. Their keywords have no log."""
    corpora = corpora_of(*labelled)
    brought = {name for rows in labelled for name in rows["set"].unique()}
    datasets = []
    for corpus in corpora.every:
        if corpus.name not in brought:
            continue
        rows = []
        kinds = scored_users(corpus, corpora.scored_strays, n_users=CORPUS_USERS)
        for kind, users in kinds.items():
            for number, user in enumerate(users):
                journeys = [
                    None if stray else f"journey {truth}"
                    for truth, stray in zip(user.truth, user.is_stray, strict=True)
                ]
                user_id = f"{corpus.name}-{kind}-{number:03}"
                rows += [(user_id, *pair, None) for pair in zip(user.keywords, journeys, strict=True)]
        known = pl.DataFrame(rows, schema=KEYWORDS_TRUTH, orient="row").sort("user_id", "keyword")
        about = f"users pooled from the labelled texts {corpus.name!r}, {CORPUS_USERS} light and {CORPUS_USERS} heavy"
        truth = Truth(known, no_journeys(), no_themes())
        datasets.append(write_dataset(folder, corpus.name, about, None, known.select("user_id", "keyword"), {}, truth))
    return datasets


def _retail_rows(path: Path) -> dict[str, pl.DataFrame]:
    """The retail log as landing rows."""
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise BenchmarkError(f"{path} has no .csv file; save the sheet of UCI Online Retail as CSV")
    parts = []
    for file in files:
        try:
            rows = pl.read_csv(file, infer_schema=False)
        except (FileNotFoundError, pl.exceptions.PolarsError) as error:
            raise BenchmarkError(f"{file} cannot be read as CSV ({error}); save it as UTF-8 with commas") from error
        if missing := [column for column in COLUMNS if column not in rows.columns]:
            raise BenchmarkError(
                f"{file} lacks the column(s) {', '.join(missing)}; a file of UCI Online Retail has {', '.join(COLUMNS)}"
            )
        parts.append(rows.select(COLUMNS))
    converted = convert(pl.concat(parts).with_row_index("line", offset=1).cast({"line": pl.Int64}), _LOADED_AT)
    if converted.good["pin_engagements"].is_empty():
        raise BenchmarkError(f"{path} has no purchase that can be read; check the columns and the form of the dates")
    return {source: rows.drop("line") for source, rows in converted.good.items()}


def _retail_dataset(folder: Path, log: Mapping[str, pl.DataFrame], settings: Settings) -> Dataset:
    """The retail log without its last weeks. What customers buy in those is all that is known of it."""
    day = last_event_day(log) - timedelta(days=FUTURE_DAYS)
    landing = until(log, day)
    keywords = _keywords(folder, settings, landing, day)
    known = with_return(keywords, keywords_after(log, day)).with_columns(journey=pl.lit(None, dtype=pl.String))
    enough = pl.len().over("user_id") >= LEAST_USER_KEYWORDS
    truth = Truth(known.filter(enough).select(KEYWORDS_TRUTH.names()), no_journeys(), no_themes())
    about = f"UCI Online Retail up to {day}; known is what customers bought in the {FUTURE_DAYS} days after"
    return write_dataset(folder, RETAIL, about, day, keywords, landing, truth)
