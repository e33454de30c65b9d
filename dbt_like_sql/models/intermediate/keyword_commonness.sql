{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

-- A pin counts once for a keyword, however often and in whichever list it carries it.
with pins as materialized (
    select list_distinct(list_concat(annotation_keywords, interest_keywords)) as keywords
    from {{ ref('stg_pins') }}
    where known_from <= date '{{ var("partition_date") }}' and valid_to > date '{{ var("partition_date") }}'
),

pin_keywords as (
    select unnest(keywords) as keyword
    from pins
),

catalogue as (
    select count(*) as n_catalogue_pins
    from pins
),

counts as (
    select keyword, count(*) as n_pins
    from pin_keywords
    where keyword <> ''
    group by keyword
)

-- Both bounds keep the rows few: a keyword that is rarer than one item in 10,000 counts as not common at all.
select
    date '{{ var("partition_date") }}' as partition_date,
    counts.keyword,
    counts.n_pins,
    counts.n_pins / catalogue.n_catalogue_pins as pin_share,
    '{{ var("algorithm_version") }}' as algorithm_version
from counts
cross join catalogue
where counts.n_pins >= 2 and counts.n_pins * 10000 >= catalogue.n_catalogue_pins
