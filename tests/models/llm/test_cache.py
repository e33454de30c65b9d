"""The cache of answers: threads, processes, erasure to the last byte, and runs that are killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.models.llm.base import LanguageModelError
from journeys_assets.models.llm.cache import AnswerCache, Stored, key_of
from tests.support.llm_questions import asker_of, http_model, question
from tests.support.scripted_server import ScriptedServer
from tests.support.serving import Serving

REPOSITORY = Path(__file__).parents[3]


def stored(answer: str) -> Stored:
    return Stored(answer, "m", "names", "0123456789ab")


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_an_answer_is_given_back(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "llm" / "cache")
    key = key_of(a=1)
    assert cache.get(key, None) is None
    cache.put(key, stored('{"names": ["結婚式 💍"]}'), None)
    assert AnswerCache(tmp_path / "llm" / "cache").get(key, "user") == stored('{"names": ["結婚式 💍"]}')
    assert len(cache) == 1


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text() | st.lists(st.text())))
def test_a_key_depends_on_values_and_not_on_their_order(parts: dict[str, object]) -> None:
    assert key_of(**parts) == key_of(**dict(reversed(parts.items())))
    assert key_of(**parts) != key_of(**parts, d=0)


def test_forgetting_leaves_no_byte(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    for n in range(300):
        cache.put(key_of(n=n), stored(f"answer-{n}-secretplan" if n % 3 == 0 else f"answer-{n}"), f"user-{n % 3}")
    assert b"secretplan" in bytes_in(tmp_path)
    assert cache.forget("user-0") == 100
    assert b"secretplan" not in bytes_in(tmp_path)
    assert b"user-0" not in bytes_in(tmp_path)
    assert len(cache) == 200
    assert [cache.get(key_of(n=n), None) is None for n in range(6)] == [True, False, False] * 2
    assert cache.forget("user-0") == 0


def test_an_answer_that_others_asked_for_stays(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    shared, nobodys = key_of(n=1), key_of(n=2)
    cache.put(shared, stored("shared"), "anna")
    assert cache.get(shared, "ben") == stored("shared")
    cache.put(nobodys, stored("of nobody"), None)
    assert cache.get(nobodys, "anna") == stored("of nobody")
    assert cache.forget("anna") == 0
    assert len(cache) == 2
    assert cache.forget("ben") == 1
    assert len(cache) == 1


def test_long_and_odd_ids_are_ids(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    for n, subject in enumerate(["x" * 5000, "", "\udcff", "結婚"]):
        cache.put(key_of(n=n), stored("a"), subject)
        assert cache.forget(subject) == 1


def test_the_asker_hands_over_whom_a_question_is_for(tmp_path: Path) -> None:
    with Serving(server := ScriptedServer()) as serving:
        asked = [question(["lamp"], subject="anna"), question(["rug"], subject="ben")]
        list(asker_of(http_model(serving.url), tmp_path).ask(asked, "names"))
        assert AnswerCache(tmp_path).forget("anna") == 1
        replies = list(asker_of(http_model(serving.url), tmp_path).ask(asked, "names"))
    assert [reply.outcome for reply in replies] == ["answered", "cached"]
    assert "anna" not in str(server.calls)


def test_threads_write_at_the_same_time(tmp_path: Path) -> None:
    def work(thread: int) -> None:
        cache = AnswerCache(tmp_path)
        for n in range(50):
            cache.put(key_of(thread=thread, n=n), stored(str(n)), f"user-{thread}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(AnswerCache(tmp_path)) == 400


WRITER = """
import sys
from pathlib import Path
from journeys_assets.models.llm.cache import AnswerCache, Stored, key_of
folder, name = Path(sys.argv[1]), sys.argv[2]
cache = AnswerCache(folder)
print("ready", flush=True)
for n in range(300):
    cache.put(key_of(name=name, n=n), Stored(f"{name}-{n}", "m", "p", "v"), f"user-{n % 2}")
    assert cache.get(key_of(name=name, n=n), None) is not None
"""


def test_processes_write_while_a_user_is_erased(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stdout=subprocess.PIPE, cwd=REPOSITORY)
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    cache = AnswerCache(tmp_path)
    for _ in range(10):
        cache.forget("somebody")
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert len(cache) == 600
    assert len(list(tmp_path.glob("generation-*"))) == 1


def test_a_folder_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LanguageModelError, match=r"the cache of answers in .*file.* cannot be used"):
        AnswerCache(tmp_path / "file" / "cache").get(key_of(), None)


KILLED = """
import os, sys
from pathlib import Path
from tests.support.llm_questions import asker_of, http_model, question
url, folder, n_answers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
asker = asker_of(http_model(url), folder)
for n, reply in enumerate(asker.ask((question([f"w{n}"]) for n in range(400)), "names")):
    assert reply.value == [f"W{n}"]
    if n + 1 == n_answers:
        os._exit(9)
"""


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[ScriptedServer, str]]:
    with Serving(server := ScriptedServer()) as running:
        yield server, running.url


@pytest.mark.parametrize("n_answers", [1, 200, 399])
def test_a_killed_run_goes_on_where_it_was(serving: tuple[ScriptedServer, str], tmp_path: Path, n_answers: int) -> None:
    server, url = serving
    server.clear()
    arguments = [sys.executable, "-c", KILLED, url, str(tmp_path), str(n_answers)]
    killed = subprocess.run(arguments, cwd=REPOSITORY, env=os.environ, capture_output=True, check=False)
    assert killed.returncode == 9, killed.stderr
    asked = [question([f"w{n}"]) for n in range(400)]
    values = [[f"W{n}"] for n in range(400)]
    assert [reply.value for reply in asker_of(http_model(url), tmp_path).ask(asked, "names")] == values
    assert len(server.calls) <= 1.1 * 400
    server.clear()
    again = asker_of(http_model(url), tmp_path)
    assert [reply.value for reply in again.ask(asked, "names")] == values
    assert server.calls == []
    assert again.ledger.total().n_cached == 400
