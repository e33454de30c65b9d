"""A simulated year of opt-ins, opt-outs, unsubscribes, files and runs, and a check of every plan against the oracle.

Every morning at 01:00 UTC files land, and the plan of the day before is run. Files come late, twice, or with errors.
Runs are skipped and made later, and old days are run again. What a morning plans is sent that day, and logged later.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.consent_files import HEADERS, OutcomeFile, OutcomeLine, UserFile, UserLine, written
from tests.support.consent_oracle import Breach, Facts, Limits, Planned, breaches, end_of

LIMITS = Limits(weekly_cap=3, cool_down_days=3, quiet_start_hour=21, quiet_end_hour=8)
SETTINGS = f"""[algorithm.notifications]
min_confidence = 0.3
weekly_cap_per_user = {LIMITS.weekly_cap}
journey_cool_down_days = {LIMITS.cool_down_days}
quiet_start_hour = {LIMITS.quiet_start_hour}
quiet_end_hour = {LIMITS.quiet_end_hour}
journey_arm_share = 0.7
interest_arm_share = 0.15
"""
"""The settings of the deployment: many sends, so that every rule is at work."""

ZONES = {
    "ann": "Australia/Lord_Howe",
    "bob": "Pacific/Kiritimati",
    "cem": "Pacific/Pago_Pago",
    "dee": "Asia/Kolkata",
    "eli": "America/St_Johns",
    "fay": "Europe/London",
    "gus": "America/New_York",
    "hoa": "Australia/Adelaide",
    "ida": "Africa/Casablanca",
    "jon": "America/Santiago",
    "kim": "Pacific/Chatham",
    "leo": "PST",
    "mia": "",
    "noe": "Europe/Paris",
}
"""Users and the time zone that their rows give; one is no zone, and one is missing."""

THEMES = ("wedding dress", "kitchen renovation", "dog training", "vegetable garden", "running shoes")
ENDS = ("", " ideas", " cheap", " small", " modern", " vintage", " at home", " near me")


def searches(first: date, n_days: int, seed: int = 0) -> pl.DataFrame:
    """A steady log: every user searches for three themes every other day or so."""
    rng = random.Random(f"searches {seed}")
    rows = [
        (user_id, THEMES[n % len(THEMES)] + rng.choice(ENDS), _at(first + timedelta(days=day), rng))
        for index, user_id in enumerate(ZONES)
        for n in range(index, index + 3)
        for day in range(n_days)
        if rng.random() < 0.5
    ]
    return pl.DataFrame(rows, schema=["user_id", "query", "searched_at"], orient="row")


def _at(day: date, rng: random.Random) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(seconds=rng.randrange(24 * 3600))


KINDS = (
    "changes",
    "snapshot",
    "snapshot that lacks a person",
    "two rows of a person in a snapshot",
    "repeated file",
    "another header case",
    "bad optional field",
    "unsubscribe",
    "unsubscribe in a refused row",
    "later version without the unsubscribe",
    "run skipped",
    "run of several days",
    "run again after opt-outs of the send day",
    "rerun of old days",
)
"""What a simulation must do, or it shows nothing about it."""


@dataclass
class _Person:
    """What a user wants at the moment."""

    user_id: str
    timezone: str
    email: bool
    push: bool


@dataclass
class ConsentWorld:
    """The simulation.

    Args:
        folder: Where the files are written.
        run: Runs the plans of some days.
        first: The first partition date.
        searches: Searches that land day by day; by default the journeys are there already.

    Attributes:
        breaches: What was wrong with a plan, in the order in which it was found.
        reasons: How often each reason stood in a plan that was just run.
        done: How often each kind of file and run occurred.
    """

    warehouse: Warehouse
    folder: Path
    run: Callable[[Sequence[date]], object]
    first: date
    seed: int
    searches: pl.DataFrame | None = None
    facts: Facts = field(default_factory=Facts)
    breaches: list[tuple[datetime, Breach, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(KINDS, 0)))
    n_sends: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._people = [
            _Person(user_id, zone, self._rng.random() < 0.5, self._rng.random() < 0.6)
            for user_id, zone in ZONES.items()
        ]
        self._changes: list[tuple[date, UserLine]] = []
        self._outcomes: list[tuple[date, OutcomeLine]] = []
        self._files: list[UserFile | OutcomeFile] = []
        self._not_run: list[date] = []
        self._call = 0

    def live(self, n_days: int) -> None:
        """Simulate the mornings after ``n_days`` partition dates."""
        for n in range(n_days):
            day = self.first + timedelta(days=n)
            self._morning(day)

    def _happens(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _morning(self, day: date) -> None:
        now = end_of(day) + timedelta(hours=1)
        self._land_searches(day, now)
        self._change_minds(day, now)
        for _ in range(1 + self._happens(0.15)):
            self._land(self._new_files(day, now), now)
        self._not_run.append(day)
        if self._happens(0.12):
            self.done["run skipped"] += 1
        else:
            self.done["run of several days"] += len(self._not_run) > 1
            self._run(self._not_run, now)
            self._not_run = []
            self._send(day)
        if self._happens(0.15) and day > self.first:
            self._run_again(day, now)
        if self._happens(0.15) and day not in self._not_run:
            noon = now + timedelta(hours=11)
            self._change_minds(day + timedelta(days=1), noon)
            self._land(self._new_files(day, noon), noon)
            self.done["run again after opt-outs of the send day"] += 1
            self._run([day], noon)

    def _run_again(self, day: date, now: datetime) -> None:
        back = self._rng.randint(1, min(20, (day - self.first).days))
        days = [day - timedelta(days=back) + timedelta(days=n) for n in range(self._rng.choice((1, 1, 1, 3)))]
        self.done["rerun of old days"] += 1
        self._run([d for d in days if d < day and d not in self._not_run], now)

    def _run(self, days: Sequence[date], now: datetime) -> None:
        if not days:
            return
        self.run(days)
        rows = self.warehouse.query("SELECT * FROM main.notification_candidates ORDER BY ALL")
        fresh = rows.filter(pl.col("partition_date").is_in(list(days)))
        self.reasons.update(dict(fresh["reason"].value_counts().iter_rows()))
        sends = rows.filter(pl.col("decision") == "send")
        plans = [
            Planned(*row)
            for row in sends.select(
                "partition_date",
                "user_id",
                "journey_id",
                "channel",
                "arm",
                "send_window_start_at",
                "send_window_end_at",
            ).iter_rows()
        ]
        self.n_sends += sum(planned.day in days for planned in plans)
        self.breaches += [
            (now, breach, self.facts.of(breach.planned.user_id)) for breach in breaches(plans, days, self.facts, LIMITS)
        ]

    def _land(self, files: Sequence[UserFile | OutcomeFile], now: datetime) -> None:
        paths = []
        for file in {file.path: file for file in files}.values():
            path = self.folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
            paths.append((path, file))
        if not paths:
            return
        self._ingest([path for path, _ in paths], now)
        for path, file in sorted(paths, key=lambda pair: pair[0]):
            file.add_to(self.facts, self._call, now, str(path))
            self._files.append(file)

    def _land_searches(self, day: date, now: datetime) -> None:
        if self.searches is None:
            return
        of_day = self.searches.filter(pl.col("searched_at").dt.date() == day)
        path = self.folder / "search_events" / f"{day}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        of_day.write_parquet(path)
        self._ingest([path], now)

    def _ingest(self, paths: Sequence[Path], now: datetime) -> None:
        self._call += 1
        ingest(
            self.warehouse,
            paths,
            format="landing",
            now=now,
            actions=DEFAULT_ACTIONS,
            scratch_dir=self.folder / "scratch",
        )

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def _change_minds(self, day: date, now: datetime) -> None:
        """Some people change an opt-in or move; the change waits to land, some of them for weeks."""
        for person in self._people:
            if not self._happens(0.07):
                continue
            match self._rng.choice(("email", "push", "push", "push", "timezone")):
                case "email":
                    person.email = not person.email
                case "push":
                    person.push = not person.push
                case _:
                    person.timezone = self._rng.choice(list(ZONES.values()))
            at = min(_at(day, self._rng), now)
            self._changes.append((self._lands_on(day), self._line(person, at)))

    def _lands_on(self, day: date) -> date:
        return day + timedelta(days=self._rng.choice((0, 0, 0, 1, 2, 20)))

    def _line(self, person: _Person, at: datetime | None) -> UserLine:
        line = UserLine(
            person.user_id,
            str(person.email).lower(),
            str(person.push).lower(),
            person.timezone,
            written(at) if at else "",
        )
        if self._happens(0.08):
            self.done["bad optional field"] += 1
            name, value = self._rng.choice(
                (("timezone", "PST"), ("email", "maybe"), ("push", "maybe"), ("push", ""))
                + ((("updated_at", "yesterday"),) if at else ())
            )
            line = UserLine(**(vars(line) | {name: value}))
        return line

    def _send(self, day: date) -> None:
        """Send what partition ``day`` plans; what comes of it lands later, some of it in bad rows."""
        sends = self.warehouse.query(
            f"""
            SELECT user_id, journey_id, channel, arm, send_window_start_at FROM main.notification_candidates
            WHERE decision = 'send' AND partition_date = DATE '{day}' ORDER BY ALL
            """
        )
        for user_id, journey_id, channel, arm, at in sends.iter_rows():
            if not self._happens(0.8):
                continue
            self._log(day + timedelta(days=1), user_id, "" if arm == "interest" else journey_id, channel, arm, at)
        if self._happens(0.05):  # a message that was not planned here
            user_id = self._rng.choice(list(ZONES))
            at = end_of(day) + timedelta(hours=12)
            self._log(day + timedelta(days=1), user_id, "", "email", "interest", at)

    def _log(self, sent_on: date, user_id: str, journey_id: str, channel: str, arm: str, at: datetime) -> None:
        # One id for one send: a message that was not planned here may go out on the same day.
        number = f"n{self._call}-{user_id}-{sent_on}-{channel}" + ("" if journey_id else "-other")
        line = OutcomeLine(number, user_id, journey_id, channel, arm, written(at), "")
        first = self._lands_on(sent_on)
        self._outcomes.append((first, line))
        if self._happens(0.12):
            self.done["unsubscribe"] += 1
            left_at = at + timedelta(minutes=self._rng.randrange(1, 2000))
            says = "soon" if self._happens(0.1) else written(left_at)
            bad = {}
            if self._happens(0.3):
                self.done["unsubscribe in a refused row"] += 1
                bad = self._rng.choice(({"arm": "unknown"}, {"channel": "fax"}, {"notification_id": ""}))
            later = OutcomeLine(**(vars(line) | {"unsubscribed_at": says} | bad))
            on = max(left_at.date(), self._lands_on(sent_on))
            self._outcomes.append((on, later))
            if self._happens(0.3):
                self.done["later version without the unsubscribe"] += 1
                self._outcomes.append((on + timedelta(days=3), line))

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _new_files(self, day: date, now: datetime) -> list[UserFile | OutcomeFile]:
        files: list[UserFile | OutcomeFile] = []
        name = f"{now:%Y-%m-%dT%H}-{self._call}-{self._rng.randrange(1000)}"
        if self._happens(0.35) or not self._files:
            files += self._changes_due(name, day)
        if self._happens(0.1) or not self._files:
            files += self._snapshots(name)
        if self._happens(0.6):
            files += self._outcomes_due(name, day)
        if self._files and self._happens(0.12):
            files.append(self._repeated(name))
        return files

    def _changes_due(self, name: str, day: date) -> list[UserFile | OutcomeFile]:
        due = [line for on, line in self._changes if on <= day]
        self._changes = [(on, line) for on, line in self._changes if on > day]
        if not due:
            return []
        self.done["changes"] += 1
        self._rng.shuffle(due)
        half = self._rng.randrange(len(due) + 1)
        parts = [part for part in (due[:half], due[half:]) if part]
        return [
            UserFile(f"{name}-changes-{n}", (*part, *self._refused()), True, self._header())
            for n, part in enumerate(parts)
        ]

    def _snapshots(self, name: str) -> list[UserFile | OutcomeFile]:
        self.done["snapshot"] += 1
        lines = [self._line(person, None) for person in self._people]
        if self._happens(0.4):
            self.done["snapshot that lacks a person"] += 1
            lines.pop(self._rng.randrange(len(lines)))
        if self._happens(0.2):
            self.done["two rows of a person in a snapshot"] += 1
            lines.append(self._line(self._rng.choice(self._people), None))
        return [UserFile(f"{name}-all", (*lines, *self._refused()), False, self._header())]

    def _refused(self) -> tuple[UserLine, ...]:
        return (UserLine("", "true", "true", "Europe/Paris"),) if self._happens(0.2) else ()

    def _header(self) -> int:
        header: int = self._rng.choice((0, 0, 0, *range(1, len(HEADERS))))
        self.done["another header case"] += header > 0
        return header

    def _outcomes_due(self, name: str, day: date) -> list[UserFile | OutcomeFile]:
        due = [line for on, line in self._outcomes if on <= day]
        self._outcomes = [(on, line) for on, line in self._outcomes if on > day]
        return [OutcomeFile(name, tuple(due))] if due else []

    def _repeated(self, name: str) -> UserFile | OutcomeFile:
        """A file that has landed before, byte for byte, under its own name or another."""
        self.done["repeated file"] += 1
        old = self._rng.choice(self._files[-30:])
        new_name = old.name if self._happens(0.5) else f"{name}-again"
        return type(old)(**(vars(old) | {"name": new_name}))
