"""The pages: what each takes from its address, and what its template is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from journeys_assets.domain.landing.ids import clean_id
from journeys_assets.domain.themes.themes import change
from journeys_assets.domain.vocabulary import (
    CHANGE_TEXT,
    EDITS,
    INTENTS,
    KINDS,
    SPLIT,
    STAGES,
    UNDO,
    VERDICTS,
    WITHDRAWN,
)
from journeys_assets.explorer import charts
from journeys_assets.explorer.access import Forms
from journeys_assets.explorer.cubes import FILTERS, ThemeState
from journeys_assets.explorer.drill import items_of, keywords_of, next_journeys
from journeys_assets.explorer.edits import MOST_LISTED, edit_from
from journeys_assets.explorer.feedback import FeedbackError, Said
from journeys_assets.explorer.jobs import Jobs
from journeys_assets.explorer.people import ITEMS, read_person
from journeys_assets.explorer.rendering import ago, environment, link
from journeys_assets.explorer.snapshot import Snapshot
from journeys_assets.explorer.sources import Sources
from journeys_assets.operations.erasure_receipts import ReceiptError, read_receipt, read_receipts
from journeys_assets.storage.warehouse.base import WarehouseBusyError

N_MOVERS = 8
WEEKS_BACK = 4
"""Weeks over which a theme rises or falls, where there are that many."""
A_LITTLE, MUCH = 0.7, 2.0
"""Changes up to which a theme counts as unchanged, and above which as changing fast: standard deviations."""
EVENTS_SHOWN = ("born", "resumed", "paused", "expired")
PAGE_OF_REPORT = "report.html"
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""The evaluation's report has its style and its pictures within it, and no script."""


class Pages:
    """The handlers of all pages."""

    def __init__(self, sources: Sources, forms: Forms, jobs: Jobs) -> None:
        self.sources = sources
        self.forms = forms
        self.jobs = jobs
        self._templates = environment()

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home),
            Route("/themes", self.themes),
            Route("/theme", self.theme),
            Route("/theme/behind", self.behind_theme),
            Route("/user", self.user),
            Route("/user/details", self.user_details),
            Route("/user/edits", self.user_edits),
            Route("/user/split", self.split),
            Route("/user/feedback", self.give_feedback, methods=["POST"]),
            Route("/quality", self.quality),
            Route("/quality/report", self.report),
            Route("/compare", self.compare),
            Route("/erasures", self.erasures),
            Route("/erasure", self.erasure),
        ]

    # ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def home(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        found = snapshot.overview
        labels = [f"{day:%-d %b}" for day in snapshot.weeks]
        users = dict(found.users.iter_rows())
        journeys = dict(found.journeys.group_by("partition_date").agg(n=_sum("n")).iter_rows())
        failing = [metric for metric in found.metrics if not metric["passed"]]
        rising, falling = movers(snapshot.themes, snapshot.weeks)
        return self._page(
            request,
            "home",
            snapshot,
            totals=found.totals,
            send_day=snapshot.day + timedelta(days=1),
            users_over_weeks=[users.get(day, 0) for day in snapshot.weeks],
            journeys_over_weeks=[journeys.get(day, 0) for day in snapshot.weeks],
            by_kind=charts.stacked(_series(found.journeys, "kind", KINDS, snapshot.weeks), labels),
            by_stage=charts.stacked(_series(found.journeys, "stage", STAGES, snapshot.weeks), labels),
            by_intent=charts.stacked(_series(found.journeys, "intent", INTENTS, snapshot.weeks), labels),
            events=charts.stacked(_events(found.events, snapshot.weeks), labels),
            kinds=KINDS,
            stages=STAGES,
            intents=INTENTS,
            event_names=EVENTS_SHOWN,
            rising=rising,
            falling=falling,
            least_users=snapshot.themes.least_users,
            compared=snapshot.weeks[max(0, len(snapshot.weeks) - 1 - WEEKS_BACK)],
            plans=_plans(found.plans.to_dicts()),
            metrics=[*failing, *(one for one in found.metrics if one["passed"])],
            n_failing=len(failing),
            histories=found.histories,
        )

    def themes(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        themes, day, chosen = snapshot.themes, *self._filters(request, snapshot)
        users = themes.users(day, chosen)
        before_day = _before(snapshot.weeks, day)
        before = themes.users(before_day, chosen) if before_day else np.zeros_like(users)
        everyone = themes.users(snapshot.day)
        order = sorted((int(i) for i in np.flatnonzero(users)), key=lambda i: (-users[i], themes.themes.labels[i]))
        rows: list[dict[str, Any]] = [
            {
                "label": themes.themes.labels[i],
                "users": int(users[i]),
                "change": int(users[i] - before[i]) if before_day else None,
                "is_new": before_day is not None and before[i] == 0,
                "group": int(themes.themes.groups[i]),
                "place": i,
            }
            for i in order
        ]
        circles: list[dict[str, Any]] = [
            {
                **row,
                "x": 1000 * themes.places[row["place"], 0],
                "y": 1000 * themes.places[row["place"], 1],
                "r": 1000 * themes.places[row["place"], 2] * share(row["users"], int(everyone[row["place"]])),
                "tone": tone(int(users[row["place"]]), int(before[row["place"]])) if before_day else "same",
            }
            for row in rows
            if row["place"] < len(themes.places)
        ]
        colour = request.query_params.get("colour", "group")
        if colour not in ("group", "change"):
            raise HTTPException(400, f"colour is 'group' or 'change', not {colour!r}")
        return self._page(
            request,
            "themes",
            snapshot,
            rows=rows,
            circles=circles,
            texts=charts.circle_labels(circles),
            box=_box(circles),
            chosen=self._chosen(request),
            day=day,
            before_day=before_day,
            filters={**FILTERS, "country": themes.countries},
            weeks=snapshot.weeks[::-1],
            colour=colour,
            least_users=themes.least_users,
            n_outside=themes.journeys_outside(day),
            n_journeys=len(themes.cubes[day].theme),
        )

    def theme(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        themes, day, chosen = snapshot.themes, *self._filters(request, snapshot)
        theme = self._theme(request, themes)
        near = themes.themes.vectors @ themes.themes.vectors[theme]
        now = themes.users(day, chosen)
        similar = [int(i) for i in np.argsort(-near, kind="stable") if i != theme and now[i]][:6]
        weeks = [int(themes.users(week, chosen)[theme]) for week in snapshot.weeks]
        return self._page(
            request,
            "theme",
            snapshot,
            label=themes.themes.labels[theme],
            day=day,
            chosen=self._chosen(request),
            users=int(now[theme]),
            names=themes.names_in(theme, day, chosen),
            n_spellings=len(themes.spellings_in(theme)),
            over_weeks=charts.stacked({"users": weeks}, [f"{week:%-d %b}" for week in snapshot.weeks]),
            similar=[(themes.themes.labels[i], int(now[i])) for i in similar],
            least_users=themes.least_users,
        )

    def behind_theme(self, request: Request) -> Response:
        """A part of the theme's page that takes longer where many users have the theme."""
        snapshot = self.sources.published.current()
        themes, day, chosen = snapshot.themes, *self._filters(request, snapshot)
        spellings = themes.spellings_in(self._theme(request, themes))
        con, least = snapshot.cursor(), themes.least_users
        is_known = "related_journeys" in snapshot.tables
        return self._part(
            "behind",
            keywords=keywords_of(con, day, spellings, chosen, least),
            following=next_journeys(con, snapshot.day, spellings, least) if is_known else [],
            items=items_of(con, snapshot.day, spellings, least) if ITEMS in snapshot.tables else None,
            least_users=least,
        )

    def user(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        user_id = clean_id(request.query_params.get("id", ""))
        if not user_id:
            return self._page(request, "users", snapshot, examples=snapshot.overview.examples)
        return self._user(request, snapshot, user_id)

    def _user(self, request: Request, snapshot: Snapshot, user_id: str, problem: str | None = None) -> Response:
        """The page of a user; ``problem`` says why a form was refused."""
        person = read_person(snapshot.cursor(), user_id, snapshot.day, snapshot.tables)
        if not person.is_known:
            page = self._page(request, "users", snapshot, examples=snapshot.overview.examples, missing=user_id)
            page.status_code = 404
            return page
        events: dict[str, list[Mapping[str, Any]]] = {}
        for event in person.events:
            events.setdefault(event["journey_id"], []).append(event)
        said = self.sources.feedback.since(user_id, _counted_until(snapshot))
        words: dict[str, str | None] = {one.journey_id: one.verdict for one in said if not one.is_edit}
        page = self._page(
            request,
            "user",
            snapshot,
            person=person,
            line=charts.time_line(person.journeys, events, snapshot.day),
            said=words,
            verdicts=VERDICTS,
            withdrawn=WITHDRAWN,
            problem=problem,
            proof=self.forms.proof(request),
            counts=[name for name in (person.journeys or [{}])[0] if name.startswith("n_") and name.endswith("_90d")],
        )
        page.status_code = 400 if problem else 200
        return page

    def user_details(self, request: Request) -> Response:
        """A part of the user's page that is read from the warehouse."""
        snapshot = self.sources.published.current()
        user_id = clean_id(request.query_params.get("id", ""))
        try:
            details, problem = self.sources.details(user_id, snapshot.day), None
        except WarehouseBusyError:
            details, problem = {}, "The pipeline is writing to the warehouse. Reload the page in a moment."
        return self._part("details", details=details, problem=problem)

    def user_edits(self, request: Request) -> Response:
        """A part of the user's page: edits, from the landing folder and the warehouse."""
        snapshot = self.sources.published.current()
        user_id = clean_id(request.query_params.get("id", ""))
        edits, problem = self.sources.edits(user_id, _counted_until(snapshot))
        return self._part("edits", edits=edits, problem=problem, user_id=user_id, proof=self.forms.proof(request))

    def split(self, request: Request) -> Response:
        """A proposal of the two halves of a journey."""
        snapshot = self.sources.published.current()
        user_id, journey_id = (clean_id(request.query_params.get(name, "")) for name in ("id", "journey"))
        return self._split(request, snapshot, user_id, journey_id)

    def _split(
        self, request: Request, snapshot: Snapshot, user_id: str, journey_id: str, problem: str | None = None
    ) -> Response:
        person = read_person(snapshot.cursor(), user_id, snapshot.day, snapshot.tables)
        journey = next((one for one in person.journeys if one["journey_id"] == journey_id), None)
        if journey is None:
            raise HTTPException(404, f"user {user_id!r} has no live journey {journey_id!r}")
        listed = journey["keywords"][:MOST_LISTED]
        halves = self.sources.halves(listed) if len(listed) > 1 else [False]
        page = self._page(
            request,
            "split",
            snapshot,
            user_id=user_id,
            journey=journey,
            rows=sorted(zip(listed, halves, strict=True), key=lambda row: row[1]),
            n_more=len(journey["keywords"]) - len(listed),
            problem=problem,
            proof=self.forms.proof(request),
        )
        page.status_code = 400 if problem else 200
        return page

    async def give_feedback(self, request: Request) -> Response:
        fields = await self.forms.fields(request, HTTPException)
        return await run_in_threadpool(self._given, request, fields)

    def _given(self, request: Request, fields: Mapping[str, str]) -> Response:
        """What comes of a form about a journey."""
        user_id, journey_id = clean_id(fields.get("user", "")), clean_id(fields.get("journey", ""))
        verdict = fields.get("verdict", "")
        if not user_id or not journey_id:
            raise HTTPException(400, "the form names no user or no journey; open the page again")
        if verdict not in (*EDITS, UNDO):
            try:
                self.sources.feedback.add(Said(user_id, journey_id, verdict, self.sources.now()))
            except FeedbackError as error:
                raise HTTPException(400, str(error)) from error
            return RedirectResponse(f"{link('/user', id=user_id)}#{quote(journey_id)}", 303)
        snapshot = self.sources.published.current()
        person = read_person(snapshot.cursor(), user_id, snapshot.day, snapshot.tables)
        try:
            self.sources.feedback.add(edit_from(fields, person, self.sources.now(), self.sources.unsafe))
        except FeedbackError as error:
            if verdict == SPLIT:
                return self._split(request, snapshot, user_id, journey_id, str(error))
            return self._user(request, snapshot, user_id, str(error))
        return RedirectResponse(f"{link('/user', id=user_id)}#edits", 303)

    def quality(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        readout, problem = self.jobs.result(("readout", snapshot.identity), self.sources.readout)
        report = self.sources.evaluation / "report" / "report.json"
        record = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        judged = [one for one in snapshot.overview.metrics if one["asset"] == "judged_journeys"]
        return self._page(
            request,
            "quality",
            snapshot,
            metrics=[one for one in snapshot.overview.metrics if one["asset"] != "judged_journeys"],
            judged=judged,
            histories=snapshot.overview.histories,
            headlines=[row for row in record["summary"] if row["is_headline"]] if record else [],
            facts=record["facts"] if record else {},
            has_page=(report.parent / PAGE_OF_REPORT).exists(),
            readout=readout,
            readout_problem=problem,
            is_working=readout is None and problem is None and self.sources.warehouse.path.exists(),
        )

    def report(self, request: Request) -> Response:
        path = self.sources.evaluation / "report" / PAGE_OF_REPORT
        if not path.exists():
            raise HTTPException(404, "there is no report yet; call `journeys evaluate`")
        return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    def compare(self, request: Request) -> Response:
        snapshot = self.sources.published.current()
        known = self.sources.versions(snapshot)
        one, other = (request.query_params.get(name, "") for name in ("one", "other"))
        found = problem = None
        if one and other:
            key = ("compare", snapshot.identity, one, other, tuple(known))
            found, problem = self.jobs.result(key, partial(self.sources.compare, snapshot, one, other))
        days: dict[str, list[date]] = {}
        for side in known:
            days.setdefault(side.version, []).append(side.day)
        return self._page(
            request,
            "compare",
            snapshot,
            versions=sorted(days.items(), key=lambda item: (max(item[1]), item[0]), reverse=True),
            one=one,
            other=other,
            found=found,
            problem=problem,
            is_working=bool(one and other) and found is None and problem is None,
            change_text=CHANGE_TEXT,
        )

    def erasures(self, request: Request) -> Response:
        """The receipts of erasures. They do not depend on what is published."""
        try:
            receipts, problem = read_receipts(self.sources.erasures), None
        except ReceiptError as error:
            receipts, problem = [], str(error)
        values = {"page": "erasures", "snapshot": None, "receipts": receipts, "problem": problem}
        return self._render(request, "erasures", 200, **values)

    def erasure(self, request: Request) -> Response:
        name = request.query_params.get("receipt", "")
        files = {file.stem: file for file in self.sources.erasures.glob("[0-9]*.json")}
        if name not in files:
            raise HTTPException(404, f"there is no receipt called {name!r}")
        try:
            receipt = read_receipt(files[name])
        except ReceiptError as error:
            raise HTTPException(500, str(error)) from error
        return self._render(request, "erasure", 200, page="erasures", snapshot=None, receipt=receipt)

    def empty(self, request: Request, why: str) -> Response:
        """The page of a deployment that has published nothing."""
        return self._render(request, "empty", 503, why=why, page="empty", snapshot=None)

    def error(self, request: Request, status: int, why: str) -> Response:
        return self._render(request, "error", status, why=why, code=status, page="error", snapshot=None)

    # ── what they share ─────────────────────────────────────────────────────────────────────────────────────────────

    def _page(self, request: Request, page: str, snapshot: Snapshot, **values: Any) -> Response:
        return self._render(request, page, 200, page=page, snapshot=snapshot, **values)

    def _render(self, request: Request, name: str, status: int, **values: Any) -> Response:
        snapshot, now = values["snapshot"], self.sources.now()
        values.setdefault("missing", None)
        html = self._templates.get_template(f"{name}.html.jinja").render(
            **values,
            query=dict(request.query_params),
            freshness=ago(snapshot.day, now) if snapshot else None,
            published_ago=ago(snapshot.published_at.replace(tzinfo=None), now) if snapshot else None,
            warning=self.sources.published.problem() or (snapshot.country_problem if snapshot else None),
        )
        return HTMLResponse(html, status)

    def _part(self, name: str, **values: Any) -> Response:
        """A part of a page, loaded later."""
        return HTMLResponse(self._templates.get_template(f"{name}.html.jinja").render(**values))

    def _theme(self, request: Request, themes: ThemeState) -> int:
        """The theme that the address names."""
        label = request.query_params.get("name", "")
        if label not in themes.themes.labels:
            raise HTTPException(404, f"no theme is called {label!r}, or fewer than {themes.least_users} users have it")
        return themes.themes.labels.index(label)

    def _chosen(self, request: Request) -> dict[str, str]:
        names = (*FILTERS, "country", "week", "colour")
        return {name: request.query_params[name] for name in names if request.query_params.get(name)}

    def _filters(self, request: Request, snapshot: Snapshot) -> tuple[date, dict[str, str]]:
        """The day and the values that the address chooses."""
        allowed = {**FILTERS, "country": snapshot.themes.countries, "week": tuple(map(str, snapshot.weeks))}
        chosen = {name: value for name, value in self._chosen(request).items() if name in allowed}
        for name, value in chosen.items():
            if value not in allowed[name]:
                raise HTTPException(400, f"{name} is one of {', '.join(allowed[name]) or 'none'}, not {value!r}")
        day = date.fromisoformat(chosen.pop("week")) if "week" in chosen else snapshot.day
        return day, chosen


def _counted_until(snapshot: Snapshot) -> datetime:
    """What was said later counts from the next run on.

    A word counts on its day, so the output of earlier days does not show it, whenever they were published.
    """
    end_of_day = datetime.combine(snapshot.day + timedelta(days=1), datetime.min.time())
    return min(snapshot.published_at.replace(tzinfo=None), end_of_day)


def movers(themes: ThemeState, weeks: tuple[date, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The themes whose users rise and fall most, of ongoing journeys, against ``WEEKS_BACK`` weeks before."""
    ongoing = {"stage": "ongoing"}
    history = np.array([themes.users(week, ongoing) for week in weeks])
    if len(weeks) < 2 or not history.size:
        return [], []
    now, before = history[-1], history[max(0, len(weeks) - 1 - WEEKS_BACK)]
    score = change(now, before)

    def row(i: int) -> dict[str, Any]:
        return {
            "label": themes.themes.labels[i],
            "now": int(now[i]),
            "before": int(before[i]),
            "values": history[:, i].tolist(),
        }

    order = sorted(range(len(score)), key=lambda i: (-score[i], themes.themes.labels[i]))
    rising = [row(i) for i in order if score[i] > 0][:N_MOVERS]
    return rising, [row(i) for i in order[::-1] if score[i] < 0][:N_MOVERS]


def tone(now: int, before: int) -> str:
    """The colour of a change: rising fast, rising, same, falling, falling fast; by its size against chance."""
    score = float(change(np.array([now]), np.array([before]))[0])
    return (
        "up2" if score > 2 else "up1" if score > 0.7 else "down2" if score < -2 else "down1" if score < -0.7 else "same"
    )


def share(users: int, everyone: int) -> float:
    """The radius of a filtered theme over that of the whole: areas are as the numbers of users."""
    return float(np.sqrt(users / max(everyone, users, 1)))


def _sum(column: str) -> pl.Expr:
    return pl.col(column).sum()


def _series(frame: pl.DataFrame, column: str, values: tuple[str, ...], weeks: tuple[date, ...]) -> dict[str, list[int]]:
    """Counts over weeks of each value of a column."""
    counted = {(day, value): n for day, value, n in frame.group_by("partition_date", column).agg(_sum("n")).iter_rows()}
    return {value: [int(counted.get((day, value), 0)) for day in weeks] for value in values}


def _events(frame: pl.DataFrame, weeks: tuple[date, ...]) -> dict[str, list[int]]:
    counted = {(week, event): n for week, event, n in frame.iter_rows()}
    return {event: [int(counted.get((week, event), 0)) for week in weeks] for event in EVENTS_SHOWN}


def _plans(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Candidates by decision and reason, over channels, most first within each decision."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["decision"], row["reason"])
        found[key] = found.get(key, 0) + row["n"]
    order = sorted(found.items(), key=lambda item: (item[0][0] != "send", -item[1], item[0]))
    return [{"decision": decision, "reason": reason, "n": n} for (decision, reason), n in order]


def _before(weeks: tuple[date, ...], day: date) -> date | None:
    """The week that ``day`` is compared with: ``WEEKS_BACK`` before, or the first; None if there is none before."""
    place = weeks.index(day)
    return weeks[max(0, place - WEEKS_BACK)] if place else None


def _box(circles: list[dict[str, Any]]) -> tuple[float, float, float, float]:
    """The view box that holds all circles with a margin: x, y, width, height."""
    if not circles:
        return 0.0, 0.0, 1000.0, 600.0
    left = min(one["x"] - one["r"] for one in circles)
    right = max(one["x"] + one["r"] for one in circles)
    top = min(one["y"] - one["r"] for one in circles)
    bottom = max(one["y"] + one["r"] for one in circles)
    margin = 0.02 * max(right - left, bottom - top)
    return left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin
