"""What every table and view of the SQL models holds: grain, columns, units, bounds.

``storage.sql_models`` holds the SQL to these tables, and dbt's ``.yml`` files are generated from them. A column that a
model takes over from another table keeps that table's description. Tables that count actions are functions of the
registry of actions.

What belongs here: descriptions of data. What does not: the SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from journeys_assets.domain.actions import STRENGTHS, Action, Strength, counted
from journeys_assets.domain.tables.identities import IDENTITY_ALIASES
from journeys_assets.domain.tables.landing import EDIT_COLUMNS, landing_tables
from journeys_assets.domain.tables.pipeline import (
    JOURNEY_CLUSTERS,
    JOURNEY_NAMES,
    JOURNEY_SAFETY,
    KEYWORD_EMBEDDINGS,
    RANKED_JOURNEYS,
    STAGE_EVIDENCE,
)
from journeys_assets.domain.tables.table import TEXT, TIMESTAMP, USER_ID, Column, Table
from journeys_assets.domain.vocabulary import INTENTS, KEYWORD_SOURCES, KINDS, STAGE_REASONS, STAGES

WINDOWS_DAYS = (1, 7, 28, 90)
"""Days of the windows over which journey_features counts; each ends on the partition date and includes it."""

_PARTITION_DATE = JOURNEY_CLUSTERS.column("partition_date")
_ALGORITHM_VERSION = JOURNEY_CLUSTERS.column("algorithm_version")
_EVENT_DATE = Column("event_date", pl.Date(), "The UTC day of the event.", unit="UTC day")
_KEYWORD = KEYWORD_EMBEDDINGS.column("keyword")
_JOURNEY_ID = JOURNEY_CLUSTERS.column("journey_id")


def _count(name: str, description: str, unit: str, *, minimum: int = 0, maximum: int | None = None) -> Column:
    return Column(name, pl.Int64(), description, unit=unit, minimum=minimum, maximum=maximum)


def _actions(name: str, description: str) -> Column:
    """A count of actions. Of an action that was added later, partitions of before have none."""
    return replace(_count(name, description, "actions"), default=0)


def _columns(table: Table, *names: str) -> tuple[Column, ...]:
    return tuple(table.column(name) for name in names)


_VALIDITY = (
    Column(
        "known_from",
        pl.Date(),
        "The day of updated_at; 0001-01-01 without one. Before it, the version is no part of the catalogue.",
        unit="UTC day",
    ),
    Column(
        "valid_from",
        pl.Date(),
        "First day for which the version counts; 0001-01-01 for the first version that is known.",
        unit="UTC day",
    ),
    Column("valid_to", pl.Date(), "First day for which it counts no more.", unit="UTC day"),
)


# ── staging: views over the landing tables ──────────────────────────────────────────────────────────────────────────


def _staging(landed: Mapping[str, Table]) -> tuple[Table, ...]:
    def view(
        source: str,
        description: str,
        *columns: str,
        given: tuple[str, ...] = (),
        is_dated: bool = True,
        grain: tuple[str, ...] | None = None,
        made: tuple[Column, ...] = (),
    ) -> Table:
        """The view over one source; ``given``: columns in which it replaces nulls; ``made``: columns that it adds."""
        table = landed[source]
        taken = (replace(c, nullable=False) if c.name in given else c for c in _columns(table, *columns))
        shown = (*taken, *made, *([_EVENT_DATE] if is_dated else []))
        return Table(f"stg_{source}", description, grain or table.grain, shown, partitioned=False)

    described = ("annotations", "annotation_keywords", "interests", "interest_keywords")
    return (
        view(
            "search_events",
            "Searches whose query has text, without noise: bots, monitoring, spam, rates that no person reaches.",
            "user_id",
            "query",
            "keyword",
            "searched_at",
            "event_id",
        ),
        view(
            "pin_engagements",
            "Actions on pins, without noise: see stg_search_events.",
            "user_id",
            "pin_id",
            "action",
            "engaged_at",
            "event_id",
        ),
        view(
            "pins",
            "The versions of each pin, with the days for which each counts.",
            "pin_id",
            "title",
            *described,
            given=described,
            is_dated=False,
            grain=("pin_id", "valid_from"),
            made=_VALIDITY,
        ),
        view(
            "board_pins",
            "Pins put on boards, with the name of the board as of the day.",
            "user_id",
            "board_id",
            "board_name",
            "board_keyword",
            "pin_id",
            "saved_at",
        ),
        view(
            "users",
            "The versions of each user that no later snapshot replaced.",
            "user_id",
            "signed_up_at",
            "country",
            "locale",
            "timezone",
            "email_opt_in",
            "push_opt_in",
            "sensitive_opt_in",
            "updated_at",
            "ingest_seq",
            is_dated=False,
            grain=("user_id", "updated_at"),
        ),
        view(
            "notification_events",
            "The latest version of each send.",
            "notification_id",
            "user_id",
            "journey_id",
            "channel",
            "arm",
            "sent_at",
            "opened_at",
            "clicked_at",
            "unsubscribed_at",
            "propensity",
            "is_random_slot",
            given=("is_random_slot",),
        ),
        view(
            "journey_feedback",
            "What users said of their journeys.",
            "user_id",
            "journey_id",
            "verdict",
            "given_at",
            *(column.name for column in EDIT_COLUMNS),
        ),
        replace(IDENTITY_ALIASES, name="stg_identity_aliases", schema="main"),
    )


# ── keywords ────────────────────────────────────────────────────────────────────────────────────────────────────────

_SOURCE = Column("source", TEXT, "Where the keyword came from.", allowed=KEYWORD_SOURCES)
_DISPLAY_FORM = Column("display_form", TEXT, "The keyword as the user or the item most often spells it.")


def int_keyword_events(actions: Sequence[Action]) -> Table:
    return Table(
        "int_keyword_events",
        "One action of a user that speaks for one keyword. An item speaks for all its annotations and interests.",
        ("user_id", "keyword", "source", "action", "item_id", "engaged_at", "event_id"),
        (
            USER_ID,
            _KEYWORD,
            _DISPLAY_FORM,
            _SOURCE,
            Column("action", TEXT, "What the user did.", allowed=tuple(one.action for one in counted(actions))),
            Column("item_id", TEXT, "The item acted on; null for searches.", nullable=True),
            Column("engaged_at", TIMESTAMP, "When it was done.", unit="UTC"),
            Column("event_id", TEXT, "The id of the event; null where the log has none.", nullable=True),
            _EVENT_DATE,
        ),
        partitioned=False,
    )


KEYWORD_COMMONNESS = Table(
    "keyword_commonness",
    "How common keywords are in the item catalogue, to down-weight generic ones in names. Keywords of one item only, "
    "or of less than one item in 10,000, are left out. The catalogue has no history: a rerun of an old day sees the "
    "catalogue of today.",
    ("partition_date", "keyword"),
    (
        _PARTITION_DATE,
        _KEYWORD,
        _count("n_pins", "Items of the catalogue that carry the keyword.", "items", minimum=1),
        Column(
            "pin_share",
            pl.Float64(),
            "Share of the catalogue that carries the keyword.",
            unit="share of items",
            minimum=0,
            maximum=1,
        ),
        _ALGORITHM_VERSION,
    ),
)


def keyword_table(actions: Sequence[Action]) -> Table:
    return Table(
        "keyword_table",
        "What each user engaged with on the day, one row per user, keyword and source, with counts per action. What an "
        "id did before its first link stays under that id; identity_aliases has whom it counts for on later days.",
        ("partition_date", "user_id", "keyword", "source"),
        (
            _PARTITION_DATE,
            USER_ID,
            _KEYWORD,
            _SOURCE,
            _DISPLAY_FORM,
            *(_actions(one.column, f"{one.description} that day.") for one in counted(actions)),
            _count("n_items", "Distinct items that carried the keyword.", "items"),
            Column("first_engaged_at", TIMESTAMP, "First engagement of the day.", unit="UTC"),
            Column("last_engaged_at", TIMESTAMP, "Last engagement of the day.", unit="UTC"),
            _ALGORITHM_VERSION,
        ),
    )


# ── journeys ────────────────────────────────────────────────────────────────────────────────────────────────────────

INT_LIVE_JOURNEYS = Table(
    "int_live_journeys",
    "The journeys of every user within the horizon, from the user's latest inference at or before the day; those of "
    "which half or more of the keywords are generic are left out. Inlined where it is used.",
    ("user_id", "journey_id"),
    (
        *_columns(JOURNEY_CLUSTERS, "user_id", "journey_id", "area_id"),
        Column("inferred_on", pl.Date(), "Partition of journey_clusters that the row comes from.", unit="UTC day"),
        *_columns(
            JOURNEY_CLUSTERS,
            "window_end_date",
            "keywords",
            "keyword_weights",
            "keyword_centralities",
            "medoid",
            "n_keywords",
            "cohesion",
            "separation",
            "first_engaged_at",
            "last_engaged_at",
            "centroid",
            "inferred_by",
        ),
    ),
    partitioned=False,
)


def _window_counts(actions: Sequence[Action], windows: Sequence[int]) -> tuple[Column, ...]:
    def window(days: int) -> str:
        return "on the day" if days == 1 else f"in the {days} days that end on the day"

    return tuple(
        _actions(
            f"{one.column}_{days}d",
            f"{one.description} for the journey {window(days)}, each once for each of its keywords.",
        )
        for one in counted(actions)
        for days in windows
    )


def _active_days(days: int) -> Column:
    return _count(f"active_days_{days}d", f"Days with an engagement in the last {days} days.", "days", maximum=days)


def _engagement_weight(name: str, whose: str, days: int) -> Column:
    return Column(
        name, pl.Float64(), f"Weighted actions {whose} in the last {days} days.", unit="weighted actions", minimum=0
    )


_DAYS_SINCE_LAST_ENGAGED = _count("days_since_last_engaged", "Days from the last engagement to the day.", "days")


def journey_features(actions: Sequence[Action]) -> Table:
    return Table(
        "journey_features",
        "What a ranker may know about every live journey at the end of the day. Windows end on the day and include it; "
        "1d is the day itself. An action counts once for every keyword of the journey that it speaks for.",
        ("partition_date", "user_id", "journey_id"),
        (
            _PARTITION_DATE,
            USER_ID,
            _JOURNEY_ID,
            *_columns(JOURNEY_CLUSTERS, "n_keywords", "cohesion", "separation"),
            *_window_counts(actions, WINDOWS_DAYS),
            *(_engagement_weight(f"engagement_weight_{days}d", "for the journey", days) for days in WINDOWS_DAYS[1:]),
            *(_active_days(days) for days in WINDOWS_DAYS[1:]),
            _count(
                "active_weeks_90d",
                "Weeks (of 7 days, counted back from the day) with an engagement in the last 90 days.",
                "weeks",
                maximum=13,
            ),
            _DAYS_SINCE_LAST_ENGAGED,
            _count(
                "days_since_first_engaged",
                "Days from the first engagement within the look-back window to the day.",
                "days",
            ),
            _count("span_days", "Days from the first to the last engagement within the look-back window.", "days"),
            _count("n_sources", "Sources that the keywords came from.", "sources", maximum=len(KEYWORD_SOURCES)),
            Column(
                "share_of_user_engagement_28d",
                pl.Float64(),
                "The journey's share of the user's engagement weight in the last 28 days.",
                unit="share",
                minimum=0,
                maximum=1.0001,
            ),
            _count(
                "user_active_days_28d", "The user's days with an engagement in the last 28 days.", "days", maximum=28
            ),
            _engagement_weight("user_engagement_weight_28d", "of the user", 28),
            _count("n_user_journeys", "Live journeys of the user.", "journeys", minimum=1),
            _ALGORITHM_VERSION,
        ),
    )


_KIND = Column(
    "kind", TEXT, "Expected to conclude, perpetually active, or back each year after a long silence.", allowed=KINDS
)
_STAGE = Column("stage", TEXT, "Whether the journey goes on; evergreen journeys always do.", allowed=STAGES)
_STAGE_REASON = Column(
    "stage_reason",
    TEXT,
    "Why: user_said_finished, evergreen, silent (too long since the last engagement), recent, or, where a stage model "
    "is released, likely_ended or likely_ongoing.",
    allowed=STAGE_REASONS,
)


def _intent(actions: Sequence[Action]) -> Column:
    def plurals(*strengths: Strength) -> str:
        names = [action.plural.replace("_", " ") for action in actions if action.strength in strengths]
        return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

    def more(strength: Strength) -> str:
        return f" (more {listed})" if (listed := plurals(strength)) else ""

    return Column(
        "intent",
        TEXT,
        f"What the latest mix of {plurals(*STRENGTHS)} (7 days if they have enough of them, else 28, else 90) says of "
        f"the journey: exploring (the usual mix, or looks only), deciding{more('keep')} or acting{more('act')}.",
        allowed=INTENTS,
    )


def stage_labels(actions: Sequence[Action]) -> Table:
    return Table(
        "stage_labels",
        "Kind and stage of every live journey at the end of the day, inactive users included.",
        ("partition_date", "user_id", "journey_id"),
        (
            _PARTITION_DATE,
            USER_ID,
            _JOURNEY_ID,
            _KIND,
            _STAGE,
            _STAGE_REASON,
            *_columns(STAGE_EVIDENCE, "p_ended", "judged_by"),
            _intent(actions),
            _DAYS_SINCE_LAST_ENGAGED,
            *_columns(STAGE_EVIDENCE, "turn_span_days", "turn_week_share"),
            _ALGORITHM_VERSION,
        ),
    )


def user_journeys(actions: Sequence[Action]) -> Table:
    return Table(
        "user_journeys",
        "The output: every live journey of every user at the end of the day.",
        ("partition_date", "user_id", "journey_id"),
        (
            _PARTITION_DATE,
            USER_ID,
            _JOURNEY_ID,
            *_columns(JOURNEY_NAMES, "journey_name", "keywords"),
            _KIND,
            _STAGE,
            *_columns(RANKED_JOURNEYS, "confidence", "rank"),
            *_columns(JOURNEY_CLUSTERS, "first_engaged_at", "last_engaged_at", "n_keywords"),
            *_columns(RANKED_JOURNEYS, "score", "scored_by", "feedback"),
            _STAGE_REASON,
            STAGE_EVIDENCE.column("p_ended"),
            _intent(actions),
            _DAYS_SINCE_LAST_ENGAGED,
            *_window_counts(actions, (90,)),
            _active_days(90),
            JOURNEY_CLUSTERS.column("area_id"),
            Column(
                "area_name",
                TEXT,
                "Name of the area: that of its main journey or, where that is not live, of the one engaged with most.",
                is_impersonal=True,
            ),
            _count(
                "n_area_journeys",
                "Live journeys of the area, ended ones too; 1: the journey belongs with no other.",
                "journeys",
                minimum=1,
            ),
            JOURNEY_NAMES.column("named_by"),
            *_columns(JOURNEY_SAFETY, "safety_category", "safety_decision", "safety_decided_by"),
            JOURNEY_CLUSTERS.column("inferred_by"),
            _ALGORITHM_VERSION,
        ),
    )


def current_journeys(actions: Sequence[Action]) -> Table:
    return Table(
        "current_journeys",
        "The latest state of every user: the last day of user_journeys.",
        ("user_id", "journey_id"),
        user_journeys(actions).columns,
        partitioned=False,
    )


def sql_tables(actions: Sequence[Action]) -> dict[str, Table]:
    """What each SQL model makes, by its name."""
    tables = (
        *_staging(landing_tables(actions)),
        int_keyword_events(actions),
        KEYWORD_COMMONNESS,
        keyword_table(actions),
        INT_LIVE_JOURNEYS,
        journey_features(actions),
        stage_labels(actions),
        user_journeys(actions),
        current_journeys(actions),
    )
    return {table.name: table for table in tables}
