"""The model card: what the model was taught by whom, what it was measured on, and what that does not show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.operations.finetuning.labels import Labels
from journeys_assets.operations.result_files import draft_of

CARD, FIGURES = "model_card.md", "evaluation.json"


def write_figures(folder: Path, facts: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> None:
    """Keep the figures of an evaluation of the training that ``facts`` is of."""
    record = {"training": facts["training"], **{name: table.to_dicts() for name, table in tables.items()}}
    with draft_of(folder / FIGURES) as draft:
        draft.write_text(json.dumps(record, indent=2, default=str), encoding="utf-8")


def write_card(
    folder: Path, name: str, base: str, instructions: str, labels: Labels, facts: Mapping[str, Any], protocol: str
) -> str:
    """Write the card beside the model, with the figures of its evaluation if there are any; returns its text.

    Args:
        name, base: Of the model, and of that which was tuned.
        instructions: ``TrainingParams.instructions``.
        protocol: How figures are measured.
    """
    figures = _figures(folder, facts)
    counts = labels.counts
    lines = [
        f"# {name}",
        "",
        f"`{base}` ({facts['parameters']:,} parameters, digest {facts['base_digest']}), fine-tuned with LoRA "
        f"({facts['parameters_trained']:,} parameters), merged. It answers questions about user journeys behind an "
        "OpenAI-compatible endpoint; answers are checked as those of any model.",
        "",
        "## What it was taught",
        "",
        f"* Teacher: {labels.teacher}. Journeys as of {labels.as_of}.",
        f"* {facts['answers']:,} answers, {facts['tokens_learnt']:,} tokens learnt of {facts['tokens']:,}; "
        f"{facts['answers_too_long']:,} were too long and left out.",
        *_table(["task", "outcome", "questions"],
                [(task, outcome, n) for task, of in counts["outcomes"].items() for outcome, n in of.items()]),
        "",
        f"* Journeys of learnt topics by level of the judge: {_counts(counts['levels'])}.",
        f"* Topics: {_counts(counts['topics'])}. Journeys: {_counts(counts['journeys'])}.",
        f"* {facts['steps']:,} steps; loss {facts['loss_of_first_steps']:.3f} in the first tenth, "
        f"{facts['loss_of_last_steps']:.3f} in the last.",
        "* It is shown the whole prompt." if instructions == "whole" else
        "* It is shown the first sentence of a prompt alone; its chat template leaves out the others.",
        "",
        "## How it answers about held-out topics",
        "",
    ]  # fmt: skip
    if figures is None:
        lines.append("Not measured yet: call `journeys finetune evaluate`.")
    else:
        lines += [protocol.strip(), ""]
        lines += _table(
            ["figure", "method", "value", "95 % interval", "n"],
            [
                (
                    row["metric"],
                    row["method"],
                    f"{row['value']:.3f}",
                    _range(row),
                    f"{row['n_users']} {row['regime'][3:]}s",
                )
                for row in figures["results"]
            ],
        )
        lines += ["", "Gain of the fine-tuned model:", ""]
        lines += _table(
            ["figure", "over", "gain", "95 % interval", "verdict"],
            [
                (row["metric"], row["baseline"], f"{row['gain']:+.3f}", _range(row), row["verdict"])
                for row in figures["comparisons"]
            ],
        )
        if figures.get("names"):
            columns = list(figures["names"][0])
            lines += ["", "Names of one journey for each held-out topic:", ""]
            lines += _table(columns, [tuple(row[column] for column in columns) for row in figures["names"]])
    lines += [
        "",
        "## Limits",
        "",
        "* The teacher's mistakes were taught too. Agreement with the teacher is no quality; the readers are a proxy.",
        "* It was taught the form of the prompts of this version. After a change of a prompt, tune again.",
        "* Weights may repeat texts that they learnt from: keep them as confidential as the log. To remove a user, "
        "delete the user's lines and train anew.",
        "",
    ]
    text = "\n".join(lines)
    with draft_of(folder / CARD) as draft:
        draft.write_text(text, encoding="utf-8")
    return text


def _figures(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The figures of this training; None without any."""
    file = folder / FIGURES
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found if found["training"] == facts["training"] else None


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [
        "",
        f"| {' | '.join(headers)} |",
        f"|{'---|' * len(headers)}",
        *(f"| {' | '.join(_cell(value) for value in row)} |" for row in rows),
    ]


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|")


def _range(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    return f"{low:.3f} to {high:.3f}" if low == low and high == high else "none"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items()) or "not counted"
