"""All parameters of the pipeline in one place, and the values that shape a stage.

Each group of parameters lives beside the rules that it belongs to (``domain/<concept>/params.py``). Settings of a
deployment (paths, model locations) live in ``journeys_assets.settings``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from journeys_assets.domain import actions as registry
from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.annotation.params import AnnotationParams
from journeys_assets.domain.clustering.params import ClusteringParams, CutQuestionParams
from journeys_assets.domain.fields import is_training_only
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.inference.params import InferenceParams
from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.domain.naming.params import NameTrainingParams, NamingParams
from journeys_assets.domain.noise.params import NoiseParams
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.safety.params import SafetyParams


@dataclass(frozen=True, slots=True)
class AlgorithmParams:
    """All parameters of the pipeline."""

    keywords: KeywordParams = field(default_factory=KeywordParams)
    noise: NoiseParams = field(default_factory=NoiseParams)
    clustering: ClusteringParams = field(default_factory=ClusteringParams)
    cut_questions: CutQuestionParams = field(default_factory=CutQuestionParams)
    inference: InferenceParams = field(default_factory=InferenceParams)
    naming: NamingParams = field(default_factory=NamingParams)
    safety: SafetyParams = field(default_factory=SafetyParams)
    ranking: RankingParams = field(default_factory=RankingParams)
    lifecycle: LifecycleParams = field(default_factory=LifecycleParams)
    items: ItemParams = field(default_factory=ItemParams)
    notifications: NotificationParams = field(default_factory=NotificationParams)
    evolution: EvolutionParams = field(default_factory=EvolutionParams)
    related: RelatedParams = field(default_factory=RelatedParams)
    judging: JudgingParams = field(default_factory=JudgingParams)
    quality: QualityParams = field(default_factory=QualityParams)
    annotation: AnnotationParams = field(default_factory=AnnotationParams)
    name_training: NameTrainingParams = field(default_factory=NameTrainingParams)
    actions: tuple[Action, ...] = DEFAULT_ACTIONS
    """What users do with items; every stage counts it."""

    def sql_variables(self) -> dict[str, object]:
        """The dbt vars that are parameters, by name."""
        return {
            **registry.sql_variables(self.actions),
            **self.noise.sql_variables(),
            **dataclasses.asdict(self.keywords),
            **dataclasses.asdict(self.lifecycle),
        }


def shaping_values(params: AlgorithmParams, names: Iterable[str]) -> dict[str, object]:
    """The values of the named parameters by dotted name.

    Args:
        names: ``ranking`` stands for every parameter of the group that is not for training only;
            ``keywords.look_back_days`` for one parameter; ``actions`` for the registry.

    Raises:
        KeyError: a name is not known; names it.
    """
    values: dict[str, object] = {}
    for name in names:
        group, _, parameter = name.partition(".")
        if group not in {f.name for f in dataclasses.fields(AlgorithmParams)}:
            raise KeyError(f"no group of parameters {group!r}")
        chosen = getattr(params, group)
        if group == "actions":
            values[group] = [dataclasses.asdict(action) for action in chosen]
            continue
        known = {f.name: f for f in dataclasses.fields(chosen)}
        if parameter and parameter not in known:
            raise KeyError(f"no parameter {name!r}")
        wanted = [parameter] if parameter else [key for key, f in known.items() if not is_training_only(f)]
        values |= {f"{group}.{key}": getattr(chosen, key) for key in wanted}
    return values
