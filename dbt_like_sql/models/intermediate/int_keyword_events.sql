{{ config(materialized='view') }}

with item_actions as not materialized (
    select user_id, pin_id, action, engaged_at, event_id, event_date
    from {{ ref('stg_pin_engagements') }}
    union all
    select
        user_id,
        pin_id,
        'board_pin' as action,
        saved_at as engaged_at,
        cast(null as varchar) as event_id,
        event_date
    from {{ ref('stg_board_pins') }}
),

-- Join first, unnest after: only the items that were acted on are unnested, not the whole catalogue.
-- Evaluated for each of its two readers: as one table, it would read the whole log for a day.
described_actions as not materialized (
    select
        item_actions.user_id,
        item_actions.pin_id,
        item_actions.action,
        item_actions.engaged_at,
        item_actions.event_id,
        item_actions.event_date,
        pins.annotations,
        pins.annotation_keywords,
        pins.interests,
        pins.interest_keywords
    from item_actions
    inner join {{ ref('stg_pins') }} as pins
        on
            item_actions.pin_id = pins.pin_id
            and item_actions.event_date >= pins.valid_from
            and item_actions.event_date < pins.valid_to
),

keyword_events as (
    select
        user_id,
        keyword,
        query as display_form,
        'query' as source,
        'search' as action,
        cast(null as varchar) as item_id,
        searched_at as engaged_at,
        event_id,
        event_date
    from {{ ref('stg_search_events') }}
    union all
    select
        user_id,
        unnest(annotation_keywords) as keyword,
        unnest(annotations) as display_form,
        'annotation' as source,
        action,
        pin_id as item_id,
        engaged_at,
        event_id,
        event_date
    from described_actions
    union all
    select
        user_id,
        unnest(interest_keywords) as keyword,
        unnest(interests) as display_form,
        'interest' as source,
        action,
        pin_id as item_id,
        engaged_at,
        event_id,
        event_date
    from described_actions
    union all
    select
        user_id,
        board_keyword as keyword,
        board_name as display_form,
        'board' as source,
        'board_pin' as action,
        pin_id as item_id,
        saved_at as engaged_at,
        cast(null as varchar) as event_id,
        event_date
    from {{ ref('stg_board_pins') }}
    where board_keyword is not null
)

-- An item may carry one keyword in two spellings; the action still counts once.
select
    user_id,
    keyword,
    min(display_form) as display_form,
    source,
    action,
    item_id,
    engaged_at,
    event_id,
    event_date
from keyword_events
where keyword <> ''
group by user_id, keyword, source, action, item_id, engaged_at, event_id, event_date
