"""Snowplow: enriched events as the pipeline writes them, in 131 fields, or as a dump of a warehouse.

The TSV of the pipeline has no header. A dump of Redshift's ``atomic.events`` has 128 fields, because the three with
JSON are tables of their own there. JSON lines and Parquet of the newer warehouses are read too.

* A search is a ``site_search`` event, whose ``terms`` are words to be joined, or else the parameter ``q`` of its page;
  and a page view with the parameter ``q``, unless a ``site_search`` was sent on that page.
* Items are the product entities of an event, or its own product (``add_to_cart``, ``transaction_item``). An event of
  the e-commerce schemas is known by the type of its action. Structured events have no rule, but can be given one.
* The time is ``derived_tstamp``, else ``collector_tstamp``, UTC.
* The user is ``user_id``, else ``domain_userid``, else ``network_userid``, which is all zeros for anonymous tracking.
  An event with ``user_id`` and one of the others links the two.
* An event is identified by ``event_id`` with its ``event_fingerprint``, or without one with ``collector_tstamp``. A
  tracker may send an event twice; the one that was collected first counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import EVENT_BY_ITSELF, PART, VERSION, Gather, Importer, LogFormat, Records, Sample
from journeys_assets.importers.digests import digests
from journeys_assets.importers.json_values import as_list, as_object, object_of_line
from journeys_assets.importers.mapped import SKIP, mapped_importer
from journeys_assets.importers.mapping import LogMapping, make_mapping, with_options
from journeys_assets.importers.no_text import TextKind, text_or_mark
from journeys_assets.importers.times import utc_times

NAME = "snowplow"
_NAMES = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
    v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country
    geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
    ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
    page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
    refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action
    se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state
    tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min
    pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf
    br_features_flash br_features_java br_features_director br_features_quicktime br_features_realplayer
    br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth
    br_viewheight os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
    dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name
    event_format event_version event_fingerprint true_tstamp
    """
FIELDS = tuple(_NAMES.split())
"""The fields of an enriched event, in order."""
JSON_FIELDS = ("contexts", "unstruct_event", "derived_contexts")
"""The fields that a dump of Redshift lacks."""
PAGE_SEARCH = "page_view with q"
"""The type of a page view whose address has the parameter ``q``."""
SITE_SEARCH = "site_search"
SENT_TOO = "a page view whose search was sent as site_search"
HEADER = "the header of a file"

_EVENT, _QUERY, _EVENT_ID, _NETWORK = "@event", "@q", "@event_id", "@network_userid"
_ITEMS = ("@items[].id", "@items[].name", "@items[].category")
_DATA = "unstruct_event.data.data"
_COLUMN = "unstruct_event_com_snowplowanalytics_snowplow"
_VERSIONS = ("_1", "_1_0_0", "_1_0_1", "_1_0_2", "_1_0_3")
"""What the columns of a schema end with in the tables of warehouses: of the newer loaders, and of the older ones."""


def _columns_of(schema: str) -> tuple[str, ...]:
    return tuple(f"{schema}{version}" for version in _VERSIONS)


_TERMS = (f"{_DATA}.terms[]", *(f"{column}.terms[]" for column in _columns_of(f"{_COLUMN}_site_search")))
_TYPES = (
    f"{_DATA}.type",
    *(f"{column}.type" for column in _columns_of(f"{_COLUMN}_ecommerce_snowplow_ecommerce_action")),
)
_ADDED = _columns_of(f"{_COLUMN}_add_to_cart")
_CONTEXTS = "contexts"
_PRODUCTS = _columns_of("contexts_com_snowplowanalytics_snowplow_ecommerce_product")
_READ = (
    *(
        "event",
        "event_name",
        "event_id",
        "collector_tstamp",
        "derived_tstamp",
        "event_fingerprint",
        "se_action",
        "se_label",
    ),
    *("user_id", "domain_userid", "network_userid", "page_url", "page_urlquery", "ti_sku", "ti_name", "ti_category"),
    *("unstruct_event.data.schema", f"{_DATA}.action", *_TYPES, _DATA, *_ADDED, _CONTEXTS, *_PRODUCTS),
)
_PRODUCT = "/product/|/productFieldObject/"
"""The schemas of products have one of these."""
_NOBODY = "00000000-0000-0000-0000-000000000000"
_SQL_NULL = "\\N"

_KINDS: dict[str, TextKind] = dict.fromkeys(
    ("event_id", "event_fingerprint", "network_userid", "se_label", "ti_sku", "ti_name", "ti_category"), "text"
)
MAPPING = make_mapping(
    {
        "user": ["user_id", "domain_userid", _NETWORK],
        "user_agent": "useragent",
        "identities": [{"user": "user_id", "other": ["domain_userid", _NETWORK]}],
        "time": ["derived_tstamp", "collector_tstamp"],
        "event": _EVENT,
        "event_id": _EVENT_ID,
        "searches": [{"when": {_EVENT: [SITE_SEARCH, PAGE_SEARCH]}, "query": [*_TERMS, _QUERY]}],
        "engagements": [
            {
                "item": _ITEMS[0],
                "actions": {
                    "product_view": "look",
                    "list_click": "look",
                    "detail": "look",
                    "add_to_cart": "keep",
                    "add": "keep",
                    "transaction": "act",
                    "transaction_item": "act",
                    "purchase": "act",
                    "list_view": "ignore",
                    "promo_view": "ignore",
                    "promo_click": "ignore",
                    "remove_from_cart": "ignore",
                    "remove": "ignore",
                    "refund": "ignore",
                },
                "title": _ITEMS[1],
                "annotations": _ITEMS[1],
                "interests": _ITEMS[2],
                "separator": "/",
            }
        ],
    },
    "the mapping of Snowplow",
)

_PAGES = pl.Schema({"__visitor": pl.String(), "page_url": pl.String()})


def parse_line(text: str) -> list[Mapping[str, Any]]:
    """The event of a line, without what Snowplow Micro wraps around it.

    Raises:
        ValueError: it is no JSON object.
    """
    row = object_of_line(text)
    return [_unwrapped(row)]


def _unwrapped(row: Mapping[str, Any]) -> Mapping[str, Any]:
    event = row.get("event")
    return event if isinstance(event, dict) else row


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of Snowplow; see :class:`LogFormat`."""
    mapping = with_options(MAPPING, options)
    made = _importer(mapping, actions, _PAGES.to_frame())
    if options.searches is not None and not {SITE_SEARCH, PAGE_SEARCH} <= set(options.searches):
        return made
    # A search of a page that sends it as an event too is counted once.
    return replace(made, gather=Gather(_searched_pages, lambda found: _importer(mapping, actions, found)))


def _importer(mapping: LogMapping, actions: Sequence[Action], searched: pl.DataFrame) -> Importer:
    without_json = tuple(field for field in FIELDS if field not in JSON_FIELDS)
    return mapped_importer(
        NAME,
        mapping,
        actions=actions,
        prepare=partial(_prepared, searched=searched.unique()),
        prepared=(_EVENT, _QUERY, _EVENT_ID, _NETWORK, *_ITEMS),
        records=Records(_READ, headers=(FIELDS, without_json), parse_line=parse_line),
        user_paths=("user_id", "domain_userid", "network_userid"),
        kinds=_KINDS,
    )


def _searched_pages(raw: pl.DataFrame) -> pl.DataFrame:
    """Visitor and page of every ``site_search``."""
    rows = _with_events(raw).filter(pl.col(_EVENT) == SITE_SEARCH).select(_visitor(), "page_url")
    return rows.filter(pl.col("page_url").is_not_null()).select(
        pl.col(name).cast(dtype) for name, dtype in _PAGES.items()
    )


def _visitor() -> pl.Expr:
    return pl.coalesce("domain_userid", _NETWORK, "user_id").alias("__visitor")


def _with_events(raw: pl.DataFrame) -> pl.DataFrame:
    """Raw rows with the type of the event, and without what stands for a missing value."""
    rows = raw.with_columns(pl.col(pl.String).replace(_SQL_NULL, None))
    schema = pl.col("unstruct_event.data.schema")
    name = pl.coalesce("event_name", schema.str.extract(r"^iglu:[^/]+/([^/]+)/"), "event")
    of_enhanced = pl.when(schema.str.contains("enhanced-ecommerce/action/", literal=True)).then(f"{_DATA}.action")
    of_ecommerce = pl.when(name == "snowplow_ecommerce_action").then(pl.coalesce(*_TYPES))
    of_struct = pl.when(pl.col("event") == "struct").then(pl.format("struct {}", "se_action"))
    return rows.with_columns(
        pl.coalesce(of_struct, of_ecommerce, of_enhanced, name).alias(_EVENT),
        pl.col("network_userid").replace(_NOBODY, None).alias(_NETWORK),
    )


def _prepared(raw: pl.DataFrame, *, searched: pl.DataFrame) -> pl.DataFrame:
    rows = _with_events(raw)
    queries = _distinct(rows["page_urlquery"], _searched).alias(_QUERY)
    rows = rows.with_columns(queries)
    is_search = (pl.col(_EVENT) == "page_view") & pl.col(_QUERY).is_not_null()
    collected, _ = utc_times(rows["collector_tstamp"], unit=None, zone="UTC")
    rows = rows.with_columns(
        pl.when(is_search).then(pl.lit(PAGE_SEARCH)).otherwise(_EVENT).alias(_EVENT),
        pl.concat_str(
            "event_id",
            pl.coalesce("event_fingerprint", collected.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")),
            separator=" ",
        ).alias(_EVENT_ID),
        *_items(rows),
    )
    pages = searched.with_columns(__is_sent=pl.lit(True))
    rows = rows.with_columns(_visitor()).join(pages, on=["__visitor", "page_url"], how="left", maintain_order="left")
    is_sent_too = (pl.col(_EVENT) == PAGE_SEARCH) & pl.col("__is_sent").fill_null(False)
    reason = pl.when(is_sent_too).then(pl.lit(SENT_TOO)).when(pl.col("event_id") == "event_id").then(pl.lit(HEADER))
    # Of a search that comes as a page view and as site_search, perhaps in several calls, site_search counts.
    is_page = pl.col(_EVENT).is_in([PAGE_SEARCH, SITE_SEARCH]) & pl.col("page_url").is_not_null()
    is_page = (is_page & pl.col("__visitor").is_not_null()).fill_null(False)
    page = digests(rows.select("__visitor", "page_url")).alias("__page")
    rank = pl.when(pl.col(_EVENT) == SITE_SEARCH).then(pl.lit("1||")).otherwise(pl.lit("0||"))
    rows = rows.with_columns(page).with_columns(
        pl.when(is_page).then(pl.format("snowplow {}", "__page")).alias(PART),
        pl.when(is_page).then(rank).otherwise(pl.lit(EVENT_BY_ITSELF)).alias(VERSION),
    )
    return rows.with_columns(reason.alias(SKIP)).drop("__visitor", "__is_sent", "__page")


def _distinct(texts: pl.Series, function: Any) -> pl.Series:
    """``function`` of every text, called once for each different one."""
    distinct = texts.drop_nulls().unique()
    values = {text: function(text) for text in distinct}
    return texts.replace_strict(values, default=None, return_dtype=pl.String)


def _searched(query: str) -> str | None:
    """The parameter ``q`` of the query string of a page."""
    values = parse_qs(query.removeprefix("?"), errors="replace").get("q")
    return values[0] if values else None


def _items(rows: pl.DataFrame) -> list[pl.Series]:
    """Ids, names and categories of the items of every event, as the columns ``_ITEMS``."""
    products, added = (rows.select(pl.coalesce(names)).to_series() for names in (_PRODUCTS, _ADDED))
    own = [rows[name] for name in ("ti_sku", "ti_name", "ti_category")]
    columns = [rows[_CONTEXTS], products, rows[_DATA], added, *own]
    struct = rows.select(pl.when(pl.col("event") == "struct").then("se_label")).to_series()
    found = [list(_items_of(*values)) for values in zip(*columns, struct, strict=True)]
    dtype = pl.List(pl.String)
    return [
        pl.Series(name, [[item[at] for item in items] or None for items in found], dtype=dtype)
        for at, name in enumerate(_ITEMS)
    ]


def _items_of(
    contexts: str | None,
    products: str | None,
    data: str | None,
    added: str | None,
    sku: str | None,
    name: str | None,
    category: str | None,
    label: str | None,
) -> Iterator[tuple[str | None, str | None, str | None]]:
    if contexts is not None and re.search(_PRODUCT, contexts):
        for entity in as_list(as_object(contexts).get("data")):
            described = as_object(entity)
            if re.search(_PRODUCT, str(described.get("schema"))):
                yield _item(as_object(described.get("data")))
    for product in as_list(products):
        yield _item(as_object(product))
    for own in (data, added):
        if own is not None and '"sku"' in own:
            yield _item(as_object(own))
    if sku is not None:
        yield sku, name, category
    if label is not None:
        yield label, None, None


def _item(product: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    given = product.get("id", product.get("sku"))
    return text_or_mark(given), text_or_mark(product.get("name")), text_or_mark(product.get("category"), "texts")


def _recognise(sample: Sample) -> str | None:
    wrapped = [_unwrapped(record).keys() for record in sample.records]
    if sample.has("event_id", "collector_tstamp") or any(keys >= {"event_id", "collector_tstamp"} for keys in wrapped):
        return "the columns event_id and collector_tstamp"
    widths = {len(FIELDS), len(FIELDS) - len(JSON_FIELDS)}
    rows = [line.split("\t") for line in sample.lines[:20] if line]
    if rows and all(len(row) in widths and re.match(r"\d{4}-\d{2}-\d{2} |collector", row[3]) for row in rows):
        return f"the {len(rows[0])} fields of an enriched event in each line"
    return None


FORMAT = LogFormat(NAME, "Snowplow, enriched events", _recognise, importer)
