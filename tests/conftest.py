"""What all tests share: the marker and order of slow ones, profiles of hypothesis, and deployments to run."""

import gc
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.sandbox import Sandbox
from tests.thorough import PROFILE

if TYPE_CHECKING:
    from tests.support.object_stores import Store

# How long an example takes depends on the machine and what else it does; speed is measured in benchmarks/.
hypothesis.settings.register_profile("usual", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile(PROFILE)
pytest.register_assert_rewrite("tests.support")

# Collecting the tests makes millions of objects that stay. To look through them for garbage, again and again, takes a
# third of the time of collecting, and later a twentieth of that of the tests.
gc.disable()

SHARED_MEMORY = Path("/dev/shm")
LEAST_FREE_GIB = 8
"""What the tests write is about a third of this at most."""

SLOW_FOLDERS = ("e2e", "defs", "evaluation", "importers", "models", "pipeline", "storage/ingest", "storage/locations")
"""Their tests run days, train, embed, load many files or start servers. The others take three minutes together."""
SLOW_FILES = (
    "compute/test_ray.py",
    "domain/clustering/test_kernels.py",
    "domain/quality/test_unmatched.py",
    "explorer/test_browser.py",
    "explorer/test_deployment.py",
    "operations/test_expand.py",
    "sql/test_whole_chain.py",
    "storage/queries/test_consent.py",
    "storage/queries/test_staleness.py",
)
"""Each begins with a fixture that takes over ten seconds, or has many tests of seconds."""
LONG_FOLDERS = ("evaluation", "e2e", "defs")
LONG_FILES = (
    "evaluation/test_run.py",
    "storage/ingest/test_fuzz.py",  # compiles nothing, so that the other worker is alone in compiling the clustering
    "e2e/test_live.py",
    "e2e/test_hostile_input.py",
    "e2e/test_incremental.py",
    "e2e/test_promises.py",
    "pipeline/test_carried_rows.py",
    "storage/queries/test_staleness.py",
    "storage/queries/test_consent.py",
    "sql/test_whole_chain.py",
    "operations/test_expand.py",
    "models/embedding/test_exported.py",
    "pipeline/test_run.py",
    "compute/test_ray.py",  # starts a cluster, and mostly waits
)
"""What is to begin first, in this order: the longest files, and those of other folders that take over half a minute."""


def pytest_configure() -> None:
    """Write into memory where there is plenty: on a disk, a small run waits for every write to be flushed.

    Do once per process what every test would do again, and use one thread. Processes of the command line have as many
    as there are cores; test_promises compares the rows of both.
    """
    from tests.support.one_thread import use_one_thread
    from tests.support.repeated_work import NotThere, read_migrations_once

    use_one_thread()
    read_migrations_once()
    if importlib.util.find_spec("pandas") is None:
        sys.meta_path.insert(0, NotThere("pandas"))
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= LEAST_FREE_GIB * 2**30:
        os.environ.setdefault("TMPDIR", str(SHARED_MEMORY))
        tempfile.tempdir = None  # to be looked up again


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: what they hold may differ between the workers, such as the time in a gzip file."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def _folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def _file_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()


def _turn_of(item: pytest.Item) -> tuple[int, bool]:
    """What the tests are sorted by: long files, then folders with long tests, then the others."""
    file = _file_of(item)
    return LONG_FILES.index(file) if file in LONG_FILES else len(LONG_FILES), _folder_of(item) not in LONG_FOLDERS


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect garbage again after the tests are known, without looking at what is there by then."""
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders and files, and put long ones first, so that no core is idle at the end."""
    for item in items:
        if _file_of(item).startswith(tuple(f"{folder}/" for folder in SLOW_FOLDERS)) or _file_of(item) in SLOW_FILES:
            item.add_marker(pytest.mark.slow)
    items.sort(key=_turn_of)


@pytest.fixture
def new_sandbox(tmp_path: Path) -> Callable[[str], Sandbox]:
    """Makes deployments by name, each with a home of its own."""
    return lambda name="home": Sandbox(tmp_path / name)


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3-compatible server."""
    from tests.support.servers import running_s3

    with running_s3(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> "Store":
    """That server with one empty bucket named ``logs``, and credentials in the environment."""
    from tests.support.object_stores import s3_with_credentials

    return s3_with_credentials(s3_address, monkeypatch)
