"""Work in parts: split by hash of the key, joined again, and around keys for which it fails."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import polars as pl

from journeys_assets.compute.base import Compute, Computed, ComputeError, Done, Failed, Progress, Tables, Work
from journeys_assets.domain.keywords.vectors import MissingVectorsError

ROW_ERRORS = (ValueError, ArithmeticError, LookupError, MissingVectorsError, pl.exceptions.PolarsError)
"""Errors that may be those of one key. Others, such as a model that is not there, are errors of the whole work."""

KEYS_TO_A_FAILURE = 100
"""One key of so many may fail. Where more do, it is not the keys."""
REASON_CHARACTERS = 200

_PART = "_part"


def computed(compute: Compute, work: Work, tables: Tables, progress: Progress = lambda _done, _of: None) -> Computed:
    """The work on ``tables``.

    A key for which the work fails costs its own rows and no others.

    Raises:
        ComputeError: the work fails for more than one of a hundred keys, or for all.
    """
    n_keys = len(keys_of(work, tables))
    if n_keys == 0:
        return Computed(work.run(tables, threads=1, progress=progress))
    most_failed = max(1, n_keys // KEYS_TO_A_FAILURE)
    done = joined(list(compute.map(work, tables, most_failed=most_failed, progress=progress)))
    if done.rows is None or len(done.failed) > most_failed:
        raise _too_many(work, done.failed[0], f"{len(done.failed)} of {n_keys}")
    return Computed(done.rows.sort(work.grain), done.failed)


def attempted(work: Work, tables: Tables, *, threads: int, most_failed: int, progress: Progress) -> Done:
    """The work on ``tables`` in this process. Where it fails, it is tried on halves of the keys, down to single ones.

    Raises:
        ComputeError: it fails for more than ``most_failed`` keys.
    """
    try:
        return Done(work.run(tables, threads=threads, progress=progress))
    except ROW_ERRORS as error:
        failed = Failed(str(keys_of(work, tables)[0]), f"{type(error).__name__}: {error}"[:REASON_CHARACTERS])
        if most_failed == 0:
            raise _too_many(work, failed, "too many") from error
    halves = list(in_halves(work, tables))
    if len(halves) == 1:
        return Done(None, (failed,))
    parts: list[Done] = []
    for half in halves:
        left = most_failed - sum(len(part.failed) for part in parts)
        parts.append(attempted(work, half, threads=threads, most_failed=left, progress=progress))
    return joined(parts)


def joined(parts: list[Done]) -> Done:
    """Several parts as one; failed keys are in order."""
    rows = [part.rows for part in parts if part.rows is not None]
    failed = sorted((one for part in parts for one in part.failed), key=lambda one: one.key)
    return Done(pl.concat(rows) if rows else None, tuple(failed))


def keys_of(work: Work, tables: Tables) -> pl.Series:
    """The distinct keys, in order."""
    return tables[work.table][work.by].unique().sort()


def by_hash(work: Work, tables: Tables, n_parts: int) -> Iterator[Tables]:
    """Up to ``n_parts`` parts; a key is in the same one whatever the others are, on every machine."""
    keys = keys_of(work, tables)
    numbers = [zlib.crc32(key.encode("utf-8", "surrogatepass")) % n_parts for key in keys]
    return _numbered(work, tables, keys, pl.Series(numbers, dtype=pl.UInt32))


def in_halves(work: Work, tables: Tables) -> Iterator[Tables]:
    """Two parts, with half of the keys each; the whole, if there is but one key."""
    keys = keys_of(work, tables)
    return _numbered(work, tables, keys, pl.int_range(len(keys), eager=True, dtype=pl.UInt32) * 2 // len(keys))


def _numbered(work: Work, tables: Tables, keys: pl.Series, numbers: pl.Series) -> Iterator[Tables]:
    """A part for each number; ``numbers`` has the number of each of ``keys``."""
    part_of = pl.DataFrame({work.by: keys, _PART: numbers})
    split = {
        name: frame.join(part_of, on=work.by, maintain_order="left").partition_by(
            _PART, as_dict=True, include_key=False
        )
        for name, frame in tables.items()
        if name not in work.looked_up
    }
    for number in numbers.unique().sort():
        part = {name: parts.get((number,), tables[name].clear()) for name, parts in split.items()}
        for name, (of, column) in work.looked_up.items():
            part[name] = tables[name].join(part[of].select(column), on=column, how="semi")
        yield part


def _too_many(work: Work, example: Failed, how_many: str) -> ComputeError:
    return ComputeError(
        f"{work.name} failed for {how_many} of its {work.by}s, such as {example.key!r} ({example.reason}); that is "
        "more than single rows can explain, so nothing is left out: mend the cause and run again"
    )
