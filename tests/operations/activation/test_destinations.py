"""Destinations against real servers on loopback: what arrives, what is tried again, and what is refused."""

import csv
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.activation.messages import Message, key_of
from journeys_assets.operations.activation.base import ActivationError
from journeys_assets.operations.activation.choose import destination_of
from journeys_assets.operations.activation.http import ATTEMPTS, Poster, Segment, Webhook
from journeys_assets.operations.activation.stores import Files
from tests.support.receivers import Receiver, user_of
from tests.support.serving import Serving, free_port

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def send(user: str) -> Message:
    content = {"journey_id": "j1", "channel": "push", "title": "Zoë’s garden"}
    return Message(key_of("n", user), "notification", user, content, "j1", "push", date(2026, 3, 3))


def traits(user: str, *, n: int = 1) -> Message:
    journeys = [{"journey_id": f"j{i}", "name": "Kitchen"} for i in range(n)]
    return Message(
        key_of("t", user), "traits", user, {"journeys": journeys, "audiences": {"kitchen": True, "diy": False}}
    )


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def served(receiver: Receiver) -> Iterator[Serving]:
    with Serving(receiver) as serving:
        yield serving


def webhook(serving: Serving, pauses: list[float] | None = None) -> Webhook:
    return Webhook(Poster(serving.url, ([] if pauses is None else pauses).append), "secret", lambda: NOW)


def test_a_webhook_gets_signed_messages(receiver: Receiver, served: Serving) -> None:
    receiver.refuse = {key_of("n", "bob"): "no such user"}
    assert webhook(served).hand_over([send("ann"), send("bob")]) == {
        key_of("n", "ann"): None,
        key_of("n", "bob"): "no such user",
    }
    ((body, headers),) = receiver.raw
    seconds = int(NOW.timestamp())
    digest = hmac.new(b"secret", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-journeys-signature"] == f"t={seconds},v1={digest}"
    assert [(m["key"], m["user_id"], m["send_date"], m["title"]) for m in receiver.messages()] == [
        (key_of("n", user), user, "2026-03-03", "Zoë’s garden") for user in ("ann", "bob")
    ]


def test_a_busy_receiver_is_asked_again_and_a_bad_message_costs_no_other(receiver: Receiver, served: Serving) -> None:
    pauses: list[float] = []
    receiver.statuses = [503, 429]
    assert set(webhook(served, pauses).hand_over([send("ann")]).values()) == {None}
    assert pauses == [0.5, 1.0]
    receiver.bad = {"bob"}
    outcome = webhook(served).hand_over([send("ann"), send("bob"), send("cem")])
    assert outcome[key_of("n", "bob")] == 'status 400: {"error": "no"}'
    assert [why for key, why in outcome.items() if key != key_of("n", "bob")] == [None, None]


def test_a_receiver_that_is_down_is_an_error_that_names_it(receiver: Receiver, served: Serving) -> None:
    receiver.statuses = [500] * ATTEMPTS
    with pytest.raises(ActivationError, match=f"{served.url} did not take messages .*status 500"):
        webhook(served).hand_over([send("ann")])
    nobody = Webhook(Poster(f"http://127.0.0.1:{free_port()}", lambda _: None), "secret")
    with pytest.raises(ActivationError, match="ConnectError"):
        nobody.hand_over([send("ann")])


def test_segment_gets_identify_group_and_track(receiver: Receiver, served: Serving) -> None:
    segment = Segment(Poster(served.url, lambda _: None), "key")
    outcome = segment.hand_over([traits("ann"), send("ann"), traits("bob", n=2000)])
    assert outcome[key_of("t", "ann")] is outcome[key_of("n", "ann")] is None
    assert "longer than Segment takes" in str(outcome[key_of("t", "bob")])
    calls = list(receiver.messages())
    assert [(call["type"], call["messageId"]) for call in calls] == [
        ("identify", key_of("t", "ann")),
        ("group", f"{key_of('t', 'ann')}-kitchen"),
        ("track", key_of("n", "ann")),
    ]
    assert calls[0]["traits"]["in_kitchen"] is True
    assert calls[0]["traits"]["in_diy"] is False
    assert user_of(receiver.raw[0][1]["authorization"]) == "key"
    receiver.statuses = [401]
    with pytest.raises(ActivationError, match="write key"):
        segment.hand_over([send("ann")])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_have_a_row_for_each_message_and_replace_themselves(tmp_path: Path, ending: str) -> None:
    destination = destination_of(f"{ending}:{tmp_path / 'out'}", webhook_secret=None, segment_write_key=None)
    assert isinstance(destination, Files)
    for _ in range(2):
        destination.hand_over([send("ann"), send("bob")])
    (file,) = (tmp_path / "out").iterdir()
    if ending == "csv":
        with file.open() as stream:
            rows = list(csv.DictReader(stream))
    else:
        rows = pl.read_parquet(file).to_dicts()
    assert [row["user_id"] for row in rows] == ["ann", "bob"]
    assert json.loads(rows[0]["content"])["title"] == "Zoë’s garden"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://x", "is no destination; destinations are segment"),
        ("segment", "JOURNEYS_ACTIVATION__SEGMENT_WRITE_KEY"),
        ("https://example.org/x", "JOURNEYS_ACTIVATION__WEBHOOK_SECRET"),
        ("postgresql://me:pw@host/db", "remove it, and set PGPASSWORD"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(address: str, message: str) -> None:
    with pytest.raises(ActivationError, match=message):
        destination_of(address, webhook_secret=None, segment_write_key=None)
