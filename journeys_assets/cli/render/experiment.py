"""The readout of an experiment, as text or record."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from journeys_assets.operations.readout import LogReadout

from journeys_assets.cli.render.tables import table_of


def readout_record(found: "LogReadout") -> dict[str, Any]:
    """A readout as a record: days, arms, rates, effects, sample-ratio p-value, warnings."""
    readout = found.readout
    return {
        "first_day": str(found.first),
        "last_day": str(found.last),
        "arms": readout.arms.to_dicts(),
        "rates": readout.rates.to_dicts(),
        "effects": readout.effects.to_dicts(),
        "sample_ratio_p_value": readout.srm_p_value,
        "warnings": list(readout.warnings),
    }


def show_readout(found: "LogReadout") -> RenderableType:
    """A readout as text."""
    readout = found.readout
    arms = [
        (
            row["arm"],
            row["n_users"],
            f"{row['expected_users']:,.0f}",
            row["n_users_sent"],
            *(row[f"n_{what}"] for what in ("sends", "opens", "clicks", "unsubscribes")),
        )
        for row in readout.arms.iter_rows(named=True)
    ]
    rates = [
        (row["metric"], row["arm"], f"{row['value']:,.4g}", f"{row['low']:,.4g} … {row['high']:,.4g}", row["n_users"])
        for row in readout.rates.iter_rows(named=True)
    ]
    effects = [
        (
            row["metric"] + (" ¹" if row["is_adjusted"] else ""),
            f"{row['arm']} - {row['against']}",
            f"{row['effect']:+,.4g}",
            f"{row['low']:+,.4g} … {row['high']:+,.4g}",
            "" if row["relative_effect"] is None else f"{row['relative_effect']:+.0%}",
            f"{row['minimum_detectable_effect']:,.4g}",
        )
        for row in readout.effects.iter_rows(named=True)
    ]
    arm_headers = ("arm", "users", "expected", "users sent", "sends", "opens", "clicks", "unsubscribes")
    return Group(
        Text(f"{found.first} … {found.last}, intervals of 95 % over users", style="bold"),
        table_of(f"Arms (sample ratio p = {readout.srm_p_value:.2g})", arms, *arm_headers),
        table_of("Rates", rates, "metric", "arm", "value", "interval", "users that count"),
        table_of("Effects", effects, "metric", "arms", "effect", "interval", "relative", "detectable ²"),
        Text("¹ adjusted for engagement before the first day  ² with a power of 4 in 5 at this size", style="dim"),
    )
