"""User Behavior Insights (UBI) of OpenSearch and Elasticsearch: the indices ``ubi_queries`` and ``ubi_events``.

Queries and events may be in one file or in several, as JSON lines, as a JSON array, as the answer of ``_search``, or as
Parquet. A record may be wrapped in ``_source``, and a line may begin with the name of the index and a tab.

* A row of ``ubi_queries`` is a search. A search event (``on_search``, ``search``, or the message type QUERY without an
  object) is one only if the files have no query with its ``query_id``: otherwise the search would count twice.
* The user is ``user_id``, also of the event's or the query's attributes, else that of a record with the same
  ``query_id``, else ``client_id``, also of such a record. A query without a time has that of the first event with its
  ``query_id``.
* A record with a user and a client links the two. A record that comes again when its user is known replaces the one
  of its client.
* UBI has no id of an event, so a digest of the whole record is taken: two records that differ are two events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import PART, VERSION, Gather, Importer, LogFormat, Records, Sample
from journeys_assets.importers.digests import digests
from journeys_assets.importers.json_values import object_of_line
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, Value, make_mapping, with_options
from journeys_assets.importers.no_text import is_marked
from journeys_assets.importers.times import utc_times

NAME = "ubi"
QUERY = "(query)"
"""The type of a row of ``ubi_queries``."""
SEARCH_EVENTS = ("on_search", "search")
BULK = "a line of the bulk API that announces the next one"
IN_QUERIES = "a search event whose query is in ubi_queries"

_EVENT, _USER, _KNOWN, _TIME, _EVENT_ID = "@event", "@user", "@known", "@time", "@event_id"
_USER_IDS = ("user_id", "event_attributes.user_id", "query_attributes.user_id")
_OBJECT = "event_attributes.object"
_BULK = ("index._index", "create._index")
_READ = (
    "action_name",
    "user_query",
    "query_id",
    "client_id",
    "message_type",
    "message",
    "timestamp",
    "session_id",
    "event_attributes",
    *_BULK,
    f"{_OBJECT}.object_id",
    *_USER_IDS,
)
_TITLES = (f"{_OBJECT}.title", f"{_OBJECT}.name", f"{_OBJECT}.description")

MAPPING = make_mapping(
    {
        "user": _USER,
        "user_agent": ["event_attributes.user_agent", "query_attributes.user_agent", "user_agent"],
        "time": _TIME,
        "time_unit": "ms",
        "event": _EVENT,
        "event_id": _EVENT_ID,
        "identities": [{"user": _KNOWN, "other": "client_id"}],
        "searches": [
            {"when": {_EVENT: QUERY}, "query": "user_query"},
            {"when": {_EVENT: SEARCH_EVENTS}, "query": "message"},
            {"when": {"message_type": ["QUERY", "query"]}, "unless": {f"{_OBJECT}.object_id": "*"}, "query": "message"},
        ],
        "engagements": [
            {
                "item": [f"{_OBJECT}.object_id", f"{_OBJECT}.internal_id", "event_attributes.object_id", "object_id"],
                "actions": {
                    "click": "look",
                    "click_through": "look",
                    "item_click": "look",
                    "view": "look",
                    "watch": "look",
                    "add_to_cart": "keep",
                    "add_to_wishlist": "keep",
                    "save": "keep",
                    "wishlist": "keep",
                    "purchase": "act",
                    "impression": "ignore",
                    "product_hover": "ignore",
                },
                "title": _TITLES,
                "annotations": _TITLES[:2],
                "interests": [f"{_OBJECT}.category"],
            }
        ],
    },
    "the mapping of UBI",
)


def parse_line(text: str) -> list[Any]:
    """The records of a line: the rows of an answer of ``_search``, or one row, without what is wrapped around it.

    Raises:
        ValueError: it is no JSON object.
    """
    start = text.find("{")
    index = text[:start].strip() if "\t" in text[: max(start, 0)] else None
    return _rows_of(object_of_line(text[start:] if index is not None else text))


def _rows_of(row: Mapping[str, Any]) -> list[Any]:
    hits = row.get("hits")
    rows = hits["hits"] if isinstance(hits, dict) and isinstance(hits.get("hits"), list) else [row]
    return [_unwrapped(one) if isinstance(one, dict) else one for one in rows]


def _is_bulk() -> pl.Expr:
    """Whether a row is a line of the bulk API that says what to do with the document after it."""
    return pl.any_horizontal(pl.col(name).is_not_null() for name in _BULK)


def _unwrapped(row: Mapping[str, Any]) -> Mapping[str, Any]:
    source = row.get("_source")
    return source if isinstance(source, dict) else row


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of UBI; see :class:`LogFormat`."""
    mapping = with_options(MAPPING, replace(options, user=None, searches=None))
    if options.searches is not None:
        of_queries, _, _ = mapping.searches
        named = of_queries.model_copy(
            update={"when": {_EVENT: options.searches}, "query": Value(paths=("message", "user_query"))}
        )
        mapping = mapping.model_copy(update={"searches": (of_queries, named)})
    return _importer(mapping, options.user or _USER_IDS, options.searches, actions, _NO_QUERIES)


_GATHERED = pl.Schema(
    {
        "query_id": pl.String(),
        "is_query": pl.Boolean(),
        "user": pl.String(),
        "client": pl.String(),
        "time": pl.Datetime("us"),
    }
)
_NO_QUERIES = _GATHERED.to_frame()


def _importer(
    mapping: LogMapping,
    user: Sequence[str],
    searches: Sequence[str] | None,
    actions: Sequence[Action],
    gathered: pl.DataFrame,
) -> Importer:
    made = mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(_prepared, user=user, searches=searches, of_queries=_by_query(gathered)),
        prepared=(_EVENT, _USER, _KNOWN, _TIME, _EVENT_ID),
        records=Records(tuple(dict.fromkeys([*_READ, *user])), parse_line=parse_line),
        user_paths=(*user, "client_id"),
        time_paths=("timestamp",),
        kinds=dict.fromkeys((*user, "client_id", "query_id"), "text"),
    )
    gather = Gather(
        partial(_selected, mapping=mapping, user=user),
        lambda found: replace(_importer(mapping, user, searches, actions, found), gather=None),
    )
    return replace(made, gather=gather)


def _first(names: Sequence[str]) -> pl.Expr:
    return pl.coalesce(*(pl.col(name).str.strip_chars().replace("", None) for name in names))


def _selected(raw: pl.DataFrame, *, mapping: LogMapping, user: Sequence[str]) -> pl.DataFrame:
    """What is known of each query: whether it is in ``ubi_queries``, and user and time of each of its rows."""
    time, _ = utc_times(_with_shown_times(raw["timestamp"]), unit=mapping.time_unit, zone=mapping.time_zone)
    return raw.select(
        "query_id",
        is_query=pl.col("user_query").is_not_null() & pl.col("action_name").is_null(),
        user=pl.when(~is_marked(_first(user))).then(_first(user)),
        client=pl.when(~is_marked(_first(["client_id"]))).then(_first(["client_id"])),
        time=time,
    ).filter(pl.col("query_id").is_not_null())


def _with_shown_times(times: pl.Series) -> pl.Series:
    """Times as text; those that a dashboard shows (``Jan 5, 2026 @ 10:00:05.000``) in ISO 8601, without a zone."""
    is_shown = times.str.contains(" @ ", literal=True).fill_null(False)
    if not is_shown.any():
        return times
    shown = times.set(~is_shown, None).str.to_datetime("%b %e, %Y @ %H:%M:%S%.f", strict=False, time_unit="us")
    return pl.select(pl.coalesce(shown.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f"), times)).to_series().alias(times.name)


def _by_query(gathered: pl.DataFrame) -> pl.DataFrame:
    return gathered.group_by("query_id").agg(
        __in_queries=pl.col("is_query").any(),
        __user=pl.col("user").min(),
        __client=pl.col("client").min(),
        __time=pl.col("time").min(),
    )


def _prepared(
    raw: pl.DataFrame, *, user: Sequence[str], searches: Sequence[str] | None, of_queries: pl.DataFrame
) -> pl.DataFrame:
    raw = raw.with_columns(_with_shown_times(raw["timestamp"]))
    rows = raw.join(of_queries, on="query_id", how="left", maintain_order="left")
    is_query = pl.col("user_query").is_not_null() & pl.col("action_name").is_null()
    rows = rows.with_columns(
        pl.when(is_query).then(pl.lit(QUERY)).otherwise("action_name").alias(_EVENT),
        pl.coalesce(_first(user), "__user").alias(_KNOWN),
        pl.coalesce(_first(user), "__user", _first(["client_id"]), "__client").alias(_USER),
        pl.coalesce("timestamp", pl.col("__time").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")).alias(_TIME),
    )
    # The index and the id that it gives a record are not part of what happened, and do not count.
    rows = rows.with_columns(digests(raw.select(name for name in _READ if name not in _BULK)).alias(_EVENT_ID))
    is_search = pl.col("action_name").is_in(list(searches or SEARCH_EVENTS))
    if searches is None:
        is_message = pl.col("message_type").str.to_uppercase() == "QUERY"
        is_search = is_search | (is_message & pl.col(f"{_OBJECT}.object_id").is_null())
    # Of a search that comes as a query and as events, perhaps in several calls, the query counts.
    is_event_of_query = ~is_query & is_search.fill_null(False) & pl.col("query_id").is_not_null()
    is_of_query = (is_query | is_event_of_query) & pl.col("query_id").is_not_null()
    known = pl.when(pl.col(_KNOWN).is_not_null()).then(pl.lit("1")).otherwise(pl.lit("0"))
    rank = pl.concat_str(pl.when(is_query).then(pl.lit("1")).otherwise(pl.lit("0")), known)
    rows = rows.with_columns(
        pl.when(is_of_query).then(pl.format("ubi {}", "query_id")).alias(PART),
        pl.format("{}||", pl.when(is_of_query).then(rank).otherwise(known)).alias(VERSION),
    )
    is_repeated = ~is_query & is_search.fill_null(False) & pl.col("__in_queries").fill_null(False)
    reason = pl.when(is_repeated).then(pl.lit(IN_QUERIES)).when(_is_bulk()).then(pl.lit(BULK))
    return rows.with_columns(reason.alias(SKIP)).drop("__in_queries", "__user", "__client", "__time")


def _keys_of_line(line: str) -> set[str]:
    try:
        return {key for record in parse_line(line) if isinstance(record, dict) for key in record}
    except (ValueError, RecursionError):
        return set()  # A line that is no record says nothing of the format.


def _recognise(sample: Sample) -> str | None:
    keys = set(sample.columns)
    for record in sample.records:
        keys = keys.union(*(row for row in _rows_of(record) if isinstance(row, dict)))
    keys = keys.union(*map(_keys_of_line, sample.lines[:20]))
    if {"user_query", "query_id"} <= keys or {"user_query", "query_response_id"} <= keys:
        return "the keys user_query and query_id of ubi_queries"
    if "action_name" in keys and keys & {"event_attributes", "message_type", "query_id"}:
        return "the keys action_name and event_attributes, message_type or query_id of ubi_events"
    return None


FORMAT = LogFormat(NAME, "User Behavior Insights of OpenSearch and Elasticsearch", _recognise, importer)
