"""The ledger: each message once, whatever is run again, killed, refused or withdrawn.

The warehouse has only the tables that a hand-over reads, filled by the test; no stage is run.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.activation.messages import Audience, Message
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.tables.activation import HANDED_OVER
from journeys_assets.domain.tables.pipeline import NOTIFICATION_CANDIDATES
from journeys_assets.domain.tables.table import Table
from journeys_assets.operations.activation.base import ActivationError
from journeys_assets.operations.activation.hand_over import Activation, activate
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.storage.queries.activation import destinations
from tests.sandbox import Sandbox
from tests.thorough import usual_or_thorough

DAY = date(2026, 3, 2)
PARAMS = NotificationParams(weekly_cap_per_user=2, journey_cool_down_days=3)
USERS = ("ann", "bob", "cem")
N_DAYS = usual_or_thorough(20, 365)
SEEDS = range(1, usual_or_thorough(1, 4) + 1)
"""Days with a warehouse; ``tests/domain/activation/test_year.py`` simulates half a year or more without one."""


class Recording:
    """A destination that takes each key once, and fails as it is asked to."""

    name, batch_size = "recording", 2

    def __init__(self) -> None:
        self.taken: dict[str, Message] = {}
        self.refuse: dict[str, str] = {}
        self.dies_after = 10**9
        """Messages that it takes before the caller is killed, after it has taken them and before it has answered."""

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        for message in messages:
            if message.user_id not in self.refuse:
                self.taken.setdefault(message.key, message)
        self.dies_after -= len(messages)
        if self.dies_after < 0:
            self.dies_after = 10**9
            raise ActivationError("the line broke")
        return {message.key: self.refuse.get(message.user_id) for message in messages}

    def of_kind(self, kind: str) -> list[Message]:
        return [message for message in self.taken.values() if message.kind == kind]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Sandbox(tmp_path / "home").pipeline
    made.prepare()
    made.warehouse.ensure(HANDED_OVER)
    list(execute(made, ["stg_users"], Run((DAY,), "views")))
    return made


def fitted(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows with all columns of the table; those that the test does not need are null."""
    return rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in table.polars_schema.items()
    )


def plan(pipeline: Pipeline, day: date, sends: Mapping[str, str]) -> None:
    """The plan of a day: the journey that each user is sent something about, from 10 to 13 UTC of the day after."""
    start = datetime.combine(day + timedelta(days=1), datetime.min.time()) + timedelta(hours=10)
    rows = [
        {
            "partition_date": day,
            "user_id": user,
            "journey_id": journey,
            "channel": "push",
            "decision": "send",
            "reason": "eligible",
            "arm": "journey",
            "title_text": f"More about {journey}",
            "confidence": 0.8,
            "rank": 1,
            "timezone": "UTC",
            "send_window_start_at": start,
            "send_window_end_at": start + timedelta(hours=3),
            "sends_last_7_days": 0,
            "algorithm_version": "v",
        }
        for user, journey in sends.items()
    ]
    frame = fitted(pl.DataFrame(rows), NOTIFICATION_CANDIDATES) if rows else NOTIFICATION_CANDIDATES.empty()
    pipeline.warehouse.replace_partitions(NOTIFICATION_CANDIDATES, frame, [day])


def say(pipeline: Pipeline, user: str, *, push: bool, seq: int) -> None:
    """A new state of a user's consent, as a snapshot."""
    with pipeline.warehouse.writing({}) as con:
        con.execute(
            "INSERT INTO landing.users BY NAME SELECT $1 AS user_id, $2 AS push_opt_in, $3::BIGINT AS ingest_seq",
            [user, push, seq],
        )
        con.execute(
            "INSERT INTO landing.ingest_ledger BY NAME SELECT $1::BIGINT AS ingest_seq, TIMESTAMP '2026-01-01' AS "
            "ingested_at, 'users' AS source, false AS is_list",
            [seq],
        )


def call(pipeline: Pipeline, destination: Recording, day: date, hour: float = 1.0, **options: object) -> Activation:
    now = datetime.combine(day + timedelta(days=1), datetime.min.time()) + timedelta(hours=hour)
    return activate(
        pipeline.warehouse,
        destination,
        day,
        PARAMS,
        (Audience("kitchen", ("kitchen",)),),
        now=now,
        run_id="run",
        **{"what": ("notifications",), **options},  # type: ignore[arg-type]
    )


@pytest.fixture
def opted_in(pipeline: Pipeline) -> Pipeline:
    for seq, user in enumerate(USERS, start=1):
        say(pipeline, user, push=True, seq=seq)
    return pipeline


def test_a_plan_handed_over_twice_is_sent_once(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, {"ann": "j1", "bob": "j2"})
    assert call(opted_in, receiver, DAY).accepted == {"notification": 2}
    again = call(opted_in, receiver, DAY)
    assert again.accepted == {}
    assert again.withheld["handed_over_before"] == 2
    plan(opted_in, DAY, {"ann": "j9", "cem": "j3"})  # the plan is made again, and chooses otherwise
    assert call(opted_in, receiver, DAY).accepted == {"notification": 1}
    assert Counter(message.user_id for message in receiver.of_kind("notification")) == {"ann": 1, "bob": 1, "cem": 1}


def test_a_call_that_was_killed_goes_on_with_the_same_keys(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, dict(zip(USERS, ("j1", "j2", "j3"), strict=True)))
    receiver.dies_after = 1
    with pytest.raises(ActivationError):
        call(opted_in, receiver, DAY)
    assert set(destinations_of(opted_in)["state"]) == {"pending"}
    call(opted_in, receiver, DAY)
    assert len(receiver.of_kind("notification")) == 3
    assert set(destinations_of(opted_in)["state"]) == {"accepted"}


def destinations_of(pipeline: Pipeline) -> pl.DataFrame:
    with pipeline.warehouse.reading() as con:
        return destinations(con)


def test_consent_that_is_withdrawn_holds_back_or_takes_back(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, {"ann": "j1", "bob": "j2"})
    say(opted_in, "bob", push=False, seq=10)
    first = call(opted_in, receiver, DAY)
    assert (first.accepted, first.withheld) == ({"notification": 1}, {"not_opted_in": 1})
    say(opted_in, "ann", push=False, seq=11)
    assert call(opted_in, receiver, DAY, hour=12.5).accepted == {"cancellation": 1}
    (taken_back,) = receiver.of_kind("cancellation")
    assert taken_back.content["notification_key"] == receiver.of_kind("notification")[0].key
    assert call(opted_in, receiver, DAY, hour=12.9).accepted == {}


def test_nothing_is_taken_back_or_sent_once_its_window_is_over(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, {"ann": "j1"})
    assert call(opted_in, receiver, DAY, hour=13).withheld == {"send_window_over": 1}
    assert call(opted_in, receiver, DAY, hour=12.9).accepted == {"notification": 1}
    say(opted_in, "ann", push=False, seq=10)
    assert call(opted_in, receiver, DAY, hour=13).accepted == {}


def test_a_refusal_is_kept_and_tried_again_on_demand(opted_in: Pipeline) -> None:
    receiver = Recording()
    receiver.refuse = {"ann": "unknown user"}
    plan(opted_in, DAY, {"ann": "j1", "bob": "j2"})
    first = call(opted_in, receiver, DAY)
    assert (first.accepted, first.refused) == ({"notification": 1}, {"notification": 1})
    assert list(first.reasons.values()) == ["unknown user"]
    assert call(opted_in, receiver, DAY).withheld["refused_before"] == 1
    receiver.refuse = {}
    assert call(opted_in, receiver, DAY, retry_refused=True).accepted == {"notification": 1}


def test_traits_follow_what_changed(opted_in: Pipeline) -> None:
    receiver = Recording()
    columns = ("user_id", "journey_id", "journey_name", "keywords", "kind", "intent", "confidence", "rank")

    def share(day: date, rows: Sequence[tuple[object, ...]]) -> Activation:
        table = next(t for t in opted_in.tables if t.name == "user_journeys")
        common = {"partition_date": pl.lit(day), "stage": pl.lit("ongoing"), "safety_decision": pl.lit("allow")}
        shared = pl.DataFrame(rows, schema=columns, orient="row").with_columns(**common)
        opted_in.warehouse.replace_partitions(table, fitted(shared, table), [day])
        return call(opted_in, receiver, day, what=("traits",))

    kitchen = ("ann", "j1", "Kitchen renovation", ["kitchen tiles"], "situational", "deciding", 0.9, 1)
    garden = ("bob", "j2", "Garden", ["garden bed"], "evergreen", "exploring", 0.4, 1)
    assert share(DAY, [kitchen, garden]).accepted == {"traits": 2}
    assert {m.user_id: m.content["audiences"]["kitchen"] for m in receiver.of_kind("traits")} == {
        "ann": True,
        "bob": False,
    }
    assert share(DAY + timedelta(days=1), [kitchen, garden]).accepted == {}
    assert share(DAY + timedelta(days=2), [garden]).accepted == {"traits": 1}
    assert receiver.of_kind("traits")[-1].content == {"journeys": [], "audiences": {"kitchen": False}}
    assert share(DAY + timedelta(days=3), [kitchen, garden]).accepted == {"traits": 1}  # as before, and not dropped
    assert len(receiver.of_kind("traits")) == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_months_of_faults_breach_no_cap_and_no_consent(opted_in: Pipeline, seed: int) -> None:
    """Plans ignore every rule, are made again at random and handed over late; calls are killed; consent changes."""
    rng, receiver, seq = random.Random(seed), Recording(), 100
    consent = dict.fromkeys(USERS, True)
    consented_at_send: dict[str, bool] = {}
    for n in range(N_DAYS):
        for back in (0, rng.choice((0, 0, 1))):
            day = DAY + timedelta(days=n - back)
            plan(opted_in, day, {user: rng.choice("jkl") for user in USERS if rng.random() < 0.7})
            if rng.random() < 0.2:
                user, seq = rng.choice(USERS), seq + 1
                consent[user] = not consent[user]
                say(opted_in, user, push=consent[user], seq=seq)
            receiver.dies_after = rng.choice((0, 1, 2, 10**9, 10**9))
            known = set(receiver.taken)
            with contextlib.suppress(ActivationError):
                call(opted_in, receiver, day, hour=rng.choice((1, 9, 12)) + 24 * (n - (day - DAY).days))
            for key in set(receiver.taken) - known:
                consented_at_send[key] = consent[receiver.taken[key].user_id]
    sends = receiver.of_kind("notification")
    taken_back = {message.content["notification_key"] for message in receiver.of_kind("cancellation")}
    assert len(sends) > N_DAYS / 3
    assert all(consented_at_send[message.key] for message in sends)
    for user in USERS:
        days = sorted((m.send_date, m.journey_id) for m in sends if m.user_id == user and m.key not in taken_back)
        dates = [one for one, _ in days if one is not None]
        assert len(set(dates)) == len(dates)
        for start in dates:
            assert sum(0 <= (one - start).days < 7 for one in dates) <= PARAMS.weekly_cap_per_user
        for (one, journey), (other, same) in pairwise(days):
            assert one is not None
            assert other is not None
            assert journey != same or (other - one).days >= PARAMS.journey_cool_down_days


def test_a_send_to_a_linked_id_counts_for_the_person(opted_in: Pipeline) -> None:
    """A device was handed a send; then it is found to be ann's, and the plan of the day is made again."""
    receiver = Recording()
    say(opted_in, "device", push=True, seq=9)
    plan(opted_in, DAY, {"device": "j1"})
    assert call(opted_in, receiver, DAY).accepted == {"notification": 1}
    with opted_in.warehouse.writing({}) as con:
        con.execute("INSERT INTO landing.identity_pairs VALUES ('ann', 'device', $1)", [DAY])
    plan(opted_in, DAY, {"ann": "j1", "bob": "j2"})
    again = call(opted_in, receiver, DAY)
    assert (again.accepted, again.withheld) == ({"notification": 1}, {"handed_over_before": 1})
    plan(opted_in, DAY + timedelta(days=1), {"ann": "j1"})
    assert call(opted_in, receiver, DAY + timedelta(days=1)).withheld == {"cool_down": 1}
    assert [message.user_id for message in receiver.of_kind("notification")] == ["device", "bob"]


def test_a_user_of_whom_nothing_is_known_is_sent_nothing(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, {"zoe": "j1"})
    assert call(opted_in, receiver, DAY).withheld == {"not_opted_in": 1}
    assert receiver.taken == {}


def test_the_cap_and_the_cool_down_hold_towards_sends_of_later_days_too(opted_in: Pipeline) -> None:
    """A plan of an old day is handed over after those of later days: no 7 days have more than the cap."""
    receiver = Recording()
    for later, journey in ((1, "j1"), (4, "j2")):
        plan(opted_in, DAY + timedelta(days=later), {"ann": journey})
        assert call(opted_in, receiver, DAY + timedelta(days=later)).accepted == {"notification": 1}
    for journey, reason in (("j3", "weekly_cap"), ("j1", "cool_down")):
        plan(opted_in, DAY, {"ann": journey})
        assert call(opted_in, receiver, DAY).withheld == {reason: 1}


def test_an_unsubscribe_takes_back_what_was_handed_over_and_holds_what_was_not(opted_in: Pipeline) -> None:
    receiver = Recording()
    plan(opted_in, DAY, {"ann": "j1"})
    call(opted_in, receiver, DAY)
    with opted_in.warehouse.writing({}) as con:
        con.execute(
            "INSERT INTO landing.refused_unsubscribes BY NAME "
            "SELECT user_id, 'push' AS channel, $1 AS unsubscribed_at, 9 AS ingest_seq "
            "FROM (VALUES ('ann'), ('bob')) AS left_us (user_id)",
            [datetime.combine(DAY, datetime.min.time())],
        )
    plan(opted_in, DAY, {"ann": "j1", "bob": "j2"})
    second = call(opted_in, receiver, DAY, hour=2)
    assert (second.accepted, second.withheld["unsubscribed"]) == ({"cancellation": 1}, 1)
    assert receiver.of_kind("cancellation")[0].content["reason"] == "unsubscribed"
