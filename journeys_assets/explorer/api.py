"""The read-only JSON interface: a user's journeys, items, related journeys and notification candidates."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import polars as pl
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import journeys_assets
from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.ids import clean_id
from journeys_assets.domain.tables.pipeline import JOURNEY_ITEMS, NOTIFICATION_CANDIDATES, RELATED_JOURNEYS
from journeys_assets.domain.tables.sql import sql_tables
from journeys_assets.domain.tables.table import Column, Table
from journeys_assets.explorer.access import Guard
from journeys_assets.explorer.published import NothingPublished, Published
from journeys_assets.explorer.serving import LEFT_OUT, QUERIES, ServedRows

SUMMARIES = {
    "journeys": "The live journeys of a user, best first.",
    "items": "Items to show for the journeys of a user, where the deployment publishes any.",
    "related": "Journeys that a user may start next, best first.",
    "candidates": "What would be sent to a user on the day after, and what is held back, with the reason.",
}


def api_app(rows: Published[ServedRows], actions: Sequence[Action], *, token: str | None) -> Starlette:
    """The application.

    Args:
        actions: The action registry, for the description of counts.
        token: What every request must carry; None where the server listens on a loopback address.
    """

    async def resource(request: Request) -> Response:
        # Not in a thread: an answer takes less time than the hand-over.
        name, user_id = request.url.path.rsplit("/", 1)[-1], clean_id(request.query_params.get("user", ""))
        if not user_id:
            raise HTTPException(400, f"name a user: /v1/{name}?user=USER")
        published = rows.current()
        if name not in published.resources:
            raise HTTPException(404, f"this deployment publishes no table {QUERIES[name][0]}")
        if not published.is_known(user_id):
            raise HTTPException(404, f"nothing is published about user {user_id!r}")
        found = published.resources[name].of(user_id)
        return _json({"user_id": user_id, "as_of": published.day, name: found})

    async def status(_: Request) -> Response:
        published = rows.current()
        counts = {name: found.rows.height for name, found in published.resources.items()}
        users = {name: len(found.places) for name, found in published.resources.items()}
        return _json({"as_of": published.day, "rows": counts, "users": users, "problem": rows.problem()})

    async def document(_: Request) -> Response:
        return JSONResponse(openapi(actions, with_token=token is not None))

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code)

    async def nothing(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 503)

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        yield
        rows.close()

    return Starlette(
        routes=[
            *(Route(f"/v1/{name}", resource) for name in QUERIES),
            Route("/v1/status", status),
            Route("/openapi.json", document),
        ],
        middleware=[Middleware(Guard, token=token)],
        exception_handlers={HTTPException: refused, NothingPublished: nothing},
        lifespan=running,
    )


def _json(record: Mapping[str, Any]) -> Response:
    text = json.dumps(record, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


def _plain(value: Any) -> str:
    """Days and times as ISO 8601; times are UTC."""
    return str(value.isoformat())


def openapi(actions: Sequence[Action], *, with_token: bool) -> dict[str, Any]:
    """The OpenAPI document; columns are described as in the tables' definitions."""
    made = sql_tables(actions)
    tables = {
        "journeys": made["current_journeys"],
        "items": JOURNEY_ITEMS,
        "related": RELATED_JOURNEYS,
        "candidates": NOTIFICATION_CANDIDATES,
    }
    user = {
        "name": "user",
        "in": "query",
        "required": True,
        "description": "A user_id.",
        "schema": {"type": "string"},
    }
    error = {
        "description": "Why not.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}},
    }
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {
        "error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    }
    for name in QUERIES:
        row = _row_schema(tables[name]) if name in tables else {"type": "object"}
        schemas[name] = {
            "type": "object",
            "required": ["user_id", "as_of", name],
            "properties": {
                "user_id": {"type": "string"},
                "as_of": {"type": "string", "format": "date"},
                name: {"type": "array", "items": row},
            },
        }
        paths[f"/v1/{name}"] = {
            "get": {
                "operationId": name,
                "summary": SUMMARIES[name],
                "parameters": [user],
                "responses": {
                    "200": _answer(name),
                    **dict.fromkeys(("400", "404", "503", *(("401",) if with_token else ())), error),
                },
            }
        }
    schemas["status"] = {"type": "object", "properties": {"as_of": {"type": "string", "format": "date"}}}
    paths["/v1/status"] = {
        "get": {
            "operationId": "status",
            "summary": "The day of the published file, and how many rows and users it has.",
            "responses": {"200": _answer("status"), "503": error},
        }
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "User journeys", "version": journeys_assets.__version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if with_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _answer(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": "Found.", "content": content}


def _row_schema(table: Table) -> dict[str, Any]:
    columns = [column for column in table.columns if column.name not in LEFT_OUT]
    return {"type": "object", "properties": {column.name: _column_schema(column) for column in columns}}


def _column_schema(column: Column) -> dict[str, Any]:
    kind = _type_schema(column.dtype)
    if column.nullable:
        kind["type"] = [kind["type"], "null"]
    if column.allowed is not None and not column.nullable:
        kind["enum"] = list(column.allowed)
    return {"description": column.description, **kind}


def _type_schema(dtype: pl.DataType) -> dict[str, Any]:
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return {"type": "array", "items": _type_schema(inner() if isinstance(inner, type) else inner)}
    if dtype == pl.Boolean():
        return {"type": "boolean"}
    if dtype.is_integer():
        return {"type": "integer"}
    if dtype.is_float():
        return {"type": "number"}
    if dtype == pl.Date():
        return {"type": "string", "format": "date"}
    if dtype.is_temporal():
        return {"type": "string", "format": "date-time"}
    return {"type": "string"}
