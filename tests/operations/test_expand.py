"""Expansions: released with their content, continued after an interruption, and free of what few users share."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.related.release import released_expansion
from journeys_assets.operations.expand import ExpansionError, ExpansionReport, expand
from journeys_assets.storage.key_value.lmdb_store import LmdbStore
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.asker import FunctionAsker, Interrupted, names_asked, related_answer
from tests.support.related_world import AS_OF, related_warehouse
from tests.thorough import usual_or_thorough


class Place:
    """A warehouse with journeys, a store and a folder of releases."""

    def __init__(self, home: Path, warehouse: Warehouse) -> None:
        self.warehouse, self.folder = warehouse, home / "related"
        self.store = LmdbStore(home / "store")

    def expand(
        self, asker: FunctionAsker | None = None, *, as_of: date = AS_OF, min_users: int = 3, forbidden: str = ""
    ) -> ExpansionReport:
        return expand(
            self.warehouse,
            self.store,
            asker,
            HashingEmbedder(),
            RelatedParams(min_users=min_users),
            self.folder,
            as_of,
            lambda texts: [text != forbidden for text in texts],
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, related_warehouse(tmp_path / "warehouse.duckdb", n_users=60))


def test_it_is_released_from_the_day_after_with_its_content(place: Place) -> None:
    made = place.expand()
    assert released_expansion(place.folder, AS_OF) is None
    release = released_expansion(place.folder, AS_OF + timedelta(days=1))
    assert release is not None
    assert release.version == made.version == place.store.current()
    assert release.weights == RelatedParams().prior_weights
    first = place.store.get("n:wedding planning")["related"][0]
    assert (first["name"], first["relation"], first["made_by"]) == ("honeymoon trip", "next_step", "cooccurrence")
    assert made.counts["users"] == 60
    assert f"# Related journeys {made.version}" in (made.folder / "model_card.md").read_text()


def test_the_same_expansion_is_made_once(place: Place) -> None:
    one, other = place.expand(), place.expand()
    assert (one.was_there, other.was_there) == (False, True)
    assert one.version == other.version
    assert place.expand(min_users=4).version != one.version


def test_a_model_adds_to_what_is_found_without(place: Place) -> None:
    asker = FunctionAsker(related_answer, "fake")
    made = place.expand(asker)
    assert made.counts["names asked about"] == made.counts["names answered"] == made.counts["names stored"]
    assert asker.purposes == {"related journeys"}
    related = {one["name"]: one for one in place.store.get("n:wedding planning")["related"]}
    assert related["honeymoon trip"]["made_by"] == "cooccurrence"
    assert related["wedding planning afterwards"]["made_by"].startswith("fake@")
    assert place.store.get("c:wedding planning afterwards")["users"] == 0


def test_where_the_model_has_no_answer_the_rest_stays(place: Place) -> None:
    silent = place.expand(FunctionAsker(lambda _: None, "fake"))
    said = place.store.get("n:wedding planning")
    assert silent.counts["names answered"] == 0
    assert place.expand().version != silent.version
    assert place.store.get("n:wedding planning") == said


def test_only_names_that_may_leave_the_machine_are_asked_about(place: Place) -> None:
    asker = FunctionAsker(related_answer, "fake")
    place.expand(asker, forbidden="honeymoon trip")
    assert "wedding planning" in names_asked(asker)
    assert "honeymoon trip" not in names_asked(asker)
    assert not any("private" in name for name in names_asked(asker))
    content = (place.store.folder / f"version-{place.store.current()}" / "data.mdb").read_bytes()
    assert b"wedding planning" in content
    assert b"private" not in content
    assert b"honeymoon trip" not in content


def test_after_an_interruption_no_name_is_asked_about_twice(place: Place) -> None:
    params = {"min_users": 2}
    whole = FunctionAsker(related_answer, "fake")
    first = FunctionAsker(related_answer, "fake", at_most=1)
    with pytest.raises(Interrupted):
        place.expand(first, **params)
    assert place.store.current() is None
    second = FunctionAsker(related_answer, "fake")
    made = place.expand(second, **params)
    assert names_asked(first)
    assert names_asked(second)
    assert not names_asked(first).keys() & names_asked(second).keys()
    undisturbed = Place(place.folder.parent / "undisturbed", place.warehouse)
    assert undisturbed.expand(whole, **params).version == made.version
    assert names_asked(whole) == names_asked(first) + names_asked(second)
    for name in names_asked(whole):
        assert place.store.get(f"n:{name}") == undisturbed.store.get(f"n:{name}")
    assert place.store.get("counts") == undisturbed.store.get("counts")


def test_the_content_of_old_releases_is_deleted(place: Place) -> None:
    made = [place.expand(as_of=AS_OF + timedelta(days=n)).version for n in range(5)]
    assert place.store.versions() == sorted(made[-3:])
    assert place.store.current() == made[-1]


def test_without_journeys_the_message_names_the_cure(place: Place) -> None:
    with pytest.raises(ExpansionError, match=r"no journeys are known by 2020-01-01.*journeys run"):
        place.expand(as_of=date(2020, 1, 1))


LARGE = """
import json, resource, sys
from pathlib import Path
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.operations.expand import expand
from journeys_assets.storage.key_value.lmdb_store import LmdbStore
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.asker import FunctionAsker, Interrupted, names_asked, related_answer
from tests.support.related_world import AS_OF, WordEmbedder
home = Path(sys.argv[1])
asker = FunctionAsker(related_answer, "fake", at_most=int(sys.argv[2]) if sys.argv[2] else None)
try:
    made = expand(Warehouse(home / "warehouse.duckdb"), LmdbStore(home / "store"), asker, WordEmbedder(),
                  RelatedParams(min_users=1), home / "related", AS_OF, lambda texts: [True] * len(texts))
    counts = made.counts
except Interrupted:
    counts = None
(home / "asked.json").write_text(json.dumps(sorted(names_asked(asker).elements())))
status = Path("/proc/self/status")
if status.exists():  # of this program alone; what getrusage gives began with the process that started it
    peak_kib = int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"counts": counts, "peak_mib": peak_kib / 1024}))
"""


N_NAMES = usual_or_thorough(20_000, 100_000)
MOST_MIB = usual_or_thorough(900, 2_000)
"""A matrix of all pairs of names would take 1,600 MiB, or 40 GB, beside what the process takes without any."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_names_are_expanded_in_bounded_memory_and_after_a_stop_at_half(tmp_path: Path) -> None:
    from tests.support.related_world import many_names

    many_names(tmp_path / "warehouse.duckdb", n_names=N_NAMES)

    def run(questions: str) -> tuple[dict[str, object], set[str]]:
        command = [sys.executable, "-c", LARGE, str(tmp_path), questions]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        asked = json.loads((tmp_path / "asked.json").read_text())
        assert len(asked) == len(set(asked))
        return json.loads(result.stdout), set(asked)

    stopped, before = run(str(N_NAMES // 20))  # a question is about ten names
    assert stopped["counts"] is None
    done, after = run("")
    assert len(before) == N_NAMES // 2
    assert not before & after
    assert len(before | after) == N_NAMES
    assert done["counts"]["names stored"] == done["counts"]["names answered"] == N_NAMES  # type: ignore[index]
    assert done["counts"]["topics"] == N_NAMES // 10  # type: ignore[index]
    peak = max(float(str(one["peak_mib"])) for one in (stopped, done))
    assert peak < MOST_MIB, f"{peak:.0f} MiB"
