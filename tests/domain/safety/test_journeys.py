"""Safety of journeys: name and keywords decide together, the stricter one counts, and users may choose."""

import dataclasses

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.journeys import journey_verdicts, with_decisions
from journeys_assets.domain.safety.params import DECISIONS, SafetyParams

PARAMS = SafetyParams()
TEXTS = {
    "garden beds": (None, 0.01, "none"),
    "compost": (None, 0.02, "none"),
    "debt help": ("money", 1.0, "lexicon"),
    "payday loan": ("money", 0.9, "model"),
    "hate song": ("hate", 1.0, "lexicon"),
    "odd words": (None, 0.6, "uncertain"),
}


def texts() -> pl.DataFrame:
    rows = [(text, *verdict) for text, verdict in TEXTS.items()]
    return pl.DataFrame(rows, schema=["text", "category", "score", "decided_by"], orient="row")


def verdict(name: str, *keywords: str, params: SafetyParams = PARAMS) -> tuple[str | None, str, int]:
    names = pl.DataFrame({"user_id": ["u"], "journey_id": ["j"], "journey_name": [name], "keywords": [list(keywords)]})
    row = journey_verdicts(names, texts(), params).row(0, named=True)
    return row["category"], row["decided_by"], row["n_sensitive_keywords"]


@pytest.mark.parametrize(
    ("name", "keywords", "expected"),
    [
        ("garden beds", ["garden beds", "compost"], (None, "none", 0)),
        ("debt help", ["garden beds"], ("money", "lexicon", 0)),
        ("garden beds", ["garden beds", "debt help"], ("money", "lexicon", 1)),
        ("garden beds", ["garden beds", "compost", "compost", "payday loan"], ("money", "model", 1)),
        ("garden beds", ["garden beds", "compost", "compost", "compost", "payday loan"], (None, "none", 1)),
        ("debt help", ["debt help", "debt help", "hate song"], ("money", "lexicon", 3)),
        ("debt help", ["hate song", "hate song", "debt help"], ("hate", "lexicon", 3)),
        ("odd words", ["odd words"], (None, "uncertain", 0)),
    ],
)
def test_the_stricter_of_name_and_keywords_counts(
    name: str, keywords: list[str], expected: tuple[str | None, str, int]
) -> None:
    assert verdict(name, *keywords) == expected


def test_a_text_without_a_verdict_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 names or keywords have no verdict"):
        verdict("garden beds", "never judged")


CHOICES = {"default": None, "opt_in": True, "opt_out": False}


def decision(category: str | None, decided_by: str, said: bool | None, params: SafetyParams) -> str:
    row = {"user_id": "u", "journey_id": "j", "category": category, "score": 1.0, "decided_by": decided_by}
    verdicts = pl.DataFrame(
        [{**row, "n_sensitive_keywords": 1}],
        schema_overrides={"category": pl.String, "n_sensitive_keywords": pl.Int64},
    )
    users = pl.DataFrame({"user_id": ["u"], "sensitive_opt_in": pl.Series([said], dtype=pl.Boolean)})
    return str(with_decisions(verdicts, users, params)["decision"].item())


@given(st.sampled_from([None, *IDS]), st.sampled_from(DECISIONS), st.sampled_from(["lexicon", "uncertain"]))
def test_an_opt_out_is_never_looser_and_an_opt_in_never_shows_what_is_blocked(
    category: str | None, policy: str, decided_by: str
) -> None:
    params = dataclasses.replace(PARAMS, **{category: policy}) if category else PARAMS
    strictness = {
        choice: DECISIONS.index(decision(category, decided_by, said, params))  # type: ignore[arg-type]
        for choice, said in CHOICES.items()
    }
    assert strictness["opt_in"] <= strictness["default"] <= strictness["opt_out"]
    if category and policy == "block":
        assert DECISIONS[strictness["opt_in"]] == "block"
    if category is None:
        assert set(strictness.values()) == {DECISIONS.index("no_notify" if decided_by == "uncertain" else "allow")}


def test_users_who_are_not_known_have_the_policy_of_the_deployment() -> None:
    names = pl.DataFrame(
        {"user_id": ["u"], "journey_id": ["j"], "journey_name": ["debt help"], "keywords": [["debt help"]]}
    )
    nobody = pl.DataFrame(schema={"user_id": pl.String, "sensitive_opt_in": pl.Boolean})
    rows = with_decisions(journey_verdicts(names, texts(), PARAMS), nobody, PARAMS)
    assert rows["decision"].to_list() == ["no_notify"]
