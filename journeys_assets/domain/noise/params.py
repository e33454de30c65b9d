"""What is left out as noise, and the rates that no person reaches."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from journeys_assets.domain.vocabulary import NOISE, RATE


@dataclass(frozen=True, slots=True)
class NoiseParams:
    """What is left out as noise. Rows stay in the landing tables, so a change needs no files, only `--full`.

    A rate is of one user and one UTC day, and counts different times: an order with 500 items is one time. It looks at
    no other day, so the rows of a day follow from that day alone.

    Raises:
        ValueError: a reason is unknown, or a rate is not positive.
    """

    left_out: tuple[str, ...] = (*NOISE, RATE)
    """The reasons for which rows are left out: `bot`, `monitoring`, `spam`, `rate`. An empty list leaves out nothing.
    """
    max_searches_per_hour: int = 1000
    """Most searches of a user in one clock hour: one in 3.6 seconds without a pause. A log that has a search for each
    letter that is typed stays below it."""
    max_searches_per_day: int = 5000
    """Most searches of a user on one day: five such hours."""
    max_actions_per_hour: int = 2000
    """Most actions of a user in one clock hour: one in 1.8 seconds without a pause."""
    max_actions_per_day: int = 10000
    """Most actions of a user on one day: five such hours."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.left_out) - {*NOISE, RATE}):
            raise ValueError(f"left_out has {', '.join(unknown)}; the reasons are {', '.join((*NOISE, RATE))}")
        for name in (
            "max_searches_per_hour",
            "max_searches_per_day",
            "max_actions_per_hour",
            "max_actions_per_day",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} must be at least 1")

    def sql_variables(self) -> dict[str, object]:
        """The dbt vars that are parameters, by name. They are the same on every day, so views may use them."""
        return {**asdict(self), "left_out": list(self.left_out)}
