"""Google Analytics 4, as BigQuery exports it: the tables ``events_YYYYMMDD`` as JSON lines or Parquet.

* A search is ``view_search_results`` or ``search`` with the parameter ``search_term``, which is in ``int_value`` if it
  looks like a number.
* An action is on the items of the event (``items``), one row per item.
* A table that was flattened has one row for each parameter and item of an event, in columns such as
  ``event_params.key`` and ``items_item_id``, or a column for each parameter. Its rows of one event are one event.
* Times are microseconds, UTC. ``event_date`` is in the time zone of the property, and is not read.
* The user is ``user_id``, else ``user_pseudo_id``. An event with neither is skipped, and one with both links the two.
* Events that agree in user, time and item are told apart by the batch ids and by all parameters. A part of the id that
  is missing does not make the id missing.
* A day may have a daily table (``events_YYYYMMDD``), one of the fresh daily export (``events_fresh_YYYYMMDD``) and an
  intraday one (``events_intraday_YYYYMMDD``). The first of these that there is counts, in whatever order they come. A
  table that comes again replaces itself. The name of a file gives its table, with the number of its part behind it
  where a table is exported to several files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import CALL, PART, VERSION, Importer, LogFormat, Records, Sample
from journeys_assets.importers.digests import digests
from journeys_assets.importers.mapped import mapped_importer
from journeys_assets.importers.mapping import make_mapping, with_options
from journeys_assets.importers.no_text import TextKind

NAME = "ga4"
NOT_SET = "(not set)"
"""What Google Analytics writes where an item has no value."""

_EVENT_ID = "@event_id"
_VALUES = ("string_value", "int_value", "float_value", "double_value")
_IDENTITY = (
    "event_name",
    "user_pseudo_id",
    "stream_id",
    "event_bundle_sequence_id",
    "batch_page_id",
    "batch_ordering_id",
    "batch_event_index",
    "event_params[].key",
    *(f"event_params[].value.{name}" for name in _VALUES),
)
_TERM, _FLAT_ITEM, _FLAT_NAME = "@term", "@item_id", "@item_name"
_CATEGORIES = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")


_FLAT_CATEGORIES = tuple(f"@{name}" for name in _CATEGORIES)


def _flat(*names: str) -> tuple[str, ...]:
    """A nested value in a table that was flattened, with dots or with underscores between the names."""
    return ".".join(names), "_".join(names)


_FLAT_KEY = _flat("event_params", "key")
_FLAT_VALUES = tuple(column for name in _VALUES for column in _flat("event_params", "value", name))
_FLAT = {name: (*_flat("items", name), name) for name in ("item_id", "item_name", *_CATEGORIES)}
"""Where a flattened table has each property of an item."""


def _parameter(key: str) -> list[str]:
    return [f"event_params[key={key}].value.{name}" for name in _VALUES]


MAPPING = make_mapping(
    {
        "user": ["user_id", "user_pseudo_id"],
        "identities": [{"user": "user_id", "other": "user_pseudo_id"}],
        "time": "event_timestamp",
        "time_unit": "us",
        "event": "event_name",
        "event_id": _EVENT_ID,
        "searches": [
            {"when": {"event_name": ["view_search_results", "search"]}, "query": [*_parameter("search_term"), _TERM]},
        ],
        "engagements": [
            {
                "item": ["items[].item_id", "items[].item_name", *_parameter("item_id"), _FLAT_ITEM, _FLAT_NAME],
                "actions": {
                    "view_item": "look",
                    "select_item": "look",
                    "add_to_cart": "keep",
                    "add_to_wishlist": "keep",
                    "purchase": "act",
                    "view_item_list": "ignore",
                    "view_promotion": "ignore",
                    "remove_from_cart": "ignore",
                },
                "title": ["items[].item_name", _FLAT_NAME],
                "annotations": ["items[].item_name", _FLAT_NAME],
                "interests": [*(f"items[].{name}" for name in _CATEGORIES), *_FLAT_CATEGORIES],
            }
        ],
    },
    "the mapping of GA4",
)


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of GA4; see :class:`LogFormat`."""
    return mapped_importer(
        NAME,
        with_options(MAPPING, options),
        actions=actions,
        prepare=_prepared,
        prepared=(_EVENT_ID, _TERM, _FLAT_ITEM, _FLAT_NAME, *_FLAT_CATEGORIES),
        records=Records(
            (*_IDENTITY, "search_term", *_FLAT_KEY, *_FLAT_VALUES, *(c for cs in _FLAT.values() for c in cs))
        ),
        check_files=tables_left_out,
        stamp=with_table,
        kinds=_KINDS,
    )


_KINDS: dict[str, TextKind] = {
    # A term or an id that looks like a number is stored as one.
    **{path: "number" for name in ("search_term", "item_id") for path in _parameter(name)[1:]},
    **dict.fromkeys(_FLAT_VALUES, "number"),
    **dict.fromkeys(("search_term", *(column for columns in _FLAT.values() for column in columns)), "text"),
}
_RANKS = {"intraday_": 0, "fresh_": 1, "": 2}
"""How final a table is, by what its name has before the day."""
_TABLE = re.compile(r"(?<![a-z])events_(?P<kind>intraday_|fresh_)?(?P<day>\d{8})(?P<file>[-_]\d+)?(?!\d)")


_USERS = re.compile(r"(?<![a-z])(?:pseudonymous_)?users_\d{8}(?!\d)")


def tables_left_out(names: Sequence[str]) -> Mapping[str, str]:
    """The tables that are not read, with the reason: of users, and of days that have a more final one."""
    users = {name: "it is a table of users, which has no events" for name in names if _USERS.search(name)}
    return users | _less_final_tables([name for name in names if name not in users])


def _less_final_tables(names: Sequence[str]) -> dict[str, str]:
    found = {name: match for name in names if (match := _last_table(name))}
    best: dict[str, re.Match[str]] = {}
    for match in found.values():
        if match["day"] not in best or _rank(match) > _rank(best[match["day"]]):
            best[match["day"]] = match
    return {
        name: f"it is the table {_named(match)}, and the more final {_named(best[match['day']])} is read"
        for name, match in found.items()
        if _rank(match) < _rank(best[match["day"]])
    }


def _last_table(name: str) -> re.Match[str] | None:
    """The table that a path names last: that of the file, else that of its folder."""
    return next((match for part in reversed(re.split(r"[/\\]", name)) if (match := _TABLE.search(part))), None)


def _rank(match: re.Match[str]) -> int:
    return _RANKS[match["kind"] or ""]


def _named(match: re.Match[str]) -> str:
    return f"events_{match['kind'] or ''}{match['day']}"


def with_table(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the table that the name of their file or folder gives, so that the table replaces itself."""
    match = _last_table(name)
    if match is None:
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in (PART, VERSION))
    file = match["file"] or _number(re.split(r"[/\\]", name)[-1])
    return rows.with_columns(
        pl.format("ga4 {} {}", pl.col(PART).fill_null(""), pl.lit(match["day"])).alias(PART),
        pl.lit(f"{_rank(match)}|{file}|{CALL}").alias(VERSION),
    )


def _number(file: str) -> str:
    """The number of a file in the folder of its table, by which it is the same file when it comes again."""
    found = re.match(r"\D*(\d+)", file)
    return found[1] if found else ""


def _prepared(raw: pl.DataFrame) -> pl.DataFrame:
    identity = digests(raw.select(_IDENTITY)).alias(_EVENT_ID)
    lists = [name for name, dtype in raw.schema.items() if name.startswith("items[]") and isinstance(dtype, pl.List)]
    texts = pl.element().replace(NOT_SET, None)
    # A table with a row for each parameter has the term in one of the rows of a search.
    is_term = pl.coalesce(_FLAT_KEY) == "search_term"
    return raw.with_columns(
        pl.coalesce("search_term", pl.when(is_term).then(pl.coalesce(_FLAT_VALUES))).alias(_TERM),
        *(pl.coalesce(columns).replace(NOT_SET, None).alias(f"@{name}") for name, columns in _FLAT.items()),
        *(pl.col(name).list.eval(texts) for name in lists),
        identity,
        raw["stream_id"].alias(PART),
        pl.lit(None, dtype=pl.String).alias(VERSION),
    )


def _recognise(sample: Sample) -> str | None:
    for own in ("event_params", "user_pseudo_id"):
        if sample.has("event_name", "event_timestamp", own):
            return f"the columns event_name, event_timestamp, {own}"
    return None


FORMAT = LogFormat(NAME, "Google Analytics 4, BigQuery export", _recognise, importer, tables_left_out)
