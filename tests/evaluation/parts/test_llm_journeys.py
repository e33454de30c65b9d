"""Journeys by a language model against known ones."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.inference.params import InferenceParams
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.llm_journeys import F1, MODEL, OURS, WITHOUT_MODEL, evaluate_llm_journeys
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.asker import FunctionAsker
from tests.support.journeys_answer import by_theme

DAY = date(2026, 3, 8)
GARDEN, GUITAR = ("garden beds", "garden soil"), ("guitar chords", "guitar songs")
STRAY = "news"


@pytest.fixture
def world(tmp_path: Path) -> Study:
    """Three users with two themes and a stray keyword each, which the pipeline took together; one of them is a bot."""
    users, keywords = ("u0", "u1", "u2"), (*GARDEN, *GUITAR, STRAY)
    stamps = {"partition_date": DAY, "window_end_date": DAY}
    clusters = [{"user_id": u, "keywords": list(keywords), "keyword_weights": [1.0] * 5, **stamps} for u in users]
    when = datetime(2026, 3, 7)
    engaged = [
        {"user_id": u, "keyword": k, "partition_date": when.date(), "last_engaged_at": when}
        for u in users
        for k in keywords
    ]
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.writing() as con:
        for table, rows in (("journey_clusters", clusters), ("inference_ledger", clusters), ("keyword_table", engaged)):
            con.register("frame", pl.DataFrame(rows).to_arrow())
            con.execute(f"CREATE TABLE main.{table} AS SELECT * FROM frame")
            con.unregister("frame")
    truth = pl.DataFrame(
        [(u, k, None if k == STRAY else k.split()[0]) for u in users for k in keywords],
        schema=["user_id", "normalised_keyword", "theme"],
        orient="row",
    )
    people = pl.DataFrame({"user_id": users, "user_class": ["bot", "normal", "normal"]})
    return Study(
        "synthetic", warehouse, [DAY], DAY, AlgorithmParams(), {"truth_keywords": truth, "truth_users": people}
    )


@pytest.mark.parametrize(("answer", "expected"), [(by_theme, 1.0), (lambda data: None, None)])
def test_a_right_answer_is_worth_one_and_none_is_worth_what_the_pipeline_is(
    world: Study, answer: Callable[[Mapping[str, Any]], Any], expected: float | None
) -> None:
    asker = FunctionAsker(answer)
    section = evaluate_llm_journeys(world, asker, InferenceParams(), n_resamples=20)
    values = dict(section.results.filter(metric=F1).select("method", "value").iter_rows())
    assert 0 < values[OURS] < 1
    assert values[MODEL] == pytest.approx(values[OURS] if expected is None else expected)
    assert len(asker.asked) == 2, "the bot is left out"
    (table,) = section.tables.values()
    assert table["keywords shown"].to_list() == [5.0]


def test_without_a_model_the_section_says_so(world: Study) -> None:
    section = evaluate_llm_journeys(world, None, InferenceParams())
    assert section.protocol == WITHOUT_MODEL
    assert section.results.is_empty()
