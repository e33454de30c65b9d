"""The ranking evaluation measures every method, and refuses figures that use knowledge of the future."""

import dataclasses
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import features
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import ranking
from journeys_assets.evaluation.parts.ranking import LookAheadError, evaluate_ranking
from journeys_assets.evaluation.report.section import Section
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS
from journeys_assets.models.ranker.training import auc, train_ranker
from journeys_assets.storage.queries import labels
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.ranking_world import FIRST, RUN_DAYS, make_study
from tests.support.sql_world import MODELS

FEATURES = features(DEFAULT_ACTIONS)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("ranking") / "warehouse.duckdb")


@pytest.fixture(scope="module")
def section(study: Study) -> Section:
    return evaluate_ranking([study], MODELS)


def figure(section: Section, metric: str, method: str, regime: str = "engaged within 7 days") -> float:
    rows = section.results.filter(
        (pl.col("metric") == metric) & (pl.col("method") == method) & (pl.col("regime") == regime)
    )
    return float(rows["value"].item())


def test_it_measures_every_method_by_every_metric(section: Section) -> None:
    assert section.results.schema == RESULTS
    assert section.comparisons.schema == COMPARISONS
    metrics = {f"NDCG@{k}" for k in (1, 3, 5, 10)} | {"MRR", "AUC", "Brier of confidence", "ECE of confidence"}
    for regime in ("engaged within 7 days", "engaged within 28 days"):
        rows = section.results.filter(pl.col("regime") == regime)
        assert set(rows["metric"]) == metrics
        assert set(rows.filter(pl.col("metric") == "AUC")["method"]) == {
            "ranker",
            "prior",
            "recency",
            "frequency",
            "recency x frequency",
        }
    assert section.results["value"].is_between(0, 1).all()
    assert (section.results["low"] <= section.results["high"]).all()
    assert all(plot.svg.lstrip().startswith("<?xml") for plot in section.plots)
    assert section.tables["Calibration of confidence"]["observed / expected"].is_between(0, 2).all()
    assert "ranker as of" in section.protocol
    assert "better than frequency" in section.protocol


def test_it_distinguishes_a_good_order_from_a_poor_one(section: Section) -> None:
    """Users of this log turn to one journey for four weeks, so recency is informative and frequency is not."""
    assert figure(section, "NDCG@1", "recency") > figure(section, "NDCG@1", "frequency") + 0.1
    assert figure(section, "AUC", "ranker") > figure(section, "AUC", "frequency") + 0.05
    verdicts = section.comparisons.filter((pl.col("metric") == "NDCG@1") & (pl.col("baseline") == "frequency"))
    assert verdicts["verdict"].to_list()[0] == "better"


def test_it_is_reproducible(study: Study, section: Section) -> None:
    again = evaluate_ranking([study], MODELS)
    assert again.results.equals(section.results)
    assert [plot.svg for plot in again.plots] == [plot.svg for plot in section.plots]


def test_too_short_a_log_is_reported(study: Study) -> None:
    short = dataclasses.replace(study, last_day=study.days[-1], days=[study.days[-1]])
    found = evaluate_ranking([short], MODELS)
    assert found.results.is_empty()
    assert "no run day" in found.protocol


# ── planted leaks ──


def leaky(study: Study, folder: Path, feature: str) -> Study:
    """The same study, with a feature that counts what the user does in the following week."""
    path = folder / "leaky.duckdb"
    shutil.copyfile(study.warehouse.path, path)
    copy = Warehouse(path)
    with copy.writing() as con:
        con.execute(
            f"""
            UPDATE main.journey_features AS f SET {feature} = {feature} + (
              SELECT count(*) FROM main.keyword_table k
              WHERE k.user_id = f.user_id AND starts_with(k.keyword, split_part(f.journey_id, '-', 2))
                AND k.partition_date > f.partition_date AND k.partition_date <= f.partition_date + 7)
            """
        )
    return dataclasses.replace(study, warehouse=copy)


@pytest.mark.parametrize("feature", ["n_saves_7d", "engagement_weight_28d"])
def test_a_feature_that_uses_the_future_is_detected(study: Study, tmp_path: Path, feature: str) -> None:
    with pytest.raises(LookAheadError, match=rf"{feature}\. They were computed"):
        evaluate_ranking([leaky(study, tmp_path, feature)], MODELS)


def test_that_leak_would_improve_the_figures(
    study: Study, section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the guard the same leak improves the figures, so the guard is what prevents it."""
    monkeypatch.setattr(ranking, "check_no_look_ahead", lambda *_: None)
    cheated = evaluate_ranking([leaky(study, tmp_path, "n_saves_7d")], MODELS)
    assert figure(cheated, "AUC", "ranker") > figure(section, "AUC", "ranker") + 0.05


def test_a_ranker_trained_on_the_test_days_is_detected(study: Study) -> None:
    params = RankingParams()
    as_of = RUN_DAYS[12]
    with study.warehouse.reading() as con:
        release = train_ranker(
            labels.training_rows(con, as_of, params, FEATURES), as_of=as_of, params=params, features=FEATURES
        )
    ranking.check_no_look_ahead(study, MODELS, [as_of + timedelta(days=1)], release)
    with pytest.raises(LookAheadError, match=f"cannot be tested on {as_of}"):
        ranking.check_no_look_ahead(study, MODELS, [as_of], release)


def test_labels_of_later_days_are_never_read(study: Study) -> None:
    params = RankingParams()
    with study.warehouse.reading() as con:
        rows = labels.training_rows(con, RUN_DAYS[8], params, FEATURES)
    assert rows["known_on"].max() == RUN_DAYS[8]
    assert rows["day"].max() == RUN_DAYS[7]
    with pytest.raises(ValueError, match="look-ahead"):
        train_ranker(rows, as_of=RUN_DAYS[8] - timedelta(days=1), params=params, features=FEATURES)


# ── measures ──


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=1))
def test_area_by_user_counts_is_the_area_over_repeated_rows(rows: list[tuple[int, int, bool, int]]) -> None:
    frame = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u, *_ in rows],
            "m": [float(s) for _, s, *_ in rows],
            "is_relevant": [r for *_, r, _ in rows],
        }
    )
    users = frame["user_id"].unique().sort()
    times = np.array([float(n % 3) for n in range(users.len())])
    weight = dict(zip(users, times, strict=True))
    weights = np.array([weight[user] for user in frame["user_id"]])
    expected = auc(frame["is_relevant"].cast(pl.Float64).to_numpy(), frame["m"].to_numpy(), weights)
    found = ranking.method_auc(frame, "m", users)(times)
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_the_truth_is_an_ongoing_theme_of_most_keywords() -> None:
    day = date(2026, 2, 1)
    journeys = pl.DataFrame(
        [
            (day, "u", "on", ["a", "b", "x"]),
            (day, "u", "mixed", ["a", "x", "y", "z"]),
            (day, "u", "over", ["c", "d"]),
            (day, "u", "paused", ["e"]),
            (day, "left", "on", ["a"]),
        ],
        schema={
            "partition_date": pl.Date,
            "user_id": pl.String,
            "journey_id": pl.String,
            "keywords": pl.List(pl.String),
        },
        orient="row",
    )
    themes = {"a": "one", "b": "one", "c": "two", "d": "two", "e": "three", "x": None, "y": None, "z": None}
    truth = {
        "truth_keywords": pl.DataFrame(
            [(u, k, t) for u in ("u", "left") for k, t in themes.items()],
            schema=["user_id", "normalised_keyword", "theme"],
            orient="row",
        ),
        "truth_journeys": pl.DataFrame(
            [
                ("u", "one", None, None, None, None),
                ("u", "two", FIRST, None, None, day),
                ("u", "three", FIRST, day, None, None),
                ("left", "one", None, None, None, None),
            ],
            schema={"user_id": pl.String, "theme": pl.String}
            | dict.fromkeys(("begun_on", "paused_on", "resumed_on", "ended_on"), pl.Date),
            orient="row",
        ),
        "truth_users": pl.DataFrame(
            [("u", None), ("left", day)], schema={"user_id": pl.String, "stopped_on": pl.Date}, orient="row"
        ),
    }
    found = ranking.current_by_truth(journeys, truth)
    current = found.filter("is_current").select("user_id", "journey_id").rows()
    assert current == [("u", "on")]
