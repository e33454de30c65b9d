"""The mapping from records of any log to the landing contract: what ``mapping.toml`` holds.

The built-in formats are mappings too, with code where a mapping cannot say it. ``importers.mapped`` converts by one.
Every key and value is checked when a mapping is made; an error names the key, the value and the cure.

A value is written as a path (``importers.paths``), as a list of paths of which the first with a value counts, or as
``{ constant = "text" }``.
"""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.functional_validators import BeforeValidator

from journeys_assets.domain.landing.log_options import FormatOptions, TimeUnit
from journeys_assets.errors import JourneysError
from journeys_assets.importers.paths import PathError, parse_path

ANY = "*"
"""In a condition: any value, but there must be one."""


RESERVED = ("line", "log_part", "part_version", "__row", "__event", "@skip")
"""Names of the columns that a conversion has beside those of the log."""


class MappingError(JourneysError):
    """A mapping is wrong. The message names the key, the value and the cure."""


def _check_path(path: str) -> None:
    """Raise ``ValueError`` if it is no path, or one that cannot be read."""
    try:
        parse_path(path)
    except PathError as error:
        raise ValueError(str(error)) from error
    if path in RESERVED:
        raise ValueError(f"{path!r} cannot be read, because rows have a column of that name; rename it in the log")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Value(_Part):
    """Where a value comes from.

    Attributes:
        paths: Paths to it; the first that has a value counts.
        constant: The value itself, for all records.
    """

    paths: tuple[str, ...] = ()
    constant: str | None = None

    @field_validator("paths")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            _check_path(path)
        return paths

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.paths) == (self.constant is not None):
            raise ValueError("write a path, a list of paths, or { constant = 'text' }")
        return self


def _as_value(given: Any) -> Any:
    if isinstance(given, str):
        return {"paths": (given,)}
    return {"paths": tuple(given)} if isinstance(given, list | tuple) else given


def _as_texts(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


AnyValue = Annotated[Value, BeforeValidator(_as_value)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
Condition = dict[str, Texts]
"""Path → the values of which it must have one. ``*`` stands for any value."""


class _Rule(_Part):
    when: Condition = Field(default={}, description="Only records that have one of the values at each of the paths.")
    unless: Condition = Field(default={}, description="No records that have one of the values at any of the paths.")
    user: AnyValue | None = Field(default=None, description="The user's id, if not that of the whole log.")
    time: AnyValue | None = Field(default=None, description="The time, if not that of the whole log.")

    @field_validator("when", "unless")
    @classmethod
    def _have_paths(cls, condition: Condition) -> Condition:
        for path in condition:
            _check_path(path)
        return condition


class SearchRule(_Rule):
    """Which records are searches."""

    query: AnyValue = Field(description="What the user typed. A list (`terms[]`) is joined with spaces.")


class ItemText(_Part):
    """The text of an item in a record."""

    title: AnyValue | None = Field(default=None, description="The item's title.")
    annotations: Texts = Field(default=(), description="Paths to keywords that describe the item; all are taken.")
    interests: Texts = Field(default=(), description="Paths to broader interests that it belongs to; all are taken.")
    separator: str | None = Field(default=None, description="What separates several keywords in one text.")

    @field_validator("annotations", "interests")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return Value(paths=paths).paths if paths else paths

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said of the item's text."""
        return self.title is None and not self.annotations and not self.interests


class EngagementRule(_Rule, ItemText):
    """Which records are actions on items. A path with ``[]`` gives one row per element: ``items[].item_id``."""

    item: AnyValue = Field(description="The item's id.")
    action: AnyValue | None = Field(default=None, description="What was done. By default the type of the event.")
    actions: dict[str, str] = Field(
        default={},
        description="Value of `action` → action of the registry, a strength (look, keep, act), or `ignore`. Other "
        "values are skipped and counted.",
    )


class BoardRule(_Rule):
    """Which records put an item on a board."""

    item: AnyValue = Field(description="The item's id.")
    board: AnyValue = Field(description="The board's id.")
    board_name: AnyValue | None = Field(default=None, description="What the user calls the board.")


class ItemRule(_Rule, ItemText):
    """Which records describe items: the rows of a catalogue."""

    item: AnyValue = Field(description="The item's id.")


class IdentityRule(_Rule):
    """Which records link two ids of one person."""

    user: AnyValue = Field(description="The known id. A record counts only if this is the user of the whole log, too.")
    other: AnyValue = Field(
        description="The other id, such as that of the device. It stands for the user from then on."
    )


class LogMapping(_Part):
    """How the records of one log become rows of the landing contract.

    Of the rules for searches, engagements, boards and items, in this order, the first whose conditions hold decides
    what a record is. Records for which none holds are skipped and counted. Rules for identities are apart from that:
    any record may link two ids, whatever else it is.
    """

    user: AnyValue | None = Field(default=None, description="The user's id: a path, or several in order.")
    time: AnyValue | None = Field(default=None, description="When it happened.")
    time_unit: TimeUnit | None = Field(
        default=None, description="Unit of times that are numbers since 1970: s, ms, us or ns. By default none may be."
    )
    time_zone: str = Field(default="UTC", description="IANA time zone of times that are written without one.")
    event: AnyValue | None = Field(default=None, description="The type of the event.")
    event_id: AnyValue | None = Field(
        default=None,
        description="The id of the event. Without one, events that agree in user, time and all else are one event.",
    )
    user_agent: AnyValue | None = Field(
        default=None, description="What the client calls itself, by which bots and monitoring clients are found."
    )
    searches: tuple[SearchRule, ...] = ()
    engagements: tuple[EngagementRule, ...] = ()
    boards: tuple[BoardRule, ...] = ()
    items: tuple[ItemRule, ...] = ()
    identities: tuple[IdentityRule, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in zoneinfo.available_timezones():
            raise ValueError("it is no IANA time zone such as Europe/London")
        return zone

    @model_validator(mode="after")
    def _has_what_rules_need(self) -> Self:
        if not (self.searches or self.engagements or self.boards or self.items):
            raise ValueError(
                "there is no rule; write at least one [[searches]], [[engagements]], [[boards]], [[items]]"
            )
        for name, rule in self.rules():
            if name != "items":
                for need in ("user", "time"):
                    if getattr(rule, need) is None and getattr(self, need) is None:
                        raise ValueError(f'{need} is missing: write {need} = "…" at the top, or in each of [[{name}]]')
            if self.identities and self.user is None:
                raise ValueError('user is missing: [[identities]] needs user = "…" at the top')
            if isinstance(rule, EngagementRule) and rule.action is None and self.event is None:
                raise ValueError("[[engagements]] has no action, and there is no event at the top; write one of them")
        return self

    def rules(self) -> Iterator[tuple[str, _Rule]]:
        """All rules with the name of their list, in the order in which they are tried."""
        for name in ("searches", "engagements", "boards", "items"):
            for rule in getattr(self, name):
                yield name, rule


def read_mapping(text: str, name: str) -> LogMapping:
    """The mapping that TOML holds.

    Args:
        name: What errors call it, such as its path.

    Raises:
        MappingError: it is not TOML, or a key or value is not allowed.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f'{name} is not TOML: {error}; write one key a line, such as user = "user_id"') from error
    return make_mapping(values, name)


def make_mapping(values: Mapping[str, Any], name: str) -> LogMapping:
    """The mapping that keys and values describe.

    Raises:
        MappingError: a key or a value is not allowed.
    """
    try:
        return LogMapping.model_validate(values)
    except ValidationError as error:
        wrong = []
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"]) or "the mapping"
            message = one["msg"].removeprefix("Value error, ")
            given = "" if isinstance(one["input"], dict | LogMapping) else f" = {one['input']!r}"
            wrong.append(f"{key}{given}: {message}{_cure(one['type'], one['loc'])}")
        raise MappingError(f"{name}: {'; '.join(wrong)}") from error


_MODELS: dict[str, type[BaseModel]] = {
    "searches": SearchRule,
    "engagements": EngagementRule,
    "boards": BoardRule,
    "items": ItemRule,
    "identities": IdentityRule,
}


def _cure(kind: str, location: tuple[int | str, ...]) -> str:
    model = _MODELS.get(str(location[0]), LogMapping) if len(location) > 1 else LogMapping
    if kind == "extra_forbidden":
        return f"; the keys are {', '.join(model.model_fields)}"
    if kind == "missing":
        return f'; write {location[-1]} = "a path"'
    return ""


def with_options(mapping: LogMapping, options: FormatOptions) -> LogMapping:
    """The mapping with the decisions of a deployment in it.

    Searches that are named replace the types of events of the search rules. An action that is named goes before the
    rules' own, in every engagement rule.
    """
    changed: dict[str, Any] = {}
    if options.user is not None:
        changed["user"] = Value(paths=options.user)
    if options.time_zone is not None:
        changed["time_zone"] = options.time_zone
    if options.time_unit is not None:
        changed["time_unit"] = options.time_unit
    if options.searches is not None and mapping.event is not None and mapping.event.paths:
        of_event = mapping.event.paths[0]
        changed["searches"] = tuple(
            rule.model_copy(update={"when": {**rule.when, of_event: options.searches}}) for rule in mapping.searches
        )
    engagements = []
    for rule in mapping.engagements:
        update: dict[str, Any] = {"actions": {**rule.actions, **options.actions}}
        if not options.items_from_events:
            update |= {"title": None, "annotations": (), "interests": ()}
        engagements.append(rule.model_copy(update=update))
    changed["engagements"] = tuple(engagements)
    return mapping.model_copy(update=changed)
