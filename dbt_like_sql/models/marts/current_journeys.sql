{{ config(materialized='view') }}

-- Every live journey has a row on every day that was run, so the latest day holds the latest state of every user, and one
-- day is always of one algorithm version.
select
    partition_date,
    user_id,
    journey_id,
    journey_name,
    keywords,
    kind,
    stage,
    confidence,
    rank,
    first_engaged_at,
    last_engaged_at,
    n_keywords,
    score,
    scored_by,
    feedback,
    stage_reason,
    p_ended,
    intent,
    days_since_last_engaged,
    {%- for count in var("counts") %}
    {{ count.column }}_90d,
    {%- endfor %}
    active_days_90d,
    area_id,
    area_name,
    n_area_journeys,
    named_by,
    safety_category,
    safety_decision,
    safety_decided_by,
    inferred_by,
    algorithm_version
from {{ ref('user_journeys') }}
where partition_date = (select max(partition_date) from {{ ref('user_journeys') }})
