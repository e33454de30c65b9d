"""Close calls of the cut, decided by a language model: off by default, never needed, the same from the cache."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.tables.pipeline import JOURNEY_CLUSTERS
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.sandbox import Sandbox
from tests.support.asker import FunctionAsker

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=2)
STAMPS = ("algorithm_version", "partition_date")
Answer = Callable[[Mapping[str, Any]], Any]


@pytest.fixture(scope="module")
def log() -> World:
    return generate_world(WorldParams(seed=3, n_users=6, n_days=3, first_day=FIRST))


def by_letter(data: Mapping[str, Any]) -> dict[str, Any]:
    """An answer that depends on the question alone."""
    return {"same": sum(map(ord, "".join([*data["first"], *data["second"]]))) % 2 == 0}


def never(data: Mapping[str, Any]) -> None:
    return None


def filled(home: Path, log: World, answer: Answer | None, per_user: int = 6) -> Sandbox:
    """A deployment with the log; with a model where ``answer`` is given."""
    home.mkdir(parents=True)
    model = {} if answer is None else {"model": "function"}
    lines = ["[llm]", *(f"{k} = {json.dumps(v)}" for k, v in model.items())]
    lines += ["[algorithm.cut_questions]", f"per_user = {per_user}", "band = 3.0"]
    (home / "journeys.toml").write_text("\n".join(lines) + "\n")
    made = Sandbox(home, None if answer is None else FunctionAsker(answer))
    made.land(log.landing)
    return made


def clustered(sandbox: Sandbox, *days: date, full: bool = False) -> pl.DataFrame:
    """The clusters of the last day that was run, after running the stages up to them, one run for each day."""
    pipeline = sandbox.pipeline
    pipeline.prepare()
    names = [entry.name for entry in pipeline.entries]
    names = names[: names.index(JOURNEY_CLUSTERS.name) + 1]
    for day in days:
        for _ in execute(pipeline, names, Run((day,), uuid.uuid4().hex, full)):
            pass
    return latest(sandbox)


def latest(sandbox: Sandbox) -> pl.DataFrame:
    """The clusters of each user as of the user's last inference, without stamps."""
    rows = sandbox.table("journey_clusters")
    last = sandbox.table("inference_ledger").group_by("user_id").agg(pl.col("partition_date").max())
    return rows.join(last, on=["user_id", "partition_date"]).drop(STAMPS).sort("user_id", "journey_id")


def every_day() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@pytest.fixture(scope="module")
def plain(log: World, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Nothing is asked, though there is a model; every day run."""
    sandbox = filled(tmp_path_factory.mktemp("plain") / "home", log, by_letter, per_user=0)
    clustered(sandbox, *every_day())
    return sandbox


@pytest.fixture(scope="module")
def asked(log: World, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A model decides close calls; every day run."""
    sandbox = filled(tmp_path_factory.mktemp("asked") / "home", log, by_letter)
    clustered(sandbox, *every_day())
    return sandbox


def test_by_default_nothing_is_asked(plain: Sandbox) -> None:
    assert isinstance(plain.asker, FunctionAsker)
    assert "nodes" not in plain.asker.purposes
    assert Sandbox(plain.home.parent / "new").settings.algorithm.cut_questions.per_user == 0


def test_answers_change_clusters_and_every_keyword_stays(plain: Sandbox, asked: Sandbox) -> None:
    assert isinstance(asked.asker, FunctionAsker)
    assert asked.asker.purposes == {"nodes"}
    before, after = latest(plain), latest(asked)
    assert before.select("user_id", "keywords").rows() != after.select("user_id", "keywords").rows()
    members = [
        frame.select("user_id", pl.col("keywords")).explode("keywords").sort(pl.all()).rows()
        for frame in (before, after)
    ]
    assert members[0] == members[1]
    assert after["cut_probability"].null_count() > before["cut_probability"].null_count()
    assert (asked.table("inference_ledger")["n_unanswered"] == 0).all()


def test_day_by_day_gives_what_one_full_inference_gives(asked: Sandbox, log: World, tmp_path: Path) -> None:
    full = clustered(filled(tmp_path / "home", log, by_letter), LAST, full=True)
    assert full.equals(latest(asked))


def test_without_a_model_or_without_an_answer_the_learned_cut_holds(plain: Sandbox, log: World, tmp_path: Path) -> None:
    assert clustered(filled(tmp_path / "none", log, None), LAST, full=True).equals(latest(plain))
    silent = filled(tmp_path / "silent", log, never)
    assert clustered(silent, *every_day()[:-1]).height > 0
    assert silent.table("inference_ledger")["n_unanswered"].max() > 0
    assert clustered(silent, LAST).equals(latest(plain))


def test_a_user_asked_about_in_vain_is_asked_about_again(asked: Sandbox, log: World, tmp_path: Path) -> None:
    """Planted fault seen: where rows with unanswered questions count, users who stay away keep the learned cut."""
    silent = filled(tmp_path / "home", log, never)
    clustered(silent, *every_day()[:-1])
    healed = Sandbox(silent.home, FunctionAsker(by_letter))
    assert clustered(healed, LAST).equals(latest(asked))


def test_the_version_covers_questions_only_where_they_are_asked(plain: Sandbox, asked: Sandbox, tmp_path: Path) -> None:
    name = JOURNEY_CLUSTERS.name
    home = tmp_path / "home"
    home.mkdir()
    assert Sandbox(home).version_of(name) == plain.version_of(name), "a model alone changes nothing"
    assert asked.version_of(name) != plain.version_of(name)
    (home / "journeys.toml").write_text("[algorithm.cut_questions]\nband = 0.5\n")
    assert Sandbox(home).version_of(name) == plain.version_of(name), "nothing is asked, so its band shapes nothing"
