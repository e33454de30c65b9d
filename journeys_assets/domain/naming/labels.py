"""Labels for naming: the names that annotators give or accept, as grades of the candidates for each
journey's name.

Where a sheet shows a name, annotators write a better one, or leave the field empty if the name is good enough. Both are
labels, because training on bad names alone would lose good ones. But an accepted name hides other names that would have
been as good. Evaluated on such labels, the shown names look best (measured: weights that are better by 0.03 look worse
by 0.05). Some rows therefore show no name; names given there are *blind*. Weights are trained on all labels and
evaluated on blind ones only.

Judgements are read in ``storage.queries.labels``, weights are fitted in ``models.naming.training``.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.naming.features import FEATURES, JOURNEY, candidate_features
from journeys_assets.domain.naming.params import NamingParams

ROW_SCHEMA = pl.Schema(
    {
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "keyword": pl.String(),
        "n_queries": pl.Int64(),
        "first_engaged_at": pl.Datetime("us"),
        "is_generic": pl.Boolean(),
        "personal": pl.Int64(),
        **dict.fromkeys(FEATURES, pl.Float64()),
        "grade": pl.Float64(),
        "blind_grade": pl.Float64(),
        "journey_weight": pl.Float64(),
        "user": pl.String(),
        "day": pl.Date(),
        "known_on": pl.Date(),
    }
)
"""One row per journey, as of a day, and candidate for its name. ``grade`` comes from all judgements, ``blind_grade``
from annotators who were shown no name (null without any). ``user_id`` is different for each day of a ``user``.
``journey_weight`` sums to 1 over the days of a journey."""


def wanted_names(judged: pl.DataFrame, positive_from: float, accepted_grade: float) -> pl.DataFrame:
    """The name that each judgement gives or accepts. Judgements that do neither are left out.

    This is the better name if one was given. Otherwise it is the name that the sheet showed, if the annotator
    considers the journey a real one; other journeys need no name.

    Args:
        judged: day, user_id, journey_id, relevance, better_name (nullable), shown_name (null where no sheet showed a
            name), is_blind (the annotator was shown no name), judged_on; one row per judgement.
        positive_from: Lowest relevance of a real journey.
        accepted_grade: Value of an accepted name, 0 to 1; a given name has the value 1.

    Returns:
        day, user_id, journey_id, wanted (normalised), worth, is_blind, known_on; one row per judgement that counts.
    """
    better = pl.col("better_name").fill_null("").str.strip_chars()
    accepted = pl.when((pl.col("relevance") >= positive_from) & ~pl.col("is_blind")).then(pl.col("shown_name"))
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
    """How well each candidate matches the names that annotators want for the journey.

    The grade of a candidate is the F1 of its words and those of a wanted name (1 for the same text) times ``worth``,
    averaged over the journey's wanted names. A journey without wanted names has no grades.

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
    """F1 of the words of two normalised texts; 1 for the same text."""
    if one == other:
        return 1.0
    words, others = set(one.split()), set(other.split())
    return 2 * len(words & others) / max(1, len(words) + len(others))


def graded_members(
    wanted: pl.DataFrame, clusters: pl.DataFrame, keyword_facts: pl.DataFrame, day: date, params: NamingParams
) -> pl.DataFrame:
    """Candidates, as of ``day``, of the journeys with wanted names, with features and grades.

    Args:
        wanted: Rows of ``wanted_names`` of that day.
        clusters, keyword_facts: As for ``names.name_journeys``, for all journeys of the users, because features compare
            them.

    Returns:
        Columns of ``ROW_SCHEMA``, each journey with a weight of 1; journeys that are not in ``clusters`` are left out.
    """
    features = candidate_features(clusters, keyword_facts, params)
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
    """Rows of ``ROW_SCHEMA`` with ``journey_weight`` summing to 1 over the days of each journey; sorted."""
    days = rows.select("user", "journey_id", "day").unique().group_by("user", "journey_id").agg(n_days=pl.len())
    return (
        rows.join(days, on=["user", "journey_id"])
        .with_columns(journey_weight=1.0 / pl.col("n_days"))
        .select(ROW_SCHEMA.names())
        .sort(*JOURNEY, "keyword")
    )
