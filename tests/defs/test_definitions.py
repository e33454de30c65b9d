"""What the Dagster UI shows: every asset described, checked, partitioned; jobs and the schedule."""

from collections.abc import Callable
from datetime import date, datetime

import dagster as dg
import polars as pl
import pytest

from journeys_assets.defs.assets.stages import step_name
from journeys_assets.defs.build import build_definitions
from journeys_assets.pipeline.stage import GROUPS
from tests.sandbox import Sandbox

NewSandbox = Callable[[str], Sandbox]
DAY = date(2026, 3, 2)
UNPARTITIONED = ("training", "expansion", "calibration", "evaluation", "experiment", "activation")
"""Groups whose assets are made when somebody asks, and are no part of a day's run."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    sandbox = Sandbox(tmp_path_factory.mktemp("defs"))
    sandbox.settings.note_first_day(DAY)
    return build_definitions(sandbox.deployment, column_lineage=True).get_repository_def()


@pytest.fixture(scope="module")
def graph(repository: dg.RepositoryDefinition):  # type: ignore[no-untyped-def]
    return repository.asset_graph


def test_every_asset_says_what_it_is_and_whose(graph) -> None:  # type: ignore[no-untyped-def]
    assert len(graph.get_all_asset_keys()) > 25
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name != "default", key


def test_every_table_of_the_pipeline_has_columns_a_version_and_a_blocking_contract(graph) -> None:  # type: ignore[no-untyped-def]
    checks = {key.asset_key for key in graph.asset_check_keys if key.name == "contract"}
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        if node.group_name in (*UNPARTITIONED, "staging") or key.path[-1] == "published_journeys":
            continue
        assert "dagster/column_schema" in node.metadata, key
        assert node.code_version, key
        if key.path[-1] not in ("int_keyword_events", "current_journeys"):
            assert key in checks, f"{key} has no contract"
    for key in graph.asset_check_keys:
        assert graph.get_check_spec(key).blocking == (key.name in ("contract", "one_version"))


def test_sql_models_have_column_lineage(graph) -> None:  # type: ignore[no-untyped-def]
    lineage = graph.get(dg.AssetKey("user_journeys")).metadata["dagster/column_lineage"]
    sources = {dep.asset_key.to_user_string() for dep in lineage.deps_by_column["confidence"]}
    assert sources == {"ranked_journeys"}


def test_stages_are_daily_and_a_range_is_one_run(graph) -> None:  # type: ignore[no-untyped-def]
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        if node.group_name in UNPARTITIONED:
            continue
        assert node.partitions_def.get_first_partition_key() == DAY.isoformat()
        assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_the_expansion_is_a_job_with_a_weekly_schedule(repository: dg.RepositoryDefinition) -> None:
    assert {node.name for node in repository.get_job("expansion_job").all_node_defs} == {"related_release"}
    schedule = repository.get_schedule_def("expansion_schedule")
    assert schedule.job_name == "expansion_job"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_training_evaluation_and_readout_are_no_part_of_a_days_run(repository: dg.RepositoryDefinition) -> None:
    steps = {node.name for node in repository.get_job("daily_job").all_node_defs}
    assert steps == {step_name(group) for group in GROUPS}
    assert {node.name for node in repository.get_job("readout_job").all_node_defs} == {"experiment_readout"}
    assert {node.name for node in repository.get_job("activation_job").all_node_defs} == {"activation"}
    training = {node.name for node in repository.get_job("training_job").all_node_defs}
    assert training == {
        "ranker_release",
        "stage_release",
        "naming_release",
        "items_release",
        "theme_map_release",
    }


def test_models_and_readout_say_what_they_were_made_from(graph) -> None:  # type: ignore[no-untyped-def]
    def parents(name: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}

    assert parents("experiment_readout") == {
        "stg_notification_events", "landing/search_events", "landing/pin_engagements", "landing/board_pins"
    }  # fmt: skip
    assert {"journey_clusters", "keyword_table", "landing/journey_annotations"} <= parents("naming_release")


def test_a_broken_contract_stops_what_comes_after(new_sandbox: NewSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = new_sandbox("broken")
    at = datetime(2026, 3, 2, 10)
    words = ["wedding dress", "wedding dresses", "wedding dress long", "wedding dress lace"]
    sandbox.land({"search_events": pl.DataFrame({"user_id": "u", "query": words, "searched_at": at})})
    monkeypatch.setattr(
        "journeys_assets.pipeline.ranking.score_by_prior",
        lambda features, params: features.select(
            "user_id", "journey_id", score=pl.lit(0.5), confidence=pl.lit(1.5), scored_by=pl.lit("prior")
        ),
    )
    with pytest.raises(Exception, match="confidence: above 1"):
        sandbox.run(DAY, DAY)
    for table in ("ranked_journeys", "user_journeys", "closed_days"):
        assert sandbox.table(table).is_empty(), "nothing of a broken contract is written, and nothing that rests on it"


def test_a_day_with_nothing_to_do_says_so(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("quiet")
    at = datetime(2026, 3, 2, 10)
    sandbox.land({"search_events": pl.DataFrame({"user_id": "u", "query": ["one"], "searched_at": [at]})})
    sandbox.run(DAY, DAY, is_recorded=True)
    with sandbox.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("user_journeys"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 0
    assert "nothing to do" in str(metadata["note"].value)
