"""Clusters the user's own labelled keywords with the production code and parameters.

A file of labels is read by the readers of the landing files, and its values are checked by the same rules: ids and
keywords as text (whole numbers too), times as timestamps or ISO 8601. What differs is what becomes of a row that breaks
a rule. A landing row is quarantined; here **no row vanishes**: every row of the file is in the result, with its labels,
and a refused one has no journey_id. Only a line that cannot be split into columns is not in the result. All refused
rows and lines are returned with line and reason.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.clustering.calibration import LogEstimate
from journeys_assets.domain.clustering.clusters import assign_rows, distinct_keywords
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.landing.contract import check_rows, decoded, fits
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.table import Column
from journeys_assets.errors import JourneysError
from journeys_assets.models.embedding.base import Embedder, Progress
from journeys_assets.models.llm.base import Asker
from journeys_assets.models.naming.release import naming_on
from journeys_assets.operations.calibrate import Threshold, find_threshold
from journeys_assets.operations.judged_pairs import check_new_sheet, read_pairs, write_pairs
from journeys_assets.operations.result_files import check_columns, check_target, draft_of, write_rows
from journeys_assets.storage.ingest.files import check_file
from journeys_assets.storage.ingest.readers.choose import read_pieces
from journeys_assets.storage.ingest.readers.columns import format_of
from journeys_assets.storage.ingest.readers.formats import opened
from journeys_assets.storage.ingest.readers.pieces import Wanted

REQUIRED = ("user_id", "keyword")
TIMES = ("first_engaged_at", "last_engaged_at")
KNOWN = (*REQUIRED, "weight", *TIMES)
ADDED = ("journey_id", "area_id", "journey_name")
"""Columns of the result. A file that has one of them is refused."""
ROW = "\0row"
"""Position of a row; no file has a column of that name."""
REFUSED = pl.Schema({"line": pl.Int64(), "reason": pl.String()})

_SEARCH = LANDING["search_events"]
_LIKE = {"user_id": "user_id", "keyword": "query", **dict.fromkeys(TIMES, "searched_at")}
"""The column of ``search_events`` whose rules hold for a column."""


class LabelFileError(JourneysError):
    """A file of labels cannot be read or written. The message says why, and what to do instead."""


@dataclass(frozen=True)
class Clustered:
    """The result of clustering one file.

    Attributes:
        file: Where it was written.
        n_rows: Rows written.
        n_journeys: Distinct journeys of users.
        refused: line, reason of rows without a journey, and of lines that could not be read.
        threshold: The threshold that was used, and what it was found from.
    """

    file: Path
    n_rows: int
    n_journeys: int
    refused: pl.DataFrame
    threshold: Threshold


def cluster_file(
    source: Path,
    target: Path,
    embedder: Callable[[], Embedder],
    params: AlgorithmParams,
    naming_releases: Path,
    *,
    now: datetime,
    progress: Progress,
    salt_file: Path,
    pairs: Path | None = None,
    calibrated: bool = True,
) -> Clustered:
    """Cluster the keywords of a file, and write its rows with ``ADDED``.

    How broad the journeys are is found from the file itself (``operations.calibrate``), so it depends on all of its
    users. Given that threshold, the journeys of a user depend on the rows of that user only.

    Args:
        source: Parquet, CSV or JSON lines with user_id, keyword, optional weight (> 0, default 1), first_engaged_at,
            last_engaged_at, and any other columns.
        target: Ends in one of ``row_files.FORMATS``; it is written in one step, and its folder is made.
        embedder: Called when the file has been read.
        naming_releases: Folder of released naming weights; the latest release names.
        now: The current time, naive UTC.
        progress: Called with (keywords embedded, keywords in all).
        pairs, salt_file: File of judged pairs of the same users; see ``operations.judged_pairs.read_pairs``.
        calibrated: False: the threshold of ``params``.

    Raises:
        LabelFileError, PairsError, IngestError: a file cannot be read, a column cannot hold its values, or the
            place is wrong.
        OSError: the place cannot be written to.
    """
    check_file(source)
    check_target(source, target, LabelFileError, content="labels are kept")
    with draft_of(target) as draft:
        given, rows, broken, unreadable = _read(source)
        check_columns(source, given.columns, ADDED, LabelFileError)
        good, refused = _checked(rows, unreadable, now)
        keywords = good.drop("row")
        judged = None if pairs is None else read_pairs(pairs, lambda: keywords["user_id"].unique(), salt_file)
        vectors = _vectors_of(keywords, embedder(), progress)
        threshold = Threshold(params.clustering.least_log_odds, LogEstimate.unknown(params.clustering))
        if calibrated or judged is not None:
            threshold = find_threshold(_normalised(keywords), vectors, params.clustering, judged)
        clustering = threshold.params(params.clustering)
        clustered = cluster_labelled_keywords(
            keywords, vectors, dataclasses.replace(params, clustering=clustering), naming_releases
        )
        found = clustered.select(ADDED).with_columns(good["row"])
        kept = given.with_row_index(ROW)
        result = kept.join(found, left_on=ROW, right_on="row", how="left", maintain_order="left").drop(ROW)
        write_rows(result, draft, target, LabelFileError)
    return Clustered(
        file=target,
        n_rows=result.height,
        n_journeys=clustered.select(pl.struct("user_id", "journey_id").n_unique()).item(),
        refused=pl.concat([broken, refused]).sort("line"),
        threshold=threshold,
    )


def pairs_of_file(
    source: Path,
    target: Path,
    n: int,
    embedder: Callable[[], Embedder],
    params: AlgorithmParams,
    *,
    now: datetime,
    progress: Progress,
    salt_file: Path,
    asker: Asker | None = None,
) -> int:
    """Write the pairs of keywords of a file that are most worth a judgement; returns how many.

    Args:
        source, embedder, now, progress: As for :func:`cluster_file`.
        target, n, salt_file, asker: As for ``operations.judged_pairs.write_pairs``.

    Raises:
        LabelFileError, PairsError, IngestError: the file cannot be read, or the place is wrong.
    """
    check_file(source)
    check_new_sheet(target)
    _, rows, _, unreadable = _read(source)
    keywords = _checked(rows, unreadable, now)[0]
    vectors = _vectors_of(keywords, embedder(), progress)
    return write_pairs(_normalised(keywords), vectors, params.clustering, target, n, salt_file, asker)


def cluster_labelled_keywords(
    rows: pl.DataFrame, vectors: KeywordVectors, params: AlgorithmParams, naming_releases: Path
) -> pl.DataFrame:
    """The rows with journey_id, area_id and journey_name, computed with the code and parameters of the pipeline.

    Args:
        rows: user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at (naive UTC or null).
        vectors: A unit vector for each normalised keyword.
        naming_releases: Folder of released naming weights; the latest release names.
    """
    if rows.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in ADDED)
    assigned, clusters = assign_rows(rows, vectors, params.clustering)
    facts = (
        clusters.select("user_id", keyword="keywords")
        .explode("keyword")
        .with_columns(display_form=pl.col("keyword"), n_queries=pl.lit(0, dtype=pl.Int64), commonness=pl.lit(0.0))
        .join(_first_times(rows), on=["user_id", "keyword"], how="left")
    )
    naming, _ = naming_on(naming_releases, date.max, params.naming)
    names = name_journeys(clusters, facts, naming).select("user_id", "journey_id", "journey_name")
    return assigned.join(names, on=["user_id", "journey_id"], how="left", maintain_order="left")


def _vectors_of(rows: pl.DataFrame, embedder: Embedder, progress: Progress) -> KeywordVectors:
    """A vector for each normalised keyword."""
    keywords = distinct_keywords(rows)
    packed = pack(embedder.embed(keywords, progress)) if keywords else []
    return KeywordVectors.from_frame(
        pl.DataFrame({"keyword": keywords, "embedding": packed}, schema={"keyword": pl.String, "embedding": pl.Binary})
    )


def _normalised(rows: pl.DataFrame) -> pl.DataFrame:
    """user_id, keyword (normalised); each once."""
    return rows.select("user_id", keyword=normalise_series(rows["keyword"])).unique().sort("user_id", "keyword")


def _first_times(rows: pl.DataFrame) -> pl.DataFrame:
    """user_id, keyword (normalised) and first_engaged_at."""
    keywords = normalise_series(rows["keyword"])
    return (
        rows.select("user_id", keyword=keywords, first_engaged_at="first_engaged_at")
        .group_by("user_id", "keyword")
        .agg(pl.col("first_engaged_at").min())
    )


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _checked(rows: pl.DataFrame, unreadable: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that can be clustered, with ``row``, their position; and ``REFUSED`` for the others.

    Args:
        rows: ``line`` and the columns of ``KNOWN`` that the file has.
        unreadable: ``UNREADABLE_SCHEMA``: ids and keywords that are no text.
    """
    rows = rows.with_row_index("row")
    no_text = unreadable.join(rows.select("line", "row"), on="line").select(
        pl.col("row").cast(pl.Int64).alias("line"), pl.col("column").replace(_LIKE), "problem", "value"
    )
    by_row = rows.select(line=pl.col("row").cast(pl.Int64))
    texts = by_row.with_columns(rows["user_id"], rows["keyword"].alias("query"), searched_at=pl.lit(now))
    good, refused = check_rows(_SEARCH.name, texts, now=now, unreadable=no_text)
    values = good.select(row="line", user_id="user_id", keyword="query")
    reasons = [_named(refused, "keyword")]
    for name in TIMES:
        time, wrong = _times(by_row, rows, name, now)
        values = values.join(time, on="row", how="left", maintain_order="left")
        reasons.append(wrong)
    weight, wrong = _weights(by_row, rows)
    values = values.join(weight, on="row", how="left", maintain_order="left")
    found = pl.concat([*reasons, wrong]).group_by("line", maintain_order=True).agg(pl.col("reason").str.join("; "))
    lines = rows.select(line=pl.col("row").cast(pl.Int64), in_file="line")
    told = found.join(lines, on="line").select(line="in_file", reason="reason").sort("line")
    good = values.join(found, left_on="row", right_on="line", how="anti", maintain_order="left")
    return good.with_columns(pl.col("row").cast(pl.UInt32)), told


def _times(by_row: pl.DataFrame, rows: pl.DataFrame, name: str, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The times of an optional column by ``row``, and the reasons of those that are none."""
    nothing = pl.DataFrame(schema={"row": pl.Int64, name: pl.Datetime("us")})
    if name not in rows.columns:
        return nothing, REFUSED.to_frame()
    given = by_row.with_columns(rows[name].alias("searched_at")).filter(~_is_blank(rows[name]))
    if given.is_empty():
        return nothing, REFUSED.to_frame()
    # The required columns are stand-ins, so that nothing but the time can be wrong.
    texts = given.with_columns(user_id=pl.lit("user"), query=pl.lit("keyword"))
    good, refused = check_rows(_SEARCH.name, texts, now=now)
    return good.select(pl.col("line").alias("row"), pl.col("searched_at").alias(name)), _named(refused, name)


def _weights(by_row: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The weight by ``row``, 1 where none is given, and the reasons of those that are not finite numbers above 0."""
    if "weight" not in rows.columns:
        return by_row.select(row="line", weight=pl.lit(1.0)), REFUSED.to_frame()
    raw = rows["weight"]
    text = decoded(raw) if raw.dtype == pl.Binary else raw
    number = (text.str.strip_chars() if text.dtype == pl.String else text).cast(pl.Float64, strict=False)
    absent = _is_blank(raw)
    is_weight = (number.is_finite() & (number > 0)).fill_null(False)
    shown = text.cast(pl.String).fill_null("").str.head(80)
    reason = pl.select(pl.format("weight is not a number above 0: '{}'", shown)).to_series()
    wrong = by_row.select("line", reason=reason).filter(~is_weight & ~absent)
    return by_row.select(row="line", weight=number.fill_null(1.0)), wrong


def _is_blank(raw: pl.Series) -> pl.Series:
    text = decoded(raw) if raw.dtype == pl.Binary else raw
    blank = text.str.strip_chars() == "" if text.dtype == pl.String else pl.repeat(False, len(raw), eager=True)
    return raw.is_null() | blank.fill_null(False)


def _named(refused: pl.DataFrame, name: str) -> pl.DataFrame:
    """Reasons with the name of the column that was checked as a column of ``search_events``."""
    theirs = _LIKE[name]
    return refused.select("line", pl.col("reason").str.replace_all(rf"(^|; ){theirs} ", f"${{1}}{name} "))


def _check_types(file: Path, rows: pl.DataFrame) -> None:
    for name in (column for column in KNOWN if column in rows.columns):
        dtype = rows.schema[name]
        if name == "weight":
            fitting = dtype.is_numeric() or dtype in (pl.String, pl.Binary, pl.Null)
        else:
            fitting = fits(_column(_LIKE[name]), dtype)
        if not fitting:
            means = {"weight": "a number"}.get(name, "an ISO 8601 text or a timestamp" if name in TIMES else "a text")
            raise LabelFileError(f"{file}: column {name} is of type {dtype}; write {means} for each row")


def _column(name: str) -> Column:
    return next(column for column in _SEARCH.columns if column.name == name)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _InOrder(Wanted):
    """Notes the columns of the file in their order."""

    order: Sequence[str] = ()

    def match(self, file: Path, columns: Sequence[str]) -> dict[str, int]:
        self.order = list(columns)
        return super().match(file, columns)


def _read(file: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """All columns as they are; ``line`` and the columns of ``KNOWN`` of the same rows; ``REFUSED`` of unreadable lines;
    ``UNREADABLE_SCHEMA`` of ids and keywords that are no text.

    Raises:
        LabelFileError, IngestError: the file cannot be read, or a column cannot hold its values.
    """
    wanted = _InOrder(REQUIRED, KNOWN, dict.fromkeys(REQUIRED, "text"))
    rows, broken, unreadable = _pieces(file, wanted)
    _check_types(file, rows)
    form = format_of(file, wanted.has_required)
    if form == "parquet":
        return _parquet(file), rows, broken, unreadable
    if form == "json":
        return _records(file, rows["line"].to_list()), rows, broken, unreadable
    if "line" in wanted.unknown:
        raise LabelFileError(f"{file}: a CSV file cannot have a column named line here; rename it")
    others = [name for name in wanted.order if name in wanted.unknown]
    everything, _, _ = _pieces(file, Wanted(REQUIRED, (*KNOWN, *others)))
    names = [name for name in everything.columns if name != "line"]
    in_order = [name for name in wanted.order if name in names]
    ordered = [*in_order, *(name for name in names if name not in in_order)]
    return everything.select(ordered), rows, broken, unreadable


def _pieces(file: Path, wanted: Wanted) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    pieces = list(read_pieces(file, wanted))
    if not any(piece.frame.height for piece in pieces):
        raise LabelFileError(f"{file} has no row that can be read; write one row for each keyword of a user")
    frames = [piece.frame for piece in pieces if piece.frame.height]
    refused = pl.concat([piece.refused.select(REFUSED.names()) for piece in pieces])
    return pl.concat(frames, how="diagonal_relaxed"), refused, pl.concat([piece.unreadable for piece in pieces])


def _parquet(file: Path) -> pl.DataFrame:
    try:
        with file.open("rb") as stream:
            return pl.read_parquet(stream)
    except pl.exceptions.PolarsError as error:
        raise LabelFileError(f"{file} cannot be read as Parquet: {error}; write it again") from error


def _records(file: Path, lines: Sequence[int]) -> pl.DataFrame:
    """These objects of a JSON file, by their line or place; a column of several kinds of values becomes text."""
    with opened(file) as stream:
        content = stream.read().removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        every = json.loads(content)
        records = [every[line - 1] for line in lines]
    else:
        texts = content.split(b"\n")
        records = [json.loads(texts[line - 1]) for line in lines]
    names = dict.fromkeys(name for record in records for name in record)
    return pl.DataFrame([_series(name, [record.get(name) for record in records]) for name in names])


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        return pl.Series(name, texts, dtype=pl.String)
