"""Labels: what the teacher answers to the questions of the topics that are learnt, filtered by the judge and by checks.

``labels.jsonl`` has a line for each question and teacher, in the form that trainers read (``messages``). It only grows:
a step that was stopped goes on with the questions that have no line yet, and answers of a language model are in a cache
beside it. ``labels.json`` names the lines that the last finished step wants, and ``split.parquet`` has the split.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.finetuning.params import SplitParams
from journeys_assets.domain.finetuning.split import HELD_OUT, LEARNT, split_by_known_topics, split_by_vectors
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.suggestions import judged
from journeys_assets.errors import reading_state
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.finetuning.examples import Example, about_names, text_of
from journeys_assets.models.finetuning.training import Taught
from journeys_assets.models.finetuning.weights import FinetuningError
from journeys_assets.models.llm.base import Asker
from journeys_assets.operations.result_files import draft_of
from journeys_assets.pipeline.judging import Judges
from journeys_assets.pipeline.suggested_names import Unsafe
from journeys_assets.pipeline.taught_journeys import KnownJourneys
from journeys_assets.storage.row_files import read_rows

LINES, MANIFEST, SPLIT_FILE = "labels.jsonl", "labels.json", "split.parquet"
PIPELINE = "pipeline"
TAUGHT, NO_ANSWER, INCOMPLETE, REFUSED = "taught", "no answer", "not complete", "name refused"
_AT_ONCE = 16
"""Questions whose lines are written together."""

Progress = Callable[[int, int], None]
"""Called with the questions done, and their number."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What came of the step.

    Attributes:
        outcomes: Questions by task and outcome.
        n_found: Questions that had a line before.
        levels: Journeys of the learnt topics by level; None: not judged.
        topics: Topics by side.
        journeys: Journeys by side.
    """

    outcomes: dict[str, dict[str, int]]
    n_found: int
    levels: dict[str, int]
    topics: dict[str, int]
    journeys: dict[str, int]

    @property
    def n_taught(self) -> int:
        return sum(counts.get(TAUGHT, 0) for counts in self.outcomes.values())


def split_of(clusters: pl.DataFrame, topics: Path | None, params: SplitParams) -> pl.DataFrame:
    """The side of each journey (``domain.finetuning.split.SPLIT``).

    Args:
        clusters: user_id, journey_id, keywords, centroid.
        topics: File with the known topics of keywords; None: they are found in the vectors.

    Raises:
        FinetuningError: the file cannot be read, or lacks a column.
    """
    if topics is None:
        return split_by_vectors(clusters, params)
    rows = read_rows(topics, FinetuningError)
    if missing := sorted({"keyword", "topic"} - set(rows.columns)):
        raise FinetuningError(f"{topics} has no column {', '.join(missing)}; it needs keyword and topic")
    return split_by_known_topics(clusters, rows, params)


def judged_levels(
    judges: Judges, journeys: pl.DataFrame, day: date, judged_by: str, asker: Asker | None
) -> pl.DataFrame:
    """user_id, journey_id, level: what the judge says of each journey of the day's output; the median of its draws.

    Args:
        journeys: user_id, journey_id.
        judged_by: ``rubric``, ``language_model``, which is ``asker``; or ``nobody``, who gives each the best level.

    Raises:
        FinetuningError: a language model is to judge, and there is none.
    """
    if judged_by == "nobody":
        return journeys.select(*JOURNEY, level=pl.lit(5.0))
    views = judges.views(day, journeys, with_controls=False)
    if judged_by == "rubric":
        rows = judges.by_rubric(views)
    elif asker is None:
        raise FinetuningError(
            'labels.judged_by = "language_model" needs a model: name it in [teacher], or set judged_by = "rubric"'
        )
    else:
        rows = judges.by_model(views, asker)
    return rows.drop_nulls("level").group_by(JOURNEY).agg(level=pl.col("level").cast(pl.Float64).median()).sort(JOURNEY)


class Teaching:
    """Has questions answered, checks the answers, and makes lines of them.

    Args:
        known: The journeys that are taught.
        asker: The teacher; None: the pipeline.
        embedder: Of the names, for their check.
        unsafe: Which names policy forbids.
    """

    def __init__(self, known: KnownJourneys, asker: Asker | None, embedder: Embedder, unsafe: Unsafe) -> None:
        self._names = known.names
        self._clusters = known.clusters
        self._asker, self._embedder, self._unsafe = asker, embedder, unsafe

    @property
    def teacher(self) -> str:
        """What lines call the teacher."""
        return PIPELINE if self._asker is None else self._asker.model

    def lines(self, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
        """One line for each question, in order."""
        answers = self._answers(examples)
        refused = self._refused(examples, answers)
        for example, value in zip(examples, answers, strict=True):
            yield self._line(example, value, refused)

    def _answers(self, examples: Sequence[Example]) -> list[Any]:
        if self._asker is None:
            return [example.pipeline for example in examples]
        found: dict[int, Any] = {}
        for task in sorted({example.task for example in examples}):
            places = [place for place, example in enumerate(examples) if example.task == task]
            replies = self._asker.ask((examples[place].question for place in places), task)
            found |= {place: reply.value for place, reply in zip(places, replies, strict=True)}
        return [found[place] for place in range(len(examples))]

    def _refused(self, examples: Sequence[Example], answers: Sequence[Any]) -> set[tuple[str, str]]:
        """The journeys whose name would not be accepted in a run."""
        given = [
            (example.user_id, journey_id, name)
            for example, value in zip(examples, answers, strict=True)
            if example.task == "names" and value is not None
            for journey_id, name in value.items()
        ]
        schema = {"user_id": pl.String, "journey_id": pl.String, "suggested_name": pl.String}
        names = pl.DataFrame(given, schema=schema, orient="row")
        if names.is_empty():
            return set()
        vectors = pl.Series(pack(self._embedder.embed(names["suggested_name"].to_list())), dtype=pl.Binary)
        forbidden = self._unsafe(names.join(self._names.select(*JOURNEY, "keywords"), on=JOURNEY))
        verdicts = judged(names.with_columns(embedding=vectors), self._names, self._clusters, forbidden)
        return set(verdicts.filter(pl.col("verdict") != "accepted").select(JOURNEY).iter_rows())

    def _line(self, example: Example, value: Any, refused: set[tuple[str, str]]) -> dict[str, Any]:
        asked, outcome, text = example, TAUGHT, None
        if value is None:
            outcome = NO_ANSWER
        elif example.task == "names" and (
            bad := [journey for journey in example.journey_ids if (example.user_id, journey) in refused]
        ):
            # The names that are good are taught, in a question about their journeys alone.
            good = [journey for journey in example.journey_ids if journey not in bad]
            wanted = pl.DataFrame(
                {"user_id": example.user_id, "journey_id": good}, schema=dict.fromkeys(JOURNEY, pl.String)
            )
            again = list(about_names(self._names.join(wanted, on=JOURNEY, how="semi"), max(1, len(good))))
            if again:
                asked = again[0]
            else:
                outcome = REFUSED
        if outcome == TAUGHT:
            text = text_of(asked, value)
            outcome = TAUGHT if text is not None else INCOMPLETE
        messages = [asdict(message) for message in asked.messages]
        if text is not None:
            messages.append({"role": "assistant", "content": text})
        return {
            "row_hash": example.row_hash,
            "task": example.task,
            "teacher": self.teacher,
            "user": hashlib.sha256(example.user_id.encode("utf-8", "surrogatepass")).hexdigest(),
            "outcome": outcome,
            "messages": messages,
        }


def write_labels(
    teaching: Teaching,
    examples: Sequence[Example],
    split: pl.DataFrame,
    levels: pl.DataFrame,
    day: date,
    folder: Path,
    progress: Progress = lambda *_: None,
) -> Labelled:
    """Have the questions answered that have no line yet, and name the lines that are wanted.

    Args:
        examples: Of the learnt topics, without journeys that the judge gave less than is taught.
        split, levels: For the counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with draft_of(folder / SPLIT_FILE) as draft:
        split.write_parquet(draft)
    lines = {(line["row_hash"], line["teacher"]): line for line in _read(folder / LINES)}
    missing = [example for example in examples if (example.row_hash, teaching.teacher) not in lines]
    n_found = len(examples) - len(missing)
    for start in range(0, len(missing), _AT_ONCE):
        fresh = list(teaching.lines(missing[start : start + _AT_ONCE]))
        _append(folder / LINES, fresh)
        lines |= {(line["row_hash"], line["teacher"]): line for line in fresh}
        progress(n_found + start + len(fresh), len(examples))
    wanted = [lines[example.row_hash, teaching.teacher] for example in examples]
    outcomes: dict[str, dict[str, int]] = {}
    for line in wanted:
        counts = outcomes.setdefault(line["task"], {})
        counts[line["outcome"]] = counts.get(line["outcome"], 0) + 1
    by_side = split.group_by("side").agg(topics=pl.col("topic").n_unique(), journeys=pl.len()).sort("side")
    done = Labelled(
        outcomes,
        n_found,
        {f"{level:g}": n for level, n in sorted(Counter(levels["level"].to_list()).items())},
        dict(by_side.filter(pl.col("side").is_in([LEARNT, HELD_OUT])).select("side", "topics").iter_rows()),
        dict(by_side.select("side", "journeys").iter_rows()),
    )
    manifest = {"as_of": day.isoformat(), "teacher": teaching.teacher, "rows": [one["row_hash"] for one in wanted],
                "counts": asdict(done)}  # fmt: skip
    with draft_of(folder / MANIFEST) as draft:
        draft.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return done


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a finished step."""

    as_of: date
    teacher: str
    counts: dict[str, Any]
    taught: list[Taught]
    split: pl.DataFrame


def read_labels(folder: Path) -> Labels:
    """The labels of the last finished step.

    Raises:
        FinetuningError: there are none, or a line that it names is gone.
    """
    if not (folder / MANIFEST).exists():
        raise FinetuningError(f"{folder / MANIFEST} does not exist; call `journeys finetune labels` first")
    again = "remove it, and call `journeys finetune labels`"
    with reading_state(folder / MANIFEST, again):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        as_of = date.fromisoformat(manifest["as_of"])
    with reading_state(folder / LINES, again):
        lines = {(line["row_hash"], line["teacher"]): line for line in _read(folder / LINES)}
    taught = []
    for row_hash in manifest["rows"]:
        line = lines.get((row_hash, manifest["teacher"]))
        if line is None:
            raise FinetuningError(f"{folder / LINES} has no line {row_hash}; call `journeys finetune labels` again")
        if line["outcome"] == TAUGHT:
            *question, answer = line["messages"]
            taught.append(Taught(row_hash, tuple(question), answer["content"]))
    split = pl.read_parquet(folder / SPLIT_FILE, glob=False)
    return Labels(as_of, manifest["teacher"], manifest["counts"], taught, split)


def _append(file: Path, lines: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    with file.open("ab") as target:
        target.write(text.encode("utf-8", "replace"))
        target.flush()
        os.fsync(target.fileno())


def _read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file; a last one that is cut off, because the step was stopped, is removed from it."""
    if not file.exists():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with file.open("r+b") as target:
            target.truncate(len(whole))
    found: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
    return found
