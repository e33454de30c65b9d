"""The configuration file of ``journeys finetune``: TOML, one table for each step."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from journeys_assets.domain.finetuning.params import EvaluationParams, LabelParams, SplitParams, TrainingParams
from journeys_assets.models.finetuning.weights import FinetuningError
from journeys_assets.settings import LanguageModelSettings

_STRICT = ConfigDict(extra="forbid")
_TABLES: dict[str, type[Any]] = {
    "split": SplitParams,
    "labels": LabelParams,
    "training": TrainingParams,
    "evaluation": EvaluationParams,
}


class FinetuningConfig(BaseModel):
    """What one configuration file says. Paths in it are relative to the file.

    Attributes:
        folder: Of everything that the steps write: labels, checkpoint, model, figures, model card.
        base: The model to tune: a folder as transformers saves it, or the name of the packaged one.
        name: Name of the tuned model at its endpoint.
        topics: File with the known topics of keywords (``keyword``, ``topic`` and, where they differ between users,
            ``user_id``; Parquet, CSV or JSON lines). Without it, topics are found in the vectors.
        teacher: A language model, as in ``[llm]`` of ``journeys.toml``. Without it, the pipeline is the teacher.
    """

    model_config = _STRICT | {"frozen": True}

    folder: Path
    base: str = Field(min_length=1)
    name: str = Field(min_length=1, pattern=r"^[\w.:-]+$")
    topics: Path | None = None
    teacher: LanguageModelSettings = LanguageModelSettings()
    split: SplitParams = SplitParams()
    labels: LabelParams = LabelParams()
    training: TrainingParams = TrainingParams()
    evaluation: EvaluationParams = EvaluationParams()

    @field_validator("split", "labels", "training", "evaluation", mode="before")
    @classmethod
    def _keys_are_known(cls, given: Any, info: Any) -> Any:
        """Standard dataclasses ignore keys that they lack."""
        if not isinstance(given, dict):
            return given
        known = [field.name for field in fields(_TABLES[info.field_name])]
        if unknown := sorted(given.keys() - set(known)):
            raise ValueError(f"unknown {', '.join(unknown)}; the keys are {', '.join(known)}")
        return given


def read_config(file: Path) -> FinetuningConfig:
    """The configuration in a file.

    Raises:
        FinetuningError: it cannot be read, or a value is not allowed. The message names each such key.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FinetuningError(
            f"{file} cannot be read: {error.strerror}; name a file that exists with --config"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FinetuningError(f"{file} is not TOML: {error}; docs/finetuning.md has an example") from error
    if "api_key" in given.get("teacher", {}):
        raise FinetuningError(
            f"{file} holds teacher.api_key; a key must not be in a file: remove it there, and set the environment "
            "variable JOURNEYS_LLM__API_KEY"
        )
    try:
        config = FinetuningConfig.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise FinetuningError(f"{file}: {wrong}") from error
    near = file.absolute().parent
    paths: dict[str, Any] = {"folder": near / config.folder}
    if config.topics is not None:
        paths["topics"] = near / config.topics
    if (near / config.base).exists():
        paths["base"] = str(near / config.base)
    return config.model_copy(update=paths)
