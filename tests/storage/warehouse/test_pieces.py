"""Rows of shards in files: whole or not there, kept for the same key, and out of the way otherwise."""

from pathlib import Path

import polars as pl
import pytest

from journeys_assets.storage.warehouse.pieces import Pieces, pieces_with_key, remove_pieces

ROWS = pl.DataFrame({"user_id": ["a", "b"], "words": [["x"], []], "vector": [b"\x00\xff", None]})


def test_a_piece_is_there_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = Pieces(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", fail)
        with pytest.raises(OSError, match="no space"):
            pieces.write("3", {"t": ROWS})
    assert not pieces.has("3")
    assert pieces.files("t") == []
    pieces.write("3", {"t": ROWS})
    pieces.write("3", {"t": ROWS})
    pieces.write("1", {"t": ROWS.head(1)})
    assert pieces.has("3")
    assert [pl.read_parquet(path).height for path in pieces.files("t")] == [1, 2]
    assert pl.read_parquet(pieces.files("t")[1]).equals(ROWS)
    assert pieces.read("3", "t").equals(ROWS)


def test_pieces_are_kept_for_the_same_key_and_removed_for_another(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path, "one")
    with pieces_with_key(tmp_path, "one") as pieces:
        assert pieces.has("0")
        with pieces_with_key(tmp_path, "other") as others:  # at work beside it
            assert not others.has("0")
        assert pieces.has("0")
    with pieces_with_key(tmp_path, "other") as others:
        assert not (tmp_path / "one").exists()
        others.remove()
    assert list(tmp_path.iterdir()) == []


def test_all_pieces_are_removed_but_those_that_are_worked_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path, "one")
    with pieces_with_key(tmp_path, "other") as others:
        others.write("0", {"t": ROWS})
        with pytest.raises(KeyboardInterrupt):
            interrupted(tmp_path, "third")
        remove_pieces(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "other.lock"]
    remove_pieces(tmp_path)
    assert list(tmp_path.iterdir()) == []


def interrupted(folder: Path, key: str) -> None:
    with pieces_with_key(folder, key) as pieces:
        pieces.write("0", {"t": ROWS})
        raise KeyboardInterrupt
