{{ config(materialized='view') }}

-- A version without updated_at is the state at its ingest call: it replaces all versions of earlier calls.
with marked as (
    select
        *,
        cast(updated_at as date) as updated_on,
        coalesce(max(case when updated_at is null then ingest_seq end) over (partition by pin_id), 0) as replaced_before
    from {{ source('landing', 'pins') }}
),

last_of_day as (
    select *
    from marked
    where ingest_seq >= replaced_before
    qualify row_number() over (
        partition by pin_id, updated_on
        order by
            updated_at desc nulls last,
            ingest_seq desc,
            annotations nulls last,
            interests nulls last,
            title nulls last
    ) = 1
)

select
    pin_id,
    title,
    coalesce(annotations, []) as annotations,
    coalesce(annotation_keywords, []) as annotation_keywords,
    coalesce(interests, []) as interests,
    coalesce(interest_keywords, []) as interest_keywords,
    coalesce(updated_on, date '0001-01-01') as known_from,
    -- Nothing is known of the days before the first version, so it stands for them, too.
    case
        when row_number() over (partition by pin_id order by updated_on nulls first) = 1 then date '0001-01-01'
        else updated_on
    end as valid_from,
    coalesce(lead(updated_on) over (partition by pin_id order by updated_on nulls first), date '9999-12-31') as valid_to
from last_of_day
