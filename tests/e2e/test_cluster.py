"""`journeys cluster` takes what the landing contract takes, keeps every row, and says what it refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.support.command_line import Journeys, runner

KEYWORDS = ["Wedding dress", "wedding dresses", "engine oil", "engine oil filter"]
LABELS = [7, None, 9, 10]
PLUS_ONE = timezone(timedelta(hours=1))


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def result(journeys: Journeys, source: Path, target: str = "out.parquet", code: int = 0) -> tuple[dict[str, Any], Path]:
    out = source.with_name(target)
    return json.loads(journeys("cluster", source, out, "--json", code=code).stdout), out


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"label": LABELS, "user_id": ["a"] * 4, "keyword": KEYWORDS, **columns})


ACCEPTED = {
    "plain": frame(),
    "whole numbers": frame(user_id=[1] * 4, keyword=[5, 55, 7, 77]),
    "categories": frame(user_id=["a"] * 4).with_columns(pl.col("user_id", "keyword").cast(pl.Categorical)),
    "text times": frame(first_engaged_at=["2026-03-01T10:00:00+01:00", "2026-03-01", "", None]),
    "zoned times": frame(first_engaged_at=[datetime(2026, 3, 1, tzinfo=PLUS_ONE)] * 4),
    "days": frame(last_engaged_at=[datetime(2026, 3, 1).date()] * 4),
    "text weights": frame(weight=["1", " 2.5 ", "", None]),
    "no weights": frame(weight=[None] * 4),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_row_and_column_of_parquet_comes_back(journeys: Journeys, tmp_path: Path, name: str) -> None:
    given = ACCEPTED[name]
    given.write_parquet(tmp_path / "in [1].parquet")
    found, out = result(journeys, tmp_path / "in [1].parquet")
    rows = pl.read_parquet(out)
    assert rows.select(given.columns).equals(given)
    assert rows.select("journey_id", "area_id", "journey_name").null_count().row(0) == (0, 0, 0)
    assert (found["n_rows"], found["n_refused"]) == (4, 0)


def test_csv_and_json_lines_give_what_parquet_gives(journeys: Journeys, tmp_path: Path) -> None:
    given = frame(weight=[1.0, 2.0, 3.0, 4.0], first_engaged_at=["2026-03-01T10:00:00Z"] * 4)
    given.write_parquet(tmp_path / "in.parquet")
    given.write_csv(tmp_path / "in.csv")
    given.write_ndjson(tmp_path / "in.jsonl")
    ids = []
    for name in ("in.parquet", "in.csv", "in.jsonl"):
        _, out = result(journeys, tmp_path / name, f"{name}.out.jsonl")
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert list(rows[0]) == [*given.columns, "journey_id", "area_id", "journey_name"]
        assert [str(row["label"]) if row["label"] not in (None, "") else None for row in rows] == ["7", None, "9", "10"]
        ids.append([row["journey_id"] for row in rows])
    assert ids[0] == ids[1] == ids[2]
    assert ids[0][0] == ids[0][1] != ids[0][2]
    assert pl.read_csv(result(journeys, tmp_path / "in.csv", "out.csv")[1]).height == 4


REFUSED = {
    "null keyword": ({"keyword": ["wedding dress", None, "x", "y"]}, "keyword is missing or blank"),
    "blank id": ({"user_id": ["a", "  ", "a", "a"]}, "user_id is missing or blank"),
    "epoch text": ({"first_engaged_at": ["2026-03-01", "1767225600", None, None]}, "first_engaged_at is not a time"),
    "no time": ({"last_engaged_at": ["2026-03-01", "soon", None, None]}, "last_engaged_at is not a time"),
    "weight of 0": ({"weight": [1.0, 0.0, 1.0, 1.0]}, "weight is not a number above 0"),
    "weight of nan": ({"weight": [1.0, float("nan"), 1.0, 1.0]}, "weight is not a number above 0"),
    "weight as text": ({"weight": ["1", "[much]", "1", "1"]}, "weight is not a number above 0: '[much]'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_row_keeps_its_labels_and_is_counted(journeys: Journeys, tmp_path: Path, name: str) -> None:
    columns, reason = REFUSED[name]
    given = frame(**columns)
    given.write_parquet(tmp_path / "in.parquet")
    found, out = result(journeys, tmp_path / "in.parquet", code=1)
    rows = pl.read_parquet(out)
    assert rows.select(given.columns).equals(given, null_equal=True)
    assert rows["journey_id"].is_null().to_list() == [False, True, False, False]
    (refused,) = found["refused"]
    assert refused["line"] == 2
    assert refused["reason"].startswith(reason)
    assert reason in journeys("cluster", tmp_path / "in.parquet", out, code=1).stdout


def test_a_keyword_that_is_no_text_is_refused_with_what_it_is(journeys: Journeys, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('[{"user_id": 1, "keyword": ["a"]}, {"user_id": 1, "keyword": "oak desk"}]')
    found, out = result(journeys, tmp_path / "in.json", code=1)
    (refused,) = found["refused"]
    assert refused["reason"] == """keyword is a JSON array, not text: '["a"]'"""
    assert pl.read_parquet(out)["journey_name"].to_list() == [None, "oak desk"]


def test_a_line_that_is_no_record_is_counted(journeys: Journeys, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"user_id": 1, "keyword": "oak desk"}\n\nnot json\n{"keyword": "x"}\n')
    found, out = result(journeys, tmp_path / "in.jsonl", code=1)
    assert [(row["line"], row["reason"][:18]) for row in found["refused"]] == [
        (3, "the line is not va"), (4, "user_id is missing")
    ]  # fmt: skip
    assert pl.read_parquet(out)["keyword"].to_list() == ["oak desk", "x"]


def test_a_file_without_a_good_row_is_written_too(journeys: Journeys, tmp_path: Path) -> None:
    frame(keyword=[None] * 4).write_parquet(tmp_path / "in.parquet")
    found, out = result(journeys, tmp_path / "in.parquet", code=1)
    assert (found["n_rows"], found["n_journeys"], found["n_refused"]) == (4, 0, 4)
    assert pl.read_parquet(out)["journey_id"].null_count() == 4


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"first_engaged_at": [1767225600] * 4}, "first_engaged_at is of type Int64; write an ISO 8601 text"),
        ({"first_engaged_at": [1767225600.5] * 4}, "first_engaged_at is of type Float64"),
        ({"keyword": [["a", "b"]] * 4}, "keyword is of type List"),
        ({"weight": [[1.0]] * 4}, "weight is of type List"),
        ({"journey_id": ["mine"] * 4, "area_id": [1] * 4}, "column(s) journey_id, area_id, which the result adds"),
    ],
)
def test_a_column_that_cannot_hold_its_values_is_an_error(
    journeys: Journeys, tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    frame(**columns).write_parquet(tmp_path / "in.parquet")
    assert said in journeys("cluster", tmp_path / "in.parquet", tmp_path / "out.parquet", code=2).stderr
    assert not (tmp_path / "out.parquet").exists()


def test_a_place_that_cannot_be_written_is_one_line_and_nothing_is_lost(journeys: Journeys, tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    frame().write_parquet(source)
    before = source.read_bytes()
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to(source)
    for target, said in {
        tmp_path / "folder.parquet": "is a folder",
        source: "is the file that is read",
        tmp_path / "link.parquet": "is the file that is read",
        tmp_path / "out.xlsx": ".parquet, .csv, .jsonl",
        Path("/sys/journeys/out.parquet"): "/sys/journeys",
        source / "out.parquet": "in.parquet",
    }.items():
        result = journeys("cluster", source, target, code=2)
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.parquet", "in.parquet", "link.parquet"]
    journeys("cluster", source, tmp_path / "new" / "out.csv")
