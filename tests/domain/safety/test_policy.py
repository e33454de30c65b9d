"""The policy is complete and monotone, and a row depends on its own text alone."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.judge import SCHEMA, judged
from journeys_assets.domain.safety.lexicon import Hits
from journeys_assets.domain.safety.params import CHOICES, DECISIONS, SafetyParams
from journeys_assets.domain.safety.policy import decide

CATEGORY = st.sampled_from((None, *IDS))
SCORE = st.floats(0, 1)
CHOICE = st.sampled_from(CHOICES)


def rank(decision: str) -> int:
    return DECISIONS.index(decision)  # type: ignore[arg-type]


@given(CATEGORY, SCORE)
def test_an_opt_out_never_loosens_and_an_opt_in_never_tightens(category: str | None, score: float) -> None:
    by_default = decide(category, score, SafetyParams())
    assert rank(decide(category, score, SafetyParams(), "opt_out")) >= rank(by_default)
    assert rank(decide(category, score, SafetyParams(), "opt_in")) <= rank(by_default)


@given(CATEGORY, SCORE, CHOICE)
def test_no_choice_lifts_a_block(category: str | None, score: float, choice: str) -> None:
    if decide(category, score, SafetyParams()) == "block":
        assert decide(category, score, SafetyParams(), choice) == "block"  # type: ignore[arg-type]


def test_every_category_has_a_decision_and_none_is_notified() -> None:
    assert {SafetyParams().of(category) for category in IDS} == {"no_notify", "block"}


def test_an_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match="no category 'fun'; known: self_harm"):
        SafetyParams().of("fun")


@st.composite
def cases(draw: st.DrawFn) -> list[tuple[str, Hits, np.ndarray]]:
    n_cases = draw(st.integers(0, 6))
    found = []
    for number in range(n_cases):
        weights = np.array(draw(st.lists(st.floats(0.01, 1), min_size=1 + len(IDS), max_size=1 + len(IDS))))
        row = np.full(1 + len(IDS), np.nan) if draw(st.booleans()) else weights / weights.sum()
        strong = draw(st.lists(st.sampled_from(IDS), max_size=2, unique=True))
        found.append((f"text {number}", Hits(tuple(sorted(strong, key=IDS.index))), row))
    return found


def of(rows: list[tuple[str, Hits, np.ndarray]]) -> pl.DataFrame:
    probabilities = np.array([row for _, _, row in rows]).reshape(len(rows), 1 + len(IDS))
    return judged([t for t, _, _ in rows], [h for _, h, _ in rows], probabilities, SafetyParams())


@given(cases(), st.randoms(use_true_random=False))
def test_order_and_company_change_no_row(rows: list[tuple[str, Hits, np.ndarray]], chance: object) -> None:
    whole = of(rows)
    assert whole.schema == SCHEMA
    alone = [of([row]) for row in rows]
    assert whole.equals(pl.concat([SCHEMA.to_frame(), *alone]))
    assert of(rows[::-1]).equals(whole.reverse())


def test_who_decides() -> None:
    sure, doubtful, harmless = (np.full(1 + len(IDS), (1 - p) / len(IDS)) for p in (0.01, 0.42, 0.9))
    for row, p in ((sure, 0.01), (doubtful, 0.42), (harmless, 0.9)):
        row[0] = p
    sure[1 + IDS.index("money")] += 0.1
    params = SafetyParams(threshold=0.6, uncertain_margin=0.05)
    rows = judged(
        ["lexicon", "model", "uncertain", "none", "moderation"],
        [Hits(("grief",)), Hits(), Hits(), Hits(), Hits()],
        np.array([sure, sure, doubtful, harmless, harmless]),
        params,
        moderated={"moderation": "hate", "lexicon": "hate"},
    )
    assert rows["decided_by"].to_list() == ["lexicon", "model", "uncertain", "none", "moderation"]
    assert rows["category"].to_list() == ["grief", "money", None, None, "hate"]
    assert rows["decision"].to_list() == ["no_notify", "no_notify", "no_notify", "allow", "block"]


def test_arguments_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="1 texts, 0 hits"):
        judged(["a"], [], np.empty((0, 1 + len(IDS))), SafetyParams())


def test_a_hit_of_the_lexicon_does_not_count_if_the_model_is_sure_of_the_contrary() -> None:
    harmless, unasked = np.full(1 + len(IDS), 0.1 / len(IDS)), np.full(1 + len(IDS), np.nan)
    harmless[0] = 0.9
    found = of([("a", Hits(("drugs",)), harmless), ("b", Hits(("drugs",)), unasked)])
    assert found["decided_by"].to_list() == ["none", "lexicon"]
    assert found["decision"].to_list() == ["allow", "no_notify"]
