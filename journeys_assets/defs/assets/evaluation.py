"""…_evaluation: each part of the pipeline compared with its baselines; evaluation_report: all of them on one page."""

from collections.abc import Callable, Iterable
from pathlib import Path

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.jobs import EVALUATION_GROUP
from journeys_assets.defs.metadata import written
from journeys_assets.evaluation.report.page import strongest_rivals
from journeys_assets.evaluation.report.section import Section

REPORT = "evaluation_report"


def asset_name(section: str) -> str:
    return f"{section}_evaluation"


def build(
    sections: Iterable[str], evaluate: Callable[[str], Section], report: Callable[[], Path]
) -> list[dg.AssetsDefinition]:
    """One asset per section, and the report that follows them.

    Args:
        evaluate: Measures the section of that name and keeps what it found.
        report: Writes the report of all that was kept; returns the page.
    """
    parts = [_part(name, evaluate) for name in sections]

    @dg.asset(
        name=REPORT,
        deps=parts,
        group_name=EVALUATION_GROUP,
        description="How good the journeys are: one HTML page, and the same figures for programs.",
        owners=metadata.OWNERS,
        kinds={"python", "html"},
        code_version="1",
    )
    def evaluation_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        page = report()
        return dg.MaterializeResult(
            metadata={"page": dg.MetadataValue.path(str(page)), "open": dg.MetadataValue.url(page.as_uri())}
        )

    return [*parts, evaluation_report]


def _part(name: str, evaluate: Callable[[str], Section]) -> dg.AssetsDefinition:
    @dg.asset(
        name=asset_name(name),
        group_name=EVALUATION_GROUP,
        description=f"The part '{name}' compared with its baselines, with intervals; the protocol is in the report.",
        owners=metadata.OWNERS,
        kinds={"python"},
        code_version="1",
    )
    def part(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        section = evaluate(name)
        rivals = strongest_rivals(section)
        return dg.MaterializeResult(
            metadata={
                "figures": section.results.height,
                **{f"n_{verdict.replace(' ', '_')}": n for verdict, n in _counts(rivals).items()},
                "beside_the_best_baseline": metadata.examples(rivals, rows=50),
                "protocol": written(section.protocol),
            }
        )

    return part


def _counts(rivals: pl.DataFrame) -> dict[str, int]:
    return {str(verdict): n for verdict, n in rivals.group_by("verdict").len().sort("verdict").iter_rows()}
