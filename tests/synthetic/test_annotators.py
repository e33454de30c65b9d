"""Simulated annotators judge found journeys by the truth of the world."""

from datetime import date

import polars as pl
import pytest

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.synthetic.annotators import (
    ACCEPTED_BAD_NAME_SHARE,
    better_names,
    judge,
    names_of_theme,
    true_relevance,
)
from journeys_assets.synthetic.themes import THEMES

TRUTH = {
    "truth_keywords": pl.DataFrame(
        [("u", word, "wedding") for word in "abcd"] + [("u", word, "kitchen") for word in "kl"] + [("u", "x", None)],
        schema={"user_id": pl.String, "normalised_keyword": pl.String, "theme": pl.String},
        orient="row",
    ),
    "truth_journeys": pl.DataFrame(
        [
            ("u", "wedding", "situational", date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 12), date(2026, 3, 20)),
            ("u", "kitchen", "evergreen", None, None, None, None),
        ],
        schema={
            "user_id": pl.String, "theme": pl.String, "kind": pl.String, "begun_on": pl.Date, "paused_on": pl.Date,
            "resumed_on": pl.Date, "ended_on": pl.Date,
        },
        orient="row",
    ),
}  # fmt: skip


def truth_of(keywords: str, day: date) -> tuple[float, str]:
    items = pl.DataFrame({"row_key": ["r"], "user_id": ["u"], "as_of_date": [day], "keywords": [list(keywords)]})
    return true_relevance(items, TRUTH).select("relevance_true", "stage_true").row(0)


@pytest.mark.parametrize(
    ("keywords", "day", "expected"),
    [
        ("abcd", date(2026, 3, 5), (4.88, "ongoing")),
        ("abcd", date(2026, 3, 9), (3.08, "ended")),  # in its pause
        ("abcd", date(2026, 3, 15), (4.88, "ongoing")),
        ("abcd", date(2026, 3, 25), (3.08, "ended")),
        ("kl", date(2030, 1, 1), (4.64, "ongoing")),
        ("abkl", date(2026, 3, 5), (2.1, "ongoing")),  # two themes mixed
        ("axyz", date(2026, 3, 5), (1.3, "ended")),  # mostly noise
        ("xyz", date(2026, 3, 5), (1.3, "ended")),
    ],
)
def test_pure_current_journeys_are_more_relevant_than_mixtures_and_noise(
    keywords: str, day: date, expected: tuple[float, str]
) -> None:
    relevance, stage = truth_of(keywords, day)
    assert (relevance, stage) == (pytest.approx(expected[0]), expected[1])


def test_annotators_differ_from_each_other_and_are_deterministic() -> None:
    items = pl.DataFrame(
        {"row_key": [f"r{i}" for i in range(400)], "relevance_true": [3.0] * 400, "stage_true": ["ongoing"] * 400}
    )
    strict, lenient = judge(items, "ann", seed=1), judge(items, "chi", seed=1)
    assert strict.equals(judge(items, "ann", seed=1))
    assert not strict.equals(judge(items, "ann", seed=2))
    alone = judge(items.tail(3), "ann", seed=1)
    assert alone.equals(strict.tail(3)), "the judgement of a row does not depend on other rows"
    assert strict["relevance"].mean() == pytest.approx(2.6, abs=0.1)
    assert lenient["relevance"].mean() == pytest.approx(3.4, abs=0.1)
    assert (strict["stage"] == "ended").mean() == pytest.approx(0.08, abs=0.05)
    with pytest.raises(ValueError, match="unknown annotator 'zoe'; known: ann, ben, chi"):
        judge(items, "zoe", seed=1)


def test_annotators_rename_journeys_with_a_bad_name_and_accept_good_names() -> None:
    theme = THEMES[0]
    wanted = {normalise(name) for name in names_of_theme(theme.name)}

    def named(shown: str, theme_name: str | None = theme.name) -> pl.Series:
        items = pl.DataFrame(
            {"row_key": [f"r{i}" for i in range(600)], "theme": [theme_name] * 600, "shown": [shown] * 600},
            schema_overrides={"theme": pl.String},
        )
        return better_names(items, "ann", seed=1)

    blind = named("")
    assert {normalise(name) for name in blind.drop_nulls()} == wanted
    assert abs(blind.null_count() / 600 - ACCEPTED_BAD_NAME_SHARE) < 0.06
    assert blind.equals(named(""))
    assert normalise(theme.name) not in {normalise(name) for name in named(theme.name).drop_nulls()}
    assert named("", None).null_count() == 600, "annotators give no name to a false journey"
