"""How a command ends when something is wrong: with one line on standard error.

Exit codes: 0 done; 1 done, and something was refused or is not as it should be; 2 not done, because of what was asked
for, a setting, a file or the disk; 70 a fault of this program; 130 interrupted.

The traceback of any error is shown if the environment variable ``JOURNEYS_DEBUG`` is set.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from journeys_assets.cli.render.screen import UNLIMITED, Screen
from journeys_assets.errors import JourneysError

NOT_DONE, FAULT, INTERRUPTED = 2, 70, 130
DEBUG = "JOURNEYS_DEBUG"
INTERRUPTED_QUERY = "Query interrupted"
"""DuckDB's message when a signal ends a query."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for arguments that do not fit a command. It exports only this subclass."""

EMPTY = "an argument is empty; leave it out, or check the variable of the shell that should fill it"
"""An empty path would be the current folder."""

NO_ARGUMENTS = "NoArgsIsHelpError"
"""Name of what typer raises for a group without a command; it exports no such class."""

_CURES = {
    errno.EACCES: "choose another place or change the permissions",
    errno.EPERM: "choose another place or change the permissions",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "make room and call the command again",
    errno.EDQUOT: "make room and call the command again",
    errno.EISDIR: "name a file, or remove the folder of that name",
    errno.ENOTDIR: "a file is where a folder is needed; name a folder, or remove the file",
    errno.EEXIST: "a file is where a folder is needed; name a folder, or remove the file",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_DEFAULT_CURE = "check the path and the disk"


class CommandError(JourneysError):
    """The command cannot be carried out. The message says why, and what to do instead."""


def is_debugging() -> bool:
    return bool(os.environ.get(DEBUG))


class CommandLine(TyperGroup):
    """The group of all commands: the one place where an error becomes a line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        given = sys.argv[1:] if args is None else args
        if not sys.stdout.isatty():
            _print_help_unwrapped(self)
            extra.setdefault("terminal_width", UNLIMITED)

        def run() -> Any:
            if "" in given:
                raise CommandError(EMPTY)
            return super(CommandLine, self).main(args, prog_name, complete_var, False, windows_expand_args, **extra)

        if not standalone_mode:
            return run()
        with errors_as_lines(Screen(stderr=True)):
            code = run()
        raise SystemExit(code or 0)


def _print_help_unwrapped(command: Any) -> None:
    """Make the help of a command, and of those below it, plain text: no frame that cuts off what does not fit."""
    command.rich_markup_mode = None
    for one in getattr(command, "commands", {}).values():
        _print_help_unwrapped(one)


@contextmanager
def errors_as_lines(screen: Screen) -> Iterator[None]:
    """End the process with one line and an exit code on any error within."""
    try:
        yield
    except KeyboardInterrupt as error:
        screen.write_line("interrupted")
        raise SystemExit(INTERRUPTED) from error
    except typer.Abort as error:
        raise SystemExit(1) from error
    except Exception as error:
        if str(error) == INTERRUPTED_QUERY:
            screen.write_line("interrupted")
            raise SystemExit(INTERRUPTED) from error
        if type(error).__name__ == NO_ARGUMENTS:
            screen.print(str(error), soft_wrap=True)  # Its message is the help.
            raise SystemExit(NOT_DONE) from error
        if is_debugging():
            screen.print("".join(traceback.format_exception(error)))
        message, code = describe(error)
        screen.write_line(("error", "red"), " ", message)
        raise SystemExit(code) from error


def describe(error: Exception) -> tuple[str, int]:
    """One line that says what was wrong and what to do, and the exit code."""
    if isinstance(error, JourneysError):
        return _joined(str(error)), NOT_DONE
    if isinstance(error, UsageError):
        return _joined(_usage(error)), NOT_DONE
    if isinstance(error, OSError):
        return _joined(_os_error(error)), NOT_DONE
    what = f"{type(error).__name__}: {error}"
    return _joined(f"{what}. This is a fault of the program; set {DEBUG}=1 to see where, and report it"), FAULT


def _usage(error: Any) -> str:
    message = str(error.format_message())
    context = getattr(error, "ctx", None)
    return f"{message.rstrip('.')}; see `{context.command_path} --help`" if context else message


def _os_error(error: OSError) -> str:
    if error.errno == errno.ENOENT and not error.filename and not _has_current_folder():
        return "the current folder does not exist any more; change to another one"
    cure = _CURES.get(error.errno or 0, _DEFAULT_CURE)
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return f"{' → '.join(names)}: {error.strerror}; {cure}" if names and error.strerror else f"{error}; {cure}"


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _joined(text: str) -> str:
    return " ".join(part.strip() for part in text.splitlines() if part.strip())
