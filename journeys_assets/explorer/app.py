"""The explorer as an application: pages, static files, and the checks in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from journeys_assets.deployment import Deployment, open_warehouse
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.explorer.access import Forms, Guard
from journeys_assets.explorer.feedback import FeedbackFolder
from journeys_assets.explorer.jobs import Jobs
from journeys_assets.explorer.pages import Pages
from journeys_assets.explorer.published import NothingPublished, Published
from journeys_assets.explorer.rendering import STATIC
from journeys_assets.explorer.snapshot import read_snapshot
from journeys_assets.explorer.sources import LOCK_WAIT_S, Sources, read_countries
from journeys_assets.models.themes.release import ThemeMap, released_map
from journeys_assets.pipeline.registry import THEME_MAP
from journeys_assets.pipeline.safety import unsafe_names


def utc_now() -> datetime:
    """The time, UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def sources_of(deployment: Deployment, *, now: Callable[[], datetime] = utc_now) -> Sources:
    """What the pages of a deployment are made from; nothing is read yet."""
    settings = deployment.settings
    warehouse = open_warehouse(settings, lock_timeout_s=LOCK_WAIT_S)
    read = partial(
        read_snapshot,
        embed=lambda names: deployment.embedder().embed(names),
        countries=lambda: read_countries(warehouse),
        least_users=deployment.algorithm.related.min_users,
        params=ThemeParams(),
        theme_map=partial(live_map, deployment),
    )
    return Sources(
        published=Published(settings.published_path, read),
        warehouse=warehouse,
        home=settings.home,
        evaluation=settings.evaluation_path,
        erasures=settings.erasures_path,
        rankers=deployment.releases("ranker"),
        feedback=FeedbackFolder(settings.landing_path),
        params=deployment.algorithm,
        embed=lambda texts: deployment.embedder().embed(texts),
        unsafe=lambda names: unsafe_names(names, deployment.safety_judge().verdicts),
        now=now,
    )


def live_map(deployment: Deployment, day: date) -> ThemeMap | None:
    """The map that is live on ``day``, if it is of the deployment's embedding model: others have other vectors."""
    found = released_map(deployment.releases(THEME_MAP.folder), day)
    return found if found and found.embedding_model == deployment.embedder().model_version else None


def explorer_app(sources: Sources, *, token: str | None) -> Starlette:
    """The application.

    Args:
        token: What every request must carry; None where the server listens on a loopback address.
    """
    jobs = Jobs()
    pages = Pages(sources, Forms(), jobs)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return pages.error(request, error.status_code, error.detail)

    async def nothing(request: Request, error: Exception) -> Response:
        return pages.empty(request, str(error))

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        yield
        jobs.close()
        sources.published.close()

    return Starlette(
        routes=[*pages.routes(), Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Guard, token=token)],
        exception_handlers={HTTPException: refused, NothingPublished: nothing},
        lifespan=running,
    )
