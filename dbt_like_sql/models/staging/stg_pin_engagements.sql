{{ config(materialized='view') }}

-- Read twice: as one table, it would be the whole log for a day.
with engagements as not materialized (
    select
        user_id,
        pin_id,
        action,
        engaged_at,
        event_id,
        cast(engaged_at as date) as event_date
    from {{ source('landing', 'pin_engagements') }}
    where noise is null or not list_contains(['{{ var("left_out") | join("', '") }}'], noise)
)
{% if 'rate' in var("left_out") %},

hours as (
    select
        user_id,
        event_date,
        count(distinct engaged_at) as n_actions
    from engagements
    group by user_id, event_date, hour(engaged_at)
),

-- What is done under an id on a day counts, unless no person reaches the rate; links change nothing of it.
days_of_people as (
    select
        user_id,
        event_date
    from hours
    group by user_id, event_date
    having
        max(n_actions) <= {{ var("max_actions_per_hour") }}
        and sum(n_actions) <= {{ var("max_actions_per_day") }}
)
{% endif %}

select
    coalesce(periods.user_id, engagements.user_id) as user_id,
    engagements.pin_id,
    engagements.action,
    engagements.engaged_at,
    engagements.event_id,
    engagements.event_date
from engagements
{% if 'rate' in var("left_out") %}
inner join days_of_people
    on
        engagements.user_id = days_of_people.user_id
        and engagements.event_date = days_of_people.event_date
{% endif %}
left join {{ source('landing', 'identity_periods') }} as periods
    on
        engagements.user_id = periods.other_id
        and engagements.engaged_at >= periods.valid_from
        and engagements.engaged_at < periods.valid_to
