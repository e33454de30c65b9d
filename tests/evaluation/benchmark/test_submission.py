"""Submissions: what is wrong is named with file, row, key and cure; what is right is read from every format."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.evaluation.benchmark.folder import Dataset
from journeys_assets.evaluation.benchmark.submission import (
    SCHEMA,
    SubmissionError,
    checked_rows,
    read_submission,
)

KEYWORDS = pl.DataFrame({"user_id": ["a", "a", "a", "b"], "keyword": ["x", "y", "z", "x"]})
DATASETS = {"world": Dataset("world", "a world", None, 2, 4, False, "")}
GOOD: dict[str, list[Any]] = {
    "user_id": ["a", "a", "b"],
    "keyword": ["x", "y", "x"],
    "journey": ["1", "1", "1"],
    "rank": [1, 1, 1],
    "kind": ["evergreen", "evergreen", None],
}


def written(folder: Path, changes: Mapping[str, list[Any]], ending: str = ".csv") -> Path:
    frame = pl.DataFrame({**GOOD, **changes}, strict=False)
    file = folder / f"world{ending}"
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}[ending](file)
    return file


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    rows, given, notes = checked_rows(written(tmp_path, {}, ending), KEYWORDS)
    assert rows.schema == SCHEMA
    assert rows.select("user_id", "keyword", "journey", "rank", "kind").rows() == [
        ("a", "x", "1", 1, "evergreen"), ("a", "y", "1", 1, "evergreen"), ("b", "x", "1", 1, None)
    ]  # fmt: skip
    assert given == {"rank", "kind"}
    assert notes == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"user_id": ["a", None, "b"]}, "row 2 (user None, keyword 'y', journey '1'): user_id None is missing"),
        ({"user_id": ["a", "a", "c"]}, "row 3 (user 'c', keyword 'x', journey '1'): user_id 'c' is no user"),
        ({"keyword": ["x", "Y", "x"]}, "row 2 (user 'a', keyword 'Y', journey '1'): keyword 'Y' is no keyword of this"),
        ({"keyword": ["x", "x", "x"]}, "row 1 (user 'a', keyword 'x', journey '1'): keyword 'x' stands in two rows"),
        ({"kind": ["evergreen", "evergreen", "forever"]}, "row 3 (user 'b', keyword 'x', journey '1'): kind 'forever'"),
        ({"stage": ["over", "over", None]}, "stage 'over' is not allowed (2 rows are like this); write one of ongoing"),
        ({"rank": [0, 0, 1]}, "rank '0' is no whole number from 1 on"),
        ({"rank": [1.5, 1.5, 1]}, "rank '1.5' is no whole number from 1 on"),
        ({"rank": ["first", "first", "1"]}, "rank 'first' is no whole number from 1 on"),
        ({"rank": ["inf", "inf", "1"]}, "rank 'inf' is no whole number from 1 on"),
        ({"confidence": [1.2, 1.2, 0.5]}, "confidence '1.2' is no number from 0 to 1"),
        ({"confidence": ["nan", "nan", "0.5"]}, "is no number from 0 to 1"),
        ({"name": ["one", "two", "three"]}, "row 2 (user 'a', keyword 'y', journey '1'): name 'two' differs from that"),
        ({"journey": ["1", "2", "1"]}, "rank '1' is that of two journeys of this user"),
        ({"journey": [None, None, None]}, "puts no keyword into a journey"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: Mapping[str, list[Any]], said: str) -> None:
    file = written(tmp_path, changes)
    with pytest.raises(SubmissionError) as caught:
        checked_rows(file, KEYWORDS)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)
    assert ";" in str(caught.value), "a cure follows"


def test_a_missing_column_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["a"], "keyword": ["x"], "journeys": ["1"]}).write_csv(tmp_path / "world.csv")
    with pytest.raises(SubmissionError, match=r"lacks the column\(s\) user_id, journey; .*'journeys' meant"):
        checked_rows(tmp_path / "world.csv", KEYWORDS)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    file = tmp_path / "world.csv"
    pl.DataFrame({"user_id": ["a"], "keyword": ["x"], "journey": ["1"], "colour": ["red"]}).write_csv(file)
    _, _, notes = checked_rows(file, KEYWORDS)
    assert "colour" in notes[0]
    assert "1 users have no journey" in notes[1]


def benchmark(tmp_path: Path) -> Path:
    (tmp_path / "input" / "world").mkdir(parents=True)
    KEYWORDS.write_parquet(tmp_path / "input" / "world" / "keywords.parquet")
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def test_a_folder_has_a_card_and_files(tmp_path: Path) -> None:
    mine = benchmark(tmp_path)
    written(mine, {})
    (mine / "submission.json").write_text(json.dumps({"name": "My method", "url": "https://example.org"}))
    found = read_submission(mine, tmp_path, DATASETS)
    assert (found.name, found.url) == ("My method", "https://example.org")
    assert found.rows["world"].height == 3
    (mine / "submission.json").unlink()
    assert read_submission(mine, tmp_path, DATASETS).name == "mine"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("submission.json", '{"url": "javascript:alert(1)"}', "must begin with https"),
        ("submission.json", '{"nmae": "x"}', "nmae is 'x'; allowed are"),
        ("submission.json", "[1]", "holds no object"),
        ("submission.json", "{", "is not JSON"),
        ("wrold.csv", "user_id,keyword,journey\n", "is of no data set of this benchmark; they are world"),
        ("world.parquet", "no parquet", "are of one data set"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named(tmp_path: Path, file: str, content: str, said: str) -> None:
    mine = benchmark(tmp_path)
    written(mine, {})
    (mine / file).write_text(content)
    with pytest.raises(SubmissionError) as caught:
        read_submission(mine, tmp_path, DATASETS)
    assert said in str(caught.value)


def test_a_submission_that_was_not_run_says_why(tmp_path: Path) -> None:
    mine = benchmark(tmp_path)
    with pytest.raises(SubmissionError, match="has no file for a data set"):
        read_submission(mine, tmp_path, DATASETS)
    (mine / "submission.json").write_text('{"not_run": "no model"}')
    assert read_submission(mine, tmp_path, DATASETS).not_run == "no model"
