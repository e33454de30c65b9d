"""What two deployments put out, compared to the last bit; and the time of each landing source."""

from datetime import date

import polars as pl
from polars.testing import assert_frame_equal

from tests.sandbox import OUTPUTS, Sandbox

TIME_COLUMN = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
    "notification_events": "sent_at",
    "journey_feedback": "given_at",
    "journey_annotations": "annotated_at",
}


def assert_same_output(
    one: Sandbox,
    other: Sandbox,
    *,
    upto: date | None = None,
    users: list[str] | None = None,
    events: bool = True,
) -> None:
    """The same rows in every output table, up to a day or of some users where given; no table may be empty.

    Args:
        events: Whether journey_events is compared, too. It has no rows of a first day.
    """
    for name in OUTPUTS if events else [name for name in OUTPUTS if name != "journey_events"]:
        left, right = one.table(name, upto=upto), other.table(name, upto=upto)
        if users is not None:
            left, right = (rows.filter(pl.col("user_id").is_in(users)) for rows in (left, right))
        assert not left.is_empty(), f"{name} has no rows: the test would prove nothing"
        assert_frame_equal(left, right, check_exact=True)
