"""The report has what was measured, names the strongest rival, and is one self-contained page."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.evaluation.report import plots
from journeys_assets.evaluation.report.page import strongest_rivals, write_report
from journeys_assets.evaluation.report.section import Plot, Section, gathered, load_section, save_section
from journeys_assets.evaluation.statistics.intervals import mean_of, measure


@pytest.fixture
def section() -> Section:
    rng = np.random.default_rng(4)
    base = rng.random(80)
    results, comparisons = gathered(
        measure(
            {
                "production": mean_of(base + 0.2),
                "weak": mean_of(base),
                "strong <b>": mean_of(base + 0.3),
                "oracle": mean_of(base + 0.5),
            },
            dataset="set",
            regime=regime,
            metric="F1",
            n_users=80,
            ours="production",
            bounds=["oracle"],
        )
        for regime in ("light", "heavy")
    )
    plot = Plot("F1 by regime.", plots.dots(results, "F1", label="F1"))
    table = pl.DataFrame({"name": ["<script>alert(1)</script>"], "value": [0.12345]})
    return Section("clustering", "Clustering", "One *protocol*.", results, comparisons, (plot,), {"Examples": table})


def test_the_strongest_rival_is_named(section: Section) -> None:
    rivals = strongest_rivals(section)
    assert rivals["baseline"].to_list() == ["strong <b>", "strong <b>"]
    assert rivals["verdict"].to_list() == ["worse", "worse"]
    assert rivals["gain"].to_list() == pytest.approx([-0.1, -0.1])


def test_the_page_is_self_contained_and_escapes_data(section: Section, tmp_path: Path) -> None:
    page = write_report([section], {"log": "synthetic"}, tmp_path / "report").read_text()
    assert "2 worse" in page
    assert "<em>protocol</em>" in page
    assert "<script" not in page
    assert "strong <b>" not in page
    assert page.count("<svg") == 1
    for outside in ("src=", "<link", "@import", "url(http"):
        assert outside not in page
    record = json.loads((tmp_path / "report" / "report.json").read_text())
    assert record["summary"][0]["verdict"] == "worse"
    assert pl.read_parquet(tmp_path / "report" / "results.parquet").height == section.results.height


def test_a_report_replaces_the_last_one_completely(section: Section, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "left over").touch()
    with pytest.raises(ValueError, match="at least one section"):
        write_report([], {}, folder)
    assert (folder / "left over").exists()
    write_report([section], {}, folder)
    assert not (folder / "left over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_saved_section_loads_unchanged(section: Section, tmp_path: Path) -> None:
    save_section(section, tmp_path / "clustering.json")
    back = load_section(tmp_path / "clustering.json")
    assert_frame_equal(back.results, section.results)
    assert_frame_equal(back.comparisons, section.comparisons)
    assert (back.name, back.title, back.protocol, back.plots) == (
        section.name,
        section.title,
        section.protocol,
        section.plots,
    )
    (tmp_path / "broken.json").write_text('{"name": 1}')
    with pytest.raises(ValueError, match=r"broken\.json"):
        load_section(tmp_path / "broken.json")


def test_the_same_figures_draw_the_same_picture(section: Section) -> None:
    assert plots.dots(section.results, "F1", label="F1") == section.plots[0].svg
