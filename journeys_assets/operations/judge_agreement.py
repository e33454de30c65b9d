"""How well the judges of a deployment agree with people, and the release of the verdicts.

The judges judge every journey with a human judgement, as it was on its day, whether or not it was in a daily sample. A
language model's answers come from the cache where the same was asked before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.judging import agreement
from journeys_assets.domain.judging.agreement import CorrectedMeans, JudgeAgreement
from journeys_assets.domain.judging.rubric import JUDGED_BY as RUBRIC
from journeys_assets.errors import JourneysError
from journeys_assets.models.judging import release as releases
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.judging import Judges
from journeys_assets.storage.queries import judging as queries
from journeys_assets.storage.queries.model_calls import record_calls

TRAILING_DAYS = 28


class JudgeAgreementError(JourneysError):
    """The agreement cannot be measured. The message says what is missing, and the cure."""


@dataclass(frozen=True, slots=True)
class JudgedByPeople:
    """One judge beside people.

    Attributes:
        judged_by: What rows call the judge.
        agreement: What was found.
        means: Mean relevance of the top journeys of the daily samples, corrected; None where too little is judged.
    """

    judged_by: str
    agreement: JudgeAgreement
    means: CorrectedMeans | None


@dataclass(frozen=True, slots=True)
class Agreements:
    """The result of a comparison.

    Attributes:
        judges: The rubric, and the language model if there is one.
        live_from: First day on which the verdicts count.
        folder: Of the release; None where it was not written.
    """

    judges: tuple[JudgedByPeople, ...]
    live_from: date
    folder: Path | None


def measure_agreement(
    judges: Judges, asker: Asker | None, folder: Path, as_of: date, *, is_released: bool = True
) -> Agreements:
    """Compare the rubric, and the language model if there is one, with people; release the verdicts.

    Args:
        folder: Of the releases.
        as_of: Last day whose journeys count; the verdicts are live from the day after.
        is_released: Whether the verdicts are written.

    Raises:
        JudgeAgreementError: there is no human judgement of a journey that is kept.
    """
    with judges.warehouse.reading() as con:
        human = queries.human_judgements(con, as_of).with_columns(item=_item())
        lately = queries.judged_lately(con, as_of, TRAILING_DAYS)
    if human.is_empty():
        raise JudgeAgreementError(
            "no human judgement of a journey that is kept; write sheets with `journeys annotate export`, and import "
            "them with `journeys annotate import` before their days are deleted (output_retention_days)"
        )
    draws = judged_draws(judges, asker, human)
    people = human.select("item", "user_id", "annotator_id", "relevance")
    found = []
    for (judged_by,), own in sorted(draws.partition_by("judged_by", as_dict=True).items(), key=_rubric_first):
        given = own.select("item", "user_id", "draw", "level")
        means = _means(human, given, lately.filter(pl.col("judged_by") == judged_by), judges.params.top_k)
        one = agreement.judge_agreement(people, given, judges.params)
        found.append(JudgedByPeople(str(judged_by), one, means))
    release = releases.make({one.judged_by: one.agreement for one in found}, as_of)
    written = releases.save(release, folder) if is_released else None
    return Agreements(tuple(found), release.live_from, written)


def judged_draws(judges: Judges, asker: Asker | None, journeys: pl.DataFrame) -> pl.DataFrame:
    """What each judge says of ``journeys``, without controls.

    Args:
        journeys: user_id, journey_id, as_of_date.

    Returns:
        item (user, journey and day), user_id, as_of_date, journey_id, draw, level, outcome, judged_by.
    """
    parts = []
    for day in journeys["as_of_date"].unique().sort():
        wanted = journeys.filter(pl.col("as_of_date") == day)
        views = judges.views(day, wanted, with_controls=False)
        rows = [judges.by_rubric(views)]
        if asker is not None:
            rows.append(judges.by_model(views, asker))
            record_calls(judges.warehouse, asker.calls())
        parts.append(pl.concat(rows).with_columns(as_of_date=pl.lit(day)))
    return (
        pl.concat(parts)
        .with_columns(item=_item())
        .select("item", "user_id", "as_of_date", "journey_id", "draw", "level", "outcome", "judged_by")
    )


def _item() -> pl.Expr:
    return pl.concat_str("user_id", "journey_id", pl.col("as_of_date").cast(pl.String), separator="\x1f")


def _rubric_first(group: tuple[tuple[object, ...], pl.DataFrame]) -> tuple[bool, str]:
    (name,) = group[0]
    return name != RUBRIC, str(name)


def _means(human: pl.DataFrame, draws: pl.DataFrame, lately: pl.DataFrame, top_k: int) -> CorrectedMeans | None:
    """The corrected means of the daily samples, from labelled journeys of the ranks that these hold."""
    given = human.filter(pl.col("rank") <= top_k).group_by("item", "user_id").agg(human=pl.col("relevance").mean())
    labelled = given.join(agreement.levels_of(draws).drop("user_id"), on="item")
    rows = lately.filter(~pl.col("is_control")).with_columns(item=_item_of_sample())
    judged = rows.drop_nulls("level").group_by("item", "user_id").agg(
        pl.col("level").mean(), weight=pl.col("sampling_weight").first()
    )  # fmt: skip
    rest = judged.join(given, on="item", how="anti")
    return agreement.corrected_means(labelled, rest.select("user_id", "level", "weight"))


def _item_of_sample() -> pl.Expr:
    return pl.concat_str("user_id", "journey_id", pl.col("partition_date").cast(pl.String), separator="\x1f")
