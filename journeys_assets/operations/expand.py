"""Making an expansion: related journeys of every name that several users share, released with its ranking weights.

Everything but the answers of the language model is computed first. The content is then written name by name, so that an
expansion that was interrupted goes on where it stopped, and no name is asked about twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.deployment import Deployment
from journeys_assets.domain.related.candidates import (
    Topics,
    content_of,
    fact_value,
    find_topics,
    merged_suggestions,
    name_value,
)
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import FEATURES
from journeys_assets.domain.related.reading import fact_key, name_key
from journeys_assets.errors import JourneysError
from journeys_assets.models import releases
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.base import Asker, Prompt, answered_by
from journeys_assets.models.llm.prompts import load_prompt
from journeys_assets.models.logistic import Ranking
from journeys_assets.models.related.expansion import PROMPT, IsSafe, Suggestions, questions_of
from journeys_assets.models.related.release import WITHOUT_MODEL, Expansion, fingerprint, save
from journeys_assets.models.related.training import train_ranking
from journeys_assets.pipeline.related import NameVectors, past_outcomes, with_names
from journeys_assets.storage.key_value.base import KeyValueStore, Writer
from journeys_assets.storage.queries import related as queries
from journeys_assets.storage.queries.model_calls import record_calls
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

PURPOSE = "related journeys"
"""What the questions are counted under."""
KEPT_RELEASES = 3
"""Expansions whose content is kept; days of earlier ones have no related journeys if they are run again."""
_COUNTS = "counts"

Progress = Callable[[str, int, int], None]


class ExpansionError(JourneysError):
    """Nothing can be expanded. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class ExpansionReport:
    """What an expansion made.

    Attributes:
        version: Of the release.
        folder: Of the release.
        live_from: First day on which it is used.
        counts: Numbers of the card: users, names, topics, stored names, suggestions, and what the model was asked.
        ranking: Why the ranking weights are these.
        was_there: The same expansion had been released before, and nothing was made.
        deleted: Versions and drafts whose content was deleted.
    """

    version: str
    folder: Path
    live_from: date
    counts: dict[str, int]
    ranking: str
    was_there: bool
    deleted: tuple[str, ...]


def expand(
    warehouse: Warehouse,
    store: KeyValueStore,
    asker: Asker | None,
    embedder: Embedder,
    params: RelatedParams,
    folder: Path,
    as_of: date,
    is_safe: IsSafe,
    progress: Progress = lambda *_: None,
) -> ExpansionReport:
    """Make and release the expansion of the journeys as of a day.

    Args:
        asker: A language model; None: co-occurrence and neighbours only.
        folder: Of the releases.
        is_safe: Whether each text may be suggested to anybody. Names that are not are neither stored nor sent to the
            model.
        progress: Called with (stage, done, in all).

    Raises:
        ExpansionError: no journey is known by the end of the day.
    """
    with warehouse.reading() as con:
        starts = with_names(queries.journeys_as_of(con, as_of))
    if starts.is_empty():
        raise ExpansionError(f"no journeys are known by {as_of}, so there is nothing to expand; call `journeys run`")
    prompt = load_prompt(PROMPT)
    version = _version(starts, asker, prompt, embedder, params, as_of)
    is_new = not (folder / version).exists() or version not in store.versions()
    if is_new:
        vectors = NameVectors(embedder, progress)
        rows, matrix = vectors.of(starts["name"])
        forbidden = _forbidden(starts, params, is_safe)
        topics = find_topics(starts, rows, matrix, as_of, params, forbidden)
        stored = topics.stored_names(params.min_users, forbidden)
        before = as_of - timedelta(days=params.outcome_days)
        outcomes = past_outcomes(warehouse, starts, before, vectors, embedder.model_version, params, forbidden)
        ranking = train_ranking(outcomes, params)
        counts = {
            "users": starts["user_id"].n_unique(),
            "names": topics.names.height,
            "topics": topics.names["topic"].n_unique(),
            "topics that are suggested": topics.labels.height,
            "names stored": stored.height,
        }
        if version not in store.versions():
            with store.write(version) as writer:
                _write(writer, topics, stored, asker, prompt, embedder, params, is_safe, progress)
        counts |= store.get(_COUNTS, version) or {}
        save(_release(version, as_of, counts, ranking, asker, prompt, embedder, params), folder)
    store.swap(version)
    release = releases.load(folder / version, Expansion)
    kept = [name for _, name in releases.live_versions(folder)][-KEPT_RELEASES:]
    deleted = store.keep_only([*kept, version])
    return ExpansionReport(
        version,
        folder / version,
        release.live_from,
        release.card["counts"],
        release.card["ranking"]["decision"],
        not is_new,
        tuple(deleted),
    )


def expand_deployment(deployment: Deployment, as_of: date, run_id: str) -> ExpansionReport:
    """:func:`expand` with what a deployment has, its language model included; the calls are recorded.

    Args:
        run_id: What the ledger of calls calls it.
    """
    asker = deployment.asker(run_id)
    try:
        return expand(
            deployment.warehouse,
            deployment.related_store(),
            asker,
            deployment.embedder(),
            deployment.algorithm.related,
            deployment.releases("related"),
            as_of,
            deployment.is_safe,
            deployment.progress,
        )
    finally:
        if asker is not None:
            record_calls(deployment.warehouse, asker.calls())


# ── content ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write(
    writer: Writer,
    topics: Topics,
    stored: pl.DataFrame,
    asker: Asker | None,
    prompt: Prompt,
    embedder: Embedder,
    params: RelatedParams,
    is_safe: IsSafe,
    progress: Progress,
) -> None:
    """Fill a draft, or go on filling it."""
    n_stored = stored.height
    if asker is None:
        for key, value in content_of(topics, stored, params):
            writer.put(key, value)
        progress("related_journeys", n_stored, n_stored)
        return
    for key, value in content_of(topics, stored.clear(), params):
        writer.put(key, value)
    counts = writer.get(_COUNTS) or dict.fromkeys(("names asked about", "names answered", "model's suggestions"), 0)
    rows = {row["name"]: row for row in stored.iter_rows(named=True)}
    open_names = [name for name in rows if writer.get(name_key(name)) is None]
    made_by = answered_by(asker.model, prompt)
    worth = {name: float(rows[name]["n_users"]) for name in open_names}
    questions = questions_of(open_names, prompt, made_by, params, is_safe, worth)
    done = n_stored - len(open_names)
    for names, reply in zip(
        _batched(open_names, params.names_per_question), asker.ask(questions, PURPOSE), strict=True
    ):
        answered: Suggestions = reply.value or {}
        _put_facts(writer, answered, embedder)
        for name in names:
            row = rows[name]
            own = [one for one in answered.get(name, []) if one.name != name]
            both = merged_suggestions([*topics.suggestions[row["topic"]], *own], params.max_candidates)
            writer.put(name_key(name), name_value(name, row["label"], row["n_users"], both))
        asked = 0 if reply.outcome == "unaffordable" else len(names)
        new = {
            "names asked about": asked,
            "names answered": len(answered),
            "model's suggestions": sum(map(len, answered.values())),
        }
        counts = {name: counts[name] + n for name, n in new.items()}
        writer.put(_COUNTS, counts)
        writer.commit()
        done += len(names)
        progress("related_journeys", done, n_stored)


def _put_facts(writer: Writer, answered: Suggestions, embedder: Embedder) -> None:
    """Vectors of the names that a model suggests, where they are not there yet."""
    names = sorted({one.name for few in answered.values() for one in few})
    new = [name for name in names if writer.get(fact_key(name)) is None]
    if new:
        _, matrix = NameVectors(embedder).of(new)
        for name, vector in zip(new, matrix, strict=True):
            writer.put(fact_key(name), fact_value(vector))


def _batched(names: Sequence[str], n: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), n):
        yield names[start : start + n]


def _forbidden(starts: pl.DataFrame, params: RelatedParams, is_safe: IsSafe) -> frozenset[str]:
    """The names that might be stored but are not safe."""
    users = starts.group_by("name").agg(n=pl.col("user_id").n_unique()).filter(pl.col("n") >= params.min_users)
    names = users["name"].sort().to_list()
    return frozenset(itertools.compress(names, (not safe for safe in is_safe(names)))) if names else frozenset()


# ── release ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _version(
    starts: pl.DataFrame, asker: Asker | None, prompt: Prompt, embedder: Embedder, params: RelatedParams, as_of: date
) -> str:
    rows = starts.select("user_id", "journey_id", "name", "started_on").sort("user_id", "journey_id")
    digest = hashlib.sha256()
    for chunk in rows.iter_slices(50_000):
        digest.update(chunk.write_csv().encode())
    return fingerprint(
        {
            "journeys": digest.hexdigest(),
            "model": None if asker is None else answered_by(asker.model, prompt),
            "embedding_model": embedder.model_version,
            "params": dataclasses.asdict(params),
            "as_of": as_of.isoformat(),
        }
    )


def _release(
    version: str,
    as_of: date,
    counts: dict[str, int],
    ranking: Ranking,
    asker: Asker | None,
    prompt: Prompt,
    embedder: Embedder,
    params: RelatedParams,
) -> Expansion:
    live_from = as_of + timedelta(days=1)
    card = {
        "as_of": as_of.isoformat(),
        "live_from": live_from.isoformat(),
        "features": list(FEATURES),
        "counts": counts,
        "parameters": dataclasses.asdict(params),
        "embedding_model": embedder.model_version,
        "model": WITHOUT_MODEL if asker is None else asker.model,
        "prompt_version": None if asker is None else prompt.version,
        "ranking": {"decision": ranking.decision, **{name: dict(values) for name, values in ranking.measured.items()}},
    }
    return Expansion(version, live_from, card, json.dumps(dict(ranking.weights), sort_keys=True))
