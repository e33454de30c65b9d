{{ config(materialized='view') }}

select
    coalesce(periods.user_id, events.user_id) as user_id,
    events.pin_id,
    events.action,
    events.engaged_at,
    events.event_id,
    cast(events.engaged_at as date) as event_date
from {{ source('landing', 'pin_engagements') }} as events
left join {{ source('landing', 'identity_periods') }} as periods
    on
        events.user_id = periods.other_id
        and events.engaged_at >= periods.valid_from
        and events.engaged_at < periods.valid_to
