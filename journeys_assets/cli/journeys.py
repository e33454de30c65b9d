"""`journeys show`, `journeys cluster` and `journeys export`."""

from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.calibration import live_params
from journeys_assets.cli.context import AsJson, Session, day_option, day_run, open_session, out
from journeys_assets.cli.errors import CommandError


def show(
    user: Annotated[str, typer.Argument(help="A user_id.")],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what makes up the score of each journey.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a user's journeys: name, kind, stage, confidence, keywords, evidence."""
    show_journeys(open_session(), user, as_of, explain=explain, as_json=as_json)


def cluster(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Parquet, CSV or JSON lines: user_id, keyword[, weight, first_engaged_at, last_engaged_at].",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The same rows with journey_id, area_id and journey_name. Ends in .parquet, .csv or .jsonl.",
        ),
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="PAIRS", help="Judged pairs of the same users, from `journeys pairs IN PAIRS`."),
    ] = None,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Find from the file how broad its journeys are, or use the deployment's threshold.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Cluster your own keywords with the production code and parameters, for instance to test it on your labels.

    How broad the journeys are follows from the file (20 users or more), and from judged pairs if you have some. OUT
    has every row of IN, in the same order, with all of its columns. Values are checked as those of landing files
    are: a row with a value that is not allowed has no journey_id in OUT. Such rows are printed with line and reason,
    and the exit code is 1.
    """
    from journeys_assets.cli.render import clustering as render_clustering
    from journeys_assets.operations.label_keywords import cluster_file
    from journeys_assets.operations.sheet_pages import SALT_FILE

    session = open_session()
    done = cluster_file(
        source,
        target,
        session.deployment.embedder,
        live_params(session),
        session.deployment.releases("naming"),
        now=datetime.now(UTC).replace(tzinfo=None),
        progress=partial(session.deployment.progress, "embedding"),
        salt_file=session.settings.home / SALT_FILE,
        pairs=pairs,
        calibrated=calibrated,
    )
    if as_json:
        out.json(render_clustering.clustering_record(done))
    else:
        out.print(render_clustering.show_clustering(done), soft_wrap=True)
    if done.refused.height:
        raise typer.Exit(1)


def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write user_journeys.parquet and notification_candidates.parquet to.")
    ],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the output of one day as Parquet files. Personal data in keywords is masked."""
    from journeys_assets.domain.keywords.personal import masked_series
    from journeys_assets.storage.outside import note_outside
    from journeys_assets.storage.queries import tables

    session = open_session()
    day = day_run(session, as_of)
    folder.mkdir(parents=True, exist_ok=True)
    note_outside(session.settings.home, folder)
    written = []
    for table in ("user_journeys", "notification_candidates"):
        with session.warehouse.reading() as con:
            rows = tables.partition(con, table, day)
        if "keywords" in rows.columns:
            rows = rows.with_columns(masked_series(rows["keywords"]))
        file = folder / f"{table}.parquet"
        rows.write_parquet(file)
        written.append({"table": table, "n_rows": rows.height, "file": file})
        if not as_json:
            out.write_line(f"{rows.height:,} rows → {file}")
    if as_json:
        out.json({"day": day, "files": written})


def show_journeys(session: Session, user: str, as_of: date | None, *, explain: bool, as_json: bool) -> None:
    from journeys_assets.cli.render import journeys as render_journeys
    from journeys_assets.domain.landing.ids import clean_id
    from journeys_assets.operations.evidence import WEEKS_SHOWN, score_parts
    from journeys_assets.storage.queries import related as related_queries
    from journeys_assets.storage.queries import users as user_queries
    from journeys_assets.storage.queries.identities import current_owner

    day, user = day_run(session, as_of), clean_id(user)
    with session.warehouse.reading() as con:
        user = current_owner(con, user, day)
        journeys = user_queries.journeys_of_user(con, user, day)
        evidence = user_queries.evidence_of_user(con, user, day, WEEKS_SHOWN * 7)
        known = user_queries.user_is_known(con, user)
        features = user_queries.features_of_user(con, user, day)
        related = related_queries.related_of_user(con, user, day)
    if not known:
        raise CommandError(f"user {user!r} is in none of the ingested logs")
    records = render_journeys.journey_records(journeys, evidence, day, session.params.actions)
    if explain:
        parts = score_parts(journeys, features, session.deployment.releases("ranker"), session.params.ranking)
        render_journeys.add_explanations(records, parts)
    if as_json:
        out.json({"user_id": user, "as_of": day, "journeys": records, "related": related.to_dicts()})
    else:
        out.print(render_journeys.show_user(user, day, records, related, session.params.actions))
