"""What a user said of a journey, and what follows from it.

========  ===============  ================================  ========================================
verdict   stage            score and confidence              notifications
========  ===============  ================================  ========================================
finished  ended            0: it is not current              none
not_mine  as the log says  0: it is not the user's           none
mute      as the log says  as the model says                 none
more      as the log says  ``more_boost`` of the way to 1    as any other; lifts mute and not_mine
========  ===============  ================================  ========================================

``finished`` lapses once the journey is engaged with again. Of the other three the latest word counts, until the next
one. ``not_mine`` leaves the stage alone: the log is what it is, and the word is about whose journey it is.

What belongs here: the effect on score and confidence. What does not: stages (``stage_labels``), who is notified
(``domain.notifications``).
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.parameters import RankingParams


def apply_feedback(scored: pl.DataFrame, verdicts: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """Score and confidence after the user's own word.

    Args:
        scored: user_id, journey_id, last_engaged_at, score and confidence (0..1); other columns are kept.
        verdicts: user_id, journey_id, wish (the latest of not_mine, mute, more; nullable), finished_at (nullable); one
            row per user and journey at most. Journeys that are not in ``scored`` are left out.

    Returns:
        ``scored`` in its order, with score and confidence changed and ``feedback``: the verdict that holds, or null.
    """
    is_finished = (pl.col("finished_at") >= pl.col("last_engaged_at")).fill_null(False)
    feedback = pl.when(is_finished).then(pl.lit("finished")).otherwise(pl.col("wish"))
    joined = scored.join(verdicts, on=["user_id", "journey_id"], how="left", maintain_order="left", validate="1:1")
    return (
        joined.with_columns(feedback=feedback)
        .with_columns(
            pl.when(pl.col("feedback").is_in(["finished", "not_mine"]))
            .then(0.0)
            .when(pl.col("feedback") == "more")
            .then(pl.col(name) + params.more_boost * (1.0 - pl.col(name)))
            .otherwise(pl.col(name))
            .alias(name)
            for name in ("score", "confidence")
        )
        .drop("wish", "finished_at")
    )
