"""The evaluation of diversification: figures by hand, and labels that come only from the days after."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import diversification
from journeys_assets.evaluation.parts.diversification import NONE, PUBLISHED, evaluate_diversification
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

DAY = date(2026, 3, 10)
EAST, NORTH, UP = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
JOURNEYS = {
    # id: score, direction, keyword, actions in the next week
    "a": (0.9, EAST, "tile", 1),
    "b": (0.8, EAST, "grout", 0),
    "c": (0.7, NORTH, "dress", 3),
    "d": (0.1, UP, "tax", 0),
}
N_USERS = 12


def study(folder: Path, *, stray_days: tuple[int, ...] = ()) -> Study:
    """Users with the same four journeys; ``stray_days`` are days from DAY with many actions on the last journey."""
    warehouse = Warehouse(folder / "warehouse.duckdb")
    users = [f"u{i}" for i in range(N_USERS)]
    packed = pack(np.array([direction for _, direction, _, _ in JOURNEYS.values()], dtype=np.float32))
    clusters = pl.DataFrame(
        [
            (DAY, user, journey, True, [keyword], [1.0], vector)
            for user in users
            for (journey, (_, _, keyword, _)), vector in zip(JOURNEYS.items(), packed, strict=True)
        ],
        schema={
            "partition_date": pl.Date,
            "user_id": pl.String,
            "journey_id": pl.String,
            "is_journey": pl.Boolean,
            "keywords": pl.List(pl.String),
            "keyword_weights": pl.List(pl.Float64),
            "centroid": pl.Binary,
        },
        orient="row",
    )
    scores = [(DAY, user, journey, score) for user in users for journey, (score, _, _, _) in JOURNEYS.items()]
    events = [(DAY + timedelta(days=3), user, word, n) for user in users for _, _, word, n in JOURNEYS.values() if n]
    events += [(DAY + timedelta(days=ago), user, "tax", 50) for user in users for ago in stray_days]
    tables = {
        "journey_clusters": clusters,
        "inference_ledger": pl.DataFrame({"partition_date": DAY, "user_id": users, "window_end_date": DAY}),
        "ranked_journeys": pl.DataFrame(
            scores, schema=["partition_date", "user_id", "journey_id", "score"], orient="row"
        ),
        "keyword_table": pl.DataFrame(
            events, schema=["partition_date", "user_id", "keyword", "n_searches"], orient="row"
        ).with_columns(n_closeups=0, n_saves=0, n_clickthroughs=0, n_board_pins=0),
        "notification_candidates": pl.DataFrame(schema={"decision": pl.String}),
    }
    with warehouse.writing() as con:
        for name, frame in tables.items():
            con.register("incoming", frame.to_arrow())
            con.execute(f"CREATE TABLE main.{name} AS SELECT * FROM incoming")
            con.unregister("incoming")
    themes = {"tile": "kitchen", "grout": "kitchen", "dress": "wedding", "tax": None}
    known = pl.DataFrame(
        [(user, word, theme, datetime(2026, 3, 1)) for user in users for word, theme in themes.items()],
        schema=["user_id", "normalised_keyword", "theme", "first_engaged_at"],
        orient="row",
    )
    return Study("tiny", warehouse, [DAY], DAY + timedelta(days=20), AlgorithmParams(), {"truth_keywords": known})


def figure(rows: pl.DataFrame, name: str) -> float:
    values = rows[name].unique().to_list()
    assert len(values) == 1  # all users are alike
    return float(values[0])


def test_relevance_distance_and_themes_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversification, "TOP", 2)
    lists = diversification.ranked_lists(study(tmp_path))
    by_score = diversification.list_figures(lists, replace(RankingParams(), diversifier="none"))
    best = math.log(4) + math.log(2) / math.log2(3)
    assert figure(by_score, "relevance") == pytest.approx(math.log(2) / best)
    assert figure(by_score, "distance") == pytest.approx(0.0, abs=1e-9)
    assert figure(by_score, "themes") == 1.0
    apart = diversification.list_figures(lists, replace(RankingParams(), diversifier="dpp"))
    assert figure(apart, "relevance") == pytest.approx((math.log(2) + math.log(4) / math.log2(3)) / best)
    assert figure(apart, "distance") == pytest.approx(1.0, abs=1e-6)
    assert figure(apart, "themes") == figure(by_score, "themes_to_find") == 2.0


def test_only_actions_within_the_following_week_are_labels(tmp_path: Path) -> None:
    plain = diversification.ranked_lists(study(tmp_path / "plain"))
    assert plain["gain"].sum() > 0
    assert plain.equals(diversification.ranked_lists(study(tmp_path / "strays", stray_days=(-1, 0, 8))))
    assert not plain.equals(diversification.ranked_lists(study(tmp_path / "within", stray_days=(7,))))


def test_the_section_is_complete_and_shows_the_clear_gain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversification, "TOP", 2)
    section = evaluate_diversification([study(tmp_path)])
    assert section.results.schema == RESULTS
    assert section.comparisons.schema == COMPARISONS
    assert set(section.results["method"]) >= {NONE, PUBLISHED, "mmr (default)", "ssd (default)", "dpp (default)"}
    against = section.comparisons.filter(
        (pl.col("metric") == "true themes in the top 2") & (pl.col("baseline") == "dpp (default)")
    )
    assert against["verdict"].to_list() == ["worse"]
    assert section.plots[0].svg.lstrip().startswith("<?xml")
    curve = next(iter(section.tables.values()))
    assert curve.filter("is_default").height == 4


def test_a_log_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="after it"):
        evaluate_diversification([replace(study(tmp_path), last_day=DAY + timedelta(days=3))])


@pytest.mark.parametrize(("gap", "share"), [(28, 1.0), (29, 0.0)])
def test_a_repeat_is_a_theme_of_the_28_days_before(gap: int, share: float) -> None:
    sends = pl.DataFrame(
        {
            "user_id": ["u", "u", "v"],
            "sent_date": [DAY, DAY + timedelta(days=gap), DAY + timedelta(days=1)],
            "theme": ["kitchen"] * 3,
        }
    )
    repeats = diversification.theme_repeats(sends).filter(pl.col("user_id") == "u").sort("sent_date")["repeats"]
    assert repeats.to_list() == [False, bool(share)]
