"""Drafts a mapping for a log of an unknown format, from its first records. A person edits the draft."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journeys_assets.domain.landing.log_options import IGNORE
from journeys_assets.importers.paths import as_text

MAX_DEPTH = 4
"""How deep records are searched for values."""
MAX_EVENT_TYPES = 60
"""A column with more different values than this is no type of event."""

_USERS = (
    *("user_id", "userid", "customer_id", "member_id", "account_id", "uid", "user", "distinct_id", "person_id"),
    *("anonymous_id", "client_id", "device_id", "visitor_id", "cookie_id", "user_pseudo_id", "session_id"),
)
_TIMES = (
    *("timestamp", "event_time", "event_timestamp", "occurred_at", "created_at", "time", "ts", "datetime", "date"),
    *("received_at", "at", "server_time"),
)
_EVENTS = ("event", "event_name", "event_type", "action", "action_name", "verb", "type", "activity", "name")
_EVENT_IDS = ("event_id", "uuid", "message_id", "insert_id", "id")
_QUERIES = (
    *("query", "search_term", "search_query", "user_query", "search_phrase", "search_text", "searchterm", "q"),
    *("keyword", "keywords", "term", "search"),
)
_ITEMS = (
    *("item_id", "product_id", "sku", "object_id", "content_id", "article_id", "listing_id", "pin_id", "asin"),
    *("product", "item", "variant_id"),
)
_TITLES = ("item_name", "product_name", "title", "product_title", "name", "description")
_CATEGORIES = ("category", "item_category", "categories", "product_category", "department", "tags", "brand")

_STRENGTHS = (
    (IGNORE, r"impression|hover|scroll|list_view|view_list|remove|delete|refund|page"),
    ("act", r"purchase|order|buy|bought|checkout|click_?out|book|subscribe|transaction"),
    ("keep", r"cart|basket|save|wish|like|favou?rite|bookmark|pin"),
    ("look", r"view|click|select|open|detail|watch|play|read|visit"),
)


@dataclass
class _Seen:
    """The values at one path: how many, some of them, and how often each."""

    n: int = 0
    values: Counter[str] = field(default_factory=Counter)


def draft_mapping(records: Sequence[Mapping[str, Any]]) -> str:
    """A draft of ``mapping.toml`` for records, with what was guessed and from what as comments.

    Keys for which nothing fits are commented out, so a draft may have to be completed before it can be read.
    """
    seen: dict[str, _Seen] = {}
    for record in records:
        for path, value in _values(record, "", 0):
            one = seen.setdefault(path, _Seen())
            one.n += 1
            one.values[value] += 1
    users = _named(seen, _USERS)
    times = [path for path in _named(seen, _TIMES) if _looks_like_time(seen[path])]
    events = [p for p in _named(seen, _EVENTS) if 1 < len(seen[p].values) <= MAX_EVENT_TYPES or len(records) == 1]
    ids = [path for path in _named(seen, _EVENT_IDS) if len(seen[path].values) == len(records) > 1]
    queries, items = _named(seen, _QUERIES), _named(seen, _ITEMS)
    event = events[0] if events else None
    types = seen[event].values if event else Counter[str]()
    searches = [one for one in types if re.search("search|query", one, re.IGNORECASE)]
    unit = _unit(seen[times[0]]) if times else None
    n = len(records)
    lines = [
        f"# Drafted from {n:,} records. Check every line, then: journeys ingest PATH --mapping THIS_FILE --explain",
        "# A path is a column or keys (properties.query); items[].id is every element of a list.",
        "",
        _line("user", users[:3], seen, n),
        _line("time", times[:1], seen, n),
        f'time_unit = "{unit}"  # numbers since 1970, by their size' if unit else '# time_unit = "ms"  # s, ms, us, ns',
        'time_zone = "UTC"  # of times that are written without a zone',
        _line("event", events[:1], seen, n),
        _line("event_id", ids[:1], seen, n),
    ]
    if queries:
        lines += ["", "[[searches]]"]
        lines += [f"when = {{ {_key(event)} = {_list(searches)} }}"] if event and searches else []
        lines += [_line("query", queries[:1], seen, n)]
    described: list[str] = []
    if items:
        lines += ["", "[[engagements]]", _line("item", items[:1], seen, n)]
        root = items[0].rpartition(".")[0]
        near = [path for path in seen if path.rpartition(".")[0] == root]
        titles = _named({path: seen[path] for path in near}, _TITLES)
        categories = _named({path: seen[path] for path in near}, _CATEGORIES)
        lines += [f"title = {json.dumps(titles[0])}", f"annotations = {_list(titles[:1])}"] if titles else []
        lines += [f"interests = {_list(categories[:3])}"] if categories else []
        described = [*titles[:1], *categories[:3]]
        others = [one for one in types if one not in searches]
        lines += ["[engagements.actions]  # look, keep, act, ignore, or an action of the registry"]
        lines += [f'{_key(one)} = "{_strength(one)}"  # {types[one]:,} records' for one in others]
    used = {*users[:3], *times[:1], *events[:1], *ids[:1], *queries[:1], *items[:1], *described}
    rest = [path for path in seen if path not in used]
    lines += ["", *(f"# not used: {path}, such as {_shown(seen[path])}" for path in rest)]
    return "\n".join(lines) + "\n"


def _values(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """The texts in a record with their paths; the first three elements of a list count."""
    if isinstance(value, str) and path and depth < MAX_DEPTH and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = str(value)
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, item in value.items():
            name = str(key) if re.fullmatch(r'[^\s.\[\]"=][^.\[\]"=]*', str(key)) else f'"{key}"'
            yield from _values(item, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list) and "[]" not in path and any(isinstance(item, Mapping) for item in value):
        for item in value[:3]:
            yield from _values(item, f"{path}[]", depth + 1)
    elif value is not None and path and path.isprintable() and (text := as_text(value)):
        # A key with a line break or another control character cannot be written in a line of TOML.
        yield path, text[:200]


def _named(seen: Mapping[str, _Seen], names: Sequence[str]) -> list[str]:
    """The paths whose last key is one of the names: in the order of the names, then the shortest and fullest first."""
    rank = {name: at for at, name in enumerate(names)}

    def last(path: str) -> str:
        key = path.rpartition(".")[2].strip('"').removesuffix("[]").lstrip("$@_")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower().replace(" ", "_").replace("-", "_")

    found = [path for path in seen if last(path) in rank]
    return sorted(found, key=lambda path: (rank[last(path)], path.count("."), -seen[path].n))


def _looks_like_time(seen: _Seen) -> bool:
    some = list(seen.values)[:20]
    return all(re.match(r"\s*\d{4}-\d{2}-\d{2}", one) or re.fullmatch(r"\d{9,19}(?:\.\d+)?", one) for one in some)


def _unit(seen: _Seen) -> str | None:
    """The unit of numbers since 1970, from their number of digits; None if the times are no numbers."""
    first = next(iter(seen.values))
    if not re.fullmatch(r"\d{9,19}(?:\.\d+)?", first):
        return None
    digits = len(first.split(".")[0])
    return "s" if digits <= 11 else "ms" if digits <= 14 else "us" if digits <= 17 else "ns"


def _strength(event: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event).lower().replace(" ", "_")
    return next((strength for strength, pattern in _STRENGTHS if re.search(pattern, text)), IGNORE)


def _line(key: str, paths: Sequence[str], seen: Mapping[str, _Seen], n: int) -> str:
    if not paths:
        return f'# {key} = "…"  # nothing found'
    value = json.dumps(paths[0]) if len(paths) == 1 else _list(paths)
    return f"{key} = {value}  # in {seen[paths[0]].n:,} of {n:,}, such as {_shown(seen[paths[0]])}"


def _shown(seen: _Seen) -> str:
    return json.dumps(seen.values.most_common(1)[0][0][:60])


def _list(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False)


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else json.dumps(text, ensure_ascii=False)
