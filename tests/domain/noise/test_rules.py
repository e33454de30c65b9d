"""Which single rows are noise."""

import polars as pl
import pytest

from journeys_assets.domain.noise.params import NoiseParams
from journeys_assets.domain.noise.rules import with_noise


def noise(
    source: str = "search_events", user: str = "u1", query: str = "garden shed", given: str | None = None
) -> object:
    row = {"user_id": [user], "query": [query], "noise": pl.Series([given], dtype=pl.String)}
    return with_noise(source, pl.DataFrame(row))["noise"][0]


@pytest.mark.parametrize("user", ["search-nightly-bot", "bot", "bot-12", "eu.crawler", "team/spider2"])
def test_an_id_that_ends_in_the_name_of_a_bot_is_a_bot(user: str) -> None:
    assert noise(user=user) == "bot"
    assert noise("pin_engagements", user=user) == "bot"


@pytest.mark.parametrize("user", ["healthcheck", "eu-west-health-check-2", "site_uptime-monitor"])
def test_an_id_of_a_monitoring_client(user: str) -> None:
    assert noise(user=user) == "monitoring"


@pytest.mark.parametrize("user", ["robot", "abbot", "talbot-7", "bot-fan", "spiderman", "b07", "crawler-lover"])
def test_an_id_that_only_contains_such_a_word_is_a_person(user: str) -> None:
    assert noise(user=user) is None


@pytest.mark.parametrize("query", ["cheap https://spam.example", "www.spam.example pills", '<a href="x">', "[url=x]"])
def test_a_search_with_a_link_is_spam(query: str) -> None:
    assert noise(query=query) == "spam"


@pytest.mark.parametrize("query", ["node.js and/or 1.5 mm", "a/b testing", "wwf", "c++ <3", "日本 庭園"])
def test_other_searches_are_no_spam(query: str) -> None:
    assert noise(query=query) is None


def test_what_the_log_says_goes_before_the_rules() -> None:
    assert noise(given="monitoring", query="https://spam.example") == "monitoring"


def test_sources_without_the_column_stay_as_they_are() -> None:
    rows = pl.DataFrame({"user_id": ["bot"]})
    assert with_noise("users", rows).columns == ["user_id"]


@pytest.mark.parametrize(("wrong", "text"), [({"left_out": ("bots",)}, "bots"), ({"max_actions_per_day": 0}, "= 0")])
def test_parameters_that_cannot_be(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        NoiseParams(**wrong)  # type: ignore[arg-type]
