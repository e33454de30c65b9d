"""The name of a journey is its best keyword or shared phrase, is not a bare generic word, and is unique in a user."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.naming.features import FEATURES
from journeys_assets.domain.naming.forms import MAX_NAME_CHARACTERS, name_of
from journeys_assets.domain.naming.names import NAMES_SCHEMA, name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.domain.tables.table import violations
from journeys_assets.domain.vocabulary import NAMELESS

PARAMS = NamingParams()

Member = tuple[str, float]
"""keyword, theme centrality"""


def clusters(*journeys: tuple[str, str, Sequence[Member]]) -> pl.DataFrame:
    """Rows of journey_clusters from (user_id, journey_id, members)."""
    return pl.DataFrame(
        [
            {
                "user_id": user,
                "journey_id": journey,
                "keywords": [m[0] for m in members],
                "keyword_theme_centralities": [float(m[1]) for m in members],
            }
            for user, journey, members in journeys
        ],
        schema={
            "user_id": pl.String,
            "journey_id": pl.String,
            "keywords": pl.List(pl.String),
            "keyword_theme_centralities": pl.List(pl.Float64),
        },
    )


def facts(
    rows: pl.DataFrame,
    *,
    forms: dict[str, str] | None = None,
    common: dict[str, float] | None = None,
    days: dict[str, int] | None = None,
) -> pl.DataFrame:
    """Facts on every member of ``rows``. By default: shown unchanged, not common, and without a known time."""
    members = rows.select("user_id", keyword="keywords").explode("keyword").unique().sort("user_id", "keyword")
    keywords = members["keyword"].to_list()
    return members.with_columns(
        pl.Series("display_form", [(forms or {}).get(k, k) for k in keywords], dtype=pl.String),
        pl.Series("n_queries", [0] * len(keywords), dtype=pl.Int64),
        pl.Series("commonness", [(common or {}).get(k, 0.0) for k in keywords], dtype=pl.Float64),
        first_engaged_at=pl.Series(
            [datetime(2026, 1, 1 + days[k]) if days and k in days else None for k in keywords],
            dtype=pl.Datetime("us"),
        ),
    )


def named(members: Sequence[Member], **known: dict[str, object]) -> dict[str, object]:
    """The row of names of one journey."""
    rows = clusters(("u", "j", members))
    return name_journeys(rows, facts(rows, **known), PARAMS).row(0, named=True)  # type: ignore[arg-type]


def equals(*keywords: str) -> list[Member]:
    """Members that differ only in their text."""
    return [(keyword, 0.8) for keyword in keywords]


# ── the score ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_otherwise_equal_keywords_the_more_central_one_is_the_name() -> None:
    assert named([("oak table", 0.6), ("oak chair", 0.9)])["name_keyword"] == "oak chair"


def test_of_otherwise_equal_keywords_the_one_sharing_most_words_is_the_name() -> None:
    assert named(equals("garden bench", "oak table", "table legs", "big table"))["name_keyword"] == "big table"
    # more shared words: coverage; no unrelated words: topicality
    row = named(equals("oak table", "oak chair", "oak", "table", "oak table for grandma"))
    assert row["name_keyword"] == "oak table"


def test_words_shared_by_all_journeys_of_the_user_do_not_count() -> None:
    mine = equals("cheap oak", "cheap elm", "cheap ash", "ash wood")
    alone = clusters(("u", "a", mine))
    beside = clusters(("u", "a", mine), ("u", "b", equals("cheap flight", "cheap hotel", "cheap bus")))
    assert name_journeys(alone, facts(alone), PARAMS)["name_keyword"][0] == "cheap ash"
    names = name_journeys(beside, facts(beside), PARAMS)
    assert names.filter(journey_id="a")["keywords"][0].to_list()[:2] == ["ash wood", "cheap ash"]


def test_of_otherwise_equal_keywords_the_rarer_one_is_the_name() -> None:
    assert named(equals("garden decor", "garden pond"), common={"garden decor": 0.008})["name_keyword"] == "garden pond"


@pytest.mark.parametrize(
    ("readable", "other"),
    [
        ("lunch bag", "84029e"),
        ("lunch bag", "lunch bag 2010 xk2231"),
        ("lunch bag", "www.lunchbag.example/red?id=7"),
        ("lunch bag", "how do i find out which lunch bag is the best one for a small child"),
        ("lunch bag", "l"),
        ("책", "l"),
        ("주방", "tv"),
        ("結婚式の準備", "結婚式の準備に必要なものを全部まとめて知りたいのですがどうすればよいですか"),
        ("結婚式の準備", "12345"),
        ("تجديد المطبخ", "🎂🎂"),
        ("आम का अचार", "???"),
    ],
)
def test_of_otherwise_equal_keywords_the_more_readable_one_is_the_name(readable: str, other: str) -> None:
    assert named(equals(readable, other))["keywords"] == [readable, other]
    assert named(equals(other, readable))["keywords"] == [readable, other]


def test_no_script_has_a_disadvantage() -> None:
    scores = {
        named(equals(k))["naming_score"]
        for k in ("lunch bag", "結婚式準備", "आम का अचार", "تجديد المطبخ", "주방 리모델링")
    }
    assert len(scores) == 1


def test_ties_go_to_the_keyword_with_more_queries() -> None:
    rows = clusters(("u", "j", equals("oak chair", "oak table")))
    typed = facts(rows).with_columns(n_queries=pl.when(pl.col("keyword") == "oak table").then(2).otherwise(0))
    assert name_journeys(rows, typed, PARAMS)["name_keyword"].to_list() == ["oak table"]


def test_the_naming_score_belongs_to_the_chosen_keyword() -> None:
    rows = clusters(
        ("u", "a", equals("oak table", "oak chair", "big table")), ("u", "b", [("elm table", 0.9), ("elm chair", 0.7)])
    )
    names = name_journeys(rows, facts(rows, forms={"oak table": "Table", "elm table": "table"}), PARAMS)
    assert names["name_keyword"].to_list() == ["oak table", "elm chair"]
    total = sum(getattr(PARAMS, f"{feature}_weight") for feature in FEATURES)
    assert names["naming_score"].to_list() == pytest.approx(
        [1.0 - PARAMS.sharing_weight / total, 1.0 - (PARAMS.sharing_weight + PARAMS.theme_centrality_weight) / total]
    )
    assert names["keywords"].to_list()[1] == ["elm table", "elm chair"]


# ── generic words ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_generic_keyword_does_not_name_a_journey_that_has_another() -> None:
    members = [("vintage", 0.95), ("vintage cake stand", 0.5), ("stand", 0.3)]
    row = named(members, common={"vintage": PARAMS.generic_share})
    assert row["name_keyword"] == "vintage cake stand"
    assert row["keywords"][-1] == "vintage"  # type: ignore[index]


def test_a_generic_word_is_preferred_to_a_code() -> None:
    row = named([("vintage", 0.5), ("84029e", 0.9), ("???", 0.9)], common={"vintage": 0.4})
    assert row["name_keyword"] == "vintage"


def test_a_journey_of_one_generic_word_still_gets_a_name() -> None:
    assert named(equals("vintage"), common={"vintage": 1.0})["journey_name"] == "vintage"


def test_a_single_word_ranks_behind_a_longer_keyword_that_contains_it_and_is_about_as_central() -> None:
    assert named([("lunch", 0.82), ("lunch bag", 0.8)])["name_keyword"] == "lunch bag"
    assert named([("lunch", 0.9), ("lunch bag", 0.3)])["name_keyword"] == "lunch"


# ── the earlier keyword ─────────────────────────────────────────────────────────────────────────────────────────────

CLOSE = [("oak table", 0.80), ("oak chair", 0.803)]
FAR = [("oak table", 0.80), ("oak chair", 0.95)]


def test_a_later_keyword_must_be_clearly_better() -> None:
    assert named(CLOSE)["name_keyword"] == "oak chair"  # without times, the better one
    assert named(CLOSE, days={"oak table": 0, "oak chair": 0})["name_keyword"] == "oak chair"
    assert named(CLOSE, days={"oak table": 0, "oak chair": 1})["name_keyword"] == "oak table"
    assert named(CLOSE, days={"oak table": 1, "oak chair": 0})["name_keyword"] == "oak chair"
    assert named(CLOSE, days={"oak table": 1})["name_keyword"] == "oak table"  # an unknown time comes last
    assert named(FAR, days={"oak table": 0, "oak chair": 1})["name_keyword"] == "oak chair"


def test_the_margin_counts_from_the_current_name_keyword_and_not_from_the_best_so_far() -> None:
    # Each is slightly better than the one before, and only the last is clearly better than the first.
    steps = [(f"oak {thing}", 0.80 + 0.008 * i) for i, thing in enumerate(["table", "chair", "bench"])]
    days = {keyword: i for i, (keyword, _) in enumerate(steps)}
    total = sum(getattr(PARAMS, f"{feature}_weight") for feature in FEATURES)
    step = PARAMS.theme_centrality_weight * 0.008 / 0.2 / total
    assert step < PARAMS.takeover_margin < 2 * step
    assert named(steps[:2], days=days)["name_keyword"] == "oak table"
    assert named(steps, days=days)["name_keyword"] == "oak bench"


def test_only_readable_and_specific_keywords_compete_for_the_name() -> None:
    row = named(equals("oak table", "vintage"), common={"vintage": 1.0}, days={"vintage": 0, "oak table": 1})
    assert row["name_keyword"] == "oak table"


def test_later_keywords_do_not_rename_a_journey_for_a_small_improvement() -> None:
    old = [("oak table", 0.80), ("oak chair", 0.79), ("oak bench", 0.78)]
    new = [("oak sofa", 0.805), ("oak stool", 0.80)]
    days = {keyword: i for i, (keyword, _) in enumerate([*old, *new])}
    names = {named([*old, *new[:n]], days=days)["name_keyword"] for n in range(3)}
    assert names == {"oak table"}


# ── display form ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White hanging heart t-light holder"),
        ("6 RIBBONS", "6 ribbons"),
        ("ÄPFEL UND BÄUME", "Äpfel und bäume"),
        ("DIY", "DIY"),
        ("İSTANBUL", "İstanbul"),
        ("I\u0307STANBUL", "İstanbul"),
        ("DİYARBAKIR GEZİSİ", "Diyarbakır gezisi"),
        ("İstanbul", "İstanbul"),
        ("i\u0307stanbul", "i\u0307stanbul"),
        ("IZMIR GEZI", "Izmir gezi"),
        ("STRAẞEN", "Straßen"),
        ("STRAßEN", "STRAßEN"),
        ("ŉ", "ŉ"),
        ("ﬁsh soup", "ﬁsh soup"),
        ("ǄEPARICA", "ǅeparica"),
        ("ΟΔΥΣΣΕΥΣ ΟΔΟΣ", "Οδυσσευς οδος"),
        ("ΕΙΣ ΤΗΝ", "Εις την"),
        ("ᲗᲑᲘᲚᲘᲡᲘ", "თბილისი"),
        ("E\u0301COLE", "École"),
        ("wed\u00adding\u200b dress\ufeff", "wedding dress"),
        ("👩\u200d💻 desk\u200d", "👩\u200d💻 desk"),
        ("\u200b", "the keyword"),
        ("iPhone Hülle", "iPhone Hülle"),
        ("日本庭園", "日本庭園"),
        ("  two\n lines\x00 ", "two lines"),
        ("  ", "the keyword"),
        ("long " * 50, ("long " * 50)[: MAX_NAME_CHARACTERS - 1] + "…"),
    ],
)
def test_the_display_form_is_converted_to_a_readable_name(form: str, shown: str) -> None:
    assert named(equals("the keyword"), forms={"the keyword": form})["journey_name"] == shown


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_name_is_clean_readable_and_the_same_when_made_of_itself(form: str) -> None:
    name = name_of(form, "the keyword")
    assert name == cleaned(name) != ""
    assert name_of(name, "the keyword") == name
    assert name_of(unicodedata.normalize("NFD", form), "the keyword") == name


def test_a_keyword_without_facts_is_shown_unchanged() -> None:
    rows = clusters(("u", "j", equals("oak table")))
    assert name_journeys(rows, facts(rows).head(0), PARAMS)["journey_name"].to_list() == ["oak table"]


# ── personal data ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "personal", ["birthday gift ann@mail.example", "plumber 020 7946 0958", "ａｎｎ＠ｍａｉｌ．ｅｘａｍｐｌｅ"]
)
@pytest.mark.parametrize("other", ["gift", "84029e", "vintage"])
def test_a_keyword_with_personal_data_names_no_journey_that_has_another(personal: str, other: str) -> None:
    row = named([(personal, 0.99), (other, 0.1)], common={"vintage": 1.0}, days={personal: 0, other: 5})
    assert row["journey_name"] == row["name_keyword"] == other
    assert row["keywords"] == [other, personal]


def test_a_journey_of_personal_data_only_is_named_by_the_other_words() -> None:
    row = named([("020 7946 0958", 0.9), ("plumber ann@mail.example", 0.8)], forms={"020 7946 0958": "020 7946 0958"})
    assert (row["journey_name"], row["name_keyword"]) == ("plumber", "plumber ann@mail.example")
    assert named(equals("020 7946 0958"))["journey_name"] == NAMELESS


def test_personal_data_that_only_the_display_form_shows_is_found() -> None:
    row = named(equals("a", "b b"), forms={"a": "b b", "b b": "b at mail dot com"})
    assert row["journey_name"] == "b b"


@pytest.mark.parametrize(
    ("form", "shown"),
    [("020 7946 0958", "the keyword"), ("kitchen " * 9 + "ann@mail.example", ("kitchen " * 9).strip())],
)
def test_personal_data_is_left_out_before_a_name_is_shortened(form: str, shown: str) -> None:
    assert named(equals("the keyword"), forms={"the keyword": form})["journey_name"] == shown


def test_journeys_without_a_name_of_their_own_have_different_names() -> None:
    rows = clusters(*[("u", f"j{i}", equals(f"ann{i}@mail.example")) for i in range(3)])
    names = name_journeys(rows, facts(rows), PARAMS)["journey_name"]
    assert names.to_list() == [NAMELESS, f"{NAMELESS} (2)", f"{NAMELESS} (3)"]


def test_numbers_that_are_added_to_names_make_no_phone_numbers() -> None:
    rows = clusters(*[("u", f"j{i}", equals(f"call 1234{i}")) for i in range(3)])
    names = name_journeys(rows, facts(rows, forms={f"call 1234{i}": "call 12345" for i in range(3)}), PARAMS)
    assert not any(map(holds_personal_data, names["journey_name"]))
    assert names["journey_name"].n_unique() == 3


def test_a_shortened_name_is_no_phone_number() -> None:
    row = named(equals("x"), forms={"x": "a" + " b" * 31 + " 978-3-16-148410-0"})
    assert not holds_personal_data(str(row["journey_name"]))


def test_the_contract_refuses_a_name_with_personal_data() -> None:
    rows = clusters(("u", "j", equals("oak table")))
    names = name_journeys(rows, facts(rows), PARAMS).with_columns(
        journey_name=pl.lit("ann@mail.example"), partition_date=pl.lit(datetime(2026, 1, 1)).cast(pl.Date),
        algorithm_version=pl.lit("v"), named_by=pl.lit("parameters"),
    )  # fmt: skip
    assert [(v.rule, v.column, v.n_rows) for v in violations(JOURNEY_NAMES, names)] == [
        ("personal data", "journey_name", 1)
    ]


# ── unique within a user ────────────────────────────────────────────────────────────────────────────────────────────


def test_of_two_journeys_with_the_same_name_the_lower_score_takes_its_next_best() -> None:
    rows = clusters(
        ("u", "a", [("oak table", 0.9), ("round table", 0.7)]),
        ("u", "b", [("oak-table", 0.9), ("chair", 0.4)]),
        ("u", "c", [("a", 0.9), ("sofa", 0.4)]),
    )
    forms = {"oak table": "Oak Table", "oak-table": "oak table", "sofa": "Sofa"}
    names = name_journeys(rows, facts(rows, forms=forms), PARAMS)
    assert names["journey_name"].to_list() == ["Oak Table", "chair", "Sofa"]
    assert names["name_keyword"].to_list() == ["oak table", "chair", "sofa"]


def test_if_all_names_are_taken_another_member_or_a_number_is_added() -> None:
    rows = clusters(*[("u", f"j{i}", equals(f"table {i}")) for i in range(4)])
    names = name_journeys(rows, facts(rows, forms={f"table {i}": "Table" for i in range(4)}), PARAMS)
    assert names["journey_name"].to_list() == ["Table", "Table (2)", "Table (3)", "Table (4)"]
    rows = clusters(("u", "a", equals("x one")), ("u", "b", equals("x two")), ("u", "c", [("x1", 0.9), ("x2", 0.1)]))
    forms = {"x one": "Oak", "x two": "Elm", "x1": "Oak", "x2": "Elm"}
    names = name_journeys(rows, facts(rows, forms=forms), PARAMS)
    assert names["journey_name"].to_list() == ["Oak", "Elm", "Oak (Elm)"]


FORMS = st.sampled_from(
    [
        *["Table", "TABLE", "table", "tABLE (2)", "Table (table)", "ｔａｂｌｅ", "ß", "SS", " ", "İ", "🎂", "oak"],
        *["ann@mail.example", "call 020 7946 0958", "table ann@mail.example", "555 1234", "978-3-16-148410-0", "???"],
    ]
)
WORDS = st.sampled_from(
    [
        *[
            "table",
            "oak table",
            "big oak table",
            "oak tables for two",
            "table (2)",
            "結婚式",
            "7",
            "🎂",
            "a",
            "oak",
            "x" * 200,
            "84029e",
            " ",
            "ß",
        ],
        *[
            "ann@mail.example",
            "oak ann@mail.example",
            "call 12345",
            "123 456 78",
            "020 7946 0958",
            "isbn " * 14 + "0306406152",
        ],
    ]
)


TIMES = st.sampled_from([None, datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 3)])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A few users whose journeys compete for names, and facts on most of their keywords."""
    journeys = []
    for user in range(draw(st.integers(1, 3))):
        for journey in range(draw(st.integers(1, 5))):
            words = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
            unit = st.floats(0, 1)
            journeys.append((f"u{user}", f"j{journey}", [(w, 2 * draw(unit) - 1) for w in words]))
    rows = clusters(*journeys)
    every = facts(rows)
    drawn = every.with_columns(
        pl.Series("display_form", [draw(FORMS) for _ in range(every.height)], dtype=pl.String),
        pl.Series("commonness", [draw(st.sampled_from([0.0, 0.001, 0.01, 1.0])) for _ in range(every.height)]),
        pl.Series("n_queries", [draw(st.integers(0, 2)) for _ in range(every.height)], dtype=pl.Int64),
        first_engaged_at=pl.Series([draw(TIMES) for _ in range(every.height)], dtype=pl.Datetime("us")),
    )
    return rows, drawn.filter(pl.Series([draw(st.integers(0, 5)) > 0 for _ in range(every.height)], dtype=pl.Boolean))


@settings(max_examples=60, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_names_are_complete_unique_and_independent_of_row_order_and_other_users(
    world: tuple[pl.DataFrame, pl.DataFrame], random: object
) -> None:
    rows, known = world
    names = name_journeys(rows, known, PARAMS)
    assert names.schema == NAMES_SCHEMA
    # one row per journey, its own keywords, a score from 0 to 1
    assert_frame_equal(names.select("user_id", "journey_id"), rows.select("user_id", "journey_id").sort(pl.all()))
    joined = names.join(rows, on=["user_id", "journey_id"], suffix="_in")
    assert joined["keywords"].list.sort().equals(joined["keywords_in"].list.sort())
    is_member = names.select(pl.col("name_keyword").is_in(pl.col("keywords"))).to_series()
    for members, name in names.filter(~is_member).select("keywords", "name_keyword").iter_rows():
        assert sum(name in member for member in members) >= PARAMS.min_phrase_keywords
    assert names["naming_score"].is_between(0.0, 1.0).all()
    assert (names["journey_name"].str.strip_chars() != "").all()
    assert not any(map(holds_personal_data, names["journey_name"]))
    # unique within a user with any case folding
    for fold in (str.casefold, str.lower, str.upper):
        folded = [(u, fold(n)) for u, n in zip(names["user_id"], names["journey_name"], strict=True)]
        assert len(set(folded)) == len(folded)
    # independent of the order of rows and members, and of other users
    seed = random.randint(0, 10_000)  # type: ignore[attr-defined]
    members = rows.explode("keywords", "keyword_theme_centralities")
    shuffled = members.sample(fraction=1, shuffle=True, seed=seed).group_by("user_id", "journey_id").agg(pl.all())
    assert_frame_equal(name_journeys(shuffled, known.sample(fraction=1, shuffle=True, seed=seed), PARAMS), names)
    for user in rows["user_id"].unique():
        alone = name_journeys(rows.filter(user_id=user), known.filter(user_id=user), PARAMS)
        assert_frame_equal(alone, names.filter(user_id=user))


def test_the_order_of_equal_members_does_not_matter() -> None:
    words = [f"{wood} {thing}" for wood in ("oak", "elm", "ash") for thing in ("table", "chair", "bench")]
    for order in (words, words[::-1], words[3:] + words[:3]):
        assert named(equals(*order))["keywords"] == sorted(words)


def test_a_heavy_user_whose_keywords_all_look_the_same_gets_unique_names() -> None:
    rows = clusters(*[("u", f"j{i:05}", equals(f"table {i}", f"chair {i}")) for i in range(5_000)])
    known = facts(rows).with_columns(display_form=pl.lit("same"))
    assert name_journeys(rows, known, PARAMS)["journey_name"].n_unique() == 5_000


def test_a_slowly_growing_catalogue_does_not_change_names() -> None:
    rows = clusters(("u", "j", [("oak table", 0.8), ("oak chair", 0.8)]))
    first = name_journeys(rows, facts(rows, common={"oak table": 0.0030, "oak chair": 0.0030}), PARAMS)
    later = name_journeys(rows, facts(rows, common={"oak table": 0.0031, "oak chair": 0.0029}), PARAMS)
    assert_frame_equal(first, later)


# ── edges ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_journeys_give_no_names() -> None:
    rows = clusters()
    known = facts(clusters(("u", "j", equals("a")))).head(0)
    assert_frame_equal(name_journeys(rows, known, PARAMS), NAMES_SCHEMA.to_frame())


def test_invalid_input_raises_an_error() -> None:
    rows = clusters(("u", "j", equals("oak table")))
    with pytest.raises(ValueError, match="without keywords"):
        name_journeys(clusters(("u", "j", [])), facts(rows), PARAMS)
    with pytest.raises(ValueError, match="weights"):
        name_journeys(rows, facts(rows), NamingParams(coverage_weight=-1))
    with pytest.raises(ValueError, match="takeover_margin"):
        name_journeys(rows, facts(rows), NamingParams(takeover_margin=-0.1))
    with pytest.raises(ValueError, match="generic_share"):
        name_journeys(rows, facts(rows), NamingParams(generic_share=0))
    with pytest.raises(pl.exceptions.ComputeError):
        name_journeys(rows, pl.concat([facts(rows), facts(rows)]), PARAMS)
