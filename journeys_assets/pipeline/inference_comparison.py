"""inference_comparison: how far the language model's journeys agree with the output, and what they cost."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.inference.comparison import compared
from journeys_assets.domain.tables.pipeline import INFERENCE_COMPARISON
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import llm_journeys as queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class InferenceComparison:
    """Compares the users whom the model was asked about on the day.

    Attributes:
        input_price, output_price: Of a million tokens, in any currency.
    """

    warehouse: Warehouse
    input_price: float
    output_price: float

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        rows = INFERENCE_COMPARISON.empty()
        for days in run.chunks():
            found = []
            with self.warehouse.reading() as con:
                for day in days:
                    # What a judge says of both is given to `compared` as `levels`, once journeys are judged.
                    row = compared(
                        queries.inferences_of_day(con, day),
                        queries.journeys_of_model(con, day),
                        queries.output_beside(con, day),
                        input_price=self.input_price,
                        output_price=self.output_price,
                    )
                    found.append(row.with_columns(partition_date=pl.lit(day)))
            rows = pl.concat(found)
            yield Batch(days, {INFERENCE_COMPARISON.name: rows})
        if rows.is_empty():
            return Notes({"compared": "no user was asked about"})
        return Notes({"last_days": rows.select("partition_date", *_SHOWN)})


_SHOWN = ("n_users_asked_about", "n_users_inferred", "bcubed_f1", "same_name_share", "cost_per_1000_users")
