"""Items releases: saved and read back to the last row, and refused where the weights are no better than the prior."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.items.params import ItemParams
from journeys_assets.domain.items.together import POPULARITY, TOGETHER
from journeys_assets.models.items.release import ItemRelease, make_release, refusal, released_items, save
from journeys_assets.models.logistic import Ranking
from journeys_assets.models.releases import ReleaseError

AS_OF = date(2026, 3, 31)
PARAMS = ItemParams()
PAIRS = pl.DataFrame([("a", "b", 300), ("b", "a", 300), ("b", "ç", 7)], schema=TOGETHER, orient="row")
POPULAR = pl.DataFrame([("b", 1.7918), ("z", 2.0794)], schema=POPULARITY, orient="row")


def release(decision: str = "Trained on 90 users, 40 of whom engaged.", **weights: float) -> ItemRelease:
    ranking = Ranking(PARAMS.prior_weights | weights, decision)
    return make_release(PAIRS, POPULAR, ranking, 90, AS_OF, PARAMS)


def test_a_release_is_live_from_the_day_after_with_what_it_was_made_of(tmp_path: Path) -> None:
    save(release(together=2.5), tmp_path)
    assert released_items(tmp_path, AS_OF) is None
    found = released_items(tmp_path, AS_OF + timedelta(days=1))
    assert found is not None
    assert_frame_equal(found.together, PAIRS)
    assert_frame_equal(found.popularity, POPULAR)
    assert found.weights == PARAMS.prior_weights | {"together": 2.5}
    assert "| together | 2.5000 |" in (tmp_path / found.version / "model_card.md").read_text()


def test_everything_that_ranks_is_in_the_version() -> None:
    changed = make_release(PAIRS.head(2), POPULAR, Ranking(PARAMS.prior_weights, "Trained"), 90, AS_OF, PARAMS)
    assert len({release().version, release(together=2.5).version, changed.version}) == 3
    assert release().version == release().version


def test_weights_that_are_no_better_are_refused() -> None:
    assert refusal(release()) is None
    assert refusal(release("Prior weights: trained ones are no better for held-out users.")) is not None


def test_a_release_for_other_features_is_named(tmp_path: Path) -> None:
    old = release()
    del old.card["weights"]["medoid"]
    with pytest.raises(ReleaseError, match="lacks medoid"):
        _ = old.weights
