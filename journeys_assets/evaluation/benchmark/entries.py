"""The first entries of a benchmark: this project's pipeline, methods to compare it with, and one language model."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.domain.tables.pipeline import LLM_JOURNEYS
from journeys_assets.evaluation.baselines import clustering_rules as rules
from journeys_assets.evaluation.baselines.clustering_rules import Rule, SingleRule
from journeys_assets.evaluation.benchmark.folder import (
    DEV,
    BenchmarkError,
    Dataset,
    landing_of,
    read_keywords,
    read_record,
    read_truth,
)
from journeys_assets.evaluation.benchmark.logs import log_settings, pipeline_of
from journeys_assets.evaluation.benchmark.submission import CARD, SCHEMA
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser, users_of_themes
from journeys_assets.evaluation.studies import load_log
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.base import Asker
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import execute, run_days
from journeys_assets.pipeline.stage import Run
from journeys_assets.settings import Settings

HALF_LIFE_DAYS = 14.0
"""Of the weight of a journey in the rank that baselines give it, by days since its last engagement."""
PLAIN, PIPELINE, MODEL = "plain script", "pipeline", "llm_journeys"
PLAIN_CUT, PLAIN_LEAST = 1.7, 3
"""Of ``benchmarks/plain_pipeline.py``: the height at 30 keywords, and the fewest keywords of a journey."""
_DESCRIBED = "Named by the keyword nearest to the weighted centre; ranked by weight and recency."
_ABOUT: Mapping[str, str] = {
    PIPELINE: "User Journeys with the settings at hand and without a language model.",
    PLAIN: f"Ward's method on sentence embeddings, cut at {PLAIN_CUT} (n/30)^0.3; journeys of at least "
    f"{PLAIN_LEAST} keywords. {_DESCRIBED} What an afternoon's script does.",
    "time-out": f"A pause of {rules.SESSION_MINUTES:.0f} minutes begins a journey. {_DESCRIBED}",
    "TF-IDF": f"Average linkage on the cosine distance of TF-IDF words, cut at {rules.TFIDF_CUT}. {_DESCRIBED}",
    "HDBSCAN": f"HDBSCAN on sentence embeddings, at least {rules.HDBSCAN_SMALLEST} keywords a cluster. {_DESCRIBED}",
}
NO_MODEL = (
    "no language model is set; set `[llm] model` and `base_url`, then call `journeys benchmark entries DIR --only "
    f"{MODEL}`"
)


@dataclass(frozen=True)
class _Data:
    """One data set of a benchmark, as the entries read it.

    Attributes:
        rows: Of keywords.parquet.
        users: The same keywords by user, in the order of ``user_ids``. Only the data set for tuning has its truth.
    """

    dataset: Dataset
    landing: Path
    rows: pl.DataFrame
    user_ids: Sequence[str]
    users: Sequence[PseudoUser]
    embedder: Callable[[], Embedder]

    @cached_property
    def vectors(self) -> KeywordVectors:
        """A unit vector for each keyword."""
        ordered = sorted(self.rows["keyword"].unique())
        embedded = np.asarray(self.embedder().embed(ordered))
        return KeywordVectors.from_frame(pl.DataFrame({"keyword": ordered, "embedding": pack(embedded)}))


class Entries:
    """Writes entries into the submissions of a benchmark.

    Args:
        folder: The benchmark.
        settings: Parameters, embedder and language model of the entries.
        embedder: The embedder of ``settings``.
        asker: What answers questions to the language model of ``settings``; by default its endpoint.
    """

    def __init__(
        self, folder: Path, settings: Settings, embedder: Callable[[], Embedder], asker: Asker | None = None
    ) -> None:
        self._folder, self._settings, self._embedder, self._asker = folder, settings, embedder, asker
        self._datasets = read_record(folder)
        self._data: dict[str, _Data] = {}
        self._cuts: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All entries, in the order in which they are made."""
        return (PIPELINE, PLAIN, *self._fixed_rules(), *self._single_rules(), MODEL)

    def write(self, name: str) -> Path:
        """Write one entry, in place of an earlier one of that name; returns its folder.

        Raises:
            BenchmarkError: there is no such entry.
        """
        if name not in self.names:
            raise BenchmarkError(f"there is no entry {name!r}; the entries are {', '.join(self.names)}")
        if name == MODEL and self._settings.llm.model is None:
            return self._save(name, {}, {"name": name, "not_run": NO_MODEL})
        rows = {dataset: own for dataset in self._datasets if (own := self._rows(name, dataset)) is not None}
        return self._save(name, rows, {"name": name, "about": self._about(name)})

    def _about(self, name: str) -> str:
        if name == MODEL:
            return f"One question for each user to {self._settings.llm.model}. Ranked by weight and recency."
        if name in self._cuts:
            return f"One cut for all users, {self._cuts[name]:g}, the best one on {DEV}. {_DESCRIBED}"
        return _ABOUT[name]

    def _save(self, name: str, rows: Mapping[str, pl.DataFrame], card: Mapping[str, str]) -> Path:
        target = self._folder / "submissions" / name
        draft = Path(tempfile.mkdtemp(prefix=".entry-", dir=self._folder))
        for dataset, own in rows.items():
            own.write_parquet(draft / f"{dataset}.parquet")
        (draft / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        draft.chmod(0o755)
        draft.rename(target)
        return target

    def _rows(self, name: str, dataset: str) -> pl.DataFrame | None:
        """The rows of an entry on one data set; None where the method does not apply to it."""
        data = self._of(dataset)
        if name == PIPELINE:
            return self._by_pipeline(data)
        if name == MODEL:
            return self._by_model(data) if data.dataset.has_log else None
        if name == "time-out" and not data.dataset.has_log:
            return None
        rule = self._rule(name, data)
        labels = [rule(user, data.vectors.rows_for(user.keywords)) for user in data.users]
        return described(data, labels, least=PLAIN_LEAST if name == PLAIN else 1)

    def _of(self, dataset: str) -> _Data:
        if dataset not in self._data:
            found, rows = self._datasets[dataset], read_keywords(self._folder, dataset)
            themes = rows.select("user_id", "keyword", theme=pl.lit(None, dtype=pl.String))
            if dataset == DEV:
                known = read_truth(self._folder, found).keywords.select("user_id", "keyword", theme="journey")
                themes = rows.select("user_id", "keyword").join(known, on=["user_id", "keyword"], how="left")
            if "first_engaged_at" in rows.columns:
                times = rows.select("user_id", "keyword", "first_engaged_at")
                themes = themes.join(times, on=["user_id", "keyword"])
            user_ids = rows["user_id"].unique().sort().to_list()
            users = list(users_of_themes(themes))
            self._data[dataset] = _Data(found, landing_of(self._folder, dataset), rows, user_ids, users, self._embedder)
        return self._data[dataset]

    # ── baselines ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _single_rules(self) -> dict[str, SingleRule]:
        return {rule.name: rule for rule in rules.single_rules(self._settings.algorithm.clustering)}

    def _fixed_rules(self) -> dict[str, Callable[[_Data], Rule]]:
        return {
            "time-out": lambda _: rules.time_out(),
            "TF-IDF": lambda data: rules.tfidf_average(data.vectors.keywords),
            "HDBSCAN": lambda _: rules.hdbscan(),
        }

    def _rule(self, name: str, data: _Data) -> Rule:
        if name == PLAIN:
            return self._single_rules()["size-aware Ward"].at(PLAIN_CUT)
        if name in (fixed := self._fixed_rules()):
            return fixed[name](data)
        rule = self._single_rules()[name]
        if name not in self._cuts:
            self._cuts[name] = self._best_cut(rule)
        return rule.at(self._cuts[name])

    def _best_cut(self, rule: SingleRule) -> float:
        """The cut of a rule with the best mean B-cubed F1 on the data set for tuning; the lowest of equal ones."""
        data = self._of(DEV)
        scores = []
        for user in data.users:
            found = rule.labels(data.vectors.rows_for(user.keywords), rule.cuts)
            scores.append([bcubed_f1(user.truth, labels) for labels in found])
        return rule.cuts[int(np.argmax(np.mean(scores, axis=0)))]

    # ── pipeline and language model ─────────────────────────────────────────────────────────────────────────────────

    def _by_pipeline(self, data: _Data) -> pl.DataFrame:
        if not data.dataset.has_log:
            params = self._settings.algorithm.clustering
            labels, _ = found_by_pipeline(data.users, data.vectors, params, released(params.learned_cut))
            return described(data, labels)
        day = _last_day(data.dataset)
        with self._run(data) as (_, pipeline):
            clusters = pipeline.warehouse.query(
                "SELECT user_id, journey_id, keywords FROM main.journey_clusters WHERE partition_date = $day",
                {"day": day},
            )
            output = pipeline.warehouse.query(
                "SELECT user_id, journey_id AS journey, journey_name AS name, kind, stage, rank, confidence "
                "FROM main.user_journeys WHERE partition_date = $day",
                {"day": day},
            )
        members = clusters.explode("keywords").rename({"keywords": "keyword", "journey_id": "journey"})
        return _as_rows(members.join(output, on=["user_id", "journey"], how="left"))

    def _by_model(self, data: _Data) -> pl.DataFrame:
        day = _last_day(data.dataset)
        with self._run(data) as (own, _):
            llm = self._settings.llm.model_copy(update={"compared_share": 1.0})
            pipeline = pipeline_of(own.model_copy(update={"llm": llm}), self._asker)
            for _ in execute(pipeline, [LLM_JOURNEYS.name], Run((day,), uuid.uuid4().hex, full=True)):
                pass
            found = pipeline.warehouse.query(
                "SELECT user_id, journey_id AS journey, keywords AS keyword, nullif(suggested_name, '') AS name, kind, "
                "stage, confidence FROM main.llm_journeys WHERE partition_date = $day",
                {"day": day},
            )
        if found.is_empty():
            raise BenchmarkError(
                f"{self._settings.llm.model} gave no valid answer about any user of {data.dataset.name}; see "
                "`journeys doctor` for its endpoint"
            )
        members = found.explode("keyword")
        return _as_rows(members.join(_ranks(data, members), on=["user_id", "journey"], how="left"))

    @contextmanager
    def _run(self, data: _Data) -> Iterator[tuple[Settings, Pipeline]]:
        """The settings and the pipeline of a scratch deployment that ran the last day of a log."""
        with tempfile.TemporaryDirectory(prefix=".run-", dir=self._folder) as scratch:
            home = Path(scratch)
            own = log_settings(self._settings, home)
            pipeline = pipeline_of(own)
            load_log(own, pipeline, data.landing, "landing", home / "scratch")
            day = _last_day(data.dataset)
            run_days(pipeline, day, day, full=True)
            yield own, pipeline


def described(data: _Data, labels: Sequence[Labels], *, least: int = 1) -> pl.DataFrame:
    """The rows of a submission from clusters: named by the keyword nearest to the weighted centre of its cluster.

    Args:
        labels: Clusters of each user's keywords, in the order of ``data.users``.
        least: Fewest keywords of a journey; those of smaller clusters are in none.
    """
    members = pl.DataFrame(
        {
            "user_id": [u for u, own in zip(data.user_ids, labels, strict=True) for _ in own],
            "keyword": [keyword for user in data.users for keyword in user.keywords],
            "journey": np.concatenate(labels).astype(str),
        }
    )
    of = ["user_id", "journey"]
    members = members.filter(pl.len().over(of) >= least).join(_facts(data), on=["user_id", "keyword"])
    members = members.sort(*of, "keyword")
    vectors = data.vectors.rows_for(members["keyword"].to_list())
    weights = members["weight"].to_numpy()[:, None]
    group = members.select(pl.struct(of).rle_id()).to_series().to_numpy()
    centres = np.zeros((int(group.max()) + 1, vectors.shape[1]))
    np.add.at(centres, group, weights * vectors)
    nearness = pl.Series("nearness", np.einsum("ij,ij->i", vectors, centres[group]).round(9))
    names = (
        members.with_columns(nearness)
        .sort(*of, "nearness", "keyword", descending=[False, False, True, False])
        .unique(of, keep="first", maintain_order=True)
        .select(*of, name="keyword")
    )
    return _as_rows(members.join(names, on=of).join(_ranks(data, members.select(*of, "keyword")), on=of, how="left"))


def _ranks(data: _Data, members: pl.DataFrame) -> pl.DataFrame:
    """user_id, journey, rank: by log weight, halved for every ``HALF_LIFE_DAYS`` since the last engagement.

    Without a log no journey has a rank.

    Args:
        members: user_id, journey, keyword.
    """
    of = ["user_id", "journey"]
    facts = members.join(_facts(data), on=["user_id", "keyword"])
    if not data.dataset.has_log:
        return facts.select(of).unique().with_columns(rank=pl.lit(None, dtype=pl.Int64))
    end = pl.lit(datetime.combine(_last_day(data.dataset), datetime.max.time()))
    idle = (end - pl.col("last_engaged_at").max()).dt.total_seconds() / 86_400
    worth = pl.col("weight").sort().sum().log1p() * (-np.log(2.0) * idle / HALF_LIFE_DAYS).exp()
    scored = facts.group_by(of).agg(worth=worth).sort("user_id", "worth", "journey", descending=[False, True, False])
    return scored.select(*of, rank=pl.int_range(1, pl.len() + 1).over("user_id"))


def _facts(data: _Data) -> pl.DataFrame:
    """user_id, keyword, weight and, where there is a log, last_engaged_at. Without a log every weight is 1."""
    if data.dataset.has_log:
        return data.rows.select("user_id", "keyword", "weight", "last_engaged_at")
    return data.rows.select("user_id", "keyword", weight=pl.lit(1.0))


def _as_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a submission that ``rows`` has, sorted."""
    own = [name for name in SCHEMA if name in rows.columns and rows[name].null_count() < rows.height]
    return rows.select(pl.col(name).cast(SCHEMA[name]) for name in own).sort("user_id", "keyword")


def _last_day(dataset: Dataset) -> date:
    day = dataset.last_day
    if day is None:
        raise ValueError(f"{dataset.name} has no log")
    return day
