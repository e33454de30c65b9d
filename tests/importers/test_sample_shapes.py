"""Whatever the shape in which people have a sample of a format, the format is recognised and its events are read."""

from pathlib import Path

import pytest

from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox
from tests.support.sample_shapes import CASES, TEN, USER


@pytest.mark.parametrize("case", CASES)
def test_a_shape_is_recognised_and_read(case: str, tmp_path: Path) -> None:
    format, files = CASES[case]
    log = LogSandbox(tmp_path, format)
    for name, content in files.items():
        log.write(name, content)
    assert recognise_format([log.folder]).name == format
    log.load()
    assert log.refused() == []
    assert log.searches() == [(USER, "red mug", TEN)]
    assert log.actions() == [(USER, "p1", "closeup", TEN)]
    assert log.rows("pin_id, title, interests", "pins") == [("p1", "Mug", ["Home"])]
