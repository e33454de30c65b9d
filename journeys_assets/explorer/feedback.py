"""What a person says of a journey, as rows of ``journey_feedback`` in the landing folder.

The rows are events like any others: they are loaded with the next files, survive every rerun, and a word is taken back
by a further row. Nothing is changed in the warehouse or in the published file.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from journeys_assets.domain.landing.files import EDIT_FILE
from journeys_assets.domain.vocabulary import EDITS, GIVEN_VERDICTS, UNDO
from journeys_assets.errors import JourneysError, reading_state

SOURCE = "journey_feedback"


class FeedbackError(JourneysError):
    """What was said cannot count. The message says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said of a journey; the columns of ``journey_feedback``."""

    user_id: str
    journey_id: str
    verdict: str
    given_at: datetime
    edit_id: str | None = None
    keywords: tuple[str, ...] | None = None
    other_keywords: tuple[str, ...] | None = None
    new_name: str | None = None

    @property
    def is_edit(self) -> bool:
        """Whether it is an edit, or takes one back."""
        return self.verdict in (*EDITS, UNDO)


@dataclass(frozen=True, slots=True)
class FeedbackFolder:
    """Writes feedback below the landing folder, one file for each word, and reads what this folder has of a user."""

    landing: Path

    def add(self, said: Said) -> Path:
        """Write one row; the file appears whole.

        Raises:
            FeedbackError: the verdict is unknown.
            OSError: the landing folder cannot be written to.
        """
        if said.verdict not in GIVEN_VERDICTS:
            raise FeedbackError(f"verdict {said.verdict!r} is none of {', '.join(GIVEN_VERDICTS)}")
        folder = self.landing / SOURCE
        folder.mkdir(parents=True, exist_ok=True)
        given = asdict(said) | {"given_at": said.given_at.isoformat()}
        row = {name: value for name, value in given.items() if value is not None}
        kind = EDIT_FILE if said.is_edit else "explorer-"
        name = f"{kind}{_key(said.user_id)}-{said.given_at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}.jsonl"
        draft = folder / f".{name}"  # hidden files are not loaded
        draft.write_text(json.dumps(row) + "\n", encoding="utf-8")
        os.replace(draft, folder / name)
        return folder / name

    def since(self, user_id: str, since: datetime) -> list[Said]:
        """What was said of the user's journeys after ``since``, the latest last; files that were removed are gone."""
        return [said for said in self._of(user_id) if said.given_at > since]

    def edits(self, user_id: str) -> list[Said]:
        """The edits of a user that this folder has, and what takes them back, the latest last."""
        return [said for said in self._of(user_id) if said.is_edit]

    def _of(self, user_id: str) -> list[Said]:
        """Everything that this folder has of a user, the latest last."""
        found = []
        for path in (self.landing / SOURCE).glob(f"explorer-*{_key(user_id)}-*.jsonl"):
            # The file is empty once its user was erased.
            with reading_state(path, "move it out of the landing folder"):
                rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
                for row in rows:
                    if row["user_id"] == user_id:
                        lists = {name: tuple(row[name]) for name in ("keywords", "other_keywords") if name in row}
                        found.append(Said(**{**row, **lists, "given_at": datetime.fromisoformat(row["given_at"])}))
        return sorted(found, key=lambda said: said.given_at)


def _key(user_id: str) -> str:
    """Stands for a user in the name of a file."""
    return hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
