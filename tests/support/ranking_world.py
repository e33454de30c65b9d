"""A small log with known habits, and the tables that the ranking evaluation needs, without running the pipeline."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import score_by_prior
from journeys_assets.evaluation.data.study import Study
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.sql_world import VERSION, SqlWorld, at

FIRST = date(2026, 1, 5)
N_WEEKS = 16
N_JOURNEYS = 4
RUN_DAYS = [FIRST + timedelta(days=7 * week + 6) for week in range(N_WEEKS)]

Habit = Callable[[int, int, int], float]
"""(user, journey, day) -> the share of days on which the user turns to the journey."""


def hot_and_cold(user: int, journey: int, day: int) -> float:
    """One journey of four is the user's main one for four weeks; the others are visited rarely."""
    return 0.45 if (day // 28 + user) % N_JOURNEYS == journey else 0.04


def make_study(path: Path, *, n_users: int = 60, habit: Habit = hot_and_cold, seed: int = 5) -> Study:
    """The log of ``n_users``, with features from the SQL model for the last day of each week."""
    world = SqlWorld(path)
    rng = np.random.default_rng(seed)
    n_days = N_WEEKS * 7
    engaged = {
        (user, journey): [day for day in range(n_days) if rng.uniform() < habit(user, journey, day)]
        for user in range(n_users)
        for journey in range(N_JOURNEYS)
    }
    world.add("keyword_table", *(_row(u, j, day, rng) for (u, j), days in engaged.items() for day in days))
    ledger, clusters = [], []
    for run_day in RUN_DAYS:
        upto = (run_day - FIRST).days
        for user in range(n_users):
            mine = {j: [d for d in engaged[user, j] if d <= upto] for j in range(N_JOURNEYS)}
            if not any(mine.values()):
                continue
            window_end = FIRST + timedelta(days=max(max(days) for days in mine.values() if days))
            keys = {"partition_date": run_day, "user_id": f"u{user:03d}", "window_end_date": window_end}
            ledger.append(keys)
            clusters += [
                keys
                | {
                    "journey_id": f"u{user:03d}-j{j}",
                    "keywords": [f"j{j} word {n}" for n in range(3)],
                    "n_keywords": 3,
                    "is_journey": True,
                    "first_engaged_at": at(FIRST + timedelta(days=days[0])),
                    "last_engaged_at": at(FIRST + timedelta(days=days[-1])),
                }
                for j, days in mine.items()
                if days
            ]
    world.add("inference_ledger", *ledger)
    world.add("journey_clusters", *clusters)
    for run_day in RUN_DAYS:
        world.add(
            "keyword_commonness",
            {"partition_date": run_day, "keyword": "ideas", "n_pins": 50, "pin_share": 0.5},
        )
        _rank(world, run_day, world.build("journey_features", run_day))
    world.con.close()
    last_day = FIRST + timedelta(days=n_days - 1)
    return Study("own", Warehouse(path), RUN_DAYS, last_day, AlgorithmParams())


def _row(user: int, journey: int, day: int, rng: np.random.Generator) -> dict[str, object]:
    when = FIRST + timedelta(days=day)
    keyword = f"j{journey} word {rng.integers(3)}"
    return {
        "partition_date": when,
        "user_id": f"u{user:03d}",
        "keyword": keyword,
        "source": "query",
        "display_form": keyword,
        "n_searches": 1 + int(rng.integers(2)),
        "n_closeups": int(rng.integers(3)),
        "n_saves": 0,
        "n_clickthroughs": 0,
        "n_board_pins": 0,
        "n_items": 0,
        "first_engaged_at": at(when),
        "last_engaged_at": at(when),
        "algorithm_version": VERSION,
    }


def _rank(world: SqlWorld, day: date, features: pl.DataFrame) -> None:
    """Insert user_journeys and ranked_journeys of the day, by the prior."""
    scored = score_by_prior(features, RankingParams())
    shown = scored.join(
        features.select("user_id", "journey_id", "days_since_last_engaged"), on=["user_id", "journey_id"]
    )
    both = [
        {
            "partition_date": day,
            "user_id": row["user_id"],
            "journey_id": row["journey_id"],
            "score": row["score"],
            "confidence": row["confidence"],
            "scored_by": row["scored_by"],
        }
        for row in shown.iter_rows(named=True)
    ]
    world.add("ranked_journeys", *both)
    lasts = shown["days_since_last_engaged"].to_list()
    world.add(
        "user_journeys",
        *(
            row
            | {
                "keywords": [f"{row['journey_id'].split('-')[1]} word {n}" for n in range(3)],
                "last_engaged_at": at(day - timedelta(days=silent)),
            }
            for row, silent in zip(both, lasts, strict=True)
        ),
    )
