{{ config(materialized='view') }}

select
    user_id,
    pin_id,
    action,
    engaged_at,
    event_id,
    cast(engaged_at as date) as event_date
from {{ source('landing', 'pin_engagements') }}
