"""Files of pairs of keywords: written to be judged, as a table or as a page for the browser, and read with the answers.

A table names the user. A page is given to other people, so it has a key in place of the user, as sheets of journeys do
(``operations.annotation_sheets``), no keyword with personal data, and a few other keywords of the user near each of the
two. The file that the page saves is read with the deployment that wrote it: its secret makes the same keys again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from journeys_assets.domain.annotation.sampling import user_keys
from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.landing.ids import clean_id
from journeys_assets.errors import JourneysError
from journeys_assets.models.calibration.judge import answers_of, prompt
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.operations.result_files import check_new_file, draft_of, write_rows
from journeys_assets.operations.sheet_pages import plain_cell, salt_of, sheet_page, without_apostrophe
from journeys_assets.storage.ingest.files import check_file
from journeys_assets.storage.row_files import FORMATS, read_rows

PAGE = Path(__file__).with_name("pairs_page.html")
COLUMNS = ("user_id", "keyword_a", "keyword_b", "same")
KEY = "user_key"
"""In the file that a page saves, the column in place of ``user_id``."""
JUDGE = "judged_by"
"""The column that names the language model that gave the answer, if one did."""
NEIGHBOURS = 4
"""Other keywords of the user that a page shows beside each keyword of a pair."""

QUESTION = "Do these two belong to one aim of this user?"
CHOICES = {
    "yes": "One thing that the user was trying to do, or kept up, led to both.",
    "no": "They belong to different things, even if both are of the same broad field.",
    "not sure": "You cannot say. The pair is left out.",
}
"""The answers that a page offers, and when to give each."""

_ANSWERS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "1.0", "same"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0", "0.0", "different"), False),
}


class PairsError(JourneysError):
    """A file of pairs cannot be written or read. The message says why, and what to do instead."""


def check_new_sheet(target: Path) -> None:
    """Check that pairs can be written to ``target``.

    Raises:
        PairsError: it exists, or it has another ending than ``.html`` and those of ``row_files.FORMATS``.
    """
    check_new_file(target, PairsError, (*FORMATS, ".html"))


def write_pairs(
    rows: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    target: Path,
    n: int,
    salt_file: Path,
    asker: Asker | None = None,
) -> int:
    """Write the pairs of some users that are most worth a judgement; returns how many.

    Args:
        rows, vectors: As for ``calibrate.find_threshold``.
        params: Those that are live.
        target: A file that :func:`check_new_sheet` allows.
        n: Most pairs.
        salt_file: Holds the secret of the keys of a page; it is created if it does not exist.
        asker: A language model that fills ``same`` of a table; the column ``JUDGE`` names it where it did.

    Raises:
        PairsError: there is no pair that a page may show, the format cannot hold the pairs, or a model is to fill a
            page.
    """
    if asker is not None and target.suffix.lower() == ".html":
        raise PairsError(f"{target}: people judge a page; end its name in {', '.join(FORMATS)} for a model's answers")
    centre = calibration.from_log(rows, vectors, params).least_log_odds
    pairs = calibration.pairs_to_ask(rows, vectors, params, n, centre)
    if target.suffix.lower() == ".html":
        pairs = pairs.filter(~_is_personal(pairs["keyword_a"]), ~_is_personal(pairs["keyword_b"]))
        if pairs.is_empty():
            raise PairsError(f"there is no pair to judge, so {target} is not written; ingest and run more days")
        near = calibration.with_neighbours(pairs, rows, vectors, NEIGHBOURS)
        text = pairs_page(near.with_columns(user_keys(near["user_id"], salt_of(salt_file, PairsError))), target.stem)
    with draft_of(target) as draft:
        if target.suffix.lower() == ".html":
            draft.write_text(text, encoding="utf-8")
        else:
            table = pairs.with_columns(same=pl.lit(None, dtype=pl.String))
            if asker is not None:
                table = _judged_by_model(calibration.with_neighbours(pairs, rows, vectors, NEIGHBOURS), asker)
            if target.suffix.lower() == ".csv":
                table = table.with_columns(_plain(table[name]) for name in COLUMNS[:3])
            write_rows(table, draft, target, PairsError)
    return pairs.height


def _judged_by_model(near: pl.DataFrame, asker: Asker) -> pl.DataFrame:
    """The pairs with ``same`` and ``JUDGE``; both are null where the model gave no answer."""
    answers = pl.Series("same", answers_of(near, asker), dtype=pl.Boolean)
    made_by = answered_by(asker.model, prompt())
    return near.select(COLUMNS[:3]).with_columns(
        pl.when(answers).then(pl.lit("yes")).when(~answers).then(pl.lit("no")).alias("same"),
        pl.when(answers.is_not_null()).then(pl.lit(made_by)).alias(JUDGE),
    )


def pairs_page(pairs: pl.DataFrame, sheet: str) -> str:
    """A self-contained page; see :func:`sheet_pages.sheet_page`.

    Args:
        pairs: user_key, keyword_a, keyword_b, near_a, near_b (lists). They are shown in the order of a hash.
        sheet: Name of the file that is saved, without its ending.
    """
    shown = pairs.select(KEY, "keyword_a", "keyword_b", "near_a", "near_b")
    keys = [hashlib.sha256("\x1f".join(row[:3]).encode()).hexdigest()[:12] for row in shown.iter_rows()]
    record = {
        "sheet": sheet,
        "columns": [KEY, *COLUMNS[1:]],
        "question": QUESTION,
        "answers": CHOICES,
        "rows": shown.with_columns(pl.Series("row_key", keys)).sort("row_key").to_dicts(),
    }
    return sheet_page(PAGE, "Judging pairs", record)


def read_pairs(file: Path, users: Callable[[], Iterable[str]], salt_file: Path) -> pl.DataFrame:
    """The judged pairs of a file: user_id, keyword_a, keyword_b (normalised), same (Boolean), judged_by (the language
    model; null for people). Those without a judgement are left out.

    Args:
        users: The ids of everybody who may have been asked about. Called if the file has keys in place of them. A key
            that is nobody's stays in place of the id.
        salt_file: Holds the secret of the keys.

    Raises:
        PairsError, IngestError: the file cannot be read, a column is missing, an answer is neither yes nor no, or all
            keys are those of other users.
    """
    if file.suffix.lower() == ".html":
        raise PairsError(
            f"{file} is the page itself, which has no answers; open it, press “Save as CSV”, and give that file"
        )
    check_file(file)
    rows = read_rows(file, PairsError)
    columns = COLUMNS if "user_id" in rows.columns or KEY not in rows.columns else (KEY, *COLUMNS[1:])
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise PairsError(
            f"{file} lacks the column(s) {', '.join(missing)}; `journeys pairs` writes a file that has them"
        )
    texts = rows.select(
        *(pl.col(name).cast(pl.String) for name in columns),
        pl.col(JUDGE).cast(pl.String) if JUDGE in rows.columns else pl.lit(None, dtype=pl.String).alias(JUDGE),
    ).with_row_index("line", offset=1)
    if file.suffix.lower() == ".csv":
        texts = texts.with_columns(without_apostrophe(name) for name in columns[:3])
    answers = texts.with_columns(answer=pl.col("same").fill_null("").str.strip_chars().str.to_lowercase())
    wrong = answers.filter((pl.col("answer") != "") & ~pl.col("answer").is_in(list(_ANSWERS)))
    if wrong.height:
        line, value = wrong.select("line", "same").row(0)
        raise PairsError(
            f"{file}: same is {value!r} in row {line}; write yes or no, or leave it empty for a pair that you skip"
        )
    judged = answers.filter(pl.col("answer") != "").drop_nulls(columns)
    found = judged.select(
        _user_ids(judged[KEY], users, salt_file, file) if columns[0] == KEY
        else pl.col("user_id").map_elements(clean_id, return_dtype=pl.String),
        normalise_series(judged["keyword_a"]).alias("keyword_a"),
        normalise_series(judged["keyword_b"]).alias("keyword_b"),
        pl.col("answer").replace_strict(_ANSWERS, return_dtype=pl.Boolean).alias("same"),
        JUDGE,
    )  # fmt: skip
    return found


def _user_ids(keys: pl.Series, users: Callable[[], Iterable[str]], salt_file: Path, file: Path) -> pl.Series:
    """The ids that belong to keys, where they are those of ``users``; other keys stay."""
    ids: dict[str, str] = {}
    if keys.len() and salt_file.exists():
        known = pl.Series("user_id", list(users()), dtype=pl.String)
        ids = dict(zip(user_keys(known, salt_of(salt_file, PairsError)), known, strict=True))
    if keys.len() and not any(key in ids for key in keys):
        raise PairsError(
            f"{file} is about none of the users here: its keys are of another deployment, or of other users; use the "
            "JOURNEYS_HOME and the log with which the page was written"
        )
    return pl.Series("user_id", [ids.get(key, key) for key in keys], dtype=pl.String)


def _is_personal(texts: pl.Series) -> pl.Series:
    return texts.map_elements(holds_personal_data, return_dtype=pl.Boolean)


def _plain(texts: pl.Series) -> pl.Series:
    return texts.map_elements(plain_cell, return_dtype=pl.String)
