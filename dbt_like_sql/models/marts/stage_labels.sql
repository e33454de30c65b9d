{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

-- The user's own word counts more than the log: a journey that the user called finished has ended, while that word holds.
-- An action on an item counts once for each member keyword that the item carries, so intent compares only actions on items.
{%- set strengths = ['look', 'keep', 'act'] %}

with features as (
    select
        partition_date,
        user_id,
        journey_id,
        days_since_last_engaged,
        {%- for days in [7, 28, 90] %}
        {%- for strength in strengths %}
        {% for action in var("actions") if action.strength == strength -%}
        n_{{ action.plural }}_{{ days }}d + {% endfor %}0 as n_{{ strength }}_{{ days }}d
        {{- "," if not (loop.last and days == 90) }}
        {%- endfor %}
        {%- endfor %}
    from {{ ref('journey_features') }}
    where partition_date = date '{{ var("partition_date") }}'
),

measured as (
    select
        features.partition_date,
        features.user_id,
        features.journey_id,
        features.days_since_last_engaged,
        evidence.season_before,
        evidence.p_ended,
        evidence.judged_by,
        evidence.turn_span_days,
        evidence.turn_week_share,
        evidence.turn_gap_days,
        coalesce(ranked.feedback = 'finished', false) as is_finished,
        {%- for strength in strengths %}
        case
            when
                features.n_look_7d + features.n_keep_7d + features.n_act_7d
                >= {{ var("intent_min_actions") }} then features.n_{{ strength }}_7d
            when
                features.n_look_28d + features.n_keep_28d + features.n_act_28d
                >= {{ var("intent_min_actions") }} then features.n_{{ strength }}_28d
            else features.n_{{ strength }}_90d
        end as n_{{ strength }}{{ "," if not loop.last }}
        {%- endfor %}
    from features
    left join {{ source('inference', 'stage_evidence') }} as evidence
        on
            features.user_id = evidence.user_id
            and features.journey_id = evidence.journey_id
            and evidence.partition_date = date '{{ var("partition_date") }}'
    left join {{ source('inference', 'ranked_journeys') }} as ranked
        on
            features.user_id = ranked.user_id
            and features.journey_id = ranked.journey_id
            and ranked.partition_date = date '{{ var("partition_date") }}'
),

mixed as (
    select
        *,
        (n_keep + {{ var("intent_prior_actions") }} * {{ var("usual_keep_share") }})
        / (n_look + n_keep + n_act + {{ var("intent_prior_actions") }})
        / {{ var("usual_keep_share") }} as keep_lift,
        (n_act + {{ var("intent_prior_actions") }} * {{ var("usual_act_share") }})
        / (n_look + n_keep + n_act + {{ var("intent_prior_actions") }})
        / {{ var("usual_act_share") }} as act_lift
    from measured
),

reasoned as (
    select
        *,
        case
            when greatest(keep_lift, act_lift) < {{ var("intent_min_lift") }} then 'exploring'
            when act_lift >= keep_lift then 'acting'
            else 'deciding'
        end as intent,
        case
            when is_finished then 'user_said_finished'
            when
                season_before is null
                and turn_span_days >= {{ var("evergreen_min_span_days") }}
                and turn_week_share >= {{ var("evergreen_min_turn_week_share") }}
                and turn_gap_days < {{ var("evergreen_max_gap_days") }} then 'evergreen'
            when p_ended is null and days_since_last_engaged >= {{ var("ended_after_days") }} then 'silent'
            when p_ended is null then 'recent'
            when days_since_last_engaged >= {{ var("ended_at_latest_days") }} then 'silent'
            when p_ended >= {{ var("ended_min_probability") }} then 'likely_ended'
            else 'likely_ongoing'
        end as stage_reason
    from mixed
)

select
    partition_date,
    user_id,
    journey_id,
    case
        when season_before is not null then 'seasonal'
        when stage_reason = 'evergreen' then 'evergreen'
        else 'situational'
    end as kind,
    case when stage_reason in ('evergreen', 'recent', 'likely_ongoing') then 'ongoing' else 'ended' end as stage,
    stage_reason,
    p_ended,
    judged_by,
    intent,
    days_since_last_engaged,
    turn_span_days,
    turn_week_share,
    '{{ var("algorithm_version") }}' as algorithm_version
from reasoned
