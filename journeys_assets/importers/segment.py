"""Segment: raw calls as JSON lines (``segment-logs/…/*.gz``), and the tables of a Segment warehouse.

``importers.track_calls`` says how both are read. A log of RudderStack has the same shape; what marks it is looked for
first (``importers.rudderstack``), and every other log of this shape counts as Segment's.
"""

from __future__ import annotations

from collections.abc import Sequence

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import Importer, LogFormat, Sample
from journeys_assets.importers.rudderstack import is_of_rudderstack
from journeys_assets.importers.track_calls import reason_of, track_importer, track_mapping

NAME = "segment"
MAPPING = track_mapping("the mapping of Segment")


def importer(options: FormatOptions, actions: Sequence[Action]) -> Importer:
    """The importer of Segment; see :class:`LogFormat`."""
    return track_importer(NAME, MAPPING, options, actions)


def _recognise(sample: Sample) -> str | None:
    return reason_of(sample, not is_of_rudderstack(sample))


FORMAT = LogFormat(NAME, "Segment, raw calls or tables of a warehouse", _recognise, importer)
