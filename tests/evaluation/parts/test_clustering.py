"""The evaluation of clusters: methods do not see the truth, the bound is a bound, and figures are correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from journeys_assets.domain.clustering import calibration, kernels
from journeys_assets.domain.clustering.clusters import packed_clusters
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS, KEYWORD_EMBEDDINGS
from journeys_assets.evaluation.baselines import clustering_rules
from journeys_assets.evaluation.data import corpora, pseudo_users
from journeys_assets.evaluation.data.left_out import Fold
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import PseudoUser
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import (
    areas,
    calibrated,
    clustering,
    left_out_corpora,
    left_out_tables,
    partitions,
    written,
)
from journeys_assets.evaluation.parts.left_out_corpora import LeftOut
from journeys_assets.evaluation.report.section import Section
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.themes import THEMES

PARAMS = ClusteringParams()
START = datetime(2026, 1, 1)
DAY = date(2026, 1, 31)
STRAY = "login"
WRITTEN = {f"{written.PREFIX}{name}" for name in ("English", "German", "Japanese", "German and English")}
TOPICS = ("wedding", "kitchen", "guitar", "garden", "running", "pottery")


def vectors_of(n: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, 6))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def user_of(n: int, truth: list[int]) -> PseudoUser:
    return PseudoUser([f"k{i:03d}" for i in range(n)], np.array(truth, dtype=np.int64))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(0, 10_000), st.integers(1, 6))
def test_the_bound_is_the_best_of_all_cuts(n: int, seed: int, n_labels: int) -> None:
    x = vectors_of(n, seed)
    user = user_of(n, np.random.default_rng(seed).integers(0, n_labels, size=n).tolist())
    got = bcubed_f1(user.truth, clustering_rules.best_cut(PARAMS)(user, x))
    distances = kernels.smoothed_distances(kernels.gram(x), PARAMS.smoothing_neighbours, PARAMS.smoothing_floor)
    every = [np.arange(n)]
    if n > 1:
        tree = linkage(distances[np.triu_indices(n, 1)].astype(np.float64), "average")
        every += [fcluster(tree, height, "distance") for height in tree[:, 2]]
    assert got == pytest.approx(max(bcubed_f1(user.truth, labels) for labels in every))


def test_a_session_ends_with_a_pause() -> None:
    minutes = [0, 200, 29, 59, 90]  # pauses after 0: 29, 30, 31, 110
    times = np.array([START + timedelta(minutes=m) for m in minutes], dtype="datetime64[us]")
    user = replace(user_of(5, [0] * 5), first_engaged_at=times)
    assert clustering_rules.time_out(30.0)(user, vectors_of(5, 0)).tolist() == [0, 2, 0, 0, 1]
    with pytest.raises(ValueError, match="times"):
        clustering_rules.time_out()(user_of(5, [0] * 5), vectors_of(5, 0))


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_every_rule_labels_every_keyword(n: int) -> None:
    words = [f"{TOPICS[i % 6]} idea {i}" for i in range(n)]
    user = PseudoUser(sorted(words), np.arange(n))
    for rule in (
        clustering_rules.tfidf_average(words),
        *(rule.at(rule.cuts[len(rule.cuts) // 2]) for rule in clustering_rules.single_rules(PARAMS)),
        clustering_rules.hdbscan(),
        clustering_rules.best_cut(PARAMS),
    ):
        labels = rule(user, vectors_of(n, 1))
        assert labels.shape == (n,)
        assert labels.dtype == np.int64


def phrases(n_labels: int = 6, n_each: int = 14) -> pl.DataFrame:
    """Labelled phrases that share their topic's word, so that even hashed letters separate topics."""
    rows = [
        (name, f"{TOPICS[i % 6]} {i // 6} {verb} {detail}", f"{TOPICS[i % 6]} {i // 6}", f"domain {i % 3}")
        for name, verb in (("clinc150", "find"), ("wands", "buy"))
        for i in range(n_labels)
        for detail in [f"{a} {b}" for a in ("red", "blue", "big", "old") for b in ("one", "two", "six", "ten")][:n_each]
    ]
    rows += [("clinc150_oos", f"{a}{b} {b}{a}", "oos", "oos") for a in "abcdefgh" for b in "qrstuvwxyz"]
    return pl.DataFrame(rows, schema=["set", "text", "label", "domain"], orient="row")


def test_pooled_users_have_the_requested_shape() -> None:
    labelled = pseudo_users.distinct_phrases(phrases(n_labels=12))
    pool = pseudo_users.pools(labelled, "clinc150")
    strays = [k for own in pseudo_users.pools(labelled, "clinc150_oos").values() for k in own]
    users = pseudo_users.pooled_users(
        pool, n_users=30, seed=4, journeys=(2, 5), keywords=(3, 8), strays=strays, stray_share=0.5
    )
    label_of = {keyword: label for label, own in pool.items() for keyword in own}
    for user in users:
        assert user.keywords == sorted(set(user.keywords))
        kept = [k for k, stray in zip(user.keywords, user.is_stray, strict=True) if not stray]
        assert {k for k in user.keywords if k not in kept} <= set(strays)
        assert user.is_stray.sum() == round(0.5 * len(kept))
        groups: dict[int, set[str]] = {}
        for keyword, journey in zip(user.keywords, user.truth.tolist(), strict=True):
            groups.setdefault(journey, set()).add(keyword)
        named = [{label_of[k] for k in group} for group in groups.values() if group <= set(kept)]
        assert 2 <= len(named) <= 5
        assert all(len(labels) == 1 for labels in named)
        assert len({next(iter(labels)) for labels in named}) == len(named)
        assert all(3 <= len(group) <= 8 for group in groups.values() if group <= set(kept))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Twelve users with two themes and one stray keyword each, and an older inference; one of them is a bot."""
    embedder = make_embedder("hashing", tmp_path_factory.mktemp("models"))
    topics = {t: [f"{t} {d}" for d in ("ideas", "shop", "near me", "diy", "on a budget")] for t in TOPICS}
    clusters, truth = [], []
    for number in range(12):
        own: dict[str, str | None] = {
            k: THEMES[i % 6].name for i in (number, number + 1) for k in topics[TOPICS[i % 6]]
        }
        own[STRAY] = None
        for place, (keyword, theme) in enumerate(own.items()):
            at = START + timedelta(minutes=5 * place if number % 2 else 60 * place)
            truth.append((f"u{number:02d}", keyword, theme, at))
        for day, keywords in ((DAY - timedelta(days=1), ["of an older inference"]), (DAY, [*own])):
            clusters.append({"partition_date": day, "user_id": f"u{number:02d}", "keywords": keywords})
    words = sorted({k for _, k, _, _ in truth})
    warehouse = Warehouse(tmp_path_factory.mktemp("world") / "warehouse.duckdb")
    stamps = {"algorithm_version": "a", "partition_date": DAY}
    found = pl.concat([JOURNEY_CLUSTERS.empty(), pl.DataFrame(clusters)], how="diagonal")
    ledger = pl.concat([INFERENCE_LEDGER.empty(), found.select("partition_date", "user_id")], how="diagonal")
    embeddings = pl.DataFrame(
        {"keyword": words, "embedding": pack(embedder.embed(words)), "embedding_model": "m", **stamps}
    )
    with warehouse.writing() as con:
        for table, frame in (
            (JOURNEY_CLUSTERS, found),
            (INFERENCE_LEDGER, ledger),
            (KEYWORD_EMBEDDINGS, embeddings),
        ):
            con.register("frame", frame.to_arrow())
            con.execute(f"CREATE TABLE main.{table.name} AS SELECT * FROM frame")
    schema = ["user_id", "normalised_keyword", "theme", "first_engaged_at"]
    people = pl.DataFrame({"user_id": [f"u{n:02d}" for n in range(12)], "user_class": ["bot"] + ["normal"] * 11})
    tables = {"truth_keywords": pl.DataFrame(truth, schema=schema, orient="row"), "truth_users": people}
    return Study("synthetic", warehouse, [DAY], DAY, AlgorithmParams(), tables)


def test_world_users_have_their_last_clustered_keywords(world: Study) -> None:
    users = pseudo_users.world_users(world, 100)
    assert len(users) == 11
    assert len(pseudo_users.world_users(world, 3)) == 3
    for user in users:
        assert "of an older inference" not in user.keywords
        assert user.is_stray.sum() == 1
        assert np.array(user.keywords)[user.is_stray].tolist() == [STRAY]
        assert len(set(user.truth[~user.is_stray].tolist())) == 2
        topic = [k.split()[0] for k in user.keywords]
        assert bcubed_f1(topic, user.truth) == 1.0


def test_the_truth_of_another_world_is_refused(world: Study) -> None:
    other = {**world.truth, "truth_keywords": world.truth["truth_keywords"].filter(pl.col("theme").is_not_null())}
    with pytest.raises(ValueError, match="another world"):
        pseudo_users.world_users(replace(world, truth=other), 100)
    with pytest.raises(ValueError, match="not a synthetic world"):
        pseudo_users.world_users(replace(world, truth={}), 100)


FEW_SIZES = (((3, 12), 6), ((2, 25), 6))
"""Users to fit on; the real number would take a minute."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where vectors and fits are kept, which are the same for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def left_out(cache: Path) -> LeftOut:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "SIZES", FEW_SIZES)
        return left_out_corpora.leave_out(
            phrases(24), None, make_embedder("hashing", cache), cache, PARAMS, n_users=10, seed=1
        )


@pytest.fixture(scope="module")
def section(world: Study, cache: Path) -> Section:
    embedder = make_embedder("hashing", cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "SIZES", FEW_SIZES)
        return clustering.evaluate_clustering(
            world, phrases(24), None, embedder, cache, PARAMS, n_users=10, n_resamples=20
        )


@pytest.mark.slow
def test_the_section_has_every_corpus_metric_regime_and_method(section: Section) -> None:
    results = section.results
    assert set(results["metric"]) == {
        *partitions.METRICS,
        "cluster count",
        *left_out_corpora.METRICS,
        *areas.METRICS,
    }
    is_written = pl.col("dataset").str.starts_with(written.PREFIX)
    of_corpora = results.filter(metric=partitions.F1).filter(pl.col("dataset") != clustering.WORLD, ~is_written)
    assert set(of_corpora["dataset"]) == {"clinc150", "wands", "themes"}
    assert set(of_corpora["regime"]) == {"light", "heavy", "strays left out"}
    single = {rule.name for rule in clustering_rules.single_rules(PARAMS)}
    methods = {left_out_corpora.OURS, left_out_corpora.BOUND, "TF-IDF, average", "HDBSCAN", *single}
    assert set(of_corpora["method"]) == methods
    assert set(results.filter(dataset=clustering.WORLD, metric=partitions.F1)["method"]) == methods | {"time-out"}
    of_written = results.filter(is_written, metric=partitions.F1)
    assert set(of_written["dataset"]) == WRITTEN
    assert set(of_written["regime"]) == {"light", "heavy"}
    assert written.ONE_FOR_ALL in set(of_written["method"])
    against_domains = pl.col("metric").is_in(list(areas.METRICS))
    for of_areas, ours in ((False, left_out_corpora.OURS), (True, areas.OURS)):
        own = results.filter(against_domains == of_areas, role="ours")
        assert set(own["method"]) == {ours}
    assert set(results.filter(role="bound")["method"]) == {left_out_corpora.BOUND}
    assert results.filter(pl.col("low") > pl.col("value") + 1e-9).is_empty()
    assert len(section.plots) == 4
    assert all(plot.svg.lstrip().startswith("<?xml") for plot in section.plots)


def test_calibrated_figures_are_compared_with_the_default_and_the_best_single_rule(section: Section) -> None:
    compared = section.comparisons.filter(pl.col("metric").is_in(left_out_corpora.METRICS))
    assert set(compared["baseline"]) == {left_out_corpora.DEFAULT, left_out_corpora.BEST_RULE}
    assert compared.height == 3 * 3 * 2 * 2  # corpora, metrics, kinds of user, baselines
    f1 = section.results.filter(metric=partitions.F1, method=left_out_corpora.OURS, regime="light", dataset="wands")
    default = section.results.filter(
        metric=left_out_corpora.FROM_20, method=left_out_corpora.DEFAULT, regime="light", dataset="wands"
    )
    assert default["value"][0] == pytest.approx(f1["value"][0]), "the default threshold is that of the main figure"


def test_the_tables_follow_from_the_figures(section: Section) -> None:
    f1 = section.results.filter(metric=left_out_corpora.FROM_20, regime="heavy")
    value = {(dataset, method): v for dataset, method, v in f1.select("dataset", "method", "value").iter_rows()}
    ours = {name: value[name, left_out_corpora.OURS] for name in ("clinc150", "wands", "themes")}
    best = {name: value[name, left_out_corpora.BEST_RULE] for name in ours}
    table = section.tables[left_out_tables.MEAN_AND_WORST].filter(corpora="all corpora", users="heavy")
    assert table["n"].unique().to_list() == [3]
    got = dict(table.select("statistic", "20 pairs").iter_rows())
    assert got["mean"] == pytest.approx(np.mean(list(ours.values())))
    assert got["worst"] == pytest.approx(min(ours.values()))
    assert got["worst margin"] == pytest.approx(min(ours[name] - best[name] for name in ours))
    shares = section.tables[left_out_tables.SHARES]
    row = shares.row(by_predicate=(pl.col("corpus") == "wands") & (pl.col("users") == "heavy"), named=True)
    left = value["wands", left_out_corpora.BOUND] - best["wands"]
    assert row["share, 20 pairs"] * left == pytest.approx(ours["wands"] - best["wands"], nan_ok=left == 0)
    curve = section.tables[left_out_tables.LEARNING]
    assert curve.select("answers", "pairs").rows() == [
        (answers, n) for answers in ("all right", "10% wrong") for n in (0, *calibrated.N_PAIRS)
    ]
    at = curve.row(by_predicate=(pl.col("answers") == "all right") & (pl.col("pairs") == 20), named=True)
    assert at["heavy"] == pytest.approx(got["mean"])
    assert at["worst"] <= at["mean"] == pytest.approx((at["light"] + at["heavy"]) / 2)


@pytest.fixture(scope="module")
def alone(world: Study, cache: Path) -> Section:
    """The section without any labelled corpus: the packaged cut, at a threshold that suits hashed letters."""
    embedder = make_embedder("hashing", cache)
    params = replace(PARAMS, least_log_odds=1.0)
    return clustering.evaluate_clustering(world, None, None, embedder, cache, params, n_resamples=50)


def test_without_labelled_sets_the_protocol_says_so(alone: Section) -> None:
    assert set(alone.results["dataset"]) == {clustering.WORLD, *WRITTEN}
    assert "do not exist" in alone.protocol
    assert alone.headline == (partitions.F1, areas.F1)


def test_easy_users_are_clustered_well_but_not_by_the_time_out(alone: Section) -> None:
    f1 = alone.results.filter(metric="B-cubed F1", regime="strays left out", dataset=clustering.WORLD)
    values = dict(f1.select("method", "value").iter_rows())
    assert values[left_out_corpora.OURS] > 0.95
    assert values["time-out"] < 0.85
    verdicts = alone.comparisons.filter(
        metric="B-cubed F1", regime="strays left out", dataset=clustering.WORLD, baseline="time-out"
    )
    assert verdicts["verdict"].to_list() == ["better"]


def test_neither_the_pipeline_nor_a_baseline_sees_the_truth(world: Study, left_out: LeftOut) -> None:
    """Methods that use the truth would give other clusters with another truth, as the bound does."""
    data = clustering.world_dataset(world, PARAMS, 100, left_out)
    assert len(data.rules) == 8
    wrong = [replace(user, truth=np.arange(len(user.truth)) % 2) for user in data.users]
    right = partitions.partitions_of(data)
    other = partitions.partitions_of(replace(data, users=wrong))
    for method in right:
        same = all(np.array_equal(a, b) for a, b in zip(right[method], other[method], strict=True))
        assert same == (method != left_out_corpora.BOUND), method


def test_the_world_is_scored_by_what_was_fitted_and_chosen_without_its_themes(world: Study, left_out: LeftOut) -> None:
    data = clustering.world_dataset(world, PARAMS, 100, left_out)
    themes = next(fold for fold in left_out.folds if fold.corpus.name == "themes")
    assert data.cut is themes.cut
    assert data.params.least_log_odds == left_out.candidates.chosen_without("themes").least_log_odds
    with pytest.raises(ValueError, match="no corpus 'news'"):
        left_out.cut_of("news")


# ── judged pairs ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_judge_says_what_the_labels_say() -> None:
    users = [user_of(3, [0, 0, 1]), user_of(2, [1_000, 1_001])]
    asked = [("000000", "k000", "k001"), ("000000", "k001", "k002"), ("000001", "k000", "k001")]
    pairs = pl.DataFrame(asked, schema=["user_id", "keyword_a", "keyword_b"], orient="row")
    assert calibrated.answers(pairs, users).tolist() == [True, False, False]


def test_only_the_answers_use_the_truth(left_out: LeftOut) -> None:
    fold = left_out.folds[0]
    users = [user for own in fold.users.values() for user in own]
    right = calibrated.thresholds_of(users, left_out.vectors, PARAMS, fold.cut, -1.0)
    one = [replace(user, truth=np.zeros_like(user.truth)) for user in users]
    none = [replace(user, truth=np.arange(len(user.truth))) for user in users]
    coarse, fine = (calibrated.thresholds_of(own, left_out.vectors, PARAMS, fold.cut, -1.0) for own in (one, none))
    assert right.default == coarse.default == fine.default == -1.0
    assert right.from_log == coarse.from_log == fine.from_log
    assert set(right.from_pairs) == {(n, share) for n in calibrated.N_PAIRS for share in calibrated.WRONG_SHARES}
    for key in right.from_pairs:
        assert len(right.from_pairs[key]) == calibrated.N_DRAWS
        assert max(coarse.from_pairs[key]) < min(fine.from_pairs[key])
    at_once = zip(right.from_pairs[100, 0.0], right.from_pairs[100, 0.1], strict=True)
    assert any(clean != noisy for clean, noisy in at_once), "wrong answers change something"


# ── areas ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_users_of_few_domains_have_several_intents_of_few_domains() -> None:
    every = corpora.corpora_of(phrases(n_labels=24))
    (corpus,) = [own for own in every.every if own.name == "clinc150"]
    domain_of = {keyword: corpus.domains[label] for label, own in corpus.pool.items() for keyword in own}
    kinds = corpora.domain_users(corpus, every.scored_strays, n_users=20, seed=1)
    assert len(kinds) == 8
    for name, users in kinds.items():
        n_domains = []
        for user in users:
            kept = [i for i, stray in enumerate(user.is_stray) if not stray]
            assert user.coarse is not None
            assert bcubed_f1(user.coarse[kept], [domain_of[user.keywords[i]] for i in kept]) == 1.0
            assert len(np.unique(user.coarse)) == len(np.unique(user.coarse[kept])) + user.is_stray.sum()
            n_domains.append(len(np.unique(user.coarse[kept])))
        assert user.is_stray.any() == ("strays" in name)
        if "few" in name:
            assert set(n_domains) == {1, 2, 3}
            assert all(len(np.unique(user.truth[~user.is_stray])) >= 3 for user in users)
    (themes,) = [own for own in every.every if own.name == "themes"]
    with pytest.raises(ValueError, match="have no domains"):
        corpora.domain_users(themes, every.scored_strays, n_users=1, seed=1)


def test_the_domains_of_a_corpus_choose_for_the_other_one_only(
    left_out: LeftOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What CLINC150 is cut with is the same with any domains of its own."""

    def chosen(folds: Sequence[Fold]) -> dict[str, tuple[float, ...]]:
        asked: dict[str, tuple[float, ...]] = {}

        def spy(own: areas.Scored, users: list[PseudoUser], left: object, excess: float, cuts: dict[str, float]) -> Any:
            asked[own.name] = (excess, *cuts.values())
            return found(own, users, left, excess, cuts)

        found = areas.partitions
        with monkeypatch.context() as patch:
            patch.setattr(areas, "partitions", spy)
            areas.evaluate_areas(replace(left_out, folds=folds), n_users=6, seed=1, n_resamples=5)
        return asked

    def with_one_domain(fold: Fold) -> Fold:
        domains = dict.fromkeys(fold.corpus.domains, "all")
        return replace(fold, corpus=replace(fold.corpus, domains=domains)) if fold.corpus.name == "clinc150" else fold

    before, after = chosen(left_out.folds), chosen([with_one_domain(fold) for fold in left_out.folds])
    assert before["clinc150"] == after["clinc150"]
    assert before["wands"] != after["wands"], "one domain for all labels asks for broad areas"


def test_only_the_bound_uses_the_domains(left_out: LeftOut) -> None:
    (fold,) = [fold for fold in left_out.folds if fold.corpus.name == "clinc150"]
    kinds = corpora.domain_users(fold.corpus, left_out.strays, n_users=5, seed=1)
    users = [areas.of_domains(user) for user in kinds["few domains, 3-12"]]
    wrong = [replace(user, truth=np.arange(len(user.truth))) for user in users]
    scored = areas.Scored("clinc150", {"few": users}, PARAMS, fold.cut, 0.1)
    cuts = {rule.name: rule.cuts[-3] for rule in left_out.candidates.rules}
    right, other = (areas.partitions(scored, some, left_out, 0.06, cuts) for some in (users, wrong))
    for method in right:
        same = all(np.array_equal(a, b) for a, b in zip(right[method], other[method], strict=True))
        assert same == (method != areas.BOUND), method
    with pytest.raises(ValueError, match="broader themes of this user's keywords are unknown"):
        areas.of_domains(replace(users[0], coarse=None))


def test_areas_are_those_of_the_pipeline(left_out: LeftOut) -> None:
    (fold,) = [fold for fold in left_out.folds if fold.corpus.name == "clinc150"]
    users = [areas.of_domains(u) for u in corpora.domain_users(fold.corpus, (), n_users=8, seed=3)["few domains, 3-12"]]
    scored = areas.Scored("clinc150", {"few": users}, PARAMS, fold.cut, 0.1)
    params = replace(PARAMS, area_distance=calibration.area_distance(0.1, 0.05))
    expected = found_by_pipeline(users, left_out.vectors, params, fold.cut)
    for user, journeys, above in zip(users, *expected, strict=True):
        assert bcubed_f1(journeys, scored.journeys(user, left_out.vectors)) == 1.0
        assert bcubed_f1(above, scored.areas(user, left_out.vectors, [0.05])[0]) == 1.0


def test_figures_of_areas_compare_areas_with_domains(section: Section) -> None:
    f1 = section.results.filter(metric=areas.F1, dataset="clinc150, few domains, 3-12")
    roles = dict(f1.select("method", "role").iter_rows())
    assert {method for method, role in roles.items() if role == "baseline"} == {
        areas.JOURNEYS,
        *(rule.name for rule in clustering_rules.single_rules(PARAMS)),
    }
    value = dict(f1.select("method", "value").iter_rows())
    assert value[areas.BOUND] >= max(value.values()) - 1e-9
    counts = section.tables["Number of areas, mean over users"]
    assert (counts[areas.OURS] <= counts[areas.JOURNEYS]).all(), "areas are made of journeys"


def test_akin_pairs_share_a_theme_or_an_interest(world: Study) -> None:
    """The first two journeys share a theme, the third shares an interest with them, the fourth shares nothing."""
    interests = {theme.name: set(theme.interests) for theme in THEMES}
    first, second = next((a, b) for a in interests for b in interests if a != b and interests[a] & interests[b])
    alien = next(name for name in interests if not interests[name] & (interests[first] | interests[second]))
    said = {"a": [first, first, alien], "b": [first], "c": [second], "d": [alien], "stray": [first], "none": [None]}
    truth = [(j, theme, f"{j} {i}") for j, themes in said.items() for i, theme in enumerate(themes)]
    in_area = {"a": "a", "b": "b", "c": "a", "d": "a", "stray": "a", "none": "none"}
    clusters = pl.DataFrame(
        [
            {
                "partition_date": day,
                "user_id": "ann",
                "journey_id": j,
                "area_id": area if day == DAY else "one",
                "keywords": [k for of, _, k in truth if of == j],
                "is_journey": j != "stray",
            }
            for day in (DAY - timedelta(days=1), DAY)
            for j, area in in_area.items()
        ]
    )
    bob = clusters.filter(pl.col("journey_id").is_in(["b"])).with_columns(user_id=pl.lit("bob"))
    warehouse = Warehouse(world.warehouse.path.parent / "akin.duckdb")
    with warehouse.writing() as con:
        for table, frame in (
            (JOURNEY_CLUSTERS, pl.concat([clusters, bob])),
            (INFERENCE_LEDGER, clusters.select("partition_date", "user_id").unique()),
        ):
            con.register("frame", pl.concat([table.empty(), frame], how="diagonal").to_arrow())
            con.execute(f"CREATE TABLE main.{table.name} AS SELECT * FROM frame")
    meant = pl.DataFrame(
        [("ann", theme, keyword) for _, theme, keyword in truth],
        schema={"user_id": pl.String, "theme": pl.String, "normalised_keyword": pl.String},
        orient="row",
    )
    study = replace(world, warehouse=warehouse, truth={"truth_keywords": meant})
    pairs = areas.pairs_of_journeys(study)
    assert pairs.select("is_one_area", "is_akin").rows() == [
        (False, True),  # a, b
        (True, True),  # a, c
        (True, False),  # a, d
        (False, True),  # b, c
        (False, False),  # b, d
        (True, False),  # c, d
    ]
    ((results, _),) = areas.akin_pairs(study, seed=1, n_resamples=20)
    assert dict(results.select("method", "value").iter_rows()) == {
        areas.OURS: pytest.approx(1 / 3),
        areas.ANY_TWO: pytest.approx(1 / 2),
    }


def test_pipeline_clusters_are_in_the_order_of_the_keywords(world: Study) -> None:
    data = clustering.world_dataset(world, PARAMS, 100)
    found, above = found_by_pipeline(data.users, data.vectors, PARAMS, released(PARAMS.learned_cut))
    for user, labels, area in zip(data.users, found, above, strict=True):
        x = data.vectors.rows_for(user.keywords)
        alone, _, of_cluster, _ = packed_clusters(
            x, pl.Series(user.keywords), np.array([0, len(x)]), PARAMS, released(PARAMS.learned_cut)
        )
        assert bcubed_f1(alone, labels) == 1.0
        assert bcubed_f1(of_cluster[alone], area) == 1.0


def test_vectors_of_phrases_are_cached_until_the_phrases_change(tmp_path: Path) -> None:
    embedder = make_embedder("hashing", tmp_path)
    first = pseudo_users.embedded(["oak desk", "elm"], embedder, tmp_path)
    kept = (tmp_path / "labelled_phrases.parquet").stat().st_mtime_ns
    assert np.array_equal(pseudo_users.embedded(["elm", "oak desk"], embedder, tmp_path).matrix, first.matrix)
    assert (tmp_path / "labelled_phrases.parquet").stat().st_mtime_ns == kept
    assert pseudo_users.embedded(["elm", "fir"], embedder, tmp_path).keywords == ["elm", "fir"]
    assert isinstance(first, KeywordVectors)
