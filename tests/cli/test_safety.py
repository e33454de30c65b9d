"""`journeys safety`: every row comes back, in order, in three formats; what is wrong is named."""

import json
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.safety.categories import IDS
from tests.support.command_line import Journeys, runner

TEXTS = ["divorce lawyer", None, "garden ideas", "", "white power", "garden ideas", "  ", "краска для стен"]
ROWS = pl.DataFrame({"id": [str(i) for i in range(len(TEXTS))], "text": TEXTS, "note": ["old"] * len(TEXTS)})
DECISIONS = ["no_notify", "allow", "allow", "allow", "block", "allow", "allow", "allow"]
READ = {"parquet": pl.read_parquet, "csv": lambda p: pl.read_csv(p, infer_schema=False), "jsonl": pl.read_ndjson}


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def write(rows: pl.DataFrame, path: Path) -> Path:
    {".parquet": rows.write_parquet, ".csv": rows.write_csv, ".jsonl": rows.write_ndjson}[path.suffix](path)
    return path


@pytest.mark.parametrize("given", READ)
@pytest.mark.parametrize("wanted", READ)
def test_every_row_comes_back_with_its_columns(journeys: Journeys, tmp_path: Path, given: str, wanted: str) -> None:
    source, target = write(ROWS, tmp_path / f"in.{given}"), tmp_path / "new" / f"out.{wanted}"
    shown = json.loads(journeys("safety", "check", source, target, "--json").output)
    found = READ[wanted](target)
    assert found.columns == ["id", "text", "note", "category", "decision", "score", "decided_by"]
    assert found["id"].to_list() == ROWS["id"].to_list()
    assert [t or "" for t in found["text"]] == [t or "" for t in TEXTS]
    assert found["decision"].to_list() == DECISIONS
    assert [c or None for c in found["category"]][:5] == ["relationships", None, None, None, "hate"]
    assert all(0 <= float(score) <= 1 for score in found["score"])
    assert shown["n_rows"] == len(TEXTS)
    assert sum(row["n_rows"] for row in shown["by_decision"]) == len(TEXTS)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_the_summary_is_readable(journeys: Journeys, tmp_path: Path) -> None:
    output = journeys("safety", "check", write(ROWS, tmp_path / "in.csv"), tmp_path / "out.csv").output
    assert "no_notify 1" in output
    assert "relationships (lexicon)" in output


def test_the_policy_lists_every_category(journeys: Journeys) -> None:
    records = json.loads(journeys("safety", "policy", "--json").output)
    assert [row["category"] for row in records] == list(IDS)
    output = journeys("safety", "policy").output
    assert all(category in output for category in IDS)


def test_what_is_wrong_is_named(journeys: Journeys, tmp_path: Path) -> None:
    good = write(ROWS, tmp_path / "good.csv")
    nameless = write(pl.DataFrame({"phrase": ["a"]}), tmp_path / "nameless.csv")
    numbers = write(pl.DataFrame({"text": [1]}), tmp_path / "numbers.parquet")
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"no parquet")
    odd = tmp_path / "odd.txt"
    odd.write_text("text\na\n")
    out = tmp_path / "out.csv"
    for arguments, message in (
        ((tmp_path / "none.csv", out), "none.csv"),
        ((nameless, out), "has no column text, but phrase"),
        ((numbers, out), "column text is of type Int64"),
        ((damaged, out), "cannot be read as parquet"),
        ((odd, out), "it has no known ending"),
        ((good, tmp_path / "out.xlsx"), "end its name in one of them"),
        ((good, good), "is the file that is read"),
        ((good, tmp_path), "end its name in one of them"),
    ):
        result = journeys("safety", "check", *arguments, code=2)
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not out.exists()


def test_a_column_of_the_list_is_never_replaced(journeys: Journeys, tmp_path: Path) -> None:
    source = write(ROWS.with_columns(category=pl.lit("mine")), tmp_path / "in.csv")
    said = journeys("safety", "check", source, tmp_path / "out.csv", code=2).stderr
    assert "column(s) category, which the result adds" in said
    assert [path.name for path in tmp_path.glob("*.csv")] == ["in.csv"]
