"""`journeys show`, `journeys cluster` and `journeys export`."""

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl


from journeys_assets.cli.context import CommandError, Session, day_option, known_errors, last_day_run, open_session, out


def show(
    user: Annotated[str, typer.Argument(help="A user_id.")],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what makes up the score of each journey.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a user's journeys: name, kind, stage, confidence, keywords, evidence."""
    with known_errors():
        show_journeys(open_session(), user, as_of, explain=explain, as_json=as_json)


def cluster(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Parquet: user_id, keyword[, weight, first_engaged_at, last_engaged_at]."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Parquet: the same rows with journey_id, area_id, journey_name.")
    ],
) -> None:
    """Cluster your own keywords with the production code and parameters, for instance to test it on your labels."""
    with known_errors():
        import polars as pl

        from journeys_assets.operations.label_keywords import cluster_labelled_keywords

        try:
            rows = pl.read_parquet(source)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CommandError(f"cannot read {source} as Parquet: {error}") from error
        try:
            session = open_session()
            clustered = cluster_labelled_keywords(
                rows,
                session.deployment.embedder(),
                session.params,
                session.deployment.releases("naming"),
                partial(session.deployment.progress, "embedding"),
            )
        except ValueError as error:
            raise CommandError(f"{source}: {error}") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        clustered.write_parquet(target)
        n_journeys = clustered.select(pl.struct("user_id", "journey_id").n_unique()).item()
        out.print(f"{clustered.height:,} rows in {n_journeys:,} journeys → {target}")


def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write user_journeys.parquet and notification_candidates.parquet to.")
    ],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
) -> None:
    """Write the output of one day as Parquet files."""
    with known_errors():
        from journeys_assets.storage.queries import tables

        session = open_session()
        last_day = last_day_run(session)
        day = as_of or last_day
        folder.mkdir(parents=True, exist_ok=True)
        for table in ("user_journeys", "notification_candidates"):
            with session.warehouse.reading() as con:
                rows = tables.partition(con, table, day)
            if rows.is_empty() and table == "user_journeys":
                raise CommandError(f"there are no journeys on {day}; `journeys doctor` lists the days that were run")
            rows.write_parquet(folder / f"{table}.parquet")
            out.print(f"{rows.height:,} rows → {folder / table}.parquet")


def show_journeys(session: Session, user: str, as_of: date | None, *, explain: bool, as_json: bool) -> None:
    from journeys_assets.cli.render import journeys as render_journeys
    from journeys_assets.storage.queries import users as user_queries

    last_day = last_day_run(session)
    day = as_of or last_day
    with session.warehouse.reading() as con:
        journeys = user_queries.journeys_of_user(con, user, day)
        evidence = user_queries.evidence_of_user(con, user, day, render_journeys.WEEKS_SHOWN * 7)
        known = user_queries.user_is_known(con, user)
        features = user_queries.features_of_user(con, user, day)
    if not known:
        raise CommandError(f"user {user!r} is in none of the ingested logs")
    records = render_journeys.journey_records(journeys, evidence, day, session.params.actions)
    if explain:
        render_journeys.add_explanations(records, _explained(session, journeys, features))
    if as_json:
        print(json.dumps({"user_id": user, "as_of": str(day), "journeys": records}, ensure_ascii=False, indent=2))
    else:
        out.print(render_journeys.show_user(user, day, records, session.params.actions))


def _explained(session: Session, journeys: "pl.DataFrame", features: "pl.DataFrame") -> "pl.DataFrame":
    """What each part of the evidence adds to each journey's score, under the release that computed the score."""
    import polars as pl

    from journeys_assets.domain.ranking.prior import PRIOR
    from journeys_assets.models.ranker.explanation import PARTS_SCHEMA, explain
    from journeys_assets.models.ranker.release import load

    parts = [PARTS_SCHEMA.to_frame()]
    for version in journeys["scored_by"].unique(maintain_order=True):
        release = None if version == PRIOR else load(session.deployment.releases("ranker") / version)
        scored = features.join(journeys.filter(pl.col("scored_by") == version), on="journey_id", how="semi")
        parts.append(explain(scored, release, session.params.ranking))
    return pl.concat(parts)
