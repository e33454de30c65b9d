"""Related journeys in the evaluation: what was planted is found, hits count by meaning, days have a window."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.related.groups import on_grid
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES, NAME_EMBEDDINGS
from journeys_assets.domain.tables.sql import user_journeys
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.related import NEIGHBOURS, OURS, POPULARITY, evaluate_related, hits, scored_days
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(0, 141, 14)]
HOBBIES = (
    *(
        "pottery",
        "chess",
        "sailing",
        "astronomy",
        "baking bread",
        "knitting",
        "bonsai",
        "karate",
        "origami",
        "yodelling",
    ),
    *("fencing", "juggling", "calligraphy", "beekeeping", "rowing", "falconry", "puppetry", "whittling", "geocaching"),
)


def planted_study(path: Path) -> Study:
    """Users who all start a wedding, and a honeymoon 20 days later; and other users with one hobby after another."""
    rows = []
    for n in range(120):
        begin = n % 110
        rows += [(f"w{n:03}", "wedding", begin), (f"w{n:03}", "honeymoon", begin + 20)]
        rows += [(f"h{n:03}", HOBBIES[(n * 7 + 3 * k) % len(HOBBIES)], (n * 5 + 23 * k) % 130) for k in range(3)]
    started = pl.DataFrame(rows, schema=["user_id", "journey_name", "start"], orient="row").unique(
        ["user_id", "journey_name"], maintain_order=True
    )
    begin_at = datetime.combine(FIRST, datetime.min.time())
    frames = []
    for day in DAYS:
        frames.append(
            started.filter(pl.col("start") <= (day - FIRST).days).select(
                "user_id",
                "journey_name",
                partition_date=pl.lit(day),
                journey_id=pl.col("user_id") + "-" + pl.col("journey_name"),
                name_keyword="journey_name",
                first_engaged_at=pl.lit(begin_at) + pl.duration(days=pl.col("start")),
                stage=pl.lit("ongoing"),
                confidence=pl.lit(0.9),
                safety_decision=pl.lit("allow"),
            )
        )
    frame = pl.concat(frames)
    warehouse = Warehouse(path)
    names = frame["journey_name"].unique().sort()
    vectors = pl.DataFrame(
        {
            "name": names,
            "embedding_model": HashingEmbedder.model_version,
            "embedding": pack(HashingEmbedder().embed(names.to_list())),
            "partition_date": FIRST,
        }
    )
    for table, content in (
        (user_journeys(DEFAULT_ACTIONS), frame),
        (JOURNEY_NAMES, frame),
        (NAME_EMBEDDINGS, vectors),
    ):
        missing = [
            pl.lit(None).cast(column.dtype).alias(column.name)
            for column in table.columns
            if column.name not in content.columns
        ]
        warehouse.replace_partitions(
            table,
            content.with_columns(missing).select(table.column_names),
            content["partition_date"].unique().to_list(),
        )
    return Study("planted", warehouse, DAYS, DAYS[-1], AlgorithmParams())


def test_what_follows_is_found_where_neighbours_and_popularity_are_not(tmp_path: Path) -> None:
    section = evaluate_related([planted_study(tmp_path / "w.duckdb")], HashingEmbedder(), n_resamples=200)
    first = section.results.filter(metric="recall@1")
    values = dict(first.select("method", "value").iter_rows())
    assert values[OURS] > values[POPULARITY]
    assert values[OURS] > values[NEIGHBOURS]
    verdicts = section.comparisons.filter(metric="recall@1")["verdict"]
    assert set(verdicts) == {"better"}
    assert (section.results["value"] <= 1).all()
    exclusive = section.results.filter(metric="exclusive recall@10", method=OURS)
    assert exclusive.height == 2


def test_days_have_the_window_before_and_after_them(tmp_path: Path) -> None:
    study = Study("s", Warehouse(tmp_path / "w.duckdb"), DAYS, DAYS[-1], AlgorithmParams())
    days = scored_days(study)
    assert days == [FIRST + timedelta(days=n) for n in (70, 98)]
    with pytest.raises(ValueError, match="28 days before it and after it"):
        evaluate_related([Study("s", study.warehouse, DAYS[:3], DAYS[2], AlgorithmParams())], HashingEmbedder())


def test_hits_count_by_meaning() -> None:
    vectors = on_grid(HashingEmbedder().embed(["baby room", "baby rooms", "garden"]))
    assert hits(vectors[1:2], vectors, 0.75).tolist() == [True, True, False]
    assert hits(None, vectors, 0.75).tolist() == [False, False, False]
    assert hits(np.zeros((0, 256), dtype=np.float32), vectors, 0.75).sum() == 0
