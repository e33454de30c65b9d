"""Suggested names: what a model is shown, and which of its names are accepted."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.naming.suggestions import MAX_JOURNEYS, MAX_KEYWORDS, judged, scripts_of, to_show, worth
from journeys_assets.domain.vocabulary import NAME_VERDICTS

AXES = np.eye(8, dtype=np.float32)
JOURNEYS = {
    "j1": ("Hot water bottle grey", ["hot water bottle grey", "hot water bottle heart", "hot water bottles"], 0),
    "j2": ("Tea set", ["tea set", "tea cup 1950", "tea cake stand"], 1),
    "j3": ("茶道", ["茶道", "抹茶 茶碗"], 2),
}


def names(journeys: Sequence[str] = tuple(JOURNEYS), user: str = "ann") -> pl.DataFrame:
    rows = [(user, j, JOURNEYS[j][0], JOURNEYS[j][1], 0.5) for j in journeys]
    schema = ["user_id", "journey_id", "journey_name", "keywords", "naming_score"]
    return worth(pl.DataFrame(rows, schema=schema, orient="row"))


def centroids(user: str = "ann") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [user] * len(JOURNEYS),
            "journey_id": list(JOURNEYS),
            "centroid": pack(AXES[[axis for _, _, axis in JOURNEYS.values()]]),
            "keyword_theme_centralities": [[0.9, 0.6] for _ in JOURNEYS],
        }
    )


def suggested(names_by_journey: dict[str, tuple[str, int]], user: str = "ann") -> pl.DataFrame:
    rows = [(user, j, name, pack(AXES[[axis]])[0]) for j, (name, axis) in names_by_journey.items()]
    return pl.DataFrame(
        rows,
        schema={"user_id": pl.String, "journey_id": pl.String, "suggested_name": pl.String, "embedding": pl.Binary},
        orient="row",
    )


NO_ONE = pl.DataFrame(schema={"user_id": pl.String, "journey_id": pl.String})


def verdict(journey: str, name: str, axis: int, *, unsafe: bool = False) -> str:
    one = suggested({journey: (name, axis)})
    forbidden = one.select("user_id", "journey_id") if unsafe else NO_ONE
    return str(judged(one, names(), centroids(), forbidden)["verdict"].item())


@pytest.mark.parametrize(
    ("name", "axis", "expected"),
    [
        ("Hot water bottles to cuddle", 0, "accepted"),
        ("Cosy evenings", 0, "accepted"),
        ("Cosy evenings", 5, "not_entailed"),
        ("Tea time", 1, "not_entailed"),
        ("Hot water bottles 2031", 0, "not_entailed"),
        ("Грелки", 0, "not_entailed"),
        ("Tea set", 0, "not_unique"),
        ("TEA  SET".replace("  ", " "), 0, "not_unique"),
        ("Hot water bottles, jo@example.org", 0, "personal"),
        ("unnamed journey", 0, "unshowable"),
        ("x", 0, "unshowable"),
        ("Hot\nwater", 0, "unshowable"),
        ("hot " * 9, 0, "unshowable"),
        ("h" * 61, 0, "unshowable"),
        ("123", 0, "unshowable"),
    ],
)
def test_a_name_is_accepted_only_if_the_keywords_entail_it(name: str, axis: int, expected: str) -> None:
    assert verdict("j1", name, axis) == expected


def test_a_number_of_the_keywords_and_their_own_script_are_entailed() -> None:
    assert verdict("j2", "1950s tea", 1) == "accepted"
    assert verdict("j3", "お茶の稽古", 2) == "accepted"
    assert verdict("j3", "Tea ceremony", 2) == "not_entailed"


def test_an_unsafe_name_is_refused() -> None:
    assert verdict("j1", "Hot water bottles to cuddle", 0, unsafe=True) == "unsafe"


def test_of_two_equal_names_the_journey_of_greater_worth_gets_it() -> None:
    both = suggested({"j1": ("Cosy evenings", 0), "j2": ("cosy evenings", 1)})
    ordered = names().sort("worth", "journey_id", descending=[True, False])["journey_id"].to_list()
    found = dict(judged(both, names(), centroids(), NO_ONE).select("journey_id", "verdict").iter_rows())
    first, second = sorted(("j1", "j2"), key=ordered.index)
    assert found == {first: "accepted", second: "not_unique"}


def test_a_name_that_was_kept_is_taken() -> None:
    kept = pl.DataFrame({"user_id": ["ann"], "journey_id": ["j2"], "suggested_name": ["Cosy evenings"]})
    one = suggested({"j1": ("Cosy evenings", 0)})
    assert judged(one, names(), centroids(), NO_ONE, kept)["verdict"].to_list() == ["not_unique"]


NAMES = st.tuples(st.text(max_size=70), st.integers(0, 7))


@given(st.dictionaries(st.sampled_from(list(JOURNEYS)), NAMES))
def test_every_suggestion_gets_one_verdict_whatever_the_order_and_other_users(
    given_names: dict[str, tuple[str, int]],
) -> None:
    rows = suggested(given_names)
    found = judged(rows, names(), centroids(), NO_ONE)
    assert found.height == rows.height
    assert set(found["verdict"]) <= set(NAME_VERDICTS)
    shuffled = judged(
        rows.sample(fraction=1, shuffle=True, seed=1),
        pl.concat([names(), names(user="bea")]).sample(fraction=1, shuffle=True, seed=2),
        pl.concat([centroids(), centroids("bea")]).sample(fraction=1, shuffle=True, seed=3),
        NO_ONE,
    )
    assert shuffled.equals(found)
    accepted = found.filter(pl.col("verdict") == "accepted")["suggested_name"].str.to_lowercase()
    assert accepted.n_unique() == accepted.len()


def test_worth_grows_with_size_and_uncertainty_and_is_nothing_for_one_keyword() -> None:
    rows = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "b"],
            "keywords": [["x"] * 8, ["x"] * 2, ["x"] * 8, ["x"]],
            "naming_score": [0.5, 0.5, 0.9, 0.1],
        }
    )
    large, small, certain, single = worth(rows)["worth"]
    assert 1 >= large > small > 0
    assert large > certain > 0
    assert single == 0


def test_a_question_shows_keywords_and_nothing_else_of_the_user() -> None:
    many = [f"word {n}" for n in range(30)]
    frame = names().with_columns(
        keywords=pl.when(pl.col("journey_id") == "j2")
        .then(pl.lit([["call me on 0171 555 0134", *many]]).list.first())
        .otherwise("keywords")
    )
    (shown,) = to_show(frame, frame.filter(pl.col("journey_id") != "j3").select("user_id", "journey_id"))
    assert shown.user_id == "ann"
    assert set(shown.data) == {"journeys", "other_journeys"}
    assert list(shown.data["journeys"]) == ["journey_1", "journey_2"]
    by_id = dict(zip(shown.journey_ids, shown.data["journeys"].values(), strict=True))
    assert by_id["j2"] == many[:MAX_KEYWORDS]
    assert shown.data["other_journeys"] == [JOURNEYS["j3"][1]]


def test_a_question_is_bounded_and_the_greatest_worth_comes_first() -> None:
    rows = [("ann", f"j{n:03}", "n", [f"w{n} {i}" for i in range(2 + n % 5)], 0.5) for n in range(60)]
    rows += [("bea", "j000", "n", ["a b", "c d"], 0.99)]
    schema = ["user_id", "journey_id", "journey_name", "keywords", "naming_score"]
    frame = worth(pl.DataFrame(rows, schema=schema, orient="row"))
    *of_ann, of_bea = to_show(frame, frame.select("user_id", "journey_id"))
    assert [len(shown.journey_ids) for shown in of_ann] == [MAX_JOURNEYS] * 3
    assert len({journey for shown in of_ann for journey in shown.journey_ids}) == 60
    assert {len(shown.data["other_journeys"]) for shown in of_ann} == {MAX_JOURNEYS}
    assert of_ann[0].worth == frame.filter(pl.col("user_id") == "ann")["worth"].max()
    assert of_ann[0].worth >= of_ann[1].worth >= of_ann[2].worth >= of_bea.worth > 0
    assert of_bea.data["other_journeys"] == []


def test_scripts() -> None:
    assert scripts_of("Garden 茶 ひ カ 9") == {"LATIN", "CJK"}
    assert scripts_of("12 …") == frozenset()
