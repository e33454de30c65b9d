"""Rules for logs in which each application names its own events and properties: Amplitude and Mixpanel.

Names are those of the usual guides to naming events, however they are written: ``Product Viewed``, ``product_viewed``
and ``productViewed`` are one name. A deployment names its own in its settings, in any of these spellings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import polars as pl

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.json_values import as_list, as_object
from journeys_assets.importers.mapping import LogMapping, with_options
from journeys_assets.importers.no_text import MARK, TextKind, text_or_mark

EVENT_NAME = "@name"
"""The column of prepared rows with the type of the event in snake case."""

SEARCHES = (
    *("search", "searched", "site_search", "product_search", "product_searched", "products_searched"),
    *("search_performed", "search_submitted", "search_query", "performed_search", "view_search_results"),
)
ACTIONS = {
    "product_viewed": "look",
    "product_clicked": "look",
    "viewed_product": "look",
    "view_product": "look",
    "item_viewed": "look",
    "item_clicked": "look",
    "view_item": "look",
    "select_item": "look",
    "search_result_clicked": "look",
    "product_added": "keep",
    "product_added_to_wishlist": "keep",
    "item_added": "keep",
    "item_saved": "keep",
    "add_to_cart": "keep",
    "added_to_cart": "keep",
    "add_to_wishlist": "keep",
    "added_to_wishlist": "keep",
    "order_completed": "act",
    "purchase": "act",
    "purchased": "act",
    "purchase_completed": "act",
    "product_purchased": "act",
    "item_purchased": "act",
    "items_purchased": "act",
    "product_list_viewed": "ignore",
    "product_impression": "ignore",
    "view_item_list": "ignore",
    "product_removed": "ignore",
    "remove_from_cart": "ignore",
    "removed_from_cart": "ignore",
}
_QUERIES = ("query", "search_query", "search_term", "search_terms", "search_text", "keyword", "keywords", "term", "q")
_LISTS = ("products", "items")
_IDS = ("product_id", "item_id", "sku", "content_id", "listing_id")
_IDS_IN_LISTS = (*_IDS, "id")
_TITLES = ("product_name", "item_name", "product_title", "item_title", "title", "name")
_CATEGORIES = ("category", "categories", "product_category", "item_category")

_QUERY = "@query"
_ITEMS = ("@items[].id", "@items[].name", "@items[].category")
PREPARED = (EVENT_NAME, _QUERY, *_ITEMS)
"""The columns that :func:`with_products` adds."""


def rules(actions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The rules of a mapping, for ``make_mapping``.

    Args:
        actions: Types of events, in snake case, beside ``ACTIONS``.
    """
    engagements = {
        "item": _ITEMS[0],
        "action": EVENT_NAME,
        "actions": {**ACTIONS, **(actions or {})},
        "title": _ITEMS[1],
        "annotations": _ITEMS[1],
        "interests": _ITEMS[2],
    }
    return {"searches": [{"when": {EVENT_NAME: SEARCHES}, "query": _QUERY}], "engagements": [engagements]}


def with_named_events(mapping: LogMapping, options: FormatOptions) -> LogMapping:
    """The mapping with the decisions of a deployment, whose names of events may be written in any spelling."""
    named = {snake_case(event): action for event, action in options.actions.items()}
    changed = with_options(mapping, replace(options, actions=named, searches=None))
    if options.searches is None:
        return changed
    when = {EVENT_NAME: tuple(snake_case(event) for event in options.searches)}
    return changed.model_copy(
        update={"searches": tuple(rule.model_copy(update={"when": when}) for rule in changed.searches)}
    )


def with_products(raw: pl.DataFrame, mapping: LogMapping, *, event: str, properties: str) -> pl.DataFrame:
    """Raw rows with the columns ``PREPARED``.

    Args:
        mapping: The properties of events for which it has no rule are not looked at.
        event: The column with the type of the event.
        properties: The column with the properties of the event, JSON as text.
    """
    searches = {name for rule in mapping.searches for name in rule.when[EVENT_NAME]}
    wanted = searches | {name for rule in mapping.engagements for name in rule.actions}
    names: list[str | None] = []
    queries: list[str | None] = []
    items: list[list[_Item]] = []
    for kind, text in zip(raw[event], raw[properties], strict=True):
        name = None if kind is None else snake_case(kind)
        given = _named(text) if name in wanted else {}
        names.append(name)
        queries.append(_query(given) if name in searches else None)
        items.append([] if name in searches else _items_of(given))
    columns = [
        pl.Series(column, [[item[at] for item in one] or None for one in items], dtype=pl.List(pl.String))
        for at, column in enumerate(_ITEMS)
    ]
    texts = {EVENT_NAME: names, _QUERY: queries}
    return raw.with_columns(*(pl.Series(name, values, dtype=pl.String) for name, values in texts.items()), *columns)


_Item = tuple[str | None, str | None, str | None]
"""Id, name, and category or categories (JSON as text) of an item."""


def _named(value: Any) -> dict[str, Any]:
    """An object with its keys in snake case. Of keys that are one name, the first that has a value counts."""
    found: dict[str, Any] = {}
    for key, one in as_object(value).items():
        name = snake_case(key)
        if found.get(name) in (None, ""):
            found[name] = one
    return found


def _query(given: Mapping[str, Any]) -> str | None:
    for key in _QUERIES:
        value = given.get(key)
        words = [text_or_mark(word) for word in (value if isinstance(value, list) else [value])]
        if marked := next((word for word in words if word and word.startswith(MARK)), None):
            return marked
        if text := " ".join(word for word in words if word):
            return text
    return None


def _items_of(given: Mapping[str, Any]) -> list[_Item]:
    elements = [element for key in _LISTS for element in as_list(given.get(key))]
    if elements:
        return [
            _item(_named(one), _IDS_IN_LISTS) if isinstance(one, dict) else (text_or_mark(one), None, None)
            for one in elements
        ]
    item = _item(given, _IDS)
    return [] if item[0] is None else [item]


def _item(given: Mapping[str, Any], ids: Sequence[str]) -> _Item:
    name = _first(given, _TITLES)
    return _first(given, ids) or name, name, _first(given, _CATEGORIES, "texts")


def _first(given: Mapping[str, Any], keys: Sequence[str], kind: TextKind = "text") -> str | None:
    return next((text for key in keys if (text := text_or_mark(given.get(key), kind))), None)


@lru_cache(maxsize=10_000)
def snake_case(text: str) -> str:
    """A name in lower case, with an underscore between its words."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()
