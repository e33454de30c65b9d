"""Marks on the fields of parameter classes."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

_TRAINING_ONLY = "training_only"

Value = TypeVar("Value")


def training_only(default: Value) -> Value:
    """A parameter that shapes how a model is trained and no row of any stage, so it is part of no algorithm version."""
    return dataclasses.field(default=default, metadata={_TRAINING_ONLY: True})


def is_training_only(field: dataclasses.Field[object]) -> bool:
    return bool(field.metadata.get(_TRAINING_ONLY))
