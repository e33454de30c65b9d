"""Logs on web servers: certificates, passwords, and answers that break off."""

import base64
import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from journeys_assets.storage.locations import remote
from tests.support.command_line import Journeys, runner
from tests.support.landing_files import SEARCHES, Sandbox, as_csv
from tests.support.servers import serving


class Pages(BaseHTTPRequestHandler):
    """Serves ``pages``, and keeps the requests."""

    pages: ClassVar[dict[str, bytes]] = {}
    requests: ClassVar[list[tuple[str, str]]] = []
    cut_off: ClassVar[int] = 0
    """How many of the next answers end after half of the content."""
    password: ClassVar[str | None] = None
    has_head: ClassVar[bool] = True

    def do_HEAD(self) -> None:
        self.answer(with_content=False)

    def do_GET(self) -> None:
        self.answer(with_content=True)

    def answer(self, *, with_content: bool) -> None:
        type(self).requests.append((self.command, self.path))
        content = self.pages.get(self.path)
        if not with_content and not self.has_head:
            self.send_error(403)
        elif self.password is not None and self.headers.get("Authorization") != self.password:
            self.send_error(401)
        elif content is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hash(content)}"')
            self.end_headers()
            if with_content and self.cut_off:
                type(self).cut_off -= 1
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content if with_content else b"")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> type[Pages]:
    """A handler of the test's own, with one file."""
    monkeypatch.setattr(remote, "PAUSE_S", 0)
    content = as_csv(SEARCHES).encode()
    return type("Pages", (Pages,), {"pages": {"/logs/search_events.csv": content}, "requests": []})


@pytest.fixture
def server(pages: type[Pages]) -> Iterator[str]:
    with serving(pages) as address:
        yield address


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def test_https_with_a_certificate_of_ones_own(
    pages: type[Pages], tmp_path: Path, journeys: Journeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with serving(pages, context) as address:
        url = f"{address}/logs/search_events.csv"
        refused = journeys("ingest", url, code=2).stderr
        assert url in refused
        assert "SSL_CERT_FILE" in refused
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        report = json.loads(journeys("ingest", url, "--json").stdout)
    assert [(one["file"], one["n_accepted"]) for one in report["files"]] == [(url, 3)]


def test_what_was_loaded_before_is_not_read_again_and_a_signature_is_never_kept(
    server: str, pages: type[Pages], journeys: Journeys, tmp_path: Path
) -> None:
    pages.pages["/logs/search_events.csv?signature=secret"] = pages.pages["/logs/search_events.csv"]
    url = f"{server}/logs/search_events.csv?signature=secret"
    first = journeys("ingest", url, "--json")
    assert [method for method, _ in pages.requests] == ["GET", "HEAD"]
    again = json.loads(journeys("ingest", url, "--json").stdout)
    assert [method for method, _ in pages.requests[2:]] == ["HEAD"]
    assert again["n_files_skipped_as_known"] == 1
    home = Sandbox(tmp_path / "home")
    kept = [first.output, first.stderr, str(home.table("copied_objects").rows()), str(home.contents())]
    assert "secret" not in "".join(kept)
    assert f"{server}/logs/search_events.csv?sha256=" in kept[2]


def test_a_server_without_head_is_read_each_time(server: str, pages: type[Pages], journeys: Journeys) -> None:
    pages.has_head = False
    for _ in range(2):
        journeys("ingest", f"{server}/logs/search_events.csv")
    assert [method for method, _ in pages.requests].count("GET") == 2


def test_an_answer_that_breaks_off_is_asked_for_again(server: str, pages: type[Pages], journeys: Journeys) -> None:
    pages.cut_off = 1
    report = json.loads(journeys("ingest", f"{server}/logs/search_events.csv", "--json").stdout)
    assert report["files"][0]["n_accepted"] == 3


def test_an_answer_that_always_breaks_off_is_an_error_and_loads_nothing(
    server: str, pages: type[Pages], journeys: Journeys, tmp_path: Path
) -> None:
    pages.cut_off = 99
    url = f"{server}/logs/search_events.csv"
    said = journeys("ingest", url, code=2).stderr
    size = len(pages.pages["/logs/search_events.csv"])
    assert f"{url} cannot be read whole: {size // 2} of {size} bytes arrived" in said
    assert (
        not (tmp_path / "home" / "warehouse.duckdb").exists()
        or not Sandbox(tmp_path / "home").contents()["search_events"]
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/logs/none.csv", "404 Not Found; check the address"),
        ("/logs/", "names no file; a web server lists no files"),
        ("", "names no file"),
    ],
)
def test_what_is_not_there_is_an_error_with_the_cure(server: str, journeys: Journeys, path: str, message: str) -> None:
    said = journeys("ingest", f"{server}{path}", code=2).stderr
    assert f"{server}{path}" in said
    assert message in said


def test_user_and_password_come_from_netrc(
    server: str, pages: type[Pages], journeys: Journeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.password = "Basic " + base64.b64encode(b"reader:secret").decode()
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "~/.netrc" in journeys("ingest", f"{server}/logs/search_events.csv", code=2).stderr
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    journeys("ingest", f"{server}/logs/search_events.csv")
