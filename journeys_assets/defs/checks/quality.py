"""Quality monitors as WARN checks: value, bound and offenders of the run's last day.

Every day's values, not only the last one's, are in ``quality_metrics``.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.monitors import QualityMonitor, measure, quality_monitors
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.quality.monitors import Monitor
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS


def build_quality_monitors(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    """Two steps: what is told of the stages, and what can be told only once the day is closed."""
    monitors = quality_monitors(deployment)
    return [
        _checks(deployment, "stage_monitors", [m for m in monitors if m.asset != CLOSED_DAYS.name]),
        _checks(deployment, "day_monitors", [m for m in monitors if m.asset == CLOSED_DAYS.name]),
    ]


def _checks(deployment: Deployment, name: str, monitors: Sequence[QualityMonitor]) -> dg.AssetChecksDefinition:
    """One step for many checks: they share their questions, and each step of a run has a cost of its own."""

    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(m.name, asset=dg.AssetKey(m.asset), blocking=False, description=m.about) for m in monitors
        ],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        wanted = [m for m in monitors if (m.asset, m.name) in selected]
        for monitor, result in zip(wanted, measure(deployment, wanted, days_of(context)[-1]), strict=True):
            yield _result(monitor, result)

    return checks


def _result(monitor: QualityMonitor, result: Monitor) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(monitor.asset),
        check_name=monitor.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=result.summary,
        metadata={
            **metadata.numbers({"value": result.value, "lower": result.lower, "upper": result.upper}),
            "bound": result.bound,
            **({"advice": result.advice} if result.advice else {}),
            **({"offenders": metadata.examples(result.offenders)} if result.offenders.height else {}),
        },
    )
