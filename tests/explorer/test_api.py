"""The JSON interface gives the rows of the published tables, and its document describes each field."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.testclient import TestClient

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.explorer.api import api_app, openapi
from journeys_assets.explorer.serving import LEFT_OUT, QUERIES, published_rows
from tests.support.hostile import HOSTILE
from tests.support.published_file import LAST_DAY


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[TestClient]:
    rows = published_rows(home / "journeys.duckdb")
    yield TestClient(api_app(rows, DEFAULT_ACTIONS, token=None), base_url="http://127.0.0.1")
    rows.close()


@pytest.mark.parametrize(
    ("name", "order"), [("journeys", "rank"), ("related", "rank"), ("candidates", "journey_id, channel")]
)
def test_the_answer_is_the_rows_of_the_table(
    api: TestClient, table: duckdb.DuckDBPyConnection, name: str, order: str
) -> None:
    for user in ("u000000", "u000077", "u000149"):
        answer = api.get(f"/v1/{name}", params={"user": user}).json()
        rows = table.execute(
            f"SELECT * EXCLUDE ({', '.join(LEFT_OUT)}) FROM {QUERIES[name][0]} WHERE user_id = $user "
            f"AND partition_date = $day ORDER BY {order}",
            {"user": user, "day": LAST_DAY},
        ).pl()
        wanted = json.loads(json.dumps(rows.to_dicts(), default=lambda value: value.isoformat()))
        assert answer == {"user_id": user, "as_of": str(LAST_DAY), name: wanted}
        assert len(wanted) >= 5


def test_what_is_wrong_is_said(api: TestClient) -> None:
    assert api.get("/v1/journeys").status_code == 400
    unknown = api.get("/v1/journeys?user=nobody")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "nothing is published about user 'nobody'")
    none = api.get("/v1/items?user=u000001")
    assert (none.status_code, none.json()["error"]) == (404, "this deployment publishes no table journey_items")
    assert api.get("/v2").status_code == 404
    assert api.post("/v1/journeys?user=u000001").status_code == 405


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_any_text_comes_back_as_it_is(api: TestClient, text: str) -> None:
    found = api.get("/v1/journeys", params={"user": f"hostile {text}"}).json()["journeys"]
    assert {row["journey_name"] for row in found} == {text}


def test_items_are_served_where_the_deployment_has_them(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "journeys.duckdb"
    path.write_bytes((home / "journeys.duckdb").read_bytes())
    with duckdb.connect(str(path)) as con:
        con.execute(
            "CREATE TABLE journey_items AS SELECT partition_date, user_id, journey_id, 'p' || rank AS pin_id "
            "FROM current_journeys"
        )
    rows = published_rows(path)
    api = TestClient(api_app(rows, DEFAULT_ACTIONS, token=None), base_url="http://127.0.0.1")
    assert api.get("/v1/items?user=u000003").json()["items"][0] == {"journey_id": "j000003-1", "pin_id": "p1"}
    rows.close()


def test_without_a_published_file_the_cure_is_named(tmp_path: Path) -> None:
    rows = published_rows(tmp_path / "journeys.duckdb")
    answer = TestClient(api_app(rows, DEFAULT_ACTIONS, token=None), base_url="http://127.0.0.1").get("/v1/status")
    assert answer.status_code == 503
    assert "journeys run" in answer.json()["error"]
    rows.close()


def test_the_document_describes_every_field_of_every_answer(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    schemas = document["components"]["schemas"]

    def fits(value: Any, schema: dict[str, Any]) -> None:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
        kind = "null" if value is None else names[type(value)]
        assert kind in kinds or (kind == "integer" and "number" in kinds), (value, schema)
        assert value in schema.get("enum", [value])
        for item in value if kind == "array" else []:
            fits(item, schema["items"])
        if kind == "object" and "properties" in schema:
            assert set(value) <= set(schema["properties"])
            assert set(schema.get("required", ())) <= set(value)
            for name, inner in value.items():
                fits(inner, schema["properties"][name])

    for name in ("journeys", "related", "candidates"):
        reference = document["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert reference == {"$ref": f"#/components/schemas/{name}"}
        fits(api.get(f"/v1/{name}?user=u000001").json(), schemas[name])
    guarded = openapi(DEFAULT_ACTIONS, with_token=True)
    assert guarded["security"] == [{"token": []}]
    assert "401" in guarded["paths"]["/v1/journeys"]["get"]["responses"]
