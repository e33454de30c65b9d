"""Journeys by one language model against those of the pipeline, on users whose journeys are known."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from journeys_assets.domain.inference.answers import Answer, partition
from journeys_assets.domain.inference.history import History, histories
from journeys_assets.domain.inference.params import InferenceParams
from journeys_assets.domain.inference.rows import Inferred
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.report.section import Section, gathered
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, N_RESAMPLES, RESULTS, mean_of, measure
from journeys_assets.models.inference.journeys import PURPOSE, question
from journeys_assets.models.llm.base import Asker

NAME, TITLE = "llm_journeys", "Journeys by a language model: one question in place of the pipeline"
WORLD = "synthetic world"
OURS, MODEL, TOGETHER, APART = "pipeline", "language model", "one journey", "each keyword alone"
F1 = "B-cubed F1"
N_USERS = 100

PROTOCOL = f"""
The model is shown the keywords of a user, compressed as in a run, and puts them into journeys (`llm_journeys`). Truth
is the themes of the synthetic world; a keyword without a theme is a journey of its own. Both partitions are of the same
keywords: those that the user had in the window when the pipeline inferred the user last. *{OURS}* is what the pipeline
found; *{MODEL}* is the answer, with the pipeline's clusters for keywords that no journey of it has and for users
without a valid answer, as in a run. *{TOGETHER}* and *{APART}* use nothing.

**Limits.** Texts of the synthetic world are written by rules, and its themes are few. A real log may favour the model
or the pipeline.
"""
WITHOUT_MODEL = "No language model is set, so nothing was measured. Set `[llm]` and evaluate this section again."


def evaluate_llm_journeys(
    world: Study,
    asker: Asker | None,
    params: InferenceParams,
    *,
    n_users: int = N_USERS,
    n_resamples: int = N_RESAMPLES,
) -> Section:
    """Agreement with known journeys of the model's and of the pipeline's.

    Args:
        world: A synthetic world with its truth.
        asker: The language model; None without one. Then the section says so and has no figures.
        n_users: Users who are asked about: the first ones by id, without bots.

    Raises:
        ValueError: the world has no truth for keywords.
    """
    if asker is None:
        return Section(NAME, TITLE, WITHOUT_MODEL, RESULTS.to_frame(), COMPARISONS.to_frame())
    shown, themes = known_histories(world, params, n_users)
    replies = asker.ask((question(one, params.most_journeys) for one in shown), PURPOSE)
    inferred = [Inferred(one, reply.value, reply.tokens) for one, reply in zip(shown, replies, strict=True)]
    values: dict[str, list[float]] = {OURS: [], MODEL: [], TOGETHER: [], APART: []}
    for one in inferred:
        truth = themes[one.history.user_id]
        texts = sorted(truth)
        answer = one.answer or Answer((), 0, 0, 0)
        found = {
            OURS: _labels(one.history.clusters, texts),
            MODEL: _labels([group.keywords for group in partition(one.history, answer)], texts),
            TOGETHER: [0] * len(texts),
            APART: list(range(len(texts))),
        }
        for method, labels in found.items():
            values[method].append(bcubed_f1([truth[text] for text in texts], labels))
    results, comparisons = gathered(
        [
            measure(
                {method: mean_of(of_users) for method, of_users in values.items()},
                dataset=WORLD,
                metric=F1,
                n_users=len(inferred),
                ours=OURS,
                n_resamples=n_resamples,
            )
        ]
    )
    return Section(
        NAME,
        TITLE,
        PROTOCOL.strip(),
        results,
        comparisons,
        tables={f"What {asker.model} was shown and answered, mean over users": _means(inferred)},
        headline=(F1,),
    )


def known_histories(
    world: Study, params: InferenceParams, n_users: int
) -> tuple[list[History], dict[str, dict[str, str]]]:
    """The histories of users as last inferred, and the theme of each of their keywords.

    Raises:
        ValueError: the world has no truth for keywords.
    """
    if "truth_keywords" not in world.truth:
        raise ValueError(f"the study {world.name!r} has no truth for keywords, so it is not a synthetic world")
    people = world.truth["truth_users"].filter(pl.col("user_class") != "bot").select("user_id")
    inferred = world.rows(
        "SELECT user_id, max(partition_date) AS partition_date, "
        "max_by(window_end_date, partition_date) AS window_end_date FROM main.inference_ledger GROUP BY user_id"
    )
    chosen = inferred.join(people, on="user_id", how="semi").sort("user_id").head(n_users)
    clusters = world.rows(
        "SELECT user_id, partition_date, keywords, keyword_weights FROM main.journey_clusters ORDER BY ALL"
    ).join(chosen, on=["user_id", "partition_date"], how="semi")
    last = world.rows(
        "SELECT user_id, keyword, partition_date, last_engaged_at FROM main.keyword_table ORDER BY ALL"
    ).join(chosen.select("user_id", "window_end_date"), on="user_id")
    engaged = (
        last.filter(pl.col("partition_date") <= pl.col("window_end_date"))
        .group_by("user_id", "keyword")
        .agg(pl.col("last_engaged_at").max())
    )
    members = clusters.select("user_id", keyword="keywords", weight="keyword_weights").explode("keyword", "weight")
    window_ends = dict(chosen.select("user_id", "window_end_date").iter_rows())
    shown = histories(
        clusters, members.join(engaged, on=["user_id", "keyword"]), window_ends, most_tokens=params.history_tokens
    )
    meant = world.truth["truth_keywords"].select("user_id", "theme", keyword="normalised_keyword")
    themes: dict[str, dict[str, str]] = {}
    known = members.join(meant, on=["user_id", "keyword"], how="left")
    for user_id, keyword, theme in known.select("user_id", "keyword", "theme").iter_rows():
        themes.setdefault(user_id, {})[keyword] = f"theme {theme}" if theme is not None else f"alone {keyword}"
    return [one for one in shown if one.items], themes


def _labels(groups: Sequence[Sequence[str]], texts: Sequence[str]) -> list[int]:
    number = {text: n for n, group in enumerate(groups) for text in group}
    return [number[text] for text in texts]


def _means(inferred: Sequence[Inferred]) -> pl.DataFrame:
    """One row: users, the share with an answer, and means over users."""
    answers = [one.answer for one in inferred if one.answer is not None]
    tokens = [one.tokens for one in inferred if one.answer is not None and one.tokens]
    n = len(inferred)
    return pl.DataFrame(
        {
            "users": [n],
            "with an answer": [len(answers) / n if n else None],
            "keywords": [sum(one.history.n_keywords for one in inferred) / n if n else None],
            "keywords shown": [sum(len(one.history.items) for one in inferred) / n if n else None],
            "journeys answered": [sum(len(a.journeys) for a in answers) / len(answers) if answers else None],
            "numbers refused": [sum(a.n_unknown + a.n_repeated for a in answers) / len(answers) if answers else None],
            "tokens sent": [sum(sent for sent, _ in tokens) / len(tokens) if tokens else None],
            "tokens answered": [sum(got for _, got in tokens) / len(tokens) if tokens else None],
        }
    )
