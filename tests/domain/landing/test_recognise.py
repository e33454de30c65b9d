"""Which source a file is: names and columns decide together."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.landing.recognise import misfit, recognise, sources_named
from journeys_assets.domain.tables.landing import LANDING

SEARCH = ["user_id", "query", "searched_at"]
ENGAGEMENT = ["user_id", "pin_id", "action", "engaged_at"]
BOARD = ["user_id", "board_id", "board_name", "pin_id", "saved_at"]


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("pins", ["pins"]),
        ("pins_2026-01", ["pins"]),
        ("2026-01-31 Search Events", ["search_events"]),
        ("search-events2", ["search_events"]),
        ("board_pins", ["board_pins"]),
        ("pins_engagements", ["pins"]),
        ("users_by_pins", ["users", "pins"]),
        ("pinstripes", []),
        ("allusers", []),
        ("export", []),
    ],
)
def test_a_name_says_the_sources_that_it_contains_as_words(name: str, sources: list[str]) -> None:
    assert sources_named(name) == sources


@pytest.mark.parametrize(
    ("names", "columns", "source"),
    [
        (["pins"], ["pin_id"], "pins"),
        (["pins"], ["pin_id", "title", "price"], "pins"),
        (["users"], ["user_id", "Push Opt-In", "name"], "users"),
        (["search_events"], [*SEARCH, "country", "pin_id", "title"], "search_events"),
        (["clicks", "u1", "users", "pin_engagements"], ENGAGEMENT, "pin_engagements"),
        (["pin_engagements", "users"], ENGAGEMENT, "pin_engagements"),
        (["board_pins"], BOARD, "board_pins"),
        (["board_pins"], ["user_id", "board_id"], "board_pins"),  # Reading it says which column is missing.
        (["search_events"], ["user_id"], "search_events"),
        (["a", "search_events"], None, "search_events"),
    ],
)
def test_the_nearest_name_that_the_columns_fit_is_taken(
    names: list[str], columns: list[str] | None, source: str
) -> None:
    assert recognise(names, columns).source == source


@pytest.mark.parametrize(
    ("names", "columns", "parts"),
    [
        (["pins_engagements"], ENGAGEMENT, ["its name says pins", "its columns say pin_engagements", "--source pin_e"]),
        (["users_activity"], ENGAGEMENT, ["its name says users", "its columns say pin_engagements"]),
        (["users_activity"], SEARCH, ["its name says users", "its columns say search_events"]),
        (["clicks", "u1", "users"], ENGAGEMENT, ["its name says users", "its columns say pin_engagements"]),
        (["clicks", "u1", "users"], ["user_id", "url", "at"], ["its name says users", "none of signed_up_at, country"]),
        (["users_activity"], ["user_id", "country", "pin_id", "at"], ["pin_id is not of users", "--source users"]),
        (["pins_engagements"], ["user_id", "pin_id", "title", "at"], ["user_id is not of pins"]),
        (["pins"], ["pin_id", "clicks"], ["none of annotations, interests, title is there"]),
        (["search_events"], ENGAGEMENT, ["its name says search_events", "query, searched_at is missing"]),
    ],
)
def test_a_contradiction_names_both_readings_and_the_cure(
    names: list[str], columns: list[str], parts: Sequence[str]
) -> None:
    found = recognise(names, columns)
    assert found.source is None
    for part in [*parts, "Rename the file"]:
        assert part in (found.problem or "")


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        (SEARCH, "although its columns fit search_events. Use `--source search_events`"),
        (["x"], "Use `--source SOURCE`"),
        (None, "its source is unknown: no name says it"),
    ],
)
def test_columns_alone_are_not_enough_but_are_named(columns: list[str] | None, part: str) -> None:
    found = recognise(["export"], columns)
    assert found.source is None
    assert part in (found.problem or "")


COLUMNS = st.lists(
    st.sampled_from([*sorted({name for table in LANDING.values() for name in table.column_names}), "x"]), unique=True
)
NAMES = st.lists(st.sampled_from([*LANDING, "users_activity", "pins_engagements", "x"]), max_size=3)


@given(names=NAMES, columns=COLUMNS)
def test_what_is_taken_is_named_and_never_a_catalogue_that_the_columns_contradict(
    names: list[str], columns: list[str]
) -> None:
    found = recognise(names, columns)
    assert (found.source is None) == (found.problem is not None)
    if found.source is None:
        return
    assert any(found.source in sources_named(name) for name in names)
    misfits = misfit(found.source, columns)
    assert misfits is None or misfits.endswith("is missing")
    if found.source in ("pins", "users") and misfits is None:
        events = {"searched_at", "engaged_at", "action", "query", "board_id", "sent_at", "journey_id"}
        assert not events & set(columns)


@given(source=st.sampled_from(sorted(LANDING)), data=st.data())
def test_a_file_with_the_columns_of_its_source_is_always_recognised(source: str, data: st.DataObject) -> None:
    table = LANDING[source]
    optional = [column.name for column in table.columns if column.nullable]
    chosen = data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    columns = [column.name for column in table.columns if not column.nullable] + chosen
    assert recognise([source], columns).source == source
