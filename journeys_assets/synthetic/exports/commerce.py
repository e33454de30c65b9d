"""The world as events of the e-commerce specification, which Segment, RudderStack and PostHog log.

An item has its title and one category. Boards, annotations and further interests are not kept. Beside the searches and
actions there are events that are no sign of interest: pages, and lists of products that a user saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "Product Viewed", "save": "Product Added to Wishlist", "clickthrough": "Order Completed"}
"""The event by the action of the landing contract."""


@dataclass(frozen=True)
class CommerceEvent:
    """One event.

    Attributes:
        number: Its number among the events of the world, and the base of its id.
        name: As the specification spells it; None for a page view.
        user: The user's id.
        at: When it happened, naive UTC.
        properties: Its properties.
    """

    number: int
    name: str | None
    user: str
    at: datetime
    properties: Mapping[str, Any]

    @property
    def message_id(self) -> str:
        """A UUID that follows from the number."""
        return f"00000000-0000-4000-8000-{self.number:012x}"

    @property
    def device(self) -> str:
        """The anonymous id of the user's device."""
        return f"device-{self.user}"


def commerce_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[CommerceEvent]:
    """The events of the world in the order of time.

    Args:
        landing: ``World.landing``.
    """
    products = {row["pin_id"]: _product(row) for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    number = 0
    for row in rows.iter_rows(named=True):
        user, at = row["user_id"], row["at"]
        if row["text"] is not None:
            found = [(None, {"url": "https://shop.example/search"}), ("Products Searched", {"query": row["text"]})]
        else:
            product = products[row["pin_id"]]
            name = EVENTS[row["action"]]
            found = [(name, _order(product, number) if name == "Order Completed" else dict(product))]
            if row["action"] == "closeup":
                found.insert(0, ("Product List Viewed", {"list_id": "l1", "products": [product]}))
        for event, properties in found:
            number += 1
            yield CommerceEvent(number, event, user, at, properties)


def _product(pin: Mapping[str, Any]) -> dict[str, Any]:
    category = next(iter(pin["interests"] or []), None)
    return {"product_id": pin["pin_id"], "name": pin["title"], "category": category, "price": 19.9, "position": 3}


def _order(product: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {"order_id": f"o{number}", "total": 19.9, "currency": "EUR", "products": [product]}


def snake_case(name: str) -> str:
    """The name of an event as a warehouse has it."""
    return name.lower().replace(" ", "_")
