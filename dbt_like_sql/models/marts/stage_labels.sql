{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

-- The user's own word counts more than the log: a journey that the user called finished has ended, until it is
-- engaged with again.
with finished as (
    select user_id, journey_id, max(given_at) as finished_at
    from {{ ref('stg_journey_feedback') }}
    where verdict = 'finished' and event_date <= date '{{ var("partition_date") }}'
    group by user_id, journey_id
),

live as (
    select user_id, journey_id, last_engaged_at
    from {{ ref('int_live_journeys') }} as int_live_journeys
),

measured as (
    select
        features.partition_date,
        features.user_id,
        features.journey_id,
        features.span_days,
        features.days_since_last_engaged,
        least(
            1.0, features.active_weeks_90d / ceil(least(features.days_since_first_engaged + 1, 90) / 7)
        ) as active_week_share,
        coalesce(finished.finished_at >= live.last_engaged_at, false) as is_finished
    from {{ ref('journey_features') }} as features
    inner join live on features.user_id = live.user_id and features.journey_id = live.journey_id
    left join finished on features.user_id = finished.user_id and features.journey_id = finished.journey_id
    where features.partition_date = date '{{ var("partition_date") }}'
),

reasoned as (
    select
        partition_date,
        user_id,
        journey_id,
        span_days,
        days_since_last_engaged,
        active_week_share,
        case
            when is_finished then 'user_said_finished'
            when
                span_days >= {{ var("evergreen_min_span_days") }}
                and active_week_share >= {{ var("evergreen_min_active_week_share") }} then 'evergreen'
            when days_since_last_engaged >= {{ var("ended_after_days") }} then 'silent'
            else 'recent'
        end as stage_reason
    from measured
)

select
    partition_date,
    user_id,
    journey_id,
    case when stage_reason = 'evergreen' then 'evergreen' else 'situational' end as kind,
    case when stage_reason in ('evergreen', 'recent') then 'ongoing' else 'ended' end as stage,
    stage_reason,
    days_since_last_engaged,
    span_days,
    active_week_share,
    '{{ var("algorithm_version") }}' as algorithm_version
from reasoned
