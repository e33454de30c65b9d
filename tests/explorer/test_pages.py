"""The pages: every number is that of the table, small groups are not shown, and text never acts."""

import html
import re
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest
from starlette.testclient import TestClient

from journeys_assets.deployment import Deployment
from journeys_assets.domain.history.comparison import compare_versions
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.explorer.app import explorer_app, sources_of
from journeys_assets.explorer.cubes import read_themes
from journeys_assets.explorer.published import Published, connect
from journeys_assets.explorer.sources import Sources
from journeys_assets.operations.preview import VERSIONS
from tests.support.hostile import ACTING, HOSTILE
from tests.support.pages import elements_of
from tests.support.published_file import LAST_DAY, write_published

LEAST = 5
PATHS = ("/", "/themes", "/themes?colour=change", "/user", "/user?id=u000001", "/quality", "/compare")


def one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])


def counted(page: str, pattern: str) -> int:
    found = re.search(pattern, page)
    assert found, pattern
    return int(found.group(1).replace(",", ""))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_loads_and_has_its_parts(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<h2>" in answer.text
    assert "None" not in re.sub(r"<[^>]*>", "", answer.text)


def test_counts_of_the_home_page_are_those_of_the_tables(client: TestClient, table: duckdb.DuckDBPyConnection) -> None:
    page = client.get("/").text
    wanted = {
        "users": "SELECT count(DISTINCT user_id) FROM current_journeys",
        "journeys": "SELECT count(*) FROM current_journeys",
        "ongoing": "SELECT count(*) FROM current_journeys WHERE stage = 'ongoing'",
        "areas": "SELECT count(*) FROM (SELECT DISTINCT user_id, area_id FROM current_journeys)",
        "sends": f"SELECT count(*) FROM notification_candidates WHERE partition_date = '{LAST_DAY}' "
        "AND decision = 'send'",
        "users_to_notify": f"SELECT count(DISTINCT user_id) FROM notification_candidates "
        f"WHERE partition_date = '{LAST_DAY}' AND decision = 'send'",
    }
    for name, query in wanted.items():
        assert counted(page, rf'data-number="{name}">([\d,]+)<') == one(table, query), name
    for decision, reason, n in table.execute(
        "SELECT decision, reason, count(*) FROM notification_candidates WHERE partition_date = $day GROUP BY ALL",
        {"day": LAST_DAY},
    ).fetchall():
        shown = rf"{decision}</span> {reason.replace('_', ' ')}</td><td class=\"n\">([\d,]+)<"
        assert counted(page, shown) == n


@pytest.mark.parametrize("column", ["kind", "stage", "intent"])
def test_bars_of_the_home_page_are_counts_of_the_table(
    client: TestClient, table: duckdb.DuckDBPyConnection, column: str, weeks: list[str]
) -> None:
    page = client.get("/").text
    rows = table.execute(f"SELECT partition_date, {column}, count(*) FROM user_journeys GROUP BY ALL").fetchall()
    assert len({day for day, *_ in rows}) == len(weeks)
    for day, value, n in rows:
        assert f"<title>{day:%-d %b}, {value}: {n:,}</title>" in page


def theme_names(sources: Sources) -> dict[str, list[str]]:
    """The normalised names of each theme."""
    themes = sources.published.current().themes
    return {label: themes.spellings_in(i) for i, label in enumerate(themes.themes.labels)}


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("", "true"),
        ("kind=evergreen&stage=ongoing", "kind = 'evergreen' AND stage = 'ongoing'"),
        ("intent=acting", "intent = 'acting'"),
        ("week=2026-05-17", "true"),
    ],
)
def test_users_of_themes_are_counts_of_the_table(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection, query: str, condition: str
) -> None:
    day = query.removeprefix("week=") if "week" in query else str(LAST_DAY)
    page = client.get(f"/themes?{query}").text
    rows = dict(
        re.findall(r'data-row tabindex="-1"><td><i.*?></i><a [^>]*>(.*?)</a></td><td class="n">([\d,]+)<', page)
    )
    wanted = {}
    for label, names in theme_names(sources).items():
        n = len(
            table.execute(
                f"SELECT DISTINCT user_id FROM user_journeys WHERE partition_date = $day AND {condition} "
                "AND lower(journey_name) IN (SELECT unnest($names::VARCHAR[]))",
                {"day": day, "names": names},
            ).fetchall()
        )
        if n >= LEAST:
            wanted[label] = n
    assert len(wanted) >= 5
    assert {html.unescape(label): int(n) for label, n in rows.items()} == wanted


def test_a_filter_by_country_counts_only_its_users(
    sources: Sources, home: Path, table: duckdb.DuckDBPyConnection, countries: pl.DataFrame
) -> None:
    con = connect(home / "journeys.duckdb")
    names = theme_names(sources)
    themes = read_themes(
        con,
        [LAST_DAY],
        countries,
        lambda texts: sources.published.current().themes.themes.vectors[:1].repeat(len(texts), axis=0),
        least_users=LEAST,
        params=ThemeParams(),
    )
    con.close()
    assert themes.countries == ("DE", "JP")
    assert names
    table.register("countries", countries.to_arrow())
    for country in themes.countries:
        wanted = table.execute(
            "SELECT count(DISTINCT user_id) FROM current_journeys JOIN countries USING (user_id) WHERE country = $c",
            {"c": country},
        ).fetchall()[0][0]
        # One vector for all names: they are all one theme.
        assert themes.users(LAST_DAY, {"country": country}).tolist() == [wanted]
    table.unregister("countries")


def test_the_page_of_a_theme_shows_names_and_keywords_of_its_users(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection
) -> None:
    label, names = max(theme_names(sources).items(), key=lambda item: len(item[1]))
    page = client.get("/theme", params={"name": label}).text
    behind = client.get("/theme/behind", params={"name": label}).text
    mine = "SELECT * FROM current_journeys WHERE lower(journey_name) IN (SELECT unnest($names::VARCHAR[]))"
    shown = {
        html.unescape(name): int(n) for name, n in re.findall(r"<tr><td>(.*?)</td><td class=\"n\">(\d+)</td>", page)
    }
    by_name = dict(
        table.execute(
            f"SELECT journey_name, count(DISTINCT user_id) AS n FROM ({mine}) GROUP BY 1 HAVING n >= {LEAST}",
            {"names": names},
        ).fetchall()
    )
    assert shown == by_name
    words = {html.unescape(word): int(n) for word, n in re.findall(r'<li class="w\d">(.*?) <small>([\d,]+)<', behind)}
    counts = dict(
        table.execute(
            f"SELECT k, count(DISTINCT user_id) FROM (SELECT user_id, unnest(keywords) AS k FROM ({mine})) GROUP BY 1",
            {"names": names},
        ).fetchall()
    )
    assert words
    assert words == {word: counts[word] for word in words}
    assert min(words.values()) >= LEAST
    following = re.findall(r"<tr><td>(.*?)</td><td class=\"nowrap\">(.*?)</td><td class=\"n\">(\d+)</td>", behind)
    assert all(int(n) >= LEAST and html.unescape(name) not in names for name, _, n in following)


def test_no_page_about_all_users_shows_what_few_of_them_have(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection
) -> None:
    few = table.execute(
        "SELECT journey_name FROM current_journeys GROUP BY 1 HAVING count(DISTINCT user_id) < 5 "
        "UNION SELECT k FROM (SELECT user_id, unnest(keywords) AS k FROM current_journeys) GROUP BY k "
        "HAVING count(DISTINCT user_id) < 5"
    ).fetchall()
    assert len(few) > 50
    pages = ["/", "/themes", *(f"/theme?name={label}" for label in theme_names(sources))]
    pages += [f"/theme/behind?name={label}" for label in theme_names(sources)]
    shown = set()
    for path in pages:
        shown |= {html.unescape(text).strip() for text in re.findall(r">([^<]+)<", client.get(path).text)}
    assert shown & {text for (text,) in few} == set()


def test_the_page_of_a_user_shows_the_rows_of_the_tables(client: TestClient, table: duckdb.DuckDBPyConnection) -> None:
    page = client.get("/user", params={"id": "u000007"}).text
    articles = re.split(r"<article ", page)[1:]
    rows = table.execute("SELECT * FROM current_journeys WHERE user_id = 'u000007' ORDER BY rank").pl().to_dicts()
    assert len(articles) == len(rows) == 5
    for article, row in zip(articles, rows, strict=True):
        assert f'id="{row["journey_id"]}"' in article
        assert f'<span class="rank">{row["rank"]}</span>{row["journey_name"]}<' in article
        assert f"confidence <b>{row['confidence']:.2f}</b>" in article
        assert f"{row['stage'].capitalize()} because: {row['stage_reason']}" in article
        assert f"<b>{row['n_closeups_90d']}</b> closeups" in article or not row["n_closeups_90d"]
        plans = table.execute(
            "SELECT channel, decision, reason FROM notification_candidates WHERE user_id = 'u000007' "
            "AND journey_id = $id",
            {"id": row["journey_id"]},
        ).fetchall()
        assert len(plans) == 2
        for channel, decision, reason in plans:
            assert f'{decision}">{decision}</span> {channel}: {reason.replace("_", " ")}' in article
    n_events = one(table, "SELECT count(*) FROM journey_events WHERE user_id = 'u000007'")
    assert page.count('<td class="nowrap"><i class="dot fill-') == n_events


def test_items_are_shown_where_the_deployment_has_them(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "journeys.duckdb"
    write_published(path, 60)
    with duckdb.connect(str(path)) as con:
        con.execute(
            "CREATE TABLE journey_items AS SELECT partition_date, user_id, journey_id, "
            "['<i>' || split_part(journey_name, ' ', 1), 'of ' || user_id] AS item_ids FROM current_journeys"
        )
        label, thing, n = con.execute(
            "SELECT journey_name, split_part(journey_name, ' ', 1), count(DISTINCT user_id) FROM current_journeys "
            "GROUP BY ALL ORDER BY 3 DESC, 1 LIMIT 1"
        ).fetchall()[0]
    own = sources_of(deployment.at(tmp_path / "home"))
    client = TestClient(explorer_app(own, token=None), base_url="http://127.0.0.1")
    assert client.get("/user?id=u000007").text.count("<span>of u000007</span>") == 5
    behind = client.get("/theme/behind", params={"name": label}).text
    shown = {html.unescape(item): int(n) for item, n in re.findall(r"<li>(&lt;.*?) <small>(\d+)</small>", behind)}
    assert shown[f"<i>{thing}"] >= n
    assert "of u0" not in behind
    own.published.close()


def test_an_unknown_user_is_named(client: TestClient) -> None:
    answer = client.get("/user", params={"id": "nobody <b>"})
    assert answer.status_code == 404
    assert "nobody &lt;b&gt; has no journey" in answer.text


def test_a_value_that_is_not_allowed_is_refused_with_those_that_are(client: TestClient) -> None:
    answer = client.get("/themes?kind=weekly")
    assert answer.status_code == 400
    assert "kind is one of situational, evergreen, seasonal" in html.unescape(answer.text)
    assert client.get("/theme?name=nothing").status_code == 404
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\udcff" not in text])
def test_text_from_a_log_is_shown_and_never_acts(client: TestClient, text: str) -> None:
    plain = [elements_of(client.get("/user", params={"id": user}).text) for user in ("u000001", "u000002", "nobody")]
    answer = client.get("/user", params={"id": f"hostile {text}"})
    found = elements_of(answer.text)
    assert set(found.tags) <= {tag for page in plain for tag in page.tags}
    assert found.attributes <= {name for page in plain for name in page.attributes}
    assert found.tags.count("script") == 1
    assert not {c for c in answer.text if c in ACTING and c not in "\n\t"}
    if text.isprintable():
        assert answer.status_code == 200
        shown = html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        # Name, keyword, who scored, area, title of the message, event, related journey.
        assert answer.text.count(shown) >= 8


@pytest.mark.parametrize("path", ["/", "/quality"])
def test_text_of_monitors_is_shown_and_never_acts(client: TestClient, path: str) -> None:
    page = client.get(path).text
    for text in ("<i>monitor", "<b>bound", "<u>advice"):
        assert text not in page
        assert html.escape(text) in page


def test_a_deployment_that_published_nothing_says_what_to_do(sources: Sources, tmp_path: Path) -> None:
    nothing = replace(sources, published=Published(tmp_path / "journeys.duckdb", lambda *_: None))  # type: ignore[type-var]
    answer = TestClient(explorer_app(nothing, token=None), base_url="http://127.0.0.1").get("/")
    assert answer.status_code == 503
    assert "journeys ingest PATH" in answer.text


def test_two_versions_are_compared_in_the_background(
    client: TestClient, sources: Sources, table: duckdb.DuckDBPyConnection, home: Path
) -> None:
    before = table.execute("SELECT * FROM current_journeys").pl()
    after = before.with_columns(
        algorithm_version=pl.lit("v2"),
        journey_name=pl.when(pl.col("rank") == 1).then(pl.lit("renamed")).otherwise("journey_name"),
    )
    (home / VERSIONS).mkdir(exist_ok=True)
    after.write_parquet(home / VERSIONS / "v2.parquet", metadata={"partition_date": str(LAST_DAY)})
    wanted = compare_versions(before, after, sources.params.evolution)
    page = ""
    for _ in range(200):
        page = client.get("/compare?one=v1&other=v2").text
        if "being compared" not in page:
            break
    for change, n in wanted.counts.items():
        assert f'<td>{change.replace("_", " ")}</td><td class="n">{n:,}</td>' in page
    assert wanted.counts["renamed"] > 100
    unknown = client.get("/compare?one=v1&other=v9").text
    for _ in range(200):
        if "being compared" not in unknown:
            break
        unknown = client.get("/compare?one=v1&other=v9").text
    assert "no journeys of version &#39;v9&#39; are kept" in unknown
