"""Scores of submissions: figures of each user, and their means with intervals over users.

Every figure is over the keywords or the known journeys of a user, and never over the journeys of a submission. So it
cannot be raised by leaving out journeys, by splitting them or by joining them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.statistics.partitions import agreement
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.baselines.naming_judges import Embed, Theme, grade, judged
from journeys_assets.evaluation.benchmark.folder import LEAST_KEYWORDS, Truth
from journeys_assets.evaluation.benchmark.submission import Submission
from journeys_assets.evaluation.data.stage_truth import MIN_PURITY, macro_f1_of
from journeys_assets.evaluation.report.section import gathered
from journeys_assets.evaluation.statistics.intervals import Statistic, mean_of, measure

F1, PRECISION, RECALL = "B-cubed F1", "B-cubed precision", "B-cubed recall"
COUNT, NAMES, KIND, STAGE, NDCG, RETURN = (
    "cluster count", "names", "kind", "stage", "NDCG@5", "keywords that come back",
)  # fmt: skip
HEADLINE = F1
NDCG_AT = 5
COVERS = 0.5
"""A journey stands for a known one if the F1 of their keywords exceeds this."""
NONE = "none"
"""In place of a kind or stage that a submission does not give."""

ABOUT: Mapping[str, str] = {
    F1: "Agreement of the journeys with the known ones (Bagga & Baldwin 1998). A keyword without a journey counts as a "
    "journey of its own, in the submission and in the truth.",
    PRECISION: "Falls where journeys are joined.",
    RECALL: "Falls where journeys are split.",
    COUNT: "|log2(journeys / known journeys)|, keywords without a journey included; lower is better.",
    NAMES: f"Mean over known journeys with {LEAST_KEYWORDS} keywords or more. The name of the journey that stands for "
    "it is compared with all themes; its figure is 1/rank of the right one, by the stricter of two rules (sentence "
    f"embedding, words). A known journey that none stands for (F1 of the keywords {COVERS} or less) counts 0.",
    KIND: f"Macro F1 over the same known journeys. A journey that is not found or has no kind is wrong ({NONE}).",
    STAGE: "The same for ongoing and ended. Journeys that pause are left out.",
    NDCG: f"The ranked journeys of a user against the known ones that are current: each counts at the first journey of "
    f"which at least {MIN_PURITY:.0%} of the keywords are of it. Users with a current journey.",
    RETURN: "Area under the ROC curve of a user's keywords, by the rank of their journey: 1 if all keywords that the "
    "user came back to in the weeks after are in journeys ranked above all others; 0.5 for any order, ties included. "
    "Keywords that are known to be in no journey are left out.",
}
"""What each figure means."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What came of scoring submissions on one data set.

    Attributes:
        results: Rows of ``RESULTS``, one per figure and submission.
        behind: Rows of ``COMPARISONS``: for each figure, the submission with the best value against every other one.
    """

    results: pl.DataFrame
    behind: pl.DataFrame


def score(
    dataset: str,
    truth: Truth,
    submissions: Sequence[Submission],
    embed: Embed,
    *,
    seed: int = 1,
    n_resamples: int = N_RESAMPLES,
) -> Scores:
    """Score the submissions that have rows for a data set, all over the same resampled users.

    Args:
        embed: The sentence embedding that names are graded with.

    Raises:
        ValueError: two submissions have the same name.
    """
    entered = [one for one in submissions if dataset in one.rows]
    names = [one.name for one in entered]
    if len(set(names)) < len(names):
        raise ValueError(f"two submissions have the same name: {', '.join(sorted(names))}")
    users = truth.keywords["user_id"].unique().sort()
    statistics: dict[str, dict[str, Statistic]] = {}
    for one in entered:
        for metric, statistic in _statistics(truth, one.rows[dataset], one.given[dataset], users, embed).items():
            statistics.setdefault(metric, {})[one.name] = statistic
    parts = []
    everyone = np.ones(len(users))
    for metric in ABOUT:
        of = statistics.get(metric, {})
        if not of:
            continue
        higher = metric != COUNT
        values = {name: statistic(everyone) for name, statistic in of.items()}
        best = (max if higher else min)(values, key=lambda name: values[name])
        parts.append(
            measure(
                of,
                dataset=dataset,
                metric=metric,
                n_users=len(users),
                ours=best,
                is_higher_better=higher,
                seed=seed,
                n_resamples=n_resamples,
            )
        )
    results, behind = gathered(parts)
    return Scores(results, behind)


def _statistics(
    truth: Truth, rows: pl.DataFrame, given: frozenset[str], users: pl.Series, embed: Embed
) -> dict[str, Statistic]:
    """The figures that a submission can be scored by: they need a truth, and some need an optional column."""
    keywords = truth.keywords.join(
        rows.select("user_id", "keyword", found="journey", rank="rank"), on=["user_id", "keyword"], how="left"
    ).sort("user_id", "keyword")
    found: dict[str, Statistic] = {}
    is_known = keywords["journey"].null_count() < keywords.height
    if is_known:
        found |= {metric: mean_of(values) for metric, values in _partition_figures(keywords).items()}
    if "rank" in given and keywords["comes_back"].null_count() < keywords.height:
        # Words that are of no journey, such as "ideas", come back whatever the user is trying to do.
        of_journeys = keywords.drop_nulls("journey") if is_known else keywords
        found[RETURN] = mean_of(_by_user(_return_auc(of_journeys), users))
    if truth.journeys.height:
        stands = _standing_for(keywords, truth.journeys, rows)
        owner = np.searchsorted(users.to_numpy(), stands["user_id"].to_numpy()).astype(np.int64)
        if "name" in given:
            found[NAMES] = mean_of(_by_user(_name_grades(stands, truth.themes, embed), users))
        if "kind" in given:
            found[KIND] = macro_f1_of(stands["kind"].to_list(), stands["kind_given"].fill_null(NONE).to_list(), owner)
        dated = stands.with_columns(owner=pl.Series(owner)).drop_nulls("stage")
        if "stage" in given and dated.height:
            said = dated["stage_given"].fill_null(NONE).to_list()
            found[STAGE] = macro_f1_of(dated["stage"].to_list(), said, dated["owner"].to_numpy())
        if "rank" in given:
            found[NDCG] = mean_of(_by_user(_ndcg(keywords, truth.journeys), users))
    return found


def _partition_figures(keywords: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Figures of the partition for each user, by user_id. Keywords without a journey are each one of its own."""
    alone = pl.format("alone {}", "keyword")
    labelled = keywords.with_columns(
        **{name: pl.coalesce(pl.format("journey {}", name), alone) for name in ("journey", "found")}
    )
    whole = [
        agreement(own["journey"].to_numpy(), own["found"].to_numpy())
        for _, own in labelled.group_by("user_id", maintain_order=True)
    ]
    return {
        F1: np.array([one.bcubed_f1 for one in whole]),
        PRECISION: np.array([one.bcubed_precision for one in whole]),
        RECALL: np.array([one.bcubed_recall for one in whole]),
        COUNT: np.array([abs(math.log2(one.n_found / one.n_true)) for one in whole]),
    }


def _standing_for(keywords: pl.DataFrame, journeys: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The known journeys, each with the journey of the submission that stands for it.

    Returns:
        The columns of ``journeys``, and found, name, kind_given, stage_given; null where none stands for it. Sorted.
    """
    own, size = ["user_id", "journey"], pl.len().cast(pl.Float64)
    overlaps = keywords.drop_nulls(["journey", "found"]).group_by("user_id", "journey", "found").agg(both=size)
    true = keywords.drop_nulls("journey").group_by(own).agg(n_true=size)
    # All keywords of a journey count, also those that are in no known one.
    said = keywords.drop_nulls("found").group_by("user_id", "found").agg(n_found=size)
    best = (
        overlaps.join(true, on=own)
        .join(said, on=["user_id", "found"])
        .with_columns(f1=2 * pl.col("both") / (pl.col("n_true") + pl.col("n_found")))
        .filter(pl.col("f1") > COVERS)
        .sort("f1", "found", descending=[True, False])
        .unique(own, keep="first", maintain_order=True)
    )
    facts = rows.unique(["user_id", "journey"], keep="first", maintain_order=True).select(
        "user_id", "name", found="journey", kind_given="kind", stage_given="stage"
    )
    return (
        journeys.join(best.select(*own, "found"), on=own, how="left")
        .join(facts, on=["user_id", "found"], how="left")
        .sort(own)
    )


def _name_grades(stands: pl.DataFrame, themes: pl.DataFrame, embed: Embed) -> pl.DataFrame:
    """user_id, value: the mean grade of the names that stand for the user's known journeys."""
    known = {journey: Theme(label, tuple(phrases)) for journey, label, phrases in themes.iter_rows()}
    stands = stands.with_columns(name=normalise_series(stands["name"].fill_null("")).replace("", None))
    named = stands.drop_nulls("name").select(keyword="name", theme="journey").unique()
    if named.is_empty():
        return stands.select("user_id", value=pl.lit(0.0)).unique()
    grades = judged(named, known, embed).with_columns(value=grade()).select("keyword", "theme", "value")
    graded = stands.join(
        grades, left_on=["name", "journey"], right_on=["keyword", "theme"], how="left", maintain_order="left"
    )
    return graded.group_by("user_id").agg(pl.col("value").fill_null(0.0).mean())


def _ndcg(keywords: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    """user_id, value: NDCG of each user with a known journey that is current."""
    of = ["user_id", "found"]
    votes = keywords.drop_nulls(["found", "rank"]).with_columns(size=pl.len().over(of))
    pure = (
        votes.drop_nulls("journey")
        .group_by(*of, "journey")
        .agg(share=pl.len() / pl.col("size").first(), rank=pl.col("rank").first())
        .filter(pl.col("share") >= MIN_PURITY)
    )
    # Places are taken by all ranked journeys, and a known journey counts once, at its first place.
    places = votes.unique(of).with_columns(place=pl.col("rank").rank("ordinal").over("user_id")).select(*of, "place")
    current = journeys.filter("is_current").select("user_id", "journey")
    hits = (
        pure.join(places, on=of)
        .join(current, on=["user_id", "journey"], how="semi")
        .group_by("user_id", "journey")
        .agg(pl.col("place").min())
        .filter(pl.col("place") <= NDCG_AT)
        .group_by("user_id")
        .agg(gain=(1.0 / (pl.col("place") + 1.0).log(2.0)).sort().sum())
    )
    discounts = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, NDCG_AT + 2)))])
    ideal = current.group_by("user_id").len().sort("user_id")
    best = pl.Series("best", discounts[ideal["len"].clip(upper_bound=NDCG_AT).to_numpy()])
    return (
        ideal.with_columns(best)
        .join(hits, on="user_id", how="left")
        .select("user_id", value=pl.col("gain").fill_null(0.0) / pl.col("best"))
    )


def _return_auc(keywords: pl.DataFrame) -> pl.DataFrame:
    """user_id, value: AUC of each user with keywords that come back and keywords that do not."""
    lowest = pl.col("rank").max().over("user_id").fill_null(0) + 1
    placed = keywords.with_columns(worth=-pl.col("rank").fill_null(lowest).cast(pl.Float64))
    ranked = placed.with_columns(place=pl.col("worth").rank("average").over("user_id"))
    n_up, n = pl.col("comes_back").sum().cast(pl.Float64), pl.len().cast(pl.Float64)
    above = pl.col("place").filter(pl.col("comes_back")).sum() - n_up * (n_up + 1) / 2
    return (
        ranked.group_by("user_id")
        .agg(value=above / (n_up * (n - n_up)), is_known=(n_up > 0) & (n_up < n))
        .filter("is_known")
        .select("user_id", "value")
    )


def _by_user(values: pl.DataFrame, users: pl.Series) -> NDArray[np.float64]:
    """(users,): the value of each user; NaN without one."""
    every = pl.DataFrame({"user_id": users}).join(values, on="user_id", how="left", maintain_order="left")
    return every["value"].fill_null(math.nan).to_numpy()
