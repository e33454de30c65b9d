"""Which destination an address names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from journeys_assets.errors import require_extra
from journeys_assets.operations.activation.base import ActivationError, Destination

FORMS = (
    "segment, https://host/path (a webhook), postgresql://user@host/database?table=name, csv:FOLDER, parquet:FOLDER, "
    "parquet:s3://bucket/prefix"
)


def destination_of(address: str, *, webhook_secret: str | None, segment_write_key: str | None) -> Destination:
    """The destination that an address names; nothing is connected to.

    Args:
        webhook_secret: Signs what a webhook gets.
        segment_write_key: Write key of the Segment source.

    Raises:
        ActivationError: there is no such destination, or its secret is missing. The message has the forms.
        MissingExtra: a package is not installed.
    """
    kind, _, rest = address.partition(":")
    try:
        has_place = bool(rest) and ("://" not in rest or bool(urlsplit(rest).netloc or urlsplit(rest).scheme == "file"))
        has_password = bool(urlsplit(address).password)
    except ValueError as error:
        raise ActivationError(f"the address of {kind} is no URL ({error}); destinations are {FORMS}") from error
    if kind in ("csv", "parquet") and has_place:
        from journeys_assets.operations.activation.stores import Files

        return Files(rest if "://" in rest else Path(rest).absolute().as_uri(), kind)
    require_extra("activate", "journeys activate")
    if kind == "segment":
        from journeys_assets.operations.activation.http import SEGMENT_URL, Poster, Segment

        if not segment_write_key:
            raise ActivationError("Segment needs a write key; set JOURNEYS_ACTIVATION__SEGMENT_WRITE_KEY")
        return Segment(Poster(rest or SEGMENT_URL), segment_write_key)
    if kind in ("http", "https"):
        from journeys_assets.operations.activation.http import Poster, Webhook

        if not webhook_secret:
            raise ActivationError("a webhook needs a secret for signatures; set JOURNEYS_ACTIVATION__WEBHOOK_SECRET")
        return Webhook(Poster(address), webhook_secret)
    if kind in ("postgresql", "postgres"):
        from journeys_assets.operations.activation.stores import PostgresTable

        if has_password:
            raise ActivationError("the address holds a password; remove it, and set PGPASSWORD")
        return PostgresTable(address)
    raise ActivationError(f"{address!r} is no destination; destinations are {FORMS}")
