"""Promise 9: a version covers everything that shapes the rows of a stage, and nothing else."""

import dataclasses
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.deployment import build_deployment
from journeys_assets.domain.clustering.params import CutQuestionParams
from journeys_assets.domain.fields import is_training_only
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.naming import release as naming_files
from journeys_assets.models.naming.release import NamerRelease
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import Run, execute
from journeys_assets.pipeline.versions import Ingredients, Versions
from journeys_assets.settings import load_settings
from journeys_assets.storage.sql_models import SqlModel
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
DAYS = tuple(FIRST + timedelta(days=n) for n in range(3))
SHAPES_NO_STAGE = {"annotation", "name_training"}
"""Groups of parameters that no stage uses."""


class Retrained(HashingEmbedder):
    """The same model at the same place, with other weights."""

    model_version = "hashing-retrained"


def pipeline_with(
    home: Path, params: AlgorithmParams | None = None, embedder: Embedder | None = None, **sql: SqlModel
) -> Pipeline:
    settings = load_settings(home=home, embedder="hashing").model_copy(
        update={"algorithm": params or AlgorithmParams()}
    )
    deployment = build_deployment(settings, progress=lambda *_: None, embedder=embedder)
    models = {**deployment.sql_models, **sql}
    models = {name: dataclasses.replace(model, models=models) for name, model in models.items()}
    return build_pipeline(dataclasses.replace(deployment, sql_models=models))


def versions_with(home: Path, **changes: Any) -> dict[str, str]:
    pipeline = pipeline_with(home, **changes)
    versions = pipeline.versions()
    return {entry.name: versions.of(entry.name) for entry in pipeline.entries}


def changed(home: Path, **changes: Any) -> set[str]:
    """Stages whose version differs with the changes."""
    before, after = versions_with(home), versions_with(home, **changes)
    return {name for name in before if before[name] != after[name]}


ASKING = dataclasses.replace(AlgorithmParams(), cut_questions=CutQuestionParams(per_user=5))
"""Parameters under which every parameter shapes a stage: some do only where a language model is asked."""


def with_value(group: str, name: str, value: object, params: AlgorithmParams | None = None) -> AlgorithmParams:
    params = params or AlgorithmParams()
    return dataclasses.replace(params, **{group: dataclasses.replace(getattr(params, group), **{name: value})})


def another(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, tuple):
        return value[:-1]
    return "mmr" if value == "penalty" else f"{value} changed"


def all_parameters() -> Iterator[tuple[str, dataclasses.Field[Any], object]]:
    params = AlgorithmParams()
    for group in dataclasses.fields(params):
        if group.name not in SHAPES_NO_STAGE and dataclasses.is_dataclass(getattr(params, group.name)):
            values = getattr(params, group.name)
            yield from ((group.name, field, getattr(values, field.name)) for field in dataclasses.fields(values))


def downstream(pipeline: Pipeline, names: set[str]) -> set[str]:
    """``names`` and every stage whose version covers one of them."""
    found = set(names)
    for entry in pipeline.entries:
        read = entry.version_reads(AlgorithmParams())
        if found & {pipeline.entry(name).name for name in read if "/" not in name}:
            found.add(entry.name)
    return found


@pytest.mark.parametrize(
    ("group", "field", "value"), [pytest.param(*p, id=f"{p[0]}.{p[1].name}") for p in all_parameters()]
)
def test_a_parameter_changes_the_stages_that_declare_it_and_all_that_read_them(
    tmp_path: Path, group: str, field: dataclasses.Field[Any], value: object
) -> None:
    pipeline = pipeline_with(tmp_path)
    dotted = f"{group}.{field.name}"
    declared = {e.name for e in pipeline.entries if {group, dotted} & set(e.shaped_by(ASKING))}
    before = versions_with(tmp_path, params=ASKING)
    after = versions_with(tmp_path, params=with_value(group, field.name, another(value), ASKING))
    found = {name for name in before if before[name] != after[name]}
    if is_training_only(field):
        assert not found, "a parameter that is for training only shapes no row"
    else:
        assert declared, f"{dotted} shapes no stage: mark it as training only, or declare it"
        assert found == downstream(pipeline, declared)


class _Watched:
    """Makes parameters that note which of them are read."""

    def __init__(self) -> None:
        self.read: set[str] = set()

    def params(self) -> AlgorithmParams:
        groups = {field.name: getattr(ASKING, field.name) for field in dataclasses.fields(ASKING)}
        return AlgorithmParams(
            **{name: self._watched(name, v) if dataclasses.is_dataclass(v) else v for name, v in groups.items()}
        )

    def _watched(self, group: str, values: Any) -> Any:
        names = {field.name for field in dataclasses.fields(values)}
        read = self.read

        def note(instance: object, name: str) -> object:
            if name in names:
                read.add(f"{group}.{name}")
            return object.__getattribute__(instance, name)

        kind = type(values)
        watching = type(kind.__name__, (kind,), {"__getattribute__": note, "__slots__": ()})
        return watching(**{name: getattr(values, name) for name in names})


def test_stages_read_only_parameters_that_they_declare(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.land(generate_world(WorldParams(seed=3, n_users=8, n_days=3, first_day=FIRST)).landing)
    watched = _Watched()
    whole = pipeline_with(tmp_path, params=watched.params())
    # Without monitors: they are measured after the rows of a stage, and shape none of them.
    entries = tuple(dataclasses.replace(entry, monitors=None) for entry in whole.entries)
    pipeline = dataclasses.replace(whole, entries=entries)
    pipeline.prepare()
    pipeline.versions()  # the safety model is made here, once for the process
    for entry in pipeline.entries:
        watched.read.clear()
        list(execute(pipeline, [entry.name], Run(DAYS, "run", full=False)))
        if not entry.tables and not entry.is_view:
            continue  # It makes no rows; what publishing keeps may follow from any parameter.
        declared = {name for name in watched.read if {name, name.partition(".")[0]} & set(entry.shaped_by(ASKING))}
        assert watched.read == declared, f"{entry.name} reads {sorted(watched.read - declared)}"
    assert not sandbox.table("notification_candidates").is_empty()


# ── the consequences that users rely on ─────────────────────────────────────────────────────────────────────────────


def test_a_changed_naming_weight_leaves_ranking_and_lifecycle_fresh(tmp_path: Path) -> None:
    found = changed(tmp_path, params=with_value("naming", "coverage_weight", 0.9))
    assert {"journey_names", "user_journeys", "closed_days"} <= found
    assert found.isdisjoint(
        {"journey_clusters", "journey_features", "ranked_journeys", "stage_evidence", "stage_labels"}
    )


def test_a_retrained_embedding_model_at_the_same_place_is_another_version(tmp_path: Path) -> None:
    found = changed(tmp_path, embedder=Retrained())
    assert {"keyword_embeddings", "keyword_days", "journey_clusters", "user_journeys"} <= found
    assert found.isdisjoint({"keyword_table", "keyword_commonness"})


def with_sql(name: str, sql: str, home: Path) -> SqlModel:
    model = build_deployment(load_settings(home=home, embedder="hashing"), progress=lambda *_: None).sql_models[name]
    changed_sql = model.sql + sql
    return dataclasses.replace(model, sql=changed_sql, fingerprint=f"{hash(changed_sql):x}"[:8])


def test_changed_sql_is_another_version_of_its_stage_and_of_all_that_read_it(tmp_path: Path) -> None:
    labels = with_sql("stage_labels", " where true", tmp_path)
    assert changed(tmp_path, stage_labels=labels) >= {"stage_labels", "user_journeys", "closed_days"}
    pins = with_sql("stg_pins", " where true", tmp_path)
    assert changed(tmp_path, stg_pins=pins) >= {"int_keyword_events", "keyword_table", "journey_clusters"}


def test_a_training_seed_makes_nothing_stale(tmp_path: Path) -> None:
    for group in ("ranking", "lifecycle"):
        assert not changed(tmp_path, params=with_value(group, "training_seed", 1))


def test_quality_bounds_leave_the_days_closed(tmp_path: Path) -> None:
    assert changed(tmp_path, params=with_value("quality", "max_psi", 50.0)) == {"quality_metrics"}


def release(live_from: date) -> NamerRelease:
    weights = "{}"
    return NamerRelease(
        f"{live_from}-x",
        live_from,
        {"live_from": str(live_from), "features": [], "revision": NamingParams().revision},
        weights,
    )


def test_a_release_is_a_version_from_its_first_day_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming_files, "model_card", lambda _: "card")
    pipeline = pipeline_with(tmp_path)
    before = pipeline.versions()
    naming_files.save(release(DAYS[1]), tmp_path / "models" / "naming")
    after = pipeline.versions()
    for name in ("journey_names", "user_journeys", "closed_days"):
        assert after.of(name, DAYS[0]) == before.of(name, DAYS[0])
        assert after.of(name, DAYS[1]) == after.of(name) != before.of(name, DAYS[1])
        assert after.periods(name) == [(date.min, before.of(name)), (DAYS[1], after.of(name))]
    assert after.of("ranked_journeys") == before.of("ranked_journeys")


# ── the fingerprint ─────────────────────────────────────────────────────────────────────────────────────────────────


def made(**ingredients: Any) -> str:
    return Versions(
        {"up": Ingredients({"a": 1}), "it": Ingredients({}, upstream=["up"])}
        | {name: Ingredients(**values) for name, values in ingredients.items()}
    ).of("it")


@pytest.mark.parametrize(
    "change",
    [
        {"it": {"parameters": {"b": 1}, "upstream": ["up"]}},
        {"it": {"parameters": {}, "sql": "x", "upstream": ["up"]}},
        {"it": {"parameters": {}, "weights": [(date.min, "w")], "upstream": ["up"]}},
        {"it": {"parameters": {}, "upstream": []}},
        {"up": {"parameters": {"a": 2}}},
    ],
)
def test_each_ingredient_is_part_of_the_version(change: dict[str, dict[str, object]]) -> None:
    assert made(**change) != made()
    assert made() == made()
