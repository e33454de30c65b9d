"""Converts records by a mapping (``importers.mapping``): the conversion of every format that has one.

Each record becomes rows of the first rule that fits it, is skipped for one reason, or is refused. Skipped and counted
by reason: events without a rule, events that the mapping ignores, and events without a user, a text or an item. A row
that breaks the landing contract is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, cast

import polars as pl

from journeys_assets.domain.actions import STRENGTHS, Action, Strength
from journeys_assets.domain.landing.contract import REFUSED_SCHEMA, refused_frame
from journeys_assets.domain.landing.ids import NULL_WORDS, clean_ids
from journeys_assets.domain.landing.log_options import IGNORE
from journeys_assets.domain.noise.rules import NOISY_SOURCES, with_noise
from journeys_assets.domain.tables.landing import PART_SOURCES
from journeys_assets.importers.base import PART, VERSION, Converted, Importer, Records, checked
from journeys_assets.importers.mapping import (
    ANY,
    BoardRule,
    Condition,
    EngagementRule,
    IdentityRule,
    ItemRule,
    ItemText,
    LogMapping,
    MappingError,
    SearchRule,
    Value,
)
from journeys_assets.importers.no_text import MARK, TextKind, is_marked, refused_fields, text_or_mark, without_marks
from journeys_assets.importers.paths import parse_path
from journeys_assets.importers.times import utc_times
from journeys_assets.importers.user_agents import agents_noise

NO_RULE = "no rule for the event"
IGNORED = "no sign of interest"
NO_USER = "no user"
NO_TEXT = "a search without text"
NO_ITEM = "no item"
REFUSED = "refused"
SKIPPED = "skipped: "
"""What the outcome of a record that is skipped begins with; the reason follows."""
NO_TYPE = "(no type)"

SKIP = "@skip"
"""The column of prepared rows with the reason for which a row is skipped."""

_ROW = "__row"
_TEXTS_OF_ITEMS = ("title", "annotations", "interests")
_TEXTS = ("user_id", "query", "pin_id", "board_id", "board_name", "event_id", *_TEXTS_OF_ITEMS)
"""Columns of the contract in which a value that is no text is refused."""
_SOURCES = {
    "searches": "search_events",
    "engagements": "pin_engagements",
    "boards": "board_pins",
    "items": "pins",
}
_Rule = SearchRule | EngagementRule | BoardRule | ItemRule


@dataclass(frozen=True)
class _Log:
    """A mapping, the actions that its rules give, and what else a conversion needs."""

    mapping: LogMapping
    registry: Sequence[Action]
    prepare: Callable[[pl.DataFrame], pl.DataFrame]


def mapped_importer(
    name: str,
    mapping: LogMapping,
    *,
    actions: Sequence[Action],
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = lambda raw: raw,
    prepared: Iterable[str] = (),
    records: Records | None = None,
    check_files: Callable[[Sequence[str]], Mapping[str, str]] = lambda names: {},
    stamp: Callable[[str, pl.DataFrame], pl.DataFrame] = lambda name, rows: rows,
    user_paths: Sequence[str] = (),
    time_paths: Sequence[str] = (),
    kinds: Mapping[str, TextKind] | None = None,
) -> Importer:
    """The importer of a log with a mapping.

    Args:
        actions: The action registry of the deployment.
        prepare: Changes the raw rows before the mapping is applied. It may add columns and change values; rows stay.
            A row with a text in the column ``SKIP`` is skipped for that reason. The columns ``PART`` and ``VERSION``
            are kept.
        prepared: The columns that ``prepare`` adds, to which the mapping refers as if they were paths.
        records: What to read beside the paths of the mapping, and how. By default only these paths.
        check_files, stamp: See :class:`Importer`.
        user_paths, time_paths: Where user and time come from, if the mapping has prepared columns for them.
        kinds: What is meant at the paths from which ``prepare`` makes ids and texts; see :class:`Records`.

    Raises:
        MappingError: a rule names an action that the registry does not have.
    """
    rules = [name for name, _ in mapping.rules()]
    for _, rule in mapping.rules():
        if isinstance(rule, EngagementRule):
            resolved_actions(rule.actions, actions)
    sources = list(dict.fromkeys(_SOURCES[rule] for rule in rules))
    if any(not rule.is_empty for rule in mapping.engagements):
        sources = list(dict.fromkeys([*sources, "pins"]))
    sources += ["identities"] if mapping.identities else []
    wanted = [path for path in paths_of(mapping) if path not in set(prepared)]
    given = records or Records(())
    return Importer(
        name=name,
        columns=(),
        main_source=sources[0],
        sources=tuple(sources),
        convert=partial(_convert, log=_Log(mapping, tuple(actions), prepare)),
        records=replace(
            given,
            paths=tuple(dict.fromkeys([*wanted, *given.paths])),
            kinds={**kinds_of(mapping), **given.kinds, **(kinds or {})},
        ),
        check_files=check_files,
        stamp=stamp,
        mapping=mapping,
        user_paths=user_paths or (mapping.user.paths if mapping.user else ()),
        time_paths=time_paths or (mapping.time.paths if mapping.time else ()),
    )


def paths_of(mapping: LogMapping) -> tuple[str, ...]:
    """Every path that a mapping reads, once."""
    found: dict[str, None] = {}

    def add(value: Any) -> None:
        if isinstance(value, Value):
            found.update(dict.fromkeys(value.paths))

    for part in (mapping, *(rule for _, rule in mapping.rules()), *mapping.identities):
        for name in type(part).model_fields:
            given = getattr(part, name)
            add(given)
            if name in ("annotations", "interests"):
                found.update(dict.fromkeys(given))
            if name in ("when", "unless"):
                found.update(dict.fromkeys(given))
    return tuple(found)


def kinds_of(mapping: LogMapping) -> dict[str, TextKind]:
    """What is meant at the paths of a mapping from which ids and texts come."""
    texts: list[Value | None] = [mapping.user, mapping.event_id]
    lists: list[str] = []
    for _, rule in mapping.rules():
        texts += [getattr(rule, name, None) for name in ("user", "query", "item", "board", "board_name", "title")]
        lists += [*getattr(rule, "annotations", ()), *getattr(rule, "interests", ())]
    for link in mapping.identities:
        texts += [link.user, link.other]
    of_texts = {path: "text" for value in texts if value is not None for path in value.paths}
    return cast(dict[str, TextKind], {**dict.fromkeys(lists, "texts"), **of_texts})


def resolved_actions(given: Mapping[str, str], registry: Sequence[Action]) -> dict[str, str]:
    """The action of the registry, or ``ignore``, for each value of a rule's table of actions.

    A strength (look, keep, act) stands for the action with the name of the event, if the registry has it
    (``Product Added`` is ``product_added``), otherwise for the first action of that strength.

    Raises:
        MappingError: an action is not in the registry. The message has the lines that add it.
    """
    by_name = {action.name: action for action in registry}
    found = {}
    for value, target in given.items():
        if target in STRENGTHS:
            found[value] = _action_of(value, target, registry)
        elif target == IGNORE or target in by_name:
            found[value] = target
        else:
            raise MappingError(
                f"actions: {value!r} = {target!r} is not in the action registry ({', '.join(by_name)}), is no strength "
                f"({', '.join(STRENGTHS)}) and not {IGNORE!r}. To add it, write these lines into journeys.toml:\n"
                f'[[actions]]\nname = "{_snake_case(target)}"\nstrength = "act"  # look, keep or act'
            )
    return found


def _action_of(event: str, strength: Strength, registry: Sequence[Action]) -> str:
    own = _snake_case(event)
    alike = [action.name for action in registry if action.strength == strength]
    names = [action.name for action in registry if action.name == own] or alike
    if not names:
        raise MappingError(
            f"actions: {event!r} = {strength!r}, but no action of the registry has that strength. To add one, write "
            f'these lines into journeys.toml:\n[[actions]]\nname = "{own}"\nstrength = "{strength}"'
        )
    return names[0]


def _snake_case(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()).strip("_")


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _convert(raw: pl.DataFrame, now: datetime, *, log: _Log) -> Converted:
    mapping = log.mapping
    rows = log.prepare(raw).with_row_index(_ROW)
    rows = rows.with_columns(__event=_text(mapping.event) if mapping.event else pl.lit(None, dtype=pl.String))
    outcome = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    if SKIP in rows.columns:
        outcome = rows.select(pl.when(pl.col(SKIP).is_not_null()).then(pl.format(SKIPPED + "{}", SKIP))).to_series()
    parts: list[tuple[str, pl.DataFrame, pl.DataFrame]] = []
    for name, rule in mapping.rules():
        free = rows.filter(outcome.is_null())
        if free.is_empty():
            break
        taken = free.filter(_fits(rule, mapping))
        decided, converted = _of_rule(cast(_Rule, rule), _SOURCES[name], taken, log, now)
        parts += converted
        if decided.height:
            outcome = outcome.scatter(decided[_ROW], decided["outcome"])
    outcome = outcome.fill_null(f"{SKIPPED}{NO_RULE}")
    parts += [("identities", *_links(rule, rows, mapping, now)) for rule in mapping.identities]
    return Converted(
        {source: pl.concat(good) for source, good in _by_source(parts, 1).items()},
        {source: pl.concat(refused).sort("line") for source, refused in _by_source(parts, 2).items()},
        {reason.removeprefix(SKIPPED): n for reason, n in _counts(outcome).items() if reason.startswith(SKIPPED)},
        _event_counts(rows["__event"], outcome),
    )


def _by_source(parts: Sequence[tuple[str, pl.DataFrame, pl.DataFrame]], at: int) -> dict[str, list[pl.DataFrame]]:
    found: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        found.setdefault(part[0], []).append(cast(pl.DataFrame, part[at]))
    return found


def _counts(values: pl.Series) -> dict[str, int]:
    return dict(values.alias("value").value_counts().sort("value").iter_rows())


def _event_counts(events: pl.Series, outcome: pl.Series) -> dict[tuple[str, str], int]:
    counted = pl.DataFrame({"event": events.fill_null(NO_TYPE), "outcome": outcome}).group_by("event", "outcome").len()
    return {(event, what): n for event, what, n in counted.sort("event", "outcome").iter_rows()}


def _fits(rule: Any, mapping: LogMapping) -> pl.Expr:
    """Whether the conditions of a rule hold, and whether its table of actions has the event."""
    fits = pl.lit(True)
    for path, values in cast(Condition, rule.when).items():
        fits = fits & _has_one(path, values, mapping)
    for path, values in cast(Condition, rule.unless).items():
        fits = fits & ~_has_one(path, values, mapping)
    if isinstance(rule, EngagementRule) and rule.actions:
        fits = fits & _action(rule).is_in(list(rule.actions)).fill_null(False)
    return fits


def _has_one(path: str, values: Sequence[str], mapping: LogMapping) -> pl.Expr:
    is_event = mapping.event is not None and path in mapping.event.paths
    value = pl.col("__event") if is_event else _text(Value(paths=(path,)))
    has = value.is_not_null() if ANY in values else value.is_in(list(values))
    return has.fill_null(False)


def _action(rule: EngagementRule) -> pl.Expr:
    return pl.col("__event") if rule.action is None else _text(rule.action)


def _of_rule(
    rule: _Rule, source: str, taken: pl.DataFrame, log: _Log, now: datetime
) -> tuple[pl.DataFrame, list[tuple[str, pl.DataFrame, pl.DataFrame]]]:
    """What becomes of the records of one rule (``__row``, ``outcome``), and (source, good, refused) of their rows."""
    mapping = log.mapping
    exploded = _exploded(rule, taken)
    user, time = rule.user or mapping.user, rule.time or mapping.time
    rows = exploded.select(
        _ROW,
        "line",
        *(name for name in (PART, VERSION) if name in exploded.columns),
        *([_text(user).alias("user_id")] if user is not None else []),
        *([_text(time).alias("__time")] if time is not None else []),
        *([_text(mapping.user_agent).alias("__agent")] if mapping.user_agent is not None else []),
        **_columns(rule, mapping),
    )
    if isinstance(rule, EngagementRule) and rule.actions:
        action = pl.col("action").replace_strict(resolved_actions(rule.actions, log.registry), default=None)
        rows = rows.with_columns(action=action.cast(pl.String))
    rows = rows.with_columns(__skip=_skips(rule, source, rows))
    # An element without an item is skipped only with the whole event; beside others it breaks the contract.
    rows = rows.with_columns(
        __skip=pl.when(pl.col("__skip").is_not_null().all().over(_ROW)).then(pl.col("__skip").first().over(_ROW))
    )
    skipped = rows.filter(pl.col("__skip").is_not_null()).unique(_ROW, maintain_order=True)
    decided = [skipped.select(_ROW, outcome=pl.format(SKIPPED + "{}", "__skip"))]
    rows = rows.filter(pl.col("__skip").is_null())
    rows, unreadable = without_marks(rows, {name: name for name in _TEXTS if name in rows.columns})
    if "__time" in rows.columns:
        times, unread = utc_times(rows["__time"], unit=mapping.time_unit, zone=mapping.time_zone)
        name = {"search_events": "searched_at", "pin_engagements": "engaged_at", "board_pins": "saved_at"}
        column = name.get(source, "updated_at")
        rows = rows.with_columns(times.alias(column))
        unreadable = pl.concat([unreadable, unread.with_columns(column=pl.lit(column))])
    if source in NOISY_SOURCES and "__agent" in rows.columns:
        rows = rows.with_columns(noise=agents_noise(rows["__agent"]))
    landed = rows.drop(_ROW, "__time", "__skip", "__agent", PART, VERSION, strict=False)
    # The number of the row in the part is kept beside its line, because several rows may come from one line.
    good, refused = checked(
        source, landed.with_columns(line=pl.int_range(pl.len())), now=now, actions=log.registry, unreadable=unreadable
    )
    good = with_noise(source, good)
    is_action = source == "pin_engagements"
    outcome = pl.format("{} as {}", pl.lit(source), "action") if is_action else pl.lit(source)
    at = rows.select("line", _ROW, outcome=outcome)
    kept = at[good["line"].cast(pl.UInt32)]
    if source in NOISY_SOURCES:
        noise = pl.when(good["noise"].is_not_null()).then(pl.format("noise: {}", good["noise"]))
        kept = kept.with_columns(outcome=pl.coalesce(noise, "outcome"))
    lost = at[refused.filter(~pl.col("is_kept"))["line"].cast(pl.UInt32)]
    decided += [kept.select(_ROW, "outcome").unique(_ROW, keep="first", maintain_order=True)]
    lost = lost.filter(~pl.col(_ROW).is_in(kept[_ROW].implode()))
    decided += [lost.select(_ROW, outcome=pl.lit(REFUSED)).unique(_ROW)]
    described = landed[good["line"].cast(pl.UInt32)]
    if source in PART_SOURCES and VERSION in rows.columns:
        good = good.with_columns(rows[name][good["line"].cast(pl.UInt32)] for name in (PART, VERSION))
    good = good.with_columns(line=kept["line"])
    refused = refused.with_columns(line=at["line"][refused["line"].cast(pl.UInt32)])
    parts = [(source, good, _once(refused))]
    if is_action and not cast(EngagementRule, rule).is_empty:
        versions, lost = _item_versions(good, described, now)
        of_items = unreadable.filter(pl.col("column").is_in(_TEXTS_OF_ITEMS))
        parts.append(("pins", versions, pl.concat([lost, _once(refused_fields(at, of_items))])))
    return pl.concat([frame.select(_ROW, pl.col("outcome").cast(pl.String)) for frame in decided]), parts


def _once(refused: pl.DataFrame) -> pl.DataFrame:
    """Each problem of a line once: elements of one event may have the same."""
    return refused.unique(["line", "reason"], keep="first", maintain_order=True).cast(REFUSED_SCHEMA)


def _columns(rule: _Rule, mapping: LogMapping) -> dict[str, pl.Expr]:
    """The landing columns of a rule, beside user and time."""
    event_id = {} if mapping.event_id is None else {"event_id": _text(mapping.event_id)}
    if isinstance(rule, SearchRule):
        return {"query": _text(rule.query, is_joined=True), **event_id}
    if isinstance(rule, EngagementRule):
        return {"pin_id": _text(rule.item), "action": _action(rule), **event_id, **_item_text(rule)}
    if isinstance(rule, BoardRule):
        name = {} if rule.board_name is None else {"board_name": _text(rule.board_name)}
        return {"pin_id": _text(rule.item), "board_id": _text(rule.board), **name}
    return {"pin_id": _text(rule.item), **_item_text(rule)}


def _skips(rule: _Rule, source: str, rows: pl.DataFrame) -> pl.Expr:
    reasons = []
    if isinstance(rule, EngagementRule):
        reasons.append(pl.when(pl.col("action") == IGNORE).then(pl.lit(IGNORED)))
    if "user_id" in rows.columns and source != "pins":
        reasons.append(pl.when(pl.col("user_id").is_null()).then(pl.lit(NO_USER)))
    if isinstance(rule, SearchRule):
        reasons.append(pl.when(pl.col("query").is_null()).then(pl.lit(NO_TEXT)))
    else:
        reasons.append(pl.when(pl.col("pin_id").is_null()).then(pl.lit(NO_ITEM)))
    return pl.coalesce(*reasons)


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list_root(path: str) -> str | None:
    return path.split("[]")[0] if parse_path(path).is_list else None


def _exploded(rule: _Rule, taken: pl.DataFrame) -> pl.DataFrame:
    """One row per element of the list in which the rule's item is; a record without elements keeps one row."""
    if isinstance(rule, SearchRule):
        return taken
    roots = {root for path in rule.item.paths if (root := _list_root(path)) is not None}
    lists = [name for name, dtype in taken.schema.items() if isinstance(dtype, pl.List) and _list_root(name) in roots]
    if not lists:
        return taken
    for root in roots:
        own = [name for name in lists if _list_root(name) == root]
        # Releases of polars differ in whether an empty list keeps its row, so it counts as a missing one, which does.
        taken = taken.with_columns(pl.when(pl.col(name).list.len() > 0).then(pl.col(name)) for name in own).explode(own)
    return taken


def _text(value: Value, *, is_joined: bool = False) -> pl.Expr:
    """The first value that is not missing, as text. A list is joined with spaces, or its first text is taken."""
    if value.constant is not None:
        return pl.lit(value.constant)
    return pl.coalesce(*(_one_text(path, is_joined=is_joined) for path in value.paths))


def _one_text(path: str, *, is_joined: bool) -> pl.Expr:
    # Lists of a rule's items were exploded to text before.
    return pl.col(path).map_batches(partial(_scalar, is_joined=is_joined), return_dtype=pl.String)


def _scalar(values: pl.Series, *, is_joined: bool) -> pl.Series:
    if isinstance(values.dtype, pl.List):
        texts = values.list.drop_nulls()
        values = texts.list.first()
        if is_joined:
            marks = texts.list.eval(pl.element().filter(is_marked(pl.element()))).list.first()
            values = pl.select(pl.coalesce(marks, texts.list.join(" "))).to_series().alias(values.name)
    is_missing = values.str.strip_chars().str.to_lowercase().is_in(["", *sorted(NULL_WORDS)]).fill_null(False)
    return values.set(is_missing, None) if is_missing.any() else values


def _item_text(text: ItemText) -> dict[str, pl.Expr]:
    columns = {} if text.title is None else {"title": _text(text.title)}
    for name in ("annotations", "interests"):
        paths = getattr(text, name)
        if paths:
            lists = [
                pl.col(path).map_batches(partial(_texts, separator=text.separator), return_dtype=pl.List(pl.String))
                for path in paths
            ]
            columns[name] = pl.concat_list(*lists).list.drop_nulls().list.unique(maintain_order=True)
    return columns


def _texts(values: pl.Series, *, separator: str | None) -> pl.Series:
    """Lists of texts: those of a list, of JSON, of separated text, or the one text. Empty where there is none."""
    if isinstance(values.dtype, pl.List):
        lists = values
    else:
        distinct = values.drop_nulls().unique()
        table = pl.DataFrame(
            {
                "text": distinct,
                "texts": pl.Series([_split(text, separator) for text in distinct], dtype=pl.List(pl.String)),
            },
            schema={"text": pl.String, "texts": pl.List(pl.String)},
        )
        joined = values.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")
        lists = joined["texts"]
    empty = pl.Series([[]], dtype=pl.List(pl.String))
    return pl.select(pl.when(lists.is_null()).then(pl.lit(empty.first())).otherwise(lists)).to_series()


def _split(text: str, separator: str | None) -> list[str | None]:
    if text.startswith(MARK):
        return [text]
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            items = None
        if isinstance(items, list):
            return [text_or_mark(item) for item in items]
    parts = text.split(separator) if separator else [text]
    return [stripped for part in parts if (stripped := part.strip())]


# ── identities ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _links(
    rule: IdentityRule, rows: pl.DataFrame, mapping: LogMapping, now: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The links that records give: of records with the same other id, those before which it had another user.

    A record whose time cannot be read links nothing; as an event it is refused.
    """
    time = rule.time or mapping.time
    assert mapping.user is not None
    assert time is not None
    given = rows.filter(_fits(rule, mapping)).select(
        "line",
        user_id=_text(rule.user),
        other_id=_text(rule.other),
        chosen=_text(mapping.user),
        time=_text(time),
    )
    given = given.filter(pl.col("user_id").is_not_null(), pl.col("other_id").is_not_null())
    given, marks = without_marks(given, {"user_id": "user_id", "other_id": "other_id"})
    marked = refused_frame(
        given["line"].gather(marks["line"].cast(pl.UInt32)).to_list(),
        marks.select(pl.format("{} {}: '{}'; no ids are linked", "column", "problem", "value")).to_series().to_list(),
        marks["value"].to_list(),
    )
    given = given.with_columns(clean_ids(given[name]) for name in ("user_id", "other_id", "chosen"))
    given = given.filter(pl.col("user_id") == pl.col("chosen"), pl.col("user_id") != pl.col("other_id"))
    times, _ = utc_times(given["time"], unit=mapping.time_unit, zone=mapping.time_zone)
    links = given.select("line", "user_id", "other_id", linked_at=times).drop_nulls()
    links = links.sort("other_id", "linked_at", "user_id", "line")
    is_same = (pl.col("other_id") == pl.col("other_id").shift()) & (pl.col("user_id") == pl.col("user_id").shift())
    good, refused = checked("identities", links.filter(~is_same.fill_null(False)), now=now)
    return good, _once(pl.concat([refused, marked.unique("line", maintain_order=True)]))


# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _item_versions(good: pl.DataFrame, described: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Versions of items from the text that accepted engagements give: a version begins where the text changes.

    A text that an event leaves out stays as the item had it before, or, before its first time, as it first has it. Of
    several texts at one time, the one with most is taken, and the first in alphabetical order among equals.
    """
    names = [name for name in _TEXTS_OF_ITEMS if name in described.columns]
    rows = pl.concat(
        [good.select("line", "pin_id", updated_at="engaged_at"), described.select(names)], how="horizontal"
    )
    rows = rows.with_columns(
        pl.when(pl.col(name).list.len() > 0).then(pl.col(name)) for name in names if name != "title"
    )
    rows = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in names))
    rows = rows.with_columns(__text=pl.struct(names).struct.json_encode())
    rows = rows.with_columns(__n=pl.sum_horizontal(pl.col(name).is_not_null() for name in names))
    rows = rows.sort("pin_id", "updated_at", "__n", pl.col("__text").str.len_chars(), "__text", "line",
                     descending=[False, False, True, True, False, False])  # fmt: skip
    rows = rows.unique(["pin_id", "updated_at"], keep="first", maintain_order=True)
    rows = rows.with_columns(pl.col(name).forward_fill().backward_fill().over("pin_id") for name in names)
    text = pl.struct(names).struct.json_encode()
    rows = rows.with_columns(__text=text)
    is_same = (pl.col("__text") == pl.col("__text").shift(1)) & (pl.col("pin_id") == pl.col("pin_id").shift(1))
    versions = rows.filter(~is_same.fill_null(False)).sort("line", "pin_id")
    good, refused = checked("pins", versions.select("line", "pin_id", *names, "updated_at"), now=now)
    return good, _once(refused)
