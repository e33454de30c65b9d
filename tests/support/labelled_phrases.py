"""Labelled phrases in the format of the public sets, and an embedding that tells their words apart."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from journeys_assets.models.embedding.hashing import HashingEmbedder


def embed(texts: Sequence[str]) -> np.ndarray:
    return HashingEmbedder().embed(list(texts))


def labelled() -> pl.DataFrame:
    """Phrases in the format of the public sets: each label has words of its own, and some that all labels share."""
    rows = [
        (name, f"word{label}{kind} of label{label} {'ab'[kind % 2]} item{kind}", f"label{label}", None)
        for name in ("clinc150", "wands")
        for label in range(20)
        for kind in range(20)
    ]
    return pl.DataFrame(rows, schema=["set", "text", "label", "domain"], orient="row")
