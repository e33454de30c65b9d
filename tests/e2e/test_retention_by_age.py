"""A limited past: older events and their files go, consent stays, and the days that are kept do not change."""

import os
from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.explorer.feedback import FeedbackFolder, Said
from journeys_assets.operations.retention import RetentionError, forget_old
from tests.sandbox import Sandbox

LAST = date(2026, 3, 2)
OLD = datetime(2025, 3, 2, 9)
NEW = datetime(2026, 3, 1, 9)
WORDS = ("garden bed", "garden path", "garden fence", "garden gate")


MODEL = "hashing-256"

PAST = ("motor oil", "motor bike", "motor helmet", "motor gloves")
"""Of another theme: ids of journeys follow the whole past of a theme."""


def searches(first: datetime, words: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": "u1",
            "query": words,
            "searched_at": [first + timedelta(minutes=n) for n in range(len(words))],
        }
    )


def test_the_past_goes_and_what_is_kept_stays(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("home")
    unsubscribed = pl.DataFrame(
        {
            "notification_id": ["n1", "n2"],
            "user_id": "u1",
            "channel": "push",
            "arm": "journey",
            "sent_at": OLD,
            "unsubscribed_at": [OLD + timedelta(hours=1), None],
        }
    )
    sandbox.land({"search_events": searches(OLD, PAST), "notification_events": unsubscribed}, name="old")
    sandbox.land({"search_events": searches(NEW, WORDS)}, name="new")
    landing = sandbox.settings.landing_path
    folder = FeedbackFolder(landing)
    folder.add(Said("u1", "j", "mute", OLD))
    said = ((OLD, PAST), (NEW, WORDS))
    edits = [folder.add(Said("u1", "j", "rename", at, f"e{at}", words, None, "Motors")) for at, words in said]
    sandbox.load(landing / "journey_feedback")
    os.utime(edits[0], (OLD.timestamp(), OLD.timestamp()))
    for file in (landing / "old").rglob("*.parquet"):
        os.utime(file, (OLD.timestamp(), OLD.timestamp()))
    sandbox.run(LAST, LAST)
    before = sandbox.table("user_journeys")
    assert before.height
    warehouse = sandbox.deployment.warehouse

    found = forget_old(sandbox.settings, warehouse, sandbox.pipeline.tables, 200, MODEL)

    assert found.before == LAST - timedelta(days=199)
    old = str(edits[0].relative_to(landing))
    assert found.files == [old, "old/notification_events/old.parquet", "old/search_events/old.parquet"]
    # Verdicts stay, however old; seen to fail with edits that stay.
    kept = warehouse.query("SELECT verdict, given_at FROM landing.journey_feedback ORDER BY given_at").rows()
    assert kept == [("mute", OLD), ("rename", NEW)]
    assert not (landing / "old" / "search_events" / "old.parquet").exists()
    assert warehouse.query("SELECT query FROM landing.search_events ORDER BY query")["query"].to_list() == sorted(WORDS)
    assert warehouse.query("SELECT notification_id FROM landing.notification_events")["notification_id"].to_list() == [
        "n1"
    ]
    assert not warehouse.query("FROM keyword_embeddings WHERE keyword LIKE 'motor%'").height
    sandbox.run(LAST, LAST)
    assert_frame_equal(sandbox.table("user_journeys"), before)


def test_the_horizon_is_kept(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("home")
    with pytest.raises(RetentionError, match="inference reads 181 days"):
        forget_old(sandbox.settings, sandbox.deployment.warehouse, (), 180, MODEL)


def test_a_journey_that_began_before_keeps_its_id(new_sandbox: Callable[[str], Sandbox]) -> None:
    """A gardener of two years: the keyword that gave the id is deleted, and the id stays."""
    sandbox = new_sandbox("home")
    sandbox.land({"search_events": searches(OLD, ("garden tools", "garden shed"))}, name="old")
    sandbox.land({"search_events": searches(NEW, WORDS)}, name="new")
    sandbox.run(LAST, LAST)
    before = sandbox.table("user_journeys")
    warehouse = sandbox.deployment.warehouse
    forget_old(sandbox.settings, warehouse, sandbox.pipeline.tables, 200, MODEL)
    kept = warehouse.query("FROM landing.kept_journey_ids")
    assert kept["journey_id"].to_list() == before["journey_id"].to_list()
    assert set(kept["keyword"]) <= set(WORDS)
    again = LAST + timedelta(days=1)
    sandbox.land({"search_events": searches(NEW + timedelta(days=2), (*WORDS, "garden hose"))}, name="next")
    sandbox.run(again, again)
    later = sandbox.table("user_journeys").filter(pl.col("partition_date") == again)
    assert later["journey_id"].to_list() == before["journey_id"].to_list()
