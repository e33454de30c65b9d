"""Related journeys on a real pipeline: expanded, live from the day after, and true to the promises of the output."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.operations.expand import ExpansionReport, expand
from journeys_assets.operations.preview import preview
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
N_DAYS = 27
"""Weeks in which users search the same things, and days after the expansion, one of which rests on another."""
AS_OF = FIRST + timedelta(days=24)
LAST = FIRST + timedelta(days=N_DAYS - 1)
NewSandbox = Callable[[str], Sandbox]


def expand_in(sandbox: Sandbox, as_of: date) -> ExpansionReport:
    deployment = sandbox.deployment
    folder = deployment.releases("related")
    store = deployment.related_store()
    params = deployment.algorithm.related
    return expand(
        deployment.warehouse,
        store,
        None,
        deployment.embedder(),
        params,
        folder,
        as_of,
        lambda texts: [True] * len(texts),
    )


@pytest.fixture(scope="module")
def log() -> dict[str, pl.DataFrame]:
    return dict(generate_world(WorldParams(seed=11, n_users=60, n_days=N_DAYS, first_day=FIRST)).landing)


@pytest.fixture(scope="module")
def calm(log: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Run day by day, expanded, and run on."""
    sandbox = Sandbox(tmp_path_factory.mktemp("calm"))
    sandbox.home.joinpath("journeys.toml").write_text("[algorithm.related]\nmin_users = 2\nnearest_cosine = 0.4\n")
    sandbox.land(log)
    sandbox.run(AS_OF - timedelta(days=1), AS_OF)
    expand_in(sandbox, AS_OF)
    for n in range(1, (LAST - AS_OF).days + 1):
        sandbox.run(AS_OF + timedelta(days=n), AS_OF + timedelta(days=n))
    return sandbox


def copy_of(sandbox: Sandbox, other: Sandbox) -> Sandbox:
    shutil.copytree(sandbox.home, other.home)
    return other


def with_release_of(sandbox: Sandbox, other: Sandbox) -> None:
    """The same settings and released expansions, without any other state."""
    other.home.mkdir(exist_ok=True)
    shutil.copy(sandbox.home / "journeys.toml", other.home)
    shutil.copytree(sandbox.deployment.releases("related"), other.deployment.releases("related"))


def test_there_are_rows_from_the_day_after_the_expansion_on(calm: Sandbox) -> None:
    rows = calm.table("related_journeys")
    assert rows["partition_date"].min() == AS_OF + timedelta(days=1)
    assert rows["partition_date"].n_unique() == (LAST - AS_OF).days
    assert rows["user_id"].n_unique() > 5
    assert set(rows["algorithm_version"]) == {calm.version_of("related_journeys", LAST)}
    assert calm.version_of("related_journeys", LAST) != calm.version_of("related_journeys", AS_OF)


def test_no_user_is_shown_what_the_user_has(calm: Sandbox) -> None:
    rows, journeys = calm.table("related_journeys"), calm.table("user_journeys")
    own = journeys.select(
        "partition_date", "user_id", related_name=pl.col("journey_name").map_elements(normalise, pl.String)
    )
    assert rows.join(own, on=["partition_date", "user_id", "related_name"]).is_empty()
    key = ["partition_date", "user_id", "journey_id"]
    popular = rows.filter(relation="popular")
    assert popular["from_journey_id"].null_count() == popular.height > 0
    related = rows.filter(pl.col("relation") != "popular").rename({"from_journey_id": "journey_id"})
    assert set(related.join(journeys, on=key, how="left")["stage"]) == {"ongoing"}


def test_a_rerun_gives_the_same_rows(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    again = copy_of(calm, new_sandbox("again"))
    again.run(AS_OF + timedelta(days=1), LAST)
    assert_frame_equal(again.table("related_journeys"), calm.table("related_journeys"), check_exact=True)


def test_day_by_day_equals_one_full_inference_and_users_are_isolated(
    log: dict[str, pl.DataFrame], calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    rows = calm.table("related_journeys").filter(partition_date=LAST)
    users = sorted(log["search_events"]["user_id"].unique())
    for name, kept in (("full", users), ("half", users[::2])):
        other = new_sandbox(name)
        with_release_of(calm, other)
        other.land(
            {n: f.filter(pl.col("user_id").is_in(kept)) if "user_id" in f.columns else f for n, f in log.items()}
        )
        other.run(LAST, LAST, full=True)
        expected = rows.filter(pl.col("user_id").is_in(kept))
        assert not expected.is_empty()
        assert_frame_equal(other.table("related_journeys"), expected, check_exact=True)


def test_a_preview_has_the_content_of_the_expansion(calm: Sandbox) -> None:
    n_rows = calm.table("related_journeys").filter(partition_date=LAST).height
    assert preview(calm.pipeline, calm.home, LAST).summary.rows["related_journeys"] == n_rows


def test_a_release_without_its_content_gives_no_rows(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    lost = copy_of(calm, new_sandbox("lost"))
    shutil.rmtree(lost.deployment.releases("related") / ".content")
    lost.run(LAST, LAST)
    assert lost.table("related_journeys").filter(partition_date=LAST).is_empty()


def test_the_command_line_shows_names_and_users(calm: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYS_HOME", str(calm.home))
    monkeypatch.setenv("JOURNEYS_EMBEDDER", "hashing")
    rows = calm.table("related_journeys").filter(partition_date=LAST)
    user = rows["user_id"][0]
    runner = CliRunner()
    shown = runner.invoke(app, ["related", "--user", user, "--json"])
    assert shown.exit_code == 0, shown.output
    record = json.loads(shown.stdout)
    assert [one["related_name"] for one in record["related"]] == rows.filter(user_id=user).sort("rank")[
        "related_name"
    ].to_list()
    name = rows["related_name"][0]
    shown = runner.invoke(app, ["related", name.upper(), "--json"])
    assert json.loads(shown.stdout)["is_stored"] is True
    near = json.loads(runner.invoke(app, ["related", f"{name} xq", "--json"]).stdout)
    assert (near["is_stored"], near["topics"][0]) == (False, json.loads(shown.stdout)["topics"][0])
    assert runner.invoke(app, ["related", name]).exit_code == 0
    assert runner.invoke(app, ["related", "--user", user]).exit_code == 0
    assert runner.invoke(app, ["related"]).exit_code == 2
    again = runner.invoke(app, ["expand", "--as-of", str(AS_OF), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["was_there"] is True
