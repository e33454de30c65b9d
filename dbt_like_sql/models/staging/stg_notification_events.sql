{{ config(materialized='view') }}

-- A version without updated_at is the state at its ingest call: it replaces all versions of earlier calls.
with marked as (
    select
        *,
        coalesce(max(case when updated_at is null then ingest_seq end) over (partition by notification_id), 0)
            as replaced_before
    from {{ source('landing', 'notification_events') }}
),

chosen as (
    select *
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
)

select
    chosen.notification_id,
    coalesce(periods.user_id, chosen.user_id) as user_id,
    chosen.journey_id,
    chosen.channel,
    chosen.arm,
    chosen.sent_at,
    chosen.opened_at,
    chosen.clicked_at,
    chosen.unsubscribed_at,
    chosen.propensity,
    coalesce(chosen.is_random_slot, false) as is_random_slot,
    cast(chosen.sent_at as date) as event_date
from chosen
left join {{ source('landing', 'identity_periods') }} as periods
    on
        chosen.user_id = periods.other_id
        and chosen.sent_at >= periods.valid_from
        and chosen.sent_at < periods.valid_to
