"""Both key-value stores keep the same promises: whole versions, swaps in one step, drafts that can be continued."""

import math
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeys_assets.storage.key_value.base import KeyValueError, KeyValueStore
from journeys_assets.storage.key_value.choose import open_store
from journeys_assets.storage.key_value.lmdb_store import LmdbStore
from journeys_assets.storage.key_value.redis_store import RedisStore
from tests.support.redis_server import running_redis
from tests.thorough import usual_or_thorough

NewStore = Callable[[], KeyValueStore]
SHARED = settings(
    max_examples=usual_or_thorough(20, 1_000), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["lmdb", "redis"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    """Makes empty stores."""
    made: list[KeyValueStore] = []

    def make() -> KeyValueStore:
        name = uuid.uuid4().hex
        store: KeyValueStore
        if request.param == "lmdb":
            store = LmdbStore(tmp_path / name)
        else:
            store = RedisStore(request.getfixturevalue("redis_url"), prefix=name)
        made.append(store)
        return store

    yield make
    for store in made:
        if isinstance(store, RedisStore):
            store.close()


def filled(store: KeyValueStore, version: str, content: dict[str, object]) -> None:
    with store.write(version) as writer:
        for key, value in content.items():
            writer.put(key, value)
            writer.commit()


def interrupted(store: KeyValueStore, version: str, content: dict[str, object]) -> None:
    """A write that fails after it has committed ``content``."""
    with pytest.raises(ValueError, match="null is no value"):
        filled(store, version, {**content, "broken": None})


values = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
contents = st.dictionaries(st.text(max_size=700), values | st.binary(max_size=50), max_size=8)


@given(one=contents, other=contents)
@SHARED
def test_what_is_written_is_read_and_versions_stay_apart(
    new_store: NewStore, one: dict[str, object], other: dict[str, object]
) -> None:
    store = new_store()
    filled(store, "v1", one)
    filled(store, "v2", other)
    store.swap("v1")
    keys = [*one, *other]
    assert store.get_many(keys) == [one.get(key) for key in keys]
    assert store.get_many(keys, "v2") == [other.get(key) for key in keys]
    assert store.versions() == ["v1", "v2"]


def test_nothing_is_read_before_the_first_swap(new_store: NewStore) -> None:
    store = new_store()
    assert store.current() is None
    assert store.get("a") is None
    filled(store, "v1", {"a": 1})
    assert store.get("a") is None
    store.swap("v1")
    assert (store.get("a"), store.current()) == (1, "v1")


def test_a_draft_is_no_version_and_can_be_continued(new_store: NewStore) -> None:
    store = new_store()
    interrupted(store, "v1", {"a": 1})
    assert store.versions() == []
    with pytest.raises(KeyValueError, match="has no version v1"):
        store.swap("v1")
    with pytest.raises(KeyValueError, match="has no version v1"):
        store.get("a", "v1")
    with store.write("v1") as writer:
        assert (writer.get("a"), writer.get("b")) == (1, None)
        writer.put("b", 2)
    assert store.get_many(["a", "b"], "v1") == [1, 2]


def test_a_complete_version_never_changes(new_store: NewStore) -> None:
    store = new_store()
    filled(store, "v1", {"a": 1})
    with pytest.raises(KeyValueError, match="complete and never changes"), store.write("v1") as writer:
        writer.put("a", 2)
    assert store.get("a", "v1") == 1
    filled(store, "v2", {})  # the right to write was given back
    assert store.versions() == ["v1", "v2"]


def test_one_writer_at_a_time(new_store: NewStore) -> None:
    store = new_store()
    with store.write("v1"), pytest.raises(KeyValueError, match="another process is writing"), store.write("v2"):
        pass
    assert store.versions() == ["v1"]


def test_keep_only_never_deletes_what_is_current(new_store: NewStore) -> None:
    store = new_store()
    assert store.keep_only([]) == []
    for version in ("v1", "v2", "v3"):
        filled(store, version, {"a": version})
    interrupted(store, "v4", {"a": 4})
    store.swap("v2")
    assert store.keep_only(["v3"]) == ["v1", "v4"]
    assert store.versions() == ["v2", "v3"]
    assert store.get("a") == "v2"


@pytest.mark.parametrize("version", ["", "../x", "a b", "a:b", "-x", "x" * 65])
def test_a_version_that_cannot_be_named_is_refused(new_store: NewStore, version: str) -> None:
    store = new_store()
    with pytest.raises(KeyValueError, match="cannot name a version"), store.write(version):
        pass


@pytest.mark.parametrize("value", [None, math.nan, [math.inf]])
def test_what_is_no_value_is_refused(new_store: NewStore, value: object) -> None:
    with pytest.raises(ValueError, match=r"null is no value|not JSON compliant"), new_store().write("v") as writer:
        writer.put("a", value)


@pytest.mark.parametrize("deletes", [False, True])
def test_concurrent_readers_never_see_half_a_version(new_store: NewStore, deletes: bool) -> None:
    """While versions are written, swapped and deleted, each read has one version, and versions never go back."""
    store, keys = new_store(), [f"k{n}" for n in range(100)]
    filled(store, "v000", dict.fromkeys(keys, 0))
    store.swap("v000")
    seen: list[list[int]] = [[] for _ in range(3)]
    errors: list[BaseException] = []
    is_done = threading.Event()

    def read(mine: list[int]) -> None:
        try:
            while not is_done.is_set():
                (value,) = set(store.get_many(keys))
                mine.append(value)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    try:
        n = 0
        while n < 10 or (n < 400 and min(len(set(mine)) for mine in seen) <= 3):
            n += 1
            filled(store, f"v{n:03}", dict.fromkeys(keys, n))
            store.swap(f"v{n:03}")
            if deletes:
                store.keep_only([])
    finally:
        is_done.set()
        for thread in threads:
            thread.join()
    assert errors == []
    for mine in seen:
        assert mine == sorted(mine)
        assert len(set(mine)) > 3, "too few versions were seen to prove anything"


READ = """
import sys
from journeys_assets.storage.key_value.choose import open_store
from pathlib import Path
store = open_store(sys.argv[1] if "://" in sys.argv[1] else None, Path(sys.argv[1]))
keys = [f"k{n}" for n in range(200)]
last, n_changes = -1, 0
while last < 29:
    values = set(store.get_many(keys))
    assert len(values) == 1 and None not in values, values
    (value,) = values
    assert value >= last, (value, last)
    n_changes += value > last
    last = value
    if not n_changes % 7: print(last, flush=True)
print("changes", n_changes)
"""


@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_another_process_never_sees_half_a_version(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = str(tmp_path / "store") if kind == "lmdb" else request.getfixturevalue("redis_url")
    store = open_store(address, tmp_path)
    keys = [f"k{n}" for n in range(200)]
    filled(store, f"{kind}-0", dict.fromkeys(keys, 0))
    store.swap(f"{kind}-0")
    reader = subprocess.Popen([sys.executable, "-c", READ, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with reader:
        for n in range(1, 30):
            filled(store, f"{kind}-{n}", dict.fromkeys(keys, n))
            store.swap(f"{kind}-{n}")
            store.keep_only([])
        out, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors.decode()
    assert b"changes" in out
    if isinstance(store, RedisStore):
        store.close()


WRITE = """
import sys, time
from journeys_assets.storage.key_value.choose import open_store
from pathlib import Path
store = open_store(sys.argv[1], Path("unused"))
with store.write("v1") as writer:
    for n in range(10_000):
        writer.put(f"k{n}", n)
        if n % 10 == 9: writer.commit()
        if n == 500: print("half", flush=True)
        if n > 500: time.sleep(0.001)
"""


@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_a_killed_writer_leaves_a_draft_that_goes_on(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "store") if kind == "lmdb" else request.getfixturevalue("redis_url")
    store = open_store(address, tmp_path)
    store.keep_only([])
    monkeypatch.setattr("journeys_assets.storage.key_value.redis_store.WRITER_SECONDS", 1)
    code = WRITE if kind == "lmdb" else WRITE.replace(
        "store = open_store", "from journeys_assets.storage.key_value import redis_store\n"
        "redis_store.WRITER_SECONDS = 1\nstore = open_store"
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code, address], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        os.kill(process.pid, signal.SIGKILL)
    assert "v1" not in store.versions()
    if kind == "redis":
        deadline = threading.Event()
        deadline.wait(1.5)  # the right to write of the killed process expires
    with store.write("v1") as writer:
        assert all(writer.get(f"k{n}") == n for n in range(490))
        assert writer.get("k9999") is None
        writer.put("k9999", 9999)
    assert store.get_many(["k0", "k489", "k9999"], "v1") == [0, 489, 9999]
    if isinstance(store, RedisStore):
        store.close()


def test_lmdb_reads_on_after_its_version_is_deleted_and_made_again(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "store")
    for content in ("old", "new"):
        filled(store, "v1", {"a": content})
        assert store.get("a", "v1") == content
        assert store.keep_only([]) == ["v1"]
        with pytest.raises(KeyValueError, match="has no version v1; it has none"):
            store.get("a", "v1")


def test_a_deletion_that_is_interrupted_leaves_no_half_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LmdbStore(tmp_path / "store")
    for version in ("v1", "v2"):
        filled(store, version, {"a": version})
    store.swap("v2")

    def interrupted(path: Path) -> None:
        next(path.rglob("data.mdb")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.keep_only([])
    assert store.versions() == ["v2"]
    with pytest.raises(KeyValueError, match="has no version v1; it has v2"):
        store.get("a", "v1")
    filled(store, "v1", {"a": "again"})
    assert store.get("a", "v1") == "again"
    assert store.keep_only([]) == ["v1"]
    assert not list(store.folder.glob("deleted-*"))


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    store = RedisStore("redis://me:secret@127.0.0.1:1/0")
    with pytest.raises(KeyValueError) as raised:
        store.get("a")
    assert "redis://127.0.0.1:1/0" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_address_chooses_the_store(tmp_path: Path, redis_url: str) -> None:
    assert open_store(None, tmp_path).folder == tmp_path  # type: ignore[attr-defined]
    assert open_store(str(tmp_path / "x"), tmp_path).folder == tmp_path / "x"  # type: ignore[attr-defined]
    store = open_store(redis_url, tmp_path)
    assert isinstance(store, RedisStore)
    store.close()
    with pytest.raises(KeyValueError, match=r"mysql://… is no key-value store"):
        open_store("mysql://root:secret@host", tmp_path)
