"""The evaluation of human judgements, on a small world and on a world with manipulated annotators."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.naming.params import NameTrainingParams
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import annotation_names as names
from journeys_assets.evaluation.parts.annotation import (
    JUDGE,
    OURS,
    PPI,
    evaluate_annotation,
    judged_items,
    kappa_coverage,
)
from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world, write_world

FIRST = date(2026, 3, 2)
CLUSTERS = """
CREATE TABLE main.journey_clusters AS
  SELECT user_id, journey_id, partition_date, partition_date AS window_end_date, keywords, true AS is_journey,
         list_transform(keywords, k -> 1.0) AS keyword_weights, near AS keyword_centralities,
         near AS keyword_theme_centralities
  FROM (SELECT *, list_transform(keywords, k -> (hash(k) % 100) / 100) AS near FROM main.user_journeys);
CREATE TABLE main.inference_ledger AS SELECT DISTINCT user_id, partition_date FROM main.user_journeys;
CREATE TABLE main.keyword_table (
  partition_date DATE, user_id VARCHAR, keyword VARCHAR, display_form VARCHAR, n_searches BIGINT,
  first_engaged_at TIMESTAMP);
CREATE TABLE main.keyword_commonness (partition_date DATE, keyword VARCHAR, n_pins BIGINT, pin_share DOUBLE);
"""
"""The journeys as clusters with arbitrary centralities. There are no facts about their keywords."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A world with judgements, and user_journeys made from its true keywords, without running the pipeline."""
    folder = tmp_path_factory.mktemp("study")
    world = generate_world(WorldParams(n_users=150, n_days=40, first_day=FIRST, annotation_share=0.2))
    write_world(world, folder)
    warehouse = Warehouse(folder / "warehouse.duckdb")
    landing = folder / "landing" / "journey_annotations"
    ingest(warehouse, [landing], now=datetime(2026, 6, 1), actions=DEFAULT_ACTIONS, scratch_dir=folder / "scratch")
    known = world.truth["truth_keywords"].filter(pl.col("theme").is_not_null())
    journeys = known.group_by("user_id", "theme", maintain_order=True).agg(keywords="normalised_keyword")
    days = [FIRST + timedelta(days=n) for n in range(40)]
    found = journeys.join(pl.DataFrame({"partition_date": days[::-14]}), how="cross").with_columns(
        journey_id="theme", confidence=pl.col("keywords").list.len() / 60
    )
    with warehouse.writing() as con:
        con.register("found", found.with_columns(pl.col("confidence").clip(0, 1)).to_arrow())
        con.execute("CREATE TABLE main.user_journeys AS SELECT * FROM found")
        con.execute(CLUSTERS)
    return Study("synthetic", warehouse, days, days[-1], AlgorithmParams(), world.truth)


def test_the_section_reports_agreement_recovery_and_coverage(study: Study) -> None:
    section = evaluate_annotation([study], n_simulations=60, n_draws=1)
    assert (section.results.schema, section.comparisons.schema) == (RESULTS, COMPARISONS)
    values = {
        (metric, method): value for metric, method, value in section.results.select("metric", "method", "value").rows()
    }
    assert values["kappa with the true level", OURS] > 0.9
    assert values["training labels that are right", OURS] > 0.9
    assert values["training labels that are right", "the commoner label"] < 0.75
    verdicts = dict(
        section.comparisons.filter(pl.col("metric") == "kappa with the true level").select("baseline", "verdict").rows()
    )
    assert set(verdicts.values()) == {"better"}, verdicts
    coverage = "coverage of 95 % intervals"
    assert values[coverage, "judge alone"] < 0.1
    assert min(values[coverage, PPI], values[coverage, "people alone"]) > 0.88
    people = section.results.filter(pl.col("role") == "bound", pl.col("metric").str.starts_with("relevance kappa"))
    assert people.height == 6, "three pairs, on the items of the world and on the found journeys"
    assert values["relevance kappa (quadratic)", JUDGE] < people["value"].min() - 0.2, "less than people"  # type: ignore[operator]
    assert evaluate_annotation([study], n_simulations=60, n_draws=1).results.equals(section.results), (
        "the same each time"
    )
    assert [plot.svg.startswith("<?xml") for plot in section.plots] == [True, True]


def test_naming_learns_from_labels_of_other_themes_and_users(study: Study) -> None:
    world = names.named_world(study, study.days[::-14], seed=1)
    pool, held_out = names.split(world, seed=1)
    assert not set(pool["user"]) & set(held_out["user"])
    assert not set(pool["theme"]) & set(held_out["theme"])
    assert 0.4 < pool.unique(["user_id", "journey_id"])["is_blind"].mean() < 0.6  # type: ignore[operator]
    few = replace(study.algorithm, name_training=NameTrainingParams(min_journeys=60))
    curve = names.learning_curve(replace(study, algorithm=few), study.days[::-14], seed=1, n_draws=2)
    learnt = curve.points.filter(pl.col("method") == names.LEARNT)
    packaged = curve.points.filter(pl.col("method") == names.PACKAGED)
    assert learnt["n_labels"].to_list() == [50, 100, 200, 500]
    assert learnt["value"][-1] > packaged["value"][-1] + 0.01, "centralities are arbitrary here, and labels reveal that"
    assert curve.released["n_released"].to_list()[:2] == [0, 0], "so few labels release nothing"
    assert curve.released["gain_by_blind_labels"][0] is None, "there are too few blind labels"
    # Accepted names that were shown hide a gain.
    last = curve.released.row(-1, named=True)
    assert last["gain_by_all_labels"] < last["gain_by_blind_labels"] - 0.02


def test_the_weights_depend_on_labels_and_not_on_true_grades(study: Study) -> None:
    world = names.named_world(study, study.days[::-14], seed=1)
    pool, _ = names.split(world, seed=1)
    naming, params = study.algorithm.naming, study.algorithm.name_training
    upside_down = replace(world, rows=world.rows.with_columns(grade=1 - pl.col("grade")))
    fitted = names.fitted(world, pool.head(300), naming, params)
    assert fitted == names.fitted(upside_down, pool.head(300), naming, params)
    assert fitted != naming


def test_a_study_without_judgements_is_skipped(tmp_path: Path) -> None:
    from journeys_assets.storage.ingest.load import ensure_landing

    empty = Warehouse(tmp_path / "warehouse.duckdb")
    ensure_landing(empty)
    section = evaluate_annotation([Study("none", empty, [FIRST], FIRST, AlgorithmParams())], n_simulations=2)
    assert section.results.is_empty()


def test_uninformative_judgements_get_low_figures(study: Study) -> None:
    """The truth of other items replaces their own: annotators still agree, but do not recover the truth."""
    truth = study.truth["truth_annotations"]
    shuffled = truth.with_columns(truth.select("relevance", "stage").sample(fraction=1.0, shuffle=True, seed=1))
    tampered = replace(study, truth={**study.truth, "truth_annotations": shuffled})
    section = evaluate_annotation([tampered], n_simulations=2, n_draws=1)
    kappas = section.results.filter((pl.col("metric") == "kappa with the true level") & (pl.col("method") == OURS))
    assert abs(kappas["value"][0]) < 0.15
    assert judged_items(tampered).height == judged_items(study).height


def test_intervals_of_kappa_have_the_stated_coverage() -> None:
    row = kappa_coverage(150).row(0, named=True)
    assert row["coverage"] >= 0.895, "95 % less three standard errors of 150 simulations"
