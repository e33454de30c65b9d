"""What exports of Matomo's log tables hold and what goes wrong with them, one by one."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.matomo import MatomoTablesError, hexadecimal, repaired
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox

TEN = datetime(2026, 1, 5, 10)
VISITOR = "00FFA1B2C3D4E5F6"
NAMES = {
    1: (8, "garden shed"),
    2: (1, "shop.example/lamp"),
    3: (4, "A lamp to read by"),
    4: (5, "p1"),
    5: (6, "Lamp"),
    6: (7, "Home"),
    7: (7, "Light"),
    8: (3, "shop.example/manual.pdf"),
    9: (11, "Add to wishlist"),
    10: (12, "p9"),
}
VISIT = {"idvisit": 1, "idvisitor": VISITOR, "user_id": "ann", "visitor_localtime": "01:00:00", "profilable": 1}
PRODUCT = {"idaction_product_sku": 4, "idaction_product_name": 5, "idaction_product_cat": 6, "idaction_product_cat2": 7}
PAGE = {"idaction_url": 2, "idaction_name": 3}


def link(number: int, **values: Any) -> dict[str, Any]:
    """A row of ``log_link_visit_action``."""
    common = {
        "idlink_va": number,
        "idsite": 1,
        "idvisitor": VISITOR,
        "idvisit": 1,
        "server_time": "2026-01-05 10:00:00",
    }
    return {**common, "idaction_url": None, "idaction_name": None, **values}


def search(number: int = 1, name: int = 1, **values: Any) -> dict[str, Any]:
    return link(number, idaction_name=name, **values)


class Tables:
    """The tables of a Matomo, as files of a log."""

    def __init__(self, log: LogSandbox) -> None:
        self.log = log
        self.names(NAMES)
        self.table("log_visit", [VISIT])

    def names(self, names: dict[int, tuple[int, str]]) -> None:
        rows = [{"idaction": number, "name": name, "hash": 1, "type": kind} for number, (kind, name) in names.items()]
        self.table("log_action", rows)

    def table(self, name: str, rows: list[dict[str, Any]]) -> Path:
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return self.log.write(f"{name}.csv", frame.write_csv(null_value="\\N"))


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "matomo")


@pytest.fixture
def tables(log: LogSandbox) -> Tables:
    return Tables(log)


def test_three_tables_are_joined(log: LogSandbox, tables: Tables) -> None:
    """The clock of the visitor is not read, and times without a zone are UTC."""
    tables.table("log_link_visit_action", [search()])
    recognised = recognise_format([log.folder])
    assert recognised.name == "matomo"
    assert len(recognised.reasons) == 3
    report = log.load()
    assert log.searches() == [("ann", "garden shed", TEN)]
    assert report.skipped_by_reason == {
        "a row of log_action or log_visit, which counts for the rows of this call that refer to it": len(NAMES) + 1
    }
    assert log.rows("event_id", "search_events") == [("1",)]


def test_types_of_actions(log: LogSandbox, tables: Tables) -> None:
    rows = [
        search(1),
        link(2, **PAGE, **PRODUCT),
        link(3, **PAGE),
        link(4, idaction_url=8),
        link(5, idaction_url=2, idaction_event_action=9, idaction_name=10),
        search(6, idaction_url=0),
    ]
    tables.table("log_link_visit_action", rows)
    report = log.load()
    assert {event: what for event, what in report.events if event != "(no type)"} == {
        "site search": "search_events",
        "product view": "pin_engagements as closeup",
        "page view": "skipped: no sign of interest",
        "download": "skipped: no rule for the event",
        "Add to wishlist": "skipped: no rule for the event",
    }
    assert log.actions() == [("ann", "p1", "closeup", TEN)]
    assert len(log.searches()) == 2
    assert log.rows("pin_id, title, annotations, interests", "pins") == [("p1", "Lamp", ["Lamp"], ["Home", "Light"])]


def test_a_product_without_a_name_has_the_title_of_its_page(log: LogSandbox, tables: Tables) -> None:
    tables.table("log_link_visit_action", [link(1, **PAGE, idaction_product_sku=4)])
    log.load()
    assert log.rows("pin_id, title", "pins") == [("p1", "A lamp to read by")]


def test_older_releases_have_products_in_custom_variables(log: LogSandbox, tables: Tables) -> None:
    variables = {
        **{"custom_var_k3": "_pks", "custom_var_v3": "p7", "custom_var_k4": "_pkn", "custom_var_v4": "Desk"},
        **{"custom_var_k5": "_pkc", "custom_var_v5": json.dumps(["Home", "Office"])},
    }
    other = {"custom_var_k3": "colour", "custom_var_v3": "red"}
    tables.table("log_link_visit_action", [link(1, **PAGE, **variables), link(2, **PAGE, **other)])
    log.load()
    assert log.actions() == [("ann", "p7", "closeup", TEN)]
    assert log.rows("pin_id, title, interests", "pins") == [("p7", "Desk", ["Home", "Office"])]


def test_orders_and_carts_are_read_if_their_table_is_there(log: LogSandbox, tables: Tables) -> None:
    common = {"idsite": 1, "idvisitor": VISITOR, "idvisit": 1, "server_time": "2026-01-05 10:00:00"}
    item = {**common, "idaction_sku": 4, "idaction_name": 5, "idaction_category": 6, "quantity": 1}
    rows = [
        {**item, "idorder": "0", "deleted": 0},
        {**item, "idorder": "A1", "deleted": 0},
        {**item, "idorder": "A2", "deleted": 0},
        {**item, "idorder": "0", "deleted": 1},
    ]
    path = tables.table("log_conversion_item", rows)
    assert recognise_format([path]).name == "matomo"
    report = log.load()
    assert [row[1:3] for row in log.actions()] == [("p1", "clickthrough"), ("p1", "clickthrough"), ("p1", "save")]
    assert report.events["removed item", "skipped: no sign of interest"] == 1
    assert log.rows("pin_id, title, interests", "pins") == [("p1", "Lamp", ["Home"])]


@pytest.mark.parametrize("missing", ["log_action", "log_visit"])
def test_a_table_that_others_refer_to_must_be_there(log: LogSandbox, tables: Tables, missing: str) -> None:
    tables.table("log_link_visit_action", [search()])
    (log.folder / f"{missing}.csv").unlink()
    with pytest.raises(MatomoTablesError, match=f"^{missing} is not among the files.*in one call"):
        log.load()


def test_what_the_other_tables_lack_is_skipped_and_comes_with_the_next_call(log: LogSandbox, tables: Tables) -> None:
    tables.table("log_link_visit_action", [search(1), search(2, 99), search(3, idvisit=7)])
    report = log.load()
    assert {reason: n for reason, n in report.skipped_by_reason.items() if "row of" not in reason} == {
        "a visit that is not in log_visit; load both again in one call": 1,
        "an action that is not in log_action; load both again in one call": 1,
    }
    tables.names({**NAMES, 99: (8, "lamp")})
    tables.table("log_visit", [VISIT, {**VISIT, "idvisit": 7}])
    log.load()
    log.load()
    assert sorted(row[1] for row in log.searches()) == ["garden shed", "garden shed", "lamp"]


@pytest.mark.parametrize("no", [0, "0", "false"])
def test_a_visit_that_must_not_be_profiled_forms_nothing(log: LogSandbox, tables: Tables, no: Any) -> None:
    hidden = {**VISIT, "idvisit": 2, "profilable": no}
    tables.log.write("log_visit.json", [VISIT, hidden, {**VISIT, "idvisit": 3, "profilable": None}])
    rows = [search(1), search(2, idvisit=2), link(3, **PAGE, **PRODUCT, idvisit=2), search(4, idvisit=3)]
    tables.table("log_link_visit_action", rows)
    report = log.load()
    assert report.skipped_by_reason["a visit that must not be profiled"] == 2
    assert len(log.searches()) == 2
    assert log.actions() == []


def test_a_visit_that_is_delivered_twice_must_not_be_profiled_if_one_says_so(log: LogSandbox, tables: Tables) -> None:
    tables.log.write("later.json", [{**VISIT, "user_id": None, "profilable": 0}])
    tables.table("log_link_visit_action", [search(1)])
    assert log.load().skipped_by_reason["a visit that must not be profiled"] == 1


def test_the_user_is_that_of_the_visit_else_the_visitor(log: LogSandbox, tables: Tables) -> None:
    tables.table("log_visit", [VISIT, {**VISIT, "idvisit": 2, "user_id": None}])
    tables.table("log_link_visit_action", [search(1), search(2, idvisit=2)])
    log.load()
    assert [row[0] for row in log.searches()] == [VISITOR.lower(), "ann"]
    log.load(options=FormatOptions(user=("idvisitor",)))
    assert [row[0] for row in log.searches()] == [VISITOR.lower()] * 2 + ["ann"]


def test_a_visitor_is_linked_to_the_user_of_the_visit(log: LogSandbox, tables: Tables) -> None:
    """A visit that must not be profiled links nothing, and neither does one without a user."""
    hidden = {**VISIT, "idvisit": 2, "user_id": "bob", "profilable": 0}
    tables.table("log_visit", [VISIT, hidden, {**VISIT, "idvisit": 3, "user_id": None}])
    tables.table("log_link_visit_action", [search(1), search(2, idvisit=2), search(3, idvisit=3), link(4, **PAGE)])
    log.load()
    links = log.rows("user_id, other_id, linked_at", "identities")
    assert links == [("ann", VISITOR.lower(), TEN)]


@pytest.mark.parametrize("is_known_first", [False, True])
def test_a_visit_that_gets_its_user_later_counts_once(log: LogSandbox, tables: Tables, is_known_first: bool) -> None:
    """Searches and orders alike, in whatever order the exports come."""
    item = {"idvisit": 1, "idvisitor": VISITOR, "server_time": "2026-01-05 10:00:00", "idaction_sku": 4, "deleted": 0}
    tables.table("log_link_visit_action", [search(1)])
    tables.table("log_conversion_item", [{**item, "idorder": "A1"}])
    for is_known in (is_known_first, not is_known_first):
        tables.table("log_visit", [VISIT if is_known else {**VISIT, "user_id": None}])
        log.load()
    assert [row[0] for row in [*log.searches(), *log.actions()]] == ["ann", "ann"]


def test_ids_of_visitors_are_the_same_however_they_are_written(log: LogSandbox, tables: Tables) -> None:
    visit = {**VISIT, "user_id": None, "idvisitor": bytes.fromhex(VISITOR)}
    (log.folder / "log_visit.csv").unlink()
    pl.DataFrame([visit]).write_parquet(log.folder / "log_visit.parquet")
    tables.table("log_link_visit_action", [search(1, idvisitor=None), search(2, idvisitor=f"0x{VISITOR}")])
    log.load()
    assert [row[0] for row in log.searches()] == [VISITOR.lower()] * 2


@given(st.binary(min_size=8, max_size=8))
def test_eight_bytes_are_the_same_digits_in_every_form(content: bytes) -> None:
    digits = content.hex()
    for form in (digits, digits.upper(), f"0x{digits}", base64.b64encode(content).decode()):
        assert hexadecimal(form) == digits
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    assert hexadecimal(text) == digits


@pytest.mark.parametrize("null", ["\\N", "NULL", ""])
def test_missing_values_may_be_written_as_mysql_does(log: LogSandbox, tables: Tables, null: str) -> None:
    frame = pl.DataFrame([search()], infer_schema_length=None)
    log.write("log_link_visit_action.tsv", frame.write_csv(null_value=null, separator="\t"))
    log.load()
    assert log.searches() == [("ann", "garden shed", TEN)]


def test_numbers_may_be_written_with_a_fraction(log: LogSandbox, tables: Tables) -> None:
    """A data frame with missing numbers has all of its numbers as floating-point numbers."""
    tables.table("log_link_visit_action", [link(1, idaction_name="1.0", idvisit="1.0")])
    log.load()
    assert len(log.searches()) == 1


@pytest.mark.parametrize(
    "text",
    ["cheap https://spam.example", "www.spam.example pills", "spam.ru/buy", '<a href="x">', "[url=x]y[/url]"],
)
def test_a_search_with_a_link_is_spam(log: LogSandbox, tables: Tables, text: str) -> None:
    tables.names({**NAMES, 20: (8, text), 21: (8, "node.js and/or 1.5 mm")})
    tables.table("log_link_visit_action", [search(1, 20), search(2, 21)])
    report = log.load()
    assert report.noise == {"spam": 1}
    assert log.rows("query", "search_events WHERE noise IS NULL") == [("node.js and/or 1.5 mm",)]


def test_misread_text_is_repaired_and_other_damage_is_kept(log: LogSandbox, tables: Tables) -> None:
    misread = "Кухня И Рим".encode().replace(b"\x98", b"?").decode("cp1251").replace("?", "\x98")
    assert misread != "Кухня И Рим"
    tables.names({20: (8, misread), 21: (8, "торт \ufffd\ufffd"), 22: (8, "РС")})
    tables.table("log_link_visit_action", [search(n, n) for n in (20, 21, 22)])
    log.load()
    assert {row[1] for row in log.searches()} == {"Кухня И Рим", "торт \ufffd\ufffd", "РС"}


RUSSIAN = st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯ ", min_size=2)


@given(RUSSIAN)
def test_text_that_was_never_misread_stays(text: str) -> None:
    assert repaired(text) == text


@given(RUSSIAN.filter(lambda text: sum(not one.isascii() for one in text) > 1))
def test_misread_text_is_what_it_was(text: str) -> None:
    misread = "".join("\x98" if byte == 0x98 else bytes([byte]).decode("cp1251") for byte in text.encode())
    assert repaired(misread) == text
    assert repaired(repaired(misread)) == text


def test_decisions_of_the_deployment(log: LogSandbox, tables: Tables) -> None:
    rows = [
        link(1, **PAGE),
        link(2, idaction_url=2, idaction_event_action=9, idaction_name=10),
        search(3),
    ]
    tables.table("log_link_visit_action", rows)
    actions = {"page view": "look", "Add to wishlist": "keep"}
    log.load(options=FormatOptions(actions=actions, time_zone="Europe/Berlin"))
    assert [row[1:] for row in log.actions()] == [
        ("p9", "save", datetime(2026, 1, 5, 9)),
        ("shop.example/lamp", "closeup", datetime(2026, 1, 5, 9)),
    ]
    assert log.rows("pin_id, title", "pins") == [("shop.example/lamp", "A lamp to read by")]
