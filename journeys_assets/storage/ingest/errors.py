"""Errors of ingestion."""

from journeys_assets.errors import IngestError

__all__ = ["DamagedFileError", "IngestError"]


class DamagedFileError(IngestError):
    """A file is empty, cut off or otherwise damaged. A file that is still being written looks the same."""
