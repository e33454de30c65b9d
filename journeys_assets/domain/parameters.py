"""Every number that shapes a result, as frozen dataclasses, and the fingerprints made from them.

What belongs here: parameters with their unit and why they have their value. What does not: settings of a deployment
(paths, model locations), which live in ``journeys_assets.settings``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

from journeys_assets.domain import actions as registry
from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.annotation.params import AnnotationParams
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.domain.naming.params import NameTrainingParams, NamingParams
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.ranking.params import RankingParams

STAGE_ORDER = ("keywords", "clustering", "naming", "ranking", "lifecycle", "notifications", "evolution", "quality")
"""A stage's version covers its own parameters and those of the stages before; what shapes nothing else comes last."""


@dataclass(frozen=True, slots=True)
class AlgorithmParams:
    """All parameters of the pipeline."""

    keywords: KeywordParams = field(default_factory=KeywordParams)
    clustering: ClusteringParams = field(default_factory=ClusteringParams)
    naming: NamingParams = field(default_factory=NamingParams)
    ranking: RankingParams = field(default_factory=RankingParams)
    lifecycle: LifecycleParams = field(default_factory=LifecycleParams)
    notifications: NotificationParams = field(default_factory=NotificationParams)
    evolution: EvolutionParams = field(default_factory=EvolutionParams)
    quality: QualityParams = field(default_factory=QualityParams)
    annotation: AnnotationParams = field(default_factory=AnnotationParams)
    name_training: NameTrainingParams = field(default_factory=NameTrainingParams)
    actions: tuple[Action, ...] = DEFAULT_ACTIONS
    """What users do with items; every stage counts it."""

    def sql_variables(self) -> dict[str, object]:
        """The dbt vars that are parameters, by name."""
        return {
            **registry.sql_variables(self.actions),
            **dataclasses.asdict(self.keywords),
            **dataclasses.asdict(self.lifecycle),
        }

    def version_of(self, stage: str, **extra: str) -> str:
        """Fingerprint (12 hex digits) of ``stage``'s parameters, those of every stage before it, and ``extra``."""
        if stage not in STAGE_ORDER:
            raise ValueError(f"unknown stage {stage!r}; known: {', '.join(STAGE_ORDER)}")
        upto = STAGE_ORDER[: STAGE_ORDER.index(stage) + 1]
        state: dict[str, object] = {name: dataclasses.asdict(getattr(self, name)) for name in upto}
        state |= {"actions": [dataclasses.asdict(action) for action in self.actions], "extra": extra}
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:12]
