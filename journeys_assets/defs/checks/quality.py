"""Quality monitors as WARN checks: value, bound and offenders of the run's last day.

Every day's values, not only the last one's, are in ``quality_metrics``.
"""

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.monitors import QualityMonitor, measure, quality_monitors
from journeys_assets.defs.partitions import days_of


def build_quality_monitors(house: Deployment) -> list[dg.AssetChecksDefinition]:
    return [_check(house, monitor) for monitor in quality_monitors(house)]


def _check(house: Deployment, monitor: QualityMonitor) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(monitor.asset),
        name=monitor.name,
        blocking=False,
        description=monitor.about,
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        [result] = measure(house, [monitor], days_of(context)[-1])
        return dg.AssetCheckResult(
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

    return check
