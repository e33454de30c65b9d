"""What naming learns from annotators: the quality of names from weights fitted on few labels, by number of labels.

This module simulates judgements of found journeys and computes the learning curve. ``parts.naming`` measures the
packaged weights, ``models.naming.training`` fits weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.naming.features import JOURNEY, candidate_features
from journeys_assets.domain.naming.labels import name_grades, wanted_names
from journeys_assets.domain.naming.params import NameTrainingParams, NamingParams
from journeys_assets.evaluation.data import naming_data as data
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.report.plots import curves
from journeys_assets.evaluation.report.section import Plot
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.models.naming import training as naming_training
from journeys_assets.models.naming.release import NamerRelease
from journeys_assets.synthetic.annotators import better_names, names_of_theme
from journeys_assets.synthetic.judgements import ANNOTATORS

N_LABELS = (50, 100, 200, 500, 1000, 2000)
N_DRAWS = 5
UNNAMED = 0.5
"""Share of the journeys that are judged without a name, as on annotation sheets."""
METRIC = "names that annotators would give, F1 of words"
LEARNT, PACKAGED, BEST = "learnt from labels", "packaged weights", "best candidate"

PROTOCOL = """
**Names.** Journeys that the pipeline found, every {every} days. For half of them, simulated annotators see no name and
write what they have in mind: the theme's name, or one of the first things that people search for it. For the others
they see the name from the packaged weights. They accept it if it shares half of its words with what they have in mind,
and otherwise write that. In three of ten cases they write nothing. Weights are fitted as `journeys train` fits them, on
50 to 2,000 judgements that concern the name, drawn {n_draws} times, from one half of the themes and of the users. They
name journeys with the other themes of the other users. The grade of a name is the F1 of its words with what annotators
have in mind, as an expectation over the possibilities. The strength of the prior was chosen on the first half of the
themes. *best candidate* uses the grade itself. These annotators think in the words of the synthetic themes, so the
curve shows that the weights learn from labels, and how many are needed; it does not show what real users would gain. A
table
shows how often `journeys train` would release the learnt weights: only if users in folds that the weights did not see,
with journeys judged without a name, get better names outside the interval. It also shows the gain that all labels would
give: accepting a shown name makes every other name look worse than it is. The decisions to ask for names without
showing one, and to count an accepted name half, were made after a first look at these figures.
"""


@dataclass(frozen=True, slots=True)
class NamedWorld:
    """Journeys with known themes, and the names that annotators want for them.

    Attributes:
        rows: Candidates with features, user, day, theme and grade (the expected grade, which no method sees).
        labels: Columns of ``naming_labels.wanted_names`` and user, theme; one row per judgement.
    """

    rows: pl.DataFrame
    labels: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve.

    Attributes:
        parts: Rows of RESULTS and of COMPARISONS, a pair for each number of labels.
        points: method, n_labels, value, low, high.
        released: n_labels, n_draws, n_released (number of draws whose weights `journeys train` would release),
            gain_by_blind_labels (the gain that it uses, mean over draws; null if there are too few labels),
            gain_by_all_labels (the gain if names that annotators were shown counted too).
    """

    parts: list[tuple[pl.DataFrame, pl.DataFrame]]
    points: pl.DataFrame
    released: pl.DataFrame


def named_world(study: Study, days: Sequence[date], seed: int) -> NamedWorld:
    """Journeys inferred on ``days``, and one judgement of each annotator for each."""
    naming = study.algorithm.naming
    wanted = data.inferences(study, [day for day in study.days if day in set(days)], at_most=1_000_000)
    found = data.found(study, wanted)
    themes = found.clusters.drop_nulls("theme").select(*JOURNEY, "user", "day", "theme")
    members = candidate_features(found.clusters, found.facts, naming).join(themes, on=JOURNEY)
    named = naming_training.named(members, naming).select(
        *JOURNEY, "user", "theme", "day", judged_on="day", shown="keyword"
    )
    is_blind = np.random.default_rng(seed).random(named.height) < UNNAMED
    shown = named.with_columns(
        row_key=pl.format("{} {}", *JOURNEY),
        is_blind=pl.Series(is_blind),
        shown=pl.when(pl.Series(is_blind)).then(pl.lit("")).otherwise("shown"),
        relevance=pl.lit(5),
    )
    labels = [
        wanted_names(
            shown.with_columns(better_names(shown, by.annotator_id, seed=seed), shown_name="shown"),
            positive_from=0.0,
            accepted_grade=study.algorithm.name_training.accepted_grade,
        )
        for by in ANNOTATORS
    ]
    names = pl.DataFrame(
        [(theme, normalise(name)) for theme in sorted(themes["theme"].unique()) for name in names_of_theme(theme)],
        schema={"theme": pl.String, "wanted": pl.String},
        orient="row",
    )
    expected = name_grades(members, themes.join(names, on="theme").with_columns(worth=pl.lit(1.0)))
    return NamedWorld(
        members.join(expected, on=[*JOURNEY, "keyword"]).sort(*JOURNEY, "keyword"),
        pl.concat(labels).join(shown.select(*JOURNEY, "user", "theme"), on=JOURNEY).sort(*JOURNEY, "wanted", "worth"),
    )


def learning_curve(study: Study, days: Sequence[date], *, seed: int, n_draws: int = N_DRAWS) -> Curve:
    """Grade of names on held-out themes and users, for each number of labels in ``N_LABELS`` that is available."""
    world, naming, params = named_world(study, days, seed), study.algorithm.naming, study.algorithm.name_training
    pool, held_out = split(world, seed)
    users = sorted(held_out["user"].unique())
    fixed = {
        PACKAGED: _by_user(naming_training.named(held_out, naming), users),
        BEST: _by_user(held_out.sort("grade", "keyword").group_by(JOURNEY, maintain_order=True).last(), users),
    }
    parts, points, released = [], [], []
    for n_labels in N_LABELS:
        if n_labels > pool.height:
            continue
        draws = [pool.sample(n_labels, seed=seed + draw, shuffle=True) for draw in range(n_draws)]
        names = [naming_training.named(held_out, fitted(world, drawn, naming, params)) for drawn in draws]
        learnt = np.mean([_by_user(rows, users) for rows in names], axis=0)
        figures: Mapping[str, object] = {LEARNT: learnt, **fixed}
        part = measure(
            {name: mean_of(values) for name, values in figures.items()},  # type: ignore[arg-type]
            dataset=study.name,
            regime=f"{n_labels} labels",
            metric=METRIC,
            n_users=len(users),
            ours=LEARNT,
            bounds=[BEST],
            seed=seed,
        )
        parts.append(part)
        points.append(part[0].select("method", "value", "low", "high", n_labels=pl.lit(n_labels)))
        released.append((n_labels, *_gate(world, draws, study)))
    schema = {"method": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_labels": pl.Int32}
    gate = dict.fromkeys(("n_labels", "n_draws", "n_released"), pl.Int64()) | dict.fromkeys(
        ("gain_by_blind_labels", "gain_by_all_labels"), pl.Float64()
    )
    return Curve(
        parts,
        pl.concat([pl.DataFrame(schema=schema), *points]),
        pl.DataFrame(released, schema=gate, orient="row"),
    )


def split(world: NamedWorld, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judgements to learn from, and members to name. No theme and no user is in both."""
    users = np.random.default_rng(seed).permutation(world.rows["user"].unique().sort().to_list()).tolist()
    seen_users, seen_themes = users[: len(users) // 2], data.halves(data.SYNTHETIC_THEMES)[0]
    is_seen_user, is_seen_theme = pl.col("user").is_in(seen_users), pl.col("theme").is_in(seen_themes)
    return world.labels.filter(is_seen_user & is_seen_theme), world.rows.filter(~is_seen_user & ~is_seen_theme)


def fitted(world: NamedWorld, drawn: pl.DataFrame, naming: NamingParams, params: NameTrainingParams) -> NamingParams:
    """Weights fitted on judgements only."""
    return naming_training.fit_weights(_labelled(world, drawn), naming, prior_strength=params.prior_strength)


def _labelled(world: NamedWorld, drawn: pl.DataFrame) -> pl.DataFrame:
    """Members graded by judgements. The expected grades are not used."""
    members = world.rows.drop("grade").join(drawn.select(JOURNEY).unique(), on=JOURNEY, how="semi")
    blind = name_grades(members, drawn.filter("is_blind")).rename({"grade": "blind_grade"})
    return (
        members.join(name_grades(members, drawn), on=[*JOURNEY, "keyword"])
        .join(blind, on=[*JOURNEY, "keyword"], how="left")
        .with_columns(journey_weight=pl.lit(1.0), known_on="day")
    )


def _gate(
    world: NamedWorld, draws: Sequence[pl.DataFrame], study: Study
) -> tuple[int, int, float | None, float | None]:
    """Number of draws, number that would be released, and the mean gain by blind labels and by all labels."""
    rows = [_labelled(world, drawn) for drawn in draws]
    by_blind = [_trained(own, study) for own in rows]
    by_all = [_trained(own.with_columns(blind_grade="grade"), study) for own in rows]
    n_released = sum(release is not None and naming_training.refusal(release) is None for release in by_blind)
    return len(draws), n_released, _mean_gain(by_blind), _mean_gain(by_all)


def _trained(rows: pl.DataFrame, study: Study) -> NamerRelease | None:
    """The release that `journeys train` would train on the labels; None if there are too few."""
    params = study.algorithm
    try:
        return naming_training.train_namer(
            rows, as_of=study.last_day, naming=params.naming, params=params.name_training
        )
    except naming_training.NotEnoughNames:
        return None


def _mean_gain(releases: Sequence[NamerRelease | None]) -> float | None:
    gains = [release.card["comparisons"][0]["gain"] for release in releases if release is not None]
    return float(np.mean(gains)) if gains else None


def curve_plot(points: pl.DataFrame, dataset: str) -> Plot:
    svg = curves(
        points.filter(pl.col("method") != BEST),
        x="n_labels",
        y="value",
        by="method",
        labels=("labels by annotators (log scale)", METRIC),
        ours=LEARNT,
        log_x=True,
    )
    return Plot(
        f"{dataset}: agreement of names with what annotators would call a journey, on themes and users without labels, "
        "by number of labels; bands are 95 % intervals over users.",
        svg,
    )


def _by_user(names: pl.DataFrame, users: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    means = names.group_by("user").agg(pl.col("grade").mean())
    return pl.DataFrame({"user": users}).join(means, on="user", how="left", maintain_order="left")["grade"].to_numpy()
