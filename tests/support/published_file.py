"""A published file of made-up users, written without the pipeline: every table, in the shape that the contract has."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.tables.pipeline import (
    JOURNEY_EVENTS,
    NOTIFICATION_CANDIDATES,
    QUALITY_METRICS,
    RELATED_JOURNEYS,
)
from journeys_assets.domain.tables.sql import sql_tables

LAST_DAY = date(2026, 5, 31)
THINGS = (
    *("kitchen", "wedding", "garden", "bathroom", "birthday", "camping", "guitar", "watercolour", "yoga", "japan"),
    *("nursery", "bread", "sneaker", "aquarium", "bicycle", "piano", "running", "chess", "pottery", "balcony"),
)
ASPECTS = ("ideas", "planning", "budget", "for beginners", "tools", "in spring", "at home", "course", "trip", "repair")
"""Names are a thing and an aspect; a thing alone is what its names have in common."""


def write_published(path: Path, n_users: int, *, days: int = 1, every: int = 7, per_user: int = 5) -> None:
    """Write a file of ``n_users`` users with ``per_user`` journeys each, on ``days`` days, ``every`` days apart.

    The rows of a day are in no order, as those of the pipeline are. The last day is ``LAST_DAY``.
    """
    tables = sql_tables(DEFAULT_ACTIONS)
    written = (tables["user_journeys"], NOTIFICATION_CANDIDATES, RELATED_JOURNEYS, JOURNEY_EVENTS, QUALITY_METRICS)
    dates = [LAST_DAY - timedelta(days=every * n) for n in range(days)]
    con = duckdb.connect(str(path))
    for table in written:
        con.execute(table.ddl)
    con.execute("CREATE TABLE days AS SELECT unnest($days::DATE[]) AS day ORDER BY day", {"days": dates})
    con.execute(_JOURNEYS, {"users": n_users, "journeys": per_user, "things": list(THINGS), "aspects": list(ASPECTS)})
    con.execute(
        "CREATE TABLE current_journeys AS SELECT * FROM user_journeys "
        "WHERE partition_date = (SELECT max(partition_date) FROM user_journeys)"
    )
    for statement in (_CANDIDATES, _RELATED, _EVENTS, _METRICS):
        con.execute(statement)
    con.execute("DROP TABLE days")
    con.close()


_JOURNEYS = """
INSERT INTO user_journeys BY NAME
WITH pairs AS (
  SELECT day AS partition_date, u, j, (hash(printf('%d %d', u, j)) % 1000000007)::BIGINT AS h,
    (hash(printf('%d %d', u, j) || day) % 1000000007)::BIGINT AS hd
  FROM days CROSS JOIN range($users) AS us(u) CROSS JOIN range(1, $journeys + 1) AS js(j)
), named AS (
  -- Few things and aspects are common, most are rare.
  SELECT *, $things[1 + sqrt(h % 361)::BIGINT] AS thing, $aspects[1 + (h // 361) % 10] AS aspect
  FROM pairs
)
SELECT partition_date, printf('u%06d', u) AS user_id, printf('j%06d-%d', u, j) AS journey_id,
  thing || ' ' || aspect AS journey_name,
  [thing || ' ' || aspect, thing, thing || ' pictures', aspect || ' ' || thing, 'best ' || thing, thing || ' shop',
   thing || ' nearby', thing || ' number ' || (h % 5000)] AS keywords,
  ['situational', 'evergreen', 'seasonal'][1 + h % 7 // 3] AS kind,
  if(hd % 10 < 8, 'ongoing', 'ended') AS stage,
  (h % 1000) / 1000 AS confidence, j AS rank,
  partition_date - (h % 60 + 3)::INTEGER + INTERVAL 9 HOUR AS first_engaged_at,
  partition_date - (h % 3)::INTEGER + INTERVAL 10 HOUR AS last_engaged_at,
  8 AS n_keywords, (h % 1000) / 1000 AS score, 'prior' AS scored_by,
  CASE WHEN h % 100 = 0 THEN 'mute' END AS feedback, if(hd % 10 < 8, 'recent', 'silent') AS stage_reason,
  NULL::DOUBLE AS p_ended, ['exploring', 'deciding', 'acting'][1 + h % 3] AS intent,
  h % 3 AS days_since_last_engaged, h % 9 AS n_searches_90d, h % 30 AS n_closeups_90d,
  h % 8 AS n_saves_90d, h % 4 AS n_clickthroughs_90d, h % 2 AS n_board_pins_90d,
  1 + h % 20 AS active_days_90d, printf('j%06d-%d', u, j - (j + 1) % 2) AS area_id, thing AS area_name,
  2 AS n_area_journeys, 'parameters' AS named_by, NULL AS safety_category, 'allow' AS safety_decision,
  'none' AS safety_decided_by, 'pipeline' AS inferred_by, 'v1' AS algorithm_version
FROM named ORDER BY partition_date, hash(u), j
"""
_CANDIDATES = """
INSERT INTO notification_candidates BY NAME
SELECT partition_date, user_id, journey_id, channel,
  if(rank = 1 AND confidence > .5 AND channel = 'push', 'send', 'hold') AS decision,
  CASE WHEN rank = 1 AND confidence > .5 AND channel = 'push' THEN 'eligible' WHEN confidence > .5 THEN 'not_opted_in'
       ELSE 'low_confidence' END AS reason,
  'journey' AS arm, 'More ideas for your journey: ' || journey_name AS title_text, confidence, rank, 'UTC' AS timezone,
  partition_date + INTERVAL 42 HOUR AS send_window_start_at, partition_date + INTERVAL 45 HOUR AS send_window_end_at,
  0 AS sends_last_7_days, algorithm_version
FROM current_journeys CROSS JOIN (SELECT unnest(['push', 'email']) AS channel)
"""
_RELATED = """
INSERT INTO related_journeys BY NAME
SELECT partition_date, user_id, rank, keywords[4] AS related_name, 'next_step' AS relation,
  journey_id AS from_journey_id, confidence / 2 AS score, 'cooccurrence' AS made_by, 'r1' AS release, algorithm_version
FROM current_journeys
"""
_EVENTS = """
INSERT INTO journey_events BY NAME
SELECT partition_date, user_id, journey_id, if(rank = 2, 'paused', 'born') AS event, []::VARCHAR[] AS
  related_journey_ids, n_keywords, 0 AS n_shared_keywords, 'all keywords are new' AS detail,
  partition_date - 1 AS compared_date, true AS is_same_algorithm, algorithm_version
FROM user_journeys WHERE rank <= 2
"""
_METRICS = """
INSERT INTO quality_metrics BY NAME
SELECT day AS partition_date, monitor, 'user_journeys' AS asset, place * 0.1 AS value, NULL::DOUBLE AS lower,
  0.15 AS upper, '<= 0.15' AS bound, place * 0.1 <= 0.15 AS passed, 'look at the log' AS advice, 'v1' AS
  algorithm_version
FROM days CROSS JOIN (SELECT unnest(['share_quarantined', 'churn']) AS monitor, unnest([1, 2]) AS place)
"""
