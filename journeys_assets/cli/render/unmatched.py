"""Unmatched keys as text, for the end of an ingest."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeys_assets.domain.quality.params import QualityParams
    from journeys_assets.domain.quality.unmatched import Unmatched


def unmatched_lines(found: "Sequence[Unmatched]", params: "QualityParams") -> Iterator[str]:
    """One plain line (no markup) for each reference with unmatched keys; mistakes first and marked as warnings."""
    from journeys_assets.domain.quality.unmatched import worst_first

    for one in worst_first(found, params):
        yield f"{'warning ' if one.is_mistake(params) else ''}{one.reference}: {one.text}"
