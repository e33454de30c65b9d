"""Numbers that no other test compares with their tables: changes of themes, weeks, journeys in no theme, monitors.

Seen to fail where the week before, the stage, or the number of journeys was another one.
"""

import html
import re

import duckdb
import pytest
from starlette.testclient import TestClient

from journeys_assets.explorer.charts import circle_labels
from journeys_assets.explorer.rendering import figure
from journeys_assets.explorer.sources import Sources
from tests.support.published_file import LAST_DAY

LEAST = 5


def counts_of(sources: Sources, table: duckdb.DuckDBPyConnection, condition: str = "true") -> dict[str, dict[str, int]]:
    """Users of each theme on each week, from the table; fewer than ``LEAST`` count as 0."""
    themes = sources.published.current().themes
    found: dict[str, dict[str, int]] = {}
    for i, label in enumerate(themes.themes.labels):
        rows = table.execute(
            f"SELECT partition_date::VARCHAR, count(DISTINCT user_id) FROM user_journeys WHERE {condition} "
            "AND lower(journey_name) IN (SELECT unnest($names::VARCHAR[])) GROUP BY ALL",
            {"names": themes.spellings_in(i)},
        ).fetchall()
        found[label] = {day: n if n >= LEAST else 0 for day, n in rows}
    return found


def shown_rows(section: str) -> dict[str, tuple[str, str]]:
    """Of each theme in a table: users, and the change."""
    pattern = r'<a href="/theme\?[^>]*>(.*?)</a></td><td class="n">([\d,]*)</td><td class="n delta[^>]*>(.*?)</td>'
    return {html.unescape(label): (n, delta) for label, n, delta in re.findall(pattern, section)}


def test_changes_of_themes_are_differences_of_two_weeks(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection, weeks: list[str]
) -> None:
    counts = counts_of(sources, table)
    rows = shown_rows(client.get("/themes").text)
    assert len(rows) > 5
    for label, (n, delta) in rows.items():
        now, before = counts[label][weeks[0]], counts[label].get(weeks[4], 0)
        assert int(n) == now
        wanted = f"from under {LEAST}" if not before else f"{now - before:+d}" if now != before else ""
        assert delta == wanted, label


@pytest.mark.parametrize("title", ["Rising themes", "Falling themes"])
def test_themes_that_rise_and_fall_are_counts_of_ongoing_journeys(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection, weeks: list[str], title: str
) -> None:
    counts = counts_of(sources, table, "stage = 'ongoing'")
    page = client.get("/").text
    rows = shown_rows(page[page.index(title) :].split("</table>")[0])
    assert rows
    for label, (n, delta) in rows.items():
        now, before = counts[label].get(weeks[0], 0), counts[label].get(weeks[4], 0)
        assert n == (str(now) if now else "")
        if now and before:
            assert delta == f"{now - before:+d}"
            assert (now > before) == (title == "Rising themes")


def test_weeks_and_similar_themes_of_a_theme_are_counts_of_the_table(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection, weeks: list[str]
) -> None:
    counts = counts_of(sources, table)
    label = next(iter(counts))
    page = client.get("/theme", params={"name": label}).text
    bars = re.findall(r"<title>[^<]*, users: ([\d,]+)</title>", page)
    wanted = [counts[label].get(week, 0) for week in reversed(weeks)]
    assert [int(n) for n in bars] == [n for n in wanted if n]
    similar = re.findall(r'<a href="/theme\?[^>]*>([^<]*)</a></td><td class="n">([\d,]+) users</td>', page)
    assert len(similar) > 2
    assert all(counts[html.unescape(name)][weeks[0]] == int(n) for name, n in similar)


def test_journeys_in_no_theme_are_all_but_those_in_one(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection
) -> None:
    themes = sources.published.current().themes
    named = [name for i in range(len(themes.themes.labels)) for name in themes.spellings_in(i)]
    outside, total = table.execute(
        "SELECT count(*) FILTER (lower(journey_name) NOT IN (SELECT unnest($names::VARCHAR[]))), count(*) "
        "FROM user_journeys WHERE partition_date = $day",
        {"names": named, "day": LAST_DAY},
    ).fetchall()[0]
    found = re.search(r"([\d,]+) of ([\d,]+) journeys are in no theme", client.get("/themes").text)
    assert found
    assert [int(n.replace(",", "")) for n in found.groups()] == [outside, total]


def test_values_of_monitors_are_those_of_the_last_day(client: TestClient, table: duckdb.DuckDBPyConnection) -> None:
    page = client.get("/quality").text
    rows = table.execute(
        "SELECT monitor, asset, value, bound FROM quality_metrics WHERE partition_date = $day", {"day": LAST_DAY}
    ).fetchall()
    assert rows
    for _, asset, value, bound in rows:
        shown = f'<td class="nowrap">{asset}</td><td class="n">{figure(value)}</td><td>{html.escape(bound)}</td>'
        assert shown in page


def test_no_label_of_the_map_covers_another_one() -> None:
    circles = [
        {"x": 100.0 * (n % 6), "y": 90.0 * (n // 6), "r": 60.0 - n, "label": f"a rather long theme {n}"}
        for n in range(36)
    ]
    labels = circle_labels(circles)
    boxes = []
    for label in labels:
        half, top = max(map(len, label.lines)) * label.size * 0.33, label.y - label.size * 0.85
        boxes.append((label.x - half, top, label.x + half, top + 1.1 * label.size * len(label.lines)))
    for n, a in enumerate(boxes):
        for b in boxes[:n]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert 5 <= len(labels) < len(circles)
