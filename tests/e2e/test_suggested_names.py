"""Names by a language model: kept while a theme lasts, asked for once, and never the reason for a missing row."""

import re
import shutil
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.sandbox import Sandbox
from tests.support.asker import FunctionAsker

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 5)
THEMES = {
    "garden": ("raised garden beds", "vegetable garden layout", "garden compost bin", "small garden paths"),
    "guitar": ("guitar chords", "beginner guitar songs", "acoustic guitar strings", "guitar practice plan"),
    "wedding": ("wedding dress lace", "wedding venue barn", "wedding cake flowers", "wedding invitations"),
}
Answer = Callable[[Mapping[str, Any]], Any]
UNJUDGED = "[algorithm.judging]\nasked_users_per_day = 0\n"
"""Only names are asked for."""


def searches() -> pl.DataFrame:
    """Three users who turn to one theme more every other day."""
    rows = []
    for n_user, user in enumerate(("ann", "bea", "cy")):
        for n_day in range((LAST - FIRST).days + 1):
            themes = list(THEMES)[: 1 + min(2, (n_day + n_user) // 2)]
            for theme in themes:
                query = THEMES[theme][(n_day + n_user) % 4]
                rows.append((user, query, datetime.combine(FIRST + timedelta(days=n_day), datetime.min.time())))
    schema = {"user_id": pl.String, "query": pl.String, "searched_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row").filter(
        ~((pl.col("user_id") == "ann") & (pl.col("searched_at").dt.day() == 3))
    )


def in_own_words(data: Mapping[str, Any]) -> Any:
    """A name that the keywords entail and that is none of them."""
    names = {}
    for key, keywords in data["journeys"].items():
        words = " ".join(keywords).split()
        names[key] = f"My {max(words, key=words.count)}"
    return names


def sandbox(home: Path, answer: Answer | None) -> Sandbox:
    home.mkdir(parents=True, exist_ok=True)
    (home / "journeys.toml").write_text(f'[llm]\nmodel = "function"\n{UNJUDGED}' if answer else "")
    return Sandbox(home, FunctionAsker(answer) if answer else None)


def filled(home: Path, answer: Answer | None) -> Sandbox:
    made = sandbox(home, answer)
    made.land({"search_events": searches()})
    return made


def asked(of: Sandbox) -> int:
    assert isinstance(of.asker, FunctionAsker)
    return len(of.asker.asked)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Every day run at once, with names by the model. Tests that run more days do so in a copy."""
    made = filled(tmp_path_factory.mktemp("world"), in_own_words)
    made.run(FIRST, LAST)
    return made


def copy_of(world: Sandbox, home: Path) -> Sandbox:
    shutil.copytree(world.home, home)
    return sandbox(home, in_own_words)


def test_accepted_names_are_used_and_say_who_gave_them(world: Sandbox) -> None:
    names = world.table("journey_names")
    given = names.filter(pl.col("named_by").str.starts_with("function@names-"))
    assert given.height
    assert set(given["journey_name"]) <= {"My garden", "My guitar", "My wedding"}
    assert set(world.table("suggested_names")["verdict"]) == {"accepted"}


def test_a_theme_is_asked_about_once(world: Sandbox, tmp_path: Path) -> None:
    rows, before = world.table("suggested_names"), asked(world)
    themes = ["user_id", "journey_id", "name_keyword"]
    assert rows.select(themes).is_duplicated().sum() == 0
    assert 0 < before <= rows.height
    again = copy_of(world, tmp_path / "again")
    again.run(LAST, LAST)
    assert again.table("suggested_names").equals(rows)


@pytest.mark.slow
def test_day_by_day_and_reruns_and_full_inference_give_the_same_names(world: Sandbox, tmp_path: Path) -> None:
    daily = filled(tmp_path / "daily", in_own_words)
    for n in range((LAST - FIRST).days + 1):
        daily.run(FIRST + timedelta(days=n), FIRST + timedelta(days=n))
    expected = world.table("journey_names")
    assert daily.table("journey_names").equals(expected)
    shutil.copytree(tmp_path / "daily", tmp_path / "again")
    again = sandbox(tmp_path / "again", in_own_words)
    again.run(LAST - timedelta(days=1), LAST, full=True)
    assert again.table("journey_names").drop("algorithm_version").equals(expected.drop("algorithm_version"))


def wrong(data: Mapping[str, Any]) -> Any:
    """A number that no keyword holds, personal data, too long a name, and the name of something else."""
    texts = {"guitar": "My guitar 2031", "garden": "Garden, call 0171 555 0134", "wedding": "Wedding " * 9}
    names = {}
    for key, keywords in data["journeys"].items():
        themes = [theme for theme in texts if theme in " ".join(keywords)]
        names[key] = texts[themes[0]] if themes else "Motorbike repair"
    return names


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The last two days run at once, without a model."""
    made = filled(tmp_path_factory.mktemp("plain"), None)
    made.run(LAST - timedelta(days=1), LAST)
    return made


def test_names_that_the_keywords_do_not_entail_are_refused_and_counted(plain: Sandbox, tmp_path: Path) -> None:
    refused = filled(tmp_path, wrong)
    refused.run(LAST - timedelta(days=1), LAST)
    shown = ["partition_date", "user_id", "journey_id", "journey_name", "named_by"]
    assert refused.table("journey_names").select(shown).equals(plain.table("journey_names").select(shown))
    verdicts = set(refused.table("suggested_names")["verdict"])
    assert verdicts == {"not_entailed", "personal", "unshowable"}
    assert not refused.table("suggested_names")["suggested_name"].str.contains("0134").any()


def test_without_an_answer_no_row_is_missing_and_a_later_run_asks_again(plain: Sandbox, tmp_path: Path) -> None:
    silent = filled(tmp_path, lambda data: None)
    silent.run(LAST - timedelta(days=1), LAST)
    assert silent.table("suggested_names").is_empty()
    assert set(silent.table("journey_names")["named_by"]) == {"parameters"}
    n_before = silent.table("journey_names").height
    assert n_before == plain.table("journey_names").height
    silent.asker = FunctionAsker(in_own_words)
    silent.run(LAST, LAST)
    assert silent.table("journey_names").height == n_before
    assert silent.table("suggested_names")["partition_date"].unique().to_list() == [LAST]


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The last day, with names by the model, of a log with personal data."""
    made = sandbox(tmp_path_factory.mktemp("private"), in_own_words)
    own = pl.DataFrame(
        {"user_id": ["ann"], "query": ["garden beds jo@example.org"], "searched_at": [datetime(2026, 3, 5)]}
    )
    made.land({"search_events": pl.concat([searches(), own])})
    made.run(LAST, LAST)
    return made


def test_no_id_and_no_personal_data_is_in_a_question(private: Sandbox) -> None:
    assert isinstance(private.asker, FunctionAsker)
    text = str(private.asker.asked)
    assert "garden" in text
    assert not re.search(r"\bann\b|example", text)
    assert not any(journey in text for journey in private.table("journey_names")["journey_id"])


def test_only_journeys_of_enough_worth_are_asked_about(private: Sandbox, tmp_path: Path) -> None:
    assert private.settings.algorithm.naming.least_worth == 0
    counts = [asked(private)]
    for least in ("0.62", "1.0"):
        choosy = sandbox(tmp_path / least, in_own_words)
        (choosy.home / "journeys.toml").write_text(
            f'[llm]\nmodel = "function"\n[algorithm.naming]\nleast_worth = {least}\n{UNJUDGED}'
        )
        choosy.land({"search_events": searches()})
        choosy.run(LAST, LAST)
        counts.append(asked(choosy))
    assert counts[0] > counts[1] > counts[2] == 0
