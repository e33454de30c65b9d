"""Promise 13: what policy forbids to notify is never notified, and what it blocks leaves in no output."""

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.models.embedding.choose import packaged_embedder
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.safety.judge import SafetyJudge
from journeys_assets.pipeline.safety import vectors_for
from journeys_assets.settings import Settings, load_settings
from tests.sandbox import Sandbox

DAY = date(2026, 3, 10)
JOURNEYS = {
    "garden": ("raised garden beds", "vegetable garden layout", "garden compost bin", "small garden paths"),
    "debt": ("pay off credit card debt", "debt consolidation loan", "debt collector letter", "get out of debt plan"),
    "hate": ("white power forum", "white power symbols", "white power music", "white power flag"),
}
CONSENT = {"push_opt_in": True, "email_opt_in": True}
SAID = {"ann": None, "bea": True, "cy": False}


def log() -> dict[str, pl.DataFrame]:
    searches = [
        (user, query, datetime(2026, 3, 8 + n % 3, 10))
        for user in SAID
        for queries in JOURNEYS.values()
        for n, query in enumerate(queries * 2)
    ]
    users = [(user, *CONSENT.values(), said) for user, said in SAID.items()]
    return {
        "search_events": pl.DataFrame(searches, schema=["user_id", "query", "searched_at"], orient="row").unique(),
        "users": pl.DataFrame(
            users,
            schema={
                "user_id": pl.String, **dict.fromkeys(CONSENT, pl.Boolean), "sensitive_opt_in": pl.Boolean
            },
            orient="row",
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = Sandbox(tmp_path_factory.mktemp("safety"))
    # Every user is in the arm of journeys, and every journey is sure enough to be sent.
    made.home.joinpath("journeys.toml").write_text(
        "[algorithm.notifications]\njourney_arm_share = 1.0\ninterest_arm_share = 0.0\nmin_confidence = 0.0\n"
        "journey_cool_down_days = 0\nweekly_cap_per_user = 7\n"
    )
    made.land(log())
    made.run(date(2026, 3, 8), DAY)
    return made


def themes(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the theme that their keywords are of."""
    theme_of = {query: theme for theme, queries in JOURNEYS.items() for query in queries}
    return rows.with_columns(theme=pl.col("keywords").list.first().replace_strict(theme_of, return_dtype=pl.String))


def test_the_log_has_the_journeys_that_it_should(world: Sandbox) -> None:
    rows = themes(world.table("journey_names").filter(partition_date=DAY))
    assert rows.group_by("user_id").agg(pl.col("theme").unique().sort())["theme"].to_list() == [sorted(JOURNEYS)] * 3


def test_policy_and_choice_decide_what_is_shown(world: Sandbox) -> None:
    rows = themes(world.table("user_journeys").filter(partition_date=DAY))
    shown = {user: set(themes) for user, themes in rows.group_by("user_id").agg("theme").iter_rows()}
    assert shown == {"ann": {"garden", "debt"}, "bea": {"garden", "debt"}, "cy": {"garden"}}
    decisions = {(u, t): d for u, t, d in rows.select("user_id", "theme", "safety_decision").iter_rows()}
    assert decisions["ann", "debt"] == "no_notify"
    assert decisions["bea", "debt"] == "allow"
    assert set(rows.filter(theme="debt")["safety_category"]) == {"money"}


def test_what_policy_forbids_is_never_sent(world: Sandbox) -> None:
    rows = themes(
        world.table("notification_candidates").join(
            world.table("user_journeys"), on=["partition_date", "user_id", "journey_id"]
        )
    )
    of_debt = rows.filter(pl.col("theme") == "debt")
    assert set(of_debt.filter(user_id="ann")["reason"]) == {"sensitive"}
    assert "sensitive" not in set(of_debt.filter(user_id="bea")["reason"])
    assert rows.filter(pl.col("decision") == "send", pl.col("safety_decision") != "allow").is_empty()
    assert rows.filter(pl.col("decision") == "send").height > 0


def test_what_is_blocked_leaves_in_no_output(world: Sandbox) -> None:
    for table in ("user_journeys", "notification_candidates", "journey_events", "related_journeys"):
        text = json.dumps(world.table(table).to_dicts(), default=str)
        assert "white power" not in text, table
    # The private tables keep the row, so nothing is lost.
    assert "hate" in set(world.table("journey_safety")["safety_category"])


def test_each_text_is_judged_once(world: Sandbox) -> None:
    before = world.table("text_safety")
    assert not before.select("text", "safety_model").is_duplicated().any()
    world.run(DAY, DAY)
    assert world.table("text_safety").equals(before)


class WithPackagedModel(Sandbox):
    """Keywords and names are embedded by the model that the judge uses."""

    @property
    def settings(self) -> Settings:
        return load_settings(home=self.home, embedder="minilm")


def test_a_stored_vector_gives_the_row_that_a_computed_one_gives(tmp_path: Path) -> None:
    made = WithPackagedModel(tmp_path)
    made.land(log())
    made.run(date(2026, 3, 8), DAY)
    rows = made.table("text_safety").sort("text").select("text", "category", "score", "decided_by")
    texts = rows["text"].to_list()
    warehouse, judge = made.deployment.warehouse, SafetyJudge()
    known = vectors_for(judge, packaged_embedder(), warehouse)
    assert known is not None
    assert set(known(texts)) == set(texts)
    computed = SafetyJudge().verdicts(texts)
    assert judge.verdicts(texts, known).equals(computed)
    assert computed.with_columns(pl.col("category", "decided_by").cast(pl.String)).equals(rows)
    assert vectors_for(judge, HashingEmbedder(), warehouse) is None
