"""How values become text on the pages. Text from outside is escaped by the templates, and never acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup as SafeText

from journeys_assets.domain.display import visible
from journeys_assets.explorer.charts import short_number, spark

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")


def environment() -> Environment:
    """The templates, with every value escaped and every name that is not given an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {
        "number": number,
        "short": short_number,
        "percent": lambda value: "–" if value is None else f"{value:.0%}",
        "figure": figure,
        "day": lambda value: "–" if value is None else f"{value:%-d %b %Y}",
        "moment": lambda value: "–" if value is None else f"{value:%-d %b %Y, %H:%M}",
        "words": lambda value: str(value).replace("_", " "),
        "spark": spark,
    }
    made.globals |= {"link": link}
    return made


def _shown(value: object) -> object:
    """Text without characters that act; what the templates themselves made is left as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, SafeText) else value


def number(value: float | int | None) -> str:
    """A count to be read: 1,234; a dash for none."""
    return "–" if value is None else f"{value:,}"


def figure(value: float | None) -> str:
    """A measurement with four digits at most; a dash for none."""
    return "–" if value is None else f"{value:,.4g}"


def link(path: str, given: Mapping[str, Any] | None = None, **more: Any) -> str:
    """An address on this server with its query; values that are None or empty are left out."""
    query = {name: value for name, value in {**(given or {}), **more}.items() if value not in (None, "")}
    return f"{path}?{urlencode(query)}" if query else path


def ago(then: datetime | date, now: datetime) -> str:
    """How long ago something was, to be read."""
    if not isinstance(then, datetime):
        days = (now.date() - then).days
        return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} minutes ago" if minutes > 1 else "1 minute ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
