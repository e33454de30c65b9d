"""The tables of the README that describe data, written from the descriptions in code.

python docs/tables.py        rewrites what stands between the markers in README.md
"""

import re
from pathlib import Path

from journeys_assets.domain.landing.contract import required_columns
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.pipeline import JOURNEY_EVENTS, NOTIFICATION_CANDIDATES
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.sql_models import load_models, sql_folder

README = Path(__file__).parents[1] / "README.md"


def landing_table() -> str:
    """One line a source: grain, required and optional columns."""
    lines = ["| source | one row is | columns (`?` = may be absent or null) |", "|---|---|---|"]
    for table in LANDING.values():
        required = required_columns(table.name)
        columns = ", ".join(c.name if c.name in required else f"{c.name}?" for c in table.columns)
        lines.append(f"| `{table.name}` | {table.description.split('.')[0].lower()} | {columns} |")
    return "\n".join(lines)


def column_table(table: Table) -> str:
    """One line a column: meaning, unit, allowed values."""
    lines = [f"`{table.name}`: one row per {', '.join(table.grain)}.", "", "| column | meaning |", "|---|---|"]
    for c in table.columns:
        unit = f" [{c.unit}]" if c.unit else ""
        allowed = f" One of {', '.join(c.allowed)}." if c.allowed else ""
        lines.append(f"| {c.name} | {c.description}{allowed}{unit} |")
    return "\n".join(lines)


def sections() -> dict[str, str]:
    user_journeys = load_models(sql_folder())["user_journeys"].table
    return {
        "landing": landing_table(),
        "output": "\n\n".join(map(column_table, (user_journeys, NOTIFICATION_CANDIDATES, JOURNEY_EVENTS))),
    }


def rewritten(text: str) -> str:
    """``text`` with each marked section replaced."""
    for name, content in sections().items():
        marked = re.compile(rf"(<!-- {name}: docs/tables.py -->\n).*?(<!-- end -->)", re.DOTALL)
        text = marked.sub(lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}", text)
    return text


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
