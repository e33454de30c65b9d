{{ config(materialized='view') }}

select
    user_id,
    query,
    keyword,
    searched_at,
    event_id,
    cast(searched_at as date) as event_date
from {{ source('landing', 'search_events') }}
where keyword <> ''
