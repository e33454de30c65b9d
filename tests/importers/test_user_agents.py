"""Bots and monitoring clients by their user agents: counted, kept, and no person among them."""

from pathlib import Path
from typing import Any

import pytest

from journeys_assets.importers.user_agents import kind_of_agent
from tests.support.log_files import LogSandbox
from tests.support.vendor_logs import as_text, posthog, segment, snowplow, ubi

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
PEOPLE = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    f"Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 20) {WEBKIT} Chrome/99.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 [FBAN/FBIOS;FBAV/400.0]",
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ1A)",
    "Shop/5.2 CFNetwork/1410.0.3 Darwin/22.6.0",
    "okhttp/4.9.3",
    "Dart/3.1 (dart:io)",
    "Amazon CloudFront",
]
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PINGDOM = "Mozilla/5.0 (compatible; pingdom.com_bot_version_1.4_(http://www.pingdom.com/))"


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_and_their_apps_are_no_bots(agent: str) -> None:
    assert kind_of_agent(agent) is None


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (GOOGLEBOT, "bot"),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.1; +https://openai.com/gptbot)",
            "bot",
        ),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0 Safari/537.36", "bot"),
        ("curl/8.5.0", "bot"),
        (PINGDOM, "monitoring"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/126 Safari/537.36 DatadogSynthetics", "monitoring"),
    ],
)
def test_bots_and_monitoring_clients_are_found(agent: str, kind: str) -> None:
    assert kind_of_agent(agent) == kind


def with_agent(name: str, record: dict[str, Any], agent: str) -> dict[str, Any]:
    if name == "segment":
        return {**record, "context": {"userAgent": agent}}
    if name == "posthog":
        return {**record, "properties": {**record["properties"], "$raw_user_agent": agent}}
    if name == "ubi":
        return {**record, "query_attributes": {"user_agent": agent}}
    return {**record, "useragent": agent}


@pytest.mark.parametrize("make", [segment, snowplow, posthog, ubi], ids=lambda make: make.__name__)
def test_each_format_has_the_agent_where_its_vendor_puts_it(tmp_path: Path, make: Any) -> None:
    name = make.__name__
    agents = [PEOPLE[0], GOOGLEBOT, PINGDOM]
    records = [with_agent(name, dict(make(2 * n, 0)[0]), agent) for n, agent in enumerate(agents)]
    log = LogSandbox(tmp_path, name)
    log.write("a.tsv" if name == "snowplow" else "a.jsonl", as_text(name, records))
    report = log.load()
    assert report.noise == {"bot": 1, "monitoring": 1}
    assert log.rows("query, noise", "search_events") == [
        ("shed 0", None),
        ("shed 2", "bot"),
        ("shed 4", "monitoring"),
    ]
    assert {outcome: n for (_, outcome), n in report.events.items()} == {
        "search_events": 1,
        "noise: bot": 1,
        "noise: monitoring": 1,
    }
    (file,) = (file for file in report.files if file.source == "search_events")
    assert (file.n_rows, file.n_accepted, file.n_noise) == (3, 1, 2)
    assert sum(file.outcomes.values()) == 3
