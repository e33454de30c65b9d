"""How a fine-tuned model answers about topics that it never learnt from, beside the model before and the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from journeys_assets.domain.finetuning.params import LabelParams
from journeys_assets.domain.inference.answers import Answer
from journeys_assets.domain.inference.history import History
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import Shown, judged, worth
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines.name_readers import readings
from journeys_assets.evaluation.baselines.naming_judges import Embed
from journeys_assets.evaluation.data.naming_data import Journeys
from journeys_assets.evaluation.parts.naming import halved
from journeys_assets.evaluation.parts.naming_dial import centres
from journeys_assets.evaluation.report.section import gathered
from journeys_assets.evaluation.statistics.intervals import N_RESAMPLES, mean_of, measure
from journeys_assets.models.finetuning.examples import Example, about_names, some_of
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.taught_journeys import KnownJourneys, examples_of

TUNED, UNTUNED = "fine-tuned", "not tuned"
PIPELINE, FIRST_KEYWORD, ALWAYS = "pipeline", "a random keyword", "always the same answer"
ACCEPTED, READ, SAME_NAME = "names accepted", "readers: AUC of accepted names", "the pipeline's name"
RIGHT, F1 = "pairs as the pipeline", "B-cubed F1 with the pipeline"
UNREAD = 0.5
"""AUC of a name that a run would not accept: readers learn nothing from it."""

Measured = tuple[pl.DataFrame, pl.DataFrame]

PROTOCOL = f"""\
**Topics.** Every question is about journeys of held-out topics alone; no journey of these topics was learnt from, and
none that is near one of them. Both models are held to the form of the answer, as when they are served.

**Names** are made from half of the keywords of a journey, shown in random order. *{ACCEPTED}* is the share that passes
every check of a run. *{READ}* is how well readers, who see the name alone, tell the other half from keywords of the
user's other journeys; a name that is not accepted counts {UNREAD}. *{SAME_NAME}* is the share of names that the
pipeline gives too. *{PIPELINE}* makes the names that the pipeline gives; *{FIRST_KEYWORD}* is the one shown first.

**Pairs** are two keywords of a user, and whether they are of one journey. *{RIGHT}* is the share of answers that the
pipeline gives too; a missing answer is wrong.

**Journeys** are of the keywords that were shown; one that is in no journey of the answer is alone. *{F1}* compares the
groups with the pipeline's.

Intervals (95 %) resample topics; those of journeys resample users.
"""


def measured(
    held_out: KnownJourneys,
    split: pl.DataFrame,
    labels: LabelParams,
    most_questions: int,
    most_journeys: int,
    askers: Mapping[str, Asker],
    embed: Embed,
    n_resamples: int = N_RESAMPLES,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Figures of the taught tasks on journeys of held-out topics.

    Args:
        held_out: Journeys of held-out topics.
        split: user_id, journey_id, topic.
        most_questions: Of each task.
        most_journeys: Most journeys that one question about a user's keywords asks for.
        askers: By method; the first is compared with the others.

    Returns:
        Rows of ``RESULTS`` and ``COMPARISONS`` (``n_users`` counts topics where regime says so), and names of one
        journey of each topic by method.
    """
    topics = split.select(*JOURNEY, "topic")
    found: list[Measured] = []
    shown = pl.DataFrame()
    if "names" in labels.tasks:
        asked = questions_about_names(
            held_out.clusters, held_out.facts, held_out.naming, labels.most_journeys, most_questions
        )
        if asked[0]:
            figures, shown = measured_names(asked, held_out.naming, topics, askers, embed, n_resamples)
            found += figures
    others = replace(
        labels, tasks=tuple(task for task in labels.tasks if task != "names"), most_questions=most_questions
    )
    examples = examples_of(held_out, others, most_journeys)
    if pairs := [one for one in examples if one.task == "pairs"]:
        found.append(measured_pairs(pairs, topics, askers, n_resamples))
    if journeys := [one for one in examples if one.task == "journeys"]:
        found.append(measured_journeys(journeys, askers, n_resamples))
    return *gathered(found), shown


def questions_about_names(
    clusters: pl.DataFrame, facts: pl.DataFrame, params: NamingParams, most_journeys: int, n: int
) -> tuple[list[Example], Journeys, pl.DataFrame]:
    """Questions about journeys of half of their keywords, those journeys, and the other half, which readers get.

    Args:
        clusters, facts: As from ``storage.queries``; journeys of held-out topics.
        n: Most questions.
    """
    own = clusters.with_columns(user="user_id", day=pl.lit(None, dtype=pl.Date), theme=pl.lit(None, dtype=pl.String))
    seen, unread = halved(Journeys(own, facts, {}))
    names = worth(name_journeys(seen.clusters, facts, params))
    return some_of(list(about_names(names, most_journeys)), n), seen, unread


def measured_names(
    asked: tuple[list[Example], Journeys, pl.DataFrame],
    params: NamingParams,
    topics: pl.DataFrame,
    askers: Mapping[str, Asker],
    embed: Embed,
    n_resamples: int = N_RESAMPLES,
) -> tuple[list[Measured], pl.DataFrame]:
    """Figures on names, and some of the names.

    Args:
        asked: Result of :func:`questions_about_names`.
        topics: user_id, journey_id, topic.
        askers: By method; the first is compared with the others.
    """
    examples, seen, unread = asked
    names = worth(name_journeys(seen.clusters, seen.facts, params))
    facts = centres(seen.clusters, embed)
    wanted = [(one.user_id, journey_id) for one in examples for journey_id in one.journey_ids]
    given: dict[str, dict[tuple[str, str], str]] = {
        method: _names_by(examples, asker) for method, asker in askers.items()
    }
    given[FIRST_KEYWORD] = {key: name for one in examples for key, name in _first_keywords(one)}
    given[PIPELINE] = {(one.user_id, journey_id): name for one in examples for journey_id, name in one.pipeline.items()}
    rows = [
        _judged_names(method, of_method, wanted, names, facts, unread, embed) for method, of_method in given.items()
    ]
    table = pl.concat(rows).join(topics, on=JOURNEY)
    figures = [
        _over(table, "topic", column, metric, [*askers, FIRST_KEYWORD], n_resamples)
        for metric, column in ((ACCEPTED, "is_accepted"), (READ, "auc"), (SAME_NAME, "is_same"))
    ]
    examples_shown = (
        table.pivot("method", index=[*JOURNEY, "topic"], values="name").sort("topic", *JOURNEY).drop(JOURNEY)
    )
    return figures, examples_shown.unique("topic", keep="first", maintain_order=True)


def measured_pairs(
    examples: Sequence[Example], topics: pl.DataFrame, askers: Mapping[str, Asker], n_resamples: int = N_RESAMPLES
) -> Measured:
    """Figures on pairs; see :func:`measured_names`."""
    most = Counter(one.pipeline for one in examples).most_common(1)[0][0]
    answers: dict[str, list[Any]] = {method: _values(examples, asker, "pairs") for method, asker in askers.items()}
    answers[ALWAYS] = [most] * len(examples)
    rows = [
        (method, one.user_id, one.journey_ids[0], float(value is one.pipeline))
        for method, values in answers.items()
        for one, value in zip(examples, values, strict=True)
    ]
    table = pl.DataFrame(rows, schema=["method", *JOURNEY, "is_right"], orient="row").join(topics, on=JOURNEY)
    return _over(table, "topic", "is_right", RIGHT, list(answers), n_resamples)


def measured_journeys(
    examples: Sequence[Example], askers: Mapping[str, Asker], n_resamples: int = N_RESAMPLES
) -> Measured:
    """Figures on journeys; see :func:`measured_names`."""
    rows = [
        (method, one.user_id, _agreement(one.shown, value))
        for method, asker in askers.items()
        for one, value in zip(examples, _values(examples, asker, "journeys"), strict=True)
        if isinstance(one.shown, History)
    ]
    table = pl.DataFrame(rows, schema=["method", "user_id", "f1"], orient="row")
    return _over(table, "user_id", "f1", F1, list(askers), n_resamples)


def _values(examples: Sequence[Example], asker: Asker, purpose: str) -> list[Any]:
    return [reply.value for reply in asker.ask((one.question for one in examples), purpose)]


def _names_by(examples: Sequence[Example], asker: Asker) -> dict[tuple[str, str], str]:
    values = _values(examples, asker, "names")
    return {
        (one.user_id, journey_id): name
        for one, value in zip(examples, values, strict=True)
        for journey_id, name in (value or {}).items()
    }


def _first_keywords(example: Example) -> Iterator[tuple[tuple[str, str], str]]:
    assert isinstance(example.shown, Shown)
    for n, journey_id in enumerate(example.journey_ids, 1):
        yield (example.user_id, journey_id), example.shown.data["journeys"][f"journey_{n}"][0]


def _judged_names(
    method: str,
    given: Mapping[tuple[str, str], str],
    wanted: Sequence[tuple[str, str]],
    names: pl.DataFrame,
    facts: pl.DataFrame,
    unread: pl.DataFrame,
    embed: Embed,
) -> pl.DataFrame:
    """method, user_id, journey_id, name, is_accepted, auc (null without other journeys to tell apart), is_same."""
    every = pl.DataFrame(
        [(*key, given.get(key)) for key in wanted], schema=dict.fromkeys((*JOURNEY, "name"), pl.String), orient="row"
    )
    said = every.drop_nulls().rename({"name": "suggested_name"})
    vectors = pack(embed(said["suggested_name"].to_list())) if said.height else []
    verdicts = judged(said.with_columns(embedding=pl.Series(vectors, dtype=pl.Binary)), names, facts, said.clear())
    accepted = verdicts.filter(pl.col("verdict") == "accepted").select(*JOURNEY, is_accepted=pl.lit(1.0))
    keywords = said.select(*JOURNEY, keyword=pl.Series([key_of(n) for n in said["suggested_name"]], dtype=pl.String))
    # The readers of any name show which journeys there is something to tell apart for.
    pipeline = names.select(*JOURNEY, keyword=pl.Series([key_of(n) for n in names["journey_name"]], dtype=pl.String))
    readable = readings(pipeline, unread, embed).select(JOURNEY)
    read = readings(keywords, unread, embed).select(*JOURNEY, auc="both: AUC")
    return (
        every.join(accepted, on=JOURNEY, how="left")
        .with_columns(pl.col("is_accepted").fill_null(0.0))
        .join(read, on=JOURNEY, how="left")
        .join(readable.with_columns(is_readable=pl.lit(value=True)), on=JOURNEY, how="left")
        .join(names.select(*JOURNEY, "journey_name"), on=JOURNEY)
        .select(
            pl.lit(method).alias("method"),
            *JOURNEY,
            "name",
            "is_accepted",
            auc=pl.when("is_readable").then(
                pl.when(pl.col("is_accepted") == 1.0).then(pl.col("auc")).otherwise(pl.lit(UNREAD))
            ),
            is_same=(pl.col("name").str.to_lowercase() == pl.col("journey_name").str.to_lowercase())
            .fill_null(value=False)
            .cast(pl.Float64),
        )
    )


def _agreement(history: History, answer: Answer | None) -> float:
    """B-cubed F1 of an answer's groups of the shown keywords against the pipeline's clusters."""
    truth = {text: n for n, cluster in enumerate(history.clusters) for text in cluster}
    shown = [item.keyword for item in history.items]
    found = {number: n for n, one in enumerate(answer.journeys if answer else ()) for number in one.numbers}
    groups = [found.get(number, -number) for number in range(1, len(shown) + 1)]
    return bcubed_f1([truth[text] for text in shown], groups)


def _over(
    table: pl.DataFrame, unit: str, column: str, metric: str, methods: Sequence[str], n_resamples: int
) -> Measured:
    """The figure of each method: the mean over units of their mean. The first method is compared with the others."""
    every = [*methods, *(method for method in table["method"].unique().sort() if method not in methods)]
    units = table.drop_nulls(column)[unit].unique().sort()
    by_unit = table.group_by("method", unit).agg(pl.col(column).mean())
    statistics = {
        method: mean_of(
            units.to_frame().join(by_unit.filter(method=method), on=unit, how="left").sort(unit)[column].to_numpy()
        )
        for method in every
    }
    return measure(
        statistics,
        dataset="held-out topics",
        metric=metric,
        n_users=len(units),
        ours=methods[0],
        regime=f"by {'user' if unit == 'user_id' else unit}",
        bounds=[method for method in every if method not in methods],
        n_resamples=n_resamples,
    )
