"""The command line on one home, as a function."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from journeys_assets.cli.app import app

Journeys = Callable[..., Result]


def runner(home: Path, embedder: str = "hashing") -> Journeys:
    environment = {"JOURNEYS_HOME": str(home), "JOURNEYS_EMBEDDER": embedder, "COLUMNS": "160"}

    def journeys(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
        assert result.exit_code == code, f"{arguments}: {result.output}\n{result.stderr}\n{result.exception!r}"
        return result

    return journeys
