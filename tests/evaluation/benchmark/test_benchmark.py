"""A benchmark from data to leaderboard, as people call it; and what its input must not have."""

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.deployment import build_deployment
from journeys_assets.evaluation.benchmark.entries import MODEL, PIPELINE, Entries
from journeys_assets.evaluation.benchmark.folder import (
    DEV,
    RETAIL,
    SYNTHETIC,
    BenchmarkError,
    read_record,
    read_truth,
    write_record,
)
from journeys_assets.evaluation.benchmark.submission import read_submission
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.settings import LanguageModelSettings, load_settings
from tests.support.asker import FunctionAsker
from tests.support.command_line import Journeys, runner
from tests.support.journeys_answer import all_together

pytestmark = pytest.mark.slow

DAYS = 14
TIMES = {"search_events": "searched_at", "pin_engagements": "engaged_at", "board_pins": "saved_at"}


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Journeys:
    return runner(tmp_path_factory.mktemp("benchmark") / "home")


@pytest.fixture(scope="module")
def folder(journeys: Journeys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark with the world, a small retail log and a small corpus."""
    own = tmp_path_factory.mktemp("data")
    folder = own / "benchmark"
    retail_log(own / "retail.csv")
    corpus(own / "corpus.parquet")
    sources = ("--online-retail", own / "retail.csv", "--corpus", own / "corpus.parquet")
    journeys("benchmark", "prepare", folder, "--users", 20, "--days", DAYS, *sources)
    return folder


@pytest.fixture(scope="module")
def small(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same benchmark with two of its data sets, one with a log and one without."""
    small = tmp_path_factory.mktemp("small") / "benchmark"
    shutil.copytree(folder, small)
    write_record(small, [dataset for name, dataset in read_record(folder).items() if name in (SYNTHETIC, "tiny")])
    return small


def retail_log(file: Path) -> None:
    """Four customers who buy garden ware and party ware, for eight weeks."""
    items = [f"{place} {thing}" for place in ("GARDEN", "PARTY") for thing in ("LAMP", "TABLE", "SIGN", "BUNTING")]
    rows = [
        (f"{50_0000 + day * 10 + customer}", f"{20_000 + number}", items[number], "1",
         (datetime(2011, 1, 3, 10) + timedelta(days=day)).strftime("%Y-%m-%d %H:%M:%S"), "1.5", f"{17_000 + customer}",
         "United Kingdom")
        for day in range(0, 56, 7)
        for customer in range(4)
        for number in range(8)
        if (number + customer + day // 7) % 3 == 0 and (number < 4 or day < 28)
    ]  # fmt: skip
    columns = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(file)


def corpus(file: Path) -> None:
    rows = [("tiny", f"{label} question {n}", label) for label in ("rain", "money", "food") for n in range(8)]
    pl.DataFrame(rows, schema=["set", "text", "label"], orient="row").write_parquet(file)


def test_input_ends_with_its_last_day_and_has_no_truth(folder: Path) -> None:
    """Planted fault seen: with the whole log as input, the first assertion fails."""
    datasets = read_record(folder)
    assert set(datasets) == {SYNTHETIC, DEV, RETAIL, "tiny"}
    for name in (SYNTHETIC, DEV, RETAIL):
        day = datasets[name].last_day
        assert day is not None
        for source, time in TIMES.items():
            for file in (folder / "input" / name / "landing" / source).glob("*.parquet"):
                assert pl.read_parquet(file)[time].max().date() <= day, (name, source)  # type: ignore[union-attr]
        keywords = pl.read_parquet(folder / "input" / name / "keywords.parquet")
        assert set(keywords.columns) == {"user_id", "keyword", "weight", "first_engaged_at", "last_engaged_at"}
        assert keywords["last_engaged_at"].max().date() <= day  # type: ignore[union-attr]
    assert pl.read_parquet(folder / "input" / "tiny" / "keywords.parquet").columns == ["user_id", "keyword"]
    sources = {path.name for path in (folder / "input" / SYNTHETIC / "landing").iterdir()}
    assert sources == {*TIMES, "pins", "users"}, "judgements, sends and feedback give the truth away"
    assert not [path for path in (folder / "input").rglob("*") if "truth" in path.name]
    assert not list(folder.glob(".*")), "no scratch is left"


def test_the_truth_covers_every_keyword_of_a_scored_user(folder: Path) -> None:
    for name, dataset in read_record(folder).items():
        truth = read_truth(folder, dataset)
        keywords = pl.read_parquet(folder / "input" / name / "keywords.parquet").select("user_id", "keyword")
        scored = keywords.join(truth.keywords, on="user_id", how="semi")
        assert scored.rows() == truth.keywords.select("user_id", "keyword").rows()
        assert truth.keywords["user_id"].n_unique() == dataset.n_users
        if dataset.has_log:
            assert 0 < truth.keywords["comes_back"].sum() < truth.keywords.height


def test_a_truth_that_was_changed_is_refused(folder: Path) -> None:
    dataset = read_record(folder)["tiny"]
    with pytest.raises(BenchmarkError, match="is not the truth that"):
        read_truth(folder, replace(dataset, truth_sha256="0" * 64))
    with pytest.raises(BenchmarkError, match="lacks the truth"):
        read_truth(folder, replace(dataset, name="other"))


def test_entries_score_and_leaderboard(small: Path, journeys: Journeys) -> None:
    folder = small
    chosen = (PIPELINE, "plain script", "time-out", MODEL)
    journeys("benchmark", "entries", folder, *(part for name in chosen for part in ("--only", name)))
    output = pl.read_parquet(folder / "submissions" / PIPELINE / f"{SYNTHETIC}.parquet")
    assert {"name", "kind", "stage", "rank", "confidence"} <= set(output.columns)
    found = json.loads(
        journeys("benchmark", "score", folder / "submissions" / PIPELINE, "--data", folder, "--json").stdout
    )
    figures = {row["metric"]: row for row in found["scores"][SYNTHETIC]}
    assert 0 < figures["B-cubed F1"]["low"] <= figures["B-cubed F1"]["value"] <= figures["B-cubed F1"]["high"] <= 1
    assert {"names", "kind", "stage", "NDCG@5", "keywords that come back"} <= set(figures)

    broken = folder / "submissions" / "broken"
    broken.mkdir()
    (broken / "tiny.csv").write_text("user_id,keyword,journey\nnobody,x,1\n")
    result = journeys("benchmark", "leaderboard", folder, code=1)
    assert "tiny.csv, row 1 (user 'nobody'" in result.stderr
    page = (folder / "leaderboard" / "leaderboard.html").read_text()
    record = json.loads((folder / "leaderboard" / "leaderboard.json").read_text())
    places = {row["name"] for row in record["datasets"][SYNTHETIC]["table"]}
    assert places == {PIPELINE, "plain script", "time-out"}
    assert {row["name"] for row in record["datasets"]["tiny"]["table"]} == {PIPELINE, "plain script"}, "has no times"
    assert [one["name"] for one in record["submissions"] if one["not_run"]] == [MODEL]
    assert list(record["refused"]) == ["broken"]
    for text in (*places, "no language model is set", "broken: refused"):
        assert text in page
    # The same figures, whoever else is compared.
    cell = next(row for row in record["datasets"][SYNTHETIC]["table"] if row["name"] == PIPELINE)["cells"]["B-cubed F1"]
    assert cell["value"] == figures["B-cubed F1"]["value"]


def test_a_language_model_is_asked_about_every_user(small: Path, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", embedder="hashing", llm=LanguageModelSettings(model="function"))
    asker = FunctionAsker(all_together)
    deployment = build_deployment(settings, progress=lambda *_: None, embedder=HashingEmbedder())
    path = Entries(small, settings, deployment.embedder, asker).write(MODEL)
    found = read_submission(path, small, read_record(small))
    assert set(found.rows) == {SYNTHETIC}, "without a log nobody is asked"
    rows = found.rows[SYNTHETIC]
    n_journeys = rows.group_by("user_id").agg(pl.col("journey").n_unique())["journey"]
    assert n_journeys.median() == 1, "as the model said; of a long history some clusters are not shown"
    assert len(asker.asked) == rows["user_id"].n_unique() == len(n_journeys)
    assert set(rows["kind"].drop_nulls()) == {"evergreen"}
    assert asker.purposes == {"journeys"}


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--online-retail", "a,b\n1,2\n", "lacks the column(s) InvoiceNo"),
        ("--corpus", "no parquet", "cannot be read as Parquet"),
    ],
)
def test_data_that_is_not_what_it_should_be_is_named(
    journeys: Journeys, tmp_path: Path, option: str, content: str, said: str
) -> None:
    (tmp_path / "file.csv").write_text(content)
    result = journeys("benchmark", "prepare", tmp_path / "new", option, tmp_path / "file.csv", code=2)
    assert said in result.stderr
    assert not (tmp_path / "new").exists()


def test_what_is_there_is_not_replaced(journeys: Journeys, folder: Path, tmp_path: Path) -> None:
    assert "exists" in journeys("benchmark", "prepare", folder, code=2).stderr
    assert "prepare" in journeys("benchmark", "leaderboard", tmp_path, "--submission", tmp_path, code=2).stderr
