"""Worlds of every language through the whole pipeline: journeys of known truth, named in the user's own words."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.clustering.params import CUT_OF_EMBEDDER, ClusteringParams
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.settings import load_settings
from journeys_assets.synthetic.languages import WORLD_LANGUAGES, WorldLanguage
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.command_line import runner

FIRST = date(2026, 3, 2)
N_DAYS = 5
LAST = FIRST + timedelta(days=N_DAYS - 1)


@pytest.mark.parametrize("language", [own for own in WORLD_LANGUAGES if own != "en"])
def test_a_world_runs_through_the_pipeline(language: WorldLanguage, tmp_path: Path) -> None:
    world = generate_world(WorldParams(seed=5, n_users=12, n_days=N_DAYS, first_day=FIRST, language=language))
    sandbox = Sandbox(tmp_path)
    report = sandbox.land({source: frame for source, frame in world.landing.items() if frame.height})
    assert report.first_day == FIRST
    assert not any(file.n_quarantined for file in report.files)
    sandbox.run(LAST, LAST, full=True)

    meant = world.truth["truth_keywords"].select("user_id", "theme", keyword="normalised_keyword")
    clustered = sandbox.table("journey_clusters").select("user_id", "journey_id", keyword="keywords").explode("keyword")
    known = clustered.join(meant, on=["user_id", "keyword"], how="left", coalesce=False)
    assert known.height > 100
    assert known["keyword_right"].null_count() == 0, "every keyword is known to the truth"
    largest = (
        known.filter(pl.col("theme").is_not_null())
        .group_by("user_id", "journey_id", "theme").len("own")
        .group_by("user_id", "journey_id").agg(pl.col("own").max(), n=pl.col("own").sum())
    )  # fmt: skip
    assert largest["own"].sum() > 0.7 * largest["n"].sum(), "clusters are mostly of one theme"

    journeys = sandbox.table("user_journeys")
    assert journeys.height > 5
    for name, keywords in journeys.select("journey_name", "keywords").iter_rows():
        assert any(normalise(name) in normalise(keyword) for keyword in keywords)


def test_each_packaged_embedder_brings_the_cut_that_was_fitted_on_its_vectors(tmp_path: Path) -> None:
    default = ClusteringParams().learned_cut
    found = {name: load_settings(home=tmp_path, embedder=name) for name in ("minilm", "multilingual-e5-small")}
    assert found["minilm"].algorithm.clustering.learned_cut == default
    own = CUT_OF_EMBEDDER["multilingual-e5-small"]
    assert found["multilingual-e5-small"].algorithm.clustering.learned_cut == own != default
    chosen = load_settings(
        home=tmp_path, embedder="multilingual-e5-small", algorithm={"clustering": {"learned_cut": "another"}}
    )
    assert chosen.algorithm.clustering.learned_cut == "another"


def test_the_command_writes_a_world_in_a_language_and_names_those_that_there_are(tmp_path: Path) -> None:
    command = runner(tmp_path / "home")
    command("synth", tmp_path / "world", "--users", 3, "--days", 3, "--language", "ja")
    (users,) = (tmp_path / "world" / "landing" / "users").glob("*.parquet")
    assert set(pl.read_parquet(users)["locale"]) == {"ja-JP"}
    refused = command("synth", tmp_path / "other", "--language", "fr", code=2)
    assert "language is 'fr'; it must be one of en, written-en, de, ja, mixed" in " ".join(refused.stderr.split())
    assert not (tmp_path / "other").exists()
