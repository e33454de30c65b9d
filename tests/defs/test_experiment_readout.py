"""experiment_readout: the table by arm, the effects, and checks that warn and never block."""

from datetime import date

import dagster as dg
import numpy as np
import polars as pl
import pytest

from journeys_assets.defs.assets import experiment
from journeys_assets.domain.experiment.readout import Readout, read_out
from tests.support.experiment import FIRST, LAST, PARAMS, SHARES
from tests.support.experiment import experiment as outcomes

Days = tuple[date | None, date | None]


def materialised(
    found: Readout | None, asked: list[Days] | None = None, **days: str
) -> tuple[dict[str, object], dict[str, dg.AssetCheckEvaluation]]:
    """Metadata and checks of one materialisation."""

    def reader(first: date | None, last: date | None) -> tuple[date, date, Readout] | None:
        if asked is not None:
            asked.append((first, last))
        return None if found is None else (FIRST, LAST, found)

    config = dg.RunConfig({experiment.READOUT: experiment.ReadoutConfig(**days)})
    result = dg.materialize([experiment.build(reader)], run_config=config)
    (event,) = result.asset_materializations_for_node(experiment.READOUT)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert all(check.severity is dg.AssetCheckSeverity.WARN for check in checks.values())
    return {name: value.value for name, value in event.metadata.items()}, checks


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return outcomes(np.random.default_rng(3), 1500)


def test_each_arm_is_shown_with_its_intervals(sample: pl.DataFrame) -> None:
    readout = read_out(sample, SHARES, PARAMS)
    shown, checks = materialised(readout)
    assert shown["days"] == f"{FIRST} … {LAST}"
    row = readout.rates.filter(metric="clicks per send", arm="journey").row(0, named=True)
    line = next(line for line in str(shown["by_arm"]).splitlines() if line.startswith("| clicks per send"))
    assert f"{row['value']:.4g}" in line
    assert line.endswith("| – |"), "the holdout is sent nothing, so it has no clicks per send"
    assert str(shown["effects"]).count("| journey | interest |") == 7
    assert [shown[f"users_{arm}"] for arm in ("journey", "interest", "holdout")] == readout.arms["n_users"].to_list()
    assert {name: check.passed for name, check in checks.items()} == {"experiment_is_sound": True, "unsubscribes": True}


def test_too_few_users_and_sends_to_the_holdout_warn(sample: pl.DataFrame) -> None:
    _, checks = materialised(read_out(sample.head(60), SHARES, PARAMS))
    assert not checks["experiment_is_sound"].passed
    assert "few users" in (checks["experiment_is_sound"].description or "")
    sent = sample.with_columns(n_sends=pl.when(pl.col("arm") == "holdout").then(1).otherwise("n_sends"))
    _, checks = materialised(read_out(sent, SHARES, PARAMS))
    assert "users of the holdout" in (checks["experiment_is_sound"].description or "")


def test_journey_sends_that_drive_users_out_warn(sample: pl.DataFrame) -> None:
    def check(share_of_arm: dict[str, float]) -> dg.AssetCheckEvaluation:
        rng = np.random.default_rng(1)
        chances = sample["arm"].replace_strict(share_of_arm, return_dtype=pl.Float64).to_numpy()
        left = pl.Series((rng.random(sample.height) < chances) & (sample["n_sends"] > 0).to_numpy()).cast(pl.Int64)
        return materialised(read_out(sample.with_columns(n_unsubscribes=left), SHARES, PARAMS))[1]["unsubscribes"]

    more = check({"journey": 0.12, "interest": 0.03, "holdout": 0.0})
    assert not more.passed
    assert "unsubscribes per user: journey +0.0" in (more.description or "")
    assert check({"journey": 0.05, "interest": 0.05, "holdout": 0.0}).passed
    assert check({"journey": 0.02, "interest": 0.1, "holdout": 0.0}).passed


def test_the_days_asked_for_are_read_and_a_log_without_sends_says_so(sample: pl.DataFrame) -> None:
    asked: list[Days] = []
    materialised(read_out(sample, SHARES, PARAMS), asked)
    materialised(read_out(sample, SHARES, PARAMS), asked, first="2026-03-05", last="2026-03-20")
    assert asked == [(None, None), (date(2026, 3, 5), date(2026, 3, 20))]
    shown, checks = materialised(None)
    assert "no send was logged" in str(shown["note"])
    assert all(check.passed for check in checks.values())
