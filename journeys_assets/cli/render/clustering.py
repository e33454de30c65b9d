"""The result of `journeys cluster`, as text or record."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

if TYPE_CHECKING:
    from journeys_assets.operations.label_keywords import Clustered

from journeys_assets.cli.render.screen import line

REFUSED_SHOWN = 20


def clustering_record(done: "Clustered") -> dict[str, Any]:
    """The counts of a clustered file, with every refused row."""
    counts = {"n_rows": done.n_rows, "n_journeys": done.n_journeys, "n_refused": done.refused.height}
    threshold = {
        "least_log_odds": done.threshold.least_log_odds,
        "area_distance": done.threshold.log.area_distance,
        "found_from": done.threshold.source,
    }
    return {"file": done.file, **counts, **threshold, "refused": done.refused.to_dicts()}


def show_clustering(done: "Clustered") -> RenderableType:
    """The counts of a clustered file, and the first refused rows."""
    lines: list[RenderableType] = [
        line((f"line {number}: ", "red"), reason) for number, reason in done.refused.head(REFUSED_SHOWN).iter_rows()
    ]
    if done.refused.height > REFUSED_SHOWN:
        lines.append(line(f"… and {done.refused.height - REFUSED_SHOWN:,} more; `--json` lists them all"))
    if done.refused.height:
        lines.append(line(f"{done.refused.height:,} rows or lines were refused and have no journey_id"))
    lines.append(line(f"threshold {done.threshold.least_log_odds:g}, from {done.threshold.source}"))
    if done.threshold.n_unused:
        unused = f"{done.threshold.n_unused:,} judged pairs"
        lines.append(line((unused, "yellow"), " were not used: their user lacks one of the keywords"))
    lines.append(line(f"{done.n_rows:,} rows in {done.n_journeys:,} journeys → {done.file}"))
    return Group(*lines)
