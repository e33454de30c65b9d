"""The whole pipeline with a language model over HTTP: a real small one, one that dies in mid-run, a small budget."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.sandbox import Sandbox
from tests.support.serving import Serving, free_port
from tests.support.tiny_server import MODEL, TinyServer

pytestmark = pytest.mark.slow
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 3)
N_USERS = 6
WORDS = ("garden", "guitar", "wedding", "kitchen", "running", "pottery")


def searches(n_users: int = N_USERS) -> pl.DataFrame:
    rows = [
        (f"u{user}", f"{WORDS[(user + theme) % 6]} {detail}", datetime.combine(day, datetime.min.time()))
        for user in range(n_users)
        for theme in range(2)
        for n, detail in enumerate(("plans", "ideas", "for beginners", "shop"))
        for day in (FIRST + timedelta(days=n % 3),)
    ]
    schema = {"user_id": pl.String, "query": pl.String, "searched_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def world(home: Path, *, n_users: int = N_USERS, **llm: object) -> Sandbox:
    home.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in llm.items()]
    (home / "journeys.toml").write_text("\n".join(["[llm]", *lines, ""]))
    made = Sandbox(home)
    made.land({"search_events": searches(n_users)})
    return made


def ledger(of: Sandbox) -> Mapping[str, Any]:
    return of.table("llm_ledger").select(pl.col(pl.Int64).sum(), "failures").row(0, named=True)


class Naming:
    """An endpoint that names journeys by their most common word, and goes away after some answers."""

    def __init__(self, n_answers: int | None = None) -> None:
        self.n_calls = 0
        self.n_answers = n_answers
        self.app = Starlette(routes=[Route("/v1/chat/completions", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.n_calls += 1
        if self.n_answers is not None and self.n_calls > self.n_answers:
            return JSONResponse({"error": {"message": "gone"}}, status_code=500)
        data = json.loads(body["messages"][1]["content"])
        names = {}
        for key, keywords in data["journeys"].items():
            words = " ".join(keywords).split()
            names[key] = f"All about {max(words, key=words.count)}"
        message = {"role": "assistant", "content": json.dumps(names)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return JSONResponse({**answer, "usage": usage})


def named_by_model(of: Sandbox) -> pl.DataFrame:
    return of.table("journey_names").filter(pl.col("named_by") != "parameters")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Every day run at once, with an endpoint that answers everything."""
    with Serving(Naming().app) as server:
        home = tmp_path_factory.mktemp("whole")
        made = world(home, model="m", base_url=server.url, max_concurrency=1, max_retries=0)
        made.run(FIRST, LAST)
    return made


def test_a_real_model_over_http_costs_no_row(whole: Sandbox, tmp_path: Path) -> None:
    with TinyServer() as server:
        made = world(tmp_path / "tiny", n_users=2, model=MODEL, base_url=server.url)
        made.run(LAST, LAST)
    of_last = whole.table("journey_names").filter(pl.col("user_id").is_in(["u0", "u1"]), partition_date=LAST)
    assert made.table("journey_names").height == of_last.height
    counts = ledger(made)
    assert counts["n_calls"] >= counts["n_questions"] > 0
    assert counts["input_tokens"] > 0
    assert set(made.table("suggested_names")["verdict"]) - {"accepted"}, "a random model names nothing well"


def test_an_endpoint_that_dies_costs_names_and_no_row_is_counted_and_is_asked_again_later(
    whole: Sandbox, tmp_path: Path
) -> None:
    dying = Naming(n_answers=4)
    with Serving(dying.app) as server:
        made = world(tmp_path, model="m", base_url=server.url, max_concurrency=1, max_retries=0)
        summary = made.run(FIRST, LAST)
    assert made.table("journey_names").height == whole.table("journey_names").height
    assert 0 < named_by_model(made).height < named_by_model(whole).height
    counts = ledger(made)
    assert counts["n_answered"] == 4
    assert counts["n_failed"] == counts["n_questions"] - 4 > 0
    assert (
        json.loads(counts["failures"]).keys() == {"server error"}
        or sum(json.loads(counts["failures"]).values()) == counts["n_failed"]
    )
    assert any("share_of_questions_without_an_answer" in warning for warning in summary.warnings), summary.warnings
    kept = made.table("suggested_names")
    back = Naming()
    with Serving(back.app, server.port) as _:
        made.run(LAST, LAST)
        n_calls = back.n_calls
        made.run(LAST, LAST)
    assert n_calls == back.n_calls > 0, "the second run was answered from the cache"
    assert n_calls <= N_USERS
    assert (
        made.table("suggested_names")
        .filter(pl.col("partition_date") < LAST)
        .equals(kept.filter(pl.col("partition_date") < LAST))
    )
    assert named_by_model(made).filter(pl.col("partition_date") == LAST)["user_id"].n_unique() == N_USERS


def test_a_budget_stops_the_spending_and_not_the_run(tmp_path: Path) -> None:
    naming = Naming()
    with Serving(naming.app) as server:
        made = world(tmp_path, model="m", base_url=server.url, calls_per_run=2, calls_per_day=3)
        made.run(LAST, LAST)
        assert naming.n_calls == 2
        made.run(LAST, LAST)
        assert naming.n_calls == 3, "the day's budget was used up"
    counts = made.table("llm_ledger")
    assert counts["n_calls"].sum() == 3
    assert counts["n_unaffordable"].sum() > 0
    assert made.table("journey_names")["user_id"].n_unique() == N_USERS


def test_without_a_server_the_run_goes_through(tmp_path: Path) -> None:
    made = world(tmp_path, model="m", base_url=f"http://127.0.0.1:{free_port()}/v1", max_retries=1)
    made.run(LAST, LAST)
    assert set(made.table("journey_names")["named_by"]) == {"parameters"}
    assert ledger(made)["n_failed"] == ledger(made)["n_questions"] > 0
