"""Sheets out, filled in by simulated annotators, taken back, agreement, and a ranker that learns from them."""

import csv
import itertools
import json
import re
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.annotation import sampling
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.ranking.prior import features
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.judging import COVERAGE, KAPPA, PEOPLE, evaluate_judging
from journeys_assets.models.judging.release import released_verdicts
from journeys_assets.models.ranker.training import train_ranker
from journeys_assets.storage.queries import annotation as storage
from journeys_assets.storage.queries import labels
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.annotators import judge, true_relevance
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world, write_world
from tests.sandbox import Sandbox
from tests.support.asker import FunctionAsker
from tests.support.command_line import Journeys, runner

ANNOTATORS = ("ann", "ben", "chi")
DAYS = (date(2026, 3, 22), date(2026, 3, 29))
ROWS = 80
SHARED = 32


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annotate") / "home"


@pytest.fixture(scope="module")
def journeys(home: Path) -> Journeys:
    """A deployment without any label: the sheets are all that a ranker can learn from."""
    world = home.parent / "world"
    write_world(generate_world(WorldParams(n_users=60, n_days=28, first_day=date(2026, 3, 2))), world)
    for source in ("journey_annotations", "notification_events", "journey_feedback"):
        shutil.rmtree(world / "landing" / source)
    sandbox = Sandbox(home)
    sandbox.load(world / "landing")
    for day in DAYS:
        sandbox.run(day, day)
    return runner(home)


def warehouse(home: Path) -> Warehouse:
    return Warehouse(home / "warehouse.duckdb")


def read_sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sheets(journeys: Journeys, home: Path) -> dict[str, Path]:
    target = home.parent / "sheets" / "march.csv"
    shown = journeys(
        "annotate", "export", target, "--annotators", ",".join(ANNOTATORS), "--rows", ROWS, "--overlap", SHARED / ROWS
    ).output
    expected = "176 journeys as of 2026-03-22, 2026-03-29: 240 rows in all, 32 journeys on every annotator's sheet"
    assert expected in " ".join(shown.split())
    return {name: target.with_name(f"march-{name}.csv") for name in ANNOTATORS}


@pytest.fixture(scope="module")
def filled(sheets: dict[str, Path], home: Path) -> dict[str, Path]:
    """The sheets with the answers of simulated annotators, who know the truth and err each in their own way."""
    truth = {path.stem: pl.read_parquet(path) for path in (home.parent / "world" / "truth").glob("*.parquet")}
    items = true_relevance(warehouse(home).query("FROM landing.annotation_items"), truth)
    answers = {name: {r["row_key"]: r for r in judge(items, name, seed=1).to_dicts()} for name in ANNOTATORS}
    done = {}
    for name, path in sheets.items():
        rows = read_sheet(path)
        for row in rows:
            said = answers[name][row["row_key"]]
            row["relevance"], row["stage"] = str(said["relevance"]), said["stage"]
            if not row["name"]:
                row["better_name"] = row["keywords"].split(", ")[-1]
        done[name] = path.with_name(f"{name}-done.csv")
        with done[name].open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return done


@pytest.fixture(scope="module")
def imported(journeys: Journeys, filled: dict[str, Path]) -> str:
    return journeys("annotate", "import", *filled.values()).output


def stored(home: Path) -> pl.DataFrame:
    return warehouse(home).query("SELECT * FROM landing.journey_annotations ORDER BY ALL")


def test_a_sheet_names_no_user_and_no_user_comes_twice_in_a_row(sheets: dict[str, Path], home: Path) -> None:
    items = warehouse(home).query("FROM landing.annotation_items")
    users = dict(items.select("row_key", "user_id").iter_rows())
    assert (home / "annotation_salt").stat().st_mode & 0o077 == 0, "the salt is for nobody else to read"
    for path in sheets.values():
        text = path.read_text(encoding="utf-8-sig")
        assert not [name for name in set(users.values()) if name in text]
        assert not [name for name in items["journey_id"] if name in text]
        rows = [users[row["row_key"]] for row in read_sheet(path)]
        assert len(rows) == ROWS
        assert all(a != b for a, b in itertools.pairwise(rows))
    assert "**5 surely a journey**" in (path.parent / "march-guideline.md").read_text()


def test_half_of_the_journeys_show_no_name_to_anybody(sheets: dict[str, Path], home: Path) -> None:
    items = warehouse(home).query("FROM landing.annotation_items")
    shown: dict[str, set[str]] = {}
    for path in sheets.values():
        for row in read_sheet(path):
            shown.setdefault(row["row_key"], set()).add(row["name"].lstrip("'"))
    stored = dict(items.select("row_key", "journey_name").iter_rows())
    assert shown == {key: {name} for key, name in stored.items()}, "what is stored is what every annotator saw"
    assert 0.35 < (items["journey_name"] == "").mean() < 0.65  # type: ignore[operator]
    names = warehouse(home).query(
        "SELECT partition_date AS as_of_date, user_id, journey_id, journey_name AS known FROM main.user_journeys"
    )
    named = items.filter(pl.col("journey_name") != "").join(names, on=["as_of_date", "user_id", "journey_id"])
    assert named.height > 50
    assert (named["journey_name"] == named["known"]).all()


def test_the_evidence_is_what_the_user_did_up_to_the_day(sheets: dict[str, Path], home: Path) -> None:
    items = {r["row_key"]: r for r in warehouse(home).query("FROM landing.annotation_items").to_dicts()}
    for row in read_sheet(sheets["ann"])[::20]:
        item = items[row["row_key"]]
        acts = warehouse(home).query(
            """
            SELECT DISTINCT action, item_id, engaged_at, ($day - event_date) // 7 AS age FROM main.int_keyword_events
            WHERE user_id = $user AND event_date <= $day AND list_contains($keywords, keyword)
            """,
            {"user": item["user_id"], "day": item["as_of_date"], "keywords": item["keywords"]},
        )
        ages = acts["age"].to_list()
        assert row["weeks"] == " ".join(str(ages.count(week)) for week in range(12, -1, -1))
        assert sum(map(int, row["weeks"].split())) > 0
        assert row["keywords"].lstrip("'") == ", ".join(item["keywords"][:12])
        assert row["as_of"] == str(item["as_of_date"])


def test_the_same_export_gives_the_same_sheets_until_some_are_judged(
    journeys: Journeys, sheets: dict[str, Path], tmp_path: Path
) -> None:
    again = tmp_path / "march.csv"
    journeys(
        "annotate", "export", again, "--annotators", ",".join(ANNOTATORS), "--rows", ROWS, "--overlap", SHARED / ROWS
    )
    assert again.with_name("march-ben.csv").read_bytes() == sheets["ben"].read_bytes()
    journeys("annotate", "export", again, "--annotators", "ben", "--rows", ROWS, "--seed", 2)
    assert again.read_bytes() != sheets["ben"].read_bytes()


def test_import_stores_every_judgement_and_reports_agreement(imported: str, home: Path) -> None:
    assert "Krippendorff's alpha" in imported
    rows = stored(home)
    assert rows.height == 240
    assert rows["as_of_date"].is_not_null().all()
    with warehouse(home).reading() as con:
        judgements = storage.stored_judgements(con)
    shared = judgements.group_by("item").len().filter(pl.col("len") > 1)
    assert (shared.height, shared["len"].unique().to_list()) == (SHARED, [3])


def test_the_same_sheet_twice_changes_nothing(
    journeys: Journeys, imported: str, filled: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    before = stored(home)
    again = "".join(journeys("annotate", "import", filled["ann"]).output.split())
    assert f"{ROWS} the same as is stored already".replace(" ", "") in again
    resaved = tmp_path / "saved again.csv"
    resaved.write_bytes(filled["ann"].read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    shown = "".join(journeys("annotate", "import", resaved).output.split())
    assert f"{ROWS} the same as is stored already".replace(" ", "") in shown
    assert stored(home).equals(before)


def test_mistakes_are_named_set_aside_and_stop_nothing(
    journeys: Journeys, imported: str, home: Path, tmp_path: Path
) -> None:
    keys = warehouse(home).query("SELECT row_key FROM landing.annotation_items ORDER BY 1 LIMIT 2")["row_key"]
    sheet = tmp_path / "dan.csv"
    sheet.write_text(f"row_key,annotator_id,relevance\n{keys[0]},dan,seven\n{keys[1]},dan,4\n,dan,3\n{keys[0]},dan\n")
    page = tmp_path / "sheet.html"
    page.write_text("<!doctype html>")
    result = journeys("annotate", "import", sheet, page, tmp_path / "gone.csv", code=1)
    shown = " ".join(result.output.split())
    assert "line 2: relevance is not a whole number from 1 to 5: 'seven'; write 1, 2, 3, 4 or 5" in shown
    assert "line 4: row_key is missing" in shown
    assert "line 5: has 2 fields where the header has 3" in shown
    assert "is the page itself" in shown
    assert "gone.csvdoesnotexist" in shown.replace(" ", "")
    mine = stored(home).filter(pl.col("annotator_id") == "dan")
    assert mine["relevance"].to_list() == [4]
    refused = warehouse(home).query("SELECT line FROM landing.quarantined_rows ORDER BY 1")["line"].to_list()
    assert refused == [2, 4, 5]


def test_a_corrected_judgement_counts_in_place_of_the_first(
    journeys: Journeys, imported: str, home: Path, tmp_path: Path
) -> None:
    key = warehouse(home).query("SELECT row_key FROM landing.annotation_items ORDER BY 1 DESC LIMIT 1")["row_key"][0]
    for number, level in enumerate((1, 5)):
        sheet = tmp_path / f"eve-{number}.csv"
        sheet.write_text(f"row_key,annotator_id,relevance\n{key},eve,{level}\n")
        journeys("annotate", "import", sheet)
    assert stored(home).filter(pl.col("annotator_id") == "eve").height == 2, "nothing that was said is lost"
    with warehouse(home).reading() as con:
        judgements = storage.stored_judgements(con)
    assert judgements.filter(pl.col("annotator_id") == "eve")["relevance"].to_list() == [5]


def test_a_ranker_learns_from_the_sheets(journeys: Journeys, imported: str, home: Path) -> None:
    n_items = warehouse(home).query(
        "SELECT count(DISTINCT (user_id, journey_id, as_of_date)) AS n FROM landing.journey_annotations"
    )
    params, names = AlgorithmParams().ranking, features(AlgorithmParams().actions)
    with warehouse(home).reading() as con:
        rows = labels.training_rows(con, DAYS[-1], params, names)
    data = train_ranker(rows, as_of=DAYS[-1], params=params, features=names).card["data"]
    sources = [data[part]["sources"] for part in ("earlier", "later")]
    assert [list(part) for part in sources] == [["annotation"], ["annotation"]]
    assert sum(part["annotation"] for part in sources) == n_items["n"][0], (
        "every judged journey is a label, with features"
    )
    assert data["earlier"]["first_day"] == str(DAYS[0])
    assert data["later"]["last_day"] == str(DAYS[-1])


def test_naming_learns_from_the_sheets_and_knows_who_was_shown_a_name(imported: str, home: Path) -> None:
    items = warehouse(home).query("SELECT user_id AS user, journey_id, as_of_date AS day, journey_name FROM "
                                  "landing.annotation_items")  # fmt: skip
    judged, item = stored(home), ["user_id", "journey_id", "as_of_date"]
    with warehouse(home).reading() as con:
        rows = labels.naming_rows(con, DAYS[-1], AlgorithmParams())
    best = (
        rows.group_by("user", "journey_id", "day")
        .agg(pl.col("grade", "blind_grade").max())
        .join(items, on=["user", "journey_id", "day"])
    )
    unnamed, named = best.filter(journey_name=""), best.filter(pl.col("journey_name") != "")
    assert unnamed["blind_grade"].null_count() == 0
    assert named["blind_grade"].null_count() == named.height > 20
    assert (unnamed["grade"] == unnamed["blind_grade"]).all()
    assert (named["grade"] == 0.5).all(), "nobody wrote another name, so the one shown will do"
    accepted = judged.filter(pl.col("better_name").is_null() & (pl.col("relevance") >= 4))
    assert set(named.select("user", "journey_id", "day").iter_rows()) == {
        key
        for key in accepted.select(item).iter_rows()
        if key in set(items.filter(pl.col("journey_name") != "").select("user", "journey_id", "day").iter_rows())
    }
    assert unnamed.height == judged.drop_nulls("better_name").select(item).n_unique()


def test_journeys_that_were_judged_are_not_drawn_again(
    journeys: Journeys, imported: str, home: Path, tmp_path: Path
) -> None:
    judged = set(stored(home).select("user_id", "journey_id").iter_rows())
    sheet = tmp_path / "more.csv"
    journeys("annotate", "export", sheet, "--annotators", "fay", "--rows", 20)
    keys = {row["row_key"] for row in read_sheet(sheet)}
    items = warehouse(home).query("FROM landing.annotation_items").filter(pl.col("row_key").is_in(sorted(keys)))
    assert items.height == 20
    assert not judged & set(items.select("user_id", "journey_id").iter_rows())


def test_a_page_stands_alone_and_what_users_typed_cannot_run(journeys: Journeys, home: Path, tmp_path: Path) -> None:
    from journeys_assets.operations import annotation_sheets as files

    page = tmp_path / "page.html"
    journeys("annotate", "export", page, "--annotators", "gus", "--rows", 12)
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']", text), "a page loads nothing"
    assert "default-src 'none'" in text
    (payload,) = re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)
    rows = json.loads(payload)["rows"]
    assert len(rows) == 12
    assert {len(row["weeks"]) for row in rows} == {13}
    nasty = pl.DataFrame(
        {
            "row_key": ["k"], "annotator_id": ["a"], "position": [1], "as_of": ["2026-03-29"],
            "name": ["</script><script>alert(1)</script>"], "keywords": [["=1+1", "<b>"]], "days_ago": [0],
            "weeks": [[0] * 13], "searches": [["=cmd"]], "items": [[]],
        },
        schema_overrides={"items": pl.List(pl.String)},
    )  # fmt: skip
    made = files.page(nasty, "a", "s")
    assert made.count("</script>") == text.count("</script>")
    (payload,) = re.findall(r'id="data">(.*?)</script>', made, re.DOTALL)
    assert json.loads(payload)["rows"][0]["name"] == "</script><script>alert(1)</script>"
    (shown,) = csv.DictReader(files.table(nasty).removeprefix("\ufeff").splitlines())
    assert (shown["keywords"], shown["searches"]) == ("'=1+1, <b>", "'=cmd"), "no formula for a spreadsheet"


def test_keywords_of_few_users_can_be_kept_back(journeys: Journeys, home: Path) -> None:
    con_items = warehouse(home).query("FROM landing.annotation_items ORDER BY row_key LIMIT 30")
    with warehouse(home).reading() as con:
        few = storage.evidence(con, con_items, sampling.AnnotationParams(), min_users=3)
        carried = con.sql("SELECT keyword FROM main.keyword_table GROUP BY 1 HAVING count(DISTINCT user_id) >= 3").pl()
    common = set(carried["keyword"])
    shown = few["shown"].explode().drop_nulls().to_list()
    assert shown
    assert set(shown) <= common
    assert {normalise(search) for search in few["searches"].explode().drop_nulls()} <= common


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sheet.xlsx"], "sheets are .csv or .html"),
        (["s.csv", "--annotators", "ann,ann"], "annotators need different names"),
        (["s.csv", "--as-of", "2020-01-01"], "2020-01-01 was never run"),
    ],
)
def test_what_cannot_be_exported_is_told(
    journeys: Journeys, tmp_path: Path, arguments: list[str], message: str
) -> None:
    name, *options = arguments
    result = journeys("annotate", "export", tmp_path / name, *options, code=2)
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / name).exists()


def test_a_warehouse_of_an_earlier_version_gets_the_columns_that_came_later(tmp_path: Path) -> None:
    from journeys_assets.storage.ingest.load import ensure_landing

    old = Warehouse(tmp_path / "warehouse.duckdb")
    ensure_landing(old)
    with old.writing() as con:
        con.execute("ALTER TABLE landing.journey_annotations DROP COLUMN as_of_date")
        con.execute(
            "INSERT INTO landing.journey_annotations BY NAME SELECT 'u' AS user_id, 'j' AS journey_id, "
            "4 AS relevance, 'a' AS annotator_id, TIMESTAMP '2026-03-01' AS annotated_at"
        )
    ensure_landing(old)
    with old.reading() as con:
        assert storage.stored_judgements(con)["relevance"].to_list() == [4]


@pytest.fixture(scope="module")
def agreement(journeys: Journeys, imported: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(journeys("judge-agreement", "--json").output)
    return found


def test_the_judge_is_compared_with_people(agreement: dict[str, Any]) -> None:
    (rubric,) = agreement["judges"]
    assert rubric["judged_by"] == "rubric"
    n_items = rubric["n_items"]
    assert 176 <= n_items <= 178, "two other tests import a row each, perhaps of a journey that is on no sheet"
    figures = {(row["comparison"], row["measure"]): row for row in rubric["figures"]}
    assert len(figures) == 12
    kappa = figures["judge with people", "kappa"]
    assert kappa["low"] < kappa["value"] < kappa["high"]
    assert figures["people with each other", "kappa"]["n_items"] >= SHARED, "another test may import one more"
    assert figures["judge with itself", "kappa"]["value"] is None, "the rubric has one draw"
    assert not rubric["is_calibrated"]
    assert f"{n_items} journeys have a human judgement, 200 are needed" in rubric["reasons"]
    assert sum(map(sum, rubric["confusion"])) == pytest.approx(n_items)


def test_its_verdict_is_stored_and_read_by_later_days(
    journeys: Journeys, home: Path, agreement: dict[str, Any]
) -> None:
    assert Path(agreement["folder"]).is_dir()
    card = (Path(agreement["folder"]) / "model_card.md").read_text()
    assert "uncalibrated" in card
    assert "people with each other" in card
    release = released_verdicts(home / "models" / "judge", date.fromisoformat(agreement["live_from"]))
    assert release is not None
    assert not release.is_calibrated("rubric")
    assert release.reasons("rubric") == tuple(agreement["judges"][0]["reasons"])
    assert release.reasons("another") == ("it was not compared with people",)
    assert released_verdicts(home / "models" / "judge", DAYS[-1]) is None, "no day uses labels of its future"


def test_the_comparison_is_shown(journeys: Journeys, agreement: dict[str, Any]) -> None:
    shown = journeys("judge-agreement", "--no-release").output
    for text in ("Judge: rubric", "people with each other", "weighted kappa", "by chance", "uncalibrated", "people 5"):
        assert text in shown
    assert "Stored" not in shown


def test_the_report_sets_the_rubric_and_a_model_beside_people(journeys: Journeys, home: Path) -> None:
    """The judge of the section is a model that looks at the days alone."""
    truth = {path.stem: pl.read_parquet(path) for path in (home.parent / "world" / "truth").glob("*.parquet")}
    sandbox = Sandbox(home)
    study = Study("synthetic", sandbox.deployment.warehouse, list(DAYS), DAYS[-1], AlgorithmParams(), truth)

    def answer(data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: {"why": "days", "level": min(5, 1 + sum(one["days_by_week"]))} for key, one in data["journeys"].items()
        }

    asker = FunctionAsker(answer)
    version = sandbox.deployment.embedder().model_version
    section = evaluate_judging([study], lambda: version, asker, n_simulations=20, asked_users=10)
    kappas = {
        (regime, method): value
        for metric, regime, method, value in section.results.select("metric", "regime", "method", "value").iter_rows()
        if metric == KAPPA
    }
    assert len(kappas) == 7, "rubric, confidence and people, and on its users the model too"
    assert kappas["all users", PEOPLE] > 0.5
    assert all(kappas[regime, "rubric"] < kappas[regime, PEOPLE] for regime in ("all users", "users of the model"))
    coverage = section.results.filter(pl.col("metric") == COVERAGE)
    assert dict(coverage.select("method", "value").iter_rows())["judge alone"] < 0.5
    assert "Here: function" in section.protocol
    alone = evaluate_judging([study], lambda: version, n_simulations=2)
    assert "the rubric takes the seat" in alone.protocol
    assert set(alone.results["regime"]) == {"all users", "mean relevance"}
