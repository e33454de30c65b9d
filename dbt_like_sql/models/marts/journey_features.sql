{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='partition_date') }}

{%- set windows = [1, 7, 28, 90] %}
{%- set counts = var("counts") | map(attribute="column") | list %}
{%- set item_weights = var("actions") | map(attribute="weight") | list %}
{%- set weights = [var("search_weight")] + item_weights + [var("board_weight")] %}

-- Only whole numbers are summed and weights are applied to the sums: sums of fractions would depend on the order of rows.
-- The counts are summed as doubles: exact for whole numbers up to 2^53, and a third faster than DuckDB's 128-bit sums.
-- journey_number stands in for (user_id, journey_id) within this statement: grouping by a number is much faster.
with live as materialized (
    select
        row_number() over () as journey_number,
        user_id,
        journey_id,
        keywords,
        n_keywords,
        cohesion,
        separation,
        first_engaged_at,
        last_engaged_at
    from {{ ref('int_live_journeys') }} as int_live_journeys
),

recent as (
    select
        coalesce(aliases.owner_id, keyword_table.user_id) as user_id,
        keyword_table.keyword,
        keyword_table.source,
        date '{{ var("partition_date") }}' - keyword_table.partition_date as age_days,
        {%- for count in counts %}
        cast(keyword_table.{{ count }} as double) as {{ count }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('keyword_table') }} as keyword_table
    left join {{ ref('stg_identity_aliases') }} as aliases
        on
            keyword_table.user_id = aliases.user_id
            and aliases.from_date <= date '{{ var("partition_date") }}'
            and aliases.until_date > date '{{ var("partition_date") }}'
    where
        keyword_table.partition_date <= date '{{ var("partition_date") }}'
        and keyword_table.partition_date > date '{{ var("partition_date") }}' - 90
),

members as (
    select journey_number, user_id, unnest(keywords) as keyword
    from live
),

journey_days as (
    select
        members.journey_number,
        recent.age_days,
        bit_or(
            case recent.source when 'query' then 1 when 'annotation' then 2 when 'interest' then 4 else 8 end
        ) as source_bits,
        {%- for count in counts %}
        sum(recent.{{ count }}) as {{ count }}{{ "," if not loop.last }}
        {%- endfor %}
    from members
    inner join recent on members.user_id = recent.user_id and members.keyword = recent.keyword
    group by members.journey_number, recent.age_days
),

journey_totals as (
    select
        journey_number,
        {%- for count in counts %}
        {%- for days in windows %}
        cast(sum({{ count }}) filter (where age_days < {{ days }}) as bigint) as {{ count }}_{{ days }}d,
        {%- endfor %}
        {%- endfor %}
        count(*) filter (where age_days < 7) as active_days_7d,
        count(*) filter (where age_days < 28) as active_days_28d,
        count(*) as active_days_90d,
        count(distinct age_days // 7) as active_weeks_90d,
        bit_count(bit_or(source_bits)) as n_sources
    from journey_days
    group by journey_number
),

user_totals as (
    select
        user_id,
        count(distinct age_days) as active_days,
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }}{{ "," if not loop.last }}
        {%- endfor %}
    from recent
    where age_days < 28
    group by user_id
),

user_weights as (
    select
        user_id,
        active_days,
        cast(
            {%- for count in counts %}
            {{ "+ " if not loop.first }}{{ weights[loop.index0] }} * {{ count }}
            {%- endfor %} as double
        ) as engagement_weight
    from user_totals
),

user_journeys as (
    select user_id, count(*) as n_user_journeys
    from live
    group by user_id
),

weighted as (
    select
        journey_number,
        {%- for days in windows[1:] %}
        cast(
            {%- for count in counts %}
            {{ "+ " if not loop.first }}{{ weights[loop.index0] }} * coalesce({{ count }}_{{ days }}d, 0)
            {%- endfor %} as double
        ) as engagement_weight_{{ days }}d{{ "," if not loop.last }}
        {%- endfor %}
    from journey_totals
)

select
    date '{{ var("partition_date") }}' as partition_date,
    live.user_id,
    live.journey_id,
    live.n_keywords,
    live.cohesion,
    live.separation,
    {%- for count in counts %}
    {%- for days in windows %}
    coalesce(journey_totals.{{ count }}_{{ days }}d, 0) as {{ count }}_{{ days }}d,
    {%- endfor %}
    {%- endfor %}
    {%- for days in windows[1:] %}
    coalesce(weighted.engagement_weight_{{ days }}d, 0.0) as engagement_weight_{{ days }}d,
    {%- endfor %}
    coalesce(journey_totals.active_days_7d, 0) as active_days_7d,
    coalesce(journey_totals.active_days_28d, 0) as active_days_28d,
    coalesce(journey_totals.active_days_90d, 0) as active_days_90d,
    coalesce(journey_totals.active_weeks_90d, 0) as active_weeks_90d,
    cast(date '{{ var("partition_date") }}' - cast(live.last_engaged_at as date) as bigint) as days_since_last_engaged,
    cast(date '{{ var("partition_date") }}' - cast(live.first_engaged_at as date) as bigint) as days_since_first_engaged,
    cast(cast(live.last_engaged_at as date) - cast(live.first_engaged_at as date) as bigint) as span_days,
    cast(coalesce(journey_totals.n_sources, 0) as bigint) as n_sources,
    case
        when user_weights.engagement_weight > 0
            then coalesce(weighted.engagement_weight_28d, 0.0) / user_weights.engagement_weight
        else 0.0
    end as share_of_user_engagement_28d,
    coalesce(user_weights.active_days, 0) as user_active_days_28d,
    coalesce(user_weights.engagement_weight, 0.0) as user_engagement_weight_28d,
    user_journeys.n_user_journeys,
    '{{ var("algorithm_version") }}' as algorithm_version
from live
inner join user_journeys on live.user_id = user_journeys.user_id
left join journey_totals on live.journey_number = journey_totals.journey_number
left join weighted on live.journey_number = weighted.journey_number
left join user_weights on live.user_id = user_weights.user_id
