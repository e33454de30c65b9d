{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

with events as materialized (
    select user_id, keyword, display_form, source, action, item_id, engaged_at, event_date
    from {{ ref('int_keyword_events') }}
    where event_date = date '{{ var("partition_date") }}'
),

form_counts as (
    select user_id, keyword, source, display_form, count(*) as n_events
    from events
    group by user_id, keyword, source, display_form
),

chosen_forms as (
    select
        user_id,
        keyword,
        source,
        first(display_form order by n_events desc, display_form asc) as display_form
    from form_counts
    group by user_id, keyword, source
),

totals as (
    select
        event_date as partition_date,
        user_id,
        keyword,
        source,
        {%- for count in var("counts") %}
        count(*) filter (where action = '{{ count.action }}') as {{ count.column }},
        {%- endfor %}
        count(distinct item_id) as n_items,
        min(engaged_at) as first_engaged_at,
        max(engaged_at) as last_engaged_at
    from events
    group by event_date, user_id, keyword, source
)

select
    totals.partition_date,
    totals.user_id,
    totals.keyword,
    totals.source,
    chosen_forms.display_form,
    {%- for count in var("counts") %}
    totals.{{ count.column }},
    {%- endfor %}
    totals.n_items,
    totals.first_engaged_at,
    totals.last_engaged_at,
    '{{ var("algorithm_version") }}' as algorithm_version
from totals
inner join chosen_forms
    on
        totals.user_id = chosen_forms.user_id
        and totals.keyword = chosen_forms.keyword
        and totals.source = chosen_forms.source
