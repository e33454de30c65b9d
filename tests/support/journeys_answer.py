"""Answers about the journeys of a user, made from what a model would be shown."""

from collections.abc import Mapping
from typing import Any

THEMES = ("garden", "guitar", "wedding")


def by_theme(data: Mapping[str, Any]) -> dict[str, Any]:
    """A journey for each of ``THEMES``: the keywords that hold its word."""
    journeys = []
    for theme in THEMES:
        numbers = [number for number, text, *_ in data["keywords"] if theme in text]
        if numbers:
            journeys.append(
                {
                    "name": f"My {theme}",
                    "keywords": numbers,
                    "kind": "evergreen" if theme == "guitar" else "situational",
                    "stage": "ongoing",
                    "intent": "exploring",
                    "confidence": 0.8,
                }
            )
    return {"journeys": journeys}


def all_together(data: Mapping[str, Any]) -> dict[str, Any]:
    """One journey of all keywords, which no pipeline would make, with a name that no keyword entails."""
    numbers = [number for number, *_ in data["keywords"]]
    said = {"kind": "evergreen", "stage": "ongoing", "intent": "acting", "confidence": 1.0}
    return {"journeys": [{"name": "Plan of 2031", "keywords": numbers, **said}]}
