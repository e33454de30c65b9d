"""What an ingest call says of events that no format reads."""

from rich.console import Console

from journeys_assets.cli.render.ingest import show_ingest
from journeys_assets.storage.ingest.report import IngestReport


def test_events_that_say_who_wants_no_messages_are_named() -> None:
    skipped = "skipped: no rule for the event"
    events = {("Email Unsubscribed", skipped): 3, ("Opted Out", skipped): 1, ("Products Searched", "search_events"): 7}
    console = Console(width=300)
    with console.capture() as capture:
        console.print(show_ingest(IngestReport(1, (), None, 0, events=events)))
    (warning,) = [line for line in capture.get().splitlines() if line.startswith("warning")]
    assert "are not read: Email Unsubscribed (3), Opted Out (1). Load who unsubscribed" in warning
