{{ config(materialized='view') }}

select
    coalesce(periods.user_id, events.user_id) as user_id,
    events.query,
    events.keyword,
    events.searched_at,
    events.event_id,
    cast(events.searched_at as date) as event_date
from {{ source('landing', 'search_events') }} as events
left join {{ source('landing', 'identity_periods') }} as periods
    on
        events.user_id = periods.other_id
        and events.searched_at >= periods.valid_from
        and events.searched_at < periods.valid_to
where events.keyword <> ''
