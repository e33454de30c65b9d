"""Parameters of fine-tuning. The configuration file of ``journeys finetune`` has one table for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Task = Literal["names", "pairs", "journeys"]
TASKS: tuple[Task, ...] = ("names", "pairs", "journeys")
"""What a model can be taught: names of journeys; whether two keywords are of one journey; whole journeys."""

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True)
class SplitParams:
    """Which topics are held out."""

    held_out_share: Share = 0.3
    """Share of the topics whose journeys are never learnt from."""
    topic_cosine: Share = 0.5
    """Least cosine of the centre of a journey to the leader of its topic. Not used with known topics."""
    seed: int = 1
    """Another seed holds out other topics."""


@dataclass(frozen=True, slots=True)
class LabelParams:
    """Which questions there are, and which answers are taught."""

    tasks: tuple[Task, ...] = TASKS
    """What the model is taught."""
    most_journeys: Positive = 20
    """Most journeys of a user that one question about names holds."""
    pairs_per_user: Positive = 6
    """Most pairs of keywords of a user, half of them of one journey."""
    near_keywords: Annotated[int, Field(ge=0, le=4)] = 4
    """Keywords beside each one of a pair."""
    history_tokens: Positive = 1500
    """Most tokens of the keywords of a user in a question about journeys, by an estimate."""
    most_questions: Positive = 10_000
    """Most questions of each task. Which ones are left out depends on their content alone."""
    judged_by: Literal["rubric", "language_model", "nobody"] = "rubric"
    """Who judges the journeys that are taught: the rubric, the teacher, or nobody."""
    least_level: Annotated[int, Field(ge=1, le=5)] = 4
    """A journey of a lower level is not taught."""


@dataclass(frozen=True, slots=True)
class TrainingParams:
    """How the model is trained: LoRA on every projection of its layers, AdamW, a linear decay after a short rise."""

    instructions: Literal["whole", "first_sentence"] = "whole"
    """How much of a prompt the tuned model is shown: what other models are, or its first sentence alone. A tuned model
    needs fewer words; the chat template that is saved with it leaves out the others."""
    epochs: Positive = 2
    """Passes over the taught answers."""
    batch_size: Positive = 8
    """Answers of one step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """The highest rate."""
    rise: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps in which the rate rises."""
    rank: Positive = 16
    """Rank of the adapters."""
    alpha: Positive = 32
    """Their updates are scaled by alpha / rank."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of the adapters."""
    longest: Positive = 2048
    """Most tokens of a question and its answer. Longer ones are left out, and counted."""
    checkpoint_steps: Positive = 20
    """Steps between two checkpoints."""
    seed: int = 1
    """Of the adapters' first weights, and of the order of the answers."""


@dataclass(frozen=True, slots=True)
class EvaluationParams:
    """What is measured on the topics that were held out."""

    most_questions: Positive = 200
    """Most questions of each task."""
