"""The synthetic world is valid, reproducible and fully known, and its landing data does not contain the truth."""

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.table import violations
from journeys_assets.storage.ingest.files import find_files, source_of
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import EVENT_TIMES, TRUTH_SCHEMAS, World, generate_world, write_world

PARAMS = WorldParams(n_users=300, n_days=45, first_day=date(2026, 10, 1))


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(PARAMS)


@pytest.fixture(scope="module")
def longer() -> World:
    """The same world with fewer users and more days."""
    return generate_world(WorldParams(n_users=80, n_days=70, first_day=PARAMS.first_day))


@pytest.mark.parametrize("source", LANDING)
def test_landing_frames_keep_the_contract(world: World, source: str) -> None:
    frame = world.landing[source]
    assert frame.height or source == "identities", "everybody has one id"
    assert frame.schema == LANDING[source].polars_schema
    assert violations(LANDING[source], frame) == []


@pytest.mark.parametrize("source", EVENT_TIMES)
def test_events_are_within_the_time_of_the_world(world: World, source: str) -> None:
    times = world.landing[source][EVENT_TIMES[source]]
    assert times.min() >= PARAMS.starts_at  # type: ignore[operator]
    assert times.max() < PARAMS.ends_at  # type: ignore[operator]
    answers = [name for name in ("opened_at", "clicked_at", "unsubscribed_at") if name in world.landing[source].columns]
    for name in answers:
        assert world.landing[source][name].drop_nulls().max() < PARAMS.ends_at  # type: ignore[operator]


def test_the_same_parameters_give_the_same_world() -> None:
    params = WorldParams(n_users=25, n_days=20)
    one, other = generate_world(params), generate_world(params)
    assert one.policy == other.policy
    for name, frame in (one.landing | one.truth).items():
        assert_frame_equal(frame, (other.landing | other.truth)[name])


def test_another_seed_gives_another_world() -> None:
    one, other = (generate_world(WorldParams(seed=seed, n_users=10, n_days=10)) for seed in (1, 2))
    assert not one.landing["search_events"].equals(other.landing["search_events"])


def test_more_users_and_days_do_not_change_earlier_events(world: World, longer: World) -> None:
    users = longer.landing["users"]["user_id"].implode()
    for source, time in EVENT_TIMES.items():
        mine, theirs = (
            w.landing[source].filter(pl.col("user_id").is_in(users), pl.col(time) < PARAMS.ends_at)
            for w in (world, longer)
        )
        if source == "notification_events":
            answers = ("opened_at", "clicked_at", "unsubscribed_at")
            known = [pl.when(pl.col(n) < PARAMS.ends_at).then(pl.col(n)).alias(n) for n in answers]
            mine, theirs = mine.with_columns(known), theirs.with_columns(known)
        assert mine.height
        keys = list(LANDING[source].grain) if source != "journey_annotations" else ["annotated_at", "annotator_id"]
        assert_frame_equal(mine.sort(keys), theirs.sort(keys))
    assert_frame_equal(world.landing["pins"], longer.landing["pins"])


def test_dates_of_journeys_do_not_depend_on_the_length_of_the_world(world: World, longer: World) -> None:
    users = longer.landing["users"]["user_id"].implode()
    keys = ["user_id", "theme"]
    mine = world.truth["truth_journeys"].filter(pl.col("user_id").is_in(users)).drop_nulls("begun_on")
    both = mine.join(longer.truth["truth_journeys"], on=keys, suffix="_longer")
    assert both.height == mine.height > 50
    for name in ("begun_on", "ended_on"):
        known = both.filter(pl.col(name).is_not_null())
        assert (known[name] == known[f"{name}_longer"]).all()


def test_a_world_is_written_by_source_with_the_truth_in_its_own_folder(world: World, tmp_path: Path) -> None:
    write_world(world, tmp_path)
    stale = tmp_path / "landing" / "search_events" / "2001-01-01.parquet"
    world.landing["search_events"].head(1).write_parquet(stale)
    write_world(world, tmp_path)
    assert not stale.exists(), "two worlds must not be mixed"
    files = find_files([tmp_path / "landing"]).files
    for source, frame in world.landing.items():
        own = [file for file, root in files if source_of(file, root) == source]
        n_files = frame[EVENT_TIMES[source]].dt.date().n_unique() if source in EVENT_TIMES else 1
        assert len(own) == (n_files if frame.height else 0)
        read = pl.concat([frame.clear(), *(pl.read_parquet(file) for file in sorted(own))])
        assert_frame_equal(read, frame)
    assert not [file for file, _ in files if "truth" in str(file.relative_to(tmp_path))]
    assert {path.stem for path in (tmp_path / "truth").glob("*.parquet")} == set(TRUTH_SCHEMAS)
    assert json.loads((tmp_path / "truth" / "policy.json").read_text()) == json.loads(json.dumps(world.policy))


def test_no_landing_column_contains_the_truth(world: World) -> None:
    themes = set(world.truth["truth_journeys"]["theme"])
    truth_columns = {"theme", "user_class", "click_probability", "currentness"}
    for source, frame in world.landing.items():
        assert not truth_columns & set(frame.columns), source
    boards = world.landing["board_pins"]["board_name"].value_counts()
    assert boards.filter(pl.col("board_name").is_in(list(themes)))["count"].sum() < boards["count"].sum() / 10


def test_classes_of_users_have_their_shares_and_activity(world: World) -> None:
    users = world.truth["truth_users"]
    assert set(users["user_class"]) == {"normal", "heavy", "bot"}
    assert users.filter(pl.col("stopped_on").is_not_null()).height > 15
    sizes = world.truth["truth_keywords"].group_by("user_id").len().join(users, on="user_id")
    normal, heavy = (sizes.filter(user_class=name)["len"].median() for name in ("normal", "heavy"))
    assert 20 < normal < 150 < heavy  # type: ignore[operator]
    visits = pl.concat(
        [
            world.landing["search_events"].select("user_id", day=pl.col("searched_at").dt.date()),
            world.landing["pin_engagements"].select("user_id", day=pl.col("engaged_at").dt.date()),
        ]
    )
    share = visits.group_by("day").agg(pl.col("user_id").n_unique())["user_id"].mean() / PARAMS.n_users  # type: ignore[operator]
    assert 0.15 <= share <= 0.33


def test_users_who_stopped_have_no_organic_activity(world: World) -> None:
    stopped = world.truth["truth_users"].drop_nulls("stopped_on").select("user_id", "stopped_on")
    later = world.landing["search_events"].join(stopped, on="user_id")
    assert later.height
    # A local day ends up to 11 hours after the UTC day does.
    assert later.filter(pl.col("searched_at") > pl.col("stopped_on").cast(pl.Datetime) + timedelta(hours=12)).is_empty()


def test_sessions_are_in_local_waking_hours(world: World) -> None:
    people = world.truth["truth_users"].filter(pl.col("user_class") != "bot").select("user_id")
    users = world.landing["users"].drop_nulls("timezone").select("user_id", "timezone").join(people, on="user_id")
    for (zone,), rows in world.landing["search_events"].join(users, on="user_id").group_by("timezone"):
        local = rows["searched_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
        assert local.dt.hour().is_in([2, 3, 4]).mean() < 0.03, zone  # type: ignore[operator]


def test_bots_search_at_a_fixed_interval(world: World) -> None:
    bots = world.truth["truth_users"].filter(user_class="bot").select("user_id")
    rows = world.landing["search_events"].join(bots, on="user_id").sort("user_id", "searched_at")
    assert rows.height / bots.height > 500
    gaps = rows["searched_at"].diff().drop_nulls().value_counts(sort=True)
    assert gaps["count"][0] / gaps["count"].sum() > 0.9


def test_every_keyword_has_exactly_one_truth(world: World) -> None:
    keywords = world.truth["truth_keywords"]
    assert not keywords.select(pl.struct("user_id", "normalised_keyword").is_duplicated()).to_series().any()
    typed = world.landing["search_events"].select("user_id", keyword="query")
    assert typed.join(keywords, on=["user_id", "keyword"], how="anti").height < typed.height * 0.35  # other spellings
    noise = keywords.filter(pl.col("theme").is_null())
    assert 0.05 < noise.height / keywords.height < 0.5
    journeys = world.truth["truth_journeys"].select("user_id", "theme")
    named = keywords.drop_nulls("theme").select("user_id", "theme").unique()
    assert named.join(journeys, on=["user_id", "theme"], how="anti").is_empty()


def test_engagement_counts_add_up(world: World) -> None:
    truth = world.truth["truth_engagement"]
    assert truth["n_saves"].sum() <= world.landing["pin_engagements"].filter(action="save").height
    on_theme = truth["n_closeups"].sum() / world.landing["pin_engagements"].filter(action="closeup").height
    assert 0.85 < on_theme < 1.0
    assert truth["n_searches"].sum() < world.landing["search_events"].height


def test_intent_moves_from_exploring_to_acting(world: World) -> None:
    spans = world.truth["truth_journeys"].filter(
        pl.col("kind") == "situational", pl.col("begun_on") >= PARAMS.first_day, pl.col("ended_on").is_not_null()
    )
    days = world.truth["truth_engagement"].join(spans, on=["user_id", "theme"])
    late = (pl.col("day") - pl.col("begun_on")) / (pl.col("ended_on") - pl.col("begun_on")) >= 0.6
    mix = days.group_by(late.alias("late")).agg(searching=pl.col("n_searches").sum() / pl.col("n_clickthroughs").sum())
    assert mix.filter("late")["searching"][0] < 0.6 * mix.filter(~pl.col("late"))["searching"][0]


def test_journeys_pause_resume_and_end(world: World) -> None:
    journeys = world.truth["truth_journeys"]
    resumed = journeys.filter(pl.col("kind") == "situational").drop_nulls("resumed_on")
    assert resumed.height > 20
    assert (resumed["paused_on"] < resumed["resumed_on"]).all()
    assert journeys.drop_nulls("ended_on").height > 100
    quiet = world.truth["truth_engagement"].join(resumed, on=["user_id", "theme"])
    # A click on a notification may cause engagement within the pause, and a local day may end on the next UTC day.
    inside = quiet.filter(pl.col("day") > pl.col("paused_on"), pl.col("day") < pl.col("resumed_on") - timedelta(days=1))
    assert inside["n_searches"].sum() == 0


def test_users_have_several_journeys_at_once(world: World) -> None:
    per_user = world.truth["truth_engagement"].group_by("user_id").agg(pl.col("theme").n_unique())
    assert 3 <= per_user["theme"].median() <= 8  # type: ignore[operator]
    assert per_user["theme"].min() == 1  # type: ignore[comparison-overlap]


def test_the_journey_id_of_a_send_comes_from_the_earliest_keyword_of_the_theme(world: World) -> None:
    truth = world.truth["truth_notifications"].select("notification_id", "theme")
    sends = world.landing["notification_events"].filter(arm="journey").join(truth, on="notification_id")
    keywords = world.truth["truth_keywords"].drop_nulls("theme").sort("first_engaged_at", "normalised_keyword")
    first = keywords.group_by("user_id", "theme", maintain_order=True).first()
    ids = [journey_id(u, k) for u, k in zip(first["user_id"], first["normalised_keyword"], strict=True)]
    joined = sends.join(first.with_columns(expected=pl.Series(ids)), on=["user_id", "theme"], how="left")
    # Not always: a keyword may belong to two of a user's journeys, and counts for the more frequent one.
    assert (joined["journey_id"] == joined["expected"]).mean() > 0.8  # type: ignore[operator]


def test_annotations_show_only_keywords_from_before_the_judgement(world: World) -> None:
    firsts = {
        (u, k): at
        for u, k, at in world.truth["truth_keywords"]
        .select("user_id", "normalised_keyword", "first_engaged_at")
        .iter_rows()
    }
    for user, keywords, at in (
        world.landing["journey_annotations"].select("user_id", "keywords", "annotated_at").iter_rows()
    ):
        assert all(firsts[user, keyword] < at for keyword in keywords)


def test_annotators_disagree_moderately(world: World) -> None:
    rows = world.landing["journey_annotations"]
    assert rows.height > 200
    assert rows["journey_id"].is_null().all()
    wide = rows.with_columns(day=pl.col("annotated_at").dt.date()).pivot(
        on="annotator_id", index=["user_id", "day"], values="relevance", aggregate_function="first"
    ).drop_nulls()  # fmt: skip
    levels = wide.select(sorted(set(rows["annotator_id"]))).to_numpy()
    assert levels.shape[1] == 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 0.5 < np.corrcoef(levels[:, one], levels[:, other])[0, 1] < 0.95
        assert 0.25 < (levels[:, one] == levels[:, other]).mean() < 0.85
    means = levels.mean(axis=0)
    assert all(low < high for low, high in pairwise(means)), "ordered from the strict to the lenient annotator"
    assert set(rows["relevance"]) == {1, 2, 3, 4, 5}


def test_judgements_follow_the_truth(world: World) -> None:
    truth = world.truth["truth_annotations"]
    rows = world.landing["journey_annotations"].with_columns(judged_on=pl.col("annotated_at").dt.date())
    judged = rows.join(truth, on=["user_id", "judged_on"], suffix="_true")
    real = pl.col("theme").is_not_null()
    assert judged.filter(real)["relevance"].mean() > judged.filter(~real)["relevance"].mean() + 1.2  # type: ignore[operator]
    assert 0.75 < (judged["stage"] == judged["stage_true"]).mean() < 0.98  # type: ignore[operator]


@pytest.mark.parametrize(
    "wrong", [{"n_users": 0}, {"bot_share": 1.5}, {"journey_arm_share": 0.9, "interest_arm_share": 0.2}]
)
def test_invalid_parameters_raise_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"world needs|must"):
        WorldParams(**wrong)  # type: ignore[arg-type]


def test_a_tiny_world_is_valid() -> None:
    world = generate_world(WorldParams(n_users=1, n_days=1))
    for source, frame in world.landing.items():
        assert violations(LANDING[source], frame) == []
