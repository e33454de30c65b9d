"""The fingerprint by which the verdicts on a user's journeys are carried from day to day."""

from datetime import date

import duckdb
import polars as pl
import pytest

from journeys_assets.storage.queries.safety import named_states

DAY = date(2026, 3, 2)
JOURNEYS = [("1", "Oak tables", ["oak"]), ("2", "Tents", ["tent"])]


def fingerprint(journeys: list[tuple[str, str, list[str]]]) -> int:
    """That of a user with these journeys: id, name, keywords."""
    rows = pl.DataFrame(journeys, schema=["journey_id", "journey_name", "keywords"], orient="row")
    with duckdb.connect() as con:
        con.register("rows", rows.with_columns(user_id=pl.lit("a"), partition_date=pl.lit(DAY)).to_arrow())
        con.execute("CREATE TABLE main.journey_names AS FROM rows")
        return int(named_states(con, DAY)["fingerprint"].item())


@pytest.mark.parametrize(
    "changed",
    [
        [("1", "Oak tables", ["tent"]), ("2", "Tents", ["oak"])],
        [("1", "Tents", ["oak"]), ("2", "Oak tables", ["tent"])],
        [("1", "Oak tables", ["oak"])],
    ],
)
def test_another_name_or_another_keyword_changes_it(changed: list[tuple[str, str, list[str]]]) -> None:
    assert fingerprint(JOURNEYS) == fingerprint(JOURNEYS[::-1])
    assert fingerprint(JOURNEYS) != fingerprint(changed)
