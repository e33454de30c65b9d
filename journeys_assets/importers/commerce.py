"""Events of the e-commerce specification, which Segment, RudderStack and PostHog share.

Names of events are written in many ways: ``Product Added``, ``product_added`` in the tables of a warehouse,
``productAdded``. All these are one event (:func:`event_key`).

The items of an event are in its list ``products``, or the event has one item in its own properties. In a warehouse,
the list is text, and the text is not always JSON (:func:`read_products`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from journeys_assets.domain.landing.log_options import IGNORE, FormatOptions
from journeys_assets.importers.json_values import parsed_text
from journeys_assets.importers.no_text import TextKind, text_or_mark

SEARCHES = ("Products Searched", "Product Searched", "Search", "Searched", "Search Performed", "Search Submitted")
"""The events that are searches. The specification has the first one only."""
QUERIES = ("query", "search_query", "search_term")
"""The properties with the text of a search. The specification has the first one only."""

ACTIONS = {
    "Product Clicked": "look",
    "Product Viewed": "look",
    "Product Added": "keep",
    "Product Added to Wishlist": "keep",
    "Wishlist Product Added to Cart": "keep",
    "Product Shared": "keep",
    "Order Completed": "act",
    "Product List Viewed": "ignore",
    "Product List Filtered": "ignore",
    "Product Removed": "ignore",
    "Product Removed from Wishlist": "ignore",
    "Promotion Viewed": "ignore",
    "Cart Viewed": "ignore",
    "Order Cancelled": "ignore",
    "Order Refunded": "ignore",
    # Names of the first version of the specification.
    "Clicked Product": "look",
    "Viewed Product": "look",
    "Added Product": "keep",
    "Completed Order": "act",
    "Viewed Product Category": "ignore",
    "Removed Product": "ignore",
}
"""The strength of each event on items; ``ignore`` for events that are no sign of interest."""

ITEM, TITLE, CATEGORY = "@products[].id", "@products[].name", "@products[].category"
"""Paths to the items of an event, one element each: what :func:`with_items` adds."""
ITEM_PATHS = (ITEM, TITLE, CATEGORY)

UNREADABLE_PRODUCTS = "a list of products that cannot be read"
OBJECT_QUERY = "a search whose query is an object"

_IDS = ("product_id", "productId", "id", "sku")
_NAMES = ("name", "product_name")
_PROPERTIES: tuple[tuple[str, Sequence[str], TextKind], ...] = (
    (ITEM, _IDS, "text"),
    (TITLE, _NAMES, "text"),
    (CATEGORY, ("category",), "texts"),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_GAPS = re.compile(r"[\W_]+")
_PLAIN_LIST = re.compile(r"^\[[^\[\]{}:'\"]*\]$")


def engagements() -> dict[str, Any]:
    """The rule of a mapping for the actions on items, whose items are those that :func:`with_items` adds."""
    return {"item": ITEM, "actions": ACTIONS, "title": TITLE, "annotations": [TITLE], "interests": [CATEGORY]}


# ── names of events ─────────────────────────────────────────────────────────────────────────────────────────────────


def event_key(name: str) -> str:
    """What all spellings of an event's name have in common. A ``$`` at the beginning counts: it marks own events of a
    vendor.
    """
    key = _GAPS.sub("_", _CAMEL.sub("_", name.strip())).strip("_").casefold()
    return f"${key}" if name.strip().startswith("$") else key


def spellings(options: FormatOptions) -> dict[str, str]:
    """How each known event is spelled, by its key: as the specification has it, else as the options have it."""
    names = [*SEARCHES, *ACTIONS, *(options.searches or ()), *options.actions]
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(event_key(name), name)
    return found


def with_spelling(options: FormatOptions) -> FormatOptions:
    """The options with names of events as the specification spells them, so that any spelling may be given."""
    spelled = spellings(options)
    return replace(
        options,
        searches=None if options.searches is None else tuple(spelled[event_key(name)] for name in options.searches),
        actions={spelled[event_key(name)]: action for name, action in options.actions.items()},
    )


def spelled_events(events: pl.Series, spelled: Mapping[str, str]) -> pl.Series:
    """The names of events, those in ``spelled`` as they are written there."""
    names = events.drop_nulls().unique()
    return events.replace({name: spelled.get(event_key(name), name) for name in names})


def with_interest(spelled: Mapping[str, str]) -> list[str]:
    """The known events that may be a sign of interest."""
    return [name for name in spelled.values() if ACTIONS.get(name) != IGNORE]


def is_object(queries: pl.Expr) -> pl.Expr:
    """Whether a text, or a mark, is an object of JSON, which is no text that a user typed."""
    return queries.str.contains(r'^(?:\x00[^\x00]*\x00)?\s*\{\s*("|\})').fill_null(False)


# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_items(rows: pl.DataFrame, *, products: str, item: pl.Expr, title: pl.Expr, category: pl.Expr) -> pl.DataFrame:
    """The rows with the items of each event: ``ITEM_PATHS``, lists of text with one element per item.

    Args:
        rows: Raw rows.
        products: The column with the list of products as text, null where there is none.
        item, title, category: The item that an event has in its own properties. They count where there is no list.

    Returns:
        The rows, and ``__unreadable``: whether there is a list and it cannot be read.
    """
    lists: dict[str, list[list[str | None] | None]] = {path: [] for path in ITEM_PATHS}
    unreadable = []
    for text in rows[products]:
        found = [] if text is None else read_products(text)
        unreadable.append(found is None)
        for path, names, kind in _PROPERTIES:
            lists[path].append([_first(one, names, kind) for one in found] if found else None)
    own = rows.select(
        pl.concat_list(item).alias(ITEM), pl.concat_list(title).alias(TITLE), pl.concat_list(category).alias(CATEGORY)
    )
    listed = pl.DataFrame({path: pl.Series(values, dtype=pl.List(pl.String)) for path, values in lists.items()})
    has_list = pl.Series([one is not None for one in lists[ITEM]], dtype=pl.Boolean)
    chosen = [
        pl.select(pl.when(has_list).then(listed[path]).otherwise(own[path])).to_series().alias(path)
        for path in ITEM_PATHS
    ]
    return rows.with_columns(*chosen, pl.Series("__unreadable", unreadable, dtype=pl.Boolean))


def own_items(ids: Sequence[pl.Expr]) -> pl.Expr:
    """The first id that is given. A text such as ``[507f1, 505bd]`` is a list of ids, and is none here."""
    return pl.coalesce(*(pl.when(~one.str.contains(r"^\s*\[")).then(one) for one in ids))


def read_products(text: str) -> list[Mapping[str, Any]] | None:
    """The products in a text, each a mapping of property to value; None if it cannot be read.

    The text is JSON, a list as Python writes it, or a list of ids: ``[507f1, 505bd]``.
    """
    found = _as_products(parsed_text(text))
    return _ids(text) if found is None else found


def _ids(text: str) -> list[Mapping[str, Any]] | None:
    if not _PLAIN_LIST.match(text.strip()):
        return None
    return [{"product_id": part.strip()} for part in text.strip()[1:-1].split(",") if part.strip()]


def _as_products(value: Any) -> list[Mapping[str, Any]] | None:
    items = list(value) if isinstance(value, list | tuple) else [value] if isinstance(value, dict) else None
    if items is None:
        return None
    return [item if isinstance(item, dict) else {"product_id": item} for item in items if item is not None]


def _first(product: Mapping[str, Any], names: Iterable[str], kind: TextKind) -> str | None:
    texts = (text_or_mark(product.get(name), kind) for name in names)
    return next((text for text in texts if text is not None and text.strip()), None)
