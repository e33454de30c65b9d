"""What every table of the Python stages holds: grain, columns, units, bounds.

The tables of SQL models are described in ``domain.tables.sql``, those of ingestion in ``domain.tables.landing``. DDL,
contract checks, column metadata in the Dagster UI, dbt's ``.yml`` files and the reference docs are derived from them.

What belongs here: descriptions of data. What does not: reading, writing or changing it.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.safety.categories import IDS as SAFETY_CATEGORIES
from journeys_assets.domain.safety.judge import DECIDED_BY as SAFETY_DECIDED_BY
from journeys_assets.domain.safety.params import DECISIONS as SAFETY_DECISIONS
from journeys_assets.domain.tables.table import TEXT, TEXTS, TIMESTAMP, USER_ID, Column, Table
from journeys_assets.domain.vocabulary import (
    ARMS,
    CHANNELS,
    INTENTS,
    JOURNEY_EVENT_KINDS,
    JUDGEMENT_OUTCOMES,
    KINDS,
    NAME_VERDICTS,
    POPULAR,
    RELATIONS,
    STAGES,
    VERDICTS,
)


def _pipeline_columns(*columns: Column) -> tuple[Column, ...]:
    return (
        Column("partition_date", pl.Date(), "The UTC day that the row stands for.", unit="UTC day"),
        *columns,
        Column("algorithm_version", TEXT, "Fingerprint of all parameters that shaped the row."),
    )


def _similarity(name: str, description: str) -> Column:
    return Column(name, pl.Float64(), description, unit="cosine", minimum=-1.0001, maximum=1.0001)


def _share_column(name: str, description: str) -> Column:
    return Column(
        name, pl.Float64(), f"{description} Null without any.", unit="share", minimum=0.0, maximum=1.0, nullable=True
    )


def _tokens(name: str, description: str) -> Column:
    return Column(name, pl.Float64(), description, unit="tokens", minimum=0.0, nullable=True)


def _with_interval(name: str, description: str, minimum: float, maximum: float) -> tuple[Column, ...]:
    """A mean over users and both ends of its interval."""
    parts = (
        (name, f"{description}; null without any."),
        (f"{name}_low", "Low end of its 95 % interval over users; null for fewer than two users."),
        (f"{name}_high", "High end of it."),
    )
    return tuple(
        Column(part, pl.Float64(), about, minimum=minimum, maximum=maximum + 0.0001, nullable=True)
        for part, about in parts
    )


# ── tables made by Python stages ────────────────────────────────────────────────────────────────────────────────────

KEYWORD_EMBEDDINGS = Table(
    "keyword_embeddings",
    "One vector per distinct keyword and embedding model, made once and kept, in the partition that first needed it.",
    ("keyword", "embedding_model"),
    _pipeline_columns(
        Column("keyword", TEXT, "The normalised keyword (NFKC, casefold, nothing invisible, single spaces)."),
        Column("embedding_model", TEXT, "Name and weights hash of the model that made the vector."),
        Column("embedding", pl.Binary(), "Unit vector as little-endian float16.", unit="float16 x dimensions"),
    ),
    text_of_users="keyword",
)

JOURNEY_CLUSTERS = Table(
    "journey_clusters",
    "One cluster of one user's keywords: a journey candidate, over the look-back window that ends at window_end_date.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column(
            "journey_id",
            TEXT,
            "Stable id, derived from the user and the keyword that founded the journey's main theme.",
        ),
        Column(
            "area_id",
            TEXT,
            "The area that the journey lies in: the user's journeys that belong together, such as a dress and a venue. "
            "It is the id of the journey whose theme is largest, and stays while the area grows.",
        ),
        Column(
            "window_end_date", pl.Date(), "The user's last active day at or before the partition date.", unit="UTC day"
        ),
        Column("keywords", TEXTS, "Member keywords, most central first."),
        Column(
            "keyword_weights",
            pl.List(pl.Float64()),
            "Engagement weight of each keyword, same order.",
            unit="log(1 + weighted actions)",
        ),
        Column(
            "keyword_centralities",
            pl.List(pl.Float64()),
            "Cosine of each keyword to the weighted centre, same order.",
            unit="cosine",
        ),
        Column(
            "keyword_theme_centralities",
            pl.List(pl.Float64()),
            "Cosine of each keyword to the mean of all keywords that the journey's theme ever held, same order.",
            unit="cosine",
        ),
        Column("medoid", TEXT, "The member keyword nearest the cluster's weighted centre."),
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
        Column(
            "cut_probability",
            pl.Float64(),
            "Probability that the keywords are one journey, by the learned cut at the live threshold: from 0.5, a "
            "toss-up whether to split them, to 1; null for a single keyword, for all clusters of a user where a "
            "language model decided a close call, and for a cluster that an edit of the user made.",
            unit="probability",
            minimum=0.5,
            maximum=1.0,
            nullable=True,
        ),
        Column("is_journey", pl.Boolean(), "Large and tight enough to count as a journey; else kept as not (yet) one."),
        Column("first_engaged_at", TIMESTAMP, "First engagement with a member within the window.", unit="UTC"),
        Column("last_engaged_at", TIMESTAMP, "Last engagement with a member.", unit="UTC"),
        Column(
            "centroid",
            pl.Binary(),
            "Unit weighted centre as little-endian float16; null for a cluster that is not a journey.",
            unit="float16 x dimensions",
            nullable=True,
        ),
        Column(
            "inferred_by",
            TEXT,
            "What decided which keywords belong together: 'pipeline', or the model and the version of its prompt where "
            "a language model feeds the output; null in days of before there was a choice.",
            nullable=True,
        ),
    ),
    refers=(("area_id", "journey_id"),),
)

INFERENCE_LEDGER = Table(
    "inference_ledger",
    "One row per user whose clusters were computed in a partition, users without any cluster included.",
    ("partition_date", "user_id"),
    _pipeline_columns(
        USER_ID,
        Column(
            "window_end_date", pl.Date(), "The user's last active day at or before the partition date.", unit="UTC day"
        ),
        Column("n_keywords", pl.Int64(), "Keywords that were clustered.", unit="keywords", minimum=0),
        Column("n_clusters", pl.Int64(), "Clusters that came out.", unit="clusters", minimum=0),
        Column(
            "n_unanswered",
            pl.Int64(),
            "Close calls of the cut that a language model was asked about in vain. With any, the user is clustered "
            "again on the next day that is run.",
            unit="questions",
            minimum=0,
            default=0,
        ),
    ),
)

LLM_JOURNEYS = Table(
    "llm_journeys",
    "Journeys that a language model inferred from the user's keywords: rows of journey_clusters with what the model "
    "says of each. Users whom it did not infer have no rows. Empty without a language model.",
    ("partition_date", "user_id", "journey_id"),
    (
        *JOURNEY_CLUSTERS.columns[:-2],
        Column("inferred_by", TEXT, "Model, version of the prompt and sampling."),
        Column(
            "suggested_name",
            TEXT,
            "The name that the model gave; empty where it held personal data. Null for keywords that no journey of the "
            "answer has: they keep the cluster of the pipeline.",
            is_impersonal=True,
            nullable=True,
        ),
        Column(
            "verdict",
            TEXT,
            "Whether the name passes the checks of suggested_names: accepted, or the first check that it did not pass; "
            "null without a name, and for what is no journey.",
            allowed=NAME_VERDICTS,
            nullable=True,
        ),
        Column("kind", TEXT, "Kind, by the model; null where it gave none.", allowed=KINDS, nullable=True),
        Column(
            "stage",
            TEXT,
            "Stage on the user's last active day, by the model; null where it gave none.",
            allowed=STAGES,
            nullable=True,
        ),
        Column(
            "intent",
            TEXT,
            "Intent on the user's last active day, by the model; null where it gave none.",
            allowed=INTENTS,
            nullable=True,
        ),
        Column(
            "confidence",
            pl.Float64(),
            "How sure the model says it is that the journey is real; not calibrated. Null where it gave no number.",
            unit="probability",
            minimum=0.0,
            maximum=1.0,
            nullable=True,
        ),
        JOURNEY_CLUSTERS.columns[-1],
    ),
    refers=(("area_id", "journey_id"),),
)

LLM_INFERENCES = Table(
    "llm_inferences",
    "One row per user whose journeys a language model was asked for in a partition, and what came of it.",
    ("partition_date", "user_id"),
    _pipeline_columns(
        USER_ID,
        Column(
            "window_end_date", pl.Date(), "The user's last active day at or before the partition date.", unit="UTC day"
        ),
        Column(
            "is_inferred",
            pl.Boolean(),
            "Whether there was a valid answer. If not, the user keeps the clusters of the pipeline, and a later run "
            "asks again.",
        ),
        Column("n_keywords", pl.Int64(), "Keywords of the user in the window.", unit="keywords", minimum=0),
        Column("n_shown", pl.Int64(), "Those that the model was shown.", unit="keywords", minimum=0),
        Column(
            "history_tokens", pl.Int64(), "Estimated tokens of the keywords that were shown.", unit="tokens", minimum=0
        ),
        Column(
            "input_tokens",
            pl.Int64(),
            "Tokens that were sent for the answer, as the endpoint counted them when it was asked; null without one.",
            unit="tokens",
            minimum=0,
            nullable=True,
        ),
        Column(
            "output_tokens",
            pl.Int64(),
            "Tokens of the answer, counted alike; null without one.",
            unit="tokens",
            minimum=0,
            nullable=True,
        ),
        Column("n_clusters", pl.Int64(), "Rows of llm_journeys.", unit="clusters", minimum=0),
        Column("n_unknown", pl.Int64(), "Numbers in the answer that stand for no keyword.", unit="numbers", minimum=0),
        Column("n_repeated", pl.Int64(), "Keywords that were given again.", unit="keywords", minimum=0),
        Column(
            "n_not_allowed",
            pl.Int64(),
            "Kinds, stages, intents and confidences that are no allowed values.",
            unit="values",
            minimum=0,
        ),
        Column(
            "n_not_named",
            pl.Int64(),
            "Keywords that no journey of the answer has; they keep the clusters of the pipeline.",
            unit="keywords",
            minimum=0,
        ),
        Column(
            "bcubed_f1",
            pl.Float64(),
            "Agreement of the model's clusters with those of the pipeline for the same keywords, B-cubed F1; null "
            "without an answer.",
            minimum=0.0,
            maximum=1.0001,
            nullable=True,
        ),
        Column("inferred_by", TEXT, "Model, version of the prompt and sampling."),
    ),
)

SUGGESTED_NAMES = Table(
    "suggested_names",
    "Names that a language model gave for journeys on the day, and whether they were accepted. A name is kept as long "
    "as the same keyword names its journey without a model. Empty without a language model.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        Column("name_keyword", TEXT, "The keyword that named the journey without a model when the model was asked."),
        Column(
            "suggested_name",
            TEXT,
            "The name; empty where it held personal data.",
            is_impersonal=True,
        ),
        Column("embedding", pl.Binary(), "Unit vector of the name as little-endian float16."),
        Column("verdict", TEXT, "accepted, or the first check that it did not pass.", allowed=NAME_VERDICTS),
        Column("suggested_by", TEXT, "Model, version of the prompt and sampling."),
    ),
)

JOURNEY_NAMES = Table(
    "journey_names",
    "The name of every live journey.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        Column(
            "journey_name",
            TEXT,
            "Display form of the best member keyword or shared phrase, without personal data; unique within a user.",
            is_impersonal=True,
        ),
        Column(
            "name_keyword",
            TEXT,
            "What the name shows, normalised: a member keyword, or a phrase that several of them share.",
        ),
        Column(
            "naming_score",
            pl.Float64(),
            "Naming score of the keyword or phrase that the name shows.",
            minimum=0.0,
            maximum=1.0,
        ),
        Column("keywords", TEXTS, "Member keywords in naming order, best first."),
        Column(
            "named_by",
            TEXT,
            "'parameters', or the version of the released weights that names were chosen with; 'user' where the user "
            "gave the name; null in days of before there were any.",
            nullable=True,
        ),
    ),
)

NAME_EMBEDDINGS = Table(
    "name_embeddings",
    "One vector per distinct name of a journey and embedding model.",
    ("name", "embedding_model"),
    _pipeline_columns(
        Column("name", TEXT, "Normalised name."),
        Column("embedding", pl.Binary(), "Unit vector as little-endian float16.", unit="float16 x dimensions"),
        Column("embedding_model", TEXT, "Version of the embedding model."),
    ),
    text_of_users="name",
)

TEXT_SAFETY = Table(
    "text_safety",
    "What every name and keyword of a journey is about, for the safety policy; each distinct text is judged once for "
    "each version of the safety model.",
    ("text", "safety_model"),
    _pipeline_columns(
        Column("text", TEXT, "The name or keyword."),
        Column(
            "category", TEXT, "Sensitive category; null if there is none.", nullable=True, allowed=SAFETY_CATEGORIES
        ),
        Column("score", pl.Float64(), "Probability of being sensitive.", unit="probability", minimum=0, maximum=1),
        Column(
            "decided_by",
            TEXT,
            "What found the category: lexicon, model or moderation. 'uncertain': the model is not sure; none: nothing "
            "was found.",
            allowed=SAFETY_DECIDED_BY,
        ),
        Column("safety_model", TEXT, "Version of lexicon, weights and thresholds."),
    ),
    text_of_users="text",
)

JOURNEY_SAFETY = Table(
    "journey_safety",
    "What may be done with every live journey under the safety policy.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        Column(
            "safety_category",
            TEXT,
            "Sensitive category of its name or of a quarter of its keywords; null if there is none.",
            nullable=True,
            allowed=SAFETY_CATEGORIES,
        ),
        Column(
            "safety_score",
            pl.Float64(),
            "Probability that the text that decided is sensitive.",
            unit="probability",
            minimum=0,
            maximum=1,
        ),
        Column(
            "safety_decided_by",
            TEXT,
            "What found the category: lexicon, model or moderation; 'uncertain': the model is not sure; none.",
            allowed=SAFETY_DECIDED_BY,
        ),
        Column(
            "safety_decision",
            TEXT,
            "allow; no_notify: show it and send nothing about it; block: it leaves in no output.",
            allowed=SAFETY_DECISIONS,
        ),
        Column("n_sensitive_keywords", pl.Int64(), "Members of any category.", unit="keywords", minimum=0),
    ),
)

RANKED_JOURNEYS = Table(
    "ranked_journeys",
    "Score, calibrated confidence and diversified rank of every live journey.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
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
            unit="probability",
            minimum=0.0,
            maximum=1.0,
        ),
        Column("scored_by", TEXT, "'prior', or the version of the ranker that gave score and confidence."),
        Column(
            "feedback",
            TEXT,
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
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
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
        Column("judged_by", TEXT, "'fixed gap', or the version of the stage model that gave p_ended."),
    ),
)

_SHOWN_ITEMS = (
    Column("item_ids", TEXTS, "The items, best first; empty where nothing was found. None that the user has had."),
    Column(
        "item_scores",
        pl.List(pl.Float64()),
        "Probability that the user engages with the item within 28 days, as the weights give it; calibrated only if "
        "they were trained. Same order: near-duplicates are moved down, so it may rise from one item to the next.",
        unit="probability",
    ),
    Column(
        "item_found_by",
        TEXTS,
        "What found each item, same order, joined by '+': keyword (it carries one of the journey), similar (its vector "
        "is near the journey's), medoid (near the journey's medoid item), together (the same users engage with both).",
    ),
)
_RANKED_BY = (
    Column("ranked_by", TEXT, "'parameters', or the version of the items release that gave weights and statistics."),
    Column("catalogue_date", pl.Date(), "The day at whose end the catalogue counts.", unit="UTC day"),
)

JOURNEY_ITEMS = Table(
    "journey_items",
    "What to show for each ongoing journey that may be notified: items of the catalogue that the user has not had, "
    "best first.",
    ("partition_date", "user_id", "journey_id"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        *_SHOWN_ITEMS,
        Column(
            "medoid_item_id",
            TEXT,
            "Of the items that the user engaged with for the journey, the one that stands for them; null without any.",
            nullable=True,
        ),
        *_RANKED_BY,
    ),
)

INTEREST_ITEMS = Table(
    "interest_items",
    "What the interest arm of the notification experiment shows: the top interest of each of its users, as logged with "
    "items, and items for it. They are ranked by the same rules as the items of a journey.",
    ("partition_date", "user_id"),
    _pipeline_columns(
        USER_ID,
        Column("interest", TEXT, "The interest, normalised; an annotation where the user's items have no interests."),
        Column("interest_name", TEXT, "Its display form; never personal data.", is_impersonal=True),
        *_SHOWN_ITEMS,
        *_RANKED_BY,
    ),
)

NOTIFICATION_CANDIDATES = Table(
    "notification_candidates",
    "One row per user, live journey and channel: send on the day after or hold back, why, when and what.",
    ("partition_date", "user_id", "journey_id", "channel"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey."),
        Column("channel", TEXT, "How it would be sent.", allowed=CHANNELS),
        Column("decision", TEXT, "send or hold.", allowed=("send", "hold")),
        Column("reason", TEXT, "Why: 'eligible' for a send, else the first rule that held it back."),
        Column("arm", TEXT, "Experiment arm of the user.", allowed=ARMS),
        Column(
            "title_text",
            TEXT,
            "What the message says: at most 80 characters, never personal data.",
            is_impersonal=True,
        ),
        Column(
            "title_template",
            TEXT,
            "The template that made the title, such as exploring-1; null in days of before there were templates.",
            nullable=True,
        ),
        Column(
            "title_locale",
            TEXT,
            "The language of the template, which the user's locale chooses; null in such days.",
            nullable=True,
        ),
        Column(
            "item_ids",
            TEXTS,
            "Items to show with a send, best first: of the journey or, in the interest arm, of the top interest. Empty "
            "for a hold; null in such days.",
            nullable=True,
        ),
        Column("confidence", pl.Float64(), "Confidence of the journey.", minimum=0.0, maximum=1.0),
        Column("rank", pl.Int64(), "Rank of the journey.", minimum=1),
        Column("timezone", TEXT, "Time zone used for the window (UTC where the user's is unknown).", nullable=False),
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

RELATED_JOURNEYS = Table(
    "related_journeys",
    "Journeys that a user may start next: related to those that the user pursues, or popular lately, and none that the "
    "user has. No rows on days on which no expansion is live.",
    ("partition_date", "user_id", "rank"),
    _pipeline_columns(
        USER_ID,
        Column("rank", pl.Int64(), "1 = best, after diversification.", minimum=1),
        Column(
            "related_name", TEXT, "Normalised name of the related journey; never personal data.", is_impersonal=True
        ),
        Column(
            "relation",
            TEXT,
            "next_step: users start it after; complement: users pursue both; sibling: similar, but different; broader: "
            "more general; popular: many users have it, some started it lately, and no journey of the user is related.",
            allowed=(*RELATIONS, POPULAR),
        ),
        Column(
            "from_journey_id",
            TEXT,
            "The ongoing journey of the user that it is related to most strongly; null where it is popular.",
            nullable=True,
        ),
        Column(
            "score",
            pl.Float64(),
            "Probability that the user starts it, as the expansion's weights give it; calibrated only if they were "
            "trained.",
            minimum=0.0,
            maximum=1.0,
        ),
        Column(
            "made_by",
            TEXT,
            "What found it, joined by '+': cooccurrence, neighbours, popularity, or <model>@<prompt version>.",
        ),
        Column("release", TEXT, "Version of the expansion."),
    ),
)

JUDGED_JOURNEYS = Table(
    "judged_journeys",
    "Relevance of the best journeys of a daily sample of users, by a rubric and, where there is a language model, by "
    "its answers. Whether a user is drawn depends on the user alone. A judge whose agreement with people is not shown "
    "is uncalibrated.",
    ("partition_date", "user_id", "journey_id", "draw"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey; 'control' for a control."),
        Column("draw", pl.Int64(), "0: the rubric; from 1: each question to the language model.", minimum=0),
        Column("is_control", pl.Boolean(), "Keywords that are no journey, put among the journeys to test the judge."),
        Column("rank", pl.Int64(), "Rank of the journey; null for a control.", nullable=True, minimum=1),
        Column("position", pl.Int64(), "Place in the order in which the draw showed the journeys, from 1.", minimum=1),
        Column("keywords", TEXTS, "The keywords that were judged, best first."),
        Column("stratum", TEXT, "What the user was drawn from: number of journeys, kind of the first one, activity."),
        Column(
            "sampling_weight",
            pl.Float64(),
            "How many users the row's user stands for: one over the probability of being drawn.",
            unit="users",
            minimum=1.0,
        ),
        Column(
            "outcome",
            TEXT,
            "judged; abstained (the judge cannot tell); withheld (no keyword may be sent); unanswered (no valid answer "
            "came).",
            allowed=JUDGEMENT_OUTCOMES,
        ),
        Column(
            "level",
            pl.Int64(),
            "Relevance on the scale of annotators: 5 surely a journey, 1 not a journey; null unless judged.",
            nullable=True,
            minimum=1,
            maximum=5,
        ),
        Column("explanation", TEXT, "Why, by the judge; empty where it held personal data.", is_impersonal=True),
        Column("judged_by", TEXT, "'rubric', or model, version of the prompt and sampling."),
        Column(
            "agreement",
            TEXT,
            "Version of the judge's agreement with people that is live on the day and shows it calibrated; null: "
            "uncalibrated.",
            nullable=True,
        ),
    ),
)

JOURNEY_EVENTS = Table(
    "journey_events",
    "What became of journeys since the latest earlier day of user_journeys, with evidence. Kept for good.",
    ("partition_date", "user_id", "journey_id", "event"),
    _pipeline_columns(
        USER_ID,
        Column("journey_id", TEXT, "The journey; of the earlier day where it is gone (merged, expired)."),
        Column(
            "event",
            TEXT,
            "born; split (its keywords were in other journeys); merged (gone, others hold its keywords); reidentified "
            "(goes on under this new id); renamed; paused (ended); resumed; expired (gone).",
            allowed=JOURNEY_EVENT_KINDS,
        ),
        Column("related_journey_ids", TEXTS, "Journeys of the other day that share its keywords, most shared first."),
        Column("n_keywords", pl.Int64(), "Keywords of the journey.", unit="keywords", minimum=1),
        Column(
            "n_shared_keywords",
            pl.Int64(),
            "Those shared with the related journeys; renamed, paused, resumed: with itself before.",
            unit="keywords",
            minimum=0,
        ),
        Column("detail", TEXT, "The evidence, to be read."),
        Column("compared_date", pl.Date(), "The earlier day.", unit="UTC day"),
        Column(
            "is_same_algorithm",
            pl.Boolean(),
            "Both days' journeys are of one algorithm version; if not, the algorithm may be what changed.",
        ),
    ),
)

INFERENCE_COMPARISON = Table(
    "inference_comparison",
    "On each day with users whom a language model was asked about: how far its journeys of them agree with the "
    "pipeline and with the output, and what they cost. No row on other days.",
    ("partition_date",),
    _pipeline_columns(
        Column("n_users_asked_about", pl.Int64(), "Users whom the model was asked about.", unit="users", minimum=1),
        Column("n_users_inferred", pl.Int64(), "Those with a valid answer.", unit="users", minimum=0),
        *_with_interval(
            "bcubed_f1", "Agreement of the model's clusters with the pipeline's, mean B-cubed F1 over users", 0, 1
        ),
        Column("n_journeys_of_model", pl.Int64(), "Journeys by the model.", unit="journeys", minimum=0),
        Column(
            "n_journeys_of_output", pl.Int64(), "Journeys of these users in user_journeys.", unit="journeys", minimum=0
        ),
        Column("n_journeys_in_both", pl.Int64(), "Those with the same journey_id.", unit="journeys", minimum=0),
        _share_column(
            "same_name_share",
            "Share of these with the same name but for case: the model's accepted one, or else the medoid. Null where "
            "the model feeds the output.",
        ),
        _share_column("same_kind_share", "Share of these of the same kind, where the model gave one."),
        _share_column("same_stage_share", "Share of these of the same stage, where the model gave one."),
        _tokens("history_tokens_per_user", "Mean of history_tokens of llm_inferences."),
        _tokens("input_tokens_per_1000_users", "Tokens that were sent for 1,000 users with an answer."),
        _tokens("output_tokens_per_1000_users", "Tokens of 1,000 answers."),
        Column(
            "cost_per_1000_users",
            pl.Float64(),
            "Cost of both at the prices of the settings when the day was run.",
            unit="currency of the prices",
            minimum=0.0,
            nullable=True,
        ),
        *_with_interval(
            "relevance_of_pipeline",
            "Mean relevance of the pipeline's heaviest journeys, by the rubric",
            1,
            5,
        ),
        *_with_interval(
            "relevance_of_language_model",
            "Mean relevance of the model's heaviest journeys, by the rubric",
            1,
            5,
        ),
    ),
)

QUALITY_METRICS = Table(
    "quality_metrics",
    "What every quality monitor measured on every day, with its bound. Measurements that belong to no day (refused "
    "rows, days that wait) are those of the moment when the day was run.",
    ("partition_date", "monitor"),
    _pipeline_columns(
        Column("monitor", TEXT, "What was measured."),
        Column("asset", TEXT, "The table that it concerns."),
        Column("value", pl.Float64(), "The measurement; null where there was nothing to measure.", nullable=True),
        Column("lower", pl.Float64(), "Lowest value that passes; null where there is none.", nullable=True),
        Column("upper", pl.Float64(), "Highest value that passes; null where there is none.", nullable=True),
        Column("bound", TEXT, "The bound in words, or why there is none."),
        Column("passed", pl.Boolean(), "Whether the value is within the bound; true where there is no bound."),
        Column("advice", TEXT, "What to look at when it fires."),
    ),
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
        Column("run_id", TEXT, "The Dagster run that opened the day last."),
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
            "run_id", TEXT, "The Dagster run that closed the day; null where that was not noted yet.", nullable=True
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
        LLM_JOURNEYS,
        LLM_INFERENCES,
        SUGGESTED_NAMES,
        JOURNEY_NAMES,
        NAME_EMBEDDINGS,
        TEXT_SAFETY,
        JOURNEY_SAFETY,
        RANKED_JOURNEYS,
        STAGE_EVIDENCE,
        JOURNEY_ITEMS,
        INTEREST_ITEMS,
        NOTIFICATION_CANDIDATES,
        RELATED_JOURNEYS,
        JUDGED_JOURNEYS,
        JOURNEY_EVENTS,
        INFERENCE_COMPARISON,
        QUALITY_METRICS,
        CLOSED_DAYS,
    )
}
