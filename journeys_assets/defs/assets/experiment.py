"""experiment_readout: results of the notification experiment by arm, with intervals and checks of its validity.

A job of its own, run when somebody wants to know: intervals that are looked at every day until one leaves 0 out find
effects that are not there. The readout is of the whole log as it is then, so it has no partitions.
"""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.jobs import EXPERIMENT_GROUP
from journeys_assets.domain.experiment.readout import Readout
from journeys_assets.domain.vocabulary import ARMS

READOUT = "experiment_readout"
SOUND, UNSUBSCRIBES = "experiment_is_sound", "unsubscribes"
COSTS = ("unsubscribes per send", "unsubscribes per user")
NOTHING = "nothing to read out: no send was logged (source notification_events)"

ReadOut = Callable[[date | None, date | None], tuple[date, date, Readout] | None]
"""Reads out the days from the first to the second (None: as many as there are); gives the days that were meant and the
readout, None where no send was logged."""


class ReadoutConfig(dg.Config):
    """Which days are read out (YYYY-MM-DD)."""

    first: str | None = None
    """By default the day of the first logged send."""
    last: str | None = None
    """By default the last day of the log."""


def build(read_out: ReadOut) -> dg.AssetsDefinition:
    @dg.asset(
        name=READOUT,
        deps=[
            dg.AssetKey(dep.split("/"))
            for dep in (
                "stg_notification_events",
                "landing/search_events",
                "landing/pin_engagements",
                "landing/board_pins",
            )
        ],
        group_name=EXPERIMENT_GROUP,
        description="The arms of the notification experiment, with intervals over users: opens, clicks and "
        "unsubscribes of journey against interest arm, engagement against the holdout. Settle on its days beforehand, "
        "and read it once they are over.",
        owners=metadata.OWNERS,
        kinds={"python"},
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(
                SOUND,
                asset=READOUT,
                description="Arms have the planned sizes and enough users, and receive the sends of their arm.",
            ),
            dg.AssetCheckSpec(
                UNSUBSCRIBES,
                asset=READOUT,
                description="Journey sends make no more users unsubscribe than the interest sends that they replace.",
            ),
        ],
    )
    def experiment_readout(config: ReadoutConfig) -> Iterator[dg.MaterializeResult[None]]:
        found = read_out(_day(config.first), _day(config.last))
        if found is None:
            checks = [_check(name, True, NOTHING) for name in (SOUND, UNSUBSCRIBES)]
            yield dg.MaterializeResult(metadata={"note": NOTHING}, check_results=checks)
            return
        first, last, readout = found
        yield dg.MaterializeResult(
            metadata={
                "days": f"{first} … {last}",
                **metadata.numbers({"srm_p_value": readout.srm_p_value}),
                **{f"users_{arm}": n for arm, n in readout.arms.select("arm", "n_users").iter_rows()},
                "by_arm": metadata.examples(by_arm(readout.rates), rows=50),
                "effects": metadata.examples(readout.effects, rows=50),
                "arms": metadata.examples(readout.arms),
            },
            check_results=[
                _check(SOUND, not readout.warnings, "; ".join(readout.warnings) or "nothing speaks against it"),
                _unsubscribes(readout),
            ],
        )

    return experiment_readout


def by_arm(rates: pl.DataFrame) -> pl.DataFrame:
    """One row per metric, one column per arm: value and interval as text; '–' where an arm has no value."""
    formatted = rates.with_columns(
        shown=pl.format("{} ({} … {})", *(pl.col(c).round(4) for c in ("value", "low", "high")))
    )
    wide = formatted.pivot("arm", index="metric", values="shown", maintain_order=True)
    shown = [pl.col(arm) if arm in wide.columns else pl.lit(None, dtype=pl.String).alias(arm) for arm in ARMS]
    return wide.select("metric", *shown).with_columns(pl.col(ARMS).fill_null("–"))


def _unsubscribes(readout: Readout) -> dg.AssetCheckResult:
    """The holdout receives no sends, so nobody in it can unsubscribe: compared with it, every arm would fail."""
    costs = readout.effects.filter(pl.col("metric").is_in(COSTS))
    more = costs.filter(pl.col("low") > 0)
    if costs.is_empty():
        return _check(UNSUBSCRIBES, True, "too few users received a send to compare the arms")
    summary = "; ".join(
        f"{row['metric']}: {row['arm']} {row['effect']:+.4f} against {row['against']} "
        f"({row['low']:+.4f} … {row['high']:+.4f})"
        for row in (more if more.height else costs).iter_rows(named=True)
    )
    return _check(UNSUBSCRIBES, more.is_empty(), summary)


def _check(name: str, passed: bool, description: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name, passed=passed, severity=dg.AssetCheckSeverity.WARN, description=description
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
