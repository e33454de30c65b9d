{{ config(materialized='view') }}

-- Read twice: as one table, it would be the whole log for a day.
with searches as not materialized (
    select
        user_id,
        query,
        keyword,
        searched_at,
        event_id,
        cast(searched_at as date) as event_date
    from {{ source('landing', 'search_events') }}
    where
        keyword <> ''
        and (noise is null or not list_contains(['{{ var("left_out") | join("', '") }}'], noise))
)
{% if 'rate' in var("left_out") %},

hours as (
    select
        user_id,
        event_date,
        count(distinct searched_at) as n_searches
    from searches
    group by user_id, event_date, hour(searched_at)
),

-- What is done under an id on a day counts, unless no person reaches the rate; links change nothing of it.
days_of_people as (
    select
        user_id,
        event_date
    from hours
    group by user_id, event_date
    having
        max(n_searches) <= {{ var("max_searches_per_hour") }}
        and sum(n_searches) <= {{ var("max_searches_per_day") }}
)
{% endif %}

select
    coalesce(periods.user_id, searches.user_id) as user_id,
    searches.query,
    searches.keyword,
    searches.searched_at,
    searches.event_id,
    searches.event_date
from searches
{% if 'rate' in var("left_out") %}
inner join days_of_people
    on
        searches.user_id = days_of_people.user_id
        and searches.event_date = days_of_people.event_date
{% endif %}
left join {{ source('landing', 'identity_periods') }} as periods
    on
        searches.user_id = periods.other_id
        and searches.searched_at >= periods.valid_from
        and searches.searched_at < periods.valid_to
