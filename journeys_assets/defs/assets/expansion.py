"""related_release: related journeys of every shared name, in a job of its own; the run of a day expands nothing."""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.stages import asset_key
from journeys_assets.defs.jobs import EXPANSION_GROUP
from journeys_assets.operations.expand import ExpansionReport

RELEASE = "related_release"

Expand = Callable[[date | None, str], ExpansionReport | None]
"""Expands the journeys as of a day (None: the last day that was run) in a run, by its id. None: no day was run yet."""


class ExpansionConfig(dg.Config):
    """The journeys that are expanded."""

    as_of: str | None = None
    """Last day (YYYY-MM-DD) whose journeys count; by default the last that was run. Live from the day after."""


def build(expand: Expand) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=RELEASE,
        specs=[
            dg.AssetSpec(
                RELEASE,
                deps=[asset_key(name) for name in ("user_journeys", "journey_names")],
                group_name=EXPANSION_GROUP,
                description="Related journeys of every name that several users share: from order and co-occurrence of "
                "journeys over users, from similar names, and from a language model where there is one. A release in "
                "the key-value store, swapped as a whole.",
                owners=metadata.OWNERS,
                kinds={"python"},
                code_version="1",
                skippable=True,
            )
        ],
    )
    def related_release(
        context: dg.AssetExecutionContext, config: ExpansionConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
        made = expand(None if config.as_of is None else date.fromisoformat(config.as_of), context.run.run_id)
        if made is None:
            yield dg.AssetObservation(RELEASE, metadata={"not_released": "no day has been run yet"})
            return
        yield dg.MaterializeResult(
            metadata={
                "version": made.version,
                "live_from": str(made.live_from),
                "ranking": made.ranking,
                "folder": dg.MetadataValue.path(str(made.folder)),
                **made.counts,
            }
        )

    return related_release
