"""user_journeys and current_journeys: what every stage found, in one row a journey."""

from datetime import date, timedelta

import polars as pl
from polars.testing import assert_frame_equal

from tests.support.sql_world import DAY, MODELS, VERSION, SqlWorld, ago, at


def add_stages(world: SqlWorld, day: date, user_id: str, journey_id: str, *, named: bool = True) -> None:
    own = {"partition_date": day, "user_id": user_id, "journey_id": journey_id}
    if named:
        world.add("journey_names", {**own, "journey_name": f"{journey_id} on {day}", "keywords": ["sink", "tiles"]})
    scored = {"confidence": 0.9, "rank": 2, "score": 0.8, "scored_by": "prior", "feedback": "more"}
    world.add("ranked_journeys", {**own, **scored})
    world.add("stage_labels", {**own, "kind": "situational", "stage": "ongoing", "stage_reason": "recent"})
    world.add("journey_features", {**own, "n_searches_90d": 4, "n_saves_90d": 5, "active_days_90d": 6})


def test_a_row_holds_what_each_stage_found() -> None:
    world = SqlWorld()
    times = {"first_engaged_at": at(ago(9)), "last_engaged_at": at(ago(2))}
    world.infer("ann", ago(2), {"journey_id": "j", "keywords": ["tiles", "sink"], "n_keywords": 2, **times})
    for day in (ago(1), DAY):
        add_stages(world, day, "ann", "j")
    row = world.build("user_journeys").row(0, named=True)
    assert row.pop("days_since_last_engaged") == 1
    assert {name: row[name] for name in list(row)[:16]} == {
        "partition_date": DAY,
        "user_id": "ann",
        "journey_id": "j",
        "journey_name": f"j on {DAY}",
        "keywords": ["sink", "tiles"],
        "kind": "situational",
        "stage": "ongoing",
        "confidence": 0.9,
        "rank": 2,
        "first_engaged_at": at(ago(9)),
        "last_engaged_at": at(ago(2)),
        "n_keywords": 2,
        "score": 0.8,
        "scored_by": "prior",
        "feedback": "more",
        "stage_reason": "recent",
    }
    assert (row["n_searches_90d"], row["n_saves_90d"], row["active_days_90d"]) == (4, 5, 6)
    assert row["algorithm_version"] == VERSION


def test_a_journey_that_a_stage_left_out_shows_instead_of_vanishing() -> None:
    world = SqlWorld()
    world.infer("ann", DAY, {"journey_id": "j"})
    add_stages(world, DAY, "ann", "j", named=False)
    assert world.build("user_journeys").select("journey_id", "journey_name").rows() == [("j", None)]


def test_journeys_of_two_users_under_one_id_stay_apart() -> None:
    world = SqlWorld()
    for user in ("ann", "bob"):
        world.infer(user, DAY, {"journey_id": "j"})
        own = {"partition_date": DAY, "user_id": user, "journey_id": "j"}
        world.add("journey_names", {**own, "journey_name": f"{user}'s"})
        world.add("ranked_journeys", {**own, "scored_by": f"{user}'s"})
        world.add("stage_labels", {**own, "stage_reason": f"{user}'s"})
        world.add("journey_features", {**own, "n_saves_90d": 3})
    rows = world.build("user_journeys").select("user_id", "journey_name", "scored_by", "stage_reason").rows()
    assert rows == [("ann", "ann's", "ann's", "ann's"), ("bob", "bob's", "bob's", "bob's")]


def infer_areas(world: SqlWorld, user_id: str, **journeys: tuple[str, list[float]]) -> None:
    """A user's journeys of the day by their id, each with its area's id and the weights of its keywords."""
    clusters = [
        {"journey_id": name, "area_id": area, "keywords": ["x"] * len(weights), "keyword_weights": weights}
        for name, (area, weights) in journeys.items()
    ]
    world.infer(user_id, DAY, *({**cluster, "n_keywords": len(cluster["keywords"])} for cluster in clusters))
    for name in journeys:
        own = {"partition_date": DAY, "user_id": user_id, "journey_id": name}
        world.add("journey_names", {**own, "journey_name": f"{user_id}'s {name}"})


def areas_of(world: SqlWorld) -> list[tuple[object, ...]]:
    return (
        world.build("user_journeys").select("user_id", "journey_id", "area_id", "area_name", "n_area_journeys").rows()
    )


def test_an_area_has_the_name_of_its_main_journey_and_counts_its_journeys() -> None:
    world = SqlWorld()
    infer_areas(world, "ann", a=("b", [9.0]), b=("b", [1.0]), c=("c", [1.0]))
    infer_areas(world, "bob", a=("b", [1.0]), b=("b", [1.0]))
    assert areas_of(world) == [
        ("ann", "a", "b", "ann's b", 2),
        ("ann", "b", "b", "ann's b", 2),
        ("ann", "c", "c", "ann's c", 1),
        ("bob", "a", "b", "bob's b", 2),
        ("bob", "b", "b", "bob's b", 2),
    ]


def test_where_the_main_journey_is_not_live_the_one_engaged_with_most_gives_the_name() -> None:
    world = SqlWorld()
    infer_areas(world, "ann", a=("main", [2.0, 2.0]), b=("main", [3.0]), c=("main", [1.0, 1.0, 2.0]))
    assert areas_of(world) == [("ann", name, "main", "ann's a", 3) for name in "abc"]
    world = SqlWorld()
    infer_areas(world, "ann", a=("main", [2.0]), b=("main", [1.0, 2.0]), main=("main", [0.1]))
    world.con.execute("UPDATE main.journey_clusters SET is_journey = false WHERE journey_id = 'main'")
    assert areas_of(world) == [("ann", name, "main", "ann's b", 2) for name in "ab"]


def test_what_comes_after_the_day_changes_nothing() -> None:
    world = SqlWorld()
    world.infer("ann", ago(2), {"journey_id": "j"})
    add_stages(world, DAY, "ann", "j")
    before = world.build("user_journeys")
    tomorrow = DAY + timedelta(days=1)
    world.infer("ann", tomorrow, {"journey_id": "j"}, {"journey_id": "k"})
    add_stages(world, tomorrow, "ann", "j")
    add_stages(world, tomorrow, "ann", "k")
    assert_frame_equal(world.build("user_journeys"), before)


def test_current_journeys_are_those_of_the_last_day_only() -> None:
    world = SqlWorld()
    own = {"user_id": "ann", "journey_id": "j", "journey_name": "n"}
    world.add("user_journeys", {**own, "partition_date": ago(1), "algorithm_version": "old"})
    world.add("user_journeys", {**own, "partition_date": ago(1), "user_id": "gone", "algorithm_version": "old"})
    world.add("user_journeys", {**own, "partition_date": DAY, "algorithm_version": "new"})
    world.add("user_journeys", {**own, "partition_date": DAY, "user_id": "bob", "algorithm_version": "new"})
    rows = world.query("SELECT user_id, partition_date, algorithm_version FROM main.current_journeys ORDER BY user_id")
    assert rows.rows() == [("ann", DAY, "new"), ("bob", DAY, "new")]


def test_current_journeys_have_the_columns_of_user_journeys() -> None:
    assert MODELS["current_journeys"].table.column_names == MODELS["user_journeys"].table.column_names
    assert isinstance(SqlWorld().query("FROM main.current_journeys"), pl.DataFrame)
