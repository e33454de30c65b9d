"""int_live_journeys: which clusters are live journeys; journey_features shows them one row each."""

import pytest

from tests.support.sql_world import DAY, SqlWorld, ago


def is_live(keywords: list[str], **common: tuple[int, float]) -> bool:
    """Whether a journey of ``keywords`` is live where these keywords have (items, share of the catalogue)."""
    world = SqlWorld()
    world.infer("ann", DAY, {"journey_id": "j", "keywords": keywords, "n_keywords": len(keywords)})
    for keyword, (n_pins, share) in common.items():
        row = {"partition_date": DAY, "keyword": keyword, "n_pins": n_pins, "pin_share": share}
        world.add("keyword_commonness", row)
    return world.build("journey_features", generic_share=0.01, generic_min_items=10).height == 1


@pytest.mark.parametrize(
    ("keywords", "live"),
    [
        (["ideas"], False),
        (["ideas", "tiles"], False),
        (["ideas", "tiles", "sink"], True),
        (["ideas", "inspiration", "tiles", "sink"], False),
        (["ideas", "inspiration", "tiles", "sink", "lamp"], True),
    ],
)
def test_a_journey_of_which_half_is_generic_is_none(keywords: list[str], live: bool) -> None:
    assert is_live(keywords, ideas=(500, 0.3), inspiration=(500, 0.3), tiles=(2, 0.001)) is live


@pytest.mark.parametrize(
    ("n_pins", "share", "live"),
    [(10, 0.01, False), (9, 0.01, True), (10, 0.009, True), (9, 0.9, True), (1000, 0.009, True)],
)
def test_generic_takes_a_share_of_the_catalogue_and_a_number_of_items(n_pins: int, share: float, live: bool) -> None:
    assert is_live(["ideas"], ideas=(n_pins, share)) is live


def test_generic_is_asked_of_the_catalogue_of_the_same_day() -> None:
    world = SqlWorld()
    world.infer("ann", ago(3), {"journey_id": "j", "keywords": ["ideas"], "n_keywords": 1})
    common = {"keyword": "ideas", "n_pins": 500, "pin_share": 0.3}
    world.add("keyword_commonness", *({**common, "partition_date": day} for day in (ago(3), ago(-1))))
    assert world.build("journey_features").height == 1
    world.add("keyword_commonness", {**common, "partition_date": DAY})
    assert world.build("journey_features").is_empty()


def test_without_a_catalogue_nothing_is_generic() -> None:
    assert is_live(["ideas"])
