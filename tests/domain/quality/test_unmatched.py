"""The likely cause of unmatched keys, for each way in which keys are miswritten, and what counts as a mistake."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.quality import monitors
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.quality.unmatched import Cause, Unmatched, likely_cause, shown_key, worst_first

PARAMS = QualityParams()
IDS = [str(n) for n in range(1200, 1260)]
WRITINGS: dict[str, Callable[[str], str]] = {
    "without a trailing .0": lambda key: f"{key}.0",
    "without white space around them": lambda key: f" {key}\t",
    "without invisible characters": lambda key: f"\ufeff{key}\u200b",
    "without leading zeros": lambda key: key.zfill(8),
    "without thousands separators": lambda key: f"{int(key):,}",
    "written out instead of in powers of ten": lambda key: f"{int(key):.3E}",
    "without quotes": lambda key: f'"{key}"',
    "without a plus sign": lambda key: f"+{key}",
    "without white space inside": lambda key: f"{key[:1]} {key[1:2]} {key[2:]}",
    "in one Unicode form": lambda key: "".join(chr(ord("０") + int(digit)) for digit in key),
}


def cause(unmatched: list[str], known: list[str]) -> Cause | None:
    return likely_cause(pl.Series(unmatched, dtype=pl.String), pl.Series(known, dtype=pl.String))


@pytest.mark.parametrize("how", WRITINGS)
def test_each_writing_is_named_on_either_side(how: str) -> None:
    written = [WRITINGS[how](key) for key in IDS]
    assert cause(written, IDS) == Cause(how, len(IDS), len(IDS))
    assert cause(IDS, written) == Cause(how, len(IDS), len(IDS))


AROUND = ("without white space around them", "without invisible characters", "without quotes")
OF_NUMBERS = ("without a trailing .0", "without leading zeros", "without thousands separators")


@given(st.sampled_from(AROUND), st.sampled_from(OF_NUMBERS), st.integers(1, 20), st.booleans())
def test_two_differences_at_once_are_both_named(around: str, of_number: str, n: int, other_side: bool) -> None:
    plain, written = IDS[:n], [WRITINGS[around](WRITINGS[of_number](key)) for key in IDS[:n]]
    found = cause(plain, written) if other_side else cause(written, plain)
    assert found is not None
    assert set(found.how.split(" and ")) == {around, of_number}
    assert found.n_would_match == n


def test_case_unicode_forms_and_several_separators() -> None:
    assert cause(["1,234,567"], ["1234567"]) == Cause("without thousands separators", 1, 1)
    assert cause(["Café-1"], ["café-1"]) == Cause("without regard to upper and lower case", 1, 1)
    assert cause(["cafe\u0301"], ["caf\u00e9"]) == Cause("in one Unicode form", 1, 1)


@pytest.mark.parametrize("form", ["pin_{}", "pin:{}", "PIN-{}", "p{}", "urn/pin/{}"])
def test_a_prefix_or_suffix_of_one_side(form: str) -> None:
    written = [form.format(key) for key in IDS]
    how = "without their prefix", "with the prefix that the other side has"
    if form != "urn/pin/{}":
        assert cause(written, IDS) == Cause(how[0], len(IDS), len(IDS))
        assert cause(IDS, written) == Cause(how[1], len(IDS), len(IDS))
    assert cause([f"{key}-v" for key in IDS], IDS) == Cause("without their suffix", len(IDS), len(IDS))


def test_only_what_would_match_is_counted() -> None:
    assert cause(["1200.0", "77.0", "other"], IDS) == Cause("without a trailing .0", 1, 3)


@given(st.sets(st.integers(10_000, 99_999), min_size=1, max_size=30))
def test_other_ids_have_no_cause(numbers: set[int]) -> None:
    assert cause([str(n) for n in numbers], IDS) is None
    assert cause([f"web:{n}" for n in range(5)], [f"app:{n}" for n in range(5)]) is None
    assert cause(["", " ", "\ufeff"], ["x"]) is None


def test_a_key_is_shown_with_what_cannot_be_seen() -> None:
    assert shown_key(" 101") == "' 101'"
    assert shown_key("\ufeff1\u00a0") == r"'\ufeff1\xa0'"
    assert shown_key("cafe\u0301") == r"'cafe\u0301'"
    assert shown_key("\x1b[31m") == r"'\x1b[31m'"
    assert len(shown_key("x" * 10_000)) < 80


ITEMS = Unmatched("pin_engagements.pin_id", "pins.pin_id", "lost", 100, 50, 20, 10, (("9", 11), (" 8", 9)), None, False)
USERS = replace(ITEMS, reference="user_id of events", is_usual=True)


def test_many_unmatched_rows_or_a_few_miswritten_keys_are_a_mistake() -> None:
    assert not ITEMS.is_mistake(PARAMS)
    assert replace(ITEMS, n_unmatched_rows=21).is_mistake(PARAMS)
    assert replace(ITEMS, cause=Cause("without a trailing .0", 1, 10)).is_mistake(PARAMS)
    assert not replace(ITEMS, n_keys=100, cause=Cause("without a trailing .0", 1, 10)).is_mistake(PARAMS)


def test_unknown_users_are_usual_unless_none_is_known() -> None:
    assert not replace(USERS, n_unmatched_rows=99, n_unmatched_keys=49).is_mistake(PARAMS)
    assert replace(USERS, n_unmatched_rows=100, n_unmatched_keys=50).is_mistake(PARAMS)
    assert not replace(USERS, n_rows=1, n_keys=1, n_unmatched_rows=1, n_unmatched_keys=1).is_mistake(PARAMS)
    assert replace(USERS, cause=Cause("without a trailing .0", 11, 11)).is_mistake(PARAMS)


def test_mistakes_come_first_and_what_matches_is_left_out() -> None:
    wrong = replace(ITEMS, reference="b", n_unmatched_rows=30)
    fine = replace(ITEMS, reference="c", n_unmatched_rows=0, n_unmatched_keys=0)
    assert worst_first([fine, replace(USERS, n_unmatched_rows=90), wrong], PARAMS) == [
        wrong,
        replace(USERS, n_unmatched_rows=90),
    ]


def test_the_text_has_numbers_examples_and_cause() -> None:
    text = replace(ITEMS, cause=Cause("without a trailing .0", 2, 10)).text
    assert "20 of 100 rows (20.0%), 10 of 50 keys match no pins.pin_id" in text
    assert "'9' (11), ' 8' (9); 2 of 10 would match without a trailing .0" in text


def test_the_monitor_fires_above_its_bound_and_names_the_keys() -> None:
    assert monitors.share_of_unmatched_engagements(ITEMS, maximum=0.2).passed
    failed = monitors.share_of_unmatched_engagements(replace(ITEMS, n_unmatched_rows=21), maximum=0.2)
    assert not failed.passed
    assert failed.offenders.rows() == [("9", 11), (" 8", 9)]
    assert monitors.share_of_unmatched_engagements(replace(ITEMS, n_rows=0)).value is None
