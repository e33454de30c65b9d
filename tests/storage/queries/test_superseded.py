"""Superseded inferences: what is deleted changes nothing that is read as of a day that is kept."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, INFERENCE_LEDGER, JOURNEY_CLUSTERS, OPENED_DAYS
from journeys_assets.domain.tables.table import Column, Table
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries.superseded import delete_superseded, kept_from
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

FIRST = date(2026, 3, 2)
N_DAYS = 9
DAYS = [FIRST + timedelta(days=n) for n in range(N_DAYS)]
USERS = ("ann", "bea", "cem")
DAY = Column("partition_date", pl.Date(), "The day.")
USER_JOURNEYS = Table("user_journeys", "The days whose journeys are kept.", ("partition_date",), (DAY,))
KEYWORDS = Table(
    "keyword_table",
    "The days on which users were active.",
    ("partition_date", "user_id"),
    (DAY, Column("user_id", pl.String(), "The user.")),
)


def a_warehouse(
    path: Path, inferences: Sequence[tuple[str, int, int]], kept: Sequence[int], opened: Sequence[int], last: int
) -> Warehouse:
    """A warehouse with ``inferences`` (user, number of the day, number of the last active day) of one cluster each."""
    warehouse = Warehouse(path)
    warehouse.ensure(
        JOURNEY_CLUSTERS, INFERENCE_LEDGER, CLOSED_DAYS, OPENED_DAYS, USER_JOURNEYS, KEYWORDS, *IDENTITY_TABLES.values()
    )
    schema = {"user_id": pl.String, "day": pl.Int64, "ended": pl.Int64}
    rows = pl.DataFrame(inferences, schema=schema, orient="row").select(
        "user_id",
        partition_date=pl.lit(FIRST) + pl.duration(days="day"),
        window_end_date=pl.lit(FIRST) + pl.duration(days="ended"),
        keywords=pl.concat_list("user_id", pl.col("day").cast(pl.String)),
    )
    with warehouse.writing() as con:
        con.register("rows", rows.to_arrow())
        con.execute(
            "INSERT INTO main.inference_ledger BY NAME SELECT * EXCLUDE (keywords), 'v' AS algorithm_version FROM rows"
        )
        con.execute("INSERT INTO main.journey_clusters BY NAME SELECT *, true AS is_journey FROM rows")
        con.execute(
            "INSERT INTO main.keyword_table BY NAME SELECT user_id, window_end_date AS partition_date FROM rows"
        )
        for table, days in (("user_journeys", kept), ("opened_days", opened), ("closed_days", [last])):
            for n in days:
                con.execute(f"INSERT INTO main.{table} (partition_date) VALUES ($1)", [DAYS[n]])
    return warehouse


def read_as_of(warehouse: Warehouse, days: Sequence[date], horizon_days: int) -> list[pl.DataFrame]:
    """What is read of the inferences as of ``days``, whoever asks: states, keywords, users to cluster anew."""
    params = KeywordParams(horizon_days=horizon_days)
    found = []
    with warehouse.reading() as con:
        for day in days:
            states = inference.live_states(con, day, horizon_days)
            found += [
                states,
                inference.journeys_in(con, states, ("user_id", "partition_date", "keywords")),
                inference.clustered_keywords(con, day, 2),
                inference.users_to_cluster(
                    con, day, params, "v", since=date.min, full=False, first=day, pending=INFERENCE_LEDGER.empty()
                ),
            ]
    return found


inferences = st.lists(
    st.tuples(st.sampled_from(USERS), st.integers(0, N_DAYS - 1), st.integers(0, 4)), max_size=20
).map(lambda found: sorted({(user, day): (user, day, max(0, day - ago)) for user, day, ago in found}.values()))


@example(found=[("ann", 2, 2), ("ann", 3, 2)], first_kept=3, opened=3, trailing_days=0, training_days=0, horizon_days=9)
@settings(max_examples=15, deadline=None)
@given(
    found=inferences,
    first_kept=st.integers(0, N_DAYS - 1),
    opened=st.integers(0, N_DAYS - 1),
    trailing_days=st.integers(0, 4),
    training_days=st.integers(0, 8),
    horizon_days=st.integers(1, N_DAYS),
)
def test_what_is_read_as_of_a_kept_day_stays_and_nothing_more_is_kept(
    found: list[tuple[str, int, int]],
    first_kept: int,
    opened: int,
    trailing_days: int,
    training_days: int,
    horizon_days: int,
) -> None:
    # Checked that this fails with the inferences of the first kept day itself counted as those before it, and with
    # every inference before it deleted.
    last = N_DAYS - 1
    read_from = min(min(first_kept, opened) - trailing_days, last - training_days)
    as_of = [day for n, day in enumerate(DAYS) if n >= read_from]
    with TemporaryDirectory() as folder:
        warehouse = a_warehouse(Path(folder) / "w.duckdb", found, range(first_kept, N_DAYS), [opened], last)
        before = read_as_of(warehouse, as_of, horizon_days)
        n_deleted = delete_superseded(
            warehouse, trailing_days=trailing_days, training_days=training_days, least_share=0
        )
        for was, now in zip(before, read_as_of(warehouse, as_of, horizon_days), strict=True):
            assert_frame_equal(was, now)
        left = warehouse.query("SELECT user_id, partition_date FROM main.inference_ledger ORDER BY ALL")
        clusters = warehouse.query("SELECT user_id, partition_date FROM main.journey_clusters ORDER BY ALL")
        with warehouse.reading() as con:
            first = kept_from(con)
    assert_frame_equal(left, clusters)
    assert left.height + n_deleted == len(found)
    begin = FIRST + timedelta(days=read_from)
    old = left.filter(pl.col("partition_date") < begin)
    assert old["user_id"].n_unique() == old.height  # one each, the latest before the days that are read
    assert left["user_id"].n_unique() == len({user for user, *_ in found})
    assert first == (begin if n_deleted else date.min)


def test_the_day_from_which_on_inferences_are_kept_outlives_new_columns(tmp_path: Path) -> None:
    warehouse = a_warehouse(tmp_path / "w.duckdb", [("ann", 0, 0), ("ann", 1, 1)], [4, 5], [5], 5)
    assert delete_superseded(warehouse, trailing_days=1, training_days=0) == 1
    assert delete_superseded(warehouse, trailing_days=1, training_days=0) == 0
    with warehouse.writing() as con:
        con.execute("ALTER TABLE main.inference_ledger ADD COLUMN extra INTEGER")
    with warehouse.reading() as con:
        assert kept_from(con) == DAYS[3]


def test_nothing_is_superseded_before_a_day_is_kept(tmp_path: Path) -> None:
    warehouse = a_warehouse(tmp_path / "w.duckdb", [("ann", 0, 0), ("ann", 1, 1)], [], [], 5)
    with warehouse.writing() as con:
        con.execute("DELETE FROM main.closed_days")
    assert delete_superseded(warehouse, trailing_days=0, training_days=0) == 0


def test_a_few_are_left_until_there_are_more(tmp_path: Path) -> None:
    found = [("ann", 0, 0), ("ann", 1, 1), *(("bea", n, n) for n in range(2, 8))]
    warehouse = a_warehouse(tmp_path / "w.duckdb", found, range(4, 8), [7], 7)
    days = {"trailing_days": 1, "training_days": 0}
    assert delete_superseded(warehouse, **days, least_share=0.2) == 0
    with warehouse.reading() as con:
        assert kept_from(con) == date.min
    assert delete_superseded(warehouse, **days, least_share=0.1) == 1
