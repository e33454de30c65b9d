{{ config(materialized='view') }}

select
    pin_id,
    title,
    coalesce(annotations, []) as annotations,
    coalesce(annotation_keywords, []) as annotation_keywords,
    coalesce(interests, []) as interests,
    coalesce(interest_keywords, []) as interest_keywords
from {{ source('landing', 'pins') }}
qualify row_number() over (
    partition by pin_id
    order by ingest_seq desc, annotations nulls last, interests nulls last, title nulls last
) = 1
