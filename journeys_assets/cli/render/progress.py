"""Progress of long work: bars on a terminal, lines otherwise."""

from collections.abc import Callable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from journeys_assets.cli.render.screen import Screen


def reporter(console: Screen) -> Callable[[str, int, int], None]:
    """A callback (stage, done, total): a bar for each stage on a terminal, otherwise a line at each quarter."""
    return _bars(console) if console.is_terminal else _lines(console)


def _lines(console: Screen) -> Callable[[str, int, int], None]:
    quarters: dict[str, int] = {}

    def report(stage: str, done: int, total: int) -> None:
        quarter = 4 * done // max(total, 1)
        if quarters.get(stage) != quarter or done == total:
            quarters[stage] = quarter
            console.write_line(f"{stage}: {done:,} of {total:,}")

    return report


def _bars(console: Screen) -> Callable[[str, int, int], None]:
    progress = Progress(
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    tasks: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            progress.start()
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done, total=total)
        if all(task.finished for task in progress.tasks):
            progress.stop()

    return report
