"""The closed sets of values that tables and rules share."""

from __future__ import annotations

# ── landing contract ────────────────────────────────────────────────────────────────────────────────────────────────
# The columns that a landing file may carry. ``nullable`` means: may be absent from the file or null in a row.

CHANNELS = ("push", "email")
ARMS = ("journey", "interest", "holdout")
KEYWORD_SOURCES = ("query", "annotation", "interest", "board")
VERDICTS = ("finished", "not_mine", "mute", "more")
WITHDRAWN = "withdrawn"
"""Takes back what the user said of the journey before."""
RENAME, MERGE, SPLIT = "rename", "merge", "split"
EDITS = (RENAME, MERGE, SPLIT)
"""What a user says of which keywords are one journey, and what it is called."""
UNDO = "undo"
"""Takes back one edit."""
GIVEN_VERDICTS = (*VERDICTS, WITHDRAWN, *EDITS, UNDO)
KINDS = ("situational", "evergreen", "seasonal")
STAGES = ("ongoing", "ended")
STAGE_REASONS = ("user_said_finished", "evergreen", "silent", "recent", "likely_ended", "likely_ongoing")
INTENTS = ("exploring", "deciding", "acting")
JOURNEY_EVENT_KINDS = ("born", "split", "merged", "reidentified", "renamed", "paused", "resumed", "expired")
NAME_VERDICTS = ("accepted", "unshowable", "personal", "not_entailed", "not_unique", "unsafe")
JUDGEMENT_OUTCOMES = ("judged", "abstained", "withheld", "unanswered")
RELATIONS = ("next_step", "complement", "sibling", "broader")
POPULAR = "popular"
"""The relation of what many users started lately, which is related to no journey of the user."""
BOT, MONITORING, SPAM = "bot", "monitoring", "spam"
NOISE = (BOT, MONITORING, SPAM)
"""Why a row is no sign of a person's interest, where the row alone shows it."""
RATE = "rate"
"""The same, where only all rows of a user's day show it."""
LANDED_OUTCOMES = ("ingested", "known", "unfinished", "refused")

NAMELESS = "unnamed journey"
"""What a journey is called if none of its keywords may be shown, such as one of phone numbers or invisible text."""

CHANGE_TEXT = {
    "unchanged": "nothing differs",
    "changed_members": "its keywords changed",
    "split": "new, made of parts of other journeys",
    "merged": "gone, absorbed by other journeys",
    "appeared": "new, made of keywords that were in no journey",
    "gone": "gone, and so are its keywords",
    "reidentified": "has another id",
    "renamed": "has another name",
    "changed_kind": "has another kind",
    "changed_stage": "has another stage",
    "changed_area": "is in another area, or in one with other journeys",
    "changed_top_journey": "users whose first journey changed",
}
"""What each change of a comparison means."""
