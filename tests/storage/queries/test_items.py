"""Data for items: the catalogue as of a day is that of the staging view, and engagements are counted as by hand."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.queries import items as queries
from tests.sandbox import Sandbox

DAY = date(2026, 3, 10)
PIN = pl.Schema(
    {
        "pin_id": pl.String,
        "title": pl.String,
        "annotations": pl.List(pl.String),
        "interests": pl.List(pl.String),
        "updated_at": pl.Datetime("us"),
    }
)


def at(days: float) -> datetime:
    return datetime.combine(DAY, datetime.min.time()) + timedelta(days=days)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Items in many versions, with and without a time, of several ingest calls; and one user's engagements."""
    sandbox = Sandbox(tmp_path_factory.mktemp("items"))
    rng = np.random.default_rng(4)
    for call in range(3):
        rows = []
        for n in range(60):
            words = [f"word {rng.integers(9)}" for _ in range(rng.integers(0, 4))]
            interests = [f"interest {rng.integers(4)}"] if rng.random() < 0.5 else None
            updated = None if rng.random() < 0.3 else at(float(rng.choice([-3, -2.5, -2, -1, -0.5, 0, 0.5, 1, 2])))
            rows.append((f"p{rng.integers(25)}", f"title {n}", words, interests, updated))
        sandbox.land({"pins": pl.DataFrame(rows, schema=PIN, orient="row")}, name=f"pins{call}")
    engaged = [
        *[("ann", "p1", "closeup", at(-100)), ("ann", "p1", "save", at(-100)), ("ann", "p2", "closeup", at(-1))],
        *[("ann", "p2", "closeup", at(-2)), ("ann", "p3", "closeup", at(1)), ("ben", "p1", "clickthrough", at(0.5))],
    ]
    saved = [("ann", "b", "Board", "p2", at(-1)), ("ben", "b", "Board", "p4", at(-3))]
    sandbox.land(
        {
            "pin_engagements": pl.DataFrame(
                engaged, schema=["user_id", "pin_id", "action", "engaged_at"], orient="row"
            ),
            "board_pins": pl.DataFrame(
                saved, schema=["user_id", "board_id", "board_name", "pin_id", "saved_at"], orient="row"
            ),
        }
    )
    sandbox.pipeline.prepare()
    sandbox.run(DAY, DAY)
    return sandbox


@pytest.mark.parametrize("days", [-4, -3, -2, -1, 0, 1, 2])
def test_the_catalogue_is_that_of_the_staging_view(sandbox: Sandbox, days: int) -> None:
    on = DAY + timedelta(days=days)
    with sandbox.deployment.warehouse.reading() as con:
        found = queries.catalogue_rows(con, on)
        expected = con.execute(
            """
            SELECT pin_id AS item_id, list_sort(list_distinct(list_concat(annotation_keywords, interest_keywords)))
                   AS keywords,
                   CASE WHEN len(annotation_keywords) > 0 THEN annotation_keywords ELSE interest_keywords END
                   AS text_keywords
            FROM main.stg_pins WHERE known_from <= $on AND valid_to > $on ORDER BY pin_id
            """,
            {"on": on},
        ).pl()
    assert expected.height > 10
    assert_frame_equal(found, expected)


def engaged(sandbox: Sandbox, *ends: tuple[str, date]) -> list[tuple[object, ...]]:
    states = pl.DataFrame(ends, schema=["user_id", "window_end_date"], orient="row")
    with sandbox.deployment.warehouse.reading() as con:
        found = queries.engaged_items(
            con,
            sandbox.deployment.sql_models,
            states.with_columns(partition_date=DAY),
            90,
            DEFAULT_ACTIONS,
            board=2.0,
        )
    return found.rows()


def test_engagements_are_weighed_up_to_the_last_active_day(sandbox: Sandbox) -> None:
    assert engaged(sandbox, ("ann", DAY), ("ben", DAY - timedelta(days=1))) == [
        ("ann", "p1", 0.3, 100, True),
        ("ann", "p2", 2 * 0.3 + 2.0, 1, True),
        ("ben", "p4", 2.0, 2, True),
    ]


def test_a_landed_version_of_an_item_changes_the_mark_of_its_days(sandbox: Sandbox) -> None:
    def marks() -> list[tuple[int, int]]:
        with sandbox.deployment.warehouse.reading() as con:
            return [queries.catalogue_mark(con, DAY + timedelta(days=n)) for n in (0, 5)]

    before = marks()
    rows = [("p99", "new", ["word 1"], None, at(3))]
    sandbox.land({"pins": pl.DataFrame(rows, schema=PIN, orient="row")}, name="late")
    assert marks()[0] == before[0]
    assert marks()[1] != before[1]


def test_engagements_under_a_linked_id_are_the_users_while_it_is_linked(sandbox: Sandbox) -> None:
    sandbox.land(
        {
            "identities": pl.DataFrame(
                {"user_id": ["bob", "eve"], "other_id": ["device", "device"], "linked_at": [at(-8), at(-5)]}
            ),
            "pin_engagements": pl.DataFrame(
                [("device", "p5", "save", at(-1)), ("device", "p6", "save", at(-9)), ("eve", "p7", "save", at(-2))],
                schema=["user_id", "pin_id", "action", "engaged_at"],
                orient="row",
            ),
        },
        name="linked",
    )
    # What it did before is nobody's, as two people used it.
    assert [row[:2] for row in engaged(sandbox, ("eve", DAY))] == [("eve", "p5"), ("eve", "p7")]
    assert engaged(sandbox, ("bob", DAY)) == []
    assert engaged(sandbox, ("ann", DAY)) == [
        ("ann", "p1", 0.3, 100, True),
        ("ann", "p2", 2 * 0.3 + 2.0, 1, True),
    ]
