"""What a user says of a journey outweighs what the ranker thinks of it."""

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
Said = tuple[str, datetime]


def scores(*values: float) -> pl.DataFrame:
    rows = [
        {"user_id": "ann", "journey_id": f"j{n}", "last_engaged_at": ENGAGED_AT, "score": v, "confidence": v, "note": n}
        for n, v in enumerate(values)
    ]
    return pl.DataFrame(rows)


def verdicts(*said: list[Said]) -> pl.DataFrame:
    """What was said of j0, j1, …, each in the order in which it was said, as ``reads.feedback_as_of`` gives it."""
    rows = []
    for n, words in enumerate(said):
        latest = dict(words)
        wishes = [verdict for verdict, _ in words if verdict != "finished"]
        times = {"more_at": latest.get("more"), "finished_at": latest.get("finished")}
        if words:
            own = {"user_id": "ann", "journey_id": f"j{n}", "wish": wishes[-1] if wishes else None}
            rows.append({**own, **times, "said_at": words[-1][1]})
    return pl.DataFrame(rows, schema=VERDICTS)


def holds(words: list[Said]) -> str | None:
    """The rule told as a story: words and engagement in the order in which they came."""
    # Of one moment the engagement is first: a journey finished at its last engagement is finished.
    story = sorted([*words, ("engaged", ENGAGED_AT)], key=lambda event: (event[1], event[0] != "engaged"))
    wish, finished = None, False
    for verdict, _ in story:
        if verdict == "engaged":
            finished = False
        elif verdict == "finished":
            finished, wish = True, None if wish == "more" else wish
        else:
            wish, finished = verdict, finished and verdict != "more"
    return "finished" if finished else wish


@st.composite
def stories(draw: st.DrawFn) -> list[Said]:
    """Words at different hours around the last engagement."""
    hours = sorted(draw(st.sets(st.sampled_from([-30, -3, -2, -1, 0, 1, 30]), max_size=6)))
    words = st.sampled_from(["finished", "not_mine", "mute", "more"])
    return [(draw(words), ENGAGED_AT + timedelta(hours=hour)) for hour in hours]


@settings(max_examples=400)
@given(st.lists(st.tuples(stories(), SHARES), min_size=1, max_size=5))
def test_the_verdict_that_holds_and_what_it_does(journeys: list[tuple[list[Said], float]]) -> None:
    # Seen to fail with `finished` that `more` does not take back, and with `more` that `finished` does not take back.
    scored = scores(*(score for _, score in journeys))
    heard = apply_feedback(scored, verdicts(*(words for words, _ in journeys)), DAY, PARAMS)
    assert heard.drop("score", "confidence", "feedback").equals(scored.drop("score", "confidence"))
    assert heard["feedback"].to_list() == [holds(words) for words, _ in journeys]
    for row, (_, before) in zip(heard.iter_rows(named=True), journeys, strict=True):
        for name in ("score", "confidence"):
            if row["feedback"] in ("finished", "not_mine"):
                assert row[name] == 0
            elif row["feedback"] == "more":
                assert before <= row[name] <= 1
                assert row[name] > before or before > 1 - 1e-9
            else:
                assert row[name] == before


@given(st.lists(stories(), min_size=1, max_size=5))
def test_the_order_of_verdicts_plays_no_part(said: list[list[Said]]) -> None:
    scored, words = scores(*[0.5] * len(said)), verdicts(*said)
    assert apply_feedback(scored, words, DAY, PARAMS).equals(apply_feedback(scored, words.reverse(), DAY, PARAMS))


def test_what_one_user_says_is_not_heard_for_another() -> None:
    scored = scores(0.5).with_columns(user_id=pl.lit("bob"))
    heard = apply_feedback(scored, verdicts([("not_mine", ENGAGED_AT)]), DAY, PARAMS)
    assert heard.select("score", "feedback").row(0) == (0.5, None)


def test_more_goes_half_the_way_on_its_day_and_fades_like_the_prior() -> None:
    # Seen to fail without the fading.
    def after(days: float) -> float:
        said_at = datetime(2026, 3, 20, 9) - timedelta(days=days)
        heard = apply_feedback(scores(0.2), verdicts([("more", said_at)]), DAY, PARAMS)
        return float(heard["confidence"][0])

    assert after(0) == pytest.approx(0.2 + 0.8 * 0.5)
    assert after(PARAMS.recency_half_life_days) == pytest.approx(0.2 + 0.8 * 0.25)
    assert 0.2 < after(150) < 0.201


@given(st.lists(st.tuples(st.sampled_from([None, "not_mine", "finished"]), SHARES), min_size=2, max_size=8))
def test_what_the_user_does_not_want_ranks_behind_all_else_after_diversification(
    journeys: list[tuple[str | None, float]],
) -> None:
    said = verdicts(*([] if word is None else [(word, ENGAGED_AT)] for word, _ in journeys))
    same = pack(np.ones((1, 4), dtype=np.float32) / 2)[0]
    scored = scores(*(score for _, score in journeys)).with_columns(centroid=pl.lit(same, dtype=pl.Binary))
    ranked = diversify(apply_feedback(scored, said, DAY, PARAMS), PARAMS)
    rejected = ranked.filter(pl.col("feedback").is_not_null())
    wanted = ranked.filter(pl.col("feedback").is_null() & (pl.col("diversified_score") > 0))
    assert (rejected["diversified_score"] == 0).all()
    if rejected.height and wanted.height:
        assert rejected["rank"].min() > wanted["rank"].max()  # type: ignore[operator]


def test_verdicts_on_journeys_that_are_not_live_are_counted_for_a_while_and_change_nothing() -> None:
    # Seen to fail with a bound that is a day off, and with no bound.
    last_heard = datetime.combine(DAY - timedelta(days=ORPHAN_DAYS), datetime.max.time())
    first_heard = last_heard + timedelta(microseconds=1)
    said = verdicts(
        [("mute", first_heard)], [("mute", first_heard)], [("finished", last_heard)], [("more", last_heard)]
    )
    again = verdicts([], [], [], [], [("more", last_heard), ("finished", first_heard)])
    live = scores(0.5)
    assert orphaned(pl.concat([said, again]), live, DAY)["journey_id"].to_list() == ["j1", "j4"]
    assert apply_feedback(live, said, DAY, PARAMS)["feedback"].to_list() == ["mute"]
