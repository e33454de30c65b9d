"""The command line: ``journeys …``. Each command reads its settings, calls what does the work, and prints."""

import typer

from journeys_assets.cli import annotate, evaluation, journeys, operate, pipeline, training, versions

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="""Finds out what users are trying to do, from their logs.

A typical first hour: `journeys demo` to see it work; `journeys ingest PATH` for your own logs; `journeys run`; then
`journeys show USER`. All state lives under `$JOURNEYS_HOME` (default `./.journeys`).""",
)
annotate_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Sheets for human judgements of journeys: out, back, and how well annotators agree.

`journeys annotate export sheets/march.html --annotators ann,ben,chi`; each opens one page in a browser and judges with
keys 1-5; `journeys annotate import sheets/*.csv`; then `journeys train`.""",
)
app.add_typer(annotate_app, name="annotate")

app.command()(pipeline.demo)
app.command()(pipeline.synth)
app.command()(pipeline.ingest)
app.command()(pipeline.run)
app.command()(journeys.show)
app.command()(journeys.cluster)
app.command()(journeys.export)
app.command()(training.train)
annotate_app.command("export")(annotate.export_sheet)
annotate_app.command("import")(annotate.import_sheet)
annotate_app.command("agreement")(annotate.show_agreement)
app.command()(evaluation.evaluate)
app.command()(evaluation.readout)
app.command()(versions.preview)
app.command()(versions.compare)
app.command("versions")(versions.list_versions)
app.command()(operate.doctor)
app.command()(operate.ui)
