"""Noise over the whole pipeline: what is left out leaves no trace, and comes back without its files.

Planted faults that it was seen to find: the hours of the send window taken from all rows; a view that is not made again
when ``left_out`` changes.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.sandbox import Sandbox
from tests.support.outputs import assert_same_output

FIRST = date(2026, 5, 27)
LAST = FIRST + timedelta(days=1)
TOPICS = ("garden shed", "shed roof felt", "wedding dress", "wedding venue", "learn to draw", "drawing pencils")


def at(day: date, hour: int, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour) + timedelta(seconds=second)


def searches(rows: list[tuple[str, str, datetime, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "query", "searched_at", "noise"], orient="row").cast(
        {"noise": pl.String}
    )


def people() -> pl.DataFrame:
    return searches(
        [
            (user, query, at(day, 8 + n), None)
            for user in ("ann", "ben")
            for day in (FIRST, LAST)
            for n, query in enumerate(TOPICS)
        ]
    )


def noise() -> pl.DataFrame:
    """Noise by people's own ids too: a link that Ann pasted, and a script that ran with Cid's account on one day."""
    return searches(
        [
            ("search-nightly-bot", "garden shed", at(FIRST, 3), None),
            ("crawled", "garden shed", at(FIRST, 3), "bot"),
            ("ann", "cheap https://spam.example", at(FIRST, 3), None),
            *(("cid", f"script {n % 5}", at(LAST, 20, n), None) for n in range(1001)),
        ]
    )


def deployment(home: Path, frame: pl.DataFrame, *, is_kept: bool = False) -> Sandbox:
    home.mkdir(parents=True, exist_ok=True)
    if is_kept:
        keep(home)
    sandbox = Sandbox(home)
    opted_in = pl.DataFrame({"user_id": ["ann", "ben", "cid"], "email_opt_in": True, "push_opt_in": True})
    sandbox.land({"search_events": frame, "users": opted_in})
    return sandbox


def keep(home: Path) -> None:
    (home / "journeys.toml").write_text("[algorithm.noise]\nleft_out = []\n")


@pytest.mark.slow
def test_noise_leaves_no_trace_and_comes_back_without_its_files(tmp_path: Path) -> None:
    everything = pl.concat([people(), noise()])
    clean = deployment(tmp_path / "clean", people())
    clean.run(FIRST, LAST)
    noisy = deployment(tmp_path / "noisy", everything.sample(fraction=1, shuffle=True, seed=1))
    for day in (FIRST, LAST):
        noisy.run(day, day)
    assert_same_output(noisy, clean)
    findings = [finding.text for finding in noisy.findings() if finding.subject == "noise"]
    assert [text.split(": ")[-1] for text in findings] == ["bot, left out", "rate, left out", "spam, left out"]
    assert findings[1].startswith("1,001 rows of search_events by 1 users (such as cid)")

    kept = deployment(tmp_path / "kept", everything, is_kept=True)
    kept.run(FIRST, LAST)
    assert set(kept.table("user_journeys")["user_id"]) > set(clean.table("user_journeys")["user_id"])
    keep(noisy.home)
    noisy.run(FIRST, LAST, full=True)
    assert_same_output(noisy, kept)
    (noisy.home / "journeys.toml").unlink()
    noisy.run(FIRST, LAST, full=True)
    assert_same_output(noisy, clean)


def test_the_counts_of_an_ingest_call_add_up(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("counts")
    report = sandbox.land({"search_events": pl.concat([people(), noise()])})
    (file,) = report.files
    assert file.adds_up
    assert report.noise == {"bot": 2, "spam": 1}
    texts = {finding.subject: finding.text for finding in sandbox.findings()}
    assert texts["ingested"] == (
        "1 files, 1,028 rows read = 1,025 accepted + 0 duplicate + 3 noise + 0 quarantined + 0 skipped"
    )
