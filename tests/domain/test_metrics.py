"""Each monitor passes on sound data, fires on unsound data, and names the offenders."""

import polars as pl

from journeys_assets.domain import metrics


def test_share_of_keywords_embedded() -> None:
    keywords = pl.Series(["a", "b", "b", "c", "d"])
    assert metrics.share_of_keywords_embedded(keywords, pl.Series(["a", "b", "c", "d", "e"])).passed
    fired = metrics.share_of_keywords_embedded(keywords, pl.Series(["a", "b", "c"]))
    assert not fired.passed
    assert fired.value == 0.75
    assert fired.offenders["keyword"].to_list() == ["d"]
    assert metrics.share_of_keywords_embedded(pl.Series([], dtype=pl.String), pl.Series(["a"])).value == 1.0


def test_singleton_share() -> None:
    clusters = pl.DataFrame({"user_id": ["a", "a", "b", "b", "b"], "n_keywords": [5, 4, 1, 1, 1]})
    assert metrics.singleton_share(clusters).passed
    fired = metrics.singleton_share(clusters, maximum=0.5)
    assert (fired.passed, fired.value) == (False, 0.6)
    assert fired.offenders.rows() == [("b", 3)]


def test_journeys_per_user() -> None:
    journeys = pl.DataFrame({"user_id": ["a"] * 50 + ["b"] * 42 + ["c"]})
    fired = metrics.journeys_per_user(journeys)
    assert (fired.passed, fired.value) == (False, 42.0)
    assert fired.offenders.rows()[0] == ("a", 50)
    assert metrics.journeys_per_user(journeys.filter(pl.col("user_id") == "c")).passed
    assert metrics.journeys_per_user(journeys.clear()).passed


def test_name_uniqueness_is_per_user_and_ignores_case() -> None:
    journeys = pl.DataFrame(
        {
            "user_id": ["a", "a", "b", "b"],
            "journey_id": ["1", "2", "3", "4"],
            "journey_name": ["Bonsai", "Yoga", "Bonsai", "bonsai"],
        }
    )
    fired = metrics.name_uniqueness(journeys)
    assert (fired.passed, fired.value) == (False, 0.5)
    assert fired.offenders["journey_id"].to_list() == ["3", "4"]
    assert metrics.name_uniqueness(journeys.head(3)).passed


def test_candidates_per_user() -> None:
    sends = pl.DataFrame({"user_id": ["a", "a", "a", "b"]})
    assert metrics.candidates_per_user(sends, weekly_cap=3).passed
    fired = metrics.candidates_per_user(sends, weekly_cap=2)
    assert (fired.passed, fired.value) == (False, 3.0)
    assert fired.offenders.rows() == [("a", 3)]
    assert metrics.candidates_per_user(sends.clear(), weekly_cap=0).passed


def test_share_quarantined() -> None:
    assert metrics.share_quarantined(100, 5).passed
    assert not metrics.share_quarantined(100, 6).passed
    assert metrics.share_quarantined(0, 0).value == 0.0
