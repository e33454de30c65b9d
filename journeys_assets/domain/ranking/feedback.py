"""What a user said of a journey, and what follows from it: the one place that decides which word holds.

========  ===============  =======================================  ==============================================
verdict   stage            score and confidence                     notifications
========  ===============  =======================================  ==============================================
finished  ended            0: it is not current                     none
not_mine  as the log says  0: it is not the user's                  none
mute      as the log says  as the ranker says                       none
more      as the log says  ``more_boost`` of the way to 1, fading   as any other; takes back mute and not_mine
========  ===============  =======================================  ==============================================

``finished`` holds until the journey is engaged with again or the user asks for ``more`` of it. Of the other three the
latest counts, until the next one; ``more`` is also taken back by a later ``finished``. Where ``finished`` holds beside
``mute`` or ``not_mine`` it is the one that is told, and the other one shows again once it lapses. At one and the same
moment the stricter word counts.

* A score of 0 puts a journey behind every other one, whatever scored it; diversification leaves 0 at 0.
* ``not_mine`` leaves the stage alone: the log is what it is, and the word is about whose journey it is. Engaging again
  does not take it back, as the engagement that made the journey did not make it the user's either; ``more`` does.
* ``more`` is a wish of its day. Its boost halves every ``recency_half_life_days`` as the prior does, else a journey
  that fell silent long ago would stay above those that go on, with a confidence that never falls below a half.

What belongs here: which verdict holds, and its effect on score and confidence. What does not: the stage
(``stage_labels`` asks for ``finished``) and who is notified (``domain.notifications.plan`` asks for the others).
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from journeys_assets.domain.ranking.params import RankingParams

ORPHAN_DAYS = 90
"""How long a verdict on a journey that is not live is counted; as long as keywords make a journey."""

_LN_2 = 0.6931471805599453


def apply_feedback(scored: pl.DataFrame, verdicts: pl.DataFrame, day: date, params: RankingParams) -> pl.DataFrame:
    """Score and confidence after the user's own word.

    Args:
        scored: user_id, journey_id, last_engaged_at, score and confidence (0..1); other columns are kept.
        verdicts: user_id, journey_id, wish (the latest of not_mine, mute, more), more_at and finished_at (the latest
            time of each; null where not said) and said_at (of any word), as known by the end of ``day``; one row per
            user and journey at most. Journeys that are not in ``scored`` are left out.
        day: The day that is ranked.

    Returns:
        ``scored`` in its order, with score and confidence changed and ``feedback``: the verdict that holds, or null.
    """
    joined = scored.join(verdicts, on=["user_id", "journey_id"], how="left", maintain_order="left", validate="1:1")
    days_since = (pl.lit(day) - pl.col("more_at").dt.date()).dt.total_days().cast(pl.Float64)
    boost = params.more_boost * (days_since * (-_LN_2 / params.recency_half_life_days)).exp()
    return (
        joined.with_columns(feedback=_standing())
        .with_columns(
            pl.when(pl.col("feedback").is_in(["finished", "not_mine"]))
            .then(0.0)
            .when(pl.col("feedback") == "more")
            .then(pl.col(name) + boost * (1.0 - pl.col(name)))
            .otherwise(pl.col(name))
            .alias(name)
            for name in ("score", "confidence")
        )
        .drop("wish", "more_at", "finished_at", "said_at")
    )


def orphaned(verdicts: pl.DataFrame, live: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows of ``verdicts`` that change nothing as their journey is not live: it faded, merged, or never was.

    A merged journey's verdict does not pass on to the one that took it up: what was said of a part need not be true of
    the whole.

    Args:
        verdicts: As for :func:`apply_feedback`.
        live: user_id, journey_id of every live journey of ``day``.

    Returns:
        Those whose latest word was said in the ``ORPHAN_DAYS`` days that end with ``day``.
    """
    recent = verdicts.filter(pl.col("said_at").dt.date() > day - timedelta(days=ORPHAN_DAYS))
    return recent.join(live, on=["user_id", "journey_id"], how="anti")


def _standing() -> pl.Expr:
    """The verdict that holds, or null."""
    wants_more_again = (pl.col("more_at") > pl.col("finished_at")).fill_null(False)
    is_finished = (pl.col("finished_at") >= pl.col("last_engaged_at")).fill_null(False) & ~wants_more_again
    is_taken_back = (pl.col("wish") == "more") & pl.col("finished_at").is_not_null() & ~wants_more_again
    return pl.when(is_finished).then(pl.lit("finished")).when(~is_taken_back).then(pl.col("wish"))
