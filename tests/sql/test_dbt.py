"""The folder of SQL models as a real dbt project: the same rows as through the loader.

dbt lives in an environment of its own; ``make test-dbt`` makes it and runs this file.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from journeys_assets.domain.keywords.text import normalise
from tests.support.sql_world import DAY, MODELS, SQL_FOLDER, VERSION, SqlWorld, at, search

DBT = os.environ.get("JOURNEYS_DBT", "")
pytestmark = [
    pytest.mark.skipif(not DBT, reason="no dbt: JOURNEYS_DBT is not set; `make test-dbt` installs one and sets it"),
    pytest.mark.timeout(1200),  # it may run beside all other tests, at a low priority
]

DAYS = (DAY, DAY + timedelta(days=1))
DAY_WITHOUT_EVENTS = DAY - timedelta(days=200)
MARTS = [name for name, model in MODELS.items() if model.materialized == "incremental"]
WORDS = ("Kitchen Tiles", "kitchen tiles", "Sink", "Roses", "rose garden", "台所", "Éclair", "lamp")


def fill(world: SqlWorld) -> None:
    """Logs of some weeks, and what the Python stages would have made of them."""
    chance = random.Random(7)
    for n in range(12):
        world.pin(f"p{n}", chance.sample(WORDS, 3), chance.sample(WORDS, 1))
    users = [f"user {n}" for n in range(8)]
    when = [at(DAYS[-1] - timedelta(days=d), h, m) for d in range(30) for h in (1, 13) for m in (0, 30)]
    world.add("search_events", *(search(u, chance.choice(WORDS), t) for u in users for t in chance.sample(when, 20)))
    for user in users:
        for time in chance.sample(when, 15):
            world.engage(user, f"p{chance.randrange(12)}", chance.choice(["closeup", "save", "clickthrough"]), time)
            world.put_on_board(user, chance.choice([*WORDS, None]), f"p{chance.randrange(12)}", time)
        said = {"user_id": user, "journey_id": "j0", "verdict": "finished", "given_at": chance.choice(when)}
        world.add("journey_feedback", said)
        world.add("users", {"user_id": user, "timezone": "Europe/Paris"})
        world.infer(
            user,
            DAY - timedelta(days=3),
            *(
                {
                    "journey_id": f"j{n}",
                    "keywords": [normalise(word) for word in WORDS[1 + 2 * n : 3 + 2 * n]],
                    "n_keywords": 2,
                    "first_engaged_at": at(DAY - timedelta(days=60)),
                    "last_engaged_at": at(DAY - timedelta(days=3)),
                }
                for n in range(3)
            ),
        )
        for day in DAYS:
            for n in range(3):
                own = {"partition_date": day, "user_id": user, "journey_id": f"j{n}"}
                world.add("journey_names", {**own, "journey_name": f"Journey {n}", "keywords": ["lamp"]})
                world.add(
                    "journey_safety",
                    {**own, "safety_decided_by": "none", "safety_decision": chance.choice(["allow", "allow", "block"])},
                )
                world.add("stage_evidence", {**own, "p_ended": chance.choice([None, chance.random()])})
                world.add(
                    "ranked_journeys", {**own, "rank": n + 1, "feedback": chance.choice(["finished", "more", None])}
                )


INVOKE_EACH = """
import json, sys
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
for line in sys.stdin:
    result = dbtRunner().invoke(json.loads(line))
    DuckDBConnectionManager.close_all_connections()  # the file is locked otherwise
    print("ended", json.dumps([result.success, str(result.exception)]), flush=True)
"""
"""One process for all commands: to import dbt takes longer than most of them."""


class Dbt:
    """A dbt that takes commands, one after the other, by the interface for programs that dbt documents."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path) -> None:
        self.process = process
        self.home = home

    def __call__(self, command: str, *, day: date = DAY) -> None:
        variables = yaml.safe_dump({"partition_date": str(day), "algorithm_version": VERSION}, default_flow_style=True)
        folders = ["--project-dir", str(SQL_FOLDER), "--profiles-dir", str(self.home)]
        arguments = ["--quiet", "--warn-error", command, "--vars", variables, *folders]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(arguments), file=self.process.stdin, flush=True)
        printed = ""
        for line in self.process.stdout:
            if line.startswith("ended "):
                assert json.loads(line.removeprefix("ended ")) == [True, "None"], printed
                return
            printed += line
        raise AssertionError(f"dbt ended: {printed}")


@contextmanager
def running_dbt(database: Path) -> Iterator[Dbt]:
    home = database.parent
    shutil.copy(SQL_FOLDER / "profiles.example.yml", home / "profiles.yml")
    own = {
        "JOURNEYS_DBT_DATABASE": str(database),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
    }
    with subprocess.Popen(
        [Path(DBT).with_name("python"), "-c", INVOKE_EACH],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield Dbt(process, home)
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def rows_of(con: duckdb.DuckDBPyConnection, relation: str) -> pl.DataFrame:
    return con.sql(f"SELECT * FROM main.{relation} ORDER BY ALL").pl()


def test_dbt_builds_the_same_rows(tmp_path: Path) -> None:
    world = SqlWorld(tmp_path / "ours.duckdb")
    fill(world)
    world.con.close()
    theirs_path = tmp_path / "theirs.duckdb"
    shutil.copy(tmp_path / "ours.duckdb", theirs_path)
    with duckdb.connect(str(theirs_path)) as con:
        for name in MODELS:  # dbt makes its own, from nothing
            kind = "TABLE" if name in MARTS else "VIEW"
            con.execute(f"DROP {kind} IF EXISTS main.{name}")

    world.con = duckdb.connect(str(tmp_path / "ours.duckdb"))
    for day in DAYS:
        for mart in MARTS:
            world.build(mart, day)
    with running_dbt(theirs_path) as dbt:
        dbt("run", day=DAYS[0])
        with duckdb.connect(str(theirs_path)) as con:
            for mart in MARTS:  # rows of an earlier run of the days that come next
                con.execute(f"CREATE TEMP TABLE stray AS FROM main.{mart} LIMIT 1")
                for day in (DAYS[1], DAY_WITHOUT_EVENTS):
                    con.execute("UPDATE stray SET partition_date = ?, algorithm_version = 'older'", [day])
                    con.execute(f"INSERT INTO main.{mart} FROM stray")
                con.execute("DROP TABLE stray")
        dbt("run", day=DAYS[1])  # replaces exactly that day
        dbt("build", day=DAY_WITHOUT_EVENTS)  # a day that has become empty loses its rows; and all of dbt's own tests

    with duckdb.connect(str(theirs_path), read_only=True) as theirs:
        for name, model in MODELS.items():
            if model.materialized == "ephemeral":
                continue
            ours_rows = rows_of(world.con, name)
            assert ours_rows.height > 0 or name in ("stg_notification_events", "stg_identity_aliases")
            kept = rows_of(theirs, name)
            if name == "keyword_commonness":  # the catalogue has no days: that day has its rows too
                kept = kept.filter(pl.col("partition_date").is_in(DAYS))
            assert_frame_equal(kept, ours_rows, check_exact=True)
    world.con.close()
