"""Charts as numbers: where bars, lines and marks stand. Templates draw them as SVG.

SVG made on the server needs no library in the browser, shows without a script, prints, and follows the colours of the
page. All coordinates are those of the view box of the chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    series: str
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Stacked:
    """Stacked bars, one for each label."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Tick, ...]
    totals: tuple[Tick, ...]


def stacked(
    series: Mapping[str, Sequence[int]], labels: Sequence[str], *, width: float = 560, height: float = 180
) -> Stacked:
    """Bars of ``labels``, with the values of ``series`` on top of each other, the first at the bottom."""
    left, top, bottom = 40.0, 14.0, 22.0
    room, n = height - top - bottom, max(len(labels), 1)
    totals = [sum(values[i] for values in series.values()) for i in range(len(labels))]
    highest = max([*totals, 1])
    step = nice_step(highest / 3)
    scale = room / (math.ceil(highest / step) * step)
    slot = (width - left) / n
    bar = min(slot * 0.72, 46.0)
    bars = []
    for i, label in enumerate(labels):
        base = height - bottom
        for name, values in series.items():
            tall = values[i] * scale
            base -= tall
            if values[i]:
                bars.append(Bar(left + slot * i + (slot - bar) / 2, base, bar, tall, name, label, values[i]))
    marks = range(math.ceil(highest / step) + 1)
    every = max(1, math.ceil(n / 7))
    centres = [left + slot * (i + 0.5) for i in range(len(labels))]
    return Stacked(
        width,
        height,
        tuple(bars),
        tuple(Tick(height - bottom - k * step * scale, short_number(k * step)) for k in marks),
        tuple(Tick(centres[i], label) for i, label in enumerate(labels) if (len(labels) - 1 - i) % every == 0),
        tuple(Tick(centres[i], f"{labels[i]}: {total:,}") for i, total in enumerate(totals)),
    )


def nice_step(least: float) -> int:
    """The least of 1, 2, 5, 10, 20, … that is not below ``least``."""
    size = 10 ** max(0, math.floor(math.log10(max(least, 1))))
    return next(int(size * k) for k in (1, 2, 5, 10) if size * k >= least)


def short_number(value: float) -> str:
    """A number in few characters: 950, 1.2k, 34k, 1.2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            shown = f"{value / size:.1f}" if abs(value) < 10 * size else f"{value / size:.0f}"
            return shown.removesuffix(".0") + unit
    return f"{value:g}"


def spark(values: Sequence[float | None], *, width: float = 96, height: float = 24) -> str:
    """The points of a line over ``values``, for ``polyline``; those that are missing are left out."""
    there = [(i, value) for i, value in enumerate(values) if value is not None and math.isfinite(value)]
    if not there:
        return ""
    low, high = min(v for _, v in there), max(v for _, v in there)
    across = (width - 4) / max(len(values) - 1, 1)
    flat = high - low < 1e-12

    def y(value: float) -> float:
        return height / 2 if flat else 3 + (height - 6) * (1 - (value - low) / (high - low))

    return " ".join(f"{2 + i * across:.1f},{y(value):.1f}" for i, value in there)


@dataclass(frozen=True, slots=True)
class Label:
    """Text on the map, in one or two lines."""

    x: float
    y: float
    size: float
    lines: tuple[str, ...]


_CHARACTER = 0.66
"""Width of a bold character, in font sizes."""
_SMALL = 17.0
"""The smallest font of a label."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def circle_labels(circles: Sequence[Mapping[str, Any]], *, most: int = 90) -> list[Label]:
    """Labels of circles, the largest first; one that would cover another label is left out.

    A label that does not fit into its circle stands below or above it, where no other circle is.

    Args:
        circles: x, y, r and label, largest first.
    """
    placed: list[Box] = []
    found = []
    for circle in circles[:most]:
        lines = _two_lines(str(circle["label"]))
        for box, size in _label_boxes(circle, lines, circles):
            if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in placed):
                placed.append(box)
                found.append(Label(float(circle["x"]), box[1] + size * 0.85, size, lines))
                break
    return found


def _label_boxes(
    circle: Mapping[str, Any], lines: Sequence[str], circles: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Box, float]]:
    """Where the label of a circle may stand, with its font size: in it, small in it, small below and above it."""
    x, y, r = (float(circle[name]) for name in ("x", "y", "r"))
    for size in (min(max(r * 0.34, _SMALL), 34.0), _SMALL):
        wide, high = max(map(len, lines)) * size * _CHARACTER, size * 1.1 * len(lines)
        yield (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), size
    for middle in (y + r + high / 2, y - r - high / 2):
        box = (x - wide / 2, middle - high / 2, x + wide / 2, middle + high / 2)
        if not any(_covers(other, box) for other in circles if other is not circle):
            yield box, size


def _covers(circle: Mapping[str, Any], box: Box) -> bool:
    """Whether a circle reaches well into a box (left, top, right, bottom)."""
    away_x = circle["x"] - min(max(circle["x"], box[0]), box[2])
    away_y = circle["y"] - min(max(circle["y"], box[1]), box[3])
    return bool(away_x**2 + away_y**2 < (0.8 * circle["r"]) ** 2)


def _two_lines(text: str) -> tuple[str, ...]:
    """Text of over 12 characters broken at the space nearest its middle; at most 18 characters a line."""
    spaces = [i for i, character in enumerate(text) if character == " "]
    if len(text) <= 12 or not spaces:
        parts = [text]
    else:
        at = min(spaces, key=lambda i: abs(i - len(text) / 2))
        parts = [text[:at], text[at + 1 :]]
    return tuple(part if len(part) <= 18 else part[:17] + "…" for part in parts)


@dataclass(frozen=True, slots=True)
class Line:
    """One journey on the time line: from its first to its last engagement."""

    journey_id: str
    name: str
    x: float
    width: float
    y: float
    css: str
    title: str
    marks: tuple[tuple[float, str, str], ...]
    """x, event and description of each event."""


@dataclass(frozen=True, slots=True)
class TimeLine:
    """All journeys of a user over time."""

    width: float
    height: float
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    today: float


def time_line(
    journeys: Sequence[Mapping[str, object]], events: Mapping[str, Sequence[Mapping[str, object]]], day: date
) -> TimeLine:
    """Where the journeys of one user stand on a time line that ends with ``day``.

    Args:
        journeys: journey_id, journey_name, stage, first_engaged_at, last_engaged_at; in the order shown.
        events: Events of each journey by its id: event, partition_date, detail.
    """
    left, right, row, top = 190.0, 34.0, 26.0, 26.0
    width = 900.0
    firsts = [_day(one["first_engaged_at"]) for one in journeys]
    first = min([*firsts, day - timedelta(days=27)])
    days = max((day - first).days, 1)
    scale = (width - left - right) / days

    def x(when: date) -> float:
        return left + min(max((when - first).days, 0), days) * scale

    lines = []
    for i, one in enumerate(journeys):
        begin, end = _day(one["first_engaged_at"]), _day(one["last_engaged_at"])
        marks = tuple(
            (x(_day(event["partition_date"])), str(event["event"]), f"{event['partition_date']}: {event['detail']}")
            for event in events.get(str(one["journey_id"]), ())
            if _day(event["partition_date"]) >= first
        )
        lines.append(
            Line(
                str(one["journey_id"]),
                str(one["journey_name"]),
                x(begin),
                max(x(end) - x(begin), 3.0),
                top + i * row,
                str(one["stage"]),
                f"{begin} to {end}",
                marks,
            )
        )
    return TimeLine(width, top + row * len(journeys) + 6, tuple(lines), tuple(_dates(first, day, x)), x(day))


def _dates(first: date, last: date, x: object) -> list[Tick]:
    """At most eight dates, evenly spread, ending with the last."""
    assert callable(x)
    step = max(7, math.ceil((last - first).days / 7 / 7) * 7)
    found, at = [], last
    while at >= first:
        found.append(Tick(float(x(at)), f"{at:%-d %b}"))
        at -= timedelta(days=step)
    return found[::-1]


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    assert isinstance(value, date)
    return value
