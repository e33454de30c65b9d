"""Paths to values in nested records: how mappings and importers name what they read.

=====================================  =================================================================================
path                                   value
=====================================  =================================================================================
``user_id``                            the column or key
``properties.query``                   the key of an object in the column or key
``"my.key".text``, ``a."$insert_id"``  a key in double quotes may have any character
``items[0].name``                      an element of a list, first = 0
``params[key=search_term].value``      the first object of a list whose key has that value
``items[].name``                       a list: the value of every element of the list, null where it has none
=====================================  =================================================================================

Text that holds JSON (or a value as Python writes it) is read as such where a path leads into it, so a column with JSON
as text and a nested column are the same. A column whose whole name is the path (``properties.query`` in a flattened
table) comes first.

A value is always text (:func:`as_text`), so that a number and the same number written as text are equal. Where a path
is meant to have an id or a text, a value that is none is a mark (``importers.no_text``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from journeys_assets.domain.landing.json_values import whole_text
from journeys_assets.errors import JourneysError
from journeys_assets.importers.json_values import parsed_text
from journeys_assets.importers.no_text import TextKind, reader_of

_STEP = re.compile(
    r"""(?P<dot>\.)?(?:
        (?P<each>\[\])
      | \[(?P<index>\d+)\]
      | \[(?P<key>[^\[\]="]+|"[^"]*")=(?P<value>[^\[\]"]*|"[^"]*")\]
      | (?P<quoted>"[^"]+")
      | (?P<name>[^\s.\[\]"=][^.\[\]"=]*)
    )""",
    re.VERBOSE,
)


class PathError(JourneysError):
    """A text is no path. The message has the text and what a path looks like."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: into a key, to an element, to the object with a value, or into every element."""

    kind: Literal["key", "index", "where", "each"]
    name: str = ""
    """The key; for ``where`` the key that is compared."""
    value: str = ""
    """For ``where``: the value that it must have, as text."""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path.

    Attributes:
        text: The path as it is written.
        steps: Its steps; the first is always a key.
    """

    text: str
    steps: tuple[Step, ...]

    @property
    def column(self) -> str:
        """The column or key of the record in which the value is."""
        return self.steps[0].name

    @property
    def is_list(self) -> bool:
        """Whether the value is a list, with one entry per element."""
        return any(step.kind == "each" for step in self.steps)

    def within(self, record: Any) -> Any:
        """The value in a record (a mapping of columns or keys to values) as it is; None where there is none.

        For a path to every element a list, or None if there is no such list.
        """
        if isinstance(record, Mapping) and self.text in record and len(self.steps) > 1:
            return record[self.text]
        return _follow(record, self.steps)

    def text_in(self, record: Any, kind: TextKind | None = None) -> str | list[str | None] | None:
        """The value in a record as text, or the texts of every element; see :meth:`within`.

        Args:
            kind: What is meant: a value of another kind is a mark. None stands for any value.
        """
        value, text_of = self.within(record), reader_of(kind, as_text)
        if not self.is_list:
            return text_of(value)
        return [text_of(item) for item in value] if isinstance(value, list) else None


class Extractor:
    """Reads the texts at many paths of a record at once: a part that paths share is visited once.

    The result is that of :meth:`Path.text_in` for each path.

    Args:
        kinds: What is meant at some of the paths, by their text.
    """

    def __init__(self, paths: Sequence[Path], kinds: Mapping[str, TextKind] | None = None) -> None:
        self.paths = tuple(paths)
        self.kinds = kinds or {}
        self._root = _Node()
        for at, path in enumerate(self.paths):
            self._root.add(path.steps, at, reader_of(self.kinds.get(path.text), as_text))
        self._whole = {path.text: at for at, path in enumerate(self.paths) if len(path.steps) > 1}

    def texts(self, record: Mapping[str, Any]) -> list[Any]:
        """The text, or the texts of every element, at each path."""
        found: dict[int, Any] = {}
        _walk(dict(record), self._root, found)
        for text in self._whole.keys() & record.keys():
            path = self.paths[self._whole[text]]
            found[self._whole[text]] = path.text_in(record, self.kinds.get(text))
        return [found.get(at) for at in range(len(self.paths))]


_TextOf = Callable[[Any], str | None]


class _Node:
    """What follows a part of some paths: by key, by index, by the value of a key, and for every element."""

    def __init__(self) -> None:
        self.leaves: list[tuple[int, _TextOf]] = []
        """Paths that end here, and what makes a text of their values."""
        self.keys: dict[str, _Node] = {}
        self.indices: dict[int, _Node] = {}
        self.wheres: dict[str, dict[str, _Node]] = {}
        self.each: _Node | None = None
        self.below: list[int] = []
        """Every path that goes through here."""

    def add(self, steps: Sequence[Step], leaf: int, text_of: _TextOf) -> None:
        self.below.append(leaf)
        if not steps:
            self.leaves.append((leaf, text_of))
            return
        step = steps[0]
        if step.kind == "key":
            child = self.keys.setdefault(step.name, _Node())
        elif step.kind == "index":
            child = self.indices.setdefault(step.index, _Node())
        elif step.kind == "where":
            child = self.wheres.setdefault(step.name, {}).setdefault(step.value, _Node())
        else:
            child = self.each = self.each or _Node()
        child.add(steps[1:], leaf, text_of)


def _walk(value: Any, node: _Node, found: dict[int, Any]) -> None:
    for leaf, text_of in node.leaves:
        found[leaf] = value if type(value) is str else text_of(value)
    if len(node.leaves) == len(node.below):
        return
    if type(value) is str:
        value = parsed_text(value)
    if type(value) is dict:
        for name, child in node.keys.items():
            inner = value.get(name)
            if inner is not None:
                _walk(inner, child, found)
    elif type(value) is list:
        for index, child in node.indices.items():
            if index < len(value) and value[index] is not None:
                _walk(value[index], child, found)
        for name, children in node.wheres.items():
            _walk_first(value, name, children, found)
        if node.each is not None:
            _walk_each(value, node.each, found)


def _walk_first(items: list[Any], name: str, children: Mapping[str, _Node], found: dict[int, Any]) -> None:
    """Into the first object for each wanted value of the key."""
    left = dict(children)
    for item in items:
        if type(item) is dict:
            key = item.get(name)
            text = key if type(key) is str else as_text(key)
            child = left.pop(text, None) if text is not None else None
            if child is not None:
                _walk(item, child, found)
                if not left:
                    return


def _walk_each(items: list[Any], child: _Node, found: dict[int, Any]) -> None:
    lists: dict[int, list[Any]] = {leaf: [None] * len(items) for leaf in child.below}
    for at, item in enumerate(items):
        inner: dict[int, Any] = {}
        if item is not None:
            _walk(item, child, inner)
        for leaf, text in inner.items():
            lists[leaf][at] = text
    found.update(lists)


def parse_path(text: str) -> Path:
    """The path that is written as ``text``.

    Raises:
        PathError: it is no path, does not begin with a key, or has ``[]`` twice.
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        is_key = match is not None and (match["name"] or match["quoted"])
        # Keys are separated by dots, and nothing else is.
        if match is None or bool(match["dot"]) != bool(is_key and steps):
            raise PathError(_no_path(text))
        steps.append(_step(match))
        at = match.end()
    if not steps or steps[0].kind != "key" or sum(step.kind == "each" for step in steps) > 1:
        raise PathError(_no_path(text))
    return Path(text, tuple(steps))


def as_text(value: Any) -> str | None:
    """A value of JSON as text: text as it is, numbers and booleans as JSON writes them, objects and lists as JSON.

    A whole number is the same text whether it is written as ``5`` or ``5.0``. NaN is null. Objects are written without
    keys that are null, because tables have a null where records leave the key out.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return whole_text(value) or json.dumps(value)
    if isinstance(value, int):
        return str(value)
    return json.dumps(_without_nulls(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _no_path(text: str) -> str:
    return (
        f"{text!r} is no path; write a column, or keys like properties.query, items[0].name, items[].name or "
        'params[key=search_term].value.string_value; put keys with dots or brackets in quotes: a."b.c"'
    )


def _step(match: re.Match[str]) -> Step:
    if match["each"]:
        return Step("each")
    if match["index"]:
        return Step("index", index=int(match["index"]))
    if match["key"]:
        return Step("where", _unquoted(match["key"]), _unquoted(match["value"]))
    return Step("key", _unquoted(match["quoted"] or match["name"]))


def _unquoted(text: str) -> str:
    return text.strip('"')


def _follow(value: Any, steps: tuple[Step, ...]) -> Any:
    for at, step in enumerate(steps):
        if isinstance(value, str):
            value = parsed_text(value)
        if value is None:
            return None
        if step.kind == "each":
            rest = steps[at + 1 :]
            return [_follow(item, rest) for item in value] if isinstance(value, list) else None
        value = _taken(value, step)
    return value


def _taken(value: Any, step: Step) -> Any:
    if step.kind == "key":
        return value.get(step.name) if isinstance(value, Mapping) else None
    if not isinstance(value, list):
        return None
    if step.kind == "index":
        return value[step.index] if step.index < len(value) else None
    objects = (item for item in value if isinstance(item, Mapping))
    return next((item for item in objects if as_text(item.get(step.name)) == step.value), None)
