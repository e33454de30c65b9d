"""The world as exports of Matomo's log tables.

The tables, the columns and the types of actions are those of the vendor's schema, with what makes it awkward: numbers
for every name, ids of visitors as eight bytes, users that only ``log_visit`` knows, visits that must not be profiled,
searches with links, and old text that was read as cp1251. Boards, annotations and fractions of a second are not kept:
an item has its title and up to five categories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

SPAM = "cheap watches https://spam.example/buy"
_URL, _TITLE, _SKU, _NAME, _CATEGORY, _SEARCH = 1, 4, 5, 6, 7, 8
_CATEGORY_COLUMNS = ("idaction_product_cat", *(f"idaction_product_cat{n}" for n in range(2, 6)))
_ITEM_CATEGORIES = ("idaction_category", *(f"idaction_category{n}" for n in range(2, 6)))
_EVENTS = (("_category", 10), ("_action", 11))


def matomo_tables(landing: Mapping[str, pl.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables, by the name of the table.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: row for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    names = _Names()
    links: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    visits: dict[tuple[str, Any], dict[str, Any]] = {}
    for number, row in enumerate(rows.iter_rows(named=True)):
        at: datetime = row["at"].replace(microsecond=0)
        key = (row["user_id"], at.date())
        visit = visits.setdefault(key, _visit(len(visits) + 1, row["user_id"], at))
        visit["visit_last_action_time"] = _time(at)
        common = {
            "idsite": 1,
            "idvisit": visit["idvisit"],
            "idvisitor": visit["idvisitor"],
            "server_time": _time(at),
        }
        link = common | {"idlink_va": number + 1}
        page = {"idaction_url": names.number("shop.example/page", _URL), "idaction_name": names.number("Shop", _TITLE)}
        if row["text"] is not None:
            text = _misread(row["text"]) if number % 4 == 0 else row["text"]
            links.append(link | {"idaction_name": names.number(text, _SEARCH), "search_count": 3})
            continue
        pin = pins[row["pin_id"]]
        product = names.product(pin)
        if row["action"] == "closeup":
            links.append(link | page | dict(zip(_PRODUCT, product, strict=True)))
        elif row["action"] == "save":
            numbers = {f"idaction_event{name}": names.number(f"Wishlist{name}", kind) for name, kind in _EVENTS}
            # An event has the name of the item alone, so a cart is what keeps an item with its text.
            links.append(link | page | numbers)
            items.append(common | dict(zip(_ITEM, product, strict=True)) | {"idorder": "0", "deleted": 0})
        else:
            order = {"idorder": f"order-{number}", "deleted": 0}
            items.append(common | dict(zip(_ITEM, product, strict=True)) | order)
    hidden = _visit(len(visits) + 1, "hidden", datetime(2026, 1, 5)) | {"profilable": 0}
    spam = {
        "idsite": 1,
        "idvisit": 1,
        "idvisitor": visits[min(visits)]["idvisitor"],
        "server_time": "2026-01-05 09:00:00",
    }
    number = len(rows) + 1
    links.append(spam | {"idlink_va": number, "idaction_name": names.number(SPAM, _SEARCH)})
    links.append(
        spam
        | {
            "idlink_va": number + 1,
            "idvisit": hidden["idvisit"],
            "idvisitor": hidden["idvisitor"],
            "idaction_name": names.number("a search of nobody", _SEARCH),
        }
    )
    return {
        "log_action": names.rows(),
        "log_visit": [*visits.values(), hidden],
        "log_link_visit_action": links,
        "log_conversion_item": items,
    }


_PRODUCT = ("idaction_product_sku", "idaction_product_name", *_CATEGORY_COLUMNS)
_ITEM = ("idaction_sku", "idaction_name", *_ITEM_CATEGORIES)


class _Names:
    """The rows of ``log_action``."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}

    def number(self, name: str, kind: int) -> int:
        return self._numbers.setdefault((name, kind), len(self._numbers) + 1)

    def product(self, pin: Mapping[str, Any]) -> list[int]:
        """The numbers of an item's SKU, name and categories; 0 where it has none."""
        categories = [self.number(name, _CATEGORY) for name in list(pin["interests"] or [])[:5]]
        title = 0 if pin["title"] is None else self.number(pin["title"], _NAME)
        return [self.number(pin["pin_id"], _SKU), title, *categories, *[0] * (5 - len(categories))]

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"idaction": number, "name": name, "hash": number * 7919 % 2**32, "type": kind, "url_prefix": None}
            for (name, kind), number in self._numbers.items()
        ]


def _visit(number: int, user: str, at: datetime) -> dict[str, Any]:
    return {
        "idvisit": number,
        "idsite": 1,
        "idvisitor": hashlib.blake2b(user.encode(), digest_size=8).digest(),
        "user_id": user,
        "visit_first_action_time": _time(at),
        "visit_last_action_time": _time(at),
        "visitor_localtime": "23:59:59",
        "profilable": 1,
    }


def _misread(text: str) -> str:
    """UTF-8 as it looks once it was read as cp1251, where that is possible and can be undone with certainty."""
    try:
        misread = text.encode().decode("cp1251")
    except UnicodeDecodeError:
        return text
    return misread if sum(not character.isascii() for character in text) > 1 else text


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
