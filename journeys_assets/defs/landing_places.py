"""The watched places of a deployment, and the states of their files, for the sensor and the job of ingestion."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from journeys_assets.deployment import Deployment, watched_places
from journeys_assets.domain.landing.files import with_file_states
from journeys_assets.errors import JourneysError
from journeys_assets.settings import Settings
from journeys_assets.storage.locations.places import Listing, Place, complete, landed_in, list_place


@dataclass(frozen=True)
class Watched:
    """The places that could be listed, each with the states of its files, and the errors of the others."""

    places: tuple[tuple[Listing, pl.DataFrame], ...]
    problems: tuple[JourneysError, ...]

    def files(self) -> pl.DataFrame:
        """The states of all files, by their names in ``landing.landed_files``."""
        return pl.concat(
            looked.with_columns((pl.lit(listing.place.prefix) + pl.col("file")).alias("file"))
            for listing, looked in self.places
        )


def look_at_places(
    deployment: Deployment,
    landed: pl.DataFrame,
    now_ns: int,
    listed_place: Callable[[Place], Listing] = list_place,
) -> Watched:
    """The files of all watched places and their states at ``now_ns`` (ns since 1970).

    Args:
        landed: The rows of ``LANDED_FILES``.
        listed_place: Returns what is in a place.
    """
    listed: list[tuple[Listing, pl.DataFrame]] = []
    problems: list[JourneysError] = []
    for make in watched_places(deployment.settings):
        try:
            listing = listed_place(make())
        except JourneysError as error:
            problems.append(error)
            continue
        listed.append((listing, _look(deployment.settings, listing, landed_in(landed, listing.place), now_ns)))
    return Watched(tuple(listed), tuple(problems))


def _look(settings: Settings, listing: Listing, landed: pl.DataFrame, now_ns: int) -> pl.DataFrame:
    states = partial(
        with_file_states,
        listing.folder.files,
        landed,
        now_ns=now_ns,
        settle_s=settings.landing_settle_seconds,
        patience_s=settings.landing_patience_seconds,
    )
    young = states().filter(pl.col("state") == "waiting", pl.col("outcome").is_null())["file"].to_list()
    return states(complete=complete(listing, young))


def listed_at_most_every(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[Place], Listing]:
    """:func:`list_place` that lists a bucket again only when its last listing is ``seconds`` old.

    A listing that is out of date costs a request at most: the job lists the bucket anew.
    """
    known: dict[str, tuple[float, Listing]] = {}

    def listed(place: Place) -> Listing:
        if place.location.kind != "bucket":
            return list_place(place)
        if place.prefix not in known or clock() - known[place.prefix][0] >= seconds:
            known[place.prefix] = clock(), list_place(place)
        return replace(known[place.prefix][1], place=place)

    return listed
