"""What ``journeys ingest --explain`` counts, without loading anything."""

from datetime import datetime
from pathlib import Path

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.snowplow import FORMAT
from journeys_assets.operations.explain_log import explain_log
from tests.support.log_files import json_lines


def test_a_record_with_several_times_counts_once(tmp_path: Path) -> None:
    """Of its times, the one that is taken counts: here one has a zone, and the other one has none."""
    common = {"event": "page_view", "domain_userid": "d", "page_urlquery": "q=mug"}
    naive, zoned = "2026-01-05 10:00:00.000", "2026-01-05T10:00:00Z"
    rows = [
        {**common, "event_id": "e1", "derived_tstamp": naive, "collector_tstamp": naive},
        {**common, "event_id": "e2", "derived_tstamp": zoned, "collector_tstamp": naive},
        {**common, "event_id": "e3", "collector_tstamp": naive},
    ]
    (tmp_path / "events.json").write_text(json_lines(rows))
    importer = FORMAT.importer(FormatOptions(), DEFAULT_ACTIONS)
    explained = explain_log([tmp_path], importer, actions=DEFAULT_ACTIONS, now=datetime(2026, 2, 1))
    assert (explained.n_rows, explained.n_naive) == (3, 2)
    rows_made = [row for example in explained.examples for _, row in example.after]
    assert rows_made
    assert not any(name.startswith(("log_part", "part_version")) for row in rows_made for name in row)
