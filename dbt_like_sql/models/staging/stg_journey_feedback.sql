{{ config(materialized='view') }}

select
    user_id,
    journey_id,
    verdict,
    given_at,
    cast(given_at as date) as event_date
from {{ source('landing', 'journey_feedback') }}
