"""Logs of calls (``track``, ``page``, ``identify``, …) of the Segment specification, which RudderStack shares.

They come in two shapes, which may lie in one folder:

* **raw lines**: one call per JSON line, in camel case, with ``messageId`` and nested ``properties``;
* **tables of a warehouse**: one table per event, in snake case, with one column per property and ``id`` for the id of
  the message. The table ``tracks`` has all events without properties; its rows are skipped, and the tables of the
  events are what counts.

Only ``track`` calls are events. The rows of ``pages``, ``screens``, ``identifies``, ``users``, ``aliases`` and
``groups`` are skipped and counted. Any call with a known and an anonymous id, or with a former id, links the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers import commerce
from journeys_assets.importers.base import EVENT_BY_ITSELF, PART, VERSION, Importer, Records, Sample
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping, with_options
from journeys_assets.importers.no_text import TextKind
from journeys_assets.importers.times import utc_times

NO_PROPERTIES = "no property that is read, as in the table tracks"

_EVENT, _TIME, _QUERY, _ID = "@event", "@time", "@query", "@id"
_LINE_KEYS = frozenset({"messageId", "type"})
_OTHER_KEYS = frozenset({"userId", "anonymousId", "originalTimestamp", "receivedAt", "sentAt"})
_TABLE_COLUMNS = frozenset({"id", "received_at"})
_OTHER_COLUMNS = frozenset({"anonymous_id", "user_id", "event_text", "previous_id", "uuid_ts", "original_timestamp"})

# Names in camel case come first: a table's column user_id is then also found under userId.
_TIMES = {
    "timestamp": ("timestamp", "_timestamp"),
    "original": ("originalTimestamp", "original_timestamp"),
    "sent": ("sentAt", "sent_at"),
    "received": ("receivedAt", "received_at"),
}
_MESSAGE_IDS = ("messageId", "id")
_EVENTS = ("event_text", "event", "_event")
_CALL = "type"


def _in_properties(*names: str) -> tuple[str, ...]:
    """A property in a raw line, in a table, and in a table in which the name is a reserved word."""
    return tuple(path for name in names for path in (f"properties.{name}", name, f"_{name}"))


_QUERIES = _in_properties(*commerce.QUERIES)
_PRODUCTS = _in_properties("products")
_PRODUCT_IDS = (*_in_properties("product_id"), "properties.productId", *_in_properties("sku"))
_NAMES = _in_properties("name", "product_name")
_CATEGORIES = _in_properties("category")
_PROPERTIES = (_QUERIES, _PRODUCTS, _PRODUCT_IDS, _NAMES, _CATEGORIES)
_READ = (
    *(name for names in _TIMES.values() for name in names),
    *_MESSAGE_IDS,
    *_EVENTS,
    _CALL,
    *(path for paths in _PROPERTIES for path in paths),
)
_KINDS: dict[str, TextKind] = {
    **dict.fromkeys((*_MESSAGE_IDS, *_QUERIES, *_NAMES), "text"),
    **dict.fromkeys((*_PRODUCT_IDS, *_CATEGORIES), "texts"),
}
KNOWN, ANONYMOUS = ("userId", "user_id"), ("anonymousId", "anonymous_id")
USERS = (*KNOWN, *ANONYMOUS)
_FORMER = ("previousId", "previous_id")


def track_mapping(name: str) -> LogMapping:
    """The mapping of such logs.

    Args:
        name: What errors call it.
    """
    return make_mapping(
        {
            "user": USERS,
            "user_agent": ["context.userAgent", "context_user_agent"],
            "time": _TIME,
            "event": _EVENT,
            "event_id": _ID,
            "searches": [{"when": {_EVENT: commerce.SEARCHES}, "query": _QUERY}],
            "engagements": [commerce.engagements()],
            "identities": [{"user": KNOWN, "other": ANONYMOUS}, {"user": KNOWN, "other": _FORMER}],
        },
        name,
    )


def track_importer(name: str, mapping: LogMapping, options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of such logs.

    Args:
        name: Name of the format.
        mapping: :func:`track_mapping`.

    Raises:
        MappingError: an action of the options is not in the registry.
    """
    mapping = with_options(mapping, commerce.with_spelling(options))
    return mapped_importer(
        name,
        mapping,
        actions=actions,
        prepare=partial(_prepared, zone=mapping.time_zone, spelled=commerce.spellings(options)),
        prepared=(_EVENT, _TIME, _QUERY, _ID, *commerce.ITEM_PATHS),
        records=Records(_READ),
        time_paths=tuple(name for names in _TIMES.values() for name in names),
        kinds=_KINDS,
    )


def reason_of(sample: Sample, is_own: bool) -> str | None:
    """Why a file is such a log, or None.

    Args:
        is_own: Whether it is a log of the format that asks.
    """
    if not is_own:
        return None
    if sample.has(*_LINE_KEYS) and _OTHER_KEYS & set(sample.columns):
        return "the keys messageId, type and the user or a time of a call"
    columns = {column.lower() for column in sample.columns}
    has_context = any(column.startswith("context_") for column in columns)
    if columns >= _TABLE_COLUMNS and (columns & _OTHER_COLUMNS or has_context):
        return "the columns id, received_at and the ids or the context of a call"
    return None


def _first(rows: pl.DataFrame, names: Iterable[str]) -> pl.Expr:
    texts = [pl.col(name) for name in names if name in rows.columns]
    return pl.coalesce(*(pl.when(text.str.strip_chars() != "").then(text) for text in texts))


def _prepared(raw: pl.DataFrame, *, zone: str, spelled: Mapping[str, str]) -> pl.DataFrame:
    call = _first(raw, [_CALL])
    is_track = (
        (call.str.strip_chars().str.to_lowercase() == "track") | call.is_null() | _first(raw, _EVENTS).is_not_null()
    )
    events = raw.select(pl.when(is_track).then(_first(raw, _EVENTS)).otherwise(pl.format("({})", call))).to_series()
    rows = raw.with_columns(
        commerce.spelled_events(events, spelled).alias(_EVENT),
        call_times(raw, zone).alias(_TIME),
        _first(raw, _MESSAGE_IDS).alias(_ID),
        _first(raw, _QUERIES).alias(_QUERY),
        __product_id=_first(raw, _PRODUCT_IDS),
    )
    has_interest = pl.col(_EVENT).is_in(commerce.with_interest(spelled)).fill_null(False)
    # Where the property was a list, a table has a list of ids as text.
    list_of_ids = pl.when(pl.col("__product_id").str.contains(r"^\s*\[")).then("__product_id")
    rows = rows.with_columns(__products=pl.when(has_interest).then(pl.coalesce(_first(raw, _PRODUCTS), list_of_ids)))
    rows = commerce.with_items(
        rows,
        products="__products",
        item=commerce.own_items([_first(raw, [path]) for path in _PRODUCT_IDS]),
        title=_first(raw, _NAMES),
        category=_first(raw, _CATEGORIES),
    )
    in_table = pl.col(_MESSAGE_IDS[0]).is_null()
    has_none = pl.coalesce(*(_first(raw, paths) for paths in _PROPERTIES)).is_null()
    reasons = [
        pl.when(has_interest & in_table & has_none).then(pl.lit(NO_PROPERTIES)),
        pl.when("__unreadable").then(pl.lit(commerce.UNREADABLE_PRODUCTS)),
        pl.when(has_interest & commerce.is_object(pl.col(_QUERY))).then(pl.lit(commerce.OBJECT_QUERY)),
    ]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(PART), pl.lit(EVENT_BY_ITSELF).alias(VERSION))
    return rows.with_columns(pl.coalesce(*reasons).alias(SKIP)).drop("__product_id", "__products", "__unreadable")


def call_times(raw: pl.DataFrame, zone: str) -> pl.Series:
    """When each call was made, as text.

    It is ``timestamp``. Without it, the time on the device is corrected by the error of the device's clock, as Segment
    does: received − (sent − original). Without one of the three, it is the first of original, received and sent.

    Args:
        zone: The IANA time zone of times without one.
    """
    texts = {name: raw.select(_first(raw, names)).to_series() for name, names in _TIMES.items()}
    times = {name: utc_times(text, unit=None, zone=zone)[0] for name, text in texts.items() if name != "timestamp"}
    corrected = times["received"] - (times["sent"] - times["original"])
    written = corrected.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    given = [texts["timestamp"], written, texts["original"], texts["received"], texts["sent"]]
    return pl.select(pl.coalesce(*given)).to_series()
