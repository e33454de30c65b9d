"""The importers that there are, by name."""

from journeys_assets.importers.base import Importer
from journeys_assets.importers.online_retail import ONLINE_RETAIL


def importers() -> dict[str, Importer]:
    """All importers by the name that ``--format`` takes."""
    return {importer.name: importer for importer in (ONLINE_RETAIL,)}
