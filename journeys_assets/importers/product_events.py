"""Rules for logs in which each application names its own events and properties: Amplitude and Mixpanel.

Names are those of the usual guides to naming events, however they are written: ``Product Viewed``, ``product_viewed``
and ``productViewed`` are one name. A deployment names its own in its settings, in any of these spellings.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.mapping import LogMapping, with_options

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


def rules(root: str, *, items: tuple[str, ...] = (), actions: dict[str, str] | None = None) -> dict[str, Any]:
    """The rules of a mapping, for ``make_mapping``.

    Args:
        root: The object that has the properties of an event.
        items: Paths to the item's id that go before the others.
        actions: Types of events, in snake case, beside ``ACTIONS``.
    """
    lists = [f"{root}.{one}[]" for one in _LISTS]
    titles = [*_paths(lists, _TITLES), *_paths([root], _TITLES)]
    return {
        "searches": [{"when": {EVENT_NAME: SEARCHES}, "query": _paths([root], _QUERIES)}],
        "engagements": [
            {
                "item": [*items, *_paths(lists, _IDS_IN_LISTS), *_paths([root], _IDS), *titles],
                "action": EVENT_NAME,
                "actions": {**ACTIONS, **(actions or {})},
                "title": titles,
                "annotations": titles,
                "interests": [*_paths(lists, _CATEGORIES), *_paths([root], _CATEGORIES)],
            }
        ],
    }


def with_named_events(mapping: LogMapping, options: FormatOptions) -> LogMapping:
    """The mapping with the decisions of a deployment, whose names of events may be written in any spelling."""
    named = {snake_case(event): action for event, action in options.actions.items()}
    changed = with_options(
        mapping,
        FormatOptions(
            actions=named,
            user=options.user,
            time_zone=options.time_zone,
            time_unit=options.time_unit,
            items_from_events=options.items_from_events,
        ),
    )
    if options.searches is None:
        return changed
    when = {EVENT_NAME: tuple(snake_case(event) for event in options.searches)}
    return changed.model_copy(
        update={"searches": tuple(rule.model_copy(update={"when": when}) for rule in changed.searches)}
    )


def with_event_names(raw: pl.DataFrame, event: str) -> pl.DataFrame:
    """Raw rows with the column ``EVENT_NAME``.

    Args:
        event: The column with the type of the event.
    """
    types = raw[event].drop_nulls().unique()
    names = dict(zip(types, map(snake_case, types), strict=True))
    return raw.with_columns(pl.col(event).replace_strict(names, default=None, return_dtype=pl.String).alias(EVENT_NAME))


def snake_case(text: str) -> str:
    """A name in lower case, with an underscore between its words."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def _paths(roots: list[str], keys: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(f"{root}.{spelling}" for key in keys for root in roots for spelling in _spellings(key)))


def _spellings(key: str) -> tuple[str, ...]:
    """A key in snake case, in title case, in camel case, and with capital letters for ``id``."""
    words = key.split("_")
    titled = [word.capitalize() for word in words]
    upper = ["ID" if word == "Id" else word for word in titled]
    return (key, " ".join(upper), words[0] + "".join(titled[1:]), " ".join(titled), " ".join(words))
