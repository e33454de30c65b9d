"""suggested_names: what a language model calls the journeys that need a better name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.keywords.personal import hold_personal_data
from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import judged, to_show, worth
from journeys_assets.domain.tables.pipeline import SUGGESTED_NAMES
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.models.llm.prompts import load_prompt
from journeys_assets.models.naming.release import naming_on
from journeys_assets.models.naming.suggested import PURPOSE, prompt, question
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import inference, llm_journeys
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import suggestions as queries
from journeys_assets.storage.queries.labels import NAMING_COLUMNS
from journeys_assets.storage.queries.model_calls import record_calls
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

CLUSTER_COLUMNS = (*NAMING_COLUMNS, "centroid")
Unsafe = Callable[[pl.DataFrame], pl.DataFrame]
"""Gets user_id, journey_id, suggested_name and keywords; returns the rows whose name policy forbids."""


@dataclass(frozen=True)
class SuggestedNames:
    """Asks about journeys without an accepted name, in one question for each user.

    A journey is asked about once for each theme (``domain.naming.suggestions``), whatever came of it; where no answer
    came, a later run asks again. Nothing is asked where the user's inference, the item catalogue and the naming weights
    are those of the day before.

    Journeys that a language model inferred come with names. These are looked at in the same way, and nothing is asked
    about them.

    Attributes:
        prompts: The prompts whose answers hold names that count.
    """

    warehouse: Warehouse
    keywords: KeywordParams
    naming: NamingParams
    releases: Path
    asker: Callable[[str], Asker | None]
    embedder: Callable[[], Embedder]
    unsafe: Unsafe
    prompts: Sequence[str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        asker = self.asker(run.run_id)
        if asker is None:
            for days in run.chunks():
                yield Batch(days, {SUGGESTED_NAMES.name: SUGGESTED_NAMES.empty()})
            return Notes({"suggested_by": "no language model"})
        before: pl.DataFrame | None = None
        basis: Hashable = None
        found: list[pl.DataFrame] = []
        n_unanswered = 0
        for day in run.days:
            params, weights = naming_on(self.releases, day, self.naming)
            with self.warehouse.reading() as con:
                states = inference.live_states(con, day, self.keywords.horizon_days)
                commonness = keyword_queries.commonness_fingerprint(con, day)
            is_same = before is not None and basis == (commonness, weights)
            changed = states.join(before, on=states.columns, how="anti") if is_same and before is not None else states
            rows, n_failed = self._suggested(changed, day, params, asker)
            found.append(rows)
            n_unanswered += n_failed
            before, basis = states, (commonness, weights)
            record_calls(self.warehouse, asker.calls())
            yield Batch([day], {SUGGESTED_NAMES.name: rows})
        calls = asker.calls()
        every = pl.concat(found)
        return Notes(
            {
                "suggested_by": answered_by(asker.model, prompt()),
                "verdicts": every.group_by("verdict").len("names").sort("names", descending=True),
                "questions_without_an_answer": n_unanswered,
                "calls": calls.drop("run_id"),
                "examples": every.select("user_id", "name_keyword", "suggested_name", "verdict"),
            }
        )

    def made_by(self, asker: Asker) -> tuple[str, ...]:
        """Whose suggestions count."""
        return tuple(answered_by(asker.model, load_prompt(name)) for name in self.prompts)

    def _suggested(
        self, states: pl.DataFrame, day: date, params: NamingParams, asker: Asker
    ) -> tuple[pl.DataFrame, int]:
        """The rows of the day, and the number of questions without an answer."""
        made_by = answered_by(asker.model, prompt())
        with self.warehouse.reading() as con:
            clusters = inference.journeys_in(con, states, CLUSTER_COLUMNS)
            facts = keyword_queries.keyword_facts(con, clusters, day, self.keywords)
        names = worth(name_journeys(clusters, facts, params))
        with self.warehouse.reading() as con:
            # Those of the day itself are made anew.
            earlier = queries.suggested_names(con, names, self.made_by(asker), until=day - timedelta(days=1))
            of_model = llm_journeys.names_of_model(con, states)
        kept = accepted_names(earlier, names, clusters, self.unsafe)
        refused = earlier.filter(pl.col("verdict") != "accepted")
        needing = (
            names.filter((pl.col("worth") > 0) & (pl.col("worth") >= params.least_worth))
            .join(kept, on=JOURNEY, how="anti")
            .join(refused, on=JOURNEY, how="anti")
        )
        # A name that came with its journey needs no worth.
        without = names.join(kept, on=JOURNEY, how="anti").join(refused, on=JOURNEY, how="anti")
        given = of_model.join(without, on=JOURNEY, how="semi")
        shown = list(to_show(names, needing.join(given, on=JOURNEY, how="anti")))
        replies = list(asker.ask(map(question, shown), PURPOSE))
        answers = [
            (one.user_id, journey_id, name, made_by)
            for one, reply in zip(shown, replies, strict=True)
            for journey_id, name in (reply.value or {}).items()
        ]
        rows = self._rows([*given.iter_rows(), *answers], names, clusters, kept)
        return rows, sum(reply.value is None for reply in replies)

    def _rows(
        self,
        answers: Sequence[tuple[str, str, str, str]],
        names: pl.DataFrame,
        clusters: pl.DataFrame,
        kept: pl.DataFrame,
    ) -> pl.DataFrame:
        """The rows of ``answers``: user_id, journey_id, suggested_name, suggested_by."""
        schema = dict.fromkeys((*JOURNEY, "suggested_name", "suggested_by"), pl.String)
        given = pl.DataFrame(answers, schema=schema, orient="row")
        texts = given["suggested_name"].to_list()
        vectors = pack(self.embedder().embed(texts)) if texts else []
        given = given.with_columns(embedding=pl.Series(vectors, dtype=pl.Binary))
        found = judged(given, names, clusters, self._forbidden(given, names), kept)
        is_personal = hold_personal_data(found["suggested_name"])
        return found.join(names.select(*JOURNEY, "name_keyword"), on=JOURNEY).select(
            *JOURNEY,
            "name_keyword",
            pl.when(is_personal).then(pl.lit("")).otherwise("suggested_name").alias("suggested_name"),
            "embedding",
            "verdict",
            "suggested_by",
        )

    def _forbidden(self, given: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
        return self.unsafe(given.join(names.select(*JOURNEY, "keywords"), on=JOURNEY))


def accepted_names(
    suggested: pl.DataFrame, names: pl.DataFrame, clusters: pl.DataFrame, unsafe: Unsafe
) -> pl.DataFrame:
    """The suggested names that were accepted and still pass every check.

    Args:
        suggested: Result of ``suggestions.suggested_names``.
        names: Result of ``name_journeys`` with worth.
        clusters: ``CLUSTER_COLUMNS`` of the same journeys.

    Returns:
        user_id, journey_id, suggested_name, suggested_by.
    """
    accepted = suggested.filter(pl.col("verdict") == "accepted").drop("verdict")
    forbidden = unsafe(accepted.join(names.select(*JOURNEY, "keywords"), on=JOURNEY))
    passed = judged(accepted, names, clusters, forbidden).filter(pl.col("verdict") == "accepted")
    return passed.select(*JOURNEY, "suggested_name", "suggested_by")
