"""`journeys expand` and `journeys related`."""

import uuid
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeys_assets.cli.context import (
    AsJson,
    Session,
    day_learnt_up_to,
    day_option,
    day_run,
    open_session,
    out,
    relative,
)
from journeys_assets.cli.errors import CommandError

if TYPE_CHECKING:
    from journeys_assets.operations.expand import ExpansionReport


def expand(
    as_of: Annotated[
        date | None, day_option("Use journeys up to this day. Default: the last day that was run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find related journeys for every name that several users share, and release them from the day after on.

    Topics that the same users pursue give next steps and complements; similar names give siblings and broader journeys.
    If it is interrupted, call it again: it goes on where it stopped. A daily run never expands.
    """
    session = open_session()
    made = expand_journeys(session, day_learnt_up_to(session, as_of))
    if as_json:
        record = {"version": made.version, "folder": made.folder, "live_from": made.live_from, "counts": made.counts}
        out.json(record | {"ranking": made.ranking, "was_there": made.was_there, "deleted": made.deleted})
    else:
        print_expansion(made)


def expand_journeys(session: Session, as_of: date) -> "ExpansionReport":
    from journeys_assets.operations.expand import expand_deployment

    return expand_deployment(session.deployment, as_of, uuid.uuid4().hex)


def print_expansion(made: "ExpansionReport") -> None:
    counted = ", ".join(f"{value:,} {name}" for name, value in made.counts.items())
    out.write_line(f"{'There already' if made.was_there else 'Released'}: {relative(made.folder)}; {counted}")
    out.write_line(f"Live from {made.live_from}. {made.ranking}")


def show_related(
    name: Annotated[str | None, typer.Argument(help="Name of a journey, in any spelling.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="Show what this user may start next.")] = None,
    as_of: Annotated[date | None, day_option("With --user. Default: the last day that was run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the related journeys of a name, or of a user."""
    if (name is None) == (user is None):
        raise CommandError('give either a NAME or --user U: `journeys related "wedding"`, `journeys related --user u1`')
    session = open_session()
    if user is not None:
        _show_user(session, user, as_of, as_json=as_json)
    elif name is not None:
        _show_name(session, name, as_json=as_json)


def _show_name(session: Session, name: str, *, as_json: bool) -> None:
    from journeys_assets.cli.render.tables import table_of
    from journeys_assets.domain.keywords.text import normalise
    from journeys_assets.domain.related.reading import related_to

    store, key = session.deployment.related_store(), normalise(name)
    version = store.current()
    if version is None:
        raise CommandError("nothing has been expanded yet; call `journeys expand`")
    if not key:
        raise CommandError(f"{name!r} has no letter or digit, so it is no name of a journey")
    found = related_to(
        [key],
        partial(store.get_many, version=version),
        lambda few: session.deployment.embedder().embed(few),
        session.params.related,
    )[key]
    if as_json:
        out.json({"name": key, "is_stored": found.is_stored, "topics": found.topics, "related": found.related})
        return
    by = "" if found.is_stored else f", by {', '.join(found.topics) or 'no similar name'}"
    rows = [
        (one["name"], one["relation"].replace("_", " "), f"{one['strength']:.2f}", _evidence(one), one["made_by"])
        for one in found.related
    ]
    out.print(table_of(f"Related to {key}{by}", rows, "name", "relation", "strength", "evidence", "made by"))


def _show_user(session: Session, user: str, as_of: date | None, *, as_json: bool) -> None:
    from journeys_assets.cli.render.tables import table_of
    from journeys_assets.domain.landing.ids import clean_id
    from journeys_assets.storage.queries import related as queries
    from journeys_assets.storage.queries import users as user_queries
    from journeys_assets.storage.queries.identities import current_owner

    day, user = day_run(session, as_of), clean_id(user)
    with session.warehouse.reading() as con:
        user = current_owner(con, user, day)
        known = user_queries.user_is_known(con, user)
        rows = queries.related_of_user(con, user, day)
    if not known:
        raise CommandError(f"user {user!r} is in none of the ingested logs")
    if as_json:
        out.json({"user_id": user, "as_of": day, "related": rows.to_dicts()})
        return
    columns = ("rank", "related_name", "relation", "from_journey_name", "score", "made_by")
    shown = [(*row[:3], row[3] or "", f"{row[4]:.3f}", row[5]) for row in rows.select(columns).iter_rows()]
    out.print(
        table_of(f"User {user} may start next, as of {day}", shown, "", "name", "relation", "from", "score", "made by")
    )


def _evidence(one: Mapping[str, Any]) -> str:
    said = []
    if "lift" in one:
        said.append(f"{one['lift']:.1f} x as often as by chance")
    if "share_after" in one:
        said.append(f"{one['share_after']:.0%} start it later")
    if "lag_days" in one:
        said.append(f"after {one['lag_days']:.0f} days")
    return ", ".join(said)
