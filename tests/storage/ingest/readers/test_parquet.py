"""Parquet: which values fit their columns."""

import io
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journeys_assets.domain.landing.contract import check_rows
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted
from tests.support.reading import read, read_text

NOW = datetime(2026, 1, 10)
UUID_TEXT = "30c4f153-f3a1-4b75-a5fd-2f7f60c455a6"
UUID_BYTES = bytes.fromhex(UUID_TEXT.replace("-", ""))


def read_columns(folder: Path, source: str, **columns: Any) -> Piece:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return read_text(folder, target.getvalue(), source, "x.parquet")


@pytest.mark.parametrize(
    ("ids", "read_as", "problems"),
    [
        (pa.array([101.0, None, 7.0]), ["101", None, "7"], {}),
        (pa.array([101.0, float("nan"), float("inf")]), ["101", None, None], {3: "is not a whole number"}),
        (pa.array([101.5, 2.0**53, 1.0]), [None, None, "1"], {1: "is not a whole number", 2: "is not a whole number"}),
        (pa.array([Decimal(12), Decimal(10**30), None], pa.decimal128(38, 0)), ["12", str(10**30), None], {}),
        (pa.array([Decimal("1.50"), Decimal("2.00"), None]), [None, "2", None], {1: "is not a whole number"}),
        (pa.array([1, 2**63, None], pa.uint64()), [1, 2**63, None], {}),
        (pa.array(["a", "b", None]).dictionary_encode(), [b"a", b"b", None], {}),
        (pa.array([UUID_BYTES, None, UUID_BYTES], pa.uuid()), [UUID_TEXT.encode(), None, UUID_TEXT.encode()], {}),
        (pa.array(['"a"', "7", None], pa.json_()), [b'"a"', b"7", None], {}),
    ],
)
def test_ids_of_data_frames_and_databases_are_text(
    tmp_path: Path, ids: pa.Array, read_as: list[Any], problems: dict[int, str]
) -> None:
    piece = read_columns(tmp_path, "pins", pin_id=ids)
    assert piece.frame["pin_id"].to_list() == read_as
    assert dict(piece.unreadable.select("line", "column").rows()) == dict.fromkeys(problems, "pin_id")
    for line, problem in problems.items():
        assert piece.unreadable.filter(line=line)["problem"].item().startswith(problem)
    good, refused = check_rows("pins", piece.frame, now=NOW)
    assert good["pin_id"].to_list() == [value if isinstance(value, str) else None for value in good["pin_id"]]
    assert good.height + refused.height == 3


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("country", pa.array([True]), "is a boolean, not text"),
        ("country", pa.array([{"code": "FR"}]), "is an object, not text"),
        ("country", pa.array([["FR"]]), "is a list, not text"),
        ("country", pa.array([datetime(2026, 1, 1)]), "is a time, not text"),
        ("push_opt_in", pa.array([0.5]), "is no boolean"),
        ("push_opt_in", pa.array([["true"]]), "is a list, not a boolean"),
        ("signed_up_at", pa.array([1_767_225_600]), "is a number, not a time; write it as 2026"),
    ],
)
def test_an_optional_column_of_a_wrong_type_costs_its_values_only(
    tmp_path: Path, column: str, values: pa.Array, problem: str
) -> None:
    piece = read_columns(tmp_path, "users", user_id=["u"], **{column: values})
    assert piece.frame[column].to_list() == [None]
    assert piece.unreadable.select("line", "column").rows() == [(1, column)]
    assert piece.unreadable["problem"].item().startswith(problem)
    good, _ = check_rows("users", piece.frame, now=NOW)
    assert good["user_id"].to_list() == ["u"]


def test_booleans_of_data_frames_with_missing_values_are_read(tmp_path: Path) -> None:
    piece = read_columns(tmp_path, "users", user_id=["u", "v", "w"], push_opt_in=pa.array([1.0, 0.0, None]))
    good, _ = check_rows("users", piece.frame, now=NOW)
    assert good["push_opt_in"].to_list() == [True, False, None]


def test_numbers_that_are_missing_in_a_data_frame_are_null(tmp_path: Path) -> None:
    texts = {name: ["x"] for name in ("notification_id", "user_id", "channel", "arm")}
    propensity = pa.array([float("nan")])
    piece = read_columns(tmp_path, "notification_events", **texts, sent_at=[NOW], propensity=propensity)
    assert piece.frame["propensity"].to_list() == [None]


@pytest.mark.parametrize(
    ("lists", "read_as"),
    [
        (pa.array([["a", None]], pa.list_(pa.string())), ["a"]),
        (pa.array([["a", "b"]], pa.list_(pa.string(), 2)), ["a", "b"]),
        (pa.array([["a"]], pa.large_list(pa.large_string())), ["a"]),
        (pa.array([[1, 2]]), ["1", "2"]),
        (pa.array(["a|b"]), ["a", "b"]),
    ],
)
def test_lists_of_every_arrow_type_are_read(tmp_path: Path, lists: pa.Array, read_as: list[str]) -> None:
    piece = read_columns(tmp_path, "pins", pin_id=["p"], annotations=lists)
    good, _ = check_rows("pins", piece.frame, now=NOW)
    assert good["annotations"].to_list() == [read_as]
    assert piece.unreadable.is_empty()


@pytest.mark.parametrize("lists", [pa.array([[True]]), pa.array([[["a"]]]), pa.array([[{"name": "a"}]])])
def test_lists_of_what_is_no_text_are_unreadable(tmp_path: Path, lists: pa.Array) -> None:
    piece = read_columns(tmp_path, "pins", pin_id=["p"], annotations=lists)
    assert piece.frame["annotations"].to_list() == [None]
    assert piece.unreadable["problem"].item().startswith("has an item that is a")


def test_column_names_are_matched_by_their_letters(tmp_path: Path) -> None:
    piece = read_columns(tmp_path, "users", **{"User ID": ["u"], "Push-Opt-In": [True]})
    assert piece.frame.rows(named=True) == [{"user_id": b"u", "push_opt_in": True, "line": 1}]
    with pytest.raises(IngestError, match="columns 'user_id' and 'User_ID' mean the same column"):
        read_columns(tmp_path, "users", user_id=["u"], User_ID=["v"])


def test_rows_are_counted_in_a_file_of_several_batches_and_in_an_empty_one(tmp_path: Path) -> None:
    frame = pl.DataFrame({"pin_id": [f"p{i}" for i in range(200_001)]})
    file = tmp_path / "x.parquet"
    frame.write_parquet(file)
    wanted = Wanted.of_source("pins")
    assert read(file, wanted).frame["line"].to_list() == list(range(1, 200_002))
    assert wanted.counts.n_records == 200_001
    frame.clear().write_parquet(file)
    assert read(file, Wanted.of_source("pins")).n_rows == 0
