"""`journeys benchmark prepare`, `entries`, `score` and `leaderboard`."""

import uuid
from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, err, out, relative
from journeys_assets.cli.errors import CommandError
from journeys_assets.cli.render.progress import reporter
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings

Folder = Annotated[Path, typer.Argument(help="Folder of the benchmark.", metavar="DIR")]


def prepare(
    folder: Folder,
    users: Annotated[int, typer.Option(min=20, help="Users of the synthetic world.")] = 200,
    days: Annotated[int, typer.Option(min=14, help="Days of its log that a system may read.")] = 90,
    seed: Annotated[int, typer.Option(help="Seed of the world.")] = 20290,
    online_retail: Annotated[
        Path | None, typer.Option(help="Your copy of UCI Online Retail: a CSV file, or a folder of them.")
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="Your Parquet file of labelled texts: columns set, text, label. May be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the data of a benchmark into a new folder: input for any system, and the truth apart from it.

    The synthetic world comes with the package. Other data may not be shipped, so it is prepared from your own copy.
    """
    from journeys_assets.cli.render import benchmark as render
    from journeys_assets.evaluation.benchmark.prepare import Sources
    from journeys_assets.evaluation.benchmark.prepare import prepare as write

    sources = Sources(online_retail, tuple(corpus or ()))
    datasets = write(folder, load_settings(), sources, n_users=users, n_days=days, seed=seed)
    if as_json:
        out.json({"folder": folder, "datasets": render.dataset_records(datasets)})
        return
    out.print(render.show_datasets(datasets))
    out.write_line(f"Written to {relative(folder)}; its README.md says what a submission looks like")


def entries(
    folder: Folder,
    only: Annotated[list[str] | None, typer.Option(help="Make only this entry. May be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the first submissions: this project's pipeline, methods to compare it with, and the language model.

    They use the settings at hand: parameters, embedder, language model. Without a language model, its entry says so.
    """
    require_extra("evaluate", "journeys benchmark entries")
    from journeys_assets.deployment import build_deployment
    from journeys_assets.evaluation.benchmark.entries import MODEL, Entries
    from journeys_assets.storage.queries.model_calls import record_calls

    settings = load_settings()
    progress = reporter(err)
    deployment = build_deployment(settings, progress=progress)
    # The asker of the deployment: its answers are cached and paid for as those of any run.
    asker = deployment.asker(uuid.uuid4().hex) if not only or MODEL in only else None
    made = Entries(folder, settings, deployment.embedder, asker)
    if unknown := sorted(set(only or ()) - set(made.names)):
        raise CommandError(f"there is no entry {', '.join(unknown)}; the entries are {', '.join(made.names)}")
    chosen = [name for name in made.names if not only or name in only]
    written = []
    for number, name in enumerate(chosen):
        progress("entries", number, len(chosen))
        written.append(made.write(name))
    progress("entries", len(chosen), len(chosen))
    if asker is not None:
        record_calls(deployment.warehouse, asker.calls())
    if as_json:
        out.json({"submissions": written})
        return
    for path in written:
        out.write_line(f"Written: {relative(path)}")


def score(
    submission: Annotated[Path, typer.Argument(help="A folder with a file for each data set, or one such file.")],
    data: Annotated[Path, typer.Option(help="Folder of the benchmark.")],
    as_json: AsJson = False,
) -> None:
    """Check a submission and score it, with 95 % intervals over users."""
    require_extra("evaluate", "journeys benchmark score")
    from journeys_assets.cli.render import benchmark as render
    from journeys_assets.evaluation.benchmark.folder import read_record
    from journeys_assets.evaluation.benchmark.leaderboard import scored_one
    from journeys_assets.evaluation.benchmark.submission import read_submission
    from journeys_assets.models.embedding.choose import packaged_embedder

    found = read_submission(submission, data, read_record(data))
    if found.not_run:
        raise CommandError(f"{submission} has no rows: it was not run, because {found.not_run}")
    scores = scored_one(data, found, packaged_embedder())
    if as_json:
        out.json(render.scores_record(found, scores))
        return
    for note in found.notes:
        err.write_line(("note", "yellow"), f" {note}")
    for dataset, of in scores.items():
        out.print(render.show_scores(dataset, of))


def leaderboard(
    folder: Folder,
    submission: Annotated[list[Path] | None, typer.Option(help="Compare this submission too. May be repeated.")] = None,
    target: Annotated[Path | None, typer.Option("--out", help="Folder to write to. Default: DIR/leaderboard.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score all submissions in a benchmark, and write the leaderboard: a page, JSON and Markdown.

    A submission that breaks the form is listed as refused, and the exit code is 1.
    """
    require_extra("evaluate", "journeys benchmark leaderboard")
    from journeys_assets.evaluation.benchmark.leaderboard import markdown_of, paths_in, record_of, scored
    from journeys_assets.evaluation.benchmark.leaderboard import write_leaderboard as write
    from journeys_assets.models.embedding.choose import packaged_embedder

    paths = [*paths_in(folder), *(submission or ())]
    if not paths:
        raise CommandError(f"{folder} has no submission; call `journeys benchmark entries {folder}`, or add one")
    board = scored(folder, paths, packaged_embedder())
    page = write(board, target or folder / "leaderboard")
    if as_json:
        out.json({"page": page, **record_of(board)})
    else:
        out.markdown(markdown_of(board))
        out.write_line(f"Leaderboard: {relative(page)}")
    for why in board.refused.values():
        err.write_line(("refused", "red"), f" {why}")
    if board.refused:
        raise typer.Exit(1)
