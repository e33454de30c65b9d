"""Training: what it learns, and that a training that was killed ends as one that was not."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from journeys_assets.domain.finetuning.params import TrainingParams
from journeys_assets.models.finetuning.training import Taught, TokenSequence, Trained, loss_of, train
from journeys_assets.models.finetuning.weights import FinetuningError, load, save, with_instructions
from journeys_assets.models.llm.local.generation import Generator, prompt_of
from tests.support.finetuning import LEARNING_SPREAD
from tests.support.tiny_server import tiny_model

PARAMS = TrainingParams(
    instructions="first_sentence",
    epochs=4,
    batch_size=3,
    learning_rate=2e-2,
    rank=8,
    alpha=16,
    checkpoint_steps=2,
    longest=200,
)
WORDS = ("garden", "guitar", "wedding", "kitchen", "running", "sewing")
SCHEMA = {
    "type": "object",
    "properties": {"same": {"type": "boolean"}},
    "required": ["same"],
    "additionalProperties": False,
}


def question(word: str) -> tuple[dict[str, str], ...]:
    system = "You judge words. All that follows is left out by the template.\n\nMany more rules."
    return {"role": "system", "content": system}, {"role": "user", "content": f'{{"word": "{word}"}}'}


TAUGHT = [
    Taught(f"{n:016x}", question(word), '{"same": true}' if n % 2 else '{"same": false}')
    for n, word in enumerate(WORDS)
]


class Killed(Exception):
    """In place of a signal: nothing after it runs."""


def trained(
    folder: Path, params: TrainingParams = PARAMS, *, taught: list[Taught] = TAUGHT, kill_at: int = 0
) -> Trained:
    model, tokenizer = tiny_model(LEARNING_SPREAD)

    def progress(step: int, steps: int, loss: float) -> None:
        if step == kill_at:
            raise Killed

    return train(model, with_instructions(tokenizer, params.instructions), taught, params, folder, "tiny", progress)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained until it knows every answer."""
    return trained(tmp_path_factory.mktemp("learnt"), replace(PARAMS, epochs=40, batch_size=6, checkpoint_steps=40))


def weights(of: Trained) -> dict[str, torch.Tensor]:
    return dict(of.model.state_dict())


def test_sequences_that_are_filled_up_have_the_loss_and_the_gradients_that_each_has_by_itself() -> None:
    model, _ = tiny_model(LEARNING_SPREAD)
    sequences = [TokenSequence(tuple(range(3, 3 + n)), start) for n, start in ((20, 12), (9, 3), (31, 30), (12, 1))]

    def found(groups: list[list[TokenSequence]]) -> tuple[float, dict[str, torch.Tensor]]:
        model.zero_grad(set_to_none=True)
        losses = [loss_of(model, group) for group in groups]
        for loss in losses:
            loss.backward()
        gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        return sum(float(loss.detach()) for loss in losses), gradients

    together, gradients = found([sequences])
    apart, expected = found([[one] for one in sequences])
    assert together == pytest.approx(apart, rel=1e-5)
    assert apart > 1
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_the_model_answers_as_it_was_taught(learnt: Trained) -> None:
    asked = Generator(learnt.model, learnt.tokenizer)
    answers = [asked.generate(one.messages, SCHEMA, 40).text for one in TAUGHT]
    assert answers == [one.answer for one in TAUGHT]
    before = Generator(*tiny_model(LEARNING_SPREAD))
    assert [before.generate(one.messages, SCHEMA, 40).text for one in TAUGHT] != answers
    facts = learnt.facts
    assert facts["loss_of_last_steps"] < 0.3 * facts["loss_of_first_steps"]
    assert (facts["answers"], facts["steps"], facts["answers_too_long"]) == (6, 40, 0)
    n_tokens = [len(learnt.tokenizer(one.answer)["input_ids"]) + 1 for one in TAUGHT]
    assert facts["tokens_learnt"] == sum(n_tokens) < facts["tokens"] / 3, "the answers and their ends, no question"
    assert 0 < facts["parameters_trained"] < facts["parameters"] < 200_000


def test_the_end_is_learnt_so_that_an_endpoint_without_a_form_stops(learnt: Trained) -> None:
    answer = Generator(learnt.model, learnt.tokenizer).generate(TAUGHT[0].messages, None, 60)
    assert (answer.text, answer.finish_reason) == (TAUGHT[0].answer, "stop")


@pytest.mark.parametrize("kill_at", [1, 4, 7])
def test_a_training_that_was_killed_ends_with_the_same_weights(
    undisturbed: Trained, tmp_path: Path, kill_at: int
) -> None:
    """Seen to fail without the state of the optimiser, and without the order of the answers going on."""
    with pytest.raises(Killed):
        trained(tmp_path, kill_at=kill_at)
    resumed = trained(tmp_path)
    # Every second step is stored, after its progress is reported: what it killed is done again.
    assert resumed.facts["resumed_at_step"] == (kill_at - 1) // 2 * 2
    assert all(torch.equal(one, weights(resumed)[name]) for name, one in weights(undisturbed).items())


def test_the_order_of_the_labels_and_the_time_between_checkpoints_change_nothing(
    undisturbed: Trained, tmp_path: Path
) -> None:
    other = trained(tmp_path, replace(PARAMS, checkpoint_steps=5), taught=TAUGHT[::-1])
    assert all(torch.equal(one, weights(other)[name]) for name, one in weights(undisturbed).items())


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained(tmp_path, kill_at=3)
    for params, taught in ((replace(PARAMS, learning_rate=1e-3), TAUGHT), (PARAMS, TAUGHT[:-1])):
        with pytest.raises(FinetuningError, match=r"is of another training .* remove it"):
            trained(tmp_path, params, taught=taught)


def test_answers_that_are_too_long_are_left_out_and_counted(tmp_path: Path) -> None:
    long = Taught("f" * 16, question("word " * 200), '{"same": true}')
    once = replace(PARAMS, epochs=1)
    facts = trained(tmp_path / "one", once, taught=[*TAUGHT, long]).facts
    assert (facts["answers"], facts["answers_too_long"]) == (6, 1)
    with pytest.raises(FinetuningError, match=r"no answer to learn from \(1 are longer than training.longest = 200"):
        trained(tmp_path / "two", once, taught=[long])


def test_a_saved_model_is_asked_with_the_template_it_was_taught_with(learnt: Trained, tmp_path: Path) -> None:
    save(learnt.model, learnt.tokenizer, tmp_path / "model")
    model, tokenizer = load(tmp_path / "model")
    assert prompt_of(tokenizer, TAUGHT[0].messages) == 'You judge words.\n\nInput: {"word": "garden"}\n\nOutput: '
    assert Generator(model, tokenizer).generate(TAUGHT[1].messages, SCHEMA, 40).text == TAUGHT[1].answer
    save(learnt.model, learnt.tokenizer, tmp_path / "model")  # replaces it
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
