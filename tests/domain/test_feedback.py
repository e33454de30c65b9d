"""What a user says of a journey outweighs what the model thinks of it."""

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.feedback import apply_feedback
from journeys_assets.domain.parameters import RankingParams

NOW = datetime(2026, 3, 2, 12)
PARAMS = RankingParams()
WISHES = st.sampled_from([None, "not_mine", "mute", "more"])
SHARES = st.floats(0.0, 1.0)
VERDICTS = pl.Schema(
    {"user_id": pl.String, "journey_id": pl.String, "wish": pl.String, "finished_at": pl.Datetime("us")}
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    journeys, verdicts = [], []
    for number in range(draw(st.integers(1, 6))):
        own = {"user_id": "ann", "journey_id": f"j{number}"}
        journeys.append({**own, "last_engaged_at": NOW, "score": draw(SHARES), "confidence": draw(SHARES), "note": "x"})
        if draw(st.booleans()):
            hours = draw(st.one_of(st.none(), st.integers(-48, 48)))
            finished_at = None if hours is None else NOW + timedelta(hours=hours)
            verdicts.append({**own, "wish": draw(WISHES), "finished_at": finished_at})
    return pl.DataFrame(journeys), pl.DataFrame(verdicts, schema=VERDICTS)


@given(worlds())
def test_the_rule_for_each_verdict(world: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    scored, verdicts = world
    heard = apply_feedback(scored, verdicts, PARAMS)
    assert heard.select(scored.columns).drop("score", "confidence").equals(scored.drop("score", "confidence"))
    said = {row["journey_id"]: row for row in verdicts.iter_rows(named=True)}
    for before, after in zip(scored.iter_rows(named=True), heard.iter_rows(named=True), strict=True):
        word = said.get(before["journey_id"])
        is_finished = word is not None and word["finished_at"] is not None and word["finished_at"] >= NOW
        expected = "finished" if is_finished else word["wish"] if word else None
        assert after["feedback"] == expected
        for name in ("score", "confidence"):
            if expected in ("finished", "not_mine"):
                assert after[name] == 0
            elif expected == "more":
                assert before[name] <= after[name] <= 1
                assert after[name] > before[name] or before[name] > 1 - 1e-9
            else:
                assert after[name] == before[name]


@given(worlds())
def test_the_order_of_verdicts_plays_no_part(world: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    scored, verdicts = world
    assert apply_feedback(scored, verdicts, PARAMS).equals(apply_feedback(scored, verdicts.reverse(), PARAMS))


def test_verdicts_on_journeys_that_are_not_live_change_nothing() -> None:
    own = {"user_id": ["ann"], "journey_id": ["j"]}
    scored = pl.DataFrame({**own, "last_engaged_at": [NOW], "score": [0.5], "confidence": [0.5]})
    strange = pl.DataFrame({"user_id": ["ann"], "journey_id": ["k"], "wish": ["mute"], "finished_at": [None]}, VERDICTS)
    assert apply_feedback(scored, strange, PARAMS)["feedback"].to_list() == [None]
