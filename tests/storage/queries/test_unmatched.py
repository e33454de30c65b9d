"""Unmatched keys of a real warehouse: at ingest, in doctor, as a monitor."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.quality.unmatched import Cause, Unmatched
from journeys_assets.storage.queries.unmatched import unmatched_engagements, unmatched_keys
from tests.sandbox import Sandbox
from tests.support.command_line import runner

NewSandbox = Callable[[str], Sandbox]
DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 12)
PINS = pl.DataFrame({"pin_id": ["101", "102", "103"], "annotations": [["oak table"], ["tent"], []]})
ITEMS = "pin_engagements.pin_id"
TEXTLESS = "pin_engagements.pin_id with a row in pins"


def engaged(*pins: str, user: str = "ann", at: datetime = AT) -> pl.DataFrame:
    times = [at + timedelta(minutes=n) for n in range(len(pins))]
    return pl.DataFrame({"user_id": user, "pin_id": pins, "action": "save", "engaged_at": times})


def searched(*users: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": users, "query": "oak bench", "searched_at": AT})


def found(sandbox: Sandbox) -> dict[str, Unmatched]:
    with sandbox.deployment.warehouse.reading() as con:
        return {one.reference: one for one in unmatched_keys(con)}


def test_items_that_are_written_differently_are_counted_with_cause_and_examples(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    board = {"user_id": "ann", "board_id": "b", "board_name": "garden", "pin_id": ["101.0"], "saved_at": [AT]}
    sandbox.land(
        {"pins": PINS, "pin_engagements": engaged("101.0", "102.0", "101.0", "101"), "board_pins": pl.DataFrame(board)}
    )
    items = found(sandbox)[ITEMS]
    assert (items.n_rows, items.n_keys, items.n_unmatched_rows, items.n_unmatched_keys) == (4, 3, 3, 2)
    assert items.examples == (("101.0", 2), ("102.0", 1))
    assert items.cause == Cause("without a trailing .0", 2, 2)
    assert found(sandbox)["board_pins.pin_id"].cause == Cause("without a trailing .0", 1, 1)
    sandbox.pipeline.prepare()
    (finding,) = [f for f in sandbox.findings() if f.subject == f"unmatched {ITEMS}"]
    assert not finding.ok
    assert "3 of 4 rows (75.0%)" in finding.text
    assert "Correct the files" in finding.text


def test_what_matches_is_no_finding(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    sandbox.land({"pins": PINS, "pin_engagements": engaged("101", "102")})
    assert [one for one in found(sandbox).values() if one.n_unmatched_keys] == []
    sandbox.pipeline.prepare()
    assert [f for f in sandbox.findings() if f.subject.startswith("unmatched")] == []


def test_items_without_text_are_counted_until_a_version_has_some(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    sandbox.land({"pins": PINS, "pin_engagements": engaged("103", "101", "9")})
    textless = found(sandbox)[TEXTLESS]
    assert (textless.n_rows, textless.n_unmatched_rows, textless.examples) == (2, 1, (("103", 1),))
    sandbox.land({"pins": pl.DataFrame({"pin_id": ["103"], "interests": [["camping"]]})}, name="more")
    assert found(sandbox)[TEXTLESS].n_unmatched_rows == 0


@pytest.mark.parametrize(("known", "wrong"), [(["ann", "x", "y"], False), (["x", "y", "z"], True)])
def test_users_and_events_without_anything_in_common_are_a_mistake(
    known: list[str], wrong: bool, new_sandbox: NewSandbox
) -> None:
    sandbox = new_sandbox("home")
    sandbox.land({"search_events": searched("ann", "bob", "cid"), "users": pl.DataFrame({"user_id": known})})
    for name in ("user_id of events", "users.user_id"):
        one = found(sandbox)[name]
        assert one.n_unmatched_keys == (3 if wrong else 2)
        assert one.is_mistake(QualityParams()) == wrong
    assert "notification_events.user_id" not in found(sandbox)


def test_without_users_no_event_is_unmatched(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    sandbox.land({"search_events": searched("ann")})
    assert found(sandbox) == {}


def test_journeys_are_compared_with_those_of_the_user_once_there_are_any(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    queries = ["oak table", "oak tables", "oak table round", "oak table small"]
    rows = [pl.DataFrame({"user_id": user, "query": queries, "searched_at": AT}) for user in ("ann", "bob")]
    sandbox.land({"search_events": pl.concat(rows)})
    feedback = pl.DataFrame({"user_id": ["ann"], "journey_id": ["nope"], "verdict": ["mute"], "given_at": [AT]})
    sandbox.land({"journey_feedback": feedback}, name="early")
    assert "journey_feedback.journey_id" not in found(sandbox)
    sandbox.run(DAY, DAY)
    mine, others = sandbox.table("user_journeys").sort("user_id")["journey_id"]
    assert mine != others
    sandbox.land({"journey_feedback": feedback.with_columns(journey_id=pl.lit(mine))}, name="mine")
    assert found(sandbox)["journey_feedback.journey_id"].n_unmatched_rows == 1
    sandbox.land({"journey_feedback": feedback.with_columns(journey_id=pl.lit(others))}, name="others")
    one = found(sandbox)["journey_feedback.journey_id"]
    assert (one.n_rows, one.n_unmatched_rows) == (3, 2)
    assert one.cause == Cause("as journeys of another user", 1, 2)


def test_the_monitor_looks_at_the_trailing_days_and_fires(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    late = engaged("101.0", "102.0", at=AT + timedelta(days=40))
    sandbox.land({"pins": PINS, "search_events": searched("ann"), "pin_engagements": engaged(*["101"] * 20)})
    sandbox.land({"pin_engagements": late}, name="late")
    with sandbox.deployment.warehouse.reading() as con:
        assert unmatched_engagements(con, DAY, 28).share == 0
        assert unmatched_engagements(con, DAY + timedelta(days=40), 28).share == 1
        assert unmatched_engagements(con, DAY + timedelta(days=40), 41).n_rows == 22
    summary = sandbox.run(DAY + timedelta(days=40), DAY + timedelta(days=40))
    assert any("share_of_unmatched_engagements = 1, expected <= 0.2" in warning for warning in summary.warnings)
    stored = sandbox.table("quality_metrics").filter(pl.col("monitor") == "share_of_unmatched_engagements")
    assert stored["value"].to_list() == [1.0]


def test_the_command_line_says_it_at_the_end_of_an_ingest(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    folder = sandbox.home.parent / "logs"
    folder.mkdir()
    PINS.select("pin_id", annotations=pl.lit("[oak] table")).write_csv(folder / "pins.csv")
    engaged("[b]101.0").with_columns(pl.col("engaged_at").dt.to_string("iso")).write_csv(folder / "pin_engagements.csv")
    said = " ".join(runner(sandbox.home)("ingest", folder).output.split())
    assert "warning pin_engagements.pin_id: 1 of 1 rows (100.0%), 1 of 1 keys match no pins.pin_id" in said
    assert "'[b]101.0' (1)" in said
