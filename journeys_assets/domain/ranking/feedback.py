"""Feedback of users on their journeys: which verdict applies, and its effect on score and confidence.

========  =============  ==============================================  ==================================
verdict   stage          score and confidence                            notifications
========  =============  ==============================================  ==================================
finished  ended          0: the journey is not current                   none
not_mine  from the log   0: the journey is not the user's                none
mute      from the log   from the ranker                                 none
more      from the log   closer to 1 by ``more_boost``, which decays     allowed; cancels mute and not_mine
========  =============  ==============================================  ==================================

``finished`` applies until the user engages with the journey again or asks for ``more`` of it. Of the other three, the
latest applies until the next one. A later ``finished`` also cancels ``more``. If ``finished`` applies together with
``mute`` or ``not_mine``, ``finished`` is shown, and the other one is shown again once ``finished`` no longer applies.
Of verdicts given at the same moment, the stricter one counts.

* A journey with score 0 ranks behind every other one, with any scorer. Diversification keeps 0 at 0.
* ``not_mine`` does not change the stage, because the stage describes the log and the verdict describes whose journey it
  is. Further engagement does not cancel it, because engagement did not make the journey the user's in the first place.
  ``more`` cancels it.
* ``more`` loses importance with time. Its boost halves every ``recency_half_life_days``, as the prior does. Otherwise a
  journey without engagement for months would stay above current ones, with a confidence of at least a half.

The stage is decided in SQL (``stage_labels``), notifications in ``domain.notifications.plan``.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from journeys_assets.domain.ranking.params import RankingParams

ORPHAN_DAYS = 90
"""Days for which a verdict on a journey that is not live is counted; equal to the look-back window of keywords."""

_LN_2 = 0.6931471805599453


def apply_feedback(scored: pl.DataFrame, verdicts: pl.DataFrame, day: date, params: RankingParams) -> pl.DataFrame:
    """Score and confidence after the user's feedback.

    Args:
        scored: user_id, journey_id, last_engaged_at, score and confidence (0..1); other columns are kept.
        verdicts: user_id, journey_id, wish (the latest of not_mine, mute, more), more_at and finished_at (the latest
            time of each; null where not given) and said_at (of the latest verdict), as of the end of ``day``; at most
            one row per user and journey. Journeys that are not in ``scored`` are ignored.
        day: The day that is ranked.

    Returns:
        ``scored`` in the same order, with score and confidence changed and ``feedback``: the verdict that applies, or
        null.
    """
    joined = scored.join(verdicts, on=["user_id", "journey_id"], how="left", maintain_order="left", validate="1:1")
    days_since = (pl.lit(day) - pl.col("more_at").dt.date()).dt.total_days().cast(pl.Float64)
    boost = params.more_boost * (days_since * (-_LN_2 / params.recency_half_life_days)).exp()
    return (
        joined.with_columns(feedback=_applicable_verdict())
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
    """Rows of ``verdicts`` without effect because their journey is not live: it expired, was merged, or never existed.

    The verdict on a merged journey does not apply to the journey that it was merged into, because a verdict on a part
    need not be true of the whole.

    Args:
        verdicts: As for :func:`apply_feedback`.
        live: user_id, journey_id of every live journey of ``day``.

    Returns:
        Those whose latest verdict was given in the ``ORPHAN_DAYS`` days up to and including ``day``.
    """
    recent = verdicts.filter(pl.col("said_at").dt.date() > day - timedelta(days=ORPHAN_DAYS))
    return recent.join(live, on=["user_id", "journey_id"], how="anti")


def _applicable_verdict() -> pl.Expr:
    """The verdict that applies, or null."""
    wants_more_again = (pl.col("more_at") > pl.col("finished_at")).fill_null(False)
    is_finished = (pl.col("finished_at") >= pl.col("last_engaged_at")).fill_null(False) & ~wants_more_again
    is_cancelled = (pl.col("wish") == "more") & pl.col("finished_at").is_not_null() & ~wants_more_again
    return pl.when(is_finished).then(pl.lit("finished")).when(~is_cancelled).then(pl.col("wish"))
