"""Which ids each log format links, and from when on."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from tests.support.log_files import LogSandbox

TEN = datetime(2026, 1, 5, 10)
ISO = "2026-01-05T10:00:00Z"
US = 1767607200000000
Record = dict[str, Any]


def segment(**ids: str) -> Record:
    return {"messageId": "m", "type": "identify", "timestamp": ISO, **ids}


def ga4(**ids: str) -> Record:
    return {"event_name": "page_view", "event_timestamp": str(US), **ids}


def posthog(event: str, **properties: str) -> Record:
    at = {"timestamp": "2026-01-05T10:00:00.000000Z"}
    return {"uuid": "u", "event": event, "distinct_id": "ann", "person_id": "p", "properties": properties, **at}


def amplitude(**ids: str) -> Record:
    return {"event_type": "start", "event_time": "2026-01-05 10:00:00.000000", "amplitude_id": "7", **ids}


def mixpanel(**properties: str) -> Record:
    return {"event": "start", "properties": {"time": US // 10**6, **properties}}


def merging(event: str, **properties: Any) -> Record:
    return {"event": event, "properties": {"time": US // 10**6, **properties}}


def identified(user: str, **properties: Any) -> Record:
    """Either of the two ids may stand for the person after ``$identify``."""
    other = {"ann": "d", "d": "ann"}[user]
    return merging("$identify", **properties, **{"$identified_id": user, "$anon_id": other})


def snowplow(**ids: str) -> Record:
    return {"event_id": "e", "collector_tstamp": "2026-01-05 10:00:00.000", "event": "page_ping", **ids}


MERGE = {"merge_time": "2026-01-05 10:00:00.000000", "amplitude_id": "7", "merged_amplitude_id": "8"}
BY_DISTINCT_ID = FormatOptions(user=("distinct_id",))
BY_USER_ID = FormatOptions(user=("properties.$user_id", "distinct_id"))
CASES = [
    ("segment", segment(userId="ann", anonymousId="device"), None, ["device"]),
    ("segment", segment(userId="ann", anonymousId="device", previousId="mail"), None, ["device", "mail"]),
    ("rudderstack", segment(userId="ann", anonymousId="device", channel="web"), None, ["device"]),
    ("segment", segment(userId="ann", anonymousId="device"), FormatOptions(user=("anonymousId",)), []),
    ("segment", segment(anonymousId="device"), None, []),
    ("ga4", ga4(user_id="ann", user_pseudo_id="device"), None, ["device"]),
    ("posthog", posthog("$identify", **{"$anon_distinct_id": "device"}), BY_DISTINCT_ID, ["device"]),
    ("posthog", posthog("$create_alias", alias="mail"), BY_DISTINCT_ID, ["mail"]),
    ("posthog", posthog("viewed", alias="mail"), BY_DISTINCT_ID, []),
    ("posthog", posthog("viewed", **{"$user_id": "ann"}) | {"distinct_id": "d"}, BY_USER_ID, ["d"]),
    ("posthog", posthog("$identify", **{"$anon_distinct_id": "device"}), None, []),
    ("amplitude", amplitude(user_id="ann", device_id="device"), None, ["device"]),
    ("mixpanel", mixpanel(**{"$user_id": "ann", "$device_id": "d"}), None, ["$device:d", "d"]),
    ("mixpanel", identified("d", distinct_id="ann"), None, ["d"]),
    ("mixpanel", identified("ann", distinct_id="ann"), None, ["d"]),
    ("mixpanel", merging("$create_alias", distinct_id="ann", alias="mail"), None, ["mail"]),
    ("mixpanel", merging("$merge", distinct_id="ann", **{"$distinct_ids": ["d", "ann"]}), None, ["d"]),
    ("mixpanel", merging("$merge", **{"$distinct_ids": ["ann", "d"]}), None, ["d"]),
    ("mixpanel", merging("$merge", **{"$distinct_ids": ["ann"]}), None, []),
    ("mixpanel", merging("viewed", distinct_id="ann", alias="mail"), None, []),
    ("snowplow", snowplow(user_id="ann", domain_userid="cookie", network_userid="n"), None, ["cookie"]),
]


@pytest.mark.parametrize(("format", "record", "options", "others"), CASES)
def test_records_with_two_ids_link_them(
    format: str, record: Record, options: FormatOptions | None, others: list[str], tmp_path: Path
) -> None:
    log = LogSandbox(tmp_path, format)
    log.write("1.json", [record])
    log.load(options=options)
    links = log.rows("user_id, other_id, linked_at, unlinked", "identities")
    assert links == [("ann", other, TEN, None) for other in others]


def test_merges_of_amplitude_link_amplitude_ids(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "amplitude")
    log.write("1.json", [MERGE])
    log.load()
    assert log.rows("user_id, other_id, linked_at", "identities") == [("7", "8", TEN)]


def test_a_link_is_stored_where_the_user_of_a_device_changes(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "ga4")
    users = ["ann", "ann", "ben", "ann", "ann"]
    rows = [ga4(user_id=user, user_pseudo_id="tv") | {"event_timestamp": US + n} for n, user in enumerate(users)]
    log.write("1.json", rows[::-1])
    assert log.load().skipped_by_reason == {"no rule for the event": 5}
    links = log.rows("linked_at, user_id", "identities")
    assert [(at.microsecond, user) for at, user in links] == [(0, "ann"), (2, "ben"), (3, "ann")]
