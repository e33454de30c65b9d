"""A user for whom a calculation fails costs nobody else anything, is counted, and is tried again."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.compute import work
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST, DAY = date(2026, 3, 2), date(2026, 3, 4)
TABLES = ("journey_clusters", "inference_ledger", "user_journeys", "notification_candidates")


def test_a_user_whose_clustering_fails_is_left_out_and_tried_again(
    new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, struck = new_sandbox("calm"), new_sandbox("struck")
    world = generate_world(WorldParams(seed=3, n_users=8, n_days=3, first_day=FIRST)).landing
    for sandbox in (calm, struck):
        sandbox.land(world)
    calm.run(DAY, DAY, full=True)
    victim = calm.table("user_journeys")["user_id"].min()
    cluster_users = work.cluster_users

    def failing(keywords: pl.DataFrame, *args: object, **options: object) -> pl.DataFrame:
        if victim in keywords["user_id"]:
            raise ZeroDivisionError("planted")
        return cluster_users(keywords, *args, **options)  # type: ignore[arg-type]

    pipeline = struck.pipeline
    pipeline.prepare()
    with monkeypatch.context() as patched:
        patched.setattr(work, "cluster_users", failing)
        outcomes = list(execute(pipeline, [entry.name for entry in pipeline.entries], Run((DAY,), "run", full=True)))
    (shown,) = [one.notes.shown for one in outcomes if one.entry.name == "journey_clusters"]
    assert shown["users_not_clustered"] == 1
    reasons = shown["reasons_of_users_not_clustered"]
    assert isinstance(reasons, pl.DataFrame)
    assert reasons.rows() == [(victim, "ZeroDivisionError: planted")]
    for table in TABLES:
        others = calm.table(table).filter(pl.col("user_id") != victim)
        assert_frame_equal(struck.table(table), others, check_exact=True)
    assert struck.table("user_journeys").height
    struck.run(DAY, DAY)
    for table in TABLES:
        assert_frame_equal(struck.table(table), calm.table(table), check_exact=True)
