{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

-- The user's own word counts more than the log: a journey that the user called finished has ended, while that word holds.
with measured as (
    select
        features.partition_date,
        features.user_id,
        features.journey_id,
        features.span_days,
        features.days_since_last_engaged,
        least(
            1.0, features.active_weeks_90d / ceil(least(features.days_since_first_engaged + 1, 90) / 7)
        ) as active_week_share,
        coalesce(ranked.feedback = 'finished', false) as is_finished
    from {{ ref('journey_features') }} as features
    left join {{ source('inference', 'ranked_journeys') }} as ranked
        on
            features.user_id = ranked.user_id
            and features.journey_id = ranked.journey_id
            and ranked.partition_date = date '{{ var("partition_date") }}'
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
