"""The evaluation as a whole: runs each part on the studies and models of a deployment, and writes the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import polars as pl

from journeys_assets import __version__
from journeys_assets.errors import require_extra
from journeys_assets.evaluation import studies
from journeys_assets.evaluation.data.study import Study, labelled_corpora, labelled_phrases
from journeys_assets.evaluation.parts.annotation import evaluate_annotation
from journeys_assets.evaluation.parts.clustering import evaluate_clustering
from journeys_assets.evaluation.parts.diversification import evaluate_diversification
from journeys_assets.evaluation.parts.items import evaluate_items
from journeys_assets.evaluation.parts.judging import evaluate_judging
from journeys_assets.evaluation.parts.lifecycle import evaluate_lifecycle
from journeys_assets.evaluation.parts.llm_journeys import evaluate_llm_journeys
from journeys_assets.evaluation.parts.naming import evaluate_naming
from journeys_assets.evaluation.parts.notifications import evaluate_notifications
from journeys_assets.evaluation.parts.ranking import evaluate_ranking
from journeys_assets.evaluation.parts.related import evaluate_related
from journeys_assets.evaluation.report.page import write_report
from journeys_assets.evaluation.report.section import Section, load_section, save_section
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.item_training import ModelVersions
from journeys_assets.pipeline.pipeline import DAY, Pipeline
from journeys_assets.pipeline.versions import Versions
from journeys_assets.settings import Settings
from journeys_assets.storage.sql_models import SqlModel


class Materials:
    """The data of the evaluation. Each item is made on first use, and then kept."""

    def __init__(
        self,
        settings: Settings,
        embedder: Callable[[], Embedder],
        sql_models: Mapping[str, SqlModel],
        pipeline: Pipeline,
        asker: Callable[[str], Asker | None],
        models: Callable[[], ModelVersions],
    ) -> None:
        self.settings = settings
        self.embedder = embedder
        self.sql_models = sql_models
        self.asker = asker
        self.models = models
        self.pipeline = pipeline

    @cached_property
    def synthetic(self) -> Study:
        return studies.synthetic_study(self.settings)

    @cached_property
    def logs(self) -> list[Study]:
        """The synthetic world first, then the real logs that exist."""
        found = [
            self.synthetic,
            studies.retail_study(self.settings),
            studies.own_study(self.pipeline),
        ]
        return [study for study in found if study is not None]

    @cached_property
    def seasons(self) -> Study:
        return studies.seasons_study(self.settings)

    @cached_property
    def phrases(self) -> pl.DataFrame | None:
        return labelled_phrases(self.settings.public_data)

    @cached_property
    def corpora(self) -> pl.DataFrame | None:
        return labelled_corpora(self.settings.public_data)


def _clustering(materials: Materials) -> Section:
    settings = materials.settings
    return evaluate_clustering(
        materials.synthetic,
        materials.phrases,
        materials.corpora,
        materials.embedder(),
        settings.evaluation_path / "vectors",
        settings.algorithm.clustering,
        progress=materials.pipeline.progress,
    )


SECTIONS: Mapping[str, Callable[[Materials], Section]] = {
    "clustering": _clustering,
    "naming": lambda materials: evaluate_naming(
        materials.logs, materials.phrases, materials.corpora, materials.embedder(), materials.asker("evaluation")
    ),
    "ranking": lambda materials: evaluate_ranking(materials.logs, materials.sql_models),
    "lifecycle": lambda materials: evaluate_lifecycle(materials.logs, materials.seasons),
    "diversification": lambda materials: evaluate_diversification(materials.logs),
    "notifications": lambda materials: evaluate_notifications(materials.logs, materials.settings.public_data),
    "annotation": lambda materials: evaluate_annotation(materials.logs),
    "judging": lambda materials: evaluate_judging(
        materials.logs, lambda: materials.embedder().model_version, materials.asker("evaluation")
    ),
    "related": lambda materials: evaluate_related(materials.logs, materials.embedder()),
    "items": lambda materials: evaluate_items(materials.logs, materials.models()),
    "llm_journeys": lambda materials: evaluate_llm_journeys(
        materials.synthetic, materials.asker("evaluation"), materials.settings.algorithm.inference
    ),
}
"""The parts of ``SECTION_NAMES``, in the order of the report."""


def sections_path(settings: Settings) -> Path:
    return settings.evaluation_path / "sections"


def evaluate_section(name: str, materials: Materials) -> Section:
    """Measure one part and save its section.

    Raises:
        MissingExtra: a package that the evaluation needs is not installed.
    """
    require_extra("evaluate", "the evaluation")
    section = SECTIONS[name](materials)
    save_section(section, sections_path(materials.settings) / f"{name}.json")
    return section


def _public_data(folder: Path | None) -> str:
    if folder is None:
        return "none given: synthetic world and own log only"
    return "found" if folder.is_dir() else "not found: synthetic world and own log only"


def make_report(settings: Settings, versions: Versions) -> Path:
    """Write the report from the latest section of every part that was measured; returns the page.

    Raises:
        ValueError: no part was measured yet.
    """
    files = [sections_path(settings) / f"{name}.json" for name in SECTIONS]
    sections = [load_section(file) for file in files if file.exists()]
    data, world, seasons = (
        settings.public_data,
        studies.synthetic_world(settings),
        studies.SEASONS,
    )
    facts = {
        "algorithm version": versions.of(DAY),
        "embedder": settings.embedder,
        "package": __version__,
        "public data": _public_data(data),
        "synthetic world": f"{world.n_users} users, {world.n_days} days from {world.first_day}, seed {world.seed}",
        "world of seasons": f"{seasons.n_users} users, {seasons.n_days} days, seed {seasons.seed}",
        "intervals": "95 %, users resampled 1,000 times",
    }
    return write_report(sections, facts, settings.evaluation_path / "report")
