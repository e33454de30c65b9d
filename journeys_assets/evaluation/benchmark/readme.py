"""The README of a prepared benchmark: what lies where, and what a submission looks like."""

from __future__ import annotations

from collections.abc import Sequence

from journeys_assets.domain.vocabulary import KINDS, STAGES
from journeys_assets.evaluation.benchmark.folder import DEV, Dataset

COLUMNS: dict[str, str] = {
    "user_id": "As in keywords.parquet.",
    "keyword": "As in keywords.parquet, unchanged.",
    "journey": "Any text or number. Keywords of one user with the same value are one journey. Empty: the keyword is in "
    "no journey.",
    "name": "Name of the journey, for people.",
    "kind": f"{', '.join(KINDS)}.",
    "stage": f"{', '.join(STAGES)}, as of the last day of the input.",
    "rank": "Whole number; 1 is the journey that the user should see first. No two journeys of a user share a rank.",
    "confidence": "0 to 1: the probability that the journey is real and current. It is kept and not scored.",
}
"""The columns of a submission. The first three are needed. The others say something of the journey, so they are the
same in all its rows, and may be empty."""
REQUIRED = tuple(COLUMNS)[:3]


def columns_table() -> str:
    """``COLUMNS`` as a Markdown table."""
    rows = [f"| `{name}` | {'yes' if name in REQUIRED else ''} | {about} |" for name, about in COLUMNS.items()]
    return "\n".join(["| column | needed | meaning |", "|---|---|---|", *rows])


def text_of(datasets: Sequence[Dataset]) -> str:
    """The README, in Markdown."""
    rows = [f"| `{d.name}` | {d.about} | {d.n_users} | {d.n_keywords} | {d.day or 'no log'} |" for d in datasets]
    table = "\n".join(["| data set | from | users scored | keywords | last day |", "|---|---|---|---|---|", *rows])
    return f"""# Benchmark of user journeys

Put the keywords of each user into journeys: what the user is trying to do, or keeps up. Optionally name each journey,
state its kind and stage, and rank the journeys of a user.

{table}

* `input/NAME/keywords.parquet` has the keywords of each user. `input/NAME/landing/` has the log that they come from,
  up to the last day. A system may read all of `input/`.
* `truth/` is for scoring. A system must not read it, with one exception: `truth/{DEV}` may be used for tuning.

## Submission

A folder with one file for each data set: `NAME.parquet`, `NAME.csv` or `NAME.jsonl`. Data sets may be left out. Each
file has one row for each keyword of a user. A keyword without a row is in no journey, and counts as a journey of
its own.

{columns_table()}

The folder may have a `submission.json` with the texts `name`, `about` and `url`.

    journeys benchmark score SUBMISSION --data DIR     checks a submission and scores it
    journeys benchmark leaderboard DIR                 compares all of DIR/submissions
"""
