"""The results of `journeys safety`, as text or record."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

if TYPE_CHECKING:
    from journeys_assets.operations.safety_check import SafetyChecked

from journeys_assets.cli.render.screen import line
from journeys_assets.domain.safety.categories import CATEGORIES
from journeys_assets.domain.safety.params import SafetyParams


def checked_record(done: "SafetyChecked") -> dict[str, Any]:
    """The counts of a checked file."""
    return {
        "file": done.file,
        "n_rows": done.n_rows,
        "version": done.version,
        "by_decision": done.by_decision.to_dicts(),
        "by_category": done.by_category.to_dicts(),
    }


def show_checked(done: "SafetyChecked") -> RenderableType:
    """The counts of a checked file, one line each."""
    lines: list[RenderableType] = [
        line(f"{n_rows:>7,}  {category or 'no category'} ({by})")
        for category, by, n_rows in done.by_category.iter_rows()
    ]
    decisions = ", ".join(f"{decision} {n_rows:,}" for decision, n_rows in done.by_decision.iter_rows())
    lines.append(line(f"{done.n_rows:,} rows ({decisions}) → {done.file}"))
    return Group(*lines)


def policy_records(params: SafetyParams) -> list[dict[str, str]]:
    """category, decision, covers of each category."""
    return [
        {"category": category.id, "decision": params.of(category.id), "covers": category.covers}
        for category in CATEGORIES
    ]


def show_policy(records: list[dict[str, str]]) -> RenderableType:
    """One line for each category."""
    return Group(*(line(f"{row['category']:<21} {row['decision']:<10} {row['covers']}") for row in records))
