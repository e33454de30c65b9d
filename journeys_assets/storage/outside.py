"""Which files and folders outside of the home hold users, because a command wrote them there.

An erasure cannot search the whole machine. It lists these, so that somebody looks after them.
"""

from __future__ import annotations

import json
from pathlib import Path

from journeys_assets.errors import reading_state

NOTES = "outside.jsonl"
"""Below the home: one path a line."""


def note_outside(home: Path, *paths: Path) -> None:
    """Note that users are written to ``paths``. Those below the home are not noted: an erasure searches them."""
    known = set(noted_outside(home))
    new = [str(path.resolve()) for path in paths if not path.resolve().is_relative_to(home.resolve())]
    lines = [json.dumps({"path": path}) + "\n" for path in dict.fromkeys(new) if path not in known]
    if lines:
        with (home / NOTES).open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def noted_outside(home: Path) -> list[str]:
    """The paths that were noted, sorted; those that are gone since are left out.

    Raises:
        StateFileError: the notes are damaged.
    """
    file = home / NOTES
    if not file.exists():
        return []
    with reading_state(file, "restore it from a copy, or remove it, and look after what was exported by yourself"):
        paths = {json.loads(line)["path"] for line in file.read_text(encoding="utf-8").splitlines()}
    return sorted(path for path in paths if Path(path).exists())
