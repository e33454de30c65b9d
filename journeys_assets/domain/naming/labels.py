"""What annotators would call journeys, as labels of the keywords that could name them.

Where a sheet shows a name, annotators write a better one if it will not do, and else leave it: both say something, as a
fit that learns from failures alone gives up what is good. But a name that was let stand hides what else would have done
as well: judged by such labels, whatever is shown looks best (measured: weights that are better by 0.03 look worse by
0.05). So a part of the rows shows no name, and what annotators call those is *blind*: weights are learnt from all
labels, and judged by blind ones alone.

What belongs here: which name a judgement stands for, and how well each keyword agrees with it. What does not: reading
judgements (``storage.queries.labels``) and fitting (``models.naming.training``).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.naming.features import FEATURES, JOURNEY, member_features
from journeys_assets.domain.naming.params import NamingParams

ROW_SCHEMA = pl.Schema(
    {
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "keyword": pl.String(),
        "n_queries": pl.Int64(),
        "first_engaged_at": pl.Datetime("us"),
        "is_generic": pl.Boolean(),
        **dict.fromkeys(FEATURES, pl.Float64()),
        "grade": pl.Float64(),
        "blind_grade": pl.Float64(),
        "journey_weight": pl.Float64(),
        "user": pl.String(),
        "day": pl.Date(),
        "known_on": pl.Date(),
    }
)
"""One row a journey, as of a day, and member keyword. ``grade`` is by all judgements, ``blind_grade`` by those of
annotators who were shown no name (null where there are none). ``user_id`` tells the days of a ``user`` apart. The days
of one journey have one ``journey_weight`` between them, which sums to 1."""


def wanted_names(judged: pl.DataFrame, positive_from: float, accepted_grade: float) -> pl.DataFrame:
    """The name that each judgement stands for; judgements that say nothing of the name are left out.

    That is the better name; or, where none was given, the keyword that the sheet showed as the name, of a journey that
    the annotator takes for one: of anything else there is nothing to be named.

    Args:
        judged: day, user_id, journey_id, relevance, better_name (nullable), shown_keyword (null where no sheet showed a
            name), is_blind (the annotator was shown no name), judged_on; one row a judgement.
        positive_from: Lowest relevance of a journey that is one.
        accepted_grade: What a name that was let stand is worth, 0 to 1; one that was given is worth 1.

    Returns:
        day, user_id, journey_id, wanted (normalised), worth, is_blind, known_on; one row a judgement that counts.
    """
    better = pl.col("better_name").fill_null("").str.strip_chars()
    accepted = pl.when((pl.col("relevance") >= positive_from) & ~pl.col("is_blind")).then(pl.col("shown_keyword"))
    rows = judged.select(
        "day",
        *JOURNEY,
        wanted=pl.when(better != "").then(better).otherwise(accepted),
        worth=pl.when(better != "").then(1.0).otherwise(accepted_grade),
        is_blind="is_blind",
        known_on="judged_on",
    ).drop_nulls("wanted")
    names = pl.Series([normalise(name) for name in rows["wanted"].to_list()], dtype=pl.String)
    return rows.with_columns(wanted=names)


def name_grades(members: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """How well each member keyword says what annotators would call the journey.

    A keyword's grade is the F1 of its words with those of a wanted name (1 where it is that name) times what that name
    is worth, the mean over the names that are wanted for the journey; a journey of which none is wanted has no grades.

    Args:
        members: user_id, journey_id, keyword (normalised).
        wanted: user_id, journey_id, wanted (normalised), worth (0 to 1).

    Returns:
        user_id, journey_id, keyword, grade (0 to 1); sorted.
    """
    pairs = members.select(*JOURNEY, "keyword").join(wanted.select(*JOURNEY, "wanted", "worth"), on=JOURNEY)
    distinct = pairs.select("keyword", "wanted").unique()
    grades = [word_f1(one, other) for one, other in distinct.iter_rows()]
    return (
        pairs.join(distinct.with_columns(f1=pl.Series(grades, dtype=pl.Float64)), on=["keyword", "wanted"])
        .sort(*JOURNEY, "keyword", "wanted", "worth")
        .group_by(*JOURNEY, "keyword", maintain_order=True)
        .agg(grade=(pl.col("f1") * pl.col("worth")).mean())
    )


def word_f1(one: str, other: str) -> float:
    """F1 of the words of two normalised texts; 1 where they are the same."""
    if one == other:
        return 1.0
    words, others = set(one.split()), set(other.split())
    return 2 * len(words & others) / max(1, len(words) + len(others))


def graded_members(
    wanted: pl.DataFrame, clusters: pl.DataFrame, keyword_facts: pl.DataFrame, day: date, params: NamingParams
) -> pl.DataFrame:
    """Members of the journeys that a name is wanted for, as they were on ``day``, with features and grades.

    Args:
        wanted: Rows of ``wanted_names`` of that day.
        clusters, keyword_facts: As for ``naming.name_journeys``; all journeys of the users, as features compare them.

    Returns:
        Columns of ``ROW_SCHEMA``, each journey with a weight of 1; those that are not among ``clusters`` are left out.
    """
    features = member_features(clusters, keyword_facts, params)
    known = wanted.group_by(JOURNEY).agg(pl.col("known_on").max())
    blind = name_grades(features, wanted.filter("is_blind")).rename({"grade": "blind_grade"})
    rows = (
        features.join(name_grades(features, wanted), on=[*JOURNEY, "keyword"])
        .join(blind, on=[*JOURNEY, "keyword"], how="left")
        .join(known, on=JOURNEY)
    )
    return rows.with_columns(
        user="user_id", day=pl.lit(day), user_id=pl.format("{} {}", "user_id", pl.lit(day)), journey_weight=pl.lit(1.0)
    ).select(pl.col(name).cast(dtype) for name, dtype in ROW_SCHEMA.items())


def weighted_by_journey(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``ROW_SCHEMA`` in which the days of one journey have a weight of 1 between them; sorted."""
    days = rows.select("user", "journey_id", "day").unique().group_by("user", "journey_id").agg(n_days=pl.len())
    return (
        rows.join(days, on=["user", "journey_id"])
        .with_columns(journey_weight=1.0 / pl.col("n_days"))
        .select(ROW_SCHEMA.names())
        .sort(*JOURNEY, "keyword")
    )
