"""Training on labels: from the base model to the tuned one on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from journeys_assets.domain.finetuning.params import TrainingParams
from journeys_assets.errors import reading_state
from journeys_assets.models.finetuning.training import Progress, train
from journeys_assets.models.finetuning.weights import FinetuningError, load, save, with_instructions
from journeys_assets.operations.finetuning.labels import Labels
from journeys_assets.operations.result_files import draft_of

MODEL, FACTS = "model", "training.json"


def train_on_labels(
    base: Path, labels: Labels, params: TrainingParams, folder: Path, progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """Train, and write the tuned model into ``folder``; returns the facts of ``training.json``.

    Raises:
        FinetuningError: there is nothing to learn from, or the checkpoint is of another training.
    """
    digest = weights_digest(base)
    model, tokenizer = load(base)
    trained = train(
        model, with_instructions(tokenizer, params.instructions), labels.taught, params, folder, digest, progress
    )
    save(trained.model, trained.tokenizer, folder / MODEL)
    facts = {"base_digest": digest, "teacher": labels.teacher, "as_of": labels.as_of.isoformat(), **trained.facts}
    with draft_of(folder / FACTS) as draft:
        draft.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    return facts


def training_facts(folder: Path) -> dict[str, Any]:
    """What the last training wrote.

    Raises:
        FinetuningError: nothing was trained.
    """
    file = folder / FACTS
    if not file.exists() or not (folder / MODEL / "config.json").exists():
        raise FinetuningError(f"{folder / MODEL} has no tuned model; call `journeys finetune train` first")
    with reading_state(file, "remove it, and call `journeys finetune train`"):
        facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {**facts}


def weights_digest(folder: Path) -> str:
    """12 hex digits over the files of a model."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*")):
        if file.suffix in (".safetensors", ".json", ".jinja", ".model"):
            digest.update(file.name.encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:12]
