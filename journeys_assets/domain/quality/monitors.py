"""Quality monitors of one day: measurements of its output, each with a bound and offending rows.

Monitors that compare a day with the weeks before are in ``domain.quality.drift``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from journeys_assets.domain.judging.quality import Quality
from journeys_assets.domain.quality.unmatched import Unmatched

OFFENDERS = 5


@dataclass(frozen=True, slots=True)
class Monitor:
    """One measured value against its bound.

    Attributes:
        name: What was measured.
        value: The measurement; None where there was nothing to measure.
        bound: The bound as text, or the reason why nothing was measured.
        passed: Whether the value is within the bound.
        offenders: A few rows that exceed the bound; may be empty.
        advice: What to check when the monitor fails.
        lower, upper: The bound as numbers, both inclusive; None on a side without one.
    """

    name: str
    value: float | None
    bound: str
    passed: bool
    offenders: pl.DataFrame
    advice: str
    lower: float | None = None
    upper: float | None = None

    @property
    def summary(self) -> str:
        """One line: what was measured and what was expected."""
        if self.value is None:
            return f"{self.name}: {self.bound}"
        return f"{self.name} = {format_measured(self.value, self.lower, self.upper)}, expected {self.bound}"


def format_number(value: float) -> str:
    """``value`` for people: three significant digits below 100, whole numbers above, no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_measured(value: float, *bounds: float | None) -> str:
    """``value`` for people, with as many digits as it takes to tell it from ``bounds`` that it does not equal."""
    others = {format_number(bound) for bound in bounds if bound is not None and bound != value}
    candidates = [format_number(value), *(f"{value:,.{digits}g}" for digits in range(4, 16))]
    return next((text for text in candidates if text not in others), candidates[-1])


def bounded(
    name: str,
    value: float,
    *,
    advice: str,
    lower: float | None = None,
    upper: float | None = None,
    offenders: pl.DataFrame | None = None,
    note: str = "",
) -> Monitor:
    """A monitor of ``value`` that passes from ``lower`` to ``upper`` (inclusive); ``note`` explains the bound."""
    if lower is not None and upper is not None:
        bound = f"{format_number(lower)} … {format_number(upper)}"
    elif lower is not None:
        bound = f">= {format_number(lower)}"
    else:
        bound = f"<= {format_number(upper)}" if upper is not None else "any"
    passed = (lower is None or value >= lower) and (upper is None or value <= upper)
    rows = pl.DataFrame() if offenders is None else offenders
    return Monitor(name, value, f"{bound} ({note})" if note else bound, passed, rows, advice, lower, upper)


def unmeasured(name: str, why: str) -> Monitor:
    """A monitor that could not be measured. It passes; its bound is the reason ``why``."""
    return Monitor(name, None, why, True, pl.DataFrame(), "")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def share_of_keywords_embedded(keywords: pl.Series, embedded: pl.Series, *, minimum: float = 1.0) -> Monitor:
    """Share of the day's distinct keywords that have a vector (1 if the day has none).

    Bound: 1. A keyword without a vector is left out of every cluster.
    """
    distinct = keywords.unique()
    missing = distinct.filter(~distinct.is_in(embedded.implode())).sort()
    return bounded(
        "share_of_keywords_embedded",
        1.0 - _share(missing.len(), distinct.len()),
        lower=minimum,
        offenders=missing.head(OFFENDERS).to_frame("keyword"),
        advice="materialise keyword_embeddings for the day again",
    )


def singleton_share(clusters: pl.DataFrame, *, maximum: float = 0.8, min_users: int = 10) -> Monitor:
    """Share of clusters with a single keyword. It is high where users are fragmented or have few keywords.

    Bound: the share is about 0.4 on the first days of a log, when users have few keywords. At 0.8 there is almost no
    structure. Days with fewer than ``min_users`` users are not measured: newcomers with one search each are not an
    error.
    """
    n_users = clusters["user_id"].n_unique()
    if n_users < max(1, min_users):
        return unmeasured("singleton_share", f"nothing to measure: {n_users} users on this day, {min_users} are needed")
    singles = clusters.filter(pl.col("n_keywords") == 1)
    worst = singles.group_by("user_id").len("singletons").sort(["singletons", "user_id"], descending=[True, False])
    return bounded(
        "singleton_share",
        _share(singles.height, clusters.height),
        upper=maximum,
        offenders=worst.head(OFFENDERS),
        advice="look for a new source of noise keywords, or for a cut that is too low",
    )


def journeys_per_user(journeys: pl.DataFrame, *, maximum: float = 40.0) -> Monitor:
    """Median number of journeys of users that have any.

    Bound: people do not pursue so many things at once. If half of all users exceed it, the journeys are wrong or the
    users are bots.
    """
    if journeys.is_empty():
        return unmeasured("journeys_per_user", "nothing to measure: no live journey on this day")
    per_user = journeys.group_by("user_id").len("journeys").sort(["journeys", "user_id"], descending=[True, False])
    return bounded(
        "journeys_per_user",
        float(np.median(per_user["journeys"].to_numpy())),
        upper=maximum,
        offenders=per_user.head(OFFENDERS),
        advice="many journeys per user indicate a cut that is too low, or bots",
    )


def one_area_share(
    journeys: pl.DataFrame, *, maximum: float = 0.6, min_journeys: int = 4, min_users: int = 10
) -> Monitor:
    """Share of the users with at least ``min_journeys`` journeys that have a single area.

    Bound: people with several journeys usually pursue several areas. If most have a single one, areas do not separate
    their journeys. Days with fewer than ``min_users`` such users are not measured.

    Args:
        journeys: user_id, area_id of every live journey.
    """
    per_user = journeys.group_by("user_id").agg(journeys=pl.len(), areas=pl.col("area_id").n_unique())
    busy = per_user.filter(pl.col("journeys") >= min_journeys)
    if busy.height < max(1, min_users):
        why = (
            f"nothing to measure: {busy.height} users with {min_journeys} journeys on this day, {min_users} are needed"
        )
        return unmeasured("one_area_share", why)
    single = busy.filter(pl.col("areas") == 1).sort("journeys", "user_id", descending=[True, False])
    return bounded(
        "one_area_share",
        _share(single.height, busy.height),
        upper=maximum,
        offenders=single.select("user_id", "journeys").head(OFFENDERS),
        advice="call `journeys calibrate`, or lower area_distance: the items of this log, or the vectors of this "
        "model, are all similar",
    )


def name_uniqueness(journeys: pl.DataFrame, *, minimum: float = 1.0) -> Monitor:
    """Share of journeys whose name is unique among the user's journeys.

    Bound: 1, because names are unique by construction.
    """
    key = pl.struct("user_id", pl.col("journey_name").str.to_lowercase())
    repeated = journeys.filter(key.is_duplicated())
    return bounded(
        "name_uniqueness",
        1.0 - _share(repeated.height, journeys.height),
        lower=minimum,
        offenders=repeated.select("user_id", "journey_id", "journey_name").head(OFFENDERS),
        advice="names are unique by construction; materialise journey_names for the day again",
    )


def candidates_per_user(sends: pl.DataFrame, *, weekly_cap: int) -> Monitor:
    """Largest number of sends to one user within seven days, against the cap.

    Args:
        sends: One row per planned send of the last seven days: user_id.
    """
    per_user = sends.group_by("user_id").len("sends").sort(["sends", "user_id"], descending=[True, False])
    return bounded(
        "candidates_per_user",
        float(per_user["sends"][0]) if per_user.height else 0.0,
        upper=weekly_cap,
        offenders=per_user.filter(pl.col("sends") > weekly_cap).head(OFFENDERS),
        advice="days were materialised out of order; run the week again in order",
    )


def share_quarantined(n_rows: int, n_quarantined: int, *, maximum: float = 0.05) -> Monitor:
    """Share of landed rows that were quarantined.

    Bound: occasional bad rows are well below 1 %. A changed column or format affects whole files.
    """
    return bounded(
        "share_quarantined",
        _share(n_quarantined, n_rows),
        upper=maximum,
        advice="see landing.quarantined_rows for file, line and reason",
    )


def share_of_questions_without_an_answer(reasons: pl.DataFrame, *, maximum: float = 0.1) -> Monitor:
    """Share of the questions to a language model that came back without an answer; the rows do without.

    Bound: single answers fail. A dead endpoint, a wrong key or a budget that is used up affects all that follow.

    Args:
        reasons: reason (null: answered), questions; one row per reason.
    """
    name = "share_of_questions_without_an_answer"
    if not (n_questions := int(reasons["questions"].sum())):
        return unmeasured(name, "nothing to measure: no question to a language model")
    failed = reasons.drop_nulls("reason").sort("questions", "reason", descending=[True, False])
    return bounded(
        name,
        _share(int(failed["questions"].sum()), n_questions),
        upper=maximum,
        offenders=failed,
        advice="see llm_ledger for the reasons; `journeys doctor` asks the endpoint",
    )


def share_of_journeys_in_doubt(counts: pl.DataFrame, *, maximum: float = 0.1) -> Monitor:
    """Share of live journeys that are not sent because the safety model is not sure.

    Bound: on ordinary logs a few percent. More means texts of a kind or language that the model does not know.

    Args:
        counts: decided_by, journeys; one row per value.
    """
    name = "share_of_journeys_in_doubt"
    if not (n_journeys := int(counts["journeys"].sum())):
        return unmeasured(name, "nothing to measure: no live journey")
    in_doubt = counts.filter(pl.col("decided_by") == "uncertain")
    return bounded(
        name,
        _share(int(in_doubt["journeys"].sum()), n_journeys),
        upper=maximum,
        advice="look at the names in journey_safety; `journeys safety check` judges texts of your own",
    )


def share_of_names_refused(verdicts: pl.DataFrame, *, maximum: float = 0.5) -> Monitor:
    """Share of the names by a language model that did not pass the checks, over the trailing four weeks.

    Bound: a weak model may invent; where most of its names are refused, it costs more than it helps.

    Args:
        verdicts: verdict, names; one row per verdict.
    """
    name = "share_of_names_refused"
    if not (n_names := int(verdicts["names"].sum())):
        return unmeasured(name, "nothing to measure: no name by a language model")
    refused = verdicts.filter(pl.col("verdict") != "accepted").sort("names", "verdict", descending=[True, False])
    return bounded(
        name,
        _share(int(refused["names"].sum()), n_names),
        upper=maximum,
        offenders=refused,
        advice="look at suggested_names; a larger model, or a prompt in the language of the log, may do better",
    )


def share_of_users_not_inferred(asked: pl.DataFrame, *, maximum: float = 0.1) -> Monitor:
    """Share of the users whom a language model was asked about that have no answer; the pipeline's clusters stay.

    Bound: as for ``share_of_questions_without_an_answer``.

    Args:
        asked: is_inferred; one row per user.
    """
    name = "share_of_users_not_inferred"
    if asked.is_empty():
        return unmeasured(name, "nothing to measure: no user was asked about")
    return bounded(
        name,
        _share(int((~asked["is_inferred"]).sum()), asked.height),
        upper=maximum,
        advice="see llm_ledger for the reasons; a later run asks about these users again",
    )


def tokens_per_user(asked: pl.DataFrame) -> Monitor:
    """Mean tokens of the questions about the journeys of one user and their answers.

    No bound: algorithm.inference.history_tokens bounds the part that grows with the user's history.

    Args:
        asked: input_tokens, output_tokens; null where there was no answer.
    """
    name = "tokens_per_user"
    tokens = asked.select(tokens=pl.col("input_tokens") + pl.col("output_tokens"))["tokens"].drop_nulls()
    if tokens.is_empty():
        return unmeasured(name, "nothing to measure: no answer about a user")
    return bounded(name, int(tokens.sum()) / tokens.len(), advice="")


def top_journey_quality(quality: Quality | None, uncalibrated: Sequence[str]) -> Monitor:
    """Mean relevance of the best journeys of sampled users, 1 to 5. It has no bound and never fires.

    Args:
        quality: None where nothing was judged.
        uncalibrated: Why the judge is not calibrated; empty where it is.
    """
    name = "top_journey_quality"
    if quality is None:
        return unmeasured(name, "nothing to measure: no journey was judged")
    parts = [
        "" if math.isnan(quality.low) else f"95 % interval {quality.low:.2f} … {quality.high:.2f}",
        f"{quality.n_journeys} journeys of {quality.n_users} users by {quality.judged_by}",
        f"corrected from {quality.judge_mean:.2f}" if quality.is_corrected else "",
        "" if quality.controls is None else f"controls {quality.controls:.2f}",
        f"uncalibrated: {'; '.join(uncalibrated)}" if uncalibrated else "calibrated",
    ]
    return bounded(
        name,
        quality.mean,
        advice="read judged_journeys; `journeys judge-agreement` compares the judge with people",
        note=", ".join(part for part in parts if part),
    )


def share_of_unmatched_engagements(found: Unmatched, *, maximum: float = 0.2) -> Monitor:
    """Share of the engagements whose item is not in pins; they have no keyword of an item.

    Bound: items come later than their first engagements, and are deleted. Ids that are written differently in the two
    files affect every engagement.
    """
    name = "share_of_unmatched_engagements"
    if not found.n_rows:
        return unmeasured(name, "nothing to measure: no engagement with an item")
    worst = {"pin_id": [key for key, _ in found.examples], "engagements": [n for _, n in found.examples]}
    return bounded(
        name,
        found.share,
        upper=maximum,
        offenders=pl.DataFrame(worst, schema={"pin_id": pl.String, "engagements": pl.Int64}),
        advice="are ids written alike in pins and engagements? `journeys doctor` names the likely cause",
    )


def days_behind_log(
    day: date, newest_event_day: date | None, newest_computed_day: date | None, *, maximum: int = 1
) -> Monitor:
    """Days from the newest computed day (at least ``day``) to the newest day with an event.

    Bound: 1, the day that is not over yet. During a backfill the newest computed day counts, so old days pass.
    """
    name = "days_behind_log"
    if newest_event_day is None:
        return unmeasured(name, "nothing to measure: no event has landed")
    reached = max(day, newest_computed_day or day)
    return bounded(
        name,
        float(max(0, (newest_event_day - reached).days)),
        upper=maximum,
        offenders=pl.DataFrame({"newest_event_day": [newest_event_day], "newest_computed_day": [reached]}),
        advice="compute the missing days with `journeys run`; a newest event in the future means a wrong clock",
    )


def silent_sources(
    day: date, event_days: pl.DataFrame, *, maximum: int = 3, trailing_days: int = 28, min_history_days: int = 7
) -> Monitor:
    """Days without events, as of the end of ``day``, of the source of keywords that is most overdue.

    Bound, per source: ``maximum``, or the longest pause in the trailing days plus one if that is more. A log without
    events at weekends therefore passes. A source with events on fewer than ``min_history_days`` of the trailing days is
    not measured: it is new, rare or gone.

    Args:
        event_days: source, event_date: the days that have an event; days after ``day`` are ignored.
    """
    name = "silent_sources"
    regular = (
        event_days.filter(pl.col("event_date").is_between(day - timedelta(days=trailing_days), day, closed="right"))
        .unique()
        .sort("source", "event_date")
        .group_by("source", maintain_order=True)
        .agg(
            pl.col("event_date").len().alias("n_days"),
            pl.col("event_date").max().alias("newest_event_day"),
            (pl.col("event_date").diff().dt.total_days().max() - 1).alias("longest_pause"),
        )
        .filter(pl.col("n_days") >= min_history_days)
        .with_columns(
            silent_days=(pl.lit(day) - pl.col("newest_event_day")).dt.total_days(),
            allowed=pl.max_horizontal(pl.lit(maximum, dtype=pl.Int64), pl.col("longest_pause") + 1),
        )
        .sort(pl.col("silent_days") - pl.col("allowed"), "silent_days", "source", descending=[True, True, False])
    )
    if regular.is_empty():
        return unmeasured(name, f"not enough history: no source has events on {min_history_days} days")
    late = regular.filter(pl.col("silent_days") > pl.col("allowed"))
    return bounded(
        name,
        float(regular["silent_days"][0]),
        upper=float(regular["allowed"][0]),
        note=str(regular["source"][0]),
        offenders=late.select("source", "newest_event_day", "silent_days", "allowed").head(OFFENDERS),
        advice="find out why the export of the source stopped, ingest the missing files, then run `journeys run`",
    )


def share_of_stale_users(n_live: int, stale: pl.DataFrame, *, maximum: float = 0.05) -> Monitor:
    """Share of live users whose output is older than their log or than the algorithm.

    Bound: there are always a few: users of the day that is not over yet, and users with late events.

    Args:
        n_live: Users within the horizon.
        stale: One row per stale user and day: user_id, day, reason.
    """
    users = stale["user_id"].n_unique()
    return bounded(
        "share_of_stale_users",
        # A user without any output is stale but not live yet.
        _share(users, max(n_live, users)),
        upper=maximum,
        offenders=stale.sort("user_id", "day").unique("user_id", keep="first", maintain_order=True).head(OFFENDERS),
        advice="run `journeys run` for new events, `journeys run --full` after a change of the algorithm",
    )


def as_frame(monitors: Sequence[tuple[str, Monitor]]) -> pl.DataFrame:
    """One row per (asset, monitor): asset, monitor, value, lower, upper, bound, passed, advice."""
    schema = {
        "asset": pl.String,
        "monitor": pl.String,
        "value": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "bound": pl.String,
        "passed": pl.Boolean,
        "advice": pl.String,
    }
    rows = [(asset, m.name, m.value, m.lower, m.upper, m.bound, m.passed, m.advice) for asset, m in monitors]
    return pl.DataFrame(rows, schema=schema, orient="row")


def warnings_of(measured: pl.DataFrame) -> list[str]:
    """One line per failed row of :func:`as_frame`: the asset, what was measured and what was expected."""
    columns = ("asset", "monitor", "value", "bound", "lower", "upper")
    return [
        f"{asset}: {Monitor(name, value, bound, False, pl.DataFrame(), '', lower, upper).summary}"
        for asset, name, value, bound, lower, upper in measured.filter(~pl.col("passed")).select(columns).iter_rows()
    ]
