"""The evaluation as a whole: which part is measured on what, and the report of all of them.

What belongs here: joining the parts of ``evaluation`` with the studies and models of a deployment. What does not: the
protocols themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import polars as pl

from journeys_assets import __version__
from journeys_assets.deployment import Deployment
from journeys_assets.errors import require_extra
from journeys_assets.evaluation import studies
from journeys_assets.evaluation.data.study import Study, labelled_phrases
from journeys_assets.evaluation.parts.annotation import evaluate_annotation
from journeys_assets.evaluation.parts.clustering import evaluate_clustering
from journeys_assets.evaluation.parts.diversification import evaluate_diversification
from journeys_assets.evaluation.parts.lifecycle import evaluate_lifecycle
from journeys_assets.evaluation.parts.naming import evaluate_naming
from journeys_assets.evaluation.parts.notifications import evaluate_notifications
from journeys_assets.evaluation.parts.ranking import evaluate_ranking
from journeys_assets.evaluation.report.page import write_report
from journeys_assets.evaluation.report.section import Section, load_section, save_section


class Materials:
    """What the parts are measured on, each made when it is first asked for and then kept."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    @cached_property
    def synthetic(self) -> Study:
        return studies.synthetic_study(self.deployment.settings)

    @cached_property
    def logs(self) -> list[Study]:
        """The synthetic world first, then the real logs that are there."""
        found = [
            self.synthetic,
            studies.retail_study(self.deployment.settings),
            studies.own_study(self.deployment),
        ]
        return [study for study in found if study is not None]

    @cached_property
    def seasons(self) -> Study:
        return studies.seasons_study(self.deployment.settings)

    @cached_property
    def phrases(self) -> pl.DataFrame | None:
        return labelled_phrases(self.deployment.settings.public_data)


def _clustering(materials: Materials) -> Section:
    deployment = materials.deployment
    return evaluate_clustering(
        materials.synthetic,
        materials.phrases,
        deployment.embedder(),
        deployment.settings.evaluation_path / "vectors",
        deployment.algorithm.clustering,
    )


SECTIONS: Mapping[str, Callable[[Materials], Section]] = {
    "clustering": _clustering,
    "naming": lambda materials: evaluate_naming(materials.logs, materials.phrases, materials.deployment.embedder()),
    "ranking": lambda materials: evaluate_ranking(materials.logs, materials.deployment.sql_models),
    "lifecycle": lambda materials: evaluate_lifecycle(materials.logs, materials.seasons),
    "diversification": lambda materials: evaluate_diversification(materials.logs),
    "notifications": lambda materials: evaluate_notifications(
        materials.logs, materials.deployment.settings.public_data
    ),
    "annotation": lambda materials: evaluate_annotation(materials.logs),
}
"""The parts of ``SECTION_NAMES``, in the order of the report."""


def sections_path(deployment: Deployment) -> Path:
    return deployment.settings.evaluation_path / "sections"


def evaluate_section(name: str, materials: Materials) -> Section:
    """Measure one part and keep what was found.

    Raises:
        MissingExtra: what the evaluation needs is not installed.
    """
    require_extra("evaluate", "the evaluation")
    section = SECTIONS[name](materials)
    save_section(section, sections_path(materials.deployment) / f"{name}.json")
    return section


def _public_data(folder: Path | None) -> str:
    if folder is None:
        return "none given: synthetic world and own log only"
    return "found" if folder.is_dir() else "not found: synthetic world and own log only"


def make_report(deployment: Deployment) -> Path:
    """The report of every part that was measured, each with what it last found; returns the page.

    Raises:
        ValueError: no part was measured yet.
    """
    files = [sections_path(deployment) / f"{name}.json" for name in SECTIONS]
    sections = [load_section(file) for file in files if file.exists()]
    data, world, seasons = (
        deployment.settings.public_data,
        studies.synthetic_world(deployment.settings),
        studies.SEASONS,
    )
    facts = {
        "algorithm version": deployment.output_version,
        "embedder": deployment.settings.embedder,
        "package": __version__,
        "public data": _public_data(data),
        "synthetic world": f"{world.n_users} users, {world.n_days} days from {world.first_day}, seed {world.seed}",
        "world of seasons": f"{seasons.n_users} users, {seasons.n_days} days, seed {seasons.seed}",
        "intervals": "95 %, users resampled 1,000 times",
    }
    return write_report(sections, facts, deployment.settings.evaluation_path / "report")
