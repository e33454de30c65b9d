"""What is installed on a machine, as far as it can shape rows: two machines of one cluster must have the same."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import journeys_assets

SHAPING = ("llvmlite", "numba", "numpy", "onnxruntime", "polars", "tokenizers")


@dataclass(frozen=True, slots=True)
class Installed:
    """Versions of one machine.

    Attributes:
        python: Major and minor version.
        source: Digest of the files of this package.
        packages: Name -> version of the packages that can shape rows; empty where one is missing.
    """

    python: str
    source: str
    packages: tuple[tuple[str, str], ...]

    def difference(self, other: Installed) -> str:
        """What differs in ``other``; empty if nothing does."""
        mine, theirs = self._named(), other._named()
        return ", ".join(f"{name} {theirs[name]} and not {mine[name]}" for name in mine if mine[name] != theirs[name])

    def _named(self) -> dict[str, str]:
        return {"Python": self.python, "source of user-journeys": self.source, **dict(self.packages)}


@cache
def installed() -> Installed:
    """What is installed here."""
    folder = Path(journeys_assets.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    packages = tuple((name, _version(name)) for name in SHAPING)
    return Installed(f"{sys.version_info.major}.{sys.version_info.minor}", digest.hexdigest()[:12], packages)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
