"""Files of judged pairs: what they may say, and how keys of a page become users again."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.models.calibration.judge import prompt
from journeys_assets.models.llm.base import answered_by
from journeys_assets.models.llm.chat import Message, Unreachable
from journeys_assets.models.llm.scripted import ScriptedModel
from journeys_assets.operations.judged_pairs import PairsError, check_new_sheet, read_pairs, write_pairs
from tests.support.clustering import unit
from tests.support.llm_questions import asker_of
from tests.support.pages import elements_of

USERS = [f"user {number}" for number in range(8)]


@pytest.fixture
def log() -> tuple[pl.DataFrame, KeywordVectors]:
    """Eight users with six keywords each, some of which a spreadsheet would compute, or are personal."""
    texts = ["=1+1", "-5 celsius", "jo@example.org", 'a "quoted", b', "@home", "oak"]
    rows = pl.DataFrame([(user, f"{text} {user[-1]}") for user in USERS for text in texts],
                        schema=["user_id", "keyword"], orient="row")  # fmt: skip
    vectors = unit(np.random.default_rng(1).normal(size=(rows.height, 8)))
    packed = pl.DataFrame({"keyword": rows["keyword"], "embedding": pack(vectors)})
    return rows, KeywordVectors.from_frame(packed.sort("keyword"))


def read(file: Path, users: Sequence[str] = (), salt_file: Path = Path("no salt")) -> pl.DataFrame:
    return read_pairs(file, lambda: users, salt_file)


def written(text: str, folder: Path) -> Path:
    (file := folder / "pairs.csv").write_text(text)
    return file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user_id,keyword_a,keyword_b\nu,a,b\n", r"lacks the column\(s\) same; `journeys pairs` writes"),
        ("user,keyword_a,keyword_b,same\nu,a,b,yes\n", r"lacks the column\(s\) user_id"),
        ("user_id;keyword_a;keyword_b;same\nu;a;b;yes\n", r"lacks the column\(s\) user_id, keyword_a, keyword_b, same"),
        (
            "user_id,keyword_a,keyword_b,same\nu,a,b,yes\nu,a,c,perhaps\n",
            r"same is 'perhaps' in row 2; write yes or no",
        ),
        ("user_id,keyword_a,keyword_b,same\nu,a,b,oui\n", "same is 'oui' in row 1"),
        ("user_id,keyword_a,keyword_b,same\nu,a,b,2\n", "same is '2' in row 1"),
        ("user_key,keyword_a,keyword_b,same\nk,a,b,yes\n", "about none of the users here.*JOURNEYS_HOME"),
    ],
)
def test_a_wrong_file_is_a_clear_error(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(PairsError, match=message):
        read(written(content, tmp_path), USERS)


def test_the_page_itself_is_refused_with_the_cure(tmp_path: Path) -> None:
    (page := tmp_path / "pairs.html").write_text("<!doctype html>")
    with pytest.raises(PairsError, match="has no answers; open it, press “Save as CSV”"):
        read(page)


def test_answers_in_any_spelling_are_read_and_keywords_are_normalised(tmp_path: Path) -> None:
    text = "user_id,keyword_a,keyword_b,same,note\n u\u200b, A  b,C,YES,x\nu,a,b,0,\nu,a,c,,\nu,c,d,True,\nu,d,e, n ,\n"
    expected = [
        ("u", "a b", "c", True, None), ("u", "a", "b", False, None), ("u", "c", "d", True, None),
        ("u", "d", "e", False, None),
    ]  # fmt: skip
    assert read(written(text, tmp_path)).rows() == expected
    assert read(written("\ufeff" + text, tmp_path)).rows() == expected


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_a_table_gives_back_what_was_asked(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"pairs{ending}"
    n = write_pairs(*log, ClusteringParams(), file, 30, tmp_path / "salt")
    rows = {".csv": lambda: pl.read_csv(file, infer_schema=False), ".parquet": lambda: pl.read_parquet(file)}.get(
        ending, lambda: pl.read_ndjson(file, schema_overrides={"same": pl.String})
    )()
    if ending == ".csv":
        cells = [cell for row in rows.rows() for cell in row if cell]
        assert [cell for cell in cells if cell[0] in "=+-@"] == []
    answered = rows.with_columns(same=pl.lit("yes"))
    {".csv": answered.write_csv, ".parquet": answered.write_parquet, ".jsonl": answered.write_ndjson}[ending](file)
    found = read(file)
    assert found.height == n == 30
    asked = pl.concat([found.select("user_id", keyword=f"keyword_{side}") for side in "ab"])
    assert asked.join(log[0], on=["user_id", "keyword"], how="anti").is_empty()
    assert not (tmp_path / "salt").exists(), "only a page has keys"


def test_a_page_names_nobody_and_its_answers_are_those_of_the_users(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path
) -> None:
    file, salt = tmp_path / "pairs.html", tmp_path / "annotation_salt"
    n = write_pairs(*log, ClusteringParams(), file, 40, salt)
    text = file.read_text(encoding="utf-8")
    record = json.loads(elements_of(text).data)
    assert 20 < len(record["rows"]) == n <= 40
    assert not [user for user in USERS if user in text]
    assert "example.org" not in text, "a keyword with personal data is on no page"
    assert salt.stat().st_mode & 0o077 == 0
    own = dict(log[0].group_by("user_id").agg("keyword").iter_rows())
    lines = StringIO()
    writer = csv.writer(lines)
    writer.writerow(record["columns"])
    for row in record["rows"]:
        shown = [row["keyword_a"], row["keyword_b"], *row["near_a"], *row["near_b"]]
        assert len(set(shown)) == len(shown) <= 6
        (owner,) = {user for user in USERS if set(shown) <= set(own[user])}
        assert owner
        # As the page saves it.
        cells = [text if text[0] not in "=+-@" else f"'{text}" for text in shown[:2]]
        writer.writerow([row["user_key"], *cells, "yes"])
    saved = written(lines.getvalue(), tmp_path)
    found = read(saved, USERS, salt)
    assert found.height == n
    asked = pl.concat([found.select("user_id", keyword=f"keyword_{side}") for side in "ab"])
    assert asked.join(log[0], on=["user_id", "keyword"], how="anti").is_empty()
    # A user who is gone: the key stays, and belongs to nobody.
    fewer = read(saved, USERS[1:], salt)
    assert fewer.filter(~pl.col("user_id").is_in(USERS)).height == found.filter(user_id=USERS[0]).height > 0
    (other := tmp_path / "other").write_bytes(bytes(32))
    with pytest.raises(PairsError, match="about none of the users here"):
        read(saved, USERS, other)


def test_the_same_page_is_written_again_and_another_log_gives_another_digest(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path
) -> None:
    rows, vectors = log
    pages = []
    for number, own in enumerate((rows, rows.sample(fraction=1.0, shuffle=True, seed=2), rows.head(24))):
        (folder := tmp_path / str(number)).mkdir()
        write_pairs(own, vectors, ClusteringParams(), folder / "p.html", 20, tmp_path / "salt")
        pages.append((folder / "p.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    digests = [json.loads(elements_of(page).data)["digest"] for page in pages]
    assert digests[0] != digests[2]


def test_a_model_fills_same_and_what_it_does_not_answer_stays_open(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path
) -> None:
    def answer(messages: Sequence[Message]) -> str:
        asked: dict[str, str] = json.loads(messages[-1].content)
        sent.append(asked)
        return {"a": '{"same": true}', "-": '{"same": "perhaps"}'}.get(asked["first"][0], '{"same": false}')

    sent: list[dict[str, str]] = []
    file = tmp_path / "pairs.csv"
    model = asker_of(ScriptedModel(answer, name="scripted"), tmp_path / "answers")
    n = write_pairs(*log, ClusteringParams(), file, 100, tmp_path / "salt", model)
    rows = pl.read_csv(file, infer_schema=False)
    plain = tmp_path / "plain.csv"
    write_pairs(*log, ClusteringParams(), plain, 100, tmp_path / "salt")
    assert rows.select("user_id", "keyword_a", "keyword_b").equals(
        pl.read_csv(plain, infer_schema=False).drop("same")
    ), "a failing model costs answers, never rows"
    first = pl.col("keyword_a").str.strip_prefix("'")
    is_personal = pl.any_horizontal(pl.col("keyword_a", "keyword_b").str.contains("@example"))
    expected = (
        pl.when(is_personal | first.str.starts_with("-")).then(None).when(first.str.starts_with("a"))
        .then(pl.lit("yes")).otherwise(pl.lit("no"))
    )  # fmt: skip
    assert rows["same"].equals(rows.select(same=expected)["same"])
    assert set(rows["same"]) == {"yes", "no", None}
    assert rows.filter(pl.col("judged_by").is_null() != pl.col("same").is_null()).is_empty()
    assert rows["judged_by"].drop_nulls().unique().to_list() == [answered_by("scripted", prompt())]
    assert "example.org" not in json.dumps(sent)
    assert not [user for user in USERS if user in json.dumps(sent)]
    found = read(file)
    assert found.height == rows["same"].count() < n
    assert found["judged_by"].unique().to_list() == [answered_by("scripted", prompt())]
    # Once more: every answer comes from the cache.
    assert [one for one in sent if one["first"][0] != "-"]
    sent.clear()
    again = tmp_path / "again.csv"
    write_pairs(*log, ClusteringParams(), again, 100, tmp_path / "salt", asker_of(
        ScriptedModel(answer, name="scripted"), tmp_path / "answers"
    ))  # fmt: skip
    assert again.read_bytes() == file.read_bytes()
    assert [one for one in sent if one["first"][0] != "-"] == []
    with pytest.raises(PairsError, match="people judge a page"):
        write_pairs(*log, ClusteringParams(), tmp_path / "p.html", 100, tmp_path / "salt", model)


def test_an_endpoint_that_fails_costs_answers_and_no_rows(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path
) -> None:
    model = asker_of(ScriptedModel(lambda _: Unreachable("nothing listens"), name="scripted"), tmp_path / "answers")
    n = write_pairs(*log, ClusteringParams(), tmp_path / "pairs.parquet", 30, tmp_path / "salt", model)
    rows = pl.read_parquet(tmp_path / "pairs.parquet")
    assert rows.height == n == 30
    assert rows["same"].null_count() == rows["judged_by"].null_count() == 30
    assert read(tmp_path / "pairs.parquet").is_empty()


def test_nothing_is_written_over_and_nothing_to_ask_is_an_error(
    log: tuple[pl.DataFrame, KeywordVectors], tmp_path: Path
) -> None:
    (tmp_path / "p.html").write_text("answers")
    with pytest.raises(PairsError, match=r"p\.html exists"):
        check_new_sheet(tmp_path / "p.html")
    with pytest.raises(PairsError, match=r"written as \.parquet, \.csv, \.jsonl, \.html"):
        check_new_sheet(tmp_path / "p.xlsx")
    with pytest.raises(PairsError, match="there is no pair to judge"):
        write_pairs(log[0].head(1), log[1], ClusteringParams(), tmp_path / "none.html", 20, tmp_path / "salt")
    assert not (tmp_path / "none.html").exists()
