"""Merge, split and rename hold from their day on in every run, incremental or full, and an undo leaves no trace."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.operations import calibrate
from journeys_assets.operations.calibrate import proposal
from journeys_assets.storage.queries.labels import naming_rows
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
SAID_ON = FIRST + timedelta(days=1)
LAST = FIRST + timedelta(days=3)
THEMES = ("wedding dress", "camping tent", "oak table", "puppy collar")
FORMS = ("{a} {b}", "{a} {b}s", "{b} {a}", "{a}s {b}", "{a} {a} {b}", "{b} {b} {a}", "{a}s {b}s")
STATES = ("journey_clusters", "user_journeys")
Row = dict[str, Any]


def at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)


def searches(user: str, day: date, themes: tuple[str, ...]) -> pl.DataFrame:
    """Those of the wedding come first; of the tent there are more."""
    words = [theme.split() for theme in themes]
    queries = [form.format(a=a, b=b) for a, b in words for form in FORMS[: 7 if b == "tent" else 6]]
    times = [at(day, 9) + timedelta(minutes=n) for n in range(len(queries))]
    return pl.DataFrame({"user_id": user, "query": queries, "searched_at": times})


def journeys(sandbox: Sandbox, day: date, user: str = "ann") -> dict[str, Row]:
    """Rows of user_journeys by journey_id."""
    rows = sandbox.table("user_journeys").filter(partition_date=day, user_id=user)
    return {row["journey_id"]: row for row in rows.iter_rows(named=True)}


def of(found: dict[str, Row], keyword: str) -> Row:
    """The journey with a keyword."""
    (row,) = [row for row in found.values() if keyword in row["keywords"]]
    return row


def say(sandbox: Sandbox, name: str, *rows: Row) -> None:
    sandbox.land({"journey_feedback": pl.DataFrame([{"user_id": "ann", **row} for row in rows])}, name=name)


def copied(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, name: str) -> Sandbox:
    home = tmp_path_factory.mktemp(name) / "home"
    shutil.copytree(sandbox.home, home)
    return Sandbox(home)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Two users, of whom none said anything; ann searches on the first day alone, bob on each."""
    sandbox = Sandbox(tmp_path_factory.mktemp("silent") / "home")
    days = [FIRST + timedelta(days=n) for n in range(4)]
    log = [searches("ann", FIRST, THEMES), *(searches("bob", day, THEMES[:2]) for day in days)]
    sandbox.land({"search_events": pl.concat(log)})
    sandbox.run(FIRST, LAST)
    assert len(journeys(sandbox, LAST)) == len(THEMES)
    return sandbox


def edits(silent: Sandbox) -> dict[str, Row]:
    before = journeys(silent, FIRST)
    dress, tent, table, collar = (of(before, theme) for theme in THEMES)
    halves = sorted(table["keywords"])[:3], sorted(table["keywords"])[3:]
    said = {
        "merge": {"journey_id": tent["journey_id"], "keywords": tent["keywords"], "other_keywords": dress["keywords"]},
        "split": {"journey_id": table["journey_id"], "keywords": halves[0], "other_keywords": halves[1]},
        "rename": {"journey_id": collar["journey_id"], "keywords": collar["keywords"], "new_name": "Our new dog"},
    }
    return {
        verdict: {"verdict": verdict, "edit_id": f"of-{verdict}", "given_at": at(SAID_ON, 20), **row}
        for verdict, row in said.items()
    }


@pytest.fixture(scope="module")
def edited(silent: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Ann's edits, which came late, and all days that are stale for it."""
    sandbox = copied(silent, tmp_path_factory, "edited")
    say(sandbox, "edits", *edits(silent).values())
    assert sandbox.days_to_run(None, LAST) == (SAID_ON, LAST)
    sandbox.run(SAID_ON, LAST)
    return sandbox


@pytest.mark.parametrize("day", [SAID_ON, LAST])
def test_each_edit_holds_from_its_day_on(silent: Sandbox, edited: Sandbox, day: date) -> None:
    # Seen to fail with themes as they were: the id of the larger journey would live on.
    before, after = journeys(silent, day), journeys(edited, day)
    merged = of(after, "wedding dress")
    assert merged is of(after, "camping tent")
    # That of the tent has more keywords; that of the wedding is older.
    assert merged["journey_id"] == of(before, "wedding dress")["journey_id"]
    whole, (one, other) = (
        of(before, "oak table"),
        (edits(silent)["split"][side] for side in ("keywords", "other_keywords")),
    )
    halves = [of(after, side[0]) for side in (one, other)]
    assert [set(half["keywords"]) for half in halves] == [set(one), set(other)]
    assert whole["journey_id"] in {half["journey_id"] for half in halves}
    assert (of(after, "puppy collar")["journey_name"], of(after, "puppy collar")["named_by"]) == ("Our new dog", "user")
    assert len(after) == len(before)


def test_days_before_and_other_users_are_as_they_were(silent: Sandbox, edited: Sandbox) -> None:
    for name in STATES:
        before, after = silent.table(name), edited.table(name)
        early = pl.col("partition_date") < SAID_ON
        assert_frame_equal(after.filter(early), before.filter(early), check_exact=True)
        bob = pl.col("user_id") == "bob"
        assert_frame_equal(after.filter(bob), before.filter(bob), check_exact=True)


def test_day_by_day_is_as_a_full_inference(edited: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Seen to fail with edits of later days, and where an edit does not make its user one to be clustered.
    again = copied(edited, tmp_path_factory, "full")
    again.run(FIRST, LAST, full=True)
    assert_frame_equal(again.table("user_journeys"), edited.table("user_journeys"), check_exact=True)


def test_an_undo_leaves_no_trace(silent: Sandbox, edited: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    undone = copied(edited, tmp_path_factory, "undone")
    undos = [{**row, "verdict": "undo", "given_at": at(LAST, 10)} for row in edits(silent).values()]
    say(
        undone,
        "undo",
        *({name: row[name] for name in ("journey_id", "verdict", "edit_id", "given_at")} for row in undos),
    )
    assert undone.days_to_run(None, LAST) == (LAST, LAST)
    undone.run(LAST, LAST)
    of_last = pl.col("partition_date") == LAST
    both = [sandbox.table("user_journeys").filter(of_last) for sandbox in (undone, silent)]
    assert_frame_equal(*both, check_exact=True)
    now = undone.table("journey_clusters").filter(of_last, user_id="ann")
    first = silent.table("journey_clusters").filter(user_id="ann", partition_date=FIRST)
    assert_frame_equal(now.drop("partition_date"), first.drop("partition_date"), check_exact=True)


def test_edits_are_labels_of_the_cut_and_of_names_until_they_are_undone(
    edited: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seen to fail with renames left out, and with few edits in place of the log.
    params, warehouse = edited.settings.algorithm, edited.deployment.warehouse
    model = edited.deployment.embedder().model_version
    alone = proposal(warehouse, params.clustering, model, tmp_path, LAST)
    assert (alone.threshold.n_pairs, alone.threshold.n_from_edits) == (0, 0), "they are too few"
    monkeypatch.setattr(calibrate, "FEWEST_PAIRS", 2)
    monkeypatch.setattr(calibrate, "FEWEST_ASKED_USERS", 1)
    found = proposal(warehouse, params.clustering, model, tmp_path, LAST).threshold
    assert sorted(found.same) == [False, True]
    assert found.source.startswith("2 judged pairs (2 of them merges and splits by users)")
    assert proposal(warehouse, params.clustering, model, tmp_path, FIRST).threshold.n_pairs == 0
    warehouse.ensure(ANNOTATION_ITEMS)
    with warehouse.reading() as con:
        rows = naming_rows(con, LAST, params)
        assert naming_rows(con, FIRST, params).is_empty()
    assert rows["journey_id"].unique().to_list() == [of(journeys(edited, LAST), "puppy collar")["journey_id"]]
    assert rows["blind_grade"].null_count() == rows.height, "the user saw a name"
