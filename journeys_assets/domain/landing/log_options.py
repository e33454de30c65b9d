"""What a deployment may decide about a log format: the assumptions that change what a log is read as."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

TimeUnit = Literal["s", "ms", "us", "ns"]
TIME_UNITS: tuple[TimeUnit, ...] = get_args(TimeUnit)

IGNORE = "ignore"
"""In a table of actions: the event is no action."""


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """Decisions about one log format. What is not given is as the format has it.

    Raises:
        ValueError: the time zone is unknown, or a list is empty.
    """

    searches: tuple[str, ...] | None = None
    """The types of events that are searches."""
    actions: Mapping[str, str] = field(default_factory=dict)
    """Type of event → the action of the registry that it is, or ``ignore``. Other events stay as the format has them.
    """
    user: tuple[str, ...] | None = None
    """Paths to the user's id; the first that has a value counts."""
    time_zone: str | None = None
    """The IANA time zone of times that are written without one."""
    time_unit: TimeUnit | None = None
    """The unit of times that are numbers."""
    items_from_events: bool = True
    """Whether the text of items is taken from the events. Set it to false where a catalogue (`pins`) is loaded."""

    def __post_init__(self) -> None:
        if self.time_zone is not None and self.time_zone not in zoneinfo.available_timezones():
            raise ValueError(f"time_zone {self.time_zone!r} is no IANA time zone such as Europe/London")
        for name in ("searches", "user"):
            if getattr(self, name) == ():
                raise ValueError(f"{name} is empty; name at least one, or leave the key out")
