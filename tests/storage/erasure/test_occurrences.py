"""Where a text stands by itself: in texts, in files, and in databases, which write one text after the other."""

import json
from pathlib import Path

import duckdb
import pytest

from journeys_assets.storage.erasure.occurrences import database_holds, holds, mentions, pattern_of

USER = "user-12"


@pytest.mark.parametrize(
    "text",
    [
        USER,
        f"a\n{USER}\tb",
        f"({USER})",
        json.dumps(f"a\n{USER}\nb"),
        json.dumps(json.dumps({"message": f"\t{USER}"})),
        json.dumps(f"\u00a0{USER}"),
        f"{USER}-3",
    ],
)
def test_a_text_by_itself_is_found(tmp_path: Path, text: str) -> None:
    assert mentions(text, [USER])
    pattern = pattern_of([USER])
    assert pattern is not None
    assert USER not in pattern.sub("", text)
    (tmp_path / "file").write_text(text)
    assert holds(tmp_path / "file", ["nobody", USER])


@pytest.mark.parametrize("text", ["", "user-123", "the_user-12", "1user-12", "user-12é", "éuser-12", "User-12"])
def test_a_text_within_a_longer_word_is_another_one(tmp_path: Path, text: str) -> None:
    assert not mentions(text, [USER])
    (tmp_path / "file").write_text(text)
    assert not holds(tmp_path / "file", [USER])


def test_ids_with_letters_of_any_script_are_found_as_json_writes_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(json.dumps({"user": "ünal"}))
    assert holds(tmp_path / "file", ["ünal"])


def test_a_database_has_an_id_that_is_no_part_of_a_longer_text_that_stays(tmp_path: Path) -> None:
    def stored(*ids: str) -> Path:
        path = tmp_path / "some.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as con:
            con.execute("CREATE TABLE t AS SELECT unnest($1::VARCHAR[]) AS user_id", [list(ids)])
        return path

    others = ["user-123", "the user-12x"]
    assert not database_holds(stored(*others), [USER], others)
    assert database_holds(stored(*others), [USER], others[:1])
    assert database_holds(stored(*others, USER), [USER], others)
    assert database_holds(stored(USER, *others), [USER], others)
    assert not database_holds(stored("somebody"), [USER], [])
