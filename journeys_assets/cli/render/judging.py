"""Judges beside people, as text or record."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

if TYPE_CHECKING:
    from journeys_assets.domain.judging.agreement import CorrectedMeans
    from journeys_assets.domain.statistics.confusion import CorrectedMean
    from journeys_assets.domain.statistics.prediction_powered import MeanEstimate
    from journeys_assets.operations.judge_agreement import Agreements, JudgedByPeople

from journeys_assets.cli.render.screen import line
from journeys_assets.cli.render.tables import table_of

MEASURES = {
    "kappa": "weighted kappa",
    "spearman": "Spearman",
    "exact": "the same level",
    "within_one": "at most a level apart",
}


def agreements_record(done: "Agreements") -> dict[str, Any]:
    """The comparison as a record."""
    return {
        "live_from": done.live_from,
        "folder": done.folder,
        "judges": [
            {
                "judged_by": one.judged_by,
                "is_calibrated": one.agreement.is_calibrated,
                "reasons": list(one.agreement.reasons),
                "n_items": one.agreement.n_items,
                "n_users": one.agreement.n_users,
                "n_abstained": one.agreement.n_abstained,
                "figures": one.agreement.figures.to_dicts(),
                "confusion": one.agreement.confusion.tolist(),
                "means": None if one.means is None else mean_records(one.means),
            }
            for one in done.judges
        ],
    }


def mean_records(means: "CorrectedMeans") -> list[dict[str, Any]]:
    """of, mean, low, high of each way to estimate the mean relevance."""
    found: dict[str, MeanEstimate | CorrectedMean] = {
        "people alone": means.people,
        "judge, corrected by PPI++": means.by_ppi,
        "judge, corrected by the table; quality may have changed": means.by_confusion,
        "judge, corrected by the table; labels at random": means.by_post_stratification,
    }
    alone = {"of": "judge, not corrected", "mean": means.by_confusion.judge_mean, "low": None, "high": None}
    return [alone, *({"of": name, "mean": one.mean, "low": one.low, "high": one.high} for name, one in found.items())]


def show_agreements(done: "Agreements") -> RenderableType:
    """Each judge: its agreement beside chance, people and itself, its table, corrected means, and the verdict."""
    return Group(*(part for one in done.judges for part in _parts(one)))


def _parts(one: "JudgedByPeople") -> list[RenderableType]:
    found = one.agreement
    rows = [
        (f["comparison"], MEASURES[f["measure"]], _figure(f["value"], f["low"], f["high"]), _figure(f["by_chance"]),
         f["n_items"], f["n_users"])
        for f in found.figures.iter_rows(named=True)
        if f["n_items"]
    ]  # fmt: skip
    lines: list[RenderableType] = [
        table_of(f"Judge: {one.judged_by}", rows, "", "", "agreement", "by chance", "journeys", "users")
    ]
    if found.n_items:
        total = found.confusion.sum()
        cells = [
            (f"people {level}", *(_bar(float(share / total)) for share in row))
            for level, row in zip(range(5, 0, -1), found.confusion[::-1], strict=True)
        ]
        lines.append(table_of("Share of journeys", cells, "", *(f"judge {level}" for level in range(1, 6))))
    if one.means is not None:
        means = [(m["of"], _figure(m["mean"], m["low"], m["high"])) for m in mean_records(one.means)]
        lines.append(table_of("Mean relevance of the top journeys of the daily samples", means, "", "mean"))
    if found.n_abstained:
        lines.append(line(f"It gave no level for {found.n_abstained:,} journeys that people judged"))
    if found.is_calibrated:
        lines.append(line(("calibrated", "green"), f": its agreement is shown on {found.n_items:,} journeys"))
    else:
        lines.append(line(("uncalibrated", "yellow"), f": {'; '.join(found.reasons)}"))
    return lines


def _bar(share: float) -> str:
    """A share of the table, with a bar of a block for every 3 %."""
    return f"{share:>4.0%} {'█' * round(share / 0.03)}" if share >= 0.005 else "·"


def _figure(value: float | None, low: float | None = None, high: float | None = None) -> str:
    if value is None:
        return "not defined"
    return f"{value:.2f}" + (f" ({low:.2f} … {high:.2f})" if low is not None and low == low else "")
