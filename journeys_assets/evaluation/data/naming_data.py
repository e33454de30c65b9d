"""Journeys whose theme is known, to fit and grade naming on.

They have the shape that ``domain.naming.names`` takes, with their true themes. ``halves`` decides which themes a fit
may use. ``baselines.naming_judges`` grades names, ``parts.naming`` computes the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.text import normalise, normalise_series
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.evaluation.baselines.naming_judges import Embed, Theme
from journeys_assets.evaluation.data.study import Study
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.synthetic.themes import THEMES

CLUSTER_COLUMNS = (
    "user_id",
    "journey_id",
    "window_end_date",
    "keywords",
    "keyword_weights",
    "keyword_centralities",
    "keyword_theme_centralities",
)
_FACTS = ("user_id", "keyword", "display_form", "n_queries", "first_engaged_at", "commonness")
_MIN_WANDS_QUERIES = 3
_MIN_CORPUS_TEXTS = 12


@dataclass(frozen=True, slots=True)
class Journeys:
    """Journeys to name.

    Attributes:
        clusters: Columns of ``CLUSTER_COLUMNS``, and user (the owner; ``user_id`` differs between inferences of one
            user), day (null for pseudo users), theme (null if unknown).
        facts: As from ``storage.queries.keywords.keyword_facts``.
        themes: Label and phrases of every theme of the set.
    """

    clusters: pl.DataFrame
    facts: pl.DataFrame
    themes: Mapping[str, Theme]


def halves(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The themes that may be fitted on, and those that are held out."""
    shuffled = np.random.default_rng(7).permutation(sorted(names)).tolist()
    return sorted(shuffled[: len(shuffled) // 2]), sorted(shuffled[len(shuffled) // 2 :])


# ── pooled pseudo users ─────────────────────────────────────────────────────────────────────────────────────────────


def clinc_pools(phrases: pl.DataFrame) -> tuple[dict[str, list[str]], dict[str, Theme]]:
    """Keywords of each CLINC150 intent for pseudo users, and its theme, which has the other half of its phrases."""
    keywords: dict[str, list[str]] = {}
    themes: dict[str, Theme] = {}
    rng = np.random.default_rng(3)
    for label, all_of_it in _by_label(phrases, "clinc150").items():
        places = rng.permutation(len(all_of_it))
        keywords[label] = [all_of_it[i] for i in sorted(places[: len(places) // 2])]
        themes[label] = Theme(label.replace("_", " "), tuple(all_of_it[i] for i in places[len(places) // 2 :]))
    return keywords, themes


def wands_pools(phrases: pl.DataFrame) -> tuple[dict[str, list[str]], dict[str, Theme]]:
    """Queries of each WANDS class that has at least three, and the themes of all classes.

    A class has too few queries to set some aside, so its theme has all of them; the graded one is removed on grading.
    """
    classes = _by_label(phrases, "wands")
    themes = {label: Theme(label, tuple(queries)) for label, queries in classes.items()}
    return {label: queries for label, queries in classes.items() if len(queries) >= _MIN_WANDS_QUERIES}, themes


def corpus_pools(corpora: pl.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Keywords of each label that has at least twelve, of each corpus: enough to draw some of them."""
    pools = {name: _by_label(corpora, name) for name in corpora["set"].unique().sort()}
    return {
        name: {label: own for label, own in labels.items() if len(own) >= _MIN_CORPUS_TEXTS}
        for name, labels in pools.items()
    }


def pooled(
    keywords: Mapping[str, Sequence[str]],
    themes: Mapping[str, Theme],
    embed: Embed,
    *,
    n_users: int,
    sizes: tuple[int, int],
    seed: int,
    n_journeys: tuple[int, int] = (2, 8),
) -> Journeys:
    """Pseudo users with a few themes and some keywords of each (both ranges inclusive). Their clusters are the truth.

    Each keyword was engaged with once, at no known time. A keyword of two themes goes to the first.
    """
    rng = np.random.default_rng(seed)
    labels = sorted(keywords)
    rows: list[tuple[str, str, list[str]]] = []
    for number in range(n_users):
        seen: set[str] = set()
        for label in rng.choice(labels, size=rng.integers(*n_journeys, endpoint=True), replace=False).tolist():
            free = [keyword for keyword in keywords[label] if keyword not in seen]
            size = min(len(free), int(rng.integers(*sizes, endpoint=True)))
            mine = sorted(free[i] for i in rng.choice(len(free), size=size, replace=False))
            if mine:
                rows.append((f"user {number:04}", label, mine))
                seen.update(mine)
    clusters = pl.DataFrame(
        [(user, label, mine, [1.0] * len(mine), near, near) for user, label, mine, near in _described(rows, embed)],
        schema=["user_id", "journey_id", *CLUSTER_COLUMNS[3:]],
        orient="row",
    ).with_columns(user="user_id", day=pl.lit(None, dtype=pl.Date), theme="journey_id")
    facts = (
        clusters.select("user_id", keyword="keywords")
        .explode("keyword")
        .with_columns(
            display_form=pl.col("keyword"),
            n_queries=pl.lit(1, dtype=pl.Int64),
            first_engaged_at=pl.lit(None, dtype=pl.Datetime("us")),
            commonness=pl.lit(0.0),
        )
    )
    return Journeys(clusters, facts.select(_FACTS), themes)


def _described(
    rows: Sequence[tuple[str, str, list[str]]], embed: Embed
) -> Iterable[tuple[str, str, list[str], list[float]]]:
    """Each row with the cosines of its keywords to their mean."""
    for user, label, keywords in rows:
        vectors = np.asarray(embed(keywords), dtype=np.float64)
        centre = vectors.mean(axis=0)
        yield user, label, keywords, (vectors @ centre / np.linalg.norm(centre)).tolist()


def _by_label(phrases: pl.DataFrame, name: str) -> dict[str, list[str]]:
    rows = phrases.filter(set=name)
    rows = rows.with_columns(keyword=normalise_series(rows["text"]))
    rows = rows.filter(pl.col("keyword") != "").unique("keyword", keep="first", maintain_order=True)
    return dict(rows.group_by("label").agg(pl.col("keyword").sort()).sort("label").iter_rows())


# ── journeys that the pipeline found ────────────────────────────────────────────────────────────────────────────────

SYNTHETIC_THEMES: Mapping[str, Theme] = {
    theme.name: Theme(theme.name, (*theme.phrases, *theme.boards, *(text for _, text in theme.translations)))
    for theme in THEMES
}


def inferences(study: Study, days: Sequence[date], *, at_most: int) -> pl.DataFrame:
    """user_id, day of the inferences of ``days``, for at most ``at_most`` users, evenly spaced by id."""
    rows = study.rows(
        "SELECT user_id, partition_date AS day FROM main.inference_ledger "
        "WHERE partition_date IN (SELECT unnest($days)) ORDER BY ALL",
        {"days": list(days)},
    )
    users = rows["user_id"].unique().sort()
    return rows.filter(pl.col("user_id").is_in(users.gather_every(-(-len(users) // at_most) or 1).to_list()))


def found(study: Study, wanted: pl.DataFrame) -> Journeys:
    """The journeys of some inferences. Each inference of a user counts as a separate user in ``user_id``.

    A journey's theme is that of most of its keywords; null if most have none, and in a log without truth.

    Args:
        wanted: user_id, day; one row per inference.
    """
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    with study.warehouse.reading() as con:
        for (day,), one_day in wanted.sort("day", "user_id").group_by("day", maintain_order=True):
            states = one_day.select("user_id", partition_date="day")
            clusters = inference.journeys_in(con, states, CLUSTER_COLUMNS)
            facts = keyword_queries.keyword_facts(con, clusters, day, study.algorithm.keywords)
            as_of = pl.format("{} {}", "user_id", pl.lit(day))
            parts.append(
                (
                    clusters.with_columns(user="user_id", day=pl.lit(day), user_id=as_of),
                    facts.select(_FACTS).with_columns(user_id=as_of),
                )
            )
    clusters, facts = (pl.concat(frames) for frames in zip(*parts, strict=True))
    return Journeys(clusters.join(_true_themes(clusters, study), on=JOURNEY, how="left"), facts, SYNTHETIC_THEMES)


def keyword_themes(study: Study) -> pl.DataFrame:
    """user, keyword, keyword_theme (null: noise) of a study with truth."""
    truth = study.truth["truth_keywords"]
    return truth.select(user="user_id", keyword="normalised_keyword", keyword_theme="theme")


def _true_themes(clusters: pl.DataFrame, study: Study) -> pl.DataFrame:
    if not study.truth:
        return clusters.select(*JOURNEY, theme=pl.lit(None, dtype=pl.String))
    members = clusters.select(*JOURNEY, "user", keyword="keywords").explode("keyword")
    known = members.join(keyword_themes(study), on=["user", "keyword"], how="left")
    votes = known.group_by(*JOURNEY, "keyword_theme").len()
    most = votes.sort("len", "keyword_theme", descending=[True, False], nulls_last=False)
    return most.group_by(JOURNEY, maintain_order=True).agg(theme=pl.col("keyword_theme").first())


def own_phrases() -> pl.DataFrame:
    """theme, keyword: the searches of people with that aim, for every synthetic theme."""
    pairs = [(theme.name, normalise(phrase)) for theme in THEMES for phrase in theme.phrases]
    return pl.DataFrame(pairs, schema=["theme", "keyword"], orient="row")
