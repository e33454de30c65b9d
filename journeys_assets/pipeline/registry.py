"""The one list of stages, in the order in which they run. Everything else about a stage is derived from its entry.

To add a stage: its module in this package, its table in ``domain/tables``, and one entry here. A stage that is a SQL
model needs the ``.sql`` file, its table, and an entry by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from journeys_assets.deployment import Deployment
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.safety.policy import decide
from journeys_assets.domain.tables.pipeline import (
    CLOSED_DAYS,
    INFERENCE_COMPARISON,
    INFERENCE_LEDGER,
    INTEREST_ITEMS,
    JOURNEY_CLUSTERS,
    JOURNEY_EVENTS,
    JOURNEY_ITEMS,
    JOURNEY_NAMES,
    JOURNEY_SAFETY,
    JUDGED_JOURNEYS,
    KEYWORD_DAYS,
    KEYWORD_EMBEDDINGS,
    LLM_INFERENCES,
    LLM_JOURNEYS,
    NAME_EMBEDDINGS,
    NOTIFICATION_CANDIDATES,
    OPENED_DAYS,
    QUALITY_METRICS,
    RANKED_JOURNEYS,
    RELATED_JOURNEYS,
    STAGE_EVIDENCE,
    SUGGESTED_NAMES,
    TEXT_SAFETY,
)
from journeys_assets.models.calibration.release import released_calibration
from journeys_assets.models.clustering.nodes import PROMPT as NODES_PROMPT
from journeys_assets.models.inference.journeys import PROMPT as JOURNEYS_PROMPT
from journeys_assets.models.items.release import released_items
from journeys_assets.models.judging.question import PROMPT as RELEVANCE_PROMPT
from journeys_assets.models.judging.release import released_verdicts
from journeys_assets.models.lifecycle.release import released_stage_model
from journeys_assets.models.naming.release import released_namer
from journeys_assets.models.naming.suggested import PROMPT as NAMES_PROMPT
from journeys_assets.models.ranker.release import released
from journeys_assets.models.related.release import released_expansion
from journeys_assets.models.themes.release import released_map
from journeys_assets.pipeline import monitors
from journeys_assets.pipeline.clustering import Clustering
from journeys_assets.pipeline.days import ClosedDays, CompletedDays, OpenedDays
from journeys_assets.pipeline.history import History
from journeys_assets.pipeline.inference_comparison import InferenceComparison
from journeys_assets.pipeline.items import JourneyItems
from journeys_assets.pipeline.judging import JudgedJourneys, Judges
from journeys_assets.pipeline.keyword_vectors import KeywordVectors
from journeys_assets.pipeline.lifecycle import Lifecycle
from journeys_assets.pipeline.llm_journeys import LlmJourneys
from journeys_assets.pipeline.monitors import QualityMonitor
from journeys_assets.pipeline.name_vectors import NameEmbeddings
from journeys_assets.pipeline.naming import Naming
from journeys_assets.pipeline.notifications import Notifications
from journeys_assets.pipeline.publishing import Publishing
from journeys_assets.pipeline.quality import Quality
from journeys_assets.pipeline.ranking import Ranking
from journeys_assets.pipeline.related import RelatedJourneys
from journeys_assets.pipeline.safety import JourneySafety, TextSafety, unsafe_names, vectors_for
from journeys_assets.pipeline.stage import PUBLISHED, Group, Released, Stage, StageContext, StageEntry
from journeys_assets.pipeline.suggested_names import SuggestedNames, Unsafe

CALIBRATION = Released(
    "calibration_release",
    "calibration",
    "calibration",
    released_calibration,
    "none released; the threshold of the parameters",
)
RANKER = Released("ranker_release", "ranker", "ranker", released, "none released; the prior scores")
STAGE_MODEL = Released(
    "stage_release",
    "stage model",
    "stage",
    released_stage_model,
    "none released; the fixed gap",
)
NAMING_WEIGHTS = Released(
    "naming_release",
    "naming weights",
    "naming",
    released_namer,
    "none released; those of the parameters",
)
ITEMS = Released(
    "items_release",
    "statistics and weights of items",
    "items",
    released_items,
    "none released; items are ranked by content alone",
)
THEME_MAP = Released(
    "theme_map_release",
    "map of themes",
    "map",
    released_map,
    "none released; each published file gets a map of its own",
)
"""Used by the explorer, and by no stage."""
EXPANSION = Released(
    "related_release",
    "related journeys",
    "related",
    released_expansion,
    "none released; no related journeys",
)

JUDGE = Released(
    "judge_release",
    "judges of journeys",
    "judge",
    released_verdicts,
    "none released; judges are uncalibrated",
)

DAY_VERSION = ("user_journeys", JOURNEY_ITEMS.name, "notification_candidates", RELATED_JOURNEYS.name)
"""Stages whose versions make up the version of a whole day: those whose rows are used outside."""


@dataclass(frozen=True, slots=True)
class SqlStage:
    """A stage that is a SQL model of ``dbt_like_sql``: table, upstream and parameters follow from the model.

    The attributes are those of :class:`StageEntry`.
    """

    name: str
    group: Group
    keeps: Literal["recent", "all"] = "all"
    is_published: bool = False
    needs_one_version: bool = False
    monitors: Callable[[StageContext], Sequence[QualityMonitor]] | None = None


def _keyword_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_keyword_table(context.deployment.algorithm.quality)


def _embedding_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_keyword_embeddings(lambda: context.deployment.embedder().model_version)


def _suggestion_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_suggested_names(context.deployment.algorithm.quality)


def _safety_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_journey_safety(context.deployment.algorithm.quality)


def _cluster_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_clusters(context.deployment.algorithm.quality)


def _inference_monitors(context: StageContext) -> list[QualityMonitor]:
    return monitors.of_inference_comparison(context.deployment.algorithm.quality)


def _journey_monitors(context: StageContext) -> list[QualityMonitor]:
    settings = context.deployment.settings
    return monitors.of_journeys(settings.algorithm.quality, keep_days=settings.output_retention_days)


def _judging_monitors(context: StageContext) -> list[QualityMonitor]:
    deployment = context.deployment
    return monitors.of_judged_journeys(deployment.algorithm.quality, deployment.releases(JUDGE.folder))


def _notification_monitors(context: StageContext) -> list[QualityMonitor]:
    params = context.deployment.algorithm
    return monitors.of_notifications(params.quality, weekly_cap=params.notifications.weekly_cap_per_user)


def _day_monitors(context: StageContext) -> list[QualityMonitor]:
    params = context.deployment.algorithm
    return monitors.of_closed_days(
        params.quality,
        versions=lambda: context.versions.periods(CLOSED_DAYS.name),
        horizon_days=params.keywords.horizon_days,
        first_partition_date=context.deployment.settings.first_partition_date,
    )


def _opened_days(context: StageContext) -> Stage:
    settings = context.deployment.settings
    horizon_days = settings.algorithm.keywords.horizon_days
    return OpenedDays(context.deployment.warehouse, horizon_days, settings.first_partition_date)


def _keyword_vectors(context: StageContext) -> Stage:
    deployment = context.deployment
    return KeywordVectors(deployment.warehouse, deployment.compute, deployment.embedder, deployment.progress)


def _llm_journeys(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    return LlmJourneys(
        deployment.warehouse,
        params.keywords,
        params.actions,
        params.clustering,
        params.inference,
        deployment.releases(CALIBRATION.folder),
        deployment.asker,
        deployment.embedder,
        _unsafe(context),
        lambda day: context.versions.of(LLM_JOURNEYS.name, day),
        deployment.settings.first_partition_date,
        share=1.0 if params.inference.model_feeds else deployment.settings.llm.compared_share,
        compute=deployment.compute,
    )


def _clustering(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    model_feeds = params.inference.model_feeds
    return Clustering(
        deployment.warehouse,
        params.keywords,
        params.actions,
        params.clustering,
        deployment.releases(CALIBRATION.folder),
        deployment.embedder,
        lambda day: context.versions.of(JOURNEY_CLUSTERS.name, day),
        deployment.settings.first_partition_date,
        (lambda day: context.versions.of(LLM_JOURNEYS.name, day)) if model_feeds else None,
        params.cut_questions,
        deployment.asker,
        compute=deployment.compute,
    )


def _unsafe(context: StageContext) -> Unsafe:
    return unsafe_names_of(context.deployment)


def unsafe_names_of(deployment: Deployment) -> Unsafe:
    """Which suggested names the policy of a deployment forbids."""

    def unsafe(suggested: pl.DataFrame) -> pl.DataFrame:
        judge = deployment.safety_judge()
        known = vectors_for(judge, deployment.embedder(), deployment.warehouse)
        return unsafe_names(suggested, lambda texts: judge.verdicts(texts, known))

    return unsafe


def _text_safety(context: StageContext) -> Stage:
    deployment = context.deployment
    return TextSafety(deployment.warehouse, deployment.safety_judge, deployment.embedder)


def _journey_safety(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    model = deployment.safety_judge
    return JourneySafety(deployment.warehouse, params.safety, lambda: model().version)


def _name_prompts(params: AlgorithmParams) -> tuple[str, ...]:
    """The prompts whose answers hold names of the journeys in the output."""
    return (NAMES_PROMPT, JOURNEYS_PROMPT) if params.inference.model_feeds else (NAMES_PROMPT,)


def _suggested_names(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    return SuggestedNames(
        deployment.warehouse,
        params.keywords,
        params.naming,
        deployment.releases(NAMING_WEIGHTS.folder),
        deployment.asker,
        deployment.embedder,
        _unsafe(context),
        _name_prompts(params),
    )


def _naming(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    return Naming(
        deployment.warehouse,
        params.keywords,
        params.naming,
        deployment.releases(NAMING_WEIGHTS.folder),
        [made_by for name in _name_prompts(params) if (made_by := deployment.answered_by(name)) is not None],
        _unsafe(context),
        lambda day: context.versions.of(JOURNEY_NAMES.name, day),
    )


def _ranking(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    folder = deployment.releases(RANKER.folder)
    return Ranking(deployment.warehouse, params.keywords.horizon_days, params.ranking, folder)


def _lifecycle(context: StageContext) -> Stage:
    deployment = context.deployment
    return Lifecycle(deployment.warehouse, deployment.algorithm, deployment.releases(STAGE_MODEL.folder))


def _journey_items(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    return JourneyItems(
        deployment.warehouse,
        deployment.sql_models,
        params.keywords,
        params.actions,
        params.items,
        params.notifications,
        params.safety,
        deployment.releases(ITEMS.folder),
        lambda: deployment.embedder().model_version,
        lambda: deployment.safety_judge().version,
        lambda day: context.versions.of(JOURNEY_ITEMS.name, day),
    )


def _notifications(context: StageContext) -> Stage:
    deployment, params = context.deployment, context.deployment.algorithm
    return Notifications(deployment.warehouse, params.keywords, params.notifications)


def _related(context: StageContext) -> Stage:
    deployment = context.deployment
    folder = deployment.releases(EXPANSION.folder)
    return RelatedJourneys(deployment.warehouse, deployment.algorithm.related, folder, deployment.related_store)


def judges_of(deployment: Deployment) -> Judges:
    """The judges of a deployment."""

    def may_send(texts: Sequence[str]) -> list[bool]:
        if not texts:
            return []
        judge = deployment.safety_judge()
        known = vectors_for(judge, deployment.embedder(), deployment.warehouse)
        found = judge.verdicts(texts, known).select("category", "score").iter_rows()
        return [decide(category, score, deployment.algorithm.safety) != "block" for category, score in found]

    return Judges(
        deployment.warehouse,
        deployment.algorithm.judging,
        deployment.algorithm.keywords.horizon_days,
        lambda: deployment.embedder().model_version,
        may_send,
    )


def _judged_journeys(context: StageContext) -> Stage:
    deployment = context.deployment
    return JudgedJourneys(judges_of(deployment), deployment.releases(JUDGE.folder), deployment.asker)


def _history(context: StageContext) -> Stage:
    deployment = context.deployment
    return History(
        deployment.warehouse,
        deployment.algorithm.evolution,
        deployment.settings.output_retention_days,
        lambda day: context.versions.of("user_journeys", day),
    )


def _inference_comparison(context: StageContext) -> Stage:
    deployment, llm = context.deployment, context.deployment.settings.llm
    return InferenceComparison(deployment.warehouse, judges_of(deployment), llm.input_price, llm.output_price)


def _quality(context: StageContext) -> Stage:
    # What can be measured only once the day is closed is left to closed_days.
    before = [entry for entry in context.entries if entry.name != CLOSED_DAYS.name]
    found = [m for entry in before if entry.monitors for m in entry.monitors(context)]
    return Quality(context.deployment.warehouse, found)


def _publishing(context: StageContext) -> Stage:
    published = [entry for entry in context.entries if entry.is_published]
    settings = context.deployment.settings
    return Publishing(
        context.deployment.warehouse,
        tables=[name for entry in published if not entry.is_view for name in entry.assets],
        views={
            entry.name: context.deployment.sql_models[entry.name].render({}) for entry in published if entry.is_view
        },
        retained=[name for entry in context.entries if entry.keeps == "recent" for name in entry.assets],
        keep_days=settings.output_retention_days,
        trailing_days=settings.algorithm.quality.trailing_days,
        training_days=settings.algorithm.lifecycle.training_days,
        target=settings.published_path,
    )


def _closed_days(context: StageContext) -> Stage:
    keep_days = context.deployment.settings.output_retention_days
    return ClosedDays(context.deployment.warehouse, keep_days)


_INFERRED = (JOURNEY_CLUSTERS.name, INFERENCE_LEDGER.name)
_THRESHOLDS = tuple(f"safety.{name}" for name in ("revision", "threshold", "lexicon_threshold", "uncertain_margin"))
_WINDOW = ("keywords.revision", "keywords.look_back_days", "keywords.horizon_days")
_OF_CLUSTERS = (
    "clustering",
    *_WINDOW,
    "keywords.max_keywords_per_user",
    "keywords.search_weight",
    "keywords.board_weight",
    "actions",
)
_OF_NAMES = ("naming", *_WINDOW, "keywords.generic_min_items", "inference.journeys_from")

STAGES: tuple[StageEntry | SqlStage, ...] = (
    StageEntry(
        OPENED_DAYS.name,
        "keywords",
        _opened_days,
        tables=(OPENED_DAYS,),
        parameters=("keywords.horizon_days",),
        kinds=frozenset({"duckdb"}),
    ),
    SqlStage("int_keyword_events", "keywords"),
    SqlStage("keyword_table", "keywords", monitors=_keyword_monitors),
    SqlStage("keyword_commonness", "keywords", keeps="recent"),
    StageEntry(
        KEYWORD_EMBEDDINGS.name,
        "keywords",
        _keyword_vectors,
        tables=(KEYWORD_EMBEDDINGS,),
        upstream=("keyword_table", "landing/pins"),
        version_upstream=(),
        uses_embedder=True,
        kinds=frozenset({"onnx"}),
        appends=True,
        monitors=_embedding_monitors,
    ),
    StageEntry(
        KEYWORD_DAYS.name,
        "keywords",
        lambda context: CompletedDays(context.deployment.warehouse, KEYWORD_DAYS),
        tables=(KEYWORD_DAYS,),
        upstream=(OPENED_DAYS.name, "keyword_table", KEYWORD_EMBEDDINGS.name),
        # Of opened_days it takes the ingest call alone, which no parameter shapes.
        version_upstream=("keyword_table", KEYWORD_EMBEDDINGS.name),
        kinds=frozenset({"duckdb"}),
    ),
    StageEntry(
        LLM_JOURNEYS.name,
        "journeys",
        _llm_journeys,
        tables=(LLM_JOURNEYS, LLM_INFERENCES),
        upstream=("keyword_table", KEYWORD_EMBEDDINGS.name),
        parameters=(*_OF_CLUSTERS, "inference"),
        release=CALIBRATION,
        prompts=(JOURNEYS_PROMPT,),
    ),
    StageEntry(
        JOURNEY_CLUSTERS.name,
        "journeys",
        _clustering,
        tables=(JOURNEY_CLUSTERS, INFERENCE_LEDGER),
        upstream=(
            *("keyword_table", KEYWORD_EMBEDDINGS.name, LLM_JOURNEYS.name, LLM_INFERENCES.name),
            "stg_journey_feedback",
        ),
        # Where the pipeline feeds the output, no row of the model shapes any of it.
        version_upstream=lambda params: (
            "keyword_table",
            KEYWORD_EMBEDDINGS.name,
            "stg_journey_feedback",
            *((LLM_JOURNEYS.name,) if params.inference.model_feeds else ()),
        ),
        parameters=(*_OF_CLUSTERS, "inference.journeys_from"),
        release=CALIBRATION,
        prompts=lambda params: (NODES_PROMPT,) if params.cut_questions.asks else (),
        further_parameters=lambda params: ("cut_questions",) if params.cut_questions.asks else (),
        kinds=frozenset({"numpy"}),
        monitors=_cluster_monitors,
    ),
    StageEntry(
        SUGGESTED_NAMES.name,
        "journeys",
        _suggested_names,
        tables=(SUGGESTED_NAMES,),
        upstream=(*_INFERRED, "keyword_table", "keyword_commonness"),
        parameters=_OF_NAMES,
        release=NAMING_WEIGHTS,
        prompts=(NAMES_PROMPT,),
        monitors=_suggestion_monitors,
    ),
    StageEntry(
        JOURNEY_NAMES.name,
        "journeys",
        _naming,
        tables=(JOURNEY_NAMES,),
        upstream=(*_INFERRED, "keyword_table", "keyword_commonness", SUGGESTED_NAMES.name, "stg_journey_feedback"),
        # A name that a user gives is judged as names of a language model are.
        parameters=(*_OF_NAMES, *_THRESHOLDS),
        release=NAMING_WEIGHTS,
        uses_safety_model=True,
        keeps="recent",
    ),
    StageEntry(
        NAME_EMBEDDINGS.name,
        "journeys",
        lambda context: NameEmbeddings(context.deployment.warehouse, context.deployment.embedder),
        tables=(NAME_EMBEDDINGS,),
        upstream=(JOURNEY_NAMES.name, KEYWORD_EMBEDDINGS.name),
        version_upstream=(),
        uses_embedder=True,
        kinds=frozenset({"onnx"}),
        appends=True,
    ),
    StageEntry(
        TEXT_SAFETY.name,
        "journeys",
        _text_safety,
        tables=(TEXT_SAFETY,),
        # Vectors save work and shape no row.
        upstream=(JOURNEY_NAMES.name, KEYWORD_EMBEDDINGS.name, NAME_EMBEDDINGS.name, "landing/pins"),
        version_upstream=(),
        parameters=_THRESHOLDS,
        uses_safety_model=True,
        appends=True,
    ),
    StageEntry(
        JOURNEY_SAFETY.name,
        "journeys",
        _journey_safety,
        tables=(JOURNEY_SAFETY,),
        upstream=(JOURNEY_NAMES.name, TEXT_SAFETY.name, "stg_users", "landing/users"),
        parameters=("safety",),
        keeps="recent",
        monitors=_safety_monitors,
    ),
    SqlStage("journey_features", "ranking", keeps="recent"),
    StageEntry(
        RANKED_JOURNEYS.name,
        "ranking",
        _ranking,
        tables=(RANKED_JOURNEYS,),
        upstream=("journey_features", *_INFERRED, "stg_journey_feedback"),
        parameters=("ranking", "keywords.revision", "keywords.horizon_days"),
        release=RANKER,
        kinds=frozenset({"lightgbm"}),
        keeps="recent",
    ),
    StageEntry(
        STAGE_EVIDENCE.name,
        "output",
        _lifecycle,
        tables=(STAGE_EVIDENCE,),
        upstream=("journey_features", *_INFERRED, "keyword_table"),
        parameters=("lifecycle", *_WINDOW),
        release=STAGE_MODEL,
        kinds=frozenset({"lightgbm"}),
        keeps="recent",
    ),
    SqlStage("stage_labels", "output", keeps="recent"),
    SqlStage(
        "user_journeys",
        "output",
        keeps="recent",
        is_published=True,
        needs_one_version=True,
        monitors=_journey_monitors,
    ),
    SqlStage("current_journeys", "output", is_published=True),
    StageEntry(
        JOURNEY_ITEMS.name,
        "output",
        _journey_items,
        tables=(JOURNEY_ITEMS, INTEREST_ITEMS),
        upstream=(
            "user_journeys",
            *_INFERRED,
            "keyword_table",
            KEYWORD_EMBEDDINGS.name,
            TEXT_SAFETY.name,
            "landing/pins",
            "landing/pin_engagements",
            "landing/board_pins",
        ),
        parameters=(
            "items",
            *_WINDOW,
            "keywords.board_weight",
            "actions",
            "safety",
            *(f"notifications.{name}" for name in ("experiment_salt", "journey_arm_share", "interest_arm_share")),
        ),
        release=ITEMS,
        kinds=frozenset({"numpy"}),
        keeps="recent",
        is_published=True,
    ),
    StageEntry(
        NOTIFICATION_CANDIDATES.name,
        "output",
        _notifications,
        tables=(NOTIFICATION_CANDIDATES,),
        upstream=(
            "user_journeys",
            RANKED_JOURNEYS.name,
            JOURNEY_ITEMS.name,
            INTEREST_ITEMS.name,
            *_INFERRED,
            "stg_users",
            "stg_notification_events",
            "landing/users",
            "landing/notification_events",
            "stg_search_events",
            "stg_pin_engagements",
        ),
        parameters=("notifications", *_WINDOW),
        keeps="recent",
        is_published=True,
        monitors=_notification_monitors,
    ),
    StageEntry(
        RELATED_JOURNEYS.name,
        "output",
        _related,
        tables=(RELATED_JOURNEYS,),
        upstream=("user_journeys", JOURNEY_NAMES.name, KEYWORD_EMBEDDINGS.name),
        parameters=("related",),
        release=EXPANSION,
        kinds=frozenset({"lmdb"}),
        keeps="recent",
        is_published=True,
    ),
    StageEntry(
        JUDGED_JOURNEYS.name,
        "output",
        _judged_journeys,
        tables=(JUDGED_JOURNEYS,),
        upstream=(
            "user_journeys",
            "journey_features",
            *_INFERRED,
            "keyword_table",
            "keyword_commonness",
            KEYWORD_EMBEDDINGS.name,
        ),
        parameters=("judging", *_WINDOW),
        release=JUDGE,
        prompts=(RELEVANCE_PROMPT,),
        monitors=_judging_monitors,
    ),
    StageEntry(
        JOURNEY_EVENTS.name,
        "output",
        _history,
        tables=(JOURNEY_EVENTS,),
        upstream=("user_journeys",),
        parameters=("evolution",),
        is_published=True,
    ),
    StageEntry(
        INFERENCE_COMPARISON.name,
        "output",
        _inference_comparison,
        tables=(INFERENCE_COMPARISON,),
        upstream=(
            *("user_journeys", "journey_features", "keyword_table", LLM_JOURNEYS.name, LLM_INFERENCES.name, *_INFERRED),
            KEYWORD_EMBEDDINGS.name,
        ),
        parameters=("judging", "keywords.horizon_days"),
        monitors=_inference_monitors,
    ),
    StageEntry(
        QUALITY_METRICS.name,
        "output",
        _quality,
        tables=(QUALITY_METRICS,),
        upstream=("user_journeys", JOURNEY_CLUSTERS.name, NOTIFICATION_CANDIDATES.name, KEYWORD_EMBEDDINGS.name),
        parameters=("quality", "notifications.weekly_cap_per_user"),
        is_published=True,
    ),
    StageEntry(
        "published_journeys",
        "output",
        _publishing,
        upstream=(PUBLISHED,),
        version_upstream=(),
        description="The output tables, copied to `journeys.duckdb` in one atomic step for outside readers. Days that "
        "another run is computing stay as they were.",
        kinds=frozenset({"duckdb"}),
    ),
    StageEntry(
        CLOSED_DAYS.name,
        "output",
        _closed_days,
        tables=(CLOSED_DAYS,),
        upstream=(OPENED_DAYS.name, KEYWORD_DAYS.name, PUBLISHED, "published_journeys"),
        version_upstream=DAY_VERSION,
        kinds=frozenset({"duckdb"}),
        monitors=_day_monitors,
    ),
)
"""Staging views need no entry: each SQL model of the staging layer is a view of the group ``staging``."""
