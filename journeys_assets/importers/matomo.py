"""Matomo: exports of its tables ``log_link_visit_action``, ``log_action`` and ``log_visit``, in one call.

The visits that the API gives (``Live.getLastVisitsDetails``) are read too, as rows of these tables.

* ``log_link_visit_action`` has what was done. Its numbers refer to ``log_action``, which has the names, and to
  ``log_visit``, which has the visitors. ``log_conversion_item``, the items of carts and orders, is read if it is there.
* A search has the type 8; its keyword is the name. A view of a product has numbers for its SKU (5), name (6) and
  categories (7), or, before release 4, custom variables. Without a name, the product has the title of its page (4).
* Times are UTC. ``visitor_localtime`` is not read.
* A visitor whose visit has a ``user_id`` is linked to it. Matomo writes the user into a visit when the visitor logs in,
  so an action may come again with a user: that delivery replaces the one without.
* The user is ``user_id``, else ``idvisitor``: eight bytes, which are read as hexadecimal digits however they are
  written.
* A visit that is not ``profilable`` forms no journey. It is skipped and counted, and so is a visit that is not in
  ``log_visit``, because it might be one.
* UTF-8 that was once read as cp1251 is repaired where that is certain. Other damaged text is kept as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.errors import IngestError
from journeys_assets.importers.base import PART, VERSION, Gather, Importer, LogFormat, Records, Sample
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping, with_options
from journeys_assets.importers.matomo_live import LIVE, NAMED, is_visit, parse_line

NAME = "matomo"

SITE_SEARCH, PRODUCT_VIEW, PAGE_VIEW = "site search", "product view", "page view"
ORDER_ITEM, CART_ITEM, REMOVED_ITEM = "order item", "cart item", "removed item"
_TYPES = {"2": "outlink", "3": "download", "13": "content", "14": "content", "15": "content", "16": "content"}
"""Types of addresses in ``log_action`` that are no page."""

OTHER_TABLE = "a row of log_action or log_visit, which counts for the rows of this call that refer to it"
NOT_PROFILABLE = "a visit that must not be profiled"
NO_VISIT = "a visit that is not in log_visit; load both again in one call"
NO_NAME = "an action that is not in log_action; load both again in one call"

MIN_REPAIRED = 2
"""Least number of letters that must come out of a repair, so that it is certain."""

_EVENT, _USER, _TIME, _EVENT_ID, _QUERY = "@event", "@user", "server_time", "@event_id", "@query"
_KNOWN, _VISITOR = "@known", "@visitor"
_ITEM, _TITLE, _CATEGORIES = "@item", "@title", tuple(f"@category{n}" for n in range(1, 6))
_CATEGORY_COLUMNS = (
    tuple(f"idaction_product_cat{n}" for n in ("", 2, 3, 4, 5)),
    tuple(f"idaction_category{n}" for n in ("", 2, 3, 4, 5)),
)
_NUMBERS = (
    *("idlink_va", "idvisit", "idaction", "idaction_url", "idaction_name", "idaction_event_action"),
    *("idaction_product_sku", "idaction_product_name", "idaction_sku", *_CATEGORY_COLUMNS[0], *_CATEGORY_COLUMNS[1]),
)
_VARIABLES = tuple(f"custom_var_{part}{n}" for n in (3, 4, 5) for part in "kv")
_READ = (
    *(*_NUMBERS, "idvisitor", "user_id", "name", "type", "profilable", "idorder", "deleted", _TIME, *_VARIABLES),
    *("visitor_localtime", "visit_first_action_time", "visit_last_action_time"),
)
_OF_VISIT = ("profilable", "visitor_localtime", "visit_first_action_time", "visit_last_action_time")
_SQL_NULLS = ("\\N", "NULL")
"""What MySQL writes for a missing value, to a file and to a terminal."""

MAPPING = make_mapping(
    {
        "user": _USER,
        "time": _TIME,
        "event": _EVENT,
        "event_id": _EVENT_ID,
        "identities": [{"user": _KNOWN, "other": _VISITOR}],
        "searches": [{"when": {_EVENT: SITE_SEARCH}, "query": _QUERY}],
        "engagements": [
            {
                "item": _ITEM,
                "actions": {
                    PRODUCT_VIEW: "look",
                    CART_ITEM: "keep",
                    ORDER_ITEM: "act",
                    REMOVED_ITEM: "ignore",
                    PAGE_VIEW: "ignore",
                },
                "title": _TITLE,
                "annotations": _TITLE,
                "interests": list(_CATEGORIES),
            }
        ],
    },
    "the mapping of Matomo",
)


class MatomoTablesError(IngestError):
    """Tables are missing. The message names them and the cure."""


_GATHERED = pl.Schema({name: pl.String() for name in ("table", "id", "name", "type", "user", "visitor", "profilable")})


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of Matomo; see :class:`LogFormat`."""
    mapping = with_options(MAPPING, replace(options, user=None))
    user = options.user or ("user_id", "idvisitor")
    made = _importer(mapping, user, actions, _GATHERED.to_frame())
    return replace(made, gather=Gather(_selected, lambda found: _importer(mapping, user, actions, _checked(found))))


def _importer(mapping: LogMapping, user: Sequence[str], actions: Sequence[Action], found: pl.DataFrame) -> Importer:
    names = found.filter(pl.col("table") == "action").group_by("id").agg(pl.col("name", "type").drop_nulls().min())
    # A visit that is delivered again may have a user by then; one that must not be profiled stays so.
    visits = (
        found.filter(pl.col("table") == "visit")
        .group_by("id")
        .agg(pl.col("user", "visitor").drop_nulls().max(), pl.col("profilable").drop_nulls().min())
    )
    prepared = (_EVENT, _USER, _KNOWN, _VISITOR, _EVENT_ID, _QUERY, _ITEM, _TITLE, *_CATEGORIES)
    return mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(_prepared, user=tuple(user), names=names, visits=visits),
        prepared=prepared,
        records=Records(
            tuple(dict.fromkeys([*_READ, LIVE, *(f"live_{name}" for name in NAMED), *user])), parse_line=parse_line
        ),
        user_paths=user,
        time_paths=(_TIME,),
        kinds=dict.fromkeys((*user, "user_id", "idvisitor", "name", *(f"live_{name}" for name in NAMED)), "text"),
    )


def _selected(raw: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``log_action`` and ``log_visit``, and one row if there are others."""
    rows = _readable(raw)
    table = _table()
    selected = rows.select(
        table=table,
        id=pl.when(table == "action").then("idaction").otherwise("idvisit"),
        name="name",
        type="type",
        user="user_id",
        visitor="idvisitor",
        profilable="profilable",
    )
    # A visit of the API has all that its actions refer to.
    refers = ((selected["table"] == "link") & rows[LIVE].is_null()).any()
    others = pl.DataFrame({"table": ["link"]}).filter(refers)
    return pl.concat([selected.filter(pl.col("table") != "link"), others], how="diagonal").select(
        pl.col(name).cast(dtype) for name, dtype in _GATHERED.items()
    )


def _table() -> pl.Expr:
    is_event = pl.col("idlink_va").is_not_null() | pl.col("idorder").is_not_null()
    is_visit = pl.any_horizontal(pl.col(name).is_not_null() for name in _OF_VISIT)
    is_action = pl.col("idaction").is_not_null() & pl.col("type").is_not_null()
    return (
        pl.when(is_event)
        .then(pl.lit("link"))
        .when(is_visit)
        .then(pl.lit("visit"))
        .when(is_action)
        .then(pl.lit("action"))
        .otherwise(pl.lit("link"))
    )


def _checked(found: pl.DataFrame) -> pl.DataFrame:
    """What was gathered.

    Raises:
        MatomoTablesError: rows refer to a table that is not among the files.
    """
    tables = set(found["table"])
    missing = [f"log_{name}" for name in ("action", "visit") if name not in tables]
    if "link" in tables and missing:
        raise MatomoTablesError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not among the files, and the rows of "
            "log_link_visit_action refer to it; give log_link_visit_action, log_action and log_visit in one call"
        )
    return found


def _readable(raw: pl.DataFrame) -> pl.DataFrame:
    """Raw rows without what stands for a missing value, numbers as whole ones, and ids of visitors in hexadecimal."""
    rows = raw.with_columns(pl.col(pl.String).replace(_SQL_NULLS, None))
    numbers = [pl.col(name).str.strip_chars().str.replace(r"\.0+$", "").replace("", None) for name in _NUMBERS]
    return rows.with_columns(numbers).with_columns(_each(rows["idvisitor"], hexadecimal))


def _prepared(raw: pl.DataFrame, *, user: Sequence[str], names: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    rows = _readable(raw)
    of_visit = visits.select(idvisit="id", __user="user", __visitor="visitor", __profilable="profilable")
    of_visit = of_visit.with_columns(__is_known=pl.lit(True))
    rows = rows.join(of_visit, on="idvisit", how="left", maintain_order="left")
    rows = rows.with_columns(user_id=pl.coalesce("user_id", "__user"), idvisitor=pl.coalesce("idvisitor", "__visitor"))
    named = {row["id"]: (row["name"], row["type"]) for row in names.iter_rows(named=True)}

    def name_of(column: str) -> pl.Series:
        return _each(rows[column], lambda number: repaired((named.get(number) or (None, None))[0]))

    def live(name: str) -> pl.Expr:
        return pl.col(f"live_{name}").str.strip_chars().replace("", None)

    def type_of(column: str) -> pl.Series:
        return _each(rows[column], lambda number: (named.get(number) or (None, None))[1])

    rows = rows.with_columns(
        pl.coalesce(name_of("idaction_name"), live("name")).alias("__name"),
        pl.coalesce(type_of("idaction_name"), live("type")).alias("__type"),
        pl.coalesce(name_of("idaction_url"), live("url")).alias("__url"),
        pl.coalesce(type_of("idaction_url"), live("url_type")).alias("__url_type"),
        pl.coalesce(name_of("idaction_event_action"), live("event_action")).alias("__event_action"),
        pl.coalesce(
            name_of("idaction_product_sku"), name_of("idaction_sku"), _variable(rows, "_pks"), live("sku")
        ).alias("__sku"),
        pl.coalesce(name_of("idaction_product_name"), _variable(rows, "_pkn"), live("product")).alias("__product"),
        *(
            pl.coalesce(
                name_of(of_view),
                name_of(of_item),
                *([_variable(rows, "_pkc")] if n == 0 else []),
                live(f"category{n + 1}"),
            ).alias(column)
            for n, (column, of_view, of_item) in enumerate(zip(_CATEGORIES, *_CATEGORY_COLUMNS, strict=True))
        ),
    )
    event = _event()
    is_page = event == PAGE_VIEW
    is_item = pl.col("idorder").is_not_null()
    item_id = pl.concat_str("idvisit", "idorder", "__sku", separator=" ", ignore_nulls=True)
    rows = rows.with_columns(
        event.alias(_EVENT),
        pl.coalesce(pl.col(name).str.strip_chars().replace("", None) for name in user).alias(_USER),
        pl.when(is_item).then(item_id).otherwise("idlink_va").alias(_EVENT_ID),
        pl.col("__name").alias(_QUERY),
        pl.when(is_page).then("__url").when(pl.col("__event_action").is_not_null()).then("__name")
        .otherwise("__sku").alias(_ITEM),
        pl.when(is_item).then("__name").otherwise(pl.coalesce("__product", _page_title())).alias(_TITLE),
    )  # fmt: skip
    is_known = pl.col(user[0]).str.strip_chars().replace("", None).is_not_null()
    may_link = (_table() == "link") & ~_must_not()
    rows = rows.with_columns(
        pl.when(may_link).then("user_id").alias(_KNOWN),
        pl.when(may_link).then("idvisitor").alias(_VISITOR),
        pl.format("matomo {} {}", _EVENT_ID, _TIME).alias(PART),
        pl.when(is_known).then(pl.lit("1||")).otherwise(pl.lit("0||")).alias(VERSION),
    )
    return rows.with_columns(_reason().alias(SKIP)).drop(pl.selectors.starts_with("__"))


def _event() -> pl.Expr:
    """The type of what was done; the name of the action for an event that the application tracks."""
    is_item = pl.col("idorder").is_not_null()
    is_removed = pl.col("deleted").is_in(["1", "true"]).fill_null(False)
    item = (
        pl.when(is_removed)
        .then(pl.lit(REMOVED_ITEM))
        .when(pl.col("idorder").is_in(["", "0"]))
        .then(pl.lit(CART_ITEM))
        .otherwise(pl.lit(ORDER_ITEM))
    )
    return (
        pl.when(is_item)
        .then(item)
        .when(pl.col("__type") == "8")
        .then(pl.lit(SITE_SEARCH))
        .when(pl.col("__event_action").is_not_null())
        .then("__event_action")
        .when(pl.col("__sku").is_not_null())
        .then(pl.lit(PRODUCT_VIEW))
        .when(pl.col("__url_type").is_in(list(_TYPES)))
        .then(pl.col("__url_type").replace(_TYPES))
        .when(_table() == "link")
        .then(pl.lit(PAGE_VIEW))
    )


def _page_title() -> pl.Expr:
    return pl.when(pl.col("__type") == "4").then("__name")


def _reason() -> pl.Expr:
    """Why a row is skipped; null if it is not."""
    refers = [name for name in _NUMBERS if name.startswith("idaction_") and name in ("idaction_name", "idaction_url")]
    named = {"idaction_name": "__name", "idaction_url": "__url"}
    is_lost = pl.any_horizontal(
        pl.col(name).is_not_null() & (pl.col(name) != "0") & pl.col(named[name]).is_null() for name in refers
    )
    return (
        pl.when(_table() != "link").then(pl.lit(OTHER_TABLE))
        .when(pl.col("__is_known").is_null() & pl.col(LIVE).is_null()).then(pl.lit(NO_VISIT))
        .when(_must_not()).then(pl.lit(NOT_PROFILABLE))
        .when(is_lost).then(pl.lit(NO_NAME))
    )  # fmt: skip


def _must_not() -> pl.Expr:
    """Whether the visit of a row must not be profiled."""
    return pl.col("__profilable").str.to_lowercase().is_in(["0", "false"]).fill_null(False)


def _variable(rows: pl.DataFrame, key: str) -> pl.Expr:
    """The value of a custom variable of a page, in which releases before 4 have products."""
    of_slots = [pl.when(pl.col(f"custom_var_k{n}") == key).then(f"custom_var_v{n}") for n in (3, 4, 5)]
    return pl.coalesce(of_slots)


def _each(values: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """``function`` of every value, called once for each different one; null where there is none."""
    found = {value: function(value) for value in values.drop_nulls().unique()}
    return values.replace_strict(found, default=None, return_dtype=pl.String)


def hexadecimal(visitor: str) -> str:
    """The id of a visitor as 16 hexadecimal digits, if it is 8 bytes: as digits, as base64, or as text."""
    text = visitor.strip()
    digits = text.removeprefix("0x").removeprefix("0X")
    if re.fullmatch(r"[0-9A-Fa-f]{16}", digits):
        return digits.lower()
    if re.fullmatch(r"[A-Za-z0-9+/]{11}=", text):
        try:
            return base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            return visitor
    given = visitor.encode()
    return given.hex() if len(given) == 8 else visitor


def repaired(text: str | None) -> str | None:
    """The text, repaired if it certainly is UTF-8 that was read as cp1251.

    It is certain if all its characters have a byte in cp1251, these bytes are UTF-8, and at least ``MIN_REPAIRED``
    characters that are not ASCII come out. A text of one language that is both is not known.
    """
    if text is None or text.isascii():
        return text
    try:
        # cp1251 has no character for the byte 0x98, and databases keep it as the control character.
        content = b"".join(b"\x98" if character == "\x98" else character.encode("cp1251") for character in text)
        found = content.decode("utf-8")
    except UnicodeError:
        return text
    return found if sum(not character.isascii() for character in found) >= MIN_REPAIRED else text


def _recognise(sample: Sample) -> str | None:
    if sample.has("idVisit", "actionDetails") and any(map(is_visit, sample.records)):
        return "the keys idVisit and actionDetails of Live.getLastVisitsDetails"
    if sample.has("idlink_va", "idvisit"):
        return "the columns idlink_va and idvisit of log_link_visit_action"
    if sample.has("idaction", "name", "type"):
        return "the columns idaction, name and type of log_action"
    if sample.has("idvisit", "idvisitor") and set(sample.columns) & set(_OF_VISIT):
        return "the columns idvisit and idvisitor of log_visit"
    if sample.has("idvisit", "idorder", "idaction_sku"):
        return "the columns idorder and idaction_sku of log_conversion_item"
    return None


FORMAT = LogFormat(NAME, "Matomo, exports of its log tables, or visits of its API", _recognise, importer)
