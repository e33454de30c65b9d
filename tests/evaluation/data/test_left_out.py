"""Whole corpora are left out: a cut and the choices for a corpus depend on nothing of that corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines.clustering_rules import single_rules
from journeys_assets.evaluation.data import left_out
from journeys_assets.evaluation.data.corpora import CATEGORIES, Corpora, corpora_of, fitting_users, scored_users
from journeys_assets.evaluation.data.left_out import candidates_of, chosen_by_others, cut_without, examples_by_corpus
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.study import CORPORA, LABELLED, labelled_corpora, labelled_phrases
from tests.support.clustering import log_of

PARAMS = ClusteringParams()
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def labelled() -> pl.DataFrame:
    """Three small corpora with one phrase in common, and strays."""
    rows = [
        (name, f"{name} {label} {i}", f"{label}", "d")
        for name in ("birds", "biomedical", "trees")
        for label in ("ash", "oak", "elm", "yew")
        for i in range(25)
    ]
    rows += [(name, "In Both", "ash", "d") for name in ("birds", "trees")]
    rows += [("clinc150_oos", f"stray {i}", "oos", "oos") for i in range(60)]
    return pl.DataFrame(rows, schema=["set", "text", "label", "domain"], orient="row")


def hashed_vectors(keywords: list[str], seed: int = 0) -> KeywordVectors:
    """A unit vector of each keyword that depends on the keyword only."""
    ordered = sorted(set(keywords))
    rows = []
    for keyword in ordered:
        rng = np.random.default_rng([seed, *keyword.encode()])
        label = np.random.default_rng([seed, 7, *keyword.split(" ")[-2:][0].encode()]).normal(size=12)
        rows.append(label + 0.6 * rng.normal(size=12))
    x = np.array(rows)
    return KeywordVectors(ordered, (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))


@pytest.fixture(scope="module")
def corpora() -> Corpora:
    """Without the synthetic themes, which would take most of the time."""
    return corpora_of(labelled()).without("themes")


@pytest.fixture(scope="module")
def vectors(corpora: Corpora) -> KeywordVectors:
    return hashed_vectors(corpora.keywords)


def test_corpora_share_no_keyword_and_strays_are_of_one_side(corpora: Corpora) -> None:
    every = [set(corpus.keywords) for corpus in corpora.every]
    assert [corpus.name for corpus in corpora.every] == ["biomedical", "birds", "trees"]
    assert len(set().union(*every)) == sum(map(len, every)) == 300
    assert "in both" not in set().union(*every)
    fitting, scored = set(corpora.fitting_strays), set(corpora.scored_strays)
    assert len(fitting) + len(scored) == 60
    assert not fitting & scored
    assert min(len(fitting), len(scored)) > 15
    assert [corpus.name for corpus in corpora.every if corpus.is_of_categories] == ["biomedical"]


def test_long_labels_are_limited_by_a_hash_and_not_by_their_order() -> None:
    rows = [("many", f"phrase {i} of {label}", f"{label}", "d") for label in range(22) for i in range(120)]
    rows += [("few", f"word {i} of {label}", f"{label}", "d") for label in range(3) for i in range(320)]
    frame = pl.DataFrame(rows, schema=["set", "text", "label", "domain"], orient="row")
    many, few = (
        {corpus.name: corpus for corpus in corpora_of(own).every} for own in (frame, frame.sample(fraction=1.0, seed=1))
    )
    assert many == few
    assert {len(own) for own in many["many"].pool.values()} == {100}
    assert {len(own) for own in many["few"].pool.values()} == {300}
    kept = many["few"].pool["0"]
    assert kept != sorted(f"word {i} of 0" for i in range(320))[:300], "not the first ones in text order"


def test_no_scored_corpus_is_in_its_own_fit(corpora: Corpora) -> None:
    for corpus in corpora.every:
        others = corpora.without(corpus.name)
        fitted = {k for own in others.every for u in fitting_users(own, others.fitting_strays) for k in u.keywords}
        scored = scored_users(corpus, corpora.scored_strays, n_users=9)
        assert {kind: len(users) for kind, users in scored.items()} == {"light": 9, "heavy": 9}
        for users in scored.values():
            assert sum(user.is_stray.any() for user in users) == 3
            assert not fitted & {keyword for user in users for keyword in user.keywords}


def test_what_a_left_out_corpus_is_like_changes_nothing_of_its_cut_and_choices(
    corpora: Corpora, vectors: KeywordVectors
) -> None:
    """A leak would show: the corpus that is left out gets other vectors and other labels."""
    name = "birds"
    own = next(corpus for corpus in corpora.every if corpus.name == name)
    shuffled = np.random.default_rng(1).permutation(own.keywords).tolist()
    pool = {label: sorted(shuffled[25 * i : 25 * (i + 1)]) for i, label in enumerate(own.pool)}
    changed = replace(corpora, every=[replace(c, pool=pool) if c.name == name else c for c in corpora.every])
    other = hashed_vectors(corpora.keywords, seed=5)
    of_own = set(own.keywords)
    mixed = KeywordVectors(
        list(vectors.keywords),
        np.stack([(other if k in of_own else vectors).rows_for([k])[0] for k in vectors.keywords]),
    )
    before, after = (examples_by_corpus(every, x, PARAMS) for every, x in ((corpora, vectors), (changed, mixed)))
    assert cut_without(name, before).to_json() == cut_without(name, after).to_json()
    assert cut_without("trees", before).to_json() != cut_without("trees", after).to_json(), "it matters to the others"


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 1_000))
def test_a_choice_does_not_depend_on_the_scores_of_what_is_left_out(n: int, candidates: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = {f"c{i}": rng.random(candidates) for i in range(n)}
    changed = scores | {"c0": rng.random(candidates)}
    assert chosen_by_others(scores, "c0") == chosen_by_others(changed, "c0")
    best = sorted(int(own.argmax()) for own in scores.values())
    chosen = chosen_by_others(scores, None)
    assert sum(own <= chosen for own in best) >= n / 2
    assert sum(own >= chosen for own in best) >= n / 2


def test_fits_are_kept_by_what_they_were_fitted_on(corpora: Corpora, vectors: KeywordVectors, tmp_path: Path) -> None:
    examples = examples_by_corpus(corpora, vectors, PARAMS)
    first = cut_without("birds", examples, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1
    other = released(PARAMS.learned_cut)
    files[0].write_text(other.to_json())
    assert cut_without("birds", examples, tmp_path).to_json() == other.to_json(), "read, not fitted"
    assert cut_without("trees", examples, tmp_path).to_json() != other.to_json()
    examples["birds"] = replace(examples["birds"], gains=-examples["birds"].gains)
    assert cut_without("birds", examples, tmp_path).to_json() == other.to_json(), "what is left out does not matter"
    files[0].unlink()
    assert cut_without("birds", examples, tmp_path).to_json() == first.to_json()


def test_folds_are_scored_and_progress_is_shown(corpora: Corpora, vectors: KeywordVectors, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    folds = left_out.folds_of(corpora, vectors, PARAMS, tmp_path, n_users=3, progress=lambda *state: seen.append(state))
    assert seen == [(left_out.STEP, done, 3) for done in range(4)]
    fold = folds[0]
    place = int(np.flatnonzero(left_out.THRESHOLDS == -1.0)[0])
    user, tree = fold.users["heavy"][1], fold.dendrograms["heavy"][1]
    assert fold.curve("heavy")[1, place] == bcubed_f1(user.truth, tree.labels(fold.cut, -1.0))
    rules = single_rules(PARAMS)
    candidates = candidates_of(folds, vectors, rules)
    choice = candidates.chosen_without("birds")
    assert choice.best_rule in {rule.name for rule in rules}
    assert all(choice.cuts[rule.name] in rule.cuts for rule in rules)
    assert choice.least_log_odds in left_out.THRESHOLDS
    with pytest.raises(ValueError, match="two corpora or more"):
        left_out.folds_of(corpora.without("birds").without("trees"), vectors, PARAMS, None, n_users=3)


def test_the_dendrogram_and_the_packed_kernel_cut_as_the_pipeline_does(
    corpora: Corpora, vectors: KeywordVectors
) -> None:
    users = scored_users(corpora.every[0], corpora.scored_strays, n_users=6)["heavy"]
    cut = released(PARAMS.learned_cut)
    rows = pl.concat([log_of(f"u{i}", user.keywords) for i, user in enumerate(users)])
    clusters = cluster_users(rows, rows.select("user_id", "keyword", "first_engaged_at"), vectors, PARAMS)
    journeys, areas = found_by_pipeline(users, vectors, PARAMS, cut)
    for i, user in enumerate(users):
        own = clusters.filter(user_id=f"u{i}").explode("keywords").sort("keywords")
        tree = dendrogram_of(user.keywords, vectors.rows_for(user.keywords), PARAMS)
        assert bcubed_f1(own["journey_id"], tree.labels(cut, PARAMS.least_log_odds)) == 1.0
        assert bcubed_f1(own["journey_id"], journeys[i]) == 1.0
        assert bcubed_f1(own["area_id"], areas[i]) == 1.0


@pytest.mark.skipif(
    not ((DATA / LABELLED).exists() and (DATA / CORPORA).exists()),
    reason=f"{DATA / LABELLED} or {DATA / CORPORA} is absent; they are needed to check that the public corpora share "
    "no keyword, and that hardly any keyword is lost by that",
)
def test_the_public_corpora_share_no_keyword() -> None:
    found = corpora_of(labelled_phrases(DATA), labelled_corpora(DATA))
    every = found.keywords
    assert len(every) == len(set(every))
    assert len(every) > 45_000
    assert len(found.every) == 9
    assert {corpus.name for corpus in found.every if corpus.is_of_categories} == CATEGORIES
