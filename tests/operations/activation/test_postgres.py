"""The table in PostgreSQL: a row for each message, once, in a real server."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from journeys_assets.domain.activation.messages import Message, key_of
from journeys_assets.operations.activation.base import ActivationError
from journeys_assets.operations.activation.stores import PostgresTable
from tests.support.postgres_server import PASSWORD, running_postgres


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    before = os.environ.get("PGPASSWORD")
    with running_postgres("CREATE SCHEMA marketing;") as address:
        os.environ["PGPASSWORD"] = PASSWORD
        yield address
    os.environ.pop("PGPASSWORD")
    if before is not None:
        os.environ["PGPASSWORD"] = before


def traits(user: str) -> Message:
    return Message(key_of(user), "traits", user, {"journeys": [], "audiences": {"kitchen": True}})


def test_a_message_is_one_row_however_often_it_is_handed_over(address: str) -> None:
    table = PostgresTable(f"{address}?table=marketing.messages")
    assert table.hand_over([traits("ann")]) == {key_of("ann"): None}
    table.hand_over([traits("ann"), traits("zoë")])
    with psycopg.connect(address) as con:
        rows = con.execute("SELECT user_id, content -> 'audiences' ->> 'kitchen' FROM marketing.messages ORDER BY 1")
        assert rows.fetchall() == [("ann", "true"), ("zoë", "true")]
    assert PASSWORD not in table.name


def test_a_table_that_cannot_be_written_is_an_error_that_names_it(address: str) -> None:
    with pytest.raises(ActivationError, match=r"(?s)nowhere.messages.*may write; call again"):
        PostgresTable(f"{address}?table=nowhere.messages").hand_over([traits("ann")])
    with pytest.raises(ActivationError, match="is no name of a table"):
        PostgresTable(f"{address}?table=a;b").hand_over([traits("ann")])
