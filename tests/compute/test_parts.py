"""Work in parts: the same rows for any split, around single keys that fail, and never around many."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.compute.base import ComputeError, Tables, Work
from journeys_assets.compute.choose import RayParams, make_compute
from journeys_assets.compute.installed import Installed, installed
from journeys_assets.compute.local import Local
from journeys_assets.compute.parts import by_hash, computed
from journeys_assets.compute.work import ClusterUsers, EmbedKeywords
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.errors import MissingExtra
from journeys_assets.models.embedding.hashing import HashingEmbedder
from tests.support.ray_work import Lengths, keys_frame
from tests.support.user_logs import clustering_tables


def rows_in_parts(work: Work, tables: Tables, n_parts: int) -> pl.DataFrame:
    parts = [computed(Local(), work, part).rows for part in by_hash(work, tables, n_parts)]
    assert len(parts) > 1
    return pl.concat(parts).sort(work.grain)


@pytest.mark.parametrize("n_parts", [2, 5, 40])
def test_clusters_of_users_are_the_same_bit_for_bit_in_any_parts(n_parts: int) -> None:
    work, tables = ClusterUsers(ClusteringParams()), clustering_tables(n_users=9)
    whole = computed(Local(), work, tables)
    assert whole.rows["user_id"].n_unique() == 9
    assert_frame_equal(rows_in_parts(work, tables, n_parts), whole.rows, check_exact=True)


def test_vectors_of_keywords_are_the_same_bit_for_bit_in_any_parts() -> None:
    embedder = HashingEmbedder()
    keywords = clustering_tables(n_users=9)["vectors"].select("keyword")
    work = EmbedKeywords(lambda: embedder, embedder.model_version)
    whole = computed(Local(), work, {"keywords": keywords}).rows
    assert_frame_equal(rows_in_parts(work, {"keywords": keywords}, 7), whole, check_exact=True)
    assert whole["keyword"].to_list() == sorted(keywords["keyword"])
    assert whole["embedding"][3] == embedder.embed([whole["keyword"][3]]).astype(np.float16).tobytes()


def test_a_part_has_all_rows_of_its_keys_and_what_they_look_up() -> None:
    work, tables = ClusterUsers(ClusteringParams()), clustering_tables(n_users=9)
    parts = list(by_hash(work, tables, 4))
    for name in ("keywords", "history"):
        assert_frame_equal(pl.concat([part[name] for part in parts]), tables[name], check_row_order=False)
    for part in parts:
        assert set(part["vectors"]["keyword"]) == set(part["history"]["keyword"])
    users = [set(part["keywords"]["user_id"]) for part in parts]
    assert sum(map(len, users)) == 9
    # Without the other users, a user is in a part with the same others.
    fewer = {
        name: rows.filter(pl.col("user_id") != "u3") if "user_id" in rows.columns else rows
        for name, rows in tables.items()
    }
    assert [set(part["keywords"]["user_id"]) for part in by_hash(work, fewer, 4)] == [
        left for own in users if (left := own - {"u3"})
    ]


def test_keys_that_fail_cost_themselves_alone_and_are_named(tmp_path: Path) -> None:
    done = computed(Local(), Lengths(tmp_path), keys_frame(299, "bad one", "bad two"))
    assert [(one.key, one.reason) for one in done.failed] == [
        (key, f"ValueError: {key} is not good") for key in ("bad one", "bad two")
    ]
    assert_frame_equal(done.rows, computed(Local(), Lengths(tmp_path), keys_frame(299)).rows)


@pytest.mark.parametrize(
    "tables", [keys_frame(99, "bad one", "bad two"), keys_frame(0, "bad one"), keys_frame(1, "bad", "bad two")]
)
def test_what_more_keys_meet_than_single_rows_can_explain_is_an_error(
    tmp_path: Path, tables: dict[str, pl.DataFrame]
) -> None:
    work = Lengths(tmp_path)
    with pytest.raises(
        ComputeError, match=r"lengths failed for .* of its keys, such as 'bad.*ValueError.*mend the cause"
    ):
        computed(Local(), work, tables)


def test_work_without_rows_has_the_columns_of_its_result(tmp_path: Path) -> None:
    assert computed(Local(), Lengths(tmp_path), keys_frame(0)).rows.columns == ["key", "length"]
    whole = clustering_tables(n_users=2)
    nobody = {name: rows.clear() for name, rows in whole.items()}
    work = ClusterUsers(ClusteringParams())
    assert computed(Local(), work, nobody).rows.schema == computed(Local(), work, whole).rows.schema


def test_an_error_that_is_of_no_key_is_not_swallowed() -> None:
    embedder = HashingEmbedder()
    work = EmbedKeywords(lambda: embedder, "another model")
    with pytest.raises(ComputeError, match="is hashing-256, and that of the run is another model"):
        computed(Local(), work, {"keywords": pl.DataFrame({"keyword": ["a", "b"]})})


def test_machines_are_compared_by_all_that_shapes_rows() -> None:
    here = installed()
    assert here.difference(here) == ""
    other = Installed(here.python, "0" * 12, (("llvmlite", "0.1"), *here.packages[1:]))
    source = f"source of user-journeys {'0' * 12} and not {here.source}"
    assert here.difference(other) == f"{source}, llvmlite 0.1 and not {dict(here.packages)['llvmlite']}"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("journeys_assets.errors.find_spec", lambda _: None)
    compute = make_compute("ray", RayParams("local", 2, 2, 1), tmp_path)
    tables = {"keywords": pl.DataFrame({"keyword": ["a", "b", "c"]})}
    with pytest.raises(
        MissingExtra, match=r"compute = 'ray' needs the extra 'ray': pip install 'user-journeys\[ray\]'"
    ):
        computed(compute, EmbedKeywords(HashingEmbedder, HashingEmbedder.model_version), tables)


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    compute = make_compute("ray", RayParams("127.0.0.1:1", 2, 2, 1), tmp_path)
    tables = {"keywords": pl.DataFrame({"keyword": ["a", "b", "c"]})}
    with pytest.raises(ComputeError, match=r"nothing answers at ray.address = '127.0.0.1:1' .*JOURNEYS_RAY__ADDRESS"):
        computed(compute, EmbedKeywords(HashingEmbedder, HashingEmbedder.model_version), tables)
