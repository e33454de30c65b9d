"""A real Ray cluster of two nodes on loopback: the same rows as in one process, and what is lost costs only time."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.compute import ray_cluster
from journeys_assets.compute.base import ComputeError, Work
from journeys_assets.compute.local import Local
from journeys_assets.compute.parts import computed
from journeys_assets.compute.ray_cluster import RayCluster
from journeys_assets.compute.work import ClusterUsers, EmbedKeywords
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.models.embedding.choose import NamedEmbedder
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.llm.base import Question, Reply
from journeys_assets.models.llm.chat import ChatModel
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.llm_questions import asker_of, http_model, question
from tests.support.ray_cluster import ENVIRONMENT, TwoNodes, two_nodes
from tests.support.ray_work import Lengths, keys_frame
from tests.support.scripted_server import ScriptedServer
from tests.support.serving import Serving
from tests.support.user_logs import START, clustering_tables

DAY = START.date()
PER_TASK = {"lengths": 4, "cluster_users": 2, "embed_keywords": 5}
PER_RUN = {"run_id"}
"""Columns that name the run and say nothing of the rows."""

KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from journeys_assets.compute.parts import computed
from journeys_assets.compute.ray_cluster import RayCluster
from tests.support.ray_work import Lengths, keys_frame

address, folder, notes, n_keys = sys.argv[1:]

def killed(done, of):
    if done > of // 2:
        os.kill(os.getpid(), signal.SIGKILL)

work = Lengths(Path(notes))
computed(RayCluster(address, Path(folder), {work.name: 4}, 1), work, keys_frame(int(n_keys)), killed)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def compute(cluster: TwoNodes, tmp_path: Path) -> RayCluster:
    return RayCluster(cluster.address, tmp_path / "unfinished", PER_TASK, calls_per_machine=4)


@pytest.fixture
def work(tmp_path: Path) -> Lengths:
    return Lengths(new_folder(tmp_path / "notes"))


def new_folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the work whose parts are sent to the cluster from now on."""
    names: list[str] = []
    submitted = ray_cluster.submitted

    def counted(ray: object, work: Work, *others: object) -> object:
        names.append(work.name)
        return submitted(ray, work, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(ray_cluster, "submitted", counted)
    return names


def test_clusters_and_vectors_are_those_of_one_process_bit_for_bit(compute: RayCluster, sent: list[str]) -> None:
    tables = clustering_tables(n_users=9)
    clusters = ClusterUsers(ClusteringParams())
    embedder = NamedEmbedder("hashing", compute.folder, "onnxruntime")
    vectors = EmbedKeywords(embedder, HashingEmbedder.model_version)
    for work, given in ((clusters, tables), (vectors, {"keywords": tables["vectors"].select("keyword")})):
        assert_frame_equal(computed(compute, work, given).rows, computed(Local(), work, given).rows, check_exact=True)
    assert sent.count("cluster_users") == 5
    assert sent.count("embed_keywords") == 5


def test_work_for_one_task_stays_in_this_process(compute: RayCluster, work: Lengths, sent: list[str]) -> None:
    assert computed(compute, work, keys_frame(4)).rows.height == 4
    assert sent == []


def test_a_day_has_the_same_rows_in_every_table(
    cluster: TwoNodes, new_sandbox: type[Sandbox], monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    here, there = new_sandbox("here"), new_sandbox("there")
    world = generate_world(WorldParams(seed=3, n_users=5, n_days=2, first_day=DAY)).landing
    for sandbox in (here, there):
        sandbox.land(world)
    last = DAY + timedelta(days=1)
    here.run(last, last)
    monkeypatch.setenv("JOURNEYS_COMPUTE", "ray")
    monkeypatch.setenv("JOURNEYS_RAY__ADDRESS", cluster.address)
    monkeypatch.setenv("JOURNEYS_RAY__USERS_PER_TASK", "2")
    monkeypatch.setenv("JOURNEYS_RAY__KEYWORDS_PER_TASK", "20")
    there.run(last, last)
    assert set(sent) == {"cluster_users", "embed_keywords"}
    for table in here.pipeline.tables:
        one, other = here.table(table.name), there.table(table.name)
        assert_frame_equal(one.drop(PER_RUN, strict=False), other.drop(PER_RUN, strict=False), check_exact=True)
    assert there.table("user_journeys").height
    left = [path for path in (there.home / "unfinished").rglob("*") if path.is_file()]
    assert left == []


def test_a_key_that_fails_or_ends_its_process_costs_itself_alone(compute: RayCluster, work: Lengths) -> None:
    for bad, reason in (
        ("bad one", "ValueError: bad one is not good"),
        ("fatal one", "its process ended 2 times, as for want of memory"),
    ):
        done = computed(replace(compute, keys_per_task={"lengths": 3}), work, keys_frame(5, bad))
        assert [(one.key, one.reason) for one in done.failed] == [(bad, reason)]
        assert_frame_equal(done.rows, computed(Local(), work, keys_frame(5)).rows)


def test_a_killed_run_goes_on_where_it_was(compute: RayCluster, work: Lengths, tmp_path: Path) -> None:
    n_keys = 40
    command = [sys.executable, "-c", KILLED_RUN, compute.address, str(compute.folder), str(work.notes), str(n_keys)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr[-2000:]
    kept = {path.name for path in (compute.folder / work.name).glob("*/*") if not path.name.startswith(".")}
    before = work.runs
    again = replace(work, notes=new_folder(tmp_path / "again"))
    assert_frame_equal(
        computed(compute, again, keys_frame(n_keys)).rows, computed(Local(), work, keys_frame(n_keys)).rows
    )
    done = {key for keys in before for key in keys}
    assert len(kept) >= 4
    assert len(again.runs) == 10 - len(kept) < 10
    assert sum(not done.issuperset(keys) for keys in again.runs) + len(kept) <= 10
    # Of another configuration, everything is made anew; and nothing is left once the result is stored.
    other = replace(work, notes=new_folder(tmp_path / "other"), configuration="2")
    computed(compute, other, keys_frame(n_keys))
    assert len(other.runs) == 10
    compute.forget(work.name)
    assert list((compute.folder / work.name).iterdir()) == []


def test_machines_with_other_packages_are_refused(
    compute: RayCluster, work: Lengths, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ray_cluster.installed()
    monkeypatch.setattr(ray_cluster, "installed", lambda: replace(here, source="other"))
    with pytest.raises(ComputeError, match=rf"a machine of the cluster has source of user-journeys {here.source} and"):
        computed(compute, work, keys_frame(9))


# ── language models ─────────────────────────────────────────────────────────────────────────────────────────────────


SERVER = ScriptedServer(delay_seconds=0.3)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Serving(SERVER) as serving:
        yield serving.url


@pytest.fixture
def server() -> ScriptedServer:
    SERVER.clear()
    return SERVER


def questions(n: int, *cases: str) -> list[Question[list[str]]]:
    case_of = itertools.cycle(cases or ("good",))
    return [question(["lamp", f"rug {number}"], next(case_of)) for number in range(n)]


def replies_by(chat: ChatModel, asked: list[Question[list[str]]]) -> tuple[list[Reply[list[str]]], pl.DataFrame]:
    asker = asker_of(chat)
    return list(asker.ask(asked, "names")), asker.calls()


def test_answers_and_ledger_are_those_of_one_process(compute: RayCluster, url: str, server: ScriptedServer) -> None:
    asked = questions(12, "good", "malformed-once", "400", "500-once")
    here, counted_here = replies_by(http_model(url), asked)
    server.clear()
    there, counted_there = replies_by(compute.chat(http_model(url), partial(http_model, url)), asked)
    assert there == here
    assert [reply.outcome for reply in there[:4]] == ["answered", "repaired", "failed", "answered"]
    assert there[2].reason == "rejected"  # as a prompt that is too long
    assert_frame_equal(counted_there, counted_here)
    assert len(server.calls) == counted_there["n_calls"].sum() == 18


def test_a_deployment_asks_from_the_machines_with_their_key(
    cluster: TwoNodes, url: str, server: ScriptedServer, new_sandbox: type[Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYS_COMPUTE", "ray")
    monkeypatch.setenv("JOURNEYS_RAY__ADDRESS", cluster.address)
    monkeypatch.setenv("JOURNEYS_LLM__MODEL", "scripted")
    monkeypatch.setenv("JOURNEYS_LLM__BASE_URL", url)
    monkeypatch.setenv("JOURNEYS_LLM__API_KEY", "key-of-the-driver")
    asker = new_sandbox("home").deployment.asker("run")
    assert asker is not None
    for outcome in ("answered", "cached"):
        (reply,) = asker.ask(questions(1), "names")
        assert (reply.value, reply.outcome) == (["LAMP", "RUG 0"], outcome)
    assert server.authorizations == [f"Bearer {ENVIRONMENT['JOURNEYS_LLM__API_KEY']}"]


def test_a_node_that_is_killed_costs_only_time(
    cluster: TwoNodes, compute: RayCluster, work: Lengths, url: str, server: ScriptedServer, tmp_path: Path
) -> None:
    until = time.monotonic() + 120

    def wait_for(event: Callable[[], bool]) -> None:
        while not event():
            assert time.monotonic() < until
            time.sleep(0.02)

    found: list[tuple[list[Reply[list[str]]], pl.DataFrame]] = []

    def ask() -> None:
        chat = compute.chat(http_model(url), partial(http_model, url))
        found.append(replies_by(chat, questions(40)))

    def kill() -> None:
        wait_for(lambda: slow.has_run_on(cluster.second_node))
        cluster.kill_second_node()

    def is_warm() -> bool:
        computed(compute, warm, keys_frame(24))
        compute.forget(warm.name)
        return warm.has_run_on(cluster.second_node)

    # Processes are there on both nodes, so that work and questions are under way together.
    warm = replace(work, notes=new_folder(tmp_path / "warm"), seconds=0.3)
    wait_for(is_warm)
    slow = replace(work, seconds=0.3)
    threads = [threading.Thread(target=ask), threading.Thread(target=kill)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(server.calls) > 4)
    done = computed(compute, slow, keys_frame(80))
    for thread in threads:
        thread.join()
    assert done.failed == ()
    assert_frame_equal(done.rows, computed(Local(), work, keys_frame(80)).rows)
    on_the_cluster = slow.runs[:-1]  # the last one is that of this process
    n_lost = len(on_the_cluster) - len({tuple(keys) for keys in on_the_cluster})
    assert n_lost >= 1  # and was made again
    ((replies, counts),) = found
    assert [reply.value for reply in replies] == [["LAMP", f"RUG {number}"] for number in range(40)]
    assert counts["n_answered"].to_list() == [40]
    assert counts["n_retries"].item() >= 1
    assert counts["n_calls"].item() == 40 + counts["n_retries"].item()
