{{ config(materialized='ephemeral') }}

-- A user's clusters of the latest inference at or before the day. A user is live while the last active day lies within
-- the horizon; that inference is then within the horizon too, so the bound on partition_date loses nothing.
with latest_inference as (
    select
        user_id,
        max(partition_date) as inferred_on,
        max_by(window_end_date, partition_date) as window_end_date
    from {{ source('inference', 'inference_ledger') }}
    where
        partition_date <= date '{{ var("partition_date") }}'
        and partition_date > date '{{ var("partition_date") }}' - {{ var("horizon_days") }}
    group by user_id
),

-- What is generic is asked of the item catalogue, never of other users, and on every day anew.
generic as (
    select coalesce(list(keyword), []) as keywords
    from {{ ref('keyword_commonness') }}
    where
        partition_date = date '{{ var("partition_date") }}'
        and pin_share >= {{ var("generic_share") }}
        and n_pins >= {{ var("generic_min_items") }}
)

select
    clusters.user_id,
    clusters.journey_id,
    clusters.area_id,
    clusters.partition_date as inferred_on,
    latest_inference.window_end_date,
    clusters.keywords,
    clusters.keyword_weights,
    clusters.keyword_centralities,
    clusters.medoid,
    clusters.n_keywords,
    clusters.cohesion,
    clusters.separation,
    clusters.first_engaged_at,
    clusters.last_engaged_at,
    clusters.centroid,
    clusters.inferred_by
from {{ source('inference', 'journey_clusters') }} as clusters
inner join latest_inference
    on
        clusters.user_id = latest_inference.user_id
        and clusters.partition_date = latest_inference.inferred_on
cross join generic
where
    clusters.is_journey
    and clusters.partition_date <= date '{{ var("partition_date") }}'
    and clusters.partition_date > date '{{ var("partition_date") }}' - {{ var("horizon_days") }}
    and latest_inference.window_end_date > date '{{ var("partition_date") }}' - {{ var("horizon_days") }}
    -- Words that say something of everything ("ideas", "inspiration") make no journey.
    and len(list_intersect(clusters.keywords, generic.keywords)) * 2 < clusters.n_keywords
