"""Journeys as the command line prints them."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
from rich.console import Console

from journeys_assets.cli.render.journeys import journey_records, show_user
from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action, with_actions

DAY = date(2026, 3, 31)
EVIDENCE = pl.DataFrame(
    schema={
        "keyword": pl.String,
        "source": pl.String,
        "action": pl.String,
        "item_id": pl.String,
        "engaged_at": pl.Datetime("us"),
        "event_date": pl.Date,
    }
)


RELATED = pl.DataFrame(
    {
        "rank": [1, 2],
        "related_name": ["honeymoon", "world cup"],
        "relation": ["next_step", "popular"],
        "from_journey_name": ["wedding", None],
        "made_by": ["cooccurrence", "popularity"],
    }
)


def journeys(*rows: tuple[str, int, str, str]) -> pl.DataFrame:
    """Rows of user_journeys: journey_id, rank, area_id, area_name."""
    frame = pl.DataFrame(rows, schema=["journey_id", "rank", "area_id", "area_name"], orient="row")
    return frame.with_columns(
        journey_name=pl.lit("name of ") + pl.col("journey_id"),
        named_by=pl.lit("parameters"),
        safety_category=pl.lit(None, dtype=pl.String),
        safety_decision=pl.lit("allow"),
        safety_decided_by=pl.lit("none"),
        kind=pl.lit("situational"),
        stage=pl.lit("ongoing"),
        confidence=0.5,
        scored_by=pl.lit("prior"),
        feedback=pl.lit(None, dtype=pl.String),
        keywords=pl.lit(["oak desk"]),
        first_engaged_at=pl.lit(datetime(2026, 3, 1)),
        last_engaged_at=pl.lit(datetime(2026, 3, 30)),
    )


def printed(frame: pl.DataFrame) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(
            show_user("ann", DAY, journey_records(frame, EVIDENCE, DAY, DEFAULT_ACTIONS), RELATED, DEFAULT_ACTIONS)
        )
    return [line.strip() for line in capture.get().splitlines()]


def test_a_journey_lists_the_others_of_its_area_best_first() -> None:
    frame = journeys(
        ("cake", 3, "a", "wedding"),
        ("dress", 1, "a", "wedding"),
        ("soil", 2, "b", "soil"),
        ("venue", 4, "a", "wedding"),
    )
    assert [line for line in printed(frame) if line.startswith("area")] == [
        "area      wedding, with 3 name of cake, 4 name of venue",
        "area      wedding, with 1 name of dress, 4 name of venue",
        "area      wedding, with 1 name of dress, 3 name of cake",
    ]
    records = journey_records(frame, EVIDENCE, DAY, DEFAULT_ACTIONS)
    assert [(r["journey_id"], r["area"]["area_id"], r["area"]["with"]) for r in records] == [
        ("dress", "a", ["cake", "venue"]),
        ("soil", "b", []),
        ("cake", "a", ["dress", "venue"]),
        ("venue", "a", ["dress", "cake"]),
    ]


def test_an_area_of_one_journey_is_not_printed() -> None:
    assert not [line for line in printed(journeys(("soil", 1, "b", "soil"))) if line.startswith("area")]


def test_evidence_counts_every_action_of_the_registry_strongest_first() -> None:
    actions = with_actions(DEFAULT_ACTIONS, [Action("add_to_cart", plural="cart_additions", strength="act")])
    done = ["closeup", "closeup", "add_to_cart", "search", "board_pin", "save", "add_to_cart"]
    rows = [
        ("oak desk", "annotation", action, f"p{n}", datetime(2026, 3, 30, n), date(2026, 3, 30))
        for n, action in enumerate(done)
    ]
    evidence = pl.DataFrame(rows, schema=EVIDENCE.schema, orient="row")
    records = journey_records(journeys(("desk", 1, "a", "desk")), evidence, DAY, actions)
    assert records[0]["evidence"]["actions"] == {
        "search": 1, "save": 1, "add_to_cart": 2, "closeup": 2, "board_pin": 1
    }  # fmt: skip
    console = Console(width=200)
    with console.capture() as capture:
        console.print(show_user("ann", DAY, records, RELATED.clear(), actions))
    assert "1 search, 1 save, 2 cart additions, 2 closeups, 1 board pin on 1 day" in capture.get()


def test_what_made_names_decisions_and_related_journeys_is_shown() -> None:
    frame = journeys(("a", 1, "a", "a"), ("b", 2, "b", "b")).with_columns(
        named_by=pl.Series(["parameters", "qwen3@names-0123"]),
        safety_category=pl.Series([None, "health"]),
        safety_decision=pl.Series(["allow", "no_notify"]),
        safety_decided_by=pl.Series(["none", "lexicon"]),
    )
    lines = printed(frame)
    assert any("name of a (named by its keywords)" in line for line in lines)
    assert any("name of b (named by qwen3@names-0123)" in line for line in lines)
    assert [line for line in lines if line.startswith("safety")] == ["safety    no_notify: health (lexicon)"]
    assert [line.split("  ") for line in lines if "honeymoon" in line] == [
        ["honeymoon", "next step of wedding", "cooccurrence"]
    ]
    assert [line.split() for line in lines if "world cup" in line] == [["world", "cup", "popular", "popularity"]]
