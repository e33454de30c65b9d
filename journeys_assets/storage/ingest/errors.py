"""Errors of ingestion."""

from journeys_assets.errors import JourneysError


class IngestError(JourneysError):
    """Files cannot be ingested. The message names the file, the error and the cure. The warehouse is unchanged."""


class DamagedFileError(IngestError):
    """A file is empty, cut off or otherwise damaged. A file that is still being written looks the same."""
