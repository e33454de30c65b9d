"""Calls as Segment and RudderStack log them: raw lines, and rows of the tables of a warehouse."""

import io
from typing import Any

import polars as pl

TIME = "2026-01-05T10:00:00.000Z"
TABLE_TIME = "2026-01-05 10:00:00"


def call(event: str | None = "Product Viewed", number: int = 1, **fields: Any) -> dict[str, Any]:
    """A raw line."""
    return {
        "messageId": f"m{number}",
        "type": "track",
        "event": event,
        "userId": "ann",
        "anonymousId": "device",
        "properties": {"product_id": "a"},
        "timestamp": TIME,
        **fields,
    }


def row(event: str | None = "Product Viewed", number: int = 1, **fields: Any) -> dict[str, Any]:
    """A row of a table."""
    return {
        "id": f"m{number}",
        "anonymous_id": "device",
        "user_id": "ann",
        "received_at": TABLE_TIME,
        "event": None if event is None else event.lower().replace(" ", "_"),
        "event_text": event,
        "timestamp": TABLE_TIME,
        **fields,
    }


def csv(*rows: dict[str, Any]) -> str:
    return pl.DataFrame(list(rows), infer_schema_length=None).write_csv()


def parquet(*rows: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(buffer)
    return buffer.getvalue()
