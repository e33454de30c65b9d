"""Logs of a benchmark: cut at a day, and loaded into a warehouse of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.deployment import build_deployment
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.evaluation.benchmark.folder import FUTURE_DAYS
from journeys_assets.evaluation.studies import load_log, without_judging
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.settings import LanguageModelSettings, Settings
from journeys_assets.storage.queries import keywords as keyword_queries

TIMES: Mapping[str, str] = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
}
"""The sources of events that a benchmark has, and the time column of each. Judgements, sends and feedback are left out:
they would give the truth away."""
DESCRIBING = ("pins", "users")
"""The sources beside events. Rows of a later version of an item or user are left out with the events."""
KEYWORDS = "keyword_table"


def log_settings(settings: Settings, home: Path, **updates: object) -> Settings:
    """``settings`` for a pipeline over a log in ``home``, without judging; by default without a language model."""
    own = {"home": home, "first_partition_date": None, "output_retention_days": 10_000, "llm": LanguageModelSettings()}
    return without_judging(settings).model_copy(update=own | updates)


def pipeline_of(settings: Settings, asker: Asker | None = None) -> Pipeline:
    """The pipeline of ``log_settings``.

    Args:
        asker: As for ``build_deployment``.
    """
    return build_pipeline(build_deployment(settings, progress=lambda *_: None, asker=asker))


def until(landing: Mapping[str, pl.DataFrame], day: date) -> dict[str, pl.DataFrame]:
    """The sources of a benchmark, with what was known by the end of ``day``. Sources without a row are left out."""
    end = datetime.combine(day + timedelta(days=1), datetime.min.time())
    kept = {}
    for source in (*TIMES, *DESCRIBING):
        rows = landing.get(source, pl.DataFrame())
        time = TIMES.get(source, "signed_up_at" if source == "users" else "updated_at")
        for column in {time, "updated_at"} & set(rows.columns):
            rows = rows.filter((pl.col(column) < end).fill_null(True))
        if rows.height:
            kept[source] = rows
    return kept


def keywords_of(settings: Settings, landing: Path, day: date, scratch: Path) -> pl.DataFrame:
    """The keywords of each user as of ``day``, by the project's default parameters.

    Returns:
        user_id, keyword, weight (> 0), first_engaged_at, last_engaged_at; sorted.
    """
    own = log_settings(settings.model_copy(update={"algorithm": AlgorithmParams()}), scratch)
    pipeline = pipeline_of(own)
    load_log(own, pipeline, landing, "landing", scratch / "scratch")
    pipeline.prepare()
    names = [entry.name for entry in pipeline.entries]
    names = names[: names.index(KEYWORDS) + 1]
    first = own.first_day
    days = tuple(first + timedelta(days=n) for n in range((day - first).days + 1))
    for _ in execute(pipeline, names, Run(days, uuid.uuid4().hex)):
        pass
    params = pipeline.params.keywords
    with pipeline.warehouse.reading() as con:
        users = con.execute(
            "SELECT user_id, max(partition_date) AS window_end_date FROM main.keyword_table "
            "WHERE partition_date > $day - $horizon::INTEGER GROUP BY user_id ORDER BY user_id",
            {"day": day, "horizon": params.horizon_days},
        ).pl()
        rows = keyword_queries.window_keywords(con, users, day, params, pipeline.params.actions)
    return rows.sort("user_id", "keyword")


def keywords_after(landing: Mapping[str, pl.DataFrame], day: date) -> pl.DataFrame:
    """user_id, keyword (normalised) of what users engaged with in the ``FUTURE_DAYS`` after ``day``; distinct.

    A keyword of an item counts if the user acted on the item or put it on a board.
    """
    start = datetime.combine(day + timedelta(days=1), datetime.min.time())
    stop = start + timedelta(days=FUTURE_DAYS)

    def events(source: str) -> pl.DataFrame:
        rows = landing[source]
        return rows.filter((pl.col(TIMES[source]) >= start) & (pl.col(TIMES[source]) < stop))

    texts = [pl.DataFrame(schema={"user_id": pl.String, "text": pl.String})]
    if "search_events" in landing:
        texts.append(events("search_events").select("user_id", text="query"))
    if "pins" in landing:
        lists = [name for name in ("annotations", "interests") if name in landing["pins"].columns]
        of_pins = pl.concat(
            [landing["pins"].select("pin_id", text=pl.col(name)).explode("text").drop_nulls() for name in lists]
        ).unique()
        for source in ("pin_engagements", "board_pins"):
            if source in landing:
                texts.append(events(source).join(of_pins, on="pin_id").select("user_id", "text"))
    every = pl.concat(texts).unique()
    return every.select("user_id", keyword=normalise_series(every["text"])).unique().sort("user_id", "keyword")


def with_return(keywords: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """``keywords`` (user_id, keyword, …) with ``comes_back``: whether ``after`` has them."""
    came = after.select("user_id", "keyword", comes_back=pl.lit(True))
    return keywords.join(came, on=["user_id", "keyword"], how="left", maintain_order="left").with_columns(
        pl.col("comes_back").fill_null(False)
    )


def last_event_day(landing: Mapping[str, pl.DataFrame]) -> date:
    """The day of the last event of a log.

    Raises:
        ValueError: it has no event.
    """
    days = [landing[source][time].dt.date() for source, time in TIMES.items() if source in landing]
    found: date = max(day for of_source in days for day in of_source.unique().drop_nulls().to_list())
    return found
