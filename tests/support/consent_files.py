"""Landing files about consent (``users`` and ``notification_events``), and the facts that they bring.

A file is written and read here from the same lines, but independently of the package: what a cell means is decided by
``consent_oracle``'s rules, not by the contract's code.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.consent_oracle import CHANNELS, Facts, Send, Unsubscribe, UserRow

HEADERS = (
    ("user_id", "updated_at", "email_opt_in", "push_opt_in", "timezone"),
    ("User_ID", "Updated_At", "Email_Opt_In", "Push_Opt_In", "Timezone"),
    ("USER_ID", "UPDATED_AT", "EMAIL_OPT_IN", "PUSH_OPT_IN", "TIMEZONE"),
    (" user_id", "updated_at ", "Email Opt-In", "push-opt-in", "TimeZone"),
)
"""Ways to write the header of ``users``; a snapshot leaves out the second column."""
OUTCOMES = ("notification_id", "user_id", "journey_id", "channel", "arm", "sent_at", "unsubscribed_at")


@dataclass(frozen=True)
class UserLine:
    """A line of a ``users`` file, cell by cell as it is written; the time is left out where the file has none."""

    user_id: str
    email: str
    push: str
    timezone: str
    updated_at: str = ""


@dataclass(frozen=True)
class UserFile:
    """A file of ``users``: a snapshot, or changes with their times."""

    name: str
    lines: tuple[UserLine, ...]
    has_times: bool
    header: int = 0

    @property
    def path(self) -> str:
        return f"users/{self.name}.csv"

    @property
    def content(self) -> str:
        return _as_csv(
            [name for name in HEADERS[self.header] if self.has_times or "pdated" not in name.lower()],
            (
                (line.user_id, *((line.updated_at,) if self.has_times else ()), line.email, line.push, line.timezone)
                for line in self.lines
            ),
        )

    def add_to(self, facts: Facts, call: int, at: datetime, path: str) -> None:
        for number, line in enumerate(self.lines, start=2):
            if line.user_id:
                facts.add_row(
                    UserRow(
                        call,
                        at,
                        path,
                        number,
                        line.user_id,
                        (_time(line.updated_at, at) or "unreadable") if line.updated_at else None,
                        (_boolean(line.email), _boolean(line.push)),
                        line.timezone or None,
                    )
                )


@dataclass(frozen=True)
class OutcomeLine:
    """A line of a ``notification_events`` file, cell by cell as it is written."""

    notification_id: str
    user_id: str
    journey_id: str
    channel: str
    arm: str
    sent_at: str
    unsubscribed_at: str

    @property
    def is_refused(self) -> bool:
        """Whether a required cell, the time of the send apart, is missing or wrong."""
        is_known = self.channel in CHANNELS and self.arm in ("journey", "interest", "holdout")
        return not (is_known and self.notification_id)


@dataclass(frozen=True)
class OutcomeFile:
    """A file of ``notification_events``."""

    name: str
    lines: tuple[OutcomeLine, ...]

    @property
    def path(self) -> str:
        return f"notification_events/{self.name}.csv"

    @property
    def content(self) -> str:
        return _as_csv(list(OUTCOMES), ([getattr(line, name) for name in OUTCOMES] for line in self.lines))

    def add_to(self, facts: Facts, call: int, at: datetime, path: str) -> None:
        for line in self.lines:
            if line.unsubscribed_at:
                channels = (line.channel,) if line.channel in CHANNELS else CHANNELS
                since = _time(line.unsubscribed_at, at) or at
                facts.add_unsubscribe(Unsubscribe(call, line.user_id, channels, since, line.notification_id))
            sent_at = _time(line.sent_at, at)
            if sent_at is not None and not line.is_refused:
                facts.logged.add(Send(sent_at.date(), line.user_id, line.channel, line.journey_id))


def written(at: datetime) -> str:
    """A time as the files have it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _as_csv(header: list[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _time(text: str, now: datetime) -> datetime | None:
    """None if it is no time, or one more than a day ahead, which is a mistake as well."""
    try:
        time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 (naive UTC)
    except ValueError:
        return None
    return time if time <= now + timedelta(days=1) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)
