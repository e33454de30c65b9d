"""RudderStack: raw calls as JSON lines (``rudder-logs/…``), and the tables of a RudderStack warehouse.

``importers.track_calls`` says how both are read. RudderStack writes an underscore before a column whose name is a
reserved word of the warehouse: ``_timestamp`` in a data lake. In Snowflake, names are in upper case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import Importer, LogFormat, Sample
from journeys_assets.importers.track_calls import reason_of, track_importer, track_mapping

NAME = "rudderstack"
MAPPING = track_mapping("the mapping of RudderStack")

_KEYS = frozenset({"rudderId", "request_ip"})
_COLUMNS = frozenset(
    {"context_request_ip", "context_passed_ip", "context_source_type", "context_destination_type", "rudder_id"}
)


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of RudderStack; see :class:`LogFormat`."""
    return track_importer(NAME, MAPPING, options, actions)


def is_of_rudderstack(sample: Sample) -> bool:
    """Whether calls were collected by RudderStack: by its own keys and columns, or by the name of its libraries."""
    columns = {column.lower() for column in sample.columns}
    if _KEYS & set(sample.columns) or _COLUMNS & columns:
        return True
    return any("rudder" in library.lower() for record in sample.records for library in _libraries(record))


def _libraries(record: Mapping[str, Any]) -> list[str]:
    context = record.get("context")
    library = context.get("library") if isinstance(context, dict) else None
    named = library.get("name") if isinstance(library, dict) else None
    flat = [value for key, value in record.items() if key.lower() == "context_library_name"]
    return [name for name in (named, *flat) if isinstance(name, str)]


def _recognise(sample: Sample) -> str | None:
    reason = reason_of(sample, is_of_rudderstack(sample))
    return None if reason is None else f"{reason} that RudderStack collected"


FORMAT = LogFormat(NAME, "RudderStack, raw calls or tables of a warehouse", _recognise, importer)
