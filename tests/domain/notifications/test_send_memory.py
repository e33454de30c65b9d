"""Recent sends count for their own journey and for similar journeys of the same user, and for nothing else."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.send_memory import similar_sends

DAY = date(2026, 5, 10)
PARAMS = NotificationParams(memory_days=14, memory_similarity=0.5)
EAST, NORTH, NEAR_EAST = (1.0, 0.0), (0.0, 1.0), (0.9, 0.4358899)
SENT = {"user_id": pl.String, "journey_id": pl.String, "channel": pl.String, "sent_date": pl.Date}


def journeys(**vectors: tuple[float, float]) -> pl.DataFrame:
    """Journeys of one user: name = direction."""
    packed = pack(np.array(list(vectors.values()), dtype=np.float32))
    return pl.DataFrame({"user_id": "u", "journey_id": list(vectors), "centroid": packed})


def sends(*rows: tuple[str | None, int]) -> pl.DataFrame:
    """(journey, days ago)"""
    return pl.DataFrame([("u", j, "push", DAY - timedelta(days=ago)) for j, ago in rows], schema=SENT, orient="row")


def counted(live: pl.DataFrame, sent: pl.DataFrame, params: NotificationParams = PARAMS) -> dict[str, int]:
    found = similar_sends(live, sent, DAY, params)
    return dict(zip(found["journey_id"], found["n_similar_sends"], strict=True))


LIVE = journeys(east=EAST, near=NEAR_EAST, north=NORTH)


def test_sends_about_the_journey_and_similar_ones_are_counted() -> None:
    assert counted(LIVE, sends(("east", 0), ("east", 3))) == {"east": 2, "near": 2}
    assert counted(LIVE, sends(("near", 1), ("north", 2))) == {"east": 1, "near": 1, "north": 1}
    assert counted(LIVE, sends(("east", 1)), replace(PARAMS, memory_similarity=0.95)) == {"east": 1}


def test_sends_to_a_user_with_one_journey_are_counted() -> None:
    assert counted(journeys(only=EAST), sends(("only", 1))) == {"only": 1}


@pytest.mark.parametrize(("days_ago", "counts"), [(13, {"north": 1}), (14, {}), (-1, {})])
def test_only_sends_within_the_memory_days_up_to_the_day_are_counted(days_ago: int, counts: dict[str, int]) -> None:
    assert counted(LIVE, sends(("north", days_ago))) == counts


def test_a_second_channel_and_sends_about_no_live_journey_are_not_counted() -> None:
    twice = pl.concat([sends(("north", 1)), sends(("north", 1)).with_columns(channel=pl.lit("email"))])
    assert counted(LIVE, twice) == {"north": 1}
    assert counted(LIVE, sends((None, 1), ("gone", 1))) == {}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counts_do_not_depend_on_other_users_or_row_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    live = pl.DataFrame(
        {
            "user_id": [f"u{rng.integers(0, 6)}" for _ in range(n)],
            "journey_id": [f"j{i}" for i in range(n)],
            "centroid": pack(rng.normal(size=(n, 3)).astype(np.float32)),
        }
    )
    picked = live.sample(15, seed=seed, with_replacement=True)
    ago = [timedelta(days=int(d)) for d in rng.integers(0, 20, 15)]
    sent = picked.select("user_id", "journey_id", channel=pl.lit("push")).with_columns(
        sent_date=pl.Series([DAY - a for a in ago])
    )
    whole = similar_sends(live, sent, DAY, PARAMS)
    assert whole.equals(similar_sends(live.sample(fraction=1, shuffle=True, seed=seed), sent.reverse(), DAY, PARAMS))
    alone = [
        similar_sends(own, sent, DAY, PARAMS)
        for _, own in live.sort("user_id").group_by("user_id", maintain_order=True)
    ]
    assert whole.equals(pl.concat(alone))
    by_hand = 0
    vectors = dict(
        zip(live["journey_id"], (np.frombuffer(c, "<f2").astype(float) for c in live["centroid"]), strict=True)
    )
    owner = dict(zip(live["journey_id"], live["user_id"], strict=True))
    for journey, vector in vectors.items():
        for other, _ in (
            sent.filter(pl.col("sent_date") > DAY - timedelta(days=14))
            .select("journey_id", "sent_date")
            .unique()
            .iter_rows()
        ):
            beside = vectors[other]
            cosine = vector @ beside / np.linalg.norm(vector) / np.linalg.norm(beside)
            by_hand += owner[journey] == owner[other] and (journey == other or cosine > 0.5)
    assert whole["n_similar_sends"].sum() == by_hand
