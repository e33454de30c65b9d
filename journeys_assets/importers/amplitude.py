"""Amplitude, as its Export API and its exports to buckets and warehouses write it: a ZIP of gzipped JSON lines.

* Applications name their events and properties themselves: see ``importers.product_events``. An item of
  ``revenue_amount`` is its ``$productId``.
* Times are UTC, written without a zone. ``event_time`` is the time on the device, corrected by its clock's error.
* The user is ``user_id``, else ``device_id``, else ``amplitude_id``. A session id of -1 means that there is no session,
  and makes no difference.
* Files are by time of upload, and a backfill repeats rows. Rows with the same ``$insert_id``, else ``uuid``, are one
  event; an event with neither is told apart by everything that the client sent.
* An event with ``user_id`` and ``device_id`` links the two. Merges of two ids come in files of their own. They name
  amplitude_ids, so they link two users only where the user is the ``amplitude_id``; as events they are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import EVENT_BY_ITSELF, PART, VERSION, Importer, LogFormat, Records, Sample
from journeys_assets.importers.digests import digests
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping
from journeys_assets.importers.product_events import PREPARED, rules, with_named_events, with_products

NAME = "amplitude"
MERGE = "a merge of two ids"

_EVENT_ID = "@event_id"
_PROPERTIES = "event_properties"
_IDS = ("$insert_id", "insert_id", "uuid")
_IDENTITY = ("event_type", "client_event_time", "device_id", "session_id", "event_id", _PROPERTIES)

MAPPING = make_mapping(
    {
        "user": ["user_id", "device_id", "amplitude_id"],
        "user_agent": "user_agent",
        "time": ["event_time", "client_event_time"],
        "event": "event_type",
        "event_id": _EVENT_ID,
        **rules({"revenue_amount": "act"}),
        "identities": [
            {"user": "user_id", "other": "device_id"},
            {"user": "amplitude_id", "other": "merged_amplitude_id", "time": ["merge_time", "merge_server_time"]},
        ],
    },
    "the mapping of Amplitude",
)


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of Amplitude; see :class:`LogFormat`."""
    mapping = with_named_events(MAPPING, options)
    return mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(_prepared, mapping=mapping),
        prepared=(_EVENT_ID, *PREPARED),
        records=Records((*_IDS, *_IDENTITY, "merged_amplitude_id"), archives=True),
        kinds=dict.fromkeys(_IDS, "text"),
    )


def _prepared(raw: pl.DataFrame, *, mapping: LogMapping) -> pl.DataFrame:
    given = pl.coalesce(pl.col(name).str.strip_chars().replace("", None) for name in _IDS)
    is_merge = pl.col("merged_amplitude_id").is_not_null() & pl.col("event_type").is_null()
    return with_products(raw, mapping, event="event_type", properties=_PROPERTIES).with_columns(
        given.fill_null(digests(raw.select(_IDENTITY))).alias(_EVENT_ID),
        pl.when(is_merge).then(pl.lit(MERGE)).alias(SKIP),
        pl.lit(None, dtype=pl.String).alias(PART),
        pl.when(given.is_not_null()).then(pl.lit(EVENT_BY_ITSELF)).alias(VERSION),
    )


def _recognise(sample: Sample) -> str | None:
    if sample.has("amplitude_id", "event_type"):
        return "the columns amplitude_id and event_type"
    if sample.has("amplitude_id", "merged_amplitude_id"):
        return "the columns amplitude_id and merged_amplitude_id of merges"
    return None


FORMAT = LogFormat(NAME, "Amplitude, export of raw events", _recognise, importer)
