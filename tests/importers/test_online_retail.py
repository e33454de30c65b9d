import random
import re
import tarfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

NOW = datetime(2026, 1, 1)
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
DATA = Path(__file__).parents[3] / "shared" / "data" / "online_retail_by_day_csv.tar.xz"

SALE = "536365,85123A,WHITE  HANGING HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"
LINES = [
    SALE,
    SALE,
    '536365,85123a,"A HEART, NEW",1,2010-12-01 08:26:00,2.55,17850,United Kingdom',
    "536366,71053,LANTERN,1,2010-12-02 09:00:00,3.39,12431.0,Unspecified",
    "536367,71053,LANTERN,1,2010-12-03 09:00:00,3.39,12431.0,Australia",
    "536367,71053,LANTERN,1,2010-12-03 09:00:00,3.39,12431.0,Belgium",
    "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom",
    "536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France",
    "536371,22000,damaged,-3,2010-12-01 08:45:00,0.0,,United Kingdom",
    "536372,22000,GIFT,3,2010-12-01 08:45:00,0.0,12583.0,France",
    "536373,22000,VASE,3,2010-12-01 08:45:00,1.0,,France",
    "536374,22000,VASE,three,2010-12-01 08:45:00,1.0,12583.0,France",
    "536375,22000,VASE,3,2010-13-01 08:45:00,1.0,12583.0,France",
    "536376,22000,VASE,3,9999-01-01 08:45:00,1.0,12583.0,France",
    "536377,22000,VASE,3,2010-12-01 08:45:00,1.0,Bob,France",
    ",22000,VASE,3,2010-12-01 08:45:00,1.0,12583.0,France",
    "536378,22000",
]


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(folder / "warehouse.duckdb")

    def ingest(self, lines: list[str], name: str = "day") -> IngestReport:
        path = self.folder / f"{name}.csv"
        path.write_text(HEADER + "\n".join(lines) + "\n")
        return self.load(path)

    def load(self, *paths: Path) -> IngestReport:
        return ingest(
            self.warehouse,
            list(paths),
            format="online-retail",
            now=NOW,
            actions=DEFAULT_ACTIONS,
            scratch_dir=self.folder / "scratch",
        )

    def rows(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(f"SELECT {columns} FROM landing.{table} ORDER BY ALL").rows()

    def state(self) -> list[list[tuple[Any, ...]]]:
        """The events, and the version of each item and user as of each day on which one begins."""
        as_of = """
            SELECT DISTINCT {key}, d.day, {value} FROM landing.{table}, (
              SELECT DISTINCT engaged_at::DATE AS day FROM landing.pin_engagements) AS d
            WHERE updated_at::DATE <= d.day
            QUALIFY row_number() OVER (PARTITION BY {key}, d.day ORDER BY updated_at DESC, ingest_seq DESC) = 1
            ORDER BY ALL
        """
        queries = [
            "SELECT * EXCLUDE (ingest_seq) FROM landing.pin_engagements ORDER BY ALL",
            "SELECT * EXCLUDE (ingest_seq) FROM landing.board_pins ORDER BY ALL",
            as_of.format(key="pin_id", value="title", table="pins"),
            as_of.format(key="user_id", value="country", table="users"),
        ]
        return [self.warehouse.query(query).rows() for query in queries]


def test_purchases_become_saves_pins_boards_and_users(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    report = shop.ingest(LINES)
    first, second, third = (datetime(2010, 12, d, *time) for d, time in ((1, (8, 26)), (2, (9, 0)), (3, (9, 0))))
    assert shop.rows("user_id, pin_id, action, engaged_at", "pin_engagements") == [
        ("12431", "71053", "save", second),
        ("12431", "71053", "save", third),
        ("17850", "85123A", "save", first),
    ]
    assert shop.rows("pin_id, title, annotations, annotation_keywords, interests", "pins") == [
        ("71053", "LANTERN", ["LANTERN"], ["lantern"], None),
        ("85123A", "WHITE HANGING HEART", ["WHITE HANGING HEART"], ["white hanging heart"], None),
    ]
    assert shop.rows("board_id, board_name, board_keyword, pin_id", "board_pins") == [
        ("536365", None, None, "85123A"),
        ("536366", None, None, "71053"),
        ("536367", None, None, "71053"),
    ]
    assert shop.rows("user_id, country, timezone, updated_at", "users") == [
        ("12431", "Australia", None, third),
        ("12431", None, None, second),
        ("17850", "United Kingdom", None, first),
    ]
    assert report.first_day == date(2010, 12, 1)


def test_every_row_is_accepted_duplicate_quarantined_or_skipped(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    report = shop.ingest(LINES)
    assert report.by_source()[1] == ("pin_engagements", 1, len(LINES), 3, 3, 6, 5, 0)
    assert report.skipped_by_reason == {
        "cancellation": 1,
        "no customer": 1,
        "no price (gift, sample or stock note)": 1,
        "not a product (postage, fee, manual entry)": 1,
        "stock correction (quantity not above 0)": 1,
    }
    assert shop.rows("line, reason[:26]", "quarantined_rows") == [
        (13, "Quantity is not a number: "),
        (14, "engaged_at is not a time s"),
        (15, "engaged_at is not between "),
        (16, "CustomerID is not a custom"),
        (17, "InvoiceNo is missing: ''"),
        (18, "has 2 fields where the hea"),
    ]
    for file in report.files:
        assert file.adds_up


@pytest.mark.parametrize("seed", range(4))
def test_the_result_does_not_depend_on_the_order_of_files_or_number_of_calls(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    whole, parts = Shop(tmp_path / "whole"), Shop(tmp_path / "parts")
    for shop in (whole, parts):
        shop.folder.mkdir()
    whole.ingest(LINES)
    shuffled = chance.sample(LINES, len(LINES))
    # Lines that contradict each other at one time are in one file: otherwise the file that is loaded later counts.
    days = [re.search(r"\d{4}-\d{2}-\d{2}", line) for line in shuffled]
    for day in chance.sample(list({found and found[0] for found in days}), len({found and found[0] for found in days})):
        lines = [line for line, found in zip(shuffled, days, strict=True) if (found and found[0]) == day]
        parts.ingest(lines, name=f"part-{day}")
    assert parts.state() == whole.state()


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.ingest(LINES)
    before = shop.state()
    report = shop.ingest(LINES, name="copy")
    assert sum(file.n_accepted for file in report.files) == 0
    assert shop.state() == before


def test_a_title_counts_from_its_invoice_on_in_whatever_order_the_files_come(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.ingest(["1,71053,LANTERN NEW,1,2010-12-03 09:00:00,3.39,1,France"], name="late")
    shop.ingest(["2,71053,LANTERN,1,2010-12-01 09:00:00,3.39,1,France"], name="early")
    assert [(day.day, title) for _, day, title in shop.state()[2]] == [(1, "LANTERN"), (3, "LANTERN NEW")]


def test_a_file_with_other_columns_raises_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("InvoiceNo,StockCode\n1,2\n")
    with pytest.raises(IngestError, match=r"other\.csv: column Description, Quantity"):
        Shop(tmp_path).load(path)


@pytest.mark.skipif(
    not DATA.exists(),
    reason=f"{DATA.name} is absent; it is needed to check that real days load in full, with every row counted",
)
def test_real_days_load_in_full(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    with tarfile.open(DATA, "r|xz") as archive:
        n_files = 0
        for member in archive:
            if member.isfile() and member.name.endswith(".csv"):
                archive.extract(member, folder, filter="data")
                n_files += 1
            if n_files == 10:
                break
    n_rows = sum(file.read_text().count("\n") - 1 for file in folder.rglob("*.csv"))
    shop = Shop(tmp_path)
    saves = shop.load(folder).by_source()[1]
    assert saves[:3] == ("pin_engagements", 10, n_rows)
    assert saves[5] == 0
    assert saves[3] > 10_000
    assert shop.rows("count(DISTINCT pin_id)", "pins") == shop.rows("count(DISTINCT pin_id)", "pin_engagements")
    assert not [
        title for (title,) in shop.rows("title", "pins") if "wrong" in title.lower() or "damage" in title.lower()
    ]
