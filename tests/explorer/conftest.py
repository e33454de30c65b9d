"""A home with a published file of made-up users, one of whom has texts that act where they are not escaped."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from starlette.testclient import TestClient

from journeys_assets.deployment import Deployment, build_deployment
from journeys_assets.explorer.app import explorer_app, sources_of
from journeys_assets.explorer.sources import Sources
from journeys_assets.settings import load_settings
from tests.support.hostile import HOSTILE
from tests.support.published_file import LAST_DAY, write_published

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC).replace(tzinfo=None)
N_USERS = 150
BASE = "http://127.0.0.1"


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explorer") / "home"
    folder.mkdir()
    write_published(folder / "journeys.duckdb", N_USERS, days=6)
    with duckdb.connect(str(folder / "journeys.duckdb")) as con:
        for n, text in enumerate(text for text in HOSTILE if text.isprintable() or "\udcff" not in text):
            row = {"text": text, "id": f"hostile {text}", "journey": f"j-{n}"}
            for table in ("user_journeys", "current_journeys"):
                con.execute(
                    f"INSERT INTO {table} BY NAME SELECT * REPLACE ($id AS user_id, $journey AS journey_id, $text AS "
                    f"journey_name, [$text, $text || '2'] AS keywords, $text AS area_name, $text AS scored_by) "
                    f"FROM {table} WHERE user_id = 'u000001' AND rank <= 2 AND partition_date = '{LAST_DAY}'",
                    row,
                )
            con.execute(
                "INSERT INTO journey_events BY NAME SELECT * REPLACE ($id AS user_id, $journey AS journey_id, $text AS "
                "detail) FROM journey_events WHERE user_id = 'u000001' LIMIT 2",
                row,
            )
            con.execute(
                "INSERT INTO notification_candidates BY NAME SELECT * REPLACE ($id AS user_id, $journey AS journey_id, "
                "$text AS title_text, 'send' AS decision) FROM notification_candidates WHERE user_id = 'u000001'",
                row,
            )
            con.execute(
                "INSERT INTO related_journeys BY NAME SELECT * REPLACE ($id AS user_id, $text AS related_name) "
                "FROM related_journeys WHERE user_id = 'u000001'",
                {"id": row["id"], "text": text},
            )
        con.execute(
            "INSERT INTO quality_metrics BY NAME SELECT * REPLACE ('<i>monitor' AS monitor, '<b>bound' AS bound, false "
            "AS passed, '<u>advice' AS advice) FROM quality_metrics WHERE monitor = 'churn'"
        )
    return folder


@pytest.fixture(scope="package")
def deployment(home: Path) -> Deployment:
    return build_deployment(load_settings(home=home, embedder="hashing"), progress=lambda *_: None)


@pytest.fixture(scope="package")
def sources(deployment: Deployment) -> Iterator[Sources]:
    ticks = itertools.count()
    made = sources_of(deployment, now=lambda: NOW + timedelta(milliseconds=next(ticks)))
    yield made
    made.published.close()


@pytest.fixture(scope="package")
def client(sources: Sources) -> TestClient:
    return TestClient(explorer_app(sources, token=None), base_url=BASE)


@pytest.fixture(scope="package")
def table(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read apart from the explorer."""
    con = duckdb.connect(":memory:")
    con.execute(f"ATTACH '{home / 'journeys.duckdb'}' AS file (READ_ONLY)")
    con.execute("USE file")
    yield con
    con.close()


@pytest.fixture(scope="package")
def countries() -> pl.DataFrame:
    users = [f"u{n:06d}" for n in range(N_USERS)]
    return pl.DataFrame({"user_id": users, "country": ["DE" if n % 3 else "JP" for n in range(N_USERS)]})


@pytest.fixture(scope="package")
def weeks() -> list[str]:
    return [str(LAST_DAY - timedelta(weeks=n)) for n in range(6)]
