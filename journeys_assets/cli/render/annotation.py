"""Sheets and agreement between annotators, as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Group, RenderableType

if TYPE_CHECKING:
    from journeys_assets.domain.annotation.agreement import AnnotatorAgreement
    from journeys_assets.operations.annotation_import import ImportedSheet

from journeys_assets.cli.render.screen import line
from journeys_assets.cli.render.tables import table_of

REFUSED_ROWS_SHOWN = 20


def show_sheets(sheets: Sequence["ImportedSheet"]) -> RenderableType:
    """The result of importing sheets: counts for each file, then unreadable files and the first refused rows."""
    lines: list[RenderableType] = []
    counts: list[tuple[object, ...]] = []
    for sheet in sheets:
        if sheet.report is None:
            counts.append((sheet.file.name, "cannot be read", *[""] * 4))
            continue
        left = [f"{n:,} {reason}" for reason, n in sheet.skipped.items()]
        judged = sheet.report.n_accepted
        counts.append((sheet.file.name, "imported", sheet.report.n_rows, judged, sheet.refused.height, ", ".join(left)))
    lines.append(table_of("Sheets", counts, "file", "", "rows", "new judgements", "refused", "left out"))
    for sheet in sheets:
        if sheet.error:
            lines.append(line((sheet.error, "red")))
        for number, reason in sheet.refused.head(REFUSED_ROWS_SHOWN).iter_rows():
            lines.append(line((f"{sheet.file}, line {number}: ", "red"), reason))
        if sheet.refused.height > REFUSED_ROWS_SHOWN:
            more = sheet.refused.height - REFUSED_ROWS_SHOWN
            lines.append(line(f"… and {more:,} more; see landing.quarantined_rows"))
    return Group(*lines)


MEASURES = {
    "alpha": "relevance: Krippendorff's alpha",
    "exact": "relevance: the same level",
    "within_one": "relevance: at most a level apart",
    "stage_alpha": "stage: Krippendorff's alpha",
}


def sheet_records(sheets: Sequence["ImportedSheet"]) -> list[dict[str, Any]]:
    """The result of importing sheets as records: one for each sheet, with every refused row."""
    return [
        {
            "file": sheet.file,
            "is_new": sheet.report is not None,
            "error": sheet.error,
            "n_rows": sheet.report.n_rows if sheet.report else 0,
            "n_accepted": sheet.report.n_accepted if sheet.report else 0,
            "skipped": sheet.skipped,
            "refused": sheet.refused.to_dicts(),
        }
        for sheet in sheets
    ]


def agreement_record(found: "AnnotatorAgreement", n_untrainable: int) -> dict[str, Any]:
    """The agreement of annotators as a record.

    Args:
        n_untrainable: Judgements of days whose features were deleted.
    """
    tables = {"overall": found.overall, "pairs": found.pairs, "annotators": found.annotators}
    return {**{name: table.to_dicts() for name, table in tables.items()}, "n_untrainable": n_untrainable}


def show_agreement(found: "AnnotatorAgreement", n_untrainable: int) -> RenderableType:
    """How well annotators agree: each figure with its 95 % interval over users and its value by chance.

    Args:
        n_untrainable: Judgements of days whose features were deleted.
    """
    overall = found.overall.filter(pl.col("n_items") > 0)
    if found.annotators.is_empty():
        return line("There are no judgements yet; `journeys annotate export` writes a sheet")
    lines: list[RenderableType] = []
    if overall.is_empty():
        lines.append("No two annotators judged the same journey, so agreement is unknown; export with --overlap\n")
    else:
        rows = [
            (MEASURES[m], _figure(value, low, high), _figure(chance), n_items, n_users)
            for m, value, low, high, chance, n_items, n_users in overall.iter_rows()
        ]
        lines.append(table_of("All annotators", rows, "", "agreement", "by chance", "journeys", "users"))
        pairs = [
            (
                f"{p['a']}, {p['b']}",
                p["n_items"],
                _figure(p["kappa"], p["kappa_low"], p["kappa_high"]),
                f"{_figure(p['exact'])} ({_figure(p['exact_by_chance'])})",
                f"{_figure(p['within_one'])} ({_figure(p['within_one_by_chance'])})",
                _figure(p["stage_kappa"], p["stage_kappa_low"], p["stage_kappa_high"]),
            )
            for p in found.pairs.iter_rows(named=True)
        ]
        heads = ("journeys", "quadratic kappa", "same (chance)", "within one (chance)", "stage kappa")
        lines.append(table_of("Pairs of annotators", pairs, "", *heads))
    habits = [
        (
            a["annotator"],
            a["n_items"],
            f"{a['mean_level']:.2f}",
            " ".join(f"{a[f'share_{level}']:.0%}" for level in range(1, 6)),
            _figure(a["bias"], a["bias_low"], a["bias_high"], signed=True),
        )
        for a in found.annotators.iter_rows(named=True)
    ]
    columns = ("", "judged", "mean level", "share of levels 1 to 5", "levels above the others")
    lines.append(table_of("Annotators", habits, *columns))
    if n_untrainable:
        lines.append(
            line(
                f"{n_untrainable:,} judgements are about days whose features were deleted, so no ranker can learn from "
                "them. Import sheets sooner, or raise `output_retention_days`"
            )
        )
    return Group(*lines)


def _figure(value: float | None, low: float | None = None, high: float | None = None, *, signed: bool = False) -> str:
    if value is None:
        return "not defined"
    sign = "+" if signed else ""
    return f"{value:{sign}.2f}" + (f" ({low:{sign}.2f} … {high:{sign}.2f})" if low is not None else "")
