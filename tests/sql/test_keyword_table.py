"""keyword_table: rows of the logs → what each user engaged with on the day."""

import json
import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.support.sql_world import DAY, MODELS, VERSION, SqlWorld, ago, at, pin, search, variables


def counted(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    names = ("keyword", "source", "display_form", "n_searches", "n_closeups", "n_saves", "n_clickthroughs")
    return rows.select(*names, "n_board_pins", "n_items").rows()


def test_searches() -> None:
    world = SqlWorld()
    world.search("ann", "Kitchen  Tiles", at(DAY, 9))
    world.search("ann", "kitchen tiles", at(DAY, 10))
    world.search("ann", "kitchen tiles", at(DAY, 11))
    world.search("ann", "sink", at(ago(1)))
    rows = world.build("keyword_table")
    assert rows.rows(named=True) == [
        {
            "partition_date": DAY,
            "user_id": "ann",
            "keyword": "kitchen tiles",
            "source": "query",
            "display_form": "kitchen tiles",
            "n_searches": 3,
            "n_closeups": 0,
            "n_saves": 0,
            "n_clickthroughs": 0,
            "n_board_pins": 0,
            "n_items": 0,
            "first_engaged_at": at(DAY, 9),
            "last_engaged_at": at(DAY, 11),
            "algorithm_version": VERSION,
        }
    ]


def test_an_action_on_a_pin_speaks_for_all_its_annotations_and_interests() -> None:
    world = SqlWorld()
    world.pin("p", ["Tiles", "Kitchen"], ["Home"])
    world.pin("q", ["Tiles"])
    world.pin("unseen", ["Garden"])
    for name, action in [("p", "closeup"), ("p", "save"), ("q", "clickthrough")]:
        world.engage("ann", name, action, at(DAY))
    world.engage("ann", "nowhere described", "save", at(DAY))
    assert counted(world.build("keyword_table")) == [
        ("home", "interest", "Home", 0, 1, 1, 0, 0, 1),
        ("kitchen", "annotation", "Kitchen", 0, 1, 1, 0, 0, 1),
        ("tiles", "annotation", "Tiles", 0, 1, 1, 1, 0, 2),
    ]


def test_a_pin_put_on_a_board_speaks_for_the_board_name_and_for_the_pin() -> None:
    world = SqlWorld()
    world.pin("p", ["Tiles"])
    world.put_on_board("ann", "Our Home", "p", at(DAY))
    world.put_on_board("ann", None, "p", at(DAY, 13))
    world.put_on_board("ann", "  ", "p", at(DAY, 14))
    world.put_on_board("ann", "Our Home", "not described", at(DAY, 15))
    assert counted(world.build("keyword_table")) == [
        ("our home", "board", "Our Home", 0, 0, 0, 0, 2, 2),
        ("tiles", "annotation", "Tiles", 0, 0, 0, 0, 3, 1),
    ]


def test_a_save_that_both_logs_tell_counts_as_both_actions_on_one_item() -> None:
    world = SqlWorld()
    world.pin("p", ["Tiles"])
    world.engage("ann", "p", "save", at(DAY))
    world.put_on_board("ann", "Our Home", "p", at(DAY))
    assert counted(world.build("keyword_table")) == [
        ("our home", "board", "Our Home", 0, 0, 0, 0, 1, 1),
        ("tiles", "annotation", "Tiles", 0, 0, 1, 0, 1, 1),
    ]


def test_a_board_that_got_another_name_in_a_later_load_counts_once() -> None:
    world = SqlWorld()
    for seq, name in [(1, "Old"), (2, "New")]:
        row = {"user_id": "ann", "board_id": "b", "pin_id": "p", "saved_at": at(DAY), "ingest_seq": seq}
        world.add("board_pins", {**row, "board_name": name, "board_keyword": name.lower()})
    assert counted(world.build("keyword_table")) == [("new", "board", "New", 0, 0, 0, 0, 1, 1)]


def test_one_keyword_twice_on_a_pin_counts_each_action_once() -> None:
    world = SqlWorld()
    world.pin("p", ["TILES", "tiles", "Tiles"])
    world.engage("ann", "p", "save", at(DAY))
    assert counted(world.build("keyword_table")) == [("tiles", "annotation", "TILES", 0, 0, 1, 0, 0, 1)]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_board_names_of_one_load_the_first_in_the_alphabet_counts(reverse: bool) -> None:
    world = SqlWorld()
    row = {"user_id": "ann", "board_id": "b", "pin_id": "p", "saved_at": at(DAY)}
    rows = [{**row, "board_name": name, "board_keyword": name.lower()} for name in ("Garden", "Home")]
    world.add("board_pins", *(rows[::-1] if reverse else rows), row)
    assert counted(world.build("keyword_table")) == [("garden", "board", "Garden", 0, 0, 0, 0, 1, 1)]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_display_form_is_the_most_frequent_spelling_and_on_ties_the_first_in_the_alphabet(reverse: bool) -> None:
    world = SqlWorld()
    queries = ["lamp", "LAMP", "Lamp", "Lamp", "rug", "Rug"]
    for minute, query in enumerate(queries[::-1] if reverse else queries):
        world.search("ann", query, at(DAY, 9, minute))
    assert world.build("keyword_table")["display_form"].to_list() == ["Lamp", "Rug"]


def test_the_latest_loaded_version_of_a_pin_counts() -> None:
    world = SqlWorld()
    world.pin("p", ["old"], ingest_seq=1)
    world.pin("p", ["new"], ingest_seq=2)
    world.engage("ann", "p", "save", at(DAY))
    assert world.build("keyword_table")["keyword"].to_list() == ["new"]


def test_pins_without_text_and_blank_keywords_give_no_rows() -> None:
    world = SqlWorld()
    world.pin("p", None, None)
    world.pin("q", [" "], [])
    world.engage("ann", "p", "save", at(DAY))
    world.engage("ann", "q", "save", at(DAY))
    world.search("ann", " ", at(DAY))
    assert world.build("keyword_table").is_empty()


def test_the_day_ends_with_its_last_microsecond() -> None:
    world = SqlWorld()
    world.search("ann", "first", at(DAY, 0))
    world.search("ann", "last", at(DAY + timedelta(days=1), 0) - timedelta(microseconds=1))
    world.search("ann", "tomorrow", at(DAY + timedelta(days=1), 0))
    world.search("ann", "yesterday", at(DAY, 0) - timedelta(microseconds=1))
    assert world.build("keyword_table")["keyword"].to_list() == ["first", "last"]


def test_later_events_change_nothing_for_the_day() -> None:
    world = SqlWorld()
    world.pin("p", ["Tiles"], ["Home"])
    world.search("ann", "tiles", at(DAY))
    world.engage("ann", "p", "save", at(DAY))
    before = world.build("keyword_table")
    later = DAY + timedelta(days=1)
    world.search("ann", "TILES", at(later, 0))
    world.search("new user", "tiles", at(later))
    world.engage("ann", "p", "closeup", at(later))
    world.put_on_board("ann", "Tiles", "p", at(later))
    assert_frame_equal(world.build("keyword_table"), before)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_input_rows_does_not_matter(seed: int) -> None:
    users, words = ["ann", "bob"], ["Tiles", "TILES", "tiles", "Sink", "sink", "Lamp"]
    searches = [search(u, w, at(DAY, h)) for u in users for w in words for h in (9, 10)]
    # Versions of one pin from one load: neither is later, so only their content may decide.
    pins = [pin("p", ["Tiles", "Sink"]), pin("p", ["Lamp"], ["Home"]), pin("q", ["tiles"]), pin("q", None, ["Home"])]
    engagements = [
        {"user_id": u, "pin_id": p, "action": a, "engaged_at": at(DAY, 8)}
        for u in users
        for p in ("p", "q")
        for a in ("closeup", "save")
    ]

    def built(shuffle: bool) -> pl.DataFrame:
        world = SqlWorld()
        for table, rows in [("search_events", searches), ("pins", pins), ("pin_engagements", engagements)]:
            world.add(table, *(random.Random(seed).sample(rows, len(rows)) if shuffle else rows))
        return world.build("keyword_table")

    assert_frame_equal(built(shuffle=True), built(shuffle=False))


def test_one_day_reads_only_that_day_of_every_log() -> None:
    world = SqlWorld()
    for day in (ago(1), DAY, DAY + timedelta(days=1)):  # empty tables would be planned away
        world.search("ann", "tiles", at(day))
        world.engage("ann", "p", "save", at(day))
        world.put_on_board("ann", "Home", "p", at(day))
    plan = world.con.sql(f"EXPLAIN (FORMAT json) {MODELS['keyword_table'].render(variables(DAY))}").fetchall()
    scans = [scan for root in json.loads(plan[0][1]) for scan in scans_of(root)]
    filters = {scan["Table"].split(".")[-1]: str(scan.get("Filters")) for scan in scans}
    assert f"CAST(searched_at AS DATE) = '{DAY}'" in filters["search_events"]
    assert f"CAST(engaged_at AS DATE) = '{DAY}'" in filters["pin_engagements"]
    assert f"CAST(saved_at AS DATE) = '{DAY}'" in filters["board_pins"]


def scans_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    own = [node["extra_info"]] if node["name"].strip() == "SEQ_SCAN" else []
    return own + [scan for child in node["children"] for scan in scans_of(child)]
