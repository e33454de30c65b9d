{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

-- Left joins on purpose: a journey that a stage before left out shows as a null, which the contract check refuses.
-- Inner joins would lose it in silence. What the safety policy blocks is left out, and no area has its name.
select
    date '{{ var("partition_date") }}' as partition_date,
    live.user_id,
    live.journey_id,
    names.journey_name,
    names.keywords,
    stages.kind,
    stages.stage,
    ranked.confidence,
    ranked.rank,
    live.first_engaged_at,
    live.last_engaged_at,
    live.n_keywords,
    ranked.score,
    ranked.scored_by,
    ranked.feedback,
    stages.stage_reason,
    stages.p_ended,
    stages.intent,
    stages.days_since_last_engaged,
    {%- for count in var("counts") %}
    features.{{ count.column }}_90d,
    {%- endfor %}
    features.active_days_90d,
    live.area_id,
    first_value(names.journey_name) over (
        partition by live.user_id, live.area_id
        -- The main journey, unless it is not live on the day.
        order by live.journey_id = live.area_id desc, list_sum(live.keyword_weights) desc, live.journey_id
    ) as area_name,
    count(*) over (partition by live.user_id, live.area_id) as n_area_journeys,
    names.named_by,
    safety.safety_category,
    safety.safety_decision,
    safety.safety_decided_by,
    live.inferred_by,
    '{{ var("algorithm_version") }}' as algorithm_version
from {{ ref('int_live_journeys') }} as live
left join {{ source('inference', 'journey_names') }} as names
    on
        live.user_id = names.user_id
        and live.journey_id = names.journey_id
        and names.partition_date = date '{{ var("partition_date") }}'
left join {{ source('inference', 'journey_safety') }} as safety
    on
        live.user_id = safety.user_id
        and live.journey_id = safety.journey_id
        and safety.partition_date = date '{{ var("partition_date") }}'
left join {{ source('inference', 'ranked_journeys') }} as ranked
    on
        live.user_id = ranked.user_id
        and live.journey_id = ranked.journey_id
        and ranked.partition_date = date '{{ var("partition_date") }}'
left join {{ ref('stage_labels') }} as stages
    on
        live.user_id = stages.user_id
        and live.journey_id = stages.journey_id
        and stages.partition_date = date '{{ var("partition_date") }}'
left join {{ ref('journey_features') }} as features
    on
        live.user_id = features.user_id
        and live.journey_id = features.journey_id
        and features.partition_date = date '{{ var("partition_date") }}'
where safety.safety_decision is distinct from 'block'
