"""Supervised fine-tuning with LoRA: the model learns to write an answer after its question.

A step is a function of the parameters, the answers and the state before it, so a run that was killed and goes on from
its last checkpoint ends with the weights of one that was not. No token of a question is learnt, only the answer and the
end after it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from journeys_assets.domain.finetuning.params import TrainingParams
from journeys_assets.models.finetuning.weights import FinetuningError
from journeys_assets.models.llm.local.generation import prompt_of

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Where adapters are put: names of the projections in models of the Qwen, Gemma and Llama families."""
_CHECKPOINT = "checkpoint.pt"
_LARGEST_GRADIENT = 1.0

Progress = Callable[[int, int, float], None]
"""Called after each step with its number, their number, and the loss of its answers."""


@dataclass(frozen=True, slots=True)
class Taught:
    """One question with its answer.

    Attributes:
        row_hash: Of the question.
        messages: Each with role and content, as they are sent.
        answer: What the model is to write.
    """

    row_hash: str
    messages: tuple[dict[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of training.

    Attributes:
        model: The base model with the adapters merged into it.
        tokenizer: With the chat template that the model was taught with.
        facts: Plain JSON values for the model card.
    """

    model: Any
    tokenizer: Any
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Tokens of a question and its answer; those from ``start`` on are learnt."""

    tokens: tuple[int, ...]
    start: int


def train(
    model: Any,
    tokenizer: Any,
    taught: Sequence[Taught],
    params: TrainingParams,
    folder: Path,
    identity: str,
    progress: Progress = lambda *_: None,
) -> Trained:
    """Train adapters on answers and merge them into the model.

    Args:
        tokenizer: With the chat template by which the model will be asked.
        folder: Of the checkpoint, from which training goes on if it was stopped.
        identity: What the base model is. A checkpoint of another base, other answers or parameters is refused.

    Raises:
        FinetuningError: there is nothing to learn from, or the checkpoint is of another training.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    sequences, n_too_long = _encoded(tokenizer, sorted(taught, key=lambda one: one.row_hash), params.longest)
    if not sequences:
        raise FinetuningError(
            f"there is no answer to learn from ({n_too_long} are longer than training.longest = {params.longest} "
            "tokens); label more days or users, lower labels.least_level, or raise training.longest"
        )
    plan = _plan(len(sequences), params)
    mark = _fingerprint(sequences, params, identity)
    torch.manual_seed(params.seed)
    config = LoraConfig(r=params.rank, lora_alpha=params.alpha, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM")
    tuned = get_peft_model(model, config)
    weights = [(name, one) for name, one in tuned.named_parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(
        [one for _, one in weights], lr=params.learning_rate, weight_decay=params.weight_decay
    )
    file = folder / _CHECKPOINT
    done, losses = _restore(file, mark, dict(weights), optimiser) if file.exists() else (0, [])
    resumed_at = done
    # Without dropout a model in evaluation mode learns as in training mode, and nothing in it is random.
    tuned.eval()
    for step in range(done, len(plan)):
        for group in optimiser.param_groups:
            group["lr"] = params.learning_rate * _rate(step, len(plan), params.rise)
        losses.append(_step(tuned, [sequences[place] for place in plan[step]], [one for _, one in weights], optimiser))
        progress(step + 1, len(plan), losses[-1])
        if (step + 1) % params.checkpoint_steps == 0 or step + 1 == len(plan):
            state = {name: one.detach().clone() for name, one in weights}
            _write(file, {"mark": mark, "step": step + 1, "losses": losses, "weights": state,
                          "optimiser": optimiser.state_dict()})  # fmt: skip
    merged = tuned.merge_and_unload()
    few = max(1, len(losses) // 10)
    facts = {
        "answers": len(sequences),
        "answers_too_long": n_too_long,
        "tokens": sum(len(one.tokens) for one in sequences),
        "tokens_learnt": sum(len(one.tokens) - one.start for one in sequences),
        "steps": len(plan),
        "resumed_at_step": resumed_at,
        "loss_of_first_steps": float(np.mean(losses[:few])),
        "loss_of_last_steps": float(np.mean(losses[-few:])),
        "parameters": sum(one.numel() for one in merged.parameters()),
        "parameters_trained": sum(one.numel() for _, one in weights),
        "training": mark,
    }
    return Trained(merged.eval(), tokenizer, facts)


def _encoded(tokenizer: Any, taught: Sequence[Taught], longest: int) -> tuple[list[TokenSequence], int]:
    """The answers that are not too long as tokens, and the number of those that are.

    Question and answer are cut into tokens apart, as they are when the model is asked.
    """
    found, n_too_long = [], 0
    for one in taught:
        before = tokenizer(prompt_of(tokenizer, one.messages))["input_ids"]
        answer = tokenizer(one.answer, add_special_tokens=False)["input_ids"]
        tokens = (*before, *answer, tokenizer.eos_token_id)
        if len(tokens) <= longest:
            found.append(TokenSequence(tokens, len(before)))
        else:
            n_too_long += 1
    return found, n_too_long


def _plan(n: int, params: TrainingParams) -> list[list[int]]:
    """Places of the sequences of each step."""
    rng = np.random.default_rng(params.seed)
    order = [int(place) for _ in range(params.epochs) for place in rng.permutation(n)]
    return [order[start : start + params.batch_size] for start in range(0, len(order), params.batch_size)]


def _rate(step: int, n_steps: int, rise: float) -> float:
    """The learning rate of a step, as a share of the highest one."""
    n_rising = max(1, round(rise * n_steps))
    return min((step + 1) / n_rising, (n_steps - step) / max(1, n_steps - n_rising + 1))


def _step(model: Any, sequences: Sequence[TokenSequence], weights: Sequence[Any], optimiser: Any) -> float:
    """One step of the optimiser; returns the mean loss of the tokens of its answers.

    A GPU takes all sequences of the step at once, 13 times as fast as one after the other. A CPU takes each by itself,
    as tokens that only fill up would cost as much as others.
    """
    import torch

    n_tokens = sum(len(one.tokens) - one.start for one in sequences)
    total = 0.0
    for together in [sequences] if model.device.type == "cuda" else [[one] for one in sequences]:
        loss = loss_of(model, together) / n_tokens
        loss.backward()
        total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return total


def loss_of(model: Any, sequences: Sequence[TokenSequence]) -> Any:
    """The summed loss of the tokens of the answers, a scalar tensor.

    Shorter sequences are filled up at their end, which nothing before it attends to.
    """
    import torch

    longest = max(len(one.tokens) for one in sequences)
    tokens = torch.tensor([(*one.tokens, *[0] * (longest - len(one.tokens))) for one in sequences], device=model.device)
    place = torch.arange(longest, device=model.device)
    starts, lengths = (
        torch.tensor(values, device=model.device)[:, None]
        for values in ([one.start for one in sequences], [len(one.tokens) for one in sequences])
    )
    # Of each token of an answer, the output at the place before it; no outputs before the first of them are computed.
    first = min(one.start for one in sequences)
    result = model(input_ids=tokens, logits_to_keep=place[first - 1 : -1], use_cache=False)
    is_learnt = (place >= starts) & (place < lengths)
    logits, answers = result.logits[is_learnt[:, first:]], tokens[is_learnt]
    loss: Any = torch.nn.functional.cross_entropy(logits.float(), answers, reduction="sum")
    return loss


def _fingerprint(sequences: Sequence[TokenSequence], params: TrainingParams, identity: str) -> str:
    """12 hex digits over everything that shapes the trained weights. How often they are stored does not."""
    shaping = {name: value for name, value in asdict(params).items() if name != "checkpoint_steps"}
    digest = hashlib.sha256(json.dumps([identity, shaping], sort_keys=True).encode())
    for one in sequences:
        digest.update(np.asarray((one.start, *one.tokens), dtype=np.int64).tobytes())
    return digest.hexdigest()[:12]


def _write(file: Path, state: dict[str, Any]) -> None:
    import torch

    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".draft-{file.name}")
    with draft.open("wb") as target:
        torch.save(state, target)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)


def _restore(file: Path, mark: str, weights: dict[str, Any], optimiser: Any) -> tuple[int, list[float]]:
    """Take the state of a checkpoint; returns the number of steps that were done, and their losses."""
    import torch

    state = torch.load(file, map_location="cpu", weights_only=True)  # it may come from a machine with a GPU
    if state["mark"] != mark:
        raise FinetuningError(
            f"{file} is of another training ({state['mark']}, not {mark}): base, labels or [training] changed; remove "
            "it to begin anew, or give the new configuration a folder of its own"
        )
    with torch.no_grad():
        for name, one in weights.items():
            one.copy_(state["weights"][name])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), list(state["losses"])
