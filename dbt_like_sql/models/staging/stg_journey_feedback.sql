{{ config(materialized='view') }}

select
    coalesce(periods.user_id, events.user_id) as user_id,
    events.journey_id,
    events.verdict,
    events.given_at,
    events.edit_id,
    events.keywords,
    events.other_keywords,
    events.new_name,
    cast(events.given_at as date) as event_date
from {{ source('landing', 'journey_feedback') }} as events
left join {{ source('landing', 'identity_periods') }} as periods
    on
        events.user_id = periods.other_id
        and events.given_at >= periods.valid_from
        and events.given_at < periods.valid_to
