"""Readers tell keywords apart by a good name and not by a poor one, and never read what the name was made from."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from journeys_assets.evaluation.baselines.name_readers import MIN_KEYWORDS, TRUE_OF_MEMBERS, divided, readings
from journeys_assets.models.embedding.hashing import HashingEmbedder

UNREAD = pl.DataFrame(
    {
        "user_id": "u",
        "journey_id": ["bags", "bags", "cards", "cards"],
        "keyword": ["lunch bag spaceboy", "lunch bag suki", "birthday card", "card dolly girl"],
    }
)


def embed(texts: Sequence[str]) -> np.ndarray:
    return HashingEmbedder().embed(list(texts))


def read(*names: str) -> pl.DataFrame:
    rows = pl.DataFrame({"user_id": "u", "journey_id": "bags", "keyword": list(names)})
    return readings(rows, UNREAD, embed)


def test_a_good_name_tells_the_keywords_from_the_others_and_a_poor_one_does_not() -> None:
    good, poor = read("lunch bag", "card dolly girl").sort("keyword", descending=True).rows(named=True)
    assert [good[f"{reader}: {figure}"] for reader in ("meaning", "words", "both") for figure in ("AUC", "AP")] == [
        1.0
    ] * 6
    assert poor["words: AUC"] < 0.5
    assert poor["words: AP"] < good["words: AP"]


def test_a_reader_who_cannot_tell_keywords_apart_is_at_chance() -> None:
    row = read("zzz").row(0, named=True)
    assert row["words: AUC"] == 0.5
    assert row["words: AP"] == 0.5


def test_truth_is_lost_with_every_word_that_the_members_do_not_have() -> None:
    truth = dict(
        read("lunch bags", "lunch bag suki", "of lunch", "card").select("keyword", TRUE_OF_MEMBERS).iter_rows()
    )
    assert truth == pytest.approx({"lunch bags": 1.0, "lunch bag suki": 2.5 / 3, "of lunch": 1.0, "card": 0.0})


def test_journeys_that_cannot_be_read_are_left_out() -> None:
    alone = readings(
        UNREAD.with_columns(user_id=pl.col("journey_id")), UNREAD.with_columns(user_id=pl.col("journey_id")), embed
    )
    assert alone.is_empty()
    assert readings(UNREAD.head(0), UNREAD, embed).is_empty()


def test_half_of_the_keywords_are_unread_whatever_their_order() -> None:
    members = pl.DataFrame(
        {"user_id": "u", "journey_id": ["a"] * 7 + ["b"] * (MIN_KEYWORDS - 1), "keyword": [f"k{n}" for n in range(10)]}
    )
    rows = divided(members)
    assert rows["journey_id"].unique().to_list() == ["a"]
    assert rows["is_unread"].sum() == 3
    assert divided(members.reverse()).sort("keyword").equals(rows.sort("keyword"))
