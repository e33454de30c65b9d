"""Names that users give: which journey each is of, which may be used, and no other journey is called the same."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from journeys_assets.domain.clustering.edits import EDITS_SCHEMA
from journeys_assets.domain.naming.given import judged_given_names, keys_of_given, renamed_journeys
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams

AT = datetime(2026, 3, 2, 9)
JOURNEYS = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "ann", "bob"],
        "journey_id": ["j1", "j2", "j3", "j1"],
        "keywords": [["oak table", "oak chair"], ["wedding dress"], ["puppy", "dog food"], ["oak table"]],
    }
)
NOBODY = pl.DataFrame(schema={"user_id": pl.String, "journey_id": pl.String})
Row = tuple[str, str, str, list[str], int]


def renames(*rows: Row) -> pl.DataFrame:
    given = [
        (user, AT + timedelta(hours=hour), "rename", journey, f"e{n}", keywords, None, name)
        for n, (user, journey, name, keywords, hour) in enumerate(rows)
    ]
    return pl.DataFrame(given, schema=EDITS_SCHEMA, orient="row")


def names(*rows: Row) -> dict[tuple[str, str], str]:
    found = renamed_journeys(renames(*rows), JOURNEYS)
    return {(user, journey): name for user, journey, name in found.select("user_id", "journey_id", "given_name").rows()}


def test_a_rename_is_of_the_journey_with_its_id_else_of_that_with_most_of_its_keywords() -> None:
    # Seen to fail by keywords alone, and by id alone.
    assert names(("ann", "j2", "Our day", ["oak table"], 0)) == {("ann", "j2"): "Our day"}
    assert names(("ann", "gone", "The dog", ["puppy", "dog food", "leash"], 0)) == {("ann", "j3"): "The dog"}
    assert names(("ann", "gone", "The dog", ["leash"], 0)) == {}
    assert names(("bob", "gone", "The dog", ["puppy"], 0)) == {}
    spread = ["puppy", "oak table", "wedding dress"]
    assert names(("ann", "gone", "All", spread, 0)) == {}


def test_the_latest_rename_counts_whatever_the_order_of_rows() -> None:
    # Seen to fail with the first row.
    rows: list[Row] = [("ann", "j1", "Later", ["oak table"], 5), ("ann", "gone", "Sooner", ["oak chair"], 1)]
    assert names(*rows) == names(*rows[::-1]) == {("ann", "j1"): "Later"}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("Our  dining room", "accepted"), ("call 020 7946 0958", "personal"), ("me@example.org", "personal")]
    + [(text, "unshowable") for text in ("x", "12 34", "word " * 9, "unnamed journey")],
)
def test_a_name_that_cannot_be_shown_or_is_personal_is_ignored(name: str, verdict: str) -> None:
    # Seen to fail without each check.
    given = renamed_journeys(renames(("ann", "j1", name, ["oak table"], 0)), JOURNEYS)
    assert judged_given_names(given, NOBODY)["verdict"].to_list() == [verdict]
    if verdict == "accepted":
        assert judged_given_names(given, given)["verdict"].to_list() == ["unsafe"]


def test_no_other_journey_of_the_user_is_called_the_same() -> None:
    # Seen to fail where the older of two equal names is used, and with automatic names that know of no given one.
    rows: list[Row] = [("ann", "j1", "Wedding Dress", ["x"], 0), ("ann", "j3", "wedding dress", ["x"], 1)]
    given = judged_given_names(renamed_journeys(renames(*rows), JOURNEYS), NOBODY)
    assert given["verdict"].to_list() == ["not_unique", "accepted"]
    keys = keys_of_given(given)
    clusters = JOURNEYS.with_columns(
        keyword_theme_centralities=pl.col("keywords").list.eval(pl.element().str.len_chars() / 20)
    )
    schema = {"user_id": pl.String, "keyword": pl.String, "display_form": pl.String, "n_queries": pl.Int64}
    facts = pl.DataFrame(schema={**schema, "first_engaged_at": pl.Datetime("us"), "commonness": pl.Float64})
    plain = name_journeys(clusters, facts, NamingParams())
    named = name_journeys(clusters, facts, NamingParams(), keys)
    of_j2 = pl.col("journey_id") == "j2"
    assert plain.filter(of_j2)["journey_name"].to_list() == ["wedding dress"]
    assert named.filter(of_j2)["journey_name"].to_list() != ["wedding dress"]
    assert plain.filter(~of_j2).equals(named.filter(~of_j2))
