"""Hostile text through every renderer of the command line: it is shown, and it does not act."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import RenderableType

from journeys_assets.cli.errors import describe
from journeys_assets.cli.render import annotation, clustering, comparison, experiment, journeys, tables
from journeys_assets.cli.render import ingest as render_ingest
from journeys_assets.cli.render.progress import reporter
from journeys_assets.cli.render.screen import Screen, line
from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.annotation.agreement import AnnotatorAgreement
from journeys_assets.domain.clustering.calibration import LogEstimate
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.display import one_line
from journeys_assets.domain.experiment.readout import Readout
from journeys_assets.domain.history.comparison import EXAMPLE_SCHEMA, Comparison, PerUser
from journeys_assets.errors import JourneysError
from journeys_assets.operations.annotation_import import ImportedSheet
from journeys_assets.operations.calibrate import Threshold
from journeys_assets.operations.label_keywords import Clustered
from journeys_assets.operations.readout import LogReadout
from journeys_assets.storage.ingest.files import PassedOver
from journeys_assets.storage.ingest.report import FileReport, IngestReport
from tests.support.hostile import HOSTILE, acts

DAY = date(2026, 3, 1)
WIDTHS = {"terminal": True, "pipe": False}


def user(text: str) -> RenderableType:
    record: dict[str, Any] = {
        "rank": 1, "journey_id": text, "journey_name": text, "kind": "situational", "stage": "ongoing",
        "named_by": text, "safety": {"decision": text, "category": text, "decided_by": text},
        "confidence": 0.5, "scored_by": text, "feedback": None, "keywords": [text, text],
        "area": {"area_id": text, "area_name": text, "with": [text]},
        "first_engaged_at": "2026-03-01T00:00:00", "last_engaged_at": "2026-03-01T00:00:00",
        "evidence": {"actions": {}, "sources": {text: 1}, "active_days": 1, "engagements_per_week": [1] * 13},
        "explanation": {text: 0.5},
    }  # fmt: skip
    stored = text.encode("utf-8", "replace").decode()  # the warehouse holds nothing else
    related = dict.fromkeys(("related_name", "relation", "from_journey_name", "made_by"), stored)
    return journeys.show_user(text, DAY, [record], pl.DataFrame([related]), DEFAULT_ACTIONS)


def ingest(text: str) -> RenderableType:
    file = FileReport(text, text, 1, 0, 0, 1, 0, ignored_columns=(text,))
    passed_over = (PassedOver(Path(text.replace("\0", "")), text),)
    return render_ingest.show_ingest(IngestReport(1, (file,), None, 1, {text: 2}, passed_over=passed_over))


def sheets(text: str) -> RenderableType:
    refused = pl.DataFrame({"line": [1], "reason": [one_line(text)]})
    broken = ImportedSheet(Path(text.replace("/", "")), None, text, {}, refused.clear())
    read = ImportedSheet(Path("x"), FileReport("x", "s", 1, 1, 0, 0, 0), None, {text: 1}, refused)
    return annotation.show_sheets([broken, read])


def agreement(text: str) -> RenderableType:
    shown = one_line(text)
    overall = pl.DataFrame(
        [("alpha", 0.5, 0.4, 0.6, 0.0, 3, 2)],
        schema=["measure", "value", "low", "high", "by_chance", "n_items", "n_users"], orient="row",
    )  # fmt: skip
    measures = ("kappa", "kappa_low", "kappa_high", "exact", "exact_by_chance", "within_one", "within_one_by_chance",
                "stage_kappa", "stage_kappa_low", "stage_kappa_high")  # fmt: skip
    pairs = pl.DataFrame([{"a": shown, "b": shown, "n_items": 3, **dict.fromkeys(measures, 0.5)}])
    levels = {f"share_{level}": 0.2 for level in range(1, 6)}
    one = {
        "annotator": shown,
        "n_items": 3,
        "mean_level": 3.0,
        **levels,
        "bias": 0.1,
        "bias_low": 0.0,
        "bias_high": 0.2,
    }
    return annotation.show_agreement(AnnotatorAgreement(overall, pairs, pl.DataFrame([one])), 2)


def compared(text: str) -> RenderableType:
    shown = one_line(text)
    examples = pl.DataFrame([("renamed", shown, shown, shown)], schema=EXAMPLE_SCHEMA, orient="row")
    users = pl.DataFrame({"user_id": [shown], "before": [[shown]], "after": [[shown]]})
    per_user = (PerUser(1.0, 1.0, 1, 1.0), PerUser(1.0, 1.0, 1, 1.0))
    found = Comparison((1, 1), (1, 1), (1, 1), 1, 1, {"renamed": 1}, 0.5, 0.5, examples, per_user, 1, users)
    return comparison.show_comparison((text, DAY), (text, DAY), found)


def readout(text: str) -> RenderableType:
    shown = one_line(text)
    numbers = dict.fromkeys(("n_users", "n_users_sent", "n_sends", "n_opens", "n_clicks", "n_unsubscribes"), 1)
    arms = pl.DataFrame([{"arm": shown, "expected_users": 1.0, **numbers}])
    rates = pl.DataFrame([{"metric": shown, "arm": shown, "value": 1.0, "low": 0.0, "high": 2.0, "n_users": 1}])
    effects = pl.DataFrame([{
        "metric": shown, "arm": shown, "against": shown, "effect": 1.0, "low": 0.0, "high": 2.0, "relative_effect": 0.1,
        "minimum_detectable_effect": 0.1, "is_adjusted": True,
    }])  # fmt: skip
    return experiment.show_readout(LogReadout(DAY, DAY, Readout(arms, rates, effects, 0.5, ())))


def clustered(text: str) -> RenderableType:
    return clustering.show_clustering(
        Clustered(
            Path(text.replace("/", "")),
            1,
            1,
            pl.DataFrame({"line": [1], "reason": [one_line(text)]}),
            Threshold(-1.25, LogEstimate.unknown(ClusteringParams())),
        )
    )


RENDERERS: dict[str, Callable[[str], RenderableType]] = {
    "table": lambda text: tables.table_of(text, [(text, 1)], text, "n"),
    "line": line,
    "error": lambda text: line(describe(JourneysError(text))[0]),
    "file_error": lambda text: line(describe(OSError(28, "No space left on device", text))[0]),
    "fault": lambda text: line(describe(ValueError(text))[0]),
    "user": user,
    "ingest": ingest,
    "sheets": sheets,
    "agreement": agreement,
    "comparison": compared,
    "readout": readout,
    "clustered": clustered,
}


def printed(renderable: RenderableType, *, is_terminal: bool) -> str:
    screen = Screen(
        file=io.StringIO(), force_terminal=is_terminal, width=400 if is_terminal else None, color_system=None
    )
    screen.print(renderable, soft_wrap=False)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize("is_terminal", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_hostile_text_is_shown_and_does_not_act(renderer: str, text: str, is_terminal: bool) -> None:
    shown = printed(RENDERERS[renderer](text), is_terminal=is_terminal)
    assert acts(shown) == []
    harmless = printed(RENDERERS[renderer]("harmless"), is_terminal=is_terminal)
    assert len(shown.splitlines()) == len(harmless.splitlines()), "a value cannot add a line"
    # Rich drops a few control characters before they are replaced; the rest of the text is all there.
    for word in re.split(r"[\s\u2400-\u2424�]+", one_line(text)):
        assert word in shown


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_progress_shows_hostile_text_too(text: str) -> None:
    for is_terminal in (False, True):
        screen = Screen(file=io.StringIO(), force_terminal=is_terminal, width=200, color_system=None)
        reporter(screen)(text, 1, 1)
        assert isinstance(screen.file, io.StringIO)
        own = screen.file.getvalue().replace("\x1b[?25l", "").replace("\x1b[?25h", "").replace("\x1b[2K", "")
        assert acts(own.replace("\x1b[1A", ""), allowed="\n\r") == []


def test_a_path_is_on_one_line_where_nobody_looks() -> None:
    path = "/very/long" * 40
    screen = Screen(file=io.StringIO(), force_terminal=False)
    screen.write_line(f"Published: {path}")
    screen.print(tables.table_of("Files", [(path, 1)], "file", "rows"))
    assert isinstance(screen.file, io.StringIO)
    assert sum(path in one for one in screen.file.getvalue().splitlines()) == 2


def test_json_of_hostile_text_is_json() -> None:
    screen = Screen(file=io.StringIO(), force_terminal=True)
    screen.json({"texts": list(HOSTILE), "when": datetime(2026, 3, 1)})
    assert isinstance(screen.file, io.StringIO)
    assert acts(screen.file.getvalue()) == []
    assert json.loads(screen.file.getvalue())["texts"] == list(HOSTILE)
