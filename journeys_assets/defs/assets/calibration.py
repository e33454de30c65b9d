"""calibration_release: how broad the journeys of this log are, in a job of its own; a day's run calibrates nothing."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.stages import asset_key
from journeys_assets.defs.assets.training import NOT_RELEASED
from journeys_assets.defs.jobs import CALIBRATION_GROUP
from journeys_assets.operations.calibrate import Calibrated

RELEASE = "calibration_release"

Calibrate = Callable[[date | None, Path | None], Calibrated | None]
"""Calibrates on the log up to a day (None: the last day that was run), with a file of judged pairs where there is one.
None: no day was run yet."""


class CalibrationConfig(dg.Config):
    """What the threshold is found from."""

    as_of: str | None = None
    """Last day (YYYY-MM-DD) of the log that counts; by default the last that was run. Live from the day after."""
    pairs: str | None = None
    """File of judged pairs, from `journeys pairs`; by default the log alone."""


def build(calibrate: Calibrate) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=RELEASE,
        specs=[
            dg.AssetSpec(
                RELEASE,
                deps=[asset_key(name) for name in ("journey_clusters", "inference_ledger", "keyword_embeddings")],
                group_name=CALIBRATION_GROUP,
                description="How broad the journeys of this log are: the threshold of the clustering, found from the "
                "log alone or from judged pairs too. A release, live from the day after; every user is clustered again "
                "then.",
                owners=metadata.OWNERS,
                kinds={"python"},
                code_version="1",
                skippable=True,
            )
        ],
    )
    def calibration_release(config: CalibrationConfig) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
        done = calibrate(
            None if config.as_of is None else date.fromisoformat(config.as_of),
            None if config.pairs is None else Path(config.pairs),
        )
        if done is None or done.folder is None:
            reason = "no day has been run yet" if done is None else done.refused or ""
            yield dg.AssetObservation(RELEASE, metadata={NOT_RELEASED: reason})
            return
        yield dg.MaterializeResult(
            metadata={
                "least_log_odds": done.threshold.least_log_odds,
                "area_distance": done.threshold.log.area_distance,
                "before": done.before.least_log_odds,
                "found_from": done.threshold.source,
                "live_from": str(done.live_from),
                "folder": dg.MetadataValue.path(str(done.folder)),
            }
        )

    return calibration_release
