{{ config(materialized='view') }}

-- A version without updated_at is the state at its ingest call: it replaces all versions of earlier calls.
with marked as (
    select
        *,
        coalesce(max(case when updated_at is null then ingest_seq end) over (partition by notification_id), 0)
            as replaced_before
    from {{ source('landing', 'notification_events') }}
)

select
    notification_id,
    user_id,
    journey_id,
    channel,
    arm,
    sent_at,
    opened_at,
    clicked_at,
    unsubscribed_at,
    propensity,
    coalesce(is_random_slot, false) as is_random_slot,
    cast(sent_at as date) as event_date
from marked
where ingest_seq >= replaced_before
-- Of two versions of one ingest call the one that knows more of what came of the send counts.
qualify row_number() over (
    partition by notification_id
    order by
        updated_at desc nulls last,
        ingest_seq desc,
        unsubscribed_at nulls last,
        clicked_at nulls last,
        opened_at nulls last,
        sent_at,
        user_id,
        journey_id nulls last,
        channel,
        arm,
        propensity nulls last,
        is_random_slot nulls last
) = 1
