"""PostHog: batch exports of events and persons, as Parquet or JSON lines.

* ``properties`` is text with JSON in Parquet, and an object in JSON lines. Times are microseconds, UTC, or ISO 8601.
* Events have the names of the e-commerce specification (``importers.commerce``), which PostHog has too, in any
  spelling. Names with ``$`` are PostHog's own: ``$pageview`` is no search.
* The user is the person. The ``person_id`` of an event is that of the time at which it was ingested, and is never
  changed. If the files have an export of persons, the person is the one to whom it assigns the ``distinct_id`` last.
* Where the user is ``$user_id`` or the ``distinct_id`` (a setting), an event links the latter to the former,
  ``$identify`` links the anonymous id before it, and ``$create_alias`` and ``$merge_dangerously`` link an alias.
  Persons are linked by the export of persons alone.
* Events of a person whom the export of persons gives as deleted are skipped, under every ``distinct_id``.
* ``manifest.json``, which lists the files of an export, is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers import commerce
from journeys_assets.importers.base import PART, VERSION, Gather, Importer, LogFormat, Records, Sample
from journeys_assets.importers.json_values import object_of_line
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping, with_options
from journeys_assets.importers.no_text import TextKind

NAME = "posthog"
PERSON = "(person)"
"""The type of a row of the export of persons."""
IN_PERSONS = "a row of the export of persons"
DELETED = "a person who was deleted"

_EVENT, _PERSON, _QUERY = "@event", "@person", "@query"
_USERS = ("person_id", "distinct_id")
_QUERIES = tuple(f"properties.{name}" for name in commerce.QUERIES)
_PRODUCTS = "properties.products"
_PRODUCT_IDS = ("properties.product_id", "properties.productId", "properties.sku")
_NAMES = ("properties.name", "properties.product_name")
_CATEGORY = "properties.category"
_PERSON_VERSIONS = ("person_distinct_id_version", "person_version")
_READ = (
    "event",
    *_USERS,
    *_PERSON_VERSIONS,
    "is_deleted",
    *_QUERIES,
    _PRODUCTS,
    *_PRODUCT_IDS,
    *_NAMES,
    _CATEGORY,
)

_KINDS: dict[str, TextKind] = {
    **dict.fromkeys((*_QUERIES, *_NAMES), "text"),
    **dict.fromkeys((*_PRODUCT_IDS, _CATEGORY), "texts"),
}
MAPPING = make_mapping(
    {
        "user": [_PERSON, *_USERS],
        "user_agent": "properties.$raw_user_agent",
        "time": "timestamp",
        "time_unit": "us",
        "event": _EVENT,
        "event_id": ["uuid", "id"],
        "searches": [{"when": {_EVENT: commerce.SEARCHES}, "query": _QUERY}],
        "engagements": [commerce.engagements()],
        "identities": [
            {"user": "properties.$user_id", "other": "distinct_id"},
            {"when": {"event": "$identify"}, "user": "distinct_id", "other": "properties.$anon_distinct_id"},
            {
                "when": {"event": ["$create_alias", "$merge_dangerously"]},
                "user": "distinct_id",
                "other": "properties.alias",
            },
        ],
    },
    "the mapping of PostHog",
)

_GATHERED = pl.Schema(
    {
        "distinct_id": pl.String(),
        "person_id": pl.String(),
        "distinct_id_version": pl.Int64(),
        "version": pl.Int64(),
        "is_deleted": pl.Boolean(),
    }
)
_DIGITS = 12
_NO_PERSONS = _GATHERED.to_frame()


def parse_line(text: str) -> list[Any]:
    """The records of a line: one, or those of an answer of the API.

    Raises:
        ValueError: it is no JSON object.
    """
    row = object_of_line(text)
    return _rows_of(row)


def _rows_of(row: Mapping[str, Any]) -> list[Any]:
    results = row.get("results")
    return results if isinstance(results, list) else [row]


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of PostHog; see :class:`LogFormat`."""
    mapping = with_options(MAPPING, commerce.with_spelling(options))
    return _importer(mapping, commerce.spellings(options), actions, _NO_PERSONS)


def manifests(names: Sequence[str]) -> Mapping[str, str]:
    """The manifests among the files, with the reason for leaving them out."""
    reason = "it is a manifest, which lists the files of an export"
    return {name: reason for name in names if re.search(r"(?:^|[^a-z0-9])manifest\.json$", name, re.IGNORECASE)}


def _importer(
    mapping: LogMapping, spelled: Mapping[str, str], actions: Sequence[Action], gathered: pl.DataFrame
) -> Importer:
    users = mapping.user.paths if mapping.user else ()
    made = mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(
            _prepared, spelled=spelled, persons=current_persons(gathered), deleted=deleted_persons(gathered)
        ),
        prepared=(_EVENT, _PERSON, _QUERY, *commerce.ITEM_PATHS),
        records=Records(_READ, parse_line=parse_line),
        check_files=manifests,
        user_paths=tuple(path for path in users if path != _PERSON),
        kinds=_KINDS,
    )
    gather = Gather(_selected, lambda found: replace(_importer(mapping, spelled, actions, found), gather=None))
    return replace(made, gather=gather)


def _is_person() -> pl.Expr:
    has_version = pl.any_horizontal(pl.col(name).is_not_null() for name in (*_PERSON_VERSIONS, "is_deleted"))
    return pl.col("event").is_null() & pl.col("distinct_id").is_not_null() & has_version


def _selected(raw: pl.DataFrame) -> pl.DataFrame:
    versions = {"distinct_id_version": _PERSON_VERSIONS[0], "version": _PERSON_VERSIONS[1]}
    return raw.filter(_is_person()).select(
        "distinct_id",
        "person_id",
        *(pl.col(name).cast(pl.Int64, strict=False).fill_null(0).alias(short) for short, name in versions.items()),
        pl.col("is_deleted").str.to_lowercase().is_in(["true", "1", "t"]).fill_null(False),
    )


def current_persons(gathered: pl.DataFrame) -> pl.DataFrame:
    """The person of each ``distinct_id``, by the row with the highest versions, whatever the order of rows.

    Returns:
        ``distinct_id``, ``__person``, ``__is_deleted``, and ``__rank``: later versions have a higher one.
    """
    last = gathered.sort("distinct_id_version", "version", "is_deleted", "person_id", nulls_last=False)
    return last.unique("distinct_id", keep="last", maintain_order=True).select(
        "distinct_id",
        __person="person_id",
        __is_deleted="is_deleted",
        __rank=pl.concat_str(
            pl.col(name).cast(pl.String).str.zfill(_DIGITS) for name in ("distinct_id_version", "version")
        ),
    )


def deleted_persons(gathered: pl.DataFrame) -> pl.Series:
    """The persons who were deleted: every ``distinct_id`` that is theirs now is marked so."""
    of_person = current_persons(gathered).group_by("__person").agg(pl.col("__is_deleted").all())
    return of_person.filter("__is_deleted")["__person"].drop_nulls().sort()


def _prepared(
    raw: pl.DataFrame, *, spelled: Mapping[str, str], persons: pl.DataFrame, deleted: pl.Series
) -> pl.DataFrame:
    is_person = _is_person()
    events = raw.select(pl.when(is_person).then(pl.lit(PERSON)).otherwise("event")).to_series()
    rows = raw.join(persons, on="distinct_id", how="left", maintain_order="left").with_columns(
        commerce.spelled_events(events, spelled).alias(_EVENT),
        pl.col("__person").alias(_PERSON),
        pl.coalesce(*_QUERIES).alias(_QUERY),
    )
    has_interest = pl.col(_EVENT).is_in(commerce.with_interest(spelled)).fill_null(False)
    rows = commerce.with_items(
        rows.with_columns(__products=pl.when(has_interest).then(_PRODUCTS)),
        products="__products",
        item=commerce.own_items([pl.col(path) for path in _PRODUCT_IDS]),
        title=pl.coalesce(*_NAMES),
        category=pl.col(_CATEGORY),
    )
    reasons = [
        pl.when(is_person).then(pl.lit(IN_PERSONS)),
        pl.when(pl.col("__is_deleted").fill_null(pl.col("person_id").is_in(deleted.implode()))).then(pl.lit(DELETED)),
        pl.when("__unreadable").then(pl.lit(commerce.UNREADABLE_PRODUCTS)),
        pl.when(has_interest & commerce.is_object(pl.col(_QUERY))).then(pl.lit(commerce.OBJECT_QUERY)),
    ]
    # An event that comes again is that of the person of the latest version, whichever call came last.
    version = pl.format("{}||", pl.col("__rank").fill_null(""))
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(PART), version.alias(VERSION))
    return rows.with_columns(pl.coalesce(*reasons).alias(SKIP)).drop(
        "__person", "__is_deleted", "__rank", "__products", "__unreadable"
    )


def _recognise(sample: Sample) -> str | None:
    rows = [row for record in sample.records for row in _rows_of(record) if isinstance(row, dict)]
    given = set(sample.columns).union(*rows)
    columns = {column.lower() for column in given}
    has_properties = any(column == "properties" or column.startswith("properties.") for column in columns)
    for own in ("uuid", "id"):
        if {own, "event", "distinct_id", "timestamp"} <= columns and has_properties:
            return f"the columns {own}, event, distinct_id, timestamp, properties"
    if sample.has("distinct_id", "person_id") and set(_PERSON_VERSIONS) & set(sample.columns):
        return "the columns distinct_id, person_id and a version of an export of persons"
    return None


FORMAT = LogFormat(NAME, "PostHog, batch exports of events and persons", _recognise, importer, manifests)
