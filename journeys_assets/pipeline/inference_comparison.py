"""inference_comparison: how far the language model's journeys agree with the output, and what they cost."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date

import polars as pl

from journeys_assets.domain.inference.comparison import compared
from journeys_assets.domain.tables.pipeline import INFERENCE_COMPARISON
from journeys_assets.pipeline.judging import Judges
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import llm_journeys as queries
from journeys_assets.storage.queries.judging import INFERRED
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class InferenceComparison:
    """Compares the users whom the model was asked about on the day.

    Attributes:
        judges: Their rubric judges the heaviest journeys of the model and of the pipeline. It is no language model, so
            that neither of the two is judged by itself.
        input_price, output_price: Of a million tokens, in any currency.
    """

    warehouse: Warehouse
    judges: Judges
    input_price: float
    output_price: float

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        rows = INFERENCE_COMPARISON.empty()
        for days in run.chunks():
            rows = pl.concat([self._row(day).with_columns(partition_date=pl.lit(day)) for day in days])
            yield Batch(days, {INFERENCE_COMPARISON.name: rows})
        if rows.is_empty():
            return Notes({"compared": "no user was asked about"})
        return Notes({"last_days": rows.select("partition_date", *_SHOWN)})

    def _row(self, day: date) -> pl.DataFrame:
        """The row of a day, without partition_date; none where nobody was asked about."""
        with self.warehouse.reading() as con:
            asked = queries.inferences_of_day(con, day)
            of_model = queries.journeys_of_model(con, day)
            output = queries.output_beside(con, day)
        return compared(
            asked,
            of_model,
            output,
            input_price=self.input_price,
            output_price=self.output_price,
            levels=None if asked.is_empty() else self._levels(day),
        )

    def _levels(self, day: date) -> pl.DataFrame:
        """What the rubric says of the heaviest journeys of both: ``comparison.LEVELS``."""
        parts = [
            self.judges.by_rubric(self.judges.views_of(day, made_by)).select(
                "user_id", made_by=pl.lit(made_by), level=pl.col("level").cast(pl.Float64)
            )
            for made_by in INFERRED
        ]
        return pl.concat(parts)


_SHOWN = ("n_users_asked_about", "n_users_inferred", "bcubed_f1", "same_name_share", "cost_per_1000_users")
