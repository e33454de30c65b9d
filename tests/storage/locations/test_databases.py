"""Logs in a PostgreSQL server and in DuckDB files."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.support.command_line import Journeys, runner
from tests.support.landing_files import SEARCHES, Sandbox, as_csv
from tests.support.postgres_server import PASSWORD, running_postgres

STATEMENTS = """
CREATE TABLE search_events (user_id uuid, query text, searched_at timestamptz, ip inet);
INSERT INTO search_events VALUES
  ('00000000-0000-0000-0000-000000000001', 'garden shed', '2026-01-02 10:00+02', '10.0.0.1'),
  ('00000000-0000-0000-0000-000000000002', '日本 庭園', '2026-01-01 10:00+00', NULL);
CREATE SCHEMA web;
CREATE TABLE web.clicks (id bigserial, body jsonb, at timestamp);
INSERT INTO web.clicks (body, at) VALUES
  ('{"who": {"id": "u1"}, "type": "search", "text": "wedding cake"}', '2026-01-03 10:00'),
  ('{"who": {"id": "u1"}, "type": "view", "product": {"id": 17, "title": "Cake stand"}}', '2026-01-03 10:01'),
  ('{"who": {}, "type": "search", "text": "nobody''s search"}', '2026-01-03 10:02');
CREATE TABLE secrets (n integer);
"""

MAPPING = """
user = "body.who.id"
time = "at"
event = "body.type"

[[searches]]
when = { "body.type" = ["search"] }
query = "body.text"

[[engagements]]
item = "body.product.id"
title = "body.product.title"
annotations = ["body.product.title"]
[engagements.actions]
view = "look"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres(STATEMENTS) as url:
        yield url


@pytest.fixture
def shop(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return server


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def shown(url: str) -> str:
    return url.replace("reader@", "")


def test_tables_of_postgresql_that_are_named_like_sources(shop: str, journeys: Journeys, tmp_path: Path) -> None:
    report = json.loads(journeys("ingest", shop, "--json").stdout)
    [file] = report["files"]
    assert (file["file"], file["source"], file["n_accepted"]) == (f"{shown(shop)}/search_events", "search_events", 2)
    rows = Sandbox(tmp_path / "home").table("search_events").select("user_id", "query", "searched_at").rows()
    assert [(user[-1], query, f"{at}") for user, query, at in rows] == [
        ("1", "garden shed", "2026-01-02 08:00:00"),
        ("2", "日本 庭園", "2026-01-01 10:00:00"),
    ]
    again = json.loads(journeys("ingest", shop, "--json").stdout)
    assert again["files"] == [] or again["files"][0]["n_duplicate"] == 2


def test_a_query_of_postgresql_as_a_landing_source(shop: str, journeys: Journeys, tmp_path: Path) -> None:
    query = (
        "SELECT body #>> '{who,id}' AS user_id, body ->> 'text' AS query, at AS searched_at FROM web.clicks "
        "WHERE body ->> 'type' = 'search' AND body #> '{who,id}' IS NOT NULL;"
    )
    journeys("ingest", shop, "--query", query, "--source", "search_events")
    assert Sandbox(tmp_path / "home").table("search_events")["query"].to_list() == ["wedding cake"]
    assert f"{shown(shop)}/query: its source is unknown" in journeys("ingest", shop, "--query", query, code=2).stderr


def test_a_table_of_postgresql_through_a_mapping(shop: str, journeys: Journeys, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    table = ("--table", "web.clicks", "--mapping", tmp_path / "mapping.toml")
    explained = journeys("ingest", shop, *table, "--explain").stdout
    assert f"{shown(shop)}/web.clicks" in explained
    report = json.loads(journeys("ingest", shop, *table, "--json").stdout)
    assert report["skipped_by_reason"] == {"no user": 1}
    home = Sandbox(tmp_path / "home")
    assert home.table("search_events")["query"].to_list() == ["wedding cake"]
    assert home.table("pin_engagements").select("user_id", "pin_id", "action").rows() == [("u1", "17", "closeup")]
    assert home.table("pins")["title"].to_list() == ["Cake stand"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "nothing"), "check the query or the name of the table"),
        (("--query", "SELECT 1; DROP TABLE secrets"), "cannot be read"),
        (("--query", "DELETE FROM secrets RETURNING n"), "cannot be read"),
        (("--query", "SELECT nextval('web.clicks_id_seq') AS user_id"), "read-only transaction"),
    ],
)
def test_what_cannot_be_read_of_postgresql(
    shop: str, journeys: Journeys, arguments: tuple[str, ...], message: str
) -> None:
    said = journeys("ingest", shop, *arguments, code=2).stderr
    assert shown(shop) in said
    assert message in said


def test_no_message_has_a_password(server: str, journeys: Journeys) -> None:
    url = server.replace("reader@", "reader:wrong%3Apassword@")
    said = journeys("ingest", url, code=2).stderr
    assert shown(server) in said
    assert "PGPASSWORD" in said
    assert "wrong" not in said


def test_a_duckdb_file(journeys: Journeys, tmp_path: Path) -> None:
    (tmp_path / "searches.csv").write_text(as_csv(SEARCHES))
    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(shop) as con:
        con.execute("CREATE TABLE logs AS SELECT 1 AS one")
        con.execute(
            "CREATE TABLE pins AS SELECT 170141183460469231731687303715884105727 AS pin_id, ['a'] AS annotations, "
            "[] :: VARCHAR[] AS interests, {'UUID': uuid()} AS \"a.b\""
        )
        con.execute(f"CREATE VIEW search_events AS FROM read_csv('{tmp_path / 'searches.csv'}', all_varchar = true)")
        con.execute(
            "CREATE TABLE clicks AS SELECT {'who': {'id': 'u9'}, 'type': 'search', 'text': 'tent'} AS body, "
            "TIMESTAMP '2026-01-05 10:00' AS at"
        )
    report = json.loads(journeys("ingest", shop, "--json").stdout)
    assert [(one["file"], one["n_accepted"]) for one in report["files"]] == [
        (f"{shop}/pins", 1),
        (f"{shop}/search_events", 3),
    ]
    assert Sandbox(tmp_path / "home").table("pins")["pin_id"].to_list() == [str(2**127 - 1)]
    journeys(
        "ingest",
        shop,
        "--query",
        "SELECT 'u8' AS user_id, 'boat' AS query, '2026-01-05T10:00:00Z' AS searched_at",
        "--source",
        "search_events",
    )
    (tmp_path / "mapping.toml").write_text(MAPPING)
    journeys("ingest", shop, "--table", "clicks", "--mapping", tmp_path / "mapping.toml")
    found = Sandbox(tmp_path / "home").table("search_events")["query"].to_list()
    assert found == ["Garden  Shed".replace("  ", " "), "日本 庭園", "🎉 party", "boat", "tent"]
    said = journeys("ingest", shop, "--table", "none", code=2).stderr
    assert f"{shop} cannot be read" in said
    assert "--table" in journeys("ingest", tmp_path / "searches.csv", "--table", "logs", code=2).stderr


def test_a_duckdb_file_that_another_program_writes(journeys: Journeys, tmp_path: Path) -> None:
    import subprocess
    import sys

    shop = tmp_path / "shop.duckdb"
    code = (
        f"import duckdb\ncon = duckdb.connect({str(shop)!r})\ncon.execute('CREATE TABLE t (i INTEGER)')\n"
        "con.execute('CHECKPOINT')\nprint('open', flush=True)\ninput()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = journeys("ingest", shop, "--table", "t", code=2).stderr
        process.communicate(b"\n")
    assert f"{shop} cannot be read" in said
    assert "close it there, or copy the file" in said


def test_a_duckdb_file_without_landing_tables_names_its_tables(journeys: Journeys, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.duckdb") as con:
        con.execute("CREATE TABLE clicks (i INTEGER)")
    said = journeys("ingest", tmp_path / "shop.duckdb", code=2).stderr
    assert "its tables are: clicks. Name one with --table" in said
