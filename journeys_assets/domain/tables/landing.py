"""The landing contract, and the tables in which ingestion keeps its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.tables.table import TEXT, TEXTS, TIMESTAMP, USER_ID, Column, Table
from journeys_assets.domain.vocabulary import ARMS, CHANNELS, GIVEN_VERDICTS, LANDED_OUTCOMES, NOISE, STAGES

UPDATED_AT = Column(
    "updated_at",
    TIMESTAMP,
    "When the row came to be as it is: when it was changed, not when it was exported. Days before it see an older "
    "version. A row without it is the state at its ingest call, and replaces all versions of earlier calls.",
    unit="UTC",
    nullable=True,
)


EVENT_ID = Column(
    "event_id",
    TEXT,
    "The id of the event in the log that it comes from. Events that agree in all other columns are one event unless "
    "their ids differ.",
    nullable=True,
    is_id=True,
)


NOISE_COLUMN = Column(
    "noise",
    TEXT,
    "Why the row is no sign of a person's interest; null where it counts. Give it if you detect bots yourself. "
    "Importers fill it from user agents; ids of bots and searches with links are found in any case.",
    nullable=True,
    allowed=NOISE,
)


EDIT_COLUMNS = (
    Column(
        "edit_id",
        TEXT,
        "Of an edit, its id, distinct within its user; of undo, that of the edit taken back.",
        nullable=True,
        is_id=True,
    ),
    Column(
        "keywords",
        TEXTS,
        "Keywords of the journey as they were: of rename all, of merge those of the first journey, of split those of "
        "the first half.",
        nullable=True,
    ),
    Column(
        "other_keywords",
        TEXTS,
        "Of merge, the keywords of the second journey; of split, those of the second half.",
        nullable=True,
    ),
    Column("new_name", TEXT, "Of rename, what the user calls the journey.", nullable=True),
)
"""What an edit in journey_feedback consists of. It names keywords, because clusters change with later ones."""


def _landing(name: str, description: str, grain: tuple[str, ...], *columns: Column) -> Table:
    return Table(name, description, grain, columns, schema="landing", partitioned=False)


LANDING: dict[str, Table] = {
    t.name: t
    for t in (
        _landing(
            "search_events",
            "One search.",
            ("user_id", "query", "searched_at", "event_id"),
            USER_ID,
            Column("query", TEXT, "What the user typed, in any language or script.", keyword_column="keyword"),
            Column("searched_at", TIMESTAMP, "When the search was made.", unit="UTC"),
            EVENT_ID,
            NOISE_COLUMN,
        ),
        _landing(
            "pin_engagements",
            "One action of one user on one pin.",
            ("user_id", "pin_id", "action", "engaged_at", "event_id"),
            USER_ID,
            Column("pin_id", TEXT, "The item acted on.", is_id=True),
            Column("action", TEXT, "What the user did.", allowed=tuple(a.name for a in DEFAULT_ACTIONS)),
            Column("engaged_at", TIMESTAMP, "When it was done.", unit="UTC"),
            EVENT_ID,
            NOISE_COLUMN,
        ),
        _landing(
            "pins",
            "One version of a pin (item), with the text that describes it.",
            ("pin_id",),
            Column("pin_id", TEXT, "The item.", is_id=True),
            Column(
                "annotations",
                TEXTS,
                "Keywords that describe the item.",
                nullable=True,
                keyword_column="annotation_keywords",
            ),
            Column(
                "interests",
                TEXTS,
                "Broader interests that the item belongs to.",
                nullable=True,
                keyword_column="interest_keywords",
            ),
            Column("title", TEXT, "The item's title.", nullable=True),
            UPDATED_AT,
        ),
        _landing(
            "board_pins",
            "One pin put on one board.",
            ("user_id", "board_id", "pin_id", "saved_at"),
            USER_ID,
            Column("board_id", TEXT, "The board.", is_id=True),
            Column(
                "board_name",
                TEXT,
                "What the user calls the board; null where boards have no names.",
                nullable=True,
                keyword_column="board_keyword",
            ),
            Column("pin_id", TEXT, "The item put on it.", is_id=True),
            Column("saved_at", TIMESTAMP, "When it was put there.", unit="UTC"),
            UPDATED_AT,
        ),
        _landing(
            "users",
            "One version of a user.",
            ("user_id",),
            USER_ID,
            Column("signed_up_at", TIMESTAMP, "When the account was made.", unit="UTC", nullable=True),
            Column("country", TEXT, "Country, as the log gives it.", nullable=True),
            Column("locale", TEXT, "Language and region, such as en-GB.", nullable=True),
            Column("timezone", TEXT, "IANA time zone, such as Europe/London.", nullable=True),
            Column("email_opt_in", pl.Boolean(), "May be sent e-mail; unknown counts as no.", nullable=True),
            Column("push_opt_in", pl.Boolean(), "May be sent push messages; unknown counts as no.", nullable=True),
            Column(
                "sensitive_opt_in",
                pl.Boolean(),
                "What the user wants of sensitive journeys: true allows messages about them, false leaves them out "
                "altogether, unknown leaves it to the policy of the deployment.",
                nullable=True,
            ),
            UPDATED_AT,
        ),
        _landing(
            "identities",
            "One link between two ids of one person.",
            ("user_id", "other_id", "linked_at", "unlinked"),
            USER_ID,
            Column(
                "other_id", TEXT, "The id whose events are the user's: a device, a cookie, a former id.", is_id=True
            ),
            Column("linked_at", TIMESTAMP, "From when on other_id stands for the user.", unit="UTC"),
            Column(
                "unlinked",
                pl.Boolean(),
                "True takes back every link of the two ids up to linked_at: they were never linked.",
                nullable=True,
            ),
        ),
        _landing(
            "notification_events",
            "One version of a notification sent, with what came of it.",
            ("notification_id",),
            Column("notification_id", TEXT, "The send.", is_id=True),
            USER_ID,
            Column(
                "journey_id",
                TEXT,
                "The journey it was about; null for arms that are about none.",
                nullable=True,
                is_id=True,
            ),
            Column("channel", TEXT, "How it was sent.", allowed=CHANNELS),
            Column("arm", TEXT, "Experiment arm.", allowed=ARMS),
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
            UPDATED_AT,
        ),
        _landing(
            "journey_annotations",
            "One human judgement of one journey, named by its id or by its keywords.",
            ("user_id", "journey_id", "keywords", "annotator_id", "annotated_at", "as_of_date"),
            USER_ID,
            Column(
                "journey_id",
                TEXT,
                "The journey judged; may be null where keywords are given.",
                nullable=True,
                is_id=True,
            ),
            Column("keywords", TEXTS, "Keywords of the journey judged.", nullable=True),
            Column("relevance", pl.Int64(), "1 (not a journey of the user's) to 5 (surely one).", minimum=1, maximum=5),
            Column("stage", TEXT, "The stage that the annotator saw.", nullable=True, allowed=STAGES),
            Column("better_name", TEXT, "A name that the annotator likes better.", nullable=True),
            Column("annotator_id", TEXT, "Who judged.", is_id=True),
            Column("annotated_at", TIMESTAMP, "When the judgement was given.", unit="UTC", nullable=True),
            Column(
                "as_of_date",
                pl.Date(),
                "The day whose journeys the annotator saw, and nothing later; by default that of annotated_at.",
                unit="UTC day",
                nullable=True,
            ),
            Column("comment", TEXT, "What else the annotator said.", nullable=True),
        ),
        _landing(
            "journey_feedback",
            "One thing that a user said of a journey: a verdict, or an edit.",
            ("user_id", "journey_id", "verdict", "given_at", *(column.name for column in EDIT_COLUMNS)),
            USER_ID,
            Column("journey_id", TEXT, "The journey spoken of.", is_id=True),
            Column(
                "verdict",
                TEXT,
                "What the user said. withdrawn takes back all verdicts on the journey before; rename, merge and split "
                "are edits, and undo takes one of them back.",
                allowed=GIVEN_VERDICTS,
            ),
            Column("given_at", TIMESTAMP, "When.", unit="UTC"),
            *EDIT_COLUMNS,
        ),
    )
}
"""The landing contract by source name (grain = what makes an event the same event), with the default actions."""


NO_EFFECT = "none; it is kept"

_USER = "whose journeys, plans and labels the row counts for"
_TIMES = "which version counts on a day"
EFFECTS: dict[str, dict[str, str]] = {
    "search_events": {
        "user_id": _USER,
        "query": "keywords of the source `query`, names of journeys",
        "searched_at": "day of the keyword, features, hours of the send window, when a journey ends",
        "event_id": "tells events apart",
        "noise": "the row is left out, unless algorithm.noise.left_out lacks the reason",
    },
    "pin_engagements": {
        "user_id": _USER,
        "pin_id": "the item's keywords become the user's",
        "action": "counts, weights of keywords, features, intent",
        "engaged_at": "day of the keywords, features, hours of the send window, when a journey ends",
        "event_id": "tells events apart",
        "noise": "the row is left out, unless algorithm.noise.left_out lacks the reason",
    },
    "pins": {
        "pin_id": "matched by engagements and board pins",
        "annotations": "keywords of the source `annotation`; how common a keyword is",
        "interests": "keywords of the source `interest`; how common a keyword is",
        "title": "examples on annotation sheets",
        "updated_at": _TIMES,
    },
    "board_pins": {
        "user_id": _USER,
        "board_id": "tells board pins apart",
        "board_name": "keywords of the source `board`",
        "pin_id": "the item's keywords become the user's",
        "saved_at": "day of the keywords, features, when a journey ends",
        "updated_at": _TIMES,
    },
    "users": {
        "user_id": "whose consent and time zone the row has",
        "signed_up_at": NO_EFFECT,
        "country": NO_EFFECT,
        "locale": "language of titles in notification_candidates",
        "timezone": "send window and quiet hours of notification_candidates",
        "email_opt_in": "reason `not_opted_in` of notification_candidates; lifts an unsubscribe",
        "push_opt_in": "reason `not_opted_in` of notification_candidates; lifts an unsubscribe",
        "sensitive_opt_in": "safety_decision of user_journeys, reason `sensitive` of notification_candidates",
        "updated_at": _TIMES,
    },
    "identities": {
        "user_id": "whose the events, sends and feedback of other_id are",
        "other_id": "its events, sends, feedback, opt-outs and unsubscribes count for user_id",
        "linked_at": "day from which on, and time of the events for which, the link counts",
        "unlinked": "the links that it takes back count for no day",
    },
    "notification_events": {
        "notification_id": "tells sends apart",
        "user_id": "weekly cap, cool-down, labels of the ranker, read-out",
        "journey_id": "cool-down and memory of sends, labels of the ranker",
        "channel": "weekly cap (a send that is planned and logged counts once), unsubscribes",
        "arm": "read-out, labels of the ranker",
        "sent_at": "weekly cap, cool-down, memory of sends, labels of the ranker, read-out",
        "opened_at": "read-out",
        "clicked_at": "labels of the ranker, read-out",
        "unsubscribed_at": "reason `unsubscribed` of notification_candidates, labels of the ranker, read-out",
        "propensity": "weights of labels of the ranker",
        "is_random_slot": "labels of the ranker that need no correction for exposure",
        "updated_at": "which version of the send counts",
    },
    "journey_annotations": {
        "user_id": "labels of the ranker and of names",
        "journey_id": "labels of the ranker and of names",
        "keywords": "names the journey where there is no id",
        "relevance": "labels of the ranker, agreement of annotators",
        "stage": "labels of the ranker, agreement of annotators",
        "better_name": "labels of names",
        "annotator_id": "agreement of annotators; one label per journey and annotator",
        "annotated_at": "which judgement is the latest",
        "as_of_date": "the day whose features the label has",
        "comment": NO_EFFECT,
    },
    "journey_feedback": {
        "user_id": _USER,
        "journey_id": "stage, score and notifications of that journey; which journey a rename is of",
        "verdict": "stage, score and notifications of that journey; what an edit does",
        "given_at": "from which day on it counts, and which verdict or edit is the latest",
        "edit_id": "which edit an undo takes back",
        "keywords": "which keywords are one journey, names of journeys, calibration",
        "other_keywords": "which keywords are one journey, calibration",
        "new_name": "names of journeys, labels of names",
    },
}
"""Where each accepted column takes effect, by source."""


def landing_contract(actions: Sequence[Action]) -> dict[str, Table]:
    """``LANDING`` with ``actions``, which decide what pin_engagements.action may be."""
    return {name: _with_actions(table, actions) for name, table in LANDING.items()}


def _with_actions(table: Table, actions: Sequence[Action]) -> Table:
    allowed = tuple(action.name for action in actions)
    return replace(
        table, columns=tuple(replace(c, allowed=allowed) if c.name == "action" else c for c in table.columns)
    )


KEYWORD_COLUMNS: dict[str, dict[str, str]] = {
    name: {column.name: column.keyword_column for column in table.columns if column.keyword_column is not None}
    for name, table in LANDING.items()
    if any(column.keyword_column for column in table.columns)
}
"""Per source: column with text for people → column with the keywords that it stands for."""


PART_SOURCES = ("search_events", "pin_engagements")
"""Sources whose rows may belong to a part of a log that is delivered again."""
_PART = (
    Column(
        "log_part",
        TEXT,
        "The part of a vendor's log that the row came in, such as a table of a day, if the vendor delivers it again.",
        nullable=True,
    ),
    Column(
        "part_version",
        TEXT,
        "Which delivery of that part, or of the event, the row came in: rank, file and number of the call.",
        nullable=True,
    ),
)


def _stored(table: Table) -> Table:
    keywords = tuple(
        Column(
            name,
            table.column(text).dtype,
            f"{text}, normalised (NFKC, casefold, nothing invisible, single spaces)"
            + (", item by item." if name.endswith("s") else "."),
            nullable=table.column(text).nullable,
        )
        for text, name in KEYWORD_COLUMNS.get(table.name, {}).items()
    )
    seq = Column("ingest_seq", pl.Int64(), "Ever-rising number of the ingest call that brought the row.", minimum=1)
    part = _PART if table.name in PART_SOURCES else ()
    return replace(table, columns=(*table.columns, *keywords, *part, seq))


def landing_tables(actions: Sequence[Action]) -> dict[str, Table]:
    """The landing tables as the warehouse holds them: contract, normalised keywords, ingest_seq."""
    return {name: _stored(table) for name, table in landing_contract(actions).items()}


LANDING_TABLES = landing_tables(DEFAULT_ACTIONS)
"""The landing tables with the default actions; their columns are the same whatever the actions are."""

VERSIONED = ("pins", "users", "notification_events", "board_pins", "journey_annotations")
"""Sources whose rows are versions of something that changes. A known file of them is the state again; of the others,
which are append-only, it is skipped."""

OF_CONSENT = ("users", "notification_events")
"""Sources whose rows say who may be sent something. What is refused of them must not leave an older yes in force."""

INGEST_LEDGER = Table(
    "ingest_ledger",
    "One row per file, source and load: what was read, taken, refused.",
    ("batch_id",),
    (
        Column("batch_id", TEXT, "Id of the load of one file and source."),
        Column(
            "ingest_seq", pl.Int64(), "Ever-rising number of the ingest call; files of one call share it.", minimum=1
        ),
        Column("source", TEXT, "Landing source."),
        Column("file", TEXT, "Path as given."),
        Column("sha256", TEXT, "Checksum of the file."),
        Column("format", TEXT, "How the file was read: landing, or the name of an importer.", nullable=True),
        Column("n_rows", pl.Int64(), "Rows read.", unit="rows", minimum=0),
        Column("n_accepted", pl.Int64(), "New rows taken that are no noise.", unit="rows", minimum=0),
        Column("n_duplicate", pl.Int64(), "Good rows that were there already.", unit="rows", minimum=0),
        Column(
            "n_noise",
            pl.Int64(),
            "New rows that were kept and marked as noise: bots, monitoring clients, spam.",
            unit="rows",
            minimum=0,
            default=0,
        ),
        Column("n_quarantined", pl.Int64(), "Rows refused.", unit="rows", minimum=0),
        Column(
            "n_skipped",
            pl.Int64(),
            "Rows set aside by a named rule: cancellations, say, or versions that a later row of the call replaces.",
            unit="rows",
            minimum=0,
        ),
        Column(
            "n_rows_with_refused_fields",
            pl.Int64(),
            "Rows that were kept without an optional field that was refused.",
            unit="rows",
            minimum=0,
            default=0,
        ),
        Column("is_list", pl.Boolean(), "The file is a list of all users, or a part of one.", nullable=True),
        Column("ingested_at", TIMESTAMP, "When.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

INGEST_OUTCOMES = Table(
    "ingest_outcomes",
    "What became of the records of one file, by type of event. Of files without types of events: what was skipped.",
    ("batch_id", "event", "outcome"),
    (
        Column("batch_id", TEXT, "Id of the load of the file."),
        Column("event", TEXT, "Type of the event; null for files without types of events.", nullable=True),
        Column("outcome", TEXT, "The landing source, `noise: …`, `skipped: …` with the reason, or `refused`. "),
        Column("n", pl.Int64(), "Records.", unit="records", minimum=1),
    ),
    schema="landing",
    partitioned=False,
)

ANNOTATION_ITEMS = Table(
    "annotation_items",
    "What a row of an annotation sheet stands for: the sheet itself shows the row_key only. Never published.",
    ("row_key",),
    (
        Column("row_key", TEXT, "Pseudonym of user, journey and day; it tells nothing without this table."),
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        Column("as_of_date", pl.Date(), "The day whose journeys were shown.", unit="UTC day"),
        Column("journey_name", TEXT, "Its name as shown; empty where sheets show none."),
        Column("keywords", TEXTS, "Its keywords, best first."),
        Column("stratum", TEXT, "What it was drawn from: confidence, kind and stage, activity of the user."),
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
    "One row of a landing file that was refused, or of which an optional field was refused, with the reason.",
    ("batch_id", "line", "reason"),
    (
        Column("batch_id", TEXT, "Id of the file's load."),
        Column("source", TEXT, "Landing source."),
        Column("file", TEXT, "Path as given."),
        Column("line", pl.Int64(), "Line in the file, header = 1 (Parquet: row number, first = 1).", minimum=1),
        Column("reason", TEXT, "What is wrong, with column and value."),
        Column("row_json", TEXT, "The row as read, shortened."),
        Column(
            "is_kept",
            pl.Boolean(),
            "Only the fields that the reason names were refused; the rest of the row was accepted.",
            nullable=True,
        ),
        Column(
            "acceptable_at",
            TIMESTAMP,
            "When the row can be accepted, if its time is all that is wrong with it: it lies ahead of the clock.",
            unit="UTC",
            nullable=True,
        ),
        Column("quarantined_at", TIMESTAMP, "When.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

LANDED_FILES = Table(
    "landed_files",
    "One file of the landing folder or of another watched place: what became of it when it was last looked at.",
    ("file",),
    (
        Column("file", TEXT, "Path below the landing folder; full path or URL of a file of another watched place."),
        Column("n_bytes", pl.Int64(), "Size when it was looked at.", unit="bytes", minimum=0),
        Column("modified_at", pl.Int64(), "Time of its last modification then.", unit="ns since 1970, UTC"),
        Column("sha256", TEXT, "Checksum of the file; null where it was not read.", nullable=True),
        Column(
            "outcome",
            TEXT,
            "ingested; known (the same bytes were loaded before, or another file is read in its place); unfinished "
            "(damaged, but written recently: read again later); refused (read again when size or time of modification "
            "change).",
            allowed=LANDED_OUTCOMES,
        ),
        Column("reason", TEXT, "Why it was refused or counts as unfinished, and the cure.", nullable=True),
        Column("ingest_seq", pl.Int64(), "Ingest call that loaded these bytes.", nullable=True, minimum=1),
        Column("looked_at", TIMESTAMP, "When it was looked at.", unit="UTC"),
        Column(
            "look_again_at",
            TIMESTAMP,
            "When it is read again, because a row that was refused for a time ahead of the clock can be accepted then.",
            unit="UTC",
            nullable=True,
        ),
    ),
    schema="landing",
    partitioned=False,
)

COPIED_OBJECTS = Table(
    "copied_objects",
    "One object of a bucket or file of the web that was read: what its server gave of it then. While that stays so, it "
    "is not copied again.",
    ("url",),
    (
        Column("url", TEXT, "Its URL, without user, password and query; a digest stands for what is left out."),
        Column("n_bytes", pl.Int64(), "Its size.", unit="bytes", minimum=0, nullable=True),
        Column(
            "modified_at",
            pl.Int64(),
            "Time of its last modification.",
            unit="ns since 1970, UTC",
            nullable=True,
        ),
        Column("etag", TEXT, "Its entity tag or generation.", nullable=True),
        Column("sha256", TEXT, "Checksum of its bytes."),
        Column("copied_at", TIMESTAMP, "When they were read.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

KEPT_JOURNEY_IDS = Table(
    "kept_journey_ids",
    "Ids that journeys keep although `journeys retention` deleted the keyword that they were made from.",
    ("user_id", "keyword", "is_side"),
    (
        USER_ID,
        Column("keyword", TEXT, "The first keyword of the journey's theme that is left."),
        Column("is_side", pl.Boolean(), "Whether the id is that of a side journey."),
        Column("journey_id", TEXT, "The id."),
    ),
    schema="landing",
    partitioned=False,
)

ERASED_USERS = Table(
    "erased_users",
    "An id of a user who was erased, as a digest: rows of the user that come later are left out.",
    ("user_digest",),
    (
        Column("user_digest", TEXT, "HMAC-SHA-256 of the id, hex."),
        Column("digest_key", TEXT, "Key of the digests: random, the same for all rows, hex."),
        Column("erased_at", TIMESTAMP, "When the user was erased.", unit="UTC"),
    ),
    schema="landing",
    partitioned=False,
)

REFUSED_UNSUBSCRIBES = Table(
    "refused_unsubscribes",
    "An unsubscribe in a row of notification_events that was refused or replaced within its call. It holds anyway.",
    ("ingest_seq", "user_id", "channel", "unsubscribed_at"),
    (
        USER_ID,
        Column("channel", TEXT, "The channel; null where it could not be read: all channels.", nullable=True),
        Column("unsubscribed_at", TIMESTAMP, "When the user unsubscribed.", unit="UTC"),
        Column("ingest_seq", pl.Int64(), "The ingest call.", minimum=1),
    ),
    schema="landing",
    partitioned=False,
)

INGESTED_DAYS = Table(
    "ingested_days",
    "What each ingest call changed, per source and UTC day. Versions of pins and users count on days that they change.",
    ("ingest_seq", "source", "event_date"),
    (
        Column("ingest_seq", pl.Int64(), "The ingest call.", minimum=1),
        Column("source", TEXT, "Landing source."),
        Column("event_date", pl.Date(), "The day of the events.", unit="UTC day"),
        Column("n_events", pl.Int64(), "Events or versions that the call added.", unit="events", minimum=1),
        Column("n_users", pl.Int64(), "Users that they belong to; 0 for the catalogue.", unit="users", minimum=0),
    ),
    schema="landing",
    partitioned=False,
)
