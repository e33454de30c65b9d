"""The log formats that there are, by name. A new one is a module beside these and a line here."""

from journeys_assets.importers import (
    amplitude,
    ga4,
    matomo,
    mixpanel,
    online_retail,
    posthog,
    rudderstack,
    segment,
    snowplow,
    ubi,
)
from journeys_assets.importers.base import LogFormat

FORMATS = (
    ubi.FORMAT,
    ga4.FORMAT,
    posthog.FORMAT,
    segment.FORMAT,
    rudderstack.FORMAT,
    online_retail.FORMAT,
    amplitude.FORMAT,
    mixpanel.FORMAT,
    snowplow.FORMAT,
    matomo.FORMAT,
)


def formats() -> dict[str, LogFormat]:
    """All log formats by the name that ``--format`` takes."""
    return {one.name: one for one in FORMATS}
