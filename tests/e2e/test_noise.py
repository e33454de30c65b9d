"""Noise over the whole pipeline: what is left out leaves no trace, and comes back without its files.

Planted fault that it was seen to find: the view of searches without its condition on `noise`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.outputs import assert_same_output

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=1)


def people() -> dict[str, pl.DataFrame]:
    return dict(generate_world(WorldParams(seed=11, n_users=8, n_days=2, first_day=FIRST)).landing)


def noise(user: str) -> pl.DataFrame:
    """Some of it has the ids of people: a link that ``user`` pasted, and a script that ran with an account of its own.

    The hours have none of anybody's rows, so that a trace would show in the send window.
    """
    at = datetime(FIRST.year, FIRST.month, FIRST.day, 3)
    rows = [
        ("search-nightly-bot", "garden shed", at, None),
        ("crawled", "garden shed", at, "bot"),
        *((user, f"cheap https://spam{n}.example", at + timedelta(seconds=n), None) for n in range(50)),
        *(("script", f"script {n % 5}", at + timedelta(seconds=n), None) for n in range(1001)),
    ]
    schema = {"user_id": pl.String, "query": pl.String, "searched_at": pl.Datetime("us"), "noise": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def deployment(home: Path, log: Mapping[str, pl.DataFrame], *, is_kept: bool = False) -> Sandbox:
    home.mkdir(parents=True, exist_ok=True)
    if is_kept:
        keep(home)
    sandbox = Sandbox(home)
    report = sandbox.land({source: frame for source, frame in log.items() if frame.height})
    assert all(file.adds_up for file in report.files)
    return sandbox


def keep(home: Path) -> None:
    (home / "journeys.toml").write_text("[algorithm.noise]\nleft_out = []\n")


def test_noise_leaves_no_trace_and_comes_back_without_its_files(tmp_path: Path) -> None:
    log = people()
    user = log["search_events"]["user_id"].sort().first()
    searches = pl.concat([log["search_events"], noise(user)], how="diagonal").sample(fraction=1, shuffle=True, seed=1)
    everything = log | {"search_events": searches}
    clean = deployment(tmp_path / "clean", log)
    clean.run(FIRST, LAST)
    noisy = deployment(tmp_path / "noisy", everything)
    for day in (FIRST, LAST):
        noisy.run(day, day)
    assert_same_output(noisy, clean)
    texts = [finding.text for finding in noisy.findings() if finding.subject == "noise"]
    assert [text.split(": ")[-1] for text in texts] == ["bot, left out", "rate, left out", "spam, left out"]
    assert texts[1].startswith("1,001 rows of search_events by 1 users (such as script)")
    (total,) = (finding.text for finding in noisy.findings() if finding.subject == "ingested")
    assert "+ 0 duplicate + 52 noise + 0 quarantined + 0 skipped" in total

    kept = deployment(tmp_path / "kept", everything, is_kept=True)
    kept.run(FIRST, LAST)
    keep(noisy.home)
    noisy.run(FIRST, LAST, full=True)
    assert_same_output(noisy, kept)
