"""The log formats that there are, by name. A new one is a module beside these and a line here."""

from journeys_assets.importers import ga4, online_retail, posthog, rudderstack, segment, ubi
from journeys_assets.importers.base import LogFormat

FORMATS = (
    ubi.FORMAT,
    ga4.FORMAT,
    posthog.FORMAT,
    segment.FORMAT,
    rudderstack.FORMAT,
    online_retail.FORMAT,
)


def formats() -> dict[str, LogFormat]:
    """All log formats by the name that ``--format`` takes."""
    return {one.name: one for one in FORMATS}
