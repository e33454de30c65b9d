{{ config(materialized='view') }}

-- A version without updated_at is the state at its ingest call: it replaces all versions of earlier calls.
with marked as (
    select
        *,
        coalesce(max(case when updated_at is null then ingest_seq end) over (partition by user_id), 0)
            as replaced_before
    from {{ source('landing', 'users') }}
)

select
    user_id,
    signed_up_at,
    country,
    locale,
    timezone,
    email_opt_in,
    push_opt_in,
    sensitive_opt_in,
    updated_at,
    ingest_seq
from marked
where ingest_seq >= replaced_before
-- Of two versions of one ingest call the more cautious opt-in counts.
qualify row_number() over (
    partition by user_id, updated_at
    order by
        ingest_seq desc,
        email_opt_in nulls first,
        push_opt_in nulls first,
        case when sensitive_opt_in is null then 1 when sensitive_opt_in then 2 else 0 end,
        timezone nulls last,
        country nulls last,
        locale nulls last,
        signed_up_at nulls last
) = 1
