"""What a log would be read as, as text and as a record."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from journeys_assets.cli.render.screen import line
from journeys_assets.cli.render.tables import table_of

if TYPE_CHECKING:
    from journeys_assets.operations.explain_log import LogExplanation


def explanation_record(explanation: "LogExplanation", name: str, why: str) -> dict[str, Any]:
    """Everything that the text has, for programs."""
    record = asdict(explanation)
    record["events"] = [
        {"event": event, "outcome": outcome, "n": n} for (event, outcome), n in explanation.events.items()
    ]
    record["users"] = [{"path": path, "n": n} for path, n in explanation.users]
    return {"format": name, "why": why, "share_without_user": explanation.share_without_user, **record}


def show_explanation(explanation: "LogExplanation", why: str, load: str) -> RenderableType:
    """The explanation for people; ``load`` says how the same files are loaded."""
    events = [(event, n, outcome) for (event, outcome), n in explanation.events.items()]
    actions = list(explanation.actions.items())
    return Group(
        *map(line, _head(explanation, why)),
        table_of("Events by type", events, "event", "records", "becomes"),
        table_of("Actions", actions, "event", "action of the registry"),
        *map(line, _examples(explanation)),
        line(f"Nothing was loaded. To load it, {load}."),
    )


def _head(explanation: "LogExplanation", why: str) -> Iterator[str]:
    yield why
    some = "all of their" if explanation.is_all else "the first"
    yield f"{explanation.n_files:,} files, {some} {explanation.n_rows:,} records looked at"
    for path, reason in explanation.passed_over:
        yield f"passed over {path}: {reason}"
    unit = "numbers are refused" if explanation.time_unit is None else f"numbers are {explanation.time_unit} since 1970"
    yield (
        f"time: {', '.join(explanation.time_paths)}; {unit}; {explanation.n_naive:,} have no zone, "
        f"{explanation.time_zone} is assumed"
    )
    if explanation.first is not None:
        yield f"from {explanation.first} to {explanation.last} UTC"
    for user, n in explanation.users:
        what = "no user" if user is None else f"user: {user}"
        yield f"{what} in {n:,} records ({n / max(1, explanation.n_rows):.1%})"
    if explanation.unused:
        yield f"columns that are not used: {', '.join(explanation.unused)}"
    for reason, n in explanation.refused:
        yield f"would be refused {n:,}: {reason}"


def _examples(explanation: "LogExplanation") -> Iterator[str]:
    for example in explanation.examples:
        yield f"{example.file}, line {example.line}: {example.before}"
        for source, row in example.after:
            values = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
            yield f"  → {source}: {values}"
