"""The user's feedback on a journey overrides the ranker."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.feedback import ORPHAN_DAYS, apply_feedback, orphaned
from journeys_assets.domain.ranking.params import RankingParams

DAY = date(2026, 3, 20)
ENGAGED_AT = datetime(2026, 3, 10, 12)
PARAMS = RankingParams()
SHARES = st.floats(0.0, 1.0)
VERDICTS = pl.Schema(
    {
        "user_id": pl.String,
        "journey_id": pl.String,
        "wish": pl.String,
        "more_at": pl.Datetime("us"),
        "finished_at": pl.Datetime("us"),
        "said_at": pl.Datetime("us"),
    }
)
Verdict = tuple[str, datetime]


def scores(*values: float) -> pl.DataFrame:
    rows = [
        {"user_id": "ann", "journey_id": f"j{n}", "last_engaged_at": ENGAGED_AT, "score": v, "confidence": v, "note": n}
        for n, v in enumerate(values)
    ]
    return pl.DataFrame(rows)


def verdicts(*given: list[Verdict]) -> pl.DataFrame:
    """Verdicts on j0, j1, …, each list in order of time, in the form of ``feedback_as_of``."""
    rows = []
    for n, own_verdicts in enumerate(given):
        latest = dict(own_verdicts)
        wishes = [verdict for verdict, _ in own_verdicts if verdict != "finished"]
        times = {"more_at": latest.get("more"), "finished_at": latest.get("finished")}
        if own_verdicts:
            own = {"user_id": "ann", "journey_id": f"j{n}", "wish": wishes[-1] if wishes else None}
            rows.append({**own, **times, "said_at": own_verdicts[-1][1]})
    return pl.DataFrame(rows, schema=VERDICTS)


def expected_verdict(given: list[Verdict]) -> str | None:
    """The rule as a state machine over verdicts and engagement in order of time."""
    # At the same moment engagement comes first: a journey finished at its last engagement is finished.
    events = sorted([*given, ("engaged", ENGAGED_AT)], key=lambda event: (event[1], event[0] != "engaged"))
    wish, finished = None, False
    for verdict, _ in events:
        if verdict == "engaged":
            finished = False
        elif verdict == "finished":
            finished, wish = True, None if wish == "more" else wish
        else:
            wish, finished = verdict, finished and verdict != "more"
    return "finished" if finished else wish


@st.composite
def verdict_lists(draw: st.DrawFn) -> list[Verdict]:
    """Verdicts at different hours around the last engagement."""
    hours = sorted(draw(st.sets(st.sampled_from([-30, -3, -2, -1, 0, 1, 30]), max_size=6)))
    names = st.sampled_from(["finished", "not_mine", "mute", "more"])
    return [(draw(names), ENGAGED_AT + timedelta(hours=hour)) for hour in hours]


@settings(max_examples=400)
@given(st.lists(st.tuples(verdict_lists(), SHARES), min_size=1, max_size=5))
def test_the_applicable_verdict_changes_score_and_confidence(journeys: list[tuple[list[Verdict], float]]) -> None:
    # Fails if `more` does not cancel `finished`, and if `finished` does not cancel `more`.
    scored = scores(*(score for _, score in journeys))
    adjusted = apply_feedback(scored, verdicts(*(given for given, _ in journeys)), DAY, PARAMS)
    assert adjusted.drop("score", "confidence", "feedback").equals(scored.drop("score", "confidence"))
    assert adjusted["feedback"].to_list() == [expected_verdict(given) for given, _ in journeys]
    for row, (_, before) in zip(adjusted.iter_rows(named=True), journeys, strict=True):
        for name in ("score", "confidence"):
            if row["feedback"] in ("finished", "not_mine"):
                assert row[name] == 0
            elif row["feedback"] == "more":
                assert before <= row[name] <= 1
                assert row[name] > before or before > 1 - 1e-9
            else:
                assert row[name] == before


@given(st.lists(verdict_lists(), min_size=1, max_size=5))
def test_the_order_of_rows_of_verdicts_does_not_matter(given_verdicts: list[list[Verdict]]) -> None:
    scored, rows = scores(*[0.5] * len(given_verdicts)), verdicts(*given_verdicts)
    assert apply_feedback(scored, rows, DAY, PARAMS).equals(apply_feedback(scored, rows.reverse(), DAY, PARAMS))


def test_feedback_of_one_user_does_not_affect_another() -> None:
    scored = scores(0.5).with_columns(user_id=pl.lit("bob"))
    adjusted = apply_feedback(scored, verdicts([("not_mine", ENGAGED_AT)]), DAY, PARAMS)
    assert adjusted.select("score", "feedback").row(0) == (0.5, None)


def test_more_halves_the_distance_to_one_on_its_day_and_decays_like_the_prior() -> None:
    # Fails without the decay.
    def after(days: float) -> float:
        given_at = datetime(2026, 3, 20, 9) - timedelta(days=days)
        adjusted = apply_feedback(scores(0.2), verdicts([("more", given_at)]), DAY, PARAMS)
        return float(adjusted["confidence"][0])

    assert after(0) == pytest.approx(0.2 + 0.8 * 0.5)
    assert after(PARAMS.recency_half_life_days) == pytest.approx(0.2 + 0.8 * 0.25)
    assert 0.2 < after(150) < 0.201


@given(st.lists(st.tuples(st.sampled_from([None, "not_mine", "finished"]), SHARES), min_size=2, max_size=8))
def test_rejected_journeys_rank_behind_all_others_after_diversification(
    journeys: list[tuple[str | None, float]],
) -> None:
    given_verdicts = verdicts(*([] if name is None else [(name, ENGAGED_AT)] for name, _ in journeys))
    same = pack(np.ones((1, 4), dtype=np.float32) / 2)[0]
    scored = scores(*(score for _, score in journeys)).with_columns(centroid=pl.lit(same, dtype=pl.Binary))
    ranked = diversify(apply_feedback(scored, given_verdicts, DAY, PARAMS), PARAMS)
    rejected = ranked.filter(pl.col("feedback").is_not_null())
    wanted = ranked.filter(pl.col("feedback").is_null() & (pl.col("diversified_score") > 0))
    assert (rejected["diversified_score"] == 0).all()
    if rejected.height and wanted.height:
        assert rejected["rank"].min() > wanted["rank"].max()  # type: ignore[operator]


def test_verdicts_on_journeys_that_are_not_live_are_counted_for_orphan_days_and_have_no_effect() -> None:
    # Fails if the bound is a day off, and without a bound.
    too_old = datetime.combine(DAY - timedelta(days=ORPHAN_DAYS), datetime.max.time())
    oldest_counted = too_old + timedelta(microseconds=1)
    single = verdicts(
        [("mute", oldest_counted)], [("mute", oldest_counted)], [("finished", too_old)], [("more", too_old)]
    )
    repeated = verdicts([], [], [], [], [("more", too_old), ("finished", oldest_counted)])
    live = scores(0.5)
    assert orphaned(pl.concat([single, repeated]), live, DAY)["journey_id"].to_list() == ["j1", "j4"]
    assert apply_feedback(live, single, DAY, PARAMS)["feedback"].to_list() == ["mute"]
