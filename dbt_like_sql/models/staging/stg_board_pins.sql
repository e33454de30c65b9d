{{ config(materialized='view') }}

-- event_date stands in each window's partition so that a filter on one day reaches the scan.
with dated as (
    select
        user_id,
        board_id,
        board_name,
        board_keyword,
        pin_id,
        saved_at,
        cast(saved_at as date) as event_date,
        updated_at,
        coalesce(cast(updated_at as date) > cast(saved_at as date), false) as is_later,
        ingest_seq
    from {{ source('landing', 'board_pins') }}
),

-- A version without updated_at is the state at its ingest call: it replaces all versions of earlier calls.
marked as (
    select
        *,
        coalesce(
            max(case when updated_at is null then ingest_seq end)
                over (partition by user_id, board_id, pin_id, saved_at, event_date),
            0
        ) as replaced_before
    from dated
),

chosen as (
    select *
    from marked
    where ingest_seq >= replaced_before
    -- The day sees the version as of the day; a name that is known from later on only, if there is none.
    qualify row_number() over (
        partition by user_id, board_id, pin_id, saved_at, event_date
        order by
            is_later,
            case when is_later then updated_at end,
            updated_at desc nulls last,
            ingest_seq desc,
            board_name nulls last
    ) = 1
)

select
    coalesce(periods.user_id, chosen.user_id) as user_id,
    chosen.board_id,
    chosen.board_name,
    nullif(chosen.board_keyword, '') as board_keyword,
    chosen.pin_id,
    chosen.saved_at,
    chosen.event_date
from chosen
left join {{ source('landing', 'identity_periods') }} as periods
    on
        chosen.user_id = periods.other_id
        and chosen.saved_at >= periods.valid_from
        and chosen.saved_at < periods.valid_to
