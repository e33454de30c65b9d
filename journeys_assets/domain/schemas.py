"""What every table and every landing file holds: grain, columns, units, bounds.

This is the one place where a Python-made table is described. DDL, contract checks, column metadata in the Dagster UI
and the table in the README are all derived from it. Tables made by SQL models are described in the ``.yml`` beside the
SQL and read into the same :class:`Table` by ``storage.sql_models``.

What belongs here: descriptions of data. What does not: reading, writing or changing it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

TIMESTAMP = pl.Datetime("us")
"""All times are UTC, microseconds, without a zone attached (DuckDB ``TIMESTAMP``)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, what it means, and the values it may take."""

    name: str
    dtype: pl.DataType
    description: str
    unit: str | None = None
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None

    @property
    def sql_type(self) -> str:
        return _sql_type(self.dtype)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its grain (columns that are unique together) and its columns, in order."""

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    schema: str = "main"
    partitioned: bool = True
    refers: tuple[tuple[str, str], ...] = ()
    """Pairs of columns: a value of the first is that of the second in some row of the same user and day."""
    column_names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "column_names", tuple(c.name for c in self.columns))
        for rule, named in {"grain": set(self.grain), "refers": {c for pair in self.refers for c in pair}}.items():
            unknown = named - set(self.column_names)
            if unknown:
                raise ValueError(f"table {self.name}: {rule} names columns that do not exist: {sorted(unknown)}")

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def polars_schema(self) -> pl.Schema:
        return pl.Schema({c.name: c.dtype for c in self.columns})

    @property
    def ddl(self) -> str:
        """``CREATE TABLE IF NOT EXISTS``; no keys or NOT NULL: DuckLake knows neither, the contract checks do."""
        columns = ",\n  ".join(f'"{c.name}" {c.sql_type}' for c in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.qualified_name} (\n  {columns}\n)"

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.polars_schema)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule of a table's contract, with how many rows break it and a few of them."""

    rule: str
    column: str
    n_rows: int
    sample: pl.DataFrame


_SQL_TYPES: dict[pl.DataType, str] = {
    pl.String(): "VARCHAR",
    pl.Int64(): "BIGINT",
    pl.Int32(): "INTEGER",
    pl.Float64(): "DOUBLE",
    pl.Float32(): "FLOAT",
    pl.Boolean(): "BOOLEAN",
    pl.Date(): "DATE",
    pl.Binary(): "BLOB",
    TIMESTAMP: "TIMESTAMP",
}


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"{_sql_type(pl.DataType.from_python(dtype.inner) if isinstance(dtype.inner, type) else dtype.inner)}[]"  # type: ignore[arg-type]
    return _SQL_TYPES[dtype]


def violations(table: Table, frame: pl.DataFrame, *, sample_rows: int = 5) -> list[Violation]:
    """Every rule of ``table`` that ``frame`` breaks; an empty list means the contract holds."""
    found: list[Violation] = []

    def note(rule: str, column: str, offenders: pl.DataFrame) -> None:
        if offenders.height:
            found.append(Violation(rule, column, offenders.height, offenders.head(sample_rows)))

    for column in table.columns:
        if column.name not in frame.columns:
            found.append(Violation("missing column", column.name, frame.height, frame.head(0)))
            continue
        value = pl.col(column.name)
        if not column.nullable:
            note("null", column.name, frame.filter(value.is_null()))
        if column.dtype.is_float():
            note("not finite", column.name, frame.filter(value.is_not_null() & ~value.is_finite()))
        if column.minimum is not None:
            note(f"below {column.minimum}", column.name, frame.filter(value < column.minimum))
        if column.maximum is not None:
            note(f"above {column.maximum}", column.name, frame.filter(value > column.maximum))
        if column.allowed is not None:
            note(f"not in {list(column.allowed)}", column.name, frame.filter(~value.is_in(list(column.allowed))))
    for name, other in table.refers:
        scope = ["partition_date", "user_id"]
        if {*scope, name, other} <= set(frame.columns):
            known = frame.select(*scope, pl.col(other).alias(name)).unique()
            note(f"no {other} of the user", name, frame.join(known, on=[*scope, name], how="anti"))
    if table.grain and set(table.grain) <= set(frame.columns):
        note("not unique", ", ".join(table.grain), frame.filter(pl.struct(table.grain).is_duplicated()))
    return found


# ── landing contract ────────────────────────────────────────────────────────────────────────────────────────────────
# The columns that a landing file may carry. ``nullable`` means: may be absent from the file or null in a row.

ACTIONS = ("closeup", "save", "clickthrough")
CHANNELS = ("push", "email")
ARMS = ("journey", "interest", "holdout")
KEYWORD_SOURCES = ("query", "annotation", "interest", "board")
VERDICTS = ("finished", "not_mine", "mute", "more")
KINDS = ("situational", "evergreen", "seasonal")
STAGES = ("ongoing", "ended")
INTENTS = ("exploring", "deciding", "acting")
JOURNEY_EVENT_KINDS = ("born", "split", "merged", "reidentified", "renamed", "paused", "resumed", "expired")
LANDED_OUTCOMES = ("ingested", "known", "unfinished", "refused")

_TEXT = pl.String()
_TEXTS = pl.List(pl.String())

_USER_ID = Column("user_id", _TEXT, "Who acted; any non-empty text.")


def _landing(name: str, description: str, grain: tuple[str, ...], *columns: Column) -> Table:
    return Table(name, description, grain, columns, schema="landing", partitioned=False)


LANDING: dict[str, Table] = {
    t.name: t
    for t in (
        _landing(
            "search_events",
            "One search.",
            ("user_id", "query", "searched_at"),
            _USER_ID,
            Column("query", _TEXT, "What the user typed, in any language or script."),
            Column("searched_at", TIMESTAMP, "When the search was made.", unit="UTC"),
        ),
        _landing(
            "pin_engagements",
            "One action of one user on one pin.",
            ("user_id", "pin_id", "action", "engaged_at"),
            _USER_ID,
            Column("pin_id", _TEXT, "The item acted on."),
            Column("action", _TEXT, "What the user did.", allowed=ACTIONS),
            Column("engaged_at", TIMESTAMP, "When it was done.", unit="UTC"),
        ),
        _landing(
            "pins",
            "One pin (item) with the text that describes it. The latest ingested version of a pin counts.",
            ("pin_id",),
            Column("pin_id", _TEXT, "The item."),
            Column("annotations", _TEXTS, "Keywords that describe the item.", nullable=True),
            Column("interests", _TEXTS, "Broader interests that the item belongs to.", nullable=True),
            Column("title", _TEXT, "The item's title.", nullable=True),
        ),
        _landing(
            "board_pins",
            "One pin put on one board.",
            ("user_id", "board_id", "pin_id", "saved_at"),
            _USER_ID,
            Column("board_id", _TEXT, "The board."),
            Column(
                "board_name", _TEXT, "What the user calls the board; null where boards have no names.", nullable=True
            ),
            Column("pin_id", _TEXT, "The item put on it."),
            Column("saved_at", TIMESTAMP, "When it was put there.", unit="UTC"),
        ),
        _landing(
            "users",
            "One user. The latest ingested version of a user counts.",
            ("user_id",),
            _USER_ID,
            Column("signed_up_at", TIMESTAMP, "When the account was made.", unit="UTC", nullable=True),
            Column("country", _TEXT, "Country, as the log gives it.", nullable=True),
            Column("locale", _TEXT, "Language and region, such as en-GB.", nullable=True),
            Column("timezone", _TEXT, "IANA time zone, such as Europe/London.", nullable=True),
            Column("email_opt_in", pl.Boolean(), "May be sent e-mail; unknown counts as no.", nullable=True),
            Column("push_opt_in", pl.Boolean(), "May be sent push messages; unknown counts as no.", nullable=True),
        ),
        _landing(
            "notification_events",
            "One notification sent, with what came of it. The latest ingested version of a notification counts.",
            ("notification_id",),
            Column("notification_id", _TEXT, "The send."),
            _USER_ID,
            Column("journey_id", _TEXT, "The journey it was about; null for arms that are about none.", nullable=True),
            Column("channel", _TEXT, "How it was sent.", allowed=CHANNELS),
            Column("arm", _TEXT, "Experiment arm.", allowed=ARMS),
            Column("sent_at", TIMESTAMP, "When it was sent.", unit="UTC"),
            Column("opened_at", TIMESTAMP, "When it was opened.", unit="UTC", nullable=True),
            Column("clicked_at", TIMESTAMP, "When it was clicked.", unit="UTC", nullable=True),
            Column("unsubscribed_at", TIMESTAMP, "When the user unsubscribed through it.", unit="UTC", nullable=True),
            Column(
                "propensity",
                pl.Float64(),
                "Probability with which the sending policy chose this journey for this slot.",
                nullable=True,
                minimum=0.0,
                maximum=1.0,
            ),
            Column("is_random_slot", pl.Boolean(), "The journey was drawn uniformly at random.", nullable=True),
        ),
        _landing(
            "journey_annotations",
            "One human judgement of one journey, named by its id or by its keywords.",
            ("user_id", "journey_id", "keywords", "annotator_id", "annotated_at", "as_of_date"),
            _USER_ID,
            Column("journey_id", _TEXT, "The journey judged; may be null where keywords are given.", nullable=True),
            Column("keywords", _TEXTS, "Keywords of the journey judged.", nullable=True),
            Column("relevance", pl.Int64(), "1 (not a journey of the user's) to 5 (surely one).", minimum=1, maximum=5),
            Column("stage", _TEXT, "The stage that the annotator saw.", nullable=True, allowed=STAGES),
            Column("better_name", _TEXT, "A name that the annotator likes better.", nullable=True),
            Column("annotator_id", _TEXT, "Who judged."),
            Column("annotated_at", TIMESTAMP, "When the judgement was given.", unit="UTC", nullable=True),
            Column(
                "as_of_date",
                pl.Date(),
                "The day whose journeys the annotator saw, and nothing later; by default that of annotated_at.",
                unit="UTC day",
                nullable=True,
            ),
            Column("comment", _TEXT, "What else the annotator said.", nullable=True),
        ),
        _landing(
            "journey_feedback",
            "One thing that a user said of a journey.",
            ("user_id", "journey_id", "verdict", "given_at"),
            _USER_ID,
            Column("journey_id", _TEXT, "The journey spoken of."),
            Column("verdict", _TEXT, "What the user said.", allowed=VERDICTS),
            Column("given_at", TIMESTAMP, "When.", unit="UTC"),
        ),
    )
}
"""The landing contract by source name (grain = what makes an event the same event)."""


def _pipeline_columns(*columns: Column) -> tuple[Column, ...]:
    return (
        Column("partition_date", pl.Date(), "The UTC day that the row stands for.", unit="UTC day"),
        *columns,
        Column("algorithm_version", _TEXT, "Fingerprint of all parameters that shaped the row."),
    )


def _similarity(name: str, description: str) -> Column:
    return Column(name, pl.Float64(), description, unit="cosine", minimum=-1.0001, maximum=1.0001)


# ── tables made by Python stages ────────────────────────────────────────────────────────────────────────────────────

KEYWORD_EMBEDDINGS = Table(
    "keyword_embeddings",
    "One vector per distinct keyword and embedding model, made once and kept, in the partition that first needed it.",
    ("keyword", "embedding_model"),
    _pipeline_columns(
        Column("keyword", _TEXT, "The normalised keyword."),
        Column("embedding_model", _TEXT, "Name and weights hash of the model that made the vector."),
        Column("embedding", pl.Binary(), "Unit vector as little-endian float16.", unit="float16 x dimensions"),
    ),
)

JOURNEY_CLUSTERS = Table(
    "journey_clusters",
    "One cluster of one user's keywords: a journey candidate, over the look-back window that ends at window_end_date.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        _USER_ID,
        Column(
            "journey_id",
            _TEXT,
            "Stable id, derived from the user and the keyword that founded the journey's main theme.",
        ),
        Column(
            "area_id",
            _TEXT,
            "The area that the journey lies in with those akin to it: the id of the one whose theme is largest.",
        ),
        Column(
            "window_end_date", pl.Date(), "The user's last active day at or before the partition date.", unit="UTC day"
        ),
        Column("keywords", _TEXTS, "Member keywords, most central first."),
        Column("keyword_weights", pl.List(pl.Float64()), "Engagement weight of each keyword, same order."),
        Column(
            "keyword_centralities", pl.List(pl.Float64()), "Cosine of each keyword to the weighted centre, same order."
        ),
        Column(
            "keyword_theme_centralities",
            pl.List(pl.Float64()),
            "Cosine of each keyword to the mean of all keywords that the journey's theme ever held, same order.",
        ),
        Column("medoid", _TEXT, "The member keyword nearest the cluster's weighted centre."),
        Column("n_keywords", pl.Int64(), "Number of member keywords.", unit="keywords", minimum=1),
        _similarity("cohesion", "Mean cosine of the members to the weighted centre."),
        Column(
            "separation",
            pl.Float64(),
            "1 - cosine to the centre of the user's nearest other cluster; 1 if there is none.",
            unit="1 - cosine",
            minimum=-0.0001,
            maximum=2.0001,
        ),
        Column("is_journey", pl.Boolean(), "Large and tight enough to count as a journey; else kept as not (yet) one."),
        Column("first_engaged_at", TIMESTAMP, "First engagement with a member within the window.", unit="UTC"),
        Column("last_engaged_at", TIMESTAMP, "Last engagement with a member.", unit="UTC"),
        Column("centroid", pl.Binary(), "Unit weighted centre as little-endian float16.", unit="float16 x dimensions"),
    ),
    refers=(("area_id", "journey_id"),),
)

INFERENCE_LEDGER = Table(
    "inference_ledger",
    "One row per user whose clusters were computed in a partition, users without any cluster included.",
    ("partition_date", "user_id"),
    _pipeline_columns(
        _USER_ID,
        Column(
            "window_end_date", pl.Date(), "The user's last active day at or before the partition date.", unit="UTC day"
        ),
        Column("n_keywords", pl.Int64(), "Keywords that were clustered.", unit="keywords", minimum=0),
        Column("n_clusters", pl.Int64(), "Clusters that came out.", unit="clusters", minimum=0),
    ),
)

JOURNEY_NAMES = Table(
    "journey_names",
    "The name of every live journey.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        _USER_ID,
        Column("journey_id", _TEXT, "The journey."),
        Column("journey_name", _TEXT, "Display form of the top keyword; unique within a user."),
        Column("name_keyword", _TEXT, "The keyword that the name shows."),
        Column("naming_score", pl.Float64(), "Naming score of the chosen keyword.", minimum=0.0, maximum=1.0),
        Column("keywords", _TEXTS, "Member keywords in naming order, best first."),
        Column(
            "named_by",
            _TEXT,
            "'parameters', or the version of the released weights that names were chosen with; null in days of before "
            "there were any.",
            nullable=True,
        ),
    ),
)

RANKED_JOURNEYS = Table(
    "ranked_journeys",
    "Score, calibrated confidence and diversified rank of every live journey.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        _USER_ID,
        Column("journey_id", _TEXT, "The journey."),
        Column("score", pl.Float64(), "Ranking score before diversification.", minimum=0.0, maximum=1.0),
        Column("n_similar_above", pl.Int64(), "Similar journeys of the user ranked above.", unit="journeys", minimum=0),
        Column(
            "diversified_score",
            pl.Float64(),
            "What the rank follows: score x penalty^n_similar_above; with mmr, ssd, dpp the lowest score so far.",
            minimum=0.0,
            maximum=1.0,
        ),
        Column("rank", pl.Int64(), "1 = best, after diversification.", minimum=1),
        Column(
            "confidence",
            pl.Float64(),
            "Calibrated probability that the journey is real and current.",
            minimum=0.0,
            maximum=1.0,
        ),
        Column("scored_by", _TEXT, "'prior', or the version of the ranker that gave score and confidence."),
        Column(
            "feedback",
            _TEXT,
            "The user's own word on the journey that holds on the day; null where there is none.",
            nullable=True,
            allowed=VERDICTS,
        ),
    ),
)

STAGE_EVIDENCE = Table(
    "stage_evidence",
    "What kind and stage of every live journey are judged by: its silence, its seasons, P(ended).",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        _USER_ID,
        Column("journey_id", _TEXT, "The journey."),
        Column("gap_days", pl.Float64(), "Days since the last engagement.", unit="days", minimum=0.0),
        Column(
            "turn_gap_days",
            pl.Float64(),
            "Days since the last turn to it: a day with a search for it, or two of its specific keywords.",
            unit="days",
            minimum=0.0,
        ),
        Column(
            "silent_visits",
            pl.Float64(),
            "Days since the last engagement on which the user came for something else.",
            unit="days",
            minimum=0.0,
        ),
        Column("visits_since_turn", pl.Float64(), "The same since the last turn.", unit="days", minimum=0.0),
        Column(
            "gap_in_cadences",
            pl.Float64(),
            "turn_gap_days over the mean days from one turn to the next.",
            minimum=0.0,
        ),
        Column(
            "missed_turns",
            pl.Float64(),
            "Turns that the visits since the last one would have brought at the journey's own share of visits.",
            unit="turns",
            minimum=0.0,
        ),
        Column(
            "turn_span_days",
            pl.Float64(),
            "Days from the first turn to the last one, of the 90 days up to the last engagement.",
            unit="days",
            minimum=0.0,
        ),
        Column(
            "turn_week_share",
            pl.Float64(),
            "Of the weeks in between in which the user came, the share in which they turned to the journey.",
            unit="share",
            minimum=0.0,
            maximum=1.0,
        ),
        Column(
            "season_before",
            pl.Date(),
            "Last turn of its season a year before; null unless the journey is more likely than not to return each "
            "year.",
            unit="UTC day",
            nullable=True,
        ),
        Column(
            "p_ended",
            pl.Float64(),
            "Calibrated probability that the user, when they come, leaves the journey alone from now on; null where no "
            "stage model is released.",
            unit="probability",
            nullable=True,
            minimum=0.0,
            maximum=1.0,
        ),
        Column("judged_by", _TEXT, "'fixed gap', or the version of the stage model that gave p_ended."),
    ),
)

NOTIFICATION_CANDIDATES = Table(
    "notification_candidates",
    "One row per user, live journey and channel: send on the day after or hold back, why, when and what.",
    ("partition_date", "user_id", "journey_id", "channel"),
    _pipeline_columns(
        _USER_ID,
        Column("journey_id", _TEXT, "The journey."),
        Column("channel", _TEXT, "How it would be sent.", allowed=CHANNELS),
        Column("decision", _TEXT, "send or hold.", allowed=("send", "hold")),
        Column("reason", _TEXT, "Why: 'eligible' for a send, else the first rule that held it back."),
        Column("arm", _TEXT, "Experiment arm of the user.", allowed=ARMS),
        Column("title_text", _TEXT, "What the message says."),
        Column("confidence", pl.Float64(), "Confidence of the journey.", minimum=0.0, maximum=1.0),
        Column("rank", pl.Int64(), "Rank of the journey.", minimum=1),
        Column("timezone", _TEXT, "Time zone used for the window (UTC where the user's is unknown).", nullable=False),
        Column("send_window_start_at", TIMESTAMP, "Start of the send window.", unit="UTC", nullable=True),
        Column("send_window_end_at", TIMESTAMP, "End of the send window.", unit="UTC", nullable=True),
        Column(
            "sends_last_7_days",
            pl.Int64(),
            "Sends to the user in the 7 days that end with the send day, this plan's own left out.",
            unit="sends",
            minimum=0,
        ),
    ),
)

JOURNEY_EVENTS = Table(
    "journey_events",
    "What became of journeys since the latest earlier day of user_journeys, with evidence. Kept for good.",
    ("partition_date", "user_id", "journey_id", "event"),
    _pipeline_columns(
        _USER_ID,
        Column("journey_id", _TEXT, "The journey; of the earlier day where it is gone (merged, expired)."),
        Column(
            "event",
            _TEXT,
            "born; split (its keywords were in other journeys); merged (gone, others hold its keywords); reidentified "
            "(goes on under this new id); renamed; paused (ended); resumed; expired (gone).",
            allowed=JOURNEY_EVENT_KINDS,
        ),
        Column("related_journey_ids", _TEXTS, "Journeys of the other day that share its keywords, most shared first."),
        Column("n_keywords", pl.Int64(), "Keywords of the journey.", unit="keywords", minimum=1),
        Column(
            "n_shared_keywords",
            pl.Int64(),
            "Those shared with the related journeys; renamed, paused, resumed: with itself before.",
            unit="keywords",
            minimum=0,
        ),
        Column("detail", _TEXT, "The evidence, to be read."),
        Column("compared_date", pl.Date(), "The earlier day.", unit="UTC day"),
        Column(
            "is_same_algorithm",
            pl.Boolean(),
            "Both days' journeys are of one algorithm version; if not, the algorithm may be what changed.",
        ),
    ),
)

QUALITY_METRICS = Table(
    "quality_metrics",
    "What every quality monitor measured of every day, against its bound. What is of no day (refused rows, days that "
    "wait) is as it was when the day was run.",
    ("partition_date", "monitor"),
    _pipeline_columns(
        Column("monitor", _TEXT, "What was measured."),
        Column("asset", _TEXT, "The table that it speaks of."),
        Column("value", pl.Float64(), "The measurement; null where there was nothing to measure.", nullable=True),
        Column("lower", pl.Float64(), "Lowest value that passes; null where there is none.", nullable=True),
        Column("upper", pl.Float64(), "Highest value that passes; null where there is none.", nullable=True),
        Column("bound", _TEXT, "The bound in words, or why there is none."),
        Column("passed", pl.Boolean(), "Whether the value is within the bound; true where there was none to hold."),
        Column("advice", _TEXT, "What to look at when it fires."),
    ),
)

INGEST_LEDGER = Table(
    "ingest_ledger",
    "One row per file and batch: what was read, taken, refused.",
    ("batch_id",),
    (
        Column("batch_id", _TEXT, "Id of the file's load: checksum and source."),
        Column(
            "ingest_seq", pl.Int64(), "Ever-rising number of the ingest call; files of one call share it.", minimum=1
        ),
        Column("source", _TEXT, "Landing source."),
        Column("file", _TEXT, "Path as given."),
        Column("sha256", _TEXT, "Checksum of the file."),
        Column("n_rows", pl.Int64(), "Rows read.", unit="rows", minimum=0),
        Column("n_accepted", pl.Int64(), "New rows taken.", unit="rows", minimum=0),
        Column("n_duplicate", pl.Int64(), "Good rows that were there already.", unit="rows", minimum=0),
        Column("n_quarantined", pl.Int64(), "Rows refused.", unit="rows", minimum=0),
        Column(
            "n_skipped",
            pl.Int64(),
            "Rows that an importer set aside by rule (cancellations, say).",
            unit="rows",
            minimum=0,
        ),
        Column("ingested_at", TIMESTAMP, "When.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

ANNOTATION_ITEMS = Table(
    "annotation_items",
    "What a row of an annotation sheet stands for: the sheet itself shows the row_key only. Never published.",
    ("row_key",),
    (
        Column("row_key", _TEXT, "Pseudonym of user, journey and day; it tells nothing without this table."),
        _USER_ID,
        Column("journey_id", _TEXT, "The journey."),
        Column("as_of_date", pl.Date(), "The day whose journeys were shown.", unit="UTC day"),
        Column("journey_name", _TEXT, "Its name as shown; empty where sheets show none."),
        Column("keywords", _TEXTS, "Its keywords, best first."),
        Column("stratum", _TEXT, "What it was drawn from: confidence, kind and stage, activity of the user."),
        Column(
            "sampling_weight",
            pl.Float64(),
            "How many journeys it stands for: one over the probability that it was drawn.",
            minimum=1.0,
        ),
        Column("exported_at", TIMESTAMP, "When.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

QUARANTINED_ROWS = Table(
    "quarantined_rows",
    "One refused row of a landing file, with the reason.",
    ("batch_id", "line", "reason"),
    (
        Column("batch_id", _TEXT, "Id of the file's load."),
        Column("source", _TEXT, "Landing source."),
        Column("file", _TEXT, "Path as given."),
        Column("line", pl.Int64(), "Line in the file, header = 1 (Parquet: row number, first = 1).", minimum=1),
        Column("reason", _TEXT, "What is wrong, with column and value."),
        Column("row_json", _TEXT, "The row as read, shortened."),
        Column("quarantined_at", TIMESTAMP, "When.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

LANDED_FILES = Table(
    "landed_files",
    "One file of the landing folder: what became of it when it was last looked at.",
    ("file",),
    (
        Column("file", _TEXT, "Path below the landing folder."),
        Column("n_bytes", pl.Int64(), "Size when it was looked at.", unit="bytes", minimum=0),
        Column("modified_at", pl.Int64(), "Time of its last modification then.", unit="ns since 1970, UTC"),
        Column("sha256", _TEXT, "Checksum of the file; null where it was not read.", nullable=True),
        Column(
            "outcome",
            _TEXT,
            "ingested; known (the same bytes were loaded before); unfinished (damaged and young: looked at once more); "
            "refused (looked at again when size or time of modification change).",
            allowed=LANDED_OUTCOMES,
        ),
        Column("reason", _TEXT, "Why it was refused or counts as unfinished, and the cure.", nullable=True),
        Column("ingest_seq", pl.Int64(), "Ingest call that loaded these bytes.", nullable=True, minimum=1),
        Column("looked_at", TIMESTAMP, "When it was looked at.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

INGESTED_DAYS = Table(
    "ingested_days",
    "What each ingest call changed: one row per source and UTC day of events. A pin counts on the days it was engaged.",
    ("ingest_seq", "source", "event_date"),
    (
        Column("ingest_seq", pl.Int64(), "The ingest call.", minimum=1),
        Column("source", _TEXT, "Landing source."),
        Column("event_date", pl.Date(), "The day of the events.", unit="UTC day"),
        Column("n_events", pl.Int64(), "Events that the call added or changed.", unit="events", minimum=1),
        Column("n_users", pl.Int64(), "Users that they belong to.", unit="users", minimum=1),
    ),
    schema="landing",
    partitioned=False,
)

_LOG_SEQ = Column("ingest_seq", pl.Int64(), "Highest ingest_seq of the log when the run began.", minimum=0)

OPENED_DAYS = Table(
    "opened_days",
    "What a run may rely on, noted before it reads anything of the day.",
    ("partition_date",),
    _pipeline_columns(
        _LOG_SEQ,
        Column(
            "covered_seq",
            pl.Int64(),
            "Every event up to the day whose ingest_seq is not above this is in what the run reads; lower than "
            "ingest_seq where an earlier day waits for a run.",
            minimum=0,
        ),
        Column("run_id", _TEXT, "The Dagster run that opened the day last."),
    ),
)

KEYWORD_DAYS = Table(
    "keyword_days",
    "Days whose keywords and vectors are complete.",
    ("partition_date",),
    _pipeline_columns(
        Column("ingest_seq", pl.Int64(), "Events of the day up to this ingest_seq are in keyword_table.", minimum=0)
    ),
)

CLOSED_DAYS = Table(
    "closed_days",
    "Days whose every stage is complete and published: the last thing that a run writes.",
    ("partition_date",),
    _pipeline_columns(
        Column(
            "covered_seq",
            pl.Int64(),
            "Every event up to the day whose ingest_seq is not above this shows in the day's output.",
            minimum=0,
        ),
        Column(
            "run_id", _TEXT, "The Dagster run that closed the day; null where that was not noted yet.", nullable=True
        ),
    ),
)

PIPELINE_TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        OPENED_DAYS,
        KEYWORD_DAYS,
        KEYWORD_EMBEDDINGS,
        JOURNEY_CLUSTERS,
        INFERENCE_LEDGER,
        JOURNEY_NAMES,
        RANKED_JOURNEYS,
        STAGE_EVIDENCE,
        NOTIFICATION_CANDIDATES,
        JOURNEY_EVENTS,
        QUALITY_METRICS,
        CLOSED_DAYS,
    )
}
