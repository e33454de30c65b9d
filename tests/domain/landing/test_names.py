"""When a name of a column means a wanted one, and which names of files hold no data."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.landing.column_names import close_names, column_key, match_columns
from journeys_assets.domain.landing.file_names import passed_over_reason, why_passed_over
from journeys_assets.importers.online_retail import COLUMNS

DECORATIONS = st.sampled_from(["", " ", "\u00a0", "\ufeff", "\u200b", "\t", "\u00ad", "\u200e"])


@given(
    name=st.sampled_from(["push_opt_in", "user_id", "query"]),
    before=DECORATIONS,
    after=DECORATIONS,
    gap=st.sampled_from(["_", " ", "-", "  ", "\u00a0", "_\u200b"]),
    casing=st.sampled_from([str.lower, str.upper, str.title, str.swapcase]),
)
def test_spellings_of_one_name(name: str, before: str, after: str, gap: str, casing: object) -> None:
    written = before + casing(name.replace("_", gap)) + after  # type: ignore[operator]
    assert column_key(written) == name
    assert match_columns([name, "other"], ["x", written]).positions == {name: 1}


@given(st.text())
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert column_key(column_key(name)) == column_key(name)


def test_names_of_importers_in_camel_case() -> None:
    written = [
        "Invoice No",
        "STOCKCODE",
        "description",
        " Quantity",
        "invoice_date",
        "Unit-Price",
        "Customer ID",
        "Land",
    ]
    matched = match_columns(COLUMNS, written)
    assert matched.positions == {name: at for at, name in enumerate(COLUMNS[:-1])}
    assert matched.unknown == ("Land",)


def test_two_columns_of_one_name_are_a_clash_and_unknown_ones_are_none() -> None:
    matched = match_columns(["query"], ["Query", "x", "query ", "x", ""])
    assert matched.clashes == (("Query", "query "),)
    assert matched.unknown == ("x", "x", "column 5 (no name)")


def test_only_near_names_are_suggested() -> None:
    assert close_names(["push_optin", "colour", "Time-Zones"], ["push_opt_in", "timezone", "country"]) == {
        "push_optin": "push_opt_in",
        "Time-Zones": "timezone",
    }


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (".DS_Store", "begins with '.'"),
        ("pins/.part-0.crc", "begins with '.'"),
        (".git/config", "begins with '.'"),
        ("_SUCCESS", "begins with '_'"),
        ("pins/_committed_12", "begins with '_'"),
        ("pins/_delta_log/0.json", "begins with '_'"),
        ("__MACOSX/a.csv", "begins with '_'"),
        ("_dt=1.csv", "begins with '_'"),
        ("a.csv.tmp", "still being written"),
        ("a.csv.CRDOWNLOAD", "still being written"),
        ("a.csv", None),
        ("_dt=2026-01-01/part-0.csv", None),
        ("pins/_year=2026/_month=1/a.csv", None),
        ("a_b/c.d_e.csv", None),
        ("part-00000", None),
    ],
)
def test_names_that_hold_no_data(name: str, part: str | None) -> None:
    reason = why_passed_over(name)
    assert (reason is None) == (part is None)
    assert (part or "") in (reason or "")


@given(st.lists(st.text("._=/~ab", max_size=8)))
def test_the_rule_is_the_same_for_a_column_of_names(names: list[str]) -> None:
    found = pl.DataFrame({"name": names}, schema={"name": pl.String}).select(passed_over_reason(pl.col("name")))
    assert found.to_series().to_list() == [why_passed_over(name) for name in names]
