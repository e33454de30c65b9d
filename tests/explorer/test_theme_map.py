"""The map of themes by its release: live from its day on, of the same embedding model, and kept while it fits."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from journeys_assets.deployment import Deployment
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.explorer.app import explorer_app, live_map, sources_of
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.pipeline.training import TRAININGS, Candidate, model_versions
from tests.sandbox import Sandbox
from tests.support.published_file import LAST_DAY, write_published

BASE = "http://127.0.0.1"


@pytest.fixture
def deployment(new_sandbox: Callable[[str], Sandbox]) -> Deployment:
    """A deployment whose warehouse has the names of the published file with vectors."""
    sandbox = new_sandbox("home")
    made, pipeline = sandbox.deployment, sandbox.pipeline
    pipeline.prepare()
    list(execute(pipeline, ["stg_users"], Run((LAST_DAY,), "views")))
    write_published(made.settings.published_path, 150, days=2)
    with made.warehouse.writing({}) as con:
        con.execute(f"ATTACH '{made.settings.published_path}' AS file (READ_ONLY)")
        con.execute("INSERT INTO main.user_journeys BY NAME SELECT * FROM file.user_journeys")
    names = made.warehouse.query("SELECT DISTINCT journey_name FROM main.user_journeys")["journey_name"]
    texts = sorted({normalise(name) for name in names})
    vectors = made.embedder().embed(texts)
    table = next(table for table in pipeline.tables if table.name == "name_embeddings")
    rows = pl.DataFrame(
        {"name": texts, "embedding": pack(vectors), "partition_date": LAST_DAY, "algorithm_version": "v"}
    )
    rows = rows.with_columns(embedding_model=pl.lit(made.embedder().model_version)).select(table.column_names)
    made.warehouse.replace_partitions(table, rows, [LAST_DAY])
    return made


def trained(deployment: Deployment, days: int = 0) -> Candidate:
    (training,) = [one for one in TRAININGS if one.kind.name == "theme_map_release"]
    folder = deployment.releases(training.kind.folder)
    found = training.train(
        deployment.warehouse,
        deployment.algorithm,
        lambda: model_versions(deployment),
        folder,
        LAST_DAY - timedelta(days=days),
    )
    assert isinstance(found, Candidate)
    return found


def test_a_map_is_used_from_its_day_on_and_kept_while_it_fits(deployment: Deployment) -> None:
    page = TestClient(explorer_app(sources_of(deployment), token=None), base_url=BASE).get("/themes").text
    assert "Places are made anew for each published file" in page
    first = trained(deployment, days=7)
    assert first.refused is None
    folder: Path = first.save()
    assert "holds no name" in (folder / "model_card.md").read_text()
    assert live_map(deployment, LAST_DAY - timedelta(days=7)) is None, "no day uses a map of its future"
    live = live_map(deployment, LAST_DAY)
    assert live is not None
    assert live.version == first.release.version
    sources = sources_of(deployment)
    page = TestClient(explorer_app(sources, token=None), base_url=BASE).get("/themes").text
    assert f"Places are those of the map of {LAST_DAY - timedelta(days=7)}" in page
    themes = sources.published.current().themes
    assert themes.theme_map == live
    assert np.isfinite(themes.places).all()
    sources.published.close()
    again = trained(deployment)
    assert again.refused is not None
    assert "100%" in again.refused


def test_a_map_of_another_embedding_model_is_not_used(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(deployment, days=7).save()
    monkeypatch.setattr(type(deployment.embedder()), "model_version", "another")
    assert live_map(deployment, LAST_DAY) is None
