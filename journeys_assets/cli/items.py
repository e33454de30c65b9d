"""`journeys items`."""

from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, day_option, day_run, open_session, out
from journeys_assets.cli.errors import CommandError


def show_items(
    user: Annotated[str, typer.Option("--user", metavar="U", help="A user_id.")],
    journey: Annotated[
        str | None, typer.Option("--journey", metavar="J", help="A journey_id of the user. Default: every journey.")
    ] = None,
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the items that were found for the ongoing journeys of a user."""
    from journeys_assets.cli.render.tables import table_of
    from journeys_assets.domain.landing.ids import clean_id
    from journeys_assets.storage.queries import items as queries
    from journeys_assets.storage.queries import users as user_queries
    from journeys_assets.storage.queries.identities import current_owner

    session = open_session()
    day, user = day_run(session, as_of), clean_id(user)
    with session.warehouse.reading() as con:
        user = current_owner(con, user, day)
        known = user_queries.user_is_known(con, user)
        journeys = user_queries.journeys_of_user(con, user, day)
        rows = queries.items_of_user(con, user, day, journey)
    if not known:
        raise CommandError(f"user {user!r} is in none of the ingested logs")
    if journey is not None and journey not in journeys["journey_id"]:
        raise CommandError(f"user {user!r} has no journey {journey!r} on {day}; `journeys show {user}` lists them")
    if as_json:
        out.json({"user_id": user, "as_of": day, "items": rows.to_dicts()})
        return
    columns = ("journey_name", "place", "item_id", "title", "score", "found_by")
    shown = [
        (name if place == 1 else "", place, item, title or "", f"{score:.3f}", found_by.replace("+", ", "))
        for name, place, item, title, score, found_by in rows.select(columns).iter_rows()
    ]
    out.print(table_of(f"Items for {user}, as of {day}", shown, "journey", "", "item", "title", "score", "found by"))
