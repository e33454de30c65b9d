"""What the command line prints: a user's journeys, a run's summary, an ingest report.

What belongs here: turning tables into text for people. What does not: reading the warehouse, deciding anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from journeys_assets.domain.annotator_agreement import AnnotatorAgreement
    from journeys_assets.domain.comparison import Comparison
    from journeys_assets.experiment import LogReadout
    from journeys_assets.storage.annotation import ImportedSheet
    from journeys_assets.storage.ingest import IngestReport

BARS = "▁▂▃▄▅▆▇█"
WEEKS_SHOWN = 13
KEYWORDS_SHOWN = 8
ACTIONS = {
    "search": "searches",
    "save": "saves",
    "clickthrough": "clickthroughs",
    "closeup": "closeups",
    "board_pin": "board pins",
}
"""Kinds of action, most telling first, with their plurals."""
FEEDBACK_SHOWN = {
    "finished": " · the user finished it",
    "not_mine": " · the user says it is not theirs",
    "mute": " · the user muted it",
    "more": " · the user wants more of it",
}
STAGE_STYLE = {"ongoing": "green", "ended": "dim"}


def journey_records(journeys: pl.DataFrame, evidence: pl.DataFrame, day: date) -> list[dict[str, Any]]:
    """One user's journeys as plain records, best first, each with its evidence.

    Args:
        journeys: Rows of user_journeys of one user and day.
        evidence: What the user did in the look-back window (``storage.reads.evidence_of_user``).
        day: The day that the journeys stand for.

    Returns:
        Records with name, kind, stage, confidence, rank, keywords, engagement times, ``area`` (id, name, and the
        journey ids of the other journeys in it, best first) and ``evidence``: actions by kind and by source of the
        keyword, days with an engagement, engagements per week (oldest first, 13 weeks).
    """
    in_area: dict[str, list[str]] = {}
    for journey_id, area_id in journeys.sort("rank").select("journey_id", "area_id").iter_rows():
        in_area.setdefault(area_id, []).append(journey_id)
    records = []
    for row in journeys.sort("rank").iter_rows(named=True):
        mine = evidence.filter(pl.col("keyword").is_in(row["keywords"]))
        records.append(
            {
                "rank": row["rank"],
                "journey_id": row["journey_id"],
                "journey_name": row["journey_name"],
                "kind": row["kind"],
                "stage": row["stage"],
                "confidence": round(row["confidence"], 4),
                "scored_by": row["scored_by"],
                "feedback": row["feedback"],
                "area": {
                    "area_id": row["area_id"],
                    "area_name": row["area_name"],
                    "with": [other for other in in_area[row["area_id"]] if other != row["journey_id"]],
                },
                "keywords": row["keywords"],
                "first_engaged_at": row["first_engaged_at"].isoformat(),
                "last_engaged_at": row["last_engaged_at"].isoformat(),
                "evidence": _evidence(mine, day),
            }
        )
    return records


def add_explanations(records: list[dict[str, Any]], parts: pl.DataFrame) -> None:
    """Give each record ``explanation``: what each part of the evidence adds to its score, the strongest first.

    Args:
        parts: journey_id, part, contribution (``models.ranker_explanation``).
    """
    for record in records:
        mine = parts.filter(pl.col("journey_id") == record["journey_id"])
        record["explanation"] = {part: round(value, 3) for part, value in mine.select("part", "contribution").rows()}


def _evidence(rows: pl.DataFrame, day: date) -> dict[str, Any]:
    # An action on an item speaks for all of the item's keywords; it counts once.
    acts = rows.unique(["action", "item_id", "engaged_at"])
    per_action = dict(acts.group_by("action").len().iter_rows())
    per_source = rows.unique(["source", "action", "item_id", "engaged_at"]).group_by("source").len().sort("source")
    weeks = [0] * WEEKS_SHOWN
    for engaged_on, n in acts.group_by("event_date").len().iter_rows():
        age = (day - engaged_on).days // 7
        if age < WEEKS_SHOWN:
            weeks[WEEKS_SHOWN - 1 - age] += n
    return {
        "actions": {action: per_action[action] for action in ACTIONS if action in per_action},
        "sources": dict(per_source.iter_rows()),
        "active_days": acts["event_date"].n_unique(),
        "engagements_per_week": weeks,
    }


def sparkline(values: Iterable[int]) -> str:
    """Small bars, one a value; zero is a dot."""
    counts = list(values)
    top = max(counts, default=0)
    return "".join("·" if n == 0 else BARS[max(0, -(-n * len(BARS) // top) - 1)] for n in counts)


def show_user(user_id: str, day: date, records: list[dict[str, Any]]) -> RenderableType:
    """A user's journeys, to be read by people."""
    ongoing = sum(record["stage"] == "ongoing" for record in records)
    title = Text.assemble(
        ("User ", "bold"), (user_id, "bold cyan"), f" as of {day}: {len(records)} journeys, {ongoing} ongoing\n"
    )
    shown = {record["journey_id"]: f"{record['rank']} {record['journey_name']}" for record in records}
    return Group(title, *(_journey(record, day, shown) for record in records))


def _journey(record: dict[str, Any], day: date, shown: Mapping[str, str]) -> RenderableType:
    last = datetime.fromisoformat(record["last_engaged_at"]).date()
    evidence = record["evidence"]
    keywords = record["keywords"]
    more = f"  +{len(keywords) - KEYWORDS_SHOWN} more" if len(keywords) > KEYWORDS_SHOWN else ""
    actions = ", ".join(_counted(n, name.replace("_", " "), ACTIONS[name]) for name, n in evidence["actions"].items())
    sources = ", ".join(f"{source} {n}" for source, n in evidence["sources"].items())
    since = day - timedelta(days=7 * WEEKS_SHOWN - 1)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("   keywords", Text(" · ".join(keywords[:KEYWORDS_SHOWN]) + more))
    grid.add_row("   evidence", f"{actions} on {_counted(evidence['active_days'], 'day')}, last {_ago(day, last)}")
    grid.add_row("   sources", sources)
    grid.add_row("   timeline", f"{sparkline(evidence['engagements_per_week'])}  weeks since {since}")
    if record["area"]["with"]:
        others = ", ".join(shown[journey_id] for journey_id in record["area"]["with"])
        grid.add_row("   area", Text(f"{record['area']['area_name']}, with {others}"))
    if "explanation" in record:
        grid.add_row("   why", " · ".join(f"{part} {value:+.2f}" for part, value in record["explanation"].items()))
    head = Text.assemble(
        (f"{record['rank']:>2} ", "bold"),
        (record["journey_name"], "bold magenta"),
        "   ",
        record["kind"],
        " · ",
        (record["stage"], STAGE_STYLE[record["stage"]]),
        f" · confidence {record['confidence']:.2f}",
        (f" ({record['scored_by']})", "dim"),
        (FEEDBACK_SHOWN.get(record["feedback"], ""), "yellow"),
    )
    return Group(head, grid, Text())


def _counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _ago(day: date, then: date) -> str:
    days = (day - then).days
    return "today" if days <= 0 else f"{_counted(days, 'day')} ago"


def show_evaluation(summary: Iterable[dict[str, Any]]) -> Table:
    """Our figure, the best baseline's and the verdict: rows of a report's summary."""
    rows = [
        (
            row["section"],
            ", ".join(part for part in (row["dataset"], row["regime"]) if part),
            row["metric"],
            f"{row['value']:.3f}",
            f"{row['baseline_value']:.3f} {row['baseline']}",
            f"{row['gain']:+.3f} ({row['gain_low']:+.3f} … {row['gain_high']:+.3f})",
            row["verdict"],
        )
        for row in summary
    ]
    return table_of(
        "Beside the best baseline", rows, "part", "on", "metric", "ours", "best baseline", "gain", "verdict"
    )


def table_of(title: str, rows: Iterable[tuple[object, ...]], *headers: str) -> Table:
    """A plain table; numbers are set right with thousands marks."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for header in headers:
        table.add_column(header, overflow="fold")
    materialised = [tuple(row) for row in rows]
    for index, column in enumerate(table.columns):
        if all(isinstance(row[index], int) for row in materialised) and materialised:
            column.justify = "right"
    for row in materialised:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return table


def show_ingest(report: "IngestReport") -> RenderableType:
    """What an ingest call took and refused, one line a source, and why rows were set aside."""
    headers = ("source", "files", "rows read", "accepted", "duplicate", "quarantined", "skipped")
    lines: list[RenderableType] = [table_of(f"Ingest {report.ingest_seq}", report.by_source(), *headers)]
    if report.n_files_skipped_as_known:
        lines.append(f"{report.n_files_skipped_as_known:,} files were loaded before and left out")
    for reason, n in sorted(report.skipped_by_reason.items(), key=lambda item: -item[1]):
        lines.append(f"skipped {n:,}: {reason}")
    for source, columns in report.ignored_columns().items():
        lines.append(f"{source}: columns that the contract does not know were ignored: {', '.join(columns)}")
    if any(file.n_quarantined for file in report.files):
        lines.append("quarantined rows, with file, line and reason, are in landing.quarantined_rows: `journeys doctor`")
    return Group(*lines)


CHANGE_TEXT = {
    "unchanged": "the same in everything",
    "changed_members": "other keywords came or went",
    "split": "new, from parts of others",
    "merged": "gone, taken up by others",
    "appeared": "new, of keywords that no journey had",
    "gone": "gone, with its keywords",
    "reidentified": "goes on under another id",
    "renamed": "another name",
    "changed_kind": "another kind",
    "changed_stage": "another stage",
    "changed_area": "in another area, or with more or fewer others",
    "changed_top_journey": "users whose first journey is another one",
}
"""What each change of a comparison means."""
Version = tuple[str, date]
"""An algorithm version and the day that its journeys stand for."""


def comparison_record(one: Version, other: Version, found: "Comparison") -> dict[str, Any]:
    """A comparison as a plain record."""
    sides = {"one": one, "other": other}
    pairs = {"users": found.n_users, "journeys": found.n_journeys, "keywords": found.n_keywords}
    return {
        **{side: {"version": version, "day": str(day)} for side, (version, day) in sides.items()},
        "same_day": one[1] == other[1],
        **{name: {"one": first, "other": second} for name, (first, second) in pairs.items()},
        "users_in_both": found.n_users_in_both,
        "keywords_in_both": found.n_keywords_in_both,
        "changes": found.counts,
        "bcubed_f1": found.bcubed_f1,
        "adjusted_rand": found.adjusted_rand,
        "examples": found.examples.to_dicts(),
    }


def show_comparison(one: Version, other: Version, found: "Comparison") -> RenderableType:
    """A comparison, to be read by people."""
    lines: list[RenderableType] = []
    if one[1] != other[1]:
        lines.append(
            Text(
                f"These are of different days, {one[1]} and {other[1]}: what users did in between is part of the "
                "differences.\n",
                style="yellow",
            )
        )
    sizes = [("users", *found.n_users), ("journeys", *found.n_journeys), ("keywords in them", *found.n_keywords)]
    lines.append(table_of("Versions", sizes, "", *(f"{version} on {day}" for version, day in (one, other))))
    rows = [(change.replace("_", " "), n, CHANGE_TEXT[change]) for change, n in found.counts.items()]
    lines.append(table_of("Journeys of the second against the first", rows, "", "journeys", ""))
    if found.bcubed_f1 is None:
        lines.append("No user has a keyword in journeys of both.\n")
    else:
        lines.append(
            "Agreement on which keywords of a user belong together, mean over users: B-cubed F1 "
            f"{found.bcubed_f1:.3f}, adjusted Rand {found.adjusted_rand:.3f}; {found.n_keywords_in_both:,} keywords "
            "are in journeys of both.\n"
        )
    for change in found.examples["change"].unique(maintain_order=True):
        lines.append(Text(change.replace("_", " "), style="bold"))
        for user, name, detail in found.examples.filter(pl.col("change") == change).drop("change").iter_rows():
            lines.append(Text.assemble("  ", (user, "cyan"), "  ", (name, "magenta"), f"  {detail}"))
    return Group(*lines)


REFUSED_ROWS_SHOWN = 20


def show_sheets(sheets: Sequence["ImportedSheet"]) -> RenderableType:
    """What became of imported sheets: counts a file, then every refused row (the first ones) and unreadable file."""
    lines: list[RenderableType] = []
    counts: list[tuple[object, ...]] = []
    for sheet in sheets:
        if sheet.report is None:
            counts.append((sheet.file.name, "cannot be read" if sheet.error else "imported before", *[""] * 4))
            continue
        left = [f"{n:,} {reason}" for reason, n in sheet.skipped.items()]
        judged = sheet.report.n_accepted
        counts.append((sheet.file.name, "imported", sheet.report.n_rows, judged, sheet.refused.height, ", ".join(left)))
    lines.append(table_of("Sheets", counts, "file", "", "rows", "new judgements", "refused", "left out"))
    for sheet in sheets:
        if sheet.error:
            lines.append(Text(sheet.error, style="red"))
        for line, reason in sheet.refused.head(REFUSED_ROWS_SHOWN).iter_rows():
            lines.append(Text.assemble((f"{sheet.file}, line {line}: ", "red"), reason))
        if sheet.refused.height > REFUSED_ROWS_SHOWN:
            more = sheet.refused.height - REFUSED_ROWS_SHOWN
            lines.append(f"… and {more:,} more in landing.quarantined_rows")
    return Group(*lines)


MEASURES = {
    "alpha": "relevance: Krippendorff's alpha",
    "exact": "relevance: the same level",
    "within_one": "relevance: at most a level apart",
    "stage_alpha": "stage: Krippendorff's alpha",
}


def show_agreement(found: "AnnotatorAgreement") -> RenderableType:
    """How well annotators agree, each figure with its 95 % interval over users and beside what chance gives."""
    overall = found.overall.filter(pl.col("n_items") > 0)
    if found.annotators.is_empty():
        return Text("No judgements are stored; `journeys annotate export` makes a sheet")
    lines: list[RenderableType] = []
    if overall.is_empty():
        lines.append("No journey was judged by two annotators, so agreement is not known; export with --overlap\n")
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
    return Group(*lines)


def _figure(value: float | None, low: float | None = None, high: float | None = None, *, signed: bool = False) -> str:
    if value is None:
        return "not defined"
    sign = "+" if signed else ""
    return f"{value:{sign}.2f}" + (f" ({low:{sign}.2f} … {high:{sign}.2f})" if low is not None else "")


def reporter(console: Console) -> Callable[[str, int, int], None]:
    """A progress callback (stage, done, total): a bar a stage on a terminal, a plain line a quarter elsewhere."""
    return _bars(console) if console.is_terminal else _lines(console)


def _lines(console: Console) -> Callable[[str, int, int], None]:
    quarters: dict[str, int] = {}

    def report(stage: str, done: int, total: int) -> None:
        quarter = 4 * done // max(total, 1)
        if quarters.get(stage) != quarter or done == total:
            quarters[stage] = quarter
            console.print(f"{stage}: {done:,} of {total:,}", highlight=False)

    return report


def _bars(console: Console) -> Callable[[str, int, int], None]:
    progress = Progress(
        TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    tasks: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            progress.start()
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done, total=total)
        if all(task.finished for task in progress.tasks):
            progress.stop()

    return report


def readout_record(found: "LogReadout") -> dict[str, Any]:
    """A readout for programs: days, arms, rates, effects, sample-ratio p-value, warnings."""
    readout = found.readout
    return {
        "first_day": str(found.first),
        "last_day": str(found.last),
        "arms": readout.arms.to_dicts(),
        "rates": readout.rates.to_dicts(),
        "effects": readout.effects.to_dicts(),
        "sample_ratio_p_value": readout.srm_p_value,
        "warnings": list(readout.warnings),
    }


def show_readout(found: "LogReadout") -> RenderableType:
    """A readout for people."""
    readout = found.readout
    arms = [
        (
            row["arm"],
            row["n_users"],
            f"{row['expected_users']:,.0f}",
            row["n_users_sent"],
            *(row[f"n_{what}"] for what in ("sends", "opens", "clicks", "unsubscribes")),
        )
        for row in readout.arms.iter_rows(named=True)
    ]
    rates = [
        (row["metric"], row["arm"], f"{row['value']:,.4g}", f"{row['low']:,.4g} … {row['high']:,.4g}", row["n_users"])
        for row in readout.rates.iter_rows(named=True)
    ]
    effects = [
        (
            row["metric"] + (" ¹" if row["is_adjusted"] else ""),
            f"{row['arm']} - {row['against']}",
            f"{row['effect']:+,.4g}",
            f"{row['low']:+,.4g} … {row['high']:+,.4g}",
            "" if row["relative_effect"] is None else f"{row['relative_effect']:+.0%}",
            f"{row['minimum_detectable_effect']:,.4g}",
        )
        for row in readout.effects.iter_rows(named=True)
    ]
    arm_headers = ("arm", "users", "expected", "users sent", "sends", "opens", "clicks", "unsubscribes")
    return Group(
        Text(f"{found.first} … {found.last}, intervals of 95 % over users", style="bold"),
        table_of(f"Arms (sample ratio p = {readout.srm_p_value:.2g})", arms, *arm_headers),
        table_of("Rates", rates, "metric", "arm", "value", "interval", "users that count"),
        table_of("Effects", effects, "metric", "arms", "effect", "interval", "relative", "detectable ²"),
        Text("¹ less what users did before the first day  ² found by 4 in 5 experiments of this size", style="dim"),
    )
