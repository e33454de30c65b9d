"""keyword_commonness: the catalogue → how common each keyword is."""

import pytest

from tests.support.sql_world import DAY, VERSION, SqlWorld


def test_shares_of_the_catalogue() -> None:
    world = SqlWorld()
    world.pin("p1", ["Tiles", "Red"], ["Home"])
    world.pin("p2", ["tiles"], ["tiles", "Home"])
    world.pin("p3", None, ["Home"])
    world.pin("p4", ["Once"])
    rows = world.build("keyword_commonness")
    assert rows.rows() == [(DAY, "home", 3, 0.75, VERSION), (DAY, "tiles", 2, 0.5, VERSION)]


def test_only_the_latest_version_of_a_pin_counts() -> None:
    world = SqlWorld()
    for name in ("p", "q"):
        world.pin(name, ["old"], ingest_seq=1)
        world.pin(name, ["new"], ingest_seq=2)
    assert world.build("keyword_commonness").select("keyword", "n_pins", "pin_share").rows() == [("new", 2, 1.0)]


@pytest.mark.parametrize(("n_pins", "kept"), [(20_000, True), (20_001, False)])
def test_keywords_rarer_than_one_item_in_ten_thousand_are_left_out(n_pins: int, kept: bool) -> None:
    world = SqlWorld()
    world.con.execute(
        "INSERT INTO landing.pins BY NAME SELECT 'p' || i AS pin_id, 1 AS ingest_seq, "
        f"CASE WHEN i < 2 THEN ['rare'] ELSE [] END AS annotation_keywords FROM range({n_pins}) t(i)"
    )
    assert (world.build("keyword_commonness")["keyword"].to_list() == ["rare"]) is kept


def test_no_catalogue_gives_no_rows() -> None:
    assert SqlWorld().build("keyword_commonness").is_empty()
