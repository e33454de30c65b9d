"""What a person says of a journey, as rows of ``journey_feedback`` in the landing folder.

The rows are events like any others: they are loaded with the next files, survive every rerun, and a word is taken back
by a further row. Nothing is changed in the warehouse or in the published file.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from journeys_assets.domain.vocabulary import GIVEN_VERDICTS
from journeys_assets.errors import JourneysError

SOURCE = "journey_feedback"


class FeedbackError(JourneysError):
    """What was said is not one of the verdicts that there are."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said of a journey, not published yet."""

    user_id: str
    journey_id: str
    verdict: str
    given_at: datetime


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
        row = {
            "user_id": said.user_id,
            "journey_id": said.journey_id,
            "verdict": said.verdict,
            "given_at": said.given_at.isoformat(),
        }
        name = f"explorer-{_key(said.user_id)}-{said.given_at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}.jsonl"
        draft = folder / f".{name}"  # hidden files are not loaded
        draft.write_text(json.dumps(row) + "\n", encoding="utf-8")
        os.replace(draft, folder / name)
        return folder / name

    def since(self, user_id: str, since: datetime) -> list[Said]:
        """What was said of the user's journeys after ``since``, the latest last; files that were removed are gone."""
        found = []
        for path in sorted((self.landing / SOURCE).glob(f"explorer-{_key(user_id)}-*.jsonl")):
            row = json.loads(path.read_text(encoding="utf-8"))
            given_at = datetime.fromisoformat(row["given_at"])
            if row["user_id"] == user_id and given_at > since:
                found.append(Said(user_id, row["journey_id"], row["verdict"], given_at))
        return found


def _key(user_id: str) -> str:
    """Stands for a user in the name of a file."""
    return hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
