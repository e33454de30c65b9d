"""Users, and everything about one user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import duckdb
import polars as pl

from journeys_assets.storage.queries.identities import with_logged_ids

_LINKED = """
    SELECT user_id AS id, other_id AS linked_id, since_date FROM landing.identity_pairs
    UNION ALL SELECT other_id, user_id, since_date FROM landing.identity_pairs
"""
"""Each id with every id that it is linked to, in both directions."""


def users_by_day(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """:func:`users` of each of ``days``, which are in order.

    The answer depends on the day only through what is dated. What is dated on a day counts in part for the plan of the
    day before it, and in full from the plan of the day itself on. So after the first day only the users with something
    dated in between are asked for again.
    """
    dated = con.execute(
        f"""
        WITH dated AS (
          SELECT user_id, updated_at AS dated_at FROM landing.users
          UNION ALL SELECT user_id, unsubscribed_at FROM landing.notification_events
          UNION ALL SELECT user_id, unsubscribed_at FROM landing.refused_unsubscribes
        ), linked AS (SELECT id, linked_id, since_date FROM ({_LINKED}))
        SELECT DISTINCT user_id, dated_at::DATE AS dated_on FROM (
          FROM dated
          UNION ALL SELECT id, dated_at FROM dated JOIN linked ON linked_id = user_id
          UNION ALL SELECT id, since_date::TIMESTAMP FROM linked
        ) WHERE dated_at IS NOT NULL AND dated_at >= $first
        """,
        {"first": days[0]},
    ).pl()
    found = {days[0]: users(con, days[0])}
    for before, day in pairwise(days):
        is_between = (pl.col("dated_on") > before) & (pl.col("dated_on") <= day + timedelta(days=1))
        changed = dated.filter(is_between)["user_id"].unique()
        found[day] = found[before]
        if changed.len():
            others = found[before].filter(~pl.col("user_id").is_in(changed.implode()))
            found[day] = pl.concat([others, users(con, day, changed.to_list())]).sort("user_id")
    return found


def users(con: duckdb.DuckDBPyConnection, day: date, among: Sequence[str] | None = None) -> pl.DataFrame:
    """Time zone and consent of every user, for the plan of partition ``day``, which is carried out on the day after.

    Versions of a user count as of the end of ``day``. What speaks against a send counts up to the end of the day after,
    if it is known: an opt-out, an unsubscribe. So does an opt-out without a time.

    * **Opt-in.** The version in force (``stg_users``) says yes; unknown counts as no. A version with a time does not
      lift the no of a snapshot that was ingested after that time, nor that of a list of users that leaves the user out,
      because the snapshot may be newer.
    * **Unsubscribe.** Every unsubscribe that was ever landed holds its channel until a newer opt-in: a version with a
      later ``updated_at`` that says yes or, without times, a change from no to yes in a later ingest call. If only the
      day of the unsubscribe is known, of a later day.
    * **Sensitive journeys.** A no counts like an opt-out. A yes holds as long as no other version in force says no.
    * **Time zone.** The last one that is known, so that a version without one does not open the quiet hours.
    * **Linked ids.** An unsubscribe of an id holds for every id that is linked to it by the end of ``day``, and so does
      an opt-in that is no longer a yes. A yes counts only for the id that gave it: an id that never stated an opt-in
      takes none away.
    * **Locale.** The last one that is known.

    Args:
        among: The users that are asked for; by default all.

    Returns:
        user_id, timezone, locale (both nullable), email_opt_in, push_opt_in, email_unsubscribed, push_unsubscribed,
        sensitive_opt_in (nullable); sorted. Users without a row in ``users`` are there if they unsubscribed.
    """

    def source(name: str) -> str:
        return (
            name
            if among is None
            else f"(FROM {name} WHERE user_id IN (FROM asked UNION ALL SELECT linked_id FROM held))"
        )

    asked = {"among": [] if among is None else list(among)}
    wanted = "true" if among is None else "id IN (FROM asked)"
    stg_users = source("main.stg_users")
    return con.execute(
        f"""
        WITH asked AS (SELECT unnest($among::VARCHAR[]) AS user_id), held AS (
          SELECT DISTINCT id, linked_id FROM ({_LINKED}) WHERE since_date < $day_after AND {wanted}
        ), versions AS (
          SELECT *, lag(push_opt_in) OVER history AS push_before, lag(email_opt_in) OVER history AS email_before
          FROM {source("landing.users")}
          WINDOW history AS (
            PARTITION BY user_id ORDER BY ingest_seq, updated_at NULLS FIRST, email_opt_in, push_opt_in)
        ), visible AS (
          SELECT * FROM {stg_users} WHERE updated_at IS NULL OR updated_at < $day_after
        ), current AS (
          SELECT * FROM visible
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY updated_at DESC NULLS LAST, ingest_seq DESC) = 1
        ), calls AS (
          SELECT ingest_seq, max(ingested_at) AS ingested_at, bool_or(coalesce(is_list, false)) AS is_list
          FROM landing.ingest_ledger GROUP BY ingest_seq
        ), last_list AS (
          SELECT max(ingest_seq) AS ingest_seq, max(ingested_at) AS ingested_at FROM calls WHERE is_list
        ), snapshots AS (
          SELECT user_id, email_opt_in, push_opt_in, sensitive_opt_in, ingested_at
          FROM {stg_users} JOIN calls USING (ingest_seq)
          WHERE updated_at IS NULL
        ), sensitive AS (
          SELECT user_id, bool_and(says) AS says FROM (
            SELECT user_id, sensitive_opt_in AS says FROM current
            UNION ALL
            SELECT user_id, s.sensitive_opt_in FROM snapshots AS s JOIN current AS c USING (user_id)
            WHERE NOT s.sensitive_opt_in AND NOT coalesce(c.updated_at >= s.ingested_at, false)
            UNION ALL
            SELECT user_id, sensitive_opt_in FROM {stg_users}
            WHERE NOT sensitive_opt_in AND updated_at >= $day_after AND updated_at < $day_after + INTERVAL 1 DAY
          ) GROUP BY user_id
        ), zones AS (
          SELECT user_id,
                 arg_max(timezone, {{'at': updated_at, 'seq': ingest_seq, 'timezone': timezone}})
                   FILTER (timezone IS NOT NULL) AS timezone,
                 arg_max(locale, {{'at': updated_at, 'seq': ingest_seq, 'locale': locale}})
                   FILTER (locale IS NOT NULL) AS locale
          FROM (
            SELECT user_id, timezone, locale, coalesce(updated_at, ingested_at) AS updated_at, ingest_seq
            FROM {source("landing.users")} JOIN calls USING (ingest_seq)
            WHERE updated_at IS NULL OR updated_at < $day_after
          ) GROUP BY user_id
        ), own_unsubscribes AS (
          SELECT user_id, channel, unsubscribed_at, ingest_seq FROM {source("landing.notification_events")}
          WHERE unsubscribed_at IS NOT NULL
          UNION ALL SELECT user_id, channel, unsubscribed_at, ingest_seq FROM {source("landing.refused_unsubscribes")}
        ), unsubscribes AS (
          SELECT user_id, channel, unsubscribed_at, min(ingest_seq) AS ingest_seq FROM (
            FROM own_unsubscribes
            UNION ALL
            SELECT id, channel, unsubscribed_at, ingest_seq FROM own_unsubscribes JOIN held ON linked_id = user_id
          ) WHERE unsubscribed_at < $day_after + INTERVAL 1 DAY GROUP BY ALL
        ), stated AS (
          SELECT user_id, bool_or(push_opt_in IS NOT NULL) AS push, bool_or(email_opt_in IS NOT NULL) AS email,
                 bool_or(sensitive_opt_in IS NOT NULL) AS sensitive
          FROM {source("landing.users")} SEMI JOIN held ON linked_id = user_id
          WHERE updated_at IS NULL OR updated_at < $day_after + INTERVAL 1 DAY GROUP BY user_id
        ), {_consent("push", stg_users)}, {_consent("email", stg_users)}
, refusals AS (
          SELECT id AS user_id, coalesce(bool_or(s.push AND NOT coalesce(p.says_yes, false)), false) AS push,
                 coalesce(bool_or(s.email AND NOT coalesce(e.says_yes, false)), false) AS email,
                 coalesce(bool_or(s.sensitive AND NOT coalesce(o.says, true)), false) AS sensitive
          FROM held JOIN stated AS s ON s.user_id = linked_id LEFT JOIN push_in AS p USING (user_id)
          LEFT JOIN email_in AS e USING (user_id) LEFT JOIN sensitive AS o USING (user_id)
          GROUP BY id
        )
        SELECT user_id, zones.timezone, zones.locale,
               coalesce(email_in.says_yes AND NOT coalesce(refusals.email, false), false) AS email_opt_in,
               coalesce(push_in.says_yes AND NOT coalesce(refusals.push, false), false) AS push_opt_in,
               email_out.user_id IS NOT NULL AS email_unsubscribed, push_out.user_id IS NOT NULL AS push_unsubscribed,
               CASE WHEN refusals.sensitive THEN false ELSE sensitive.says END AS sensitive_opt_in
        FROM (
          SELECT user_id FROM {source("landing.users")} UNION SELECT user_id FROM unsubscribes
          UNION SELECT user_id FROM refusals
        ) AS known
        LEFT JOIN zones USING (user_id) LEFT JOIN sensitive USING (user_id)
        LEFT JOIN email_in USING (user_id) LEFT JOIN push_in USING (user_id)
        LEFT JOIN email_out USING (user_id) LEFT JOIN push_out USING (user_id) LEFT JOIN refusals USING (user_id)
        WHERE {"true" if among is None else "user_id IN (FROM asked)"}
        ORDER BY user_id
        """,
        {"day_after": datetime.combine(day + timedelta(days=1), datetime.min.time()), **asked},
    ).pl()


def _consent(channel: str, stg_users: str) -> str:
    """Common table expressions: the opt-in of every user, and the users who unsubscribed from the channel.

    Args:
        stg_users: The view, or a part of it.
    """
    opt_in, before = f"{channel}_opt_in", f"{channel}_before"
    return f"""
        {channel}_in AS (
          SELECT user_id, coalesce(c.{opt_in}, false)
            AND (coalesce(s.{opt_in}, false) OR c.updated_at IS NULL
                 OR (s.user_id IS NULL AND c.ingest_seq = l.ingest_seq)
                 OR c.updated_at >= coalesce(greatest(s.ingested_at, l.ingested_at), TIMESTAMP '0001-01-01'))
            AND o.user_id IS NULL AS says_yes
          FROM current AS c CROSS JOIN last_list AS l LEFT JOIN snapshots AS s USING (user_id) LEFT JOIN (
            SELECT DISTINCT user_id FROM {stg_users}
            WHERE NOT coalesce({opt_in}, false)
              AND updated_at >= $day_after AND updated_at < $day_after + INTERVAL 1 DAY
          ) AS o USING (user_id)
        ), {channel}_out AS (
          SELECT DISTINCT u.user_id FROM unsubscribes AS u ANTI JOIN versions AS v
          ON v.user_id = u.user_id AND v.{opt_in} AND (
            (v.updated_at > u.unsubscribed_at AND v.updated_at < $day_after
             -- A bare day is stored as its midnight: a yes of that day may be older than the unsubscribe.
             AND (u.unsubscribed_at <> u.unsubscribed_at::DATE OR v.updated_at::DATE > u.unsubscribed_at::DATE))
            OR (v.updated_at IS NULL AND v.ingest_seq > u.ingest_seq AND NOT v.{before}))
          WHERE u.channel = '{channel}' OR u.channel IS NULL
        )
    """


def journeys_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of user_journeys on ``day``, best first."""
    return con.execute(
        "SELECT * FROM main.user_journeys WHERE partition_date = $day AND user_id = $user ORDER BY rank",
        {"day": day, "user": user_id},
    ).pl()


def countries(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The country of each user in the latest version that has one: user_id, country; sorted."""
    return con.execute(
        """
        SELECT user_id, arg_max(country, {
          'at': coalesce(updated_at, TIMESTAMP '0001-01-01'), 'seq': ingest_seq, 'country': country}) AS country
        FROM main.stg_users WHERE country IS NOT NULL GROUP BY user_id ORDER BY user_id
        """
    ).pl()


def features_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of journey_features on ``day``."""
    return con.execute(
        "SELECT * FROM main.journey_features WHERE partition_date = $day AND user_id = $user ORDER BY journey_id",
        {"day": day, "user": user_id},
    ).pl()


def evidence_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date, days: int) -> pl.DataFrame:
    """The actions of one user in the ``days`` days that end on ``day``: one row per action and keyword.

    Returns:
        keyword, source, action, item_id, engaged_at, event_date.
    """
    ids = with_logged_ids(con, pl.DataFrame({"user_id": [user_id]}), on=day)["logged_id"].to_list()
    return con.execute(
        """
        SELECT keyword, source, action, item_id, engaged_at, event_date FROM main.int_keyword_events
        WHERE user_id IN (SELECT unnest($ids::VARCHAR[])) AND event_date > $day - $days::INTEGER AND event_date <= $day
        ORDER BY ALL
        """,
        {"day": day, "days": days, "ids": ids},
    ).pl()


def users_with_most_journeys(con: duckdb.DuckDBPyConnection, day: date, n: int) -> list[str]:
    """Up to ``n`` users that make good examples: those with 2 to 6 journeys, by total confidence."""
    return (
        con.execute(
            """
            SELECT user_id FROM main.user_journeys WHERE partition_date = $day
            GROUP BY user_id HAVING count(*) BETWEEN 2 AND 6
            ORDER BY sum(confidence) DESC, user_id LIMIT $n
            """,
            {"day": day, "n": n},
        )
        .pl()["user_id"]
        .to_list()
    )


def user_is_known(con: duckdb.DuckDBPyConnection, user_id: str) -> bool:
    """Whether any text-bearing source has an event of the user, or of an id that is linked to the user."""
    return bool(
        con.execute(
            """
            WITH ids AS (
              SELECT $user AS user_id UNION SELECT other_id FROM landing.identity_pairs WHERE user_id = $user
            )
            SELECT EXISTS (FROM landing.search_events SEMI JOIN ids USING (user_id))
                OR EXISTS (FROM landing.pin_engagements SEMI JOIN ids USING (user_id))
                OR EXISTS (FROM landing.board_pins SEMI JOIN ids USING (user_id)) AS known
            """,
            {"user": user_id},
        ).pl()["known"][0]
    )
