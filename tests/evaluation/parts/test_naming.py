"""The judges distinguish good names from poor ones, do not see the truth, and the figures are correct."""

import polars as pl
import pytest

from journeys_assets.evaluation.baselines.naming_judges import Theme, grade, judged
from journeys_assets.evaluation.data.naming_data import clinc_pools, halves, pooled, wands_pools
from journeys_assets.evaluation.parts import naming
from journeys_assets.evaluation.report.section import Section
from journeys_assets.models.embedding.hashing import HashingEmbedder
from tests.support.labelled_phrases import embed, labelled

THEMES = {
    "oak": Theme("oak furniture", ("oak table", "oak chair", "old oak bench")),
    "trip": Theme("trip to japan", ("tokyo in spring", "kyoto temples", "japan rail pass")),
    "bread": Theme("bread baking", ("sourdough starter", "rye bread", "bread oven")),
}


def ranks(keyword: str, theme: str) -> tuple[float, float]:
    rows = judged(pl.DataFrame({"keyword": [keyword], "theme": [theme]}), THEMES, embed)
    return rows.select("meaning", "words").row(0)


def test_a_name_ranks_its_own_theme_first() -> None:
    assert ranks("oak chair", "oak") == (1.0, 1.0)
    assert ranks("oak chair", "bread") > (1.0, 1.0)
    assert ranks("rye bread", "bread") == (1.0, 1.0)


def test_the_judged_keyword_is_not_evidence_for_itself() -> None:
    # No other phrase of the theme has "kyoto" or "temples"; only the keyword itself would match.
    assert ranks("kyoto temples", "trip")[1] == 2.0  # three themes at cosine 0 share the mean rank
    assert ranks("japan rail pass", "trip")[1] == 1.0  # the label says "japan"


def test_the_grade_is_that_of_the_stricter_judge() -> None:
    rows = pl.DataFrame({"meaning": [1.0, 4.0, 2.0], "words": [1.0, 1.0, 5.0]}).select(grade())
    assert rows.to_series().to_list() == [1.0, 0.25, 0.2]


def test_an_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="themes without a label: elm"):
        ranks("elm", "elm")


def corpora() -> pl.DataFrame:
    """A corpus in the format of the public ones: every text of a label has its phrase and a word of its own."""
    rows = [("shop", f"lunch bag{label} style{kind}", f"{label}", None) for label in range(12) for kind in range(20)]
    return pl.DataFrame(rows, schema=["set", "text", "label", "domain"], orient="row")


def test_pseudo_users_and_the_documents_of_the_judges_share_no_phrase() -> None:
    keywords, themes = clinc_pools(labelled())
    assert all(keywords[label] and themes[label].phrases for label in keywords)
    assert not any(set(keywords[label]) & set(themes[label].phrases) for label in keywords)
    assert len(wands_pools(labelled())[0]) == 20


def test_the_halves_for_fitting_and_testing_are_disjoint() -> None:
    names = [f"theme {number}" for number in range(21)]
    seen, held_out = halves(names)
    assert sorted([*seen, *held_out]) == sorted(names)
    assert halves(reversed(names)) == (seen, held_out)


def test_pseudo_users_have_each_keyword_of_their_themes_once() -> None:
    keywords, themes = clinc_pools(labelled())
    journeys = pooled(keywords, themes, embed, n_users=5, sizes=(3, 6), seed=1)
    rows = journeys.clusters.select("user_id", "journey_id", keyword="keywords").explode("keyword")
    assert not rows.select("user_id", "keyword").is_duplicated().any()
    assert all(keyword in keywords[label] for label, keyword in rows.select("journey_id", "keyword").iter_rows())
    assert rows.group_by("user_id", "journey_id").len()["len"].is_between(3, 6).all()


@pytest.fixture(scope="module")
def section() -> Section:
    return naming.evaluate_naming([], labelled(), corpora(), HashingEmbedder())


def test_the_section_has_every_method_on_every_figure(section: Section) -> None:
    methods = {naming.OURS, *naming.BASELINES, naming.BEST}
    for (_, _, metric), part in section.results.group_by("dataset", "regime", "metric"):
        is_read = metric in {"readers: AUC", "readers: AP", "true of members"}
        assert set(part["method"]) == (methods - {naming.BEST} if is_read else methods)
    assert set(section.results["dataset"]) == {"clinc150", "wands", "shop"}
    assert section.results["value"].is_between(0.0, 1.0).all()
    assert section.plots[0].svg.lstrip().startswith("<?xml")


def test_nothing_is_above_the_bound_by_the_stricter_judge(section: Section) -> None:
    # The best candidate is the best by the stricter judge, so no method beats it by both judges.
    wide = section.results.filter(pl.col("metric").str.ends_with("MRR")).pivot(
        "metric", index=["dataset", "regime", "method"], values="value"
    )
    best = wide.filter(method=naming.BEST).drop("method")
    both = wide.join(best, on=["dataset", "regime"], suffix="_best")
    above = both.filter(
        (pl.col("meaning: MRR") > pl.col("meaning: MRR_best") + 1e-9)
        & (pl.col("words: MRR") > pl.col("words: MRR_best") + 1e-9)
    )
    assert above.is_empty()


def test_the_section_is_reproducible(section: Section) -> None:
    again = naming.evaluate_naming(
        [], labelled().sample(fraction=1, shuffle=True, seed=2), corpora(), HashingEmbedder()
    )
    assert again.results.equals(section.results)
    assert again.plots[0].svg == section.plots[0].svg


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        naming.evaluate_naming([], None, None, HashingEmbedder())
