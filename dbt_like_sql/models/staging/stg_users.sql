{{ config(materialized='view') }}

select
    user_id,
    signed_up_at,
    country,
    locale,
    timezone,
    coalesce(email_opt_in, false) as email_opt_in,
    coalesce(push_opt_in, false) as push_opt_in
from {{ source('landing', 'users') }}
-- Of two versions of one ingest call the more cautious opt-in counts.
qualify row_number() over (
    partition by user_id
    order by
        ingest_seq desc,
        email_opt_in nulls first,
        push_opt_in nulls first,
        timezone nulls last,
        country nulls last,
        locale nulls last,
        signed_up_at nulls last
) = 1
