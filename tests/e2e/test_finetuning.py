"""The recipe from labels to the endpoint, for real, with a model that was made for the tests."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.finetuning.params import LabelParams
from journeys_assets.domain.finetuning.split import HELD_OUT, LEARNT
from journeys_assets.evaluation.finetuned import ACCEPTED, F1, READ, RIGHT, SAME_NAME, measured
from journeys_assets.evaluation.parts.naming import CachedEmbedder
from journeys_assets.models.finetuning.examples import Example
from journeys_assets.models.finetuning.weights import FinetuningError
from journeys_assets.models.llm.base import Asker
from journeys_assets.models.llm.local import serving
from journeys_assets.models.llm.local.app import make_app
from journeys_assets.models.llm.local.generation import Generator
from journeys_assets.operations.finetuning.config import read_config
from journeys_assets.operations.finetuning.labels import (
    LINES,
    Labelled,
    Teaching,
    judged_levels,
    read_labels,
    write_labels,
)
from journeys_assets.pipeline.registry import NAMING_WEIGHTS, judges_of, unsafe_names_of
from journeys_assets.pipeline.taught_journeys import KnownJourneys, examples_of, known_journeys
from tests.sandbox import Sandbox
from tests.support.asker import FunctionAsker, Interrupted
from tests.support.command_line import Journeys, runner
from tests.support.finetuning import ALGORITHM, FIRST, LAST, THEMES, run_world, save_tiny_model, write_config
from tests.support.serving import Serving

MOST_JOURNEYS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Not to be run again."""
    return run_world(tmp_path_factory.mktemp("world") / "home")


@pytest.fixture(scope="module")
def recipe(world: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Journeys]:
    """The configuration file after labels, training and evaluation, and the command line."""
    folder = tmp_path_factory.mktemp("recipe")
    save_tiny_model(folder / "tiny")
    config, journeys = write_config(folder, epochs=4), runner(world.home)
    for step in ("labels", "train", "evaluate"):
        journeys("finetune", step, "--config", config)
    return config, journeys


def lines_of(config: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (config.parent / "tuned" / LINES).read_text().splitlines()]


def held_out_themes(config: Path) -> set[str]:
    split = read_labels(config.parent / "tuned").split
    held = set(split.filter(side=HELD_OUT)["topic"])
    assert held
    assert not held & set(split.filter(side=LEARNT)["topic"])
    return held


def test_nothing_of_a_held_out_topic_is_taught(recipe: tuple[Path, Journeys]) -> None:
    """Seen to fail when questions are made of all journeys."""
    config, _ = recipe
    taught = lines_of(config)
    assert {line["task"] for line in taught} == {"names", "pairs", "journeys"}
    texts = [message["content"] for line in taught for message in line["messages"] if message["role"] != "system"]
    held = held_out_themes(config)
    assert not [text for text in texts if any(theme in text for theme in held)]
    assert all(any(theme in text for text in texts) for theme in THEMES.keys() - held)


def test_a_line_has_the_messages_of_the_client_and_the_answer_of_the_pipeline_and_no_user(
    recipe: tuple[Path, Journeys], world: Sandbox
) -> None:
    config, _ = recipe
    output = world.table("user_journeys").filter(partition_date=LAST)
    names = set(output["journey_name"])
    for line in lines_of(config):
        system, user, assistant = line["messages"]
        assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
        assert "JSON schema" in system["content"]
        assert "user-" not in json.dumps(line)
        asked, answer = json.loads(user["content"]), json.loads(assistant["content"])
        if line["task"] == "names":
            assert set(answer.values()) <= names
            assert answer.keys() == asked["journeys"].keys()
        elif line["task"] == "pairs":
            assert answer == {"same": asked["first"].split()[0] == asked["second"].split()[0]}
        else:
            texts = {number: text for number, text, *_ in asked["keywords"]}
            for journey in answer["journeys"]:
                assert len({texts[number].split()[0] for number in journey["keywords"]}) == 1
                assert journey["name"] in names


def test_labels_that_are_there_are_not_made_again(recipe: tuple[Path, Journeys]) -> None:
    config, journeys = recipe
    before = (config.parent / "tuned" / LINES).read_bytes()
    done = json.loads(journeys("finetune", "labels", "--config", config, "--json").stdout)
    assert done["n_found"] == sum(n for counts in done["outcomes"].values() for n in counts.values()) > 20
    assert (config.parent / "tuned" / LINES).read_bytes() == before


def test_the_card_shows_what_was_measured_on_topics_that_were_not_learnt(recipe: tuple[Path, Journeys]) -> None:
    config, journeys = recipe
    card = (config.parent / "tuned" / "model_card.md").read_text()
    assert "* Teacher: pipeline. Journeys as of 2026-03-02." in card
    assert "held out 2, learnt 4" in card
    figures = json.loads((config.parent / "tuned" / "evaluation.json").read_text())
    results = {(row["metric"], row["method"]): row for row in figures["results"]}
    assert {method for _, method in results} >= {"fine-tuned", "not tuned", "pipeline", "a random keyword"}
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in results.values())
    assert results["names accepted", "pipeline"]["value"] == 1
    for row in figures["comparisons"]:
        line = f"| {row['metric']} | {row['baseline']} | {row['gain']:+.3f} | "
        assert line in card
        assert f"| {row['verdict']} |" in card
    assert {row["topic"] for row in figures["names"]} == held_out_themes(config)
    # Another training has no figures yet, and the card says so.
    facts = json.loads((config.parent / "tuned" / "training.json").read_text())
    assert figures["training"] == facts["training"]
    again = json.loads(journeys("finetune", "evaluate", "--config", config, "--json").stdout)
    assert again["results"] == figures["results"], "the same answers, from the cache"


@contextmanager
def served(config: Path, journeys: Journeys, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """What ``journeys finetune serve`` serves, in a thread: a process of its own would import everything again."""
    given: list[Any] = []
    patch.setattr(serving, "serve", lambda *arguments: given.extend(arguments))
    shown = journeys("finetune", "serve", "--config", config, "--port", 8123).output
    assert 'model = "tiny-tuned"\nbase_url = "http://127.0.0.1:8123/v1"' in shown
    model, tokenizer, name, port = given
    assert port == 8123
    with Serving(make_app(Generator(model, tokenizer), name)) as server:
        yield server.url


def test_the_served_model_is_compared_with_the_pipeline_by_a_run(
    recipe: tuple[Path, Journeys], world: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, journeys = recipe
    home = tmp_path / "home"
    shutil.copytree(world.home, home)
    with served(config, journeys, monkeypatch) as url:
        llm = {"model": "tiny-tuned", "base_url": url, "max_concurrency": 1, "max_retries": 0, "compared_share": 0.4}
        rows = [f"{name} = {json.dumps(value)}" for name, value in llm.items()]
        (home / "journeys.toml").write_text("\n".join(["[llm]", *rows, ALGORITHM]))
        compared = Sandbox(home)
        compared.run(FIRST, LAST)
    row = compared.table("inference_comparison").filter(partition_date=LAST).row(0, named=True)
    assert row["n_users_asked_about"] > 0
    calls = compared.table("llm_ledger").group_by("purpose").agg(pl.col("n_calls").sum())
    assert set(calls.filter(pl.col("n_calls") > 0)["purpose"]) == {"names", "journeys"}
    suggested = compared.table("suggested_names")
    assert set(suggested["suggested_by"].str.split("@").list.first()) == {"tiny-tuned"}


# ── labels by a language model ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def known(world: Sandbox) -> KnownJourneys:
    deployment = world.deployment
    releases = deployment.releases(NAMING_WEIGHTS.folder)
    model = deployment.embedder().model_version
    return known_journeys(deployment.warehouse, LAST, deployment.algorithm, releases, model)


def labelled(
    world: Sandbox, known: KnownJourneys, asker: Asker, folder: Path, examples: list[Example] | None = None
) -> Labelled:
    teaching = Teaching(known, asker, world.deployment.embedder(), unsafe_names_of(world.deployment))
    split = known.clusters.select("user_id", "journey_id", topic=pl.lit("t"), side=pl.lit(LEARNT))
    made = examples or examples_of(known, LabelParams(most_journeys=2), MOST_JOURNEYS)
    return write_labels(teaching, made, split, split.select(level=pl.lit(5.0)), LAST, folder)


def good_answer(data: Mapping[str, Any]) -> Any:
    """A name of two keywords' words, the truth about pairs, and no answer about journeys."""
    if "journeys" in data:
        return {key: f"{keywords[0]} things" for key, keywords in data["journeys"].items()}
    if "first" in data:
        return {"same": data["first"].split()[0] == data["second"].split()[0]}
    return None


def test_a_step_that_was_stopped_asks_nothing_twice(world: Sandbox, known: KnownJourneys, tmp_path: Path) -> None:
    """Seen to fail when the lines are written at the end of the step."""
    whole = FunctionAsker(good_answer)
    labelled(world, known, whole, tmp_path / "whole")
    first = FunctionAsker(good_answer, at_most=len(whole.asked) // 2)
    with pytest.raises(Interrupted):
        labelled(world, known, first, tmp_path / "stopped")
    with pytest.raises(FinetuningError, match="call `journeys finetune labels` first"):
        read_labels(tmp_path / "stopped")
    lines = tmp_path / "stopped" / LINES
    n_lines = len(lines.read_bytes().splitlines())
    assert 0 < n_lines < len(whole.asked)
    with lines.open("ab") as file:  # as a kill in the middle of a line leaves it
        file.write(b'{"row_hash": "ab')
    second = FunctionAsker(good_answer)
    done = labelled(world, known, second, tmp_path / "stopped")
    assert done.n_found == n_lines
    assert len(second.asked) == len(whole.asked) - n_lines
    assert read_labels(tmp_path / "stopped").taught == read_labels(tmp_path / "whole").taught


def test_a_name_that_a_run_would_refuse_is_not_taught_and_the_others_of_its_question_are(
    world: Sandbox, known: KnownJourneys, tmp_path: Path
) -> None:
    """Seen to fail without the check of names."""

    def answer(data: Mapping[str, Any]) -> Any:
        if "journeys" not in data:
            return None
        good = good_answer(data)
        # Nothing that the keywords say.
        return {key: "zebra crossing" if key == "journey_1" and len(good) > 1 else name for key, name in good.items()}

    examples = examples_of(known, LabelParams(tasks=("names",), most_journeys=2), MOST_JOURNEYS)
    done = labelled(world, known, FunctionAsker(answer), tmp_path, examples)
    taught = read_labels(tmp_path).taught
    assert len(taught) == done.outcomes["names"]["taught"] == len(examples)
    assert not [one for one in taught if "zebra" in one.answer]
    assert all(list(json.loads(one.answer)) == ["journey_1"] for one in taught), "asked about two, one is left"
    assert all(len(json.loads(one.messages[1]["content"])["journeys"]) == 1 for one in taught)


def test_what_has_no_answer_is_counted_and_not_taught(world: Sandbox, known: KnownJourneys, tmp_path: Path) -> None:
    done = labelled(world, known, FunctionAsker(good_answer), tmp_path)
    assert set(done.outcomes["journeys"]) == {"no answer"}
    assert set(done.outcomes["names"]) == set(done.outcomes["pairs"]) == {"taught"}
    assert len(read_labels(tmp_path).taught) == done.n_taught


def test_the_judge_decides_which_journeys_are_taught(world: Sandbox, known: KnownJourneys) -> None:
    judges, journeys = judges_of(world.deployment), known.output.select("user_id", "journey_id")
    by_rubric = judged_levels(judges, journeys, LAST, "rubric", None)
    assert by_rubric.height == journeys.height
    assert set(judged_levels(judges, journeys, LAST, "nobody", None)["level"]) == {5.0}

    def judge(data: Mapping[str, Any]) -> Any:
        return {
            key: {"why": "", "level": 5 if one["keywords"][0].startswith("garden") else 1}
            for key, one in data["journeys"].items()
        }

    levels = judged_levels(judges, journeys, LAST, "language_model", FunctionAsker(judge))
    good = known.of(levels.filter(pl.col("level") >= 4))
    assert good.clusters.height > 0
    assert all(keyword.startswith("garden") for keyword in good.clusters["keywords"].explode())
    with pytest.raises(FinetuningError, match=r"name it in \[teacher\]"):
        judged_levels(judges, journeys, LAST, "language_model", None)


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def knowing(data: Mapping[str, Any]) -> Any:
    """A model that knows the themes."""
    if "journeys" in data:
        return {key: keywords[0] for key, keywords in data["journeys"].items()}
    if "first" in data:
        return good_answer(data)
    numbers: dict[str, list[int]] = {}
    for number, text, *_ in data["keywords"]:
        numbers.setdefault(text.split()[0], []).append(number)
    return {"journeys": [{"name": theme, "keywords": of_theme} for theme, of_theme in numbers.items()]}


def ignorant(data: Mapping[str, Any]) -> Any:
    """One that names what nobody looked for, gives the opposite about pairs, and puts all keywords together."""
    if "journeys" in data:
        return dict.fromkeys(data["journeys"], "zebra crossing")
    if "first" in data:
        return {"same": not good_answer(data)["same"]}
    return {"journeys": [{"name": "all", "keywords": [number for number, *_ in data["keywords"]]}]}


def test_figures_tell_a_good_model_from_a_bad_one_and_from_one_that_is_silent(
    world: Sandbox, known: KnownJourneys
) -> None:
    """Seen to fail when a refused name is read, and when keywords without a journey keep the pipeline's cluster."""
    theme = pl.col("keywords").list.first().str.split(" ").list.first()
    topics = known.clusters.select("user_id", "journey_id", topic=theme)
    askers = {
        "knowing": FunctionAsker(knowing),
        "ignorant": FunctionAsker(ignorant),
        "silent": FunctionAsker(lambda data: None),
    }
    embed = CachedEmbedder(world.deployment.embedder())
    results, comparisons, names = measured(known, topics, LabelParams(), 60, MOST_JOURNEYS, askers, embed, 100)
    value = {(row["metric"], row["method"]): row["value"] for row in results.iter_rows(named=True)}
    of = {name: [value[metric, name] for metric in (ACCEPTED, READ, RIGHT, F1)] for name in askers}
    assert of["knowing"] == [1, pytest.approx(1, abs=0.1), 1, 1]
    assert of["ignorant"][:3] == [0, 0.5, 0]
    assert of["silent"][:3] == [0, 0.5, 0]
    assert of["silent"][3] < 0.5, "each keyword is alone, although the pipeline would fill them in"
    assert value[SAME_NAME, "pipeline"] == 1
    assert set(comparisons.filter(pl.col("baseline") == "silent")["verdict"]) == {"better", "no clear difference"}
    assert set(comparisons.filter(pl.col("baseline") == "ignorant", pl.col("metric") != SAME_NAME)["verdict"]) == {
        "better"
    }
    units = {row["metric"]: (row["regime"], row["n_users"]) for row in results.iter_rows(named=True)}
    assert units[ACCEPTED] == ("by topic", len(THEMES))
    assert units[RIGHT][0] == "by topic"
    assert units[F1][0] == "by user"
    assert set(names["topic"]) == set(THEMES)


# ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[training]\nepoch = 3", r"training: Value error, unknown epoch; the keys are instructions, epochs"),
        ("[training]\nepochs = 0", r"training.epochs: Input should be greater than or equal to 1"),
        ("[split]\nheld_out_share = 1.0", r"split.held_out_share: Input should be less than 1"),
        ('[labels]\ntasks = ["poems"]', r"labels.tasks.0: Input should be 'names', 'pairs' or 'journeys'"),
        ("[unknown]\na = 1", r"unknown: Extra inputs are not permitted"),
        ('[teacher]\napi_key = "k"', r"holds teacher.api_key; a key must not be in a file"),
        ("[", r"is not TOML"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'folder = "f"\nbase = "b"\nname = "n"\n{line}\n')
    with pytest.raises(FinetuningError, match=message):
        read_config(file)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = read_config(write_config(tmp_path))
    assert (config.folder, config.topics) == (tmp_path / "tuned", tmp_path / "topics.parquet")
    assert config.base == "tiny", "it is not there yet"
    (tmp_path / "tiny").mkdir()
    assert read_config(tmp_path / "tiny.toml").base == str(tmp_path / "tiny")


def test_a_step_that_comes_too_early_names_the_one_before(world: Sandbox, tmp_path: Path) -> None:
    config, journeys = write_config(tmp_path), runner(world.home)
    assert "`journeys finetune labels` first" in journeys("finetune", "train", "--config", config, code=2).output
    journeys("finetune", "labels", "--config", config)
    assert "`journeys finetune train` first" in journeys("finetune", "evaluate", "--config", config, code=2).output
    assert "`journeys finetune train` first" in journeys("finetune", "serve", "--config", config, code=2).output
    assert "config.json does not exist" in journeys("finetune", "train", "--config", config, code=2).output
