"""The asker against a real endpoint that misbehaves in every way: replies, calls, ledger and cache of each case."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.domain.tables.table import violations
from journeys_assets.models.llm.base import Checked, Outcome, Question, Reply
from journeys_assets.models.llm.budget import Limits, Prices, Spent
from journeys_assets.models.llm.cache import AnswerCache
from journeys_assets.models.llm.chat import Completion
from journeys_assets.models.llm.pace import DEAD_AFTER
from journeys_assets.models.llm.scripted import ScriptedModel
from tests.support.llm_questions import NOON, Names, asker_of, http_model, question
from tests.support.scripted_server import ScriptedServer, data_of
from tests.support.serving import Serving, free_port

WORDS = ["lamp", "rug", "sofa"]
NAMES = ["LAMP", "RUG", "SOFA"]


SERVER = ScriptedServer()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Serving(SERVER) as serving:
        yield serving.url


@pytest.fixture
def server() -> ScriptedServer:
    SERVER.clear()
    return SERVER


@pytest.mark.parametrize(
    ("case", "outcome", "value", "reason", "n_calls", "n_retries"),
    [
        ("good", "answered", NAMES, "", 1, 0),
        ("fenced", "answered", NAMES, "", 1, 0),
        ("no usage", "answered", NAMES, "", 1, 0),
        ("malformed-once", "repaired", NAMES, "not of the form", 2, 0),
        ("malformed", "failed", None, "not of the form", 2, 0),
        ("no JSON", "failed", None, "not of the form", 2, 0),
        ("other form-once", "repaired", NAMES, "not of the form", 2, 0),
        ("too many", "failed", None, "content", 2, 0),
        ("too many-once", "repaired", NAMES, "content", 2, 0),
        ("too few-once", "repaired", NAMES, "content", 2, 0),
        ("white space", "failed", None, "white space only", 2, 0),
        ("white space-once", "repaired", NAMES, "white space only", 2, 0),
        ("empty strings", "failed", None, "content", 2, 0),
        ("empty strings-once", "repaired", NAMES, "content", 2, 0),
        ("one empty string", "repaired", ["LAMP", "RUG", ""], "content", 2, 0),
        ("one empty string-once", "repaired", NAMES, "content", 2, 0),
        ("length", "failed", None, "too long", 2, 0),
        ("length-once", "repaired", NAMES, "too long", 2, 0),
        ("never", "failed", None, "time-out", 3, 2),
        ("drip", "failed", None, "time-out", 3, 2),
        ("never-once", "answered", NAMES, "", 2, 1),
        ("busy", "failed", None, "busy", 3, 2),
        ("busy-once", "answered", NAMES, "", 2, 1),
        ("busy for an hour", "failed", None, "busy", 1, 0),
        ("no quota", "failed", None, "not authorised", 1, 0),
        ("500", "failed", None, "server error", 3, 2),
        ("500-once", "answered", NAMES, "", 2, 1),
        ("401", "failed", None, "not authorised", 1, 0),
        ("404", "failed", None, "not found", 1, 0),
        ("400", "failed", None, "rejected", 1, 0),
        ("refusal", "failed", None, "refused", 1, 0),
        ("null", "failed", None, "refused", 1, 0),
        ("half", "failed", None, "broken off", 3, 2),
        ("half-once", "answered", NAMES, "", 2, 1),
        ("not the protocol", "failed", None, "broken off", 3, 2),
    ],
)
def test_each_way_to_answer(
    server: ScriptedServer,
    url: str,
    tmp_path: Path,
    case: str,
    outcome: Outcome,
    value: list[str] | None,
    reason: str,
    n_calls: int,
    n_retries: int,
) -> None:
    asker = asker_of(http_model(url, timeout_seconds=0.5), tmp_path)
    [reply] = asker.ask([question(WORDS, case)], "names")
    assert reply == Reply(value, outcome, reason)
    assert len(server.calls) == n_calls

    total = asker.ledger.total()
    assert (total.n_questions, total.n_calls, total.n_retries) == (1, n_calls, n_retries)
    assert (total.n_answered, total.n_repaired, total.n_failed) == tuple(
        int(outcome == name) for name in ("answered", "repaired", "failed")
    )
    assert dict(total.failures) == ({reason: 1} if outcome == "failed" else {})
    assert violations(LLM_LEDGER, asker.ledger.rows()) == []

    # What has a value is kept, with the same value; what has none is asked for again.
    assert len(AnswerCache(tmp_path)) == (value is not None)
    again = asker_of(http_model(url, timeout_seconds=0.5), tmp_path)
    [second] = again.ask([question(WORDS, case)], "names")
    assert second.value == value or case.endswith("-once")
    assert (second.outcome == "cached") == (value is not None)
    assert (again.ledger.total().n_calls == 0) == (value is not None)


def test_the_second_attempt_shows_the_answer_and_its_problems(server: ScriptedServer, url: str) -> None:
    list(asker_of(http_model(url)).ask([question(WORDS, "too few")], "names"))
    first, second = server.data()
    assert second["earlier_answer"] == '{"names": ["LAMP", "RUG"]}'
    assert second["problems_of_the_earlier_answer"] == ["There must be 3 names, and there are 2."]
    assert {key: second[key] for key in first} == first
    systems = [call["messages"][0]["content"] for call in server.calls]
    assert systems[0] == systems[1]
    assert all("response_format" in call for call in server.calls)


def test_after_white_space_the_schema_is_left_out(server: ScriptedServer, url: str) -> None:
    list(asker_of(http_model(url)).ask([question(WORDS, "white space")], "names"))
    assert ["response_format" in call for call in server.calls] == [True, False]


def test_what_is_sent(server: ScriptedServer, url: str) -> None:
    list(asker_of(http_model(url)).ask([question(WORDS, max_tokens=77)], "names"))
    [call] = server.calls
    assert {key: call[key] for key in ("model", "temperature", "seed", "max_tokens")} == {
        "model": "scripted", "temperature": 0, "seed": 0, "max_tokens": 77,
    }  # fmt: skip
    assert call["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
        "required": ["names"],
        "additionalProperties": False,
    }
    assert server.authorizations == ["Bearer none"]


def test_the_better_of_two_answers_counts(tmp_path: Path) -> None:
    answers = ['{"names": ["A", "B", ""]}', '{"names": ["A", "", ""]}']
    [reply] = asker_of(ScriptedModel(answers, name="m"), tmp_path).ask([question(WORDS)], "names")
    assert reply == Reply(["A", "B", ""], "repaired", "content")
    [again] = asker_of(ScriptedModel([], name="m"), tmp_path).ask([question(WORDS)], "names")
    assert again == Reply(["A", "B", ""], "cached")
    assert again.tokens == reply.tokens > (0, 0), "what both attempts took, whoever answers"


def test_a_good_part_survives_a_second_attempt_that_comes_to_nothing(server: ScriptedServer, url: str) -> None:
    limits = Limits(calls_per_run=1)
    [reply] = asker_of(http_model(url), limits=limits).ask([question(WORDS, "one empty string")], "names")
    assert reply == Reply(["LAMP", "RUG", ""], "repaired", "content, then budget used up")


def test_replies_come_in_order_and_calls_are_bounded(tmp_path: Path) -> None:
    server = ScriptedServer(delay_seconds=0.01)
    with Serving(server) as serving:
        asker = asker_of(http_model(serving.url), tmp_path, max_concurrency=5)
        cases = ["good", "too many-once", "500-once", "malformed"]
        asked = [question([f"w{n}"], cases[n % 4]) for n in range(120)]
        replies = list(asker.ask(asked, "names"))
    assert [reply.value for reply in replies] == [None if n % 4 == 3 else [f"W{n}"] for n in range(120)]
    assert server.most_at_a_time <= 5
    total = asker.ledger.total()
    assert (total.n_answered, total.n_repaired, total.n_failed) == (60, 30, 30)
    assert total.n_calls == len(server.calls) == 30 + 60 + 60 + 60


def test_questions_are_read_as_they_are_asked() -> None:
    """100,000 questions stay within a window, whatever number was answered."""
    n_read = 0

    def questions() -> Iterator[Question[list[str]]]:
        nonlocal n_read
        for n in range(100_000):
            n_read += 1
            yield question([f"w{n % 1000}"])

    asker = asker_of(ScriptedModel(lambda _: '{"names": ["X"]}', name="m"))
    replies = asker.ask(questions(), "names")
    for n_replies in range(1, 500):
        assert next(replies).value == ["X"]
        assert n_read <= n_replies + 64
    replies.close()  # type: ignore[attr-defined]
    assert n_read < 600


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    chat = ScriptedModel(lambda _: '{"names": ["X"]}', name="m")
    asker = asker_of(chat, tmp_path)
    replies = list(asker.ask([question(["x"], subject=f"user-{n}") for n in range(20)], "names"))
    assert len(chat.calls) == 1
    assert [reply.outcome for reply in replies] == ["answered"] + ["cached"] * 19
    assert asker.ledger.total().n_cached == 19


def test_an_answer_that_a_stricter_check_refuses_is_asked_for_again(tmp_path: Path) -> None:
    def strict(answer: Names) -> Checked[list[str]]:
        return Checked(answer.names if answer.names == ["B"] else None, ["Not B."])

    list(asker_of(ScriptedModel(['{"names": ["A"]}'], name="m"), tmp_path).ask([question(["x"])], "names"))
    asked = question(["x"])
    stricter = Question(asked.prompt, asked.data, Names, strict, asked.max_tokens)
    [reply] = asker_of(ScriptedModel(['{"names": ["B"]}'], name="m"), tmp_path).ask([stricter], "names")
    assert reply.value == ["B"]


def test_a_server_that_is_not_there_costs_no_time_outs() -> None:
    asker = asker_of(http_model(f"http://127.0.0.1:{free_port()}/v1", timeout_seconds=60))
    began = time.monotonic()
    replies = list(asker.ask([question([f"w{n}"]) for n in range(2000)], "names"))
    assert time.monotonic() - began < 20
    assert {reply.outcome for reply in replies} == {"failed"}
    total = asker.ledger.total()
    assert total.n_failed == 2000
    assert set(total.failures) <= {"unreachable", "endpoint given up: unreachable"}
    assert DEAD_AFTER <= total.n_calls <= DEAD_AFTER + 4


def test_a_server_that_dies_in_mid_run_leaves_what_it_answered(tmp_path: Path) -> None:
    server = ScriptedServer()
    serving = Serving(server)
    with serving:
        asker = asker_of(http_model(serving.url, timeout_seconds=5), tmp_path)
        replies = asker.ask((question([f"w{n}"]) for n in range(1000)), "names")
        found = [next(replies) for _ in range(200)]
    found += list(replies)
    assert len(found) == 1000
    assert all(reply.outcome == "answered" for reply in found[:200])
    assert found[-1] == Reply(None, "failed", "endpoint given up: unreachable")
    n_good = sum(reply.value is not None for reply in found)
    assert len(AnswerCache(tmp_path)) == n_good < 1000
    with Serving(ScriptedServer()) as alive:
        again = asker_of(http_model(alive.url), tmp_path)
        assert all(reply.value for reply in again.ask((question([f"w{n}"]) for n in range(1000)), "names"))
    assert again.ledger.total().n_calls == 1000 - n_good


def test_a_dead_endpoint_is_tried_again_later() -> None:
    now = 0.0
    server = ScriptedServer()
    port = free_port()
    asker = asker_of(http_model(f"http://127.0.0.1:{port}/v1"), clock=lambda: now, max_retries=0)
    list(asker.ask([question([f"w{n}"]) for n in range(20)], "names"))
    with Serving(server, port):
        assert next(asker.ask([question(["x"])], "names")).outcome == "failed"
        assert server.calls == []
        now = 61.0
        assert next(asker.ask([question(["x"])], "names")).outcome == "answered"


@pytest.mark.parametrize("bound", [0, 1, 7, 40])
@pytest.mark.parametrize("limit", ["calls_per_run", "calls_per_day"])
def test_calls_stop_at_exactly_the_bound(server: ScriptedServer, url: str, limit: str, bound: int) -> None:
    asker = asker_of(http_model(url), limits=Limits(**{limit: bound}), max_concurrency=8)
    replies = list(asker.ask([question([f"w{n}"]) for n in range(60)], "names"))
    assert len(server.calls) == bound
    assert [reply.outcome for reply in replies] == ["answered"] * bound + ["unaffordable"] * (60 - bound)
    assert asker.ledger.total().n_unaffordable == 60 - bound


def test_retries_and_repairs_count_as_calls(server: ScriptedServer, url: str) -> None:
    asker = asker_of(http_model(url), limits=Limits(calls_per_run=50), max_concurrency=8)
    cases = ["500-once", "too many-once"]
    replies = list(asker.ask([question([f"w{n}"], cases[n % 2]) for n in range(60)], "names"))
    assert len(server.calls) == asker.ledger.total().n_calls == 50
    assert len(replies) == 60


def test_a_day_has_one_budget_for_all_runs(server: ScriptedServer, url: str) -> None:
    limits, asked = Limits(calls_per_day=25), [question([f"w{n}"]) for n in range(20)]
    first = asker_of(http_model(url), limits=limits)
    assert all(reply.value for reply in first.ask(asked, "names"))
    spent = Spent(NOON.date(), calls=first.ledger.total().n_calls, cost=first.ledger.total().cost)
    second = asker_of(http_model(url), limits=limits, spent_today=spent)
    assert sum(reply.value is not None for reply in second.ask(asked, "names")) == 5
    assert len(server.calls) == 25
    tomorrow = asker_of(http_model(url), limits=limits, spent_today=spent, now=NOON.replace(day=4))
    assert all(reply.value for reply in tomorrow.ask(asked, "names"))


@pytest.mark.parametrize("n_threads", [1, 8])
def test_no_cost_exceeds_the_bound(n_threads: int) -> None:
    """Each call costs 0.11 and is paid for at up to 0.9 beforehand: a bound of 5 is used but for one such call."""
    prices = Prices(input=1000, output=1000)
    completion = Completion('{"names": ["X"]}', "stop", 100, 10)
    chat = ScriptedModel(lambda _: completion, name="m")
    asker = asker_of(chat, limits=Limits(cost_per_run=5.0), prices=prices, max_concurrency=n_threads)
    replies = list(asker.ask([question([f"w{n}"]) for n in range(200)], "names"))
    total = asker.ledger.total()
    assert total.cost == pytest.approx(0.11 * total.n_calls)
    assert 5.0 - 1.5 < total.cost <= 5.0
    assert [reply.outcome for reply in replies] == ["answered"] * total.n_calls + ["unaffordable"] * (
        200 - total.n_calls
    )


def test_calls_under_way_are_paid_for() -> None:
    """Each call costs the most it can, 1.0: of eight that could be under way together, five are affordable."""

    def slow(_: object) -> Completion:
        time.sleep(0.02)
        return Completion('{"names": ["X"]}', "stop", 100, 50)

    chat = ScriptedModel(slow, name="m")
    limits, prices = Limits(cost_per_run=5.0), Prices(output=20_000)
    asker = asker_of(chat, limits=limits, prices=prices, max_concurrency=8)
    replies = list(asker.ask([question([f"w{n}"]) for n in range(40)], "names"))
    assert asker.ledger.total().cost == pytest.approx(5.0)
    assert [reply.outcome for reply in replies] == ["answered"] * 5 + ["unaffordable"] * 35


def test_a_call_without_an_answer_costs_the_most_it_can(server: ScriptedServer, url: str) -> None:
    asker = asker_of(http_model(url, timeout_seconds=0.3), prices=Prices(output=1e6), max_retries=0)
    list(asker.ask([question(WORDS, "never", max_tokens=50), question(WORDS, "500")], "names"))
    assert asker.ledger.total().cost == 50


def test_the_rate_is_bounded(server: ScriptedServer, url: str) -> None:
    asker = asker_of(http_model(url), requests_per_minute=600, sleep=time.sleep)
    began = time.monotonic()
    list(asker.ask([question([f"w{n}"]) for n in range(11)], "names"))
    assert time.monotonic() - began >= 1.0


def test_a_busy_endpoint_is_left_alone_as_long_as_it_asks(server: ScriptedServer, url: str) -> None:
    slept: list[float] = []
    asker = asker_of(http_model(url), sleep=slept.append)
    [reply] = asker.ask([question(WORDS, "busy-once")], "names")
    assert reply.outcome == "answered"
    assert max(slept) >= 0.2


def test_personal_data_is_an_error_of_the_caller() -> None:
    asker = asker_of(ScriptedModel([], name="m"))
    with pytest.raises(ValueError, match=r"data.words\[1\] holds personal data") as caught:
        list(asker.ask([question(["lamp", "jo@example.org"])], "names"))
    assert "jo@" not in str(caught.value)


def test_an_error_in_a_check_is_not_swallowed() -> None:
    def broken(_: Names) -> Checked[list[str]]:
        raise KeyError("a bug")

    asked = question(WORDS)
    with pytest.raises(KeyError, match="a bug"):
        list(
            asker_of(ScriptedModel(['{"names": []}'], name="m")).ask(
                [Question(asked.prompt, asked.data, Names, broken, 9)], "names"
            )
        )


def test_the_version_changes_with_all_that_shapes_an_answer() -> None:
    chat = ScriptedModel([], name="m")
    asker, asked = asker_of(chat), question(WORDS)
    other_prompt = type(asked.prompt)("names", "Other.", "ba9876543210")
    versions = {
        asker.version_of(asked.prompt),
        asker.version_of(other_prompt),
        asker_of(ScriptedModel([], name="n")).version_of(asked.prompt),
        asker_of(http_model("http://127.0.0.1:1/v1", model="m")).version_of(asked.prompt),
    }
    assert len(versions) == 4
    assert asker.version_of(asked.prompt) == asker_of(chat).version_of(asked.prompt)


def test_the_scripted_server_reads_what_the_asker_sends(server: ScriptedServer, url: str) -> None:
    list(asker_of(http_model(url)).ask([question(WORDS)], "names"))
    assert data_of(server.calls[0]) == {"case": "good", "words": WORDS}
