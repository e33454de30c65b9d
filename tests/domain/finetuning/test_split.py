"""Whole topics are held out, and what is near both sides is on none."""

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.finetuning.params import SplitParams
from journeys_assets.domain.finetuning.split import (
    BETWEEN,
    HELD_OUT,
    LEARNT,
    SPLIT,
    held_out_topics,
    split_by_known_topics,
    split_by_vectors,
)
from journeys_assets.domain.keywords.vectors import pack

N_TOPICS, DIMENSIONS = 10, 16


def journeys_of_topics(n_users: int = 6) -> pl.DataFrame:
    """Each user has a journey of each topic; its centre is near the topic's own direction."""
    rng = np.random.default_rng(3)
    rows, centres = [], []
    for user in range(n_users):
        for topic in range(N_TOPICS):
            rows.append((f"u{user}", f"j{topic}", [f"topic {topic} of {user}", f"topic {topic}"]))
            centres.append(np.eye(DIMENSIONS)[topic] + rng.normal(0, 0.05, DIMENSIONS))
    return with_centres(rows, np.array(centres))


def with_centres(rows: list[tuple[str, str, list[str]]], centres: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["user_id", "journey_id", "keywords"], orient="row")
    unit = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    return frame.with_columns(centroid=pl.Series(pack(unit.astype(np.float32)), dtype=pl.Binary))


def test_every_journey_of_a_topic_is_on_one_side() -> None:
    split = split_by_vectors(journeys_of_topics(), SplitParams(held_out_share=0.3))
    assert split.schema == SPLIT
    sides = split.group_by("journey_id").agg(pl.col("side").unique(), pl.col("topic").n_unique())
    assert sides["topic"].to_list() == [1] * N_TOPICS
    assert sides["side"].list.len().to_list() == [1] * N_TOPICS
    assert split.unique("topic")["side"].value_counts().sort("side").rows() == [(HELD_OUT, 3), (LEARNT, 7)]


def test_the_split_depends_neither_on_the_order_of_rows_nor_on_other_topics_being_absent() -> None:
    rows = journeys_of_topics()
    split = split_by_vectors(rows, SplitParams())
    assert split_by_vectors(rows.sample(fraction=1, shuffle=True, seed=5), SplitParams()).equals(split)


def test_a_journey_that_is_near_topics_of_both_sides_is_on_none() -> None:
    rows = journeys_of_topics()
    split = split_by_vectors(rows, SplitParams())
    one = {side: int(split.filter(side=side)["journey_id"][0][1:]) for side in (LEARNT, HELD_OUT)}
    mixed = np.eye(DIMENSIONS)[one[LEARNT]] + np.eye(DIMENSIONS)[one[HELD_OUT]]
    more = pl.concat([rows, with_centres([("v", "mixed", ["both"])], mixed[None, :])])
    again = split_by_vectors(more, SplitParams(topic_cosine=0.5))
    assert again.filter(journey_id="mixed")["side"].to_list() == [BETWEEN]
    assert again.filter(pl.col("journey_id") != "mixed").equals(split)


def test_a_journey_with_a_keyword_of_the_other_side_is_on_none() -> None:
    topics = pl.DataFrame({"keyword": [f"k{n}" for n in range(N_TOPICS)], "topic": [f"t{n}" for n in range(N_TOPICS)]})
    held = sorted(held_out_topics(topics["topic"].to_list(), SplitParams()))
    learnt = sorted(set(topics["topic"]) - set(held))
    k_held, k_learnt, k_learnt2 = f"k{held[0][1:]}", f"k{learnt[0][1:]}", f"k{learnt[1][1:]}"
    rows = [
        ("u", "held", [k_held, "unknown"]),
        ("u", "learnt", [k_learnt, k_learnt2, k_learnt]),
        ("u", "mixed", [k_learnt, k_learnt, k_held]),
        ("u", "none", ["unknown"]),
        # So that every topic occurs.
        *(("w", f"w{n}", [f"k{n}"]) for n in range(N_TOPICS)),
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "journey_id", "keywords"], orient="row")
    split = split_by_known_topics(frame, topics, SplitParams()).filter(user_id="u")
    assert dict(split.select("journey_id", "side").iter_rows()) == {
        "held": HELD_OUT,
        "learnt": LEARNT,
        "mixed": BETWEEN,
        "none": BETWEEN,
    }
    assert dict(split.select("journey_id", "topic").iter_rows())["learnt"] == learnt[0]


def test_a_keyword_may_be_of_different_topics_for_different_users() -> None:
    topics = pl.DataFrame(
        {"user_id": ["u", "v"], "keyword": ["java", "java"], "topic": ["programming", "coffee"]},
    )
    frame = pl.DataFrame({"user_id": ["u", "v"], "journey_id": ["a", "b"], "keywords": [["java"], ["java"]]})
    split = split_by_known_topics(frame, topics, SplitParams(held_out_share=0.5))
    assert split["topic"].to_list() == ["programming", "coffee"]
    assert sorted(split["side"]) == [HELD_OUT, LEARNT]


@pytest.mark.parametrize(("n", "held"), [(0, 0), (1, 0), (2, 1), (3, 1), (10, 3), (100, 30)])
def test_the_share_is_kept_and_no_side_is_empty(n: int, held: int) -> None:
    assert len(held_out_topics([f"t{k}" for k in range(n)], SplitParams(held_out_share=0.3))) == held


def test_another_seed_holds_out_others_and_one_topic_more_moves_few() -> None:
    topics = [f"t{n}" for n in range(100)]
    one = held_out_topics(topics, SplitParams())
    assert held_out_topics(topics, SplitParams(seed=2)) != one
    assert len(one ^ held_out_topics([*topics, "new"], SplitParams())) <= 2


def test_no_journeys_give_no_rows() -> None:
    empty = journeys_of_topics().clear()
    assert split_by_vectors(empty, SplitParams()).is_empty()
    assert split_by_known_topics(
        empty, pl.DataFrame(schema={"keyword": pl.String, "topic": pl.String}), SplitParams()
    ).is_empty()
