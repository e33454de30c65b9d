"""Notifications: whether the readout of an experiment recovers known effects, and the coverage of its intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.experiment.params import ReadoutParams
from journeys_assets.domain.experiment.readout import METRICS, Metric, Readout, read_out, user_outcomes
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.vocabulary import ARMS
from journeys_assets.evaluation.data.study import Study, public_file
from journeys_assets.evaluation.report.plots import new_figure, to_svg
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import RESULTS, mean_of, measure
from journeys_assets.evaluation.statistics.off_policy import PolicyValue, doubly_robust, ips, snips
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

NAME = "notifications"
OPEN_BANDIT = "open_bandit_small.parquet"
WORLD = WorldParams(seed=4107, n_users=900, n_days=63, first_send_day=28, first_day=date(2025, 9, 1))
"""The population that experiments are drawn from. It is not the world of any study."""
N_EXPERIMENTS = 600
USERS_OF_EXPERIMENT = 1200
SIZES = (400, USERS_OF_EXPERIMENT)
EVEN = NotificationParams(journey_arm_share=0.8, interest_arm_share=0.1)
EFFECTS_SHOWN = (
    ("clicks per send", "journey"),
    ("opens per send", "journey"),
    ("clicks per user", "journey"),
    ("engagements per user", "journey"),
    ("engagements per user", "interest"),
)
BY_USER, BY_SEND = "over users", "over sends"
MAX_WEIGHT = 20.0
READOUT = ReadoutParams()

PROTOCOL = f"""
**Known lift.** One synthetic world ({WORLD.n_users} users, {WORLD.n_days} days, nothing sent in the
first {WORLD.first_send_day}) is generated three times, with everybody in the journey arm, in the interest arm, and in
the holdout. Users, plans and response model are the same, so every user's outcome under each arm is known, and
therefore every effect over this population.

**Coverage.** {N_EXPERIMENTS} experiments for each of two sizes: users are drawn from the population with replacement,
assigned to arms 80 : 10 : 10 at random, and have the outcome of their arm. The readout is that of `journeys readout`.
This reproduces the world's response model and variation among users without generating {N_EXPERIMENTS} worlds. The
figure is how often the 95 % interval contains the known effect. The baseline treats every send (or every open or click
as one of so many sends) as independent, as is often done. In the tables, `n_users` of a coverage is the number of
experiments. Unsubscribes are a handful a month in a small arm, and no interval over so few events is reliable.

**One experiment as it ran.** The sends and engagements of a study with truth, read out as in a deployment. The table
also has the true values for exactly those sends: their probabilities under the response model, and the engagements that
their clicks caused.

**Off-policy values.** In the Open Bandit log (Saito et al. 2021), the value of each of two policies is estimated from
the other's rows, by IPS, SNIPS and DR (weights clipped at {MAX_WEIGHT:g}; the model is a smoothed rate for each item
and position, fitted on other folds), and compared with the clicks that the policy really got. The probabilities of the
uniform policy are known exactly; those of the learnt policy are estimated from how often it chose each item for each
position. The log has no users, so these intervals are over rows. The figure is whether the interval of the difference
from the real value contains 0.
"""


def evaluate_notifications(studies: Sequence[Study], data: Path | None) -> Section:
    """Recovery and coverage of known effects; off-policy values if the Open Bandit log is in ``data``.

    Args:
        studies: Those with truth and sends are read out. May be empty.
        data: Folder that may contain ``OPEN_BANDIT``; None if there is none.
    """
    population = population_of(WORLD)
    truth = _known_effects(population)
    parts, tables, plots = [], {}, []
    trials: dict[int, _Trials] = {}
    for n_users in SIZES:
        trials[n_users] = _Trials.run(population, truth, n_users)
        parts += list(trials[n_users].measured())
    tables["Known effects and what experiments find of them"] = _recovery_table(truth, trials)
    plots.append(_recovery_plot(truth, trials[USERS_OF_EXPERIMENT]))
    plots.append(_coverage_plot(trials))
    for study in studies:
        if study.truth and study.rows("SELECT count(*) AS n FROM main.stg_notification_events")["n"][0]:
            found = _as_it_ran(study)
            tables[f"{study.name}: the experiment as it ran, arms"] = found.arms
            tables[f"{study.name}: the experiment as it ran, rates"] = found.rates
            tables[f"{study.name}: the experiment as it ran, effects"] = _with_true_effects(found, study)
    results, comparisons = gathered(parts)
    if bandit_log := public_file(data, OPEN_BANDIT):
        values, table = open_bandit_values(pl.read_parquet(bandit_log, glob=False))
        results = pl.concat([results, values])
        tables["Open Bandit: values of each policy from the other's rows"] = table
        plots.append(_off_policy_plot(table))
    return Section(
        NAME,
        "Notifications",
        PROTOCOL,
        results,
        comparisons,
        tuple(plots),
        tables,
        headline=("95 % intervals that hold: clicks per send, journey - interest",),
    )


# ── known effects ───────────────────────────────────────────────────────────────────────────────────────────────────


def population_of(params: WorldParams) -> dict[str, pl.DataFrame]:
    """Outcomes of every user of the world under each arm. All frames have the same users in the same order."""
    shares = {"journey": (1.0, 0.0), "interest": (0.0, 1.0), "holdout": (0.0, 0.0)}
    return {arm: _outcomes_under_arm(params, arm, *shares[arm]) for arm in ARMS}


def _outcomes_under_arm(params: WorldParams, arm: str, journey_share: float, interest_share: float) -> pl.DataFrame:
    world = generate_world(replace(params, journey_arm_share=journey_share, interest_arm_share=interest_share))
    first = params.first_day + timedelta(days=params.first_send_day)
    last = params.first_day + timedelta(days=params.n_days - 1)
    engagements = (
        world.landing["pin_engagements"]
        .group_by("user_id", day=pl.col("engaged_at").dt.date())
        .agg(n=pl.len().cast(pl.Int64))
    )
    shares = NotificationParams(journey_arm_share=journey_share, interest_arm_share=interest_share)
    outcomes = user_outcomes(
        world.landing["users"],
        world.landing["notification_events"],
        engagements,
        first,
        last,
        shares,
        READOUT,
    )
    if outcomes.filter(pl.col("arm") != arm).height:
        raise ValueError(f"a world with arm {arm} only has users in other arms")
    return outcomes


def _known_effects(population: Mapping[str, pl.DataFrame]) -> dict[tuple[str, str], float]:
    """The effect on each metric by arm, over the whole population."""
    effects = {}
    for metric in METRICS:
        for arm in ARMS[: ARMS.index(metric.against)]:
            one, other = (_ratio(population[name], metric) for name in (arm, metric.against))
            effects[metric.name, arm] = one - other
    return effects


def _ratio(rows: pl.DataFrame, metric: Metric) -> float:
    below = rows[metric.denominator].to_numpy().sum() if metric.denominator else rows.height
    return float(rows[metric.numerator].to_numpy().sum() / below)


# ── simulated experiments ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Trials:
    """The results of experiments of one size.

    Attributes:
        effects: metric, arm, effect, low, high, trial of every experiment.
        holds: (metric, arm, method) -> for each experiment, whether the interval contained the known effect.
    """

    n_users: int
    effects: pl.DataFrame
    holds: dict[tuple[str, str, str], NDArray[np.float64]]

    @classmethod
    def run(
        cls, population: Mapping[str, pl.DataFrame], truth: Mapping[tuple[str, str], float], n_users: int
    ) -> _Trials:
        rng = np.random.default_rng(n_users)
        frames = []
        by_send: dict[tuple[str, str, str], list[float]] = {}
        for trial in range(N_EXPERIMENTS):
            outcomes = _drawn_experiment(population, n_users, rng)
            found = read_out(outcomes, EVEN, READOUT).effects.select("metric", "arm", "effect", "low", "high")
            frames.append(found.with_columns(trial=pl.lit(trial)))
            for metric in METRICS:
                if metric.denominator == "n_sends":
                    low, high = _interval_over_sends(outcomes, metric)
                    key = (metric.name, "journey", BY_SEND)
                    by_send.setdefault(key, []).append(float(low <= truth[metric.name, "journey"] <= high))
        effects = pl.concat(frames)
        holds = {key: np.array(values) for key, values in by_send.items()}
        for (name, arm), rows in effects.sort("trial").group_by("metric", "arm", maintain_order=True):
            known = truth[str(name), str(arm)]
            held = (rows["low"] <= known) & (rows["high"] >= known)
            holds[str(name), str(arm), BY_USER] = held.cast(pl.Float64).to_numpy()
        return cls(n_users, effects, holds)

    def measured(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Coverage for each effect, over users and (for rates per send) over sends."""
        for metric in METRICS:
            for arm in ARMS[: ARMS.index(metric.against)]:
                held = {
                    method: mean_of(self.holds[metric.name, arm, method])
                    for method in (BY_USER, BY_SEND)
                    if (metric.name, arm, method) in self.holds
                }
                yield measure(
                    held,
                    dataset=f"{N_EXPERIMENTS} simulated experiments",
                    regime=f"{self.n_users} users",
                    metric=f"95 % intervals that hold: {metric.name}, {arm} - {metric.against}",
                    n_users=N_EXPERIMENTS,
                    ours=BY_USER,
                )


def _drawn_experiment(population: Mapping[str, pl.DataFrame], n_users: int, rng: np.random.Generator) -> pl.DataFrame:
    """An experiment: users drawn with replacement, arms drawn by the shares, and the outcomes of those arms."""
    picked = rng.integers(0, population["journey"].height, n_users)
    arms = np.searchsorted(
        [EVEN.journey_arm_share, EVEN.journey_arm_share + EVEN.interest_arm_share], rng.random(n_users), side="right"
    )
    drawn = [population[arm].select(pl.all().gather(picked[arms == code])) for code, arm in enumerate(ARMS)]
    return pl.concat(drawn)


def _interval_over_sends(outcomes: pl.DataFrame, metric: Metric) -> tuple[float, float]:
    """The interval for the difference of two independent shares (Wald), with sends as the unit."""
    gap, variance = 0.0, 0.0
    for arm, sign in (("journey", 1.0), ("interest", -1.0)):
        rows = outcomes.filter(pl.col("arm") == arm)
        n = float(rows["n_sends"].to_numpy().sum())
        share = float(rows[metric.numerator].to_numpy().sum()) / n
        gap, variance = gap + sign * share, variance + share * (1 - share) / n
    return gap - 1.96 * math.sqrt(variance), gap + 1.96 * math.sqrt(variance)


def _recovery_table(truth: Mapping[tuple[str, str], float], trials: Mapping[int, _Trials]) -> pl.DataFrame:
    rows = []
    for n_users, found in trials.items():
        for (metric, arm), known in truth.items():
            own = found.effects.filter((pl.col("metric") == metric) & (pl.col("arm") == arm))
            rows.append(
                {
                    "users": n_users,
                    "metric": metric,
                    "arm": arm,
                    "known effect": known,
                    "mean found": float(own["effect"].mean()),  # type: ignore[arg-type]
                    "mean half-width": float(((own["high"] - own["low"]) / 2).mean()),  # type: ignore[arg-type]
                    "intervals that hold": float(found.holds[metric, arm, BY_USER].mean()),
                    "found different from 0": float(((own["low"] > 0) | (own["high"] < 0)).mean()),  # type: ignore[arg-type]
                }
            )
    return pl.DataFrame(rows)


# ── one experiment as it ran ────────────────────────────────────────────────────────────────────────────────────────


def _as_it_ran(study: Study) -> Readout:
    from journeys_assets.storage.queries import experiment as experiment_queries

    first, last = study.days[0], study.last_day
    with study.warehouse.reading() as con:
        users = experiment_queries.population(con, last)
        sends = experiment_queries.sends(con, first, last)
        engagements = experiment_queries.engagements(con, first - timedelta(days=READOUT.covariate_days), last)
    params = study.algorithm.notifications
    return read_out(user_outcomes(users, sends, engagements, first, last, params, READOUT), params, READOUT)


def _with_true_effects(found: Readout, study: Study) -> pl.DataFrame:
    """The effects, with the true values for exactly the sends that were made.

    For rates per send: the difference of the mean probabilities under the response model. For engagements per user:
    those caused by clicks, over all users of the arm, because a send changes only its own user's behaviour.
    """
    sends = study.truth["truth_notifications"]
    chances = {"opens": "open_probability", "clicks": "click_probability", "unsubscribes": "unsubscribe_probability"}
    means = {arm: sends.filter(pl.col("arm") == arm).select(chances.values()).mean().row(0) for arm in ARMS[:2]}
    known = [
        (f"{what} per send", "journey", means["journey"][at] - means["interest"][at]) for at, what in enumerate(chances)
    ]
    n_users = dict(found.arms.select("arm", "n_users").iter_rows())
    for arm in ARMS[:2]:
        caused = sends.filter(pl.col("arm") == arm)["n_follow_up_engagements"].sum()
        known.append(("engagements per user", arm, caused / n_users[arm]))
    schema = {"metric": pl.String, "arm": pl.String, "known of these sends": pl.Float64}
    truth = pl.DataFrame(known, schema=schema, orient="row")
    beside = found.effects.join(truth, on=["metric", "arm"], how="left", maintain_order="left")
    return beside.with_columns(holds=pl.col("known of these sends").is_between("low", "high"))


# ── off-policy values ───────────────────────────────────────────────────────────────────────────────────────────────


def open_bandit_values(log: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of ``RESULTS``, and a table of the values."""
    results, rows = [], []
    for (campaign,), of_campaign in log.sort("ts", "item_id", "position").group_by("campaign", maintain_order=True):
        for target, logging in (("random", "bts"), ("bts", "random")):
            logged = of_campaign.filter(pl.col("policy") == logging)
            real = of_campaign.filter(pl.col("policy") == target)
            ones = np.ones(real.height)
            truth = ips(real["click"].to_numpy(), ones, ones)
            estimates = _valued(logged, target_probabilities(logged, real, target))
            estimates["mean of the other's clicks"] = ips(
                logged["click"].to_numpy(), ones[: logged.height], ones[: logged.height]
            )
            for name, found in estimates.items():
                gap = found.value - truth.value
                half = math.hypot((found.high - found.low) / 2, (truth.high - truth.low) / 2)
                rows.append(
                    {
                        "campaign": str(campaign),
                        "target": target,
                        "logged by": logging,
                        "estimator": name,
                        "value": found.value,
                        "low": found.low,
                        "high": found.high,
                        "real value": truth.value,
                        "real low": truth.low,
                        "real high": truth.high,
                        "difference holds 0": abs(gap) <= half,
                        "n_effective": found.n_effective,
                        "share_clipped": found.share_clipped,
                    }
                )
                role = "baseline" if name.startswith("mean") else "ours"
                error = abs(gap)
                results.append(
                    ("open-bandit", f"{campaign}, {logging} -> {target}", "absolute error of the policy's value", name,
                     role, error, max(0.0, error - half), error + half, logged.height, False)
                )  # fmt: skip
    return pl.DataFrame(results, schema=RESULTS, orient="row"), pl.DataFrame(rows)


def target_probabilities(logged: pl.DataFrame, real: pl.DataFrame, target: str) -> pl.DataFrame:
    """item_id, position, probability: the target policy's choice for each position."""
    if target == "random":
        items = logged.select("item_id").unique()
        places = logged.select("position").unique()
        return items.join(places, how="cross").with_columns(probability=pl.lit(1.0 / items.height))
    counts = real.group_by("item_id", "position").agg(n=pl.len())
    return counts.with_columns(probability=pl.col("n") / pl.col("n").sum().over("position")).drop("n")


def _valued(logged: pl.DataFrame, target: pl.DataFrame) -> dict[str, PolicyValue]:
    rows = logged.with_row_index("row").join(target, on=["item_id", "position"], how="left", maintain_order="left")
    given = (
        rows["click"].to_numpy().astype(np.float64),
        rows["propensity_score"].to_numpy(),
        rows["probability"].fill_null(0.0).to_numpy(),
    )
    predicted, value = cross_fitted(rows, target)
    return {
        "IPS": ips(*given, max_weight=MAX_WEIGHT),
        "SNIPS": snips(*given, max_weight=MAX_WEIGHT),
        "DR": doubly_robust(*given, predicted, value, max_weight=MAX_WEIGHT),
    }


def cross_fitted(
    rows: pl.DataFrame, target: pl.DataFrame, folds: int = 5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Click rate by item and position from the other folds, shrunk towards the mean with the weight of 200 rows."""
    predicted, value = np.zeros(rows.height), np.zeros(rows.height)
    fold_of = rows["row"].to_numpy() % folds
    for fold in range(folds):
        rest, own = rows.filter(pl.Series(fold_of != fold)), rows.filter(pl.Series(fold_of == fold))
        mean = float(rest["click"].mean())  # type: ignore[arg-type]
        rates = rest.group_by("item_id", "position").agg(rate=(pl.col("click").sum() + 200 * mean) / (pl.len() + 200))
        cells = target.join(rates, on=["item_id", "position"], how="left").with_columns(pl.col("rate").fill_null(mean))
        of_place = cells.group_by("position").agg(value=(pl.col("probability") * pl.col("rate")).sum())
        seen = own.join(rates, on=["item_id", "position"], how="left", maintain_order="left").join(
            of_place, on="position", how="left", maintain_order="left"
        )
        predicted[fold_of == fold] = seen["rate"].fill_null(mean).to_numpy()
        value[fold_of == fold] = seen["value"].to_numpy()
    return predicted, value


# ── plots ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _recovery_plot(truth: Mapping[tuple[str, str], float], trials: _Trials) -> Plot:
    figure, panels = new_figure(10, 3.2, n_panels=len(EFFECTS_SHOWN))
    for axes, (metric, arm) in zip(panels, EFFECTS_SHOWN, strict=True):
        rows = trials.effects.filter((pl.col("metric") == metric) & (pl.col("arm") == arm)).sort("trial").head(40)
        at = np.arange(rows.height)
        holds = trials.holds[metric, arm, BY_USER][: rows.height] > 0
        for chosen, colour in ((holds, "tab:blue"), (~holds, "tab:red")):
            axes.vlines(at[chosen], rows["low"].to_numpy()[chosen], rows["high"].to_numpy()[chosen], color=colour, lw=1)
            axes.plot(at[chosen], rows["effect"].to_numpy()[chosen], ".", color=colour, markersize=3)
        axes.axhline(truth[metric, arm], color="black", lw=1)
        axes.set_title(f"{metric}\n{arm}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xticks([])
    caption = (
        f"Effects in 40 of the simulated experiments with {trials.n_users} users, with 95 % intervals. The line is the "
        "known effect; red intervals miss it."
    )
    return Plot(caption, to_svg(figure))


def _coverage_plot(trials: Mapping[int, _Trials]) -> Plot:
    keys = [key for key in trials[USERS_OF_EXPERIMENT].holds if not key[0].startswith("unsubscribes")]
    keys.sort(key=lambda key: ([m.name for m in METRICS].index(key[0]), key[1] != "journey", key[2] != BY_USER))
    figure, (axes,) = new_figure(8, 0.3 * len(keys) + 1.2)
    for offset, (n_users, found) in enumerate(trials.items()):
        at = np.arange(len(keys)) + (offset - 0.5) * 0.38
        shares = [float(found.holds[key].mean()) for key in keys]
        colours = ["tab:grey" if key[2] == BY_SEND else ("tab:blue", "tab:cyan")[offset] for key in keys]
        axes.barh(at, shares, height=0.36, color=colours, label=f"{n_users} users")
    axes.axvline(0.95, color="black", lw=1)
    axes.set_xlim(0.5, 1.0)
    axes.set_yticks(range(len(keys)), [f"{metric}, {arm}, {method}" for metric, arm, method in keys], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("95 % intervals that contain the known effect")
    caption = (
        f"Share of {N_EXPERIMENTS} simulated experiments whose 95 % interval contains the known effect; bars from the "
        f"top: {', '.join(str(n_users) for n_users in trials)} users. Grey: sends treated as independent."
    )
    return Plot(caption, to_svg(figure))


def _off_policy_plot(table: pl.DataFrame) -> Plot:
    figure, (axes,) = new_figure(8, 3.5)
    labels = []
    for at, row in enumerate(table.iter_rows(named=True)):
        axes.plot([row["real low"], row["real high"]], [at, at], color="lightgrey", lw=6, solid_capstyle="butt")
        axes.plot([row["real value"]], [at], "|", color="black", markersize=8)
        axes.plot([row["low"], row["high"]], [at, at], color="tab:blue", lw=1)
        axes.plot([row["value"]], [at], ".", color="tab:blue")
        labels.append(f"{row['campaign']}, {row['logged by']} → {row['target']}: {row['estimator']}")
    axes.set_yticks(range(len(labels)), labels, fontsize=6)
    axes.invert_yaxis()
    axes.set_xlabel("clicks per impression")
    caption = (
        "Open Bandit: a policy's value as estimated from the other policy's rows (blue, 95 % interval) and its real "
        "value (black, interval in grey)."
    )
    return Plot(caption, to_svg(figure))
