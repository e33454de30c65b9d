"""The command line: ``journeys …``. Each command loads the settings, calls an operation and prints the result."""

import io
import sys

import typer

from journeys_assets.cli import (
    activation,
    annotate,
    benchmark,
    calibration,
    evaluation,
    explorer,
    finetuning,
    items,
    journeys,
    judging,
    operate,
    pipeline,
    privacy,
    related,
    safety,
    training,
    versions,
)
from journeys_assets.cli.errors import CommandLine
from journeys_assets.defs.processes import collect_less_often

app = typer.Typer(
    cls=CommandLine,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Finds out from logs what users are trying to do.

To start: `journeys demo` shows how it works; `journeys ingest PATH` loads your own logs; `journeys run` computes
journeys; `journeys show USER` shows them. All state lives under `$JOURNEYS_HOME` (default `./.journeys`).""",
)
annotate_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Export sheets for human judgements of journeys, import them, and measure how well annotators agree.

`journeys annotate export sheets/march.html --annotators ann,ben,chi` writes one page for each annotator, who opens it
in a browser and judges with the keys 1-5. Then `journeys annotate import sheets/*.csv` and `journeys train`.""",
)
app.add_typer(annotate_app, name="annotate")
safety_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Which texts are too sensitive to notify, by which rules; test them on your own lists.

`journeys safety check texts.csv judged.csv` judges the column `text`; `journeys safety policy` lists the
categories.""",
)
app.add_typer(safety_app, name="safety")
benchmark_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Compare any system with this one: data, a form of submission, scores with intervals, a leaderboard.

`journeys benchmark prepare DIR` writes the data; `journeys benchmark entries DIR` makes the first submissions;
`journeys benchmark leaderboard DIR` compares all of them.""",
)
app.add_typer(benchmark_app, name="benchmark")
finetune_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Teach a small language model the answers of a larger one, or of the pipeline, and serve it.

`journeys finetune labels --config FILE`, then `train`, `evaluate` and `serve` with the same file. A step that was
stopped goes on where it was.""",
)
app.add_typer(finetune_app, name="finetune")

app.command()(pipeline.demo)
app.command()(pipeline.synth)
app.command()(pipeline.ingest)
app.command()(pipeline.run)
app.command()(journeys.show)
app.command()(journeys.cluster)
app.command()(journeys.export)
app.command()(activation.activate)
app.command()(calibration.pairs)
app.command()(calibration.calibrate)
app.command("judge-agreement")(judging.judge_agreement)
app.command()(training.train)
app.command()(related.expand)
app.command("related")(related.show_related)
app.command("items")(items.show_items)
annotate_app.command("export")(annotate.export_sheet)
annotate_app.command("import")(annotate.import_sheet)
annotate_app.command("agreement")(annotate.show_agreement)
safety_app.command("check")(safety.check)
safety_app.command("policy")(safety.policy)
benchmark_app.command("prepare")(benchmark.prepare)
benchmark_app.command("entries")(benchmark.entries)
benchmark_app.command("score")(benchmark.score)
benchmark_app.command("leaderboard")(benchmark.leaderboard)
finetune_app.command("labels")(finetuning.labels)
finetune_app.command("train")(finetuning.train)
finetune_app.command("evaluate")(finetuning.evaluate)
finetune_app.command("serve")(finetuning.serve)
app.command()(evaluation.evaluate)
app.command()(evaluation.readout)
app.command()(versions.preview)
app.command()(versions.compare)
app.command("versions")(versions.list_versions)
app.command()(privacy.erase)
app.command()(privacy.retention)
app.command()(operate.doctor)
app.command()(explorer.explore)
app.command()(explorer.serve)
app.command()(operate.ui)


def print_any_text() -> None:
    """Write what the encoding of an output lacks as ``\\u…``; by default that is an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Entry point of the command."""
    collect_less_often()
    print_any_text()
    app()
