"""A comparison of two algorithm versions, as text or record."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from journeys_assets.domain.history.comparison import Comparison

from journeys_assets.cli.render.screen import line
from journeys_assets.cli.render.tables import table_of
from journeys_assets.domain.vocabulary import CHANGE_TEXT

NAMES_SHOWN = 8
Version = tuple[str, date]
"""An algorithm version and the day of its journeys."""


def comparison_record(one: Version, other: Version, found: "Comparison") -> dict[str, Any]:
    """A comparison as a plain record."""
    sides = {"one": one, "other": other}
    pairs = {"users": found.n_users, "journeys": found.n_journeys, "keywords": found.n_keywords}
    return {
        **{side: {"version": version, "day": str(day)} for side, (version, day) in sides.items()},
        "same_day": one[1] == other[1],
        **{name: {"one": first, "other": second} for name, (first, second) in pairs.items()},
        "users_in_both": found.n_users_in_both,
        "keywords_in_both": found.n_keywords_in_both,
        "changes": found.counts,
        "bcubed_f1": found.bcubed_f1,
        "adjusted_rand": found.adjusted_rand,
        "examples": found.examples.to_dicts(),
        "journeys_per_user": {side: asdict(n) for side, n in zip(sides, found.per_user, strict=True)},
        "users_changed": found.n_users_changed,
        "example_users": found.users.to_dicts(),
    }


def _listed(names: Sequence[str]) -> str:
    """The first ``NAMES_SHOWN`` names, and how many more there are."""
    more = f", {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return " · ".join(names[:NAMES_SHOWN]) + more if names else "no journey"


def show_comparison(one: Version, other: Version, found: "Comparison") -> RenderableType:
    """A comparison as text."""
    lines: list[RenderableType] = []
    if one[1] != other[1]:
        lines.append(
            Text(
                f"The versions are of different days, {one[1]} and {other[1]}: some of the differences come from what "
                "users did in between.\n",
                style="yellow",
            )
        )
    sizes = [("users", *found.n_users), ("journeys", *found.n_journeys), ("keywords in them", *found.n_keywords)]
    before, after = found.per_user
    per_user = [
        ("mean", f"{before.mean:.1f}", f"{after.mean:.1f}"),
        ("median", f"{before.median:g}", f"{after.median:g}"),
        ("most", f"{before.most:,}", f"{after.most:,}"),
        ("users with one", f"{before.share_with_one:.0%}", f"{after.share_with_one:.0%}"),
    ]
    headers = [f"{version} on {day}" for version, day in (one, other)]
    lines.append(table_of("Versions", sizes, "", *headers))
    lines.append(table_of("Journeys per user", per_user, "", *headers))
    rows = [(change.replace("_", " "), n, CHANGE_TEXT[change]) for change, n in found.counts.items()]
    lines.append(table_of("Journeys of the second version compared with the first", rows, "", "journeys", ""))
    n_users = sum(found.n_users) - found.n_users_in_both
    lines.append(
        f"The keywords of {found.n_users_changed:,} of {n_users:,} users are grouped in another way "
        f"({found.n_users_changed / max(1, n_users):.0%}).\n"
    )
    if found.bcubed_f1 is None:
        lines.append("No user has a keyword that is in journeys of both versions.\n")
    else:
        lines.append(
            "Agreement on which keywords of a user belong together, averaged over users: B-cubed F1 "
            f"{found.bcubed_f1:.3f}, adjusted Rand {found.adjusted_rand:.3f}; {found.n_keywords_in_both:,} keywords "
            "are in journeys of both versions.\n"
        )
    for change in found.examples["change"].unique(maintain_order=True):
        lines.append(Text(change.replace("_", " "), style="bold"))
        for user, name, detail in found.examples.filter(pl.col("change") == change).drop("change").iter_rows():
            lines.append(line("  ", (user, "cyan"), "  ", (name, "magenta"), f"  {detail}"))
    if found.users.height:
        lines.append(Text(f"{found.users.height} of these users: names of their journeys", style="bold"))
    for user, names, new_names in found.users.iter_rows():
        lines.append(line("  ", (user, "cyan"), "  ", _listed(names), ("  → ", "bold"), _listed(new_names)))
    return Group(*lines)
