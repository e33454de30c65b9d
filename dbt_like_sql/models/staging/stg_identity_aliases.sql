{{ config(materialized='view') }}

select
    user_id,
    owner_id,
    from_date,
    until_date
from {{ source('landing', 'identity_aliases') }}
