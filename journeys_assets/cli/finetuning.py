"""`journeys finetune …`: a small language model is taught the answers of a larger one, or of the pipeline."""

import json
import uuid
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from journeys_assets.cli.context import AsJson, Session, day_option, day_run, err, open_session, out, relative
from journeys_assets.cli.explorer import listening
from journeys_assets.errors import require_extra

if TYPE_CHECKING:
    from journeys_assets.models.llm.asker import ModelAsker
    from journeys_assets.operations.finetuning.config import FinetuningConfig
    from journeys_assets.pipeline.taught_journeys import KnownJourneys

Config = Annotated[Path, typer.Option("--config", help="Configuration file (TOML).")]


def labels(
    config: Config,
    as_of: Annotated[date | None, day_option("Journeys of this day. Default: the last day that was run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have the teacher answer questions about the topics that are learnt, and filter the answers.

    What was answered before is not asked again.
    """
    require_extra("finetune", "journeys finetune")
    from dataclasses import asdict

    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.domain.finetuning.split import LEARNT
    from journeys_assets.operations.finetuning import labels as labelling
    from journeys_assets.pipeline.registry import judges_of, unsafe_names_of
    from journeys_assets.pipeline.taught_journeys import examples_of
    from journeys_assets.storage.outside import note_outside

    settings, session = _config(config), open_session()
    day = day_run(session, as_of)
    known = _known(session, day)
    split = labelling.split_of(known.clusters, settings.topics, settings.split)
    learnt = known.of(split.filter(side=LEARNT))
    asker = _teacher(settings, session)
    levels = labelling.judged_levels(
        judges_of(session.deployment),
        learnt.output.select("user_id", "journey_id"),
        day,
        settings.labels.judged_by,
        asker,
    )
    good = learnt.of(levels.filter(pl.col("level") >= settings.labels.least_level))
    examples = examples_of(good, settings.labels, session.params.inference.most_journeys)
    teaching = labelling.Teaching(good, asker, session.deployment.embedder(), unsafe_names_of(session.deployment))
    report = reporter(err)
    note_outside(session.settings.home, settings.folder)
    done = labelling.write_labels(
        teaching, examples, split, levels, day, settings.folder, lambda n, total: report("labels", n, total)
    )
    calls = None if asker is None else asker.calls()
    if as_json:
        out.json({**asdict(done), "folder": settings.folder, "calls": None if calls is None else calls.to_dicts()})
        return
    from journeys_assets.cli.render.tables import table_of

    rows = [(task, outcome, n) for task, counts in done.outcomes.items() for outcome, n in counts.items()]
    out.print(table_of(f"Labels by {teaching.teacher}", rows, "task", "outcome", "questions"))
    out.write_line(f"{done.n_found} of {len(examples)} questions were answered before.")
    out.write_line(f"Topics: {_counts(done.topics)}. Journeys: {_counts(done.journeys)}.")
    out.write_line(f"Learnt journeys by level: {_counts(done.levels)}.")
    out.write_line(f"Labels: {relative(settings.folder / labelling.LINES)}")


def train(config: Config, as_json: AsJson = False) -> None:
    """Train the model on the labels. A training that was stopped goes on from its last checkpoint."""
    require_extra("finetune", "journeys finetune")
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.models.finetuning.weights import base_folder
    from journeys_assets.operations.finetuning.labels import read_labels
    from journeys_assets.operations.finetuning.tuning import MODEL, train_on_labels

    settings = _config(config)
    found = read_labels(settings.folder)
    base = base_folder(settings.base, settings.folder / "base")
    report = reporter(err)
    facts = train_on_labels(
        base, found, settings.training, settings.folder, lambda step, steps, _: report("training", step, steps)
    )
    _write_card(settings)
    if as_json:
        out.json({**facts, "model": settings.folder / MODEL})
        return
    out.write_line(
        f"{facts['answers']:,} answers, {facts['steps']} steps; loss {facts['loss_of_first_steps']:.3f} at first, "
        f"{facts['loss_of_last_steps']:.3f} at the end"
    )
    out.write_line(f"Model: {relative(settings.folder / MODEL)}")


def evaluate(config: Config, as_json: AsJson = False) -> None:
    """Compare the tuned model with the one before, on topics that it never learnt from. Writes the model card.

    Answers are kept, so that an evaluation that was stopped goes on.
    """
    require_extra("finetune", "journeys finetune")
    from journeys_assets.domain.finetuning.split import HELD_OUT
    from journeys_assets.evaluation import finetuned
    from journeys_assets.evaluation.parts.naming import CachedEmbedder
    from journeys_assets.models.finetuning.weights import base_folder
    from journeys_assets.operations.finetuning.card import write_figures
    from journeys_assets.operations.finetuning.labels import read_labels
    from journeys_assets.operations.finetuning.tuning import MODEL, training_facts

    settings, session = _config(config), open_session()
    found = read_labels(settings.folder)
    facts = training_facts(settings.folder)
    base = base_folder(settings.base, settings.folder / "base")
    askers = {
        finetuned.TUNED: _local_asker(settings, settings.folder / MODEL, f"{settings.name}@{facts['training']}"),
        finetuned.UNTUNED: _local_asker(settings, base, f"{base.name}@{facts['base_digest']}"),
    }
    held_out = _known(session, found.as_of).of(found.split.filter(side=HELD_OUT))
    results, comparisons, names = finetuned.measured(
        held_out,
        found.split,
        settings.labels,
        settings.evaluation.most_questions,
        session.params.inference.most_journeys,
        askers,
        CachedEmbedder(session.deployment.embedder()),
    )
    tables = {"results": results, "comparisons": comparisons, "names": names}
    write_figures(settings.folder, facts, tables)
    card = _write_card(settings)
    if as_json:
        out.json({name: table.to_dicts() for name, table in tables.items()})
        return
    out.markdown(card)
    out.write_line(f"Model card: {relative(settings.folder / 'model_card.md')}")


def serve(
    config: Config, port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8018
) -> None:
    """Serve the tuned model behind an OpenAI-compatible endpoint on 127.0.0.1, until you stop it."""
    require_extra("finetune", "journeys finetune")
    from journeys_assets.models.finetuning.weights import load
    from journeys_assets.models.llm.local.serving import serve as serve_model
    from journeys_assets.operations.finetuning.tuning import MODEL, training_facts

    settings = _config(config)
    training_facts(settings.folder)
    listening("127.0.0.1", port).close()  # Loading the model takes long.
    model, tokenizer = load(settings.folder / MODEL)
    out.write_line("For journeys.toml:")
    settings_of = {"model": settings.name, "base_url": f"http://127.0.0.1:{port}/v1", "max_concurrency": 1}
    for line in ("[llm]", *(f"{key} = {json.dumps(value)}" for key, value in settings_of.items())):
        out.write_line(line)
    serve_model(model, tokenizer, settings.name, port)


def _config(file: Path) -> "FinetuningConfig":
    from journeys_assets.operations.finetuning.config import read_config

    return read_config(file)


def _known(session: Session, day: date) -> "KnownJourneys":
    from journeys_assets.pipeline.registry import NAMING_WEIGHTS
    from journeys_assets.pipeline.taught_journeys import known_journeys

    deployment = session.deployment
    releases = deployment.releases(NAMING_WEIGHTS.folder)
    return known_journeys(session.warehouse, day, session.params, releases, deployment.embedder().model_version)


def _teacher(settings: "FinetuningConfig", session: Session) -> "ModelAsker | None":
    """The language model that teaches; None: the pipeline does. Its key is that of the deployment."""
    from journeys_assets.deployment import asker_params
    from journeys_assets.models.llm.choose import make_asker

    teacher = settings.teacher.model_copy(update={"api_key": session.settings.llm.api_key})
    return make_asker(asker_params(teacher), settings.folder / "answers", run_id=uuid.uuid4().hex, spent_today=None)


def _local_asker(settings: "FinetuningConfig", folder: Path, name: str) -> "ModelAsker":
    """Asks a model in this process, which is loaded with the first question that has no stored answer."""
    from journeys_assets.models.finetuning.weights import load
    from journeys_assets.models.llm.choose import asker_of_chat
    from journeys_assets.models.llm.local.chat import LocalChat
    from journeys_assets.models.llm.local.generation import Generator

    return asker_of_chat(
        LocalChat(lambda: Generator(*load(folder)), name), settings.folder / "answers", run_id=uuid.uuid4().hex
    )


def _write_card(settings: "FinetuningConfig") -> str:
    from journeys_assets.evaluation.finetuned import PROTOCOL
    from journeys_assets.operations.finetuning.card import write_card
    from journeys_assets.operations.finetuning.labels import read_labels
    from journeys_assets.operations.finetuning.tuning import training_facts

    return write_card(
        settings.folder,
        settings.name,
        Path(settings.base).name,
        settings.training.instructions,
        read_labels(settings.folder),
        training_facts(settings.folder),
        PROTOCOL,
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items())
