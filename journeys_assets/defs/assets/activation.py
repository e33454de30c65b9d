"""activation: hands over what changed to the systems that the settings name, each day after the output is published."""

from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.stages import asset_key
from journeys_assets.defs.jobs import ACTIVATION_GROUP
from journeys_assets.operations.activation.hand_over import Activation

ASSET = "activation"

HandOver = Callable[[date | None, str], Sequence[Activation]]
"""Hands over the output of a day (None: the last that was run) in a run, by its id."""


class ActivationConfig(dg.Config):
    """The day that is handed over."""

    as_of: str | None = None
    """Partition date, YYYY-MM-DD; by default the last day that was run."""


def build(hand_over: HandOver) -> dg.AssetsDefinition:
    @dg.asset(
        name=ASSET,
        deps=[asset_key(name) for name in ("user_journeys", "notification_candidates")],
        group_name=ACTIVATION_GROUP,
        description="Planned sends, cancellations, and journeys as traits and audiences, handed over to other systems: "
        "only what changed, each message once. `activation.handed_over` is the ledger.",
        owners=metadata.OWNERS,
        kinds={"python"},
        code_version="1",
    )
    def activation(context: dg.AssetExecutionContext, config: ActivationConfig) -> dg.MaterializeResult[None]:
        day = None if config.as_of is None else date.fromisoformat(config.as_of)
        done = hand_over(day, context.run.run_id)
        counts = {
            f"{one.destination}: {what}": sum(counter.values())
            for one in done
            for what, counter in (("accepted", one.accepted), ("refused", one.refused), ("held back", one.withheld))
        }
        return dg.MaterializeResult(metadata=counts or {"note": "activation.to names no destination"})

    return activation
