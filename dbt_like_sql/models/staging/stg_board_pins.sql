{{ config(materialized='view') }}

-- event_date stands in the window's partition so that a filter on one day reaches the scan.
with dated as (
    select
        user_id,
        board_id,
        board_name,
        board_keyword,
        pin_id,
        saved_at,
        cast(saved_at as date) as event_date,
        ingest_seq
    from {{ source('landing', 'board_pins') }}
)

select
    user_id,
    board_id,
    board_name,
    nullif(board_keyword, '') as board_keyword,
    pin_id,
    saved_at,
    event_date
from dated
qualify row_number() over (
    partition by user_id, board_id, pin_id, saved_at, event_date
    order by ingest_seq desc, board_name nulls last
) = 1
