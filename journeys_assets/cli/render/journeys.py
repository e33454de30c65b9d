"""A user's journeys, as text or record."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from journeys_assets.cli.render.screen import line
from journeys_assets.domain.actions import Action
from journeys_assets.domain.statistics.bars import sparkline
from journeys_assets.models.naming.release import PACKAGED
from journeys_assets.operations.evidence import WEEKS_SHOWN, action_plurals, evidence_of

KEYWORDS_SHOWN = 8
RELATED_SHOWN = 5
FEEDBACK_SHOWN = {
    "finished": " · the user finished it",
    "not_mine": " · the user says it is not theirs",
    "mute": " · the user muted it",
    "more": " · the user wants more of it",
}
STAGE_STYLE = {"ongoing": "green", "ended": "dim"}


def journey_records(
    journeys: pl.DataFrame, evidence: pl.DataFrame, day: date, actions: Sequence[Action]
) -> list[dict[str, Any]]:
    """One user's journeys as plain records, best first, each with its evidence.

    Args:
        journeys: Rows of user_journeys of one user and day.
        evidence: The user's actions in the look-back window (``storage.queries.users.evidence_of_user``).
        day: The day of the journeys.
        actions: The action registry.

    Returns:
        Records with name and what gave it, safety, kind, stage, confidence, rank, keywords, engagement times, ``area``
        (id, name, and the journey ids of the other journeys in it, best first) and ``evidence``: actions by kind and by
        source of the keyword, days with an engagement, engagements per week (oldest first, 13 weeks).
    """
    in_area: dict[str, list[str]] = {}
    for journey_id, area_id in journeys.sort("rank").select("journey_id", "area_id").iter_rows():
        in_area.setdefault(area_id, []).append(journey_id)
    records = []
    for row in journeys.sort("rank").iter_rows(named=True):
        mine = evidence.filter(pl.col("keyword").is_in(row["keywords"]))
        records.append(
            {
                "rank": row["rank"],
                "journey_id": row["journey_id"],
                "journey_name": row["journey_name"],
                "named_by": row["named_by"],
                "kind": row["kind"],
                "stage": row["stage"],
                "confidence": round(row["confidence"], 4),
                "scored_by": row["scored_by"],
                "feedback": row["feedback"],
                "safety": {name: row[f"safety_{name}"] for name in ("decision", "category", "decided_by")},
                "area": {
                    "area_id": row["area_id"],
                    "area_name": row["area_name"],
                    "with": [other for other in in_area[row["area_id"]] if other != row["journey_id"]],
                },
                "keywords": row["keywords"],
                "first_engaged_at": row["first_engaged_at"].isoformat(),
                "last_engaged_at": row["last_engaged_at"].isoformat(),
                "evidence": evidence_of(mine, day, actions),
            }
        )
    return records


def add_explanations(records: list[dict[str, Any]], parts: pl.DataFrame) -> None:
    """Add ``explanation`` to each record: what each part of the evidence adds to the score, largest first.

    Args:
        parts: journey_id, part, contribution (``models.ranker.explanation``).
    """
    for record in records:
        mine = parts.filter(pl.col("journey_id") == record["journey_id"])
        record["explanation"] = {part: round(value, 3) for part, value in mine.select("part", "contribution").rows()}


def show_user(
    user_id: str, day: date, records: list[dict[str, Any]], related: pl.DataFrame, actions: Sequence[Action]
) -> RenderableType:
    """A user's journeys as text.

    Args:
        related: What the user may start next (``storage.queries.related.related_of_user``).
    """
    ongoing = sum(record["stage"] == "ongoing" for record in records)
    title = line(("User ", "bold"), (user_id, "bold cyan"), f" as of {day}: {len(records)} journeys, {ongoing} ongoing")
    shown = {record["journey_id"]: f"{record['rank']} {record['journey_name']}" for record in records}
    journeys = [_journey(record, day, shown, action_plurals(actions)) for record in records]
    return Group(title, Text(), *journeys, *_related(related))


def _related(related: pl.DataFrame) -> list[RenderableType]:
    """What the user may start next, in one line each."""
    if related.is_empty():
        return []
    grid = Table.grid(padding=(0, 2))
    for row in related.head(RELATED_SHOWN).iter_rows(named=True):
        relation = row["relation"].replace("_", " ")
        if row["from_journey_name"] is not None:
            relation += f" of {row['from_journey_name']}"
        grid.add_row("  ", line((row["related_name"], "magenta")), line(relation), line((row["made_by"], "dim")))
    return [line(("May start next", "bold")), grid, Text()]


def _journey(record: dict[str, Any], day: date, shown: Mapping[str, str], plurals: Mapping[str, str]) -> RenderableType:
    last = datetime.fromisoformat(record["last_engaged_at"]).date()
    evidence = record["evidence"]
    keywords = record["keywords"]
    more = f"  +{len(keywords) - KEYWORDS_SHOWN} more" if len(keywords) > KEYWORDS_SHOWN else ""
    actions = ", ".join(_counted(n, name.replace("_", " "), plurals[name]) for name, n in evidence["actions"].items())
    sources = ", ".join(f"{source} {n}" for source, n in evidence["sources"].items())
    since = day - timedelta(days=7 * WEEKS_SHOWN - 1)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("   keywords", line(" · ".join(keywords[:KEYWORDS_SHOWN]) + more))
    active = _counted(evidence["active_days"], "day")
    grid.add_row("   evidence", line(f"{actions} on {active}, last {_ago(day, last)}"))
    grid.add_row("   sources", line(sources))
    safety = record["safety"]
    if safety["decision"] != "allow":
        about = safety["category"].replace("_", " ") if safety["category"] else "in doubt"
        grid.add_row("   safety", line(f"{safety['decision']}: {about} ({safety['decided_by']})"))
    grid.add_row("   timeline", f"{sparkline(evidence['engagements_per_week'])}  weeks since {since}")
    if record["area"]["with"]:
        others = ", ".join(shown[journey_id] for journey_id in record["area"]["with"])
        grid.add_row("   area", line(f"{record['area']['area_name']}, with {others}"))
    if "explanation" in record:
        why = " · ".join(f"{part} {value:+.2f}" for part, value in record["explanation"].items())
        grid.add_row("   why", line(why))
    head = line(
        (f"{record['rank']:>2} ", "bold"),
        (record["journey_name"], "bold magenta"),
        (f" (named by {_namer(record['named_by'])})", "dim"),
        "   ",
        record["kind"],
        " · ",
        (record["stage"], STAGE_STYLE[record["stage"]]),
        f" · confidence {record['confidence']:.2f}",
        (f" ({record['scored_by']})", "dim"),
        (FEEDBACK_SHOWN.get(record["feedback"], ""), "yellow"),
    )
    return Group(head, grid, Text())


def _namer(named_by: str | None) -> str:
    return "its keywords" if named_by in (None, PACKAGED) else str(named_by)


def _counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _ago(day: date, then: date) -> str:
    days = (day - then).days
    return "today" if days <= 0 else f"{_counted(days, 'day')} ago"
