"""Diversification: its cost in relevance, its gain in distance and themes; and the memory of sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.actions import count_columns
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import plan_notifications
from journeys_assets.domain.notifications.send_memory import similar_sends
from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.similarity import products_by_user
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.report.plots import new_figure, to_svg
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import notifications as notification_queries
from journeys_assets.storage.queries import users as user_queries

NAME = "diversification"
TOP = 5
FUTURE_DAYS = 7
WARM_UP_DAYS = 28
EVERY_DAYS = 14
MAX_DAYS = 8
NONE = "none (by score)"
PUBLISHED = "published penalty (default)"
BOUND = "each theme once, noise last"
MEMORY_PENALTY = 0.8
WITH_MEMORY = f"memory, penalty {MEMORY_PENALTY}"

CURVES: Mapping[str, Sequence[Mapping[str, object]]] = {
    "penalty": [{"diversification_penalty": p} for p in (0.95, 0.8, 0.6, 0.4, 0.2)],
    "penalty, similar from cosine 0.4": [
        {"diversification_penalty": p, "similarity_threshold": 0.4} for p in (0.95, 0.8, 0.6, 0.4, 0.2)
    ],
    "mmr": [{"mmr_relevance_weight": w} for w in (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)],
    "ssd": [{"ssd_gamma": g} for g in (0.05, 0.1, 0.25, 0.5, 1.0)],
    "dpp": [{"dpp_similarity_weight": w} for w in (0.4, 0.6, 0.8, 0.9, 1.0)],
}
"""Points on each method's curve, from weak to strong."""

PROTOCOL = f"""
Every {EVERY_DAYS} days from day {WARM_UP_DAYS} of a log (for a sparser study, on its days; at most {MAX_DAYS} days,
evenly spread), each user's live journeys are ranked by the score of that day and re-ranked by each method.
**Relevance** is NDCG@{TOP}: a journey's gain is ln(1 + actions on its member keywords in the next {FUTURE_DAYS} days),
discounted by log2(1 + rank); users without such an action on any journey are left out. **Distance** is the mean of
1 - cosine over pairs of centroids in the top {TOP}. **Themes**, where the truth is known: distinct true themes among
the top {TOP} (a journey's theme is that of most of its keyword weight). All are means over a user's days, then over
users; intervals resample users.

Nothing is fitted. The default of each method is the one in the parameters, and was not chosen on these logs; the curves
show other values. The distance uses the vectors that MMR, SSD and DPP optimise, so it favours them over the penalty;
themes do not. NDCG measures what users continued by themselves. It cannot measure that users tire of repetition, which
is the reason for diversification.

**Memory of sends**: the pipeline's own plans are replayed day by day as if each had been sent, with the memory (a
penalty of {MEMORY_PENALTY} per send) and without, everything else being equal. A repeat is a send of a true theme that
was sent to the user in the 28 days before. The synthetic users do not tire of a theme, so here the memory can only cost
relevance.
"""


def evaluate_diversification(studies: Sequence[Study]) -> Section:
    """Each diversifier on each study, and the memory of sends where themes are known.

    Args:
        studies: Studies with ranked_journeys, journey_clusters, inference_ledger and keyword_table. Those without a day
            at least ``FUTURE_DAYS`` before the end of the log are left out.

    Raises:
        ValueError: no study has such a day.
    """
    parts, plots, tables = [], [], {}
    for study in studies:
        lists = ranked_lists(study)
        if lists.is_empty():
            continue
        params = study.algorithm.ranking
        at_default = {NONE: list_figures(lists, replace(params, diversifier="none"))}
        at_default[PUBLISHED] = list_figures(lists, replace(params, diversifier="penalty"))
        for name in ("mmr", "ssd", "dpp"):
            at_default[f"{name} (default)"] = list_figures(lists, replace(params, diversifier=name))
        parts += list(_measured(study, at_default))
        curve = _curve(lists, params, at_default[NONE])
        if not study.truth:
            curve = curve.drop("themes")
        tables[f"{study.name}: relevance and distance along each method's parameter"] = curve
        plots.append(_plot(study.name, curve))
        if study.truth and _has_sends(study):
            parts += list(_memory(study))
    if not parts:
        raise ValueError(f"no study has a day with {FUTURE_DAYS} days of log after it")
    results, comparisons = gathered(parts)
    return Section(
        NAME,
        "Diversification",
        PROTOCOL,
        results,
        comparisons,
        tuple(plots),
        tables,
        headline=("NDCG@5 of the next 7 days", "distance within the top 5"),
    )


# ── lists and their figures ─────────────────────────────────────────────────────────────────────────────────────────


def ranked_lists(study: Study) -> pl.DataFrame:
    """Every studied user and day: user_id (combined with the day), owner, journey_id, score, centroid, gain, theme."""
    frames = [frame for day in _days(study) if (frame := _lists_of_day(study, day)).height]
    return pl.concat(frames) if frames else pl.DataFrame()


def _days(study: Study) -> list[date]:
    found: list[date] = []
    for day in study.days:
        late_enough = day >= study.days[0] + timedelta(days=WARM_UP_DAYS) or len(study.days) < 2 * WARM_UP_DAYS
        apart = not found or day - found[-1] >= timedelta(days=EVERY_DAYS)
        if late_enough and apart and day + timedelta(days=FUTURE_DAYS) <= study.last_day:
            found.append(day)
    return found[:: max(1, -(-len(found) // MAX_DAYS))]


def _lists_of_day(study: Study, day: date) -> pl.DataFrame:
    with study.warehouse.reading() as con:
        states = inference.live_states(con, day, study.algorithm.keywords.horizon_days)
        columns = ("user_id", "journey_id", "keywords", "keyword_weights", "centroid")
        clusters = inference.journeys_in(con, states, columns)
        scored = con.execute(
            "SELECT user_id, journey_id, score FROM main.ranked_journeys WHERE partition_date = $day",
            {"day": day},
        ).pl()
        future = con.execute(
            f"""
            SELECT user_id, keyword, sum({" + ".join(count_columns(study.algorithm.actions))})::DOUBLE AS n
            FROM main.keyword_table
            WHERE partition_date > $day AND partition_date <= $day + $days::INTEGER GROUP BY ALL
            """,
            {"day": day, "days": FUTURE_DAYS},
        ).pl()
    members = clusters.select("user_id", "journey_id", keyword="keywords", weight="keyword_weights").explode(
        "keyword", "weight"
    )
    gains = (
        members.join(future, on=["user_id", "keyword"])
        .group_by("user_id", "journey_id")
        .agg(gain=pl.col("n").sum().log1p())
    )
    return (
        scored.join(clusters.select("user_id", "journey_id", "centroid"), on=["user_id", "journey_id"])
        .join(gains, on=["user_id", "journey_id"], how="left")
        .join(_themes(members, study), on=["user_id", "journey_id"], how="left")
        .select(
            "journey_id",
            "score",
            "centroid",
            "theme",
            pl.col("gain").fill_null(0.0),
            owner="user_id",
            user_id=pl.format("{} {}", pl.lit(str(day)), "user_id"),
        )
        .sort("user_id", "journey_id")
    )


def _themes(members: pl.DataFrame, study: Study) -> pl.DataFrame:
    """The true theme of most of a journey's keyword weight. Journeys with only noise are left out."""
    if not study.truth:
        return pl.DataFrame(schema={"user_id": pl.String, "journey_id": pl.String, "theme": pl.String})
    known = (
        study.truth["truth_keywords"]
        .filter(pl.col("theme").is_not_null())
        .select("user_id", "theme", keyword="normalised_keyword")
        .unique(["user_id", "keyword"], keep="first", maintain_order=True)
    )
    return (
        members.join(known, on=["user_id", "keyword"])
        .group_by("user_id", "journey_id", "theme")
        .agg(pl.col("weight").sum())
        .sort("user_id", "journey_id", "weight", "theme", descending=[False, False, True, False])
        .unique(["user_id", "journey_id"], keep="first", maintain_order=True)
        .drop("weight")
    )


def list_figures(lists: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """By user: relevance, distance, themes (means over the user's days; null if undefined on all of them), and the
    number of themes that the best order would show."""
    ranked = diversify(lists.select("user_id", "journey_id", "score", "centroid"), params).select(
        "user_id", "journey_id", "rank"
    )
    ordered = lists.join(ranked, on=["user_id", "journey_id"]).sort("user_id", "rank")
    top = ordered.filter(pl.col("rank") <= TOP)
    discount = 1.0 / (pl.col("rank") + 1).log(2)
    best_gain = pl.col("gain").sort(descending=True).head(TOP)
    best = (best_gain / (pl.int_range(pl.len()).head(TOP) + 2).log(2)).sum()
    relevance = (
        ordered.group_by("owner", "user_id")
        .agg(
            found=(pl.col("gain") * discount).filter(pl.col("rank") <= TOP).sum(),
            best=best,
            themes=pl.col("theme").filter(pl.col("rank") <= TOP).drop_nulls().n_unique(),
            themes_to_find=pl.col("theme").drop_nulls().n_unique().clip(upper_bound=TOP),
        )
        .with_columns(relevance=pl.when(pl.col("best") > 0).then(pl.col("found") / pl.col("best")))
    )
    per_list = relevance.join(_distances(top), on="user_id", how="left")
    return (
        per_list.group_by("owner")
        .agg(pl.col("relevance", "distance").mean(), pl.col("themes", "themes_to_find").cast(pl.Float64).mean())
        .sort("owner")
    )


def _distances(top: pl.DataFrame) -> pl.DataFrame:
    """user_id, distance: the mean of 1 - cosine over pairs of the list. Lists with one journey are left out."""
    owners, values = [], []
    for products in products_by_user(top):
        n = products.rows.shape[1]
        upper = np.triu_indices(n, 1)
        values.append((1.0 - products.cosines()[:, upper[0], upper[1]]).mean(axis=1))
        owners.append(products.rows[:, 0])
    if not owners:
        return pl.DataFrame(schema={"user_id": pl.String, "distance": pl.Float64})
    names = top["user_id"].gather(np.concatenate(owners))
    return pl.DataFrame({"user_id": names, "distance": np.concatenate(values)})


def _measured(study: Study, figures: Mapping[str, pl.DataFrame]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    metrics = {"relevance": f"NDCG@{TOP} of the next {FUTURE_DAYS} days", "distance": f"distance within the top {TOP}"}
    if study.truth:
        metrics["themes"] = f"true themes in the top {TOP}"
    for column, metric in metrics.items():
        values = {name: _column(rows, column) for name, rows in figures.items()}
        if column == "themes":
            values[BOUND] = _column(figures[NONE], "themes_to_find")
        yield measure(
            {name: mean_of(sample) for name, sample in values.items()},
            dataset=study.name,
            metric=metric,
            n_users=len(values[NONE]),
            ours=PUBLISHED,
            bounds=[BOUND] if column == "themes" else [],
        )


def _column(rows: pl.DataFrame, column: str) -> NDArray[np.float64]:
    return rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _curve(lists: pl.DataFrame, params: RankingParams, by_score: pl.DataFrame) -> pl.DataFrame:
    """Mean figures at every point of ``CURVES``. Each curve begins with the order by score."""
    start = _means(by_score)
    rows = []
    for curve, points in CURVES.items():
        rows.append({"method": curve, "parameters": "by score", **start, "is_default": False})
        method = curve.split(",")[0]
        for point in points:
            chosen = replace(params, diversifier=method, **point)  # type: ignore[arg-type]
            is_default = all(getattr(params, name) == value for name, value in point.items())
            text = ", ".join(f"{name} {value}" for name, value in point.items())
            rows.append(
                {"method": curve, "parameters": text, **_means(list_figures(lists, chosen)), "is_default": is_default}
            )
    return pl.DataFrame(rows)


def _means(figures: pl.DataFrame) -> dict[str, float]:
    means = figures.select("relevance", "distance", "themes").mean().row(0, named=True)
    return {name: float(value) for name, value in means.items()}


def _plot(study: str, curve: pl.DataFrame) -> Plot:
    figure, (axes,) = new_figure(7, 4.5)
    for (method,), rows in curve.group_by("method", maintain_order=True):
        (line,) = axes.plot(rows["distance"], rows["relevance"], marker="o", markersize=3, label=str(method))
        default = rows.filter("is_default")
        axes.plot(
            default["distance"], default["relevance"], "s", markersize=9, fillstyle="none", color=line.get_color()
        )
    axes.set_xlabel(f"mean cosine distance within the top {TOP}")
    axes.set_ylabel(f"NDCG@{TOP}, next {FUTURE_DAYS} days")
    axes.set_title(study)
    axes.legend(fontsize=8)
    caption = (
        f"{study}: relevance against distance, each method from weak (by score) to strong; squares are the defaults. "
        "Further up and to the right is better."
    )
    return Plot(caption, to_svg(figure))


# ── memory of sends ─────────────────────────────────────────────────────────────────────────────────────────────────


def _has_sends(study: Study) -> bool:
    n: int = study.rows("SELECT count(*) AS n FROM main.notification_candidates WHERE decision = 'send'")["n"][0]
    return n > 0


def _memory(study: Study) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Repeats and relevance of the replayed sends, with and without the memory."""
    params = study.algorithm.notifications
    settings = {
        WITH_MEMORY: replace(params, memory_penalty=MEMORY_PENALTY),
        "without memory (default)": replace(params, memory_penalty=1.0),
    }
    sends = {name: _replayed(study, params) for name, params in settings.items()}
    users = pl.concat([rows.select("user_id") for rows in sends.values()]).unique().sort("user_id")
    figures: dict[str, tuple[str, bool, Callable[[pl.DataFrame], pl.DataFrame]]] = {
        "repeats": ("share of sends that repeat a theme of 28 days", False, lambda rows: theme_repeats(rows)),
        "relevance": (f"ln(1 + actions of the next {FUTURE_DAYS} days) on the journey sent", True, lambda rows: rows),
    }
    for column, (metric, is_higher_better, of) in figures.items():
        values = {}
        for name, rows in sends.items():
            per_user = of(rows).group_by("user_id").agg(pl.col(column).cast(pl.Float64).mean())
            values[name] = _column(users.join(per_user, on="user_id", how="left", maintain_order="left"), column)
        yield measure(
            {name: mean_of(sample) for name, sample in values.items()},
            dataset=study.name,
            metric=metric,
            n_users=users.height,
            ours=WITH_MEMORY,
            is_higher_better=is_higher_better,
        )


def theme_repeats(sends: pl.DataFrame) -> pl.DataFrame:
    ordered = sends.sort("user_id", "sent_date").filter(pl.col("theme").is_not_null())
    since = (pl.col("sent_date") - pl.col("sent_date").shift(1).over("user_id", "theme")).dt.total_days()
    return ordered.with_columns(repeats=(since <= 28).fill_null(False))


def _replayed(study: Study, params: NotificationParams) -> pl.DataFrame:
    """The sends if every planned send is made: user_id, sent_date, journey_id, theme, relevance."""
    hours = pl.DataFrame(schema={"user_id": pl.String, "hour_utc": pl.Int64, "n": pl.Int64})
    schema = {"user_id": pl.String, "journey_id": pl.String, "channel": pl.String, "sent_date": pl.Date}
    sent, outcomes = pl.DataFrame(schema=schema), []
    for day in study.days:
        if day + timedelta(days=FUTURE_DAYS) > study.last_day:
            break
        with study.warehouse.reading() as con:
            users = user_queries.users(con, day)
            journeys = notification_queries.journeys_to_send(con, [day])[day]
            horizon_days = study.algorithm.keywords.horizon_days
            centroids = notification_queries.centroids_to_remember(con, sent, day, params, horizon_days)
        remembered = similar_sends(centroids, sent, day, params)
        plan = plan_notifications(journeys, users, hours, sent, remembered, day, params)
        chosen = plan.filter(pl.col("decision") == "send")
        if chosen.height:
            outcomes.append(_outcomes_of_sends(study, chosen, day))
            new = chosen.select("user_id", "journey_id", "channel", sent_date=pl.lit(day + timedelta(days=1)))
            sent = pl.concat([sent, new])
    return pl.concat(outcomes)


def _outcomes_of_sends(study: Study, chosen: pl.DataFrame, day: date) -> pl.DataFrame:
    lists = _lists_of_day(study, day).select("journey_id", "theme", relevance="gain", user_id="owner")
    return chosen.select("user_id", "journey_id", sent_date=pl.lit(day + timedelta(days=1))).join(
        lists, on=["user_id", "journey_id"], how="left"
    )
