"""Mixpanel, as its raw event export writes it: JSON lines of ``event`` and ``properties``.

The table of events of a data pipeline is read too: it has name, time and ids beside the properties.

* Applications name their events and properties themselves: see ``importers.product_events``.
* ``time`` is in seconds, or, if the export was asked for ``time_in_ms``, in milliseconds: a setting (``time_unit``).
  A time in the other unit is refused, because no such time can be.
* Projects from before 2023 may have the wall clock of the project's time zone as if it were UTC: a setting
  (``time_zone``).
* The user is ``$user_id``, which the application gave, else ``distinct_id``, else ``$device_id``. Where Mixpanel merges
  ids, ``distinct_id`` is any of them.
* An event with ``$user_id`` and ``$device_id`` links the two. The ``distinct_id`` of the anonymous events before it is
  that of the device, in newer projects with ``$device:`` before it. ``$identify`` links ``$anon_id``, ``$create_alias``
  links ``alias``, and ``$merge`` links the other one of ``$distinct_ids``.
* Exports repeat events, most of all those around midnight. Events with the same name, time and ``$insert_id`` are
  one; without it, an event is told apart by all its properties but the times of its processing.
* An event that was exported before its ids were merged comes again with another ``distinct_id``. It counts once: with
  ``$user_id``, else with an id that is not that of the device, else with the first id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions, TimeUnit
from journeys_assets.importers.base import PART, VERSION, Importer, LogFormat, Records, Sample
from journeys_assets.importers.digests import digests
from journeys_assets.importers.json_values import as_list, as_object
from journeys_assets.importers.mapped import mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping
from journeys_assets.importers.product_events import PREPARED, rules, with_named_events, with_products
from journeys_assets.importers.times import utc_times

NAME = "mixpanel"
TIME_UNIT: TimeUnit = "s"
"""The unit of times if the deployment names none."""

_MIN_MILLISECONDS = 1e11
"""Milliseconds since 1970 below this are before 1974, when no event was."""

_EVENT_ID, _TIME, _DEVICE, _MERGED, _MERGED_INTO = "@event_id", "@time", "@device", "@merged", "@merged_into"
_PROPERTIES = "properties"
_INSERT_ID = f"{_PROPERTIES}.$insert_id"
_TIME_PATH = f"{_PROPERTIES}.time"
_DISTINCT_ID, _USER_ID, _DEVICE_ID = (f"{_PROPERTIES}.{name}" for name in ("distinct_id", "$user_id", "$device_id"))
_OF_PROCESSING = ("mp_processing_time_ms", "$mp_api_timestamp_ms", "$mp_api_endpoint", "$import")
_BESIDE = {
    "event": ("event_name", "mp_event_name"),
    _TIME_PATH: ("time",),
    _INSERT_ID: ("insert_id", "$insert_id"),
    _DISTINCT_ID: ("distinct_id",),
    _USER_ID: ("user_id", "$user_id"),
    _DEVICE_ID: ("device_id", "$device_id"),
}
"""Where the tables of a data pipeline have what the raw export has among the properties."""
_IDS = tuple(n for path in (_INSERT_ID, _DISTINCT_ID, _USER_ID, _DEVICE_ID) for n in (path, *_BESIDE[path]))

MAPPING = make_mapping(
    {
        "user": [*(f"{_PROPERTIES}.{name}" for name in ("$user_id", "distinct_id", "$device_id")), _MERGED_INTO],
        "user_agent": [f"{_PROPERTIES}.{name}" for name in ("$user_agent", "user_agent")],
        "time": _TIME,
        "time_unit": TIME_UNIT,
        "event": "event",
        "event_id": _EVENT_ID,
        **rules(),
        "identities": [
            {"user": f"{_PROPERTIES}.$user_id", "other": f"{_PROPERTIES}.$device_id"},
            {"user": f"{_PROPERTIES}.$user_id", "other": _DEVICE},
            # Of these two, the one whose user is that of the event counts: either id may stand for the person.
            {"user": f"{_PROPERTIES}.$identified_id", "other": f"{_PROPERTIES}.$anon_id"},
            {"user": f"{_PROPERTIES}.$anon_id", "other": f"{_PROPERTIES}.$identified_id"},
            {"when": {"event": ["$create_alias"]}, "user": _DISTINCT_ID, "other": f"{_PROPERTIES}.alias"},
            {"when": {"event": ["$merge"]}, "user": [_DISTINCT_ID, _MERGED_INTO], "other": _MERGED},
        ],
    },
    "the mapping of Mixpanel",
)


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of Mixpanel; see :class:`LogFormat`."""
    mapping = with_named_events(MAPPING, options)
    return mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(_prepared, mapping=mapping),
        prepared=(_EVENT_ID, _TIME, _DEVICE, _MERGED, _MERGED_INTO, *PREPARED),
        records=Records((_INSERT_ID, _TIME_PATH, _PROPERTIES, *(name for names in _BESIDE.values() for name in names))),
        time_paths=(_TIME_PATH,),
        kinds=dict.fromkeys(_IDS, "text"),
    )


def _prepared(raw: pl.DataFrame, *, mapping: LogMapping) -> pl.DataFrame:
    unit = mapping.time_unit or TIME_UNIT
    raw = raw.with_columns(pl.coalesce(name, *others).alias(name) for name, others in _BESIDE.items())
    merged = [
        _merged(kind, text, of)
        for kind, text, of in zip(raw["event"], raw[_PROPERTIES], raw[_DISTINCT_ID], strict=True)
    ]
    rows = with_products(raw, mapping, event="event", properties=_PROPERTIES).with_columns(
        _event_ids(raw, unit),
        _readable(pl.col(_TIME_PATH), unit).alias(_TIME),
        pl.format("$device:{}", _DEVICE_ID).alias(_DEVICE),
        pl.Series(_MERGED_INTO, [into for into, _ in merged], dtype=pl.String),
        pl.Series(_MERGED, [other for _, other in merged], dtype=pl.String),
        pl.lit(None, dtype=pl.String).alias(PART),
    )
    device = pl.col(_DEVICE_ID)
    is_device = pl.col(_DISTINCT_ID).str.starts_with("$device:") | (pl.col(_DISTINCT_ID) == device).fill_null(False)
    rank = (
        pl.when(_given(_USER_ID).is_not_null())
        .then(pl.lit("2||"))
        .when(_given(_DISTINCT_ID).is_not_null() & ~is_device)
        .then(pl.lit("1||"))
        .otherwise(pl.lit("0||"))
    )
    rows = rows.with_columns(rank.alias(VERSION))
    if mapping.time_zone != "UTC":
        # As text without a zone, the wall clock is read in the time zone of the project.
        clock, _ = utc_times(raw[_TIME_PATH], unit=unit, zone="UTC")
        is_number = pl.col(_TIME).str.contains(r"^\s*\d+\.?\d*\s*$")
        written = pl.when(is_number).then(clock.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f"))
        rows = rows.with_columns(pl.coalesce(written, _TIME).alias(_TIME))
    return rows


def _readable(time: pl.Expr, unit: TimeUnit) -> pl.Expr:
    """The time, or a text that is refused if it is in seconds although the unit is milliseconds."""
    if unit != "ms":
        return time
    is_too_small = time.cast(pl.Float64, strict=False).abs() < _MIN_MILLISECONDS
    return pl.when(is_too_small).then(pl.format("{} is in 1970 if it is in ms; set time_unit", time)).otherwise(time)


def _given(path: str) -> pl.Expr:
    return pl.col(path).str.strip_chars().replace("", None)


def _event_ids(raw: pl.DataFrame, unit: TimeUnit) -> pl.Series:
    """The ``$insert_id`` with event and time, which identify an event together, else a digest of what was sent."""
    at, _ = utc_times(raw[_TIME_PATH], unit=unit, zone="UTC")
    given = pl.format("{} {} {}", _given(_INSERT_ID), at.dt.epoch("us"), "event")
    ids = raw.select(given.alias(_EVENT_ID)).to_series()
    if not ids.null_count():
        return ids
    sent = [None if known else _sent(text) for known, text in zip(ids, raw[_PROPERTIES], strict=True)]
    made = digests(raw.select("event", pl.Series(_PROPERTIES, sent, dtype=pl.String)))
    return pl.select(pl.coalesce(ids, made)).to_series().alias(_EVENT_ID)


def _sent(text: str | None) -> str:
    """The properties as JSON, without what Mixpanel adds when it processes an event or merges ids."""
    properties = as_object(text)
    changed = (*_OF_PROCESSING, *(("distinct_id",) if properties.get("$device_id") else ()))
    return json.dumps({key: value for key, value in properties.items() if key not in changed}, sort_keys=True)


def _merged(event: str | None, text: str | None, distinct_id: str | None) -> tuple[str | None, str | None]:
    """The id that stands for the person after a ``$merge``, if the event has no other, and the id merged into it."""
    if event != "$merge":
        return None, None
    ids = [one for one in as_list(as_object(text).get("$distinct_ids")) if isinstance(one, str) and one]
    if len(ids) < 2:
        return None, None
    into = distinct_id if distinct_id in ids else ids[0]
    return into, next((one for one in ids if one != into), None)


def _recognise(sample: Sample) -> str | None:
    if sample.has("event_name", "time", "distinct_id", "properties"):
        return "the columns event_name, time, distinct_id, properties of a data pipeline"
    # Other formats have events with properties too, with the id and the time beside them.
    if not {"event", "properties"} <= set(sample.columns) <= {"event", "properties", "dataset"}:
        return None
    for record in sample.records:
        properties = as_object(record.get("properties"))
        if "time" in properties and properties.keys() & {"distinct_id", "$insert_id", "$device_id"}:
            return "the keys event and properties, with time and distinct_id among the properties"
    return None


FORMAT = LogFormat(NAME, "Mixpanel, raw event export", _recognise, importer)
