"""`journeys show`, `journeys cluster` and `journeys export`."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeys_assets.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from journeys_assets.deployment import Deployment

from journeys_assets.cli.context import CommandError, day_option, known_errors, last_day_run, open_deployment, out


def show(
    user: Annotated[str, typer.Argument(help="A user_id.")],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each journey ranks where it does.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show a user's journeys: name, kind, stage, confidence, keywords, evidence."""
    with known_errors():
        show_journeys(open_deployment(load_settings()), user, as_of, explain=explain, as_json=as_json)


def cluster(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Parquet: user_id, keyword[, weight, first_engaged_at, last_engaged_at]."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Parquet: the same rows with journey_id, area_id, journey_name.")
    ],
) -> None:
    """Cluster keywords of your own, with exactly the production code and parameters: to test it on your labels."""
    with known_errors():
        import polars as pl

        from journeys_assets.operations.label_keywords import cluster_labelled_keywords

        try:
            rows = pl.read_parquet(source)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CommandError(f"cannot read {source} as Parquet: {error}") from error
        try:
            clustered = cluster_labelled_keywords(rows, open_deployment(load_settings()))
        except ValueError as error:
            raise CommandError(f"{source}: {error}") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        clustered.write_parquet(target)
        n_journeys = clustered.select(pl.struct("user_id", "journey_id").n_unique()).item()
        out.print(f"{clustered.height:,} rows in {n_journeys:,} journeys → {target}")


def export(
    folder: Annotated[Path, typer.Argument(help="Gets user_journeys.parquet and notification_candidates.parquet.")],
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
) -> None:
    """Write the output of one day as Parquet files."""
    with known_errors():
        from journeys_assets.storage.queries import tables

        deployment = open_deployment(load_settings())
        last_day = last_day_run(deployment)
        day = as_of or last_day
        folder.mkdir(parents=True, exist_ok=True)
        for table in ("user_journeys", "notification_candidates"):
            with deployment.warehouse.reading() as con:
                rows = tables.partition(con, table, day)
            if rows.is_empty() and table == "user_journeys":
                raise CommandError(f"no journeys on {day}; days that were run: `journeys doctor`")
            rows.write_parquet(folder / f"{table}.parquet")
            out.print(f"{rows.height:,} rows → {folder / table}.parquet")


def show_journeys(deployment: "Deployment", user: str, as_of: date | None, *, explain: bool, as_json: bool) -> None:
    from journeys_assets.cli.render import journeys as render_journeys
    from journeys_assets.storage.queries import users as user_queries

    last_day = last_day_run(deployment)
    day = as_of or last_day
    with deployment.warehouse.reading() as con:
        journeys = user_queries.journeys_of_user(con, user, day)
        evidence = user_queries.evidence_of_user(con, user, day, render_journeys.WEEKS_SHOWN * 7)
        known = user_queries.user_is_known(con, user)
        features = user_queries.features_of_user(con, user, day)
    if not known:
        raise CommandError(f"user {user!r} is in no log that was ingested")
    records = render_journeys.journey_records(journeys, evidence, day, deployment.algorithm.actions)
    if explain:
        render_journeys.add_explanations(records, _explained(deployment, journeys, features))
    if as_json:
        print(json.dumps({"user_id": user, "as_of": str(day), "journeys": records}, ensure_ascii=False, indent=2))
    else:
        out.print(render_journeys.show_user(user, day, records, deployment.algorithm.actions))


def _explained(deployment: "Deployment", journeys: "pl.DataFrame", features: "pl.DataFrame") -> "pl.DataFrame":
    """What each part of the evidence adds to each score, by the release that made it."""
    import polars as pl

    from journeys_assets.domain.ranking.prior import PRIOR
    from journeys_assets.models.ranker.explanation import PARTS_SCHEMA, explain
    from journeys_assets.models.ranker.release import load

    parts = [PARTS_SCHEMA.to_frame()]
    for version in journeys["scored_by"].unique(maintain_order=True):
        release = None if version == PRIOR else load(deployment.releases_path / version)
        scored = features.join(journeys.filter(pl.col("scored_by") == version), on="journey_id", how="semi")
        parts.append(explain(scored, release, deployment.algorithm.ranking))
    return pl.concat(parts)
