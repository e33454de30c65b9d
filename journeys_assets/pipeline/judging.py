"""judged_journeys: how relevant the best journeys of a daily sample of users are, by a rubric and a language model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.rubric import JUDGED_BY as RUBRIC
from journeys_assets.domain.judging.rubric import judge_by_rubric
from journeys_assets.domain.judging.sampling import drawn_users
from journeys_assets.domain.judging.shown import Group, Item, Shown, View, in_order, texts_of, to_ask, with_control
from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.tables.pipeline import JUDGED_JOURNEYS
from journeys_assets.models.judging.question import Opinion, opinions_of, prompt
from journeys_assets.models.judging.release import released_verdicts
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Notes, Run
from journeys_assets.storage.queries import judging as queries
from journeys_assets.storage.queries.llm_journeys import users_inferred_on
from journeys_assets.storage.queries.model_calls import record_calls
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

MaySend = Callable[[Sequence[str]], Sequence[bool]]
"""Whether each text may be sent to a language model."""

_ROWS = {
    name: JUDGED_JOURNEYS.polars_schema[name]
    for name in (
        *("user_id", "journey_id", "draw", "is_control", "rank", "position", "keywords"),
        *("outcome", "level", "explanation", "judged_by"),
    )
}
ROWS_SCHEMA = pl.Schema(_ROWS)
"""What a judge said of each item of some views."""


@dataclass(frozen=True)
class Judges:
    """What judges need: the views of users, a rubric and a language model."""

    warehouse: Warehouse
    params: JudgingParams
    horizon_days: int
    embedding_model: Callable[[], str]
    may_send: MaySend

    def views(self, day: date, journeys: pl.DataFrame, *, with_controls: bool) -> list[View]:
        """The views of users on ``day``, in order of users.

        Args:
            journeys: user_id, journey_id; those that are not in the output of the day are left out.
        """
        if journeys.is_empty():
            return []
        with self.warehouse.reading() as con:
            wanted = queries.of_output(con, journeys, day)
            groups = queries.groups(con, wanted.select("user_id"), day, self.horizon_days)
            items = self._items(con, wanted, day)
            catalogue = queries.catalogue_keywords(con, day) if with_controls else None
        return self._views(day, items, groups, catalogue)

    def views_of(self, day: date, by: str) -> list[View]:
        """The views of the users whom a language model inferred on ``day``, with the journeys of greatest weight.

        Args:
            by: Who inferred the journeys, and the groups that they are compared with: of ``queries.INFERRED``.
        """
        with self.warehouse.reading() as con:
            users = users_inferred_on(con, day)
            groups = queries.groups(con, users, day, self.horizon_days, by)
            journeys = groups.filter("is_journey").sort(
                "user_id", "weight", "group_id", descending=[False, True, False]
            )
            ranked = journeys.with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"))
            wanted = ranked.filter(pl.col("rank") <= self.params.top_k).rename({"group_id": "journey_id"})
            if wanted.is_empty():
                return []
            items = self._items(con, wanted, day)
        return self._views(day, items, groups, None)

    def _items(self, con: duckdb.DuckDBPyConnection, wanted: pl.DataFrame, day: date) -> pl.DataFrame:
        return queries.items(con, wanted, day, self.params.weeks_shown, self.params.keywords_shown)

    def _views(
        self, day: date, items: pl.DataFrame, groups: pl.DataFrame, catalogue: Sequence[str] | None
    ) -> list[View]:
        """The views of all users of ``items``, with a control from ``catalogue`` if it is given."""
        of_users = groups.partition_by("user_id", as_dict=True)
        views = []
        for (user_id,), own in items.group_by("user_id", maintain_order=True):
            view = View(
                str(user_id),
                day,
                tuple(
                    Item(row["journey_id"], tuple(row["keywords"]), row["rank"], tuple(row["days_by_week"]),
                         row["days_since_last"])
                    for row in own.iter_rows(named=True)
                ),
                tuple(
                    Group(row["group_id"], row["area_id"], tuple(row["keywords"]), row["days_since_last"])
                    for row in of_users.get((user_id,), groups.clear()).iter_rows(named=True)
                ),
                max((days or 0 for days in own["user_active_days_28d"].to_list()), default=0),
            )  # fmt: skip
            views.append(view if catalogue is None else with_control(view, catalogue, self.params))
        return views

    def by_rubric(self, views: Sequence[View]) -> pl.DataFrame:
        """What the rubric says: ``ROWS_SCHEMA``, draw 0."""
        vectors = self._vectors(views)
        rows = []
        for view in views:
            said = {
                item.journey_id: Opinion(*one)
                for item, one in zip(view.items, judge_by_rubric(view, vectors, self.params), strict=True)
            }
            rows += self._rows(view, 0, said, set(said), RUBRIC)
        return pl.DataFrame(rows, schema=ROWS_SCHEMA, orient="row")

    def by_model(self, views: Sequence[View], asker: Asker) -> pl.DataFrame:
        """What a language model says: ``ROWS_SCHEMA``, a row for each draw of each item, whether answered or not.

        Args:
            views: The first ones are asked about first.
        """
        texts = sorted({text for view in views for text in texts_of(view)})
        forbidden = {text for text, may in zip(texts, self.may_send(texts), strict=True) if not may}
        turns = [(view, draw) for draw in range(1, self.params.draws + 1) for view in views]
        shown = [list(self._questions(view, draw, forbidden, len(turns) - n)) for n, (view, draw) in enumerate(turns)]
        opinions = opinions_of((one for questions in shown for one in questions), asker)
        rows = []
        for (view, draw), questions in zip(turns, shown, strict=True):
            said = {journey: one for _ in questions for journey, one in next(opinions).items()}
            asked = {journey for question in questions for journey in question.journey_ids}
            rows += self._rows(view, draw, said, asked, answered_by(asker.model, prompt()))
        return pl.DataFrame(rows, schema=ROWS_SCHEMA, orient="row")

    def _questions(self, view: View, draw: int, forbidden: Collection[str], worth: float) -> list[Shown]:
        return list(to_ask(view, draw, forbidden, self.params, worth=worth))

    def _rows(
        self, view: View, draw: int, said: dict[str, Opinion], asked: set[str], judged_by: str
    ) -> list[tuple[object, ...]]:
        """The rows of one draw, in the order in which it showed the items."""
        rows: list[tuple[object, ...]] = []
        for position, item in enumerate(in_order(view.items, view.user_id, view.day, draw, self.params.seed), 1):
            one = said.get(item.journey_id)
            if item.journey_id not in asked:
                outcome = "withheld"
            elif one is None:
                outcome = "unanswered"
            else:
                outcome = "abstained" if one.level is None else "judged"
            level, why = (None, "") if one is None else (one.level, one.why)
            shown = (item.is_control, item.rank, position, list(item.keywords))
            rows.append((view.user_id, item.journey_id, draw, *shown, outcome, level, why, judged_by))
        return rows

    def _vectors(self, views: Sequence[View]) -> dict[str, NDArray[np.float32]]:
        """Unit vectors of all keywords of ``views``; those that are not stored are missing."""
        texts = sorted({text for view in views for text in texts_of(view)})
        if not texts:
            return {}
        with self.warehouse.reading() as con:
            found = stored_vectors(con, "keyword", texts, self.embedding_model()).sort("keyword")
        return dict(zip(found["keyword"], unpack(found["embedding"].to_list()), strict=True))


@dataclass(frozen=True)
class JudgedJourneys:
    """Judges a sample of each day. The rubric judges all of it, whether or not a language model answers."""

    judges: Judges
    releases: Path
    asker: Callable[[str], Asker | None]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        params = self.judges.params
        asker = self.asker(run.run_id) if params.asked_users_per_day and params.share_of_users else None
        judged_by = RUBRIC if asker is None else answered_by(asker.model, prompt())
        every = [JUDGED_JOURNEYS.empty().drop("partition_date", "algorithm_version")]
        for days in run.chunks():
            parts = []
            for day in days:
                rows = self._judged(day, asker)
                parts.append(rows.with_columns(partition_date=pl.lit(day)))
            every += [part.drop("partition_date") for part in parts]
            if asker is not None:
                record_calls(self.judges.warehouse, asker.calls())
            yield Batch(days, {JUDGED_JOURNEYS.name: pl.concat(parts)})
        found = pl.concat(every)
        release = released_verdicts(self.releases, run.days[-1])
        counts = found.group_by("judged_by", "is_control", "outcome").len("rows")
        levels = found.drop_nulls("level").group_by("judged_by", "is_control")
        shown = ("user_id", "keywords", "is_control", "level", "explanation", "judged_by")
        is_calibrated = release is not None and release.is_calibrated(judged_by)
        why = (
            ()
            if is_calibrated
            else ("no agreement with people is released",)
            if release is None
            else release.reasons(judged_by)
        )
        return Notes(
            {
                "judged_by": judged_by if asker is not None else f"{RUBRIC}; no language model",
                "calibration": "calibrated" if is_calibrated else f"uncalibrated: {'; '.join(why)}",
                "users": found["user_id"].n_unique(),
                "outcomes": counts.sort("rows", "judged_by", "outcome", descending=[True, False, False]),
                "levels": levels.agg(mean=pl.col("level").mean(), rows=pl.len()).sort("judged_by", "is_control"),
                "examples": found.select(shown).head(EXAMPLE_ROWS),
            }
        )

    def _judged(self, day: date, asker: Asker | None) -> pl.DataFrame:
        """The rows of a day, without partition_date."""
        judges, params = self.judges, self.judges.params
        if not params.share_of_users:
            return JUDGED_JOURNEYS.empty().drop("partition_date", "algorithm_version")
        with judges.warehouse.reading() as con:
            drawn = drawn_users(queries.users_with_journeys(con, day), day, params)
            best = queries.best_journeys(con, drawn, day, params.top_k)
        views = {view.user_id: view for view in judges.views(day, best, with_controls=params.with_controls)}
        rows = judges.by_rubric(list(views.values()))
        if asker is not None:
            asked = [views[user] for user in drawn["user_id"] if user in views][: params.asked_users_per_day]
            rows = pl.concat([rows, judges.by_model(asked, asker)])
        release = released_verdicts(self.releases, day)
        names = rows["judged_by"].unique()
        calibrated = [name for name in names if release is not None and release.is_calibrated(name)]
        version = None if release is None else release.version
        return (
            rows.join(drawn.select("user_id", "stratum", "sampling_weight"), on="user_id")
            .with_columns(
                agreement=pl.when(pl.col("judged_by").is_in(calibrated)).then(pl.lit(version, dtype=pl.String))
            )
            .select(
                name for name in JUDGED_JOURNEYS.column_names if name not in ("partition_date", "algorithm_version")
            )
            .sort("user_id", "journey_id", "draw")
        )
