"""The explorer on a deployment that the pipeline has run: details from the warehouse, and a word that comes back."""

import html
import math
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from journeys_assets.evaluation.report.page import write_report
from journeys_assets.evaluation.report.section import Section, gathered
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.explorer.app import explorer_app, sources_of
from journeys_assets.explorer.sources import Sources
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
SAID_ON, LAST = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
THEMES = ("wedding dress", "camping tent")
FORMS = ("{a} {b}", "{a} {b}s", "{b} {a}", "{a}s {b}", "{a} {a} {b}", "{b} {b} {a}")
USERS = [f"user {n}" for n in range(6)]


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = Sandbox(tmp_path_factory.mktemp("deployment") / "home")
    pairs = [theme.split() for theme in THEMES]
    queries = [form.format(a=a, b=b) for a, b in pairs for form in FORMS]
    times = [at(FIRST, 9) + timedelta(minutes=n) for n in range(len(queries))]
    asked = pl.DataFrame({"query": queries, "searched_at": times})
    searches = pl.DataFrame({"user_id": USERS}).join(asked, how="cross")
    users = pl.DataFrame({"user_id": USERS, "country": ["DE"] * 5 + ["JP"], "push_opt_in": True, "email_opt_in": False})
    made.land({"search_events": searches, "users": users})
    made.run(FIRST, SAID_ON)
    return made


@pytest.fixture(scope="module")
def now() -> list[datetime]:
    """The time of the explorer; the last one counts."""
    return [at(SAID_ON, 8)]


@pytest.fixture(scope="module")
def own(sandbox: Sandbox, now: list[datetime]) -> Iterator[Sources]:
    made = sources_of(sandbox.deployment, now=lambda: now[-1])
    yield made
    made.published.close()


@pytest.fixture(scope="module")
def page(own: Sources) -> TestClient:
    return TestClient(explorer_app(own, token=None), base_url="http://127.0.0.1")


def test_details_are_the_actions_and_the_parts_of_the_score(page: TestClient, sandbox: Sandbox, own: Sources) -> None:
    rows = sandbox.table("user_journeys").filter(user_id=USERS[0], partition_date=SAID_ON)
    assert rows.height == len(THEMES)
    details = own.details(USERS[0], SAID_ON)
    for row in rows.iter_rows(named=True):
        found = details[row["journey_id"]]
        assert found["actions"] == {"search": row["n_searches_90d"]}
        assert found["active_days"] == row["active_days_90d"]
        parts = dict(found["parts"])
        current = math.exp(parts.pop("recency"))
        assert current / (1 + math.exp(-sum(parts.values()))) == pytest.approx(row["score"])
    shown = page.get("/user/details", params={"id": USERS[0]}).text
    assert shown.count("<details") == len(THEMES)
    assert all(f"<b>{html.escape(name)}</b>" in shown for name in rows["journey_name"])


def test_while_the_pipeline_writes_the_page_is_shown_and_details_say_why_they_are_not(
    page: TestClient, sandbox: Sandbox
) -> None:
    page.get("/")
    with sandbox.deployment.warehouse.writing({}):
        assert page.get("/user", params={"id": USERS[0]}).status_code == 200
        assert "The pipeline is writing" in page.get("/user/details", params={"id": USERS[0]}).text


def test_themes_are_filtered_by_the_country_of_users(page: TestClient) -> None:
    everyone = page.get("/themes").text
    assert everyone.count(">6</td>") == len(THEMES)
    german = page.get("/themes?country=DE").text
    assert german.count(">5</td>") == len(THEMES)
    assert "No theme has 5 users" in page.get("/themes?country=JP").text


def test_a_word_counts_after_the_next_run_and_can_be_taken_back(
    page: TestClient, sandbox: Sandbox, now: list[datetime]
) -> None:
    user = USERS[0]
    journey = sandbox.table("user_journeys").filter(user_id=user, partition_date=SAID_ON, rank=1)["journey_id"][0]

    def say(verdict: str, when: datetime) -> str:
        now.append(when)
        shown = page.get("/user", params={"id": user}).text
        proof = re.search(r'name="proof" value="(\w+)"', shown)
        assert proof
        form = {"user": user, "journey": journey, "verdict": verdict, "proof": proof.group(1)}
        return page.post("/user/feedback", data=form).text

    def after_run(day: date) -> str:
        sandbox.load(sandbox.settings.landing_path)
        sandbox.run(day, day)
        for _ in range(500):
            shown = page.get("/user", params={"id": user}).text
            if f"As of {day:%-d %b %Y}" in shown:
                return shown
        raise AssertionError("the new file was never read")

    assert "Said: mute; it counts from the next run on." in say("mute", at(LAST, 9))
    muted = after_run(LAST)
    assert "the user said: mute" in muted
    assert "push: feedback muted" in muted
    assert "it counts from the next run on" not in muted
    assert "Taken back" in say("withdrawn", at(LAST + timedelta(days=1), 9))
    assert "the user said" not in after_run(LAST + timedelta(days=1))


def test_the_report_of_the_evaluation_is_shown(page: TestClient, own: Sources) -> None:
    assert "There is no report yet" in page.get("/quality").text
    base = np.random.default_rng(4).random(80)
    results, comparisons = gathered(
        measure(
            {"production": mean_of(base + 0.2), "strong <b>": mean_of(base)},
            dataset="set",
            regime="light",
            metric="F1",
            n_users=80,
            ours="production",
        )
        for _ in range(1)
    )
    write_report([Section("naming", "Naming", "", results, comparisons)], {"log": "made up"}, own.evaluation / "report")
    shown = page.get("/quality").text
    value = results.filter(method="production")["value"][0]
    assert f'<td class="n">{value:,.4g}</td>' in shown
    assert "strong &lt;b&gt;" in shown
    assert "better" in shown
    report = page.get("/quality/report")
    assert report.status_code == 200
    assert report.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_without_a_send_there_is_no_readout(page: TestClient) -> None:
    for _ in range(200):
        shown = page.get("/quality").text
        if "being computed" not in shown:
            break
    assert "no send was logged" in shown
